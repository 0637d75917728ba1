/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One SMCCC call of a guest, judged from outside: userspace sets x0-x7 and the
 * program counter, runs the vCPU, and reads the registers, the exit, and the
 * vCPU's state. No guest code is involved, and all 64 bits of each register are
 * visible.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SMCCC_CALL_H
#define SELFTEST_KVM_ARM64_ABI_SMCCC_CALL_H

#include <linux/arm-smccc.h>

#include "abi/smccc_guest.h"
#include "kvm_util.h"

/**
 * struct smccc_call - a call, and its outcome
 * @vcpu: the vCPU that makes it
 * @insn: the instruction that makes it
 * @in: x0-x7 before
 * @x: x0-x7 after
 * @pc: the program counter after, as the distance from the instruction: 4 if it
 *	was advanced once
 * @exit: KVM_EXIT_MMIO if the guest went on after the call, KVM_EXIT_INTR if it
 *	had to be stopped by a signal, or the exit that the call made
 * @err: the errno of KVM_RUN, 0 if there is none, and 0 with KVM_EXIT_INTR
 * @mp_state: the vCPU's state after, KVM_MP_STATE_*
 * @flags: kvm_run.flags
 * @hypercall: of KVM_EXIT_HYPERCALL
 * @system_event: of KVM_EXIT_SYSTEM_EVENT
 */
struct smccc_call {
	struct kvm_vcpu *vcpu;
	enum smccc_insn insn;
	u64 in[8];
	u64 x[8];
	u64 pc;
	u32 exit;
	int err;
	u32 mp_state;
	u64 flags;
	struct {
		u64 nr;
		u64 args[6];
		u64 ret;
		u64 flags;
	} hypercall;
	struct {
		u32 type;
		u32 ndata;
		u64 data[16];
	} system_event;
};

/**
 * smccc_call_start() - set up a vCPU to make a call
 * @c: the call, with @vcpu, @insn and @in set
 */
void smccc_call_start(struct smccc_call *c);

unsigned long smccc_nr_runs(void);

/* Fill the exit's data with garbage, so that KVM must set what has to be 0. */
int smccc_run(struct kvm_vcpu *vcpu);

/**
 * smccc_call_run() - run the vCPU until it exits
 * @c: the call, which has been started; its outcome is filled in
 *
 * Also used to go on after an exit that the call made; then KVM_EXIT_MMIO is
 * expected.
 */
void smccc_call_run(struct smccc_call *c);

/* Let this signal interrupt KVM_RUN, and do nothing else. */
void smccc_catch(int sig);

/**
 * smccc_call_run_blocking() - run a vCPU that the call stops or suspends
 * @c: the call, which has been started; its outcome is filled in
 *
 * KVM_RUN does not return by itself then: signals interrupt it. Signals that
 * come before the vCPU has made the call are ignored.
 */
void smccc_call_run_blocking(struct smccc_call *c);

/* For x4-x7, which a call does not change */
#define SMCCC_X4	0x4444444444444444UL
#define SMCCC_X5	0x5555555555555555UL
#define SMCCC_X6	0x6666666666666666UL
#define SMCCC_X7	0x7777777777777777UL

/**
 * smccc_call() - make a call
 * @vcpu: the vCPU that makes it
 * @insn: the instruction that makes it
 * @x0: the function
 * @x1: its first argument
 * @x2: its second argument
 * @x3: its third argument
 *
 * Return: the call and its outcome.
 */
struct smccc_call smccc_call(struct kvm_vcpu *vcpu, enum smccc_insn insn,
			     u64 x0, u64 x1, u64 x2, u64 x3);

/**
 * smccc_call_blocking() - make a call that stops or suspends the vCPU
 *
 * See smccc_call() and smccc_call_run_blocking().
 */
struct smccc_call smccc_call_blocking(struct kvm_vcpu *vcpu,
				      enum smccc_insn insn, u64 x0, u64 x1,
				      u64 x2, u64 x3);

/**
 * struct smccc_want - what is expected of a call
 * @x: x0-x3 after; x4-x7 are expected not to change
 * @any: bits of x0-x3 that may have any value
 * @exit: 0 if the guest must go on, or a KVM_EXIT_*
 * @mp_state: KVM_MP_STATE_*; KVM_MP_STATE_RUNNABLE is 0
 * @hypercall_flags: of KVM_EXIT_HYPERCALL, whose nr is the lower half of x0
 * @type: of KVM_EXIT_SYSTEM_EVENT
 * @ndata: of KVM_EXIT_SYSTEM_EVENT
 * @data: data[0] of KVM_EXIT_SYSTEM_EVENT; the others are expected to be 0
 */
struct smccc_want {
	u64 x[4];
	u64 any[4];
	u32 exit;
	u32 mp_state;
	u64 hypercall_flags;
	u32 type;
	u32 ndata;
	u64 data;
};

/**
 * __smccc_expect() - compare the outcome of a call with what is expected
 * @line: of the expectation
 * @c: the call
 * @w: what is expected
 *
 * The program counter must always be advanced by 4.
 *
 * Return: whether the outcome is as expected.
 */
bool __smccc_expect(int line, const struct smccc_call *c,
		    const struct smccc_want *w);

/**
 * smccc_expect() - compare the outcome of a call with what is expected
 * @c: the call, a pointer
 * @...: the members of a struct smccc_want
 */
#define smccc_expect(c, ...)						\
	__smccc_expect(__LINE__, c, &(struct smccc_want) { __VA_ARGS__ })

/* -1 in x0, 0 in x1-x3, and the guest goes on */
#define smccc_expect_refused(c)						\
	smccc_expect(c, .x = { SMCCC_RET_NOT_SUPPORTED })

#endif /* SELFTEST_KVM_ARM64_ABI_SMCCC_CALL_H */
