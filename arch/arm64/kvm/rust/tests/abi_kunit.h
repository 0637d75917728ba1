/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit suites share. The first part is in switch_kunit.c, which
 * switch.c includes: a VM with a vCPU, the mode, and the counters.
 */
#ifndef __KVM_ARM_ABI_KUNIT_H
#define __KVM_ARM_ABI_KUNIT_H

#include <kunit/test.h>

#include <linux/kvm_host.h>
#include <linux/prandom.h>

#include <kvm/arm_abi.h>
#include <kvm/arm_opt_in.h>

/* The mode and the other files beside it are restored when a test ends. */
struct abi_test {
	enum kvm_arm_abi_mode boot_mode;
	bool boot_count;
	bool boot_fast;
	unsigned int boot_check;
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

/* vm_config_kunit.c: a VM with one vCPU and a GICv3 that has opted in */

#define CONFIG_MAX_ENTRIES	4096
#define CONFIG_MAX_SET		128

/* All that a configuration has */
struct config_state {
	struct kvm_arm_vm_id_regs ids;
	struct kvm_smccc_features feat;
	u32 psci_version;
	unsigned long promises;
	u64 promised[KVM_ARM_NR_FEATURE_LEVEL_REGS];
	u32 iidr;
	bool groups_writable;
	u32 gic_fields;
};

struct config_test {
	struct abi_test *abi;
	/* In the memory of the user: the request, and the entries on pages of their own */
	struct kvm_arm_vm_config __user *request;
	struct kvm_arm_vm_config_entry __user *entries;
	/* What a new VM has */
	struct config_state initial;
	/* What it had before a request, and what it has, for comparisons */
	struct config_state before, now;
	struct rnd_state random;
	struct kvm_arm_vm_config_entry sent[CONFIG_MAX_SET], check[CONFIG_MAX_SET],
				       set[CONFIG_MAX_SET];
};

int config_test_init(struct kunit *test);
void config_test_exit(struct kunit *test);

/* Read all of it; ask whether it is this; and give it to a VM, which then has not run. */
void config_read(struct config_test *ctx, struct config_state *s);
bool config_is(struct config_test *ctx, const struct config_state *s);
void config_reset(struct config_test *ctx, const struct config_state *s);

/* A request for what is in the user's memory. Returns the result of the ioctl. */
int config_ask(struct config_test *ctx, u32 op, u32 n);

/* CHECK or SET, with the entries and back into the answers */
int config_send(struct config_test *ctx, u32 op, const struct kvm_arm_vm_config_entry *sent,
		struct kvm_arm_vm_config_entry *answers, u32 n);

/*
 * CHECK, then SET, of what is in @sent: both give the same, and whatever is refused
 * changes nothing. Returns false after a failure.
 */
bool config_check_and_set(struct kunit *test, u32 n, int *ret);

#endif /* __KVM_ARM_ABI_KUNIT_H */
