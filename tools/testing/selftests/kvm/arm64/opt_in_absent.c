// SPDX-License-Identifier: GPL-2.0-only
/*
 * opt_in_absent - A VM that has not opted in to anything sees no change.
 *
 * What a VM can opt in to must not be seen, listed or accepted in any other VM,
 * in any mode, even while some VM has opted in to everything. What there is does
 * not depend on the mode. Each case is run in each of the modes, while a VM exists
 * that has opted in to everything, and compares with a VM that was created before
 * that one. The expected errors are those of a kernel without these features.
 *
 * A host that was booted with kvm-arm.abi_opt_in=0 has nothing to opt in to: then
 * no VM has opted in, and the cases that need one are skipped.
 */
#include <asm/kvm_migration.h>
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/level.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/opt_in_probe.h"
#include "abi/switch.h"
#include "abi/user_mem.h"
#include "abi/vgic_v2.h"
#include "processor.h"

static const char * const modes[] = { "rust", "c", "check" };

#define NR_MODES	ARRAY_SIZE(modes)

/* Created before any VM opted in, and its list of registers at that time */
static struct kvm_vm *first_vm;
static struct kvm_vcpu *first;
static struct kvm_reg_list *first_list;
static u64 first_masks[KVM_ARM_FEATURE_ID_RANGE_SIZE];

/* The VM that has opted in to everything, if there is anything */
static struct kvm_vm *rich_vm;
static struct kvm_vcpu *rich[2];

/* A GICv2, if the host supports it */
static bool has_vgic_v2;
static struct vgic_v2 plain_gic;

/* Use what the rich VM has; other VMs must not notice. */
static void use_rich(void)
{
	u64 val;

	if (!rich_vm)
		return;
	level_expect_set(rich[0], 0, vcpu_get_reg(rich[0], LEVEL_REG_0), 0);
	test_expect(!one_reg_get(rich[1],
				 KVM_REG_ARM_STD_BMAP | KVM_REG_ARM_SCOPE_VM,
				 &val),
		    "the VM with everything has no scopes");
	fw_expect_x0(rich[1], PSCI_0_2_FN_PSCI_VERSION, 0, PSCI_VERSION(1, 1));
	fw_expect_set(rich[0], FW_PSCI_VERSION, PSCI_VERSION(1, 0), EBUSY,
		      PSCI_VERSION(1, 1));
}

/* A new VM in this mode */
static struct kvm_vm *begin(int mode, struct kvm_vcpu **vcpu)
{
	abi_set_mode(modes[mode]);
	use_rich();
	return fw_vm_create_one(vcpu);
}

/* ---- Registers of the vCPU ---- */

static void expect_same_list(struct kvm_vcpu *vcpu, const char *which)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);

	test_expect(list->n == first_list->n &&
		    !memcmp(list->reg, first_list->reg, list->n * sizeof(u64)),
		    "%s: list of %llu registers, expected %llu", which, list->n,
		    first_list->n);
	free(list);
}

static void check_list(int mode)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = begin(mode, &vcpu);

	expect_same_list(vcpu, "new VM");
	expect_same_list(first, "first VM");
	fw_expect_x0(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0, FW_PSCI_LATEST);
	expect_same_list(vcpu, "VM that has run");
	kvm_vm_free(vm);
}

/* The errors, in their order, of a register that no kernel has */
static void expect_no_reg(struct kvm_vcpu *vcpu, u64 id)
{
	int i, ret;

	memset(user_mem, 0, user_mem_size);
	ret = one_reg(vcpu->fd, KVM_GET_ONE_REG, id, (u64)user_mem);
	test_expect(ret == ENOENT, "GET %#lx: %s", id, strerror(ret));
	for (i = 0; i < 256; i++)
		test_expect(!user_mem[i], "GET %#lx wrote to memory", id);
	ret = one_reg(vcpu->fd, KVM_GET_ONE_REG, id, (u64)user_hole);
	test_expect(ret == ENOENT, "GET %#lx, bad pointer: %s", id,
		    strerror(ret));
	ret = one_reg(vcpu->fd, KVM_SET_ONE_REG, id, (u64)user_mem);
	test_expect(ret == ENOENT, "SET %#lx: %s", id, strerror(ret));
}

static void check_levels(int mode)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = begin(mode, &vcpu);
	int i, ret;
	u64 n;

	for (n = 0; n <= 0xffff; n += n < 64 ? 1 : 251) {
		expect_no_reg(vcpu, LEVEL_REG_0 + n);
		for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
			ret = one_reg(vcpu->fd, KVM_SET_ONE_REG,
				      LEVEL_REG_0 + n, user_bad_pointers[i]);
			test_expect(ret == EFAULT, "SET %lu, bad pointer: %s",
				    n, strerror(ret));
		}
	}
	kvm_vm_free(vm);
}

