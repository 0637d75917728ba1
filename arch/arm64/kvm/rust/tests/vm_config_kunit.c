// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of KVM_ARM_VM_CONFIG: each register accepts what C accepts, and after
 * the first run only what it has.
 */
#include <linux/bitfield.h>
#include <linux/irqchip/arm-gic-v3.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include <asm/kvm_emulate.h>

#include "abi_kunit.h"
#include "../../sys_regs.h"
#include "../../vgic/vgic.h"

#include <kvm/arm_gic_fields.h>

#define ENTRIES_SIZE	((CONFIG_MAX_ENTRIES + 1) * sizeof(struct kvm_arm_vm_config_entry))

/* The ID registers of a VM, as kvm_arm_read_vm_id_regs() has them */
#define NR_ID_REGS	KVM_ARM_NR_VM_ID_REGS
#define NR_LEVELS	16

static struct kvm_arch *config_arch(struct config_test *ctx)
{
	return &ctx->abi->kvm->arch;
}

void config_read(struct config_test *ctx, struct config_state *s)
{
	struct kvm_arch *arch = config_arch(ctx);

	memset(s, 0, sizeof(*s));
	guard(mutex)(&arch->config_lock);
	kvm_arm_read_vm_id_regs(ctx->abi->kvm, &s->ids);
	s->feat = arch->smccc_feat;
	s->psci_version = arch->psci_version;
	s->promises = arch->promises;
	memcpy(s->promised, arch->promised_levels, sizeof(s->promised));
	kvm_arm_read_vm_gic(ctx->abi->kvm, &s->iidr, &s->groups_writable);
	s->gic_fields = arch->gic_fields;
}

bool config_is(struct config_test *ctx, const struct config_state *s)
{
	config_read(ctx, &ctx->now);
	return !memcmp(s, &ctx->now, sizeof(*s));
}

static u32 config_id_reg(unsigned int i)
{
	static const u32 others[] = { SYS_MIDR_EL1, SYS_REVIDR_EL1, SYS_AIDR_EL1, SYS_CTR_EL0 };

	return i < 7 * 8 ? sys_reg(3, 0, 0, 1 + i / 8, i % 8) : others[i - 7 * 8];
}

static u64 config_id(u32 reg)
{
	/* An id has the fields of sys_reg(), but not the five bits after them. */
	return KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG | reg >> 5;
}

void config_reset(struct config_test *ctx, const struct config_state *s)
{
	struct kvm_arch *arch = config_arch(ctx);

	for (int i = 0; i < NR_ID_REGS; i++)
		*__vm_id_reg(arch, config_id_reg(i)) = s->ids.val[i];
	arch->smccc_feat = s->feat;
	arch->psci_version = s->psci_version;
	arch->promises = s->promises;
	memcpy(arch->promised_levels, s->promised, sizeof(s->promised));
	arch->vgic.implementation_rev = FIELD_GET(GENMASK(15, 12), s->iidr);
	arch->vgic.v2_groups_user_writable = s->groups_writable;
	arch->gic_fields = s->gic_fields;
	clear_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &arch->flags);
}

/* It exists only in memory. */
int config_test_init(struct kunit *test)
{
	struct config_test *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	struct kvm_vcpu *vcpu;
	struct kvm_arch *arch;
	unsigned long at;
	struct kvm *kvm;
	int ret;

	if (!ctx)
		return -ENOMEM;
	ret = abi_test_init(test);
	if (ret)
		return ret;

	ctx->abi = test->priv;
	kvm = ctx->abi->kvm;
	vcpu = ctx->abi->vcpu;
	arch = &kvm->arch;
	test->priv = ctx;
	prandom_seed_state(&ctx->random, 20);

	mutex_init(&vcpu->mutex);
	ret = xa_err(xa_store(&kvm->vcpu_array, 0, vcpu, GFP_KERNEL));
	if (ret)
		return ret;
	kvm->created_vcpus = 1;
	atomic_set(&kvm->online_vcpus, 1);
	vcpu_set_flag(vcpu, VCPU_INITIALIZED);

	set_bit(KVM_ARCH_FLAG_FEATURE_LEVELS, &arch->flags);
	set_bit(KVM_ARCH_FLAG_PSCI_FREEZE, &arch->flags);
	set_bit(KVM_ARCH_FLAG_VM_CONFIG, &arch->flags);
	opt_in_set_features(kvm, true);
	arch->vgic.vgic_model = KVM_DEV_TYPE_ARM_VGIC_V3;
	arch->vgic.implementation_rev = KVM_VGIC_IMP_REV_LATEST;
	for (int i = 0; i < NR_ID_REGS; i++) {
		const struct sys_reg_desc *rd = kvm_arm_c_sys_reg_desc(config_id_reg(i));

		*__vm_id_reg(arch, config_id_reg(i)) = rd->reset(vcpu, rd);
	}
	kvm_arm_init_hypercalls(kvm);
	config_read(ctx, &ctx->initial);

	at = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE + PAGE_ALIGN(ENTRIES_SIZE),
			   PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!at)
		return -ENOMEM;
	ctx->request = (void __user *)at;
	ctx->entries = (void __user *)(at + PAGE_SIZE);
	return 0;
}

