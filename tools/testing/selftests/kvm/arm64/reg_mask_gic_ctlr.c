// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_mask_gic_ctlr - The numbers in ICC_CTLR_EL1 have no bits in its mask.
 *
 * A VMM lowers PRIbits and IDbits to those of the host from which a VM comes,
 * and cannot raise them again: what is accepted is a number, not bits. The most
 * that is accepted is what the register reads. The masks of the registers of
 * active priorities depend on PRIbits.
 *
 * The fields are lowered step by step, from the host's values to 0. In each
 * step every other bit and every higher value is tried, and the other bits that
 * can be flipped must be exactly those of the mask.
 */
#include <asm/kvm_migration.h>
#include <errno.h>

#include "abi/cases.h"
#include "abi/gic_mask.h"
#include "abi/id_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_mask.h"
#include "processor.h"

#define MAX_STEPS	17

/* All other bits are tried in each step; only CBPR and EOImode can change. */
#define OTHER_BITS	(~(GIC_CTLR_PRI_BITS | GIC_CTLR_ID_BITS))

static u64 with_bits(u64 ctlr, u64 pri, u64 id)
{
	return (ctlr & OTHER_BITS) | FIELD_PREP(GIC_CTLR_PRI_BITS, pri) |
	       FIELD_PREP(GIC_CTLR_ID_BITS, id);
}

/* No write raises a field again. */
static void expect_not_raised(struct gic_vm *g, int n, u64 ctlr)
{
	u64 pri = FIELD_GET(GIC_CTLR_PRI_BITS, ctlr);
	u64 id = FIELD_GET(GIC_CTLR_ID_BITS, ctlr);
	u64 val, p, i, now;
	int ret;

	for (p = pri; p < 8; p++) {
		for (i = p == pri ? id + 1 : 0; i < 8; i++) {
			val = with_bits(ctlr, p, i);
			ret = gic_access(g, KVM_SET_DEVICE_ATTR, n, GIC_CTLR,
					 &val);
			now = gic_get(g, n, GIC_CTLR);
			test_expect(ret == EINVAL && now == ctlr,
				    "%#lx <- %#lx: %s, reads %#lx", ctlr, val,
				    strerror(ret), now);
		}
	}
}

/* Returns which of the other bits can be flipped. */
static u64 flip_other_bits(struct gic_vm *g, int n, u64 ctlr)
{
	u64 val, now, flipped = 0;
	int bit, ret;

	for (bit = 0; bit < 64; bit++) {
		if (!(OTHER_BITS & BIT(bit)))
			continue;
		val = ctlr ^ BIT(bit);
		ret = gic_access(g, KVM_SET_DEVICE_ATTR, n, GIC_CTLR, &val);
		now = gic_get(g, n, GIC_CTLR);
		test_expect(!ret || now == ctlr, "%#lx <- %#lx: %s, reads %#lx",
			    ctlr, val, strerror(ret), now);
		if (now == val)
			flipped |= BIT(bit);
		gic_set(g, n, GIC_CTLR, ctlr);
	}

	return flipped;
}

static int lower(u64 ctlr, u64 *next)
{
	u64 pri = FIELD_GET(GIC_CTLR_PRI_BITS, ctlr);
	u64 id = FIELD_GET(GIC_CTLR_ID_BITS, ctlr);

	if (!pri && !id)
		return false;

	*next = id ? with_bits(ctlr, pri, id - 1) : with_bits(ctlr, pri - 1, 0);
	return true;
}

static void check_steps(int after_run)
{
	struct mask_array want;
	u64 next, mask, others;
	struct gic_vm g;
	int nr = 0;

	g = gic_vm_create_init(1, false);
	if (after_run)
		id_run(g.vcpus[0]);

	next = gic_get(&g, 0, GIC_CTLR);
	do {
		u64 now;

		gic_set(&g, 0, GIC_CTLR, next);
		now = gic_get(&g, 0, GIC_CTLR);
		test_expect(now == next, "%#lx reads %#lx", next, now);
		expect_not_raised(&g, 0, now);
		others = flip_other_bits(&g, 0, now);

		/* The other masks stay, except active priorities. */
		want = gic_masks(&g, after_run);
		mask_expect(g.vm, KVM_ARM_GIC_RANGE, &want, "lowered");
		mask = mask_get(g.vm, KVM_ARM_GIC_RANGE).val[GIC_CTLR];
		test_expect(mask == others, "%#lx: mask %#lx, but %#lx can be flipped",
			    now, mask, others);
	} while (lower(gic_get(&g, 0, GIC_CTLR), &next) && ++nr < MAX_STEPS);

	test_expect(nr >= 4 && nr < MAX_STEPS, "%d steps", nr);
	gic_vm_free(&g);
}

