// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_bench_vm_gic - What it costs a guest that its VM has read-only fields of a GICv3
 * of its own, and what that costs the guests of other VMs.
 *
 * An access to ICC_CTLR_EL1, ICC_PMR_EL1, ICC_RPR_EL1 or ICC_DIR_EL1 traps in such a VM,
 * and if it was promised a GIC without SErrors on a host with them, all of the CPU
 * interface does. QEMU has no such host: the parameter kvm-arm.debug_icc_ctlr=0xcc00
 * makes KVM take its GIC for one.
 *
 * The other VM is measured once the key of the traps is on. Its costs before that are
 * those of abi_bench_trap, which runs earlier.
 */
#include <asm/kvm_migration.h>

#include "abi/bench/guest.h"
#include "abi/bench/measure.h"
#include "abi/gic_fields.h"
#include "abi/opt_in.h"
#include "abi/vm_config.h"
#include "gic.h"

#define SGI		1

BENCH_DEFINE_LOOP(guest_read_oslsr, "mrs x0, oslsr_el1")
BENCH_DEFINE_LOOP(guest_read_ctlr, "mrs x0, icc_ctlr_el1")
BENCH_DEFINE_LOOP(guest_write_pmr, "msr icc_pmr_el1, x1")
/* Interrupts are masked: a guest that polls. It is what the handler of one does, too. */
BENCH_DEFINE_LOOP(guest_loop_sgi,
		  "msr	icc_sgi1r_el1, x1\n"
		  "	isb\n"
		  "	mrs	x0, icc_iar1_el1\n"
		  "	dsb	sy\n"
		  "	msr	icc_eoir1_el1, x0\n"
		  "	isb")
/* As Linux does with pseudo-NMIs: the mask is raised and lowered around it. */
BENCH_DEFINE_LOOP(guest_loop_sgi_pmr,
		  "msr	icc_sgi1r_el1, x1\n"
		  "	isb\n"
		  "	mrs	x0, icc_iar1_el1\n"
		  "	dsb	sy\n"
		  "	msr	icc_pmr_el1, x2\n"
		  "	msr	icc_eoir1_el1, x0\n"
		  "	isb\n"
		  "	msr	icc_pmr_el1, x3")

static void guest_set_up(void)
{
	gic_init(GIC_V3, 1);
	gic_irq_enable(SGI);
}

static void guest_sgi(struct bench_job *job)
{
	guest_set_up();
	guest_loop_sgi(job);
}

static void guest_sgi_pmr(struct bench_job *job)
{
	guest_set_up();
	guest_loop_sgi_pmr(job);
}

static const struct {
	const char *path;
	void (*loop)(struct bench_job *job);
	u64 x[4];
} rows[] = {
	{ "ICC_CTLR_EL1:read", guest_read_ctlr },
	{ "ICC_PMR_EL1:write", guest_write_pmr, { 0, 0xf0 } },
	{ "SGI", guest_sgi, { 0, SGI << 24 | 1 } },
	{ "SGI:PMR", guest_sgi_pmr, { 0, SGI << 24 | 1, 0xa0, 0xf0 } },
	{ "OSLSR_EL1:read", guest_read_oslsr },
};

enum kind { OTHER, TRAPS, NO_SEIS, NR_KINDS };

static const char * const kinds[NR_KINDS] = { "gic_other", "gic_traps", "gic_no_seis" };

static void skip(enum kind kind, const char *why)
{
	char path[64];
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(path, sizeof(path), "%s/%s", kinds[kind], rows[i].path);
		bench_skip(path, "%s", why);
	}
}

/* Returns why there is no such VM, or NULL. */
static const char *set_fields(struct bench_vm *b, enum kind kind)
{
	struct kvm_arm_vm_config_entry *e;
	struct config c, set = {};
	int ret;

	if (kind == OTHER)
		return NULL;
	c = config_get(b->vm->fd);
	e = config_find(&c, GIC_CONFIG_CTLR);
	TEST_ASSERT(e, "ICC_CTLR_EL1 is not listed");
	if (kind == NO_SEIS && !(e->value & GIC_CTLR_SEIS))
		return "the host's GIC has no SErrors";
	if (kind == NO_SEIS)
		config_add(&set, e->id, e->value & ~GIC_CTLR_SEIS);
	else
		config_add(&set, e->id, e->value | GIC_CTLR_SEIS);
	ret = config_access(b->vm->fd, KVM_ARM_VM_CONFIG_SET, 0, set.entry, 1);
	TEST_ASSERT(!ret, "SET: %s", strerror(ret));
	return NULL;
}

static void measure(enum kind kind)
{
	struct bench_vm b = bench_vm_create_in(kind == OTHER ? 0 :
					       KVM_ARM_MIGRATION_GIC_FIELDS);
	const char *why = b.has_gicv3 ? set_fields(&b, kind) : "the VM has no GICv3";
	char path[64];
	int i;

	if (why)
		skip(kind, why);
	for (i = 0; i < ARRAY_SIZE(rows) && !why; i++) {
		struct bench_guest_op g = { .vcpu = b.vcpu[0], .loop = rows[i].loop };

		memcpy(g.x, rows[i].x, sizeof(g.x));
		snprintf(path, sizeof(path), "%s/%s", kinds[kind], rows[i].path);
		bench_guest(path, BENCH_N, g);
	}
	bench_vm_free(&b);
}

static void block(void)
{
	bool offered = kvm_check_cap(KVM_CAP_ARM_MIGRATION) & KVM_ARM_MIGRATION_GIC_FIELDS;
	enum kind kind;

	/* The key is on before the first block measures anything. */
	if (offered) {
		struct kvm_vm *vm = vm_create_barebones();

		opt_in(vm, KVM_ARM_MIGRATION_GIC_FIELDS);
		kvm_vm_free(vm);
	}
	for (kind = 0; kind < NR_KINDS; kind++) {
		if (kind == OTHER || offered)
			measure(kind);
		else
			skip(kind, "VMs cannot have fields of their own here");
	}
}

int main(int argc, char *argv[])
{
	return bench_main(argc, argv, 4, block);
}
