/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Extensions of KVM/arm64 for virtual machines that move between hosts. A VM
 * has them only if its userspace opts in. A VM that has not opted in does not
 * see any of this.
 *
 * Documentation/virt/kvm/arm/rust-opt-in.rst
 *
 * The numbers are private to this code. Those of the capabilities and of the ioctls
 * are far from the numbers of KVM; upstream, they become the next free ones. The
 * class of the feature levels (0x17), the ranges of masks (1 and 2) and the scope
 * (bit 28 of an id) follow the last ones in use in asm/kvm.h; upstream, they stay if
 * they are still free. The vGIC's group and the filter's attribute (0x40) become the
 * next free ones.
 */
#ifndef _UAPI__ASM_ARM64_KVM_MIGRATION_H
#define _UAPI__ASM_ARM64_KVM_MIGRATION_H

#include <linux/kvm.h>

/**
 * define KVM_CAP_ARM_MIGRATION - What a VM opts in to
 *
 * KVM_CHECK_EXTENSION of /dev/kvm returns what VMs can opt in to, and that of a VM
 * what the VM has opted in to: bits from KVM_ARM_MIGRATION_FEATURE_LEVELS on.
 *
 * KVM_ENABLE_CAP takes in args[0] what the VM opts in to, in addition to what it
 * has, before the first vCPU is created. It fails with EINVAL unless flags, pad,
 * the other args and all other bits of args[0] are zero.
 */
#define KVM_CAP_ARM_MIGRATION			0x41524d10

/* KVM_REG_ARM_FEATURE_LEVEL_REG(): feature-level registers */
#define KVM_ARM_MIGRATION_FEATURE_LEVELS	0x01
/* KVM_ARM_GIC_RANGE of KVM_ARM_GET_REG_WRITABLE_MASKS */
#define KVM_ARM_MIGRATION_GIC_MASKS		0x02
/* KVM_ARM_FW_RANGE of KVM_ARM_GET_REG_WRITABLE_MASKS */
#define KVM_ARM_MIGRATION_FW_MASKS		0x04
/* KVM_ARM_VM_GET_ONE_REG and its like; includes KVM_ARM_MIGRATION_PSCI_FREEZE */
#define KVM_ARM_MIGRATION_VM_REGS		0x08
/* KVM_GET_REG_LIST of a vCPU shows KVM_REG_ARM_SCOPE_VM */
#define KVM_ARM_MIGRATION_REG_SCOPE		0x10
/* KVM_REG_ARM_PSCI_VERSION freezes at the first run, like the bitmaps of services */
#define KVM_ARM_MIGRATION_PSCI_FREEZE		0x20
/* KVM_ARM_VM_CONFIG; includes KVM_ARM_MIGRATION_PSCI_FREEZE */
#define KVM_ARM_MIGRATION_VM_CONFIG		0x40
/* KVM_ARM_VM_SMCCC_FILTER_LIST */
#define KVM_ARM_MIGRATION_FILTER_LIST		0x80
/* KVM_DEV_ARM_VGIC_GRP_CANONICAL */
#define KVM_ARM_MIGRATION_CANONICAL_PMR		0x100
/*
 * KVM_REG_ARM_CONFIG_ICC_CTLR_EL1 and _ICH_VTR_EL2; includes
 * KVM_ARM_MIGRATION_VM_CONFIG; not on a host in protected mode
 */
#define KVM_ARM_MIGRATION_GIC_FIELDS		0x200

/**
 * define KVM_CAP_ARM_COMPAT - The release of Linux as under which a VM behaves
 *
 * KVM_CHECK_EXTENSION of /dev/kvm returns the levels that there are, and that of a VM
 * the level of the VM: bits from KVM_ARM_COMPAT_NATIVE on. The level of a new VM is
 * that of the kernel's command line, kvm-arm.compat=, or else KVM_ARM_COMPAT_NATIVE.
 *
 * KVM_ENABLE_CAP takes in args[0] one of the bits, before the first vCPU is created. It
 * fails with EINVAL unless flags, pad and the other args are zero, and if the VM has
 * opted in to KVM_CAP_ARM_MIGRATION and the level is not KVM_ARM_COMPAT_NATIVE.
 */
