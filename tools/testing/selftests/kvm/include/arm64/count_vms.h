/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The number of VMs, of this process and of others, to see whether one is left
 * behind.
 */
#ifndef SELFTEST_KVM_ARM64_COUNT_VMS_H
#define SELFTEST_KVM_ARM64_COUNT_VMS_H

#include <dirent.h>

#include "kvm_util.h"

/* Each VM has a directory, named after a task and a file descriptor. */
#define COUNT_VMS_DIR	"/sys/kernel/debug/kvm"

static inline int count_vms(void)
{
	DIR *dir = opendir(COUNT_VMS_DIR);
	struct dirent *entry;
	int nr = 0, pid, fd;

	TEST_ASSERT(dir, COUNT_VMS_DIR ": %s", strerror(errno));
	while ((entry = readdir(dir)))
		nr += sscanf(entry->d_name, "%d-%d", &pid, &fd) == 2;
	closedir(dir);

	return nr;
}

/*
 * To be called before the test has VMs: only the VMs of others must exist in
 * the end. One VM may be kept while tests run, so that the scheduler is not
 * patched for the first and the last VM of each test; any other VM was left by
 * a test.
 */
static inline int count_vms_of_others(void)
{
	int nr, tries;

	/* VMs of a process that was killed disappear late. */
	for (tries = 0; (nr = count_vms()) > 1 && tries < 500; tries++)
		usleep(10000);

	if (nr > 1)
		ksft_exit_fail_msg("%d VMs exist already, more than one: "
				   COUNT_VMS_DIR " lists their owners\n", nr);
	return nr;
}

#endif /* SELFTEST_KVM_ARM64_COUNT_VMS_H */
