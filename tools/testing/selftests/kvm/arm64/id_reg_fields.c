// SPDX-License-Identifier: GPL-2.0-only
/*
 * id_reg_fields - Which values the fields of the ID registers accept.
 *
 * A register's limit is what it reads in a new VM. A write is accepted if every
 * field holds the limit or a value that can safely replace it, according to the
 * table in id_reg_fields.h for each field that KVM knows; and if all other bits
 * are those of the limit, whether or not they are in the register's mask of
 * KVM_ARM_GET_REG_WRITABLE_MASKS. Any other write is EINVAL, and has no effect.
 *
 * Every write is made before the first run, through one vCPU, and read back
 * through two. id_reg_access tests the other conditions of access.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "processor.h"

enum rule {
	/* Any value up to the limit, as an unsigned or a signed number. */
	LOWER,
	LOWER_SIGNED,
	/* Any value from the limit up. */
	HIGHER,
	/* Only the limit and ->value. */
	EXACT,
	/* LOWER, but not below ->value. */
	LOWER_FROM,
	/* LOWER, but 0 or not below ->value; 0xf is taken for 0. */
	LOWER_PMU,
	/* EXACT, but 0 and 1 are refused even if that is the limit. */
	CTR_L1IP,
};

/* Fields of one width in one register that follow one rule. */
static const struct id_fields {
	u32 reg;
	enum rule rule;
	int width;
	u64 fields;
	u64 value;
} id_fields[] = {
	/* AArch32: CRm 1 to 3 */
	{ SYS_ID_PFR0_EL1, LOWER, 4,
	  ID_PFR0_EL1_DIT | ID_PFR0_EL1_CSV2 |
	  GENMASK(15, 0) }, /* State3 to State0 */
	{ SYS_ID_PFR1_EL1, LOWER, 4, GENMASK(31, 0) },
	{ SYS_ID_DFR0_EL1, LOWER_PMU, 4, GENMASK(27, 24), 3 }, /* PerfMon */
	/* MProfDbg, MMapTrc, CopTrc, MMapDbg, CopSDbg */
	{ SYS_ID_DFR0_EL1, LOWER, 4, GENMASK(23, 4) },
	{ SYS_ID_DFR0_EL1, LOWER_FROM, 4, GENMASK(3, 0), 6 }, /* CopDbg */
	/* InnerShr, OuterShr: 0xf, not shareable, is less than 0 */
	{ SYS_ID_MMFR0_EL1, LOWER_SIGNED, 4, GENMASK(31, 28) | GENMASK(11, 8) },
	{ SYS_ID_MMFR0_EL1, LOWER, 4, GENMASK(27, 12) | GENMASK(7, 0) },
	{ SYS_ID_MMFR1_EL1, LOWER, 4, GENMASK(31, 0) },
	{ SYS_ID_MMFR2_EL1, LOWER, 4, GENMASK(31, 0) },
	{ SYS_ID_MMFR3_EL1, LOWER, 4, GENMASK(31, 0) },
	{ SYS_ID_ISAR0_EL1, LOWER, 4, GENMASK(27, 0) },
	{ SYS_ID_ISAR1_EL1, LOWER, 4, GENMASK(31, 0) },
	{ SYS_ID_ISAR2_EL1, LOWER, 4, GENMASK(31, 0) },
	{ SYS_ID_ISAR3_EL1, LOWER, 4, GENMASK(31, 0) },
	{ SYS_ID_ISAR4_EL1, LOWER, 4, GENMASK(31, 0) },
	{ SYS_ID_ISAR5_EL1, LOWER, 4,
	  ID_ISAR5_EL1_RDM | ID_ISAR5_EL1_CRC32 | ID_ISAR5_EL1_SHA2 |
	  ID_ISAR5_EL1_SHA1 | ID_ISAR5_EL1_AES | ID_ISAR5_EL1_SEVL },
	{ SYS_ID_MMFR4_EL1, LOWER, 4, GENMASK(31, 4) },
	{ SYS_ID_MMFR4_EL1, HIGHER, 4, GENMASK(3, 0) }, /* SpecSEI */
	{ SYS_ID_ISAR6_EL1, LOWER, 4, GENMASK(27, 0) },
	{ SYS_MVFR0_EL1, LOWER, 4, GENMASK(31, 0) },
	{ SYS_MVFR1_EL1, LOWER, 4, GENMASK(31, 0) },
	{ SYS_MVFR2_EL1, LOWER, 4, GENMASK(7, 0) },
	{ SYS_ID_PFR2_EL1, LOWER, 4, ID_PFR2_EL1_SSBS | ID_PFR2_EL1_CSV3 },
	{ SYS_ID_MMFR5_EL1, LOWER, 4, ID_MMFR5_EL1_ETS },

	/* CRm 4 */
	{ SYS_ID_AA64PFR0_EL1, LOWER, 4,
	  ID_AA64PFR0_EL1_CSV3 | ID_AA64PFR0_EL1_CSV2 | ID_AA64PFR0_EL1_DIT |
	  ID_AA64PFR0_EL1_SEL2 | ID_AA64PFR0_EL1_RAS | ID_AA64PFR0_EL1_GIC |
	  ID_AA64PFR0_EL1_EL3 | ID_AA64PFR0_EL1_EL2 },
	{ SYS_ID_AA64PFR0_EL1, LOWER_FROM, 4,
	  ID_AA64PFR0_EL1_EL1 | ID_AA64PFR0_EL1_EL0, 1 },
	{ SYS_ID_AA64PFR1_EL1, LOWER, 4,
	  ID_AA64PFR1_EL1_DF2 | ID_AA64PFR1_EL1_RAS_frac |
	  ID_AA64PFR1_EL1_SSBS | ID_AA64PFR1_EL1_BT },
	{ SYS_ID_AA64PFR2_EL1, LOWER, 4,
	  ID_AA64PFR2_EL1_FPMR | ID_AA64PFR2_EL1_GCIE |
	  ID_AA64PFR2_EL1_MTEFAR | ID_AA64PFR2_EL1_MTESTOREONLY },
	{ SYS_ID_AA64ZFR0_EL1, LOWER, 4, ~ID_AA64ZFR0_EL1_RES0 },
	{ SYS_ID_AA64FPFR0_EL1, EXACT, 1, ~ID_AA64FPFR0_EL1_RES0, 0 },

	/* CRm 5 */
	/* DoubleLock: 0 is implemented, 0xf is not */
	{ SYS_ID_AA64DFR0_EL1, LOWER_SIGNED, 4, GENMASK(39, 36) },
	{ SYS_ID_AA64DFR0_EL1, LOWER, 4, GENMASK(23, 20) }, /* WRPs */
	{ SYS_ID_AA64DFR0_EL1, LOWER_PMU, 4, GENMASK(11, 8), 0 }, /* PMUVer */
	{ SYS_ID_AA64DFR0_EL1, LOWER_FROM, 4, GENMASK(3, 0), 6 }, /* DebugVer */

	/* CRm 6 */
	{ SYS_ID_AA64ISAR0_EL1, LOWER, 4, ~ID_AA64ISAR0_EL1_RES0 },
	{ SYS_ID_AA64ISAR1_EL1, LOWER, 4,
	  ID_AA64ISAR1_EL1_LS64 | ID_AA64ISAR1_EL1_XS |
	  ID_AA64ISAR1_EL1_I8MM | ID_AA64ISAR1_EL1_DGH |
	  ID_AA64ISAR1_EL1_BF16 | ID_AA64ISAR1_EL1_SPECRES |
	  ID_AA64ISAR1_EL1_SB | ID_AA64ISAR1_EL1_FRINTTS |
	  ID_AA64ISAR1_EL1_LRCPC | ID_AA64ISAR1_EL1_FCMA |
	  ID_AA64ISAR1_EL1_JSCVT | ID_AA64ISAR1_EL1_DPB },
	{ SYS_ID_AA64ISAR2_EL1, LOWER, 4,
	  ID_AA64ISAR2_EL1_ATS1A | ID_AA64ISAR2_EL1_LUT |
	  ID_AA64ISAR2_EL1_CSSC | ID_AA64ISAR2_EL1_RPRFM |
	  ID_AA64ISAR2_EL1_CLRBHB | ID_AA64ISAR2_EL1_BC |
	  ID_AA64ISAR2_EL1_MOPS | ID_AA64ISAR2_EL1_RPRES |
	  ID_AA64ISAR2_EL1_WFxT },
	{ SYS_ID_AA64ISAR3_EL1, LOWER, 4,
	  ID_AA64ISAR3_EL1_FPRCVT | ID_AA64ISAR3_EL1_LSUI |
	  ID_AA64ISAR3_EL1_LSFE | ID_AA64ISAR3_EL1_FAMINMAX },

	/* CRm 7 */
	{ SYS_ID_AA64MMFR0_EL1, LOWER, 4,
	  ID_AA64MMFR0_EL1_ECV | ID_AA64MMFR0_EL1_FGT |
	  ID_AA64MMFR0_EL1_EXS | ID_AA64MMFR0_EL1_TGRAN16 |
	  ID_AA64MMFR0_EL1_BIGENDEL0 | ID_AA64MMFR0_EL1_SNSMEM |
	  ID_AA64MMFR0_EL1_BIGEND | ID_AA64MMFR0_EL1_PARANGE },
	{ SYS_ID_AA64MMFR0_EL1, LOWER_SIGNED, 4,
	  ID_AA64MMFR0_EL1_TGRAN4 | ID_AA64MMFR0_EL1_TGRAN64 },
	{ SYS_ID_AA64MMFR0_EL1, EXACT, 4,
	  ID_AA64MMFR0_EL1_TGRAN4_2 | ID_AA64MMFR0_EL1_TGRAN64_2 |
	  ID_AA64MMFR0_EL1_TGRAN16_2, 1 },
	{ SYS_ID_AA64MMFR1_EL1, LOWER, 4,
	  ID_AA64MMFR1_EL1_ECBHB | ID_AA64MMFR1_EL1_TIDCP1 |
	  ID_AA64MMFR1_EL1_AFP | ID_AA64MMFR1_EL1_HCX |
	  ID_AA64MMFR1_EL1_ETS | ID_AA64MMFR1_EL1_TWED |
	  ID_AA64MMFR1_EL1_PAN | ID_AA64MMFR1_EL1_LO |
	  ID_AA64MMFR1_EL1_HPDS | ID_AA64MMFR1_EL1_HAFDBS },
	{ SYS_ID_AA64MMFR1_EL1, HIGHER, 4, GENMASK(27, 24) }, /* SpecSEI */
	{ SYS_ID_AA64MMFR2_EL1, LOWER, 4,
	  ID_AA64MMFR2_EL1_E0PD | ID_AA64MMFR2_EL1_BBM |
	  ID_AA64MMFR2_EL1_TTL | ID_AA64MMFR2_EL1_AT | ID_AA64MMFR2_EL1_ST |
	  GENMASK(19, 16) |	/* VARange */
	  ID_AA64MMFR2_EL1_IESB | ID_AA64MMFR2_EL1_LSM |
	  ID_AA64MMFR2_EL1_UAO | ID_AA64MMFR2_EL1_CnP },
	{ SYS_ID_AA64MMFR3_EL1, LOWER, 4,
	  ID_AA64MMFR3_EL1_S1POE | ID_AA64MMFR3_EL1_S1PIE |
	  ID_AA64MMFR3_EL1_SCTLRX | ID_AA64MMFR3_EL1_TCRX },
	{ SYS_ID_AA64MMFR4_EL1, LOWER, 4, ID_AA64MMFR4_EL1_NV_frac },

	/* The granules CWG and ERG, safe if higher or 0, are not writable. */
	{ SYS_CTR_EL0, LOWER, 1, CTR_EL0_DIC | CTR_EL0_IDC },
	{ SYS_CTR_EL0, LOWER, 4, GENMASK(19, 16) }, /* DminLine */
	{ SYS_CTR_EL0, CTR_L1IP, 2, GENMASK(15, 14), 2 }, /* L1Ip: VIPT */
	{ SYS_CTR_EL0, LOWER, 4, GENMASK(3, 0) }, /* IminLine */
};

