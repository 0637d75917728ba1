// SPDX-License-Identifier: GPL-2.0-only
/*
 * feature_levels - The feature-level registers of a VM that opts in to them:
 * their number, what they read, which values they accept, and what the guest sees.
 *
 * There are eight registers of sixteen signed fields of four bits: what the guest is
 * promised. All kernels have the same registers, however many levels they know, so
 * that a stream with them fits any destination. They start at the host's levels, and
 * freeze when the VM first runs. Until then a value is accepted if no field is above
 * zero and above the host's:
 *
 *	the host has	accepts
 *	not available	not available, unknown
 *	unknown		not available, unknown
 *	available	not available, unknown, available
 *	unaffected	all of these
 *	nothing (0)	0 and less, for fields that it does not know
 *
 * The expected levels are computed from the workaround registers that any VM has,
 * and from what the guest sees. feature_level_errors tests the other failures.
 */
#include <asm/kvm_migration.h>
#include <errno.h>
#include <linux/arm-smccc.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_host.h"
#include "abi/fw_reg.h"
#include "abi/level.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "processor.h"

static struct kvm_vm *create(u32 nr, struct kvm_vcpu *vcpus[])
{
	return opt_in_vm_create(BIT(OPT_IN_LEVELS), nr, true, fw_guest_code,
				vcpus);
}

static struct kvm_vm *create_one(struct kvm_vcpu **vcpu)
{
	return create(1, vcpu);
}

static void run_once(struct kvm_vcpu *vcpu)
{
	fw_expect_x0(vcpu, ARM_SMCCC_VERSION_FUNC_ID, 0,
		     ARM_SMCCC_VERSION_1_1);
}

/* ---- The registers ---- */

static void check_uapi(int unused)
{
	int i, n;

	test_expect(KVM_ARM_NR_FEATURE_LEVEL_REGS == NR_LEVEL_REGS, "%d levels",
		    KVM_ARM_NR_FEATURE_LEVEL_REGS);
	test_expect(KVM_ARM_FEATURE_LEVEL_FIRST_PRIVATE == LEVEL_FIRST_PRIVATE,
		    "first private %d", KVM_ARM_FEATURE_LEVEL_FIRST_PRIVATE);
	for (n = 0; n < NR_LEVEL_REGS; n++)
		test_expect(KVM_REG_ARM_FEATURE_LEVEL_REG(n) == LEVEL_REG_0 + n,
			    "id %d is %#llx", n, KVM_REG_ARM_FEATURE_LEVEL_REG(n));
	test_expect(KVM_REG_ARM_FEATURE_LEVEL_WORKAROUNDS == LEVEL_REG_0,
		    "id of the workarounds");

	for (n = 0; n < NR_LEVEL_VALUES; n++) {
		for (i = 0; i < NR_LEVEL_FIELDS; i++) {
			u64 val = level_with(~LEVELS_LOWEST, i, n);

			test_expect(KVM_ARM_FEATURE_LEVEL(val, 4 * i) ==
				    level_of[n], "field %d of %#lx", i, val);
		}
	}
}

/* On every vCPU, the list of any VM with eight more registers in one place. */
static void check_list(int nr_vcpus)
{
	struct kvm_reg_list *stock, *list;
	struct kvm_vcpu *vcpus[2], *other;
	struct kvm_vm *vm, *other_vm;
	int i, k, n;

	other_vm = fw_vm_create_one(&other);
	stock = vcpu_get_reg_list(other);
	vm = create(nr_vcpus, vcpus);

	for (n = 0; n < nr_vcpus; n++) {
		list = vcpu_get_reg_list(vcpus[n]);
		test_expect(list->n == stock->n + NR_LEVEL_REGS,
			    "%llu registers, %llu in another VM", list->n,
			    stock->n);

		for (i = 0, k = 0; i < stock->n && k < list->n; i++) {
			test_expect(list->reg[k] == stock->reg[i],
				    "place %d holds %#llx, expected %#llx", k,
				    list->reg[k], stock->reg[i]);
			k++;
			if (stock->reg[i] != KVM_REG_ARM_VENDOR_HYP_BMAP_2)
				continue;

			for (; k <= i + NR_LEVEL_REGS; k++)
				test_expect(list->reg[k] ==
					    LEVEL_REG_0 + k - i - 1,
					    "place %d holds %#llx", k,
					    list->reg[k]);
		}
		test_expect(k == list->n, "only %d in the list are correct", k);
		free(list);
	}

	free(stock);
	kvm_vm_free(other_vm);
	kvm_vm_free(vm);
}

static void check_values(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(2, vcpus);
	int i;

	for (i = 0; i < NR_LEVELS_USED; i++)
		ksft_print_msg("%s: level %d\n", level_fields[i].name,
			       level_of[level_bits(level_host(vcpus[0], 0), i)]);

	level_expect_host(vcpus[0], "vCPU 0");
	level_expect_host(vcpus[1], "vCPU 1");
	kvm_vm_free(vm);
}

