// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of mode check for hypercalls: planted mistakes of C are counted,
 * and nothing else is.
 */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include <asm/kvm_emulate.h>

#include <kvm/arm_psci.h>

#include "abi_kunit.h"

/* How the lying handler changes the result of a call that C has handled. */
static struct {
	int ret;
	/* The register to change, if any. */
	int reg;
	u64 xor;
} smccc_lie;

static int smccc_lying_handler(struct kvm_vcpu *vcpu)
{
	int ret = kvm_smccc_call_handler(vcpu);

	vcpu_gp_regs(vcpu)->regs[smccc_lie.reg] ^= smccc_lie.xor;
	return ret + smccc_lie.ret;
}

static long smccc_check_handler(struct kunit *test, const u64 *regs,
				int (*handler)(struct kvm_vcpu *vcpu))
{
	struct abi_test *ctx = test->priv;
	long before = abi_test_mismatches();

	memcpy(vcpu_gp_regs(ctx->vcpu)->regs, regs, 4 * sizeof(*regs));
	ctx->vcpu->run = ctx->run[0];
	ctx->vcpu->arch.mp_state.mp_state = KVM_MP_STATE_STOPPED;
	kvm_arm_check_smccc_call(ctx->vcpu, handler);
	return abi_test_mismatches() - before;
}

static long smccc_check(struct kunit *test, const u64 *regs)
{
	return smccc_check_handler(test, regs, smccc_lying_handler);
}

static long smccc_unjudged(void)
{
	return abi_test_unjudged(KVM_ARM_ABI_SMCCC);
}

/* One of each kind of decision. */
static const struct smccc_checked {
	const char *what;
	u64 regs[4];
	/* Bits of x0 to x3 that check does not compare. */
	u64 free[4];
} smccc_checked[] = {
	{ "a value", { ARM_SMCCC_VERSION_FUNC_ID } },
	{ "refused", { ARM_SMCCC_VERSION_FUNC_ID + 2, 1, 2, 3 } },
	{ "four values", { ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID } },
	{ "a workaround", { ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_1 } },
	{ "a version", { PSCI_0_2_FN_PSCI_VERSION } },
	{ "no such vCPU", { PSCI_0_2_FN64_CPU_ON, 1, 2, 3 } },
	{ "a vCPU that is off", { PSCI_0_2_FN64_CPU_ON, 0, 2, 3 } },
	{ "affinity off", { PSCI_0_2_FN64_AFFINITY_INFO, 0, 0 } },
	{ "affinity of a cluster", { PSCI_0_2_FN64_AFFINITY_INFO, 0, 1 } },
	{ "affinity invalid", { PSCI_0_2_FN64_AFFINITY_INFO, 1, 0 } },
	{ "power off", { PSCI_0_2_FN_CPU_OFF, 1, 2, 3 } },
	{ "a reset", { PSCI_0_2_FN_SYSTEM_RESET, 1, 2, 3 } },
	{ "a reset of a type", { PSCI_1_1_FN64_SYSTEM_RESET2, 0, 2, 3 } },
	{ "a reset of no type", { PSCI_1_1_FN64_SYSTEM_RESET2, 1, 2, 3 } },
	{ "suspend", { PSCI_1_0_FN64_SYSTEM_SUSPEND, 1, 2, 3 } },
	{ "no random bits", { ARM_SMCCC_TRNG_RND64, 0 } },
	{ "128 random bits", { ARM_SMCCC_TRNG_RND64, 128 }, { 0, 0, ~0ULL, ~0ULL } },
	{ "40 random bits", { ARM_SMCCC_TRNG_RND32, 40 }, { 0, 0, 0xff, 0xffffffff } },
	{ "too many random bits", { ARM_SMCCC_TRNG_RND32, 97 } },
	{ "denied by the filter", { PSCI_0_2_FN_SYSTEM_OFF, 1, 2, 3 } },
	{ "forwarded by the filter", { PSCI_1_0_FN_STAT_COUNT, 1, 2, 3 } },
};

