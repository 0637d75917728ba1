// SPDX-License-Identifier: GPL-2.0-only
/* VMs that opt in */
#include "abi/fw_guest.h"
#include "abi/opt_in.h"
#include "abi/switch.h"

const struct opt_in opt_ins[NR_OPT_INS] = {
	[OPT_IN_LEVELS] = { "FEATURE_LEVELS", KVM_CAP_ARM_FEATURE_LEVELS,
			    KVM_ARM_NR_FEATURE_LEVEL_REGS },
	[OPT_IN_MASKS] = { "REG_MASK_RANGES", KVM_CAP_ARM_REG_MASK_RANGES,
			   OPT_IN_RANGES, OPT_IN_RANGES },
	[OPT_IN_VM_ONE_REG] = { "VM_ONE_REG", KVM_CAP_ARM_VM_ONE_REG, 1 },
	[OPT_IN_SCOPE] = { "REG_SCOPE", KVM_CAP_ARM_REG_SCOPE, 1 },
	[OPT_IN_FREEZE] = { "PSCI_VERSION_FREEZE",
			    KVM_CAP_ARM_PSCI_VERSION_FREEZE, 1 },
};

int opt_in_check(int fd, u32 cap)
{
	return ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);
}

int opt_in_enable(int vm_fd, u32 cap, u64 arg)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };

	return ioctl(vm_fd, KVM_ENABLE_CAP, &enable) ? errno : 0;
}

/* Whether the initial mode, in which the test goes on, is rust */
static bool opt_in_mode_is_rust(void)
{
	return !strcmp(abi_initial_mode(), "rust");
}

void opt_in_require(void)
{
	if (!__abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");
}

void opt_in_begin(void)
{
	if (!opt_in_mode_is_rust())
		abi_set_mode("rust");
}

void opt_in_end(void)
{
	if (!opt_in_mode_is_rust())
		abi_set_mode(abi_initial_mode());
}

void opt_in(struct kvm_vm *vm, u32 cap, u64 arg)
{
	int ret;

	opt_in_begin();
	ret = opt_in_enable(vm->fd, cap, arg);
	opt_in_end();
	TEST_ASSERT(!ret, "KVM_ENABLE_CAP %#x: %s", cap, strerror(ret));
}

struct kvm_vm *opt_in_vm_create(u32 set, u32 nr, bool psci_0_2, void *code,
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
