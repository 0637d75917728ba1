/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_GET_ONE_REG, KVM_SET_ONE_REG and KVM_GET_REG_LIST that return the errno.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_ONE_REG_H
#define SELFTEST_KVM_ARM64_ABI_ONE_REG_H

#include "kvm_util.h"

/* KVM_GET_ONE_REG or KVM_SET_ONE_REG. Returns 0, or the positive errno. */
int one_reg(int vcpu_fd, unsigned long cmd, u64 id, u64 addr);

int one_reg_get(struct kvm_vcpu *vcpu, u64 id, u64 *val);
int one_reg_set(struct kvm_vcpu *vcpu, u64 id, u64 val);
int one_reg_list(int vcpu_fd, void *list);

#endif /* SELFTEST_KVM_ARM64_ABI_ONE_REG_H */