void config_test_exit(struct kunit *test)
{
	struct config_test *ctx = test->priv;

	if (!ctx)
		return;

	xa_destroy(&ctx->abi->kvm->vcpu_array);
	test->priv = ctx->abi;
	abi_test_exit(test);
}

int config_ask(struct config_test *ctx, u32 op, u32 n)
{
	struct kvm_arm_vm_config request = {
		.op = op,
		.n = n,
		.entry_size = sizeof(*ctx->entries),
		.entries = (__force u64)ctx->entries,
	};

	if (copy_to_user(ctx->request, &request, sizeof(request)))
		return -EIO;
	return kvm_arm_rust_vm_config(ctx->abi->kvm, ctx->request);
}

int config_send(struct config_test *ctx, u32 op, const struct kvm_arm_vm_config_entry *sent,
		struct kvm_arm_vm_config_entry *answers, u32 n)
{
	size_t size = n * sizeof(*sent);
	int ret;

	if (copy_to_user(ctx->entries, sent, size))
		return -EIO;
	ret = config_ask(ctx, op, n);
	if (copy_from_user(answers, ctx->entries, size))
		return -EIO;
	return ret;
}

bool config_check_and_set(struct kunit *test, u32 n, int *ret)
{
	struct config_test *ctx = test->priv;
	int check;

	config_read(ctx, &ctx->before);
	check = config_send(ctx, KVM_ARM_VM_CONFIG_CHECK, ctx->sent, ctx->check, n);
	if (!config_is(ctx, &ctx->before)) {
		KUNIT_FAIL(test, "CHECK changes the VM");
		return false;
	}

	*ret = config_send(ctx, KVM_ARM_VM_CONFIG_SET, ctx->sent, ctx->set, n);
	if (*ret != check || memcmp(ctx->check, ctx->set, n * sizeof(ctx->set[0]))) {
		KUNIT_FAIL(test, "CHECK is %d, SET %d", check, *ret);
		return false;
	}
	if (*ret && *ret != -ERANGE) {
		KUNIT_FAIL(test, "SET is %d", *ret);
		return false;
	}

	if (*ret && !config_is(ctx, &ctx->before)) {
		KUNIT_FAIL(test, "a refused set changes the VM");
		return false;
	}
	return true;
}

/* ---- Each register, with C as the oracle ---- */

/* Fields that depend on each other; the first run of a VM in C enforces that. */
static bool config_has_dependencies(u32 reg)
{
	return reg == SYS_ID_AA64MMFR1_EL1 || reg == SYS_ID_AA64MMFR3_EL1 ||
	       reg == SYS_ID_AA64ISAR2_EL1;
}

/* What KVM_SET_ONE_REG of C makes of a value; the VM is as before. */
static int config_by_c(struct config_test *ctx, u32 reg, u64 val, u64 *stored)
{
	const struct sys_reg_desc *rd = kvm_arm_c_sys_reg_desc(reg);
	u64 *place = __vm_id_reg(config_arch(ctx), reg), before = *place;
	int ret = 0;

	if (sysreg_hidden(ctx->abi->vcpu, rd))
		return -ENOENT;
	/* Unlike there, what the VM has is always accepted. */
	if (val != before)
		ret = kvm_arm_c_set_id_reg(ctx->abi->vcpu, rd, val);
	*stored = *place;
	*place = before;
	return ret;
}

