// SPDX-License-Identifier: GPL-2.0-only
/*
 * migration_matrix - Which VM can be restored from which.
 *
 * A row is a VM that was saved, a column is a VM that is restored from it;
 * either may know registers that the other does not. Each cell shows the
 * result: "ok", or the register that is refused first, with the errno; a VMM
 * would give up there. The test itself goes on, and checks each register of the
 * stream against the rules below: the destination accepts no value that it does
 * not have, and a refused register reads as before. Then the guest, whose
 * memory and vCPU have moved, goes on in the destination, and sees the PSCI
 * version and the services according to the registers.
 *
 * The test has only one kernel on one host. An older kernel as the destination
 * is this one in the mode c, without anything to opt in to. As the source,
 * another kernel or host is a stream of (id, value) pairs as it would arrive:
 * the stream of a VM of this host, without the registers that the other kernel
 * does not know, or with additional ones. So the rows are the same on each
 * host, except those in which the level of a workaround differs: these depend
 * on this host's levels, which are printed above the table. The expected
 * results are in migration_rows.h.
 */
#include "migration_pmr.h"
#include "migration_rows.h"

/* The errno that the first matching rule has, or 0 */
static int find_rule(const struct rule *r, int nr, int dest, u32 reg, bool *found)
{
	for (; nr && !*found; nr--, r++) {
		if (r->dests & BIT(dest) && r->regs & reg) {
			*found = true;
			return r->err;
		}
	}

	return 0;
}

static int wanted(const struct row *row, int dest, int nr)
{
	bool found = false;
	int err = find_rule(row->rules, NR_RULES, dest, BIT(nr), &found);

	return found ? err : find_rule(rules, ARRAY_SIZE(rules), dest, BIT(nr),
				       &found);
}

/* ---- The source ---- */

static void change_stream(struct saved *s, const struct row *row)
{
	struct one_reg *r;
	int i, j;

	s->nr = row->nr ?: s->nr;
	for (i = 0; i < NR_CHANGES && row->change[i].id; i++) {
		for (j = 0; j < s->nr && s->reg[j].id != row->change[i].id; j++)
			;
		r = &s->reg[j];
		if (j == s->nr)
			s->reg[s->nr++] = (struct one_reg) {
				row->change[i].id
			};
		r->val = (r->val & row->change[i].keep) | row->change[i].val;
	}
}

static struct saved row_save(const struct row *row)
{
	struct migrant m = { .vm = vm_create(1) };
	struct kvm_vcpu_init init = migrant_init(m.vm, !row->psci_0_1,
						 row->all_features);
	struct saved s;

	migrant_opt_in(&m, row->in);
	m.vcpu = aarch64_vcpu_add(m.vm, 0, &init, migrant_code);
	migrant_init_pmu(&m);
	migrant_finalize(&m);
	if (row->no_ssbs)
		fw_set_ssbs(m.vcpu, 0);
	if (row->fewer) {
		vcpu_set_reg(m.vcpu, KVM_REG_ARM_PSCI_VERSION,
			     PSCI_VERSION(1, 1));
		vcpu_set_reg(m.vcpu, KVM_REG_ARM_STD_BMAP, 0);
		vcpu_set_reg(m.vcpu, KVM_REG_ARM_VENDOR_HYP_BMAP_2, 3);
	}

	migrant_run(&m);
	s = migrant_save(&m, row->in);
	change_stream(&s, row);
	kvm_vm_free(m.vm);
	return s;
}

/* The source in use; cells are run row by row. */
static struct saved *source(int nr)
{
	static struct saved saved;
	static int row = -1;

	if (row != nr) {
		saved_free(&saved);
		saved = row_save(&rows[nr]);
		row = nr;
	}

	return &saved;
}

/* ---- Cells ---- */

#define CELL_SIZE	24

static const char * const pmr_rows[] = {
	"GICv2, GICC_PMR in 5 bits", "GICv2, canonical GICC_PMR",
};

static char cells[NR_ROWS + ARRAY_SIZE(pmr_rows)][NR_DESTS][CELL_SIZE];

/* The number of refused registers so far in this cell */
static int nr_refused;

