/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs that opt in to what <asm/kvm_migration.h> offers.
 *
 * This is only possible in the mode rust, but lasts in all modes. So a test
 * opts in while the mode is rust, and then goes on in the mode under test: its
 * results hold in all modes.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_OPT_IN_H
#define SELFTEST_KVM_ARM64_ABI_OPT_IN_H

#include <asm/kvm_migration.h>

#include "kvm_util.h"

/* The ranges of masks that can be opted in to */
#define OPT_IN_RANGES	(BIT(KVM_ARM_GIC_RANGE) | BIT(KVM_ARM_FW_RANGE))

enum opt_in_nr {
	OPT_IN_LEVELS,
	OPT_IN_MASKS,
	OPT_IN_VM_ONE_REG,
	OPT_IN_SCOPE,
	OPT_IN_FREEZE,
	NR_OPT_INS,
};

#define OPT_IN_ALL	GENMASK(NR_OPT_INS - 1, 0)

struct opt_in {
	const char *name;
	u32 cap;
	/* What KVM_CHECK_EXTENSION returns, and args[0] of KVM_ENABLE_CAP */
	int value;
	u64 arg;
};

extern const struct opt_in opt_ins[NR_OPT_INS];

/* KVM_CHECK_EXTENSION of /dev/kvm or a VM */
int opt_in_check(int fd, u32 cap);

/* KVM_ENABLE_CAP. Returns 0, or the positive errno. */
int opt_in_enable(int vm_fd, u32 cap, u64 arg);

/* Begin a test: skip it if the kernel has nothing to opt in to. */
void opt_in_require(void);

/* Between opt_in_begin() and opt_in_end() VMs can opt in. */
void opt_in_begin(void);

void opt_in_end(void);

/* Opt in to a capability of @vm, which has no vCPU yet. */
void opt_in(struct kvm_vm *vm, u32 cap, u64 arg);

/* Like fw_vm_create(), for a VM that opts in to this set of opt_ins[] */
struct kvm_vm *opt_in_vm_create(u32 set, u32 nr, bool psci_0_2, void *code,
				struct kvm_vcpu *vcpus[]);

#endif /* SELFTEST_KVM_ARM64_ABI_OPT_IN_H */
