// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_mask_opt_in - KVM_ARM_GET_REG_WRITABLE_MASKS of a VM that has opted in to
 * KVM_ARM_GIC_RANGE and KVM_ARM_FW_RANGE: which requests are refused, and what
 * is written to the caller's memory.
 *
 * A range that the VM has not enabled is EINVAL like an unknown one, whatever
 * the pointer to the array is. An enabled one behaves like range 0: the whole
 * array is zeroed, then written, and its accessible part holds zeroes after
 * EFAULT. Range 0 is the same as in any VM.
 *
 * reg_mask_range and reg_mask_memory test range 0; reg_mask_gic and reg_mask_fw
 * test the masks.
 */
#include <asm/kvm_migration.h>
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/id_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_mask.h"
#include "abi/user_mem.h"
#include "processor.h"

#define NR_PAGES	2
#define ID_MASKS_SIZE	(NR_ID_REGS * sizeof(u64))

static const u32 new_ranges[] = { KVM_ARM_GIC_RANGE, KVM_ARM_FW_RANGE };

/* Has enabled both ranges, and has a GICv3 if the host supports it. */
static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;

static void expect_ret(struct kvm_vm *v, u32 range, u64 addr, int want)
{
	int ret = mask_get_at(v, range, addr);

	test_expect(ret == want, "range %u at %#lx: %s, expected %s", range,
		    addr, strerror(ret), strerror(want));
}

static void expect_request(const struct reg_mask_range *request, int want)
{
	int ret = id_get_masks(vm->fd, request);

	test_expect(ret == want, "range %u at %#llx: %s, expected %s",
		    request->range, request->addr, strerror(ret),
		    strerror(want));
}

/* EINVAL, and the pointer is not used. */
static void expect_no_range(struct kvm_vm *v, u32 range, const char *what)
{
	int i;

	user_mem_fill_canary();
	expect_ret(v, range, (u64)user_mem, EINVAL);
	expect_ret(v, range, (u64)user_hole - 8, EINVAL);
	for (i = 0; i < NR_USER_BAD_POINTERS; i++)
		expect_ret(v, range, user_bad_pointers[i], EINVAL);
	user_mem_expect_untouched(what);
}

/* All masks are written at @p, and nothing else. */
static void expect_written(struct kvm_vm *v, u32 range, u8 *p, const char *what)
{
	struct mask_array want = mask_get(v, range);

	user_mem_fill_canary();
	expect_ret(v, range, (u64)p, 0);
	test_expect(!memcmp(p, want.val, mask_size(range)), "%s: masks", what);
	user_mem_expect_canary(p, mask_size(range), what);
}

/* Range 0 is as in a VM that has not opted in to anything. */
static void expect_id_range(struct kvm_vm *v, const char *when)
{
	struct kvm_vm *other = vm_create_barebones();
	u64 want[NR_ID_REGS], val;
	int nr, nr_masks = 0;

	expect_ret(other, KVM_ARM_FEATURE_ID_RANGE, (u64)want, 0);
	kvm_vm_free(other);

	user_mem_fill_canary();
	expect_ret(v, KVM_ARM_FEATURE_ID_RANGE, (u64)user_mem, 0);
	for (nr = 0; nr < NR_ID_REGS; nr++) {
		memcpy(&val, user_mem + nr * sizeof(val), sizeof(val));
		test_expect(val == want[nr], "%s: mask %d is %#lx, not %#lx",
			    when, nr, val, want[nr]);
		nr_masks += !!val;
	}
	test_expect(nr_masks, "%s: no masks", when);
	user_mem_expect_canary(user_mem, ID_MASKS_SIZE, when);
}

/* The result of KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES */
static void expect_cap(int fd, u32 new, const char *when)
{
	int want = BIT(KVM_ARM_FEATURE_ID_RANGE) | new;
	int ret = opt_in_check(fd, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);

	test_expect(ret == want, "%s: ranges %#x, expected %#x", when, ret,
		    want);
}

/* ---- Which ranges there are ---- */

