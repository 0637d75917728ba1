// SPDX-License-Identifier: GPL-2.0-only
/*
 * vgic_v2_migrate - A guest's GICv2 survives migration: it gets the same
 * interrupts on the destination as it would have got on the source.
 *
 * Userspace's format of GICC_PMR is not the guest's. A mask that is restored in
 * the wrong format still reads back as it was written; the error only shows in
 * the interrupts that the guest gets. So after a migration two interrupts are
 * made pending: one is just urgent enough to pass the mask, the other is just
 * not. The destination's guest sets nothing itself before that.
 */
#include "abi/cases.h"
#include "abi/vgic_v2.h"
#include "abi/vgic_v2_guest.h"
#include "processor.h"

#define IAR_GROUP1	1022
#define RPR_IDLE	0xff

/*
 * The distributor's registers of 64 interrupts, each with the register that
 * clears it. GICD_IIDR goes first: KVM only accepts GICD_IGROUPR from userspace
 * after it. Pending and active states are restored after the interrupts'
 * configuration.
 */
static const struct {
	u32 offset, clear, len;
} gicd_regs[] = {
	{ GICD_IIDR, 0, 4 },
	{ GICD_CTLR, 0, 4 },
	{ GICD_IGROUPR, 0, 8 },
	{ GICD_IPRIORITYR, 0, 64 },
	{ GICD_ITARGETSR, 0, 64 },
	{ GICD_ICFGR, 0, 16 },
	{ GICD_ISENABLER, GICD_ICENABLER, 8 },
	{ GICD_ISACTIVER, GICD_ICACTIVER, 8 },
	{ GICD_ISPENDR, GICD_ICPENDR, 8 },
};

#define NR_GICD_WORDS	16

struct saved {
	u32 gicd[ARRAY_SIZE(gicd_regs)][NR_GICD_WORDS];
	struct gicc_state gicc;
};

static struct saved save(struct vgic_v2 *v)
{
	struct saved s = {};
	int i, w;

	s.gicc = gicc_state_read(v);
	for (i = 0; i < ARRAY_SIZE(gicd_regs); i++) {
		for (w = 0; w < gicd_regs[i].len / 4; w++)
			s.gicd[i][w] = gicd_get(v, 0, gicd_regs[i].offset +
						4 * w);
	}

	return s;
}

static void restore(struct vgic_v2 *v, const struct saved *s)
{
	int i, w;

	for (i = 0; i < ARRAY_SIZE(gicd_regs); i++) {
		for (w = 0; w < gicd_regs[i].len / 4; w++) {
			if (gicd_regs[i].clear)
				gicd_set(v, 0, gicd_regs[i].clear + 4 * w,
					 0xffffffff);
			gicd_set(v, 0, gicd_regs[i].offset + 4 * w,
				 s->gicd[i][w]);
		}
	}

	for (i = 0; i < NR_GICC_REGS; i++)
		gicc_set(v, 0, gicc_regs[i].offset, s->gicc.val[0][i]);
}

static void expect_saved(struct vgic_v2 *v, const struct saved *want,
			 const char *vm)
{
	struct saved now = save(v);
	int i, w;

	gicc_expect_state(v, &want->gicc, vm);
	for (i = 0; i < ARRAY_SIZE(gicd_regs); i++) {
		for (w = 0; w < NR_GICD_WORDS; w++)
			test_expect(now.gicd[i][w] == want->gicd[i][w],
				    "%s: %#x of the distributor reads %#x, not %#x",
				    vm, gicd_regs[i].offset + 4 * w,
				    now.gicd[i][w], want->gicd[i][w]);
	}
}

/* A second VM with the state of @a's GIC. Its guest has not run. */
static struct vgic_v2 migrate(struct vgic_v2 *a)
{
	struct vgic_v2 b = vgic_v2_create_guest();
	struct saved s = save(a);

	restore(&b, &s);
	expect_saved(&b, &s, "destination");
	expect_saved(a, &s, "source");
	return b;
}

