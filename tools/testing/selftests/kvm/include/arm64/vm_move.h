/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs to be moved: making and configuring one, and writing its registers, in
 * some order, to another one, which is only set up with KVM_ARM_VCPU_INIT.
 */
#ifndef SELFTEST_KVM_ARM64_VM_MOVE_H
#define SELFTEST_KVM_ARM64_VM_MOVE_H

#include "guest_view.h"

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

static inline bool has_feature(int nr)
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
static inline void vm_init_steal_time(struct moved_vm *m)
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
static inline struct moved_vm vm_new(int feat, bool is_destination)
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

static inline void vcpu_finalize(struct kvm_vcpu *vcpu)
{
	int feature = KVM_ARM_VCPU_SVE;

	if (vcpu->init.features[0] & BIT(KVM_ARM_VCPU_SVE))
		vcpu_ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &feature);
}

/* Run one round of the guest on each vCPU, and complete its exit. */
static inline void vm_run_round(struct moved_vm *m)
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

static inline struct guest_view *vm_views(struct moved_vm *m)
{
	return addr_gva2hva(m->vm, (gva_t)views);
}

static inline void images_read(struct moved_vm *m,
			       struct reg_image img[NR_VCPUS])
{
	int i;

	for (i = 0; i < NR_VCPUS; i++)
		img[i] = image_read(m->vcpu[i]);
}

static inline void images_free(struct reg_image img[NR_VCPUS])
{
	int i;

	for (i = 0; i < NR_VCPUS; i++)
		free(img[i].reg);
}

static inline void expect_images(struct moved_vm *m,
				 const struct reg_image want[NR_VCPUS],
				 bool has_run, const char *when)
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

static inline bool is_filled(u64 id)
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

static inline void fill_registers(struct kvm_vcpu *vcpu,
				  struct kvm_random_state *rng)
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

static inline void change_reg(struct kvm_vcpu *vcpu, u64 id, u64 clear, u64 set)
{
	vcpu_set_reg(vcpu, id, (vcpu_get_reg(vcpu, id) & ~clear) | set);
}

/* The second longest SVE vector, if there are two */
static inline void configure_sve(struct kvm_vcpu *vcpu)
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

static inline void configure_id_regs(struct moved_vm *m, struct kvm_vcpu *vcpu)
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
static inline void vm_configure(struct moved_vm *m, int variant)
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
static inline struct moved_vm vm_new_source(int feat, bool configured,
					    int variant, int rounds)
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

static inline int position(const struct reg_image *img, const int *order,
			   u64 id)
{
	int i;

	for (i = 0; i < img->n && img->reg[order[i]].id != id; i++)
		;

	return i;
}

/* The order of the list if @seed is 0. */
static inline int *new_order(const struct reg_image *img, u32 seed)
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

static inline void restore_reg(struct kvm_vcpu *vcpu, struct image_reg *r)
{
	int ret = image_access_reg(vcpu, KVM_SET_ONE_REG, r);

	test_expect(!ret, "%s: vCPU %u: %#lx <- %#lx: %s", image_context(),
		    vcpu->id, r->id, r->val[0], strerror(ret));
}

static inline void restore_vcpu(struct kvm_vcpu *vcpu, struct reg_image *img,
				u32 seed)
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
static inline void vm_restore(struct moved_vm *m,
			      struct reg_image img[NR_VCPUS], u32 seed)
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

#endif /* SELFTEST_KVM_ARM64_VM_MOVE_H */
