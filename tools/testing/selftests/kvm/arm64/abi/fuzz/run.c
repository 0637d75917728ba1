// SPDX-License-Identifier: GPL-2.0-only
/* Steps of an episode, and running its guest */
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/run_alarm.h"
#include "config.h"
#include "episode.h"
#include "filter.h"
#include "guest.h"
#include "ioctl.h"
#include "processor.h"
#include "random.h"
#include "reg.h"
#include "run.h"
#include "vm.h"

/* A suspended vCPU blocks as well, unless an interrupt wakes it. */
#define FUZZ_WAKE_ALARMS	8

struct fuzz_batch *fuzz_batch(struct fuzz_vm *vm)
{
	return (struct fuzz_batch *)(vm->mem + FUZZ_BATCH);
}

bool fuzz_has_irq(struct fuzz_vm *vm)
{
	return vm->gic_fd < 0;
}

bool fuzz_fill_batch(struct fuzz *f, struct fuzz_vm *vm)
{
	struct fuzz_batch *batch = fuzz_batch(vm);
	bool smc_only = vm->configured & BIT(KVM_ARM_VCPU_HAS_EL2);
	bool turns_off = false;
	int i, nr = 1 + fuzz_below(&f->random, FUZZ_MAX_CALLS);

	for (i = 0; i < nr; i++) {
		batch->calls[i] = fuzz_random_call(&f->random, fuzz_has_irq(vm),
						   smc_only);
		turns_off |= fuzz_call_turns_off(batch->calls[i].in[0]);
	}
	batch->nr = nr;
	fuzz_clean(batch, sizeof(*batch));

	return turns_off;
}

static int fuzz_set_core(struct fuzz_vcpu *vcpu, u64 id, u64 val)
{
	return one_reg(vcpu->fd, KVM_SET_ONE_REG, id, (u64)&val);
}

int fuzz_set_pc(struct fuzz_vm *vm, struct fuzz_vcpu *vcpu)
{
	if (!(vm->configured & BIT(KVM_ARM_VCPU_EL1_32BIT)))
		return fuzz_set_core(vcpu, ARM64_CORE_REG(regs.pc), FUZZ_GPA);

	fuzz_set_core(vcpu, ARM64_CORE_REG(regs.pstate), FUZZ_PSTATE_32);
	return fuzz_set_core(vcpu, ARM64_CORE_REG(regs.pc),
			     FUZZ_GPA + FUZZ_CODE_32);
}

void fuzz_raise_irq(struct fuzz_vm *vm, int nr)
{
	struct kvm_irq_level irq = {
		.irq = KVM_ARM_IRQ_TYPE_CPU << KVM_ARM_IRQ_TYPE_SHIFT |
		       nr << KVM_ARM_IRQ_VCPU_SHIFT | KVM_ARM_IRQ_CPU_IRQ,
		.level = 1,
	};

	ioctl(vm->fd, KVM_IRQ_LINE, &irq);
}

static u32 fuzz_get_mp_state(struct fuzz_vcpu *vcpu)
{
	struct kvm_mp_state state = { .mp_state = -1 };

	ioctl(vcpu->fd, KVM_GET_MP_STATE, &state);
	return state.mp_state;
}

static void fuzz_mix_exit(struct fuzz *f, struct kvm_run *run)
{
	fuzz_out(f, run->exit_reason);
	fuzz_mix(f, run->flags);
	if (run->exit_reason == KVM_EXIT_HYPERCALL)
		fuzz_mix_mem(f, &run->hypercall, sizeof(run->hypercall));
	if (run->exit_reason == KVM_EXIT_SYSTEM_EVENT) {
		fuzz_mix(f, run->system_event.type);
		fuzz_mix(f, run->system_event.ndata);
		fuzz_mix_mem(f, run->system_event.data,
			     sizeof(run->system_event.data));
	}
}

timer_t fuzz_timer;

static void fuzz_lost_guest(struct fuzz *f, struct fuzz_vm *vm,
			    struct fuzz_vcpu *vcpu)
{
	const struct fuzz_call *c = fuzz_batch(vm)->calls;
	u64 pc = 0;

