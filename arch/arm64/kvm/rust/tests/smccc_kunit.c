// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of hypercalls: C and Rust give the same result for each function
 * id, on a vCPU that exists only in memory. So does Rust without an exit, or it
 * leaves all as it was.
 */
#include <linux/arm-smccc.h>
#include <linux/maple_tree.h>
#include <linux/psci.h>
#include <linux/xarray.h>

#include <asm/kvm_emulate.h>

#include <kvm/arm_psci.h>

#include "abi_kunit.h"

enum smccc_side { SMCCC_C, SMCCC_RUST, SMCCC_FAST };

/* The state that a call may change; @ret is 1 if the guest goes on. */
struct smccc_outcome {
	int ret;
	u32 mp_state;
	u64 requests;
	u64 regs[8];
	struct vcpu_reset_state reset_state;
};

int smccc_test_init(struct kunit *test)
{
	struct abi_test *ctx;
	int ret = abi_test_init(test);

	if (ret)
		return ret;

	ctx = test->priv;
	for (int side = 0; side < 2; side++) {
		ctx->run[side] = kunit_kzalloc(test, sizeof(struct kvm_run), GFP_KERNEL);
		if (!ctx->run[side])
			return -ENOMEM;
	}

	spin_lock_init(&ctx->vcpu->arch.mp_state_lock);
	rcuwait_init(&ctx->vcpu->wait);
	ctx->vcpu->arch.steal.base = INVALID_GPA;
	ctx->vcpu->cpu = -1;

	/* A search for other vCPUs finds the vCPU itself. */
	ret = xa_err(xa_store(&ctx->kvm->vcpu_array, 0, ctx->vcpu, GFP_KERNEL));
	if (ret)
		return ret;
	atomic_set(&ctx->kvm->online_vcpus, 1);

	abi_test_set_mode(KVM_ARM_ABI_C);
	kvm_arm_init_hypercalls(ctx->kvm);
	return 0;
}

void smccc_test_exit(struct kunit *test)
{
	struct abi_test *ctx = test->priv;

	if (ctx && ctx->kvm) {
		mtree_destroy(&ctx->kvm->arch.smccc_filter);
		xa_destroy(&ctx->kvm->vcpu_array);
	}
	abi_test_exit(test);
}

void smccc_set_state(struct kunit *test, const struct smccc_state *state)
{
	struct abi_test *ctx = test->priv;
	struct kvm_arch *arch = &ctx->kvm->arch;

	arch->psci_version = state->psci_version;
	__assign_bit(KVM_ARM_VCPU_PSCI_0_2, arch->vcpu_features, state->psci_0_2);
	__assign_bit(KVM_ARCH_FLAG_SYSTEM_SUSPEND_ENABLED, &arch->flags,
		     state->suspend);
	arch->smccc_feat = (struct kvm_smccc_features){};
	if (state->services)
		arch->smccc_feat = (struct kvm_smccc_features){ 1, 1, 3, 2 };
	*vcpu_cpsr(ctx->vcpu) = state->aarch32 ? PSR_AA32_MODE_SVC : PSR_MODE_EL1h;
	ctx->vcpu->arch.steal.base = state->services ? 0x1000 : INVALID_GPA;
}

static void smccc_call(struct kunit *test, const struct smccc_state *state,
		       const u64 *regs, enum smccc_side side,
		       struct smccc_outcome *out)
{
	struct abi_test *ctx = test->priv;
	struct kvm_vcpu *vcpu = ctx->vcpu;

	memcpy(vcpu_gp_regs(vcpu)->regs, regs, sizeof(out->regs));
	memset(&vcpu->arch.reset_state, 0xa5, sizeof(vcpu->arch.reset_state));
	vcpu->arch.mp_state.mp_state = state->stopped ? KVM_MP_STATE_STOPPED :
							KVM_MP_STATE_RUNNABLE;
	vcpu->requests = 0;
	vcpu->run = ctx->run[side == SMCCC_RUST];

