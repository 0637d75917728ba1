/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line of abi_fuzz, and its random numbers: the same for the same
 * seed, on each machine and in each mode.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_RANDOM_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_RANDOM_H

#include "kvm_util.h"
#include "test_util.h"

/* The default, and the limit in time, as the debug kernel is slow */
#define FUZZ_SECONDS		10
#define FUZZ_STEPS		20000
#define FUZZ_STEPS_DEBUG	4000

struct fuzz_options {
	/* Steps in the mode check; 0: the default */
	u64 steps;
	/* If not 0, how long to run, whatever the number of steps */
	u64 seconds;
	u64 seed;
	bool verbose;
	bool no_races;
};

extern struct fuzz_options fuzz_options;

void fuzz_parse_options(int argc, char **argv);

/* ---- Random numbers ---- */

struct fuzz_random {
	u64 state;
};

/* A bijection in which each bit of the argument affects the whole result */
u64 fuzz_hash(u64 x);

u64 fuzz_u64(struct fuzz_random *r);
u32 fuzz_below(struct fuzz_random *r, u32 n);
bool fuzz_one_in(struct fuzz_random *r, u32 n);
void *fuzz_element(struct fuzz_random *r, const void *array, size_t nr,
		   size_t each);

#define fuzz_pick_of(r, array, nr)					\
	(*(const typeof((array)[0]) *)fuzz_element(r, array, nr,	\
						   sizeof((array)[0])))

#define fuzz_pick(r, array)						\
	fuzz_pick_of(r, array, sizeof(array) / sizeof((array)[0]))

/* Flip up to @n bits. */
u64 fuzz_noise(struct fuzz_random *r, u64 val, int n);

/* A number near a boundary, or any other */
u64 fuzz_value(struct fuzz_random *r);

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_RANDOM_H */
