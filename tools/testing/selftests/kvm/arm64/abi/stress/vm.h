/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs of a stress test, and threads that access their firmware registers while
 * the VMs begin to run.
 *
 * Each writable register has one writer, on the file descriptor of a vCPU or of
 * the VM. So the register's value is always known: the last one that its writer
 * wrote, or its initial value. Once the VM has run, a register that freezes
 * keeps its value.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_STRESS_VM_H
#define SELFTEST_KVM_ARM64_ABI_STRESS_VM_H

#include "abi/fw_reg.h"
#include "kvm_util.h"

#define STRESS_MAX_VCPUS	6

struct stress_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[STRESS_MAX_VCPUS];
	int nr_vcpus;
	bool psci_0_2;
	/* What it has opted in to */
	u32 opted_in;
	/* The value of each register, updated by its writer */
	u64 held[NR_FW_REGS];
	/* A vCPU may have run; a vCPU has run for sure. */
	bool started;
	bool ran;
	/* Its writers and readers have to stop. */
	bool stop;
};

/* Events, to detect a test in which no races took place */
struct stress_seen {
	unsigned long vms;
	unsigned long opted_in;
	unsigned long writes;
	unsigned long frozen;
	unsigned long busy;
	unsigned long filter_cut;
	unsigned long begun;
};

extern struct stress_seen stress_seen;

#define stress_saw(what)						\
	__atomic_add_fetch(&stress_seen.what, 1, __ATOMIC_RELAXED)

bool stress_get_flag(const bool *flag);
void stress_set_flag(bool *flag);
struct stress_vm *stress_vm_create(int nr_vcpus, u32 features);
void stress_vm_free(struct stress_vm *v);

/* ---- Writers ---- */

struct stress_writer {
	struct stress_vm *v;
	struct kvm_vcpu *vcpu;
	/* The VM's file descriptor, or the vCPU's */
	int fd;
	/* The registers that it owns */
	u32 owned;
	/* A write has returned EBUSY. */
	bool busy;
};

#define STRESS_BMAPS	GENMASK(NR_FW_REGS - 1, FW_FIRST_BMAP)

struct stress_writer stress_writer(struct stress_vm *v, struct kvm_vcpu *vcpu,
				   u32 owned);

/* Whether another value is refused once the VM has run */
bool stress_freezes(const struct stress_writer *w, int nr);

/* One write to a register that it owns, and a read to check it */
void stress_access(struct stress_writer *w);

/* ---- Readers of registers that others write ---- */

void stress_look(struct stress_vm *v, struct kvm_vcpu *vcpu);

/* After the first run all vCPUs read the values that the registers had then. */
void stress_expect_frozen(struct stress_vm *v);

#endif /* SELFTEST_KVM_ARM64_ABI_STRESS_VM_H */
