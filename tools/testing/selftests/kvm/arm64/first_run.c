// SPDX-License-Identifier: GPL-2.0-only
/*
 * first_run - What the first KVM_RUN of a VM freezes, and that a failed one
 * freezes nothing.
 *
 * A KVM_RUN that is refused, since something is not configured yet, does not
 * count as the first run: bitmaps, ID registers and the filter of hypercalls
 * can still be changed. When the vCPU has run at last, the guest sees what was
 * written last, and this is frozen.
 *
 * The first run sets ID_AA64PFR0_EL1.GIC according to the VM's interrupt
 * controller, whatever userspace has written there.
 */
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/reg_image.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_sysreg.h"
#include "processor.h"

#define PSCI_0_2	BIT(KVM_ARM_VCPU_PSCI_0_2)

#define VENDOR_HYP_UID	0x8600ff01
#define TRNG_VERSION	0x84000050

/* The lowest nonzero value of ID_AA64ISAR0_EL1.AES */
#define AES		BIT(ID_AA64ISAR0_EL1_AES_SHIFT)

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[2];
static int gic_fd;

/* ---- KVM_RUN that fails ---- */

static void init_pmu(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(vcpus); i++)
		vcpu_device_attr_set(vcpus[i], KVM_ARM_VCPU_PMU_V3_CTRL,
				     KVM_ARM_VCPU_PMU_V3_INIT, NULL);
}

/* With an interrupt controller, the PMU also needs an interrupt. */
static void init_pmu_irq(void)
{
	int i, irq = 23;

	for (i = 0; i < ARRAY_SIZE(vcpus); i++)
		vcpu_device_attr_set(vcpus[i], KVM_ARM_VCPU_PMU_V3_CTRL,
				     KVM_ARM_VCPU_PMU_V3_IRQ, &irq);
	init_pmu();
}

static void finalize_sve(void)
{
	int i, feature = KVM_ARM_VCPU_SVE;

	for (i = 0; i < ARRAY_SIZE(vcpus); i++)
		vcpu_ioctl(vcpus[i], KVM_ARM_VCPU_FINALIZE, &feature);
}

static void init_vcpu_1(void)
{
	vcpus[1]->init = vcpus[0]->init;
	vcpu_ioctl(vcpus[1], KVM_ARM_VCPU_INIT, &vcpus[1]->init);
}

static const struct failure {
	const char *name;
	unsigned int cap;
	u32 features;
	bool has_gic;
	bool has_raw_vcpu;
	/* The vCPU that fails, the errno, and what is missing */
	int vcpu;
	int err;
	void (*repair)(void);
} failures[] = {
	{ "PMU that is not initialised", KVM_CAP_ARM_PMU_V3,
	  BIT(KVM_ARM_VCPU_PMU_V3), false, false, 0, EINVAL, init_pmu },
	{ "PMU without an interrupt, but an interrupt controller",
	  KVM_CAP_ARM_PMU_V3, BIT(KVM_ARM_VCPU_PMU_V3), true, false, 0, EINVAL,
	  init_pmu_irq },
	{ "SVE that is not finalized", KVM_CAP_ARM_SVE, BIT(KVM_ARM_VCPU_SVE),
	  false, false, 0, EPERM, finalize_sve },
	{ "vCPU that is not initialised, beside one that is", 0, 0, false, true,
	  1, ENOEXEC, init_vcpu_1 },
};

static int set_reg(u64 id, u64 val)
{
	return one_reg_set(vcpus[0], id, val);
}

/* Write every value of each bitmap. In the end all services are off. */
static void expect_bitmaps_change(void)
{
	u64 val;
	int nr;

	for (nr = FW_FIRST_BMAP; nr < NR_FW_REGS; nr++) {
		for (val = fw_regs[nr].features + 1; val-- > 0; )
			fw_expect_set(vcpus[0], nr, val, 0, val);
	}
}

