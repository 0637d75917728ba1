/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that the kernel lost during a test: CONFIG_DEBUG_KMEMLEAK.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FAULT_LEAK_H
#define SELFTEST_KVM_ARM64_ABI_FAULT_LEAK_H

#include "kvm_util.h"

/* To be called before anything is done that may lose memory. */
void leak_begin(void);

/* A case: no memory has been lost. */
void leak_check(int unused);

#endif /* SELFTEST_KVM_ARM64_ABI_FAULT_LEAK_H */