static int smccc_check_test_init(struct kunit *test)
{
	static const struct smccc_state state = {
		.psci_version = KVM_ARM_PSCI_1_3, .psci_0_2 = true,
		.services = true, .suspend = true,
	};
	int ret = smccc_test_init(test);
	struct maple_tree *filter;
	struct abi_test *ctx;

	if (ret)
		return ret;

	ctx = test->priv;
	filter = &ctx->kvm->arch.smccc_filter;
	smccc_set_state(test, &state);
	ret = mtree_insert(filter, PSCI_0_2_FN_SYSTEM_OFF,
			   xa_mk_value(KVM_SMCCC_FILTER_DENY), GFP_KERNEL);
	if (!ret)
		ret = mtree_insert(filter, PSCI_1_0_FN_STAT_COUNT,
				   xa_mk_value(KVM_SMCCC_FILTER_FWD_TO_USER),
				   GFP_KERNEL);
	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	/* As if the mode had been check since boot. */
	abi_test_set_switched(false);
	return ret;
}

static void correct_calls_are_not_counted(struct kunit *test)
{
	memset(&smccc_lie, 0, sizeof(smccc_lie));
	for (int i = 0; i < ARRAY_SIZE(smccc_checked); i++)
		KUNIT_EXPECT_EQ_MSG(test, smccc_check(test, smccc_checked[i].regs), 0,
				    "%s", smccc_checked[i].what);
}

static void each_bit_of_each_register_is_compared(struct kunit *test)
{
	for (int i = 0; i < ARRAY_SIZE(smccc_checked); i++) {
		const struct smccc_checked *call = &smccc_checked[i];

		for (int bit = 0; bit < 4 * 64; bit++) {
			smccc_lie.ret = 0;
			smccc_lie.reg = bit / 64;
			smccc_lie.xor = BIT(bit % 64);
			KUNIT_EXPECT_EQ_MSG(test, smccc_check(test, call->regs),
					    !(call->free[bit / 64] & smccc_lie.xor),
					    "%s: bit %d of x%d", call->what,
					    bit % 64, bit / 64);
		}
	}
}

static void return_value_is_compared(struct kunit *test)
{
	smccc_lie.xor = 0;
	for (int i = 0; i < ARRAY_SIZE(smccc_checked); i++) {
		for (smccc_lie.ret = -2; smccc_lie.ret <= 2; smccc_lie.ret++)
			KUNIT_EXPECT_EQ_MSG(test,
					    smccc_check(test, smccc_checked[i].regs),
					    smccc_lie.ret != 0, "%s: %d",
					    smccc_checked[i].what, smccc_lie.ret);
	}
}

/* A call of CPU_ON that has turned its target on. */
static void how_a_vcpu_was_turned_on_is_compared(struct kunit *test)
{
	static const struct {
		const char *what;
		struct vcpu_reset_state state;
		u32 mp_state;
		bool differs;
	} cases[] = {
		{ "on", { 0x80, 7, false, true }, KVM_MP_STATE_RUNNABLE, false },
		{ "another entry", { 0x84, 7, false, true }, KVM_MP_STATE_RUNNABLE, true },
		{ "another context", { 0x80, 8, false, true }, KVM_MP_STATE_RUNNABLE, true },
		{ "other endianness", { 0x80, 7, true, true }, KVM_MP_STATE_RUNNABLE, true },
		{ "no reset", { 0x80, 7, false, false }, KVM_MP_STATE_RUNNABLE, true },
		{ "not on", { 0x80, 7, false, true }, KVM_MP_STATE_STOPPED, true },
	};
	static const u64 regs[4] = { PSCI_0_2_FN64_CPU_ON, 0, 0x80, 7 };
	struct abi_test *ctx = test->priv;
	struct kvm_vcpu *vcpu = ctx->vcpu;

	memcpy(vcpu_gp_regs(vcpu)->regs, regs, sizeof(regs));
	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		long before = abi_test_mismatches();

		vcpu->arch.reset_state = cases[i].state;
		vcpu->arch.mp_state.mp_state = cases[i].mp_state;
		scoped_guard(spinlock, &vcpu->arch.mp_state_lock)
			kvm_arm_check_vcpu_on(vcpu, vcpu);
		KUNIT_EXPECT_EQ_MSG(test, abi_test_mismatches() - before,
				    cases[i].differs, "%s", cases[i].what);
	}
}

/* Changes by others just before C handles a call, undone just after it. */

static void smccc_write_mpidr(struct kvm_vcpu *vcpu, bool after)
{
	__vcpu_assign_sys_reg(vcpu, MPIDR_EL1, !after);
}

