/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs that opt in to what <asm/kvm_migration.h> offers.
 *
 * This is only possible in the mode rust, but lasts in all modes. So a test
 * opts in while the mode is rust, and then goes on in the mode under test: its
 * results hold in all modes.
 */
#ifndef SELFTEST_KVM_ARM64_OPT_IN_H
#define SELFTEST_KVM_ARM64_OPT_IN_H

#include <asm/kvm_migration.h>

#include "abi_switch.h"

/* The ranges of masks that can be opted in to */
#define OPT_IN_RANGES	(BIT(KVM_ARM_GIC_RANGE) | BIT(KVM_ARM_FW_RANGE))

enum opt_in_nr {
	OPT_IN_LEVELS,
	OPT_IN_MASKS,
	OPT_IN_VM_ONE_REG,
	OPT_IN_SCOPE,
	OPT_IN_FREEZE,
	NR_OPT_INS,
};

#define OPT_IN_ALL	GENMASK(NR_OPT_INS - 1, 0)

static const struct opt_in {
	const char *name;
	u32 cap;
	/* What KVM_CHECK_EXTENSION returns, and args[0] of KVM_ENABLE_CAP */
	int value;
	u64 arg;
} opt_ins[NR_OPT_INS] = {
	[OPT_IN_LEVELS] = { "FEATURE_LEVELS", KVM_CAP_ARM_FEATURE_LEVELS,
			    KVM_ARM_NR_FEATURE_LEVEL_REGS },
	[OPT_IN_MASKS] = { "REG_MASK_RANGES", KVM_CAP_ARM_REG_MASK_RANGES,
			   OPT_IN_RANGES, OPT_IN_RANGES },
	[OPT_IN_VM_ONE_REG] = { "VM_ONE_REG", KVM_CAP_ARM_VM_ONE_REG, 1 },
	[OPT_IN_SCOPE] = { "REG_SCOPE", KVM_CAP_ARM_REG_SCOPE, 1 },
	[OPT_IN_FREEZE] = { "PSCI_VERSION_FREEZE",
			    KVM_CAP_ARM_PSCI_VERSION_FREEZE, 1 },
};

/* KVM_CHECK_EXTENSION of /dev/kvm or a VM */
static inline int opt_in_check(int fd, u32 cap)
{
	return ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);
}

/* KVM_ENABLE_CAP. Returns 0, or the positive errno. */
static inline int opt_in_enable(int vm_fd, u32 cap, u64 arg)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };

	return ioctl(vm_fd, KVM_ENABLE_CAP, &enable) ? errno : 0;
}

/* Whether the initial mode, in which the test goes on, is rust */
static inline bool opt_in_mode_is_rust(void)
{
	return !strcmp(abi_initial_mode(), "rust");
}

/* Begin a test: skip it if the kernel has nothing to opt in to. */
static inline void opt_in_require(void)
{
	if (!__abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");
}

/* Between opt_in_begin() and opt_in_end() VMs can opt in. */
static inline void opt_in_begin(void)
{
	if (!opt_in_mode_is_rust())
		abi_set_mode("rust");
}

static inline void opt_in_end(void)
{
	if (!opt_in_mode_is_rust())
		abi_set_mode(abi_initial_mode());
}

/* Opt in to a capability of @vm, which has no vCPU yet. */
static inline void opt_in(struct kvm_vm *vm, u32 cap, u64 arg)
{
	int ret;

	opt_in_begin();
	ret = opt_in_enable(vm->fd, cap, arg);
	opt_in_end();
	TEST_ASSERT(!ret, "KVM_ENABLE_CAP %#x: %s", cap, strerror(ret));
}

/* Like fw_vm_create(), for a VM that opts in to this set of opt_ins[] */
static inline struct kvm_vm *opt_in_vm_create(u32 set, u32 nr, bool psci_0_2,
					      void *code,
					      struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = vm_create(nr);
	int i;

	for (i = 0; i < NR_OPT_INS; i++) {
		if (set & BIT(i))
			opt_in(vm, opt_ins[i].cap, opt_ins[i].arg);
	}

	fw_vm_add_vcpus(vm, nr, psci_0_2 ? BIT(KVM_ARM_VCPU_PSCI_0_2) : 0,
			code, vcpus);
	return vm;
}

#endif /* SELFTEST_KVM_ARM64_OPT_IN_H */
