// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the writable masks of a VM: a bit is in the mask of a register
 * if and only if C accepts writes that flip it, whatever the other bits of the mask
 * are.
 */
#include <linux/uaccess.h>

#include <asm/sysreg.h>

#include <kvm/arm_opt_in.h>

#include "abi_kunit.h"
#include "../../sys_regs.h"
#include "../../vgic/vgic.h"

#define VM_MASKS_SIZE	(KVM_ARM_GIC_RANGE_SIZE * sizeof(u64))

static const u64 *vm_masks(struct kunit *test, struct opt_in_user *u, u32 nr)
{
	struct abi_test *ctx = test->priv;
	struct reg_mask_range range = { .addr = u->page, .range = nr };
	u64 *masks = kunit_kzalloc(test, VM_MASKS_SIZE, GFP_KERNEL);

	if (!masks || kvm_arm_rust_get_vm_reg_masks(ctx->kvm, &range) ||
	    copy_from_user(masks, (void __user *)u->page, VM_MASKS_SIZE))
		return NULL;

	return masks;
}

/* A register of the GIC or, without one, a firmware register */
struct c_reg {
	const struct sys_reg_desc *gic;
	struct kvm_one_reg fw;
};

static int c_reg_get(struct kvm_vcpu *vcpu, const struct c_reg *r, u64 *val)
{
	/* get_user() is a macro as well. */
	typeof(r->gic->get_user) get = r->gic ? r->gic->get_user : NULL;

	return get ? get(vcpu, r->gic, val) : kvm_arm_c_get_fw_reg(vcpu, &r->fw, val);
}

static int c_reg_set(struct kvm_vcpu *vcpu, const struct c_reg *r, u64 val)
{
	return r->gic ? r->gic->set_user(vcpu, r->gic, val) :
			kvm_arm_c_set_fw_reg(vcpu, &r->fw, val, false);
}

/* Whether a write flips a bit, and nothing else */
static bool c_reg_flips(struct kvm_vcpu *vcpu, const struct c_reg *r, u64 bit)
{
	u64 before, after;

	return !c_reg_get(vcpu, r, &before) && !c_reg_set(vcpu, r, before ^ bit) &&
	       !c_reg_get(vcpu, r, &after) && after == (before ^ bit);
}

/* ---- The GIC ---- */

static const struct sys_reg_desc *gic_reg(u32 op1, u32 crm, u32 op2)
{
	unsigned int nr;
	const struct sys_reg_desc *table = vgic_v3_get_sysreg_table(&nr);

	for (unsigned int i = 0; i < nr; i++) {
		if (reg_to_encoding(&table[i]) == sys_reg(3, op1, 12, crm, op2))
			return &table[i];
	}

	return NULL;
}

static void gic_reset(struct kvm_vcpu *vcpu, u32 pri_bits, u32 id_bits)
{
	struct vgic_cpu *cpu = &vcpu->arch.vgic_cpu;

	memset(&cpu->vgic_v3, 0, sizeof(cpu->vgic_v3));
	cpu->num_pri_bits = pri_bits;
	cpu->num_id_bits = id_bits;
	if (vcpu->arch.ctxt.vncr_array)
		memset(vcpu->arch.ctxt.vncr_array, 0, PAGE_SIZE);
}

/* A bit flips from 0 and back, from numbers as high as they can be and the lowest. */
static u64 gic_writable(struct kvm_vcpu *vcpu, const struct sys_reg_desc *desc,
			u32 pri_bits, u32 id_bits)
{
	const struct c_reg r = { .gic = desc };
	u64 writable = 0;

	for (int bit = 0; bit < 64; bit++) {
		bool flips = true;

		for (int low = 0; low < 2; low++) {
			gic_reset(vcpu, low ? 1 : pri_bits, low ? 0 : id_bits);
			/* The register need not exist with fewer bits. */
			if (low && !c_reg_flips(vcpu, &r, 0))
				break;
			flips = flips && c_reg_flips(vcpu, &r, BIT_ULL(bit)) &&
				c_reg_flips(vcpu, &r, BIT_ULL(bit));
		}
		writable |= flips ? BIT_ULL(bit) : 0;
	}

	return writable;
}