/* Expect @want from register @nr, and note the first refused one. */
static void cell_expect(int row, int dest, int nr, int err, int want)
{
	test_expect(err == want, "%s: %s, expected %s", names[nr],
		    errno_name(err), errno_name(want));
	if (err && !nr_refused++)
		snprintf(cells[row][dest], CELL_SIZE, "%s %s", names[nr],
			 errno_name(err));
}

static void cell_done(int row, int dest)
{
	char *cell = cells[row][dest], more[16] = "";

	if (nr_refused > 1)
		snprintf(more, sizeof(more), "+%d", nr_refused - 1);
	if (!nr_refused)
		snprintf(cell, CELL_SIZE, "ok");
	strncat(cell, more, CELL_SIZE - 1 - strlen(cell));
	if (test_nr_failures())
		strncat(cell, "!", CELL_SIZE - 1 - strlen(cell));
}

/* An older kernel refuses before any register could be lost. */
static bool cell_older(int nr, struct migrant *m)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(opt_ins); i++) {
		if (!(rows[nr].in & BIT(i)))
			continue;
		err = opt_in_enable(m->vm->fd, opt_ins[i].cap, opt_ins[i].arg);
		cell_expect(nr, OLDER, __builtin_ctz(ENABLE_CAP), err,
			    wanted(&rows[nr], OLDER, __builtin_ctz(ENABLE_CAP)));
	}

	return rows[nr].in;
}

static void cell_registers(int nr, int dest, struct migrant *m, struct saved *s)
{
	const struct one_reg *r;
	int i, err, want;

	for (i = 0; i < s->nr; i++) {
		r = &s->reg[i];
		want = wanted(&rows[nr], dest, reg_nr(r->id));
		if (!want && m->vcpu && is_above_host(m->vcpu, r->id, r->val))
			want = EINVAL;

		err = migrant_restore_reg(m, s, r);
		cell_expect(nr, dest, reg_nr(r->id), err, want);
	}
}

/* The registers that could only be written once there was a vCPU */
static void cell_registers_again(int dest, struct migrant *m, struct saved *s)
{
	int i, nr, err;

	for (i = 0; i < s->nr; i++) {
		nr = reg_nr(s->reg[i].id);
		if (!(BIT(nr) & (WA_2 | LEVELS(0))))
			continue;
		err = migrant_restore_reg(m, s, &s->reg[i]);
		test_expect(!err, "%s: %s, once there is a vCPU", names[nr],
			    errno_name(err));
	}
}

static void cell_body(int nr, int dest)
{
	const struct dest *d = &dests[dest];
	struct migrant m = { .vm = vm_create(1) };
	struct saved *s = source(nr);
	int err;

	migrant_opt_in(&m, d->in);
	if (dest == OLDER && cell_older(nr, &m))
		goto out;

	if (d->no_vcpu)
		cell_registers(nr, dest, &m, s);
	err = migrant_add_vcpu(&m, !d->psci_0_1, rows[nr].all_features);
	cell_expect(nr, dest, __builtin_ctz(VCPU_INIT), err,
		    wanted(&rows[nr], dest, __builtin_ctz(VCPU_INIT)));
	if (err)
		goto out;
	if (d->no_vcpu)
		cell_registers_again(dest, &m, s);

	migrant_restore_own(&m, s);
	if (d->no_ssbs)
		fw_set_ssbs(m.vcpu, 0);
	if (d->has_run)
		migrant_run(&m);
	if (!d->no_vcpu)
		cell_registers(nr, dest, &m, s);
	migrant_expect_guest(&m, s, d->has_run);
out:
	kvm_vm_free(m.vm);
}

static void check_cell(int arg)
{
	int nr = arg / NR_DESTS, dest = arg % NR_DESTS;

	nr_refused = 0;
	if (dest == OLDER) {
		source(nr);
		abi_set_mode("c");
	}
	cell_body(nr, dest);
	if (dest == OLDER)
		abi_set_mode(abi_initial_mode());

	cell_done(nr, dest);
}

/* ---- GICC_PMR: the format is a mode of the VM; no value is refused ---- */

