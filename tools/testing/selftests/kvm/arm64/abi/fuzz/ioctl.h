/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other ioctls of abi_fuzz: attributes of VMs, of GICs and of vCPUs,
 * capabilities, the states of vCPUs.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_IOCTL_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_IOCTL_H

#include "episode.h"
#include "kvm_util.h"

/* KVM_SET_DEVICE_ATTR, or one of the others */
unsigned long fuzz_attr_cmd(struct fuzz_random *r);

/* An attribute of @fd, whose value is at @attr->addr. Returns 0 or the errno. */
int fuzz_attr(struct fuzz *f, int fd, unsigned long cmd, struct kvm_device_attr *attr);

void fuzz_access_gic(struct fuzz *f, struct fuzz_vm *vm);

/* ---- vCPUs ---- */

/*
 * The address of a vCPU's stolen time: its own place in the guest's memory, or
 * outside. KVM writes there, so it must not overlap the code.
 */
void fuzz_set_stolen_time(struct fuzz *f, struct fuzz_vm *vm, int nr);

void fuzz_mp_state(struct fuzz *f, struct fuzz_vm *vm, int nr);

/* With the features of the VM's vCPUs, with others, or with unknown ones */
void fuzz_reinit(struct fuzz *f, struct fuzz_vm *vm, int nr);

void fuzz_finalize(struct fuzz *f, struct fuzz_vm *vm, int nr);

void fuzz_check_extension(struct fuzz *f, struct fuzz_vm *vm);

/* Often a valid request to opt in, which has the same result in each mode */
void fuzz_enable_cap(struct fuzz *f, struct fuzz_vm *vm);

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_IOCTL_H */
