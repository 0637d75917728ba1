/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What KVM/arm64 offers to virtual machines that move between hosts, to those
 * VMs whose userspace asks for it. Nothing of this is listed, accepted or seen
 * in a VM that has not opted in.
 *
 * Documentation/virt/kvm/arm/rust-opt-in.rst
 *
 * The numbers are private to this code. Those of the capabilities are far from
 * the ones that KVM hands out, and become the next free KVM_CAP_* upstream. The
 * group of the feature levels (0x17), the ranges of masks (1 and 2), the scope
 * (bit 28 of an id) and the attribute of the vGIC (6) follow the last ones that
 * are taken in asm/kvm.h, and stay if they are still free.
 */
#ifndef _UAPI__ASM_ARM64_KVM_MIGRATION_H
#define _UAPI__ASM_ARM64_KVM_MIGRATION_H

#include <linux/kvm.h>

/*
 * Capabilities of VMs. KVM_CHECK_EXTENSION returns 0 if a capability is not
 * there. KVM_ENABLE_CAP opts in, before the first vCPU is created: flags, pad
 * and the args that are not named here must be zero, or it fails with EINVAL.
 */

/**
 * define KVM_CAP_ARM_FEATURE_LEVELS - The VM has feature-level registers
 *
 * KVM_CHECK_EXTENSION returns their number, KVM_ARM_NR_FEATURE_LEVEL_REGS.
 */
#define KVM_CAP_ARM_FEATURE_LEVELS		0x41524d01

/**
 * define KVM_CAP_ARM_REG_MASK_RANGES - The VM has more ranges of writable masks
 *
 * KVM_CHECK_EXTENSION returns those that can be had, one bit for each range;
 * KVM_ENABLE_CAP takes the wanted ones of them in args[0], at least one. From
 * then on KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES of the VM names them, too.
 */
#define KVM_CAP_ARM_REG_MASK_RANGES		0x41524d02

/**
 * define KVM_CAP_ARM_VM_ONE_REG - The VM's file descriptor has registers
 *
 * KVM_GET_ONE_REG, KVM_SET_ONE_REG and KVM_GET_REG_LIST work on it, for the
 * firmware and feature-level registers. KVM_CHECK_EXTENSION returns 1.
 */
#define KVM_CAP_ARM_VM_ONE_REG			0x41524d03

/**
 * define KVM_CAP_ARM_REG_SCOPE - KVM_GET_REG_LIST of a vCPU shows scopes
 *
 * In the list, the ids of registers that all vCPUs share have
 * KVM_REG_ARM_SCOPE_VM. KVM_CHECK_EXTENSION returns 1.
 */
#define KVM_CAP_ARM_REG_SCOPE			0x41524d04

/**
 * define KVM_CAP_ARM_PSCI_VERSION_FREEZE - KVM_REG_ARM_PSCI_VERSION freezes
 *
 * It does so when a vCPU runs for the first time, as the bitmaps of services
 * do. KVM_CHECK_EXTENSION returns 1.
 */
#define KVM_CAP_ARM_PSCI_VERSION_FREEZE		0x41524d05

/**
 * define KVM_REG_ARM_FEATURE_LEVEL - The group of the feature-level registers
 *
 * These have 64 bits, sixteen fields of four bits, each a signed number. A field
 * that means nothing reads as zero. A write checks and stores nothing: it
 * succeeds if no field is above that of the host, else it fails with EINVAL.
 */
#define KVM_REG_ARM_FEATURE_LEVEL		(0x0017 << KVM_REG_ARM_COPROC_SHIFT)

/**
 * KVM_REG_ARM_FEATURE_LEVEL_REG - The id of a feature-level register
 * @n: Its number, less than KVM_ARM_NR_FEATURE_LEVEL_REGS
 */
#define KVM_REG_ARM_FEATURE_LEVEL_REG(n)	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | \
						 KVM_REG_ARM_FEATURE_LEVEL | (n))

/**
 * define KVM_ARM_NR_FEATURE_LEVEL_REGS - The number of feature-level registers
 *
 * It does not change: what is to come has its place in them.
 */
#define KVM_ARM_NR_FEATURE_LEVEL_REGS		8

