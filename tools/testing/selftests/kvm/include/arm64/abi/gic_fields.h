/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The read-only fields of a GICv3's CPU interface: VMs with fields of their own, and
 * what their guests and userspace read.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_GIC_FIELDS_H
#define SELFTEST_KVM_ARM64_ABI_GIC_FIELDS_H

#include <asm/kvm_migration.h>
#include <linux/bitfield.h>

#include "abi/gic_mask.h"

/* ICC_CTLR_EL1, besides those in gic_mask.h */
#define GIC_CTLR_SEIS		BIT(14)
#define GIC_CTLR_A3V		BIT(15)
#define GIC_FIELDS		(GIC_CTLR_PRI_BITS | GIC_CTLR_ID_BITS |	\
				 GIC_CTLR_SEIS | GIC_CTLR_A3V)
/* The least PRIbits that a virtual CPU interface has */
#define GIC_LEAST_PRI_BITS	4

/* ICH_VTR_EL2 */
#define GIC_VTR_PRI_BITS	GENMASK(31, 29)
#define GIC_VTR_ID_BITS		GENMASK(25, 23)
#define GIC_VTR_SEIS		BIT(22)
#define GIC_VTR_A3V		BIT(21)

#define GIC_CONFIG_CTLR		KVM_REG_ARM_CONFIG_ICC_CTLR_EL1
#define GIC_CONFIG_VTR		KVM_REG_ARM_CONFIG_ICH_VTR_EL2

/* Whether VMs can have fields of their own here; skips the case if not. */
bool gic_fields_possible(bool el2);

/* A VM that opts in to @opt_ins, with a GICv3 that is initialised */
struct gic_vm gic_fields_vm_create(u32 opt_ins, int nr_vcpus, bool el2, void *code);

/* Code of a guest that reads the registers again and again */
void gic_fields_guest_code(void);

/* What the guest of the first vCPU reads; *vtr only at EL2 */
u64 gic_fields_guest_read(struct gic_vm *g, u64 *vtr);

/* The fields of the hardware, which the guest of any other VM reads */
u64 gic_fields_of_hardware(void);

/* ICH_VTR_EL2 with these fields */
u64 gic_fields_vtr(u64 vtr, u64 ctlr);

/* Set one register of the configuration, which is accepted. */
void gic_fields_set(struct gic_vm *g, u64 id, u64 val);

/*
 * The fields that a VM on a host with these can have, one by one: returns their
 * number.
 */
#define GIC_MAX_FIELDS	64
int gic_fields_list(u64 host, u64 fields[GIC_MAX_FIELDS]);

#endif /* SELFTEST_KVM_ARM64_ABI_GIC_FIELDS_H */