/* Bits 28-31 of an id; bit 28 is the scope. */
static void check_scope(int mode)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = begin(mode, &vcpu);
	struct fw_state state = fw_state_read(vcpu);
	u64 i, bits;

	for (i = 0; i < first_list->n; i++) {
		for (bits = 1; bits < 16; bits <<= 1)
			expect_no_reg(vcpu, first_list->reg[i] |
					    bits << KVM_REG_ARM_SCOPE_SHIFT);
		expect_no_reg(vcpu, first_list->reg[i] |
				    KVM_REG_ARM_SCOPE_VM | BIT(31));
	}
	fw_expect_state(vcpu, &state, "scopes");
	kvm_vm_free(vm);
}

static void check_psci_version(int mode)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = begin(mode, &vcpu);
	int i, round;
	u64 val;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
			val = fw_psci_versions[i];
			fw_expect_set(vcpu, FW_PSCI_VERSION, val, 0, val);
			fw_expect_set(vcpu, FW_PSCI_VERSION, 0x1, EINVAL, val);
			fw_expect_x0(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0, val);
		}
		use_rich();
	}
	kvm_vm_free(vm);
}

/* ---- The VM's file descriptor ---- */

static void expect_no_vm_reg(int fd, u64 id)
{
	u64 val = OPT_IN_CANARY;
	int ret;

	/*
	 * KVM_GET_ONE_REG is KVM_ARM_SET_DEVICE_ADDR here, and there is no such
	 * device. The address is not used, as it is no pointer.
	 */
	ret = one_reg(fd, KVM_GET_ONE_REG, id, (u64)&val);
	test_expect(ret == ENODEV, "GET %#lx: %s", id, strerror(ret));
	ret = one_reg(fd, KVM_SET_ONE_REG, id, (u64)&val);
	test_expect(ret == EINVAL, "SET %#lx: %s", id, strerror(ret));
	ret = one_reg(fd, KVM_ARM_VM_GET_ONE_REG, id, (u64)&val);
	test_expect(ret == EINVAL, "VM_GET %#lx: %s", id, strerror(ret));
	ret = one_reg(fd, KVM_ARM_VM_SET_ONE_REG, id, (u64)&val);
	test_expect(ret == EINVAL, "VM_SET %#lx: %s", id, strerror(ret));
	test_expect(val == OPT_IN_CANARY, "GET %#lx wrote to memory", id);
}

static void expect_no_vm_regs(int fd)
{
	static const unsigned long cmds[] = {
		KVM_SET_ONE_REG, KVM_GET_REG_LIST, KVM_ARM_VM_GET_ONE_REG,
		KVM_ARM_VM_SET_ONE_REG, KVM_ARM_VM_GET_REG_LIST,
	};
	struct kvm_reg_list list = { .n = 0 };
	int i, j, ret;

	for (i = 0; i < first_list->n; i++)
		expect_no_vm_reg(fd, first_list->reg[i]);
	for (i = 0; i < NR_LEVEL_REGS; i++)
		expect_no_vm_reg(fd, LEVEL_REG_0 + i);
	for (i = 0; i < NR_FW_REGS; i++)
		expect_no_vm_reg(fd, fw_regs[i].id | KVM_REG_ARM_SCOPE_VM);

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		ret = ioctl(fd, cmds[i], &list) ? errno : 0;
		test_expect(ret == EINVAL && !list.n, "%#lx: %s, n %llu",
			    cmds[i], strerror(ret), list.n);
		/* A request that is not a VM ioctl ignores its argument. */
		for (j = 0; j < NR_USER_BAD_POINTERS; j++) {
			ret = ioctl(fd, cmds[i], user_bad_pointers[j]) ? errno : 0;
			test_expect(ret == EINVAL, "%#lx at %#lx: %s", cmds[i],
				    user_bad_pointers[j], strerror(ret));
		}
	}
}

static void check_vm_regs(int mode)
{
	struct kvm_vm *bare = vm_create_barebones(), *vm;
	struct kvm_vcpu *vcpu;
	struct fw_state state;

	vm = begin(mode, &vcpu);
	state = fw_state_read(vcpu);
	expect_no_vm_regs(bare->fd);
	expect_no_vm_regs(vm->fd);
	expect_no_vm_regs(first_vm->fd);
	fw_expect_state(vcpu, &state, "ioctls of the VM");
	kvm_vm_free(bare);
	kvm_vm_free(vm);
}