static void smccc_turn_on(struct kvm_vcpu *vcpu, bool after)
{
	vcpu->arch.mp_state.mp_state = after ? KVM_MP_STATE_STOPPED :
					       KVM_MP_STATE_RUNNABLE;
}

/* A second vCPU, with affinity 1. In a real VM it would stay. */
static struct kvm_vcpu *smccc_newcomer;

static void smccc_create_vcpu(struct kvm_vcpu *vcpu, bool after)
{
	struct kvm *kvm = vcpu->kvm;

	if (after)
		atomic_dec(&kvm->online_vcpus);
	else
		xa_store(&kvm->vcpu_array, atomic_inc_return(&kvm->online_vcpus) - 1,
			 smccc_newcomer, GFP_KERNEL);
}

static void smccc_write_psci_version(struct kvm_vcpu *vcpu, bool after)
{
	vcpu->kvm->arch.psci_version = after ? KVM_ARM_PSCI_1_3 : KVM_ARM_PSCI_1_0;
}

static void smccc_leave_check(struct kvm_vcpu *vcpu, bool after)
{
	abi_test_set_mode(after ? KVM_ARM_ABI_CHECK : KVM_ARM_ABI_C);
}

static void (*smccc_others)(struct kvm_vcpu *vcpu, bool after);

static int smccc_disturbed_handler(struct kvm_vcpu *vcpu)
{
	int ret;

	smccc_others(vcpu, false);
	ret = kvm_smccc_call_handler(vcpu);
	smccc_others(vcpu, true);
	return ret;
}

static const u64 smccc_of_others[][4] = {
	{ PSCI_0_2_FN64_CPU_ON, 0, 2, 3 },
	{ PSCI_0_2_FN64_CPU_ON, 1, 2, 3 },
	{ PSCI_0_2_FN64_CPU_ON, 2, 2, 3 },
	{ PSCI_0_2_FN_CPU_ON, BIT(32) | 1, 2, 3 },
	{ PSCI_0_2_FN64_AFFINITY_INFO, 0, 0 },
	{ PSCI_0_2_FN64_AFFINITY_INFO, 1, 0 },
	{ PSCI_0_2_FN64_AFFINITY_INFO, 0, 1 },
	{ PSCI_0_2_FN_AFFINITY_INFO, 0, 3 },
};

/* The affinity, the power state and the number of vCPUs are A before and after, and B for C. */
static void vcpus_that_change_during_a_call_are_no_difference(struct kunit *test)
{
	static void (* const others[])(struct kvm_vcpu *vcpu, bool after) = {
		smccc_write_mpidr, smccc_turn_on, smccc_create_vcpu,
	};
	struct abi_test *ctx = test->priv;
	long unjudged = smccc_unjudged();

	smccc_newcomer = kunit_kzalloc(test, sizeof(*smccc_newcomer), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, smccc_newcomer);
	smccc_newcomer->kvm = ctx->kvm;
	spin_lock_init(&smccc_newcomer->arch.mp_state_lock);
	rcuwait_init(&smccc_newcomer->wait);
	__vcpu_assign_sys_reg(smccc_newcomer, MPIDR_EL1, 1);

	for (int i = 0; i < ARRAY_SIZE(others); i++) {
		smccc_others = others[i];
		for (int j = 0; j < ARRAY_SIZE(smccc_of_others); j++) {
			smccc_newcomer->arch.mp_state.mp_state = KVM_MP_STATE_STOPPED;
			KUNIT_EXPECT_EQ_MSG(test,
					    smccc_check_handler(test, smccc_of_others[j],
								smccc_disturbed_handler),
					    0, "%d: call %d", i, j);
		}
	}
	KUNIT_EXPECT_EQ(test, smccc_unjudged(), unjudged);
}

/* C reports what it sees in each call that is judged, whatever the mode is meanwhile. */
static void calls_during_which_check_ends_are_judged(struct kunit *test)
{
	long unjudged = smccc_unjudged();

	smccc_others = smccc_leave_check;
	for (int i = 0; i < ARRAY_SIZE(smccc_of_others); i++)
		KUNIT_EXPECT_EQ(test, smccc_check_handler(test, smccc_of_others[i],
							  smccc_disturbed_handler), 0);
	KUNIT_EXPECT_EQ(test, smccc_unjudged(), unjudged);
}

