// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_mask_fw - The masks of the firmware registers, KVM_ARM_FW_RANGE, of a VM
 * that has opted in to them.
 *
 * A VMM reads them to learn which services it can choose, including those that
 * are off by default and so read as 0. Each of the 128 masks is tested: from
 * several values of the register every bit is flipped by a write, and the bits
 * that read differently after any of these must be exactly those of the mask.
 * This is done in every state of the VM on which the masks depend: which vCPUs
 * it has, whether it has run, and whether that freezes PSCI's version.
 */
#include <asm/kvm_migration.h>
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_mask.h"
#include "processor.h"

#define NR_VCPUS	2

/* The bits in which 0.2, 1.0, 1.1, 1.2 and 1.3 differ */
#define PSCI_VERSIONS	0x10003

static const struct mask_array no_masks;

/* The masks of a VM that has not run */
static const struct mask_array fresh = {
	.val = {
		[0] = PSCI_VERSIONS,
		[64] = 0x1,	/* KVM_REG_ARM_STD_BMAP: TRNG */
		[65] = 0x1,	/* KVM_REG_ARM_STD_HYP_BMAP: PV time */
		[66] = 0x3,	/* KVM_REG_ARM_VENDOR_HYP_BMAP: features, PTP */
		[67] = 0x3,	/* KVM_REG_ARM_VENDOR_HYP_BMAP_2: implementations */
	},
};

static const struct mask_array fresh_psci_0_1 = {
	.val = { [64] = 0x1, [65] = 0x1, [66] = 0x3, [67] = 0x3 },
};

/* Once it has run, only PSCI's version can be changed. */
static const struct mask_array ran = { .val = { [0] = PSCI_VERSIONS } };

/* Values to start from, including all that any of the registers accepts */
static const u64 bases[] = {
	0, 1, 2, 3, 0x10000, 0x10001, 0x10002, 0x10003,
	0x10, 0x11, ~0UL, 0x5555555555555555UL,
};

static u64 fw_id(int i)
{
	return i < 64 ? KVM_REG_ARM_FW_REG(i) :
			KVM_REG_ARM_FW_FEAT_BMAP_REG(i - 64);
}

/* ---- Every bit of every mask ---- */

static void expect_no_register(struct kvm_vcpu *vcpu, int i, u64 mask)
{
	u64 val = 0;
	int ret;

	test_expect(!mask, "mask %d is %#lx: no register", i, mask);
	ret = one_reg_get(vcpu, fw_id(i), &val);
	test_expect(ret == ENOENT, "register %d: GET: %s", i, strerror(ret));
	ret = one_reg_set(vcpu, fw_id(i), 0);
	test_expect(ret == ENOENT, "register %d: SET: %s", i, strerror(ret));
}

/* Returns what the register reads after the write, even if it was refused. */
static u64 written(struct kvm_vcpu *vcpu, int i, u64 val, u64 before, int *ret)
{
	u64 after;

	*ret = one_reg_set(vcpu, fw_id(i), val);
	after = vcpu_get_reg(vcpu, fw_id(i));
	test_expect(!*ret || after == before,
		    "register %d <- %#lx: %s, but it reads %#lx, not %#lx", i,
		    val, strerror(*ret), after, before);
	return after;
}

static u64 changeable(struct kvm_vcpu *vcpu, int i)
{
	u64 first = vcpu_get_reg(vcpu, fw_id(i)), base = first, now;
	u64 changed = 0;
	int b, bit, ret;

	for (b = 0; b < ARRAY_SIZE(bases); b++) {
		now = written(vcpu, i, bases[b], base, &ret);
		changed |= now ^ base;
		base = now;
		/* A base that is refused would repeat the last one. */
		if (b && ret)
			continue;
		for (bit = 0; bit < 64; bit++) {
			now = written(vcpu, i, base ^ BIT(bit), base, &ret);
			if (now == base)
				continue;
			changed |= now ^ base;
			vcpu_set_reg(vcpu, fw_id(i), base);
		}
	}

	if (changed)
		vcpu_set_reg(vcpu, fw_id(i), first);
	return changed;
}

static void prove(struct kvm_vm *vm, struct kvm_vcpu *vcpu)
{
	struct mask_array masks = mask_get(vm, KVM_ARM_FW_RANGE);
	u64 val, changed;
	int i;

	for (i = 0; i < KVM_ARM_FW_RANGE_SIZE; i++) {
		if (one_reg_get(vcpu, fw_id(i), &val)) {
			expect_no_register(vcpu, i, masks.val[i]);
			continue;
		}
		changed = changeable(vcpu, i);
		test_expect(changed == masks.val[i],
			    "register %d: mask %#lx, but %#lx can be changed",
			    i, masks.val[i], changed);
	}
}