static void expect_ranges(struct kvm_vm *vm)
{
	struct reg_mask_range range = { .addr = (u64)user_mem };
	unsigned int val;
	int i, ret;

	val = vm_check_cap(vm, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
	test_expect(val == BIT(KVM_ARM_FEATURE_ID_RANGE), "ranges %#x", val);

	user_mem_fill_canary();
	for (i = 0; i < 40; i++) {
		range.range = i < 8 ? i + 1 : BIT(i - 8);
		if (!range.range)
			continue;
		ret = ioctl(vm->fd, KVM_ARM_GET_REG_WRITABLE_MASKS, &range) ?
		      errno : 0;
		test_expect(ret == EINVAL, "range %#x: %s", range.range,
			    strerror(ret));
	}
	range.addr = 0;
	range.range = KVM_ARM_GIC_RANGE;
	ret = ioctl(vm->fd, KVM_ARM_GET_REG_WRITABLE_MASKS, &range) ? errno : 0;
	test_expect(ret == EINVAL, "range 1, bad pointer: %s", strerror(ret));
	user_mem_expect_untouched("EINVAL");

	range = (struct reg_mask_range) { .addr = (u64)user_mem };
	vm_ioctl(vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &range);
	test_expect(!memcmp(user_mem, first_masks, sizeof(first_masks)),
		    "range 0 has changed");
	user_mem_expect_canary(user_mem, sizeof(first_masks), "range 0");
}

static void check_ranges(int mode)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = begin(mode, &vcpu);
	unsigned int val;

	val = kvm_check_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
	test_expect(val == BIT(KVM_ARM_FEATURE_ID_RANGE), "/dev/kvm: %#x", val);
	expect_ranges(vm);
	expect_ranges(first_vm);
	kvm_vm_free(vm);
}

/* ---- Opting in ---- */

/* There are no capabilities next to it, but the one for the level of a VM. */
static void expect_no_other_cap(struct kvm_vm *vm)
{
	int level = rich_vm ? KVM_ARM_COMPAT_NATIVE : 0;
	u32 cap;

	test_expect(vm_check_cap(vm, KVM_CAP_ARM_COMPAT) == level, "the VM has a level");
	for (cap = KVM_CAP_ARM_MIGRATION - 32; cap < KVM_CAP_ARM_MIGRATION + 32; cap++) {
		struct kvm_enable_cap enable = { .cap = cap };

		if (cap == KVM_CAP_ARM_MIGRATION || cap == KVM_CAP_ARM_COMPAT)
			continue;
		test_expect(!kvm_check_cap(cap) && !vm_check_cap(vm, cap),
			    "%#x is there", cap);
		test_expect(ioctl(vm->fd, KVM_ENABLE_CAP, &enable) &&
			    errno == EINVAL, "%#x can be enabled", cap);
	}
}

static void check_capability(int mode)
{
	int ret, all = rich_vm ? opt_in_offered() : 0;
	struct kvm_vm *vm;

	abi_set_mode(modes[mode]);
	use_rich();
	vm = vm_create(1);
	ret = kvm_check_cap(KVM_CAP_ARM_MIGRATION);
	test_expect(ret == all, "/dev/kvm: %#x", ret);
	ret = opt_in_get(vm->fd);
	test_expect(!ret, "new VM: %#x", ret);
	ret = opt_in_get(first_vm->fd);
	test_expect(!ret, "first VM: %#x", ret);
	if (rich_vm) {
		ret = opt_in_get(rich_vm->fd);
		test_expect(ret == OPT_IN_ALL, "VM that opted in: %#x", ret);
	}
	expect_no_other_cap(vm);
	opt_in_expect_parts(vm, 0, "in the end");
	kvm_vm_free(vm);
}

/* A VM opts in, in this mode, and keeps what it has in all others. */
static void check_opting_in(int mode)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	int i, ret;
	u32 parts;

	abi_set_mode(modes[mode]);
	if (!rich_vm) {
		for (i = 0; i <= NR_OPT_INS; i++) {
			ret = opt_in_enable(vm->fd, i < NR_OPT_INS ? BIT(i) : 0);
			test_expect(ret == EINVAL, "place %d: %s", i,
				    strerror(ret));
		}
		opt_in_expect_parts(vm, 0, "refused");
		goto out;
	}

	ret = opt_in_enable(vm->fd, OPT_IN_ALL);
	test_expect(!ret, "all: %s", strerror(ret));
	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code, &vcpu);
	for (i = 0; i < NR_MODES; i++) {
		abi_set_mode(modes[i]);
		parts = opt_in_probe(vcpu);
		test_expect(parts == OPT_IN_ALL, "in %s: %#x", modes[i], parts);
	}
out:
	kvm_vm_free(vm);
}

/* Tested by behaviour; vCPUs are created and used in the same mode. */
static void check_parts(int mode)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = begin(mode, &vcpu);
	u32 parts;

	parts = opt_in_probe(vcpu);
	test_expect(!parts, "new VM: parts %#x", parts);
	parts = opt_in_probe(first);
	test_expect(!parts, "first VM: parts %#x", parts);
	if (rich_vm) {
		parts = opt_in_probe(rich[0]);
		test_expect(parts == OPT_IN_ALL, "opted in: parts %#x", parts);
	}
	kvm_vm_free(vm);
}