static void each_id_register_accepts_what_c_accepts(struct kunit *test)
{
	unsigned int accepted = 0, refused = 0, conflicts = 0;
	struct config_test *ctx = test->priv;
	int ret;

	/* A level of one field of each register at a time */
	for (int i = 0; i < NR_LEVELS * 16; i++) {
		int shift = i / NR_LEVELS * 4;

		for (int j = 0; j < NR_ID_REGS; j++) {
			u64 val = ctx->initial.ids.val[j] & ~(0xfULL << shift);

			ctx->sent[j] = (struct kvm_arm_vm_config_entry) {
				.id = config_id(config_id_reg(j)),
				.value = val | (i % NR_LEVELS * 1ULL) << shift,
			};
		}
		config_reset(ctx, &ctx->initial);
		ret = config_send(ctx, KVM_ARM_VM_CONFIG_CHECK, ctx->sent, ctx->check,
				  NR_ID_REGS);
		KUNIT_ASSERT_TRUE(test, !ret || ret == -ERANGE);

		for (int j = 0; j < NR_ID_REGS; j++) {
			struct kvm_arm_vm_config_entry *e = &ctx->check[j];
			u32 reg = config_id_reg(j);
			u64 stored, now;
			int c, err = 0;

			c = config_by_c(ctx, reg, e->value, &stored);
			if (e->reason == KVM_ARM_VM_CONFIG_REASON_CONFLICT &&
			    config_has_dependencies(reg) && !c) {
				conflicts++;
				continue;
			}
			KUNIT_EXPECT_EQ_MSG(test, e->err, c, "%llx <- %llx", e->id, e->value);
			KUNIT_EXPECT_EQ_MSG(test, !e->reason, !c, "%llx <- %llx", e->id,
					    e->value);
			refused += !!c;
			accepted += !c;
			if (c == -ENOENT)
				continue;
			if (c) {
				/* Instead of it, C takes what the answer has. */
				err = config_by_c(ctx, reg, e->limit, &now);
				KUNIT_EXPECT_EQ_MSG(test, err, 0, "%llx <- %llx: limit %llx",
						    e->id, e->value, e->limit);
				KUNIT_EXPECT_NE_MSG(test, e->mask, 0, "%llx <- %llx", e->id,
						    e->value);
				continue;
			}
			if (config_has_dependencies(reg))
				continue;
			config_reset(ctx, &ctx->initial);
			err = config_send(ctx, KVM_ARM_VM_CONFIG_SET, &ctx->sent[j], ctx->set, 1);
			now = *__vm_id_reg(config_arch(ctx), reg);
			KUNIT_EXPECT_EQ_MSG(test, err, 0, "%llx <- %llx", e->id, e->value);
			KUNIT_EXPECT_EQ_MSG(test, now, stored, "%llx <- %llx", e->id, e->value);
			config_reset(ctx, &ctx->initial);
		}
	}
	kunit_info(test, "%u accepted, %u refused, %u conflicts\n", accepted, refused,
		   conflicts);
	KUNIT_EXPECT_GT(test, accepted, 1000);
	KUNIT_EXPECT_GT(test, refused, 1000);
}

static void each_firmware_register_accepts_what_c_accepts(struct kunit *test)
{
	struct config_test *ctx = test->priv;
	struct kvm_arch *arch = config_arch(ctx);
	struct kvm_vcpu *vcpu = ctx->abi->vcpu;
	int n = kvm_arm_get_fw_num_regs(vcpu), ret;

	for (int psci_0_2 = 0; psci_0_2 < 2; psci_0_2++) {
		opt_in_set_features(ctx->abi->kvm, psci_0_2);
		for (int i = 0; i < n * NR_OPT_IN_VALUES; i++) {
			struct kvm_one_reg reg = {
				.id = kvm_arm_c_fw_reg_ids[i / NR_OPT_IN_VALUES],
			};
			u64 val = opt_in_values[i % NR_OPT_IN_VALUES], now = 0, old = 0, c_val = 0;
			int c;

			config_reset(ctx, &ctx->initial);
			kvm_arm_c_get_fw_reg(vcpu, &reg, &old);
			c = kvm_arm_c_set_fw_reg(vcpu, &reg, val, false);
			if (val == old)
				c = 0;
			kvm_arm_c_get_fw_reg(vcpu, &reg, &c_val);
			config_reset(ctx, &ctx->initial);

			ctx->sent[0] = (struct kvm_arm_vm_config_entry) {
				.id = reg.id, .value = val,
			};
			if (!config_check_and_set(test, 1, &ret))
				return;
			kvm_arm_c_get_fw_reg(vcpu, &reg, &now);
			KUNIT_EXPECT_EQ_MSG(test, ctx->set[0].err, c, "%llx <- %llx", reg.id, val);
			KUNIT_EXPECT_EQ_MSG(test, now, c ? old : c_val, "%llx <- %llx", reg.id,
					    val);
		}
	}
	KUNIT_EXPECT_EQ(test, arch->promises, 0);
}

