// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_config - KVM_ARM_VM_CONFIG: what GET lists, and what CHECK and SET make of each
 * register.
 *
 * Each register accepts what KVM_SET_ONE_REG accepts of it; a VM that has not opted
 * in is the oracle. The limit in the answer to a refused value is accepted.
 *
 * vm_config_sets tests sets of several registers, vm_config_errors the request
 * itself.
 */
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_image.h"
#include "abi/vm_config.h"
#include "processor.h"

#define ISAR0		KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR0_EL1)

/* ---- What there is ---- */

static bool is_config_reg(u64 id)
{
	return image_is_vm_wide(id);
}

/* All that a vCPU lists of the VM's, and with the same values */
static void check_get(int features)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = config_vm_create(features, vcpus);
	struct config c = config_get(vm->fd), of_vcpu;
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpus[0]);
	struct kvm_arm_vm_config_entry *e;
	u32 nr = 0, i;
	u64 j, val;

	for (j = 0; j < list->n; j++) {
		if (!is_config_reg(list->reg[j]))
			continue;
		nr++;
		e = config_find(&c, list->reg[j]);
		test_expect(e, "%#llx is not listed", list->reg[j]);
		if (!e)
			continue;
		val = vcpu_get_reg(vcpus[1], e->id);
		test_expect(e->value == val, "%#llx is %#llx, not %#lx", e->id,
			    e->value, val);
		test_expect(e->scope == 1 && !e->err && !e->reason &&
			    e->other == ~0u, "%#llx: scope %u", e->id, e->scope);
	}
	test_expect(c.n == nr, "%u registers, not %u", c.n, nr);

	for (i = 0; i < 2; i++) {
		of_vcpu = config_get(vcpus[i]->fd);
		test_expect(of_vcpu.n == c.n &&
			    !memcmp(of_vcpu.entry, c.entry, sizeof(c.entry)),
			    "vCPU %u has another configuration", i);
	}
	free(list);
	kvm_vm_free(vm);
}

/* Before there is a vCPU, only what does not depend on its features */
static void check_get_early(int unused)
{
	struct kvm_vm *vm = vm_create_barebones();
	struct config c;
	int i;

	opt_in(vm, BIT(OPT_IN_VM_CONFIG));
	c = config_get(vm->fd);
	test_expect(c.n == NR_FW_REGS - 1, "%u registers", c.n);
	for (i = 0; i < NR_FW_REGS; i++)
		test_expect(!!config_find(&c, fw_regs[i].id) == (i != FW_WORKAROUND_2),
			    "%s", fw_regs[i].name);

	c = (struct config) {};
	config_add(&c, KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 1));
	config_expect(vm->fd, 0, &c, 0);
	config_add(&c, fw_regs[FW_WORKAROUND_2].id, 0);
	config_add(&c, ISAR0, 0);
	config_expect(vm->fd, 0, &c, ERANGE);
	config_expect_answer(&c.entry[0], 0, 0);
	config_expect_answer(&c.entry[1], ENOEXEC, KVM_ARM_VM_CONFIG_REASON_NOT_READY);
	config_expect_answer(&c.entry[2], ENOEXEC, KVM_ARM_VM_CONFIG_REASON_NOT_READY);
	kvm_vm_free(vm);
}

/* Of the mask and the limit: what is outside of the mask cannot be changed. */
static void check_masks(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = config_vm_create(BIT(KVM_ARM_VCPU_PSCI_0_2), vcpus);
	struct config c = config_get(vm->fd), one;
	u32 i, nr = 0;
	int bit;

	for (i = 0; i < c.n; i++) {
		const struct kvm_arm_vm_config_entry *e = &c.entry[i];

		nr += !!e->mask;
		/* The workarounds store nothing. */
		if (e->id >= fw_regs[FW_WORKAROUND_1].id &&
		    e->id <= fw_regs[FW_WORKAROUND_3].id)
			continue;
		for (bit = 0; bit < 64; bit++) {
			if (e->mask & BIT(bit))
				continue;
			one = (struct config) {};
			config_add(&one, e->id, e->value ^ BIT(bit));
			config_access(vm->fd, KVM_ARM_VM_CONFIG_SET, 0, one.entry, 1);
			/* KVM forgives some, and keeps what it has. */
			test_expect(vcpu_get_reg(vcpus[0], e->id) == e->value,
				    "%#llx, bit %d can be changed", e->id, bit);
		}
	}
	test_expect(nr > 10, "%u registers can be changed", nr);
	config_expect_same(vm->fd, &c, "masks");
	kvm_vm_free(vm);
}

/* ---- Each register, against KVM_SET_ONE_REG ---- */

/* Registers whose fields depend on each other: the first run enforces that. */
static bool has_dependencies(u64 id)
{
	return id == KVM_ARM64_SYS_REG(SYS_ID_AA64MMFR3_EL1) ||
	       id == KVM_ARM64_SYS_REG(SYS_ID_AA64MMFR1_EL1) ||
	       id == KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR2_EL1);
}

static void try_value(struct kvm_vm *vm, struct kvm_vcpu *vcpu,
		      struct kvm_vcpu *oracle, u64 id, u64 before, u64 val)
{
	struct config c = {}, again = {};
	struct kvm_arm_vm_config_entry *e = &c.entry[0];
	int want = one_reg_set(oracle, id, val);
	u64 stored = vcpu_get_reg(oracle, id), now;

