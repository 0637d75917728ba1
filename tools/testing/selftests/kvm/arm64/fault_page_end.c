// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_page_end - Each copy from and to userspace's memory that KVM/arm64's
 * migration ABI makes, of memory that ends too early, or begins too late, by
 * each number of bytes: before and after a hole, read-only memory, and the end
 * of user space.
 *
 * The call returns EFAULT and has no effect, except in memory: lists are
 * written, and arrays of masks zeroed, as far as possible. All modes must leave
 * memory as C does.
 *
 * fw_reg_errors, vm_one_reg_errors, vgic_v2_errors and reg_mask_memory test
 * which errors come before EFAULT.
 */
#include "abi/cases.h"
#include "abi/fault/call.h"
#include "abi/fault/place.h"
#include "abi/fault/vm.h"
#include "abi/one_reg.h"
#include "abi/switch.h"
#include "abi/user_mem.h"
#include "processor.h"

static struct fault_state before;

/* While calls are counted, each call checks the mode. */
static const struct pass {
	const char *mode;
	const char *count;
} passes[] = {
	{ "c", "0" }, { "rust", "0" }, { "check", "0" }, { "c", "1" },
	{ "rust", "1" },
};

static int nr_passes(void)
{
	return abi_present() ? ARRAY_SIZE(passes) : 1;
}

/* What the first pass left in memory, by the number of bytes */
static u64 *hashes[NR_PLACES];

/* The memory's contents after the call if all of it is accessible */
static u8 *full;

static void begin_pass(struct fault_call *c, int pass)
{
	if (abi_present()) {
		fault_set_mode(passes[pass].mode);
		TEST_ASSERT(!abi_write_word(ABI_DIR "count", passes[pass].count),
			    "Failed to have calls counted or not");
	}
	if (c->begin)
		c->begin(c);
}

/* Make the call at @addr, expect @want, and that it has no effect. */
static void make_call(struct fault_call *c, u64 addr, int want,
		      const char *where, size_t k)
{
	int ret = c->run(c, addr);

	test_expect(ret == want, "%s, %lu bytes %s, mode %s: %s, expected %s",
		    c->name, k, where, fault_mode, strerror(ret),
		    strerror(want));
	fault_undo(c, ret);
	fault_check(c);
}

/* ---- The ends of memory ---- */

/* Arrays are long: try every number of bytes at a hole, some elsewhere. */
static size_t step(const struct fault_call *c, enum fault_place place, size_t k,
		   int pass)
{
	if (c->size <= 256 || (place == PLACE_HOLE_BEHIND && pass < 3))
		return 1;

	return k < 24 || k > c->size - 24 ? 1 : 11;
}

static void sweep(struct fault_call *c, enum fault_place place, int pass)
{
	struct place_object m;
	u64 hash;
	size_t k;

	for (k = 0; k <= c->size; k += step(c, place, k, pass)) {
		m = place_begin(c, place, k);
		make_call(c, (u64)m.p, place_want(&m), place_name[place], k);
		place_expect_kept(&m);

		hash = c->writes ? place_hash(&m) : 0;
		if (!pass)
			hashes[place][k] = hash;
		/* Else the contents have been checked already. */
		if (!pass || !c->writes || hash != hashes[place][k])
			place_expect(&m, full);
		test_expect(hash == hashes[place][k],
			    "%s, %lu bytes %s: mode %s leaves other memory than %s",
			    c->name, k, place_name[place], fault_mode,
			    passes[0].mode);
		place_end(&m);
	}
	place_expect_canaries(c->name);
}

/* ---- Bad addresses, and unaligned memory ---- */

