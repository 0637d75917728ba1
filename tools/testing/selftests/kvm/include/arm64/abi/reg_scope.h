/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of KVM_ARM_MIGRATION_REG_SCOPE share: VMs that opt in to it or not,
 * and which registers belong to the VM.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_REG_SCOPE_H
#define SELFTEST_KVM_ARM64_ABI_REG_SCOPE_H

#include "kvm_util.h"

/* What a VM opts in to, and whether it runs */
enum {
	SCOPE_IDS = BIT(0),
	SCOPE_LEVELS = BIT(1),
	SCOPE_VM_ONE_REG = BIT(2),
	SCOPE_HAS_RUN = BIT(3),
};

struct scope_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[2];
};

/*
 * A VM with two vCPUs that have all features, to have as many registers as
 * possible. Call test_disable_default_vgic() first.
 */
struct scope_vm scope_vm_create(int what);

void scope_vm_free(struct scope_vm *s);

/* Whether @listed, which may have the bit, is the id of register @id */
bool scope_id_is(u64 listed, u64 id);

/*
 * The registers that all vCPUs share: the firmware registers, and the feature
 * ID registers except those that identify a vCPU or describe its caches.
 */
bool scope_is_of_vm(u64 id);

/*
 * Whether a write can be expected to change the register, whose value is @val.
 * Fields of ID registers can be lowered, if they are not 0.
 */
bool scope_must_change(u64 id, u64 val);

#endif /* SELFTEST_KVM_ARM64_ABI_REG_SCOPE_H */
