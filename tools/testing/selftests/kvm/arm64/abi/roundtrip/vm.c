// SPDX-License-Identifier: GPL-2.0-only
/* VMs that are moved, and what their sources are configured with */
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "processor.h"
#include "ucall_common.h"
#include "vm.h"

#define ST_GPA_BASE	BIT(30)

const struct trip_feature trip_features[NR_TRIP_FEATURES] = {
	{ "PSCI 0.2" },
	{ "SVE", { KVM_CAP_ARM_SVE }, BIT(KVM_ARM_VCPU_SVE) },
	{ "PMU", { KVM_CAP_ARM_PMU_V3 }, BIT(KVM_ARM_VCPU_PMU_V3) },
	{ "PTRAUTH",
	  { KVM_CAP_ARM_PTRAUTH_ADDRESS, KVM_CAP_ARM_PTRAUTH_GENERIC },
	  BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS) |
	  BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC) },
};

bool trip_has_feature(int nr)
{
	const struct trip_feature *feat = &trip_features[nr];
	int i;

	for (i = 0; i < ARRAY_SIZE(feat->caps); i++) {
		if (feat->caps[i] && !kvm_has_cap(feat->caps[i]))
			return false;
	}

	return true;
}

/* The address of PV time is not a register. */
static void vm_init_steal_time(struct trip_vm *m)
{
	const size_t size = TRIP_NR_VCPUS * 64;
	u64 ipa = ST_GPA_BASE;
	int i;

	vm_userspace_mem_region_add(m->vm, VM_MEM_SRC_ANONYMOUS, ipa, 1,
				    vm_calc_num_guest_pages(m->vm->mode, size),
				    0);
	for (i = 0; i < TRIP_NR_VCPUS; i++, ipa += 64)
		vcpu_device_attr_set(m->vcpu[i], KVM_ARM_VCPU_PVTIME_CTRL,
				     KVM_ARM_VCPU_PVTIME_IPA, &ipa);
}

struct trip_vm trip_new(int feat, bool is_destination)
{
	struct trip_vm m = { .vm = vm_create(TRIP_NR_VCPUS),
			      .feat = &trip_features[feat] };
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
					trip_guest_skip);
		vm_install_sync_handler(m.vm, VECTOR_SYNC_CURRENT,
					ESR_ELx_EC_SYS64, trip_guest_skip);
	}

	for (i = 0; i < TRIP_NR_VCPUS; i++) {
		if (is_destination) {
			m.vcpu[i] = __vm_vcpu_add(m.vm, i);
			m.vcpu[i]->init = init;
			vcpu_ioctl(m.vcpu[i], KVM_ARM_VCPU_INIT, &init);
		} else {
			m.vcpu[i] = aarch64_vcpu_add(m.vm, i, &init,
						     trip_guest_code);
			vcpu_init_descriptor_tables(m.vcpu[i]);
		}
	}

	for (i = 0; feat == TRIP_PMU && i < TRIP_NR_VCPUS; i++)
		vcpu_device_attr_set(m.vcpu[i], KVM_ARM_VCPU_PMU_V3_CTRL,
				     KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	if (kvm_has_cap(KVM_CAP_STEAL_TIME))
		vm_init_steal_time(&m);

	return m;
}

void trip_finalize(struct kvm_vcpu *vcpu)
{
	int feature = KVM_ARM_VCPU_SVE;

	if (vcpu->init.features[0] & BIT(KVM_ARM_VCPU_SVE))
		vcpu_ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &feature);
}

void trip_run_round(struct trip_vm *m)
{
	int i;

	for (i = 0; i < TRIP_NR_VCPUS; i++) {
		vcpu_run(m->vcpu[i]);
		TEST_ASSERT(m->vcpu[i]->run->exit_reason == KVM_EXIT_MMIO,
			    "%s: exit reason %s", image_context(),
			    exit_reason_str(m->vcpu[i]->run->exit_reason));
		TEST_ASSERT_EQ(get_ucall(m->vcpu[i], NULL), UCALL_NONE);
		/* The PC is only moved past the store by the next KVM_RUN. */
		vcpu_run_complete_io(m->vcpu[i]);
	}
}

void trip_read_images(struct trip_vm *m, struct reg_image img[TRIP_NR_VCPUS])
{
	int i;

	for (i = 0; i < TRIP_NR_VCPUS; i++)
		img[i] = image_read(m->vcpu[i]);
}

void trip_free_images(struct reg_image img[TRIP_NR_VCPUS])
{
	int i;

	for (i = 0; i < TRIP_NR_VCPUS; i++)
		free(img[i].reg);
}

void trip_expect_images(struct trip_vm *m,
			const struct reg_image want[TRIP_NR_VCPUS],
			bool has_run, const char *when)
{
	int i;

	for (i = 0; i < TRIP_NR_VCPUS; i++)
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

static void configure_id_regs(struct trip_vm *m, struct kvm_vcpu *vcpu)
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
static void vm_configure(struct trip_vm *m, int variant)
{
	struct kvm_random_state rng = new_kvm_random_state(variant + 1);
	struct kvm_vcpu *vcpu = m->vcpu[variant % TRIP_NR_VCPUS];
	int i;

	configure_id_regs(m, vcpu);
	for (i = 0; i < NR_FW_REGS; i++) {
		if (i == FW_PSCI_VERSION || i >= FW_FIRST_BMAP)
			vcpu_set_reg(vcpu, fw_regs[i].id,
				     configured_fw[variant % 2][i]);
	}

	for (i = 0; i < TRIP_NR_VCPUS; i++) {
		vcpu = m->vcpu[i];
		fill_registers(vcpu, &rng);
		change_reg(vcpu, IMAGE_SYS_REG(MPIDR_EL1), 0, BIT(8));
		/* CCSIDR 0: longer lines */
		change_reg(vcpu, KVM_REG_ARM64 | KVM_REG_SIZE_U32 |
			   KVM_REG_ARM_DEMUX | KVM_REG_ARM_DEMUX_ID_CCSIDR,
			   0x7, 0x7);
		/* One counter less, if there are any */
		if (m->feat == &trip_features[TRIP_PMU] &&
		    vcpu_get_reg(vcpu,
				 IMAGE_SYS_REG(PMCR_EL0)) & (0x1f << 11) && !i)
			vcpu_set_reg(vcpu, IMAGE_SYS_REG(PMCR_EL0),
				     vcpu_get_reg(vcpu,
						  IMAGE_SYS_REG(PMCR_EL0)) -
				     BIT(11));
	}
}

struct trip_vm trip_new_source(int feat, bool configured, int variant,
			       int rounds)
{
	struct trip_vm m = trip_new(feat, false);
	int i;

	for (i = 0; i < TRIP_NR_VCPUS; i++) {
		if (feat == TRIP_SVE && configured)
			configure_sve(m.vcpu[i]);
		trip_finalize(m.vcpu[i]);
	}
	if (configured)
		vm_configure(&m, variant);
	while (rounds--)
		trip_run_round(&m);

	return m;
}
