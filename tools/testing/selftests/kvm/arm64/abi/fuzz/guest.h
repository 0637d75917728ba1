/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's side of abi_fuzz: a batch of hypercalls in memory, the code that
 * makes them one after the other, and their arguments.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_GUEST_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_GUEST_H

#include <linux/sizes.h>

#include "abi/smccc_guest.h"
#include "kvm_util.h"
#include "random.h"

/* The guest's memory: its code, its stolen time, the batch; and an exit */
#define FUZZ_GPA		SMCCC_CODE_GPA
#define FUZZ_GUEST_SIZE		SZ_128K
#define FUZZ_STOLEN_TIME	0x8000
#define FUZZ_BATCH		SZ_64K
#define FUZZ_CODE_32		0x100

/* Supervisor mode, A32, with all interrupts masked, as after a reset */
#define FUZZ_PSTATE_32		0x1d3

#define FUZZ_MAX_CALLS		24

struct fuzz_batch {
	u64 nr;
	u64 unused;
	struct fuzz_call {
		/* 0: HVC, 1: SMC */
		u64 smc;
		u64 in[8];
		u64 out[8];
		u64 unused;
	} calls[FUZZ_MAX_CALLS];
};

/* The code of the guest, in assembly */
extern u8 fuzz_code_64[], fuzz_code_64_end[];

/* Clean the caches, which the guest bypasses with its MMU off. */
void fuzz_clean(const void *mem, size_t len);

void fuzz_load_code(u8 *mem);

/* The vCPU is off then, until it is turned on. */
bool fuzz_call_turns_off(u32 fn);

struct fuzz_call fuzz_random_call(struct fuzz_random *r, bool may_wait,
				  bool smc_only);

/* The bits that differ each time: those of entropy and of time */
u64 fuzz_call_mask(const struct fuzz_call *c, int x);

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_GUEST_H */
