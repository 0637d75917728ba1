// SPDX-License-Identifier: GPL-2.0
/*
 * many_vms SECONDS - Create and destroy VMs, one after the other, as the
 * tests do, with a vCPU that is preempted all the time.
 *
 * The guest is an endless loop. A timer interrupts it, and a thread on each
 * CPU yields in a loop, to force context switches. Prints the number of VMs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <linux/kvm.h>

#define NR_CPUS		2
#define RUNS		2
#define RUN_US		2000
#define GUEST_CODE	0x10000UL
#define REG_PC		(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
			 KVM_REG_ARM_CORE_REG(regs.pc))

static void *code;
static int kvm;

static int checked(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

#define CHECKED(call)	checked(call, #call)

static void *yield_for_ever(void *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((long)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (;;)
		sched_yield();
	return NULL;
}

static void interrupt(int signal)
{
}

/* Periodic, since the first signal may come before the guest runs. */
static void set_timer(int us)
{
	struct itimerval timer = {
		.it_value.tv_usec = us,
		.it_interval.tv_usec = us,
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void one_vm(void)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = GUEST_CODE,
		.memory_size = 4096,
		.userspace_addr = (unsigned long)code,
	};
	unsigned long pc = GUEST_CODE;
	struct kvm_one_reg reg = { .id = REG_PC, .addr = (unsigned long)&pc };
	struct kvm_vcpu_init init;
	int vm, vcpu, i, ret;

	vm = CHECKED(ioctl(kvm, KVM_CREATE_VM, 0));
	CHECKED(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
	vcpu = CHECKED(ioctl(vm, KVM_CREATE_VCPU, 0));
	CHECKED(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init));
	CHECKED(ioctl(vcpu, KVM_ARM_VCPU_INIT, &init));
	CHECKED(ioctl(vcpu, KVM_SET_ONE_REG, &reg));

	for (i = 0; i < RUNS; i++) {
		set_timer(RUN_US);
		ret = ioctl(vcpu, KVM_RUN, 0);
		if (ret != -1 || errno != EINTR) {
			printf("KVM_RUN: %d (%s)\n", ret, strerror(errno));
			exit(1);
		}
		set_timer(0);
	}
	close(vcpu);
	close(vm);
}

int main(int argc, char **argv)
{
	const unsigned int branch_to_itself = 0x14000000;
	struct sigaction action = { .sa_handler = interrupt };
	int vms = 0;
	pthread_t thread;
	time_t end;
	long cpu;

	if (argc < 2)
		return 1;
	end = time(NULL) + atoi(argv[1]);

	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memcpy(code, &branch_to_itself, sizeof(branch_to_itself));
	sigaction(SIGALRM, &action, NULL);
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		pthread_create(&thread, NULL, yield_for_ever, (void *)cpu);

	kvm = CHECKED(open("/dev/kvm", O_RDWR));
	for (; time(NULL) < end; vms++)
		one_vm();
	printf("# flake: %d VMs\n", vms);
	return 0;
}
