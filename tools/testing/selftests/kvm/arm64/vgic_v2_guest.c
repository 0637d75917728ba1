// SPDX-License-Identifier: GPL-2.0-only
/*
 * vgic_v2_guest - The guest sees the GICv2 CPU interface that userspace sets,
 * and the other way round.
 *
 * They have different formats of GICC_PMR: userspace's is the guest's shifted
 * right by three. The other registers are the same for both, once the hardware
 * has replaced values that it cannot hold.
 */
#include "abi/cases.h"
#include "abi/vgic_v2.h"
#include "abi/vgic_v2_guest.h"

static void check_pmr_of_userspace(int unused)
{
	static const u32 others[] = { 0x100, 0x11e, 0x80000000, 0xffffffff };
	struct vgic_v2 v = vgic_v2_create_guest();
	u32 val, want, now;
	int i;

	for (i = 0; i < 256 + ARRAY_SIZE(others); i++) {
		val = i < 256 ? i : others[i - 256];
		want = (val << GICC_PMR_SHIFT) & GICC_PMR_ALL;

		gicc_set(&v, 0, GICC_PMR, val);
		now = v2_guest_read_gicc(v.vcpus[0], GICC_PMR);
		test_expect(now == want,
			    "%#x is %#x to the guest, expected %#x",
			    val, now, want);

		/* The run does not change it. */
		now = gicc_get(&v, 0, GICC_PMR);
		test_expect(now == (val & 0x1f), "%#x reads %#x", val, now);
	}

	vgic_v2_free(&v);
}

/* Values that distinguish the formats */
static void check_pmr_known(int unused)
{
	static const struct {
		u32 set, get, guest;
	} pmr[] = {
		{ 0x1e, 0x1e, 0xf0 },
		{ 0xf0, 0x10, 0x80 },
		{ 0xff, 0x1f, 0xf8 },
		{ 0x20, 0x00, 0x00 },
		{ 0x100, 0x00, 0x00 },
		{ 0xffffffff, 0x1f, 0xf8 },
		{ 0x01, 0x01, 0x08 },
		{ 0x10, 0x10, 0x80 },
		{ 0x80, 0x00, 0x00 },
	};
	struct vgic_v2 v = vgic_v2_create_guest();
	u32 get, guest_val;
	int i;

	for (i = 0; i < ARRAY_SIZE(pmr); i++) {
		gicc_set(&v, 0, GICC_PMR, pmr[i].set);
		get = gicc_get(&v, 0, GICC_PMR);
		guest_val = v2_guest_read_gicc(v.vcpus[0], GICC_PMR);
		test_expect(get == pmr[i].get && guest_val == pmr[i].guest,
			    "%#x: get %#x, guest %#x, expected %#x and %#x",
			    pmr[i].set, get, guest_val, pmr[i].get,
			    pmr[i].guest);
	}

	vgic_v2_free(&v);
}

static void check_pmr_of_guest(int unused)
{
	struct vgic_v2 v = vgic_v2_create_guest();
	u32 val, now;

	for (val = 0; val < 256; val++) {
		v2_guest_write_gicc(v.vcpus[0], GICC_PMR, val);
		now = gicc_get(&v, 0, GICC_PMR);
		test_expect(now == val >> GICC_PMR_SHIFT,
			    "the guest's %#x reads %#x", val, now);
		v2_guest_expect(&v, GICC_PMR, val & GICC_PMR_ALL, "own PMR");
	}

	vgic_v2_free(&v);
}

/* The guest and userspace must agree, whichever bits the hardware keeps. */
static void check_ctlr(int unused)
{
	struct vgic_v2 v = vgic_v2_create_guest();
	int comb;
	u32 val;

	for (comb = 0; comb < 64; comb++) {
		val = (comb & 0x1f) | (comb & 0x20 ? GICC_CTLR_EOI_MODE_NS : 0);

		gicc_set(&v, 0, GICC_CTLR, val);
		v2_guest_expect(&v, GICC_CTLR, val, "userspace's CTLR");
		test_expect(gicc_get(&v, 0, GICC_CTLR) == val,
			    "CTLR %#x reads %#x after the guest has run", val,
			    gicc_get(&v, 0, GICC_CTLR));

		gicc_set(&v, 0, GICC_CTLR, ~val);
		v2_guest_write_gicc(v.vcpus[0], GICC_CTLR, val);
		test_expect(gicc_get(&v, 0, GICC_CTLR) == val,
			    "the guest's CTLR %#x reads %#x", val,
			    gicc_get(&v, 0, GICC_CTLR));
	}

	vgic_v2_free(&v);
}

/*
 * The hardware has a minimum for each of the binary points. It replaces lower
 * values, at the latest in the run after the guest has written them.
 */