/* Two vCPUs, and their state in a new VM: the limits of the registers. */
struct pair {
	struct kvm_vcpu *vcpus[2];
	struct id_state states[2];
};

static struct pair pair;
static const u64 *const limits = pair.states[0].val;
static bool has_aarch32, has_el2;

static struct kvm_vm *create_pair(u32 features)
{
	struct kvm_vm *vm = id_vm_create(features, false, pair.vcpus);
	int i;

	for (i = 0; i < 2; i++)
		pair.states[i] = id_state_read(pair.vcpus[i]);

	return vm;
}

/* One entry of the table for each field */
static struct field {
	int nr;
	enum rule rule;
	int shift;
	int width;
	u64 value;
} fields[512];
static int nr_fields;

static void split_fields(const struct id_fields *f)
{
	int shift;

	for (shift = 0; shift < 64; shift += f->width) {
		if (!(f->fields & BIT(shift)))
			continue;
		TEST_ASSERT(nr_fields < ARRAY_SIZE(fields), "Too many fields");
		fields[nr_fields++] = (struct field) {
			id_nr(f->reg), f->rule, shift, f->width, f->value,
		};
	}
}

static u64 field_limit(const struct field *f)
{
	return (limits[f->nr] >> f->shift) & (BIT(f->width) - 1);
}

