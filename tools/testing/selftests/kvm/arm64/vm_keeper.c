// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_keeper - Hold a VM while tests make and destroy theirs.
 *
 * KVM patches the scheduler when the first VM is made and when the last one is
 * gone, and it enables and disables virtualization on each CPU. As long as this
 * program runs, the VM of a test is neither the first nor the last one. A line
 * on standard output says that it holds the VM; it lasts until it is killed.
 *
 * An emulator with a thread for each CPU can miss that patch on a CPU that runs
 * the patched code at that moment, and would go on running the old code while
 * the VM exists. So every other CPU is kept busy with a thread that nothing
 * preempts.
 *
 * This is not a test, and run_kselftest.sh does not run it.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "kvm_util.h"
#include "test_util.h"

static int nr_busy;
static bool vm_exists;

static void *keep_cpu_busy(void *cpu)
{
	struct sched_param param = {
		.sched_priority = sched_get_priority_max(SCHED_FIFO),
	};

	pin_self_to_cpu((long)cpu);
	TEST_ASSERT(!sched_setscheduler(0, SCHED_FIFO, &param),
		    "sched_setscheduler() needs CAP_SYS_NICE");
	__atomic_fetch_add(&nr_busy, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&vm_exists, __ATOMIC_ACQUIRE))
		;
	return NULL;
}

int main(void)
{
	pthread_t threads[CPU_SETSIZE];
	int own, nr = 0;
	cpu_set_t cpus;
	long cpu;

	TEST_ASSERT(!sched_getaffinity(0, sizeof(cpus), &cpus), "sched_getaffinity()");
	own = pin_self_to_any_cpu();
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (cpu == own || !CPU_ISSET(cpu, &cpus))
			continue;
		TEST_ASSERT(!pthread_create(&threads[nr], NULL, keep_cpu_busy, (void *)cpu),
			    "pthread_create()");
		nr++;
	}
	while (__atomic_load_n(&nr_busy, __ATOMIC_ACQUIRE) < nr)
		sched_yield();

	vm_create_barebones();

	__atomic_store_n(&vm_exists, true, __ATOMIC_RELEASE);
	while (nr)
		pthread_join(threads[--nr], NULL);

	printf("# vm: keeper\n");
	fflush(stdout);

	for (;;)
		pause();
}
