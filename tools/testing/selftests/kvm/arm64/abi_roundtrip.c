// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_roundtrip - Move a VM from one implementation of the ABI to another.
 *
 * As a VMM does it: while one implementation serves, all registers of
 * KVM_GET_REG_LIST are read from the source; while another one serves, they are
 * written to a destination that was only set up with KVM_ARM_VCPU_INIT. The
 * memory is copied, and the guest goes on in the destination where it stopped
 * in the source. Whichever implementation served which side:
 *
 *  - the destination lists the same registers and they read the same;
 *  - after one more round of the guest in each of the two VMs they still do;
 *  - the guest sees the same PSCI, SMCCC services, and ID registers.
 *
 * The registers are written in the order of the list and in shuffled orders.
 * The sources are fresh VMs, VMs configured with less than the host has, and
 * VMs whose guest has run, with each vCPU feature; all without a GIC, which has
 * no registers in the list. On a kernel without the switch VMs are moved within
 * its only implementation.
 */
#include <errno.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/reg_image.h"
#include "abi/switch.h"
#include "processor.h"
#include "ucall_common.h"

#define NR_VCPUS	2
#define NR_CCSIDR	14

#define NOT_THERE	0xbad0bad000000000UL

/* All results are compared, but only the presence of @value_varies calls. */
static const struct guest_call {
	u64 fn;
	u64 arg;
	bool value_varies;
} guest_calls[] = {
	{ ARM_SMCCC_TRNG_RND64, 64, true },
	{ ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID, KVM_PTP_VIRT_COUNTER, true },
	{ PSCI_0_2_FN_PSCI_VERSION },
	{ ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID },
	{ ARM_SMCCC_TRNG_VERSION },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_HV_PV_TIME_FEATURES },
	{ ARM_SMCCC_HV_PV_TIME_FEATURES, ARM_SMCCC_HV_PV_TIME_FEATURES },
	{ ARM_SMCCC_HV_PV_TIME_FEATURES, ARM_SMCCC_HV_PV_TIME_ST },
	{ ARM_SMCCC_HV_PV_TIME_ST },
	{ ARM_SMCCC_TRNG_FEATURES, ARM_SMCCC_TRNG_RND64 },
	{ ARM_SMCCC_TRNG_GET_UUID },
	{ ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID },
	{ ARM_SMCCC_VERSION_FUNC_ID },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_1 },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_2 },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_3 },
	{ PSCI_0_2_FN_MIGRATE_INFO_TYPE },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN64_CPU_SUSPEND },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN64_CPU_ON },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN_SYSTEM_RESET },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_0_FN64_SYSTEM_SUSPEND },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_1_FN64_SYSTEM_RESET2 },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_3_FN64_SYSTEM_OFF2 },
	{ PSCI_1_0_FN_PSCI_FEATURES, ARM_SMCCC_VERSION_FUNC_ID },
};

enum { CALL_PSCI_VERSION = 2, CALL_FEATURES, CALL_TRNG, CALL_PV_TIME };

struct guest_view {
	u64 round;
	u64 id[NR_ID_REGS];
	u64 ccsidr[NR_CCSIDR];
	struct fw_regs4 call[ARRAY_SIZE(guest_calls)];
};

/* Each VM's copy is in its memory, and moves with it. */
static struct guest_view views[NR_VCPUS];

/* Missing registers: UNDEFINED, or with FEAT_IDST a trap */
static void guest_skip_undefined(struct ex_regs *regs)
{
	u32 insn = *(u32 *)regs->pc;

	regs->regs[insn & 0x1f] = NOT_THERE;
	regs->pc += 4;
}

/* Read all registers of these CRm to @ids, in order. */
#define guest_read_ids(ids, op1, crms)					\
do {									\
	u64 *__p = (ids), __val;					\
									\
	asm volatile("	.irp	crm, " crms "\n"			\
		     "	.irp	op2, 0, 1, 2, 3, 4, 5, 6, 7\n"		\
		     "	mrs	%1, S3_" #op1 "_C0_C\\crm\\()_\\op2\n"	\
		     "	str	%1, [%0], #8\n"				\
		     "	.endr\n"					\
		     "	.endr\n"					\
		     : "+r" (__p), "=&r" (__val) : : "memory");		\
} while (0)

static void guest_take_view(struct guest_view *v)
{
	struct fw_regs4 r;
	u64 round;
	int i;

	/* Only this register has the number: the guest has gone on. */
	round = read_sysreg(tpidr_el0) + 1;
	write_sysreg(round, tpidr_el0);
	v->round = round;

	/* CCSIDR_EL1 below is that of the last selector. */
	for (i = 0; i < NR_CCSIDR; i++) {
		write_sysreg(i, csselr_el1);
		isb();
		v->ccsidr[i] = read_sysreg(ccsidr_el1);
	}

	guest_read_ids(v->id, 0, "0, 1, 2, 3, 4, 5, 6, 7");
	guest_read_ids(v->id + id_nr(SYS_CCSIDR_EL1), 1, "0");
	guest_read_ids(v->id + id_nr(SYS_CTR_EL0) - 1, 3, "0");

	for (i = 0; i < ARRAY_SIZE(guest_calls); i++) {
		r = (struct fw_regs4) { { guest_calls[i].fn, guest_calls[i].arg,
					  FW_POISON, FW_POISON } };
		fw_smccc(&r);
		if (guest_calls[i].value_varies)
			r = (struct fw_regs4) {
				{ r.x[0] == (u64)SMCCC_RET_NOT_SUPPORTED } };
		v->call[i] = r;
	}

	/* One timer has expired, the other never will; both are masked. */
	write_sysreg(1, cntv_cval_el0);
	write_sysreg(IMAGE_CTL_ENABLE_IMASK, cntv_ctl_el0);
	write_sysreg(~0UL - round, cntp_cval_el0);
	write_sysreg(IMAGE_CTL_ENABLE_IMASK, cntp_ctl_el0);
	isb();
}

