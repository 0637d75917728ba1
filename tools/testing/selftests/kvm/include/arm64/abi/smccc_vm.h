/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM for SMCCC calls, with everything that userspace can configure: the
 * version of PSCI, the bitmaps of services, the filter, whether there are
 * stolen time and SYSTEM_SUSPEND, and whether the guest is a 32-bit one.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SMCCC_VM_H
#define SELFTEST_KVM_ARM64_ABI_SMCCC_VM_H

#include "abi/fw_reg.h"
#include "abi/smccc_call.h"
#include "kvm_util.h"

/* vCPU 0 makes the calls, 1 is off, 2 is on but never runs. */
#define SMCCC_NR_VCPUS	3

/**
 * struct smccc_vm - a VM, and how it is configured
 * @vm: the VM
 * @vcpu: its vCPUs
 * @psci: the version of PSCI
 * @bmap: the values of the bitmaps, by enum fw_reg_nr
 * @filter: KVM_SMCCC_FILTER_* of all calls except Arm Architecture Calls, which
 *	cannot be filtered
 * @system_suspend: KVM_CAP_ARM_SYSTEM_SUSPEND is enabled
 * @stolen_time: vCPU 0 has its stolen time at SMCCC_DATA_GPA
 * @is_32bit: EL1 is AArch32
 */
struct smccc_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[SMCCC_NR_VCPUS];
	u64 psci;
	u64 bmap[NR_FW_REGS];
	u8 filter;
	bool system_suspend;
	bool stolen_time;
	bool is_32bit;
};

/**
 * smccc_vm_default() - a configuration to start from
 *
 * Return: KVM's defaults, with all optional features that the host has.
 */
struct smccc_vm smccc_vm_default(void);

/* Arm Architecture Calls, SMC32 and SMC64. */
bool smccc_is_arch_call(u32 id);

void smccc_filter_all(struct kvm_vm *vm, u8 action);

/**
 * smccc_vm_start() - make a VM with a configuration
 * @v: the configuration; @vm and @vcpu are filled in
 */
void smccc_vm_start(struct smccc_vm *v);

void smccc_vm_free(struct smccc_vm *v);

/* Go on after an exit or a stop; x0-x3 must not change. */
void __smccc_go_on(int line, struct smccc_call *c);

/**
 * __smccc_expect_others() - check and restore the vCPUs that made no call
 * @line: of the expectation
 * @v: the VM
 * @c: a call of vCPU 0
 * @started: the call must have started vCPU 1
 * @pc: where vCPU 1 must begin, if so
 * @x0: what vCPU 1 must have in x0, if so
 */
void __smccc_expect_others(int line, struct smccc_vm *v,
			   const struct smccc_call *c, bool started, u64 pc,
			   u64 x0);

#endif /* SELFTEST_KVM_ARM64_ABI_SMCCC_VM_H */
