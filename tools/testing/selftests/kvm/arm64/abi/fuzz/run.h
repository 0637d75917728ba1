/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_RUN of abi_fuzz, for a vCPU that makes a batch of hypercalls, each of
 * which is a separate step; and the choice of the next step.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_RUN_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_RUN_H

#include <time.h>

#include "episode.h"
#include "guest.h"
#include "kvm_util.h"

/*
 * A vCPU that is off blocks, and is interrupted by a signal. If it is not off,
 * the next signal comes later, so that a slow machine makes progress; after so
 * many of them, and 20 s, the guest is lost.
 */
#define FUZZ_ALARM_NS	1500000
#define FUZZ_MAX_ALARMS	200

struct fuzz_batch *fuzz_batch(struct fuzz_vm *vm);

/* An interrupt can only be injected without an interrupt controller. */
bool fuzz_has_irq(struct fuzz_vm *vm);

/* Returns whether the calls may turn the caller off. */
bool fuzz_fill_batch(struct fuzz *f, struct fuzz_vm *vm);

/*
 * Let the vCPU begin with the batch. In AArch32 it may have been turned on in
 * T32. Returns 0 or the errno.
 */
int fuzz_set_pc(struct fuzz_vm *vm, struct fuzz_vcpu *vcpu);

void fuzz_raise_irq(struct fuzz_vm *vm, int nr);

extern timer_t fuzz_timer;

void fuzz_vm_step(struct fuzz *f, struct fuzz_vm *vm);
void fuzz_next_step(struct fuzz *f);

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_RUN_H */
