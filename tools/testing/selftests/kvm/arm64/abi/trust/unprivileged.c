// SPDX-License-Identifier: GPL-2.0-only
/* Children without privileges */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/cases.h"
#include "abi/switch.h"
#include "unprivileged.h"

#define UNPRIVILEGED_NOBODY	65534

/* No privilege can be regained. */
static void unprivileged_become_nobody(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2] = {};
	int cap;

	TEST_ASSERT(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		TEST_ASSERT(!prctl(PR_CAPBSET_DROP, cap, 0, 0, 0),
			    "capability %d: %s", cap, strerror(errno));
	TEST_ASSERT(!setgroups(0, NULL) && !setresgid(UNPRIVILEGED_NOBODY,
						      UNPRIVILEGED_NOBODY,
						      UNPRIVILEGED_NOBODY) &&
		    !setresuid(UNPRIVILEGED_NOBODY, UNPRIVILEGED_NOBODY,
			       UNPRIVILEGED_NOBODY), "%s", strerror(errno));
	TEST_ASSERT(!syscall(SYS_capset, &header, caps) &&
		    !syscall(SYS_capget, &header, caps), "%s", strerror(errno));
	TEST_ASSERT(!caps[0].permitted && !caps[1].permitted &&
		    !caps[0].effective && !caps[1].effective,
		    "Some capabilities are left");
	TEST_ASSERT(setuid(0) && errno == EPERM, "It can be root again");
}

/* Give this process and its children a /dev/kvm that all can use. */
static void unprivileged_open_kvm(void)
{
	struct stat st;

	TEST_ASSERT(!stat(KVM_DEV_PATH, &st), KVM_DEV_PATH);
	umask(0);
	TEST_ASSERT(!unshare(CLONE_NEWNS) &&
		    !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount("kvm", "/tmp", "tmpfs", 0, NULL) &&
		    !mknod("/tmp/kvm", S_IFCHR | 0666, st.st_rdev) &&
		    !mount("/tmp/kvm", KVM_DEV_PATH, NULL, MS_BIND, NULL),
		    "A " KVM_DEV_PATH " for all: %s", strerror(errno));
}

bool unprivileged_run(bool unprivileged, void (*fn)(void))
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork(): %s", strerror(errno));
	if (!pid) {
		/* The parent restores the switch. */
		abi_leave_to_parent();
		test_clear_failures();
		if (unprivileged) {
			unprivileged_open_kvm();
			unprivileged_become_nobody();
		}
		fn();
		fflush(NULL);
		_exit(test_nr_failures() ? KSFT_FAIL : KSFT_PASS);
	}

	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == KSFT_PASS;
}
