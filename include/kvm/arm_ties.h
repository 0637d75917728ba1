/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM/arm64 in C and in Rust: what the C code serves, and the core must know.
 *
 * C tells these apart by switches, each over one of the enums below. A case that
 * the enum lacks does not compile (-Wswitch, an error for these files), and
 * rust/kernel/kvm/ties.rs compares the enums with the tables of the core.
 *
 * Does a case of yours not compile? First let rust/kvm_abi serve it as C does,
 * then add it here and to ties.rs.
 *
 * Documentation/virt/kvm/arm/rust.rst
 */
#ifndef __KVM_ARM_TIES_H
#define __KVM_ARM_TIES_H

#include <linux/arm-smccc.h>
#include <linux/build_bug.h>
#include <linux/kvm.h>

#include <asm/kvm_emulate.h>

#include <kvm/arm_psci.h>

/* rust/kvm_abi/src/fw_reg/mod.rs */
enum kvm_arm_fw_reg_known_to_rust {
	KVM_KNOWN_PSCI_VERSION = KVM_REG_ARM_PSCI_VERSION,
	KVM_KNOWN_WORKAROUND_1 = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1,
	KVM_KNOWN_WORKAROUND_2 = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2,
	KVM_KNOWN_WORKAROUND_3 = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3,
	KVM_KNOWN_STD_BMAP = KVM_REG_ARM_STD_BMAP,
	KVM_KNOWN_STD_HYP_BMAP = KVM_REG_ARM_STD_HYP_BMAP,
	KVM_KNOWN_VENDOR_HYP_BMAP = KVM_REG_ARM_VENDOR_HYP_BMAP,
	KVM_KNOWN_VENDOR_HYP_BMAP_2 = KVM_REG_ARM_VENDOR_HYP_BMAP_2,
};

/* The length of C's list of them */
#define KVM_ARM_NR_FW_REGS	8

/* rust/kvm_abi/src/fw_reg/psci_version.rs */
enum kvm_arm_psci_known_to_rust {
	KVM_KNOWN_PSCI_0_1 = KVM_ARM_PSCI_0_1,
	KVM_KNOWN_PSCI_0_2 = KVM_ARM_PSCI_0_2,
	KVM_KNOWN_PSCI_1_0 = KVM_ARM_PSCI_1_0,
	KVM_KNOWN_PSCI_1_1 = KVM_ARM_PSCI_1_1,
	KVM_KNOWN_PSCI_1_2 = KVM_ARM_PSCI_1_2,
	KVM_KNOWN_PSCI_1_3 = KVM_ARM_PSCI_1_3,
};

/* rust/kvm_abi/src/smccc/call.rs */
enum kvm_arm_func_known_to_rust {
	KVM_KNOWN_FN_SMCCC_VERSION = ARM_SMCCC_VERSION_FUNC_ID,
	KVM_KNOWN_FN_SMCCC_ARCH_FEATURES = ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
	KVM_KNOWN_FN_SMCCC_ARCH_WORKAROUND_1 = ARM_SMCCC_ARCH_WORKAROUND_1,
	KVM_KNOWN_FN_SMCCC_ARCH_WORKAROUND_2 = ARM_SMCCC_ARCH_WORKAROUND_2,
	KVM_KNOWN_FN_SMCCC_ARCH_WORKAROUND_3 = ARM_SMCCC_ARCH_WORKAROUND_3,

	KVM_KNOWN_FN_PSCI_VERSION = PSCI_0_2_FN_PSCI_VERSION,
	KVM_KNOWN_FN_CPU_SUSPEND = PSCI_0_2_FN_CPU_SUSPEND,
	KVM_KNOWN_FN_CPU_SUSPEND64 = PSCI_0_2_FN64_CPU_SUSPEND,
	KVM_KNOWN_FN_CPU_OFF = PSCI_0_2_FN_CPU_OFF,
	KVM_KNOWN_FN_CPU_ON = PSCI_0_2_FN_CPU_ON,
	KVM_KNOWN_FN_CPU_ON64 = PSCI_0_2_FN64_CPU_ON,
	KVM_KNOWN_FN_AFFINITY_INFO = PSCI_0_2_FN_AFFINITY_INFO,
	KVM_KNOWN_FN_AFFINITY_INFO64 = PSCI_0_2_FN64_AFFINITY_INFO,
	KVM_KNOWN_FN_MIGRATE_INFO_TYPE = PSCI_0_2_FN_MIGRATE_INFO_TYPE,
	KVM_KNOWN_FN_SYSTEM_OFF = PSCI_0_2_FN_SYSTEM_OFF,
	KVM_KNOWN_FN_SYSTEM_RESET = PSCI_0_2_FN_SYSTEM_RESET,
	KVM_KNOWN_FN_PSCI_FEATURES = PSCI_1_0_FN_PSCI_FEATURES,
	KVM_KNOWN_FN_SYSTEM_SUSPEND = PSCI_1_0_FN_SYSTEM_SUSPEND,
	KVM_KNOWN_FN_SYSTEM_SUSPEND64 = PSCI_1_0_FN64_SYSTEM_SUSPEND,
	KVM_KNOWN_FN_SYSTEM_RESET2 = PSCI_1_1_FN_SYSTEM_RESET2,
	KVM_KNOWN_FN_SYSTEM_RESET2_64 = PSCI_1_1_FN64_SYSTEM_RESET2,
	KVM_KNOWN_FN_SYSTEM_OFF2 = PSCI_1_3_FN_SYSTEM_OFF2,
	KVM_KNOWN_FN_SYSTEM_OFF2_64 = PSCI_1_3_FN64_SYSTEM_OFF2,

