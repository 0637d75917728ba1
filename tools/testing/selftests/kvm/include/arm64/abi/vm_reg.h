/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the registers of a VM's file descriptor share: VMs that opt
 * in to KVM_ARM_MIGRATION_VM_REGS, advancing them through the stages of a VM's
 * life, and all of the registers at one moment.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_VM_REG_H
#define SELFTEST_KVM_ARM64_ABI_VM_REG_H

#include <asm/kvm_migration.h>

#include "abi/fw_reg.h"
#include "kvm_util.h"

#define VM_REG_MAX	(NR_FW_REGS + KVM_ARM_NR_FEATURE_LEVEL_REGS)

/* The only version without KVM_ARM_VCPU_PSCI_0_2 */
#define VM_REG_PSCI_0_1	0x1

/* The level register of the workarounds; like WORKAROUND_2 it needs vCPUs. */
#define VM_REG_LEVEL_0	NR_FW_REGS

/* The ids, in the order in which KVM_GET_REG_LIST returns them */
u64 vm_reg_id(int nr);

/* Whether the register depends on the features of the vCPUs */
bool vm_reg_needs_vcpu(int nr);

int vm_reg_get(struct kvm_vm *vm, u64 id, u64 *val);
int vm_reg_set(struct kvm_vm *vm, u64 id, u64 val);

/* Write @val, expect @want, and expect the register to read @after. */
void __vm_reg_expect_set(int line, struct kvm_vm *vm, int nr, u64 val, int want,
			 u64 after);
#define vm_reg_expect_set(...)	__vm_reg_expect_set(__LINE__, __VA_ARGS__)

void __vm_reg_expect(int line, struct kvm_vm *vm, int nr, u64 want);
#define vm_reg_expect(...)	__vm_reg_expect(__LINE__, __VA_ARGS__)

/* All of the registers at one moment: the results of reading them */
struct vm_reg_state {
	int nr;
	int ret[VM_REG_MAX];
	u64 val[VM_REG_MAX];
};

struct vm_reg_state vm_reg_state_read(struct kvm_vm *vm, int nr);
void __vm_reg_expect_state(int line, struct kvm_vm *vm,
			   const struct vm_reg_state *want, const char *when);
#define vm_reg_expect_state(...)	__vm_reg_expect_state(__LINE__, __VA_ARGS__)

/* ---- VMs ---- */

enum vm_stage {
	VM_STAGE_EMPTY,
	/* There is a vCPU, without KVM_ARM_VCPU_INIT */
	VM_STAGE_VCPU_CREATED,
	VM_STAGE_INITIALISED,
	VM_STAGE_HAS_RUN,
	NR_VM_STAGES,
};

extern const char * const vm_stage_name[NR_VM_STAGES];

struct staged_vm {
	struct kvm_vm *vm;
	/* The second one has no stack, and does not run. */
	struct kvm_vcpu *vcpus[2];
	enum vm_stage stage;
};

struct kvm_vcpu_init vm_reg_vcpu_init(struct kvm_vm *vm, u32 features);

/* A VM that has opted in, and has no vCPU yet. */
struct kvm_vm *vm_reg_create_vm(bool levels);

/* Take the VM to @stage; its vCPUs have @features. */
void staged_vm_advance(struct staged_vm *s, enum vm_stage stage, u32 features);

/* Call test_disable_default_vgic() first. */
struct staged_vm staged_vm_create(enum vm_stage stage, bool levels);

/* Any vCPU reads @val in the register. */
void __staged_vm_expect(int line, const struct staged_vm *s, int nr, u64 val);
#define staged_vm_expect(...)	__staged_vm_expect(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_VM_REG_H */
