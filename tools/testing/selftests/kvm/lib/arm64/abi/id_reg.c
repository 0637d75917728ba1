// SPDX-License-Identifier: GPL-2.0-only
/* Feature ID registers */
#include <linux/arm-smccc.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "processor.h"

static int id_op1(int nr)
{
	return nr / 64 == 2 ? 3 : nr / 64;
}

u64 id_reg(int nr)
{
	return ARM64_SYS_REG(3, id_op1(nr), 0, nr / 8 % 8, nr % 8);
}

int id_nr(u32 sys_reg)
{
	u64 id = KVM_ARM64_SYS_REG(sys_reg);

	return KVM_ARM_FEATURE_ID_RANGE_IDX(3,
			(id & KVM_REG_ARM64_SYSREG_OP1_MASK) >>
			KVM_REG_ARM64_SYSREG_OP1_SHIFT, 0,
			(id & KVM_REG_ARM64_SYSREG_CRM_MASK) >>
			KVM_REG_ARM64_SYSREG_CRM_SHIFT,
			id & KVM_REG_ARM64_SYSREG_OP2_MASK);
}

const char *id_name(int nr)
{
	static char names[NR_ID_REGS][24];

	if (!names[nr][0])
		snprintf(names[nr], sizeof(names[nr]), "S3_%d_C0_C%d_%d",
			 id_op1(nr), nr / 8 % 8, nr % 8);
	return names[nr];
}

bool id_is_mpidr(int nr)
{
	return nr == id_nr(SYS_MPIDR_EL1);
}

bool id_is_aarch32(int nr)
{
	return nr >= id_nr(SYS_ID_PFR0_EL1) && nr < id_nr(SYS_ID_AA64PFR0_EL1);
}

bool id_is_aarch32_allocated(int nr)
{
	return id_is_aarch32(nr) && nr != id_nr(SYS_ID_AFR0_EL1) && nr != 27 &&
	       nr != id_nr(SYS_ID_DFR1_EL1) && nr != 31;
}

bool id_is_imp(int nr)
{
	return nr == id_nr(SYS_MIDR_EL1) || nr == id_nr(SYS_REVIDR_EL1) ||
	       nr == id_nr(SYS_AIDR_EL1);
}

u64 id_ignored(int nr)
{
	switch (id_reg(nr)) {
	case KVM_ARM64_SYS_REG(SYS_ID_AA64PFR0_EL1):
		return ID_AA64PFR0_EL1_MPAM;
	case KVM_ARM64_SYS_REG(SYS_ID_AA64PFR1_EL1):
		return ID_AA64PFR1_EL1_MPAM_frac;
	case KVM_ARM64_SYS_REG(SYS_ID_AA64MMFR2_EL1):
		return ID_AA64MMFR2_EL1_NV;
	default:
		return 0;
	}
}

/*
 * The writable bits, which are the same on any host, except that there are none
 * in the AArch32 registers if AArch32 is not possible at EL0. The numbers are
 * given in full, to check the arithmetic in the uapi header.
 */
#define ID_AARCH32(nr, reg)	{ nr, SYS_##reg, GENMASK(31, 0) }

