/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest for the tests of KVM's GICv2: it only makes single accesses on
 * request, so its GIC has exactly the settings of the test. It checks for
 * interrupts in GICC_IAR, with all of them masked in PSTATE, unless it is asked
 * to take one.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_VGIC_V2_GUEST_H
#define SELFTEST_KVM_ARM64_ABI_VGIC_V2_GUEST_H

#include <linux/sizes.h>

#include "abi/vgic_v2.h"
#include "gic.h"
#include "gic_v3.h"

/* Two interrupts: both SPIs are in the second word of 32. */
#define V2_GUEST_HIGH_SPI		(MIN_SPI + 1)
#define V2_GUEST_LOW_SPI		(MIN_SPI + 2)
#define V2_GUEST_SPI_BIT(intid)	BIT((intid) - MIN_SPI)
#define V2_GUEST_BOTH_SPIS						\
	(V2_GUEST_SPI_BIT(V2_GUEST_HIGH_SPI) | V2_GUEST_SPI_BIT(V2_GUEST_LOW_SPI))

#define GICC_PMR_ALL		0xf8

enum v2_guest_op { V2_GUEST_READ, V2_GUEST_WRITE, V2_GUEST_TAKE };

/* The interrupt that the guest took last */
struct v2_guest_taken {
	u32 vector;
	u32 iar;
};

void v2_guest_code(void);
u32 v2_guest_do(struct kvm_vcpu *vcpu, enum v2_guest_op op, u64 addr, u32 val);

#define v2_guest_read(vcpu, addr)					\
	v2_guest_do(vcpu, V2_GUEST_READ, addr, 0)
#define v2_guest_write(vcpu, addr, val)					\
	v2_guest_do(vcpu, V2_GUEST_WRITE, addr, val)
#define v2_guest_read_gicc(vcpu, offset)				\
	v2_guest_read(vcpu, GICC_BASE_GPA + (offset))
#define v2_guest_write_gicc(vcpu, offset, val)				\
	v2_guest_write(vcpu, GICC_BASE_GPA + (offset), val)
#define v2_guest_write_gicd(vcpu, offset, val)				\
	v2_guest_write(vcpu, GICD_BASE_GPA + (offset), val)

struct v2_guest_taken v2_guest_take_irq(struct kvm_vcpu *vcpu);
struct vgic_v2 vgic_v2_create_guest(void);

/* The same, in a VM that has no vCPU yet */
struct vgic_v2 vgic_v2_create_guest_in(struct kvm_vm *vm);

void __v2_guest_expect(int line, struct vgic_v2 *v, u32 offset, u32 want,
		       const char *when);
#define v2_guest_expect(...)	__v2_guest_expect(__LINE__, __VA_ARGS__)

/* @pmr and the priorities are in the guest's format. */
struct v2_guest_gic {
	u32 ctlr;
	u32 pmr;
	bool group1;
};

void v2_guest_setup(struct vgic_v2 *v, const struct v2_guest_gic *s);
void vgic_v2_inject(struct vgic_v2 *v, u32 intid);

/* Only one interrupt passes the mask; the other one does once it is raised. */
void v2_guest_expect_mask(struct vgic_v2 *v, const char *vm);

#endif /* SELFTEST_KVM_ARM64_ABI_VGIC_V2_GUEST_H */
