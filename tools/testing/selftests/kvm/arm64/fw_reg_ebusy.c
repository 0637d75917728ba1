// SPDX-License-Identifier: GPL-2.0-only
/*
 * fw_reg_ebusy - When the firmware pseudo-registers can be written.
 *
 * The bitmaps belong to the VM. Until one of its vCPUs first runs they can be
 * written through any vCPU, and are seen through all of them. From then on they
 * are frozen, whichever vCPU ran, and whichever is used for the access:
 *
 *	a value with an unsupported bit		EINVAL, as before
 *	another value				EBUSY
 *	its current value			always accepted
 *
 * Because of the last rule a VMM can write all registers back when it restores
 * or reboots a VM. PSCI_VERSION belongs to the VM too, but is never frozen. The
 * workaround registers hold no state that could be frozen.
 */
#include <errno.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "processor.h"

/* Legal values of all bitmaps, the @n-th of FW_NR_COMBINATIONS. */
#define FW_NR_COMBINATIONS	4

static u64 nth_value(int nr, int n)
{
	return n & fw_regs[nr].features;
}

static void set_bitmaps(struct kvm_vcpu *vcpu, int n)
{
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
		vcpu_set_reg(vcpu, fw_regs[i].id, nth_value(i, n));
}

/* Small values, and one with an unsupported bit, on a VM that never ran. */
static void expect_writable(struct kvm_vcpu *vcpu)
{
	u64 val, initial, bad;
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++) {
		initial = vcpu_get_reg(vcpu, fw_regs[i].id);
		bad = fw_regs[i].features + 1;

		for (val = 0; val <= fw_regs[i].features; val++) {
			fw_expect_set(vcpu, i, val, 0, val);
			fw_expect_set(vcpu, i, val, 0, val);
			fw_expect_set(vcpu, i, val | bad, EINVAL, val);
		}
		fw_expect_set(vcpu, i, initial, 0, initial);
	}
}

/* The same, on a VM that has run. */
static void expect_frozen(struct kvm_vcpu *vcpu)
{
	u64 val, frozen, bad;
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++) {
		frozen = vcpu_get_reg(vcpu, fw_regs[i].id);
		bad = fw_regs[i].features + 1;

		for (val = 0; val <= fw_regs[i].features; val++) {
			fw_expect_set(vcpu, i, val,
				      val == frozen ? 0 : EBUSY, frozen);
			fw_expect_set(vcpu, i, val | bad, EINVAL, frozen);
			fw_expect_set(vcpu, i, val | BIT(63), EINVAL, frozen);
		}
		fw_expect_set(vcpu, i, frozen, 0, frozen);
	}
}

/* The guest gets the services that the bitmaps offer. */
static void expect_guest_agrees(struct kvm_vcpu *vcpu)
{
	struct fw_state state = fw_state_read(vcpu);

	if (state.val[FW_STD] & BIT(0))
		fw_expect_x0(vcpu, ARM_SMCCC_TRNG_VERSION, 0, 0x10000);
	else
		fw_expect_refused(vcpu, ARM_SMCCC_TRNG_VERSION, 0);

	if (state.val[FW_STD_HYP] & BIT(0))
		fw_expect_x0(vcpu, ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
			     ARM_SMCCC_HV_PV_TIME_FEATURES, SMCCC_RET_SUCCESS);
	else
		fw_expect_refused(vcpu, ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
				  ARM_SMCCC_HV_PV_TIME_FEATURES);

	if (state.val[FW_VENDOR_HYP] & BIT(0))
		fw_expect_call(vcpu, ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID,
			       0, state.val[FW_VENDOR_HYP], 0,
			       state.val[FW_VENDOR_HYP_2], 0);
	else
		fw_expect_refused(vcpu,
				  ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID, 0);
}

/* Any call will do. */
static void run_once(struct kvm_vcpu *vcpu)
{
	fw_expect_x0(vcpu, ARM_SMCCC_VERSION_FUNC_ID, 0,
		     ARM_SMCCC_VERSION_1_1);
}

static struct kvm_vm *create_two(struct kvm_vcpu *vcpus[2])
{
	return fw_vm_create(2, true, fw_guest_code, vcpus);
}

/* ---- Before the first run ---- */

