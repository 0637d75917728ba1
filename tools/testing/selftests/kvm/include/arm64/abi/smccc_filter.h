/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The SMCCC filter: recording which ranges were accepted, and testing the
 * filter with a guest's calls.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SMCCC_FILTER_H
#define SELFTEST_KVM_ARM64_ABI_SMCCC_FILTER_H

#include <linux/psci.h>

#include "kvm_util.h"

#define FILTER_HANDLE	KVM_SMCCC_FILTER_HANDLE
#define FILTER_DENY	KVM_SMCCC_FILTER_DENY
#define FILTER_FWD	KVM_SMCCC_FILTER_FWD_TO_USER

/* The beginning of a part of the SiP range, in which KVM implements nothing */
#define FILTER_FREE	0x82001000U

struct kvm_vm *filter_vm_create(struct kvm_vcpu **vcpu);
void filter_begin(void);

/* @err is the result for the range. */
void filter_note(u32 base, u32 nr, u8 action, int err);

void __filter_expect_set(int line, struct kvm_vm *vm, u32 base, u32 nr,
			 u8 action, int want);
#define filter_expect_set(...)	__filter_expect_set(__LINE__, __VA_ARGS__)

/* The argument of every call: a function that PSCI_FEATURES knows */
#define FILTER_ARG	PSCI_0_2_FN_PSCI_VERSION

/*
 * Whether the call would have an effect if it were handled, or is a mitigation,
 * which may be served before KVM's dispatcher
 */
bool filter_call_has_effect(u32 fn);

/* Garbage for the upper half of x0 */
#define FILTER_GARBAGE	0x5a5a5a5a00000000UL

void __filter_expect_id(int line, struct kvm_vcpu *vcpu, u32 fn);
#define filter_expect_id(...)	__filter_expect_id(__LINE__, __VA_ARGS__)

/* Have the guest make calls on both sides of each end of each range. */
void __filter_expect_guest(int line, struct kvm_vcpu *vcpu);
#define filter_expect_guest(...)	__filter_expect_guest(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_SMCCC_FILTER_H */
