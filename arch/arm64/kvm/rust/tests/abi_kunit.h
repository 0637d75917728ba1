/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit suites share. The first part is in switch_kunit.c, which
 * switch.c includes: a VM with a vCPU, the mode, and the counters.
 */
#ifndef __KVM_ARM_ABI_KUNIT_H
#define __KVM_ARM_ABI_KUNIT_H

#include <kunit/test.h>

#include <linux/kvm_host.h>

#include <kvm/arm_abi.h>

/* The mode and the counting are restored when a test ends. */
struct abi_test {
	enum kvm_arm_abi_mode boot_mode;
	bool boot_count;
	struct kvm *kvm;
	struct kvm_vcpu *vcpu;
	/* What userspace gets from C, and from Rust */
	struct kvm_run *run[2];
};

int abi_test_init(struct kunit *test);
void abi_test_exit(struct kunit *test);
void abi_test_set_mode(enum kvm_arm_abi_mode new);

/* Whether calls that began in another mode may be under way. */
void abi_test_set_switched(bool new);

/* The mismatches of all surfaces. */
long abi_test_mismatches(void);

/* The calls of a surface that mode check could not judge. */
long abi_test_unjudged(enum kvm_arm_abi_surface surface);

/* smccc_kunit.c */

struct smccc_state {
	u64 psci_version;
	bool psci_0_2;
	bool aarch32;
	bool services;
	bool suspend;
	bool stopped;
};

int smccc_test_init(struct kunit *test);
void smccc_test_exit(struct kunit *test);
void smccc_set_state(struct kunit *test, const struct smccc_state *state);

/* opt_in_kunit.c */

/* Values of firmware registers, valid and not */
#define NR_OPT_IN_VALUES	19
extern const u64 opt_in_values[NR_OPT_IN_VALUES];

/* A page of userspace for the value of a register, and the request. */
struct opt_in_user {
	unsigned long page;
	struct kvm_one_reg reg;
};

int opt_in_test_init(struct kunit *test);
void opt_in_test_exit(struct kunit *test);
bool opt_in_user_init(struct kunit *test, struct opt_in_user *u);
void opt_in_set_features(struct kvm *kvm, bool psci_0_2);

#endif /* __KVM_ARM_ABI_KUNIT_H */
