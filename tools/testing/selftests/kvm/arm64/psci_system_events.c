// SPDX-License-Identifier: GPL-2.0-only
/*
 * psci_system_events - PSCI's calls that end in userspace: SYSTEM_OFF,
 * SYSTEM_RESET, SYSTEM_RESET2, SYSTEM_OFF2 and SYSTEM_SUSPEND.
 *
 * The first four stop every vCPU of the VM, in any state, before KVM_RUN
 * returns with the event. If the caller is made runnable nevertheless, it goes
 * on after the call, with INTERNAL_FAILURE in x0. SYSTEM_SUSPEND stops no vCPU
 * and leaves the registers to userspace, which needs the arguments; those of a
 * 32-bit call are truncated to 32 bits.
 *
 * A call only ends in such an exit: handling it cannot fail with an error that
 * KVM_RUN would return.
 */
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/psci.h"
#include "abi/reg_image.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "processor.h"

#define PSCI_0_2	BIT(KVM_ARM_VCPU_PSCI_0_2)

#define INVALID		((u64)PSCI_RET_INVALID_PARAMS)
#define REFUSED		((u64)PSCI_RET_NOT_SUPPORTED)
#define FAILURE		((u64)PSCI_RET_INTERNAL_FAILURE)

/* Arguments that the calls ignore */
#define ARG1		0x1111111122222222UL
#define ARG2		0x3333333344444444UL
#define ARG3		0x5555555566666666UL

#define NR_VCPUS	4

/* The states of all vCPUs except the caller before the event */
static const u32 states[NR_VCPUS] = {
	[1] = KVM_MP_STATE_RUNNABLE,
	[2] = KVM_MP_STATE_SUSPENDED,
	[3] = KVM_MP_STATE_STOPPED,
};

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[NR_VCPUS];
static struct reg_image images[NR_VCPUS];

static void begin(u64 version)
{
	int i;

	image_set_context("system event");
	vm = psci_vm_create(NR_VCPUS, PSCI_0_2, vcpus);
	vcpu_set_reg(vcpus[0], KVM_REG_ARM_PSCI_VERSION, version);

	for (i = 1; i < NR_VCPUS; i++) {
		psci_make_dirty(vcpus[i]);
		smccc_set_mp_state(vcpus[i], states[i]);
		images[i] = image_read(vcpus[i]);
	}
}

/* Only the caller's registers must have changed. */
static void end(void)
{
	int i;

	for (i = 1; i < NR_VCPUS; i++) {
		image_expect(vcpus[i], &images[i], false, "another vCPU");
		free(images[i].reg);
	}
	kvm_vm_free(vm);
}

static void __expect_states(int line, bool stopped)
{
	int i;

	for (i = 1; i < NR_VCPUS; i++)
		__psci_expect_mp_state(line, vcpus[i], stopped ?
				       KVM_MP_STATE_STOPPED : states[i],
				       "another vCPU");
}

#define expect_states(...)	__expect_states(__LINE__, __VA_ARGS__)

static void reset_states(void)
{
	int i;

	for (i = 0; i < NR_VCPUS; i++)
		smccc_set_mp_state(vcpus[i], states[i]);
}

/* ---- SYSTEM_OFF, SYSTEM_RESET, SYSTEM_OFF2 and SYSTEM_RESET2 ---- */

enum event { OFF, RESET, OFF2, RESET2 };

static const struct {
	u32 fn32;
	u32 fn64;
	u64 since;
	u32 type;
	u64 flags;
	/* x1-x3 are unchanged after the call. */
	bool keeps_args;
} events[] = {
	[OFF] = { PSCI_0_2_FN_SYSTEM_OFF, 0, PSCI_VERSION(0, 2),
		  KVM_SYSTEM_EVENT_SHUTDOWN, 0, false },
	[RESET] = { PSCI_0_2_FN_SYSTEM_RESET, 0, PSCI_VERSION(0, 2),
		    KVM_SYSTEM_EVENT_RESET, 0, false },
	[OFF2] = { PSCI_1_3_FN_SYSTEM_OFF2, PSCI_1_3_FN64_SYSTEM_OFF2,
		   PSCI_VERSION(1, 3), KVM_SYSTEM_EVENT_SHUTDOWN,
		   KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2, false },
	[RESET2] = { PSCI_1_1_FN_SYSTEM_RESET2, PSCI_1_1_FN64_SYSTEM_RESET2,
		     PSCI_VERSION(1, 1), KVM_SYSTEM_EVENT_RESET,
		     KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2, true },
};

