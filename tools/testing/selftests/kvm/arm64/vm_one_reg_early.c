// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_one_reg_early - Values that are written through a VM's file descriptor
 * before there are vCPUs.
 *
 * The guest sees them on every vCPU. But a version of PSCI has to match the
 * vCPUs' features, which are set by KVM_ARM_VCPU_INIT:
 *
 *	KVM_ARM_VCPU_PSCI_0_2		0.2 and later
 *	without it			0.1
 *
 * If it does not, KVM_ARM_VCPU_INIT is EINVAL and has no effect, so that either
 * can be corrected. A VM whose version was not chosen accepts either kind of
 * vCPUs.
 */
#include <errno.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/vm_reg.h"
#include "processor.h"

#define PSCI_0_2	BIT(KVM_ARM_VCPU_PSCI_0_2)

/* ---- What guests see ---- */

static void check_guest_version(int stage)
{
	struct staged_vm s;
	u64 version;
	int i;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		version = fw_psci_versions[i];
		s = staged_vm_create(stage, false);
		vm_reg_expect_set(s.vm, FW_PSCI_VERSION, version, 0, version);
		staged_vm_advance(&s, VM_STAGE_INITIALISED, PSCI_0_2);
		staged_vm_expect(&s, FW_PSCI_VERSION, version);
		fw_expect_x0(s.vcpus[0], PSCI_0_2_FN_PSCI_VERSION, 0, version);
		staged_vm_expect(&s, FW_PSCI_VERSION, version);
		kvm_vm_free(s.vm);
	}
}

/* PSCI 0.1 has no PSCI_VERSION call. */
static void check_guest_version_0_1(int chosen)
{
	struct staged_vm s = staged_vm_create(VM_STAGE_EMPTY, false);

	if (chosen)
		vm_reg_expect_set(s.vm, FW_PSCI_VERSION, VM_REG_PSCI_0_1, 0,
				  VM_REG_PSCI_0_1);
	staged_vm_advance(&s, VM_STAGE_INITIALISED, 0);
	staged_vm_expect(&s, FW_PSCI_VERSION, VM_REG_PSCI_0_1);
	fw_expect_refused(s.vcpus[0], PSCI_0_2_FN_PSCI_VERSION, 0);
	kvm_vm_free(s.vm);
}

/* The last of several values counts, and reading has no effect. */
static void check_last_version(int unused)
{
	struct staged_vm s = staged_vm_create(VM_STAGE_EMPTY, false);

	vm_reg_expect(s.vm, FW_PSCI_VERSION, FW_PSCI_LATEST);
	vm_reg_expect_set(s.vm, FW_PSCI_VERSION, VM_REG_PSCI_0_1, 0,
			  VM_REG_PSCI_0_1);
	vm_reg_expect_set(s.vm, FW_PSCI_VERSION, PSCI_VERSION(1, 2), 0,
			  PSCI_VERSION(1, 2));
	vm_reg_expect_set(s.vm, FW_PSCI_VERSION, PSCI_VERSION(1, 4), EINVAL,
			  PSCI_VERSION(1, 2));
	staged_vm_advance(&s, VM_STAGE_VCPU_CREATED, PSCI_0_2);
	vm_reg_expect_set(s.vm, FW_PSCI_VERSION, PSCI_VERSION(1, 1), 0,
			  PSCI_VERSION(1, 1));
	staged_vm_advance(&s, VM_STAGE_INITIALISED, PSCI_0_2);
	staged_vm_expect(&s, FW_PSCI_VERSION, PSCI_VERSION(1, 1));
	fw_expect_x0(s.vcpus[0], PSCI_0_2_FN_PSCI_VERSION, 0,
		     PSCI_VERSION(1, 1));
	kvm_vm_free(s.vm);
}

static void check_moved(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct vm_reg_state state;
	struct staged_vm source;
	struct kvm_vm *vm;
	int i;

	source = staged_vm_create(VM_STAGE_EMPTY, true);
	vm_reg_expect_set(source.vm, FW_PSCI_VERSION, PSCI_VERSION(1, 0), 0,
			  PSCI_VERSION(1, 0));
	vm_reg_expect_set(source.vm, FW_STD, 0, 0, 0);
	vm_reg_expect_set(source.vm, FW_VENDOR_HYP, 1, 0, 1);
	vm_reg_expect_set(source.vm, FW_VENDOR_HYP_2, 2, 0, 2);
	staged_vm_advance(&source, VM_STAGE_HAS_RUN, PSCI_0_2);
	state = vm_reg_state_read(source.vm, VM_REG_MAX);

	vm = vm_reg_create_vm(true);
	for (i = 0; i < VM_REG_MAX; i++) {
		test_expect(!state.ret[i], "%#lx is not saved", vm_reg_id(i));
		test_expect(vm_reg_set(vm, vm_reg_id(i), state.val[i]) ==
			    (vm_reg_needs_vcpu(i) ? ENOEXEC : 0),
			    "%#lx is not restored", vm_reg_id(i));
	}
	fw_vm_add_vcpus(vm, 2, PSCI_0_2, fw_guest_code, vcpus);
	for (i = 0; i < VM_REG_MAX; i++) {
		if (vm_reg_needs_vcpu(i))
			vm_reg_expect_set(vm, i, state.val[i], 0, state.val[i]);
	}

	for (i = 0; i < 2; i++) {
		fw_expect_x0(vcpus[i], PSCI_0_2_FN_PSCI_VERSION, 0,
			     PSCI_VERSION(1, 0));
		fw_expect_refused(vcpus[i], ARM_SMCCC_TRNG_VERSION, 0);
		fw_expect_call(vcpus[i],
			       ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID, 0,
			       1, 0, 2, 0);
	}
	vm_reg_expect_state(vm, &state, "destination");
	kvm_vm_free(vm);
	kvm_vm_free(source.vm);
}

