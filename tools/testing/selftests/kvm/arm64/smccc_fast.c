// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_fast - SMCCC calls that VHE answers without an exit, compared with the
 * same calls after an exit, by Rust and by C.
 *
 * Only a clock shows the difference: registers, PC, exits and statistics are the
 * same, filters apply, and calls are counted where that is asked for. See
 * smccc_fast_exit for those who need the exit.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/seed.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_loop.h"
#include "abi/smccc_run.h"
#include "abi/smccc_vm.h"
#include "abi/switch.h"
#include "processor.h"

/* ---- The clock ---- */

/* Others than the guest may use the CPU meanwhile: the least of some tries */
#define NR_TRIES	9
#define NR_TIMED	300

static u64 loop_time(struct kvm_vcpu *vcpu, enum smccc_insn insn)
{
	u64 best = ULONG_MAX;
	int i;

	for (i = 0; i < NR_TRIES; i++)
		best = min(best, smccc_loop_run(vcpu, insn, NR_TIMED));
	return best;
}

/* What KVM has said when it began */
static bool is_vhe(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	char record[8192];
	ssize_t len;
	char *kvm;

	TEST_ASSERT(fd >= 0, "/dev/kmsg: %s", strerror(errno));
	while ((len = read(fd, record, sizeof(record) - 1)) > 0 ||
	       (len < 0 && errno == EPIPE)) {
		record[len > 0 ? len : 0] = '\0';
		kvm = strstr(record, "kvm [");
		if (kvm && strstr(kvm, "mode initialized")) {
			close(fd);
			return strstr(kvm, "]: VHE");
		}
	}
	TEST_FAIL("KVM has not said how it runs");
	return false;
}

static void check_time(int insn)
{
	struct smccc_vm v;
	u64 fast, full;

	if (!is_vhe()) {
		test_skip("without VHE each call exits");
		return;
	}

	v = smccc_loop_vm();
	smccc_serve_by(SMCCC_FAST);
	fast = loop_time(v.vcpu[0], insn);
	smccc_serve_by(SMCCC_FULL);
	full = loop_time(v.vcpu[0], insn);
	ksft_print_msg("%d calls: %lu ticks without exits, %lu with them\n",
		       NR_TIMED, fast, full);
	test_expect(fast * 3 < full * 2, "%lu ticks without exits, %lu with them",
		    fast, full);
	smccc_vm_free(&v);
}

/* ---- All calls, any arguments ---- */

#define NR_STORM	256

static const u32 storm_ids[] = {
	0x80000000, 0x80000001, 0x80000002, 0x84000000, 0x84000004, 0x84000006,
	0x8400000a, 0x84000008, 0x84000009, 0x8400000e, 0x84000012, 0x84000015,
	0xc4000004, 0xc400000e, 0xc4000012, 0xc4000015, 0x84000050, 0x84000051,
	0x84000052, 0x85000020, 0xc5000020, 0xc5000021, 0x86000000, 0x8600ff01,
	0x86001234, 0x95c1ba5e, 0x95c1ba61, 0x00000000, 0x04000000, 0xffffffff,
};

static const u64 storm_args[] = {
	0, 1, 2, 3, 0x10, 193, 0x80000000, 0x80008000, 0x80007fff, 0x80003fff,
	0xc5000020, 0xc5000021, 0x84000000, 0xc4000003, 0xc4000015, 0x84000012,
	0xc4000053, 0x84000051, 0xffffffff, BIT(32), BIT(40), ~0UL,
	0xdeadbeef80008000,
};

static u64 storm_seed;

static u32 storm_random(u64 *state)
{
	*state = *state * 6364136223846793005UL + 1442695040888963407UL;
	return *state >> 33;
}

static u64 storm_arg(u64 *state)
{
	u64 arg = storm_args[storm_random(state) % ARRAY_SIZE(storm_args)];

	if (!(storm_random(state) % 4))
		arg ^= BIT(storm_random(state) % 64);
	return arg;
}

/* The vCPU goes on after each call, and no other one starts. */
static bool storm_may_call(u32 id)
{
	u32 nr = id & 0xffff;

	if ((id & 0x3fff0000) == 0x04000000 && ((nr >= 1 && nr <= 3) || nr == 0x53))
		return false;
	return id != 0x95c1ba5f && id != 0x95c1ba60 && id != 0x86000001;
}

