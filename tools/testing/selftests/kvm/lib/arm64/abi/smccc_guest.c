// SPDX-License-Identifier: GPL-2.0-only
/* A guest that only makes SMCCC calls */
#include "abi/smccc_guest.h"
#include "processor.h"

const struct smccc_code smccc_code[NR_SMCCC_INSNS] = {
	[SMCCC_HVC] = { "HVC", false, { 0xd4000002, 0xb9000128 },
			{ 0xe1400070, 0xe5898000 } },
	[SMCCC_SMC] = { "SMC", false, { 0xd4000003, 0xb9000128 },
			{ 0xe1600070, 0xe5898000 } },
	[SMCCC_HVC_IMM] = { "HVC #1", false, { 0xd4000022, 0xb9000128 },
			    { 0xe1400071, 0xe5898000 } },
	[SMCCC_SMC_IMM] = { "SMC #1", false, { 0xd4000023, 0xb9000128 },
			    { 0xe1600071, 0xe5898000 } },
	/* The first halfword is the lower one. */
	[SMCCC_HVC_T32] = { "HVC (T32)", true, {},
			    { 0x8000f7e0, 0x8000f8c9 } },
	[SMCCC_SMC_T32] = { "SMC (T32)", true, {},
			    { 0x8000f7f0, 0x8000f8c9 } },
};

/* Words in the page from one call's code to the next */
#define SMCCC_CODE_WORDS	8

bool smccc_is_32bit(struct kvm_vcpu *vcpu)
{
	return vcpu->init.features[0] & BIT(KVM_ARM_VCPU_EL1_32BIT);
}

u64 smccc_pc(enum smccc_insn insn)
{
	return SMCCC_CODE_GPA + insn * SMCCC_CODE_WORDS * sizeof(u32);
}

bool smccc_is_smc(enum smccc_insn insn)
{
	return insn == SMCCC_SMC || insn == SMCCC_SMC_IMM ||
	       insn == SMCCC_SMC_T32;
}

struct kvm_vm *smccc_vm_create_empty(u32 features)
{
	struct kvm_vm *vm = vm_create_barebones();
	u64 npages = vm_calc_num_guest_pages(vm->mode, getpagesize());
	u32 i, j, *code;

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, SMCCC_CODE_GPA,
				    0, npages, 0);
	code = addr_gpa2hva(vm, SMCCC_CODE_GPA);
	for (i = 0; i < NR_SMCCC_INSNS; i++) {
		const struct smccc_code *c = &smccc_code[i];
		const u32 *words = features & BIT(KVM_ARM_VCPU_EL1_32BIT) ?
				   c->a32 : c->a64;

		for (j = 0; j < SMCCC_CODE_WORDS; j++)
			*code++ = words[!!j];
	}

	return vm;
}

void smccc_vm_add_vcpus(struct kvm_vm *vm, u32 nr, u32 features,
			struct kvm_vcpu *vcpus[])
{
	struct kvm_vcpu_init init = {};
	u32 i;

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	for (i = 0; i < nr; i++) {
		init.features[0] = features;
		if (!i)
			init.features[0] &= ~BIT(KVM_ARM_VCPU_POWER_OFF);

		vcpus[i] = __vm_vcpu_add(vm, i);
		vcpus[i]->init = init;
		vcpu_ioctl(vcpus[i], KVM_ARM_VCPU_INIT, &init);
	}
}

struct kvm_vm *smccc_vm_create(u32 nr, u32 features, struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = smccc_vm_create_empty(features);

	smccc_vm_add_vcpus(vm, nr, features, vcpus);
	return vm;
}

u64 smccc_get_x(struct kvm_vcpu *vcpu, int nr)
{
	return vcpu_get_reg(vcpu, ARM64_CORE_REG(regs.regs[nr]));
}

void smccc_set_x(struct kvm_vcpu *vcpu, int nr, u64 val)
{
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.regs[nr]), val);
}

u32 smccc_get_mp_state(struct kvm_vcpu *vcpu)
{
	struct kvm_mp_state state;

	vcpu_mp_state_get(vcpu, &state);
	return state.mp_state;
}

void smccc_set_mp_state(struct kvm_vcpu *vcpu, u32 mp_state)
{
	struct kvm_mp_state state = { .mp_state = mp_state };

	vcpu_mp_state_set(vcpu, &state);
}

int smccc_set_filter(struct kvm_vm *vm, u32 base, u32 nr, u8 action)
{
	struct kvm_smccc_filter filter = {
		.base = base,
		.nr_functions = nr,
		.action = action,
	};

	return __kvm_device_attr_set(vm->fd, KVM_ARM_VM_SMCCC_CTRL,
				     KVM_ARM_VM_SMCCC_FILTER, &filter) ?
	       errno : 0;
}