/* The ranges of @v are 0 and those of @enabled, and KVM reports them. */
static void expect_ranges(struct kvm_vm *v, u32 enabled, const char *when)
{
	int i, fd = open_kvm_dev_path_or_exit();

	expect_cap(v->fd, enabled, when);
	expect_cap(fd, 0, "/dev/kvm");
	close(fd);

	expect_id_range(v, when);
	for (i = 0; i < ARRAY_SIZE(new_ranges); i++) {
		if (enabled & BIT(new_ranges[i]))
			expect_written(v, new_ranges[i], user_mem, when);
		else
			expect_no_range(v, new_ranges[i], when);
	}
}

static void check_not_opted_in(int unused)
{
	struct kvm_vm *other = vm_create_barebones();

	expect_ranges(other, 0, "not opted in");
	__vm_vcpu_add(other, 0);
	expect_ranges(other, 0, "not opted in, vCPU");
	kvm_vm_free(other);

	/* Opting in to something else does not enable ranges. */
	other = vm_create_barebones();
	opt_in(other, BIT(OPT_IN_LEVELS));
	opt_in(other, BIT(OPT_IN_VM_REGS));
	opt_in(other, BIT(OPT_IN_SCOPE));
	opt_in(other, BIT(OPT_IN_FREEZE));
	expect_ranges(other, 0, "all other capabilities");
	kvm_vm_free(other);
}

static void check_one_range(int range)
{
	u32 both = BIT(KVM_ARM_GIC_RANGE) | BIT(KVM_ARM_FW_RANGE);
	struct kvm_vm *other = vm_create_barebones();

	opt_in(other, BIT(range));
	expect_ranges(other, BIT(range), "one range");
	opt_in(other, BIT(range));
	expect_ranges(other, BIT(range), "the same again");

	opt_in(other, both & ~BIT(range));
	expect_ranges(other, both, "the other one, too");
	kvm_vm_free(other);

	other = vm_create_barebones();
	opt_in(other, BIT(range));
	__vm_vcpu_add(other, 0);
	expect_ranges(other, BIT(range), "one range, vCPU");
	kvm_vm_free(other);
}

static void check_both_ranges(int unused)
{
	struct kvm_vm *other = mask_vm_create(1);
	struct kvm_vcpu *other_vcpu;

	/* The run leaves no mask of a firmware register. */
	fw_vm_add_vcpus(other, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code, &other_vcpu);
	expect_ranges(vm, OPT_IN_RANGES, "both ranges");
	expect_ranges(other, OPT_IN_RANGES, "both ranges, another VM");
	id_run(other_vcpu);
	expect_ranges(other, OPT_IN_RANGES, "both ranges, after a run");
	kvm_vm_free(other);
}

/* A refused request enables nothing, and disables nothing. */
static void check_refused_enable(int range)
{
	static const u64 bad_args[] = {
		BIT(31), BIT(31) | OPT_IN_RANGES,
		0x8000000000000002, ~0UL, 0x100000002,
	};
	struct kvm_vm *other = vm_create_barebones();
	int i, ret;

	opt_in(other, BIT(range));
	for (i = 0; i < ARRAY_SIZE(bad_args); i++) {
		ret = opt_in_enable(other->fd, bad_args[i]);
		test_expect(ret == EINVAL, "%#lx: %s", bad_args[i],
			    strerror(ret));
	}
	__vm_vcpu_add(other, 0);
	ret = opt_in_enable(other->fd, OPT_IN_RANGES);
	test_expect(ret == EINVAL, "vCPU created: %s", strerror(ret));
	expect_ranges(other, BIT(range), "refused");
	kvm_vm_free(other);
}

/* ---- Requests that are refused ---- */

static void check_unknown_ranges(int unused)
{
	static const u32 ranges[] = { 3, 5, 6, 7, 0x7fffffff, ~0u, 0x10001 };
	int i;

	for (i = 2; i < 32; i++)
		expect_no_range(vm, BIT(i), "unknown range");
	for (i = 0; i < ARRAY_SIZE(ranges); i++)
		expect_no_range(vm, ranges[i], "unknown range");
}