/* Calls that began in another mode write the version without a lock. */
static void psci_version_of_another_mode_is_not_judged(struct kunit *test)
{
	static const u64 regs[4] = { PSCI_0_2_FN_PSCI_VERSION };
	long unjudged = smccc_unjudged();

	smccc_others = smccc_write_psci_version;
	KUNIT_EXPECT_EQ(test, smccc_check_handler(test, regs, smccc_disturbed_handler), 1);
	KUNIT_EXPECT_EQ(test, smccc_unjudged(), unjudged);

	abi_test_set_switched(true);
	KUNIT_EXPECT_EQ(test, smccc_check_handler(test, regs, smccc_disturbed_handler), 0);
	KUNIT_EXPECT_EQ(test, smccc_unjudged(), unjudged + 1);

	/* No version explains this. */
	smccc_lie.ret = 0;
	smccc_lie.reg = 0;
	smccc_lie.xor = BIT(20);
	KUNIT_EXPECT_EQ(test, smccc_check(test, regs), 1);
	KUNIT_EXPECT_EQ(test, smccc_unjudged(), unjudged + 1);
}

/* Planted reports and results of C. */
struct smccc_sights {
	const char *what;
	u64 call[4];
	/* CPU_ON: the vCPU that C looks for; AFFINITY_INFO: the vCPU that C looks at */
	u64 affinity;
	bool looks, is_none, sees_power, is_on;
	u64 x0;
	bool differs;
};

static const struct smccc_sights *smccc_seen;

static int smccc_acting_handler(struct kvm_vcpu *vcpu)
{
	const struct smccc_sights *seen = smccc_seen;

	if (seen->looks && seen->call[0] == PSCI_0_2_FN64_CPU_ON)
		kvm_arm_check_note_target(vcpu, seen->affinity,
					  seen->is_none ? NULL : vcpu);
	else if (seen->looks)
		kvm_arm_check_note_affinity(vcpu, seen->affinity);
	if (seen->sees_power)
		kvm_arm_check_note_power(vcpu, !seen->is_on);
	smccc_set_retval(vcpu, seen->x0, 0, 0, 0);
	return 1;
}

static void decisions_follow_from_cs_reports(struct kunit *test)
{
	const u64 invalid = PSCI_RET_INVALID_PARAMS, on = PSCI_RET_ALREADY_ON;
	const struct smccc_sights cases[] = {
#define ON(what, ...) { what, { PSCI_0_2_FN64_CPU_ON, 7 }, __VA_ARGS__ }
		ON("off", 7, true, false, true, false, 0, false),
		ON("on", 7, true, false, true, true, on, false),
		ON("no such vCPU", 7, true, true, false, false, invalid, false),
		ON("off, not turned on", 7, true, false, true, false, on, true),
		ON("on, turned on", 7, true, false, true, true, 0, true),
		ON("no such vCPU, turned on", 7, true, true, false, false, 0, true),
		ON("another one", 8, true, false, true, false, 0, true),
		ON("not looked for", 7, false, false, false, false, invalid, true),
		ON("power state not read", 7, true, false, false, false, 0, true),
#undef ON
#define INFO(what, ...) { what, { PSCI_0_2_FN64_AFFINITY_INFO, 7, 0 }, __VA_ARGS__ }
		INFO("off", 7, true, false, true, false, 1, false),
		INFO("on", 7, true, false, true, true, 0, false),
		INFO("no such vCPU", 8, true, false, false, false, invalid, false),
		INFO("off, reported as on", 7, true, false, true, false, 0, true),
		INFO("on, reported as off", 7, true, false, true, true, 1, true),
		INFO("no such vCPU, reported as off", 8, true, false, false, false, 1, true),
		INFO("left out", 7, true, false, false, false, invalid, true),
		INFO("another one", 8, true, false, true, false, 1, true),
		INFO("not looked at", 7, false, false, false, false, invalid, true),
#undef INFO
	};
	long unjudged = smccc_unjudged();

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		smccc_seen = &cases[i];
		KUNIT_EXPECT_EQ_MSG(test,
				    smccc_check_handler(test, cases[i].call,
							smccc_acting_handler),
				    cases[i].differs, "%llx: %s", cases[i].call[0],
				    cases[i].what);
	}
	KUNIT_EXPECT_EQ(test, smccc_unjudged(), unjudged);
}