static void check_pmr(int arg)
{
	static const u32 guest_mask[2][2] = {
		/* source 5 bits; destination 5 bits, canonical: 0x1e is bits 7:0 */
		{ 0xf0, 0x18 },
		/* source canonical: five bits of 0xf0 are the mask */
		{ 0x80, 0xf0 },
	};
	int canonical = arg / NR_DESTS, dest = arg % NR_DESTS;
	char *cell = cells[NR_ROWS + canonical][dest];
	u32 mask, want = guest_mask[canonical][dest == ALL];
	int err;

	if (kvm_supports_vgic_v3() || !vgic_v2_supported()) {
		test_skip("the host's GIC is not a GICv2");
		snprintf(cell, CELL_SIZE, "(skipped)");
		return;
	}

	if (dest == OLDER && canonical) {
		err = pmr_ask_older_kernel();
		test_expect(err == ENXIO, "CANONICAL_PMR: %s", strerror(err));
		snprintf(cell, CELL_SIZE, "attr %s", errno_name(err));
		return;
	}

	mask = pmr_restore(dest == ALL, pmr_save(canonical));
	test_expect(mask == want, "the guest reads %#x, expected %#x", mask,
		    want);
	snprintf(cell, CELL_SIZE, mask == PMR_GUEST ? "ok" : "mask %#x", mask);
}

/* ---- The table ---- */

static void print_table(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);
	const char *name;
	int i, j;

	printf("#\n# Destinations:\n");
	for (j = 0; j < NR_DESTS; j++)
		printf("#   %-13s %s\n", dests[j].name, dests[j].what);
	printf("# This host: WA_1 %lu, WA_2 %lu, WA_3 %lu, level register 0 %#lx\n",
	       vcpu_get_reg(vcpu, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1),
	       vcpu_get_reg(vcpu, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2),
	       vcpu_get_reg(vcpu, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3),
	       level_host(vcpu, 0));
	printf("# A cell is ok, or the first refused register, its errno, and how many follow:\n");
	printf("# PSCI_VERSION, WORKAROUND_1 to 3, bitmaps, levels, new registers, registers\n");
	printf("# of IDs; CAP: KVM_ENABLE_CAP, INIT: KVM_ARM_VCPU_INIT\n#\n");

	printf("# %-39s", "source");
	for (j = 0; j < NR_DESTS; j++)
		printf(" %-*s", j < NR_DESTS - 1 ? 16 : 0, dests[j].name);
	for (i = 0; i < ARRAY_SIZE(cells); i++) {
		name = i < NR_ROWS ? rows[i].name : pmr_rows[i - NR_ROWS];
		printf("\n# %-39s", name);
		for (j = 0; j < NR_DESTS; j++)
			printf(" %-*s", j < NR_DESTS - 1 ? 16 : 0,
			       *cells[i][j] ? cells[i][j] : "-");
	}
	printf("\n#\n");
	kvm_vm_free(vm);
}

static u64 mismatches;

static void check_mismatches(int unused)
{
	u64 now = abi_read_stats().mismatches;

	test_expect(now == mismatches, "%lu mismatches", now - mismatches);
}

static struct test_case cases[ARRAY_SIZE(cells) * NR_DESTS + 1];
static int nr_cases;

static void add_case(void (*run)(int arg), int arg, const char *from)
{
	cases[nr_cases++] = (struct test_case) {
		.name = strdup_printf("%s -> %s", from,
				      dests[arg % NR_DESTS].name),
		.run = run,
		.arg = arg,
	};
}

int main(void)
{
	int i, j;

	ksft_print_header();
	test_disable_default_vgic();
	opt_in_require();

	for (i = 0; i < NR_ROWS; i++) {
		/* Without a vCPU only the VM's file descriptor can be used. */
		for (j = 0; j < NR_DESTS - !(rows[i].in & IN_VM); j++)
			add_case(check_cell, i * NR_DESTS + j, rows[i].name);
	}
	for (i = 0; i < ARRAY_SIZE(pmr_rows); i++) {
		add_case(check_pmr, i * NR_DESTS + OLDER, pmr_rows[i]);
		add_case(check_pmr, i * NR_DESTS + STOCK, pmr_rows[i]);
		add_case(check_pmr, i * NR_DESTS + ALL, pmr_rows[i]);
	}

	mismatches = abi_read_stats().mismatches;
	cases[nr_cases++] = (struct test_case) {
		"no mismatch between the implementations", check_mismatches,
	};

	ksft_set_plan(nr_cases);
	test_run_cases(cases, nr_cases);
	print_table();

	ksft_finished();
}
