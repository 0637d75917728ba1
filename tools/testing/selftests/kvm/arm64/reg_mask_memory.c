// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_mask_memory - What KVM_ARM_GET_REG_WRITABLE_MASKS does to the memory of
 * its caller.
 *
 * The request is read and never written. The whole array is zeroed, from its
 * beginning to its end, before any mask is written. So if only the beginning of
 * the array is accessible, it holds zeroes after EFAULT, and the inaccessible
 * rest is unchanged.
 *
 * reg_mask_range tests the masks, and which requests are refused before the
 * array is accessed.
 */
#include <errno.h>
#include <sys/prctl.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/id_reg.h"
#include "abi/user_mem.h"
#include "processor.h"

#define MASKS_SIZE	(NR_ID_REGS * sizeof(u64))
#define NR_PAGES	2

static struct kvm_vm *vm;

/* The array that is expected on this host */
static u64 masks[NR_ID_REGS];

static int get_masks_at(u64 addr)
{
	struct reg_mask_range range = { .addr = addr };

	return id_get_masks(vm->fd, &range);
}

static void expect_fault(u64 addr)
{
	int ret = get_masks_at(addr);

	test_expect(ret == EFAULT, "array at %#lx: %s", addr, strerror(ret));
}

/* Expect the masks at @p, and that nothing else is written. */
static void expect_masks(u8 *p, const char *when)
{
	user_mem_fill_canary();
	id_expect_masks(vm->fd, p, masks, when);
	user_mem_expect_canary(p, MASKS_SIZE, when);
}

/* ---- Bad pointers ---- */

static const u64 bad_arrays[] = {
	-MASKS_SIZE,		/* the array ends at the end of all addresses */
	-MASKS_SIZE + 1,	/* and wraps */
};

static void check_bad_addr(int unused)
{
	int i;

	user_mem_fill_canary();
	for (i = 0; i < NR_USER_BAD_POINTERS; i++)
		expect_fault(user_bad_pointers[i]);
	for (i = 0; i < ARRAY_SIZE(bad_arrays); i++)
		expect_fault(bad_arrays[i]);
	expect_fault((u64)user_read_only);
	user_mem_expect_untouched("bad pointer");
	for (i = 0; i < user_page_size; i++)
		test_expect(!user_read_only[i], "read-only page written to");
}

static void check_bad_struct(int unused)
{
	size_t size = sizeof(struct reg_mask_range), k;
	int i, ret;

	memset(user_mem, 0, user_mem_size);
	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		ret = id_get_masks(vm->fd, (void *)user_bad_pointers[i]);
		test_expect(ret == EFAULT, "struct at %#lx: %s",
			    user_bad_pointers[i], strerror(ret));
	}
	for (i = 0; i < ARRAY_SIZE(bad_arrays); i++) {
		ret = id_get_masks(vm->fd, (void *)bad_arrays[i]);
		test_expect(ret == EFAULT, "struct at %#lx: %s", bad_arrays[i],
			    strerror(ret));
	}

	/* Bits that would be refused are not checked either. */
	memset(user_mem, 0xff, user_mem_size);
	for (k = 1; k < size; k++) {
		ret = id_get_masks(vm->fd, (void *)(user_hole - k));
		test_expect(ret == EFAULT, "%lu bytes of the struct: %s", k,
			    strerror(ret));
		ret = id_get_masks(vm->fd, (void *)(user_mem - k));
		test_expect(ret == EFAULT, "struct without %lu bytes: %s", k,
			    strerror(ret));
	}
	ret = id_get_masks(vm->fd, (void *)(user_hole - size));
	test_expect(ret == EINVAL, "struct before a hole: %s", strerror(ret));
}

/* ---- The whole array ---- */

/* Every byte of every mask is written, whatever was there before. */
static void check_garbage(int unused)
{
	static const u8 garbage[] = { 0x00, 0x01, 0x80, 0xff };
	int i;

	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		memset(user_mem, garbage[i], MASKS_SIZE);
		test_expect(!get_masks_at((u64)user_mem), "failed");
		test_expect(!memcmp(user_mem, masks, MASKS_SIZE),
			    "over bytes of %#x", garbage[i]);
	}
}

static void check_alignment(int unused)
{
	int k;

	for (k = 0; k < 16; k++) {
		expect_masks(user_mem + k, "not aligned to 8 bytes");
		expect_masks(user_hole - MASKS_SIZE - k, "near a hole");
		/* Across two pages, within a mask and between two */
		expect_masks(user_mem + user_page_size - 800 - k,
			     "across pages");
	}
}