/* A single write may lower the fields by any amount. */
static void check_at_once(int unused)
{
	struct mask_array want;
	struct gic_vm g;
	u64 ctlr, p;

	for (p = 0; p < 8; p++) {
		g = gic_vm_create_init(1, false);
		ctlr = gic_get(&g, 0, GIC_CTLR);
		if (p <= FIELD_GET(GIC_CTLR_PRI_BITS, ctlr)) {
			gic_set(&g, 0, GIC_CTLR, with_bits(ctlr, p, 0));
			want = gic_masks(&g, false);
			mask_expect(g.vm, KVM_ARM_GIC_RANGE, &want, "lowered");
		}
		gic_vm_free(&g);
	}
}

/*
 * KVM may have lowered PRIbits before it refuses IDbits. In either case the
 * masks match what the register reads.
 */
static void check_refused(int unused)
{
	struct mask_array want;
	struct gic_vm g;
	u64 ctlr, val;

	g = gic_vm_create_init(1, false);
	ctlr = gic_get(&g, 0, GIC_CTLR);
	val = with_bits(ctlr, 1, 7);
	test_expect(gic_access(&g, KVM_SET_DEVICE_ATTR, 0, GIC_CTLR, &val) ==
		    EINVAL, "%#lx <- %#lx", ctlr, val);
	want = gic_masks(&g, false);
	mask_expect(g.vm, KVM_ARM_GIC_RANGE, &want, "refused");
	gic_vm_free(&g);
}

/* Each vCPU has its own register; the masks have what any of them can change. */
static void check_two_vcpus(int first)
{
	int second = !first, i;
	struct mask_array want;
	struct gic_vm g;
	u64 ctlr;

	g = gic_vm_create_init(2, false);
	want = gic_masks(&g, false);
	ctlr = gic_get(&g, 0, GIC_CTLR);
	test_expect(gic_get(&g, 1, GIC_CTLR) == ctlr, "the vCPUs differ");

	gic_set(&g, first, GIC_CTLR, with_bits(ctlr, 2, 0));
	mask_expect(g.vm, KVM_ARM_GIC_RANGE, &want, "one lowered");
	expect_not_raised(&g, first, with_bits(ctlr, 2, 0));

	gic_set(&g, second, GIC_CTLR, with_bits(ctlr, 0, 0));
	for (i = 0; i < NR_GIC_REGS; i++) {
		if (gic_regs[i].pri_bits)
			want.val[gic_nr(&gic_regs[i])] = 0;
	}
	mask_expect(g.vm, KVM_ARM_GIC_RANGE, &want, "both lowered");

	gic_set(&g, first, GIC_CTLR, with_bits(ctlr, 1, 0));
	mask_expect(g.vm, KVM_ARM_GIC_RANGE, &want, "one lowered further");
	gic_vm_free(&g);
}

/* Lowering the fields of one VM does not affect another. */
static void check_other_vm(int unused)
{
	struct mask_array want;
	struct gic_vm g, h;

	g = gic_vm_create_init(1, false);
	want = gic_masks(&g, false);
	gic_set(&g, 0, GIC_CTLR, with_bits(gic_get(&g, 0, GIC_CTLR), 0, 0));
	h = gic_vm_create_init(1, false);
	mask_expect(h.vm, KVM_ARM_GIC_RANGE, &want, "other VM lowered");
	gic_vm_free(&h);
	gic_vm_free(&g);
}

static const struct test_case cases[] = {
	{ "test of the mask: numbers lowered step by step, not run", check_steps, 0 },
	{ "test of the mask: numbers lowered step by step, after a run",
	  check_steps, 1 },
	{ "lowered at once", check_at_once },
	{ "a refused write: the masks match what is read",
	  check_refused },
	{ "two vCPUs: the first one is lowered first", check_two_vcpus, 0 },
	{ "two vCPUs: the second one is lowered first", check_two_vcpus, 1 },
	{ "another VM's mask does not change", check_other_vm },
};

int main(void)
{
	test_disable_default_vgic();

	ksft_print_header();
	__TEST_REQUIRE(kvm_supports_vgic_v3(), "KVM has no GICv3 here");
	opt_in_require();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
