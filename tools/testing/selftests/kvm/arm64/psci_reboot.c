// SPDX-License-Identifier: GPL-2.0-only
/*
 * psci_reboot - vCPUs that begin again: one that has turned itself off and is
 * turned on while it is in KVM_RUN, and a VM that its VMM reboots.
 *
 * A vCPU that has called CPU_OFF sleeps in KVM_RUN. CPU_ON by another one wakes
 * it up there, and it begins with the first instruction at its entry point: the
 * step past the call, which CPU_OFF never returns from, is dropped.
 *
 * A VMM reboots a VM with SYSTEM_RESET, KVM_ARM_VCPU_INIT of all vCPUs, and
 * another first run, as often as the guest likes. Each boot finds the same
 * machine as the first one, except the version of PSCI, which the VMM may
 * change.
 */
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/psci.h"
#include "abi/reg_image.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"

#define PSCI_0_2	BIT(KVM_ARM_VCPU_PSCI_0_2)

#define REFUSED		((u64)PSCI_RET_NOT_SUPPORTED)

#define NR_VCPUS	3

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[NR_VCPUS];

/* ---- CPU_OFF and CPU_ON of a vCPU that stays in KVM_RUN ---- */

/* How long a vCPU may take to turn on or off; a call takes far less. */
#define LIMIT_MS	20000

static struct sleeper {
	struct kvm_vcpu *vcpu;
	pthread_t thread;
	int ret;
	bool over;
} sleeper;

/* After signals it runs again, as in a VMM. */
static void *run_sleeper(void *unused)
{
	struct kvm_run *run = sleeper.vcpu->run;

	do {
		sleeper.ret = smccc_run(sleeper.vcpu) ? errno : 0;
	} while (sleeper.ret == EINTR && !READ_ONCE(run->immediate_exit));

	__atomic_store_n(&sleeper.over, true, __ATOMIC_RELEASE);
	return NULL;
}

static u64 ask_sleeper(void)
{
	struct smccc_call c;

	c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_0_2_FN64_AFFINITY_INFO,
		       psci_affinity(vcpus[0]) + sleeper.vcpu->id, 0, 0);
	return c.x[0];
}

static bool sleeper_is_off(void)
{
	return ask_sleeper() == PSCI_0_2_AFFINITY_LEVEL_OFF;
}

static bool sleeper_is_over(void)
{
	return __atomic_load_n(&sleeper.over, __ATOMIC_ACQUIRE);
}

static bool wait_until(bool (*cond)(void))
{
	int ms;

	for (ms = 0; ms < LIMIT_MS; ms += 2) {
		if (cond())
			return true;
		usleep(2000);
	}

	return false;
}

/* Have the vCPU turn itself off; it is in KVM_RUN afterwards. */
static void go_to_sleep(struct kvm_vcpu *vcpu, enum smccc_insn insn)
{
	struct smccc_call c = {
		.vcpu = vcpu,
		.insn = insn,
		.in = { PSCI_0_2_FN_CPU_OFF, FW_POISON, FW_POISON, FW_POISON },
	};

	sleeper = (struct sleeper) { .vcpu = vcpu };
	smccc_set_mp_state(vcpu, KVM_MP_STATE_RUNNABLE);
	smccc_call_start(&c);
	kvm_pthread_create(&sleeper.thread, NULL, run_sleeper, NULL);
	test_expect(wait_until(sleeper_is_off), "the vCPU does not turn off");
	test_expect(!sleeper_is_over(), "KVM_RUN has returned: %s",
		    strerror(sleeper.ret));
}

static void wait_for_sleeper(void)
{
	struct kvm_run *run = sleeper.vcpu->run;
	bool over = wait_until(sleeper_is_over);

	test_expect(over, "the vCPU does not wake up");
	if (!over) {
		WRITE_ONCE(run->immediate_exit, 1);
		pthread_kill(sleeper.thread, SIGUSR1);
	}
	kvm_pthread_join(sleeper.thread, NULL);
	run->immediate_exit = 0;
}