	KVM_KNOWN_FN_PSCI_0_1_CPU_SUSPEND = KVM_PSCI_FN_CPU_SUSPEND,
	KVM_KNOWN_FN_PSCI_0_1_CPU_OFF = KVM_PSCI_FN_CPU_OFF,
	KVM_KNOWN_FN_PSCI_0_1_CPU_ON = KVM_PSCI_FN_CPU_ON,
	KVM_KNOWN_FN_PSCI_0_1_MIGRATE = KVM_PSCI_FN_MIGRATE,

	KVM_KNOWN_FN_TRNG_VERSION = ARM_SMCCC_TRNG_VERSION,
	KVM_KNOWN_FN_TRNG_FEATURES = ARM_SMCCC_TRNG_FEATURES,
	KVM_KNOWN_FN_TRNG_GET_UUID = ARM_SMCCC_TRNG_GET_UUID,
	KVM_KNOWN_FN_TRNG_RND = ARM_SMCCC_TRNG_RND32,
	KVM_KNOWN_FN_TRNG_RND64 = ARM_SMCCC_TRNG_RND64,

	KVM_KNOWN_FN_PV_TIME_FEATURES = ARM_SMCCC_HV_PV_TIME_FEATURES,
	KVM_KNOWN_FN_PV_TIME_ST = ARM_SMCCC_HV_PV_TIME_ST,

	KVM_KNOWN_FN_VENDOR_HYP_FEATURES = ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID,
	KVM_KNOWN_FN_VENDOR_HYP_PTP = ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID,
	KVM_KNOWN_FN_VENDOR_HYP_UID = ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID,
};

/* rust/kvm_abi/src/id_reg/sys_reg.rs; those that are in no range */
enum kvm_arm_vm_id_reg_known_to_rust {
	KVM_KNOWN_VM_ID_MIDR_EL1 = SYS_MIDR_EL1,
	KVM_KNOWN_VM_ID_REVIDR_EL1 = SYS_REVIDR_EL1,
	KVM_KNOWN_VM_ID_AIDR_EL1 = SYS_AIDR_EL1,
	KVM_KNOWN_VM_ID_CTR_EL0 = SYS_CTR_EL0,
};

/* rust/kvm_abi/src/id_reg/surface.rs; in the order of the table of registers */
enum kvm_arm_id_rule_known_to_rust {
	KVM_KNOWN_ID_RULE_MIDR_EL1 = SYS_MIDR_EL1,
	KVM_KNOWN_ID_RULE_REVIDR_EL1 = SYS_REVIDR_EL1,
	KVM_KNOWN_ID_RULE_ID_DFR0_EL1 = SYS_ID_DFR0_EL1,
	KVM_KNOWN_ID_RULE_ID_AA64PFR0_EL1 = SYS_ID_AA64PFR0_EL1,
	KVM_KNOWN_ID_RULE_ID_AA64PFR1_EL1 = SYS_ID_AA64PFR1_EL1,
	KVM_KNOWN_ID_RULE_ID_AA64PFR2_EL1 = SYS_ID_AA64PFR2_EL1,
	KVM_KNOWN_ID_RULE_ID_AA64DFR0_EL1 = SYS_ID_AA64DFR0_EL1,
	KVM_KNOWN_ID_RULE_ID_AA64MMFR0_EL1 = SYS_ID_AA64MMFR0_EL1,
	KVM_KNOWN_ID_RULE_ID_AA64MMFR2_EL1 = SYS_ID_AA64MMFR2_EL1,
	KVM_KNOWN_ID_RULE_AIDR_EL1 = SYS_AIDR_EL1,
	KVM_KNOWN_ID_RULE_CTR_EL0 = SYS_CTR_EL0,
};

/**
 * kvm_arm_known_id_rule - Refuse an ID register whose rule the core does not know
 * @reg: The name of the register, without SYS_
 *
 * For the entry of a register in the table whose writes have a function of their
 * own.
 *
 * Return: 0, as a constant.
 */
#ifdef CONFIG_KVM_ARM64_RUST
#define kvm_arm_known_id_rule(reg)	(0 * KVM_KNOWN_ID_RULE_##reg)
#else
#define kvm_arm_known_id_rule(reg)	0
#endif

/**
 * kvm_arm_known - Let a switch refuse the cases that the core does not know
 * @what: fw_reg, psci, func or vm_id_reg: which of the enums above
 * @val: The value to switch over, of the size of the enum
 *
 * Return: @val.
 */
#ifdef CONFIG_KVM_ARM64_RUST
#define kvm_arm_known(what, val) ({					\
	enum kvm_arm_##what##_known_to_rust __val = (val);		\
	static_assert(sizeof(__val) == sizeof(val));			\
	__val;								\
})
#else
#define kvm_arm_known(what, val)					\
	((void)sizeof(enum kvm_arm_##what##_known_to_rust), (val))
#endif

#endif /* __KVM_ARM_TIES_H */
