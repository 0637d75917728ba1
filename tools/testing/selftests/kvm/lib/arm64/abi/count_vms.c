// SPDX-License-Identifier: GPL-2.0-only
/* The number of VMs on the host */
#include <dirent.h>

#include "abi/count_vms.h"

/* Each VM has a directory, named after a task and a file descriptor. */
#define COUNT_VMS_DIR	"/sys/kernel/debug/kvm"

int count_vms(void)
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

int count_vms_of_others(void)
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
