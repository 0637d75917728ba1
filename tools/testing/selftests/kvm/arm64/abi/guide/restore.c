// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of a restored VM, in the order that does not depend on the kernel.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm.h"

/* ---- The order ---- */

/*
 * KVM_GET_REG_LIST has the firmware registers before the ID registers, on which they
 * depend: SSBS decides what WORKAROUND_2 can be. So a VMM must not write registers in
 * the order of the list. These ranks are enough for every kernel.
 */
enum { ID_REGS, CACHES, FIRMWARE, STATE, NR_RANKS };

#define SYS_REG_OP0_CRN	(KVM_REG_ARM64_SYSREG_OP0_MASK | KVM_REG_ARM64_SYSREG_CRN_MASK)

static int rank(uint64_t id)
{
	switch (id & KVM_REG_ARM_COPROC_MASK) {
	case KVM_REG_ARM64_SYSREG:
		/* op0 3, CRn 0: ID_*, MIDR, REVIDR, AIDR, CTR and CLIDR */
		return (id & SYS_REG_OP0_CRN) == 3 << KVM_REG_ARM64_SYSREG_OP0_SHIFT ?
		       ID_REGS : STATE;
	case KVM_REG_ARM_DEMUX:			/* CCSIDR, after CLIDR */
		return CACHES;
	case KVM_REG_ARM_FW:
	case KVM_REG_ARM_FW_FEAT_BMAP:
	case KVM_REG_ARM_FEATURE_LEVEL:
		return FIRMWARE;
	default:
		return STATE;
	}
}

static bool is_lengths(uint64_t id)
{
	return id == KVM_REG_ARM64_SVE_VLS;
}

/* Writes what is left of a vCPU's registers. */
static int restore_vcpu(int vcpu_fd, const struct saved_vcpu *s, const bool *done)
{
	for (int r = 0; r < NR_RANKS; r++) {
		for (uint32_t i = 0; i < s->nr; i++) {
			if (rank(s->reg[i].id) == r && !is_lengths(s->reg[i].id) &&
			    !(done && done[i]) && vmm_set_reg(vcpu_fd, &s->reg[i]))
				return -1;
		}
	}
	return ioctl(vcpu_fd, KVM_SET_MP_STATE, &s->mp_state);
}

/* ---- The configuration ---- */

struct config {
	uint32_t n;
	struct kvm_arm_vm_config_entry entry[MAX_CONFIG];
};

static int request(const struct vm *vm, uint32_t op, struct config *c)
{
	struct kvm_arm_vm_config config = {
		.op = op,
		.n = op == KVM_ARM_VM_CONFIG_GET ? MAX_CONFIG : c->n,
		.entry_size = sizeof(c->entry[0]),
		.entries = (uintptr_t)c->entry,
	};
	int ret = ioctl(vm->fd, KVM_ARM_VM_CONFIG, &config);

	c->n = config.n;
	return ret;
}

/* What the registers of the first vCPU have for the registers that there are here */
static int collect(const struct vm *vm, const struct saved *s, struct config *c,
		   bool *done)
{
	const struct saved_vcpu *v = &s->vcpu[0];
	struct config here;

	if (request(vm, KVM_ARM_VM_CONFIG_GET, &here))
		return -1;

	memset(c, 0, sizeof(*c));
	for (uint32_t i = 0; i < here.n; i++) {
		struct kvm_arm_vm_config_entry *e = &c->entry[c->n];

		e->id = here.entry[i].id;
		if (e->id == KVM_REG_ARM_CONFIG_GICD_IIDR) {
			e->value = s->gicd_iidr;
			c->n++;
			continue;
		}
		for (uint32_t j = 0; j < v->nr; j++) {
			if (v->reg[j].id != e->id)
				continue;
			e->value = v->reg[j].val;
			done[j] = true;
			c->n++;
			break;
		}
	}
	return 0;
}

#define NR_REASONS	9

static void explain(const struct config *c)
{
	static const char * const reasons[NR_REASONS] = {
		"", "no such register", "bad bits", "above the host", "frozen",
		"needs a feature", "needs a capability", "conflict", "not ready",
	};

	for (uint32_t i = 0; i < c->n; i++) {
		const struct kvm_arm_vm_config_entry *e = &c->entry[i];

		if (!e->err)
			continue;
		fprintf(stderr, "register %#llx, %#llx: %s: %s, ",
			(unsigned long long)e->id, (unsigned long long)e->value,
			strerror(-e->err),
			reasons[e->reason < NR_REASONS ? e->reason : 0]);
		fprintf(stderr, "bits %#llx; %#llx would do\n",
			(unsigned long long)e->mask, (unsigned long long)e->limit);
	}
}

