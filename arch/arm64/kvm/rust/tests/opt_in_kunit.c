// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the opt-ins of VMs: which VMs can opt in, and that the
 * registers of a VM behave like those that C has for its vCPUs.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include <asm/kvm_emulate.h>

#include <kvm/arm_opt_in.h>
#include <kvm/arm_psci.h>

#include "abi_kunit.h"

#define OPT_IN_FIRST_FLAG	KVM_ARCH_FLAG_FEATURE_LEVELS
#define NR_OPT_INS		9
#define OPT_IN_ALL		GENMASK(NR_OPT_INS - 1, 0)

/* What the VM is asked to opt in to, with what comes with it, as its flags */
static unsigned long opt_in_flags(u64 set)
{
	if (set & (KVM_ARM_MIGRATION_VM_REGS | KVM_ARM_MIGRATION_VM_CONFIG))
		set |= KVM_ARM_MIGRATION_PSCI_FREEZE;

	return set << OPT_IN_FIRST_FLAG;
}

/* All of them, and what no VM of a host in protected mode can have */
static u64 opt_in_offered(void)
{
	return OPT_IN_ALL |
	       (is_protected_kvm_enabled() ? 0 : KVM_ARM_MIGRATION_GIC_FIELDS);
}

int opt_in_test_init(struct kunit *test)
{
	return abi_test_init(test);
}

/* No VM that has opted in is left: reset the key for the next suite. */
void opt_in_test_exit(struct kunit *test)
{
	static_branch_disable(&kvm_arm_opt_in_key);
	abi_test_exit(test);
}

static void opt_in_is_for_new_vms_in_any_mode(struct kunit *test)
{
	struct abi_test *ctx = test->priv;

	static_assert(BIT(KVM_ARCH_FLAG_PSCI_FREEZE - OPT_IN_FIRST_FLAG) ==
		      KVM_ARM_MIGRATION_PSCI_FREEZE);

	for (int i = 0; i < 3 * 2 * (OPT_IN_ALL + 1); i++) {
		u64 set = i / 6;
		int has_vcpu = i / 3 % 2, ret;
		struct kvm_enable_cap cap = {
			.cap = KVM_CAP_ARM_MIGRATION,
			.args = { set },
		};

		abi_test_set_mode(KVM_ARM_ABI_C + i % 3);
		ctx->kvm->created_vcpus = has_vcpu;
		ctx->kvm->arch.flags = 0;
		static_branch_disable(&kvm_arm_opt_in_key);
		ret = kvm_arm_rust_enable_cap(ctx->kvm, &cap);
		KUNIT_EXPECT_EQ_MSG(test, ret, has_vcpu ? -EINVAL : 0, "case %d", i);
		/* A request that enables nothing has no effect on other VMs. */
		KUNIT_EXPECT_EQ_MSG(test, static_key_enabled(&kvm_arm_opt_in_key),
				    !ret && set, "case %d", i);
		KUNIT_EXPECT_EQ_MSG(test, ctx->kvm->arch.flags,
				    ret ? 0 : opt_in_flags(set), "case %d", i);
		KUNIT_EXPECT_EQ(test, kvm_arm_opted_in(ctx->kvm) != 0, !ret && set);
	}
}

static void requests_with_other_fields_set_are_refused(struct kunit *test)
{
	struct abi_test *ctx = test->priv;

	for (u64 set = 0; set <= OPT_IN_ALL; set++) {
		const struct kvm_enable_cap good = {
			.cap = KVM_CAP_ARM_MIGRATION,
			.args = { set },
		};
		struct kvm_enable_cap bad[] = { good, good, good, good, good, good };

		bad[0].cap ^= BIT(8);
		bad[1].flags = 1;
		bad[2].args[1] = 1;
		bad[3].args[3] = BIT_ULL(63);
		bad[4].pad[0] = 1;
		bad[5].pad[63] = 1;
		for (int j = 0; j < ARRAY_SIZE(bad); j++)
			KUNIT_EXPECT_EQ_MSG(test, kvm_arm_rust_enable_cap(ctx->kvm, &bad[j]),
					    -EINVAL, "set %llx, %d", set, j);

		for (int bit = NR_OPT_INS; bit < 64; bit++) {
			struct kvm_enable_cap cap = good;

			if (opt_in_offered() & BIT_ULL(bit))
				continue;
			cap.args[0] |= BIT_ULL(bit);
			KUNIT_EXPECT_EQ_MSG(test, kvm_arm_rust_enable_cap(ctx->kvm, &cap),
					    -EINVAL, "set %llx, bit %d", set, bit);
		}
	}
	KUNIT_EXPECT_EQ(test, ctx->kvm->arch.flags, 0);
}

