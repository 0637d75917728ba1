/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VM has opted in to, derived from its behaviour and not from what KVM
 * reports. Every part either works, or the VM behaves as on any other kernel.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_OPT_IN_PROBE_H
#define SELFTEST_KVM_ARM64_ABI_OPT_IN_PROBE_H

#include "abi/cases.h"
#include "abi/opt_in.h"
#include "kvm_util.h"

#define OPT_IN_CANARY	0xa5a5a5a5a5a5a5a5UL

/* A set of what can be detected without a vCPU */
u32 opt_in_probe_vm(int vm_fd);

/*
 * The whole set, detected with a vCPU with KVM_ARM_VCPU_PSCI_0_2. If it has not run
 * yet, it is run to freeze registers, without entering its guest.
 */
u32 opt_in_probe(struct kvm_vcpu *vcpu);

/* @vm, which has no vCPU yet, has exactly this set, and reports it. */
void __opt_in_expect_parts(int line, struct kvm_vm *vm, u32 want,
			   const char *when);
#define opt_in_expect_parts(...)				\
	__opt_in_expect_parts(__LINE__, __VA_ARGS__)

/* A case that is run several times: @check with @arg, which @prefix names. */
struct test_case opt_in_case(const struct test_case *check, const char *prefix,
			     int arg);

#endif /* SELFTEST_KVM_ARM64_ABI_OPT_IN_PROBE_H */