static void storm_make(struct smccc_call *c, struct kvm_vcpu *vcpu, bool is_32bit,
		       u64 *state)
{
	static const enum smccc_insn insns[2][3] = {
		{ SMCCC_HVC, SMCCC_SMC, SMCCC_HVC_IMM },
		{ SMCCC_HVC, SMCCC_SMC_T32, SMCCC_HVC_T32 },
	};
	u32 id;
	int i;

	do {
		id = storm_ids[storm_random(state) % ARRAY_SIZE(storm_ids)];
		if (!(storm_random(state) % 3))
			id ^= BIT(storm_random(state) % 32);
	} while (!storm_may_call(id));

	*c = (struct smccc_call) {
		.vcpu = vcpu,
		.insn = insns[is_32bit][storm_random(state) % 3],
		.in = { id, storm_arg(state), storm_arg(state), storm_arg(state) },
	};
	if (storm_random(state) % 2)
		c->in[0] |= SMCCC_NOISE;
	for (i = 4; i < 8; i++)
		c->in[i] = storm_arg(state);

	smccc_call_start(c);
	smccc_call_run(c);
	/* A system event stops all. */
	smccc_set_mp_state(vcpu, KVM_MP_STATE_RUNNABLE);
}

static void storm_compare(const struct smccc_call *a, const struct smccc_call *b,
			  int side)
{
	bool same = !memcmp(a->x, b->x, sizeof(a->x)) && a->pc == b->pc &&
		    a->exit == b->exit && a->err == b->err && a->flags == b->flags &&
		    a->mp_state == b->mp_state &&
		    (a->exit != KVM_EXIT_SYSTEM_EVENT ||
		     !memcmp(&a->system_event, &b->system_event,
			     sizeof(a->system_event)));

	test_expect(same && a->pc == 4,
		    "%s %#lx(%#lx, %#lx, %#lx): %lx %lx, PC %ld, exit %u; %s: %lx %lx, PC %ld, exit %u",
		    smccc_code[a->insn].name, a->in[0], a->in[1], a->in[2], a->in[3],
		    a->x[0], a->x[1], a->pc, a->exit, smccc_side_names[side], b->x[0],
		    b->x[1], b->pc, b->exit);
}

static void storm(struct smccc_vm *v)
{
	static struct smccc_call calls[NR_SMCCC_SIDES][NR_STORM];
	int side, i;
	u64 state;

	smccc_vm_start(v);
	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		state = storm_seed;
		for (i = 0; i < NR_STORM; i++)
			storm_make(&calls[side][i], v->vcpu[0], v->is_32bit, &state);
	}
	for (side = 1; side < NR_SMCCC_SIDES; side++) {
		for (i = 0; i < NR_STORM; i++)
			storm_compare(&calls[0][i], &calls[side][i], side);
	}
	storm_random(&storm_seed);
	smccc_vm_free(v);
}

static void check_storm(int psci)
{
	struct smccc_vm v = smccc_vm_default();

	v.psci = psci;
	storm(&v);
}

static void check_storm_gates(int unused)
{
	struct smccc_vm v = smccc_vm_default();
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
		v.bmap[i] = 0;
	v.stolen_time = false;
	v.system_suspend = false;
	storm(&v);
}

static void check_storm_filter(int action)
{
	struct smccc_vm v = smccc_vm_default();

	v.filter = action;
	storm(&v);
}

static void check_storm_aarch32(int unused)
{
	struct smccc_vm v = smccc_vm_default();

	if (!kvm_has_cap(KVM_CAP_ARM_EL1_32BIT)) {
		test_skip("no 32-bit EL1");
		return;
	}
	v.is_32bit = true;
	storm(&v);
}

/* ---- The statistics ---- */

#define NR_COUNTED	400
/* Exits by interrupts of the host */
#define NR_OTHERS	200

static void check_statistics(int insn)
{
	struct smccc_vm v = smccc_loop_vm();
	u64 hvc, exits, want = insn == SMCCC_HVC ? NR_COUNTED : 0;
	int side;

	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		hvc = vcpu_get_stat(v.vcpu[0], hvc_exit_stat);
		exits = vcpu_get_stat(v.vcpu[0], exits);
		smccc_loop_run(v.vcpu[0], insn, NR_COUNTED);
		hvc = vcpu_get_stat(v.vcpu[0], hvc_exit_stat) - hvc;
		exits = vcpu_get_stat(v.vcpu[0], exits) - exits;
		test_expect(hvc == want, "%s: %lu of %lu HVCs", smccc_side_names[side], hvc,
			    want);
		test_expect(exits > NR_COUNTED && exits < NR_COUNTED + NR_OTHERS,
			    "%s: %lu exits", smccc_side_names[side], exits);
	}
	smccc_vm_free(&v);
}

/* What is not answered without an exit is counted once, too. */
static void check_statistics_of_others(int unused)
{
	struct smccc_vm v = smccc_loop_vm();
	struct smccc_call c;
	u64 hvc;
	int side;

	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		hvc = vcpu_get_stat(v.vcpu[0], hvc_exit_stat);
		c = smccc_call(v.vcpu[0], SMCCC_HVC, PSCI_0_2_FN64_AFFINITY_INFO, 0, 0, 0);
		smccc_expect(&c, .x = { PSCI_0_2_AFFINITY_LEVEL_ON });
		hvc = vcpu_get_stat(v.vcpu[0], hvc_exit_stat) - hvc;
		test_expect(hvc == 1, "%s: %lu HVCs", smccc_side_names[side], hvc);
	}
	smccc_vm_free(&v);
}

