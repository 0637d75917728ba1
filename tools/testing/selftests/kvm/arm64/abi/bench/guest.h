/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Benchmarks in a guest: it runs a loop around one instruction and times it.
 * Each number includes the five other instructions of a round, which the loop
 * around a NOP shows.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_BENCH_GUEST_H
#define SELFTEST_KVM_ARM64_ABI_BENCH_GUEST_H

#include "kvm_util.h"
#include "measure.h"

/* The guest's task, and the result. Each VM has its own copy. */
struct bench_job {
	void (*loop)(struct bench_job *job);
	u64 n;
	/* x0 to x3 for each round; later those of the last round */
	u64 x[4];
	u64 ticks;
};

/*
 * The arguments are loaded in each round, as results overwrite most of them.
 * Everything else is in registers that calls preserve: x4 and up.
 */
#define BENCH_DEFINE_LOOP(name, insn)					\
static void name(struct bench_job *job)					\
{									\
	register u64 x0 asm("x0");					\
	register u64 x1 asm("x1");					\
	register u64 x2 asm("x2");					\
	register u64 x3 asm("x3");					\
	u64 start, n = job->n;						\
									\
	start = bench_now();						\
	asm volatile("1:	ldp	x0, x1, [%[x]]\n"		\
		     "	ldp	x2, x3, [%[x], #16]\n"			\
		     "	" insn "\n"					\
		     "	subs	%[n], %[n], #1\n"			\
		     "	b.ne	1b\n"					\
		     : [n] "+&r"(n), "=&r"(x0), "=&r"(x1), "=&r"(x2),	\
		       "=&r"(x3)					\
		     : [x] "r"(job->x)					\
		     : "cc", "memory");					\
	job->ticks = bench_now() - start;				\
									\
	job->x[0] = x0;							\
	job->x[1] = x1;							\
	job->x[2] = x2;							\
	job->x[3] = x3;							\
}

/* A VM with the type of GIC that the host has. Only the first vCPU is on. */
struct bench_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[2];
	bool has_gicv3;
	int gicv2_fd;
};

struct bench_vm bench_vm_create(void);
/* The same, for a VM that opts in */
struct bench_vm bench_vm_create_in(u32 opt_ins);
void bench_vm_free(struct bench_vm *b);
bool bench_vm_has_gic(struct bench_vm *b);

struct bench_guest_op {
	struct kvm_vcpu *vcpu;
	void (*loop)(struct bench_job *job);
	u64 x[4];
	/* If not 0, each round needs a KVM_RUN that returns with this exit. */
	u32 exit_reason;
};

/* Returns the x0 that the last round left. */
u64 bench_guest_try(struct bench_guest_op *g);

void bench_guest(const char *path, u32 n, struct bench_guest_op g);

#endif /* SELFTEST_KVM_ARM64_ABI_BENCH_GUEST_H */