	one_reg(vcpu->fd, KVM_GET_ONE_REG, ARM64_CORE_REG(regs.pc), (u64)&pc);
	fuzz_fail(f, "the guest does not exit, its PC is %#lx", pc);
	for (; c < fuzz_batch(vm)->calls + fuzz_batch(vm)->nr; c++)
		printf("#      %s %#lx(%#lx, %#lx, %#lx) -> %#lx\n",
		       c->smc ? "SMC" : "HVC", c->in[0], c->in[1], c->in[2],
		       c->in[3], c->out[0]);
}

/*
 * Run until the guest has made all calls, or the vCPU does not run any longer.
 * Signals have no effect on the digest. Returns 0 or the errno.
 */
static int fuzz_run_batch(struct fuzz *f, struct fuzz_vm *vm,
			  struct fuzz_vcpu *vcpu, bool immediate)
{
	struct kvm_run *run = vcpu->run;
	int nr_alarms = 0;
	u32 state;

	for (;;) {
		run->immediate_exit = immediate;
		if (ioctl(vcpu->fd, KVM_RUN, NULL) && errno != EINTR)
			return errno;
		if (immediate)
			return 0;

		switch (run->exit_reason) {
		case KVM_EXIT_INTR:
			state = fuzz_get_mp_state(vcpu);
			if (state == KVM_MP_STATE_STOPPED ||
			    (state == KVM_MP_STATE_SUSPENDED &&
			     nr_alarms == FUZZ_WAKE_ALARMS))
				return 0;
			if (nr_alarms++ == FUZZ_MAX_ALARMS) {
				fuzz_lost_guest(f, vm, vcpu);
				return 0;
			}
			run_alarm_set(fuzz_timer,
				      FUZZ_ALARM_NS << min_t(int, nr_alarms, 6));
			break;
		case KVM_EXIT_HYPERCALL:
			fuzz_mix_exit(f, run);
			break;
		case KVM_EXIT_SYSTEM_EVENT:
			/* Off, or woken and userspace must make it runnable */
			fuzz_mix_exit(f, run);
			if (fuzz_get_mp_state(vcpu) != KVM_MP_STATE_RUNNABLE)
				return 0;
			break;
		default:
			fuzz_mix_exit(f, run);
			run->immediate_exit = true;
			ioctl(vcpu->fd, KVM_RUN, NULL);
			return 0;
		}
	}
}

/* Add each call's result to the digest, without the bits that vary. */
static void fuzz_mix_calls(struct fuzz *f, struct fuzz_vm *vm)
{
	struct fuzz_batch *batch = fuzz_batch(vm);
	struct fuzz_call *c;
	int i;

	fuzz_clean(batch, sizeof(*batch));
	for (c = batch->calls; c < batch->calls + batch->nr; c++) {
		fuzz_begin(f, FUZZ_HYPERCALL, c->smc, c->in[0], c->in[1],
			   c->in[2]);
		fuzz_mix_mem(f, c->in, sizeof(c->in));
		for (i = 0; i < 8; i++)
			fuzz_out(f, c->out[i] & ~fuzz_call_mask(c, i));
		fuzz_end(f, 0);
	}
}

static void fuzz_run(struct fuzz *f, struct fuzz_vm *vm, int nr)
{
	struct fuzz_vcpu *vcpu = &vm->vcpus[nr];
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	bool turns_off = fuzz_fill_batch(f, vm), immediate;
	u32 state = fuzz_get_mp_state(vcpu);
	int ret;

	if (state != KVM_MP_STATE_RUNNABLE && !fuzz_one_in(&f->random, 4)) {
		ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable);
		state = KVM_MP_STATE_RUNNABLE;
	}
	/* A vCPU that is off or suspended would block. */
	immediate = fuzz_one_in(&f->random, 16);
	if (state != KVM_MP_STATE_RUNNABLE &&
	    !(state == KVM_MP_STATE_SUSPENDED && fuzz_has_irq(vm)))
		immediate = true;

	fuzz_begin(f, FUZZ_RUN, nr, fuzz_batch(vm)->nr, immediate);
	fuzz_mix(f, state);
	fuzz_mix(f, fuzz_set_pc(vm, vcpu));
	if (fuzz_has_irq(vm))
		fuzz_raise_irq(vm, nr);
	run_alarm_set(fuzz_timer, turns_off ? FUZZ_ALARM_NS : 20 * FUZZ_ALARM_NS);
	ret = fuzz_run_batch(f, vm, vcpu, immediate);
	run_alarm_set(fuzz_timer, 0);
	fuzz_end(f, ret);

	if (!ret && !immediate)
		fuzz_mix_calls(f, vm);
}

