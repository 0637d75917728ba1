// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_kill - VMMs are killed during each call of KVM/arm64's migration ABI,
 * while they make VMs, and while their guests make hypercalls; and the mode
 * changes meanwhile.
 *
 * They leave no VM, no memory and no lock behind. A new VM has the values that
 * every VM has, its calls succeed, and its filter works.
 *
 * The moments at which VMMs are killed depend on the seed: -s SEED.
 */
#include <sys/wait.h>

#include "abi/cases.h"
#include "abi/count_vms.h"
#include "abi/fault/child.h"
#include "abi/fault/leak.h"
#include "abi/fault/vm.h"
#include "abi/flip.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/seed.h"
#include "abi/smccc_filter.h"
#include "abi/switch.h"
#include "processor.h"

static const struct work {
	const char *name;
	void (*work)(int nr);
	/* Number of VMMs: for each of the calls, or in all */
	int times;
	/* VMMs are killed within this time after they began to work. */
	u32 max_us;
	bool (*possible)(void);
} works[];

static u64 seed;
static int nr_killed;

/* VMs that do not belong to the VMMs that are killed */
static int nr_others;

/* The values that every VM has */
static struct fw_state fw_want;
static struct id_state id_want;
static u64 masks_want[NR_ID_REGS];

static u32 next_random(void)
{
	/* Knuth's MMIX */
	seed = seed * 6364136223846793005UL + 1442695040888963407UL;
	return seed >> 33;
}

/* ---- What must remain ---- */

static void expect_no_vms(const char *when)
{
	int nr, tries;

	for (tries = 0; (nr = count_vms() - nr_others) && tries < 3000; tries++)
		usleep(10000);
	test_expect(!nr, "%s: %d VMs are left", when, nr);
}

static struct kvm_vm *read_new_vm(struct fw_state *fw, struct id_state *id,
				  u64 masks[NR_ID_REGS], struct kvm_vcpu **vcpu)
{
	struct kvm_vm *vm = filter_vm_create(vcpu);
	struct reg_mask_range request = { .addr = (u64)masks };

	*fw = fw_state_read(*vcpu);
	*id = id_state_read(*vcpu);
	vm_ioctl(vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &request);
	return vm;
}

static void expect_new_vm_good(const char *when)
{
	static u64 masks[NR_ID_REGS];
	static struct id_state id;
	struct kvm_vcpu *vcpu;
	struct fw_state fw;
	struct kvm_vm *vm = read_new_vm(&fw, &id, masks, &vcpu);

	test_expect(!memcmp(&fw, &fw_want, sizeof(fw)),
		    "%s: firmware registers of a new VM", when);
	test_expect(!memcmp(&id, &id_want, sizeof(id)),
		    "%s: ID registers of a new VM", when);
	test_expect(!memcmp(masks, masks_want, sizeof(masks)),
		    "%s: writable masks", when);

	fw_expect_set(vcpu, FW_STD, 0, 0, 0);
	fw_expect_set(vcpu, FW_STD, 1, 0, 1);
	filter_begin();
	filter_expect_set(vm, FILTER_FREE, 2, FILTER_FWD, 0);
	filter_expect_set(vm, FILTER_FREE + 1, 2, FILTER_DENY, EEXIST);
	filter_expect_guest(vcpu);
	fw_expect_set(vcpu, FW_STD, 0, EBUSY, 1);
	kvm_vm_free(vm);
}

static void expect_good(const char *when)
{
	expect_no_vms(when);
	expect_new_vm_good(when);
}

/* ---- Killing ---- */

static void wait_until_ready(pid_t pid)
{
	siginfo_t info = {};
	int i;

	for (i = 0; i < 60000; i++) {
		if (__atomic_load_n(&child_report->ready, __ATOMIC_ACQUIRE))
			return;
		/* It has failed already. */
		waitid(P_PID, pid, &info, WNOHANG | WEXITED | WNOWAIT);
		if (info.si_pid)
			return;
		usleep(200);
	}
	kill(pid, SIGKILL);
	TEST_FAIL("A VMM has not begun to work after a minute");
}

