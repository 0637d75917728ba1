// SPDX-License-Identifier: GPL-2.0-only
/* An SMCCC call, and its outcome */
#include <signal.h>
#include <sys/time.h>

#include "abi/cases.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "processor.h"

void smccc_call_start(struct smccc_call *c)
{
	u64 pstate, id = ARM64_CORE_REG(regs.pstate);
	int i;

	for (i = 0; i < 8; i++) {
		if (smccc_is_32bit(c->vcpu))
			c->in[i] = (u32)c->in[i];
		smccc_set_x(c->vcpu, i, c->in[i]);
	}
	smccc_set_x(c->vcpu, 9, SMCCC_MMIO_GPA);

	if (smccc_is_32bit(c->vcpu)) {
		pstate = vcpu_get_reg(c->vcpu, id) & ~SMCCC_PSTATE_T;
		if (smccc_code[c->insn].is_t32)
			pstate |= SMCCC_PSTATE_T;
		vcpu_set_reg(c->vcpu, id, pstate);
	}

	vcpu_set_reg(c->vcpu, ARM64_CORE_REG(regs.pc), smccc_pc(c->insn));
}

/* How often a vCPU was run, for the watchdog */
static unsigned long smccc_runs;

unsigned long smccc_nr_runs(void)
{
	return __atomic_load_n(&smccc_runs, __ATOMIC_RELAXED);
}

int smccc_run(struct kvm_vcpu *vcpu)
{
	__atomic_add_fetch(&smccc_runs, 1, __ATOMIC_RELAXED);
	memset(vcpu->run->padding, 0xa5, sizeof(vcpu->run->padding));
	return __vcpu_run(vcpu);
}

/* After KVM_RUN has returned @ret: collect all that the call has changed. */
static void smccc_call_collect(struct smccc_call *c, int ret)
{
	struct kvm_run *run = c->vcpu->run;
	int i;

	c->err = ret ? errno : 0;
	c->exit = run->exit_reason;
	c->flags = run->flags;
	if (c->err == EINTR) {
		c->err = 0;
		c->exit = KVM_EXIT_INTR;
	}

	for (i = 0; i < 8; i++)
		c->x[i] = smccc_get_x(c->vcpu, i);
	c->pc = vcpu_get_reg(c->vcpu, ARM64_CORE_REG(regs.pc)) -
		smccc_pc(c->insn);
	c->mp_state = smccc_get_mp_state(c->vcpu);

	if (c->exit == KVM_EXIT_HYPERCALL) {
		c->hypercall.nr = run->hypercall.nr;
		memcpy(c->hypercall.args, run->hypercall.args,
		       sizeof(c->hypercall.args));
		c->hypercall.ret = run->hypercall.ret;
		c->hypercall.flags = run->hypercall.flags;
	} else if (c->exit == KVM_EXIT_SYSTEM_EVENT) {
		c->system_event.type = run->system_event.type;
		c->system_event.ndata = run->system_event.ndata;
		memcpy(c->system_event.data, run->system_event.data,
		       sizeof(c->system_event.data));
	} else if (c->exit == KVM_EXIT_MMIO) {
		vcpu_run_complete_io(c->vcpu);
	}
}

void smccc_call_run(struct smccc_call *c)
{
	smccc_call_collect(c, smccc_run(c->vcpu));
}

static void smccc_on_signal(int sig)
{
}

void smccc_catch(int sig)
{
	struct sigaction sa = { .sa_handler = smccc_on_signal };

	sigaction(sig, &sa, NULL);
}

void smccc_call_run_blocking(struct smccc_call *c)
{
	struct itimerval tick = { { 0, 5000 }, { 0, 5000 } }, off = {};
	struct sigaction old;

	sigaction(SIGALRM, NULL, &old);
	smccc_catch(SIGALRM);
	setitimer(ITIMER_REAL, &tick, NULL);
	do {
		smccc_call_collect(c, smccc_run(c->vcpu));
	} while (c->exit == KVM_EXIT_INTR && !c->pc);
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &old, NULL);
}

struct smccc_call smccc_call(struct kvm_vcpu *vcpu, enum smccc_insn insn,
			     u64 x0, u64 x1, u64 x2, u64 x3)
{
	struct smccc_call c = {
		.vcpu = vcpu,
		.insn = insn,
		.in = { x0, x1, x2, x3, SMCCC_X4, SMCCC_X5, SMCCC_X6, SMCCC_X7 },
	};

	smccc_call_start(&c);
	smccc_call_run(&c);
	return c;
}