/* The registers are the VM's, so the masks must be right for either vCPU. */
static void expect_proved(struct kvm_vm *vm, struct kvm_vcpu *vcpus[],
			  const struct mask_array *want, const char *when)
{
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		mask_expect(vm, KVM_ARM_FW_RANGE, want, when);
		prove(vm, vcpus[i]);
	}
	mask_expect(vm, KVM_ARM_FW_RANGE, want, "after all writes");
}

/* ---- Where they are ---- */

static void check_index(int unused)
{
	static const int index[NR_FW_REGS] = { 0, 1, 2, 3, 64, 65, 66, 67 };
	/* Ids whose lower bits are those of a register in the range */
	static const u64 others[] = {
		0, 64, KVM_REG_ARM_FW_REG(64), KVM_REG_ARM_FW_FEAT_BMAP_REG(64),
		KVM_REG_ARM_FEATURE_LEVEL_REG(0), KVM_REG_ARM_CONFIG_GICD_IIDR,
		KVM_ARM64_SYS_REG(SYS_ID_AA64PFR0_EL1) & ~63UL,
		KVM_REG_ARM_PSCI_VERSION ^ KVM_REG_SIZE_U64 ^ KVM_REG_SIZE_U32,
		KVM_REG_ARM_PSCI_VERSION ^ BIT(29), KVM_REG_ARM_PSCI_VERSION ^ BIT(60),
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		test_expect(KVM_ARM_FW_RANGE_IDX(others[i]) == KVM_ARM_FW_RANGE_SIZE,
			    "%#lx has a number", others[i]);

	for (i = 0; i < NR_FW_REGS; i++) {
		test_expect(KVM_ARM_FW_RANGE_IDX(fw_regs[i].id) == index[i],
			    "%s is not number %d", fw_regs[i].name, index[i]);
		test_expect(KVM_ARM_FW_RANGE_IDX(fw_regs[i].id | KVM_REG_ARM_SCOPE_VM) ==
			    index[i], "%s with a scope", fw_regs[i].name);
		test_expect(fw_id(index[i]) == fw_regs[i].id, "%s: id %#lx",
			    fw_regs[i].name, fw_id(index[i]));
	}
	test_expect(KVM_ARM_FW_RANGE_SIZE == 128, "%d masks",
		    KVM_ARM_FW_RANGE_SIZE);
}

/* ---- By state of the VM ---- */

#define WITHOUT_PSCI_0_2	BIT(0)
#define FREEZE			BIT(1)

static struct kvm_vm *vm_create_flags(int flags, struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = mask_vm_create(NR_VCPUS);

	if (flags & FREEZE)
		opt_in(vm, BIT(OPT_IN_FREEZE));
	fw_vm_add_vcpus(vm, NR_VCPUS, flags & WITHOUT_PSCI_0_2 ? 0 :
			BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code, vcpus);
	return vm;
}

/* VMMs ask before they make vCPUs, when KVM does not know their features. */
static void check_no_vcpu(int psci_0_2)
{
	struct kvm_vm *vm = mask_vm_create(NR_VCPUS);
	struct kvm_vcpu_init init = {};
	struct kvm_vcpu *vcpu;
	int ret;

	mask_expect(vm, KVM_ARM_FW_RANGE, &fresh, "no vCPU");

	vcpu = __vm_vcpu_add(vm, 0);
	mask_expect(vm, KVM_ARM_FW_RANGE, &fresh, "vCPU not initialised");
	ret = _vcpu_run(vcpu) ? errno : 0;
	test_expect(ret == ENOEXEC, "KVM_RUN: %s", strerror(ret));
	mask_expect(vm, KVM_ARM_FW_RANGE, &fresh, "KVM_RUN refused");

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	if (psci_0_2)
		init.features[0] |= BIT(KVM_ARM_VCPU_PSCI_0_2);
	vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &init);
	mask_expect(vm, KVM_ARM_FW_RANGE, psci_0_2 ? &fresh : &fresh_psci_0_1,
		    "KVM_ARM_VCPU_INIT");
	kvm_vm_free(vm);
}

static void check_fresh(int flags)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct kvm_vm *vm = vm_create_flags(flags, vcpus);

	expect_proved(vm, vcpus, flags & WITHOUT_PSCI_0_2 ? &fresh_psci_0_1 :
							    &fresh, "not run");
	kvm_vm_free(vm);
}

/* It does not matter which vCPU has run. */
static void check_ran(int flags)
{
	const struct mask_array *want = flags ? &no_masks : &ran;
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct kvm_vm *vm;
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		vm = vm_create_flags(flags, vcpus);
		id_run(vcpus[i]);
		expect_proved(vm, vcpus, want, "after a run");
		id_run(vcpus[i]);
		mask_expect(vm, KVM_ARM_FW_RANGE, want, "after one more");
		kvm_vm_free(vm);
	}
}

