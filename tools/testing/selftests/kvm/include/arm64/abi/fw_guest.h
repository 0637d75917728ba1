/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs whose guest makes any SMCCC call that userspace asks for.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FW_GUEST_H
#define SELFTEST_KVM_ARM64_ABI_FW_GUEST_H

#include <linux/arm-smccc.h>

#include "kvm_util.h"

/*
 * The guest makes the call that userspace has put into fw_guest_regs, with all
 * 64 bits of x0-x3, stores the resulting x0-x3 there and exits. Every VM has
 * its own copy of fw_guest_regs.
 */
struct fw_regs4 {
	u64 x[4];
};

extern struct fw_regs4 fw_guest_regs;

void fw_smccc(struct fw_regs4 *r);
void fw_guest_code(void);

/* x2 and x3 of a call, which must not occur in its result */
#define FW_POISON	0xa5a5a5a5deadbeefUL

/* Run @vcpu until its guest's next GUEST_SYNC(). */
void fw_run(struct kvm_vcpu *vcpu);

/* Have @vcpu make the call @fn(@arg). Returns its x0-x3. */
struct fw_regs4 fw_guest_call(struct kvm_vcpu *vcpu, u64 fn, u64 arg);

/* All 64 bits of the call's x0-x3 must be those of @want. */
void __fw_expect_call(int line, struct kvm_vcpu *vcpu, u64 fn, u64 arg,
		      struct fw_regs4 want);
#define fw_expect_call(vcpu, fn, arg, ...)				\
	__fw_expect_call(__LINE__, vcpu, fn, arg,			\
			 (struct fw_regs4) { { __VA_ARGS__ } })

#define fw_expect_x0(vcpu, fn, arg, w0)					\
	fw_expect_call(vcpu, fn, arg, w0, 0, 0, 0)

/* A refused call: -1 in all 64 bits of x0, and 0 in x1-x3 */
#define fw_expect_refused(vcpu, fn, arg)				\
	fw_expect_x0(vcpu, fn, arg, SMCCC_RET_NOT_SUPPORTED)

/*
 * Add @nr vCPUs to @vm, with only these KVM_ARM_VCPU_* features. Even if nested
 * virtualisation is possible the guest is at EL1 unless @features has EL2: the
 * registers are the same, and VMs are created much faster.
 */
void fw_vm_add_vcpus(struct kvm_vm *vm, u32 nr, u32 features, void *code,
		     struct kvm_vcpu *vcpus[]);

/* A VM with such vCPUs */
struct kvm_vm *__fw_vm_create(u32 nr, u32 features, void *code,
			      struct kvm_vcpu *vcpus[]);

struct kvm_vm *fw_vm_create(u32 nr, bool psci_0_2, void *code,
			    struct kvm_vcpu *vcpus[]);
struct kvm_vm *fw_vm_create_one(struct kvm_vcpu **vcpu);

/* Reset the vCPU and let it begin again, further down its stack. */
void fw_vcpu_reinit(struct kvm_vcpu *vcpu);

#endif /* SELFTEST_KVM_ARM64_ABI_FW_GUEST_H */
