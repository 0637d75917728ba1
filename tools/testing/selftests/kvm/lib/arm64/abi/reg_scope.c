// SPDX-License-Identifier: GPL-2.0-only
/* Registers that all vCPUs share */
#include <asm/kvm_migration.h>

#include "abi/id_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_image.h"
#include "abi/reg_scope.h"
#include "processor.h"

struct scope_vm scope_vm_create(int what)
{
	struct scope_vm s = { .vm = vm_create(2) };
	int i;

	/* So that MIDR_EL1 and similar registers can be changed */
	vm_enable_cap(s.vm, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);
	if (what & SCOPE_IDS)
		opt_in(s.vm, BIT(OPT_IN_SCOPE));
	if (what & SCOPE_LEVELS)
		opt_in(s.vm, BIT(OPT_IN_LEVELS));
	if (what & SCOPE_VM_ONE_REG)
		opt_in(s.vm, BIT(OPT_IN_VM_REGS));

	for (i = 0; i < 2; i++)
		s.vcpus[i] = id_vcpu_add(s.vm, i, id_all_features());

	return s;
}

void scope_vm_free(struct scope_vm *s)
{
	kvm_vm_free(s->vm);
}

bool scope_id_is(u64 listed, u64 id)
{
	return (listed & ~KVM_REG_ARM_SCOPE_MASK) == id;
}

static bool scope_is_level_reg(u64 id)
{
	return (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_FEATURE_LEVEL;
}

bool scope_is_of_vm(u64 id)
{
	int nr = image_id_reg_nr(id);

	return image_is_fw_reg(id) || scope_is_level_reg(id) ||
	       (nr >= id_nr(SYS_ID_PFR0_EL1) && nr < 64) ||
	       nr == id_nr(SYS_MIDR_EL1) || nr == id_nr(SYS_REVIDR_EL1) ||
	       nr == id_nr(SYS_AIDR_EL1) || nr == id_nr(SYS_CTR_EL0);
}

bool scope_must_change(u64 id, u64 val)
{
	if (id & KVM_REG_ARM_SCOPE_VM)
		id &= ~KVM_REG_ARM_SCOPE_MASK;

	switch (id) {
	case KVM_REG_ARM_PSCI_VERSION:
	case KVM_REG_ARM_STD_BMAP:
	case KVM_REG_ARM_STD_HYP_BMAP:
	case KVM_REG_ARM_VENDOR_HYP_BMAP:
	case KVM_REG_ARM_VENDOR_HYP_BMAP_2:
	case IMAGE_SYS_REG(MIDR_EL1):
	case IMAGE_SYS_REG(REVIDR_EL1):
	case IMAGE_SYS_REG(AIDR_EL1):
		return true;
	case IMAGE_SYS_REG(ID_AA64ISAR0_EL1):
	case IMAGE_SYS_REG(ID_AA64PFR0_EL1):
		return val;
	default:
		return false;
	}
}