struct smccc_call smccc_call_blocking(struct kvm_vcpu *vcpu,
				      enum smccc_insn insn, u64 x0, u64 x1,
				      u64 x2, u64 x3)
{
	struct smccc_call c = {
		.vcpu = vcpu,
		.insn = insn,
		.in = { x0, x1, x2, x3, SMCCC_X4, SMCCC_X5, SMCCC_X6, SMCCC_X7 },
	};

	smccc_call_start(&c);
	smccc_call_run_blocking(&c);
	return c;
}

/*
 * The upper half of a register that AArch32 state has used is UNKNOWN: zero, or
 * unchanged.
 */
static bool smccc_same_x(const struct smccc_call *c, const struct smccc_want *w,
			 int nr)
{
	u64 x = c->x[nr] & ~w->any[nr], want = w->x[nr] & ~w->any[nr];

	return x == want || (smccc_is_32bit(c->vcpu) && x == (u32)want);
}

bool __smccc_expect(int line, const struct smccc_call *c,
		    const struct smccc_want *w)
{
	u32 want_exit = w->exit ?: KVM_EXIT_MMIO;
	unsigned int before = test_nr_failures();
	char what[128];
	bool ok;
	int i;

	snprintf(what, sizeof(what), "%s %#lx(%#lx, %#lx, %#lx)",
		 smccc_code[c->insn].name, c->in[0], c->in[1], c->in[2],
		 c->in[3]);

	__test_expect(line, !c->err && c->exit == want_exit,
		      "%s: exit %u, error %d, expected exit %u", what, c->exit,
		      c->err, want_exit);
	__test_expect(line, !c->flags, "%s: flags %#lx", what, c->flags);
	__test_expect(line, c->pc == 4, "%s: PC advanced by %ld", what, c->pc);
	ok = smccc_same_x(c, w, 0) && smccc_same_x(c, w, 1) &&
	     smccc_same_x(c, w, 2) && smccc_same_x(c, w, 3);
	__test_expect(line, ok,
		      "%s: %lx %lx %lx %lx, expected %lx %lx %lx %lx", what,
		      c->x[0], c->x[1], c->x[2], c->x[3],
		      w->x[0], w->x[1], w->x[2], w->x[3]);
	for (i = 4; i < 8; i++)
		__test_expect(line, c->x[i] == c->in[i], "%s: x%d is %#lx",
			      what, i, c->x[i]);
	__test_expect(line, c->mp_state == w->mp_state,
		      "%s: vCPU's state is %u, expected %u", what, c->mp_state,
		      w->mp_state);

	if (want_exit == KVM_EXIT_HYPERCALL && c->exit == want_exit) {
		ok = c->hypercall.nr == (u32)c->in[0] &&
		     c->hypercall.flags == w->hypercall_flags;
		__test_expect(line, ok,
			      "%s: exits with nr %#lx, flags %#lx, expected flags %#lx",
			      what, c->hypercall.nr, c->hypercall.flags,
			      w->hypercall_flags);
		for (i = 0; i < 6; i++)
			__test_expect(line, !c->hypercall.args[i],
				      "%s: args[%d] is %#lx", what, i,
				      c->hypercall.args[i]);
		__test_expect(line, !c->hypercall.ret, "%s: ret is %#lx", what,
			      c->hypercall.ret);
	}

	if (want_exit == KVM_EXIT_SYSTEM_EVENT && c->exit == want_exit) {
		ok = c->system_event.type == w->type &&
		     c->system_event.ndata == w->ndata &&
		     c->system_event.data[0] == w->data;
		__test_expect(line, ok,
			      "%s: event %u, %u data, %#lx, expected %u, %u, %#lx",
			      what, c->system_event.type, c->system_event.ndata,
			      c->system_event.data[0], w->type, w->ndata,
			      w->data);
		for (i = 1; i < 16; i++)
			__test_expect(line, !c->system_event.data[i],
				      "%s: data[%d] is %#lx", what, i,
				      c->system_event.data[i]);
	}

	return test_nr_failures() == before;
}