static void check_writable(int nr)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;

	vm = create_two(vcpus);
	expect_writable(vcpus[nr]);
	kvm_vm_free(vm);
}

static void check_vm_wide(int unused)
{
	struct fw_state state;
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;
	int i, n, from;

	vm = create_two(vcpus);

	for (from = 0; from < 2; from++) {
		for (n = 0; n < FW_NR_COMBINATIONS; n++) {
			state = fw_state_read(vcpus[!from]);
			for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
				state.val[i] = nth_value(i, n);
			state.val[FW_PSCI_VERSION] = PSCI_VERSION(1, n);

			set_bitmaps(vcpus[from], n);
			vcpu_set_reg(vcpus[from], KVM_REG_ARM_PSCI_VERSION,
				     PSCI_VERSION(1, n));

			fw_expect_state(vcpus[from], &state, "own vCPU");
			fw_expect_state(vcpus[!from], &state, "other vCPU");
		}
	}

	/* The guest on vCPU 0 sees what was written through vCPU 1. */
	expect_guest_agrees(vcpus[0]);
	kvm_vm_free(vm);
}

/* ---- After it ---- */

static void check_frozen(int n)
{
	struct kvm_vcpu *vcpus[2];
	struct fw_state state;
	struct kvm_vm *vm;

	vm = create_two(vcpus);
	set_bitmaps(vcpus[0], n);
	state = fw_state_read(vcpus[0]);

	run_once(vcpus[0]);
	fw_expect_state(vcpus[0], &state, "after the first run");
	expect_frozen(vcpus[0]);
	expect_guest_agrees(vcpus[0]);
	expect_frozen(vcpus[0]);

	kvm_vm_free(vm);
}

static void check_frozen_other_vcpu(int runner)
{
	struct kvm_vcpu *vcpus[2];
	struct fw_state state;
	struct kvm_vm *vm;
	int n;

	for (n = 0; n < FW_NR_COMBINATIONS; n++) {
		vm = create_two(vcpus);
		set_bitmaps(vcpus[0], n);
		state = fw_state_read(vcpus[0]);

		run_once(vcpus[runner]);
		expect_frozen(vcpus[!runner]);
		fw_expect_state(vcpus[0], &state, "vCPU 0");
		fw_expect_state(vcpus[1], &state, "vCPU 1");

		/* The vCPU that had not run must get the same services. */
		expect_guest_agrees(vcpus[!runner]);
		kvm_vm_free(vm);
	}
}

/* KVM_RUN freezes, even if it leaves before the guest is entered. */
static void check_immediate_exit(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;
	int ret;

	vm = create_two(vcpus);
	expect_writable(vcpus[0]);

	vcpus[0]->run->immediate_exit = 1;
	ret = __vcpu_run(vcpus[0]);
	test_expect(ret == -1 && errno == EINTR, "KVM_RUN: %d, %s", ret,
		    strerror(errno));

	expect_frozen(vcpus[0]);
	expect_frozen(vcpus[1]);
	kvm_vm_free(vm);
}

/* All registers as they were read, through every vCPU, as a VMM does. */
static void check_write_back(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct fw_state state;
	struct kvm_vm *vm;
	int i, n, round;

	for (n = 0; n < FW_NR_COMBINATIONS; n++) {
		vm = create_two(vcpus);
		set_bitmaps(vcpus[0], n);
		state = fw_state_read(vcpus[0]);

		for (round = 0; round < 4; round++) {
			run_once(vcpus[round % 2]);
			for (i = 0; i < NR_FW_REGS; i++) {
				fw_expect_set(vcpus[0], i, state.val[i], 0,
					      state.val[i]);
				fw_expect_set(vcpus[1], i, state.val[i], 0,
					      state.val[i]);
			}
		}
		kvm_vm_free(vm);
	}
}

static void check_efault(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i, ret;

	vm = fw_vm_create_one(&vcpu);
	run_once(vcpu);

	for (i = 0; i < NR_FW_REGS; i++) {
		ret = one_reg(vcpu->fd, KVM_SET_ONE_REG, fw_regs[i].id, 0);
		test_expect(ret == EFAULT, "SET of %s: %s", fw_regs[i].name,
			    strerror(ret));
	}
	kvm_vm_free(vm);
}

