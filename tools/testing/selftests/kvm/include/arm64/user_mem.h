/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for tests of what an ioctl does to userspace's memory: accessible
 * pages, right between two inaccessible ones, filled with a canary to show what
 * has been written; a read-only page; and bad pointers.
 */
#ifndef SELFTEST_KVM_ARM64_USER_MEM_H
#define SELFTEST_KVM_ARM64_USER_MEM_H

#include <linux/sizes.h>
#include <sys/mman.h>

#include "fw_reg.h"

#define CANARY		0xc5

/* The accessible memory ends at the hole. */
static u8 *mem;
static u8 *hole;
static size_t mem_size;

static u8 *read_only;
static size_t page_size;

/* Addresses that no user process can access */
static u64 bad_pointers[] = {
	0,			/* NULL */
	4,
	8,
	SZ_1M,			/* below the program nothing is mapped */
	1UL << 52,		/* between user space and kernel */
	1UL << 55,
	0xffff000000000000UL,	/* kernel */
	0xffff800000000000UL,
	0xffff800080000000UL,
	-4096UL,
	-8UL,			/* 8 bytes end at the end of all addresses */
	-4UL,			/* and wrap, but 4 bytes do not */
	-2UL,
	-1UL,
	0,			/* PROT_NONE, filled in by mem_create() */
};

static inline void mem_protect(void *addr, size_t size, int prot)
{
	int ret = mprotect(addr, size, prot);

	TEST_ASSERT(!ret, __KVM_SYSCALL_ERROR("mprotect()", ret));
}

/* Called once, by main() */
static inline void mem_create(int nr_pages)
{
	page_size = getpagesize();
	mem_size = nr_pages * page_size;

	mem = kvm_mmap(mem_size + 2 * page_size, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1);
	mem += page_size;
	mem_protect(mem, mem_size, PROT_READ | PROT_WRITE);
	hole = mem + mem_size;
	bad_pointers[ARRAY_SIZE(bad_pointers) - 1] = (u64)hole;

	read_only = kvm_mmap(page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1);
}

/* Store a value in the read-only page. */
static inline void mem_set_read_only(const void *val, size_t len)
{
	mem_protect(read_only, page_size, PROT_READ | PROT_WRITE);
	memcpy(read_only, val, len);
	mem_protect(read_only, page_size, PROT_READ);
}

static inline void mem_fill_canary(void)
{
	memset(mem, CANARY, mem_size);
}

/* All of the memory holds the canary, except @len bytes at @val. */
static inline void __mem_expect_canary(int line, const void *val, size_t len,
				       const char *what)
{
	const u8 *p, *first = val;

	for (p = mem; p < hole; p++) {
		if (p >= first && p < first + len)
			continue;
		if (*p != CANARY)
			break;
	}

	__fw_expect(line, p == hole, "%s: byte at %ld of the value is overwritten",
		    what, (long)(p - first));
}

#define mem_expect_canary(...)	__mem_expect_canary(__LINE__, __VA_ARGS__)

/* The same for all of the memory */
#define mem_expect_untouched(what)	mem_expect_canary(mem, 0, what)

#endif /* SELFTEST_KVM_ARM64_USER_MEM_H */