const struct id_mask id_masks[] = {
	{ 0, SYS_MIDR_EL1, GENMASK(31, 0) },
	{ 6, SYS_REVIDR_EL1, ~0UL },

	ID_AARCH32(8, ID_PFR0_EL1), ID_AARCH32(9, ID_PFR1_EL1),
	ID_AARCH32(10, ID_DFR0_EL1), /* 11 is ID_AFR0_EL1 */
	ID_AARCH32(12, ID_MMFR0_EL1), ID_AARCH32(13, ID_MMFR1_EL1),
	ID_AARCH32(14, ID_MMFR2_EL1), ID_AARCH32(15, ID_MMFR3_EL1),
	ID_AARCH32(16, ID_ISAR0_EL1), ID_AARCH32(17, ID_ISAR1_EL1),
	ID_AARCH32(18, ID_ISAR2_EL1), ID_AARCH32(19, ID_ISAR3_EL1),
	ID_AARCH32(20, ID_ISAR4_EL1), ID_AARCH32(21, ID_ISAR5_EL1),
	ID_AARCH32(22, ID_MMFR4_EL1), ID_AARCH32(23, ID_ISAR6_EL1),
	ID_AARCH32(24, MVFR0_EL1), ID_AARCH32(25, MVFR1_EL1),
	ID_AARCH32(26, MVFR2_EL1),
	ID_AARCH32(28, ID_PFR2_EL1), /* 29 is ID_DFR1_EL1 */
	ID_AARCH32(30, ID_MMFR5_EL1),

	{ 32, SYS_ID_AA64PFR0_EL1,
	  ~(ID_AA64PFR0_EL1_AMU | ID_AA64PFR0_EL1_MPAM | ID_AA64PFR0_EL1_SVE |
	    GENMASK(23, 16)) }, /* AdvSIMD, FP */
	{ 33, SYS_ID_AA64PFR1_EL1,
	  ID_AA64PFR1_EL1_DF2 | ID_AA64PFR1_EL1_CSV2_frac |
	  ID_AA64PFR1_EL1_RAS_frac | ID_AA64PFR1_EL1_SSBS |
	  ID_AA64PFR1_EL1_BT },
	{ 34, SYS_ID_AA64PFR2_EL1,
	  ID_AA64PFR2_EL1_FPMR | ID_AA64PFR2_EL1_MTEFAR |
	  ID_AA64PFR2_EL1_MTESTOREONLY | ID_AA64PFR2_EL1_GCIE },
	{ 36, SYS_ID_AA64ZFR0_EL1, ~ID_AA64ZFR0_EL1_RES0 },
	{ 39, SYS_ID_AA64FPFR0_EL1, ~ID_AA64FPFR0_EL1_RES0 },
	{ 40, SYS_ID_AA64DFR0_EL1,
	  GENMASK(39, 36) |	/* DoubleLock */
	  GENMASK(23, 20) |	/* WRPs */
	  GENMASK(11, 8) |	/* PMUVer */
	  GENMASK(3, 0) },	/* DebugVer */
	{ 48, SYS_ID_AA64ISAR0_EL1, ~ID_AA64ISAR0_EL1_RES0 },
	{ 49, SYS_ID_AA64ISAR1_EL1,
	  ~(ID_AA64ISAR1_EL1_GPI | ID_AA64ISAR1_EL1_GPA |
	    ID_AA64ISAR1_EL1_API | ID_AA64ISAR1_EL1_APA) },
	{ 50, SYS_ID_AA64ISAR2_EL1,
	  ~(ID_AA64ISAR2_EL1_RES0 | ID_AA64ISAR2_EL1_APA3 |
	    ID_AA64ISAR2_EL1_GPA3) },
	{ 51, SYS_ID_AA64ISAR3_EL1,
	  ID_AA64ISAR3_EL1_FPRCVT | ID_AA64ISAR3_EL1_LSFE |
	  ID_AA64ISAR3_EL1_LSUI | ID_AA64ISAR3_EL1_FAMINMAX },
	{ 56, SYS_ID_AA64MMFR0_EL1,
	  ~(ID_AA64MMFR0_EL1_RES0 | ID_AA64MMFR0_EL1_ASIDBITS) },
	{ 57, SYS_ID_AA64MMFR1_EL1,
	  ~(ID_AA64MMFR1_EL1_RES0 | ID_AA64MMFR1_EL1_XNX |
	    ID_AA64MMFR1_EL1_VH | GENMASK(7, 4)) }, /* VMIDBits */
	{ 58, SYS_ID_AA64MMFR2_EL1,
	  ~(ID_AA64MMFR2_EL1_RES0 | ID_AA64MMFR2_EL1_EVT |
	    ID_AA64MMFR2_EL1_FWB | ID_AA64MMFR2_EL1_IDS | ID_AA64MMFR2_EL1_NV |
	    ID_AA64MMFR2_EL1_CCIDX) },
	{ 59, SYS_ID_AA64MMFR3_EL1,
	  ID_AA64MMFR3_EL1_TCRX | ID_AA64MMFR3_EL1_SCTLRX |
	  ID_AA64MMFR3_EL1_S1PIE | ID_AA64MMFR3_EL1_S1POE },
	{ 60, SYS_ID_AA64MMFR4_EL1, ID_AA64MMFR4_EL1_NV_frac },

	{ 65, SYS_CLIDR_EL1, ~CLIDR_EL1_RES0 },
	{ 71, SYS_AIDR_EL1, ~0UL },

	{ 129, SYS_CTR_EL0,
	  CTR_EL0_DIC | CTR_EL0_IDC |
	  GENMASK(19, 16) |	/* DminLine */
	  GENMASK(15, 14) |	/* L1Ip */
	  GENMASK(3, 0) },	/* IminLine */
};

kvm_static_assert(ARRAY_SIZE(id_masks) == NR_ID_MASKS);

void id_fill_masks(u64 masks[NR_ID_REGS], bool has_aarch32)
{
	int i;

	memset(masks, 0, NR_ID_REGS * sizeof(*masks));
	for (i = 0; i < NR_ID_MASKS; i++) {
		if (has_aarch32 || !id_is_aarch32(id_masks[i].nr))
			masks[id_masks[i].nr] = id_masks[i].mask;
	}
}

struct id_state id_state_read(struct kvm_vcpu *vcpu)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	struct id_state s = {};
	int i, nr;

	for (i = 0; i < list->n; i++) {
		for (nr = 0; nr < NR_ID_REGS; nr++)
			s.listed[nr] |= list->reg[i] == id_reg(nr);
	}
	free(list);

	for (nr = 0; nr < NR_ID_REGS; nr++) {
		if (s.listed[nr])
			s.val[nr] = vcpu_get_reg(vcpu, id_reg(nr));
	}

	return s;
}

