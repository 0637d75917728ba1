/* SPDX-License-Identifier: GPL-2.0-only */
/* Writing the registers of a VM in the order of the list, and in others */
#ifndef SELFTEST_KVM_ARM64_ABI_ROUNDTRIP_RESTORE_H
#define SELFTEST_KVM_ARM64_ABI_ROUNDTRIP_RESTORE_H

#include "abi/reg_image.h"
#include "vm.h"

/*
 * Write the images in the order of the list if @seed is 0, and else shuffled.
 * Then the images have the time at which the counters were written. The
 * counters belong to the VM: in all vCPUs they go on from what was written
 * last, through the last vCPU.
 */
void trip_restore(struct trip_vm *m, struct reg_image img[TRIP_NR_VCPUS],
		  u32 seed);

#endif /* SELFTEST_KVM_ARM64_ABI_ROUNDTRIP_RESTORE_H */