static void check_other_vm(int unused)
{
	struct kvm_vcpu *vcpus[NR_VCPUS], *other_vcpus[NR_VCPUS];
	struct kvm_vm *vm = vm_create_flags(0, vcpus);
	struct kvm_vm *other = vm_create_flags(FREEZE | WITHOUT_PSCI_0_2,
					       other_vcpus);

	id_run(other_vcpus[0]);
	mask_expect(other, KVM_ARM_FW_RANGE, &no_masks, "has run");
	mask_expect(vm, KVM_ARM_FW_RANGE, &fresh, "another VM has run");
	kvm_vm_free(other);
	kvm_vm_free(vm);
}

/* ---- By value ---- */

/* The registers' values do not show which services are available. */
static void check_values(int all)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct kvm_vm *vm = vm_create_flags(0, vcpus);
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
		fw_expect_set(vcpus[0], i, all ? fw_regs[i].features : 0, 0,
			      all ? fw_regs[i].features : 0);
	fw_expect_set(vcpus[0], FW_PSCI_VERSION, PSCI_VERSION(0, 2), 0,
		      PSCI_VERSION(0, 2));
	expect_proved(vm, vcpus, &fresh, all ? "all services" : "no service");
	kvm_vm_free(vm);
}

static void check_bmap_2(int unused)
{
	int nr = KVM_ARM_FW_RANGE_IDX(KVM_REG_ARM_VENDOR_HYP_BMAP_2), bit;
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct kvm_vm *vm = vm_create_flags(0, vcpus);
	struct mask_array masks = mask_get(vm, KVM_ARM_FW_RANGE);
	u64 val = vcpu_get_reg(vcpus[0], KVM_REG_ARM_VENDOR_HYP_BMAP_2);

	test_expect(!val, "reads %#lx", val);
	test_expect(masks.val[nr] == 0x3, "mask %#lx", masks.val[nr]);

	for (bit = 0; bit < 64; bit++)
		fw_expect_set(vcpus[0], FW_VENDOR_HYP_2, BIT(bit),
			      masks.val[nr] & BIT(bit) ? 0 : EINVAL,
			      bit < 2 ? BIT(bit) : BIT(1));
	/* Enable all of them at once, as a VMM would do. */
	fw_expect_set(vcpus[0], FW_VENDOR_HYP_2, masks.val[nr], 0, 0x3);
	kvm_vm_free(vm);
}

/* A write, even an accepted one, only checks and stores nothing. */
static void check_workarounds(int unused)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct kvm_vm *vm = vm_create_flags(0, vcpus);
	struct fw_state state = fw_state_read(vcpus[0]);
	struct mask_array masks = mask_get(vm, KVM_ARM_FW_RANGE);
	int i, nr_accepted = 0;
	u64 val;

	for (i = FW_WORKAROUND_1; i <= FW_WORKAROUND_3; i++) {
		test_expect(!masks.val[i], "%s: mask %#lx", fw_regs[i].name,
			    masks.val[i]);
		for (val = 0; val < 0x20; val++) {
			nr_accepted += !one_reg_set(vcpus[0], fw_regs[i].id,
						    val);
			fw_expect_state(vcpus[0], &state, "written");
		}
	}
	test_expect(nr_accepted >= 3, "only %d writes accepted", nr_accepted);
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "the number of each register", check_index },

	{ "no vCPU yet, then one with PSCI 0.2 that has not run",
	  check_no_vcpu, 1 },
	{ "no vCPU yet, then one without PSCI 0.2 that has not run",
	  check_no_vcpu, 0 },

	{ "test of all masks: not run", check_fresh },
	{ "test of all masks: not run, without PSCI 0.2",
	  check_fresh, WITHOUT_PSCI_0_2 },
	{ "test of all masks: not run, PSCI's version to freeze",
	  check_fresh, FREEZE },
	{ "test of all masks: not run, without PSCI 0.2, version to freeze",
	  check_fresh, FREEZE | WITHOUT_PSCI_0_2 },

	{ "test of all masks: run, only PSCI's version is left", check_ran },
	{ "test of all masks: run, without PSCI 0.2 all are empty",
	  check_ran, WITHOUT_PSCI_0_2 },
	{ "test of all masks: run, PSCI's version frozen: all are empty",
	  check_ran, FREEZE },
	{ "test of all masks: run, without PSCI 0.2, frozen: all are empty",
	  check_ran, FREEZE | WITHOUT_PSCI_0_2 },
	{ "another VM's features and runs do not matter", check_other_vm },

	{ "test of all masks: with no service on", check_values, 0 },
	{ "test of all masks: with all services on", check_values, 1 },
	{ "VENDOR_HYP_BMAP_2 reads 0, its mask has the two available bits",
	  check_bmap_2 },
	{ "the workarounds' registers have no mask bits", check_workarounds },
};

int main(void)
{
	test_disable_default_vgic();

	ksft_print_header();
	opt_in_require();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
