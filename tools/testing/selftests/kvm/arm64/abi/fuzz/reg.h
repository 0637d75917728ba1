/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What abi_fuzz does to registers, through a vCPU's file descriptor and a VM's:
 * reads, writes, lists and masks. A refused write must not change what is read.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_REG_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_REG_H

#include "episode.h"
#include "kvm_util.h"

/* The registers' owner: a vCPU, or the VM if @nr < 0 */
struct fuzz_regs {
	int fd;
	int nr;
	struct fuzz_vm *vm;
};

/* One of the VM's vCPUs, or the VM itself, which has ioctls of its own for registers */
struct fuzz_regs fuzz_pick_regs(struct fuzz *f, struct fuzz_vm *vm);

/* A read of any register to any address */
void fuzz_get_reg(struct fuzz *f, const struct fuzz_regs *regs);

void fuzz_set_reg(struct fuzz *f, const struct fuzz_regs *regs);

/* The buffer has room for the requested number of ids, or less. */
void fuzz_get_list(struct fuzz *f, const struct fuzz_regs *regs);

void fuzz_get_masks(struct fuzz *f, struct fuzz_vm *vm);

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_REG_H */
