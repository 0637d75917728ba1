// SPDX-License-Identifier: GPL-2.0-only
/* VMs that opt in */
#include "abi/fw_guest.h"
#include "abi/opt_in.h"
#include "abi/smccc_sysreg.h"

const char * const opt_in_names[NR_OPT_INS] = {
	[OPT_IN_LEVELS] = "FEATURE_LEVELS",
	[OPT_IN_GIC_MASKS] = "GIC_MASKS",
	[OPT_IN_FW_MASKS] = "FW_MASKS",
	[OPT_IN_VM_REGS] = "VM_REGS",
	[OPT_IN_SCOPE] = "REG_SCOPE",
	[OPT_IN_FREEZE] = "PSCI_FREEZE",
	[OPT_IN_VM_CONFIG] = "VM_CONFIG",
	[OPT_IN_FILTER_LIST] = "FILTER_LIST",
	[OPT_IN_PMR] = "CANONICAL_PMR",
};

static_assert(BIT(OPT_IN_LEVELS) == KVM_ARM_MIGRATION_FEATURE_LEVELS);
static_assert(BIT(OPT_IN_GIC_MASKS) == KVM_ARM_MIGRATION_GIC_MASKS);
static_assert(BIT(OPT_IN_FW_MASKS) == KVM_ARM_MIGRATION_FW_MASKS);
static_assert(BIT(OPT_IN_VM_REGS) == KVM_ARM_MIGRATION_VM_REGS);
static_assert(BIT(OPT_IN_SCOPE) == KVM_ARM_MIGRATION_REG_SCOPE);
static_assert(BIT(OPT_IN_FREEZE) == KVM_ARM_MIGRATION_PSCI_FREEZE);
static_assert(BIT(OPT_IN_VM_CONFIG) == KVM_ARM_MIGRATION_VM_CONFIG);
static_assert(BIT(OPT_IN_FILTER_LIST) == KVM_ARM_MIGRATION_FILTER_LIST);
static_assert(BIT(OPT_IN_PMR) == KVM_ARM_MIGRATION_CANONICAL_PMR);

static_assert(OPT_IN_GIC_MASKS == KVM_ARM_GIC_RANGE);
static_assert(OPT_IN_FW_MASKS == KVM_ARM_FW_RANGE);

bool opt_in_is_tried(u32 set)
{
	int nr = __builtin_popcount(set & OPT_IN_ALL);

	return nr <= 2 || nr >= NR_OPT_INS - 2;
}

u32 opt_in_offered(void)
{
	static u32 offered;

	/* Threads find the same. */
	if (!READ_ONCE(offered))
		WRITE_ONCE(offered, OPT_IN_ALL |
			   (smccc_has_pvms() ? 0 : KVM_ARM_MIGRATION_GIC_FIELDS));
	return offered;
}

u32 opt_in_complete(u32 set)
{
	u32 freezes = BIT(OPT_IN_VM_REGS) | BIT(OPT_IN_VM_CONFIG);

	if (set & KVM_ARM_MIGRATION_GIC_FIELDS)
		set |= BIT(OPT_IN_VM_CONFIG);

	return set & freezes ? set | BIT(OPT_IN_FREEZE) : set;
}

int opt_in_check(int fd, u32 cap)
{
	return ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);
}

int opt_in_get(int fd)
{
	return opt_in_check(fd, KVM_CAP_ARM_MIGRATION);
}

int opt_in_enable(int vm_fd, u64 set)
{
	struct kvm_enable_cap enable = {
		.cap = KVM_CAP_ARM_MIGRATION, .args = { set },
	};

	return ioctl(vm_fd, KVM_ENABLE_CAP, &enable) ? errno : 0;
}

void opt_in_require(void)
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_MIGRATION));
}

void opt_in(struct kvm_vm *vm, u64 set)
{
	int ret = opt_in_enable(vm->fd, set);

	TEST_ASSERT(!ret, "KVM_CAP_ARM_MIGRATION, %#lx: %s", set, strerror(ret));
}

struct kvm_vm *opt_in_vm_create(u32 set, u32 nr, bool psci_0_2, void *code,
				struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = vm_create(nr);

	opt_in(vm, set);
	fw_vm_add_vcpus(vm, nr, psci_0_2 ? BIT(KVM_ARM_VCPU_PSCI_0_2) : 0,
			code, vcpus);
	return vm;
}
