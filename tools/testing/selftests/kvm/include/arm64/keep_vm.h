/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM that stays while others come and go.
 *
 * KVM patches the scheduler when the first VM is made and when the last one is
 * gone. An emulator with a thread for each CPU may run on with what was there
 * before, so that vCPUs are no longer put, or loaded, as their threads are
 * scheduled: a test that makes VMs all the time would find that sooner or later.
 */
#ifndef SELFTEST_KVM_ARM64_KEEP_VM_H
#define SELFTEST_KVM_ARM64_KEEP_VM_H

#include "kvm_util.h"

/* Until the test ends, and of no use for anything else. */
static inline void keep_vm(void)
{
	vm_create_barebones();
}

#endif /* SELFTEST_KVM_ARM64_KEEP_VM_H */
