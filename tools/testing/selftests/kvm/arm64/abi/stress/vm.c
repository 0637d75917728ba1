// SPDX-License-Identifier: GPL-2.0-only
/* VMs of the stress test */
#include <linux/psci.h>

#include "abi/flip.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/smccc_guest.h"
#include "abi/switch.h"
#include "thread.h"
#include "vm.h"

struct stress_seen stress_seen;

bool stress_get_flag(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

void stress_set_flag(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

static void stress_opt_in(struct stress_vm *v)
{
	int i, ret, value;

	for (i = 0; i < NR_OPT_INS; i++) {
		if (stress_one_in(2))
			continue;

		ret = opt_in_enable(v->vm->fd, BIT(i));
		TEST_ASSERT(!ret, "%s: %s", opt_in_names[i], strerror(ret));
		v->opted_in = opt_in_complete(v->opted_in | BIT(i));
		stress_saw(opted_in);
		value = opt_in_get(v->vm->fd);
		TEST_ASSERT(value == v->opted_in, "has %#x, not %#x", value,
			    v->opted_in);
	}
}

struct stress_vm *stress_vm_create(int nr_vcpus, u32 features)
{
	struct stress_vm *v = calloc(1, sizeof(*v));
	int i;

	v->psci_0_2 = !stress_one_in(8);
	if (v->psci_0_2)
		features |= BIT(KVM_ARM_VCPU_PSCI_0_2);

	stress_step();
	v->vm = smccc_vm_create_empty(features);
	v->nr_vcpus = nr_vcpus;
	if (kvm_has_cap(KVM_CAP_ARM_MIGRATION) && stress_one_in(2))
		stress_opt_in(v);
	stress_step();
	smccc_vm_add_vcpus(v->vm, nr_vcpus, features, v->vcpus);

	for (i = 0; i < NR_FW_REGS; i++) {
		v->held[i] = vcpu_get_reg(v->vcpus[0], fw_regs[i].id);
		TEST_ASSERT(i < FW_FIRST_BMAP ||
			    v->held[i] == fw_regs[i].initial,
			    "%s is %#lx at first", fw_regs[i].name, v->held[i]);
	}
	TEST_ASSERT_EQ(v->held[FW_PSCI_VERSION],
		       v->psci_0_2 ? FW_PSCI_LATEST : PSCI_VERSION(0, 1));

	stress_saw(vms);
	return v;
}

void stress_vm_free(struct stress_vm *v)
{
	stress_step();
	kvm_vm_free(v->vm);
	free(v);
}

struct stress_writer stress_writer(struct stress_vm *v, struct kvm_vcpu *vcpu,
				   u32 owned)
{
	bool of_vm = v->opted_in & BIT(OPT_IN_VM_REGS) && stress_one_in(2);

	return (struct stress_writer) {
		v, vcpu, of_vm ? v->vm->fd : vcpu->fd, owned,
	};
}

static void stress_expect_held(const struct stress_writer *w, int nr)
{
	u64 now = ~w->v->held[nr];
	int ret = one_reg(w->fd, one_reg_cmd(w->fd, KVM_GET_ONE_REG),
			  fw_regs[nr].id, (u64)&now);

	TEST_ASSERT(!ret && now == w->v->held[nr], "%s reads %#lx (%s), not %#lx",
		    fw_regs[nr].name, now, strerror(ret), w->v->held[nr]);
}

static u64 stress_legal_value(const struct stress_vm *v, int nr)
{
	if (nr >= FW_FIRST_BMAP)
		return stress_random(4) & fw_regs[nr].features;
	if (nr == FW_PSCI_VERSION && v->psci_0_2)
		return fw_psci_versions[stress_random(FW_NR_PSCI_VERSIONS)];
	if (nr == FW_PSCI_VERSION)
		return PSCI_VERSION(0, 1);

	/* A workaround: these values are always accepted. */
	return stress_one_in(2) ? v->held[nr] : 0;
}

bool stress_freezes(const struct stress_writer *w, int nr)
{
	if (nr == FW_PSCI_VERSION)
		return w->v->opted_in & BIT(OPT_IN_FREEZE);

	return nr >= FW_FIRST_BMAP;
}

static void stress_write_legal(struct stress_writer *w, int nr)
{
	u64 val = stress_legal_value(w->v, nr);
	bool ran = stress_get_flag(&w->v->ran), same = val == w->v->held[nr];
	int ret = one_reg(w->fd, one_reg_cmd(w->fd, KVM_SET_ONE_REG),
			  fw_regs[nr].id, (u64)&val);

	stress_saw(writes);
	if (same || !stress_freezes(w, nr)) {
		TEST_ASSERT(!ret, "%s <- %#lx: %s", fw_regs[nr].name, val,
			    strerror(ret));
	} else if (!ret) {
		TEST_ASSERT(!ran && !w->busy,
			    "%s <- %#lx is accepted by a VM that has run",
			    fw_regs[nr].name, val);
	} else {
		TEST_ASSERT(ret == EBUSY && stress_get_flag(&w->v->started),
			    "%s <- %#lx: %s", fw_regs[nr].name, val,
			    strerror(ret));
		if (!w->busy)
			stress_saw(busy);
		w->busy = true;
	}

	if (!ret && (nr >= FW_FIRST_BMAP || nr == FW_PSCI_VERSION))
		w->v->held[nr] = val;
}

static void stress_expect_error(const struct stress_writer *w,
				unsigned long cmd, u64 id, u64 addr, int want)
{
	int ret = one_reg(w->fd, one_reg_cmd(w->fd, cmd), id, addr);

	TEST_ASSERT(ret == want, "%#lx: %s, expected %s", id, strerror(ret),
		    strerror(want));
}

void stress_access(struct stress_writer *w)
{
	u64 id, bad = BIT(63);
	int nr;

	do {
		nr = stress_random(NR_FW_REGS);
	} while (!(w->owned & BIT(nr)));
	id = fw_regs[nr].id;

	stress_step();
	switch (stress_random(8)) {
	case 0:
		stress_expect_error(w, KVM_SET_ONE_REG, id, (u64)&bad, EINVAL);
		break;
	case 1:
		stress_expect_error(w, KVM_SET_ONE_REG, id, 0, EFAULT);
		break;
	case 2:
		id ^= KVM_REG_SIZE_U64 ^ KVM_REG_SIZE_U32;
		stress_expect_error(w, KVM_SET_ONE_REG, id, 0, ENOENT);
		break;
	default:
		stress_write_legal(w, nr);
	}
	stress_expect_held(w, nr);
}

/* ---- Readers of registers that others write ---- */

void stress_look(struct stress_vm *v, struct kvm_vcpu *vcpu)
{
	int nr = stress_random(NR_FW_REGS), ret;
	u64 val = 0;
	bool ok;

	stress_step();
	ret = one_reg_get(vcpu, fw_regs[nr].id, &val);
	if (nr >= FW_FIRST_BMAP)
		ok = !(val & ~fw_regs[nr].features);
	else if (nr == FW_PSCI_VERSION)
		ok = v->psci_0_2 ? fw_is_psci_version(val) :
				   val == PSCI_VERSION(0, 1);
	else
		ok = val == v->held[nr];
	TEST_ASSERT(!ret && ok, "%s reads %#lx (%s)", fw_regs[nr].name, val,
		    strerror(ret));
}

void stress_expect_frozen(struct stress_vm *v)
{
	u64 val;
	int nr, i;

	for (nr = 0; nr < NR_FW_REGS; nr++) {
		for (i = 0; i < v->nr_vcpus; i++) {
			stress_step();
			val = vcpu_get_reg(v->vcpus[i], fw_regs[nr].id);
			TEST_ASSERT(val == v->held[nr],
				    "%s of vCPU %d is %#lx in the end, not %#lx",
				    fw_regs[nr].name, i, val, v->held[nr]);
		}
		if (nr < FW_FIRST_BMAP)
			continue;
		val = v->held[nr] ^ fw_regs[nr].features;
		TEST_ASSERT_EQ(one_reg_set(v->vcpus[0], fw_regs[nr].id, val),
			       EBUSY);
	}
}
