// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the GICv2's CPU interface: C and Rust agree on every state and
 * every write. On a host with a GICv3, C serves a GICv2 by the functions of the
 * GICv3, so this covers them.
 */
#include <linux/irqchip/arm-gic.h>
#include <linux/prandom.h>

#include "abi_kunit.h"
#include "../../vgic/vgic.h"
#include "../../vgic/vgic-mmio.h"

static const u32 vgic_v2_regs[] = {
	GIC_CPU_CTRL, GIC_CPU_PRIMASK, GIC_CPU_BINPOINT,
	GIC_CPU_ALIAS_BINPOINT, GIC_CPU_IDENT,
};

static int vgic_v2_test_init(struct kunit *test)
{
	struct abi_test *ctx;
	int ret = abi_test_init(test);

	if (ret)
		return ret;

	ctx = test->priv;
	ctx->kvm->arch.vgic.vgic_model = KVM_DEV_TYPE_ARM_VGIC_V2;
	abi_test_set_mode(KVM_ARM_ABI_C);
	return 0;
}

static bool vgic_v2_on_gicv3(void)
{
	return static_branch_unlikely(&kvm_vgic_global_state.gicv3_cpuif);
}

/* The word in which this host stores the state of a GICv2's CPU interface. */
static u32 *vgic_v2_vmcr(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	struct vgic_cpu *cpu = &ctx->vcpu->arch.vgic_cpu;

	return vgic_v2_on_gicv3() ? &cpu->vgic_v3.vgic_vmcr :
				    &cpu->vgic_v2.vgic_vmcr;
}

/* Spreads a number over the defined bits of a VMCR. */
static u32 vgic_v2_nth_vmcr(u32 n)
{
	static const u32 meaningful = GENMASK(31, 18) | BIT(9) | GENMASK(4, 0);
	u32 vmcr = 0;

	for (int bit = 0; bit < 32; bit++) {
		if (!(meaningful & BIT(bit)))
			continue;
		vmcr |= (n & 1) << bit;
		n >>= 1;
	}

	return vmcr;
}

#define VGIC_V2_NR_VMCRS	BIT(20)

static void every_vmcr_of_a_gicv2_host(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	struct kvm_vcpu *vcpu = ctx->vcpu;
	u32 *vmcr = &vcpu->arch.vgic_cpu.vgic_v2.vgic_vmcr;

	for (u32 n = 0; n < VGIC_V2_NR_VMCRS; n++) {
		u32 raw = vgic_v2_nth_vmcr(n), set_by_c;
		struct vgic_vmcr c, rust;

		memset(&c, 0xa5, sizeof(c));
		memset(&rust, 0xa5, sizeof(rust));
		*vmcr = raw;
		vgic_v2_get_vmcr(vcpu, &c);
		kvm_arm_rust_vgic_v2_get_vmcr(vcpu, &rust);

		vgic_v2_set_vmcr(vcpu, &c);
		set_by_c = *vmcr;
		*vmcr = 0;
		kvm_arm_rust_vgic_v2_set_vmcr(vcpu, &rust);

		if (memcmp(&c, &rust, sizeof(c)) || *vmcr != set_by_c ||
		    set_by_c != (raw & ~GENMASK(26, 24))) {
			KUNIT_FAIL(test, "0x%x: C sets 0x%x, Rust 0x%x", raw,
				   set_by_c, *vmcr);
			return;
		}
	}
}

/* A write to a register that ignores it reads and stores the state. */
static void every_vmcr_of_this_host(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	u32 *vmcr = vgic_v2_vmcr(test);

	for (u32 n = 0; n < VGIC_V2_NR_VMCRS; n++) {
		u32 raw = vgic_v2_nth_vmcr(n), val = 0, c;
		u32 want = vgic_v2_on_gicv3() ? raw : raw & ~GENMASK(26, 24);

		*vmcr = raw;
		vgic_v2_cpuif_uaccess(ctx->vcpu, true, GIC_CPU_IDENT, &val);
		c = *vmcr;
		*vmcr = raw;
		kvm_arm_rust_write_vcpuif(ctx->vcpu, GIC_CPU_IDENT, sizeof(u32), val);

		if (c != want || *vmcr != want) {
			KUNIT_FAIL(test, "0x%x: C sets 0x%x, Rust 0x%x", raw, c,
				   *vmcr);
			return;
		}
	}
}

/* Fields with more bits than the register has, passed to C's functions. */
static void excess_bits_of_a_state(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	u32 *vmcr = &ctx->vcpu->arch.vgic_cpu.vgic_v2.vgic_vmcr;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 1);
	for (int i = 0; i < 20000; i++) {
		struct vgic_vmcr state;
		u32 c;

		prandom_bytes_state(&rnd, &state, sizeof(state));
		vgic_v2_set_vmcr(ctx->vcpu, &state);
		c = *vmcr;
		*vmcr = ~c;
		kvm_arm_rust_vgic_v2_set_vmcr(ctx->vcpu, &state);
		KUNIT_ASSERT_EQ(test, *vmcr, c);
	}
}

/* Reports a failure, and returns false, if the sides differ. */
static bool vgic_v2_agree(struct kunit *test, u32 raw, u32 offset, u32 val)
{
	struct abi_test *ctx = test->priv;
	u32 *vmcr = vgic_v2_vmcr(test);
	u32 c_val = 0, c_vmcr, rust_val;

	*vmcr = raw;
	vgic_v2_cpuif_uaccess(ctx->vcpu, true, offset, &val);
	c_vmcr = *vmcr;
	vgic_v2_cpuif_uaccess(ctx->vcpu, false, offset, &c_val);

	*vmcr = raw;
	kvm_arm_rust_write_vcpuif(ctx->vcpu, offset, sizeof(u32), val);
	rust_val = kvm_arm_rust_read_vcpuif(ctx->vcpu, offset);

	if (*vmcr == c_vmcr && rust_val == c_val)
		return true;

	KUNIT_FAIL(test, "0x%x <- 0x%x at 0x%x: C 0x%x reads 0x%x, Rust 0x%x reads 0x%x",
		   raw, val, offset, c_vmcr, c_val, *vmcr, rust_val);
	return false;
}

