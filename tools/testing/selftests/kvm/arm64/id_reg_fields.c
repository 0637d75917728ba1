// SPDX-License-Identifier: GPL-2.0-only
/*
 * id_reg_fields - Which values the fields of the ID registers accept.
 *
 * A register's limit is what it reads in a new VM. A write is accepted if every
 * field holds the limit or a value that can safely replace it, according to the
 * table of abi/id_field_table.h for each field that KVM knows; and if all other bits
 * are those of the limit, whether or not they are in the register's mask of
 * KVM_ARM_GET_REG_WRITABLE_MASKS. Any other write is EINVAL, and has no effect.
 *
 * Every write is made before the first run, through one vCPU, and read back
 * through two. id_reg_access tests the other conditions of access.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/id_field_table.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "processor.h"

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
