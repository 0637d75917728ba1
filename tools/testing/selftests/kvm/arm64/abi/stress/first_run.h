/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * First runs of a stress test: two vCPUs of a VM that has not run enter the
 * guest while two threads write the firmware registers, and a third one sets
 * the filter of hypercalls. From its first call on, the guest must see exactly
 * what userspace has set with success.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_STRESS_FIRST_RUN_H
#define SELFTEST_KVM_ARM64_ABI_STRESS_FIRST_RUN_H

#include "kvm_util.h"

void stress_first_run(void);

#endif /* SELFTEST_KVM_ARM64_ABI_STRESS_FIRST_RUN_H */
