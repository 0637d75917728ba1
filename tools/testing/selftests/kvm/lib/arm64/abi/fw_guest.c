// SPDX-License-Identifier: GPL-2.0-only
/* VMs whose guest makes SMCCC calls */
#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "processor.h"
#include "ucall_common.h"

struct fw_regs4 fw_guest_regs;

void fw_smccc(struct fw_regs4 *r)
{
	register u64 x0 asm("x0") = r->x[0];
	register u64 x1 asm("x1") = r->x[1];
	register u64 x2 asm("x2") = r->x[2];
	register u64 x3 asm("x3") = r->x[3];

	if (get_current_el() == 2)
		asm volatile("smc #0"
			     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			     : : "memory");
	else
		asm volatile("hvc #0"
			     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			     : : "memory");

	*r = (struct fw_regs4) { { x0, x1, x2, x3 } };
}

void fw_guest_code(void)
{
	for (;;) {
		fw_smccc(&fw_guest_regs);
		GUEST_SYNC(0);
	}
}

void fw_run(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);

	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		break;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
		break;
	default:
		TEST_FAIL("Unexpected guest exit, ucall %lu", uc.cmd);
	}
}

struct fw_regs4 fw_guest_call(struct kvm_vcpu *vcpu, u64 fn, u64 arg)
{
	struct fw_regs4 *r = addr_gva2hva(vcpu->vm, (gva_t)&fw_guest_regs);

	*r = (struct fw_regs4) { { fn, arg, FW_POISON, FW_POISON } };
	fw_run(vcpu);

	return *r;
}

void __fw_expect_call(int line, struct kvm_vcpu *vcpu, u64 fn, u64 arg,
		      struct fw_regs4 want)
{
	struct fw_regs4 r = fw_guest_call(vcpu, fn, arg);

	__test_expect(line, !memcmp(&r, &want, sizeof(r)),
		      "call %#lx(%#lx): %lx %lx %lx %lx, expected %lx %lx %lx %lx",
		      fn, arg, r.x[0], r.x[1], r.x[2], r.x[3],
		      want.x[0], want.x[1], want.x[2], want.x[3]);
}

void fw_vm_add_vcpus(struct kvm_vm *vm, u32 nr, u32 features, void *code,
		     struct kvm_vcpu *vcpus[])
{
	struct kvm_vcpu_init init = {};
	u32 i;

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= features;

	for (i = 0; i < nr; i++)
		vcpus[i] = aarch64_vcpu_add(vm, i, &init, code);

	kvm_arch_vm_finalize_vcpus(vm);
}

struct kvm_vm *__fw_vm_create(u32 nr, u32 features, void *code,
			      struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = vm_create(nr);

	fw_vm_add_vcpus(vm, nr, features, code, vcpus);
	return vm;
}

struct kvm_vm *fw_vm_create(u32 nr, bool psci_0_2, void *code,
			    struct kvm_vcpu *vcpus[])
{
	return __fw_vm_create(nr, psci_0_2 ? BIT(KVM_ARM_VCPU_PSCI_0_2) : 0,
			      code, vcpus);
}

struct kvm_vm *fw_vm_create_one(struct kvm_vcpu **vcpu)
{
	return fw_vm_create(1, true, fw_guest_code, vcpu);
}

void fw_vcpu_reinit(struct kvm_vcpu *vcpu)
{
	u64 id = ctxt_reg_alias(vcpu, SYS_SP_EL1);
	struct kvm_vcpu_init init = vcpu->init;
	u64 sp = vcpu_get_reg(vcpu, id);

	aarch64_vcpu_setup(vcpu, &init);
	vcpu_set_reg(vcpu, id, sp);
	vcpu_arch_set_entry_point(vcpu, fw_guest_code);
}
