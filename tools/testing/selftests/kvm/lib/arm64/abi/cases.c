// SPDX-License-Identifier: GPL-2.0-only
/* Cases of the arm64 tests */
#include "abi/cases.h"

static unsigned int test_failures;
static const char *test_skip_reason;

void test_set_plan(int nr)
{
	ksft_set_plan(nr);
}

void test_finished(void)
{
	ksft_finished();
}

unsigned int test_nr_failures(void)
{
	return test_failures;
}

void test_clear_failures(void)
{
	test_failures = 0;
}

bool test_fail(void)
{
	return test_failures++ < TEST_MAX_REPORTS;
}

void __test_expect(int line, bool cond, const char *fmt, ...)
{
	va_list args;

	if (cond || !test_fail())
		return;

	va_start(args, fmt);
	printf("# line %d: ", line);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

void test_skip(const char *reason)
{
	test_skip_reason = reason;
}

void test_skip_case(const struct test_case *c, const char *reason)
{
	ksft_test_result_skip("%s: %s\n", c->name, reason);
}

void test_fail_case(const char *name)
{
	ksft_test_result_fail("%s\n", name);
}

void test_run_cases(const struct test_case *cases, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		test_failures = 0;
		test_skip_reason = NULL;

		cases[i].run(cases[i].arg);

		if (test_failures > TEST_MAX_REPORTS)
			ksft_print_msg("%u failures in all\n", test_failures);

		if (test_skip_reason && !test_failures)
			test_skip_case(&cases[i], test_skip_reason);
		else
			ksft_test_result(!test_failures, "%s\n", cases[i].name);
	}
}