/* ARCH_FEATURES in the guest must agree with the level that was written, if any. */
static void check_guest(int field)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;
	int bits, level;
	u64 host, val;

	for (bits = -1; bits < NR_LEVEL_VALUES; bits++) {
		vm = create(2, vcpus);
		host = level_host(vcpus[0], 0);
		val = bits < 0 ? host : level_with(host, field, bits);
		if (bits >= 0 && level_is_accepted(val, host))
			level_expect_set(vcpus[1], 0, val, 0);
		else if (bits >= 0)
			level_expect_set(vcpus[1], 0, val, EINVAL);

		level = level_of[level_bits(vcpu_get_reg(vcpus[0], LEVEL_REG_0), field)];
		fw_expect_x0(vcpus[0], ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
			     fw_workaround_fn[level_fields[field].nr],
			     level_answer(field, level));
		kvm_vm_free(vm);
	}
}

/* Other questions have the answers that they have in any VM. */
static void check_guest_others(int unused)
{
	static const u32 others[] = {
		ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_SOC_ID,
		ARM_SMCCC_HV_PV_TIME_FEATURES, ARM_SMCCC_VERSION_FUNC_ID, 0, ~0u,
	};
	struct kvm_vcpu *vcpu, *other;
	struct kvm_vm *vm = create_one(&vcpu), *other_vm = fw_vm_create_one(&other);
	int i;

	level_expect_set(vcpu, 0, 0, 0);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		u64 want = fw_guest_call(other, ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
					 others[i]).x[0];

		fw_expect_x0(vcpu, ARM_SMCCC_ARCH_FEATURES_FUNC_ID, others[i], want);
	}
	kvm_vm_free(other_vm);
	kvm_vm_free(vm);
}

/* ---- What is accepted ---- */

/*
 * Each value of each field, with the bits of @others in the other fields. In a VM that
 * has run, only what the register reads is accepted.
 */
static void try_fields(struct kvm_vcpu *vcpu, int n, u64 others, bool ran)
{
	u64 val, host = level_host(vcpu, n);
	int field, bits, want;

	for (field = 0; field < NR_LEVEL_FIELDS; field++) {
		for (bits = 0; bits < NR_LEVEL_VALUES; bits++) {
			val = level_with(others, field, bits);
			if (!level_is_accepted(val, host))
				want = EINVAL;
			else if (ran && val != vcpu_get_reg(vcpu, LEVEL_REG_0 + n))
				want = EBUSY;
			else
				want = 0;
			level_expect_set(vcpu, n, val, want);
		}
	}
}

static void check_fields(int n)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(2, vcpus);
	struct fw_state state = fw_state_read(vcpus[0]);
	u64 host = level_host(vcpus[0], n);

	try_fields(vcpus[0], n, host, false);
	try_fields(vcpus[1], n, LEVELS_LOWEST, false);

	/* What was lowered can be raised again. */
	level_expect_set(vcpus[0], n, host, 0);
	level_expect_host(vcpus[0], "vCPU 0 in the end");
	level_expect_host(vcpus[1], "vCPU 1 in the end");
	fw_expect_state(vcpus[0], &state, "in the end");
	kvm_vm_free(vm);
}

/* The values that the field of a workaround accepts, by the host's level. */
static void check_workaround(int field)
{
	static const u64 sources[] = {
		LEVEL_NOT_AVAIL, LEVEL_UNKNOWN, LEVEL_AVAIL, LEVEL_UNAFFECTED,
	};
	static const int errors[][ARRAY_SIZE(sources)] = {
		{ 0, 0, EINVAL, EINVAL },
		{ 0, 0, EINVAL, EINVAL },
		{ 0, 0, 0, EINVAL },
		{ 0, 0, 0, 0 },
	};
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_one(&vcpu);
	u64 host = level_host(vcpu, 0);
	int i, level = level_of[level_bits(host, field)];

	for (i = 0; i < ARRAY_SIZE(sources); i++)
		level_expect_set(vcpu, 0, level_with(host, field, sources[i]),
				 errors[level + 1][i]);
	kvm_vm_free(vm);
}

/* One field that is too high is enough, whichever it is. */
static void check_one_bad_field(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_one(&vcpu);
	u64 host, bad;
	int n, i;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		host = level_host(vcpu, n);
		for (i = 0; i < NR_LEVEL_FIELDS; i++) {
			bad = max(level_of[level_bits(host, i)], 0) + 1;
			level_expect_set(vcpu, n, level_with(host, i, bad), EINVAL);
			level_expect_set(vcpu, n,
					 level_with(LEVELS_LOWEST, i, bad), EINVAL);
			level_expect_set(vcpu, n,
					 level_with(LEVELS_LOWEST, i, 7), EINVAL);
		}

		/* Two such fields are refused as well. */
		for (i = 1; i < NR_LEVEL_FIELDS; i++)
			level_expect_set(vcpu, n,
					 level_with(level_with(host, i, 7),
						    i - 1, 7), EINVAL);
	}
	kvm_vm_free(vm);
}

