/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Benchmarks of the configuration of a VM: KVM_ARM_VM_CONFIG, and the sequences of
 * ioctls on a vCPU that it replaces.
 *
 *	config/GET			the configuration
 *	config/GET:one_by_one		KVM_GET_REG_LIST, and KVM_GET_ONE_REG of each
 *	config/CHECK, config/SET	the values that the VM has
 *	config/SET:one_by_one		KVM_SET_ONE_REG of each
 *	config/SET:changed		other values in many registers, and back
 *	config/SET:changed:one_by_one	KVM_SET_ONE_REG of each, twice
 */
#ifndef SELFTEST_KVM_ARM64_ABI_BENCH_CONFIG_H
#define SELFTEST_KVM_ARM64_ABI_BENCH_CONFIG_H

#include "kvm_util.h"

/* Of a VM that has opted in to it and has not run, and of one of its vCPUs */
void bench_config(int vm_fd, int vcpu_fd);

#endif /* SELFTEST_KVM_ARM64_ABI_BENCH_CONFIG_H */
