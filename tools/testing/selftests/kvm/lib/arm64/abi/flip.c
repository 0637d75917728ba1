// SPDX-License-Identifier: GPL-2.0-only
/* Threads that work while the implementation is switched */
#include <time.h>

#include "abi/flip.h"
#include "abi/switch.h"

/* A phase takes at least this long and this many flips, or it has hung. */
#define ABI_PHASE_MS		1000
#define ABI_PHASE_FLIPS		12
#define ABI_PHASE_LIMIT_MS	60000

static struct abi_worker abi_workers[ABI_MAX_WORKERS];

static bool abi_stop;

/* How often the mode was switched */
static unsigned int abi_flips;

unsigned int abi_nr_flips(void)
{
	return abi_flips;
}

/* Counting is turned on or off after so many flips, and so in each mode. */
#define ABI_COUNT_FLIPS		5

/* Likewise for hypercalls without an exit, which are those of mode rust */
#define ABI_FAST_FLIPS		8

/* Likewise for the calls that mode check compares */
#define ABI_CHECK_FLIPS		13

void abi_next_mode(void)
{
	static const char * const sequence[] = {
		"c", "rust", "check", "rust", "c", "check",
	};
	unsigned int nr = abi_flips++;

	abi_set_mode(sequence[nr % ARRAY_SIZE(sequence)]);
	if (nr % ABI_COUNT_FLIPS == ABI_COUNT_FLIPS - 1)
		abi_toggle_count();
	if (nr % ABI_FAST_FLIPS == ABI_FAST_FLIPS - 1)
		abi_toggle_fast();
	if (nr % ABI_CHECK_FLIPS == ABI_CHECK_FLIPS - 1)
		abi_toggle_check();
}

bool abi_stopping(void)
{
	return __atomic_load_n(&abi_stop, __ATOMIC_RELAXED);
}

void abi_round_done(struct abi_worker *w)
{
	__atomic_add_fetch(&w->rounds, 1, __ATOMIC_RELAXED);
}

static bool abi_all_progressed(int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		if (!__atomic_load_n(&abi_workers[i].rounds, __ATOMIC_RELAXED))
			return false;
	}

	return true;
}

void abi_start_worker(int nr, pthread_fn_t fn, struct kvm_vcpu *vcpu)
{
	struct abi_worker *w = &abi_workers[nr];

	*w = (struct abi_worker) { .nr = nr, .vcpu = vcpu, .seed = nr + 1 };
	__atomic_store_n(&abi_stop, false, __ATOMIC_RELAXED);
	kvm_pthread_create(&w->thread, NULL, fn, w);
}

/* The function that each worker of abi_start_rounds() repeats */
static void (*abi_rounds[ABI_MAX_WORKERS])(struct abi_worker *w);

static void *abi_repeat(void *data)
{
	struct abi_worker *w = data;

	while (!abi_stopping()) {
		abi_rounds[w->nr](w);
		abi_round_done(w);
	}

	return NULL;
}

void abi_start_rounds(int nr, void (*round)(struct abi_worker *w),
		      struct kvm_vcpu *vcpu)
{
	abi_rounds[nr] = round;
	abi_start_worker(nr, abi_repeat, vcpu);
}

/* The tracepoints are turned on or off after so many flips. */
#define ABI_EVENTS_FLIPS	7

void abi_flip(void)
{
	struct timespec start;
	s64 us;

	clock_gettime(CLOCK_MONOTONIC, &start);
	abi_next_mode();
	if (abi_flips % ABI_EVENTS_FLIPS == 0)
		abi_toggle_events();
	us = timespec_to_ns(timespec_elapsed(start)) / 1000;
	usleep(us);
}

unsigned long abi_stop_and_join(int nr)
{
	unsigned long rounds = 0;
	int i;

	__atomic_store_n(&abi_stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++) {
		kvm_pthread_join(abi_workers[i].thread, NULL);
		rounds += abi_workers[i].rounds;
	}

	return rounds;
}

void abi_flip_until(int nr, bool (*enough)(void))
{
	unsigned int first = abi_flips;
	struct timespec start, elapsed;
	unsigned long rounds;
	s64 ms;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (abi_present())
			abi_flip();
		usleep(500);

		elapsed = timespec_elapsed(start);
		ms = timespec_to_ns(elapsed) / 1000000;
		TEST_ASSERT(ms < ABI_PHASE_LIMIT_MS, "No progress");
	} while (ms < ABI_PHASE_MS || !abi_all_progressed(nr) ||
		 (enough && !enough()) ||
		 (abi_present() && abi_flips - first < ABI_PHASE_FLIPS));

	rounds = abi_stop_and_join(nr);
	ksft_print_msg("%lu rounds of %d threads, %u switches\n", rounds, nr,
		       abi_flips - first);
}

void abi_flip_and_join(int nr)
{
	abi_flip_until(nr, NULL);
}
