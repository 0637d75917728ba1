/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM_ARM_VM_SMCCC_FILTER_LIST, whose memory is the request or the ranges */
#ifndef SELFTEST_KVM_ARM64_ABI_FAULT_FILTER_H
#define SELFTEST_KVM_ARM64_ABI_FAULT_FILTER_H

#include "kvm_util.h"

/* The list of a VM of its own */
void fault_add_filter_list(const char *of);

/* While memory fails: ENOMEM, nothing is written, and the VM keeps its filter */
void fault_check_list_memory(int kind);

void fault_free_filter_list(void);

#endif /* SELFTEST_KVM_ARM64_ABI_FAULT_FILTER_H */
