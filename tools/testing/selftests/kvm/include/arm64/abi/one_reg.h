/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_GET_ONE_REG, KVM_SET_ONE_REG and KVM_GET_REG_LIST that return the errno, and
 * the same of a VM.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_ONE_REG_H
#define SELFTEST_KVM_ARM64_ABI_ONE_REG_H

#include "kvm_util.h"

/* The number that a vCPU's ioctl for registers has on @fd, a vCPU's or a VM's */
unsigned long one_reg_cmd(int fd, unsigned long cmd);

/* One of the ioctls for one register. Returns 0, or the positive errno. */
int one_reg(int fd, unsigned long cmd, u64 id, u64 addr);

int one_reg_get(struct kvm_vcpu *vcpu, u64 id, u64 *val);
int one_reg_set(struct kvm_vcpu *vcpu, u64 id, u64 val);
/* Of a vCPU or a VM */
int one_reg_list(int fd, void *list);

#endif /* SELFTEST_KVM_ARM64_ABI_ONE_REG_H */
