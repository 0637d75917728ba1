// SPDX-License-Identifier: GPL-2.0-only
/*
 * fw_reg_matrix - Which values each firmware pseudo-register accepts, and what
 * the guest then sees of PSCI and of the workarounds.
 *
 * Every register is written with all small values, and with values that differ
 * from them only in high bits. The errno is checked each time, and the register
 * is read back after each write: a refused write must leave it unchanged. The
 * effect of each accepted PSCI version and workaround level is observed through
 * hypercalls. fw_reg_services does so for the services that the bitmaps offer.
 *
 * What the registers accept depends on the state of the host, see
 * lib/arm64/abi/fw_host.c. Run both tests on several CPU models, and with
 * mitigations=off, to cover several states.
 */
#include <errno.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_host.h"
#include "abi/fw_reg.h"
#include "processor.h"

/* Differ from acceptable values only in bits 31 and up, or are negative. */
static const u64 wide_values[] = {
	BIT(31), BIT(32), BIT(63),
	BIT(31) | 0x1, BIT(32) | 0x1, BIT(63) | 0x1,
	BIT(31) | 0x2, BIT(32) | 0x2, BIT(63) | 0x2,
	BIT(31) | 0x3, BIT(32) | 0x3, BIT(63) | 0x3,
	BIT(32) | 0x12, BIT(63) | 0x12,
	BIT(32) | 0x10000, BIT(63) | 0x10003, 0x10000UL << 16, 0x10001UL << 32,
	GENMASK(31, 0), GENMASK(62, 0), GENMASK(63, 32), ~0UL,
	-2UL, -3UL, -15UL, ~0UL << 4, 0xffffffff00000001UL,
};

/* ---- The register list ---- */

static void check_reg_list(int psci_0_2)
{
	int i, first = -1, nr_fw = 0;
	struct kvm_reg_list *list;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create(1, psci_0_2, fw_guest_code, &vcpu);
	u64 coproc;

	list = vcpu_get_reg_list(vcpu);

	for (i = 0; i < list->n; i++) {
		coproc = list->reg[i] & KVM_REG_ARM_COPROC_MASK;
		if (coproc != KVM_REG_ARM_FW &&
		    coproc != KVM_REG_ARM_FW_FEAT_BMAP)
			continue;

		if (first < 0)
			first = i;
		nr_fw++;
	}

	test_expect(nr_fw == NR_FW_REGS, "%d firmware registers, expected %d",
		    nr_fw, NR_FW_REGS);

	for (i = 0; i < NR_FW_REGS; i++) {
		if (first < 0 || first + i >= list->n)
			break;
		test_expect(list->reg[first + i] == fw_regs[i].id,
			    "place %d holds %#llx, expected %s", i,
			    list->reg[first + i], fw_regs[i].name);
	}

	/* Core registers come before, system registers after. */
	test_expect(first > 0 &&
		    (list->reg[first - 1] & KVM_REG_ARM_COPROC_MASK)
		    != KVM_REG_ARM64_SYSREG, "system registers come first");
	test_expect(first >= 0 && first + NR_FW_REGS < list->n &&
		    (list->reg[first + NR_FW_REGS] & KVM_REG_ARM_COPROC_MASK)
		    == KVM_REG_ARM64_SYSREG, "no system register follows");

	free(list);
	kvm_vm_free(vm);
}

/* ---- The workarounds' levels, by the host's state ---- */

static void check_workaround_1_3_sysfs(int nr)
{
	const struct fw_spectre_v2 *host = fw_host_spectre_v2();
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	u64 level, want;

	if (!host)
		return test_skip("not reported by sysfs");

	vm = fw_vm_create_one(&vcpu);
	level = vcpu_get_reg(vcpu, fw_regs[nr].id);
	want = nr == FW_WORKAROUND_1 ? host->workaround_1 : host->workaround_3;
	test_expect(level < 64 && (want & BIT(level)), "%s is %lu on '%s'",
		    fw_regs[nr].name, level, host->line);
	kvm_vm_free(vm);
}