static u64 field_set(const struct field *f, u64 val, u64 field)
{
	return (val & ~((BIT(f->width) - 1) << f->shift)) | field << f->shift;
}

static s64 field_sign_extend(const struct field *f, u64 field)
{
	return field & BIT(f->width - 1) ? (s64)(field - BIT(f->width)) :
					   (s64)field;
}

static bool is_field(const struct field *f, u32 reg, u64 mask)
{
	return f->nr == id_nr(reg) && (mask & BIT(f->shift));
}

/* If so, the field then reads *@after. */
static bool is_accepted(const struct field *f, u64 field, u64 *after)
{
	u64 limit = field_limit(f);

	*after = field;

	/* A vCPU that has EL2 keeps it, and may lack what KVM once promised it. */
	if (has_el2 && is_field(f, SYS_ID_AA64PFR0_EL1, ID_AA64PFR0_EL1_EL2) && !field)
		return false;
	if (has_el2 && is_field(f, SYS_ID_AA64DFR0_EL1, GENMASK(39, 36)) && /* DoubleLock */
	    limit == 0xf && !field) {
		*after = limit;
		return true;
	}

	switch (f->rule) {
	case LOWER:
		return field <= limit;
	case LOWER_SIGNED:
		return field_sign_extend(f, field) <=
		       field_sign_extend(f, limit);
	case HIGHER:
		return field >= limit;
	case EXACT:
		return field == limit || field == f->value;
	case LOWER_FROM:
		return field <= limit && field >= f->value;
	case LOWER_PMU:
		if (field == 0xf)
			*after = 0;
		return !*after || (field <= limit && field >= f->value);
	case CTR_L1IP:
		return field > 1 && (field == limit || field == f->value);
	}

	return false;
}