/* A call that makes the event, and what the vCPUs do after it. */
static void __expect_event(int line, int event, enum smccc_insn insn, u32 fn,
			   const u64 args[3])
{
	bool narrow = !(fn & PSCI_0_2_64BIT);
	struct smccc_want want = {
		.x = { FAILURE },
		.exit = KVM_EXIT_SYSTEM_EVENT,
		.mp_state = KVM_MP_STATE_STOPPED,
		.type = events[event].type,
		.ndata = 1,
		.data = events[event].flags,
	};
	struct smccc_call c;
	int i;

	if (events[event].keeps_args) {
		for (i = 0; i < 3; i++)
			want.x[1 + i] = narrow ? (u32)args[i] : args[i];
	}

	/* Old contents must not be taken for the event's. */
	memset(&vcpus[0]->run->system_event, 0xff,
	       sizeof(vcpus[0]->run->system_event));
	c = smccc_call(vcpus[0], insn, fn, args[0], args[1], args[2]);
	__smccc_expect(line, &c, &want);
	__expect_states(line, true);

	/* KVM_RUN again: it sleeps. */
	want.exit = KVM_EXIT_INTR;
	smccc_call_run_blocking(&c);
	__smccc_expect(line, &c, &want);
	__expect_states(line, true);

	/* Userspace ignores the event: the guest sees that it failed. */
	reset_states();
	want.exit = 0;
	want.mp_state = KVM_MP_STATE_RUNNABLE;
	smccc_call_run(&c);
	__smccc_expect(line, &c, &want);
	__expect_states(line, false);
}

#define expect_event(event, insn, fn, ...)				\
	__expect_event(__LINE__, event, insn, fn, (u64 []) { __VA_ARGS__ })

/* A call that does not make the event */
static void __expect_no_event(int line, u32 fn, u64 arg1, u64 arg2, u64 want)
{
	struct smccc_call c;
	int insn;

	for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++) {
		c = smccc_call(vcpus[0], insn, fn, arg1, arg2, ARG3);
		__smccc_expect(line, &c,
			       &(struct smccc_want) { .x = { want } });
		__expect_states(line, false);
	}
}

#define expect_no_event(...)	__expect_no_event(__LINE__, __VA_ARGS__)

/* A type and a cookie of 0 are valid for the calls that have them. */
static void check_event(int event)
{
	bool has_args = events[event].fn64;
	u64 arg1 = has_args ? 0 : ARG1, arg2 = has_args ? 0 : ARG2;
	u64 version;
	int i;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		version = fw_psci_versions[i];
		begin(version);
		if (version < events[event].since) {
			expect_no_event(events[event].fn32, arg1, arg2,
					REFUSED);
			expect_no_event(events[event].fn64, arg1, arg2,
					REFUSED);
			end();
			continue;
		}

		expect_event(event, SMCCC_HVC, events[event].fn32, arg1, arg2,
			     ARG3);
		expect_event(event, SMCCC_SMC, events[event].fn32, arg1, arg2,
			     ARG3);
		if (has_args) {
			expect_event(event, SMCCC_HVC, events[event].fn64, arg1,
				     arg2, ARG3);
			expect_event(event, SMCCC_SMC, events[event].fn64, arg1,
				     arg2, ARG3);
		} else {
			expect_no_event(events[event].fn32 | PSCI_0_2_64BIT,
					arg1, arg2, REFUSED);
		}
		end();
	}
}

/* 0 is a warm reset, types from 0x80000000 are the vendor's; 32 bits count. */
static void check_reset2_types(int fn)
{
	static const u64 good[] = { 0, 0x80000000, 0x80000001, 0xffffffff };
	static const u64 bad[] = { 1, 2, 0x7fffffff, 0x40000000 };
	int i;

	begin(FW_PSCI_LATEST);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		expect_event(RESET2, SMCCC_HVC, fn, good[i], ARG2, ARG3);
		expect_event(RESET2, SMCCC_HVC, fn, good[i] | PSCI_GARBAGE,
			     ARG2, ARG3);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		expect_no_event(fn, bad[i], ARG2, INVALID);
		expect_no_event(fn, bad[i] | PSCI_GARBAGE, ARG2, INVALID);
	}
	end();
}

