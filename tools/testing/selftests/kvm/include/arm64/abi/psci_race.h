/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's code of psci_cpu_on_race. It runs with its MMU off, uses no
 * memory, and is position-independent.
 *
 * A target that begins at an entry point puts its number into w1, exits with a
 * store of it to address 0 (as x9 is reset), and turns off. The second store
 * must never be reached. Userspace puts the id of CPU_OFF at psci_race_off.
 *
 * A caller makes up to x20 calls of CPU_ON, until one is successful, and then
 * exits with a store to [x9]. For a call,
 *
 *	x19	is the number, and its lower bits are added to
 *	x26	which is the number of the first entry point to be used,
 *	x21	is the target's affinity,
 *	x22	is the address of the entry points,
 *	x23	is the upper half of the context id; the lower half has the number
 *		of the call, and in its last byte that of the entry point,
 *	x24	is the result if the target is on; x25 counts any other,
 *	x27	is the id of CPU_ON,
 *	x28	is the id of AFFINITY_INFO, called in between if it is not 0.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_PSCI_RACE_H
#define SELFTEST_KVM_ARM64_ABI_PSCI_RACE_H

#include "kvm_util.h"

/* Entry points of 8 bytes each, from psci_race_code on */
#define PSCI_RACE_ENTRIES	128

extern u8 psci_race_code[], psci_race_target[], psci_race_target_stored[];

extern u8 psci_race_off[];

extern u8 psci_race_caller_hvc[], psci_race_caller_smc[], psci_race_code_end[];

#endif /* SELFTEST_KVM_ARM64_ABI_PSCI_RACE_H */