	config_add(&c, id, val);
	/* What a VM has is accepted. */
	if (want && val == before)
		want = 0;
	config_access(vm->fd, KVM_ARM_VM_CONFIG_CHECK, 0, c.entry, 1);
	if (e->reason == KVM_ARM_VM_CONFIG_REASON_CONFLICT && has_dependencies(id)) {
		test_expect(!want, "%#lx <- %#lx: conflict, %s", id, val,
			    strerror(want));
		want = EINVAL;
		stored = before;
	}
	config_expect(vm->fd, 0, &c, want ? ERANGE : 0);
	test_expect(e->err == -want, "%#lx <- %#lx: %s, expected %s", id, val,
		    strerror(-e->err), strerror(want));
	test_expect(!want == !e->reason, "%#lx <- %#lx: reason %u", id, val,
		    e->reason);
	now = vcpu_get_reg(vcpu, id);
	test_expect(now == stored, "%#lx <- %#lx: reads %#lx, expected %#lx", id,
		    val, now, stored);

	/* The value that the answer has instead is accepted. */
	if (want) {
		test_expect(e->mask, "%#lx <- %#lx: no bad bits", id, val);
		config_add(&again, id, e->limit);
		config_expect(vm->fd, 0, &again, 0);
	}
	again = (struct config) {};
	config_add(&again, id, before);
	config_expect(vm->fd, 0, &again, 0);
	test_expect(one_reg_set(oracle, id, before) == 0 ||
		    vcpu_get_reg(oracle, id) == before, "%#lx of the oracle", id);
}

static const u64 fw_values[] = {
	0, 1, 2, 3, 4, 0xf, 0x10, 0x12, 0x13, 0x10000, 0x10001, 0x10002, 0x10003,
	0x10004, 0x20000, BIT(32) | 0x10003, BIT(63), ~0UL,
};

static void check_each(int features)
{
	struct kvm_vcpu *vcpus[2], *oracles[2];
	struct kvm_vm *vm = config_vm_create(features, vcpus);
	struct kvm_vm *plain = id_vm_create(features, false, oracles);
	struct config c = config_get(vm->fd);
	unsigned int nr = 0, i, j, shift;
	u64 level, levels[6];

	for (i = 0; i < c.n; i++) {
		u64 id = c.entry[i].id, before = c.entry[i].value;

		if (image_is_fw_reg(id)) {
			for (j = 0; j < ARRAY_SIZE(fw_values); j++, nr++)
				try_value(vm, vcpus[0], oracles[0], id, before,
					  fw_values[j]);
			continue;
		}
		for (shift = 0; shift < 64; shift += 4) {
			level = before >> shift & 0xf;
			levels[0] = 0;
			levels[1] = 1;
			levels[2] = 15;
			levels[3] = level;
			levels[4] = (level + 1) & 0xf;
			levels[5] = (level - 1) & 0xf;
			for (j = 0; j < ARRAY_SIZE(levels); j++, nr++)
				try_value(vm, vcpus[0], oracles[0], id, before,
					  (before & ~(0xfUL << shift)) |
					  levels[j] << shift);
		}
	}
	config_expect_same(vm->fd, &c, "in the end");
	ksft_print_msg("%u values\n", nr);
	kvm_vm_free(plain);
	kvm_vm_free(vm);
}

static void check_imp(int writable)
{
	static const u32 regs[] = { SYS_MIDR_EL1, SYS_REVIDR_EL1, SYS_AIDR_EL1 };
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	struct config c;
	int i;

	opt_in(vm, BIT(OPT_IN_VM_CONFIG));
	if (writable)
		vm_enable_cap(vm, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);
	vcpu = id_vcpu_add(vm, 0, 0);
	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		u64 id = KVM_ARM64_SYS_REG(regs[i]), now = vcpu_get_reg(vcpu, id);

		c = (struct config) {};
		config_add(&c, id, now ^ 1);
		config_expect(vm->fd, 0, &c, writable ? 0 : ERANGE);
		if (!writable)
			config_expect_answer(&c.entry[0], EINVAL,
					     KVM_ARM_VM_CONFIG_REASON_NEEDS_CAPABILITY);
		test_expect(vcpu_get_reg(vcpu, id) == (writable ? now ^ 1 : now),
			    "%#lx is %#lx", id, vcpu_get_reg(vcpu, id));
	}
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "GET: all registers of the VM, on all file descriptors", check_get,
	  BIT(KVM_ARM_VCPU_PSCI_0_2) },
	{ "GET: the same without PSCI 0.2", check_get, 0 },
	{ "GET: before there is a vCPU, what does not depend on it",
	  check_get_early },
	{ "GET: bits outside of the masks cannot be changed", check_masks },
	{ "each register: as KVM_SET_ONE_REG, and the limit is accepted",
	  check_each, BIT(KVM_ARM_VCPU_PSCI_0_2) },
	{ "MIDR_EL1 and its like: need the capability", check_imp, false },
	{ "MIDR_EL1 and its like: with the capability", check_imp, true },
};

int main(void)
{
	opt_in_require();
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));
	test_finished();
}