/* No ucall structures: they have addresses of the VM that made them. */
static void guest_code(void)
{
	for (;;) {
		guest_take_view(&views[guest_get_vcpuid()]);
		GUEST_UCALL_NONE();
	}
}

/* ---- What it is expected to see ---- */

/* What the guest has seen agrees with the registers. */
static void expect_view_agrees(const struct guest_view *v,
			       const struct reg_image *img)
{
	const struct image_reg *r;
	u64 fw[NR_FW_REGS];
	int i, nr;

	for (i = 0; i < img->n; i++) {
		r = &img->reg[i];
		nr = image_id_reg_nr(r->id);
		if (nr >= 0)
			test_expect(v->id[nr] == r->val[0],
				    "%s: guest reads %#lx of %s, expected %#lx",
				    image_context(), v->id[nr], id_name(nr),
				    r->val[0]);
		if ((r->id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_DEMUX)
			test_expect(v->ccsidr[r->id & 0xff] == r->val[0],
				    "%s: guest reads CCSIDR %#lx of %#lx, expected %#lx",
				    image_context(), v->ccsidr[r->id & 0xff],
				    r->id, r->val[0]);
	}

	for (i = 0; i < NR_FW_REGS; i++)
		fw[i] = image_find(img, fw_regs[i].id)->val[0];

	test_expect(v->call[CALL_PSCI_VERSION].x[0] == fw[FW_PSCI_VERSION],
		    "%s: guest has PSCI %#lx", image_context(),
		    v->call[CALL_PSCI_VERSION].x[0]);
	test_expect(v->call[CALL_FEATURES].x[0] == fw[FW_VENDOR_HYP] &&
		    v->call[CALL_FEATURES].x[2] == fw[FW_VENDOR_HYP_2],
		    "%s: guest has vendor features %#lx, %#lx", image_context(),
		    v->call[CALL_FEATURES].x[0], v->call[CALL_FEATURES].x[2]);
	test_expect(v->call[CALL_TRNG].x[0] ==
		    (fw[FW_STD] ? 0x10000 : (u64)SMCCC_RET_NOT_SUPPORTED),
		    "%s: guest has TRNG %#lx", image_context(),
		    v->call[CALL_TRNG].x[0]);
	test_expect(v->call[CALL_PV_TIME].x[0] ==
		    (fw[FW_STD_HYP] ? 0 : (u64)SMCCC_RET_NOT_SUPPORTED),
		    "%s: guest has PV time %#lx", image_context(),
		    v->call[CALL_PV_TIME].x[0]);
}

static void expect_same_view(const struct guest_view *v,
			     const struct guest_view *want)
{
	const u64 *r, *w;
	int i;

	test_expect(v->round == want->round, "%s: round %#lx, expected %#lx",
		    image_context(), v->round, want->round);
	for (i = 0; i < ARRAY_SIZE(v->id); i++)
		test_expect(v->id[i] == want->id[i],
			    "%s: guest reads %#lx of %s, expected %#lx",
			    image_context(), v->id[i], id_name(i), want->id[i]);
	for (i = 0; i < NR_CCSIDR; i++)
		test_expect(v->ccsidr[i] == want->ccsidr[i],
			    "%s: guest reads CCSIDR %#lx, expected %#lx",
			    image_context(), v->ccsidr[i], want->ccsidr[i]);
	for (i = 0; i < ARRAY_SIZE(guest_calls); i++) {
		r = v->call[i].x;
		w = want->call[i].x;
		test_expect(!memcmp(r, w, sizeof(v->call[i])),
			    "%s: call %#lx(%#lx): %lx %lx %lx %lx, expected %lx %lx %lx %lx",
			    image_context(), guest_calls[i].fn,
			    guest_calls[i].arg,
			    r[0], r[1], r[2], r[3], w[0], w[1], w[2], w[3]);
	}
}

#define ST_GPA_BASE	BIT(30)

static const struct feature {
	const char *name;
	unsigned int caps[2];
	u32 bits;
} features[] = {
	{ "PSCI 0.2" },
	{ "SVE", { KVM_CAP_ARM_SVE }, BIT(KVM_ARM_VCPU_SVE) },
	{ "PMU", { KVM_CAP_ARM_PMU_V3 }, BIT(KVM_ARM_VCPU_PMU_V3) },
	{ "PTRAUTH",
	  { KVM_CAP_ARM_PTRAUTH_ADDRESS, KVM_CAP_ARM_PTRAUTH_GENERIC },
	  BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS) |
	  BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC) },
};

enum { FEAT_NONE, FEAT_SVE, FEAT_PMU, FEAT_PTRAUTH };

struct moved_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[NR_VCPUS];
	const struct feature *feat;
};

static bool has_feature(int nr)
{
	const struct feature *feat = &features[nr];
	int i;

	for (i = 0; i < ARRAY_SIZE(feat->caps); i++) {
		if (feat->caps[i] && !kvm_has_cap(feat->caps[i]))
			return false;
	}

	return true;
}

