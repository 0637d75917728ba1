// SPDX-License-Identifier: GPL-2.0-only
/* Episodes that race with each other */
#include <linux/psci.h>
#include <time.h>

#include "abi/cases.h"
#include "abi/flip.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/run_alarm.h"
#include "episode.h"
#include "guest.h"
#include "ioctl.h"
#include "race.h"
#include "random.h"
#include "run.h"
#include "vm.h"

static struct fuzz racers[ABI_MAX_WORKERS];

/* The shared VMs, and the lock for copying them; it does not cover use. */
static struct fuzz_vm shared_vms[FUZZ_MAX_VMS];
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

unsigned long fuzz_nr_opted_in, fuzz_nr_too_late;

void fuzz_skip_races(void)
{
	test_skip("left out (-o)");
}

void fuzz_race_init(u8 *guest_mem[FUZZ_MAX_VMS])
{
	int i;

	for (i = 0; i < ABI_MAX_WORKERS; i++) {
		fuzz_init(&racers[i]);
		racers[i].racing = true;
	}
	for (i = 0; i < FUZZ_MAX_VMS; i++)
		shared_vms[i].mem = guest_mem[i];
}

/*
 * Copy the current state. From then on descriptors may be closed, and reused
 * for something else, at any time. Mappings belong to the owner only.
 */
static void fuzz_look_at_shared(struct fuzz *f)
{
	int i, j;

	pthread_mutex_lock(&shared_lock);
	memcpy(f->vms, shared_vms, sizeof(f->vms));
	pthread_mutex_unlock(&shared_lock);

	for (i = 0; i < FUZZ_MAX_VMS; i++) {
		for (j = 0; j < FUZZ_MAX_VCPUS; j++)
			f->vms[i].vcpus[j].run = NULL;
	}
}

/* A CPU_ON of a storm, among calls of all kinds */
static void fuzz_fill_storm(struct fuzz *f, struct fuzz_vm *vm)
{
	struct fuzz_batch *batch = fuzz_batch(vm);
	struct fuzz_call *c;

	fuzz_fill_batch(f, vm);
	for (c = batch->calls; c < batch->calls + FUZZ_MAX_CALLS; c++) {
		if (!fuzz_one_in(&f->random, 2))
			continue;
		c->in[0] = fuzz_one_in(&f->random, 2) ? PSCI_0_2_FN64_CPU_ON :
							PSCI_0_2_FN_CPU_ON;
		c->in[1] = fuzz_below(&f->random, FUZZ_MAX_VCPUS);
		c->in[2] = FUZZ_GPA;
		c->in[3] = fuzz_u64(&f->random);
	}
	fuzz_clean(batch, sizeof(*batch));
}

static void fuzz_race_run(struct fuzz *f, int nr)
{
	struct fuzz_vm *vm = &f->vms[fuzz_below(&f->random, FUZZ_MAX_VMS)];
	struct fuzz_vcpu *vcpu = &vm->vcpus[nr];
	int i, ret;

	fuzz_look_at_shared(f);
	if (fuzz_one_in(&f->random, 4))
		fuzz_fill_storm(f, vm);
	if (fuzz_has_irq(vm))
		fuzz_raise_irq(vm, nr);
	fuzz_set_pc(vm, vcpu);
	for (i = 0; i < 8; i++) {
		fuzz_begin(f, FUZZ_RUN, nr);
		ret = ioctl(vcpu->fd, KVM_RUN, NULL);
		fuzz_end(f, FUZZ_ERR(ret));
		if (ret)
			break;
	}
}

/* KVM_RUN of vCPU 0 and of vCPU 1 */
static void fuzz_race_vcpu(struct abi_worker *w)
{
	fuzz_race_run(&racers[w->nr], w->nr);
}

/* A VM that has a vCPU cannot opt in to more. */
static void fuzz_note_opted_in(struct fuzz_vm *vm)
{
	vm->had = vm->nr_vcpus ? opt_in_get(vm->fd) : -1;
}

static void fuzz_expect_opted_in(struct fuzz_vm *vm)
{
	/* -1 if the VM is dead */
	int now = opt_in_get(vm->fd);

	test_expect(vm->had < 0 || now < 0 || now == vm->had,
		    "a VM with a vCPU has opted in to %#x, before to %#x", now,
		    vm->had);
}

/* Try all opt-ins repeatedly on a VM that is about to get its first vCPU. */
static void fuzz_race_opt_ins(struct fuzz *f, struct fuzz_vm *vm)
{
	int i, ret;

	for (i = 0; i < 4 * NR_OPT_INS; i++) {
		u32 set = BIT(i % NR_OPT_INS);

		fuzz_begin(f, FUZZ_ENABLE_CAP, vm - f->vms,
			   KVM_CAP_ARM_MIGRATION, set);
		ret = opt_in_enable(vm->fd, set);
		fuzz_end(f, ret);
		__atomic_add_fetch(ret ? &fuzz_nr_too_late : &fuzz_nr_opted_in,
				   1, __ATOMIC_RELAXED);
	}
}