/* The type, of 32 bits, is 0 or HIBERNATE_OFF; the cookie must be 0. */
static void check_off2_types(int fn)
{
	bool narrow = !(fn & PSCI_0_2_64BIT);
	u64 type;
	int bit;

	begin(FW_PSCI_LATEST);
	for (type = 0; type <= 1; type++) {
		expect_event(OFF2, SMCCC_HVC, fn, type, 0, ARG3);
		expect_event(OFF2, SMCCC_HVC, fn, type | PSCI_GARBAGE, 0, ARG3);
		for (bit = 0; bit < 64; bit++) {
			if (narrow && bit >= 32)
				expect_event(OFF2, SMCCC_SMC, fn, type,
					     BIT(bit), ARG3);
			else
				expect_no_event(fn, type, BIT(bit), INVALID);
		}
	}
	for (bit = 1; bit < 32; bit++) {
		expect_no_event(fn, BIT(bit), 0, INVALID);
		expect_no_event(fn, BIT(bit) | 1, 0, INVALID);
	}
	end();
}

/* PSCI 0.1 has none of these functions. */
static void check_0_1(int unused)
{
	int i;

	image_set_context("PSCI 0.1");
	vm = psci_vm_create(NR_VCPUS, 0, vcpus);
	reset_states();
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		expect_no_event(events[i].fn32, 0, 0, REFUSED);
		expect_no_event(events[i].fn32 | PSCI_0_2_64BIT, 0, 0, REFUSED);
	}
	kvm_vm_free(vm);
}

/* ---- SYSTEM_SUSPEND ---- */

static void expect_suspend(enum smccc_insn insn, u32 fn)
{
	bool narrow = !(fn & PSCI_0_2_64BIT);
	const u64 x0 = PSCI_GARBAGE | fn;
	struct smccc_want want = {
		.x = { x0,
		       narrow ? (u32)ARG1 : ARG1,
		       narrow ? (u32)ARG2 : ARG2,
		       narrow ? (u32)ARG3 : ARG3 },
		.exit = KVM_EXIT_SYSTEM_EVENT,
		.type = KVM_SYSTEM_EVENT_SUSPEND,
	};
	struct smccc_call c;

	memset(&vcpus[0]->run->system_event, 0xff,
	       sizeof(vcpus[0]->run->system_event));
	c = smccc_call(vcpus[0], insn, x0, ARG1, ARG2, ARG3);
	__smccc_expect(__LINE__, &c, &want);
	expect_states(false);

	/* Userspace denies the request. */
	smccc_set_x(vcpus[0], 0, PSCI_RET_DENIED);
	want.x[0] = PSCI_RET_DENIED;
	want.exit = 0;
	smccc_call_run(&c);
	__smccc_expect(__LINE__, &c, &want);
	expect_states(false);

	/* Userspace ignores the request. */
	c = smccc_call(vcpus[0], insn, x0, ARG1, ARG2, ARG3);
	want.x[0] = x0;
	smccc_call_run(&c);
	__smccc_expect(__LINE__, &c, &want);
}

static void check_suspend(int fn)
{
	struct smccc_call c;
	int i, insn;

	if (!kvm_has_cap(KVM_CAP_ARM_SYSTEM_SUSPEND)) {
		test_skip("no KVM_CAP_ARM_SYSTEM_SUSPEND");
		return;
	}

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		begin(fw_psci_versions[i]);

		/* Only if userspace has enabled it, and from 1.0 on */
		expect_no_event(fn, ARG1, ARG2, REFUSED);
		c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_1_0_FN_PSCI_FEATURES,
			       fn, 0, 0);
		smccc_expect_refused(&c);

		vm_enable_cap(vm, KVM_CAP_ARM_SYSTEM_SUSPEND, 0);
		if (fw_psci_versions[i] < PSCI_VERSION(1, 0)) {
			expect_no_event(fn, ARG1, ARG2, REFUSED);
			end();
			continue;
		}

		for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++)
			expect_suspend(insn, fn);
		c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_1_0_FN_PSCI_FEATURES,
			       fn, 0, 0);
		smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
		end();
	}
}

/* ---- A vCPU that is running meanwhile ---- */

static void *run_vcpu(void *vcpu)
{
	struct kvm_run *run = ((struct kvm_vcpu *)vcpu)->run;
	int ret;

	/* Run until immediate_exit is set, whatever signals come. */
	do {
		ret = __vcpu_run(vcpu);
	} while (ret && errno == EINTR && !READ_ONCE(run->immediate_exit));

	return (void *)(long)(ret ? errno : 0);
}

