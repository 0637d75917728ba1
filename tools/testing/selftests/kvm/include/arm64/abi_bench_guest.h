/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Benchmarks in a guest: it runs a loop around one instruction and times it.
 * Each number includes the five other instructions of a round, which the loop
 * around a NOP shows.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_BENCH_GUEST_H
#define SELFTEST_KVM_ARM64_ABI_BENCH_GUEST_H

#include "abi_bench.h"
#include "vgic_v2.h"

/* The guest's task, and the result. Each VM has its own copy. */
static struct bench_job {
	void (*loop)(struct bench_job *job);
	u64 n;
	/* x0 to x3 for each round; later those of the last round */
	u64 x[4];
	u64 ticks;
} bench_job;

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

static void bench_guest_code(void)
{
	for (;;) {
		bench_job.loop(&bench_job);
		GUEST_UCALL_NONE();
	}
}

/* A VM with the type of GIC that the host has. Only the first vCPU is on. */
struct bench_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[2];
	bool has_gicv3;
	int gicv2_fd;
};

static inline struct bench_vm bench_vm_create(void)
{
	struct bench_vm b = { .vm = vm_create(2), .gicv2_fd = -1 };
	struct kvm_vcpu_init init = {};
	int i;

	vm_ioctl(b.vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= BIT(KVM_ARM_VCPU_PSCI_0_2);

	vm_init_descriptor_tables(b.vm);
	for (i = 0; i < ARRAY_SIZE(b.vcpu); i++) {
		b.vcpu[i] = aarch64_vcpu_add(b.vm, i, &init, bench_guest_code);
		vcpu_init_descriptor_tables(b.vcpu[i]);
		init.features[0] |= BIT(KVM_ARM_VCPU_POWER_OFF);
	}

	kvm_arch_vm_finalize_vcpus(b.vm);
	b.has_gicv3 = b.vm->arch.has_gic;
	if (!b.has_gicv3 && vgic_v2_supported())
		b.gicv2_fd = vgic_v2_add(b.vm);

	return b;
}

static inline void bench_vm_free(struct bench_vm *b)
{
	if (b->gicv2_fd >= 0)
		close(b->gicv2_fd);
	kvm_vm_free(b->vm);
}

static inline bool bench_vm_has_gic(struct bench_vm *b)
{
	return b->has_gicv3 || b->gicv2_fd >= 0;
}

struct bench_guest_op {
	struct kvm_vcpu *vcpu;
	void (*loop)(struct bench_job *job);
	u64 x[4];
	/* If not 0, each round needs a KVM_RUN that returns with this exit. */
	u32 exit_reason;
};

static inline struct bench_job *bench_guest_job(struct kvm_vcpu *vcpu)
{
	return addr_gva2hva(vcpu->vm, (gva_t)&bench_job);
}

static inline bool bench_guest_is_done(struct kvm_vcpu *vcpu)
{
	return vcpu->run->exit_reason == KVM_EXIT_MMIO &&
	       vcpu->run->mmio.phys_addr == vcpu->vm->ucall_mmio_addr;
}

static inline u64 bench_guest_batch(void *arg, u32 n)
{
	struct bench_guest_op *g = arg;
	struct bench_job *job = bench_guest_job(g->vcpu);
	struct kvm_run *run = g->vcpu->run;
	u32 nr_exits = 0;

	job->loop = g->loop;
	job->n = n;
	memcpy(job->x, g->x, sizeof(job->x));

	for (;;) {
		TEST_ASSERT(!__vcpu_run(g->vcpu), "KVM_RUN: %s",
			    strerror(errno));
		if (bench_guest_is_done(g->vcpu) ||
		    run->exit_reason != g->exit_reason)
			break;
		nr_exits++;
	}

	assert_on_unhandled_exception(g->vcpu);
	TEST_ASSERT(bench_guest_is_done(g->vcpu), "Unexpected exit, %s",
		    exit_reason_str(run->exit_reason));
	TEST_ASSERT_EQ(nr_exits, g->exit_reason ? n : 0);

	return job->ticks;
}

/* Returns the x0 that the last round left. */
static inline u64 bench_guest_try(struct bench_guest_op *g)
{
	bench_guest_batch(g, 1);
	return bench_guest_job(g->vcpu)->x[0];
}

static inline void bench_guest(const char *path, u32 n, struct bench_guest_op g)
{
	bench_run(path, n, bench_guest_batch, &g);
}

#endif /* SELFTEST_KVM_ARM64_ABI_BENCH_GUEST_H */