/* All ioctls except KVM_RUN, by two threads */
static void fuzz_race_ioctls(struct abi_worker *w)
{
	struct fuzz *f = &racers[w->nr];
	struct fuzz_vm *vm = &f->vms[fuzz_below(&f->random, FUZZ_MAX_VMS)];
	int i, nr;

	fuzz_look_at_shared(f);
	if (!vm->nr_vcpus)
		fuzz_race_opt_ins(f, vm);
	for (i = 0; i < 16; i++) {
		nr = fuzz_below(&f->random, FUZZ_MAX_VCPUS);
		switch (fuzz_below(&f->random, 12)) {
		case 0:
			fuzz_mp_state(f, vm, nr);
			break;
		case 1:
			fuzz_reinit(f, vm, nr);
			break;
		case 2:
			fuzz_set_stolen_time(f, vm, nr);
			break;
		default:
			fuzz_vm_step(f, vm);
		}
	}
}

#define FUZZ_DESCRIPTORS	32

/* Returns the VM that was shared before. */
static struct fuzz_vm fuzz_share_vm(struct fuzz *f, int nr)
{
	struct fuzz_vm old;

	pthread_mutex_lock(&shared_lock);
	old = shared_vms[nr];
	shared_vms[nr] = f->vms[nr];
	pthread_mutex_unlock(&shared_lock);

	return old;
}

/*
 * Replace VMs. KVM names a directory in debugfs after the descriptor, which
 * must not be reused while a closed VM is still in use elsewhere.
 */
static void fuzz_race_vms(struct abi_worker *w)
{
	struct fuzz *f = &racers[w->nr];
	int nr = fuzz_below(&f->random, FUZZ_MAX_VMS);
	int i, others = 4 * w->rounds % FUZZ_DESCRIPTORS, fds[FUZZ_DESCRIPTORS];
	struct fuzz_vm old;

	for (i = 0; i < others; i++)
		fds[i] = dup(fuzz_host.kvm_fd);
	f->vms[nr].mem = shared_vms[nr].mem;
	fuzz_vm_create(f, &f->vms[nr]);

	/* The others use the VM before and while it gets vCPUs. */
	old = fuzz_share_vm(f, nr);
	usleep(fuzz_below(&f->random, 4000));
	fuzz_vm_fill(f, &f->vms[nr]);
	fuzz_note_opted_in(&f->vms[nr]);
	fuzz_share_vm(f, nr);
	for (i = 0; i < others; i++)
		close(fds[i]);

	fuzz_expect_opted_in(&old);
	fuzz_vm_destroy(&old);
	usleep(fuzz_below(&f->random, 40000));
}

static void (*const fuzz_race_rounds[ABI_MAX_WORKERS])(struct abi_worker *w) = {
	fuzz_race_vcpu, fuzz_race_vcpu, fuzz_race_ioctls, fuzz_race_ioctls,
	fuzz_race_vms,
};

/* KVM_RUN is interrupted by signals, as a vCPU that is off may stay off. */
static void *fuzz_racer(void *data)
{
	struct abi_worker *w = data;
	timer_t timer = run_alarm_create();
	int nr = w->nr;

	if (nr < 2)
		run_alarm_set(timer, 2 * FUZZ_ALARM_NS);
	while (!abi_stopping()) {
		fuzz_race_rounds[nr](w);
		abi_round_done(w);
	}
	timer_delete(timer);

	return NULL;
}

void fuzz_race(u64 seed)
{
	struct fuzz *f;
	int i;

	for (i = 0; i < ABI_MAX_WORKERS; i++)
		racers[i].random.state = fuzz_hash(seed + i);
	f = &racers[0];
	for (i = 0; i < FUZZ_MAX_VMS; i++) {
		f->vms[i].mem = shared_vms[i].mem;
		fuzz_vm_setup(f, &f->vms[i]);
		fuzz_note_opted_in(&f->vms[i]);
	}
	memcpy(shared_vms, f->vms, sizeof(shared_vms));

	for (i = 0; i < ABI_MAX_WORKERS; i++)
		abi_start_worker(i, fuzz_racer, NULL);
	abi_flip_and_join(ABI_MAX_WORKERS);

	for (i = 0; i < FUZZ_MAX_VMS; i++) {
		fuzz_expect_opted_in(&shared_vms[i]);
		fuzz_vm_destroy(&shared_vms[i]);
	}
}