/* ---- A version that does not fit the vCPUs' features ---- */

static void __expect_init(int line, struct kvm_vcpu *vcpu, u32 features,
			  int want)
{
	struct kvm_vcpu_init init = vm_reg_vcpu_init(vcpu->vm, features);
	int ret = __vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &init) ? errno : 0;

	__test_expect(line, ret == want, "INIT: %s, expected %s", strerror(ret),
		      strerror(want));
}

#define expect_init(...)	__expect_init(__LINE__, __VA_ARGS__)

/* A VM with this version and one vCPU, whose INIT is refused */
static struct kvm_vm *refuse_init(u64 version, u32 features,
				  struct kvm_vcpu **vcpu)
{
	struct kvm_vm *vm = vm_reg_create_vm(true);
	struct vm_reg_state state;
	u64 val;
	int i, ret;

	vm_reg_expect_set(vm, FW_PSCI_VERSION, version, 0, version);
	*vcpu = __vm_vcpu_add(vm, 0);
	/* WORKAROUND_2 is ENOEXEC in this state, without features. */
	state = vm_reg_state_read(vm, VM_REG_MAX);

	for (i = 0; i < 2; i++) {
		expect_init(*vcpu, features, EINVAL);
		vm_reg_expect_state(vm, &state, "INIT refused");
		ret = one_reg_get(*vcpu, KVM_REG_ARM_PSCI_VERSION, &val);
		test_expect(ret == ENOEXEC, "vCPU initialised: %s",
			    strerror(ret));
	}

	/* Unknown features are refused as in any VM. */
	expect_init(*vcpu, features | BIT(31), ENOENT);
	vm_reg_expect_state(vm, &state, "INIT refused");
	return vm;
}

static void expect_version(struct kvm_vm *vm, struct kvm_vcpu *vcpu,
			   u64 version)
{
	u64 now = vcpu_get_reg(vcpu, KVM_REG_ARM_PSCI_VERSION);

	test_expect(now == version, "vCPU reads %#lx, expected %#lx", now,
		    version);
	vm_reg_expect(vm, FW_PSCI_VERSION, version);
}

static void conflict(u64 version, u32 features, u64 other_version)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	/* The version is corrected. */
	vm = refuse_init(version, features, &vcpu);
	vm_reg_expect_set(vm, FW_PSCI_VERSION, other_version, 0, other_version);
	expect_init(vcpu, features, 0);
	expect_version(vm, vcpu, other_version);
	/* From now on the version has to match the vCPUs. */
	vm_reg_expect_set(vm, FW_PSCI_VERSION, version, EINVAL, other_version);
	kvm_vm_free(vm);

	/* The features are corrected. */
	vm = refuse_init(version, features, &vcpu);
	expect_init(vcpu, features ^ PSCI_0_2, 0);
	expect_version(vm, vcpu, version);
	vm_reg_expect_set(vm, FW_PSCI_VERSION, other_version, EINVAL, version);
	/* The features stay: all vCPUs of a VM have the same. */
	expect_init(vcpu, features, EINVAL);
	expect_version(vm, vcpu, version);
	kvm_vm_free(vm);
}

static void check_conflict_0_1(int unused)
{
	int i;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++)
		conflict(VM_REG_PSCI_0_1, PSCI_0_2, fw_psci_versions[i]);
}

/* Also if the version is the one that would be the default. */
static void check_conflict_later(int unused)
{
	int i;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++)
		conflict(fw_psci_versions[i], 0, VM_REG_PSCI_0_1);
}

/* Each vCPU is refused, until the first one is initialised and decides. */
static void check_conflict_two_vcpus(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;

	vm = refuse_init(VM_REG_PSCI_0_1, PSCI_0_2, &vcpus[0]);
	vcpus[1] = __vm_vcpu_add(vm, 1);
	expect_init(vcpus[1], PSCI_0_2, EINVAL);
	expect_init(vcpus[0], PSCI_0_2, EINVAL);
	expect_init(vcpus[1], 0, 0);
	expect_init(vcpus[0], PSCI_0_2, EINVAL);
	expect_init(vcpus[0], 0, 0);
	expect_version(vm, vcpus[0], VM_REG_PSCI_0_1);
	expect_version(vm, vcpus[1], VM_REG_PSCI_0_1);
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "guest: PSCI version chosen before there is a vCPU",
	  check_guest_version, VM_STAGE_EMPTY },
	{ "guest: PSCI version chosen before KVM_ARM_VCPU_INIT",
	  check_guest_version, VM_STAGE_VCPU_CREATED },
	{ "guest: PSCI version chosen after it",
	  check_guest_version, VM_STAGE_INITIALISED },
	{ "guest: PSCI 0.1 chosen", check_guest_version_0_1, true },
	{ "guest: PSCI 0.1 by default without KVM_ARM_VCPU_PSCI_0_2",
	  check_guest_version_0_1, false },
	{ "guest: the last PSCI version that was chosen", check_last_version },
	{ "guest: all registers restored before there is a vCPU", check_moved },

	{ "conflict: PSCI 0.1 is EINVAL at INIT with KVM_ARM_VCPU_PSCI_0_2",
	  check_conflict_0_1 },
	{ "conflict: later ones are EINVAL at INIT without it",
	  check_conflict_later },
	{ "conflict: on each vCPU, until one of them is initialised",
	  check_conflict_two_vcpus },
};

int main(void)
{
	opt_in_require();
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