static void check_other_vm(int unused)
{
	struct kvm_vcpu *before, *runner, *after;
	struct kvm_vm *vm_before, *vm, *vm_after;
	struct fw_state state;

	vm_before = fw_vm_create_one(&before);
	vm = fw_vm_create_one(&runner);
	set_bitmaps(runner, 1);
	vcpu_set_reg(runner, KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 0));
	state = fw_state_read(before);
	run_once(runner);
	vm_after = fw_vm_create_one(&after);

	fw_expect_state(before, &state, "VM created before");
	fw_expect_state(after, &state, "VM created after");
	expect_writable(before);
	expect_writable(after);
	expect_frozen(runner);

	kvm_vm_free(vm_before);
	kvm_vm_free(vm_after);
	kvm_vm_free(vm);
}

/* ---- Registers that are not frozen ---- */

static const u64 psci_versions[] = {
	PSCI_VERSION(1, 3), PSCI_VERSION(0, 2), PSCI_VERSION(1, 1),
	PSCI_VERSION(1, 0), PSCI_VERSION(1, 2), PSCI_VERSION(1, 3),
};

static void check_psci_version(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;
	int i, from;
	u64 val;

	vm = create_two(vcpus);
	run_once(vcpus[0]);

	for (i = 0; i < ARRAY_SIZE(psci_versions); i++) {
		for (from = 0; from < 2; from++) {
			val = psci_versions[i];
			fw_expect_set(vcpus[from], FW_PSCI_VERSION, val, 0,
				      val);
			fw_expect_set(vcpus[from], FW_PSCI_VERSION, 0x10004,
				      EINVAL, val);
			fw_expect_set(vcpus[from], FW_PSCI_VERSION, 0x1,
				      EINVAL, val);
			fw_expect_x0(vcpus[0], PSCI_0_2_FN_PSCI_VERSION, 0,
				     val);
			fw_expect_x0(vcpus[1], PSCI_0_2_FN_PSCI_VERSION, 0,
				     val);
		}
	}

	expect_frozen(vcpus[0]);
	kvm_vm_free(vm);
}

static void check_psci_version_0_1(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = fw_vm_create(1, false, fw_guest_code, &vcpu);
	run_once(vcpu);
	fw_expect_set(vcpu, FW_PSCI_VERSION, 0x1, 0, 0x1);
	fw_expect_set(vcpu, FW_PSCI_VERSION, FW_PSCI_LATEST, EINVAL, 0x1);
	fw_expect_refused(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0);
	kvm_vm_free(vm);
}

/* Every value gets the same answer as in a VM that has not run. */
static void check_workaround(int nr)
{
	struct kvm_vcpu *ran, *fresh;
	struct kvm_vm *vm, *vm_fresh;
	u64 val, level;

	vm = fw_vm_create_one(&ran);
	vm_fresh = fw_vm_create_one(&fresh);
	run_once(ran);

	level = vcpu_get_reg(fresh, fw_regs[nr].id);
	for (val = 0; val < 64; val++)
		fw_expect_set(ran, nr, val,
			      one_reg_set(fresh, fw_regs[nr].id, val), level);

	/* 0, the lowest level, is always accepted. */
	fw_expect_set(ran, nr, 0, 0, level);
	fw_expect_set(ran, nr, level, 0, level);
	fw_expect_set(ran, nr, 0xf, EINVAL, level);

	kvm_vm_free(vm);
	kvm_vm_free(vm_fresh);
}

/* ---- KVM_ARM_VCPU_INIT again ---- */

static void check_reinit_before(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct fw_state state;
	struct kvm_vm *vm;
	int n;

	vm = create_two(vcpus);
	for (n = 0; n < FW_NR_COMBINATIONS; n++) {
		set_bitmaps(vcpus[0], n);
		vcpu_set_reg(vcpus[0], KVM_REG_ARM_PSCI_VERSION,
			     PSCI_VERSION(1, n));
		state = fw_state_read(vcpus[0]);

		fw_vcpu_reinit(vcpus[0]);
		fw_vcpu_reinit(vcpus[1]);
		fw_expect_state(vcpus[0], &state, "vCPU 0");
		fw_expect_state(vcpus[1], &state, "vCPU 1");
	}

	expect_writable(vcpus[0]);
	kvm_vm_free(vm);
}