/* Checks (KVM_ARM_VM_CONFIG_CHECK) or sets the configuration of a saved VM. */
static int configure(const struct vm *vm, const struct saved *s, uint32_t op, bool *done)
{
	struct config c;

	if (!collect(vm, s, &c, done) && !request(vm, op, &c))
		return 0;
	if (errno == ERANGE)
		explain(&c);
	else
		fprintf(stderr, "configuration: %s\n", strerror(errno));
	return -1;
}

/* ---- The destination ---- */

/* What the registers that are saved show, so that the other end must have it, too */
#define SHOWS	(KVM_ARM_MIGRATION_FEATURE_LEVELS | KVM_ARM_MIGRATION_CANONICAL_PMR)

static bool is_ours(const struct machine *m, const struct saved *s)
{
	return !(s->machine.opt_in & SHOWS & ~m->opt_in) &&
	       s->machine.nr_filters <= MAX_FILTERS &&
	       s->machine.imp_id_regs <= m->imp_id_regs &&
	       s->machine.gic == m->gic && s->machine.nr_vcpus == m->nr_vcpus &&
	       !memcmp(s->machine.init.features, m->init.features,
		       sizeof(m->init.features));
}

static const struct reg *lengths_of(const struct saved *s)
{
	const struct saved_vcpu *v = &s->vcpu[0];

	for (uint32_t i = 0; i < v->nr; i++) {
		if (is_lengths(v->reg[i].id))
			return &v->reg[i];
	}
	return NULL;
}

/* A VM of the machine type. If the filter was read back, it is the one that was saved. */
static int make(int kvm_fd, const struct machine *m, const struct saved *s,
		struct vm *vm)
{
	struct machine made = *m;

	if (s->machine.opt_in & KVM_ARM_MIGRATION_FILTER_LIST) {
		made.nr_filters = s->machine.nr_filters;
		memcpy(made.filter, s->machine.filter, sizeof(made.filter));
	}
	return vmm_make(kvm_fd, &made, lengths_of(s), vm);
}

static int restore_into(const struct vm *vm, const struct machine *m,
			const struct saved *s)
{
	bool as_set = m->opt_in & KVM_ARM_MIGRATION_VM_CONFIG;
	bool done[MAX_REGS] = { };
	uint32_t iidr = s->gicd_iidr;

	/* It decides how the other registers of the GIC are restored. */
	if (as_set ? configure(vm, s, KVM_ARM_VM_CONFIG_SET, done) :
		     gic_attr(vm->gic_fd, KVM_SET_DEVICE_ATTR,
			      KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IIDR, &iidr))
		return -1;

	for (uint32_t i = 0; i < m->nr_vcpus; i++) {
		uint32_t pmr = s->vcpu[i].gicc_pmr;

		/* The lists of the vCPUs are the same. */
		if (restore_vcpu(vm->vcpu_fd[i], &s->vcpu[i], as_set ? done : NULL) ||
		    gicc_pmr(vm, s->pmr_group, KVM_SET_DEVICE_ATTR, i, &pmr))
			return -1;
	}
	return 0;
}

int vmm_restore(int kvm_fd, const struct machine *m, const struct saved *s,
		struct vm *vm)
{
	if (!is_ours(m, s)) {
		fprintf(stderr, "the VM is of another machine type\n");
		return -1;
	}
	if (make(kvm_fd, m, s, vm))
		return -1;
	if (!restore_into(vm, m, s))
		return 0;
	/* The guest has not run. The source still has the VM. */
	vmm_close(vm);
	return -1;
}

/* ---- Before a migration ---- */

/* Whether this host takes a VM, which is not sent yet: ask a scratch VM. */
int vmm_check(int kvm_fd, const struct machine *m, const struct saved *s)
{
	bool done[MAX_REGS] = { };
	struct vm scratch;
	int ret;

	if (!is_ours(m, s) || make(kvm_fd, m, s, &scratch))
		return -1;
	ret = configure(&scratch, s, KVM_ARM_VM_CONFIG_CHECK, done);
	vmm_close(&scratch);
	return ret;
}
