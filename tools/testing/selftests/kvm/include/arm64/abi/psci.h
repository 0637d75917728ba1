/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of PSCI share: how a call names a vCPU, how a vCPU begins, and
 * which state it is in.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_PSCI_H
#define SELFTEST_KVM_ARM64_ABI_PSCI_H

#include "abi/reg_image.h"
#include "kvm_util.h"

/* Aff3 and Aff2 to Aff0 of MPIDR_EL1; the other bits must be 0 in a call. */
#define PSCI_AFFINITY	0xff00ffffffUL
#define PSCI_AFF(aff3, aff2, aff1, aff0)				\
	((u64)(aff3) << 32 | (aff2) << 16 | (aff1) << 8 | (aff0))

/* Garbage for the upper half of an argument of a 32-bit call. */
#define PSCI_GARBAGE	0xdeadbeef00000000UL

u64 psci_affinity(struct kvm_vcpu *vcpu);
void psci_set_affinity(struct kvm_vcpu *vcpu, u64 affinity);

/* A VM with @nr vCPUs; only vCPU 0 is on, and has run. */
struct kvm_vm *psci_vm_create(u32 nr, u32 features, struct kvm_vcpu *vcpus[]);

void __psci_expect_mp_state(int line, struct kvm_vcpu *vcpu, u32 want,
			    const char *when);
#define psci_expect_mp_state(...)	__psci_expect_mp_state(__LINE__, __VA_ARGS__)

u64 psci_get_pc(struct kvm_vcpu *vcpu);
void __psci_expect_begin(int line, struct kvm_vcpu *vcpu, u64 entry,
			 u64 context_id);
#define psci_expect_begin(...)	__psci_expect_begin(__LINE__, __VA_ARGS__)

/* Set the value of a 64-bit register in an image. */
void psci_image_set(const struct reg_image *img, u64 id, u64 val);

/* Set registers of a vCPU that is off to values that a reset must remove. */
void psci_make_dirty(struct kvm_vcpu *vcpu);

#endif /* SELFTEST_KVM_ARM64_ABI_PSCI_H */