static void iidr_takes_three_revisions_until_the_first_run(struct kunit *test)
{
	/* The product and the implementer */
	static const u64 kept = 0x4b00043b;
	struct config_test *ctx = test->priv;
	struct vgic_dist *dist = &config_arch(ctx)->vgic;
	int ret;

	for (int i = 0; i < 2 * 16; i++) {
		u64 rev = i % 16;
		int want = rev == 3 ? 0 : i >= 16 ? -EBUSY : -EINVAL;

		if (i < 16 && (rev == 1 || rev == 2))
			want = 0;
		/* 0 is no revision. */
		if (!rev)
			want = -EINVAL;
		config_reset(ctx, &ctx->initial);
		if (i >= 16)
			set_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &config_arch(ctx)->flags);
		ctx->sent[0] = (struct kvm_arm_vm_config_entry) {
			.id = KVM_REG_ARM_CONFIG_GICD_IIDR, .value = kept | rev << 12,
		};
		if (!config_check_and_set(test, 1, &ret))
			return;
		KUNIT_EXPECT_EQ_MSG(test, ctx->set[0].err, want, "revision %llu", rev);
		KUNIT_EXPECT_EQ_MSG(test, dist->implementation_rev, want ? 3 : rev,
				    "revision %llu", rev);
		KUNIT_EXPECT_EQ_MSG(test, dist->v2_groups_user_writable,
				    !want && i < 16 && rev != 1, "revision %llu", rev);
	}
}

/* ---- The read-only fields of a GICv3 ---- */

static const struct sys_reg_desc *icc_ctlr(void)
{
	unsigned int nr, i;
	const struct sys_reg_desc *table = vgic_v3_get_sysreg_table(&nr);

	for (i = 0; i < nr && reg_to_encoding(&table[i]) != SYS_ICC_CTLR_EL1; i++)
		;
	return i < nr ? &table[i] : NULL;
}

/* As a vCPU that has not opted in, whose numbers C has not lowered */
static int c_set_icc_ctlr(struct config_test *ctx, u64 val)
{
	struct kvm_vcpu *vcpu = ctx->abi->vcpu;
	struct vgic_cpu *cpu = &vcpu->arch.vgic_cpu;
	const struct sys_reg_desc *r = icc_ctlr();
	int ret;

	clear_bit(KVM_ARCH_FLAG_GIC_FIELDS, &config_arch(ctx)->flags);
	cpu->num_pri_bits = FIELD_GET(KVM_ARM_VTR_PRI_BITS, vgic_ich_vtr()) + 1;
	cpu->num_id_bits = FIELD_GET(KVM_ARM_VTR_ID_BITS, vgic_ich_vtr());
	ret = r->set_user(vcpu, r, val);
	cpu->num_pri_bits = FIELD_GET(KVM_ARM_VTR_PRI_BITS, vgic_ich_vtr()) + 1;
	cpu->num_id_bits = FIELD_GET(KVM_ARM_VTR_ID_BITS, vgic_ich_vtr());
	set_bit(KVM_ARCH_FLAG_GIC_FIELDS, &config_arch(ctx)->flags);
	return ret;
}

/*
 * PRIbits, IDbits and A3V as C accepts them, but for A3V, which can be lowered, and
 * fewer bits of priority than the architecture allows. SEIS is accepted in any case. C
 * then accepts, of a vCPU, the fields of its VM alone.
 */
