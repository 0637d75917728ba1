// SPDX-License-Identifier: GPL-2.0-only
/* PSCI: affinities, states and resets of vCPUs */
#include <linux/arm-smccc.h>

#include "abi/cases.h"
#include "abi/psci.h"
#include "abi/reg_image.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "processor.h"

u64 psci_affinity(struct kvm_vcpu *vcpu)
{
	return vcpu_get_reg(vcpu, IMAGE_SYS_REG(MPIDR_EL1)) & PSCI_AFFINITY;
}

void psci_set_affinity(struct kvm_vcpu *vcpu, u64 affinity)
{
	u64 mpidr = vcpu_get_reg(vcpu,
				 IMAGE_SYS_REG(MPIDR_EL1)) & ~PSCI_AFFINITY;

	vcpu_set_reg(vcpu, IMAGE_SYS_REG(MPIDR_EL1), mpidr | affinity);
	TEST_ASSERT_EQ(psci_affinity(vcpu), affinity);
}

struct kvm_vm *psci_vm_create(u32 nr, u32 features, struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm;
	struct smccc_call c;

	vm = smccc_vm_create(nr, features | BIT(KVM_ARM_VCPU_POWER_OFF), vcpus);
	c = smccc_call(vcpus[0], SMCCC_HVC, ARM_SMCCC_VERSION_FUNC_ID, 0, 0, 0);
	smccc_expect(&c, .x = { ARM_SMCCC_VERSION_1_1 });

	return vm;
}

void __psci_expect_mp_state(int line, struct kvm_vcpu *vcpu, u32 want,
			    const char *when)
{
	u32 state = smccc_get_mp_state(vcpu);

	__test_expect(line, state == want,
		      "%s: state of vCPU %u is %u, expected %u", when, vcpu->id,
		      state, want);
}

u64 psci_get_pc(struct kvm_vcpu *vcpu)
{
	return vcpu_get_reg(vcpu, ARM64_CORE_REG(regs.pc));
}

void __psci_expect_begin(int line, struct kvm_vcpu *vcpu, u64 entry,
			 u64 context_id)
{
	u64 pc = psci_get_pc(vcpu), x0 = smccc_get_x(vcpu, 0);

	__test_expect(line, pc == entry && x0 == context_id,
		      "vCPU %u: PC %#lx, x0 %#lx, expected %#lx, %#lx",
		      vcpu->id, pc, x0, entry, context_id);
}

void psci_image_set(const struct reg_image *img, u64 id, u64 val)
{
	struct image_reg *r = image_find(img, id);

	TEST_ASSERT(r, "%#lx is not in the list", id);
	r->val[0] = val;
}

/* Registers that a reset sets, and bits that they can hold */
static const struct {
	u64 id;
	u64 bits;
} psci_dirty_regs[] = {
	{ IMAGE_SYS_REG(SCTLR_EL1), BIT(0) | BIT(2) | BIT(12) },
	{ IMAGE_SYS_REG(TTBR0_EL1), 0x5a5a5000 },
	{ IMAGE_SYS_REG(TTBR1_EL1), 0xa5a5a000 },
	{ IMAGE_SYS_REG(TCR_EL1), 0x10 },
	{ IMAGE_SYS_REG(MAIR_EL1), 0xff44 },
	{ IMAGE_SYS_REG(VBAR_EL1), 0x5a5a5800 },
	{ IMAGE_SYS_REG(CPACR_EL1), 3 << 20 },
	{ IMAGE_SYS_REG(ESR_EL1), 0x56000000 },
	{ IMAGE_SYS_REG(FAR_EL1), 0x5a5a5a5a },
	{ IMAGE_SYS_REG(PAR_EL1), 0x1 },
	{ IMAGE_SYS_REG(CONTEXTIDR_EL1), 0x5a5a },
	{ IMAGE_SYS_REG(TPIDR_EL0), 0x5a5a5a5a5a },
	{ IMAGE_SYS_REG(TPIDR_EL1), 0xa5a5a5a5a5 },
	{ IMAGE_SYS_REG(TPIDRRO_EL0), 0x5aa55aa5 },
	{ IMAGE_SYS_REG(CNTKCTL_EL1), 0x3 },
};

/* PSTATE: N, Z, C and V; the mode and the masks stay. */
#define PSCI_FLAGS	0xf0000000UL

/* EL1's SP, ELR and SPSR are UNKNOWN after a reset, and KVM keeps them. */
static bool psci_is_reset(u64 id)
{
	return id != ARM64_CORE_REG(regs.pstate) &&
	       id != ARM64_CORE_REG(sp_el1) && id != ARM64_CORE_REG(elr_el1) &&
	       id != ARM64_CORE_REG(spsr[KVM_SPSR_EL1]);
}

void psci_make_dirty(struct kvm_vcpu *vcpu)
{
	struct reg_image img = image_read(vcpu);
	u64 id, val;
	int i, j;

	for (i = 0; i < img.n; i++) {
		id = img.reg[i].id;
		if ((id & KVM_REG_ARM_COPROC_MASK) != KVM_REG_ARM_CORE ||
		    !psci_is_reset(id))
			continue;
		for (j = 0; j < (1 << ((id >> KVM_REG_SIZE_SHIFT) & 0xf)); j++)
			((u8 *)img.reg[i].val)[j] = 0x40 + i + j;
		TEST_ASSERT_EQ(image_access_reg(vcpu, KVM_SET_ONE_REG,
						&img.reg[i]),
			       0);
	}
	free(img.reg);

	id = ARM64_CORE_REG(regs.pstate);
	vcpu_set_reg(vcpu, id, vcpu_get_reg(vcpu, id) | PSCI_FLAGS);

	for (i = 0; i < ARRAY_SIZE(psci_dirty_regs); i++) {
		id = psci_dirty_regs[i].id;
		val = vcpu_get_reg(vcpu, id) ^ psci_dirty_regs[i].bits;
		vcpu_set_reg(vcpu, id, val);
		TEST_ASSERT_EQ(vcpu_get_reg(vcpu, id), val);
	}
}