/* The address of PV time is not a register. */
static void vm_init_steal_time(struct moved_vm *m)
{
	u64 ipa = ST_GPA_BASE;
	int i;

	vm_userspace_mem_region_add(m->vm, VM_MEM_SRC_ANONYMOUS, ipa, 1,
				    vm_calc_num_guest_pages(m->vm->mode,
							    NR_VCPUS * 64), 0);
	for (i = 0; i < NR_VCPUS; i++, ipa += 64)
		vcpu_device_attr_set(m->vcpu[i], KVM_ARM_VCPU_PVTIME_CTRL,
				     KVM_ARM_VCPU_PVTIME_IPA, &ipa);
}

/* Not finalized yet. A destination has no entry point, no page tables, ... */
static struct moved_vm vm_new(int feat, bool is_destination)
{
	struct moved_vm m = { .vm = vm_create(NR_VCPUS),
			      .feat = &features[feat] };
	struct kvm_vcpu_init init = {};
	int i;

	/* A VMM enables this on both sides or on none. */
	if (kvm_has_cap(KVM_CAP_ARM_WRITABLE_IMP_ID_REGS))
		vm_enable_cap(m.vm, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);

	vm_ioctl(m.vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= BIT(KVM_ARM_VCPU_PSCI_0_2) | m.feat->bits;

	if (!is_destination) {
		vm_init_descriptor_tables(m.vm);
		vm_install_sync_handler(m.vm, VECTOR_SYNC_CURRENT,
					ESR_ELx_EC_UNKNOWN,
					guest_skip_undefined);
		vm_install_sync_handler(m.vm, VECTOR_SYNC_CURRENT,
					ESR_ELx_EC_SYS64, guest_skip_undefined);
	}

	for (i = 0; i < NR_VCPUS; i++) {
		if (is_destination) {
			m.vcpu[i] = __vm_vcpu_add(m.vm, i);
			m.vcpu[i]->init = init;
			vcpu_ioctl(m.vcpu[i], KVM_ARM_VCPU_INIT, &init);
		} else {
			m.vcpu[i] = aarch64_vcpu_add(m.vm, i, &init,
						     guest_code);
			vcpu_init_descriptor_tables(m.vcpu[i]);
		}
	}

	for (i = 0; feat == FEAT_PMU && i < NR_VCPUS; i++)
		vcpu_device_attr_set(m.vcpu[i], KVM_ARM_VCPU_PMU_V3_CTRL,
				     KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	if (kvm_has_cap(KVM_CAP_STEAL_TIME))
		vm_init_steal_time(&m);

	return m;
}

static void vcpu_finalize(struct kvm_vcpu *vcpu)
{
	int feature = KVM_ARM_VCPU_SVE;

	if (vcpu->init.features[0] & BIT(KVM_ARM_VCPU_SVE))
		vcpu_ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &feature);
}

/* Run one round of the guest on each vCPU, and complete its exit. */
static void vm_run_round(struct moved_vm *m)
{
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		vcpu_run(m->vcpu[i]);
		TEST_ASSERT(m->vcpu[i]->run->exit_reason == KVM_EXIT_MMIO,
			    "%s: exit reason %s", image_context(),
			    exit_reason_str(m->vcpu[i]->run->exit_reason));
		TEST_ASSERT_EQ(get_ucall(m->vcpu[i], NULL), UCALL_NONE);
		/* The PC is only moved past the store by the next KVM_RUN. */
		vcpu_run_complete_io(m->vcpu[i]);
	}
}

static struct guest_view *vm_views(struct moved_vm *m)
{
	return addr_gva2hva(m->vm, (gva_t)views);
}

static void images_read(struct moved_vm *m, struct reg_image img[NR_VCPUS])
{
	int i;

	for (i = 0; i < NR_VCPUS; i++)
		img[i] = image_read(m->vcpu[i]);
}

static void images_free(struct reg_image img[NR_VCPUS])
{
	int i;

	for (i = 0; i < NR_VCPUS; i++)
		free(img[i].reg);
}

static void expect_images(struct moved_vm *m,
			  const struct reg_image want[NR_VCPUS], bool has_run,
			  const char *when)
{
	int i;

	for (i = 0; i < NR_VCPUS; i++)
		image_expect(m->vcpu[i], &want[i], has_run, when);
}

/* ---- Configuring the source ---- */

/* Fields to be cleared as far as they are writable */
static const struct {
	u32 reg;
	u64 fields;
} lowered[] = {
	{ SYS_ID_AA64ISAR0_EL1,
	  ID_AA64ISAR0_EL1_RNDR | ID_AA64ISAR0_EL1_FHM | ID_AA64ISAR0_EL1_DP |
	  ID_AA64ISAR0_EL1_SHA3 | ID_AA64ISAR0_EL1_SHA2 |
	  ID_AA64ISAR0_EL1_AES },
	{ SYS_ID_AA64ISAR1_EL1,
	  ID_AA64ISAR1_EL1_I8MM | ID_AA64ISAR1_EL1_BF16 |
	  ID_AA64ISAR1_EL1_LRCPC | ID_AA64ISAR1_EL1_DPB },
	{ SYS_ID_AA64PFR0_EL1, ID_AA64PFR0_EL1_CSV3 | ID_AA64PFR0_EL1_DIT },
	/* Without SSBS the VM may have another level of WORKAROUND_2. */
	{ SYS_ID_AA64PFR1_EL1, ID_AA64PFR1_EL1_SSBS },
	{ SYS_ID_AA64MMFR2_EL1, ID_AA64MMFR2_EL1_E0PD | ID_AA64MMFR2_EL1_ST },
	/* Without these TCR2_EL1, PIR_EL1, ... are not listed. */
	{ SYS_ID_AA64MMFR3_EL1,
	  ID_AA64MMFR3_EL1_TCRX | ID_AA64MMFR3_EL1_S1PIE |
	  ID_AA64MMFR3_EL1_S1POE | ID_AA64MMFR3_EL1_SCTLRX },
	{ SYS_CTR_EL0, CTR_EL0_DIC | CTR_EL0_IDC },
};