/* ---- The next step ---- */

/* A step on one of the VM's vCPUs */
static void fuzz_vcpu_step(struct fuzz *f, struct fuzz_vm *vm)
{
	int nr = fuzz_below(&f->random, vm->nr_vcpus);

	switch (fuzz_below(&f->random, 32)) {
	case 0 ... 2:
		fuzz_mp_state(f, vm, nr);
		break;
	case 3:
	case 4:
		fuzz_reinit(f, vm, nr);
		break;
	case 5:
		fuzz_set_stolen_time(f, vm, nr);
		break;
	case 6:
		fuzz_finalize(f, vm, nr);
		break;
	default:
		if (!vm->idle)
			fuzz_run(f, vm, nr);
		break;
	}
}

/* Drop vCPUs that did not exist when the VM was copied. */
static void fuzz_drop_vcpus(struct fuzz_vm *vm)
{
	struct fuzz_vcpu *vcpu;

	for (vcpu = vm->vcpus; vcpu < vm->vcpus + FUZZ_MAX_VCPUS; vcpu++) {
		if (!vcpu->run)
			continue;
		kvm_munmap(vcpu->run, fuzz_host.run_size);
		close(vcpu->fd);
		vcpu->run = NULL;
		vcpu->fd = -1;
		vm->nr_vcpus--;
	}
}

void fuzz_vm_step(struct fuzz *f, struct fuzz_vm *vm)
{
	struct fuzz_regs regs = fuzz_pick_regs(f, vm);

	if (vm->gic_fd >= 0 && vm->gic_type == KVM_DEV_TYPE_ARM_VGIC_V2 &&
	    fuzz_one_in(&f->random, 3)) {
		fuzz_access_gic(f, vm);
		return;
	}

	if (fuzz_one_in(&f->random, vm->opted_in & BIT(OPT_IN_VM_CONFIG) ? 6 : 96)) {
		fuzz_config(f, vm);
		return;
	}

	if (fuzz_one_in(&f->random, vm->opted_in & BIT(OPT_IN_FILTER_LIST) ? 12 : 96)) {
		fuzz_get_filter(f, vm);
		return;
	}

	switch (fuzz_below(&f->random, 32)) {
	case 0 ... 14:
		fuzz_set_reg(f, &regs);
		break;
	case 15 ... 19:
		fuzz_get_reg(f, &regs);
		break;
	case 20:
		fuzz_get_list(f, &regs);
		break;
	case 21:
		fuzz_get_masks(f, vm);
		break;
	case 22 ... 25:
		fuzz_set_filter(f, vm);
		break;
	case 26 ... 28:
		if (vm->gic_fd >= 0)
			fuzz_access_gic(f, vm);
		break;
	case 29:
		fuzz_check_extension(f, vm);
		break;
	case 30:
		fuzz_enable_cap(f, vm);
		break;
	case 31:
		if (vm->nr_vcpus < FUZZ_MAX_VCPUS && fuzz_one_in(&f->random, 4))
			fuzz_vcpu_create(f, vm, fuzz_one_in(&f->random, 2) ?
					 vm->nr_vcpus : fuzz_value(&f->random));
		/* Only the thread that has made a VM keeps its vCPUs. */
		if (f->racing)
			fuzz_drop_vcpus(vm);
		break;
	}
}

void fuzz_next_step(struct fuzz *f)
{
	struct fuzz_vm *vm = &f->vms[fuzz_one_in(&f->random, 4)];
	int i;

	for (i = 0; f->lost_vm && i < FUZZ_MAX_VMS; i++) {
		fuzz_vm_destroy(&f->vms[i]);
		fuzz_vm_setup(f, &f->vms[i]);
	}
	f->lost_vm = false;

	if (fuzz_one_in(&f->random, 400)) {
		fuzz_vm_destroy(vm);
		fuzz_vm_setup(f, vm);
	} else if (vm->nr_vcpus && fuzz_one_in(&f->random, 4)) {
		fuzz_vcpu_step(f, vm);
	} else {
		fuzz_vm_step(f, vm);
	}
}
