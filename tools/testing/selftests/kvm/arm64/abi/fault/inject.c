// SPDX-License-Identifier: GPL-2.0-only
/* Fault injection */
#include <errno.h>
#include <fcntl.h>

#include "inject.h"

#define INJECT_DIR	"/sys/kernel/debug/"
#define INJECT_WORD	24

/* The values of fault attributes for each kind. NULL: unchanged */
struct inject_setting {
	const char *file;
	const char *value[NR_INJECT_KINDS];
	char initial[INJECT_WORD];
};

static struct inject_setting inject_settings[] = {
	/* Reports on thousands of faults would hide all others. */
	{ "fail_usercopy/verbose", { "0", "0", "0" } },
	{ "failslab/verbose", { "0", "0", "0" } },
	{ "fail_page_alloc/verbose", { "0", "0", "0" } },

	{ "failslab/cache-filter", { "Y", "N", "Y" } },
	{ "failslab/ignore-gfp-wait", { "Y", "N", "Y" } },
	{ "fail_page_alloc/min-order", { "99", "99", "0" } },
	{ "fail_page_alloc/ignore-gfp-wait", { "Y", "Y", "N" } },
	{ "fail_page_alloc/ignore-gfp-highmem", { "Y", "Y", "N" } },

	/* Without a number all allocations of the thread fail. */
	{ "failslab/task-filter", { "Y", "Y", "Y" } },
	{ "failslab/times", { "-1", "-1", "-1" } },
	{ "failslab/probability", { "0", "100", "0" } },
	{ "fail_page_alloc/task-filter", { "Y", "Y", "Y" } },
	{ "fail_page_alloc/times", { "-1", "-1", "-1" } },
	{ "fail_page_alloc/probability", { "0", "0", "100" } },
};

static int inject_nth_fd = -1;
static int inject_all_fd = -1;

static bool inject_write(const char *file, const char *value)
{
	char path[128];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), INJECT_DIR "%s", file);
	fd = open(path, O_WRONLY);
	len = fd < 0 ? -1 : write(fd, value, strlen(value));
	close(fd);
	return len == strlen(value);
}

static bool inject_read(const char *file, char value[INJECT_WORD])
{
	char path[128];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), INJECT_DIR "%s", file);
	fd = open(path, O_RDONLY);
	len = fd < 0 ? -1 : read(fd, value, INJECT_WORD - 1);
	close(fd);
	if (len <= 0)
		return false;

	value[len] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return true;
}

/* However the test ends, later tests must not run into faults. */
static void inject_restore(void)
{
	int i;

	for (i = ARRAY_SIZE(inject_settings) - 1; i >= 0; i--) {
		if (!inject_write(inject_settings[i].file,
				  inject_settings[i].initial))
			ksft_print_msg("%s not restored\n",
				       inject_settings[i].file);
	}
}

void inject_require(void)
{
	int i;

	inject_nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	inject_all_fd = open("/proc/thread-self/make-it-fail", O_RDWR);
	if (inject_nth_fd < 0 || inject_all_fd < 0)
		ksft_exit_skip("The kernel has no CONFIG_FAULT_INJECTION\n");

	for (i = 0; i < ARRAY_SIZE(inject_settings); i++) {
		if (!inject_read(inject_settings[i].file,
				 inject_settings[i].initial))
			ksft_exit_skip("The kernel has no " INJECT_DIR "%s\n",
				       inject_settings[i].file);
	}
	atexit(inject_restore);
}

void inject_select(enum inject_kind kind)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(inject_settings); i++)
		TEST_ASSERT(inject_write(inject_settings[i].file,
					 inject_settings[i].value[kind]),
			    "%s <- %s: %s", inject_settings[i].file,
			    inject_settings[i].value[kind], strerror(errno));
}

void inject_nth(unsigned int n)
{
	char buf[INJECT_WORD];
	int len = snprintf(buf, sizeof(buf), "%u", n);

	TEST_ASSERT(pwrite(inject_nth_fd, buf, len, 0) == len, "fail-nth: %s",
		    strerror(errno));
}

void inject_all(void)
{
	TEST_ASSERT(pwrite(inject_all_fd, "1", 1, 0) == 1, "make-it-fail: %s",
		    strerror(errno));
}

bool inject_end(void)
{
	char buf[INJECT_WORD] = "";
	ssize_t len;
	int tries;

	len = pread(inject_nth_fd, buf, sizeof(buf) - 1, 0);
	for (tries = 0; pwrite(inject_nth_fd, "0", 1, 0) != 1; tries++)
		TEST_ASSERT(tries < 2, "fail-nth: %s", strerror(errno));
	for (tries = 0; pwrite(inject_all_fd, "0", 1, 0) != 1; tries++)
		TEST_ASSERT(tries < 2, "make-it-fail: %s", strerror(errno));

	return len > 0 && buf[0] == '0';
}