static const u64 configured_fw[][NR_FW_REGS] = {
	{ [FW_PSCI_VERSION] = PSCI_VERSION(1, 1), [FW_STD] = 0,
	  [FW_STD_HYP] = 1, [FW_VENDOR_HYP] = 1, [FW_VENDOR_HYP_2] = 3 },
	{ [FW_PSCI_VERSION] = PSCI_VERSION(0, 2), [FW_STD] = 1,
	  [FW_STD_HYP] = 0, [FW_VENDOR_HYP] = 3, [FW_VENDOR_HYP_2] = 2 },
};

/* The guest does not use these, except TPIDR_EL0, its counter. */
static const u64 filled[] = {
	IMAGE_SYS_REG(TPIDR_EL0), IMAGE_SYS_REG(TPIDRRO_EL0),
	IMAGE_SYS_REG(TTBR1_EL1), IMAGE_SYS_REG(FAR_EL1),
	ARM64_SYS_REG(2, 0, 0, 0, 4),	/* DBGBVR0_EL1 */
	ARM64_SYS_REG(2, 0, 0, 1, 6),	/* DBGWVR1_EL1 */
	IMAGE_SYS_REG(APIAKEYLO_EL1), IMAGE_SYS_REG(APIAKEYHI_EL1),
	IMAGE_SYS_REG(APGAKEYLO_EL1),
	ARM64_SYS_REG(3, 3, 14, 8, 0),	/* PMEVCNTR0_EL0 */
	IMAGE_SYS_REG(PMCCNTR_EL0),
};

static bool is_filled(u64 id)
{
	u64 size = id & KVM_REG_SIZE_MASK;
	int i;

	/* V, Z and P registers; not all values are legal in FFR. */
	if (size == KVM_REG_SIZE_U128 || size == KVM_REG_SIZE_U2048 ||
	    (size == KVM_REG_SIZE_U256 && id != KVM_REG_ARM64_SVE_FFR(0)))
		return true;

	for (i = 0; i < ARRAY_SIZE(filled); i++) {
		if (filled[i] == id)
			return true;
	}

	return false;
}

static void fill_registers(struct kvm_vcpu *vcpu, struct kvm_random_state *rng)
{
	struct reg_image img = image_read(vcpu);
	int i, j;

	for (i = 0; i < img.n; i++) {
		if (!is_filled(img.reg[i].id))
			continue;
		/* 31 bits, as PMEVCNTR0_EL0 may have only 32. */
		for (j = 0; j < IMAGE_REG_WORDS; j++)
			img.reg[i].val[j] = kvm_random_u32(rng) >> 1;
		TEST_ASSERT(!image_access_reg(vcpu, KVM_SET_ONE_REG,
					      &img.reg[i]),
			    "%#lx cannot be filled", img.reg[i].id);
	}

	free(img.reg);
}

static void change_reg(struct kvm_vcpu *vcpu, u64 id, u64 clear, u64 set)
{
	vcpu_set_reg(vcpu, id, (vcpu_get_reg(vcpu, id) & ~clear) | set);
}

/* The second longest SVE vector, if there are two */
static void configure_sve(struct kvm_vcpu *vcpu)
{
	struct image_reg r = { .id = KVM_REG_ARM64_SVE_VLS };
	int i;

	TEST_ASSERT(!image_access_reg(vcpu, KVM_GET_ONE_REG, &r), "No SVE_VLS");
	for (i = KVM_ARM64_SVE_VLS_WORDS - 1; i > 0 && !r.val[i]; i--)
		;
	if (i || r.val[0] & (r.val[0] - 1))
		r.val[i] &= ~BIT(63 - __builtin_clzl(r.val[i]));
	TEST_ASSERT(!image_access_reg(vcpu, KVM_SET_ONE_REG, &r),
		    "The SVE vector length cannot be lowered");
}

static void configure_id_regs(struct moved_vm *m, struct kvm_vcpu *vcpu)
{
	u64 masks[NR_ID_REGS] = {};
	struct reg_mask_range range = { .addr = (u64)masks };
	int i, nr;

	vm_ioctl(m->vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &range);
	for (i = 0; i < ARRAY_SIZE(lowered); i++) {
		nr = id_nr(lowered[i].reg);
		change_reg(vcpu, id_reg(nr), lowered[i].fields & masks[nr], 0);
	}

	if (kvm_has_cap(KVM_CAP_ARM_WRITABLE_IMP_ID_REGS)) {
		change_reg(vcpu, IMAGE_SYS_REG(MIDR_EL1), 0xff0000f, 0x1230004);
		change_reg(vcpu, IMAGE_SYS_REG(REVIDR_EL1), 0, 0x567);
		change_reg(vcpu, IMAGE_SYS_REG(AIDR_EL1), 0, 0x89);
	}
}

