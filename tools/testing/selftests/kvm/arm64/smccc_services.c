// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_services - The results of services other than PSCI that are not fixed:
 * stolen time, the time and the counters of PTP, and entropy.
 *
 * smccc_matrix makes these calls as well, but only knows which bits of the
 * results may vary.
 */
#include <linux/arm-smccc.h>
#include <time.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_run.h"
#include "abi/smccc_vm.h"

#define PV_TIME_ST	0xc5000021UL
#define PTP		0x86000001UL
#define TRNG_RND32	0x84000053UL
#define TRNG_RND64	0xc4000053UL

/* ---- Paravirtualised time ---- */

/* DEN0057: revision and attributes are 0, stolen time is nanoseconds. */
struct stolen_time {
	u32 revision;
	u32 attributes;
	u64 stolen_time;
	u8 padding[48];
	u8 behind[64];
};

static void check_stolen_time(int bmap)
{
	struct smccc_vm v = smccc_vm_default();
	struct stolen_time *st, untouched;
	struct smccc_call c;

	if (!v.stolen_time) {
		test_skip("the host has no stolen time");
		return;
	}

	v.bmap[FW_STD_HYP] = bmap;
	smccc_vm_start(&v);
	st = addr_gpa2hva(v.vm, SMCCC_DATA_GPA);
	memset(&untouched, 0xff, sizeof(untouched));
	memset(st, 0xff, sizeof(*st));

	/* A call of vCPU 2, which has no address for it, is refused. */
	c = smccc_call(v.vcpu[2], SMCCC_HVC, PV_TIME_ST, 0, 0, 0);
	smccc_expect_refused(&c);
	test_expect(!memcmp(st->behind, untouched.behind, sizeof(st->behind)) &&
		    st->revision == ~0U, "another vCPU has written to memory");

	c = smccc_call(v.vcpu[0], SMCCC_HVC, PV_TIME_ST, ~0UL, ~0UL, ~0UL);
	if (!bmap) {
		smccc_expect_refused(&c);
		test_expect(st->revision == ~0U && st->attributes == ~0U,
			    "a refused call has written to memory");
	} else {
		smccc_expect(&c, .x = { SMCCC_DATA_GPA });
		test_expect(!st->revision && !st->attributes,
			    "revision %#x, attributes %#x", st->revision,
			    st->attributes);
		test_expect(st->stolen_time < NSEC_PER_SEC, "stolen: %lu ns",
			    st->stolen_time);
		memset(&untouched, 0, offsetof(struct stolen_time, behind));
		test_expect(!memcmp(st->padding, untouched.padding,
				    sizeof(st->padding)), "padding is not 0");
	}
	test_expect(!memcmp(st->behind, untouched.behind, sizeof(st->behind)),
		    "memory after the structure has changed");
	smccc_vm_free(&v);
}

/* ---- PTP ---- */

static u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return timespec_to_ns(now);
}

/* The call's time and counter are between two readings of both. */
static void expect_ptp(struct smccc_vm *v, u64 x1, u64 counter, int insn)
{
	static const struct smccc_want want = {
		.any = { GENMASK(30, 0), GENMASK(31, 0), GENMASK(31, 0),
			 GENMASK(31, 0) },
	};
	u64 before[2], after[2], time, cycles;
	struct smccc_call c;

	/* Only if the host's clock is the counter, there is a time. */
	if (!smccc_host_uses_counter()) {
		c = smccc_call(v->vcpu[0], insn, PTP, x1, FW_POISON, FW_POISON);
		smccc_expect_refused(&c);
		return;
	}

	before[0] = now_ns();
	before[1] = vcpu_get_reg(v->vcpu[0], counter);
	c = smccc_call(v->vcpu[0], insn, PTP, x1, FW_POISON, FW_POISON);
	after[1] = vcpu_get_reg(v->vcpu[0], counter);
	after[0] = now_ns();

	__smccc_expect(__LINE__, &c, &want);
	time = c.x[0] << 32 | c.x[1];
	cycles = c.x[2] << 32 | c.x[3];
	test_expect(before[0] <= time && time <= after[0],
		    "time %lu, not within %lu-%lu", time, before[0], after[0]);
	test_expect(before[1] <= cycles && cycles <= after[1],
		    "x1 %#lx: counter %#lx, not within %#lx-%#lx", x1, cycles,
		    before[1], after[1]);
}