#define KVM_CAP_ARM_COMPAT			0x41524d11

#define KVM_ARM_COMPAT_NATIVE			0x01
#define KVM_ARM_COMPAT_6_18			0x02
#define KVM_ARM_COMPAT_6_16			0x04
#define KVM_ARM_COMPAT_6_12			0x08
#define KVM_ARM_COMPAT_6_1			0x10

/*
 * ioctls of a VM that has opted in to KVM_ARM_MIGRATION_VM_REGS, for the firmware
 * and feature-level registers; they do what KVM_GET_ONE_REG, KVM_SET_ONE_REG and
 * KVM_GET_REG_LIST do on a vCPU.
 */
#define KVM_ARM_VM_GET_ONE_REG		_IOW(KVMIO, 0xf0, struct kvm_one_reg)
#define KVM_ARM_VM_SET_ONE_REG		_IOW(KVMIO, 0xf1, struct kvm_one_reg)
#define KVM_ARM_VM_GET_REG_LIST		_IOWR(KVMIO, 0xf2, struct kvm_reg_list)

/**
 * struct kvm_arm_vm_config - A request about the configuration of a VM
 * @op: What to do: KVM_ARM_VM_CONFIG_GET, _CHECK or _SET
 * @flags: KVM_ARM_VM_CONFIG_TOLERATE_ZERO, not with KVM_ARM_VM_CONFIG_GET
 * @n: The number of entries; of KVM_ARM_VM_CONFIG_GET the room for entries, which
 *     becomes the number of registers
 * @entry_size: sizeof(struct kvm_arm_vm_config_entry)
 * @entries: The address of an array of struct kvm_arm_vm_config_entry
 * @reserved: 0
 *
 * For KVM_ARM_VM_CONFIG, of the file descriptor of a VM or of its vCPUs, if the VM
 * has opted in to KVM_ARM_MIGRATION_VM_CONFIG.
 */
struct kvm_arm_vm_config {
	__u32 op;
	__u32 flags;
	__u32 n;
	__u32 entry_size;
	__u64 entries;
	__u64 reserved[5];
};

/* List and read all registers of the configuration. */
#define KVM_ARM_VM_CONFIG_GET			0
/* Answer what KVM_ARM_VM_CONFIG_SET would do now. */
#define KVM_ARM_VM_CONFIG_CHECK			1
/* Set all of them, or none. */
#define KVM_ARM_VM_CONFIG_SET			2

/* Accept an entry of a register that the VM does not have, if the value is 0. */
#define KVM_ARM_VM_CONFIG_TOLERATE_ZERO		0x1

/**
 * struct kvm_arm_vm_config_entry - A register of the configuration
 * @id: Its id, as in KVM_GET_REG_LIST
 * @value: Its value
 * @mask: Set by KVM_ARM_VM_CONFIG_GET to the fields that can be changed now, else
 *	  to the bits for which the entry is refused
 * @limit: Set by KVM_ARM_VM_CONFIG_GET to the most that is accepted of each of
 *	   these fields, else to a value that would be accepted
 * @err: Set to 0, or to the negative errno for which the entry is refused
 * @reason: Set to KVM_ARM_VM_CONFIG_REASON_*, or 0
 * @other: Set to the index of the entry that this one conflicts with, or ~0
 * @scope: Set by KVM_ARM_VM_CONFIG_GET to 1: all vCPUs of the VM share it
 * @reserved: 0
 */
struct kvm_arm_vm_config_entry {
	__u64 id;
	__u64 value;
	__u64 mask;
	__u64 limit;
	__s32 err;
	__u32 reason;
	__u32 other;
	__u32 scope;
	__u64 reserved[2];
};