/* Configure less than the host has; VM-wide registers through any vCPU. */
static void vm_configure(struct moved_vm *m, int variant)
{
	struct kvm_random_state rng = new_kvm_random_state(variant + 1);
	struct kvm_vcpu *vcpu = m->vcpu[variant % NR_VCPUS];
	int i;

	configure_id_regs(m, vcpu);
	for (i = 0; i < NR_FW_REGS; i++) {
		if (i == FW_PSCI_VERSION || i >= FW_FIRST_BMAP)
			vcpu_set_reg(vcpu, fw_regs[i].id,
				     configured_fw[variant % 2][i]);
	}

	for (i = 0; i < NR_VCPUS; i++) {
		vcpu = m->vcpu[i];
		fill_registers(vcpu, &rng);
		change_reg(vcpu, IMAGE_SYS_REG(MPIDR_EL1), 0, BIT(8));
		/* CCSIDR 0: longer lines */
		change_reg(vcpu, KVM_REG_ARM64 | KVM_REG_SIZE_U32 |
			   KVM_REG_ARM_DEMUX | KVM_REG_ARM_DEMUX_ID_CCSIDR,
			   0x7, 0x7);
		/* One counter less, if there are any */
		if (m->feat == &features[FEAT_PMU] &&
		    vcpu_get_reg(vcpu,
				 IMAGE_SYS_REG(PMCR_EL0)) & (0x1f << 11) && !i)
			vcpu_set_reg(vcpu, IMAGE_SYS_REG(PMCR_EL0),
				     vcpu_get_reg(vcpu,
						  IMAGE_SYS_REG(PMCR_EL0)) -
				     BIT(11));
	}
}

/* A source whose guest has run @rounds rounds */
static struct moved_vm vm_new_source(int feat, bool configured, int variant,
				     int rounds)
{
	struct moved_vm m = vm_new(feat, false);
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		if (feat == FEAT_SVE && configured)
			configure_sve(m.vcpu[i]);
		vcpu_finalize(m.vcpu[i]);
	}
	if (configured)
		vm_configure(&m, variant);
	while (rounds--)
		vm_run_round(&m);

	return m;
}

/* ---- Writing the destination ---- */

/*
 * Only these registers have to be written in a certain order. For all others
 * any order works, also for some that seem to depend on others:
 *
 *  - PMCR_EL0.N limits what PMCNTENSET_EL0 and others keep of a write, but what
 *    the source has read is within its own limit, and it only ever goes down;
 *  - CLIDR_EL1 and CCSIDR are checked against the host's CTR_EL0, not the VM's;
 *  - an ID register may hide others, TCR2_EL1 for instance, but then these are
 *    hidden in the source too, and are not written;
 *  - PSTATE makes KVM cut the general purpose registers to 32 bits if it is
 *    that of AArch32, which it is not here.
 *
 * restore_vcpu() handles SVE: KVM_REG_ARM64_SVE_VLS must be written before
 * KVM_ARM_VCPU_FINALIZE, and all other SVE registers after it.
 */
static const struct {
	u64 id;
	u64 after;
} dependencies[] = {
	/*
	 * If the host mitigates Spectre-v4, a VM without SSBS reads
	 * NOT_REQUIRED, which a VM that (still) has SSBS does not accept. The
	 * list has them the other way round.
	 */
	{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, IMAGE_SYS_REG(ID_AA64PFR1_EL1) },
};

static int position(const struct reg_image *img, const int *order, u64 id)
{
	int i;

	for (i = 0; i < img->n && img->reg[order[i]].id != id; i++)
		;

	return i;
}

/* The order of the list if @seed is 0. */
static int *new_order(const struct reg_image *img, u32 seed)
{
	struct kvm_random_state rng = new_kvm_random_state(seed);
	int *order = calloc(img->n, sizeof(*order));
	int i, j, from, to, moved;

	TEST_ASSERT(order, "Out of memory");
	for (i = 0; i < img->n; i++) {
		j = seed ? kvm_random_u32(&rng) % (i + 1) : i;
		order[i] = order[j];
		order[j] = i;
	}

	for (i = 0; i < ARRAY_SIZE(dependencies); i++) {
		from = position(img, order, dependencies[i].id);
		to = position(img, order, dependencies[i].after);
		TEST_ASSERT(from < img->n && to < img->n, "Not in the list");
		if (from > to)
			continue;
		moved = order[from];
		memmove(order + from, order + from + 1,
			(to - from) * sizeof(*order));
		order[to] = moved;
	}

	return order;
}

static void restore_reg(struct kvm_vcpu *vcpu, struct image_reg *r)
{
	int ret = image_access_reg(vcpu, KVM_SET_ONE_REG, r);

	test_expect(!ret, "%s: vCPU %u: %#lx <- %#lx: %s", image_context(),
		    vcpu->id, r->id, r->val[0], strerror(ret));
}

static void restore_vcpu(struct kvm_vcpu *vcpu, struct reg_image *img, u32 seed)
{
	struct image_reg *vls = image_find(img, KVM_REG_ARM64_SVE_VLS);
	int *order = new_order(img, seed);
	int i;

	if (vls)
		restore_reg(vcpu, vls);
	vcpu_finalize(vcpu);

	for (i = 0; i < img->n; i++) {
		if (&img->reg[order[i]] != vls)
			restore_reg(vcpu, &img->reg[order[i]]);
	}

	free(order);
}

