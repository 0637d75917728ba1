// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_mask_fw - The masks of the firmware registers, KVM_ARM_FW_RANGE, of a VM
 * that has opted in to them.
 *
 * A VMM reads them to learn which services it can choose, including those that
 * are off by default and so read as 0. Each of the 128 masks is tested: the bits
 * that a write can flip, from each value that the register accepts, must be
 * exactly those of the mask. So PSCI's version, which is a number, has none: its
 * limit is in KVM_ARM_VM_CONFIG. This is done in every state of the VM: before
 * there is a vCPU, with all kinds of vCPUs, and when it has run.
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
#include "abi/vm_reg.h"
#include "processor.h"

#define NR_VCPUS	2

static const struct mask_array no_masks;

/* The masks of a VM that has not run */
static const struct mask_array fresh = {
	.val = {
		[64] = 0x1,	/* KVM_REG_ARM_STD_BMAP: TRNG */
		[65] = 0x1,	/* KVM_REG_ARM_STD_HYP_BMAP: PV time */
		[66] = 0x3,	/* KVM_REG_ARM_VENDOR_HYP_BMAP: features, PTP */
		[67] = 0x3,	/* KVM_REG_ARM_VENDOR_HYP_BMAP_2: implementations */
	},
};

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

/* A file descriptor by which the registers are accessed: a vCPU's, or the VM's */
struct access {
	int (*get)(void *of, u64 id, u64 *val);
	int (*set)(void *of, u64 id, u64 val);
	void *of;
};

static int get_by_vcpu(void *vcpu, u64 id, u64 *val)
{
	return one_reg_get(vcpu, id, val);
}

static int set_by_vcpu(void *vcpu, u64 id, u64 val)
{
	return one_reg_set(vcpu, id, val);
}

static int get_by_vm(void *vm, u64 id, u64 *val)
{
	return vm_reg_get(vm, id, val);
}

static int set_by_vm(void *vm, u64 id, u64 val)
{
	return vm_reg_set(vm, id, val);
}

static struct access by_vcpu(struct kvm_vcpu *vcpu)
{
	return (struct access) { get_by_vcpu, set_by_vcpu, vcpu };
}

static struct access by_vm(struct kvm_vm *vm)
{
	return (struct access) { get_by_vm, set_by_vm, vm };
}

static void expect_no_register(const struct access *a, int i, u64 mask)
{
	u64 val = 0;
	int ret;

	test_expect(!mask, "mask %d is %#lx: no register", i, mask);
	ret = a->get(a->of, fw_id(i), &val);
	test_expect(ret == ENOENT, "register %d: GET: %s", i, strerror(ret));
	ret = a->set(a->of, fw_id(i), 0);
	test_expect(ret == ENOENT, "register %d: SET: %s", i, strerror(ret));
}

static u64 get(const struct access *a, int i)
{
	u64 val = 0;
	int ret = a->get(a->of, fw_id(i), &val);

	test_expect(!ret, "register %d: GET: %s", i, strerror(ret));
	return val;
}

/* Returns what the register reads after the write, even if it was refused. */
static u64 written(const struct access *a, int i, u64 val, u64 before, int *ret)
{
	u64 after;

	*ret = a->set(a->of, fw_id(i), val);
	after = get(a, i);
	test_expect(!*ret || after == before,
		    "register %d <- %#lx: %s, but it reads %#lx, not %#lx", i,
		    val, strerror(*ret), after, before);
	return after;
}

/* The bits that can be flipped alone, from the register's value and from each base */
static u64 choosable(const struct access *a, int i)
{
	u64 first = get(a, i), base = first, free = ~0UL, now;
	int b, bit, ret;

	for (b = -1; b < (int)ARRAY_SIZE(bases); b++) {
		if (b >= 0) {
			base = written(a, i, bases[b], base, &ret);
			/* A base that is refused, or not stored, is none. */
			if (base != bases[b])
				continue;
		}
		for (bit = 0; bit < 64; bit++) {
			now = written(a, i, base ^ BIT(bit), base, &ret);
			if (now != (base ^ BIT(bit)))
				free &= ~BIT(bit);
			if (now != base)
				a->set(a->of, fw_id(i), base);
		}
	}

	if (get(a, i) != first)
		a->set(a->of, fw_id(i), first);
	return free;
}