/* Turn AES, which all of these CPUs have, off and on; in the end it is off. */
static void expect_id_reg_changes(void)
{
	u64 id = IMAGE_SYS_REG(ID_AA64ISAR0_EL1), now;
	u64 none = vcpu_get_reg(vcpus[0], id) & ~ID_AA64ISAR0_EL1_AES;
	const struct {
		u64 val;
		int err;
		u64 after;
	} writes[] = {
		{ none, 0, none },
		{ none | AES, 0, none | AES },
		{ none | ID_AA64ISAR0_EL1_AES, EINVAL, none | AES },
		{ none, 0, none },
	};
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(writes); i++) {
		ret = set_reg(id, writes[i].val);
		now = vcpu_get_reg(vcpus[0], id);
		test_expect(ret == writes[i].err && now == writes[i].after,
			    "ID_AA64ISAR0_EL1 <- %#lx: %s, reads %#lx",
			    writes[i].val, strerror(ret), now);
	}
}

static void expect_run_fails(const struct failure *f)
{
	int ret = __vcpu_run(vcpus[f->vcpu]) ? errno : 0;

	test_expect(ret == f->err, "KVM_RUN: %s, expected %s",
		    strerror(ret), strerror(f->err));
}

static void expect_frozen(void)
{
	u64 id = IMAGE_SYS_REG(ID_AA64ISAR0_EL1), val = vcpu_get_reg(vcpus[0],
								     id);
	int nr, ret;

	for (nr = FW_FIRST_BMAP; nr < NR_FW_REGS; nr++) {
		fw_expect_set(vcpus[0], nr, 0, 0, 0);
		fw_expect_set(vcpus[0], nr, 1, EBUSY, 0);
	}
	ret = set_reg(id, val);
	test_expect(!ret, "the same ID register: %s", strerror(ret));
	ret = set_reg(id, val | AES);
	test_expect(ret == EBUSY, "another ID register: %s", strerror(ret));
	ret = smccc_set_filter(vm, 0xc2000000, 1, KVM_SMCCC_FILTER_DENY);
	test_expect(ret == EBUSY, "filter: %s", strerror(ret));
}

static void begin(const struct failure *f)
{
	u32 features = PSCI_0_2 | f->features;

	vm = smccc_vm_create_empty(features);
	gic_fd = -1;
	if (f->has_raw_vcpu) {
		smccc_vm_add_vcpus(vm, 1, features, vcpus);
		vcpus[1] = __vm_vcpu_add(vm, 1);
	} else {
		smccc_vm_add_vcpus(vm, 2, features, vcpus);
	}
	if (f->has_gic)
		gic_fd = smccc_add_gic(vm, smccc_gic_type(), 2);
}

static void end(void)
{
	if (gic_fd >= 0)
		close(gic_fd);
	kvm_vm_free(vm);
}

static void check_failure(int nr)
{
	const struct failure *f = &failures[nr];
	struct smccc_call c;
	u64 isar0;
	int i, ret;

	if (f->cap && !kvm_has_cap(f->cap)) {
		test_skip("the host has none");
		return;
	}

	begin(f);
	for (i = 0; i < 3; i++) {
		expect_run_fails(f);
		expect_bitmaps_change();
		expect_id_reg_changes();
		fw_expect_set(vcpus[0], FW_PSCI_VERSION, fw_psci_versions[i], 0,
			      fw_psci_versions[i]);
		ret = smccc_set_filter(vm, 0xc3000000 + i, 1,
				       KVM_SMCCC_FILTER_FWD_TO_USER);
		test_expect(!ret, "filter: %s", strerror(ret));
	}
	isar0 = vcpu_get_reg(vcpus[0], IMAGE_SYS_REG(ID_AA64ISAR0_EL1));

	/* The guest must see what was written last. */
	f->repair();
	c = smccc_call(vcpus[0], SMCCC_HVC, TRNG_VERSION, 0, 0, 0);
	smccc_expect_refused(&c);
	c = smccc_call(vcpus[0], SMCCC_HVC, VENDOR_HYP_UID, 0, 0, 0);
	smccc_expect_refused(&c);
	c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0);
	smccc_expect(&c, .x = { fw_psci_versions[2] });
	for (i = 0; i < 3; i++) {
		c = smccc_call(vcpus[0], SMCCC_HVC, 0xc3000000 + i, 0, 0, 0);
		smccc_expect(&c, .x = { 0xc3000000 + i },
			     .exit = KVM_EXIT_HYPERCALL);
		smccc_call_run(&c);
	}
	test_expect(smccc_mrs(vcpus[0], SYS_ID_AA64ISAR0_EL1) == isar0,
		    "the guest's ID register is not %#lx", isar0);
	expect_frozen();
	end();
}