/*
 * Then the images have the time at which the counters were written. The
 * counters belong to the VM: in all vCPUs they go on from what was written
 * last, through the last vCPU.
 */
static void vm_restore(struct moved_vm *m, struct reg_image img[NR_VCPUS],
		       u32 seed)
{
	static const u64 counters[] = {
		KVM_REG_ARM_TIMER_CNT, KVM_REG_ARM_PTIMER_CNT,
	};
	int i, j;

	for (i = 0; i < NR_VCPUS; i++)
		restore_vcpu(m->vcpu[i], &img[i], seed);

	for (i = 0; i < NR_VCPUS; i++) {
		for (j = 0; j < ARRAY_SIZE(counters); j++)
			*image_find(&img[i], counters[j]) =
				*image_find(&img[NR_VCPUS - 1], counters[j]);
	}
}

#define NR_SEEDS	3	/* shuffled orders, seeds 1 to this */

/* ---- Moving ---- */

static const struct direction {
	const char *name;
	const char *source;
	const char *destination;
} directions[] = {
	{ "c to rust", "c", "rust" },
	{ "rust to c", "rust", "c" },
	{ "c to c", "c", "c" },
	{ "rust to rust", "rust", "rust" },
	{ "check to check", "check", "check" },
};

static const struct scenario {
	const char *name;
	int feat;
	bool configured;
	int rounds;
} scenarios[] = {
	{ "fresh VM", FEAT_NONE, false, 0 },
	{ "configured VM", FEAT_NONE, true, 0 },
	{ "configured VM that has run", FEAT_NONE, true, 2 },
	{ "VM with SVE that has run", FEAT_SVE, true, 2 },
	{ "VM with a PMU that has run", FEAT_PMU, true, 2 },
	{ "VM with PTRAUTH that has run", FEAT_PTRAUTH, true, 2 },
};

static void set_mode(const char *mode)
{
	if (abi_present())
		abi_set_mode(mode);
}

/* Without a switch, one direction and one mode are enough. */
static bool needs_switch(bool needed)
{
	if (abi_present() || !needed)
		return false;

	test_skip("this kernel has one implementation");
	return true;
}

/* A source when the guest leaves it, and after one more round */
struct departure {
	struct reg_image img[NR_VCPUS], img_next[NR_VCPUS];
	struct guest_view view_next[NR_VCPUS];
	void *mem;
};

static struct userspace_mem_region *vm_memory(struct moved_vm *m)
{
	return memslot2region(m->vm, 0);
}

static void depart(struct moved_vm *src, struct departure *d)
{
	struct userspace_mem_region *mem = vm_memory(src);
	int i;

	images_read(src, d->img);
	image_expect_vm_wide(&d->img[0], &d->img[1]);

	d->mem = malloc(mem->region.memory_size);
	TEST_ASSERT(d->mem, "Out of memory");
	memcpy(d->mem, mem->host_mem, mem->region.memory_size);

	vm_run_round(src);
	images_read(src, d->img_next);
	memcpy(d->view_next, vm_views(src), sizeof(d->view_next));
	for (i = 0; i < NR_VCPUS; i++) {
		image_expect_vm_wide_kept(&d->img[i], &d->img_next[i]);
		expect_view_agrees(&d->view_next[i], &d->img_next[i]);
	}
}

static void depart_free(struct departure *d)
{
	images_free(d->img);
	images_free(d->img_next);
	free(d->mem);
}

static void arrive(struct moved_vm *dst, struct departure *d, u32 seed)
{
	struct userspace_mem_region *mem = vm_memory(dst);

	vm_restore(dst, d->img, seed);
	memcpy(mem->host_mem, d->mem, mem->region.memory_size);
}

/* Take the values of counters, which go on counting, from @from. */
static void take_counters(struct reg_image to[NR_VCPUS],
			  const struct reg_image from[NR_VCPUS])
{
	int i, j;

	for (i = 0; i < NR_VCPUS; i++) {
		for (j = 0; j < from[i].n; j++) {
			if (image_is_counter(from[i].reg[j].id))
				*image_find(&to[i], from[i].reg[j].id) =
					from[i].reg[j];
		}
	}
}

static void check_move(int arg)
{
	const struct direction *dir = &directions[arg % ARRAY_SIZE(directions)];
	const struct scenario *sc = &scenarios[arg / ARRAY_SIZE(directions)];
	struct moved_vm src, dst;
	struct departure d;
	bool same;
	u32 seed;
	int i;

	if (!has_feature(sc->feat)) {
		test_skip("not on this host");
		return;
	}
	if (needs_switch(dir != directions))
		return;

	image_set_context("source");
	/* Calls that are not counted are served by other functions. */
	abi_set_count(arg / ARRAY_SIZE(directions) % 2);
	set_mode(dir->source);
	src = vm_new_source(sc->feat, sc->configured, arg, sc->rounds);
	depart(&src, &d);

	set_mode(dir->destination);
	/* Controls, within one implementation: one order is enough. */
	same = abi_present() && !strcmp(dir->source, dir->destination);
	for (seed = 0; seed <= (same ? 0 : NR_SEEDS); seed++) {
		image_set_context(seed == 0 ? "order of the list" :
			  seed == 1 ? "seed 1" :
			  seed == 2 ? "seed 2" : "seed 3");
		dst = vm_new(sc->feat, true);
		arrive(&dst, &d, seed);
		expect_images(&dst, d.img, false, "written");

		vm_run_round(&dst);
		take_counters(d.img_next, d.img);
		expect_images(&dst, d.img_next, true, "run");
		for (i = 0; i < NR_VCPUS; i++)
			expect_same_view(&vm_views(&dst)[i], &d.view_next[i]);

		/* The reading implementation must not matter either. */
		if (!same) {
			set_mode(dir->source);
			expect_images(&dst, d.img_next, true, "read by source");
			set_mode(dir->destination);
		}
		kvm_vm_free(dst.vm);
	}

	depart_free(&d);
	kvm_vm_free(src.vm);
}