/**
 * define KVM_ARM_FEATURE_LEVEL_FIRST_PRIVATE - The first one without a name
 *
 * Registers from this one on are KVM's own: to be saved and restored as all
 * others, and not to be interpreted.
 */
#define KVM_ARM_FEATURE_LEVEL_FIRST_PRIVATE	6

/**
 * KVM_ARM_FEATURE_LEVEL - A level in a feature-level register
 * @val: The value of the register
 * @shift: The lowest bit of the field
 */
#define KVM_ARM_FEATURE_LEVEL(val, shift)	((__s64)((__u64)(val) << (60 - (shift))) >> 60)

/* What the levels of workarounds mean */
#define KVM_ARM_FEATURE_LEVEL_NOT_AVAIL		(-1)
#define KVM_ARM_FEATURE_LEVEL_UNKNOWN		0
#define KVM_ARM_FEATURE_LEVEL_AVAIL		1
#define KVM_ARM_FEATURE_LEVEL_UNAFFECTED	2

/**
 * define KVM_REG_ARM_FEATURE_LEVEL_WORKAROUNDS - The levels of SMCCC_ARCH_WORKAROUND_{1,2,3}
 */
#define KVM_REG_ARM_FEATURE_LEVEL_WORKAROUNDS	KVM_REG_ARM_FEATURE_LEVEL_REG(0)
#define KVM_ARM_FEATURE_LEVEL_WORKAROUND_1_SHIFT	0
#define KVM_ARM_FEATURE_LEVEL_WORKAROUND_2_SHIFT	4
#define KVM_ARM_FEATURE_LEVEL_WORKAROUND_3_SHIFT	8

/*
 * Ranges of KVM_ARM_GET_REG_WRITABLE_MASKS besides KVM_ARM_FEATURE_ID_RANGE.
 * Each is an array of 64-bit masks.
 */

/**
 * define KVM_ARM_GIC_RANGE - A GICv3's CPU interface and virtualisation control
 *
 * op0 == 3, op1 == {0, 4}, CRn == 12, CRm == {0-15}, op2 == {0-7}; those with
 * op1 == 4 are of a VM with EL2.
 */
#define KVM_ARM_GIC_RANGE			1
#define KVM_ARM_GIC_RANGE_SIZE			(2 * 16 * 8)
#define KVM_ARM_GIC_RANGE_IDX(op1, crm, op2)	\
	((((op1) == 4) << 7) | (((crm) & 15) << 3) | ((op2) & 7))

/**
 * define KVM_ARM_FW_RANGE - The firmware registers
 *
 * KVM_REG_ARM_FW_REG(0) to (63), then KVM_REG_ARM_FW_FEAT_BMAP_REG(0) to (63).
 */
#define KVM_ARM_FW_RANGE			2
#define KVM_ARM_FW_RANGE_SIZE			(2 * 64)
#define KVM_ARM_FW_RANGE_IDX(id)					\
	({								\
		__u64 __id = (id);					\
		__u64 __class = __id & KVM_REG_ARM_COPROC_MASK;		\
		((__class == KVM_REG_ARM_FW_FEAT_BMAP) << 6) | (__id & 63); \
	})

/**
 * define KVM_REG_ARM_SCOPE_MASK - Who has a register, in its id
 *
 * KVM_REG_ARM_SCOPE_VCPU: each vCPU. KVM_REG_ARM_SCOPE_VM: all of them together,
 * so that to write it once is enough. With KVM_CAP_ARM_REG_SCOPE.
 */
#define KVM_REG_ARM_SCOPE_MASK			0x0000000010000000
#define KVM_REG_ARM_SCOPE_SHIFT			28
#define KVM_REG_ARM_SCOPE_VCPU			0
#define KVM_REG_ARM_SCOPE_VM			KVM_REG_ARM_SCOPE_MASK

/**
 * define KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR - GICC_PMR as the architecture has it
 *
 * Attribute of KVM_DEV_ARM_VGIC_GRP_CTRL of a GICv2, without a value: userspace
 * reads and writes eight bits of priority, in place of the upper five of them,
 * shifted.
 */
#define KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR	6

#endif /* _UAPI__ASM_ARM64_KVM_MIGRATION_H */
