/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a VM up to its first hypercall, in steps that can fail for lack
 * of memory: it opts in to everything, gets a vCPU, an interrupt controller and
 * memory, and runs. There is a second vCPU for CPU_ON. No library calls are
 * used, as they exit on failures.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FAULT_LIFE_H
#define SELFTEST_KVM_ARM64_ABI_FAULT_LIFE_H

#include "abi/fw_reg.h"
#include "kvm_util.h"

enum life_step {
	LIFE_VM,
	LIFE_OPT_IN,
	LIFE_FILTER,
	LIFE_VCPU,
	LIFE_INIT,
	LIFE_GIC,
	LIFE_GIC_INIT,
	LIFE_MEMORY,
	LIFE_RUN,
	NR_LIFE_STEPS,
};

extern const char * const life_name[NR_LIFE_STEPS];

void life_open(void);
int life_attr(int fd, u32 group, u64 attr, void *val);
int life_do(enum life_step step);

/* Prepare what a step needs and must not fail. */
void life_prepare(enum life_step step);

void life_end(void);

/* Do all steps before @step, without a failure. */
void life_advance_to(enum life_step step);

/* A VM after the last step has the values that every VM has. */
void __life_expect_good(int line, const struct fw_state *want,
			const char *when);
#define life_expect_good(...)	__life_expect_good(__LINE__, __VA_ARGS__)

/*
 * A VM that has run turns on its second vCPU. KVM finds it by a table, which is
 * made at the first run if there is memory for it, or by checking all vCPUs.
 */
void __life_expect_cpu_on(int line, const char *when);
#define life_expect_cpu_on(...)	__life_expect_cpu_on(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_FAULT_LIFE_H */