/* Why an entry is refused */
#define KVM_ARM_VM_CONFIG_REASON_UNKNOWN		1
#define KVM_ARM_VM_CONFIG_REASON_BAD_BITS		2
#define KVM_ARM_VM_CONFIG_REASON_ABOVE_HOST		3
#define KVM_ARM_VM_CONFIG_REASON_FROZEN			4
#define KVM_ARM_VM_CONFIG_REASON_NEEDS_FEATURE		5
#define KVM_ARM_VM_CONFIG_REASON_NEEDS_CAPABILITY	6
#define KVM_ARM_VM_CONFIG_REASON_CONFLICT		7
#define KVM_ARM_VM_CONFIG_REASON_NOT_READY		8

#define KVM_ARM_VM_CONFIG		_IOWR(KVMIO, 0xf3, struct kvm_arm_vm_config)

/**
 * define KVM_REG_ARM_CONFIG_GICD_IIDR - GICD_IIDR of the interrupt controller
 *
 * A register of KVM_ARM_VM_CONFIG only.
 */
#define KVM_REG_ARM_CONFIG_VGIC			(0x0018 << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM_CONFIG_GICD_IIDR		(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | \
						 KVM_REG_ARM_CONFIG_VGIC | 0x8)

/**
 * define KVM_REG_ARM_CONFIG_ICC_CTLR_EL1 - What a guest reads of its CPU interfaces
 *
 * PRIbits, IDbits, SEIS and A3V of ICC_CTLR_EL1, which all vCPUs of a VM share; all
 * other bits are zero. A register of KVM_ARM_VM_CONFIG only, of a VM that has a GICv3
 * and has opted in to KVM_ARM_MIGRATION_GIC_FIELDS. The number is that of
 * KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS.
 */
#define KVM_REG_ARM_CONFIG_ICC_CTLR_EL1		(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | \
						 KVM_REG_ARM_CONFIG_VGIC | 0xc664)

/**
 * define KVM_REG_ARM_CONFIG_ICH_VTR_EL2 - What a guest at EL2 reads of them
 *
 * ICH_VTR_EL2: PRIbits and SEIS are those of KVM_REG_ARM_CONFIG_ICC_CTLR_EL1, and all
 * other fields are the host's. As above, of a VM whose vCPUs have EL2.
 */
#define KVM_REG_ARM_CONFIG_ICH_VTR_EL2		(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | \
						 KVM_REG_ARM_CONFIG_VGIC | 0xe659)

/**
 * define KVM_REG_ARM_FEATURE_LEVEL - The group of the feature-level registers
 *
 * The registers have 64 bits: sixteen fields of four bits, each a signed number:
 * what the guest is promised. They start at the host's levels, which are zero in a
 * field without a meaning, and freeze when the VM first runs. A write fails with
 * EINVAL if a field is above zero and above the host's.
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
 * The number is fixed: the registers have room for future levels.
 */
#define KVM_ARM_NR_FEATURE_LEVEL_REGS		8

/**
 * define KVM_ARM_FEATURE_LEVEL_FIRST_PRIVATE - The first one without a name
 *
 * Registers from this one on are private to KVM: userspace saves and restores
 * them like all others, but must not interpret them.
 */
#define KVM_ARM_FEATURE_LEVEL_FIRST_PRIVATE	6

/**
 * KVM_ARM_FEATURE_LEVEL - A level in a feature-level register
 * @val: The value of the register
 * @shift: The lowest bit of the field
 */
#define KVM_ARM_FEATURE_LEVEL(val, shift)	((__s64)((__u64)(val) << (60 - (shift))) >> 60)

/* The levels of workarounds */
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
 * op0 == 3, op1 == {0, 4}, CRn == 12, CRm == {0-15}, op2 == {0-7}; only a VM with
 * EL2 has registers with op1 == 4. Another op1 has an index of at least
 * KVM_ARM_GIC_RANGE_SIZE, which no mask has.
 */