/* ---- How the first run changes ID_AA64PFR0_EL1.GIC ---- */

static const struct gic_field {
	const char *name;
	/* KVM_DEV_TYPE_ARM_VGIC_*, or 0 */
	u32 type;
	/* What is written, as far as the host has it, and the result */
	u64 written;
	u64 after;
} gic_fields_written[] = {
	{ "GIC = 0 is written, but there is a GICv3: it is 1",
	  KVM_DEV_TYPE_ARM_VGIC_V3, 0, 1 },
	{ "GIC = 1 is written, and there is a GICv3: it is 1",
	  KVM_DEV_TYPE_ARM_VGIC_V3, 1, 1 },
	{ "GIC = 0 is written, and there is a GICv2: it is 0",
	  KVM_DEV_TYPE_ARM_VGIC_V2, 0, 0 },
	{ "GIC = 0 is written, and there is no interrupt controller: it is 0",
	  0, 0, 0 },
	{ "GIC is left alone, but there is no interrupt controller: it is 0",
	  0, ~0UL, 0 },
};

static void check_gic_field(int nr)
{
	const struct gic_field *g = &gic_fields_written[nr];
	u64 id = IMAGE_SYS_REG(ID_AA64PFR0_EL1), val, want;
	int ret;

	if (g->type && !smccc_has_gic(g->type)) {
		test_skip("the host has no such interrupt controller");
		return;
	}

	begin(&(struct failure) {});
	if (g->type)
		gic_fd = smccc_add_gic(vm, g->type, 2);

	val = vcpu_get_reg(vcpus[0], id);
	if (g->written != ~0UL) {
		val &= ~ID_AA64PFR0_EL1_GIC;
		val |= g->written << ID_AA64PFR0_EL1_GIC_SHIFT;
		ret = set_reg(id, val);
		test_expect(!ret, "GIC = %lu: %s", g->written, strerror(ret));
		val = vcpu_get_reg(vcpus[1], id);
		test_expect(FIELD_GET(ID_AA64PFR0_EL1_GIC, val) == g->written,
			    "GIC = %lu reads %#lx", g->written, val);
	}

	want = val & ~ID_AA64PFR0_EL1_GIC;
	want |= g->after << ID_AA64PFR0_EL1_GIC_SHIFT;
	test_expect(smccc_mrs(vcpus[0], SYS_ID_AA64PFR0_EL1) == want,
		    "the guest does not read %#lx", want);
	val = vcpu_get_reg(vcpus[1], id);
	test_expect(val == want, "it reads %#lx, not %#lx", val, want);

	/* This value is frozen. */
	ret = set_reg(id, want);
	test_expect(!ret, "the same value: %s", strerror(ret));
	ret = set_reg(id, want ^ BIT(ID_AA64PFR0_EL1_GIC_SHIFT));
	test_expect(ret == EBUSY, "the other value: %s", strerror(ret));
	end();
}

int main(void)
{
	struct test_case c;
	int i;

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(failures) + ARRAY_SIZE(gic_fields_written));

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		c = (struct test_case) { failures[i].name, check_failure, i };
		test_run_cases(&c, 1);
	}
	for (i = 0; i < ARRAY_SIZE(gic_fields_written); i++) {
		c = (struct test_case) { gic_fields_written[i].name,
				       check_gic_field, i };
		test_run_cases(&c, 1);
	}

	test_finished();
}
