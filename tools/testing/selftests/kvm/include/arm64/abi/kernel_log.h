/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel has written to its log since a test began, or read it last.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_KERNEL_LOG_H
#define SELFTEST_KVM_ARM64_ABI_KERNEL_LOG_H

#include "kvm_util.h"

/* Ignore all earlier lines. */
void kernel_log_open(void);

/* The number of lines since the last call, except those with @expected */
int kernel_log_read(const char *expected);

#endif /* SELFTEST_KVM_ARM64_ABI_KERNEL_LOG_H */
