// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_mask_range - KVM_ARM_GET_REG_WRITABLE_MASKS: what it returns, and which
 * requests it refuses.
 *
 * A VMM decides by these 192 masks which ID registers it can adapt to a
 * destination host. This checks all of them, and that a bit that is not in a
 * mask cannot be changed.
 *
 * The request is checked before memory is accessed: whatever its pointer to the
 * array is, an unknown range or set reserved bits are EINVAL. reg_mask_memory
 * tests what is written to the array.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/user_mem.h"
#include "processor.h"

#define MASKS_SIZE	(NR_ID_REGS * sizeof(u64))
#define NR_RESERVED	13

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;
static bool has_aarch32;

/* The array that is expected on this host */
static u64 masks[NR_ID_REGS];

static void expect_error(const struct reg_mask_range *range, int want)
{
	int ret = id_get_masks(vm->fd, range);

	test_expect(ret == want, "range %u at %#llx: %s, expected %s",
		    range->range, range->addr, strerror(ret), strerror(want));
}

/* Have @fd's VM fill in the array, and expect only the masks to be written. */
static void expect_masks(int fd, const char *when)
{
	user_mem_fill_canary();
	id_expect_masks(fd, user_mem, masks, when);
	user_mem_expect_canary(user_mem, MASKS_SIZE, when);
}

/* ---- What the masks are ---- */

static void check_capability(int unused)
{
	unsigned int ret = kvm_check_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);

	test_expect(ret == BIT(KVM_ARM_FEATURE_ID_RANGE), "/dev/kvm: %#x", ret);
	ret = vm_check_cap(vm, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
	test_expect(ret == BIT(KVM_ARM_FEATURE_ID_RANGE), "VM: %#x", ret);
}

static void check_masks(int unused)
{
	expect_masks(vm->fd, "masks");
}

static void check_numbers(int unused)
{
	const struct id_mask *m;

	for (m = id_masks; m < id_masks + NR_ID_MASKS; m++)
		test_expect(id_nr(m->reg) == m->nr, "%s is number %d",
			    id_name(m->nr), id_nr(m->reg));
	test_expect(NR_ID_REGS == 192, "%d masks", NR_ID_REGS);
	test_expect(sizeof(struct reg_mask_range) == 64,
		    "struct reg_mask_range");
}

static void check_aarch32(int want)
{
	struct reg_mask_range range = { .addr = (u64)user_mem };
	int nr;

	if (has_aarch32 != want) {
		test_skip(want ? "no AArch32 here" : "AArch32 here");
		return;
	}

	user_mem_fill_canary();
	test_expect(!id_get_masks(vm->fd, &range), "failed");
	for (nr = 8; nr < 32; nr++) {
		u64 mask = want && id_is_aarch32_allocated(nr) ?
			   GENMASK(31, 0) : 0;

		test_expect(((u64 *)user_mem)[nr] == mask, "mask %d is %#lx",
			    nr, ((u64 *)user_mem)[nr]);
	}
}

/* The masks depend on what KVM supports, not on the VM. */
static void check_any_vm(int unused)
{
	struct kvm_vm *other = vm_create_barebones();
	struct kvm_vcpu *vcpus[2];

	expect_masks(other->fd, "VM without vCPUs");
	vm_enable_cap(other, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);
	expect_masks(other->fd, "writable MIDR_EL1");
	__vm_vcpu_add(other, 0);
	expect_masks(other->fd, "vCPU not initialised");
	kvm_vm_free(other);

	other = id_vm_create(id_all_features(), false, vcpus);
	expect_masks(other->fd, "all vCPU features");
	id_run(vcpus[0]);
	expect_masks(other->fd, "after a run");
	expect_masks(vm->fd, "after a run of another VM");
	kvm_vm_free(other);
}

