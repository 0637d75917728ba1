/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running a part of a test as an ordinary user: in a child process, as nobody,
 * and without any capability.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_TRUST_UNPRIVILEGED_H
#define SELFTEST_KVM_ARM64_ABI_TRUST_UNPRIVILEGED_H

#include "kvm_util.h"

/*
 * Run @fn in a child, as nobody if @unprivileged, with a /dev/kvm that all can
 * use. Returns whether it met its expectations.
 */
bool unprivileged_run(bool unprivileged, void (*fn)(void));

#endif /* SELFTEST_KVM_ARM64_ABI_TRUST_UNPRIVILEGED_H */