static void check_migrate(const struct v2_guest_gic *s)
{
	struct vgic_v2 a = vgic_v2_create_guest(), b;
	u32 val;
	int i;

	v2_guest_setup(&a, s);
	b = migrate(&a);

	/* The exact value matters for older and newer KVMs. */
	val = gicc_get(&b, 0, GICC_PMR);
	test_expect(val == s->pmr >> GICC_PMR_SHIFT, "PMR is saved as %#x",
		    val);
	val = gicc_get(&b, 0, GICC_CTLR);
	test_expect(val == s->ctlr, "CTLR is saved as %#x", val);

	/* The guest reads the same values in its registers. */
	for (i = 0; i < NR_GICC_REGS; i++) {
		val = v2_guest_read_gicc(a.vcpus[0], gicc_regs[i].offset);
		v2_guest_expect(&b, gicc_regs[i].offset, val, "destination");
	}
	v2_guest_expect(&b, GICC_PMR, s->pmr, "destination");
	v2_guest_expect(&b, GICC_CTLR, s->ctlr, "destination");
	v2_guest_expect(&b, GICC_BPR, 5, "destination");
	v2_guest_expect(&b, GICC_ABPR, 6, "destination");

	v2_guest_expect_mask(&b, "destination");
	v2_guest_expect_mask(&a, "source");

	vgic_v2_free(&a);
	vgic_v2_free(&b);
}

static void check_mask(int pmr)
{
	check_migrate(&(struct v2_guest_gic) { GICC_CTLR_ENABLE_GRP0, pmr });
}

static void check_group1(int unused)
{
	check_migrate(&(struct v2_guest_gic) {
		GICC_CTLR_ENABLE_GRP1 | GICC_CTLR_ACK_CTL, 0x80, true
	});
}

/* Without AckCtl GICC_IAR only shows that a group 1 interrupt is pending. */
static void check_no_ackctl(int unused)
{
	struct v2_guest_gic s = { GICC_CTLR_ENABLE_GRP1, 0x80, true };
	struct vgic_v2 a = vgic_v2_create_guest(), b;

	v2_guest_setup(&a, &s);
	b = migrate(&a);
	vgic_v2_inject(&b, V2_GUEST_HIGH_SPI);
	v2_guest_expect(&b, GICC_IAR, IAR_GROUP1, "destination");

	vgic_v2_free(&a);
	vgic_v2_free(&b);
}

/* No group is enabled: nothing is delivered. */
static void check_disabled(int unused)
{
	struct v2_guest_gic s = { 0, 0x80 };
	struct vgic_v2 a = vgic_v2_create_guest(), b;

	v2_guest_setup(&a, &s);
	b = migrate(&a);
	vgic_v2_inject(&b, V2_GUEST_HIGH_SPI);
	v2_guest_expect(&b, GICC_IAR, IAR_SPURIOUS, "destination");
	v2_guest_write_gicc(b.vcpus[0], GICC_CTLR, GICC_CTLR_ENABLE_GRP0);
	v2_guest_expect(&b, GICC_IAR, V2_GUEST_HIGH_SPI, "destination");

	vgic_v2_free(&a);
	vgic_v2_free(&b);
}

/* Taken on the destination, as IRQ or FIQ according to CTLR */
static void check_taken(int vector)
{
	struct v2_guest_gic s = { GICC_CTLR_ENABLE_GRP0, 0x80 };
	struct vgic_v2 a = vgic_v2_create_guest(), b;
	struct v2_guest_taken t;

	if (vector == VECTOR_FIQ_CURRENT)
		s.ctlr |= GICC_CTLR_FIQ_EN;

	v2_guest_setup(&a, &s);
	b = migrate(&a);

	vgic_v2_inject(&b, V2_GUEST_LOW_SPI);
	t = v2_guest_take_irq(b.vcpus[0]);
	test_expect(!t.vector, "vector %u, IAR %u: below the mask", t.vector,
		    t.iar);

	vgic_v2_inject(&b, V2_GUEST_HIGH_SPI);
	t = v2_guest_take_irq(b.vcpus[0]);
	test_expect(t.vector == vector && t.iar == V2_GUEST_HIGH_SPI,
		    "vector %u, IAR %u", t.vector, t.iar);

	t = v2_guest_take_irq(b.vcpus[0]);
	test_expect(!t.vector, "vector %u, IAR %u: taken again", t.vector,
		    t.iar);

	v2_guest_write_gicc(b.vcpus[0], GICC_PMR, GICC_PMR_ALL);
	t = v2_guest_take_irq(b.vcpus[0]);
	test_expect(t.vector == vector && t.iar == V2_GUEST_LOW_SPI,
		    "vector %u, IAR %u", t.vector, t.iar);

	vgic_v2_free(&a);
	vgic_v2_free(&b);
}

static bool is_active(struct vgic_v2 *v, u32 intid)
{
	return gicd_get(v, 0, GICD_ISACTIVER + 4) & V2_GUEST_SPI_BIT(intid);
}

/*
 * The guest is handling an interrupt when it is migrated: GICC_APR keeps less
 * urgent ones away until it is done.
 */