static void check_reserved(int range)
{
	struct reg_mask_range request = { .range = range };
	u8 *reserved = (u8 *)request.reserved;
	int i;

	user_mem_fill_canary();
	for (i = 0; i < sizeof(request.reserved); i++) {
		reserved[i] = i & 1 ? 0x80 : 0x01;
		request.addr = (u64)user_mem;
		expect_request(&request, EINVAL);
		request.addr = (u64)user_hole;
		expect_request(&request, EINVAL);
		reserved[i] = 0;
	}
	for (i = 0; i < ARRAY_SIZE(request.reserved); i++) {
		request.reserved[i] = ~0u;
		request.addr = (u64)user_mem;
		expect_request(&request, EINVAL);
	}
	user_mem_expect_untouched("reserved");

	/* The reserved byte was the reason. */
	memset(request.reserved, 0, sizeof(request.reserved));
	expect_request(&request, 0);
}

static void check_other_fds(int range)
{
	struct reg_mask_range request = { .addr = (u64)user_mem, .range = range };
	int ret, fd = open_kvm_dev_path_or_exit();

	user_mem_fill_canary();
	ret = id_get_masks(vcpu->fd, &request);
	test_expect(ret == EINVAL, "vCPU: %s", strerror(ret));
	ret = id_get_masks(fd, &request);
	test_expect(ret == EINVAL, "/dev/kvm: %s", strerror(ret));
	user_mem_expect_untouched("wrong file descriptor");
	close(fd);
}

/* ---- Memory ---- */

static void check_bad_pointers(int range)
{
	size_t size = mask_size(range), k;
	int i;

	user_mem_fill_canary();
	for (i = 0; i < NR_USER_BAD_POINTERS; i++)
		expect_ret(vm, range, user_bad_pointers[i], EFAULT);
	/* The array ends at the end of all addresses, or wraps. */
	expect_ret(vm, range, -size, EFAULT);
	expect_ret(vm, range, -size + 8, EFAULT);
	expect_ret(vm, range, (u64)user_read_only, EFAULT);
	for (k = 8; k <= size; k += 56)
		expect_ret(vm, range, (u64)user_mem - k, EFAULT);
	user_mem_expect_untouched("bad pointer");
	for (i = 0; i < user_page_size; i++)
		test_expect(!user_read_only[i], "read-only page written to");
}

static void check_bad_request(int range)
{
	struct reg_mask_range request = { .addr = (u64)user_mem, .range = range };
	u8 *p = user_hole - sizeof(request);
	int i, ret;

	user_mem_fill_canary();
	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		ret = id_get_masks(vm->fd, (void *)user_bad_pointers[i]);
		test_expect(ret == EFAULT, "request at %#lx: %s",
			    user_bad_pointers[i], strerror(ret));
	}
	user_mem_expect_untouched("request that cannot be read");

	memcpy(p, &request, sizeof(request));
	expect_request((void *)p, 0);
	test_expect(!memcmp(p, &request, sizeof(request)),
		    "request written to");
}

static void check_whole(int range)
{
	struct mask_array want = mask_get(vm, range);
	size_t size = mask_size(range);
	int k;

	for (k = 0; k < 16; k++) {
		expect_written(vm, range, user_mem + k,
			       "not aligned to 8 bytes");
		expect_written(vm, range, user_hole - size - k, "near a hole");
		expect_written(vm, range,
			       user_mem + user_page_size - size / 2 - k,
			       "across pages");
	}

	/* The old contents are overwritten. */
	for (k = 0; k < 256; k += 51) {
		memset(user_mem, k, size);
		expect_ret(vm, range, (u64)user_mem, 0);
		test_expect(!memcmp(user_mem, want.val, size), "over %#x", k);
	}
}

/*
 * The first @k bytes of the array are accessible: all whole words of them are
 * zeroed. A word that crosses into the hole may be stored in part, or not.
 */
static void expect_wiped(u32 range, size_t k)
{
	size_t i, words = k & ~7UL;
	u8 *p = user_hole - k;

	user_mem_fill_canary();
	expect_ret(vm, range, (u64)p, EFAULT);
	for (i = 0; i < k; i++)
		test_expect(!p[i] || (i >= words && p[i] == USER_CANARY),
			    "%lu bytes: byte %lu is %#x", k, i, p[i]);
	user_mem_expect_canary(p, k, "array into a hole");
}

