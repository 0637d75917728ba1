// SPDX-License-Identifier: GPL-2.0-only
/*
 * fw_reg_services - Which services the guest gets for the values of the
 * firmware pseudo-registers, and how all other calls are refused.
 *
 * fw_reg_matrix tests which values are accepted. Here each value of a bitmap is
 * set on a fresh VM, whose guest makes all calls that some bitmap gates, to see
 * that exactly the enabled ones are served. All 64 bits of x0-x3 are compared.
 *
 * Discovery of the workarounds, which no bitmap turns off, depends on the state
 * of the host: run this on the same hosts as fw_reg_matrix.
 */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_host.h"
#include "abi/fw_reg.h"
#include "processor.h"

#define ST_GPA_BASE	BIT(30)

/* ---- The bitmaps ---- */

/* Calls that are served if @bit of register @nr is set, and refused if not. */
static const struct gated_call {
	enum fw_reg_nr nr;
	u64 bit;
	u64 fn;
	u64 arg;
	/* x0-x3 of a served call, unless .any says that they are not known */
	bool any;
	u64 x[4];
} gated_calls[] = {
	{ FW_STD, BIT(0), ARM_SMCCC_TRNG_VERSION, 0, false, { 0x10000 } },
	{ FW_STD, BIT(0), ARM_SMCCC_TRNG_FEATURES, ARM_SMCCC_TRNG_RND64 },
	{ FW_STD, BIT(0), ARM_SMCCC_TRNG_GET_UUID, 0, true },
	{ FW_STD, BIT(0), ARM_SMCCC_TRNG_RND32, 32, true },
	{ FW_STD, BIT(0), ARM_SMCCC_TRNG_RND64, 64, true },

	{ FW_STD_HYP, BIT(0), ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
	  ARM_SMCCC_HV_PV_TIME_FEATURES },
	{ FW_STD_HYP, BIT(0), ARM_SMCCC_HV_PV_TIME_FEATURES,
	  ARM_SMCCC_HV_PV_TIME_FEATURES },
	{ FW_STD_HYP, BIT(0), ARM_SMCCC_HV_PV_TIME_FEATURES,
	  ARM_SMCCC_HV_PV_TIME_ST },
	{ FW_STD_HYP, BIT(0), ARM_SMCCC_HV_PV_TIME_ST, 0, false,
	  { ST_GPA_BASE } },

	/* 28b46fb6-2ec5-11e9-a9ca-4b564d003a74 */
	{ FW_VENDOR_HYP, BIT(0), ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID, 0,
	  false, { 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d } },
	{ FW_VENDOR_HYP, BIT(1), ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID,
	  KVM_PTP_VIRT_COUNTER, true },
	{ FW_VENDOR_HYP, BIT(1), ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID,
	  KVM_PTP_PHYS_COUNTER, true },
};

/* PV time is only served to a vCPU for which userspace has set its address. */
static void init_steal_time(struct kvm_vcpu *vcpu)
{
	u64 ipa = ST_GPA_BASE;

	vm_userspace_mem_region_add(vcpu->vm, VM_MEM_SRC_ANONYMOUS, ipa, 1,
				    vm_calc_num_guest_pages(VM_MODE_DEFAULT, 64),
				    0);
	vcpu_device_attr_set(vcpu, KVM_ARM_VCPU_PVTIME_CTRL,
			     KVM_ARM_VCPU_PVTIME_IPA, &ipa);
}

static void expect_gated_call(struct kvm_vcpu *vcpu, const struct gated_call *c,
			      u64 bmap)
{
	struct fw_regs4 r;

	if (!(bmap & c->bit)) {
		fw_expect_refused(vcpu, c->fn, c->arg);
	} else if (c->any) {
		r = fw_guest_call(vcpu, c->fn, c->arg);
		test_expect(r.x[0] != (u64)SMCCC_RET_NOT_SUPPORTED,
			    "call %#lx(%#lx) is refused", c->fn, c->arg);
	} else {
		fw_expect_call(vcpu, c->fn, c->arg,
			       c->x[0], c->x[1], c->x[2], c->x[3]);
	}
}

static void expect_gates(struct kvm_vcpu *vcpu)
{
	struct fw_state state = fw_state_read(vcpu);
	u64 vendor = state.val[FW_VENDOR_HYP];
	int i;

	for (i = 0; i < ARRAY_SIZE(gated_calls); i++)
		expect_gated_call(vcpu, &gated_calls[i],
				  state.val[gated_calls[i].nr]);

	/* FEATURES reports both vendor bitmaps, if the first one enables it. */
	if (vendor & BIT(0))
		fw_expect_call(vcpu, ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID,
			       0, vendor, 0, state.val[FW_VENDOR_HYP_2], 0);
	else
		fw_expect_refused(vcpu,
				  ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID, 0);
}

/* All values of one bitmap; the calls of the others must not be affected. */
static void check_bmap_guest(int nr)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	u64 val;

	for (val = 0; val <= fw_regs[nr].features; val++) {
		vm = fw_vm_create_one(&vcpu);
		init_steal_time(vcpu);
		vcpu_set_reg(vcpu, fw_regs[nr].id, val);
		expect_gates(vcpu);
		kvm_vm_free(vm);
	}
}