static void expect_workaround_2(struct kvm_vcpu *vcpu, bool ssbs)
{
	u64 want = fw_workaround_2_level(fw_host_spectre_v4(), ssbs);
	u64 level = vcpu_get_reg(vcpu, fw_regs[FW_WORKAROUND_2].id);

	test_expect(level == want,
		    "with SSBS %lu WORKAROUND_2 is %lu, expected %lu",
		    fw_get_ssbs(vcpu), level, want);
}

static void check_workaround_2_sysfs(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	if (fw_host_spectre_v4() == FW_V4_UNKNOWN)
		return test_skip("not reported by sysfs");

	vm = fw_vm_create_one(&vcpu);
	expect_workaround_2(vcpu, fw_get_ssbs(vcpu));
	kvm_vm_free(vm);
}

/* ---- PSCI_VERSION ---- */

static bool psci_version_accepted(u64 val, bool psci_0_2)
{
	return psci_0_2 ? fw_is_psci_version(val) : val == PSCI_VERSION(0, 1);
}

static u64 psci_default(bool psci_0_2)
{
	return psci_0_2 ? FW_PSCI_LATEST : PSCI_VERSION(0, 1);
}

static void check_psci_default(int psci_0_2)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create(1, psci_0_2, fw_guest_code, &vcpu);
	u64 val;

	val = vcpu_get_reg(vcpu, KVM_REG_ARM_PSCI_VERSION);
	test_expect(val == psci_default(psci_0_2), "PSCI_VERSION is %#lx", val);
	kvm_vm_free(vm);
}

static void try_psci_version(struct kvm_vcpu *vcpu, bool psci_0_2, u64 val,
			     u64 *current)
{
	bool good = psci_version_accepted(val, psci_0_2);

	if (good)
		*current = val;

	fw_expect_set(vcpu, FW_PSCI_VERSION, val, good ? 0 : EINVAL, *current);
}

static void check_psci_version_range(int psci_0_2)
{
	u64 current = psci_default(psci_0_2), val;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create(1, psci_0_2, fw_guest_code, &vcpu);

	for (val = 0; val <= PSCI_VERSION(1, 5); val++)
		try_psci_version(vcpu, psci_0_2, val, &current);
	kvm_vm_free(vm);
}

static void check_psci_version_wide(int psci_0_2)
{
	u64 current = psci_default(psci_0_2), val;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create(1, psci_0_2, fw_guest_code, &vcpu);
	int i, j;

	for (i = 0; i < ARRAY_SIZE(wide_values); i++)
		try_psci_version(vcpu, psci_0_2, wide_values[i], &current);

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		val = fw_psci_versions[i];
		for (j = 17; j < 64; j++)
			try_psci_version(vcpu, psci_0_2, val | BIT(j),
					 &current);
	}

	kvm_vm_free(vm);
}

#define NS	SMCCC_RET_NOT_SUPPORTED

