/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cases of a test: what they expect, skipping them, and reporting them.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_CASES_H
#define SELFTEST_KVM_ARM64_ABI_CASES_H

#include <linux/compiler.h>

#include "test_util.h"

/*
 * The plan, the results and the totals. kselftest.h has a count of its own in
 * each object, so a test that has cases leaves all counting to the harness.
 */
void test_set_plan(int nr);
void __noreturn test_finished(void);

/*
 * Cases. A case states what it expects with test_expect() and goes on after a
 * failure, so that one run shows the whole extent of a regression; only the
 * first few failures are described.
 */
#define TEST_MAX_REPORTS	8

struct test_case {
	const char *name;
	void (*run)(int arg);
	int arg;
};

/* The failures of the current case */
unsigned int test_nr_failures(void);

void test_clear_failures(void);

/* Count a failure. Returns whether it is one of the first, to be described. */
bool test_fail(void);

__printf(3, 4) void __test_expect(int line, bool cond, const char *fmt, ...);
#define test_expect(...)	__test_expect(__LINE__, __VA_ARGS__)

/* Skip the case, with the reason. To be followed by a return. */
void test_skip(const char *reason);

void test_run_cases(const struct test_case *cases, int nr);

/* Skip a case without running it, or report one that is not in a table. */
void test_skip_case(const struct test_case *c, const char *reason);
void test_fail_case(const char *name);

#endif /* SELFTEST_KVM_ARM64_ABI_CASES_H */