static void check_bmap_guest_none(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);
	int i;

	init_steal_time(vcpu);
	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
		vcpu_set_reg(vcpu, fw_regs[i].id, 0);
	expect_gates(vcpu);

	/* None of these depends on a bitmap. */
	fw_expect_x0(vcpu, ARM_SMCCC_VERSION_FUNC_ID, 0,
		     ARM_SMCCC_VERSION_1_1);
	fw_expect_x0(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0, FW_PSCI_LATEST);
	for (i = FW_WORKAROUND_1; i <= FW_WORKAROUND_3; i++)
		fw_expect_workaround(vcpu, i);
	kvm_vm_free(vm);
}

/* ---- The calling convention ---- */

/* Calls that no register enables */
static const struct {
	u64 fn;
	u64 arg;
} refused_calls[] = {
	{ 0x00000000 },
	{ 0x4b000000 },
	{ 0x7fffffff },
	{ 0x80ffffff },
	{ 0x84000020 },
	{ 0x8400ffff },
	{ 0x8600ff02 },
	{ 0xbf00ff01 },
	{ 0xc4000020 },
	{ 0xffffffff },
	{ ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID | BIT(30) },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, 0 },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_FEATURES_FUNC_ID },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_TRNG_RND64 },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ~0UL },
	{ ARM_SMCCC_HV_PV_TIME_FEATURES, ARM_SMCCC_TRNG_RND64 },
	{ ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID, 2 },
};

static void expect_refused_calls(struct kvm_vcpu *vcpu)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(refused_calls); i++)
		fw_expect_refused(vcpu, refused_calls[i].fn,
				  refused_calls[i].arg);
}

static void check_refused_calls(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);

	init_steal_time(vcpu);
	expect_refused_calls(vcpu);
	kvm_vm_free(vm);
}

/* Function and feature have 32 bits: the upper halves of x0, x1 are ignored. */
static void check_upper_halves(int unused)
{
	static const u64 noise[] = { BIT(32), BIT(63), 0xdeadbeefUL << 32,
				     GENMASK(63, 32) };
	const struct fw_workaround *row;
	const struct gated_call *c;
	struct gated_call noisy;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);
	int i, nr;

	init_steal_time(vcpu);

	for (i = 0; i < ARRAY_SIZE(noise); i++) {
		for (nr = FW_WORKAROUND_1; nr <= FW_WORKAROUND_3; nr++) {
			row = fw_workaround_row(vcpu, nr);
			if (!row)
				continue;

			fw_expect_x0(vcpu, ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
				     fw_workaround_fn[nr] | noise[i],
				     row->arch_features);
			fw_expect_x0(vcpu,
				     ARM_SMCCC_ARCH_FEATURES_FUNC_ID | noise[i],
				     fw_workaround_fn[nr], row->arch_features);
		}

		for (c = gated_calls; c < gated_calls + ARRAY_SIZE(gated_calls);
		     c++) {
			noisy = *c;
			noisy.fn |= noise[i];
			expect_gated_call(vcpu, &noisy, fw_regs[c->nr].initial);

			/* TRNG calls use all 64 bits of their argument. */
			if (c->nr == FW_STD)
				continue;

			noisy = *c;
			noisy.arg |= noise[i];
			expect_gated_call(vcpu, &noisy, fw_regs[c->nr].initial);
		}

		fw_expect_x0(vcpu, PSCI_0_2_FN_PSCI_VERSION | noise[i], 0,
			     FW_PSCI_LATEST);
		fw_expect_call(vcpu, ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID |
			       noise[i], 0, fw_regs[FW_VENDOR_HYP].initial, 0,
			       fw_regs[FW_VENDOR_HYP_2].initial, 0);
	}

	kvm_vm_free(vm);
}

/* A hypervisor makes its calls by SMC. */
static void check_el2(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i;

	if (!test_supports_el2()) {
		test_skip("no nested virtualization");
		return;
	}

	vm = __fw_vm_create(1, BIT(KVM_ARM_VCPU_PSCI_0_2) |
			    BIT(KVM_ARM_VCPU_HAS_EL2), fw_guest_code, &vcpu);
	init_steal_time(vcpu);
	vcpu_set_reg(vcpu, KVM_REG_ARM_STD_BMAP, 0);
	vcpu_set_reg(vcpu, KVM_REG_ARM_VENDOR_HYP_BMAP_2, BIT(1));

	expect_gates(vcpu);
	expect_refused_calls(vcpu);
	fw_expect_x0(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0, FW_PSCI_LATEST);
	for (i = FW_WORKAROUND_1; i <= FW_WORKAROUND_3; i++)
		fw_expect_workaround(vcpu, i);
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "STD_BMAP: gates TRNG", check_bmap_guest, FW_STD },
	{ "STD_HYP_BMAP: gates PV time", check_bmap_guest, FW_STD_HYP },
	{ "VENDOR_HYP_BMAP: gates UID and FEATURES, and PTP",
	  check_bmap_guest, FW_VENDOR_HYP },
	{ "VENDOR_HYP_BMAP_2: is x2 of FEATURES, gates nothing",
	  check_bmap_guest, FW_VENDOR_HYP_2 },
	{ "bitmaps: all 0 leaves SMCCC, PSCI and workaround discovery",
	  check_bmap_guest_none },

	{ "SMCCC: a refused call returns -1 in x0 and 0 in x1-x3",
	  check_refused_calls },
	{ "SMCCC: the upper halves of x0 and x1 are ignored",
	  check_upper_halves },
	{ "guest at EL2: the same services and refusals", check_el2 },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