static void check_many_fields(int unused)
{
	struct kvm_random_state rng = new_kvm_random_state(1);
	u64 host, val, nr_accepted = 0;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_one(&vcpu);
	int i, n, field;
	bool accepted;

	for (i = 0; i < 2000; i++) {
		n = i % NR_LEVEL_REGS;
		host = level_host(vcpu, n);
		val = (u64)kvm_random_u32(&rng) << 32 | kvm_random_u32(&rng);

		/* Most random values have a field that is too high. */
		if (i & 8)
			val |= LEVELS_LOWEST;
		field = kvm_random_u32(&rng) % NR_LEVEL_FIELDS;
		if (i & 16)
			val = level_with(val, field, level_bits(host, field));

		accepted = level_is_accepted(val, host);
		nr_accepted += accepted;
		level_expect_set(vcpu, n, val, accepted ? 0 : EINVAL);
	}
	test_expect(nr_accepted > 500 && nr_accepted < 1500,
		    "%lu were accepted", nr_accepted);
	kvm_vm_free(vm);
}

/*
 * A later kernel may have levels that this one lacks. A negative level says
 * that something is absent, which is true of this kernel.
 */
static void check_unallocated(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_one(&vcpu);
	u64 host;
	int n, i;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		host = level_host(vcpu, n);
		for (i = n ? 0 : NR_LEVELS_USED; i < NR_LEVEL_FIELDS;
		     i++) {
			test_expect(!level_bits(vcpu_get_reg(vcpu,
							     LEVEL_REG_0 + n),
						i),
				    "field %d of %d is not zero", i, n);
			level_expect_set(vcpu, n,
					 level_with(host, i, LEVEL_NOT_AVAIL), 0);
			level_expect_set(vcpu, n,
					 level_with(host, i, LEVEL_AVAIL), EINVAL);
			level_expect_set(vcpu, n, host, 0);
		}
	}
	kvm_vm_free(vm);
}

/* This kernel has no names for private levels. They can be written back. */
static void check_private(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	u64 val;
	int n;

	for (n = LEVEL_FIRST_PRIVATE; n < NR_LEVEL_REGS; n++) {
		vm = create_one(&vcpu);
		val = vcpu_get_reg(vcpu, LEVEL_REG_0 + n);
		test_expect(!val, "private levels %d read %#lx", n, val);
		level_expect_set(vcpu, n, val, 0);
		run_once(vcpu);
		level_expect_set(vcpu, n, val, 0);
		level_expect_set(vcpu, n, LEVEL_NOT_AVAIL, EBUSY);
		kvm_vm_free(vm);
	}
}

/* ---- At which time, and in which VM ---- */

/* @lowered: userspace has written each register */
static void check_after_run(int runner, bool lowered)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(2, vcpus);
	u64 frozen[NR_LEVEL_REGS], now;
	int n;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		frozen[n] = level_host(vcpus[0], n);
		if (lowered) {
			frozen[n] = level_with(0, n, LEVEL_NOT_AVAIL);
			level_expect_set(vcpus[0], n, frozen[n], 0);
		}
	}

	run_once(vcpus[runner]);
	for (n = 0; n < NR_LEVEL_REGS; n++) {
		try_fields(vcpus[0], n, LEVELS_LOWEST, true);
		try_fields(vcpus[1], n, frozen[n], true);
	}

	fw_vcpu_reinit(vcpus[runner]);
	for (n = 0; n < 2 * NR_LEVEL_REGS; n++) {
		now = vcpu_get_reg(vcpus[n % 2], LEVEL_REG_0 + n / 2);
		test_expect(now == frozen[n / 2], "levels %d read %#lx, not %#lx",
			    n / 2, now, frozen[n / 2]);
	}
	run_once(vcpus[runner]);
	kvm_vm_free(vm);
}

static void check_untouched_after_run(int runner)
{
	check_after_run(runner, false);
}

static void check_lowered_after_run(int runner)
{
	check_after_run(runner, true);
}

