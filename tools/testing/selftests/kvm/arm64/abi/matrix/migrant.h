/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs that are saved, and restored from what was saved: the registers that all vCPUs
 * share as a stream of (id, value) pairs, a vCPU and its memory, and a guest that
 * counts its calls.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_MATRIX_MIGRANT_H
#define SELFTEST_KVM_ARM64_ABI_MATRIX_MIGRANT_H

#include "abi/fw_reg.h"
#include "abi/level.h"
#include "abi/opt_in.h"
#include "abi/reg_image.h"

/* What a VM can opt in to */
#define IN_LEVELS	BIT(OPT_IN_LEVELS)
#define IN_VM		BIT(OPT_IN_VM_REGS)
#define IN_SCOPE	BIT(OPT_IN_SCOPE)
#define IN_PMR		BIT(OPT_IN_PMR)
#define IN_ALL		OPT_IN_ALL

/* What can be refused: registers, and the ioctls that come before them */
#define PSCI		BIT(FW_PSCI_VERSION)
#define WA_1		BIT(FW_WORKAROUND_1)
#define WA_2		BIT(FW_WORKAROUND_2)
#define WA_3		BIT(FW_WORKAROUND_3)
#define STD		BIT(FW_STD)
#define STD_HYP		BIT(FW_STD_HYP)
#define VENDOR		BIT(FW_VENDOR_HYP)
#define VENDOR_2	BIT(FW_VENDOR_HYP_2)
#define LEVELS(n)	BIT(NR_FW_REGS + (n))
#define ALL_LEVELS	GENMASK(NR_FW_REGS + NR_LEVEL_REGS - 1, NR_FW_REGS)
#define NEW		BIT(16)		/* registers unknown to this kernel */
#define ID_REGS		BIT(17)
#define ANY_REG		GENMASK(17, 0)
#define VCPU_INIT	BIT(18)

/* Registers whose value is kept; those of the workarounds are only compared. */
#define STORED		(PSCI | STD | STD_HYP | VENDOR | VENDOR_2 | ALL_LEVELS)

/* By the number of the bit */
extern const char * const reg_names[];

const char *errno_name(int err);

/* The number of the bit of a register, whatever scope its id has */
int reg_nr(u64 id);

/* ---- Saved state ---- */

#define MAX_SAVED	128

/*
 * A saved VM: the VM-wide registers, as a stream of (id, value) pairs, and its
 * vCPU and memory
 */
struct saved {
	bool vm_fd;
	int nr;
	struct one_reg {
		u64 id;
		u64 val;
	} reg[MAX_SAVED];
	struct reg_image own;
	void *mem;
	size_t mem_size;
	u64 calls;
};

struct migrant {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
};

/* Make a VM, let its guest run once, and save it. */
struct migrant migrant_create(u32 in, bool psci_0_1, bool all_features);
void migrant_run(struct migrant *m);
struct saved migrant_save(struct migrant *m, u32 in);
void saved_free(struct saved *s);

/* ---- The destination ---- */

void migrant_opt_in(struct migrant *m, u32 set);

/* Add the vCPU. Returns 0 or the positive errno. */
int migrant_add_vcpu(struct migrant *m, bool psci_0_2, bool all_features);

/* Restore the vCPU's own registers, and the memory. */
void migrant_restore_own(struct migrant *m, const struct saved *s);

/* Read through the vCPU, or through the VM if there is no vCPU yet. */
int migrant_read(struct migrant *m, u64 id, u64 *val);

/*
 * Write one register of the stream. Returns 0 or the positive errno. A refused
 * register reads as before, and so does one that is not stored.
 */
int migrant_restore_reg(struct migrant *m, const struct saved *s,
			const struct one_reg *r);

/* Whether @val is above the value of a VM on this host */
bool is_above_host(struct kvm_vcpu *vcpu, u64 id, u64 val);

/* The guest sees the registers' values, and goes on counting. */
void migrant_expect_guest(struct migrant *m, const struct saved *s, u64 calls);

#endif /* SELFTEST_KVM_ARM64_ABI_MATRIX_MIGRANT_H */