/* ---- Refused writes ---- */

static const char * const modes[] = { "c", "rust", "check" };

static u64 above_host(int nr, u64 level)
{
	if (nr == FW_PSCI_VERSION)
		return FW_PSCI_LATEST + 1;
	if (nr >= FW_FIRST_BMAP)
		return fw_regs[nr].features + 1;
	/* WORKAROUND_2 has two levels with two values each. */
	if (nr == FW_WORKAROUND_2 &&
	    level == KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_AVAIL)
		return KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_AVAIL;
	return level + 1;
}

static void expect_write(struct kvm_vcpu *vcpu, u64 id, u64 val, int want,
			 const char *when)
{
	int ret = one_reg_set(vcpu, id, val);

	test_expect(ret == want,
		    "%s, %s: vCPU %u: %#lx <- %#lx: %s, expected %s",
		    image_context(), when, vcpu->id, id, val, strerror(ret),
		    strerror(want));
}

/*
 * All fields above the host's, in the registers that have the host's value as
 * their limit. The implementation's ID can be anything, and registers of a
 * single vCPU are never frozen.
 */
static void expect_id_regs_refused(struct kvm_vcpu *vcpu,
				   const struct reg_image *img, int want,
				   const char *when)
{
	u64 pfr0 = image_find(img, IMAGE_SYS_REG(ID_AA64PFR0_EL1))->val[0];
	bool has_aarch32 = SYS_FIELD_GET(ID_AA64PFR0_EL1, EL0, pfr0) ==
			   ID_AA64PFR0_EL1_EL0_AARCH32;
	u64 masks[NR_ID_REGS];
	bool ignored;
	int nr;

	id_fill_masks(masks, true);
	for (nr = 0; nr < NR_ID_REGS; nr++) {
		if (!image_find(img, id_reg(nr)) || id_is_mpidr(nr) ||
		    id_is_imp(nr) || nr == id_nr(SYS_CLIDR_EL1))
			continue;

		/* AArch32 registers ignore writes if the host lacks AArch32. */
		ignored = id_is_aarch32(nr) && masks[nr] && !has_aarch32;
		expect_write(vcpu, id_reg(nr), ~0UL, ignored ? 0 : want, when);
	}
}

static void check_refused(int mode)
{
	struct moved_vm src, dst;
	struct departure d;
	struct kvm_vcpu *vcpu;
	u64 id, val;
	int i, n;

	if (needs_switch(mode))
		return;

	image_set_context("refused");
	abi_set_count(mode % 2);
	set_mode(modes[mode]);
	src = vm_new_source(FEAT_NONE, true, mode, 1);
	depart(&src, &d);
	dst = vm_new(FEAT_NONE, true);
	arrive(&dst, &d, 0);

	for (n = 0; n < NR_VCPUS; n++) {
		vcpu = dst.vcpu[n];
		for (i = 0; i < NR_FW_REGS; i++) {
			val = above_host(i, image_find(&d.img[n],
						       fw_regs[i].id)->val[0]);
			expect_write(vcpu, fw_regs[i].id, val, EINVAL,
				     "before the run");
			expect_images(&dst, d.img, false, fw_regs[i].name);
		}
		expect_id_regs_refused(vcpu, &d.img[n], EINVAL,
				       "before the run");
		expect_images(&dst, d.img, false, "ID registers");
	}

	vm_run_round(&dst);
	take_counters(d.img_next, d.img);
	expect_images(&dst, d.img_next, true, "run");

	for (n = 0; n < NR_VCPUS; n++) {
		vcpu = dst.vcpu[n];
		for (i = 0; i < NR_FW_REGS; i++) {
			id = fw_regs[i].id;
			val = image_find(&d.img[n], id)->val[0];
			expect_write(vcpu, id, above_host(i, val), EINVAL,
				     "after the run");
			if (i >= FW_FIRST_BMAP)
				expect_write(vcpu, id,
					     val ^ fw_regs[i].features, EBUSY,
					     "after the run");
		}
		expect_id_regs_refused(vcpu, &d.img[n], EBUSY, "after the run");
		expect_images(&dst, d.img_next, true, "refused after the run");

		/* Write every register back, as a VMM does on reset. */
		for (i = 0; i < d.img_next[n].n; i++) {
			id = d.img_next[n].reg[i].id;
			if (image_is_fw_reg(id) || image_id_reg_nr(id) >= 0)
				expect_write(vcpu, id,
					     d.img_next[n].reg[i].val[0], 0,
					     "same value");
		}
		expect_images(&dst, d.img_next, true, "same values");
	}

	depart_free(&d);
	kvm_vm_free(dst.vm);
	kvm_vm_free(src.vm);
}

