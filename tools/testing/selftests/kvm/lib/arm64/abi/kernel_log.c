// SPDX-License-Identifier: GPL-2.0-only
/* Lines of the kernel log */
#include <errno.h>
#include <fcntl.h>

#include "abi/cases.h"
#include "abi/kernel_log.h"

static int kernel_log = -1;

void kernel_log_open(void)
{
	kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	TEST_ASSERT(kernel_log >= 0 && lseek(kernel_log, 0, SEEK_END) >= 0,
		    "/dev/kmsg: %s", strerror(errno));
}

/* Lines due to passing time, a busy machine, or a task that ends */
static bool kernel_log_is_unrelated(const char *line)
{
	static const char * const unrelated[] = {
		"clocksource: ", "hrtimer: interrupt took", "workqueue: ",
		"random: ", "perf: interrupt took too long", "sched: ",
		"used greatest stack depth",
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(unrelated); i++) {
		if (strstr(line, unrelated[i]))
			return true;
	}

	return false;
}

int kernel_log_read(const char *expected)
{
	char record[8192], *text;
	int nr = 0, nr_expected = 0;
	ssize_t len;

	for (;;) {
		len = read(kernel_log, record, sizeof(record) - 1);
		if (len < 0 && errno == EAGAIN)
			break;
		/* Lines were overwritten before they could be read. */
		if (len < 0 && errno == EPIPE) {
			nr++;
			continue;
		}
		TEST_ASSERT(len > 0, "/dev/kmsg: %s", strerror(errno));

		record[len] = '\0';
		text = strchr(record, ';');
		text = text ? text + 1 : record;
		text[strcspn(text, "\n")] = '\0';
		if (expected && strstr(text, expected)) {
			nr_expected++;
			continue;
		}
		ksft_print_msg("log: %s\n", text);
		nr += !kernel_log_is_unrelated(text);
	}

	if (expected)
		test_expect(nr_expected, "The log does not have '%s'",
			    expected);
	return nr;
}