/* ---- Filters and counters ---- */

/* A filter is for the VM that has it, and for each call. */
static void check_filter(int insn)
{
	struct smccc_vm v = smccc_vm_default(), other = smccc_loop_vm();
	struct smccc_call c;
	int side, ret;

	smccc_vm_start(&v);
	ret = smccc_set_filter(v.vm, PSCI_0_2_FN_PSCI_VERSION, 1, KVM_SMCCC_FILTER_DENY);
	TEST_ASSERT(!ret, "filter: %s", strerror(ret));
	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		c = smccc_call(v.vcpu[0], insn, PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0);
		smccc_expect_refused(&c);
		c = smccc_call(v.vcpu[0], insn, SMCCC_LOOP_FN, 0, 0, 0);
		smccc_expect(&c, .x = { SMCCC_LOOP_RESULT });
		c = smccc_call(other.vcpu[0], insn, PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0);
		smccc_expect(&c, .x = { FW_PSCI_LATEST });
	}
	smccc_vm_free(&other);
	smccc_vm_free(&v);
}

static void check_counters(int insn)
{
	struct abi_stats before, now;
	struct smccc_vm v;
	int side;

	if (!abi_present()) {
		test_skip("this kernel has one implementation");
		return;
	}

	v = smccc_loop_vm();
	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		smccc_loop_run(v.vcpu[0], insn, 1);
		abi_set_count(true);
		before = abi_read_surface("smccc");
		smccc_loop_run(v.vcpu[0], insn, NR_COUNTED);
		now = abi_read_surface("smccc");
		abi_set_count(false);
		test_expect(now.c - before.c == (side == SMCCC_C ? NR_COUNTED : 0) &&
			    now.rust - before.rust == (side == SMCCC_C ? 0 : NR_COUNTED),
			    "%s: %lu calls of C, %lu of Rust", smccc_side_names[side],
			    now.c - before.c, now.rust - before.rust);
	}

	/* Both decide on each call. */
	abi_set_fast(true);
	abi_set_mode("check");
	abi_set_count(true);
	before = abi_read_surface("smccc");
	smccc_loop_run(v.vcpu[0], insn, NR_COUNTED);
	now = abi_read_surface("smccc");
	abi_set_count(false);
	test_expect(now.c - before.c == NR_COUNTED && now.rust - before.rust == NR_COUNTED &&
		    now.mismatches == before.mismatches,
		    "check: %lu calls of C, %lu of Rust, %lu mismatches", now.c - before.c,
		    now.rust - before.rust, now.mismatches - before.mismatches);
	smccc_vm_free(&v);
}

/* ---- The command line ---- */

static char initial[ABI_WORD];

static void check_parameter(int unused)
{
	char line[4096] = "";
	bool off;
	FILE *f;

	if (!abi_present()) {
		test_skip("this kernel has one implementation");
		return;
	}

	f = fopen("/proc/cmdline", "r");
	TEST_ASSERT(f && fgets(line, sizeof(line), f), "/proc/cmdline");
	fclose(f);
	off = strstr(line, "kvm-arm.abi_fast=0");
	test_expect(!strcmp(initial, off ? "0" : "1"), "fast is %s", initial);
}

static const struct test_case cases[] = {
	{ "on by default, and off by kvm-arm.abi_fast=0", check_parameter },
	{ "an HVC takes less time without an exit", check_time, SMCCC_HVC },
	{ "an SMC takes less time without an exit", check_time, SMCCC_SMC },
	{ "PSCI 0.1: any call, any arguments", check_storm, PSCI_VERSION(0, 1) },
	{ "PSCI 0.2: any call, any arguments", check_storm, PSCI_VERSION(0, 2) },
	{ "PSCI 1.0: any call, any arguments", check_storm, PSCI_VERSION(1, 0) },
	{ "PSCI 1.3: any call, any arguments", check_storm, PSCI_VERSION(1, 3) },
	{ "gates closed: any call, any arguments", check_storm_gates },
	{ "DENY: any call, any arguments", check_storm_filter, KVM_SMCCC_FILTER_DENY },
	{ "32-bit guest: any call, any arguments", check_storm_aarch32 },
	{ "statistics: HVC", check_statistics, SMCCC_HVC },
	{ "statistics: SMC", check_statistics, SMCCC_SMC },
	{ "statistics: a call that needs an exit", check_statistics_of_others },
	{ "a filter applies to HVCs", check_filter, SMCCC_HVC },
	{ "a filter applies to SMCs", check_filter, SMCCC_SMC },
	{ "HVCs are counted and checked", check_counters, SMCCC_HVC },
	{ "SMCs are counted and checked", check_counters, SMCCC_SMC },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	if (abi_open())
		abi_read_word(ABI_DIR "fast", initial);
	abi_set_count(false);
	storm_seed = seed_new();
	ksft_print_msg("seed %#lx\n", storm_seed);
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
