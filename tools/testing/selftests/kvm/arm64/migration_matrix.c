// SPDX-License-Identifier: GPL-2.0-only
/*
 * migration_matrix - Which VM can be restored from which.
 *
 * A row is a VM that was saved, a column is a VM that is restored from it;
 * either may know registers that the other does not. Each cell shows the
 * result: "ok", or the register that is refused first, with the errno; a VMM
 * would give up there. In one column all registers are restored as a set, of
 * which nothing is stored if one is refused. The test itself goes on, and
 * checks each register of the stream against the rules below: the destination
 * accepts no value that it does not have, and a refused register reads as
 * before. Then the guest, whose memory and vCPU have moved, goes on in the
 * destination, and sees the PSCI version and the services according to the
 * registers.
 *
 * The test has only one kernel on one host. As the source, another kernel or host
 * is a stream of (id, value) pairs as it would arrive: the stream of a VM of this
 * host, without the registers that the other kernel does not know, or with
 * additional ones. So the rows are the same on each host, except those in which
 * the level of a workaround differs: these depend on this host's levels, which are
 * printed above the table. opt_in_absent tests a kernel with nothing to opt in to.
 */
#include <asm/kvm_migration.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_host.h"
#include "abi/level.h"
#include "abi/matrix/gic.h"
#include "abi/matrix/migrant.h"
#include "abi/matrix/rows.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/switch.h"
#include "abi/vgic_v2.h"
#include "abi/vgic_v2_guest.h"
#include "abi/vm_config.h"

/* For all rows, after their own */
static const struct rule rules[] = {
	{ ON_ANY_VCPU, ENOENT, NEW },
	{ ON_STOCK, ENOENT, ALL_LEVELS },
	/* A vCPU without KVM_ARM_VCPU_PSCI_0_2 has only PSCI 0.1. */
	{ ON(ALL_PSCI_0_1), EINVAL, PSCI },
	/* These depend on the vCPUs' features. */
	{ ON(ALL_NO_VCPU), ENOEXEC, WA_2 | LEVELS(0) },
};

/* What the guest of the source has set, in its own format */
#define PMR_GUEST	0xf0

/* Where userspace saves it, and what it reads there */
static const struct {
	u32 in;
	u32 group;
	u32 val;
} pmr_forms[] = {
	{ 0, KVM_DEV_ARM_VGIC_GRP_CPU_REGS, 0x1e },
	{ IN_PMR, KVM_DEV_ARM_VGIC_GRP_CANONICAL, 0xf0 },
};

static struct vgic_v2 pmr_create(u32 in)
{
	struct migrant m = { .vm = vm_create(1) };

	migrant_opt_in(&m, in);
	return vgic_v2_create_guest_in(m.vm);
}

/* The mask that userspace saves for a VM whose guest has set PMR_GUEST */
static u32 pmr_save(int form)
{
	struct vgic_v2 v = pmr_create(pmr_forms[form].in);
	u32 val;

	v2_guest_write_gicc(v.vcpus[0], GICC_PMR, PMR_GUEST);
	val = vgic_v2_get(&v, pmr_forms[form].group, 0, GICC_PMR);
	test_expect(val == pmr_forms[form].val,
		    "GICC_PMR is saved as %#x, expected %#x", val, pmr_forms[form].val);
	vgic_v2_free(&v);
	return val;
}

/* Restore the mask. Returns 0 or the positive errno, and the mask of the guest. */
static int pmr_restore(int form, u32 saved, u32 in, u32 *mask)
{
	struct vgic_v2 v = pmr_create(in);
	int err = vgic_v2_access(v.fd, KVM_SET_DEVICE_ATTR, pmr_forms[form].group,
				 vgic_v2_attr(0, GICC_PMR), (u64)&saved);

	*mask = v2_guest_read_gicc(v.vcpus[0], GICC_PMR);
	vgic_v2_free(&v);
	return err;
}

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
	struct migrant m = migrant_create(row->in, row->psci_0_1, row->all_features);
	struct saved s;

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

/* The rows of a GICv2 and of a GICv3 follow those of the registers. */
#define GIC_ROWS	(NR_ROWS + ARRAY_SIZE(pmr_rows))

static char cells[GIC_ROWS + NR_GIC_ROWS][NR_DESTS][CELL_SIZE];

/* The number of refused registers so far in this cell */
static int nr_refused;

