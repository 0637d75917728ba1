/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The number of VMs, of this process and of others, to see whether one is left
 * behind.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_COUNT_VMS_H
#define SELFTEST_KVM_ARM64_ABI_COUNT_VMS_H

#include "kvm_util.h"

int count_vms(void);

/*
 * To be called before the test has VMs: only the VMs of others must exist in
 * the end. One VM may be kept while tests run, so that the scheduler is not
 * patched for the first and the last VM of each test; any other VM was left by
 * a test.
 */
int count_vms_of_others(void);

#endif /* SELFTEST_KVM_ARM64_ABI_COUNT_VMS_H */