static void extension_is_what_there_is_and_what_a_vm_has(struct kunit *test)
{
	struct abi_test *ctx = test->priv;

	for (int m = KVM_ARM_ABI_C; m <= KVM_ARM_ABI_CHECK; m++) {
		abi_test_set_mode(m);
		KUNIT_EXPECT_EQ(test, kvm_arm_rust_extension(NULL, KVM_CAP_ARM_MIGRATION),
				opt_in_offered());
		for (u64 set = 0; set <= OPT_IN_ALL; set++) {
			/* Flags around those of the opt-ins do not count. */
			ctx->kvm->arch.flags = set << OPT_IN_FIRST_FLAG |
					       BIT(OPT_IN_FIRST_FLAG - 1) |
					       BIT(KVM_ARCH_FLAG_GIC_FIELDS + 1);
			KUNIT_EXPECT_EQ(test,
					kvm_arm_rust_extension(ctx->kvm, KVM_CAP_ARM_MIGRATION),
					set);
		}
		KUNIT_EXPECT_EQ(test, kvm_arm_rust_extension(NULL, KVM_CAP_ARM_PSCI_0_2), 0);
		KUNIT_EXPECT_EQ(test, kvm_arm_rust_extension(NULL, -1), 0);
	}
}

/* ---- Registers ---- */

const u64 opt_in_values[NR_OPT_IN_VALUES] = {
	0, 1, 2, 3, 4, 0xf, 0x10, 0x12, 0x13, 0xffff, 0x10000, 0x10001, 0x10002,
	0x10003, 0x10004, 0x20000, BIT_ULL(32) | 0x10000, BIT_ULL(63), ~0ULL,
};

bool opt_in_user_init(struct kunit *test, struct opt_in_user *u)
{
	u->page = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
				MAP_ANONYMOUS | MAP_PRIVATE, 0);
	u->reg.addr = u->page;
	return u->page;
}

static int opt_in_get(struct kvm *kvm, struct opt_in_user *u, u64 id, u64 *val)
{
	int ret;

	u->reg.id = id;
	ret = kvm_arm_rust_vm_one_reg(kvm, &u->reg, false);
	if (!ret && copy_from_user(val, (void __user *)u->page, sizeof(*val)))
		return -EIO;
	return ret;
}

static int opt_in_set(struct kvm *kvm, struct opt_in_user *u, u64 id, u64 val)
{
	u->reg.id = id;
	if (copy_to_user((void __user *)u->page, &val, sizeof(val)))
		return -EIO;
	return kvm_arm_rust_vm_one_reg(kvm, &u->reg, true);
}

void opt_in_set_features(struct kvm *kvm, bool psci_0_2)
{
	set_bit(KVM_ARCH_FLAG_VCPU_FEATURES_CONFIGURED, &kvm->arch.flags);
	assign_bit(KVM_ARM_VCPU_PSCI_0_2, kvm->arch.vcpu_features, psci_0_2);
}

/* Until the VM has run, its registers behave like those of its vCPUs in C. */
static void vm_registers_are_those_of_vcpus(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	struct opt_in_user u;

	KUNIT_ASSERT_TRUE(test, opt_in_user_init(test, &u));

	for (int psci_0_2 = 0; psci_0_2 < 2; psci_0_2++) {
		opt_in_set_features(ctx->kvm, psci_0_2);
		for (int i = 0; i < kvm_arm_get_fw_num_regs(ctx->vcpu); i++) {
			struct kvm_one_reg c_reg = { .id = kvm_arm_c_fw_reg_ids[i] };

			for (int j = 0; j < ARRAY_SIZE(opt_in_values); j++) {
				u64 val = opt_in_values[j], c_val = 0, vm_val = 0;
				u32 before = ctx->kvm->arch.psci_version;
				struct kvm_smccc_features feat = ctx->kvm->arch.smccc_feat;
				int c, vm;

				c = kvm_arm_c_set_fw_reg(ctx->vcpu, &c_reg, val, false);
				kvm_arm_c_get_fw_reg(ctx->vcpu, &c_reg, &c_val);
				ctx->kvm->arch.psci_version = before;
				ctx->kvm->arch.smccc_feat = feat;
				vm = opt_in_set(ctx->kvm, &u, c_reg.id, val);
				KUNIT_EXPECT_EQ_MSG(test, vm, c, "%llx <- %llx", c_reg.id, val);
				vm = opt_in_get(ctx->kvm, &u, c_reg.id, &vm_val);
				KUNIT_EXPECT_EQ(test, vm, 0);
				KUNIT_EXPECT_EQ_MSG(test, vm_val, c_val, "%llx <- %llx",
						    c_reg.id, val);
			}
		}
	}
}

