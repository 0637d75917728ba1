// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_trust_log - Neither a VMM nor a guest can write to the kernel's log.
 *
 * Anyone who can make the kernel print a line can fill the log, slow down a
 * host that has a slow console, and crash it if panic_on_warn is set. So
 * thousands of calls that must be refused, by root, by an ordinary user who may
 * use /dev/kvm, and by their guests, leave nothing in the log, whichever
 * implementation refuses them. In mode check a difference would be reported
 * once; there is no such report.
 */
#include <errno.h>
#include <fcntl.h>

#include "abi/cases.h"
#include "abi/kernel_log.h"
#include "abi/opt_in.h"
#include "abi/switch.h"
#include "abi/trust/hostile.h"
#include "abi/trust/unprivileged.h"
#include "abi/user_mem.h"

#define NR_IOCTLS	4000
#define NR_GUEST_CALLS	400

static void write_and_call(void)
{
	struct hostile h = hostile_create(4711);
	int i;

	for (i = 0; i < 10; i++) {
		hostile_vmm(&h, NR_IOCTLS / 10);
		hostile_guest(&h, NR_GUEST_CALLS / 10);
	}
	hostile_free(&h);
}

static void check_log(bool unprivileged, const char *mode)
{
	int nr;

	abi_set_mode(mode);
	kernel_log_read(NULL);

	test_expect(unprivileged_run(unprivileged, write_and_call),
		    "The calls were not made");
	nr = kernel_log_read(NULL);
	test_expect(!nr, "There are %d new lines in the log", nr);
}

enum { MODE_C, MODE_RUST, MODE_CHECK };

static const char * const modes[] = { "c", "rust", "check" };

static void check_root(int mode)
{
	check_log(false, modes[mode]);
}

static void check_user(int mode)
{
	check_log(true, modes[mode]);
}

/* A line in the log is found: otherwise the other cases would mean nothing. */
static void check_reader(int unused)
{
	/* At a level that is not printed on the console */
	static const char line[] = "<7>abi_trust_log: this line must be found\n";
	int fd = open("/dev/kmsg", O_WRONLY);

	kernel_log_read(NULL);
	test_expect(write(fd, line, strlen(line)) == strlen(line), "%s",
		    strerror(errno));
	close(fd);
	test_expect(!kernel_log_read("this line must be found"), "other lines");
}

static const struct test_case cases[] = {
	{ "the log is read: a line in it is found", check_reader },
	{ "mode c: root's VMM and guest leave no line", check_root, MODE_C },
	{ "mode rust: root's VMM and guest leave no line", check_root,
	  MODE_RUST },
	{ "mode check: root's VMM and guest leave no line", check_root,
	  MODE_CHECK },
	{ "mode c: a user's VMM and guest leave no line", check_user, MODE_C },
	{ "mode rust: a user's VMM and guest leave no line", check_user,
	  MODE_RUST },
	{ "mode check: a user's VMM and guest leave no line", check_user,
	  MODE_CHECK },
};

int main(void)
{
	ksft_print_header();

	opt_in_require();
	/* One thread, as it forks. */
	if (!__abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");
	user_mem_create(1);
	kernel_log_open();

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
