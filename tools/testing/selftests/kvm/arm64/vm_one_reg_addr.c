// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_one_reg_addr - KVM_ARM_SET_DEVICE_ADDR, which has the same number as
 * KVM_GET_ONE_REG, and a structure of the same size: an id and an address.
 *
 * Any VM has the former. In a VM that has opted in to KVM_CAP_ARM_VM_ONE_REG,
 * an id with KVM_REG_ARM64 in its upper eight bits is a register. Any other id
 * is a device and its guest address, as in a VM that has not opted in: the only
 * device that is placed in this way is a GICv2 that KVM_CREATE_IRQCHIP has
 * made.
 *
 * If KVM has no GICv2, only the refusals can be tested.
 */
#include <errno.h>
#include <linux/sizes.h>

#include "abi/cases.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/user_mem.h"
#include "abi/vgic_v2.h"
#include "abi/vm_reg.h"
#include "gic.h"
#include "processor.h"

static int set_addr(struct kvm_vm *vm, u64 id, u64 addr)
{
	struct kvm_arm_device_addr dev = { .id = id, .addr = addr };

	return ioctl(vm->fd, KVM_ARM_SET_DEVICE_ADDR, &dev) ? errno : 0;
}

static void __expect_addr(int line, struct kvm_vm *vm, u64 id, u64 addr,
			  int want)
{
	int ret = set_addr(vm, id, addr);

	__test_expect(line, ret == want, "device %#lx at %#lx: %s, expected %s",
		      id, addr, strerror(ret), strerror(want));
}

#define expect_addr(...)	__expect_addr(__LINE__, __VA_ARGS__)

#define V2_DIST		((u64)KVM_ARM_DEVICE_VGIC_V2 << KVM_ARM_DEVICE_ID_SHIFT | \
			 KVM_VGIC_V2_ADDR_TYPE_DIST)
#define V2_CPU		(V2_DIST | KVM_VGIC_V2_ADDR_TYPE_CPU)
/* Bits from 32 on are ignored, but this is a register's id if opted in. */
#define V2_DIST_ARM64	(V2_DIST | KVM_REG_ARM64)

static struct kvm_vm *create(bool opted_in)
{
	return opted_in ? vm_reg_create_vm(true) : vm_create(1);
}

/* A VM without a GICv2 has no device to be placed. */
static void check_no_device(int opted_in)
{
	/* The device's number is 0; registers have others in these bits. */
	static const u64 others[] = { 1 << 16, 0x14 << 16, 0xffffUL << 16 };
	struct kvm_vm *vm = create(opted_in);
	struct vm_reg_state state = {};
	u64 top;
	int i;

	if (opted_in)
		state = vm_reg_state_read(vm, VM_REG_MAX);
	for (top = 0; top <= 0xff; top++) {
		if (opted_in && top == KVM_REG_ARM64 >> 56)
			continue;
		expect_addr(vm, top << 56 | V2_DIST, GICD_BASE_GPA, ENODEV);
		expect_addr(vm, top << 56 | V2_CPU, GICC_BASE_GPA, ENODEV);
		for (i = 0; i < ARRAY_SIZE(others); i++)
			expect_addr(vm, top << 56 | others[i], GICD_BASE_GPA,
				    ENODEV);
	}
	if (opted_in)
		vm_reg_expect_state(vm, &state, "devices refused");
	kvm_vm_free(vm);
}

static void check_device(int opted_in)
{
	struct kvm_vm *vm = create(opted_in);
	struct vm_reg_state state = {};

	if (!vgic_v2_supported()) {
		test_skip("KVM has no GICv2");
		goto out;
	}

	if (opted_in)
		state = vm_reg_state_read(vm, VM_REG_MAX);
	vm_ioctl(vm, KVM_CREATE_IRQCHIP, NULL);
	expect_addr(vm, V2_DIST, GICD_BASE_GPA + 0x800, EINVAL);
	expect_addr(vm, V2_DIST, BIT(62), E2BIG);
	expect_addr(vm, V2_DIST | 2, GICD_BASE_GPA, ENODEV);
	expect_addr(vm, V2_DIST | BIT(16), GICD_BASE_GPA, ENODEV);
	if (opted_in)
		expect_addr(vm, V2_DIST_ARM64, GICD_BASE_GPA, ENOENT);
	/* Nothing was placed so far, else this would be EEXIST. */
	expect_addr(vm, opted_in ? V2_DIST : V2_DIST_ARM64, GICD_BASE_GPA, 0);
	expect_addr(vm, V2_DIST, GICD_BASE_GPA, EEXIST);
	/* Any other bits above the lower 32 are ignored. */
	expect_addr(vm, V2_CPU | 0xa1UL << 56, GICC_BASE_GPA, 0);
	expect_addr(vm, V2_CPU, GICC_BASE_GPA, EEXIST);
	if (opted_in)
		vm_reg_expect_state(vm, &state, "a device was placed");
out:
	kvm_vm_free(vm);
}

static void check_not_opted_in(int unused)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_reg_list list = { .n = 1 };
	int i, ret;

	for (i = 0; i < VM_REG_MAX; i++) {
		user_mem_fill_canary();
		ret = one_reg(vm->fd, KVM_GET_ONE_REG, vm_reg_id(i),
			      (u64)user_hole - 8);
		test_expect(ret == ENODEV, "GET: %s", strerror(ret));
		ret = one_reg(vm->fd, KVM_SET_ONE_REG, vm_reg_id(i),
			      (u64)user_hole - 8);
		test_expect(ret == EINVAL, "SET: %s", strerror(ret));
		user_mem_expect_untouched("not opted in");
	}
	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		ret = ioctl(vm->fd, KVM_SET_ONE_REG, user_bad_pointers[i]);
		test_expect(ret && errno == EINVAL, "SET: %d", errno);
		ret = one_reg_list(vm->fd, (void *)user_bad_pointers[i]);
		test_expect(ret == EINVAL, "LIST: %s", strerror(ret));
	}
	ret = one_reg_list(vm->fd, &list);
	test_expect(ret == EINVAL && list.n == 1, "LIST: %s", strerror(ret));
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "opted in: an absent device is ENODEV, as in any VM",
	  check_no_device, true },
	{ "not opted in: any id is ENODEV", check_no_device, false },
	{ "opted in: a GICv2 is placed, but not by the id of a register",
	  check_device, true },
	{ "not opted in: a GICv2 is placed by any id of its own",
	  check_device, false },
	{ "not opted in: GET is ENODEV, SET and the list are EINVAL",
	  check_not_opted_in },
};

int main(void)
{
	opt_in_require();
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(1);
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
