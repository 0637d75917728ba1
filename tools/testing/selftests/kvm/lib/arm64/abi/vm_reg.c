// SPDX-License-Identifier: GPL-2.0-only
/* Registers of the VM's file descriptor */
#include <linux/arm-smccc.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/vm_reg.h"
#include "processor.h"

u64 vm_reg_id(int nr)
{
	return nr < NR_FW_REGS ? fw_regs[nr].id :
	       KVM_REG_ARM_FEATURE_LEVEL_REG(nr - NR_FW_REGS);
}

bool vm_reg_needs_vcpu(int nr)
{
	return nr == FW_WORKAROUND_2 || nr == VM_REG_LEVEL_0;
}

int vm_reg_get(struct kvm_vm *vm, u64 id, u64 *val)
{
	return one_reg(vm->fd, KVM_ARM_VM_GET_ONE_REG, id, (u64)val);
}

int vm_reg_set(struct kvm_vm *vm, u64 id, u64 val)
{
	return one_reg(vm->fd, KVM_ARM_VM_SET_ONE_REG, id, (u64)&val);
}

void __vm_reg_expect_set(int line, struct kvm_vm *vm, int nr, u64 val, int want,
			 u64 after)
{
	u64 id = vm_reg_id(nr), now = ~after;
	int ret;

	ret = vm_reg_set(vm, id, val);
	__test_expect(line, ret == want, "%#lx <- %#lx: %s, expected %s", id,
		      val, strerror(ret), strerror(want));

	ret = vm_reg_get(vm, id, &now);
	__test_expect(line, !ret && now == after,
		      "%#lx reads %#lx (%s) after %#lx was written, expected %#lx",
		      id, now, strerror(ret), val, after);
}

void __vm_reg_expect(int line, struct kvm_vm *vm, int nr, u64 want)
{
	u64 now = ~want;
	int ret = vm_reg_get(vm, vm_reg_id(nr), &now);

	__test_expect(line, !ret && now == want,
		      "%#lx reads %#lx (%s), expected %#lx",
		      vm_reg_id(nr), now, strerror(ret), want);
}

struct vm_reg_state vm_reg_state_read(struct kvm_vm *vm, int nr)
{
	struct vm_reg_state state = { .nr = nr };
	int i;

	for (i = 0; i < nr; i++)
		state.ret[i] = vm_reg_get(vm, vm_reg_id(i), &state.val[i]);

	return state;
}

void __vm_reg_expect_state(int line, struct kvm_vm *vm,
			   const struct vm_reg_state *want, const char *when)
{
	struct vm_reg_state now = vm_reg_state_read(vm, want->nr);
	int i;

	for (i = 0; i < want->nr; i++)
		__test_expect(line, now.ret[i] == want->ret[i] &&
			      now.val[i] == want->val[i],
			      "%s: %#lx reads %#lx (%s), expected %#lx (%s)",
			      when, vm_reg_id(i), now.val[i],
			      strerror(now.ret[i]), want->val[i],
			      strerror(want->ret[i]));
}

const char * const vm_stage_name[NR_VM_STAGES] = {
	"no vCPU", "vCPU not initialised", "vCPUs initialised", "has run",
};

struct kvm_vcpu_init vm_reg_vcpu_init(struct kvm_vm *vm, u32 features)
{
	struct kvm_vcpu_init init = {};

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= features;
	return init;
}

struct kvm_vm *vm_reg_create_vm(bool levels)
{
	struct kvm_vm *vm = vm_create(2);

	opt_in(vm, BIT(OPT_IN_VM_REGS));
	if (levels)
		opt_in(vm, BIT(OPT_IN_LEVELS));

	return vm;
}

void staged_vm_advance(struct staged_vm *s, enum vm_stage stage, u32 features)
{
	struct kvm_vcpu_init init = vm_reg_vcpu_init(s->vm, features);

	while (s->stage < stage) {
		switch (++s->stage) {
		case VM_STAGE_VCPU_CREATED:
			s->vcpus[1] = __vm_vcpu_add(s->vm, 1);
			break;
		case VM_STAGE_INITIALISED:
			s->vcpus[0] = aarch64_vcpu_add(s->vm, 0, &init,
						       fw_guest_code);
			aarch64_vcpu_setup(s->vcpus[1], &init);
			break;
		case VM_STAGE_HAS_RUN:
			fw_expect_x0(s->vcpus[0], ARM_SMCCC_VERSION_FUNC_ID, 0,
				     ARM_SMCCC_VERSION_1_1);
			break;
		default:
			break;
		}
	}
}

struct staged_vm staged_vm_create(enum vm_stage stage, bool levels)
{
	struct staged_vm s = { .vm = vm_reg_create_vm(levels) };

	staged_vm_advance(&s, stage, BIT(KVM_ARM_VCPU_PSCI_0_2));
	return s;
}

void __staged_vm_expect(int line, const struct staged_vm *s, int nr, u64 val)
{
	u64 now;
	int i;

	__vm_reg_expect(line, s->vm, nr, val);
	for (i = 0; i < 2; i++) {
		now = vcpu_get_reg(s->vcpus[i], vm_reg_id(nr));
		__test_expect(line, now == val,
			      "%#lx reads %#lx on vCPU %d, expected %#lx",
			      vm_reg_id(nr), now, i, val);
	}
}