/* What the guest gets in x0 from 0.1 (no PSCI_0_2), 0.2, 1.0, 1.1, 1.2, 1.3. */
static const struct psci_call {
	u64 fn;
	u64 arg;
	s64 x0[1 + FW_NR_PSCI_VERSIONS];
} psci_calls[] = {
	{ PSCI_0_2_FN_PSCI_VERSION, 0,
	  { NS, PSCI_VERSION(0, 2), PSCI_VERSION(1, 0), PSCI_VERSION(1, 1),
	    PSCI_VERSION(1, 2), PSCI_VERSION(1, 3) } },
	{ PSCI_0_2_FN_MIGRATE_INFO_TYPE, 0,
	  { NS, PSCI_0_2_TOS_MP, PSCI_0_2_TOS_MP, PSCI_0_2_TOS_MP,
	    PSCI_0_2_TOS_MP, PSCI_0_2_TOS_MP } },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN_PSCI_VERSION,
	  { NS, NS, 0, 0, 0, 0 } },
	{ PSCI_1_0_FN_PSCI_FEATURES, ARM_SMCCC_VERSION_FUNC_ID,
	  { NS, NS, 0, 0, 0, 0 } },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_1_FN_SYSTEM_RESET2,
	  { NS, NS, NS, 0, 0, 0 } },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_1_FN64_SYSTEM_RESET2,
	  { NS, NS, NS, 0, 0, 0 } },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_3_FN_SYSTEM_OFF2,
	  { NS, NS, NS, NS, NS, PSCI_1_3_OFF_TYPE_HIBERNATE_OFF } },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_3_FN64_SYSTEM_OFF2,
	  { NS, NS, NS, NS, NS, PSCI_1_3_OFF_TYPE_HIBERNATE_OFF } },
	/* A reset type that is neither architected nor vendor-specific */
	{ PSCI_1_1_FN64_SYSTEM_RESET2, 1,
	  { NS, NS, NS, PSCI_RET_INVALID_PARAMS, PSCI_RET_INVALID_PARAMS,
	    PSCI_RET_INVALID_PARAMS } },
	/* The second argument is FW_POISON, where 0 is required. */
	{ PSCI_1_3_FN64_SYSTEM_OFF2, 0,
	  { NS, NS, NS, NS, NS, PSCI_RET_INVALID_PARAMS } },
	/* The calling vCPU, MPIDR 0, is on. */
	{ PSCI_0_2_FN64_CPU_ON, 0,
	  { NS, PSCI_RET_ALREADY_ON, PSCI_RET_ALREADY_ON, PSCI_RET_ALREADY_ON,
	    PSCI_RET_ALREADY_ON, PSCI_RET_ALREADY_ON } },
	{ KVM_PSCI_FN_CPU_ON, 0,
	  { PSCI_RET_INVALID_PARAMS, NS, NS, NS, NS, NS } },
};

/* @version: index in fw_psci_versions[], or -1 for a vCPU without PSCI_0_2. */
static void check_psci_guest(int version)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create(1, version >= 0, fw_guest_code, &vcpu);
	int i;

	if (version >= 0)
		vcpu_set_reg(vcpu, KVM_REG_ARM_PSCI_VERSION,
			     fw_psci_versions[version]);

	for (i = 0; i < ARRAY_SIZE(psci_calls); i++)
		fw_expect_x0(vcpu, psci_calls[i].fn, psci_calls[i].arg,
			     psci_calls[i].x0[version + 1]);

	kvm_vm_free(vm);
}

/* ---- WORKAROUND_1, WORKAROUND_2, WORKAROUND_3 ---- */

/* Accepted or not, a write only checks against the host, and stores nothing. */
static void try_workaround_values(struct kvm_vcpu *vcpu, int nr)
{
	const struct fw_workaround *row = fw_workaround_row(vcpu, nr);
	u64 val;
	int i;

	if (!row)
		return;

	for (val = 0; val < 64; val++)
		fw_expect_set(vcpu, nr, val,
			      row->accepted & BIT(val) ? 0 : EINVAL,
			      row->level);

	for (i = 6; i < 64; i++) {
		for (val = 0; val < 4; val++)
			fw_expect_set(vcpu, nr, BIT(i) | val, EINVAL,
				      row->level);
	}

	for (i = 0; i < ARRAY_SIZE(wide_values); i++)
		fw_expect_set(vcpu, nr, wide_values[i], EINVAL, row->level);
}

static void check_workaround_values(int nr)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);

	try_workaround_values(vcpu, nr);
	kvm_vm_free(vm);
}

static void check_workaround_guest(int nr)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);

	fw_expect_workaround(vcpu, nr);
	kvm_vm_free(vm);
}

/* ---- WORKAROUND_2 and SSBS ---- */