	switch (side) {
	case SMCCC_C:
		out->ret = kvm_smccc_call_handler(vcpu);
		break;
	case SMCCC_RUST:
		out->ret = kvm_arm_rust_smccc_call_handler(vcpu);
		break;
	case SMCCC_FAST:
		/* As between the exit from a guest and its next entry */
		vcpu->run = NULL;
		scoped_guard(irqsave)
			out->ret = kvm_arm_rust_smccc_fast_call(vcpu);
		break;
	}

	out->mp_state = vcpu->arch.mp_state.mp_state;
	out->requests = vcpu->requests;
	memcpy(out->regs, vcpu_gp_regs(vcpu)->regs, sizeof(out->regs));
	out->reset_state = vcpu->arch.reset_state;
}

/* The oracle cannot repeat calls with random bits, time, guest memory or sleep. */
static bool smccc_is_repeatable(const struct smccc_state *state, const u64 *regs)
{
	switch ((u32)regs[0]) {
	case ARM_SMCCC_TRNG_RND32:
	case ARM_SMCCC_TRNG_RND64:
		return !state->services || (u32)regs[1] > 192 || !(u32)regs[1];
	case ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID:
		return !state->services || (u32)regs[1] > KVM_PTP_PHYS_COUNTER;
	case ARM_SMCCC_HV_PV_TIME_ST:
		return !state->services;
	case PSCI_0_2_FN_CPU_SUSPEND:
	case PSCI_0_2_FN64_CPU_SUSPEND:
		return !state->psci_0_2;
	default:
		return true;
	}
}

/* What is left of a call that was not answered without an exit */
static bool smccc_is_untouched(const struct smccc_state *state, const u64 *regs,
			       const struct smccc_outcome *out)
{
	struct vcpu_reset_state poison;

	memset(&poison, 0xa5, sizeof(poison));
	return !out->requests && !memcmp(out->regs, regs, sizeof(out->regs)) &&
	       !memcmp(&out->reset_state, &poison, sizeof(poison)) &&
	       out->mp_state == (state->stopped ? KVM_MP_STATE_STOPPED :
						  KVM_MP_STATE_RUNNABLE);
}

/* A negative result of PSCI, SMCCC or TRNG */
static bool smccc_is_refusal(const struct smccc_outcome *out)
{
	return (s64)out->regs[0] < 0 && !out->regs[1] && !out->regs[2] && !out->regs[3];
}

/* Calls with a filter never come to this. Without C's outcome only refusals are known. */
static bool smccc_fast_agrees(struct kunit *test, const struct smccc_state *state,
			      const u64 *regs, const struct smccc_outcome *c)
{
	struct abi_test *ctx = test->priv;
	struct smccc_outcome fast;
	bool good;

	if (!mtree_empty(&ctx->kvm->arch.smccc_filter))
		return true;

	memset(&fast, 0, sizeof(fast));
	smccc_call(test, state, regs, SMCCC_FAST, &fast);

	if (fast.ret)
		good = c ? !memcmp(c, &fast, sizeof(fast)) : smccc_is_refusal(&fast);
	else
		good = smccc_is_untouched(state, regs, &fast);
	if (!good)
		KUNIT_FAIL(test,
			   "0x%llx(0x%llx, 0x%llx, 0x%llx), PSCI 0x%llx: %d, 0x%llx without an exit",
			   regs[0], regs[1], regs[2], regs[3],
			   state->psci_version, fast.ret, fast.regs[0]);
	return good;
}