/* The vCPU stores to the address in x9, which is 0 after a reset. */
static void expect_first_insn(u64 entry, u64 context_id)
{
	struct kvm_run *run = sleeper.vcpu->run;

	test_expect(!sleeper.ret && run->exit_reason == KVM_EXIT_MMIO &&
		    run->mmio.is_write && !run->mmio.phys_addr,
		    "KVM_RUN: %s, exit %u at %#lx", strerror(sleeper.ret),
		    run->exit_reason, (u64)run->mmio.phys_addr);
	/* The PC moves past the store in the next KVM_RUN. */
	psci_expect_begin(sleeper.vcpu, entry, context_id);
	vcpu_run_complete_io(sleeper.vcpu);
	psci_expect_begin(sleeper.vcpu, entry + 4, context_id);
}

static void sleep_and_wake(enum smccc_insn insn, bool interrupted)
{
	u64 entry = SMCCC_CODE_GPA + 4, context_id = 0xc0de;
	struct smccc_call c;
	int i;

	vm = psci_vm_create(NR_VCPUS, PSCI_0_2, vcpus);
	for (i = 0; i < 4; i++, entry += 8, context_id++) {
		go_to_sleep(vcpus[1], insn);
		if (interrupted) {
			pthread_kill(sleeper.thread, SIGUSR1);
			usleep(5000);
			test_expect(sleeper_is_off(), "a signal turns it on");
		}
		c = smccc_call(vcpus[0], insn, PSCI_0_2_FN64_CPU_ON, 1, entry,
			       context_id);
		smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
		wait_for_sleeper();
		expect_first_insn(entry, context_id);
		psci_expect_mp_state(vcpus[1], KVM_MP_STATE_RUNNABLE, "on");
		psci_expect_mp_state(vcpus[2], KVM_MP_STATE_STOPPED, "another");
	}
	kvm_vm_free(vm);
}

static void check_off_and_on(int insn)
{
	sleep_and_wake(insn, false);
}

static void check_off_interrupted(int insn)
{
	sleep_and_wake(insn, true);
}

/* ---- A VM that is rebooted ---- */

/* Each boot's version, and its functions */
static const struct boot {
	u64 version;
	/* PSCI_FEATURES of CPU_ON, SYSTEM_RESET2, and SYSTEM_OFF2 */
	u64 cpu_on;
	u64 reset2;
	u64 off2;
} boots[] = {
	{ PSCI_VERSION(1, 3), 0, 0, PSCI_1_3_OFF_TYPE_HIBERNATE_OFF },
	{ PSCI_VERSION(0, 2), REFUSED, REFUSED, REFUSED },
	{ PSCI_VERSION(1, 1), 0, 0, REFUSED },
};

static void reset_by_vmm(void)
{
	struct kvm_vcpu_init init;
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		init = vcpus[i]->init;
		vcpu_ioctl(vcpus[i], KVM_ARM_VCPU_INIT, &init);
	}
}

static void expect_feature(u32 fn, u64 want)
{
	struct smccc_call c;

	c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_1_0_FN_PSCI_FEATURES, fn, 0,
		       0);
	smccc_expect(&c, .x = { want });
}

