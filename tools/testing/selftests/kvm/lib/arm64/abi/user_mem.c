// SPDX-License-Identifier: GPL-2.0-only
/* Memory between inaccessible pages */
#include <linux/sizes.h>
#include <sys/mman.h>

#include "abi/cases.h"
#include "abi/user_mem.h"

u8 *user_mem;
u8 *user_hole;
size_t user_mem_size;

u8 *user_read_only;
size_t user_page_size;

u64 user_bad_pointers[] = {
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
	0,			/* PROT_NONE, filled in by user_mem_create() */
};

kvm_static_assert(ARRAY_SIZE(user_bad_pointers) == NR_USER_BAD_POINTERS);

void user_mem_protect(void *addr, size_t size, int prot)
{
	int ret = mprotect(addr, size, prot);

	TEST_ASSERT(!ret, __KVM_SYSCALL_ERROR("mprotect()", ret));
}

void user_mem_create(int nr_pages)
{
	user_page_size = getpagesize();
	user_mem_size = nr_pages * user_page_size;

	user_mem = kvm_mmap(user_mem_size + 2 * user_page_size, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1);
	user_mem += user_page_size;
	user_mem_protect(user_mem, user_mem_size, PROT_READ | PROT_WRITE);
	user_hole = user_mem + user_mem_size;
	user_bad_pointers[NR_USER_BAD_POINTERS - 1] = (u64)user_hole;

	user_read_only = kvm_mmap(user_page_size, PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

void user_mem_set_read_only(const void *val, size_t len)
{
	user_mem_protect(user_read_only, user_page_size,
			 PROT_READ | PROT_WRITE);
	memcpy(user_read_only, val, len);
	user_mem_protect(user_read_only, user_page_size, PROT_READ);
}

void user_mem_fill_canary(void)
{
	memset(user_mem, USER_CANARY, user_mem_size);
}

void __user_mem_expect_canary(int line, const void *val, size_t len,
			      const char *what)
{
	const u8 *p, *first = val;

	for (p = user_mem; p < user_hole; p++) {
		if (p >= first && p < first + len)
			continue;
		if (*p != USER_CANARY)
			break;
	}

	__test_expect(line, p == user_hole,
		      "%s: byte at %ld of the value is overwritten",
		      what, (long)(p - first));
}
