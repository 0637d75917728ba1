/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of KVM_ARM_VM_CONFIG, whose memory is the request or its entries */
#ifndef SELFTEST_KVM_ARM64_ABI_FAULT_CONFIG_H
#define SELFTEST_KVM_ARM64_ABI_FAULT_CONFIG_H

#include "kvm_util.h"

/* CHECK and SET of a VM that has opted in to everything, by this file descriptor */
void fault_add_config(const char *of, int fd);

/* GET, of a VM of its own */
void fault_add_config_list(const char *of);

/* Two registers that SET changes, and what resets them */
extern const u64 fault_config_regs[2];
void fault_config_undo(int fd);

/* While memory fails: ENOMEM, and the VM keeps its configuration */
void fault_check_config_memory(int kind);

void fault_free_config(void);

#endif /* SELFTEST_KVM_ARM64_ABI_FAULT_CONFIG_H */
