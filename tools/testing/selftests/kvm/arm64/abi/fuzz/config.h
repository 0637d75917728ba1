/* SPDX-License-Identifier: GPL-2.0-only */
/* abi_fuzz's requests about the configuration of a VM */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_CONFIG_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_CONFIG_H

#include "episode.h"

/* GET, or CHECK and then SET of a random set, by the VM or one of its vCPUs */
void fuzz_config(struct fuzz *f, struct fuzz_vm *vm);

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_CONFIG_H */
