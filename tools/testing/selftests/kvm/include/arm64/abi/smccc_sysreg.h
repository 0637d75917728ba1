/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading system registers in the guest of smccc_guest.h, giving it an
 * interrupt controller, and whether VMs can be protected.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SMCCC_SYSREG_H
#define SELFTEST_KVM_ARM64_ABI_SMCCC_SYSREG_H

#include <linux/sizes.h>

#include "abi/smccc_guest.h"
#include "gic.h"
#include "vgic.h"

/* In the page of code, after the calls */
#define SMCCC_MRS_GPA		(SMCCC_CODE_GPA + 0x800)

/**
 * smccc_write_mrs() - put code into the guest that reads system registers
 * @vm: the VM
 * @sysregs: the registers, SYS_*, which it reads to x1, x2, ...
 * @nr: how many there are
 *
 * The code begins at SMCCC_MRS_GPA, and exits with KVM_EXIT_MMIO when it is
 * done.
 */
void smccc_write_mrs(struct kvm_vm *vm, const u32 *sysregs, int nr);

/* Run @vcpu from its PC to the exit. Returns whether it got there. */
bool __smccc_run_mrs(int line, struct kvm_vcpu *vcpu);
#define smccc_run_mrs(...)	__smccc_run_mrs(__LINE__, __VA_ARGS__)

/* The guest's view of one register */
u64 __smccc_mrs(int line, struct kvm_vcpu *vcpu, u32 sysreg);
#define smccc_mrs(...)		__smccc_mrs(__LINE__, __VA_ARGS__)

/* Whether the host can give VMs an interrupt controller of this type. */
bool smccc_has_gic(u32 type);

/* The type that the host supports, a GICv3 if it supports both */
u32 smccc_gic_type(void);

/**
 * smccc_add_gic() - give a VM an interrupt controller, ready for use
 * @vm: the VM, which has all of its vCPUs
 * @type: KVM_DEV_TYPE_ARM_VGIC_V2 or V3
 * @nr: the number of vCPUs
 *
 * Return: its file descriptor.
 */
int smccc_add_gic(struct kvm_vm *vm, u32 type, u32 nr);

/* Whether KVM is pKVM, which can protect VMs from the host */
bool smccc_has_pvms(void);

#endif /* SELFTEST_KVM_ARM64_ABI_SMCCC_SYSREG_H */
