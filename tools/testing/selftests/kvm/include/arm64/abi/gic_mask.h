/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registers of KVM_ARM_GIC_RANGE: VMs that have them, access to them, and
 * their expected masks.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_GIC_MASK_H
#define SELFTEST_KVM_ARM64_ABI_GIC_MASK_H

#include <asm/kvm_migration.h>

#include "abi/reg_mask.h"
#include "kvm_util.h"

#define GIC_MASK_MAX_VCPUS	2

#define GIC_CTLR	KVM_ARM_GIC_RANGE_IDX(0, 12, 4)
#define GIC_HCR		KVM_ARM_GIC_RANGE_IDX(4, 11, 0)
#define GIC_VTR		KVM_ARM_GIC_RANGE_IDX(4, 11, 1)

#define GIC_CTLR_CBPR		BIT(0)
#define GIC_CTLR_EOI_MODE	BIT(1)
#define GIC_CTLR_PRI_BITS	GENMASK(10, 8)
#define GIC_CTLR_ID_BITS	GENMASK(13, 11)

/*
 * All GIC registers with op0 == 3, CRn == 12, from Arm IHI 0069. @fields: the
 * fields of the register in any implementation; @rw: those that are read-write
 * and not optional; @mask: the bits that KVM lets userspace change.
 */
struct gic_reg {
	const char *name;
	u8 op1, crm, op2;
	/* The register exists with at least so many bits of a priority. */
	u8 pri_bits;
	/* KVM has a word for the value, and stores what it is given. */
	bool stores_all;
	u64 fields, rw, mask;
};

extern const struct gic_reg gic_regs[];

#define NR_GIC_REGS	57

extern const struct mask_array gic_no_masks;

/* The number of a register among the masks. */
int gic_nr(const struct gic_reg *reg);

const char *gic_name(int nr);

/* ---- VMs ---- */

struct gic_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[GIC_MASK_MAX_VCPUS];
	int fd;
	bool el2;
};

/* Skips the case if it is not possible. */
bool gic_vm_possible(bool el2);

struct kvm_vcpu_init gic_vcpu_init(struct kvm_vm *vm, bool el2);

/* A VM that has opted in, and whose GIC is initialised */
struct gic_vm gic_vm_create_init(int nr_vcpus, bool el2);

void gic_vm_free(struct gic_vm *g);

/* ---- Access ---- */

/* @n is the vCPU's MPIDR_EL1.Aff0. Returns 0, or the positive errno. */
int gic_access(struct gic_vm *g, unsigned long cmd, int n, int nr, u64 *val);

u64 gic_get(struct gic_vm *g, int n, int nr);
void gic_set(struct gic_vm *g, int n, int nr, u64 val);

/* ---- The expected masks ---- */

/* The masks of a VM whose first vCPU has at least as many bits as the others */
struct mask_array gic_masks(struct gic_vm *g, bool ran);

#endif /* SELFTEST_KVM_ARM64_ABI_GIC_MASK_H */
