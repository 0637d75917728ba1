/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The switch between implementations of KVM/arm64's userspace and guest ABI.
 * A kernel with several implementations has
 *
 *	/sys/kernel/debug/kvm/arm_abi/mode	the current one, writable
 *	/sys/kernel/debug/kvm/arm_abi/check	N: in mode check, compare one in N
 *						calls
 *	/sys/kernel/debug/kvm/arm_abi/count	1: count the calls of each
 *	/sys/kernel/debug/kvm/arm_abi/fast	1: in mode rust, answer hypercalls
 *						without an exit where it can
 *						(VHE only, and not counted ones)
 *	/sys/kernel/debug/kvm/arm_abi/stats	these counts, the mismatches
 *						found between implementations,
 *						and the calls not judged
 *
 * However a test ends, the switch is restored to its initial state.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SWITCH_H
#define SELFTEST_KVM_ARM64_ABI_SWITCH_H

#include "kvm_util.h"

#define ABI_DIR		"/sys/kernel/debug/kvm/arm_abi/"
#define ABI_EVENTS	"/sys/kernel/tracing/events/kvm_arm64_rust/enable"
#define ABI_WORD	16

bool abi_present(void);

/* The mode in which the test was started, and under test if it sets none */
const char *abi_initial_mode(void);

/* For a child process: its parent restores the switch. */
void abi_leave_to_parent(void);

/* The last column may be missing. */
struct abi_stats {
	u64 c;
	u64 rust;
	u64 mismatches;
	u64 unjudged;
};

/* The first word in a file of the switch, which is not seekable */
bool abi_read_word(const char *file, char buf[ABI_WORD]);

/* Returns 0 or the positive errno. */
int abi_write_word(const char *file, const char *word);

/*
 * Returns false, with errno set, if this kernel has no switch. This is for a
 * program that has to stay single-threaded; signals simply end it.
 */
bool __abi_open(void);

bool abi_open(void);

/* Uncounted calls are served by other functions. A no-op without the switch. */
void abi_set_count(bool count);

void abi_toggle_count(void);

/* Whether hypercalls may be answered without an exit. A no-op without the switch. */
void abi_set_fast(bool fast);

void abi_toggle_fast(void);

/* Of how many calls mode check compares one. A no-op without the switch. */
void abi_set_check(unsigned int n);

/* From all calls to a part of them, and back */
void abi_toggle_check(void);

/* False if the kernel cannot trace. If it can, the tracepoints must exist. */
bool abi_can_trace(void);

/* Traced calls are served by other functions, too. */
void abi_toggle_events(void);

void abi_set_mode(const char *mode);

/*
 * The counts of one surface, or the sum over all if @surface is NULL; the
 * header line is "surface c rust mismatches unjudged".
 */
struct abi_stats abi_read_surface(const char *surface);

struct abi_stats abi_read_stats(void);

/* Turn counting of calls on, for abi_check_stats(). */
void abi_begin_stats(void);

/* The mismatches since abi_begin_stats() */
u64 abi_new_mismatches(void);

/* Returns whether there is a switch, else only the test's load runs. */
bool abi_begin(void);

/* The last case of a test that flips the mode; the mode is restored after it. */
void abi_check_stats(int unused);

#endif /* SELFTEST_KVM_ARM64_ABI_SWITCH_H */