/* vCPU 1 is in an endless loop that increments a counter in memory. */
static void check_running_vcpu(int event)
{
	static const u32 count[] = {
		0x91000508,	/* add	x8, x8, #1 */
		0xf9000128,	/* str	x8, [x9] */
		0x17fffffe,	/* b	. - 8 */
	};
	u64 pc = SMCCC_CODE_GPA + 0x800;
	u64 *counter, before;
	pthread_t thread;
	void *ret;
	int i;

	begin(FW_PSCI_LATEST);
	memcpy(addr_gpa2hva(vm, pc), count, sizeof(count));
	counter = addr_gpa2hva(vm, pc + 0x100);
	vcpu_ioctl(vcpus[1], KVM_ARM_VCPU_INIT, &vcpus[0]->init);
	vcpu_set_reg(vcpus[1], ARM64_CORE_REG(regs.pc), pc);
	smccc_set_x(vcpus[1], 9, pc + 0x100);

	kvm_pthread_create(&thread, NULL, run_vcpu, vcpus[1]);
	while (!READ_ONCE(*counter))
		usleep(100);

	for (i = 0; i < 4; i++) {
		struct smccc_call c = smccc_call(vcpus[0], SMCCC_HVC,
						 events[event].fn32, 0, 0, 0);

		smccc_expect(&c, .x = { FAILURE },
			     .exit = KVM_EXIT_SYSTEM_EVENT,
			     .mp_state = KVM_MP_STATE_STOPPED,
			     .type = events[event].type, .ndata = 1,
			     .data = events[event].flags);
		psci_expect_mp_state(vcpus[0], KVM_MP_STATE_STOPPED, "caller");

		/* It has left the guest when userspace gets the event. */
		before = READ_ONCE(*counter);
		usleep(20000);
		test_expect(READ_ONCE(*counter) == before,
			    "the running vCPU was not stopped");
		smccc_set_mp_state(vcpus[0], KVM_MP_STATE_RUNNABLE);
		usleep(1000);
		test_expect(READ_ONCE(*counter) == before,
			    "the running vCPU went on by itself");
		if (i == 3)
			break;

		/*
		 * KVM_SET_MP_STATE waits for KVM_RUN to return, which happens
		 * only after a signal.
		 */
		WRITE_ONCE(vcpus[1]->run->immediate_exit, 1);
		pthread_kill(thread, SIGUSR1);
		kvm_pthread_join(thread, &ret);
		test_expect((long)ret == EINTR, "KVM_RUN: %s",
			    strerror((long)ret));
		vcpus[1]->run->immediate_exit = 0;
		psci_expect_mp_state(vcpus[1], KVM_MP_STATE_STOPPED, "other");
		smccc_set_mp_state(vcpus[1], KVM_MP_STATE_RUNNABLE);
		kvm_pthread_create(&thread, NULL, run_vcpu, vcpus[1]);
		while (READ_ONCE(*counter) == before)
			usleep(100);
	}

	WRITE_ONCE(vcpus[1]->run->immediate_exit, 1);
	pthread_kill(thread, SIGUSR1);
	kvm_pthread_join(thread, &ret);
	for (i = 1; i < NR_VCPUS; i++)
		free(images[i].reg);
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "SYSTEM_OFF: all vCPUs stop, INTERNAL_FAILURE if they go on",
	  check_event, OFF },
	{ "SYSTEM_RESET: the same", check_event, RESET },
	{ "SYSTEM_OFF2: the same from PSCI 1.3 on", check_event, OFF2 },
	{ "SYSTEM_RESET2: the same from PSCI 1.1 on", check_event, RESET2 },
	{ "SYSTEM_OFF2: type and cookie, 32-bit call",
	  check_off2_types, PSCI_1_3_FN_SYSTEM_OFF2 },
	{ "SYSTEM_OFF2: type and cookie, 64-bit call",
	  check_off2_types, PSCI_1_3_FN64_SYSTEM_OFF2 },
	{ "SYSTEM_RESET2: type, 32-bit call",
	  check_reset2_types, PSCI_1_1_FN_SYSTEM_RESET2 },
	{ "SYSTEM_RESET2: type, 64-bit call",
	  check_reset2_types, PSCI_1_1_FN64_SYSTEM_RESET2 },
	{ "PSCI 0.1: has none of them", check_0_1 },

	{ "SYSTEM_SUSPEND: exits with its arguments, 32-bit call",
	  check_suspend, PSCI_1_0_FN_SYSTEM_SUSPEND },
	{ "SYSTEM_SUSPEND: exits with its arguments, 64-bit call",
	  check_suspend, PSCI_1_0_FN64_SYSTEM_SUSPEND },

	{ "SYSTEM_OFF stops a vCPU that is running", check_running_vcpu, OFF },
	{ "SYSTEM_RESET stops a vCPU that is running",
	  check_running_vcpu, RESET },
	{ "SYSTEM_OFF2 stops a vCPU that is running",
	  check_running_vcpu, OFF2 },
	{ "SYSTEM_RESET2 stops a vCPU that is running",
	  check_running_vcpu, RESET2 },
};

int main(void)
{
	smccc_catch(SIGUSR1);

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