/* These registers ignore writes, so their fields cannot be tested. */
static bool is_ignored(int nr)
{
	return id_is_aarch32(nr) && !has_aarch32;
}

static u64 known_fields(int nr)
{
	const struct field *f;
	u64 known = 0;

	for (f = fields; f < fields + nr_fields; f++) {
		if (f->nr == nr)
			known |= field_set(f, 0, BIT(f->width) - 1);
	}

	return known;
}

static void expect_unchanged(const char *when)
{
	int i;

	for (i = 0; i < 2; i++)
		id_expect_state(pair.vcpus[i], &pair.states[i], when);
}

/* ---- One field ---- */

/* Every value, through one vCPU and the other in turn; both read the result. */
static void try_field(const struct field *f)
{
	u64 field, val, after, limit = limits[f->nr];
	struct kvm_vcpu *writer, *other;

	for (field = 0; field < BIT(f->width); field++) {
		writer = pair.vcpus[field % 2];
		other = pair.vcpus[!(field % 2)];
		val = field_set(f, limit, field);

		if (is_accepted(f, field, &after)) {
			after = field_set(f, limit, after);
			id_expect_set(writer, f->nr, val, 0, after);
			/* Write back what is read, then raise it again. */
			id_expect_set(other, f->nr, after, 0, after);
			id_expect_set(other, f->nr, limit, 0, limit);
		} else {
			id_expect_set(writer, f->nr, val, EINVAL, limit);
			expect_unchanged("refused");
		}
	}
	expect_unchanged("values of one field");
}