static void gic_masks_are_what_c_lets_change(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	struct kvm *kvm = ctx->kvm;
	bool el2 = cpus_have_final_cap(ARM64_HAS_NESTED_VIRT);
	struct opt_in_user u;

	if (!static_branch_unlikely(&kvm_vgic_global_state.gicv3_cpuif))
		kunit_skip(test, "the host has no GICv3");

	KUNIT_ASSERT_TRUE(test, opt_in_user_init(test, &u));
	set_bit(KVM_ARCH_FLAG_GIC_MASKS, &kvm->arch.flags);
	KUNIT_ASSERT_EQ(test, xa_err(xa_store(&kvm->vcpu_array, 0, ctx->vcpu, GFP_KERNEL)), 0);
	atomic_set(&kvm->online_vcpus, 1);
	kvm->arch.vgic.vgic_model = KVM_DEV_TYPE_ARM_VGIC_V3;
	kvm->arch.vgic.initialized = true;
	opt_in_set_features(kvm, true);
	if (el2) {
		ctx->vcpu->arch.ctxt.vncr_array = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ctx->vcpu->arch.ctxt.vncr_array);
	}

	for (int i = 0; i < 8 * 2 * (1 + el2); i++) {
		u32 pri_bits = 1 + i % 8, id_bits = i / 8 % 2;
		const u64 *masks;

		assign_bit(KVM_ARM_VCPU_HAS_EL2, kvm->arch.vcpu_features, i / 16);
		gic_reset(ctx->vcpu, pri_bits, id_bits);
		masks = vm_masks(test, &u, KVM_ARM_GIC_RANGE);
		KUNIT_ASSERT_NOT_NULL(test, masks);

		for (u32 j = 0; j < KVM_ARM_GIC_RANGE_SIZE; j++) {
			u32 op1 = j >> 7 ? 4 : 0, crm = (j >> 3) & 15, op2 = j & 7;
			const struct sys_reg_desc *r = gic_reg(op1, crm, op2);
			u64 want = r && !sysreg_hidden(ctx->vcpu, r) ?
				   gic_writable(ctx->vcpu, r, pri_bits, id_bits) : 0;

			KUNIT_ASSERT_EQ(test, KVM_ARM_GIC_RANGE_IDX(op1, crm, op2), j);
			KUNIT_EXPECT_EQ_MSG(test, masks[j], want,
					    "S3_%u_C12_C%u_%u, %u bits of priority, %u",
					    op1, crm, op2, pri_bits, id_bits);
		}
	}

	xa_destroy(&kvm->vcpu_array);
}

static void without_a_gicv3_its_masks_are_zero(struct kunit *test)
{
	static const u32 models[] = {
		0, KVM_DEV_TYPE_ARM_VGIC_V2, KVM_DEV_TYPE_ARM_VGIC_V5,
	};
	struct abi_test *ctx = test->priv;
	struct opt_in_user u;

	KUNIT_ASSERT_TRUE(test, opt_in_user_init(test, &u));
	set_bit(KVM_ARCH_FLAG_GIC_MASKS, &ctx->kvm->arch.flags);

	for (int i = 0; i < ARRAY_SIZE(models); i++) {
		const u64 *masks;

		ctx->kvm->arch.vgic.vgic_model = models[i];
		masks = vm_masks(test, &u, KVM_ARM_GIC_RANGE);
		KUNIT_ASSERT_NOT_NULL(test, masks);
		KUNIT_EXPECT_NULL(test, memchr_inv(masks, 0, VM_MASKS_SIZE));
	}
}

/* ---- The firmware registers ---- */

