// SPDX-License-Identifier: GPL-2.0
/*
 * Show the ID registers that a Linux guest's kernel shows to its programs, and whether the
 * clock that KVM offers by a hypercall answers.
 */

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define READ(name, encoding)						\
	do {								\
		unsigned long value;					\
									\
		asm volatile("mrs %0, " encoding : "=r"(value));	\
		printf("mrs %s 0x%lx\n", name, value);			\
	} while (0)
#define SYSTEM(op1, crm, op2) \
	READ("s3_" #op1 "_c0_c" #crm "_" #op2, "s3_" #op1 "_c0_c" #crm "_" #op2)
#define ROW(crm)							\
	do {								\
		SYSTEM(0, crm, 0); SYSTEM(0, crm, 1); SYSTEM(0, crm, 2); SYSTEM(0, crm, 3);	\
		SYSTEM(0, crm, 4); SYSTEM(0, crm, 5); SYSTEM(0, crm, 6); SYSTEM(0, crm, 7);	\
	} while (0)

int main(void)
{
	struct timespec time;
	int clock;

	SYSTEM(0, 0, 0);
	SYSTEM(0, 0, 5);
	SYSTEM(0, 0, 6);
	ROW(4);
	ROW(5);
	ROW(6);
	ROW(7);
	SYSTEM(3, 0, 1);
	SYSTEM(3, 0, 7);
	READ("CNTFRQ_EL0", "cntfrq_el0");
	clock = open("/dev/ptp0", O_RDONLY);
	/* FD_TO_CLOCKID() of the kernel's documentation */
	if (clock >= 0)
		printf("ptp %s\n", clock_gettime((~clock << 3) | 3, &time) ? "error" : "good");
	return 0;
}
