/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arguments of abi_fuzz's ioctls: ids and values of registers, and
 * addresses in userspace's memory.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_ARGS_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_ARGS_H

#include "episode.h"
#include "kvm_util.h"

/* ---- Pointers ---- */

/*
 * Mostly valid pointers, within the window; else the object ends with the last
 * accessible byte, or extends beyond it, or is inaccessible.
 */
u64 fuzz_addr(struct fuzz *f, size_t size);

bool fuzz_is_in_mem(struct fuzz *f, u64 addr);

/* Store as much of @val as there is room for. */
void fuzz_store(struct fuzz *f, u64 addr, const void *val, size_t len);

/* Fill the memory that an ioctl must leave unchanged, except its results. */
void fuzz_fill(struct fuzz *f, size_t size);

void fuzz_mix_window(struct fuzz *f, size_t size);

/* The structure that an ioctl takes, or sometimes a bad pointer */
void *fuzz_arg(struct fuzz *f, void *arg);

u64 fuzz_accessible_id(struct fuzz *f, bool is_write);

/* A value for a register that reads @now */
u64 fuzz_reg_value(struct fuzz *f, u64 id, u64 now);

/*
 * KVM warns if a vCPU with a PMU is reset while the register says that there is
 * none, whichever implementation served the write.
 */
u64 fuzz_keep_pmu(u64 id, u64 val, u64 now);

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_ARGS_H */