/*
 * A VM with or without SSBS, checked to have the matching level; or NULL if the
 * host cannot have such a VM, or does not report the level to expect.
 */
static struct kvm_vm *ssbs_vm_create(struct kvm_vcpu **vcpu, bool visible)
{
	struct kvm_vm *vm;

	if (fw_host_spectre_v4() == FW_V4_UNKNOWN) {
		test_skip("not reported by sysfs");
		return NULL;
	}

	vm = fw_vm_create_one(vcpu);
	if (visible && !fw_get_ssbs(*vcpu)) {
		test_skip("no SSBS");
		kvm_vm_free(vm);
		return NULL;
	}

	if (!visible)
		fw_set_ssbs(*vcpu, ID_AA64PFR1_EL1_SSBS_NI);

	expect_workaround_2(*vcpu, visible);
	return vm;
}

static void check_ssbs_level(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = ssbs_vm_create(&vcpu, true);
	u64 ssbs;

	if (!vm)
		return;

	ssbs = fw_get_ssbs(vcpu);
	fw_set_ssbs(vcpu, ID_AA64PFR1_EL1_SSBS_NI);
	expect_workaround_2(vcpu, false);
	fw_set_ssbs(vcpu, ID_AA64PFR1_EL1_SSBS_IMP);
	expect_workaround_2(vcpu, true);
	fw_set_ssbs(vcpu, ssbs);
	expect_workaround_2(vcpu, true);
	kvm_vm_free(vm);
}

static void check_ssbs_values(int visible)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = ssbs_vm_create(&vcpu, visible);

	if (!vm)
		return;

	try_workaround_values(vcpu, FW_WORKAROUND_2);
	kvm_vm_free(vm);
}

static void check_ssbs_guest(int visible)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = ssbs_vm_create(&vcpu, visible);

	if (!vm)
		return;

	fw_expect_workaround(vcpu, FW_WORKAROUND_2);
	/* The first run does not change the level and the accepted values. */
	expect_workaround_2(vcpu, visible);
	try_workaround_values(vcpu, FW_WORKAROUND_2);
	kvm_vm_free(vm);
}

/* ---- The bitmaps ---- */

static void check_bmap_default(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);
	u64 val;
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++) {
		val = vcpu_get_reg(vcpu, fw_regs[i].id);
		test_expect(val == fw_regs[i].initial,
			    "%s is %#lx, expected %#lx",
			    fw_regs[i].name, val, fw_regs[i].initial);
	}
	kvm_vm_free(vm);
}

static void try_bmap(struct kvm_vcpu *vcpu, int nr, u64 val, u64 *current)
{
	bool good = !(val & ~fw_regs[nr].features);

	if (good)
		*current = val;

	fw_expect_set(vcpu, nr, val, good ? 0 : EINVAL, *current);
}

