/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of KVM's GICv2 share: VMs that have one, access to its
 * registers that returns the errno, and which bits of userspace's values the
 * registers of the CPU interface keep.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_VGIC_V2_H
#define SELFTEST_KVM_ARM64_ABI_VGIC_V2_H

#include <linux/sizes.h>

#include "kvm_util.h"

#include "gic.h"
#include "vgic.h"

#define VGIC_V2_MAX_CPUS	8

#define GICC_BASE_GPA		(GICD_BASE_GPA + SZ_64K)
#define GICC_BASE_GVA		((void *)GICC_BASE_GPA)

/* The CPU interface, by offset. Its second frame has only GICC_DIR. */
#define GICC_CTLR		0x0000
#define GICC_PMR		0x0004
#define GICC_BPR		0x0008
#define GICC_IAR		0x000c
#define GICC_EOIR		0x0010
#define GICC_RPR		0x0014
#define GICC_ABPR		0x001c
#define GICC_APR(n)		(0x00d0 + 4 * (n))
#define GICC_IIDR		0x00fc
#define GICC_DIR		0x1000

#define GICC_CTLR_ENABLE_GRP0	BIT(0)
#define GICC_CTLR_ENABLE_GRP1	BIT(1)
#define GICC_CTLR_ACK_CTL	BIT(2)
#define GICC_CTLR_FIQ_EN		BIT(3)
#define GICC_CTLR_CBPR		BIT(4)
#define GICC_CTLR_EOI_MODE_NS	BIT(9)

#define GICC_IIDR_KVM		0x04b2043b

/*
 * The registers that userspace has, and which bits of a value a vCPU keeps
 * before it has run, when the hardware has not changed any yet. PMR is in the
 * format of GICH_VMCR.VMPriMask: GICC_PMR shifted right by three.
 *
 * The hardware's GICH_APR has one word, so GICC_APR1 to 3 keep nothing.
 */
#define GICC_PMR_SHIFT		3

struct gicc_reg {
	const char *name;
	u32 offset;
	u32 writable;
	u32 fixed;
};

extern const struct gicc_reg gicc_regs[];

#define NR_GICC_REGS	10

/* The register with this offset, NR_GICC_REGS if there is none */
int gicc_reg_nr(u64 offset);

u32 gicc_kept(int nr, u32 val);

/* A VM with a GICv2 */
struct vgic_v2 {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[VGIC_V2_MAX_CPUS];
	int nr_vcpus;
	int fd;
};

/* The registers of all CPU interfaces at one moment */
struct gicc_state {
	u32 val[VGIC_V2_MAX_CPUS][NR_GICC_REGS];
};

/* Give @vm, which has its vCPUs, a GIC at the addresses above. Returns its fd. */
int vgic_v2_add(struct kvm_vm *vm);

/*
 * A VM with vCPUs with these ids, created in this order, which run @code. The
 * guest is at EL1 and has the GIC at the addresses above.
 */
struct vgic_v2 vgic_v2_create(const u8 *ids, int nr, void *code);

/* The same, in a VM that has no vCPU yet */
struct vgic_v2 vgic_v2_create_in(struct kvm_vm *vm, const u8 *ids, int nr, void *code);

struct vgic_v2 vgic_v2_create_one(void *code);
void vgic_v2_free(struct vgic_v2 *v);
bool vgic_v2_supported(void);

/* The whole test needs a host with a GICv2, which KVM supports. */
void vgic_v2_require(void);

u64 vgic_v2_attr(u8 cpuid, u32 offset);

/* KVM_{HAS,GET,SET}_DEVICE_ATTR. Returns 0, or the positive errno. */
int vgic_v2_access(int fd, unsigned long cmd, u32 group, u64 attr, u64 addr);

int gicc_access(struct vgic_v2 *v, unsigned long cmd, u8 cpuid, u32 offset,
		u64 addr);
int gicc_has(struct vgic_v2 *v, u8 cpuid, u32 offset);

/* Accesses that must not fail */
u32 vgic_v2_get(struct vgic_v2 *v, u32 group, u8 cpuid, u32 offset);

void vgic_v2_set(struct vgic_v2 *v, u32 group, u8 cpuid, u32 offset, u32 val);

#define gicc_get(v, ...)	\
	vgic_v2_get(v, KVM_DEV_ARM_VGIC_GRP_CPU_REGS, __VA_ARGS__)
#define gicc_set(v, ...)	\
	vgic_v2_set(v, KVM_DEV_ARM_VGIC_GRP_CPU_REGS, __VA_ARGS__)
#define gicd_get(v, ...)	\
	vgic_v2_get(v, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, __VA_ARGS__)
#define gicd_set(v, ...)	\
	vgic_v2_set(v, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, __VA_ARGS__)

/* Make the values of all registers differ from 0, ~0 and one another. */
void gicc_set_pattern(struct vgic_v2 *v);

struct gicc_state gicc_state_read(struct vgic_v2 *v);
void __gicc_expect_state(int line, struct vgic_v2 *v,
			 const struct gicc_state *want, const char *when);
#define gicc_expect_state(...)	__gicc_expect_state(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_VGIC_V2_H */
