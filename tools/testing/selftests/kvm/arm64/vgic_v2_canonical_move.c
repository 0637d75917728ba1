// SPDX-License-Identifier: GPL-2.0-only
/*
 * vgic_v2_canonical_move - Migration of a VM whose userspace has GICC_PMR in the
 * format of the architecture.
 *
 * The format is a mode of the VM, and not visible in the value: a mask that is
 * saved in one format and restored in the other becomes another mask. So a VMM
 * must set KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR on both ends or on none. The
 * test also shows what happens otherwise: interrupts are lost, or come when
 * they are masked.
 */
#include "abi/cases.h"
#include "abi/opt_in.h"
#include "abi/vgic_v2.h"
#include "abi/vgic_v2_canonical.h"
#include "abi/vgic_v2_guest.h"

/* The interrupts are the same in both VMs; the CPU interface may differ. */
static void copy_interrupts(struct vgic_v2 *a, struct vgic_v2 *b)
{
	static const u32 regs[] = {
		GICD_IIDR, GICD_CTLR, GICD_IGROUPR + 4, GICD_ICFGR + 8,
		GICD_IPRIORITYR + MIN_SPI, GICD_ITARGETSR + MIN_SPI,
		GICD_ISENABLER + 4,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(regs); i++)
		gicd_set(b, 0, regs[i], gicd_get(a, 0, regs[i]));
}

static struct vgic_v2 migrate(struct vgic_v2 *a, bool canonical)
{
	struct gicc_state state = gicc_state_read(a);
	struct vgic_v2 b = canonical_create(canonical);
	int i;

	copy_interrupts(a, &b);
	for (i = 0; i < NR_GICC_REGS; i++)
		gicc_set(&b, 0, gicc_regs[i].offset, state.val[0][i]);
	return b;
}

static struct vgic_v2 create_source(bool canonical, u32 pmr)
{
	struct v2_guest_gic s = { GICC_CTLR_ENABLE_GRP0, pmr };
	struct vgic_v2 a = canonical_create(canonical);

	v2_guest_setup(&a, &s);
	return a;
}

/* Both ends have it, or neither: the guest sees no change. */
static void check_migration(int canonical)
{
	static const u32 pmr[] = { 0x08, 0x10, 0x80, 0xe8, 0xf0 };
	struct vgic_v2 a, b;
	u32 saved, want;
	int i;

	for (i = 0; i < ARRAY_SIZE(pmr); i++) {
		a = create_source(canonical, pmr[i]);
		saved = gicc_get(&a, 0, GICC_PMR);
		want = canonical ? pmr[i] : pmr[i] >> 3;
		test_expect(saved == want, "%#x is saved as %#x", pmr[i],
			    saved);

		b = migrate(&a, canonical);
		v2_guest_expect(&b, GICC_PMR, pmr[i], "destination");
		v2_guest_expect_mask(&b, "destination");
		v2_guest_expect_mask(&a, "source");
		vgic_v2_free(&b);
		vgic_v2_free(&a);
	}
}

/* Only one end has it: every mask except 0 changes. */
static void check_mismatch(int source_canonical)
{
	struct vgic_v2 a = canonical_create(source_canonical);
	struct vgic_v2 b = canonical_create(!source_canonical);
	u32 pmr, saved, now;

	for (pmr = 0; pmr < 256; pmr += 8) {
		v2_guest_write_gicc(a.vcpus[0], GICC_PMR, pmr);
		saved = gicc_get(&a, 0, GICC_PMR);
		gicc_set(&b, 0, GICC_PMR, saved);

		now = v2_guest_read_gicc(b.vcpus[0], GICC_PMR);
		test_expect(now == canonical_to_guest(!source_canonical, saved),
			    "%#x is %#x to the guest", pmr, now);
		test_expect(now == pmr || pmr, "%#x is %#x to the guest", pmr,
			    now);
		test_expect(now != pmr || !pmr, "%#x survives", pmr);
	}
	vgic_v2_free(&b);
	vgic_v2_free(&a);
}

/*
 * 0xf0 is saved as 0xf0 and restored as 0x80, or saved as 0x1e and restored as
 * 0x18. An interrupt that the guest expects is masked.
 */
static void check_mismatch_masks(int source_canonical)
{
	struct vgic_v2 a = create_source(source_canonical, 0xf0);
	struct vgic_v2 b = migrate(&a, !source_canonical);

	v2_guest_expect(&b, GICC_PMR, source_canonical ? 0x80 : 0x18,
			"destination");
	vgic_v2_inject(&b, V2_GUEST_HIGH_SPI);
	v2_guest_expect(&b, GICC_IAR, IAR_SPURIOUS, "destination");
	v2_guest_expect_mask(&a, "source");

	/* With the right mask the interrupt is taken: nothing else is wrong. */
	v2_guest_write_gicc(b.vcpus[0], GICC_PMR, 0xf0);
	v2_guest_expect(&b, GICC_IAR, V2_GUEST_HIGH_SPI, "destination");
	vgic_v2_free(&b);
	vgic_v2_free(&a);
}

/*
 * The source's mask of 0x10 only lets interrupts of priority 0x08 and more
 * urgent ones through. The destination's mask of 0x80 lets others through.
 */
static void check_mismatch_unmasks(int unused)
{
	struct vgic_v2 a = create_source(true, 0x10);
	struct vgic_v2 b = migrate(&a, false);

	v2_guest_expect(&b, GICC_PMR, 0x80, "destination");
	vgic_v2_inject(&b, V2_GUEST_LOW_SPI);
	v2_guest_expect(&b, GICC_IAR, V2_GUEST_LOW_SPI, "destination");
	v2_guest_expect_mask(&a, "source");
	vgic_v2_free(&b);
	vgic_v2_free(&a);
}

static const struct test_case cases[] = {
	{ "both ends are canonical", check_migration, true },
	{ "neither end is canonical", check_migration, false },
	{ "only the source is canonical: all masks are wrong",
	  check_mismatch, true },
	{ "only the destination is canonical: all masks are wrong",
	  check_mismatch, false },
	{ "only the source is canonical: an interrupt is lost",
	  check_mismatch_masks, true },
	{ "only the destination is canonical: an interrupt is lost",
	  check_mismatch_masks, false },
	{ "only the source is canonical: an interrupt is not masked",
	  check_mismatch_unmasks },
};

int main(void)
{
	ksft_print_header();
	vgic_v2_require();
	opt_in_require();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