static bool smccc_agree(struct kunit *test, const struct smccc_state *state,
			const u64 *regs)
{
	struct abi_test *ctx = test->priv;
	struct smccc_outcome c, rust;
	bool same;

	if (!smccc_is_repeatable(state, regs))
		return smccc_fast_agrees(test, state, regs, NULL);

	memset(&c, 0, sizeof(c));
	memset(&rust, 0, sizeof(rust));

	smccc_call(test, state, regs, SMCCC_C, &c);
	smccc_call(test, state, regs, SMCCC_RUST, &rust);
	if (!smccc_fast_agrees(test, state, regs, &c))
		return false;

	same = !memcmp(&c, &rust, sizeof(c)) &&
	       (c.ret == 1 || !memcmp(ctx->run[0], ctx->run[1], sizeof(struct kvm_run)));
	if (!same)
		KUNIT_FAIL(test,
			   "0x%llx(0x%llx, 0x%llx, 0x%llx), PSCI 0x%llx: C gives %d, 0x%llx; Rust gives %d, 0x%llx",
			   regs[0], regs[1], regs[2], regs[3],
			   state->psci_version, c.ret, c.regs[0], rust.ret,
			   rust.regs[0]);
	return same;
}

static const u8 smccc_owners[] = {
	ARM_SMCCC_OWNER_ARCH, ARM_SMCCC_OWNER_STANDARD,
	ARM_SMCCC_OWNER_STANDARD_HYP, ARM_SMCCC_OWNER_VENDOR_HYP,
};

/* Fast and yielding, in both conventions. */
static void smccc_every_id(struct kunit *test, const struct smccc_state *state)
{
	u64 regs[8] = { 0, BIT(40), 5, 6, 7, 8, 9, 10 };

	smccc_set_state(test, state);
	for (int i = 0; i < ARRAY_SIZE(smccc_owners); i++) {
		for (u32 form = 0; form < 4; form++) {
			for (u32 number = 0; number <= U16_MAX; number++) {
				regs[0] = form << 30 | smccc_owners[i] << 24 | number;
				if (!smccc_agree(test, state, regs))
					return;
			}
			cond_resched();
		}
	}
}

static void every_id_with_all_services(struct kunit *test)
{
	static const struct smccc_state state = {
		.psci_version = KVM_ARM_PSCI_1_3, .psci_0_2 = true,
		.services = true, .suspend = true,
	};

	smccc_every_id(test, &state);
}

static void every_id_without_services(struct kunit *test)
{
	static const struct smccc_state state = {};

	smccc_every_id(test, &state);
}

/* The ids of functions, and their neighbours. */
static const u32 smccc_known[][2] = {
	{ ARM_SMCCC_VERSION_FUNC_ID,       ARM_SMCCC_VERSION_FUNC_ID + 3 },
	{ ARM_SMCCC_ARCH_WORKAROUND_3 - 1, ARM_SMCCC_ARCH_WORKAROUND_3 + 1 },
	{ ARM_SMCCC_ARCH_WORKAROUND_2 - 1, ARM_SMCCC_ARCH_WORKAROUND_1 + 1 },
	{ PSCI_0_2_FN(0),                  PSCI_0_2_FN(0x21) },
	{ PSCI_0_2_FN64(0),                PSCI_0_2_FN64(0x21) },
	{ ARM_SMCCC_TRNG_VERSION - 1,      ARM_SMCCC_TRNG_RND32 + 1 },
	{ ARM_SMCCC_TRNG_RND64 - 3,        ARM_SMCCC_TRNG_RND64 + 1 },
	{ ARM_SMCCC_HV_PV_TIME_FEATURES - 1, ARM_SMCCC_HV_PV_TIME_ST + 1 },
	{ ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID,
	  ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID + 2 },
	{ ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID - 1,
	  ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID + 1 },
	{ KVM_PSCI_FN(-1),                 KVM_PSCI_FN(4) },
};

static bool smccc_known_ids(struct kunit *test, const struct smccc_state *state,
			    u64 *regs, int n)
{
	for (int i = 0; i < ARRAY_SIZE(smccc_known); i++) {
		for (u32 id = smccc_known[i][0]; id <= smccc_known[i][1]; id++) {
			/* With zeros and with garbage in the upper half, which is ignored. */
			regs[n] = id;
			if (!smccc_agree(test, state, regs))
				return false;
			regs[n] |= 0xdead0000ULL << 32;
			if (!smccc_agree(test, state, regs))
				return false;
		}
	}

	return true;
}