static void check_active(int unused)
{
	struct v2_guest_gic s = { GICC_CTLR_ENABLE_GRP0, 0xf0 };
	struct vgic_v2 a = vgic_v2_create_guest(), b;

	v2_guest_setup(&a, &s);
	v2_guest_write_gicc(a.vcpus[0], GICC_BPR, 0);
	vgic_v2_inject(&a, V2_GUEST_HIGH_SPI);
	v2_guest_expect(&a, GICC_IAR, V2_GUEST_HIGH_SPI, "source");
	v2_guest_expect(&a, GICC_RPR, s.pmr - 8, "source");

	b = migrate(&a);
	test_expect(gicc_get(&b, 0, GICC_APR(0)) == BIT((s.pmr - 8) >> 3),
		    "GICC_APR0 reads %#x", gicc_get(&b, 0, GICC_APR(0)));
	test_expect(is_active(&b, V2_GUEST_HIGH_SPI), "not active");

	v2_guest_write_gicc(b.vcpus[0], GICC_PMR, GICC_PMR_ALL);
	v2_guest_expect(&b, GICC_RPR, s.pmr - 8, "destination");
	vgic_v2_inject(&b, V2_GUEST_LOW_SPI);
	v2_guest_expect(&b, GICC_IAR, IAR_SPURIOUS, "destination");

	v2_guest_write_gicc(b.vcpus[0], GICC_EOIR, V2_GUEST_HIGH_SPI);
	v2_guest_expect(&b, GICC_RPR, RPR_IDLE, "destination");
	test_expect(!is_active(&b, V2_GUEST_HIGH_SPI), "active after EOI");
	test_expect(!gicc_get(&b, 0, GICC_APR(0)), "GICC_APR0 reads %#x",
		    gicc_get(&b, 0, GICC_APR(0)));
	v2_guest_expect(&b, GICC_IAR, V2_GUEST_LOW_SPI, "destination");

	vgic_v2_free(&a);
	vgic_v2_free(&b);
}

/* With EOImodeNS only GICC_DIR deactivates, which userspace does not have. */
static void check_dir(int unused)
{
	struct v2_guest_gic s = {
		GICC_CTLR_ENABLE_GRP0 | GICC_CTLR_EOI_MODE_NS, 0x80
	};
	struct vgic_v2 a = vgic_v2_create_guest(), b;

	v2_guest_setup(&a, &s);
	vgic_v2_inject(&a, V2_GUEST_HIGH_SPI);
	v2_guest_expect(&a, GICC_IAR, V2_GUEST_HIGH_SPI, "source");

	b = migrate(&a);
	v2_guest_write_gicc(b.vcpus[0], GICC_EOIR, V2_GUEST_HIGH_SPI);
	v2_guest_expect(&b, GICC_RPR, RPR_IDLE, "destination");
	test_expect(is_active(&b, V2_GUEST_HIGH_SPI), "deactivated by EOIR");

	gicc_set(&b, 0, GICC_DIR, V2_GUEST_HIGH_SPI);
	test_expect(is_active(&b, V2_GUEST_HIGH_SPI),
		    "deactivated by userspace");
	v2_guest_expect(&b, GICC_DIR, 0, "destination");

	v2_guest_write_gicc(b.vcpus[0], GICC_DIR, V2_GUEST_HIGH_SPI);
	test_expect(!is_active(&b, V2_GUEST_HIGH_SPI),
		    "not deactivated by DIR");

	vgic_v2_free(&a);
	vgic_v2_free(&b);
}

static const struct test_case cases[] = {
	{ "migration with mask 0x08", check_mask, 0x08 },
	{ "migration with mask 0x10", check_mask, 0x10 },
	{ "migration with mask 0x80", check_mask, 0x80 },
	{ "migration with mask 0xe8", check_mask, 0xe8 },
	{ "migration with mask 0xf0", check_mask, 0xf0 },
	{ "migration of group 1, with AckCtl", check_group1 },
	{ "migration of group 1, without AckCtl", check_no_ackctl },
	{ "migration of a disabled CPU interface", check_disabled },
	{ "migration before an IRQ is taken", check_taken, VECTOR_IRQ_CURRENT },
	{ "migration before an FIQ is taken", check_taken, VECTOR_FIQ_CURRENT },
	{ "migration while an interrupt is active", check_active },
	{ "migration with EOImodeNS, before GICC_DIR", check_dir },
};

int main(void)
{
	ksft_print_header();
	vgic_v2_require();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