static void check_ptp(int insn)
{
	struct smccc_vm v = smccc_vm_default();
	const u64 *u;

	smccc_vm_start(&v);
	/* Make the counters differ. */
	vcpu_set_reg(v.vcpu[0], KVM_REG_ARM_TIMER_CNT, BIT(62) | 0x9abcdef0);
	for (u = smccc_upper_halves; u < SMCCC_UPPER_HALVES_END; u++) {
		expect_ptp(&v, KVM_PTP_VIRT_COUNTER | *u, KVM_REG_ARM_TIMER_CNT,
			   insn);
		expect_ptp(&v, KVM_PTP_PHYS_COUNTER | *u,
			   KVM_REG_ARM_PTIMER_CNT, insn);
	}
	smccc_vm_free(&v);
}

static void check_ptp_unknown(int unused)
{
	static const u64 counters[] = { 2, 3, BIT(31), 0x80000001, 0xffffffff };
	struct smccc_vm v = smccc_vm_default();
	struct smccc_call c;
	const u64 *u;
	int i;

	smccc_vm_start(&v);
	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		for (u = smccc_upper_halves; u < SMCCC_UPPER_HALVES_END; u++) {
			c = smccc_call(v.vcpu[0], SMCCC_HVC, PTP,
				       counters[i] | *u, FW_POISON, FW_POISON);
			smccc_expect_refused(&c);
		}
	}
	smccc_vm_free(&v);
}

/* ---- TRNG ---- */

#define TRNG_INVALID_PARAMETERS	-2

/* Enough calls to see each bit both set and clear */
#define NR_RND_CALLS	40

/* The @nr lowest bits of x1:x2:x3, in which x3 is the lowest. */
static struct smccc_want rnd_want(int nr, int width)
{
	struct smccc_want w = {};
	int i;

	for (i = 3; i > 0 && nr > 0; i--, nr -= width)
		w.any[i] = GENMASK(min(nr, width) - 1, 0);

	return w;
}

static void expect_rnd(struct smccc_vm *v, u64 fn, int width, int nr_bits)
{
	struct smccc_want want = rnd_want(nr_bits, width);
	u64 set[4] = {}, clear[4] = {};
	struct smccc_call c;
	int i, n;

	for (n = 0; n < NR_RND_CALLS; n++) {
		c = smccc_call(v->vcpu[0], n % 2 ? SMCCC_HVC : SMCCC_SMC, fn,
			       nr_bits | (n % 4 ? SMCCC_NOISE : 0), FW_POISON,
			       FW_POISON);
		__smccc_expect(__LINE__, &c, &want);
		for (i = 1; i < 4; i++) {
			set[i] |= c.x[i];
			clear[i] |= ~c.x[i];
		}
	}

	for (i = 1; i < 4; i++)
		test_expect((set[i] & clear[i]) == want.any[i],
			    "%d bits: x%d varies in %#lx, not in %#lx", nr_bits,
			    i, set[i] & clear[i], want.any[i]);
}

static void check_rnd(int width)
{
	static const u32 nr_bits[] = { 0, 1, 2, 31, 32, 33, 63, 64, 65, 95, 96,
				       97, 127, 128, 129, 191, 192 };
	static const u32 bad_bits[] = { 97, 192, 193, 256, 0x7fffffff,
					0x80000000, 0xffffffff };
	u64 fn = width == 64 ? TRNG_RND64 : TRNG_RND32;
	struct smccc_vm v = smccc_vm_default();
	struct smccc_call c;
	const u64 *u;
	int i;

	smccc_vm_start(&v);
	for (i = 0; i < ARRAY_SIZE(nr_bits); i++) {
		if (nr_bits[i] <= 3 * width)
			expect_rnd(&v, fn, width, nr_bits[i]);
	}

	for (i = 0; i < ARRAY_SIZE(bad_bits); i++) {
		if (bad_bits[i] <= 3 * width)
			continue;
		for (u = smccc_upper_halves; u < SMCCC_UPPER_HALVES_END; u++) {
			c = smccc_call(v.vcpu[0], SMCCC_HVC, fn,
				       bad_bits[i] | *u, FW_POISON, FW_POISON);
			smccc_expect(&c, .x = { TRNG_INVALID_PARAMETERS });
		}
	}
	smccc_vm_free(&v);
}

static const struct test_case cases[] = {
	{ "PV_TIME_ST: initialises only the vCPU's structure",
	  check_stolen_time, 1 },
	{ "PV_TIME_ST: writes nothing when gated", check_stolen_time, 0 },

	{ "PTP: time and both counters, HVC", check_ptp, SMCCC_HVC },
	{ "PTP: time and both counters, SMC", check_ptp, SMCCC_SMC },
	{ "PTP: unknown counters are refused", check_ptp_unknown },

	{ "TRNG_RND32: up to 96 bits, as many as requested",
	  check_rnd, 32 },
	{ "TRNG_RND64: up to 192 bits, as many as requested",
	  check_rnd, 64 },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
