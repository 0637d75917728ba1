/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of KVM/arm64's feature ID registers share: the registers at
 * one moment, numbered as in the array that KVM_ARM_GET_REG_WRITABLE_MASKS
 * fills in, and VMs to test them on.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_ID_REG_H
#define SELFTEST_KVM_ARM64_ABI_ID_REG_H

#include "kvm_util.h"

#define NR_ID_REGS	KVM_ARM_FEATURE_ID_RANGE_SIZE

/* The id of register number @nr for KVM_GET_ONE_REG */
u64 id_reg(int nr);

/* The number of one of the SYS_* constants */
int id_nr(u32 sys_reg);

/* The generic name, for messages */
const char *id_name(int nr);

/* In the encoding space, and stored by KVM, but not as an ID register */
bool id_is_mpidr(int nr);

bool id_is_aarch32(int nr);

/* Not ID_AFR0_EL1, ID_DFR1_EL1 and two more: they are RAZ on any host. */
bool id_is_aarch32_allocated(int nr);

/* The implementation's ID, which can only be changed with a capability */
bool id_is_imp(int nr);

/*
 * Fields that KVM once showed to guests by mistake. Values that userspace read
 * then can still be written, but have no effect.
 */
u64 id_ignored(int nr);

struct id_mask {
	int nr;
	u32 reg;
	u64 mask;
};

extern const struct id_mask id_masks[];

#define NR_ID_MASKS	40

/* The expected array of KVM_ARM_GET_REG_WRITABLE_MASKS */
void id_fill_masks(u64 masks[NR_ID_REGS], bool has_aarch32);

/* All registers of one vCPU */
struct id_state {
	bool listed[NR_ID_REGS];
	u64 val[NR_ID_REGS];
};

struct id_state id_state_read(struct kvm_vcpu *vcpu);
void __id_expect_state(int line, struct kvm_vcpu *vcpu,
		       const struct id_state *want, const char *when);
#define id_expect_state(...)	__id_expect_state(__LINE__, __VA_ARGS__)

/* The registers of the VM: those that are equal on all of its vCPUs */
struct id_state id_vm_state_read(struct kvm_vcpu *vcpu);

void __id_expect_vm_state(int line, struct kvm_vcpu *vcpus[2],
			  const struct id_state *state, const char *when);
#define id_expect_vm_state(...)	__id_expect_vm_state(__LINE__, __VA_ARGS__)

/* Write @val, expect @want, and expect the register to read @after. */
void __id_expect_set(int line, struct kvm_vcpu *vcpu, int nr, u64 val, int want,
		     u64 after);
#define id_expect_set(...)	__id_expect_set(__LINE__, __VA_ARGS__)

/* There are AArch32 ID registers only if AArch32 is possible at EL0. */
bool id_has_aarch32(const struct id_state *s);

/* Returns 0 or the positive errno. */
int id_get_masks(int fd, const struct reg_mask_range *range);

/* Have @fd's VM fill in the array at @addr, and expect @masks. */
void __id_expect_masks(int line, int fd, const void *addr,
		       const u64 masks[NR_ID_REGS], const char *when);
#define id_expect_masks(...)	__id_expect_masks(__LINE__, __VA_ARGS__)

/* Every KVM_ARM_VCPU_* feature that affects ID registers */
u32 id_all_features(void);

struct kvm_vcpu *id_vcpu_add(struct kvm_vm *vm, u32 id, u32 features);

/* A VM of two vCPUs. Call test_disable_default_vgic() first. */
struct kvm_vm *id_vm_create(u32 features, bool imp_id_writable,
			    struct kvm_vcpu *vcpus[2]);

/* Run a vCPU, by any guest call. */
void id_run(struct kvm_vcpu *vcpu);

#endif /* SELFTEST_KVM_ARM64_ABI_ID_REG_H */
