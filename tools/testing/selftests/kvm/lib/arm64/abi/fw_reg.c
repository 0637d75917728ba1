// SPDX-License-Identifier: GPL-2.0-only
/* Firmware pseudo-registers */
#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"

const struct fw_reg fw_regs[NR_FW_REGS] = {
	[FW_PSCI_VERSION] = { "PSCI_VERSION", KVM_REG_ARM_PSCI_VERSION },
	[FW_WORKAROUND_1] = { "WORKAROUND_1",
			      KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1 },
	[FW_WORKAROUND_2] = { "WORKAROUND_2",
			      KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2 },
	[FW_WORKAROUND_3] = { "WORKAROUND_3",
			      KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3 },
	[FW_STD] = { "STD_BMAP", KVM_REG_ARM_STD_BMAP, 0x1, 0x1 },
	[FW_STD_HYP] = { "STD_HYP_BMAP", KVM_REG_ARM_STD_HYP_BMAP, 0x1, 0x1 },
	[FW_VENDOR_HYP] = { "VENDOR_HYP_BMAP", KVM_REG_ARM_VENDOR_HYP_BMAP,
			    0x3, 0x3 },
	[FW_VENDOR_HYP_2] = { "VENDOR_HYP_BMAP_2",
			      KVM_REG_ARM_VENDOR_HYP_BMAP_2, 0x3, 0x0 },
};

const u64 fw_psci_versions[FW_NR_PSCI_VERSIONS] = {
	PSCI_VERSION(0, 2), PSCI_VERSION(1, 0), PSCI_VERSION(1, 1),
	PSCI_VERSION(1, 2), PSCI_VERSION(1, 3),
};

bool fw_is_psci_version(u64 val)
{
	int i;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		if (val == fw_psci_versions[i])
			return true;
	}

	return false;
}

void __fw_expect_set(int line, struct kvm_vcpu *vcpu, int nr, u64 val, int want,
		     u64 after)
{
	const struct fw_reg *reg = &fw_regs[nr];
	u64 now = ~after;
	int ret;

	ret = one_reg_set(vcpu, reg->id, val);
	__test_expect(line, ret == want, "%s <- %#lx: %s, expected %s",
		      reg->name, val, strerror(ret), strerror(want));

	ret = one_reg_get(vcpu, reg->id, &now);
	__test_expect(line, !ret && now == after,
		      "%s reads %#lx after %#lx was written, expected %#lx",
		      reg->name, now, val, after);
}

struct fw_state fw_state_read(struct kvm_vcpu *vcpu)
{
	struct fw_state state;
	int i;

	for (i = 0; i < NR_FW_REGS; i++)
		state.val[i] = vcpu_get_reg(vcpu, fw_regs[i].id);

	return state;
}

void __fw_expect_state(int line, struct kvm_vcpu *vcpu,
		       const struct fw_state *want, const char *when)
{
	struct fw_state now = fw_state_read(vcpu);
	int i;

	for (i = 0; i < NR_FW_REGS; i++)
		__test_expect(line, now.val[i] == want->val[i],
			      "%s: %s reads %#lx, expected %#lx", when,
			      fw_regs[i].name, now.val[i], want->val[i]);
}