/* Like a guest: ask for the functions, and turn the other vCPUs on. */
static void boot_guest(const struct boot *boot, u64 entry, u64 context_id)
{
	struct smccc_call c;
	int i, ret;

	c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0);
	smccc_expect(&c, .x = { boot->version });
	expect_feature(PSCI_0_2_FN_CPU_ON, boot->cpu_on);
	expect_feature(PSCI_1_1_FN_SYSTEM_RESET2, boot->reset2);
	expect_feature(PSCI_1_3_FN_SYSTEM_OFF2, boot->off2);
	/* The VMM has turned the TRNG off, before the first boot. */
	c = smccc_call(vcpus[0], SMCCC_HVC, 0x84000050, 0, 0, 0);
	smccc_expect_refused(&c);

	for (i = 1; i < NR_VCPUS; i++) {
		psci_expect_mp_state(vcpus[i], KVM_MP_STATE_STOPPED, "boot");
		c = smccc_call(vcpus[0], SMCCC_SMC, PSCI_0_2_FN64_CPU_ON,
			       psci_affinity(vcpus[i]), entry, context_id + i);
		smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
	}
	for (i = 1; i < NR_VCPUS; i++) {
		ret = smccc_run(vcpus[i]);
		test_expect(!ret && vcpus[i]->run->exit_reason == KVM_EXIT_MMIO,
			    "vCPU %d: KVM_RUN: %d, exit %u", i, ret,
			    vcpus[i]->run->exit_reason);
		psci_expect_begin(vcpus[i], entry, context_id + i);
		vcpu_run_complete_io(vcpus[i]);
		psci_make_dirty(vcpus[i]);
	}
}

static void reset_by_guest(void)
{
	struct smccc_call c;
	int i;

	c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_0_2_FN_SYSTEM_RESET, 0, 0, 0);
	smccc_expect(&c, .x = { PSCI_RET_INTERNAL_FAILURE },
		     .exit = KVM_EXIT_SYSTEM_EVENT,
		     .mp_state = KVM_MP_STATE_STOPPED,
		     .type = KVM_SYSTEM_EVENT_RESET, .ndata = 1);
	for (i = 1; i < NR_VCPUS; i++)
		psci_expect_mp_state(vcpus[i], KVM_MP_STATE_STOPPED, "reset");
}

static void check_reboot(int first)
{
	struct reg_image images[NR_VCPUS];
	const struct boot *boot;
	int i, n;

	image_set_context("reboot");
	vm = smccc_vm_create(NR_VCPUS, PSCI_0_2 | BIT(KVM_ARM_VCPU_POWER_OFF),
			     vcpus);
	vcpu_set_reg(vcpus[0], KVM_REG_ARM_STD_BMAP, 0);

	for (n = 0; n < 2 * ARRAY_SIZE(boots); n++) {
		boot = &boots[(first + n) % ARRAY_SIZE(boots)];
		vcpu_set_reg(vcpus[0], KVM_REG_ARM_PSCI_VERSION, boot->version);
		boot_guest(boot, SMCCC_CODE_GPA + 4 + 8 * n, 0xb007 + n * 16);
		reset_by_guest();
		reset_by_vmm();

		for (i = 0; i < NR_VCPUS; i++) {
			psci_expect_mp_state(vcpus[i], i ?
					     KVM_MP_STATE_STOPPED :
					     KVM_MP_STATE_RUNNABLE, "INIT");
			psci_expect_begin(vcpus[i], 0, 0);
			if (!n)
				images[i] = image_read(vcpus[i]);
			psci_image_set(&images[i], KVM_REG_ARM_PSCI_VERSION,
				       boot->version);
			image_expect(vcpus[i], &images[i], false, "INIT");
		}
	}

	for (i = 0; i < NR_VCPUS; i++)
		free(images[i].reg);
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "CPU_OFF by HVC, then CPU_ON: the first instruction is not skipped",
	  check_off_and_on, SMCCC_HVC },
	{ "CPU_OFF by SMC, then CPU_ON: the first instruction is not skipped",
	  check_off_and_on, SMCCC_SMC },
	{ "CPU_OFF by HVC, a signal, then CPU_ON: the same",
	  check_off_interrupted, SMCCC_HVC },
	{ "CPU_OFF by SMC, a signal, then CPU_ON: the same",
	  check_off_interrupted, SMCCC_SMC },
	{ "rebooted with PSCI 1.3, 0.2, 1.1: each boot has its version",
	  check_reboot, 0 },
	{ "rebooted with PSCI 0.2, 1.1, 1.3: each boot has its version",
	  check_reboot, 1 },
	{ "rebooted with PSCI 1.1, 1.3, 0.2: each boot has its version",
	  check_reboot, 2 },
};

int main(void)
{
	smccc_catch(SIGUSR1);

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