static void vm_registers_freeze_when_the_vm_runs(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	struct opt_in_user u;

	KUNIT_ASSERT_TRUE(test, opt_in_user_init(test, &u));
	opt_in_set_features(ctx->kvm, true);
	set_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &ctx->kvm->arch.flags);

	for (int i = 0; i < kvm_arm_get_fw_num_regs(ctx->vcpu); i++) {
		u64 id = kvm_arm_c_fw_reg_ids[i], now, val;
		bool freezes = id == KVM_REG_ARM_PSCI_VERSION ||
			       (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_FW_FEAT_BMAP;

		KUNIT_EXPECT_EQ(test, opt_in_get(ctx->kvm, &u, id, &now), 0);
		for (int j = 0; j < ARRAY_SIZE(opt_in_values); j++) {
			struct kvm_one_reg c_reg = { .id = id };
			int c, vm;

			val = opt_in_values[j];
			c = kvm_arm_c_set_fw_reg(ctx->vcpu, &c_reg, val, false);
			if (id == KVM_REG_ARM_PSCI_VERSION)
				ctx->kvm->arch.psci_version = 0;
			/* C does not freeze this one. */
			if (!c && freezes && val != now)
				c = -EBUSY;
			vm = opt_in_set(ctx->kvm, &u, id, val);
			KUNIT_EXPECT_EQ_MSG(test, vm, c, "%llx <- %llx", id, val);
			KUNIT_EXPECT_EQ(test, opt_in_get(ctx->kvm, &u, id, &val), 0);
			KUNIT_EXPECT_EQ(test, val, now);
		}
	}
}

/* Some registers need the features of the vCPUs, others do not. */
static void vm_registers_before_the_first_vcpu(struct kunit *test)
{
	static const struct {
		u64 id, val;
		int get, set;
		u64 now;
	} cases[] = {
		{ KVM_REG_ARM_PSCI_VERSION, 0x1, 0, 0, 0x10003 },
		{ KVM_REG_ARM_PSCI_VERSION, 0x10004, 0, -EINVAL, 0x1 },
		{ KVM_REG_ARM_PSCI_VERSION, 0x10000, 0, 0, 0x1 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, -ENOEXEC, -ENOEXEC },
		{ KVM_REG_ARM_VENDOR_HYP_BMAP_2, 3, 0, 0, 0 },
		{ KVM_REG_ARM_FEATURE_LEVEL_REG(0), 0x888, -ENOEXEC, -ENOEXEC },
		{ KVM_REG_ARM_FEATURE_LEVEL_REG(7), 0x8000f, 0, 0, 0 },
		{ KVM_REG_ARM_FEATURE_LEVEL_REG(8), 0, -ENOENT, -ENOENT },
		{ KVM_REG_ARM_FW_REG(4), 0, -ENOENT, -ENOENT },
	};
	static const unsigned long psci_0_2 = BIT(KVM_ARM_VCPU_PSCI_0_2);
	struct abi_test *ctx = test->priv;
	struct opt_in_user u;
	u64 val;

	KUNIT_ASSERT_TRUE(test, opt_in_user_init(test, &u));
	set_bit(KVM_ARCH_FLAG_FEATURE_LEVELS, &ctx->kvm->arch.flags);

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		val = ~0ULL;
		KUNIT_EXPECT_EQ_MSG(test, opt_in_get(ctx->kvm, &u, cases[i].id, &val),
				    cases[i].get, "case %d", i);
		if (!cases[i].get)
			KUNIT_EXPECT_EQ_MSG(test, val, cases[i].now, "case %d", i);
		KUNIT_EXPECT_EQ_MSG(test, opt_in_set(ctx->kvm, &u, cases[i].id, cases[i].val),
				    cases[i].set, "case %d", i);
	}

	guard(mutex)(&ctx->kvm->arch.config_lock);
	KUNIT_EXPECT_TRUE(test, kvm_arm_rust_vcpu_features_fit(ctx->kvm, psci_0_2));
	KUNIT_EXPECT_FALSE(test, kvm_arm_rust_vcpu_features_fit(ctx->kvm, 0));
	ctx->kvm->arch.psci_version = KVM_ARM_PSCI_0_1;
	KUNIT_EXPECT_FALSE(test, kvm_arm_rust_vcpu_features_fit(ctx->kvm, psci_0_2));
	KUNIT_EXPECT_TRUE(test, kvm_arm_rust_vcpu_features_fit(ctx->kvm, 0));
	/* Once features are known, they are not compared again. */
	opt_in_set_features(ctx->kvm, false);
	KUNIT_EXPECT_TRUE(test, kvm_arm_rust_vcpu_features_fit(ctx->kvm, psci_0_2));
}

