// SPDX-License-Identifier: GPL-2.0-only
/*
 * id_reg_impl - The ID registers that identify the implementation: MIDR_EL1,
 * REVIDR_EL1 and AIDR_EL1.
 *
 * A guest decides by these which workarounds for errata it needs. They have the
 * host's values, unless userspace writes others, so that the VM can move
 * between different hosts:
 *
 *	without KVM_CAP_ARM_WRITABLE_IMP_ID_REGS	other values are EINVAL
 *	with it, before the first run			any value is accepted
 *	with it, from the first run on			other values are EBUSY
 *
 * The capability must be enabled before the VM has a vCPU. id_reg_access tests
 * when and through which vCPUs the other ID registers can be written.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/id_reg.h"
#include "processor.h"

/* The state of a new VM with every feature */
static struct id_state initial;

static const u32 imp_regs[] = { SYS_MIDR_EL1, SYS_REVIDR_EL1, SYS_AIDR_EL1 };

static void check_imp_fixed(int ran)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;
	int i, bit, nr;
	u64 now;

	vm = id_vm_create(id_all_features(), false, vcpus);
	if (ran)
		id_run(vcpus[1]);

	for (i = 0; i < ARRAY_SIZE(imp_regs); i++) {
		nr = id_nr(imp_regs[i]);
		now = initial.val[nr];
		id_expect_set(vcpus[0], nr, now, 0, now);
		for (bit = 0; bit < 64; bit++)
			id_expect_set(vcpus[bit % 2], nr, now ^ BIT(bit),
				      EINVAL, now);
	}
	kvm_vm_free(vm);
}

/* Only the upper half of MIDR_EL1 cannot be set. */
static void check_imp_writable(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct id_state state;
	struct kvm_vm *vm;
	int i, bit, nr;
	u64 now, val;

	vm = id_vm_create(id_all_features(), true, vcpus);
	state = id_vm_state_read(vcpus[0]);
	id_expect_state(vcpus[0], &initial, "until it is written");

	for (i = 0; i < ARRAY_SIZE(imp_regs); i++) {
		nr = id_nr(imp_regs[i]);
		now = initial.val[nr];
		for (bit = 0; bit < 64; bit++) {
			val = now ^ BIT(bit);
			if (imp_regs[i] == SYS_MIDR_EL1 && bit > 31) {
				id_expect_set(vcpus[0], nr, val, EINVAL, now);
				continue;
			}
			id_expect_set(vcpus[bit % 2], nr, val, 0, val);
			now = val;
		}
		id_expect_set(vcpus[1], nr, 0, 0, 0);
		val = imp_regs[i] == SYS_MIDR_EL1 ? GENMASK(31, 0) : -1UL;
		id_expect_set(vcpus[0], nr, val, 0, val);
		state.val[nr] = val;
		id_expect_vm_state(vcpus, &state, "implementation ID written");
	}

	fw_vcpu_reinit(vcpus[0]);
	id_expect_vm_state(vcpus, &state, "after KVM_ARM_VCPU_INIT");
	id_run(vcpus[0]);

	for (i = 0; i < ARRAY_SIZE(imp_regs); i++) {
		nr = id_nr(imp_regs[i]);
		now = state.val[nr];
		id_expect_set(vcpus[0], nr, now, 0, now);
		id_expect_set(vcpus[0], nr, initial.val[nr],
			      initial.val[nr] == now ? 0 : EBUSY, now);
		for (bit = 0; bit < 64; bit++)
			id_expect_set(vcpus[bit % 2], nr, now ^ BIT(bit),
				      EBUSY, now);
	}
	kvm_vm_free(vm);
}

static void check_imp_capability(int unused)
{
	struct kvm_enable_cap cap = { KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 1 };
	int ret, nr = id_nr(SYS_MIDR_EL1);
	struct kvm_vm *vm = vm_create(2);
	struct kvm_vcpu *vcpu;
	u64 midr = initial.val[nr];

	ret = vm_check_cap(vm, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS);
	test_expect(ret == 1, "KVM_CHECK_EXTENSION: %d", ret);
	ret = __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
	test_expect(ret == -1 && errno == EINVAL, "flags: %d, %d", ret, errno);

	vcpu = id_vcpu_add(vm, 0, id_all_features());
	ret = __vm_enable_cap(vm, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);
	test_expect(ret == -1 && errno == EINVAL, "after a vCPU: %d, %d", ret,
		    errno);
	id_expect_set(vcpu, nr, midr ^ BIT(0), EINVAL, midr);
	kvm_vm_free(vm);

	/* Enabling it again is too late as well. */
	vm = vm_create(2);
	vm_enable_cap(vm, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);
	vm_enable_cap(vm, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);
	vcpu = id_vcpu_add(vm, 0, id_all_features());
	ret = __vm_enable_cap(vm, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);
	test_expect(ret == -1 && errno == EINVAL, "again: %d, %d", ret, errno);
	id_expect_set(vcpu, nr, midr ^ BIT(0), 0, midr ^ BIT(0));
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "MIDR, REVIDR, AIDR: EINVAL without the capability",
	  check_imp_fixed, false },
	{ "MIDR, REVIDR, AIDR: EINVAL without it after the first run",
	  check_imp_fixed, true },
	{ "MIDR, REVIDR, AIDR: anything with it, EBUSY after the first run",
	  check_imp_writable },
	{ "KVM_CAP_ARM_WRITABLE_IMP_ID_REGS: EINVAL once there is a vCPU",
	  check_imp_capability },
};

int main(void)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_WRITABLE_IMP_ID_REGS));
	/* A VM with an initialised vGIC accepts no more vCPUs. */
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	vm = id_vm_create(id_all_features(), false, vcpus);
	initial = id_state_read(vcpus[0]);
	kvm_vm_free(vm);

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
