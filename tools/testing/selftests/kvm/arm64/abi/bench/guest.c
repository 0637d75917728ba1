// SPDX-License-Identifier: GPL-2.0-only
/* Benchmarks in a guest */
#include "abi/opt_in.h"
#include "abi/vgic_v2.h"
#include "guest.h"
#include "measure.h"
#include "processor.h"
#include "ucall_common.h"

static struct bench_job bench_job;

static void bench_guest_code(void)
{
	for (;;) {
		bench_job.loop(&bench_job);
		GUEST_UCALL_NONE();
	}
}

struct bench_vm bench_vm_create(void)
{
	return bench_vm_create_in(0);
}

struct bench_vm bench_vm_create_in(u32 opt_ins)
{
	struct bench_vm b = { .vm = vm_create(2), .gicv2_fd = -1 };
	struct kvm_vcpu_init init = {};
	int i;

	if (opt_ins)
		opt_in(b.vm, opt_ins);
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

void bench_vm_free(struct bench_vm *b)
{
	if (b->gicv2_fd >= 0)
		close(b->gicv2_fd);
	kvm_vm_free(b->vm);
}

bool bench_vm_has_gic(struct bench_vm *b)
{
	return b->has_gicv3 || b->gicv2_fd >= 0;
}

static struct bench_job *bench_guest_job(struct kvm_vcpu *vcpu)
{
	return addr_gva2hva(vcpu->vm, (gva_t)&bench_job);
}

static bool bench_guest_is_done(struct kvm_vcpu *vcpu)
{
	return vcpu->run->exit_reason == KVM_EXIT_MMIO &&
	       vcpu->run->mmio.phys_addr == vcpu->vm->ucall_mmio_addr;
}

static u64 bench_guest_batch(void *arg, u32 n)
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

u64 bench_guest_try(struct bench_guest_op *g)
{
	bench_guest_batch(g, 1);
	return bench_guest_job(g->vcpu)->x[0];
}

void bench_guest(const char *path, u32 n, struct bench_guest_op g)
{
	bench_run(path, n, bench_guest_batch, &g);
}