/* Test the registers numbered @first to @first + 7. */
static void check_fields(int first)
{
	const struct field *f;

	if (is_ignored(first)) {
		test_skip("no AArch32 here");
		return;
	}

	for (f = fields; f < fields + nr_fields; f++) {
		if (f->nr >= first && f->nr < first + 8)
			try_field(f);
	}
}

/* Without PMU, SVE, pointer authentication: other limits, the same rules */
static void check_no_features(int unused)
{
	int zfr0 = id_nr(SYS_ID_AA64ZFR0_EL1);
	const struct field *f;
	struct pair all = pair;
	struct kvm_vm *vm;

	vm = create_pair(BIT(KVM_ARM_VCPU_PSCI_0_2));

	test_expect(!(limits[id_nr(SYS_ID_AA64DFR0_EL1)] & GENMASK(11, 8)),
		    "a PMU version without a PMU");
	for (f = fields; f < fields + nr_fields; f++) {
		if (!is_ignored(f->nr) &&
		    limits[f->nr] != all.states[0].val[f->nr])
			try_field(f);
	}

	/* The host's and another VM's values do not matter. */
	id_expect_set(pair.vcpus[0], zfr0, 0, 0, 0);
	id_expect_set(pair.vcpus[0], zfr0, BIT(0), EINVAL, 0);
	if (all.states[0].val[zfr0])
		id_expect_set(pair.vcpus[0], zfr0, all.states[0].val[zfr0],
			      EINVAL, 0);

	expect_unchanged("VM without features");
	kvm_vm_free(vm);

	pair = all;
	expect_unchanged("VM with all features");
}

/* ---- Several fields ---- */

/* Set field @f of *@val to the lowest other value that is accepted (or not). */
static bool other_value(const struct field *f, bool accepted, u64 *val)
{
	u64 i, after;

	for (i = 0; i < BIT(f->width); i++) {
		if (i != field_limit(f) &&
		    is_accepted(f, i, &after) == accepted && after == i) {
			*val = field_set(f, *val, i);
			return true;
		}
	}

	return false;
}

static void try_several(int nr)
{
	u64 now = limits[nr], all = limits[nr], bad;
	u64 known = known_fields(nr) | id_ignored(nr);
	const struct field *f;
	int bit, round;

	for (f = fields; f < fields + nr_fields; f++) {
		if (f->nr == nr)
			other_value(f, true, &all);
	}

	/* A refused value is not stored, and the limit is not restored. */
	for (round = 0; round < 2; round++) {
		for (f = fields; f < fields + nr_fields; f++) {
			bad = all;
			if (f->nr == nr && other_value(f, false, &bad))
				id_expect_set(pair.vcpus[0], nr, bad, EINVAL,
					      now);
		}
		for (bit = 0; bit < 64; bit++) {
			if (!(known & BIT(bit)))
				id_expect_set(pair.vcpus[1], nr, all ^ BIT(bit),
					      EINVAL, now);
		}

		if (!round)
			id_expect_set(pair.vcpus[0], nr, all, 0, all);
		now = all;
	}

	id_expect_set(pair.vcpus[1], nr, limits[nr], 0, limits[nr]);
	expect_unchanged("several fields");
}

static void check_several(int unused)
{
	int nr;

	for (nr = 0; nr < NR_ID_REGS; nr++) {
		if (!is_ignored(nr) && known_fields(nr))
			try_several(nr);
	}
}