/* The levels of this host, from C's levels on the older scale. */
static void levels_are_those_of_the_workarounds(struct kunit *test)
{
	static const struct {
		u64 id;
		unsigned int shift;
		u64 level[4];
	} fields[] = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, { 0xf, 1, 2 } },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 4, { 0xf, 0, 1, 2 } },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 8, { 0xf, 1, 2 } },
	};
	struct abi_test *ctx = test->priv;
	struct opt_in_user u;
	u64 want = 0, val;

	KUNIT_ASSERT_TRUE(test, opt_in_user_init(test, &u));
	set_bit(KVM_ARCH_FLAG_FEATURE_LEVELS, &ctx->kvm->arch.flags);
	opt_in_set_features(ctx->kvm, true);

	for (int i = 0; i < ARRAY_SIZE(fields); i++) {
		struct kvm_one_reg reg = { .id = fields[i].id };

		KUNIT_ASSERT_EQ(test, kvm_arm_c_get_fw_reg(ctx->vcpu, &reg, &val), 0);
		KUNIT_ASSERT_LT(test, val, 4);
		want |= fields[i].level[val] << fields[i].shift;
	}

	for (int n = 0; n < KVM_ARM_NR_FEATURE_LEVEL_REGS; n++) {
		u64 id = KVM_REG_ARM_FEATURE_LEVEL_REG(n);

		KUNIT_EXPECT_EQ(test, opt_in_get(ctx->kvm, &u, id, &val), 0);
		KUNIT_EXPECT_EQ(test, val, n ? 0 : want);
		KUNIT_EXPECT_EQ(test, opt_in_set(ctx->kvm, &u, id, val), 0);
		for (int shift = 0; shift < 64; shift += 4) {
			s64 host = KVM_ARM_FEATURE_LEVEL(val, shift);

			for (s64 level = -8; level < 8; level++) {
				u64 next = (val & ~(0xfULL << shift)) |
					   ((level & 0xfULL) << shift);

				KUNIT_EXPECT_EQ_MSG(test, opt_in_set(ctx->kvm, &u, id, next),
						    level > max(host, 0) ? -EINVAL : 0,
						    "%llx <- %llx", id, next);
			}
		}
	}
}

static struct kunit_case opt_in_test_cases[] = {
	KUNIT_CASE(opt_in_is_for_new_vms_in_any_mode),
	KUNIT_CASE(requests_with_other_fields_set_are_refused),
	KUNIT_CASE(extension_is_what_there_is_and_what_a_vm_has),
	KUNIT_CASE(vm_registers_are_those_of_vcpus),
	KUNIT_CASE(vm_registers_freeze_when_the_vm_runs),
	KUNIT_CASE(vm_registers_before_the_first_vcpu),
	KUNIT_CASE(levels_are_those_of_the_workarounds),
	{}
};

static struct kunit_suite opt_in_test_suite = {
	.name = "kvm_arm64_opt_in",
	.init = opt_in_test_init,
	.exit = opt_in_test_exit,
	.test_cases = opt_in_test_cases,
};

kunit_test_suite(opt_in_test_suite);