static void check_binary_point(int offset)
{
	struct vgic_v2 v = vgic_v2_create_guest();
	u32 val, least, want, now;

	gicc_set(&v, 0, offset, 0);
	least = v2_guest_read_gicc(v.vcpus[0], offset);
	test_expect(least < 7, "least value %#x", least);

	for (val = 0; val < 8; val++) {
		want = max(val, least);

		gicc_set(&v, 0, offset, val);
		test_expect(gicc_get(&v, 0, offset) == val,
			    "%u is %u before the guest runs", val,
			    gicc_get(&v, 0, offset));
		v2_guest_expect(&v, offset, want, "userspace's");
		test_expect(gicc_get(&v, 0, offset) == want,
			    "%u is %u after the guest has run, expected %u",
			    val, gicc_get(&v, 0, offset), want);

		gicc_set(&v, 0, offset, 7 - val);
		v2_guest_write_gicc(v.vcpus[0], offset, val);
		now = gicc_get(&v, 0, offset);
		test_expect(now >= val && now <= want, "the guest's %u is %u",
			    val, now);
		v2_guest_expect(&v, offset, want, "own");
	}

	vgic_v2_free(&v);
}

/* The id in the attribute selects that vCPU, whatever its index is. */
static void check_vcpu_ids(int unused)
{
	static const u8 ids[] = { 2, 5, 0 };
	struct vgic_v2 v = vgic_v2_create(ids, ARRAY_SIZE(ids), v2_guest_code);
	u32 now;
	int n;

	for (n = 0; n < v.nr_vcpus; n++)
		gicc_set(&v, ids[n], GICC_PMR, 0x11 + n);

	for (n = 0; n < v.nr_vcpus; n++) {
		now = v2_guest_read_gicc(v.vcpus[n], GICC_PMR);
		test_expect(now == (0x11 + n) << GICC_PMR_SHIFT,
			    "vCPU %u has PMR %#x", ids[n], now);
		v2_guest_write_gicc(v.vcpus[n], GICC_PMR, ids[n] << 4);
	}

	for (n = 0; n < v.nr_vcpus; n++) {
		now = gicc_get(&v, ids[n], GICC_PMR);
		test_expect(now == ids[n] << 1, "vCPU %u has PMR %#x", ids[n],
			    now);
	}

	vgic_v2_free(&v);
}

/*
 * The second frame traps, and has only GICC_DIR: no register of the first
 * frame, and none that userspace has, can be read or changed through it.
 */
static void check_second_frame(int unused)
{
	struct vgic_v2 v = vgic_v2_create_guest();
	struct gicc_state state;
	u32 offset;

	gicc_set(&v, 0, GICC_CTLR, GICC_CTLR_ENABLE_GRP0);
	gicc_set(&v, 0, GICC_PMR, 0x15);
	gicc_set(&v, 0, GICC_BPR, 5);
	gicc_set(&v, 0, GICC_ABPR, 6);
	state = gicc_state_read(&v);

	for (offset = GICC_DIR; offset < GICC_DIR + 0x200; offset += 4) {
		v2_guest_write_gicc(v.vcpus[0], offset, 0xffffffff);
		v2_guest_expect(&v, offset, 0, "second frame");
	}
	gicc_expect_state(&v, &state, "second frame");

	vgic_v2_free(&v);
}

/* Every mask that userspace can set, in one VM */
static void check_every_mask(int unused)
{
	struct vgic_v2 v = vgic_v2_create_guest();
	u32 pmr;

	v2_guest_setup(&v,
		       &(struct v2_guest_gic) { GICC_CTLR_ENABLE_GRP0, 0x80 });

	for (pmr = 1; pmr < 0x1f; pmr++) {
		gicd_set(&v, 0, GICD_IPRIORITYR + MIN_SPI,
			 ((pmr - 1) << 3) << 8 | (pmr << 3) << 16);
		gicc_set(&v, 0, GICC_PMR, pmr);
		v2_guest_expect_mask(&v, "every mask");
	}

	/* 0 masks all interrupts. */
	gicd_set(&v, 0, GICD_IPRIORITYR + MIN_SPI, 0);
	gicc_set(&v, 0, GICC_PMR, 0);
	vgic_v2_inject(&v, V2_GUEST_HIGH_SPI);
	v2_guest_expect(&v, GICC_IAR, IAR_SPURIOUS, "mask 0");

	vgic_v2_free(&v);
}

static const struct test_case cases[] = {
	{ "PMR: known values, to userspace and to the guest", check_pmr_known },
	{ "PMR: the guest has userspace's, shifted left by three",
	  check_pmr_of_userspace },
	{ "PMR: userspace has the guest's, shifted right by three",
	  check_pmr_of_guest },
	{ "CTLR: userspace and guest have the same", check_ctlr },
	{ "BPR: as it is set, or the hardware's least after a run",
	  check_binary_point, GICC_BPR },
	{ "ABPR: as it is set, or the hardware's least after a run",
	  check_binary_point, GICC_ABPR },
	{ "each vCPU's guest has the PMR of its id", check_vcpu_ids },
	{ "the second frame reads 0 and ignores writes", check_second_frame },
	{ "each of userspace's masks delivers only what is above it",
	  check_every_mask },
};

int main(void)
{
	ksft_print_header();
	vgic_v2_require();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