#define KVM_ARM_GIC_RANGE			1
#define KVM_ARM_GIC_RANGE_SIZE			(2 * 16 * 8)
/* For each op1 four bits: its half, or 2 */
#define KVM_ARM_GIC_RANGE_IDX(op1, crm, op2)				\
	((0x22212220 >> ((op1) & 7) * 4 & 3) << 7 |			\
	 ((crm) & 15) << 3 | ((op2) & 7))

/**
 * define KVM_ARM_FW_RANGE - The firmware registers
 *
 * KVM_REG_ARM_FW_REG(0) to (63), then KVM_REG_ARM_FW_FEAT_BMAP_REG(0) to (63), with
 * and without a scope. Other ids have the index KVM_ARM_FW_RANGE_SIZE, which no mask
 * has.
 */
#define KVM_ARM_FW_RANGE			2
#define KVM_ARM_FW_RANGE_SIZE			(2 * 64)
#define KVM_ARM_FW_RANGE_IDX(id)					\
	({								\
		__u64 __id = (id) & ~(__u64)KVM_REG_ARM_SCOPE_MASK;	\
		__u64 __first = __id & ~63ULL;				\
									\
		__first == KVM_REG_ARM_FW_REG(0) ? __id & 63 :		\
		__first == KVM_REG_ARM_FW_FEAT_BMAP_REG(0) ?		\
			64 + (__id & 63) : KVM_ARM_FW_RANGE_SIZE;	\
	})

/**
 * define KVM_REG_ARM_SCOPE_MASK - The scope of a register, in its id
 *
 * KVM_REG_ARM_SCOPE_VCPU: each vCPU has its own. KVM_REG_ARM_SCOPE_VM: all vCPUs
 * share it, so writing it once is enough. With KVM_ARM_MIGRATION_REG_SCOPE.
 */
#define KVM_REG_ARM_SCOPE_MASK			0x0000000010000000
#define KVM_REG_ARM_SCOPE_SHIFT			28
#define KVM_REG_ARM_SCOPE_VCPU			0
#define KVM_REG_ARM_SCOPE_VM			KVM_REG_ARM_SCOPE_MASK

/**
 * define KVM_ARM_VM_SMCCC_FILTER_LIST - The filter of hypercalls, to be saved
 *
 * An attribute of KVM_ARM_VM_SMCCC_CTRL that can only be read, by KVM_GET_DEVICE_ATTR
 * of a VM that has opted in to KVM_ARM_MIGRATION_FILTER_LIST. Its value is a struct
 * kvm_arm_smccc_filter_list.
 */
#define KVM_ARM_VM_SMCCC_FILTER_LIST		0x40

/**
 * struct kvm_arm_smccc_filter_list - The ranges of the filter, as they were set
 * @n: The room for ranges, which becomes their number; if it is too small, the error
 *     is E2BIG
 * @flags: 0
 * @ranges: The address of an array of struct kvm_smccc_filter, which are requests of
 *	    KVM_ARM_VM_SMCCC_FILTER; in the order of their functions
 * @reserved: 0
 */
struct kvm_arm_smccc_filter_list {
	__u32 n;
	__u32 flags;
	__u64 ranges;
	__u64 reserved[2];
};

/**
 * define KVM_DEV_ARM_VGIC_GRP_CANONICAL - Registers as in the architecture
 *
 * A group of a GICv2's attributes, whose numbers are those of
 * KVM_DEV_ARM_VGIC_GRP_CPU_REGS, if the VM has opted in to
 * KVM_ARM_MIGRATION_CANONICAL_PMR. It has GICC_PMR, 0x04, with all eight bits of
 * priority, instead of the upper five bits, shifted. A VM without the group says
 * -ENXIO. (It would accept and ignore an unknown offset of another group.)
 */
#define KVM_DEV_ARM_VGIC_GRP_CANONICAL		0x40

#endif /* _UAPI__ASM_ARM64_KVM_MIGRATION_H */
