// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_fast_exit - Who needs the exit of an SMCCC call, which VHE leaves out where
 * it can: a tracer, a debugger, userspace that has an interrupt controller. They see
 * the same as where each call exits, by Rust or by C.
 *
 * Steps and SErrors of the guest, signals, moves to other VMs, and changes of the
 * mode, all between two calls, have the same effects as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "abi/cases.h"
#include "abi/run_alarm.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_loop.h"
#include "abi/smccc_vm.h"
#include "abi/switch.h"
#include "processor.h"

#define TRACE_DIR	"/sys/kernel/tracing/"

/* ---- Tracepoints ---- */

#define NR_TRACED	32

static const struct {
	const char *name;
	bool exact;
} tracepoints[] = {
	{ "kvm_hvc_arm64", true },
	{ "kvm_exit" },
	{ "kvm_entry" },
};

static int traced(const char *event)
{
	FILE *f = fopen(TRACE_DIR "trace", "r");
	char line[256], word[32];
	int nr = 0;

	TEST_ASSERT(f, TRACE_DIR "trace: %s", strerror(errno));
	snprintf(word, sizeof(word), " %s:", event);
	while (fgets(line, sizeof(line), f))
		nr += line[0] != '#' && strstr(line, word);
	fclose(f);
	return nr;
}

static void check_tracepoint(int nr)
{
	const char *name = tracepoints[nr].name;
	struct smccc_vm v;
	char enable[96];
	int side, found;

	if (!abi_can_trace()) {
		test_skip("this kernel cannot trace");
		return;
	}

	v = smccc_loop_vm();
	snprintf(enable, sizeof(enable), TRACE_DIR "events/kvm/%s/enable", name);
	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		smccc_loop_run(v.vcpu[0], SMCCC_HVC, 1);
		close(open(TRACE_DIR "trace", O_WRONLY | O_TRUNC));
		TEST_ASSERT(!abi_write_word(enable, "1"), "%s", enable);
		smccc_loop_run(v.vcpu[0], SMCCC_HVC, NR_TRACED);
		abi_write_word(enable, "0");
		found = traced(name);
		test_expect(tracepoints[nr].exact ? found == NR_TRACED : found > NR_TRACED,
			    "%s: %s shows %d of %d calls", smccc_side_names[side], name, found,
			    NR_TRACED);
		/* The tracepoint is off again. */
		smccc_loop_run(v.vcpu[0], SMCCC_HVC, NR_TRACED);
		test_expect(traced(name) == found, "%s: more is traced", smccc_side_names[side]);
	}
	smccc_vm_free(&v);
}

/* ---- Debuggers ---- */

static void check_step(int insn)
{
	struct kvm_guest_debug step = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	}, off = {};
	struct smccc_vm v = smccc_loop_vm();
	struct kvm_vcpu *vcpu = v.vcpu[0];
	struct smccc_call c;
	int side;

	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		c = (struct smccc_call) { .vcpu = vcpu, .insn = insn,
					  .in = { SMCCC_LOOP_FN, 1, 2, 3, 4, 5, 6, 7 } };
		smccc_call_start(&c);
		vcpu_guest_debug_set(vcpu, &step);
		smccc_call_run(&c);
		vcpu_guest_debug_set(vcpu, &off);
		test_expect(!c.err && c.exit == KVM_EXIT_DEBUG && c.pc == 4 &&
			    c.x[0] == SMCCC_LOOP_RESULT && !c.x[1] && !c.x[2] && !c.x[3],
			    "%s: exit %u, error %d, PC + %lu, x0 %#lx", smccc_side_names[side],
			    c.exit, c.err, c.pc, c.x[0]);
		smccc_call_run(&c);
		test_expect(c.exit == KVM_EXIT_MMIO, "%s: exit %u", smccc_side_names[side],
			    c.exit);
	}
	smccc_vm_free(&v);
}

