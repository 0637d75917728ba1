/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The filter of hypercalls as a list of ranges, KVM_ARM_VM_SMCCC_FILTER_LIST: how a
 * VMM saves it and restores it in another VM.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FILTER_LIST_H
#define SELFTEST_KVM_ARM64_ABI_FILTER_LIST_H

#include <asm/kvm_migration.h>

#include "kvm_util.h"

#define FILTER_LIST_ATTR	0x40
#define FILTER_LIST_MAX		512

struct filter_list {
	u32 n;
	struct kvm_smccc_filter range[FILTER_LIST_MAX];
};

/* KVM_{HAS,GET,SET}_DEVICE_ATTR of a VM. Returns 0, or the positive errno. */
int filter_list_attr(struct kvm_vm *vm, unsigned long cmd, u32 group, u64 attr,
		     u64 addr);

/* KVM_GET_DEVICE_ATTR of the list, with the request at @addr */
int filter_list_request(struct kvm_vm *vm, u64 addr);

/* Read the list, which has to succeed. */
struct filter_list filter_list_get(struct kvm_vm *vm);

/* Set all ranges of a list. Returns 0, or the positive errno of the first failure. */
int filter_list_restore(struct kvm_vm *vm, const struct filter_list *list);

void __filter_list_expect(int line, struct kvm_vm *vm, const struct filter_list *want,
			  const char *when);
#define filter_list_expect(...)	__filter_list_expect(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_FILTER_LIST_H */