/* ---- Registers that must be written in order ---- */

/* This is why dependencies[] has WORKAROUND_2. */
static void check_workaround_2_order(int mode)
{
	u64 id = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, level, level_without;
	u64 pfr1_id = IMAGE_SYS_REG(ID_AA64PFR1_EL1);
	struct moved_vm m;
	u64 pfr1;

	if (needs_switch(mode))
		return;

	image_set_context("order");
	set_mode(modes[mode]);
	m = vm_new(FEAT_NONE, true);
	pfr1 = vcpu_get_reg(m.vcpu[0], pfr1_id);
	level = vcpu_get_reg(m.vcpu[0], id);
	vcpu_set_reg(m.vcpu[0], pfr1_id, pfr1 & ~ID_AA64PFR1_EL1_SSBS);
	level_without = vcpu_get_reg(m.vcpu[1], id);
	vcpu_set_reg(m.vcpu[0], pfr1_id, pfr1);

	if (level == level_without) {
		test_skip("the level does not depend on SSBS on this host");
	} else {
		expect_write(m.vcpu[1], id, level_without, EINVAL, "too early");
		vcpu_set_reg(m.vcpu[0], pfr1_id, pfr1 & ~ID_AA64PFR1_EL1_SSBS);
		expect_write(m.vcpu[1], id, level_without, 0, "in time");
	}
	kvm_vm_free(m.vm);
}

static void check_sve_vls_order(int mode)
{
	struct image_reg vls = { .id = KVM_REG_ARM64_SVE_VLS };
	struct image_reg z = { .id = KVM_REG_ARM64_SVE_ZREG(0, 0) };
	struct moved_vm m;

	if (!has_feature(FEAT_SVE)) {
		test_skip("not on this host");
		return;
	}
	if (needs_switch(mode))
		return;

	set_mode(modes[mode]);
	m = vm_new(FEAT_SVE, true);
	test_expect(!image_access_reg(m.vcpu[0], KVM_GET_ONE_REG, &vls),
		    "no SVE_VLS");
	test_expect(!image_access_reg(m.vcpu[0], KVM_SET_ONE_REG, &vls),
		    "SVE_VLS refused before KVM_ARM_VCPU_FINALIZE");
	test_expect(image_access_reg(m.vcpu[0], KVM_SET_ONE_REG, &z) == EPERM,
		    "Z0 accepted before KVM_ARM_VCPU_FINALIZE");
	vcpu_finalize(m.vcpu[0]);
	test_expect(image_access_reg(m.vcpu[0], KVM_SET_ONE_REG, &vls) == EPERM,
		    "SVE_VLS accepted after KVM_ARM_VCPU_FINALIZE");
	test_expect(!image_access_reg(m.vcpu[0], KVM_SET_ONE_REG, &z),
		    "Z0 refused after KVM_ARM_VCPU_FINALIZE");
	kvm_vm_free(m.vm);
}

/* ---- The register list ---- */

static void check_reg_list(int feat)
{
	struct moved_vm m;
	struct reg_image img[NR_VCPUS];
	int i;

	if (!has_feature(feat)) {
		test_skip("not on this host");
		return;
	}
	if (needs_switch(true))
		return;

	set_mode(modes[0]);
	m = vm_new_source(feat, false, 0, 0);
	images_read(&m, img);
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		image_set_context(modes[i]);
		set_mode(modes[i]);
		expect_images(&m, img, false, "list");
	}
	images_free(img);
	kvm_vm_free(m.vm);
}

#define MAX_CASES	64

static struct test_case cases[MAX_CASES];
static int nr_cases;

static void add_case(void (*run)(int arg), int arg, const char *by,
		     const char *name)
{
	TEST_ASSERT(nr_cases < MAX_CASES, "Too many cases");
	cases[nr_cases++] = (struct test_case) {
		.name = by ? strdup_printf("%s: %s", by, name) : name,
		.run = run,
		.arg = arg,
	};
}

static void add_cases(void)
{
	int i, j;

	for (i = 0; i < ARRAY_SIZE(scenarios); i++) {
		for (j = 0; j < ARRAY_SIZE(directions); j++)
			add_case(check_move, i * ARRAY_SIZE(directions) + j,
				 directions[j].name, scenarios[i].name);
	}

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		add_case(check_refused, i, modes[i],
			 "refused writes have no effect, a running VM accepts only the same values");
		add_case(check_workaround_2_order, i, modes[i],
			 "WORKAROUND_2 has to follow ID_AA64PFR1_EL1.SSBS");
		add_case(check_sve_vls_order, i, modes[i],
			 "SVE_VLS has to precede KVM_ARM_VCPU_FINALIZE");
	}

	for (i = 0; i < ARRAY_SIZE(features); i++)
		add_case(check_reg_list, i, features[i].name,
			 "the list is the same in all modes");
	add_case(abi_check_stats, 0, NULL,
		 "switch: no mismatch, C and Rust served calls, mode restored");
}

int main(void)
{
	ksft_print_header();
	test_disable_default_vgic();

	if (abi_open())
		abi_begin_stats();
	else
		ksft_print_msg(ABI_DIR "mode: %s, moved within the only implementation\n",
			       strerror(errno));
	ksft_print_msg("orders: of the list, and shuffled with seeds 1 to %d\n",
		       NR_SEEDS);

	add_cases();
	test_set_plan(nr_cases);
	test_run_cases(cases, nr_cases);

	test_finished();
}