static void try_bad_pointers(struct fault_call *c)
{
	size_t end[] = { c->size, c->size - 1, 1, 0 };
	int i;

	for (i = 0; i < NR_USER_BAD_POINTERS; i++)
		make_call(c, user_bad_pointers[i], EFAULT, "nowhere", i);
	/* The memory ends at the end of all addresses, or would wrap. */
	for (i = 0; i < ARRAY_SIZE(end); i++) {
		make_call(c, -end[i], EFAULT, "before all bits set", end[i]);
		make_call(c, BIT(55) - end[i], EFAULT, "before bit 55", end[i]);
		make_call(c, BIT(63) - end[i], EFAULT, "before bit 63", end[i]);
	}
	place_expect_canaries(c->name);
}

static void try_alignments(struct fault_call *c)
{
	size_t k;
	u8 *p;

	for (k = 0; k < 16; k++) {
		p = user_mem + 64 + k;
		memcpy(p, c->in, c->in_size);
		make_call(c, (u64)p, fault_want(c), "not aligned to 8 bytes",
			  k);
		test_expect(!memcmp(p, full, c->size), "%s: memory at %lu",
			    c->name, k);
		memset(p, USER_CANARY, c->size);
	}
	place_expect_canaries(c->name);
}

/* ---- All calls ---- */

static void check_call(int nr)
{
	struct fault_call *c = &fault_calls[nr];
	int pass, i;

	TEST_ASSERT(c->size + 128 <= user_page_size, "%s: no room", c->name);
	full = realloc(full, c->size);
	for (i = 0; i < NR_PLACES; i++)
		hashes[i] = realloc(hashes[i], (c->size + 1) * sizeof(u64));

	for (pass = 0; pass < nr_passes(); pass++) {
		begin_pass(c, pass);
		/* Calls with their own VM succeed only after the failures. */
		memcpy(full, c->in, c->in_size);
		if (c->writes) {
			memcpy(user_mem, c->in, c->in_size);
			make_call(c, (u64)user_mem, fault_want(c),
				  "in accessible memory", 0);
			memcpy(full, user_mem, c->size);
			user_mem_fill_canary();
		}

		for (i = 0; i < NR_PLACES; i++) {
			if (i != PLACE_TOP || place_top)
				sweep(c, i, pass);
		}
		try_bad_pointers(c);
		try_alignments(c);
	}
	fault_expect_state(&before, c->name);
}

/* If the last page is not the last one, this place is no special case. */
static void check_top(int unused)
{
	int ret;
	u8 *next;

	if (!place_top) {
		test_skip("the last page of user space cannot be mapped");
		return;
	}
	next = mmap(place_top + user_page_size, user_page_size, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	test_expect(next == MAP_FAILED, "there is another page after it");
	ret = one_reg(fault_vms.plain_vcpu->fd, KVM_GET_ONE_REG,
		      KVM_REG_ARM_PSCI_VERSION,
		      (u64)place_top + user_page_size - 8);
	test_expect(!ret, "the last 8 bytes: %s", strerror(ret));
}

/* The calls cover all surfaces. */
static void check_surfaces(int unused)
{
	static const char * const surfaces[] = {
		"fw_reg", "id_reg", "reg_masks", "smccc_filter",
		"vgic_v2",
	};
	int i, nr = ARRAY_SIZE(surfaces) - !fault_vms.gic.vm;

	if (!abi_present()) {
		test_skip("the kernel has no switch");
		return;
	}
	for (i = 0; i < nr; i++)
		test_expect(abi_read_surface(surfaces[i]).rust,
			    "rust served no call of %s", surfaces[i]);
}

static const struct test_case more_cases[] = {
	{ "no page follows the end of user space", check_top },
	{ "calls of each surface were served by Rust", check_surfaces },
};

int main(void)
{
	test_disable_default_vgic();
	ksft_print_header();
	place_create();
	if (__abi_open())
		abi_begin_stats();
	else
		ksft_print_msg(ABI_DIR "mode: %s, one implementation alone\n",
			       strerror(errno));
	fault_add_all();
	fault_state_read(&before);

	fault_run_cases(check_call, more_cases, ARRAY_SIZE(more_cases));
}