/* A value that is taken for another one, while other fields are lowered */
static void try_forgiven(int nr, u64 mask, u64 val, u64 after)
{
	u64 lowered = limits[nr], bad;
	const struct field *f;

	for (f = fields; f < fields + nr_fields; f++) {
		if (f->nr == nr && !(mask & BIT(f->shift)))
			other_value(f, true, &lowered);
	}
	lowered &= ~mask;

	for (f = fields; f < fields + nr_fields; f++) {
		bad = lowered | val;
		if (f->nr == nr && !(mask & BIT(f->shift)) && other_value(f, false, &bad))
			id_expect_set(pair.vcpus[0], nr, bad, EINVAL, limits[nr]);
	}
	expect_unchanged("forgiven, but another field is refused");

	id_expect_set(pair.vcpus[1], nr, lowered | val, 0, lowered | after);
	/* What is read can be written, and so can the first value again. */
	id_expect_set(pair.vcpus[0], nr, lowered | after, 0, lowered | after);
	id_expect_set(pair.vcpus[0], nr, lowered | val, 0, lowered | after);
	id_expect_set(pair.vcpus[1], nr, limits[nr], 0, limits[nr]);
	expect_unchanged("forgiven");
}

static void check_forgiven(int unused)
{
	int nr, shift, i, dfr0 = id_nr(SYS_ID_DFR0_EL1);
	u64 ignored, val;

	try_forgiven(id_nr(SYS_ID_AA64DFR0_EL1), GENMASK(11, 8), GENMASK(11, 8), 0);
	if (!is_ignored(dfr0))
		try_forgiven(dfr0, GENMASK(27, 24), GENMASK(27, 24), 0);

	/* The host's value, if it has one. */
	for (nr = 0; nr < NR_ID_REGS; nr++) {
		ignored = id_ignored(nr);
		for (shift = 0; ignored && shift < 64; shift += 4) {
			for (i = 1; (ignored & BIT(shift)) && i < 16; i++) {
				val = (u64)i << shift;
				if (!one_reg_set(pair.vcpus[0], id_reg(nr), limits[nr] | val))
					try_forgiven(nr, 0xfUL << shift, val, 0);
			}
		}
	}
}

static void check_el2(int unused)
{
	struct pair all = pair;
	const struct field *f;
	struct kvm_vm *vm;

	if (!kvm_has_cap(KVM_CAP_ARM_EL2)) {
		test_skip("no EL2 for VMs here");
		return;
	}

	has_el2 = true;
	vm = create_pair(BIT(KVM_ARM_VCPU_PSCI_0_2) | BIT(KVM_ARM_VCPU_HAS_EL2));
	for (f = fields; f < fields + nr_fields; f++) {
		if (!is_ignored(f->nr))
			try_field(f);
	}
	check_several(0);
	check_forgiven(0);
	kvm_vm_free(vm);

	has_el2 = false;
	pair = all;
	expect_unchanged("VM without EL2");
}

/* ---- The other bits ---- */

static void check_unknown_bits(int unused)
{
	u64 masks[NR_ID_REGS], known;
	int nr, bit;

	id_fill_masks(masks, has_aarch32);

	for (nr = 0; nr < NR_ID_REGS; nr++) {
		if (!pair.states[0].listed[nr] || is_ignored(nr) ||
		    id_is_imp(nr) || id_is_mpidr(nr) ||
		    nr == id_nr(SYS_CLIDR_EL1))
			continue;

		known = known_fields(nr);
		test_expect(!(known & ~masks[nr]), "%s: field without mask",
			    id_name(nr));
		for (bit = 0; bit < 64; bit++) {
			if ((known | id_ignored(nr)) & BIT(bit))
				continue;
			id_expect_set(pair.vcpus[bit % 2], nr,
				      limits[nr] ^ BIT(bit), EINVAL,
				      limits[nr]);
		}
		expect_unchanged("unknown bits");
	}
}