/* The guest steps over its own call: the step ends right after it. */
static void check_own_step(int insn)
{
	struct smccc_vm v = smccc_loop_vm();
	struct kvm_vcpu *vcpu = v.vcpu[0];
	u64 id = ARM64_CORE_REG(regs.pstate), elr, esr, pstate;
	struct smccc_call c;
	int side, ret;

	vcpu_set_reg(vcpu, KVM_ARM64_SYS_REG(SYS_VBAR_EL1), SMCCC_VECTORS_GPA);
	vcpu_set_reg(vcpu, KVM_ARM64_SYS_REG(SYS_MDSCR_EL1), BIT(0) | BIT(13) | BIT(15));
	pstate = vcpu_get_reg(vcpu, id);
	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		c = (struct smccc_call) { .vcpu = vcpu, .insn = insn,
					  .in = { SMCCC_LOOP_FN, 1, 2, 3, 4, 5, 6, 7 } };
		smccc_call_start(&c);
		vcpu_set_reg(vcpu, id, (pstate & ~BIT(9)) | BIT(21));
		ret = smccc_run(vcpu);
		test_expect(smccc_at_store(vcpu, ret), "%s: KVM_RUN: %d, exit %u",
			    smccc_side_names[side], ret, vcpu->run->exit_reason);
		vcpu_run_complete_io(vcpu);
		elr = vcpu_get_reg(vcpu, ARM64_CORE_REG(elr_el1));
		esr = vcpu_get_reg(vcpu, KVM_ARM64_SYS_REG(SYS_ESR_EL1));
		test_expect(elr == smccc_pc(insn) + 4 && ESR_ELx_EC(esr) == ESR_ELx_EC_SOFTSTP_CUR,
			    "%s: ELR is %#lx, ESR %#lx, and the call at %#lx",
			    smccc_side_names[side], elr, esr, smccc_pc(insn));
		test_expect(smccc_get_x(vcpu, 0) == SMCCC_LOOP_RESULT, "%s: x0 is %#lx",
			    smccc_side_names[side], smccc_get_x(vcpu, 0));
	}
	smccc_vm_free(&v);
}

/* ---- SErrors ---- */

static bool serror_is_pending(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_events events;

	vcpu_events_get(vcpu, &events);
	return events.exception.serror_pending;
}

static void check_serror(int insn)
{
	struct kvm_vcpu_events pending = { .exception.serror_pending = 1 };
	struct smccc_vm v = smccc_loop_vm();
	struct kvm_vcpu *vcpu = v.vcpu[0];
	u64 id = ARM64_CORE_REG(regs.pstate), elr, pstate;
	struct smccc_call c;
	int side, ret;

	vcpu_set_reg(vcpu, KVM_ARM64_SYS_REG(SYS_VBAR_EL1), SMCCC_VECTORS_GPA);
	pstate = vcpu_get_reg(vcpu, id);
	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);

		/* Masked: it stays pending over calls. */
		vcpu_set_reg(vcpu, id, pstate | BIT(8));
		vcpu_events_set(vcpu, &pending);
		c = smccc_call(vcpu, insn, SMCCC_LOOP_FN, 1, 2, 3);
		smccc_expect(&c, .x = { SMCCC_LOOP_RESULT });
		smccc_loop_run(vcpu, insn, 10);
		test_expect(serror_is_pending(vcpu), "%s: no SError is pending",
			    smccc_side_names[side]);

		/* Unmasked at the call: it comes first. */
		c = (struct smccc_call) { .vcpu = vcpu, .insn = insn, .in = { SMCCC_LOOP_FN } };
		smccc_call_start(&c);
		vcpu_set_reg(vcpu, id, pstate & ~BIT(8));
		ret = smccc_run(vcpu);
		test_expect(smccc_at_store(vcpu, ret), "%s: KVM_RUN: %d, exit %u",
			    smccc_side_names[side], ret, vcpu->run->exit_reason);
		vcpu_run_complete_io(vcpu);
		elr = vcpu_get_reg(vcpu, ARM64_CORE_REG(elr_el1));
		test_expect(elr == smccc_pc(insn), "%s: ELR is %#lx, not %#lx",
			    smccc_side_names[side], elr, smccc_pc(insn));
		test_expect(smccc_get_x(vcpu, 0) == SMCCC_LOOP_FN && !serror_is_pending(vcpu),
			    "%s: x0 is %#lx, SError pending: %d", smccc_side_names[side],
			    smccc_get_x(vcpu, 0), serror_is_pending(vcpu));
	}
	smccc_vm_free(&v);
}

/* ---- An interrupt controller in userspace ---- */

#define NR_LINE_TRIES	9

static const u32 timer_code[] = {
	/* The timer is due at once, and the guest goes on. */
	0xd51be35f,	/* msr cntv_cval_el0, xzr */
	0xd51be322,	/* msr cntv_ctl_el0, x2 */
	0xd5033fdf,	/* isb */
	0x14000000,	/* b . */
	/* The line is lowered; then the guest makes a call. */
	0xd51be33f,	/* msr cntv_ctl_el0, xzr */
	0xd5033fdf,	/* isb */
	0xd4000002,	/* hvc #0 */
	0xb9000128,	/* str w8, [x9] */
	0xb9000128,	/* str w8, [x9] */
};

