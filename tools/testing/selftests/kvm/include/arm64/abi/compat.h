/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The levels of KVM_CAP_ARM_COMPAT: how a VM gets one.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_COMPAT_H
#define SELFTEST_KVM_ARM64_ABI_COMPAT_H

#include <asm/kvm_migration.h>

#include "kvm_util.h"

/* A level by its name on the kernel's command line, and its bit of the capability */
struct compat_name {
	const char *name;
	u64 bit;
};

/* Native first, then the others from the newest to the oldest */
#define NR_COMPAT_NAMES	5
extern const struct compat_name compat_names[NR_COMPAT_NAMES];

struct kvm_enable_cap compat_cap(u64 bit);
int compat_enable(int fd, const struct kvm_enable_cap *cap);
int compat_choose(struct kvm_vm *vm, u64 bit);
int compat_get(int fd);

#endif /* SELFTEST_KVM_ARM64_ABI_COMPAT_H */
