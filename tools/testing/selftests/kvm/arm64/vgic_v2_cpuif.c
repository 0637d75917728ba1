// SPDX-License-Identifier: GPL-2.0-only
/*
 * vgic_v2_cpuif - The registers of the GICv2 CPU interface as userspace reads
 * and writes them (KVM_DEV_ARM_VGIC_GRP_CPU_REGS) on vCPUs that have not run.
 *
 * VMMs save and restore these registers, so these facts must not change: which
 * offsets have a register, which bits of a value each register keeps, and above
 * all the format of GICC_PMR. It is not that of the architecture's register,
 * but that of a field of GICH_VMCR: five bits, the value's other bits are
 * ignored.
 *
 * After every access all registers of all vCPUs are read back: only what was
 * written must have changed.
 */
#include "abi/cases.h"
#include "abi/vgic_v2.h"

/*
 * The vCPUs' ids, in the order of their creation. No id is the index of its
 * vCPU: confusing the two finds no vCPU or a wrong one.
 */
static const u8 ids[] = { 2, 5, 0 };

static struct vgic_v2 v;

/* The expected values of all registers, updated by each write */
static struct gicc_state want;

#define FRAME_SIZE	0x2000

/* Offsets beyond the frames, among them those that are negative as an int. */
static const u32 far_offsets[] = {
	0x2000, 0x2004, 0x3000, 0x8000, 0x10000, 0x10004, 0x100000,
	0x7ffffffc, 0x80000000, 0x80000004, 0xfffff000, 0xfffffffc,
};

static void set(int n, u32 offset, u32 val)
{
	int nr = gicc_reg_nr(offset);

	gicc_set(&v, ids[n], offset, val);
	if (nr < NR_GICC_REGS)
		want.val[n][nr] = gicc_kept(nr, val);
}

static void __expect_set(int line, int n, u32 offset, u32 val)
{
	char when[64];

	set(n, offset, val);
	snprintf(when, sizeof(when), "vCPU %u: %#x <- %#x", ids[n], offset,
		 val);
	__gicc_expect_state(line, &v, &want, when);
}

#define expect_set(...)	__expect_set(__LINE__, __VA_ARGS__)

/* Give every register of every vCPU a different value. */
static void set_pattern(void)
{
	int n, i;

	for (n = 0; n < v.nr_vcpus; n++) {
		for (i = 0; i < NR_GICC_REGS; i++)
			set(n, gicc_regs[i].offset,
			    0x5a936cb5U * (3 + n * NR_GICC_REGS + i));
	}
	gicc_expect_state(&v, &want, "pattern");
}

/* ---- Which registers there are ---- */

static void expect_has(u32 offset)
{
	int err = gicc_reg_nr(offset) < NR_GICC_REGS ? 0 : ENXIO;
	int n, ret;

	for (n = 0; n < v.nr_vcpus; n++) {
		ret = gicc_has(&v, ids[n], offset);
		test_expect(ret == err, "vCPU %u, offset %#x: %s, expected %s",
			    ids[n], offset, strerror(ret), strerror(err));
	}
}

static void check_has_attr(int unused)
{
	u32 offset;
	int i;

	for (offset = 0; offset < FRAME_SIZE; offset++)
		expect_has(offset);

	for (i = 0; i < ARRAY_SIZE(far_offsets); i++) {
		expect_has(far_offsets[i]);
		expect_has(far_offsets[i] + 1);
	}
}

static void expect_raz_wi(u32 offset)
{
	u32 val = 0xdeadbeef, ones = 0xffffffff;
	int ret;

	ret = gicc_access(&v, KVM_SET_DEVICE_ATTR, ids[0], offset, (u64)&ones);
	test_expect(!ret, "SET of %#x: %s", offset, strerror(ret));

	ret = gicc_access(&v, KVM_GET_DEVICE_ATTR, ids[0], offset, (u64)&val);
	test_expect(!ret && !val, "GET of %#x: %s, %#x", offset, strerror(ret),
		    val);
}

static void check_no_register(int unused)
{
	u32 offset;
	int i;

	set_pattern();

	for (offset = 0; offset < FRAME_SIZE; offset++) {
		if (gicc_reg_nr(offset) < NR_GICC_REGS)
			continue;
		expect_raz_wi(offset);
		if (!(offset % 64))
			gicc_expect_state(&v, &want, "no register");
	}

	for (i = 0; i < ARRAY_SIZE(far_offsets); i++) {
		expect_raz_wi(far_offsets[i]);
		expect_raz_wi(far_offsets[i] + 1);
	}
	gicc_expect_state(&v, &want, "no register");
}