#define TIMER_LOWER	4
#define TIMER_CALL	6

/* The exit by the call shows userspace that the guest has lowered the line. */
static bool lower_line(struct kvm_vcpu *vcpu, int side, bool report)
{
	u64 pc;
	int ret;

	smccc_set_x(vcpu, 2, 1);
	smccc_set_x(vcpu, 9, SMCCC_MMIO_GPA);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), SMCCC_TEST_GPA);
	do {
		ret = smccc_run(vcpu);
		TEST_ASSERT(ret && errno == EINTR, "KVM_RUN: %d, exit %u", ret,
			    vcpu->run->exit_reason);
	} while (!(vcpu->run->s.regs.device_irq_level & KVM_ARM_DEV_EL1_VTIMER));

	smccc_set_x(vcpu, 0, SMCCC_LOOP_FN);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), SMCCC_TEST_GPA + 4 * TIMER_LOWER);
	ret = smccc_run(vcpu) ? errno : 0;
	pc = vcpu_get_reg(vcpu, ARM64_CORE_REG(regs.pc)) - SMCCC_TEST_GPA;
	if (!ret && vcpu->run->exit_reason == KVM_EXIT_MMIO)
		vcpu_run_complete_io(vcpu);
	if (report)
		test_expect(ret == EINTR && pc == 4 * (TIMER_CALL + 1) &&
			    !vcpu->run->s.regs.device_irq_level &&
			    smccc_get_x(vcpu, 0) == SMCCC_LOOP_RESULT,
			    "%s: error %d, exit %u, PC + %lu, lines %llx, x0 %#lx",
			    smccc_side_names[side], ret, vcpu->run->exit_reason, pc,
			    vcpu->run->s.regs.device_irq_level, smccc_get_x(vcpu, 0));
	return ret == EINTR && pc == 4 * (TIMER_CALL + 1);
}

static void check_line(int unused)
{
	struct smccc_vm v = smccc_loop_vm();
	int side, i;

	smccc_write_code(v.vm, SMCCC_TEST_GPA, timer_code, ARRAY_SIZE(timer_code));
	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		/* An interrupt of the host may show it before the call. */
		for (i = 0; i < NR_LINE_TRIES; i++) {
			if (lower_line(v.vcpu[0], side, i == NR_LINE_TRIES - 1))
				break;
		}
	}
	smccc_vm_free(&v);
}

/* ---- Signals, other hosts, flips ---- */

/* A guest that only calls is interrupted. */
static void check_signal(int insn)
{
	struct smccc_vm v = smccc_loop_vm();
	timer_t timer = run_alarm_create();
	u64 left, sum;
	int side, ret;

	smccc_catch(SIGALRM);
	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		smccc_loop_start(v.vcpu[0], insn, ULONG_MAX);
		run_alarm_set(timer, 5000000);
		ret = smccc_run(v.vcpu[0]) ? errno : 0;
		run_alarm_set(timer, 0);
		test_expect(ret == EINTR, "%s: KVM_RUN: %d, exit %u", smccc_side_names[side],
			    ret, v.vcpu[0]->run->exit_reason);
		/* Between two instructions of the loop */
		left = smccc_get_x(v.vcpu[0], SMCCC_LOOP_LEFT);
		sum = smccc_get_x(v.vcpu[0], SMCCC_LOOP_SUM) / SMCCC_LOOP_RESULT;
		test_expect(sum == ULONG_MAX - left || sum - 1 == ULONG_MAX - left,
			    "%s: %lu calls are left, %lu were answered",
			    smccc_side_names[side], left, sum);
	}
	timer_delete(timer);
	smccc_vm_free(&v);
}