/* Any combination of a mask's bits is accepted. */
static void combine(const struct access *a, int i, u64 mask)
{
	u64 first = get(a, i), val;
	int ret;

	for (val = 0; val < 16; val++) {
		if (val & ~mask)
			continue;
		ret = a->set(a->of, fw_id(i), (first & ~mask) | val);
		test_expect(!ret && get(a, i) == ((first & ~mask) | val),
			    "register %d <- %#lx: %s", i, val, strerror(ret));
	}
	if (mask)
		a->set(a->of, fw_id(i), first);
}

static void prove(struct kvm_vm *vm, struct access a)
{
	struct mask_array masks = mask_get(vm, KVM_ARM_FW_RANGE);
	u64 val, free;
	int i, ret;

	for (i = 0; i < KVM_ARM_FW_RANGE_SIZE; i++) {
		ret = a.get(a.of, fw_id(i), &val);
		/* WORKAROUND_2 of a VM without a vCPU */
		if (ret == ENOEXEC) {
			test_expect(!masks.val[i], "mask %d is %#lx", i, masks.val[i]);
			continue;
		}
		if (ret) {
			expect_no_register(&a, i, masks.val[i]);
			continue;
		}
		free = choosable(&a, i);
		test_expect(free == masks.val[i],
			    "register %d: mask %#lx, but %#lx can be chosen",
			    i, masks.val[i], free);
		combine(&a, i, masks.val[i]);
	}
}

/* The registers are the VM's, so the masks must be right for either vCPU. */
static void expect_proved(struct kvm_vm *vm, struct kvm_vcpu *vcpus[],
			  const struct mask_array *want, const char *when)
{
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		mask_expect(vm, KVM_ARM_FW_RANGE, want, when);
		prove(vm, by_vcpu(vcpus[i]));
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

/*
 * VMMs ask before they make vCPUs. What a mask says then is what holds once the
 * registers can be accessed: on the VM's file descriptor, if it has them, at once.
 */
static void check_no_vcpu(int vm_regs)
{
	struct kvm_vm *vm = mask_vm_create(NR_VCPUS);
	struct kvm_vcpu_init init = {};
	struct kvm_vcpu *vcpu;
	u64 val;
	int ret;

	if (vm_regs) {
		opt_in(vm, BIT(OPT_IN_VM_REGS));
		prove(vm, by_vm(vm));
	}
	mask_expect(vm, KVM_ARM_FW_RANGE, &fresh, "no vCPU");

	vcpu = __vm_vcpu_add(vm, 0);
	mask_expect(vm, KVM_ARM_FW_RANGE, &fresh, "vCPU not initialised");
	ret = one_reg_get(vcpu, fw_id(64), &val);
	test_expect(ret == ENOEXEC, "GET: %s", strerror(ret));
	ret = _vcpu_run(vcpu) ? errno : 0;
	test_expect(ret == ENOEXEC, "KVM_RUN: %s", strerror(ret));
	mask_expect(vm, KVM_ARM_FW_RANGE, &fresh, "KVM_RUN refused");
	if (vm_regs)
		prove(vm, by_vm(vm));

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= BIT(KVM_ARM_VCPU_PSCI_0_2);
	vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &init);
	mask_expect(vm, KVM_ARM_FW_RANGE, &fresh, "KVM_ARM_VCPU_INIT");
	prove(vm, by_vcpu(vcpu));
	kvm_vm_free(vm);
}

static void check_fresh(int flags)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct kvm_vm *vm = vm_create_flags(flags, vcpus);

	expect_proved(vm, vcpus, &fresh, "not run");
	kvm_vm_free(vm);
}

/* It does not matter which vCPU has run. */
static void check_ran(int flags)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct kvm_vm *vm;
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		vm = vm_create_flags(flags, vcpus);
		id_run(vcpus[i]);
		expect_proved(vm, vcpus, &no_masks, "after a run");
		id_run(vcpus[i]);
		mask_expect(vm, KVM_ARM_FW_RANGE, &no_masks, "after one more");
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

	{ "no vCPU yet: what holds once there is one", check_no_vcpu, 0 },
	{ "no vCPU yet: what holds on the VM's file descriptor", check_no_vcpu, 1 },

	{ "test of all masks: not run", check_fresh },
	{ "test of all masks: not run, without PSCI 0.2",
	  check_fresh, WITHOUT_PSCI_0_2 },
	{ "test of all masks: not run, PSCI's version to freeze",
	  check_fresh, FREEZE },
	{ "test of all masks: not run, without PSCI 0.2, version to freeze",
	  check_fresh, FREEZE | WITHOUT_PSCI_0_2 },

	{ "test of all masks: run: all are empty", check_ran },
	{ "test of all masks: run, without PSCI 0.2: all are empty",
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
