/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMs of abi_fuzz: making and destroying them, with random vCPUs, features,
 * interrupt controllers and opt-ins.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_VM_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_VM_H

#include "abi/vgic_v2.h"
#include "episode.h"
#include "kvm_util.h"

/* The features of this machine; set once */
struct fuzz_host {
	int kvm_fd;
	size_t run_size;
	bool vgic_v2;
	bool vgic_v3;
	bool el1_32bit;
	bool el2;
	bool sve;
	bool pmu;
	bool ptrauth;
	bool stolen_time;
};

extern struct fuzz_host fuzz_host;

void fuzz_find_host(void);

/* ---- Making VMs ---- */

void fuzz_vm_create(struct fuzz *f, struct fuzz_vm *vm);
void fuzz_vm_destroy(struct fuzz_vm *vm);
void fuzz_vcpu_create(struct fuzz *f, struct fuzz_vm *vm, u64 id);
void fuzz_vcpu_init(struct fuzz *f, struct fuzz_vm *vm, int nr, u32 target,
		    u64 features, u32 last);

/* Complete a new VM as a VMM does, sometimes only in part. */
void fuzz_vm_fill(struct fuzz *f, struct fuzz_vm *vm);

/* A VM as a VMM would make it. */
void fuzz_vm_setup(struct fuzz *f, struct fuzz_vm *vm);

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_VM_H */