static void planted_filter_differences_are_counted(struct kunit *test)
{
	static const struct {
		const char *what;
		struct kvm_smccc_filter filter;
		int ret;
		bool ran, differs;
	} cases[] = {
		{ "in the filter", { PSCI_0_2_FN_SYSTEM_OFF, 1, KVM_SMCCC_FILTER_DENY } },
		{ "already in the filter", { PSCI_0_2_FN_SYSTEM_OFF, 1 }, -EEXIST },
		{ "last function in the filter", { PSCI_0_2_FN_SYSTEM_OFF - 7, 8 }, -EEXIST },
		{ "first function in the filter", { PSCI_1_0_FN_STAT_COUNT, 9 }, -EEXIST },
		{ "not in the filter", { PSCI_0_2_FN_SYSTEM_OFF - 7, 7 }, -EEXIST, false, true },
		{ "no memory", { 7, 1 }, -ENOMEM },
		{ "too late", { 7, 1 }, -EBUSY, true },
		{ "another action", { PSCI_0_2_FN_SYSTEM_OFF, 1,
				      KVM_SMCCC_FILTER_FWD_TO_USER },
		  0, false, true },
		{ "range is cut short", { PSCI_0_2_FN_SYSTEM_OFF, 2, KVM_SMCCC_FILTER_DENY },
		  0, false, true },
		{ "accepted after a run", { PSCI_0_2_FN_SYSTEM_OFF, 1, KVM_SMCCC_FILTER_DENY },
		  0, true, true },
		{ "EBUSY before a run", { 7, 1 }, -EBUSY, false, true },
		{ "refused without a reason", { 7, 1 }, -EINVAL, false, true },
		{ "no function", { 7, 0 }, 0, false, true },
		{ "no action", { 7, 1, NR_SMCCC_FILTER_ACTIONS }, -EEXIST, false, true },
	};
	struct abi_test *ctx = test->priv;
	struct kvm *kvm = ctx->kvm;

	guard(mutex)(&kvm->arch.config_lock);
	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		long before = abi_test_mismatches();

		__assign_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &kvm->arch.flags,
			     cases[i].ran);
		kvm_arm_check_smccc_filter(kvm, &cases[i].filter, cases[i].ret);
		KUNIT_EXPECT_EQ_MSG(test, !!(abi_test_mismatches() - before),
				    cases[i].differs, "%s", cases[i].what);
	}
}

static void planted_filter_requests_are_counted(struct kunit *test)
{
	static const struct {
		struct kvm_smccc_filter filter;
		int ret;
		bool differs;
	} cases[] = {
		{ { 0, 1 }, 0 },
		{ { 0, 1 }, -EBUSY },
		{ { 0, 0 }, -EINVAL },
		{ { U32_MAX, 2 }, -EINVAL },
		{ { 0, 1 }, -EINVAL, true },
		{ { 0, 0 }, 0, true },
		{ { U32_MAX, 2 }, -EEXIST, true },
		{ { 0, 1, 0, { [14] = 1 } }, 0, true },
	};

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		long before = abi_test_mismatches();

		kvm_arm_check_smccc_filter_request(&cases[i].filter,
						   cases[i].ret);
		KUNIT_EXPECT_EQ_MSG(test, abi_test_mismatches() - before,
				    cases[i].differs, "case %d", i);
	}
}

static struct kunit_case smccc_check_test_cases[] = {
	KUNIT_CASE(correct_calls_are_not_counted),
	KUNIT_CASE(each_bit_of_each_register_is_compared),
	KUNIT_CASE(return_value_is_compared),
	KUNIT_CASE(how_a_vcpu_was_turned_on_is_compared),
	KUNIT_CASE(vcpus_that_change_during_a_call_are_no_difference),
	KUNIT_CASE(calls_during_which_check_ends_are_judged),
	KUNIT_CASE(psci_version_of_another_mode_is_not_judged),
	KUNIT_CASE(decisions_follow_from_cs_reports),
	KUNIT_CASE(planted_filter_differences_are_counted),
	KUNIT_CASE(planted_filter_requests_are_counted),
	{}
};

static struct kunit_suite smccc_check_test_suite = {
	.name = "kvm_arm64_smccc_check",
	.init = smccc_check_test_init,
	.exit = smccc_test_exit,
	.test_cases = smccc_check_test_cases,
};

kunit_test_suite(smccc_check_test_suite);