/* A bit that is not in a mask cannot be changed. */
static void check_clear_bits(int unused)
{
	struct id_state state = id_state_read(vcpu);
	u64 id, val, now;
	int nr, bit, ret;

	for (nr = 0; nr < NR_ID_REGS; nr++) {
		if (!state.listed[nr]) {
			test_expect(!masks[nr], "mask %d: no register", nr);
			continue;
		}
		if (id_is_mpidr(nr))
			continue;

		id = id_reg(nr);
		for (bit = 0; bit < 64; bit++) {
			/* None, without KVM_CAP_ARM_WRITABLE_IMP_ID_REGS */
			if (masks[nr] & BIT(bit) && !id_is_imp(nr))
				continue;

			val = state.val[nr] ^ BIT(bit);
			ret = one_reg_set(vcpu, id, val);
			now = vcpu_get_reg(vcpu, id);
			test_expect(ret == EINVAL ||
				    (!ret && (id_ignored(nr) & BIT(bit))) ||
				    (!ret && id_is_aarch32(nr) && !has_aarch32),
				    "%s <- %#lx: %s", id_name(nr), val,
				    strerror(ret));
			test_expect(now == state.val[nr],
				    "%s <- %#lx: reads %#lx", id_name(nr),
				    val, now);
		}
		id_expect_state(vcpu, &state, "bit without a mask written");
	}
}

/* ---- Requests that are refused ---- */

static void expect_einval(struct reg_mask_range *range, const char *what)
{
	user_mem_fill_canary();
	range->addr = (u64)user_mem;
	expect_error(range, EINVAL);
	user_mem_expect_untouched(what);

	/* The pointer is not used. */
	range->addr = (u64)user_hole;
	expect_error(range, EINVAL);
	range->addr = 0;
	expect_error(range, EINVAL);
	range->addr = -1UL;
	expect_error(range, EINVAL);
}

static void check_ranges(int unused)
{
	static const u32 ranges[] = { 2, 3, 0x7fffffff, ~0u };
	struct reg_mask_range range = {};
	int i;

	for (i = 0; i < 32; i++) {
		range.range = BIT(i);
		expect_einval(&range, "range");
	}
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		range.range = ranges[i];
		expect_einval(&range, "range");
	}
}

static void check_reserved(int unused)
{
	struct reg_mask_range range;
	u8 *reserved = (u8 *)range.reserved;
	int i;

	for (i = 0; i < sizeof(range.reserved); i++) {
		range = (struct reg_mask_range) {};
		reserved[i] = 1;
		expect_einval(&range, "reserved");
		reserved[i] = 0x80;
		expect_einval(&range, "reserved");
	}
	for (i = 0; i < NR_RESERVED; i++) {
		range = (struct reg_mask_range) {};
		range.reserved[i] = ~0u;
		expect_einval(&range, "reserved");
		range.range = 1;
		expect_einval(&range, "reserved and range");
	}
	test_expect(ARRAY_SIZE(range.reserved) == NR_RESERVED, "reserved[]");
}

static void check_other_fds(int unused)
{
	struct reg_mask_range range = { .addr = (u64)user_mem };
	int ret, fd = open_kvm_dev_path_or_exit();

	user_mem_fill_canary();
	ret = id_get_masks(vcpu->fd, &range);
	test_expect(ret == EINVAL, "vCPU: %s", strerror(ret));
	ret = id_get_masks(fd, &range);
	test_expect(ret == EINVAL, "/dev/kvm: %s", strerror(ret));
	user_mem_expect_untouched("wrong file descriptor");
	close(fd);
}

static const struct test_case cases[] = {
	{ "capability: range 0 and no other", check_capability },
	{ "masks: numbers of the registers", check_numbers },
	{ "masks: all 192, and nothing is written after them", check_masks },
	{ "masks: AArch32 registers, with AArch32 at EL0",
	  check_aarch32, true },
	{ "masks: AArch32 registers have none without AArch32 at EL0",
	  check_aarch32, false },
	{ "masks: the same for any VM at any time", check_any_vm },
	{ "masks: a bit that is not in a mask cannot be changed",
	  check_clear_bits },

	{ "request: any other range is EINVAL, before EFAULT", check_ranges },
	{ "request: any reserved byte set is EINVAL, before EFAULT",
	  check_reserved },
	{ "request: EINVAL to a vCPU and to /dev/kvm", check_other_fds },
};

int main(void)
{
	struct id_state state;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES));
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(1);
	vm = fw_vm_create_one(&vcpu);
	state = id_state_read(vcpu);
	has_aarch32 = id_has_aarch32(&state);
	id_fill_masks(masks, has_aarch32);

	test_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	test_finished();
}
