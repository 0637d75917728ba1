/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every call of KVM/arm64's migration ABI that copies from or to userspace's
 * memory, each with a legal argument that would change something, for tests in
 * which it fails during a copy or before.
 *
 * The VMs have no memory: they do not run, and are made quickly.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FAULT_CALL_H
#define SELFTEST_KVM_ARM64_ABI_FAULT_CALL_H

#include <asm/kvm_migration.h>

#include "abi/switch.h"
#include "abi/vgic_v2.h"
#include "kvm_util.h"

/* struct kvm_enable_cap is the largest. */
#define FAULT_MAX_IN	128
#define FAULT_MAX_CALLS	160

/**
 * struct fault_call - a call that copies from or to userspace's memory
 * @name: for messages
 * @run: make it, with the memory at an address; returns 0 or the errno
 * @fd: the file descriptor of the call
 * @cmd: the ioctl
 * @get_cmd: the ioctl that reads back what @cmd writes, if there is one
 * @group: the group of an attribute
 * @id: a register or attribute, or the number of a range of masks
 * @size: bytes of memory that are accessed
 * @in_size: bytes at its beginning that are read
 * @writes: all of the memory is written, or its beginning
 * @out_size: bytes at its beginning that are written; 0: all
 * @zeroes: if not all could be written, what could be written is zero
 * @ignore: bits of 64-bit words that may be clear if not all could be written
 * @in: the bytes that are read
 * @now: bytes of the same size that restore the state after a success
 * @want: the result if nothing is wrong
 * @once: it succeeds once, then it returns EEXIST
 * @allocates: it needs memory of the kernel
 * @more_in_rust: further copies that can be made to fail in the mode rust
 * @begin: make a new VM, or prepare what else depends on the mode
 * @check: check that nothing has changed
 * @undo: restore the state if the call has succeeded
 */
struct fault_call {
	const char *name;
	int (*run)(const struct fault_call *c, u64 addr);
	int fd;
	unsigned long cmd;
	unsigned long get_cmd;
	u32 group;
	u64 id;
	size_t size;
	size_t in_size;
	bool writes;
	size_t out_size;
	bool zeroes;
	u64 ignore;
	u8 in[FAULT_MAX_IN];
	u8 now[FAULT_MAX_IN];
	int want;
	bool once;
	bool allocates;
	int more_in_rust;
	void (*begin)(struct fault_call *c);
	void (*check)(const struct fault_call *c);
	void (*undo)(const struct fault_call *c);
};

extern struct fault_call fault_calls[FAULT_MAX_CALLS];
extern int fault_nr_calls;

/* The mode in which calls are made; empty if there is no switch. */
extern char fault_mode[ABI_WORD];

struct fault_vms {
	struct kvm_vm *plain;
	struct kvm_vcpu *plain_vcpu;
	/* A VM that has opted in to everything */
	struct kvm_vm *opted;
	struct kvm_vcpu *opted_vcpu;
	/* A GICv2 */
	struct vgic_v2 gic;
};

extern struct fault_vms fault_vms;

/* Memory for results that are not under test */
extern u64 fault_scratch[KVM_ARM_GIC_RANGE_SIZE];

__printf(1, 2) struct fault_call *fault_add(const char *fmt, ...);
void fault_set_mode(const char *mode);
const char *fault_first_mode(void);

/* Without a switch there is only the first pass. */
int fault_nr_passes(void);

void fault_begin_pass(int nr);
bool fault_mode_is_rust(void);

/* What the call returns if all of its memory is accessible */
int fault_want(const struct fault_call *c);

/* ---- How calls are made ---- */

int fault_run_one_reg(const struct fault_call *c, u64 addr);
int fault_run_attr(const struct fault_call *c, u64 addr);

/* Check that what @cmd writes reads as @now. */
void fault_check(const struct fault_call *c);

/* Undo the call, which has returned @ret. */
void fault_undo(struct fault_call *c, int ret);

/* The firmware registers, with @bits in their ids */
void fault_add_fw_regs(const char *of, int fd, u64 bits);

void fault_add_levels(const char *of, int fd, u64 bits);
void fault_add_id_regs(const char *of, int fd, u64 bits);

/* A list of all ids, and one without room for them */
void fault_add_list(const char *of, int fd, u64 ignore);

void fault_add_masks(const char *of, int fd, u32 range, int nr);

/* ---- The ioctls' own arguments ---- */

struct fault_call *fault_add_struct(const char *of, const char *name, int fd,
				    unsigned long cmd, const void *in,
				    size_t size, int want);
void fault_add_structs(const char *of, int fd);
void fault_add_vm_structs(const char *of, int fd, u32 range);

/* ---- Calls that change their VM for good ---- */

/* There is one such VM at a time. */
extern struct kvm_vm *fault_own_vm;

void fault_add_enable_caps(void);
void fault_add_filter(void);
void fault_add_mode(void);

#endif /* SELFTEST_KVM_ARM64_ABI_FAULT_CALL_H */