/* Only the host's value is accepted besides 0; the field still reads 0. */
static void check_ignored_fields(int unused)
{
	int nr, shift, i, ret, accepted;
	u64 ignored, val;

	for (nr = 0; nr < NR_ID_REGS; nr++) {
		ignored = id_ignored(nr);
		for (shift = 0; ignored && shift < 64; shift += 4) {
			if (!(ignored & BIT(shift)))
				continue;
			accepted = 0;
			for (i = 1; i < 16; i++) {
				val = limits[nr] | (u64)i << shift;
				ret = one_reg_set(pair.vcpus[0], id_reg(nr),
						  val);
				accepted += !ret;
				test_expect(!ret || ret == EINVAL, "%s <- %#lx",
					    id_name(nr), val);
				expect_unchanged("value without effect");
			}
			test_expect(accepted <= 1,
				    "%s bit %d: %d values accepted",
				    id_name(nr), shift, accepted);
		}
	}
}

/* Hidden from guests, or not allocated by the architecture. */
static const u8 raz[] = {
	11, 27, 29, 31, 35, 37, 38, 41, 42, 43, 44, 45, 46, 47, 52, 53, 54, 55,
	61, 62, 63,
};

static void check_raz(int unused)
{
	int i, bit;

	for (i = 0; i < ARRAY_SIZE(raz); i++) {
		id_expect_set(pair.vcpus[0], raz[i], 0, 0, 0);
		id_expect_set(pair.vcpus[1], raz[i], -1UL, EINVAL, 0);
		for (bit = 0; bit < 64; bit++)
			id_expect_set(pair.vcpus[0], raz[i], BIT(bit), EINVAL, 0);
	}
	expect_unchanged("RAZ registers");
}

static void check_write_ignored(int unused)
{
	int nr, bit;

	if (has_aarch32) {
		test_skip("AArch32 here");
		return;
	}

	/* ID_DFR0_EL1 reports a PMU nevertheless. */
	for (nr = 0; nr < NR_ID_REGS; nr++) {
		if (!id_is_aarch32_allocated(nr))
			continue;
		test_expect(nr == id_nr(SYS_ID_DFR0_EL1) || !limits[nr],
			    "%s reads %#lx", id_name(nr), limits[nr]);
		id_expect_set(pair.vcpus[0], nr, 0, 0, limits[nr]);
		id_expect_set(pair.vcpus[1], nr, -1UL, 0, limits[nr]);
		for (bit = 0; bit < 64; bit++)
			id_expect_set(pair.vcpus[0], nr, BIT(bit), 0,
				      limits[nr]);
	}
	expect_unchanged("AArch32 registers");
}

static const struct test_case cases[] = {
	{ "AArch32, CRm 1: every value of every field", check_fields, 8 },
	{ "AArch32, CRm 2: every value of every field", check_fields, 16 },
	{ "AArch32, CRm 3: every value of every field", check_fields, 24 },
	{ "ID_AA64PFRn, ZFR0, FPFR0: every value of every field",
	  check_fields, 32 },
	{ "ID_AA64DFRn: every value of every field", check_fields, 40 },
	{ "ID_AA64ISARn: every value of every field", check_fields, 48 },
	{ "ID_AA64MMFRn: every value of every field", check_fields, 56 },
	{ "CTR_EL0: every value of every field", check_fields, 128 },
	{ "vCPUs without optional features: lower limits, the same rules",
	  check_no_features },
	{ "several fields: all are stored, or none if one is refused",
	  check_several },
	{ "values that are taken for others, with other fields lowered",
	  check_forgiven },
	{ "vCPUs with EL2: the same rules, and some of their own", check_el2 },

	{ "bits that KVM does not know cannot be changed",
	  check_unknown_bits },
	{ "fields once shown by mistake: the host's value has no effect",
	  check_ignored_fields },
	{ "RAZ registers accept only 0", check_raz },
	{ "AArch32 registers ignore writes where there is no AArch32",
	  check_write_ignored },
};

int main(void)
{
	struct kvm_vm *vm;
	int i;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES));
	/* A vGIC would set fields to match itself. */
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	for (i = 0; i < ARRAY_SIZE(id_fields); i++)
		split_fields(&id_fields[i]);
	vm = create_pair(id_all_features());
	has_aarch32 = id_has_aarch32(&pair.states[0]);

	test_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	test_finished();
}