static const struct smccc_state smccc_psci_states[] = {
	{ .psci_version = KVM_ARM_PSCI_0_1, .psci_0_2 = false },
	{ .psci_version = KVM_ARM_PSCI_1_3, .psci_0_2 = false },
	{ .psci_version = 0,                .psci_0_2 = true },
	{ .psci_version = KVM_ARM_PSCI_0_2, .psci_0_2 = true },
	{ .psci_version = KVM_ARM_PSCI_1_0, .psci_0_2 = true },
	{ .psci_version = KVM_ARM_PSCI_1_1, .psci_0_2 = true },
	{ .psci_version = KVM_ARM_PSCI_1_2, .psci_0_2 = true },
	{ .psci_version = KVM_ARM_PSCI_1_3, .psci_0_2 = true },
};

/* Calls each function in each state of VM and vCPU. */
static void smccc_in_each_state(struct kunit *test,
				bool (*body)(struct kunit *test,
					     const struct smccc_state *state))
{
	for (int i = 0; i < ARRAY_SIZE(smccc_psci_states); i++) {
		for (int bits = 0; bits < BIT(4); bits++) {
			struct smccc_state state = smccc_psci_states[i];

			state.aarch32 = bits & BIT(0);
			state.services = bits & BIT(1);
			state.suspend = bits & BIT(2);
			state.stopped = bits & BIT(3);
			smccc_set_state(test, &state);
			if (!body(test, &state))
				return;
		}
	}
}

static bool smccc_arguments_body(struct kunit *test, const struct smccc_state *state)
{
	static const u64 args[] = {
		0, 1, 2, 3, 4, 97, 193, 0x7fffffff, 0x80000000, 0xffffffff,
		BIT(24), BIT(32), BIT(33), BIT(40), ~0ULL, 0xff00000000,
	};
	u64 regs[8] = { 0, 0, 0, 0x3333333333333333, 4, 5, 6, 7 };

	for (int i = 0; i < ARRAY_SIZE(args); i++) {
		for (int j = 0; j < 6; j++) {
			regs[1] = args[i];
			regs[2] = args[(i + j * 3) % ARRAY_SIZE(args)];
			if (!smccc_known_ids(test, state, regs, 0))
				return false;
		}
	}

	return true;
}

static void known_ids_with_hostile_arguments(struct kunit *test)
{
	smccc_in_each_state(test, smccc_arguments_body);
}

static bool smccc_features_body(struct kunit *test, const struct smccc_state *state)
{
	static const u32 queries[] = {
		ARM_SMCCC_ARCH_FEATURES_FUNC_ID, PSCI_1_0_FN_PSCI_FEATURES,
		ARM_SMCCC_HV_PV_TIME_FEATURES, ARM_SMCCC_TRNG_FEATURES,
	};
	u64 regs[8] = {};

	for (int i = 0; i < ARRAY_SIZE(queries); i++) {
		regs[0] = queries[i];
		if (!smccc_known_ids(test, state, regs, 1))
			return false;
	}

	return true;
}

static void features_of_known_ids(struct kunit *test)
{
	smccc_in_each_state(test, smccc_features_body);
}

/* SSBS decides a mitigated host's answer about SMCCC_ARCH_WORKAROUND_2. */
static void features_of_workaround_2_by_ssbs(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	static const struct smccc_state state = { .psci_0_2 = true };
	u64 *pfr1 = &ctx->kvm->arch.id_regs[IDREG_IDX(SYS_ID_AA64PFR1_EL1)];
	u64 regs[8] = { ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_2 };

	smccc_set_state(test, &state);
	for (u64 ssbs = 0; ssbs < 4; ssbs++) {
		*pfr1 = ssbs << ID_AA64PFR1_EL1_SSBS_SHIFT;
		smccc_agree(test, &state, regs);
	}
}

