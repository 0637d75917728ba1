// SPDX-License-Identifier: GPL-2.0-only
/* What kmemleak reports */
#include <fcntl.h>

#include "abi/cases.h"
#include "leak.h"

#define LEAK_FILE	"/sys/kernel/debug/kmemleak"
#define LEAK_MAX	1024

/* kmemleak only reports objects that are older than five seconds. */
#define LEAK_AGE_S	6

/* Objects that were lost before */
static u64 leaks_before[LEAK_MAX];
static int leak_nr_before;

static bool leak_scan(void)
{
	int fd = open(LEAK_FILE, O_WRONLY);
	ssize_t len = fd < 0 ? -1 : write(fd, "scan", 4);

	close(fd);
	return len == 4;
}

static bool leak_is_old(u64 addr)
{
	int i;

	for (i = 0; i < leak_nr_before && leaks_before[i] != addr; i++)
		;
	return i < leak_nr_before;
}

/* Whether @line begins the report on an object */
static bool leak_parse(const char *line, u64 *addr)
{
	return sscanf(line, "unreferenced object 0x%lx", addr) == 1;
}

/* Print new leaks. Returns the number of objects. */
static int leak_report_new(FILE *f)
{
	bool is_new = false;
	char line[256];
	int nr = 0;
	u64 addr;

	while (fgets(line, sizeof(line), f)) {
		if (leak_parse(line, &addr)) {
			is_new = !leak_is_old(addr);
			nr += is_new;
		}
		if (is_new && nr <= 4)
			ksft_print_msg("%s", line);
	}
	return nr;
}

static bool leak_supported(void)
{
	return !access(LEAK_FILE, R_OK | W_OK);
}

void leak_begin(void)
{
	char line[256];
	FILE *f;

	if (!leak_supported())
		return;

	TEST_ASSERT(leak_scan(), LEAK_FILE " has been switched off");
	f = fopen(LEAK_FILE, "r");
	TEST_ASSERT(f, "Failed to open " LEAK_FILE);
	while (fgets(line, sizeof(line), f) && leak_nr_before < LEAK_MAX)
		leak_nr_before += leak_parse(line,
					     &leaks_before[leak_nr_before]);
	fclose(f);
}

void leak_check(int unused)
{
	FILE *f;
	int nr;

	if (!leak_supported()) {
		test_skip("the kernel has no " LEAK_FILE);
		return;
	}

	sleep(LEAK_AGE_S);
	/* An object held by a register looks lost: the second scan finds it. */
	if (!leak_scan() || !leak_scan()) {
		test_expect(false, "kmemleak has switched itself off");
		return;
	}

	f = fopen(LEAK_FILE, "r");
	TEST_ASSERT(f, "Failed to open " LEAK_FILE);
	nr = leak_report_new(f);
	test_expect(!nr, "%d objects are lost", nr);
	fclose(f);
}
