// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_keeper - Hold a VM while tests make and lose theirs.
 *
 * KVM patches the scheduler when the first VM is made and when the last one is
 * gone, and it enables and disables virtualization on each CPU. As long as this
 * program runs, the VM of a test is neither the first nor the last one. A line
 * on standard output says that it holds the VM; it lasts until it is killed.
 *
 * This is no test, and run_kselftest.sh leaves it alone.
 */
#include <stdio.h>
#include <unistd.h>

#include "kvm_util.h"

int main(void)
{
	vm_create_barebones();

	printf("# vm: keeper\n");
	fflush(stdout);

	for (;;)
		pause();
}