static void check_reserved_attr_bits(int unused)
{
	u32 group = KVM_DEV_ARM_VGIC_GRP_CPU_REGS;
	u32 pmr = gicc_reg_nr(GICC_PMR), val;
	int bit, ret;
	u64 attr;

	set_pattern();

	for (bit = 40; bit < 64; bit++) {
		attr = vgic_v2_attr(ids[1], GICC_PMR) | BIT(bit);
		ret = vgic_v2_access(v.fd, KVM_HAS_DEVICE_ATTR, group, attr, 0);
		test_expect(!ret, "HAS, bit %d: %s", bit, strerror(ret));

		val = want.val[1][pmr] ^ 0x1f;
		ret = vgic_v2_access(v.fd, KVM_SET_DEVICE_ATTR, group, attr,
				     (u64)&val);
		test_expect(!ret, "SET, bit %d: %s", bit, strerror(ret));
		want.val[1][pmr] = val;
		gicc_expect_state(&v, &want, "reserved bit");

		val = ~val;
		ret = vgic_v2_access(v.fd, KVM_GET_DEVICE_ATTR, group, attr,
				     (u64)&val);
		test_expect(!ret && val == want.val[1][pmr],
			    "GET, bit %d: %s, %#x", bit, strerror(ret), val);
	}
}

/* ---- Which bits they keep ---- */

static void check_initial(int init_first)
{
	struct vgic_v2 fresh = vgic_v2_create(ids, ARRAY_SIZE(ids), NULL);
	struct gicc_state initial = {};
	int n;

	for (n = 0; n < fresh.nr_vcpus; n++)
		initial.val[n][gicc_reg_nr(GICC_IIDR)] = GICC_IIDR_KVM;

	if (init_first)
		kvm_device_attr_set(fresh.fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
				    KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);

	gicc_expect_state(&fresh, &initial, "first");
	gicc_expect_state(&fresh, &initial, "second");
	vgic_v2_free(&fresh);
}

/*
 * Each bit alone, and all bits except one. The value before each is its
 * complement, so that a lost write is noticed.
 */
static void check_bits(int offset)
{
	int n, bit;

	for (n = 0; n < v.nr_vcpus; n++) {
		set_pattern();
		for (bit = 0; bit < 32; bit++) {
			expect_set(n, offset, ~BIT(bit));
			expect_set(n, offset, BIT(bit));
		}
		expect_set(n, offset, 0xffffffff);
		expect_set(n, offset, 0);
	}
}

static void check_ctlr(int unused)
{
	static const u32 bits[] = {
		GICC_CTLR_ENABLE_GRP0, GICC_CTLR_ENABLE_GRP1, GICC_CTLR_ACK_CTL,
		GICC_CTLR_FIQ_EN, GICC_CTLR_CBPR, GICC_CTLR_EOI_MODE_NS,
	};
	u32 val, others = ~0x21f;
	int comb, i;

	set_pattern();
	for (comb = 0; comb < BIT(ARRAY_SIZE(bits)); comb++) {
		for (val = 0, i = 0; i < ARRAY_SIZE(bits); i++)
			val |= comb & BIT(i) ? bits[i] : 0;

		expect_set(1, GICC_CTLR, val);
		test_expect(gicc_get(&v, ids[1], GICC_CTLR) == val,
			    "%#x is not kept", val);
		expect_set(1, GICC_CTLR, val | others);
		test_expect(gicc_get(&v, ids[1], GICC_CTLR) == val,
			    "%#x is not kept among all other bits", val);
	}
}

/* Every value of the register's eight bits, and of one more */
static void check_all_values(int offset)
{
	u32 val;

	set_pattern();
	for (val = 0; val < 0x200; val++)
		expect_set(0, offset, val);
}

