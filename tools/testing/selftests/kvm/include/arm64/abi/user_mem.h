/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for tests of what an ioctl does to userspace's memory: accessible
 * pages, right between two inaccessible ones, filled with a canary to show what
 * has been written; a read-only page; and bad pointers.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_USER_MEM_H
#define SELFTEST_KVM_ARM64_ABI_USER_MEM_H

#include "kvm_util.h"

#define USER_CANARY		0xc5

/* The accessible memory ends at the hole. */
extern u8 *user_mem;
extern u8 *user_hole;
extern size_t user_mem_size;

extern u8 *user_read_only;
extern size_t user_page_size;

/* Addresses that no user process can access */
extern u64 user_bad_pointers[];

#define NR_USER_BAD_POINTERS	15

void user_mem_protect(void *addr, size_t size, int prot);

/* Called once, by main() */
void user_mem_create(int nr_pages);

/* Store a value in the read-only page. */
void user_mem_set_read_only(const void *val, size_t len);

void user_mem_fill_canary(void);

/* All of the memory holds the canary, except @len bytes at @val. */
void __user_mem_expect_canary(int line, const void *val, size_t len,
			      const char *what);
#define user_mem_expect_canary(...)					\
	__user_mem_expect_canary(__LINE__, __VA_ARGS__)

/* The same for all of the memory */
#define user_mem_expect_untouched(what)				\
	user_mem_expect_canary(user_mem, 0, what)

#endif /* SELFTEST_KVM_ARM64_ABI_USER_MEM_H */
