/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that looks at its ID registers, its caches and its hypercalls, in
 * rounds that it counts, and goes on in the VM to which it is moved.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_ROUNDTRIP_GUEST_H
#define SELFTEST_KVM_ARM64_ABI_ROUNDTRIP_GUEST_H

#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/reg_image.h"
#include "processor.h"

#define TRIP_NR_VCPUS	2
#define TRIP_NR_CCSIDR	14
#define TRIP_NR_CALLS	24

/* What a vCPU has seen in a round */
struct trip_view {
	u64 round;
	u64 id[NR_ID_REGS];
	u64 ccsidr[TRIP_NR_CCSIDR];
	struct fw_regs4 call[TRIP_NR_CALLS];
};

void trip_guest_code(void);

/* Handles missing registers: UNDEFINED, or with FEAT_IDST a trap. */
void trip_guest_skip(struct ex_regs *regs);

/* The views of all vCPUs */
struct trip_view *trip_views(struct kvm_vm *vm);

/* What the guest has seen agrees with the registers. */
void trip_expect_view_agrees(const struct trip_view *v,
			     const struct reg_image *img);

void trip_expect_same_view(const struct trip_view *v,
			   const struct trip_view *want);

#endif /* SELFTEST_KVM_ARM64_ABI_ROUNDTRIP_GUEST_H */