static void check_bmap_values(int nr)
{
	u64 current = fw_regs[nr].initial, other, val;
	struct fw_state before, after;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);
	int i;

	before = fw_state_read(vcpu);

	/* Try every change from one value to another. */
	for (other = 0; other < 16; other++) {
		for (val = 0; val < 16; val++) {
			try_bmap(vcpu, nr, other, &current);
			try_bmap(vcpu, nr, val, &current);
		}
	}

	/* Each unsupported bit, with none and all of the supported ones. */
	for (i = 0; i < 64; i++) {
		try_bmap(vcpu, nr, 0, &current);
		try_bmap(vcpu, nr, BIT(i), &current);
		try_bmap(vcpu, nr, fw_regs[nr].features | BIT(i), &current);
	}

	for (i = 0; i < ARRAY_SIZE(wide_values); i++)
		try_bmap(vcpu, nr, wide_values[i], &current);

	/* No other register has changed. */
	after = before;
	after.val[nr] = current;
	fw_expect_state(vcpu, &after, "after all writes");
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "register list: 8 firmware registers, contiguous and in order",
	  check_reg_list, true },
	{ "register list: the same without PSCI_0_2", check_reg_list, false },

	{ "PSCI_VERSION: 1.3 by default", check_psci_default, true },
	{ "PSCI_VERSION: 0.1 without PSCI_0_2", check_psci_default, false },
	{ "WORKAROUND_1: initial level agrees with spectre_v2",
	  check_workaround_1_3_sysfs, FW_WORKAROUND_1 },
	{ "WORKAROUND_3: initial level agrees with spectre_v2's BHB",
	  check_workaround_1_3_sysfs, FW_WORKAROUND_3 },
	{ "WORKAROUND_2: initial level agrees with spec_store_bypass and SSBS",
	  check_workaround_2_sysfs },
	{ "bitmaps: all services by default, none in VENDOR_HYP_BMAP_2",
	  check_bmap_default },

	{ "PSCI_VERSION: 0.2 and 1.0-1.3 accepted, others of 0-0x10005 EINVAL",
	  check_psci_version_range, true },
	{ "PSCI_VERSION: all 64 bits are compared",
	  check_psci_version_wide, true },
	{ "PSCI_VERSION: without PSCI_0_2, 0.1 only",
	  check_psci_version_range, false },
	{ "PSCI_VERSION: without PSCI_0_2, all 64 bits are compared",
	  check_psci_version_wide, false },
	{ "PSCI_VERSION: guest without PSCI_0_2 gets PSCI 0.1",
	  check_psci_guest, -1 },
	{ "PSCI_VERSION: guest gets PSCI 0.2", check_psci_guest, 0 },
	{ "PSCI_VERSION: guest gets PSCI 1.0", check_psci_guest, 1 },
	{ "PSCI_VERSION: guest gets PSCI 1.1, SYSTEM_RESET2",
	  check_psci_guest, 2 },
	{ "PSCI_VERSION: guest gets PSCI 1.2", check_psci_guest, 3 },
	{ "PSCI_VERSION: guest gets PSCI 1.3, SYSTEM_OFF2",
	  check_psci_guest, 4 },

	{ "WORKAROUND_1: up to the host's level, never stored",
	  check_workaround_values, FW_WORKAROUND_1 },
	{ "WORKAROUND_2: the values that match the host's level, never stored",
	  check_workaround_values, FW_WORKAROUND_2 },
	{ "WORKAROUND_3: up to the host's level, never stored",
	  check_workaround_values, FW_WORKAROUND_3 },
	{ "WORKAROUND_1: ARCH_FEATURES reports the host's level",
	  check_workaround_guest, FW_WORKAROUND_1 },
	{ "WORKAROUND_2: ARCH_FEATURES reports the host's level",
	  check_workaround_guest, FW_WORKAROUND_2 },
	{ "WORKAROUND_3: ARCH_FEATURES reports the host's level",
	  check_workaround_guest, FW_WORKAROUND_3 },

	{ "WORKAROUND_2: level follows the VM's SSBS", check_ssbs_level },
	{ "WORKAROUND_2: values accepted with SSBS visible",
	  check_ssbs_values, true },
	{ "WORKAROUND_2: values accepted without SSBS",
	  check_ssbs_values, false },
	{ "WORKAROUND_2: guest that sees SSBS", check_ssbs_guest, true },
	{ "WORKAROUND_2: guest that does not see SSBS", check_ssbs_guest, false },

	{ "STD_BMAP: bit 0 only", check_bmap_values, FW_STD },
	{ "STD_HYP_BMAP: bit 0 only", check_bmap_values, FW_STD_HYP },
	{ "VENDOR_HYP_BMAP: bits 0 and 1 only",
	  check_bmap_values, FW_VENDOR_HYP },
	{ "VENDOR_HYP_BMAP_2: bits 0 and 1 only",
	  check_bmap_values, FW_VENDOR_HYP_2 },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
