/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_ARM_VM_CONFIG: the configuration of a VM, as an array of entries.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_VM_CONFIG_H
#define SELFTEST_KVM_ARM64_ABI_VM_CONFIG_H

#include <asm/kvm_migration.h>

#include "kvm_util.h"

/* More than any VM has */
#define CONFIG_MAX	128

struct config {
	u32 n;
	struct kvm_arm_vm_config_entry entry[CONFIG_MAX];
};

/* A VM that has opted in to its configuration, with two vCPUs */
struct kvm_vm *config_vm_create(u32 features, struct kvm_vcpu *vcpus[2]);

/* Returns 0, or the positive errno. */
int config_request(int fd, struct kvm_arm_vm_config *request);
int config_access(int fd, u32 op, u32 flags, struct kvm_arm_vm_config_entry *entry,
		  u32 n);

/* KVM_ARM_VM_CONFIG_GET, with all that it has to succeed with */
struct config config_get(int fd);

/* The entry of a register, or NULL */
struct kvm_arm_vm_config_entry *config_find(struct config *c, u64 id);

/* Add an entry. */
void config_add(struct config *c, u64 id, u64 value);

/* CHECK and SET give the same answers: @want. */
void __config_expect(int line, int fd, u32 flags, struct config *c, int want);
#define config_expect(...)	__config_expect(__LINE__, __VA_ARGS__)

/* The same registers with the same values */
void __config_expect_same(int line, int fd, const struct config *want,
			  const char *when);
#define config_expect_same(...)	__config_expect_same(__LINE__, __VA_ARGS__)

/* An entry's answer: its errno as a positive number, and the reason */
void __config_expect_answer(int line, const struct kvm_arm_vm_config_entry *e,
			    int err, u32 reason);
#define config_expect_answer(...)	__config_expect_answer(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_VM_CONFIG_H */
