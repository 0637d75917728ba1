/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that only makes SMCCC calls. It is a page that has, for each way of
 * making a call, the instruction and stores to an unmapped address, so that it
 * exits with KVM_EXIT_MMIO when it goes on after the call.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SMCCC_GUEST_H
#define SELFTEST_KVM_ARM64_ABI_SMCCC_GUEST_H

#include "kvm_util.h"

/* Below 4G, for 32-bit guests. Data is for tests: PV time, ... */
#define SMCCC_CODE_GPA		0x40000000UL
#define SMCCC_DATA_GPA		0x50000000UL
#define SMCCC_MMIO_GPA		0x10000000UL

/* PSTATE.T in AArch32: T32 rather than A32 */
#define SMCCC_PSTATE_T		BIT(5)

/**
 * enum smccc_insn - the instruction that makes the call
 * @SMCCC_HVC: HVC #0
 * @SMCCC_SMC: SMC #0
 * @SMCCC_HVC_IMM: HVC #1, which SMCCC reserves
 * @SMCCC_SMC_IMM: SMC #1, which SMCCC reserves
 * @SMCCC_HVC_T32: HVC #0 in T32, for 32-bit guests
 * @SMCCC_SMC_T32: SMC #0 in T32, for 32-bit guests
 * @NR_SMCCC_INSNS: the number of instructions
 */
enum smccc_insn {
	SMCCC_HVC,
	SMCCC_SMC,
	SMCCC_HVC_IMM,
	SMCCC_SMC_IMM,
	SMCCC_HVC_T32,
	SMCCC_SMC_T32,
	NR_SMCCC_INSNS,
};

/* The instruction, and the store of x8 or r8 to [x9] or [r9] that follows. */
struct smccc_code {
	const char *name;
	bool is_t32;
	u32 a64[2];
	u32 a32[2];
};

extern const struct smccc_code smccc_code[NR_SMCCC_INSNS];

bool smccc_is_32bit(struct kvm_vcpu *vcpu);

/**
 * smccc_pc() - where an instruction is
 * @insn: the instruction
 *
 * Return: its address in the guest.
 */
u64 smccc_pc(enum smccc_insn insn);

bool smccc_is_smc(enum smccc_insn insn);

/**
 * smccc_vm_create_empty() - a VM that has the guest's code, and no vCPU yet
 * @features: KVM_ARM_VCPU_* bits of its future vCPUs
 *
 * The VM has no interrupt controller. To be freed with kvm_vm_free().
 *
 * Return: the VM.
 */
struct kvm_vm *smccc_vm_create_empty(u32 features);

/**
 * smccc_vm_add_vcpus() - give such a VM vCPUs
 * @vm: the VM
 * @nr: number of vCPUs
 * @features: KVM_ARM_VCPU_* bits, e.g. PSCI_0_2, EL1_32BIT, POWER_OFF
 * @vcpus: where the vCPUs are put; their ids are 0 to @nr - 1
 *
 * POWER_OFF applies to all vCPUs except the first one, which must be on.
 */
void smccc_vm_add_vcpus(struct kvm_vm *vm, u32 nr, u32 features,
			struct kvm_vcpu *vcpus[]);

/**
 * smccc_vm_create() - a VM whose vCPUs can make calls
 *
 * See smccc_vm_create_empty() and smccc_vm_add_vcpus().
 */
struct kvm_vm *smccc_vm_create(u32 nr, u32 features, struct kvm_vcpu *vcpus[]);

u64 smccc_get_x(struct kvm_vcpu *vcpu, int nr);
void smccc_set_x(struct kvm_vcpu *vcpu, int nr, u64 val);
u32 smccc_get_mp_state(struct kvm_vcpu *vcpu);
void smccc_set_mp_state(struct kvm_vcpu *vcpu, u32 mp_state);

/**
 * smccc_set_filter() - filter calls of a VM
 * @vm: the VM
 * @base: the first function
 * @nr: the number of functions
 * @action: KVM_SMCCC_FILTER_*
 *
 * Return: 0 or the positive errno.
 */
int smccc_set_filter(struct kvm_vm *vm, u32 base, u32 nr, u8 action);

#endif /* SELFTEST_KVM_ARM64_ABI_SMCCC_GUEST_H */