static void every_priority_mask(struct kunit *test)
{
	for (u32 raw = 0; raw < 256; raw++) {
		for (u32 val = 0; val < 512; val++) {
			if (!vgic_v2_agree(test, raw << 24, GIC_CPU_PRIMASK, val))
				return;
		}
	}
}

static void writes_and_reads_of_each_register(struct kunit *test)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 2);
	for (int i = 0; i < ARRAY_SIZE(vgic_v2_regs); i++) {
		for (int bit = 0; bit < 32; bit++) {
			if (!vgic_v2_agree(test, 0, vgic_v2_regs[i], BIT(bit)) ||
			    !vgic_v2_agree(test, ~0, vgic_v2_regs[i], ~BIT(bit)))
				return;
		}
		for (int j = 0; j < 20000; j++) {
			if (!vgic_v2_agree(test, prandom_u32_state(&rnd),
					   vgic_v2_regs[i],
					   prandom_u32_state(&rnd)))
				return;
		}
	}
}

/* The values of the historical 5-bit form. */
static void priority_mask_has_five_bits(struct kunit *test)
{
	static const struct {
		u32 written, read, pmr;
	} cases[] = {
		{ 0x00,       0x00, 0x00 },
		{ 0x1e,       0x1e, 0xf0 },
		{ 0x1f,       0x1f, 0xf8 },
		{ 0x20,       0x00, 0x00 },
		{ 0xf0,       0x10, 0x80 },
		{ 0xff,       0x1f, 0xf8 },
		{ 0x100,      0x00, 0x00 },
		{ 0xffffffff, 0x1f, 0xf8 },
	};
	static const enum kvm_arm_abi_mode modes[] = {
		KVM_ARM_ABI_C, KVM_ARM_ABI_RUST, KVM_ARM_ABI_CHECK,
	};
	struct abi_test *ctx = test->priv;
	long before = abi_test_mismatches();

	for (int i = 0; i < ARRAY_SIZE(modes); i++) {
		abi_test_set_mode(modes[i]);
		for (int j = 0; j < ARRAY_SIZE(cases); j++) {
			u32 val = cases[j].written;
			struct vgic_vmcr vmcr;

			vgic_v2_cpuif_uaccess(ctx->vcpu, true, GIC_CPU_PRIMASK, &val);
			vgic_v2_cpuif_uaccess(ctx->vcpu, false, GIC_CPU_PRIMASK, &val);
			KUNIT_EXPECT_EQ(test, val, cases[j].read);
			vgic_get_vmcr(ctx->vcpu, &vmcr);
			KUNIT_EXPECT_EQ(test, vmcr.pmr, cases[j].pmr);
		}
	}

	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before);
}

static void planted_vgic_differences_are_counted(struct kunit *test)
{
	struct vgic_vmcr vmcr = { .pmr = 0xf0, .bpr = 2, .grpen0 = 1 };
	u32 raw = (0x1e << 27) | (2 << 21) | 1, want;
	long before = abi_test_mismatches();

	/* No differences. */
	kvm_arm_check_read_vcpuif(&vmcr, GIC_CPU_PRIMASK, 0x1e);
	kvm_arm_check_vgic_v2_get_vmcr(raw, &vmcr);
	kvm_arm_check_vgic_v2_set_vmcr(&vmcr, raw);
	want = kvm_arm_check_before_write_vcpuif(&vmcr, GIC_CPU_PRIMASK, 0x10);
	vmcr.pmr = 0x80;
	kvm_arm_check_write_vcpuif(&vmcr, GIC_CPU_PRIMASK, want);
	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before);

	/* Not shifted; shifted twice; another field; a lost bit. */
	kvm_arm_check_read_vcpuif(&vmcr, GIC_CPU_PRIMASK, 0x80);
	vmcr.pmr = 0x10;
	kvm_arm_check_write_vcpuif(&vmcr, GIC_CPU_PRIMASK, want);
	vmcr.pmr = 0x80;
	vmcr.abpr = 1;
	kvm_arm_check_write_vcpuif(&vmcr, GIC_CPU_PRIMASK, want);
	kvm_arm_check_vgic_v2_get_vmcr(raw, &vmcr);
	kvm_arm_check_vgic_v2_set_vmcr(&vmcr, raw);
	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before + 5);
}

static struct kunit_case vgic_v2_test_cases[] = {
	KUNIT_CASE(every_vmcr_of_a_gicv2_host),
	KUNIT_CASE(every_vmcr_of_this_host),
	KUNIT_CASE(excess_bits_of_a_state),
	KUNIT_CASE(every_priority_mask),
	KUNIT_CASE(writes_and_reads_of_each_register),
	KUNIT_CASE(priority_mask_has_five_bits),
	KUNIT_CASE(planted_vgic_differences_are_counted),
	{}
};

static struct kunit_suite vgic_v2_test_suite = {
	.name = "kvm_arm64_vgic_v2_oracle",
	.init = vgic_v2_test_init,
	.exit = abi_test_exit,
	.test_cases = vgic_v2_test_cases,
};

kunit_test_suite(vgic_v2_test_suite);
