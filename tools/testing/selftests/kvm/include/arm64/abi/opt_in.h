/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs that opt in to what <asm/kvm_migration.h> offers, by KVM_CAP_ARM_MIGRATION.
 *
 * A set of opt-ins has a bit for each, as in args[0] of KVM_ENABLE_CAP.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_OPT_IN_H
#define SELFTEST_KVM_ARM64_ABI_OPT_IN_H

#include <asm/kvm_migration.h>

#include "kvm_util.h"

/* The numbers of their bits */
enum opt_in_nr {
	OPT_IN_LEVELS,
	OPT_IN_GIC_MASKS,
	OPT_IN_FW_MASKS,
	OPT_IN_VM_REGS,
	OPT_IN_SCOPE,
	OPT_IN_FREEZE,
	OPT_IN_VM_CONFIG,
	OPT_IN_FILTER_LIST,
	OPT_IN_PMR,
	NR_OPT_INS,
};

#define OPT_IN_ALL	GENMASK(NR_OPT_INS - 1, 0)

/*
 * What this host offers: OPT_IN_ALL, and KVM_ARM_MIGRATION_GIC_FIELDS. The latter is not
 * in OPT_IN_ALL, since no VM of a host in protected mode can have it.
 */
u32 opt_in_offered(void);

/* The masks: the number of a range is that of its bit. */
#define OPT_IN_RANGES	(BIT(OPT_IN_GIC_MASKS) | BIT(OPT_IN_FW_MASKS))

extern const char * const opt_in_names[NR_OPT_INS];

/*
 * Whether @set has at most two opt-ins, or lacks at most two. In some of these sets both
 * opt-ins of a pair are on, in some one of them, in some none; and there are few sets.
 */
bool opt_in_is_tried(u32 set);

/* @set, with what comes with it */
u32 opt_in_complete(u32 set);

/* KVM_CHECK_EXTENSION of /dev/kvm or a VM */
int opt_in_check(int fd, u32 cap);

/* What there is, if @fd is /dev/kvm; what a VM has opted in to */
int opt_in_get(int fd);

/* KVM_ENABLE_CAP. Returns 0, or the positive errno. */
int opt_in_enable(int vm_fd, u64 set);

/* Begin a test: skip it if there is nothing to opt in to. */
void opt_in_require(void);

/* Opt @vm, which has no vCPU yet, in. */
void opt_in(struct kvm_vm *vm, u64 set);

/* Like fw_vm_create(), for a VM that opts in */
struct kvm_vm *opt_in_vm_create(u32 set, u32 nr, bool psci_0_2, void *code,
				struct kvm_vcpu *vcpus[]);

#endif /* SELFTEST_KVM_ARM64_ABI_OPT_IN_H */