/* ---- GICs ---- */

static int canonical_pmr(int fd, unsigned long cmd)
{
	u32 val = 0x80;

	return vgic_v2_access(fd, cmd, KVM_DEV_ARM_VGIC_GRP_CANONICAL,
			      vgic_v2_attr(0, GICC_PMR),
			      (u64)&val);
}

static void check_vgic_v3(int mode)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = begin(mode, &vcpu);
	int fd = vm->arch.gic_fd;

	if (!vm->arch.has_gic)
		test_skip("no GICv3 here");
	else
		test_expect(canonical_pmr(fd, KVM_HAS_DEVICE_ATTR) == ENXIO &&
			    canonical_pmr(fd, KVM_SET_DEVICE_ATTR) == ENXIO &&
			    canonical_pmr(fd, KVM_GET_DEVICE_ATTR) == ENXIO,
			    "the GICv3 has a canonical GICC_PMR");
	kvm_vm_free(vm);
}

/* GICC_PMR has five bits, shifted. */
static void expect_pmr(struct vgic_v2 *v)
{
	u32 val, now, want;

	for (val = 0; val <= 0x1ff; val++) {
		gicc_set(v, 0, GICC_PMR, val);
		now = gicc_get(v, 0, GICC_PMR);
		want = val & 0x1f;
		test_expect(now == want, "PMR %#x reads %#x, expected %#x", val,
			    now, want);
	}
}

static void check_vgic_v2(int mode)
{
	static const unsigned long cmds[] = {
		KVM_HAS_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR,
	};
	struct vgic_v2 v;
	int i, ret;

	if (!has_vgic_v2)
		return test_skip("no GICv2 here");

	abi_set_mode(modes[mode]);
	v = vgic_v2_create_one(fw_guest_code);
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		ret = canonical_pmr(v.fd, cmds[i]);
		test_expect(ret == ENXIO, "%d: %s", i, strerror(ret));
		ret = canonical_pmr(plain_gic.fd, cmds[i]);
		test_expect(ret == ENXIO, "first VM, %d: %s", i, strerror(ret));
	}
	expect_pmr(&v);
	expect_pmr(&plain_gic);
	vgic_v2_free(&v);
}

static const struct test_case checks[] = {
	{ "list: the same registers as before, in the same order", check_list },
	{ "levels: GET is ENOENT, SET EFAULT and then ENOENT", check_levels },
	{ "scopes: any register with one of bits 28-31 is ENOENT",
	  check_scope },
	{ "PSCI_VERSION: may change after the first run", check_psci_version },
	{ "VM's fd: the ioctls of registers are those of any VM", check_vm_regs },
	{ "masks: ranges but 0 are EINVAL, the array untouched", check_ranges },
	{ "capability: what there is, and nothing in a VM that has not opted in",
	  check_capability },
	{ "capability: a VM can opt in, and keeps it in all modes",
	  check_opting_in },
	{ "behaviour: no part of it, and all parts in the VM that opted in",
	  check_parts },
	{ "GICv3: no canonical GICC_PMR", check_vgic_v3 },
	{ "GICv2: PMR is shifted, and in no other group", check_vgic_v2 },
};

static void create_vms(void)
{
	struct reg_mask_range range = { .addr = (u64)first_masks };

	first_vm = fw_vm_create_one(&first);
	first_list = vcpu_get_reg_list(first);
	vm_ioctl(first_vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &range);
	has_vgic_v2 = !first_vm->arch.has_gic && vgic_v2_supported();
	if (has_vgic_v2)
		plain_gic = vgic_v2_create_one(fw_guest_code);

	if (!kvm_has_cap(KVM_CAP_ARM_MIGRATION))
		return;

	rich_vm = opt_in_vm_create(OPT_IN_ALL, 2, true, fw_guest_code, rich);
	vcpu_set_reg(rich[0], KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 1));
	fw_expect_x0(rich[0], PSCI_0_2_FN_PSCI_VERSION, 0, PSCI_VERSION(1, 1));
}

int main(void)
{
	static struct test_case cases[NR_MODES * ARRAY_SIZE(checks)];
	int i, j, nr = 0;

	if (!abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");
	ksft_print_header();
	user_mem_create(1);
	create_vms();
	if (!rich_vm)
		ksft_print_msg("There is nothing to opt in to\n");

	for (i = 0; i < NR_MODES; i++) {
		for (j = 0; j < ARRAY_SIZE(checks); j++)
			cases[nr++] = opt_in_case(&checks[j], modes[i], i);
	}
	test_set_plan(nr);
	test_run_cases(cases, nr);
	test_finished();
}