static void check_reinit_after(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct fw_state state;
	struct kvm_vm *vm;
	int i, n;

	for (n = 0; n < FW_NR_COMBINATIONS; n++) {
		vm = create_two(vcpus);
		set_bitmaps(vcpus[0], n);
		vcpu_set_reg(vcpus[0], KVM_REG_ARM_PSCI_VERSION,
			     PSCI_VERSION(1, n));
		state = fw_state_read(vcpus[0]);
		run_once(vcpus[0]);
		run_once(vcpus[1]);

		for (i = 0; i < 2; i++) {
			fw_vcpu_reinit(vcpus[i]);
			fw_expect_state(vcpus[0], &state, "vCPU 0");
			fw_expect_state(vcpus[1], &state, "vCPU 1");
			expect_frozen(vcpus[0]);
			expect_frozen(vcpus[1]);
		}

		/* The rebooted guest must see the same as before. */
		expect_guest_agrees(vcpus[0]);
		expect_guest_agrees(vcpus[1]);
		fw_expect_x0(vcpus[1], PSCI_0_2_FN_PSCI_VERSION, 0,
			     PSCI_VERSION(1, n));
		kvm_vm_free(vm);
	}
}

/* A vCPU created after another one has run. Protected KVM does not run it. */
static void check_late_vcpu(int unused)
{
	struct kvm_vcpu_init init;
	struct kvm_vcpu *early, *late;
	struct fw_state state;
	struct kvm_vm *vm;

	/* A VM with an initialised vGIC accepts no more vCPUs. */
	test_disable_default_vgic();

	vm = vm_create(2);
	kvm_get_default_vcpu_target(vm, &init);
	init.features[0] |= BIT(KVM_ARM_VCPU_PSCI_0_2);
	early = aarch64_vcpu_add(vm, 0, &init, fw_guest_code);
	set_bitmaps(early, 2);
	state = fw_state_read(early);
	run_once(early);

	late = aarch64_vcpu_add(vm, 1, &init, fw_guest_code);
	fw_expect_state(late, &state, "late vCPU");
	expect_frozen(late);
	expect_frozen(early);
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "before the first run: bitmaps writable, unsupported bit EINVAL",
	  check_writable, 0 },
	{ "before the first run: the same through vCPU 1",
	  check_writable, 1 },
	{ "before the first run: a write is seen through all vCPUs",
	  check_vm_wide },

	{ "after it, bitmaps 0: same 0, other EBUSY, unsupported EINVAL",
	  check_frozen, 0 },
	{ "after it, bitmaps 1: same 0, other EBUSY, unsupported EINVAL",
	  check_frozen, 1 },
	{ "after it, bitmaps 2: same 0, other EBUSY, unsupported EINVAL",
	  check_frozen, 2 },
	{ "after it, bitmaps 3: same 0, other EBUSY, unsupported EINVAL",
	  check_frozen, 3 },
	{ "after a run of vCPU 0: frozen through vCPU 1, which never ran",
	  check_frozen_other_vcpu, 0 },
	{ "after a run of vCPU 1: frozen through vCPU 0, which never ran",
	  check_frozen_other_vcpu, 1 },
	{ "after KVM_RUN with immediate_exit: frozen", check_immediate_exit },
	{ "after each run: all registers can be written back",
	  check_write_back },
	{ "after it: a bad pointer is still EFAULT", check_efault },
	{ "another VM is not affected", check_other_vm },

	{ "PSCI_VERSION: writable after the first run, seen by the guest",
	  check_psci_version },
	{ "PSCI_VERSION: still 0.1 only without PSCI_0_2",
	  check_psci_version_0_1 },
	{ "WORKAROUND_1: checked as before, never EBUSY",
	  check_workaround, FW_WORKAROUND_1 },
	{ "WORKAROUND_2: checked as before, never EBUSY",
	  check_workaround, FW_WORKAROUND_2 },
	{ "WORKAROUND_3: checked as before, never EBUSY",
	  check_workaround, FW_WORKAROUND_3 },

	{ "KVM_ARM_VCPU_INIT before the first run keeps all values",
	  check_reinit_before },
	{ "KVM_ARM_VCPU_INIT after it keeps all values, still frozen",
	  check_reinit_after },
	{ "a vCPU created after the first run is frozen too", check_late_vcpu },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