/* The bits that flip, and flip back, from each value that is stored */
static u64 fw_writable(struct kvm_vcpu *vcpu, u64 id)
{
	const struct c_reg reg = { .fw.id = id };
	u64 writable = U64_MAX, first, now;

	if (c_reg_get(vcpu, &reg, &first))
		return 0;

	for (int i = -1; i < (int)ARRAY_SIZE(opt_in_values); i++) {
		u64 val = i < 0 ? first : opt_in_values[i];

		c_reg_set(vcpu, &reg, val);
		if (c_reg_get(vcpu, &reg, &now) || now != val)
			continue;
		for (int bit = 0; bit < 64; bit++) {
			if (!c_reg_flips(vcpu, &reg, BIT_ULL(bit)) ||
			    !c_reg_flips(vcpu, &reg, BIT_ULL(bit)))
				writable &= ~BIT_ULL(bit);
			c_reg_set(vcpu, &reg, val);
		}
	}
	c_reg_set(vcpu, &reg, first);

	return writable;
}

static void fw_masks_are_what_c_lets_change(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	struct kvm *kvm = ctx->kvm;
	struct opt_in_user u;

	KUNIT_ASSERT_TRUE(test, opt_in_user_init(test, &u));
	set_bit(KVM_ARCH_FLAG_FW_MASKS, &kvm->arch.flags);

	for (int i = 0; i < 8; i++) {
		bool ran = i & 2, freezes = i & 4;
		const u64 *masks;

		opt_in_set_features(kvm, i & 1);
		assign_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &kvm->arch.flags, ran);
		assign_bit(KVM_ARCH_FLAG_PSCI_FREEZE, &kvm->arch.flags, freezes);
		masks = vm_masks(test, &u, KVM_ARM_FW_RANGE);
		KUNIT_ASSERT_NOT_NULL(test, masks);

		for (u32 j = 0; j < KVM_ARM_FW_RANGE_SIZE; j++) {
			u64 id = j < 64 ? KVM_REG_ARM_FW_REG(j) :
					  KVM_REG_ARM_FW_FEAT_BMAP_REG(j - 64);
			u64 want = fw_writable(ctx->vcpu, id);

			KUNIT_ASSERT_EQ(test, KVM_ARM_FW_RANGE_IDX(id), j);
			KUNIT_EXPECT_EQ_MSG(test, masks[j], want, "%llx, state %d", id, i);
		}
	}
}

static void ranges_need_their_opt_in(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	struct opt_in_user u;

	KUNIT_ASSERT_TRUE(test, opt_in_user_init(test, &u));
	KUNIT_ASSERT_EQ(test, clear_user((void __user *)u.page, PAGE_SIZE), 0);

	for (u32 asked = 0; asked < 4; asked++) {
		assign_bit(KVM_ARCH_FLAG_GIC_MASKS, &ctx->kvm->arch.flags, asked & 1);
		assign_bit(KVM_ARCH_FLAG_FW_MASKS, &ctx->kvm->arch.flags, asked & 2);
		KUNIT_EXPECT_EQ(test, kvm_arm_rust_reg_mask_ranges(ctx->kvm), asked << 1);

		for (u32 nr = 0; nr < 40; nr++) {
			struct reg_mask_range range = { .addr = u.page, .range = nr };
			bool there = nr && nr < 3 && asked & nr;

			KUNIT_EXPECT_EQ_MSG(test, kvm_arm_rust_get_vm_reg_masks(ctx->kvm, &range),
					    there ? 0 : -EINVAL, "asked %u, range %u", asked, nr);
			range.reserved[nr % 13] = 1;
			KUNIT_EXPECT_EQ(test, kvm_arm_rust_get_vm_reg_masks(ctx->kvm, &range),
					-EINVAL);
		}
	}
}

static struct kunit_case opt_in_masks_test_cases[] = {
	KUNIT_CASE(gic_masks_are_what_c_lets_change),
	KUNIT_CASE(without_a_gicv3_its_masks_are_zero),
	KUNIT_CASE(fw_masks_are_what_c_lets_change),
	KUNIT_CASE(ranges_need_their_opt_in),
	{}
};

static struct kunit_suite opt_in_masks_test_suite = {
	.name = "kvm_arm64_opt_in_masks",
	.init = opt_in_test_init,
	.exit = opt_in_test_exit,
	.test_cases = opt_in_masks_test_cases,
};

kunit_test_suite(opt_in_masks_test_suite);