/* Expect @want from register @nr, and note the first refused one. */
static void cell_expect(int row, int dest, int nr, int err, int want)
{
	test_expect(err == want, "%s: %s, expected %s", reg_names[nr],
		    errno_name(err), errno_name(want));
	if (err && !nr_refused++)
		snprintf(cells[row][dest], CELL_SIZE, "%s %s", reg_names[nr],
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

static void cell_registers(int nr, int dest, struct migrant *m, struct saved *s)
{
	const struct one_reg *r;
	int i, err, want;
	u64 now;

	for (i = 0; i < s->nr; i++) {
		r = &s->reg[i];
		want = wanted(&rows[nr], dest, reg_nr(r->id));
		if (!want && m->vcpu && is_above_host(m->vcpu, r->id, r->val))
			want = EINVAL;
		/* What the guest was promised freezes, too. */
		if (!want && dests[dest].has_run && BIT(reg_nr(r->id)) & ALL_LEVELS &&
		    !migrant_read(m, r->id, &now) && now != r->val)
			want = EBUSY;

		err = migrant_restore_reg(m, s, r);
		cell_expect(nr, dest, reg_nr(r->id), err, want);
	}
}

/* The whole stream as one set: each entry has its answer, and all are stored or none */
static void cell_set(int nr, int dest, struct migrant *m, struct saved *s)
{
	struct config before = config_get(m->vm->fd), set = {};
	int i, want[MAX_SAVED], refused = 0;
	const struct one_reg *r;
	u64 now;

	for (i = 0; i < s->nr; i++) {
		r = &s->reg[i];
		want[i] = wanted(&rows[nr], dest, reg_nr(r->id));
		if (!want[i] && is_above_host(m->vcpu, r->id, r->val))
			want[i] = EINVAL;
		refused += !!want[i];
		config_add(&set, r->id & ~(u64)KVM_REG_ARM_SCOPE_MASK, r->val);
	}

	config_expect(m->vm->fd, 0, &set, refused ? ERANGE : 0);
	for (i = 0; i < s->nr; i++) {
		cell_expect(nr, dest, reg_nr(s->reg[i].id), -set.entry[i].err, want[i]);
		if (refused || !(BIT(reg_nr(s->reg[i].id)) & (STORED | ID_REGS)))
			continue;
		test_expect(!migrant_read(m, s->reg[i].id, &now) && now == s->reg[i].val,
			    "%s is %#lx, not %#lx", reg_names[reg_nr(s->reg[i].id)], now,
			    s->reg[i].val);
	}
	if (refused)
		config_expect_same(m->vm->fd, &before, "refused");
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
		test_expect(!err, "%s: %s, once there is a vCPU", reg_names[nr],
			    errno_name(err));
	}
}

static void cell_body(int nr, int dest)
{
	const struct dest *d = &dests[dest];
	/* The source's VM is gone before this one is made. */
	struct saved *s = source(nr);
	struct migrant m = { .vm = vm_create(1) };
	int err;

	migrant_opt_in(&m, d->in);
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
	if (d->as_set)
		cell_set(nr, dest, &m, s);
	else if (!d->no_vcpu)
		cell_registers(nr, dest, &m, s);
	migrant_expect_guest(&m, s, d->has_run);
out:
	kvm_vm_free(m.vm);
}

static void check_cell(int arg)
{
	int nr = arg / NR_DESTS, dest = arg % NR_DESTS;

	nr_refused = 0;
	cell_body(nr, dest);
	cell_done(nr, dest);
}

/* ---- GICC_PMR: each form has its own group, so they cannot be confused ---- */

static void check_pmr(int arg)
{
	int form = arg / NR_DESTS, dest = arg % NR_DESTS, err, want;
	char *cell = cells[NR_ROWS + form][dest];
	u32 mask;

	if (kvm_supports_vgic_v3() || !vgic_v2_supported()) {
		test_skip("the host's GIC is not a GICv2");
		snprintf(cell, CELL_SIZE, "(skipped)");
		return;
	}

	want = pmr_forms[form].in & ~dests[dest].in ? ENXIO : 0;
	err = pmr_restore(form, pmr_save(form), dests[dest].in, &mask);
	test_expect(err == want, "GICC_PMR: %s, expected %s", errno_name(err),
		    errno_name(want));
	test_expect(mask == (want ? 0 : PMR_GUEST), "the guest reads %#x", mask);
	if (err)
		snprintf(cell, CELL_SIZE, "GICC_PMR %s", errno_name(err));
	else
		snprintf(cell, CELL_SIZE, mask == PMR_GUEST ? "ok" : "another mask");
}

/* ---- ICC_CTLR_EL1: what the guest has read of its GICv3 ---- */

static void check_gic(int arg)
{
	int row = arg / NR_DESTS, dest = arg % NR_DESTS;

	gic_move(row, dests[dest].in, dests[dest].has_run, cells[GIC_ROWS + row][dest],
		 CELL_SIZE);
}

/* ---- The table ---- */

static const char *row_name(int nr)
{
	if (nr < NR_ROWS)
		return rows[nr].name;

	return nr < GIC_ROWS ? pmr_rows[nr - NR_ROWS] : gic_rows[nr - GIC_ROWS];
}

static void print_table(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);
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
	printf("# of IDs; INIT: KVM_ARM_VCPU_INIT\n#\n");

	printf("# %-39s", "source");
	for (j = 0; j < NR_DESTS; j++)
		printf(" %-*s", j < NR_DESTS - 1 ? 16 : 0, dests[j].name);
	for (i = 0; i < ARRAY_SIZE(cells); i++) {
		printf("\n# %-39s", row_name(i));
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
	if (!__abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");

	for (i = 0; i < NR_ROWS; i++) {
		/* Without a vCPU only the VM's file descriptor can be used. */
		for (j = 0; j < NR_DESTS - !(rows[i].in & IN_VM); j++)
			add_case(check_cell, i * NR_DESTS + j, rows[i].name);
	}
	for (i = 0; i < ARRAY_SIZE(pmr_rows); i++) {
		add_case(check_pmr, i * NR_DESTS + STOCK, pmr_rows[i]);
		add_case(check_pmr, i * NR_DESTS + ALL, pmr_rows[i]);
	}

	for (i = 0; i < NR_GIC_ROWS; i++) {
		add_case(check_gic, i * NR_DESTS + STOCK, gic_rows[i]);
		add_case(check_gic, i * NR_DESTS + ALL, gic_rows[i]);
		add_case(check_gic, i * NR_DESTS + ALL_RUN, gic_rows[i]);
	}

	mismatches = abi_read_stats().mismatches;
	cases[nr_cases++] = (struct test_case) {
		"no mismatch between the implementations", check_mismatches,
	};

	test_set_plan(nr_cases);
	test_run_cases(cases, nr_cases);
	print_table();

	test_finished();
}
