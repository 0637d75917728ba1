/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Switching between the implementations while threads work.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FLIP_H
#define SELFTEST_KVM_ARM64_ABI_FLIP_H

#include "kvm_util.h"

#define ABI_MAX_WORKERS		5

struct abi_worker {
	int nr;
	pthread_t thread;
	struct kvm_vcpu *vcpu;
	u32 seed;
	unsigned long rounds;
};

unsigned int abi_nr_flips(void);

/* Every mode follows every other mode. */
void abi_next_mode(void);

/* For workers: whether to stop, and the end of a round */
bool abi_stopping(void);

void abi_round_done(struct abi_worker *w);
void abi_start_worker(int nr, pthread_fn_t fn, struct kvm_vcpu *vcpu);
void abi_start_rounds(int nr, void (*round)(struct abi_worker *w),
		      struct kvm_vcpu *vcpu);

/* Switch to the next mode, and stay in it as long as the switch took. */
void abi_flip(void);

/* Wait for @nr workers to finish. Returns how many rounds they have done. */
unsigned long abi_stop_and_join(int nr);

/*
 * Flip the mode, if there is a switch, while @nr workers work and, if given,
 * until @enough; then wait for them to finish.
 */
void abi_flip_until(int nr, bool (*enough)(void));

void abi_flip_and_join(int nr);

#endif /* SELFTEST_KVM_ARM64_ABI_FLIP_H */