static void check_partial(int range)
{
	size_t size = mask_size(range), k;

	for (k = 1; k < size; k += k < 32 || k > size - 32 ? 1 : 5)
		expect_wiped(range, k);
	for (k = 8; k < size; k += 8)
		expect_wiped(range, k);

	/* Readable memory is not enough. */
	user_mem_protect(user_hole, user_page_size, PROT_READ);
	for (k = 4; k < size; k += 28)
		expect_wiped(range, k);
	test_expect(!*user_hole && !memcmp(user_hole, user_hole + 1,
					   user_page_size - 1),
		    "read-only page written to");
	user_mem_protect(user_hole, user_page_size, PROT_NONE);
}

/* Both ranges hold masks, else the tests of memory would show little. */
static void check_not_empty(int unused)
{
	struct mask_array gic = mask_get(vm, KVM_ARM_GIC_RANGE);
	struct mask_array fw = mask_get(vm, KVM_ARM_FW_RANGE);

	test_expect(fw.val[64], "no mask of KVM_REG_ARM_STD_BMAP");
	if (!kvm_supports_vgic_v3())
		test_skip("KVM has no GICv3 here");
	else
		test_expect(gic.val[KVM_ARM_GIC_RANGE_IDX(0, 12, 4)],
			    "no mask of ICC_CTLR_EL1");
}

static const struct test_case cases[] = {
	{ "a VM that has not opted in has only range 0", check_not_opted_in },
	{ "GIC range: enabled alone, then the other one",
	  check_one_range, KVM_ARM_GIC_RANGE },
	{ "firmware range: enabled alone, then the other one",
	  check_one_range, KVM_ARM_FW_RANGE },
	{ "GIC range: enabled, refused requests have no effect",
	  check_refused_enable, KVM_ARM_GIC_RANGE },
	{ "firmware range: enabled, refused requests have no effect",
	  check_refused_enable, KVM_ARM_FW_RANGE },
	{ "both ranges do not change range 0", check_both_ranges },

	{ "any other range is EINVAL, before EFAULT", check_unknown_ranges },
	{ "GIC range: any reserved byte set is EINVAL, before EFAULT",
	  check_reserved, KVM_ARM_GIC_RANGE },
	{ "firmware range: any reserved byte set is EINVAL, before EFAULT",
	  check_reserved, KVM_ARM_FW_RANGE },
	{ "GIC range: EINVAL to a vCPU and to /dev/kvm",
	  check_other_fds, KVM_ARM_GIC_RANGE },
	{ "firmware range: EINVAL to a vCPU and to /dev/kvm",
	  check_other_fds, KVM_ARM_FW_RANGE },

	{ "both ranges hold masks", check_not_empty },
	{ "GIC range: a bad pointer to the array is EFAULT",
	  check_bad_pointers, KVM_ARM_GIC_RANGE },
	{ "firmware range: a bad pointer to the array is EFAULT",
	  check_bad_pointers, KVM_ARM_FW_RANGE },
	{ "GIC range: a bad pointer to the request is EFAULT",
	  check_bad_request, KVM_ARM_GIC_RANGE },
	{ "firmware range: a bad pointer to the request is EFAULT",
	  check_bad_request, KVM_ARM_FW_RANGE },
	{ "GIC range: written in whole, anywhere, and nothing else",
	  check_whole, KVM_ARM_GIC_RANGE },
	{ "firmware range: written in whole, anywhere, and nothing else",
	  check_whole, KVM_ARM_FW_RANGE },
	{ "GIC range: EFAULT within the array leaves zeroes before it",
	  check_partial, KVM_ARM_GIC_RANGE },
	{ "firmware range: EFAULT within the array leaves zeroes before it",
	  check_partial, KVM_ARM_FW_RANGE },
};

int main(void)
{
	int fd = -1;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES));
	test_disable_default_vgic();

	ksft_print_header();
	opt_in_require();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(NR_PAGES);
	vm = mask_vm_create(1);
	if (kvm_supports_vgic_v3())
		fd = mask_vgic_v3_add(vm, 1);
	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code,
			&vcpu);
	if (fd >= 0)
		__vgic_v3_init(fd);

	test_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	test_finished();
}