/* WORKAROUND_2 depends on the VM's SSBS, on all vCPUs and at any time. */
static void check_ssbs(int ran)
{
	enum fw_spectre_v4 v4 = fw_host_spectre_v4();
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(2, vcpus);
	u64 want, now, ssbs = fw_get_ssbs(vcpus[0]);
	int i, visible;

	if (v4 == FW_V4_UNKNOWN)
		test_skip("sysfs does not report Spectre-v4");
	if (!ssbs)
		test_skip("no SSBS");

	for (visible = 0; ssbs && visible < 2; visible++) {
		/* SSBS cannot be changed once the VM has run. */
		if (ran && visible) {
			kvm_vm_free(vm);
			vm = create(2, vcpus);
		}
		fw_set_ssbs(vcpus[0], visible ? ssbs : 0);
		if (ran)
			run_once(vcpus[1]);

		want = fw_workaround_2_level(v4, visible) ? LEVEL_UNAFFECTED :
							    LEVEL_NOT_AVAIL;
		for (i = 0; i < 2; i++) {
			now = vcpu_get_reg(vcpus[i], LEVEL_REG_0);
			test_expect(v4 == FW_V4_UNKNOWN ||
				    level_bits(now, 1) == want,
				    "with SSBS %lu levels 0 on vCPU %d read %#lx",
				    fw_get_ssbs(vcpus[i]), i, now);
			level_expect_host(vcpus[i], "SSBS");
			try_fields(vcpus[i], 0, level_host(vcpus[i], 0), ran);
			/* A promise that cannot be kept reads as the host's level. */
			level_expect_set(vcpus[i], 0, level_host(vcpus[i], 0), 0);
		}
	}
	kvm_vm_free(vm);
}

/* All VMs have the same host, whatever their features. */
static void check_other_vm(int unused)
{
	struct kvm_vcpu *vcpus[2], *other;
	struct kvm_vm *vm = create(2, vcpus), *other_vm;
	int n;

	other_vm = opt_in_vm_create(OPT_IN_ALL, 1, false, fw_guest_code,
				    &other);
	for (n = 0; n < NR_LEVEL_REGS; n++)
		test_expect(vcpu_get_reg(vcpus[1], LEVEL_REG_0 + n) ==
			    vcpu_get_reg(other, LEVEL_REG_0 + n),
			    "levels %d differ", n);
	run_once(other);
	level_expect_host(other, "VM without PSCI_0_2");
	level_expect_host(vcpus[0], "VM that has not run");
	kvm_vm_free(other_vm);
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "uapi: ids, numbers and the sign of a level", check_uapi },
	{ "list: after VENDOR_HYP_BMAP_2, in order, all else unchanged",
	  check_list, 1 },
	{ "list: the same on both of two vCPUs", check_list, 2 },
	{ "read: the levels of WORKAROUND_1 to 3, else zero, on each vCPU",
	  check_values },
	{ "guest: sees the level that was promised of WORKAROUND_1",
	  check_guest, 0 },
	{ "guest: sees the level that was promised of WORKAROUND_2",
	  check_guest, 1 },
	{ "guest: sees the level that was promised of WORKAROUND_3",
	  check_guest, 2 },
	{ "guest: other questions have the answers of any VM", check_guest_others },

	{ "write 0: up to the host's, and 0, else EINVAL", check_fields, 0 },
	{ "write 1: not above 0, else EINVAL", check_fields, 1 },
	{ "write 2: not above 0, else EINVAL", check_fields, 2 },
	{ "write 3: not above 0, else EINVAL", check_fields, 3 },
	{ "write 4: not above 0, else EINVAL", check_fields, 4 },
	{ "write 5: not above 0, else EINVAL", check_fields, 5 },
	{ "write 6: not above 0, else EINVAL", check_fields, 6 },
	{ "write 7: not above 0, else EINVAL", check_fields, 7 },
	{ "write: WORKAROUND_1 levels of hosts in each state",
	  check_workaround, 0 },
	{ "write: WORKAROUND_2 levels of hosts in each state",
	  check_workaround, 1 },
	{ "write: WORKAROUND_3 levels of hosts in each state",
	  check_workaround, 2 },
	{ "write: one field above the host's is EINVAL", check_one_bad_field },
	{ "write: many fields at a time, by the rule for each",
	  check_many_fields },
	{ "write: unallocated fields read zero, and take -1, not 1",
	  check_unallocated },
	{ "write: private registers can be written back", check_private },

	{ "after a run of vCPU 0: the host's levels, others EBUSY",
	  check_untouched_after_run, 0 },
	{ "after a run of vCPU 1: the host's levels, others EBUSY",
	  check_untouched_after_run, 1 },
	{ "after a run of vCPU 0: what was written, others EBUSY",
	  check_lowered_after_run, 0 },
	{ "after a run of vCPU 1: what was written, others EBUSY",
	  check_lowered_after_run, 1 },
	{ "SSBS: WORKAROUND_2's level follows ID_AA64PFR1_EL1", check_ssbs, 0 },
	{ "SSBS: the same after the first run", check_ssbs, 1 },
	{ "other VMs: the same levels, without PSCI_0_2 or not run",
	  check_other_vm },
};

int main(void)
{
	opt_in_require();
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));
	test_finished();
}
