/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seed of a test that makes random decisions: a new one each time, or one
 * that a failing run has printed.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SEED_H
#define SELFTEST_KVM_ARM64_ABI_SEED_H

#include "test_util.h"

u64 seed_new(void);

/* Up to 64 bits, in decimal, or in hexadecimal after 0x */
u64 seed_parse(const char *arg);

#endif /* SELFTEST_KVM_ARM64_ABI_SEED_H */
