/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VM has opted in to, derived from its behaviour and not from what KVM
 * reports. Every part either works, or the VM behaves as on any other kernel.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_OPT_IN_PROBE_H
#define SELFTEST_KVM_ARM64_ABI_OPT_IN_PROBE_H

#include "abi/cases.h"
#include "kvm_util.h"

enum opt_in_part {
	OPT_IN_PART_LEVELS,
	OPT_IN_PART_GIC_RANGE,
	OPT_IN_PART_FW_RANGE,
	OPT_IN_PART_VM_ONE_REG,
	OPT_IN_PART_SCOPE,
	OPT_IN_PART_FREEZE,
	NR_OPT_IN_PARTS,
};

#define OPT_IN_PARTS_ALL	GENMASK(NR_OPT_IN_PARTS - 1, 0)

/* How to opt in to one part */
struct opt_in_part_info {
	const char *name;
	u32 cap;
	u64 arg;
};

extern const struct opt_in_part_info opt_in_parts[NR_OPT_IN_PARTS];

u32 opt_in_cap_parts(u32 cap);

#define OPT_IN_CANARY	0xa5a5a5a5a5a5a5a5UL

/* The parts that can be detected without a vCPU */
u32 opt_in_probe_vm(int vm_fd);

/*
 * All parts, detected with a vCPU with KVM_ARM_VCPU_PSCI_0_2. If it has not run
 * yet, it is run to freeze registers, without entering its guest.
 */
u32 opt_in_probe(struct kvm_vcpu *vcpu);

/* @vm, which has no vCPU yet, has exactly these parts. */
void __opt_in_expect_parts(int line, struct kvm_vm *vm, u32 want,
			   const char *when);
#define opt_in_expect_parts(...)				\
	__opt_in_expect_parts(__LINE__, __VA_ARGS__)

/* A case that is run several times: @check with @arg, which @prefix names. */
struct test_case opt_in_case(const struct test_case *check, const char *prefix,
			     int arg);

#endif /* SELFTEST_KVM_ARM64_ABI_OPT_IN_PROBE_H */