void __id_expect_state(int line, struct kvm_vcpu *vcpu,
		       const struct id_state *want, const char *when)
{
	u64 now;
	int nr;

	for (nr = 0; nr < NR_ID_REGS; nr++) {
		if (!want->listed[nr])
			continue;

		now = vcpu_get_reg(vcpu, id_reg(nr));
		__test_expect(line, now == want->val[nr],
			      "%s: %s reads %#lx, expected %#lx", when,
			      id_name(nr), now, want->val[nr]);
	}
}

struct id_state id_vm_state_read(struct kvm_vcpu *vcpu)
{
	struct id_state state = id_state_read(vcpu);

	state.listed[id_nr(SYS_MPIDR_EL1)] = false;
	state.listed[id_nr(SYS_CLIDR_EL1)] = false;
	return state;
}

void __id_expect_vm_state(int line, struct kvm_vcpu *vcpus[2],
			  const struct id_state *state, const char *when)
{
	__id_expect_state(line, vcpus[0], state, when);
	__id_expect_state(line, vcpus[1], state, when);
}

void __id_expect_set(int line, struct kvm_vcpu *vcpu, int nr, u64 val, int want,
		     u64 after)
{
	u64 now = ~after;
	int ret;

	ret = one_reg_set(vcpu, id_reg(nr), val);
	__test_expect(line, ret == want, "%s <- %#lx: %s, expected %s",
		      id_name(nr), val, strerror(ret), strerror(want));

	ret = one_reg_get(vcpu, id_reg(nr), &now);
	__test_expect(line, !ret && now == after,
		      "%s reads %#lx after %#lx was written, expected %#lx",
		      id_name(nr), now, val, after);
}

bool id_has_aarch32(const struct id_state *s)
{
	return SYS_FIELD_GET(ID_AA64PFR0_EL1, EL0,
			     s->val[id_nr(SYS_ID_AA64PFR0_EL1)]) ==
	       ID_AA64PFR0_EL1_EL0_AARCH32;
}

int id_get_masks(int fd, const struct reg_mask_range *range)
{
	return ioctl(fd, KVM_ARM_GET_REG_WRITABLE_MASKS, range) ? errno : 0;
}

void __id_expect_masks(int line, int fd, const void *addr,
		       const u64 masks[NR_ID_REGS], const char *when)
{
	struct reg_mask_range range = { .addr = (u64)addr };
	int nr, ret = id_get_masks(fd, &range);
	u64 now;

	__test_expect(line, !ret, "%s: %s", when, strerror(ret));

	/* The array need not be aligned. */
	for (nr = 0; nr < NR_ID_REGS; nr++) {
		memcpy(&now, addr + nr * sizeof(now), sizeof(now));
		__test_expect(line, now == masks[nr],
			      "%s: mask %d is %#lx, expected %#lx", when, nr,
			      now, masks[nr]);
	}
}

u32 id_all_features(void)
{
	u32 features = BIT(KVM_ARM_VCPU_PSCI_0_2);

	if (kvm_has_cap(KVM_CAP_ARM_PMU_V3))
		features |= BIT(KVM_ARM_VCPU_PMU_V3);
	if (kvm_has_cap(KVM_CAP_ARM_SVE))
		features |= BIT(KVM_ARM_VCPU_SVE);
	if (kvm_has_cap(KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
	    kvm_has_cap(KVM_CAP_ARM_PTRAUTH_GENERIC))
		features |= BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS) |
			    BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC);

	return features;
}

struct kvm_vcpu *id_vcpu_add(struct kvm_vm *vm, u32 id, u32 features)
{
	int sve = KVM_ARM_VCPU_SVE;
	struct kvm_vcpu_init init = {};
	struct kvm_vcpu *vcpu;

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= features;
	vcpu = aarch64_vcpu_add(vm, id, &init, fw_guest_code);

	if (features & BIT(KVM_ARM_VCPU_SVE))
		vcpu_ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &sve);
	if (features & BIT(KVM_ARM_VCPU_PMU_V3))
		vcpu_device_attr_set(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL,
				     KVM_ARM_VCPU_PMU_V3_INIT, NULL);

	return vcpu;
}

struct kvm_vm *id_vm_create(u32 features, bool imp_id_writable,
			    struct kvm_vcpu *vcpus[2])
{
	struct kvm_vm *vm = vm_create(2);
	int i;

	if (imp_id_writable)
		vm_enable_cap(vm, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);

	for (i = 0; i < 2; i++)
		vcpus[i] = id_vcpu_add(vm, i, features);

	return vm;
}

void id_run(struct kvm_vcpu *vcpu)
{
	fw_expect_x0(vcpu, ARM_SMCCC_VERSION_FUNC_ID, 0,
		     ARM_SMCCC_VERSION_1_1);
}
