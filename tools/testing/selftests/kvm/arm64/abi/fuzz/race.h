/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The races of abi_fuzz: threads make the steps of an episode, all with the
 * same VMs, while one of them destroys the VMs and makes new ones, and the mode
 * changes.
 *
 * The result of a call is unknown then, but the errors that it may return are
 * known.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_RACE_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_RACE_H

#include "episode.h"
#include "kvm_util.h"

/* How often KVM_ENABLE_CAP won or lost against the first KVM_CREATE_VCPU */
extern unsigned long fuzz_nr_opted_in, fuzz_nr_too_late;

void fuzz_skip_races(void);
void fuzz_race_init(u8 *guest_mem[FUZZ_MAX_VMS]);

/* Races for about a second */
void fuzz_race(u64 seed);

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_RACE_H */