static void every_filter_action(struct kunit *test)
{
	static const u64 esrs[] = {
		ESR_ELx_EC_HVC32, ESR_ELx_EC_SMC32, ESR_ELx_EC_HVC64,
		ESR_ELx_EC_SMC64, ESR_ELx_EC_SVC64, ESR_ELx_EC_SYS64,
	};
	static const struct smccc_state state = {
		.psci_0_2 = true, .services = true,
	};
	struct abi_test *ctx = test->priv;
	struct maple_tree *filter = &ctx->kvm->arch.smccc_filter;
	u64 regs[8] = { 0, 0xdead00000000beef, 2, 3, 4, 5, 6, 7 };

	smccc_set_state(test, &state);
	for (int action = 0; action < NR_SMCCC_FILTER_ACTIONS; action++) {
		KUNIT_ASSERT_EQ(test, 0,
				mtree_insert_range(filter, PSCI_0_2_FN(4 * action),
						   PSCI_0_2_FN(4 * action + 3),
						   xa_mk_value(action), GFP_KERNEL));
	}
	for (int i = 0; i < ARRAY_SIZE(esrs); i++) {
		for (u64 il = 0; il < 2; il++) {
			ctx->vcpu->arch.fault.esr_el2 =
				esrs[i] << ESR_ELx_EC_SHIFT | il << 25;
			if (!smccc_known_ids(test, &state, regs, 0))
				return;
		}
	}
}

/* What each guest asks when it boots or after a migration */
static void answers_without_an_exit(struct kunit *test)
{
	static const u64 calls[][2] = {
		{ ARM_SMCCC_VERSION_FUNC_ID },
		{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_1 },
		{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_2 },
		{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_3 },
		{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_HV_PV_TIME_FEATURES },
		{ PSCI_0_2_FN_PSCI_VERSION },
		{ PSCI_0_2_FN_MIGRATE_INFO_TYPE },
		{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN64_CPU_ON },
		{ ARM_SMCCC_HV_PV_TIME_FEATURES, ARM_SMCCC_HV_PV_TIME_ST },
		{ ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID },
		{ ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID },
		{ ARM_SMCCC_TRNG_VERSION },
		{ ARM_SMCCC_TRNG_FEATURES, ARM_SMCCC_TRNG_RND64 },
		{ ARM_SMCCC_TRNG_GET_UUID },
		{ 0x86001234 },
	};
	static const struct smccc_state state = {
		.psci_version = KVM_ARM_PSCI_1_3, .psci_0_2 = true, .services = true,
	};

	smccc_set_state(test, &state);
	for (int i = 0; i < ARRAY_SIZE(calls); i++) {
		u64 regs[8] = { calls[i][0], calls[i][1] };
		struct smccc_outcome fast = {};

		smccc_call(test, &state, regs, SMCCC_FAST, &fast);
		/* Whether VMs have opted in is for the whole host. */
		if (regs[0] == ARM_SMCCC_ARCH_FEATURES_FUNC_ID && kvm_arm_opt_in_used())
			continue;
		KUNIT_EXPECT_TRUE_MSG(test, fast.ret, "0x%llx(0x%llx)", regs[0], regs[1]);
	}
}

static struct kunit_case smccc_test_cases[] = {
	KUNIT_CASE_SLOW(every_id_with_all_services),
	KUNIT_CASE_SLOW(every_id_without_services),
	KUNIT_CASE_SLOW(known_ids_with_hostile_arguments),
	KUNIT_CASE_SLOW(features_of_known_ids),
	KUNIT_CASE(features_of_workaround_2_by_ssbs),
	KUNIT_CASE(every_filter_action),
	KUNIT_CASE(answers_without_an_exit),
	{}
};

static struct kunit_suite smccc_test_suite = {
	.name = "kvm_arm64_smccc_oracle",
	.init = smccc_test_init,
	.exit = smccc_test_exit,
	.test_cases = smccc_test_cases,
};

kunit_test_suite(smccc_test_suite);
