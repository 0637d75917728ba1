/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault injection: the n-th copy from or to userspace, or allocation of memory,
 * that this thread makes from now on fails, and optionally all later
 * allocations.
 *
 * Documentation/fault-injection/fault-injection.rst; CONFIG_FAULT_INJECTION,
 * CONFIG_FAULT_INJECTION_DEBUG_FS and one for each kind.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FAULT_INJECT_H
#define SELFTEST_KVM_ARM64_ABI_FAULT_INJECT_H

#include "test_util.h"

enum inject_kind {
	INJECT_USERCOPY,
	/* These make copies fail as well, which have no filter. */
	INJECT_SLAB,
	INJECT_PAGES,
	NR_INJECT_KINDS,
};

/* Skips the whole test if the kernel does not support it. */
void inject_require(void);

void inject_select(enum inject_kind kind);

/* The @n-th copy or allocation fails, until the next inject_end(). */
void inject_nth(unsigned int n);

/*
 * All allocations fail, or those after the n-th fault, if inject_nth() is
 * called after this.
 */
void inject_all(void);

/*
 * Returns whether the n-th was reached. If it was not, the copies that access
 * the file itself can fail, too.
 */
bool inject_end(void);

#endif /* SELFTEST_KVM_ARM64_ABI_FAULT_INJECT_H */
