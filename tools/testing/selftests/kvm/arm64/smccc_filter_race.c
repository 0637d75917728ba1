// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_filter_race - KVM_ARM_VM_SMCCC_FILTER by several threads at once, and
 * against the first run of a vCPU.
 *
 * Exactly one of several overlapping ranges is accepted, and is in force. A
 * range that was accepted before the VM first ran is in force; any later one is
 * refused, and is not.
 *
 * On a kernel with several implementations the mode changes meanwhile.
 * smccc_filter_errors tests the refusals one by one.
 */
#include <linux/psci.h>
#include <time.h>

#include "abi/cases.h"
#include "abi/flip.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "abi/switch.h"

#define NR_THREADS	4
#define NR_ROUNDS	8
#define NR_RANGES	64
#define RANGE_SIZE	4U

/* A slow machine may take this long until a first run fell among the ranges. */
#define LIMIT_S		60

static struct racer {
	pthread_t thread;
	struct kvm_vm *vm;
	int nr;
	int ret[NR_RANGES];
} racers[NR_THREADS];

static pthread_barrier_t barrier;

static void next_mode(void)
{
	if (abi_present())
		abi_next_mode();
}

static u32 range_base(int i)
{
	return FILTER_FREE + i * RANGE_SIZE;
}

/* A range's action shows which thread has set it. */
static u8 racer_action(const struct racer *r)
{
	return r->nr % 2 ? FILTER_DENY : FILTER_FWD;
}

static void start(struct kvm_vm *vm, int nr, void *(*fn)(void *))
{
	racers[nr].vm = vm;
	racers[nr].nr = nr;
	kvm_pthread_create(&racers[nr].thread, NULL, fn, &racers[nr]);
}

/* ---- Threads that set the same ranges ---- */

/* All begin with the first range, before which a VM has no filter. */
static void *set_ranges(void *data)
{
	struct racer *r = data;
	int i;

	pthread_barrier_wait(&barrier);
	for (i = 0; i < NR_RANGES; i++)
		r->ret[i] = smccc_set_filter(r->vm, range_base(i), RANGE_SIZE,
					     racer_action(r));
	return NULL;
}

static void check_winners(int unused)
{
	int round, i, nr, winners;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	for (round = 0; round < NR_ROUNDS; round++) {
		vm = filter_vm_create(&vcpu);
		pthread_barrier_init(&barrier, NULL, NR_THREADS);
		for (nr = 0; nr < NR_THREADS; nr++)
			start(vm, nr, set_ranges);
		next_mode();
		for (nr = 0; nr < NR_THREADS; nr++)
			kvm_pthread_join(racers[nr].thread, NULL);
		pthread_barrier_destroy(&barrier);
		next_mode();

		filter_begin();
		for (i = 0; i < NR_RANGES; i++) {
			winners = 0;
			for (nr = 0; nr < NR_THREADS; nr++) {
				int ret = racers[nr].ret[i];

				test_expect(!ret || ret == EEXIST,
					    "range %d: %s", i, strerror(ret));
				winners += !ret;
				if (!ret)
					filter_note(range_base(i), RANGE_SIZE,
						    racer_action(&racers[nr]),
						    ret);
			}
			test_expect(winners == 1,
				    "range %d was accepted %d times",
				    i, winners);
		}

		vcpu_get_reg(vcpu, KVM_REG_ARM_PSCI_VERSION);

		/* The reserved ranges are reserved, whoever came first. */
		filter_expect_set(vm, 0x80000000, 1, FILTER_DENY, EEXIST);
		filter_expect_set(vm, 0xc000ffff, 1, FILTER_DENY, EEXIST);
		if (round % 4 == 0)
			filter_expect_guest(vcpu);
		kvm_vm_free(vm);
	}
}

/* ---- The first run ---- */

static void *set_until_busy(void *data)
{
	struct racer *r = data;
	int i;

	for (i = 0; i < NR_RANGES; i++)
		r->ret[i] = EBUSY;

	pthread_barrier_wait(&barrier);
	for (i = 0; i < NR_RANGES; i++) {
		r->ret[i] = smccc_set_filter(r->vm, range_base(i), RANGE_SIZE,
					     FILTER_FWD);
		if (r->ret[i])
			break;
		/* Let the first run happen somewhere in between. */
		usleep(20);
	}
	return NULL;
}

static void check_first_run(int unused)
{
	int round, i, nr_accepted, nr_cut_short = 0;
	struct kvm_vcpu *vcpu;
	struct timespec begin;
	struct kvm_vm *vm;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (round = 0; round < NR_ROUNDS ||
	     (!nr_cut_short && timespec_elapsed(begin).tv_sec < LIMIT_S);
	     round++) {
		vm = filter_vm_create(&vcpu);
		pthread_barrier_init(&barrier, NULL, 2);
		start(vm, 0, set_until_busy);

		pthread_barrier_wait(&barrier);
		usleep(round % NR_ROUNDS * 200);
		next_mode();
		filter_begin();
		filter_expect_id(vcpu, PSCI_0_2_FN_PSCI_VERSION);
		kvm_pthread_join(racers[0].thread, NULL);
		pthread_barrier_destroy(&barrier);

		nr_accepted = 0;
		for (i = 0; i < NR_RANGES; i++) {
			int ret = racers[0].ret[i];

			test_expect(!ret || ret == EBUSY, "range %d: %s", i,
				    strerror(ret));
			nr_accepted += !ret;
			filter_note(range_base(i), RANGE_SIZE, FILTER_FWD, ret);
		}
		if (nr_accepted && nr_accepted < NR_RANGES)
			nr_cut_short++;

		filter_expect_set(vm, range_base(NR_RANGES), 1, FILTER_FWD,
				  EBUSY);
		if (round % 4 == 0)
			filter_expect_guest(vcpu);
		kvm_vm_free(vm);
	}

	ksft_print_msg("%d of %d first runs fell among the ranges\n",
		       nr_cut_short, round);
	test_expect(nr_cut_short,
		    "none did in %d s: the race did not take place", LIMIT_S);
}

static const struct test_case cases[] = {
	{ "threads: one of several ranges is accepted, and in force",
	  check_winners },
	{ "first run: earlier ranges are in force, later ones EBUSY",
	  check_first_run },
	{ "switch: no mismatch, C and Rust served calls, mode restored",
	  abi_check_stats },
};

int main(void)
{
	ksft_print_header();

	if (abi_open())
		abi_begin_stats();
	else
		ksft_print_msg(ABI_DIR "mode: %s, nothing to switch\n",
			       strerror(errno));

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