static void gic_fields_are_what_c_accepts(struct kunit *test)
{
	struct config_test *ctx = test->priv;
	const struct sys_reg_desc *r = icc_ctlr();
	u64 host, seis = ICC_CTLR_EL1_SEIS_MASK, a3v = ICC_CTLR_EL1_A3V_MASK, now;
	int (*get)(struct kvm_vcpu *vcpu, const struct sys_reg_desc *r, u64 *val);
	int ret, accepted = 0;

	if (!static_branch_unlikely(&kvm_vgic_global_state.gicv3_cpuif))
		kunit_skip(test, "the host has no GICv3");

	KUNIT_ASSERT_NOT_NULL(test, r);
	kvm_arm_use_opt_ins(0);
	/* get_user() is a macro as well. */
	get = r->get_user;
	host = FIELD_PREP(ICC_CTLR_EL1_SEIS_MASK, FIELD_GET(ICH_VTR_EL2_SEIS, vgic_ich_vtr())) |
	       FIELD_PREP(ICC_CTLR_EL1_A3V_MASK, FIELD_GET(ICH_VTR_EL2_A3V, vgic_ich_vtr()));
	for (u64 val = 0; val < BIT(16); val += BIT(8)) {
		u64 as_c = (val & ~seis) | (host & seis);
		int want;

		config_reset(ctx, &ctx->initial);
		set_bit(KVM_ARCH_FLAG_GIC_FIELDS, &config_arch(ctx)->flags);
		if (host & a3v)
			as_c |= a3v;
		want = c_set_icc_ctlr(ctx, as_c);
		if (FIELD_GET(ICC_CTLR_EL1_PRI_BITS_MASK, val) < 4)
			want = -EINVAL;
		ctx->sent[0] = (struct kvm_arm_vm_config_entry) {
			.id = KVM_REG_ARM_CONFIG_ICC_CTLR_EL1, .value = val,
		};
		if (!config_check_and_set(test, 1, &ret))
			return;
		KUNIT_EXPECT_EQ_MSG(test, ctx->set[0].err, want, "%#llx", val);
		if (ret)
			continue;
		accepted++;
		KUNIT_EXPECT_EQ(test, get(ctx->abi->vcpu, r, &now), 0);
		KUNIT_EXPECT_EQ_MSG(test, now & 0xff00, val, "%#llx", val);
		KUNIT_EXPECT_EQ(test, r->set_user(ctx->abi->vcpu, r, val), 0);
		KUNIT_EXPECT_EQ(test, r->set_user(ctx->abi->vcpu, r, val ^ seis), -EINVAL);
	}
	KUNIT_EXPECT_GE(test, accepted, 2);
	clear_bit(KVM_ARCH_FLAG_GIC_FIELDS, &config_arch(ctx)->flags);
}

/* ---- The first run ---- */

/* What the VM has is accepted, other values are frozen, and too much is refused as before. */
static void a_vm_that_has_run_keeps_its_configuration(struct kunit *test)
{
	struct config_test *ctx = test->priv;
	u32 listed;
	int ret;

	KUNIT_ASSERT_EQ(test, config_ask(ctx, KVM_ARM_VM_CONFIG_GET, 128), 0);
	KUNIT_ASSERT_EQ(test, get_user(listed, &ctx->request->n), 0);
	KUNIT_ASSERT_LT(test, listed, 128);
	KUNIT_ASSERT_EQ(test, copy_from_user(ctx->sent, ctx->entries,
					     listed * sizeof(ctx->sent[0])), 0);
	set_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &config_arch(ctx)->flags);
	if (!config_check_and_set(test, listed, &ret))
		return;
	KUNIT_EXPECT_EQ(test, ret, 0);

	for (u32 i = 0; i < listed; i++) {
		u64 id = ctx->sent[i].id;
		bool is_level = (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_FEATURE_LEVEL;

		if (is_level)
			/* Lower, and above any host */
			ctx->sent[i].value = i % 2 ? 0x7 : 0x888;
		else if (id == KVM_REG_ARM_PSCI_VERSION)
			ctx->sent[i].value = 0x10001;
		else if (id != KVM_REG_ARM_STD_BMAP)
			continue;
		else
			ctx->sent[i].value = 0;
		if (!config_check_and_set(test, listed, &ret))
			return;
		KUNIT_EXPECT_EQ(test, ret, -ERANGE);
		KUNIT_EXPECT_EQ_MSG(test, ctx->set[i].err, is_level && i % 2 ? -EINVAL : -EBUSY,
				    "%llx", id);
		ctx->sent[i].value = ctx->set[i].limit;
	}
	if (!config_check_and_set(test, listed, &ret))
		return;
	KUNIT_EXPECT_EQ(test, ret, 0);
}

static struct kunit_case config_test_cases[] = {
	KUNIT_CASE_SLOW(each_id_register_accepts_what_c_accepts),
	KUNIT_CASE(each_firmware_register_accepts_what_c_accepts),
	KUNIT_CASE(iidr_takes_three_revisions_until_the_first_run),
	KUNIT_CASE(gic_fields_are_what_c_accepts),
	KUNIT_CASE(a_vm_that_has_run_keeps_its_configuration),
	{}
};

static struct kunit_suite config_test_suite = {
	.name = "kvm_arm64_vm_config",
	.init = config_test_init,
	.exit = config_test_exit,
	.test_cases = config_test_cases,
};

kunit_test_suite(config_test_suite);