/* The request is read before the array is written, and never written. */
static void check_request(int unused)
{
	struct reg_mask_range *range = (void *)(user_mem + 64), copy = {};

	user_mem_fill_canary();
	*range = copy;
	range->addr = (u64)user_mem;
	test_expect(!id_get_masks(vm->fd, range), "request inside the array");
	test_expect(!memcmp(user_mem, masks, MASKS_SIZE),
		    "request inside the array");

	range = (void *)(user_hole - sizeof(*range));
	copy.addr = (u64)user_mem;
	*range = copy;
	test_expect(!id_get_masks(vm->fd, range), "request before a hole");
	test_expect(!memcmp(range, &copy, sizeof(copy)), "request written to");
}

/* ---- A part of the array ---- */

/*
 * The first @k bytes of the array are accessible. Zeroes are stored from its
 * beginning on, in words of 8 bytes, or by the set instructions of FEAT_MOPS.
 * A word that crosses into the hole may be stored in part, or not at all.
 */
static void expect_wiped(size_t k)
{
	size_t i, words = k & ~7UL;
	u8 *p = user_hole - k;
	int ret;

	user_mem_fill_canary();
	ret = get_masks_at((u64)p);
	test_expect(ret == EFAULT, "%lu bytes: %s", k, strerror(ret));

	for (i = 0; i < words; i++)
		test_expect(!p[i], "%lu bytes: byte %lu is %#x", k, i, p[i]);
	for (; i < k; i++)
		test_expect(!p[i] || p[i] == USER_CANARY,
			    "%lu bytes: byte %lu is %#x", k, i, p[i]);
	user_mem_expect_canary(p, k, "array into a hole");
}

static void check_hole_behind(int unused)
{
	size_t k;

	for (k = 1; k < MASKS_SIZE; k += k < 32 || k > 1500 ? 1 : 5)
		expect_wiped(k);
	for (k = 8; k < MASKS_SIZE; k += 8)
		expect_wiped(k);
}

static void check_hole_before(int unused)
{
	size_t k;
	int ret;

	user_mem_fill_canary();
	for (k = 1; k < MASKS_SIZE; k += k < 32 || k > 1500 ? 1 : 7) {
		ret = get_masks_at((u64)user_mem - k);
		test_expect(ret == EFAULT, "%lu bytes: %s", k, strerror(ret));
	}
	ret = get_masks_at((u64)user_mem - MASKS_SIZE);
	test_expect(ret == EFAULT, "all bytes: %s", strerror(ret));
	user_mem_expect_untouched("array that begins in a hole");
}

static void check_read_only(int unused)
{
	size_t k;
	u8 *c;

	/* The hole becomes readable, but still cannot be written. */
	user_mem_protect(user_hole, user_page_size, PROT_READ);

	for (k = 1; k < MASKS_SIZE; k += k < 17 || k > 1519 ? 1 : 8)
		expect_wiped(k);
	for (c = user_hole; c < user_hole + user_page_size && !*c; c++)
		;
	test_expect(c == user_hole + user_page_size,
		    "read-only page written to");

	user_mem_protect(user_hole, user_page_size, PROT_NONE);
}

/* A tagged pointer is accepted only from tasks that enable this. */
static void check_tagged_addr(int unused)
{
	u8 *tagged = (u8 *)((u64)user_mem | 0x5aUL << 56);

	if (prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE, 0, 0, 0)) {
		test_skip("no tagged address ABI");
		return;
	}

	user_mem_fill_canary();
	test_expect(!get_masks_at((u64)tagged), "enabled");
	test_expect(!memcmp(user_mem, masks, MASKS_SIZE), "masks");

	prctl(PR_SET_TAGGED_ADDR_CTRL, 0, 0, 0, 0);
	user_mem_fill_canary();
	test_expect(get_masks_at((u64)tagged) == EFAULT, "disabled");
	user_mem_expect_untouched("tagged address");
}

static const struct test_case cases[] = {
	{ "request: a bad pointer to the array is EFAULT", check_bad_addr },
	{ "request: a bad pointer to the request is EFAULT",
	  check_bad_struct },

	{ "memory: the array is overwritten completely", check_garbage },
	{ "memory: the array needs no alignment", check_alignment },
	{ "memory: the request is only read", check_request },
	{ "memory: EFAULT within the array leaves zeroes before it",
	  check_hole_behind },
	{ "memory: EFAULT at its beginning leaves all unchanged",
	  check_hole_before },
	{ "memory: read-only is the same as inaccessible", check_read_only },
	{ "memory: tagged address", check_tagged_addr },
};

int main(void)
{
	struct kvm_vcpu *vcpu;
	struct id_state state;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES));
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(NR_PAGES);
	vm = fw_vm_create_one(&vcpu);
	state = id_state_read(vcpu);
	id_fill_masks(masks, id_has_aarch32(&state));

	test_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	test_finished();
}