/* Have a VMM do @w's work, and kill it. */
static void kill_one(const struct work *w, int nr)
{
	u32 us = next_random() % w->max_us;
	int i, status = 0;
	pid_t pid;

	memset(child_report, 0, sizeof(*child_report));
	if (abi_present())
		abi_next_mode();

	pid = fork();
	TEST_ASSERT(pid >= 0, "fork(): %s", strerror(errno));
	if (!pid)
		w->work(nr);

	wait_until_ready(pid);
	for (i = next_random() % 3; i >= 0 && abi_present(); i--)
		abi_next_mode();
	usleep(us);
	kill(pid, SIGKILL);
	TEST_ASSERT(waitpid(pid, &status, 0) == pid, "waitpid()");
	test_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		    "VMM %d ended by itself: %#x", nr, status);
	nr_killed++;
}

static bool has_opt_ins(void)
{
	return kvm_has_cap(KVM_CAP_ARM_MIGRATION);
}

static void kill_some(int i)
{
	const struct work *w = &works[i];
	u64 rounds = 0;
	int n, nr = w->times;

	if (w->possible && !w->possible()) {
		test_skip("not on this host");
		return;
	}

	for (n = 0; n < nr; n++) {
		kill_one(w, n);
		rounds += child_report->rounds;
		if (child_report->nr_calls)
			nr = child_report->nr_calls * w->times;
		if (n % 64 == 63)
			expect_good(w->name);
	}
	expect_good(w->name);
	ksft_print_msg("%s: %d killed, in %lu rounds\n", w->name, n, rounds);
	test_expect(rounds > n, "VMMs were killed before they began to work");
}

static const struct work works[] = {
	{ "a register, list or mask of a VM", child_call_plain, 2, 2000 },
	{ "a register, list or mask of a VM that has opted in",
	  child_call_opted, 1, 2000, has_opt_ins },
	{ "a register of a GICv2", child_call_gic, 2, 2000, fault_has_gic_v2 },
	{ "making a VM, up to its first run", child_live, 40, 15000 },
	{ "a filter that grows", child_filter, 30, 5000 },
	{ "KVM_RUN of several vCPUs", child_run, 40, 5000 },
};

static void check_modes(int unused)
{
	static const char * const modes[] = { "c", "rust", "check" };
	int i;

	if (!abi_present()) {
		test_skip("the kernel has no switch");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		abi_set_mode(modes[i]);
		expect_good(modes[i]);
	}
}

static const struct test_case last_cases[] = {
	{ "a new VM is good in all modes", check_modes },
	{ "no memory is lost", leak_check },
	{ "switch: no mismatch, C and Rust served calls, mode restored",
	  abi_check_stats },
};

int main(int argc, char *argv[])
{
	struct test_case cases[ARRAY_SIZE(works)];
	struct kvm_vcpu *vcpu;
	int i;

	test_disable_default_vgic();
	ksft_print_header();

	if (argc == 3 && !strcmp(argv[1], "-s"))
		seed = seed_parse(argv[2]);
	else if (argc == 1)
		seed = seed_new();
	else
		ksft_exit_fail_msg("Usage: %s [-s SEED]\n", argv[0]);
	ksft_print_msg("seed %#lx\n", seed);

	leak_begin();
	child_report = kvm_mmap(sizeof(*child_report), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1);
	if (__abi_open())
		abi_begin_stats();
	nr_others = count_vms_of_others();
	kvm_vm_free(read_new_vm(&fw_want, &id_want, masks_want, &vcpu));

	for (i = 0; i < ARRAY_SIZE(works); i++)
		cases[i] = (struct test_case) { works[i].name, kill_some, i };
	test_set_plan(ARRAY_SIZE(cases) + ARRAY_SIZE(last_cases));
	test_run_cases(cases, ARRAY_SIZE(cases));
	ksft_print_msg("%d VMMs were killed\n", nr_killed);
	test_run_cases(last_cases, ARRAY_SIZE(last_cases));
	test_finished();
}