/* The guest goes on in another VM, where others answer. */
static void check_moves(int insn)
{
	struct smccc_vm from = smccc_loop_vm(), to = smccc_loop_vm(), tmp;
	u64 id, pstate = ARM64_CORE_REG(regs.pstate), nr = 20000;
	timer_t timer = run_alarm_create();
	int i, ret, moves = 0;

	smccc_catch(SIGALRM);
	smccc_loop_start(from.vcpu[0], insn, nr);
	for (;;) {
		smccc_serve_by(moves % NR_SMCCC_SIDES);
		run_alarm_set(timer, 1000000);
		ret = smccc_run(from.vcpu[0]) ? errno : 0;
		run_alarm_set(timer, 0);
		if (ret != EINTR)
			break;

		for (i = 0; i < 31; i++)
			smccc_set_x(to.vcpu[0], i, smccc_get_x(from.vcpu[0], i));
		id = ARM64_CORE_REG(regs.pc);
		vcpu_set_reg(to.vcpu[0], id, vcpu_get_reg(from.vcpu[0], id));
		vcpu_set_reg(to.vcpu[0], pstate, vcpu_get_reg(from.vcpu[0], pstate));
		tmp = from;
		from = to;
		to = tmp;
		moves++;
	}
	test_expect(smccc_at_store(from.vcpu[0], ret) &&
		    smccc_get_x(from.vcpu[0], SMCCC_LOOP_SUM) == nr * SMCCC_LOOP_RESULT,
		    "after %d moves: error %d, exit %u, the sum is %#lx, not %#lx", moves,
		    ret, from.vcpu[0]->run->exit_reason, smccc_get_x(from.vcpu[0], SMCCC_LOOP_SUM),
		    nr * SMCCC_LOOP_RESULT);
	ksft_print_msg("%d moves\n", moves);
	timer_delete(timer);
	smccc_vm_free(&to);
	smccc_vm_free(&from);
}

#define NR_FLIPS	60

static unsigned int nr_flips;
static bool flipper_stops;

static void *flip(void *unused)
{
	static const char * const modes[] = { "rust", "c", "rust", "check" };
	unsigned int i;

	for (i = 0; !__atomic_load_n(&flipper_stops, __ATOMIC_RELAXED); i++) {
		abi_set_mode(modes[i % ARRAY_SIZE(modes)]);
		abi_set_fast(i % 3);
		__atomic_store_n(&nr_flips, i, __ATOMIC_RELAXED);
		usleep(100);
	}
	return NULL;
}

/* Each call is answered and counted once, whoever serves it. */
static void check_flips(int insn)
{
	struct smccc_vm v;
	u64 hvc, nr = 0;
	pthread_t thread;

	if (!abi_present()) {
		test_skip("this kernel has one implementation");
		return;
	}

	v = smccc_loop_vm();
	flipper_stops = false;
	nr_flips = 0;
	kvm_pthread_create(&thread, NULL, flip, NULL);
	hvc = vcpu_get_stat(v.vcpu[0], hvc_exit_stat);
	do {
		smccc_loop_run(v.vcpu[0], insn, 1000);
		nr += 1000;
	} while (__atomic_load_n(&nr_flips, __ATOMIC_RELAXED) < NR_FLIPS);
	hvc = vcpu_get_stat(v.vcpu[0], hvc_exit_stat) - hvc;
	__atomic_store_n(&flipper_stops, true, __ATOMIC_RELAXED);
	kvm_pthread_join(thread, NULL);
	test_expect(hvc == (insn == SMCCC_HVC ? nr : 0), "%lu of %lu HVCs", hvc, nr);
	smccc_vm_free(&v);
}

static const struct test_case cases[] = {
	{ "a debugger steps over an HVC", check_step, SMCCC_HVC },
	{ "a debugger steps over an SMC", check_step, SMCCC_SMC },
	{ "a guest steps over its HVC", check_own_step, SMCCC_HVC },
	{ "a guest steps over its SMC", check_own_step, SMCCC_SMC },
	{ "SError at an HVC", check_serror, SMCCC_HVC },
	{ "SError at an SMC", check_serror, SMCCC_SMC },
	{ "tracepoint kvm_hvc_arm64 shows each call", check_tracepoint, 0 },
	{ "tracepoint kvm_exit shows each call", check_tracepoint, 1 },
	{ "tracepoint kvm_entry shows each call", check_tracepoint, 2 },
	{ "userspace sees at a call that a timer's line is low", check_line },
	{ "a signal ends a loop of HVCs", check_signal, SMCCC_HVC },
	{ "a signal ends a loop of SMCs", check_signal, SMCCC_SMC },
	{ "a guest moves between HVCs", check_moves, SMCCC_HVC },
	{ "a guest moves between SMCs", check_moves, SMCCC_SMC },
	{ "modes change between HVCs", check_flips, SMCCC_HVC },
	{ "modes change between SMCs", check_flips, SMCCC_SMC },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	abi_open();
	abi_set_count(false);
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