static void check_pmr_format(int unused)
{
	static const struct {
		u32 set, get;
	} pmr[] = {
		{ 0x00, 0x00 },		{ 0x01, 0x01 },
		{ 0x08, 0x08 },		{ 0x10, 0x10 },
		{ 0x1e, 0x1e },		{ 0x1f, 0x1f },
		{ 0x20, 0x00 },		{ 0x80, 0x00 },
		{ 0xa0, 0x00 },		{ 0xf0, 0x10 },
		{ 0xf8, 0x18 },		{ 0xff, 0x1f },
		{ 0x100, 0x00 },	{ 0x11e, 0x1e },
		{ 0x80000000, 0x00 },	{ 0xfffffff8, 0x18 },
		{ 0xffffffe0, 0x00 },	{ 0xffffffff, 0x1f },
	};
	u32 now;
	int i;

	set_pattern();
	for (i = 0; i < ARRAY_SIZE(pmr); i++) {
		set(0, GICC_PMR, ~pmr[i].get);
		expect_set(0, GICC_PMR, pmr[i].set);
		now = gicc_get(&v, ids[0], GICC_PMR);
		test_expect(now == pmr[i].get, "%#x reads as %#x, expected %#x",
			    pmr[i].set, now, pmr[i].get);
	}
}

/* All ones and all zeros in one register, a pattern in all the others */
static void check_no_leak(int unused)
{
	int n, i;

	for (n = 0; n < v.nr_vcpus; n++) {
		for (i = 0; i < NR_GICC_REGS; i++) {
			set_pattern();
			expect_set(n, gicc_regs[i].offset, 0xffffffff);
			expect_set(n, gicc_regs[i].offset, 0);
			expect_set(n, gicc_regs[i].offset, 0xffffffff);
		}
	}
}

/* One register differs between vCPUs, the others are equal. */
static void check_vcpus_differ(int unused)
{
	int n, i, round;

	for (n = 0; n < v.nr_vcpus; n++) {
		for (i = 0; i < NR_GICC_REGS; i++)
			set(n, gicc_regs[i].offset, 0);
	}
	gicc_expect_state(&v, &want, "all zero");

	for (i = 0; i < NR_GICC_REGS; i++) {
		for (round = 0; round < 2 * v.nr_vcpus; round++)
			expect_set(round % v.nr_vcpus, gicc_regs[i].offset,
				   round + 1);
	}
}

static const struct test_case cases[] = {
	{ "HAS_DEVICE_ATTR: 0 for the registers, ENXIO for all other offsets",
	  check_has_attr },
	{ "an offset without a register, or unaligned, reads 0, ignores writes",
	  check_no_register },
	{ "bits 63-40 of the attribute are ignored", check_reserved_attr_bits },

	{ "initial values, if an access initialises the GIC", check_initial },
	{ "initial values, after KVM_DEV_ARM_VGIC_CTRL_INIT",
	  check_initial, 1 },

	{ "GICC_CTLR: all 64 combinations of its six bits are kept, no other bits",
	  check_ctlr },
	{ "GICC_CTLR: bit by bit", check_bits, GICC_CTLR },
	{ "GICC_PMR: five bits, not shifted: the format of GICH_VMCR",
	  check_pmr_format },
	{ "GICC_PMR: every 9-bit value, the low five bits are kept",
	  check_all_values, GICC_PMR },
	{ "GICC_PMR: bit by bit", check_bits, GICC_PMR },
	{ "GICC_BPR: every 9-bit value, the low three bits are kept",
	  check_all_values, GICC_BPR },
	{ "GICC_BPR: bit by bit", check_bits, GICC_BPR },
	{ "GICC_ABPR: every 9-bit value, the low three bits are kept",
	  check_all_values, GICC_ABPR },
	{ "GICC_ABPR: bit by bit", check_bits, GICC_ABPR },
	{ "GICC_APR0: bit by bit, all are kept", check_bits, GICC_APR(0) },
	{ "GICC_APR1: reads 0, ignores writes", check_bits, GICC_APR(1) },
	{ "GICC_APR2: reads 0, ignores writes", check_bits, GICC_APR(2) },
	{ "GICC_APR3: reads 0, ignores writes", check_bits, GICC_APR(3) },
	{ "GICC_IIDR: KVM's, ignores writes", check_bits, GICC_IIDR },
	{ "GICC_DIR: reads 0, ignores writes", check_bits, GICC_DIR },

	{ "a write to one register changes no other", check_no_leak },
	{ "each vCPU's registers are its own", check_vcpus_differ },
};

int main(void)
{
	ksft_print_header();
	vgic_v2_require();
	test_set_plan(ARRAY_SIZE(cases));

	v = vgic_v2_create(ids, ARRAY_SIZE(ids), NULL);
	want = gicc_state_read(&v);
	test_run_cases(cases, ARRAY_SIZE(cases));

	vgic_v2_free(&v);
	test_finished();
}
