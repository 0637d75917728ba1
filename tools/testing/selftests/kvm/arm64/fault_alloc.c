// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_alloc - Calls of KVM/arm64's migration ABI while the kernel is out of
 * memory: those that need memory return ENOMEM and have no effect, and succeed
 * when there is memory again.
 *
 * Registers, lists and masks need no memory, in C and in Rust. The SMCCC filter
 * does: ranges are added to it in an order that splits the nodes of its tree. For
 * each range all allocations fail, then all but the first, and so on. A range fails
 * equally often in all modes. So does KVM_ARM_VM_CONFIG, whose allocations fail one
 * by one, and the list of the filter, which writes nothing then. And VMs are made that
 * opt in to everything, while each of their allocations fails once.
 */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fault/call.h"
#include "abi/fault/config.h"
#include "abi/fault/filter.h"
#include "abi/fault/inject.h"
#include "abi/fault/leak.h"
#include "abi/fault/life.h"
#include "abi/fault/vm.h"
#include "abi/fw_reg.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "abi/switch.h"
#include "abi/user_mem.h"
#include "processor.h"

/* ---- Calls that need no memory ---- */

static void check_no_memory(int kind)
{
	struct fault_call *c;
	int i, pass, ret;

	/* Userspace's pages must be present. */
	user_mem_fill_canary();
	inject_select(kind);
	for (pass = 0; pass < fault_nr_passes(); pass++) {
		fault_begin_pass(pass);
		for (i = 0; i < fault_nr_calls; i++) {
			c = &fault_calls[i];
			if (c->begin)
				c->begin(c);
			/* The filter needs memory. */
			if (c->once || c->allocates)
				continue;

			memcpy(user_mem, c->in, c->in_size);
			inject_all();
			ret = c->run(c, (u64)user_mem);
			inject_end();
			test_expect(ret == fault_want(c), "%s, mode %s: %s",
				    c->name, fault_mode, strerror(ret));
			fault_undo(c, ret);
		}
	}
}

/* ---- The filter ---- */

#define NR_RANGES	60
#define MAX_FAULTS	64

/* Unordered, so that ranges are inserted between others. */
static u32 range_base(int i)
{
	return FILTER_FREE + 8 * (i * 37 % NR_RANGES);
}

static u8 range_action(int i)
{
	return i % 3 ? FILTER_FWD : FILTER_DENY;
}

/* How often each range failed with ENOMEM in the first pass */
static int failed[NR_RANGES];

/* Returns how often it failed with ENOMEM before it was added. */
static int add_range(struct kvm_vm *vm, u32 base, u8 action)
{
	unsigned int n;
	int ret, nr = 0;

	for (n = 1; n < MAX_FAULTS; n++) {
		inject_all();
		inject_nth(n);
		ret = smccc_set_filter(vm, base, 2, action);
		inject_end();
		if (!ret)
			break;

		/* Two copies from userspace come before the allocations. */
		test_expect(ret == (n < 3 ? EFAULT : ENOMEM),
			    "mode %s, range %#x, fault %u: %s", fault_mode,
			    base, n, strerror(ret));
		nr += ret == ENOMEM;
	}

	test_expect(!ret, "mode %s, range %#x: %s", fault_mode, base,
		    strerror(ret));
	filter_note(base, 2, action, ret);
	return nr;
}

static void check_filter(int kind)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i, pass, nr, total;

	inject_select(kind);
	for (pass = 0; pass < fault_nr_passes(); pass++) {
		fault_begin_pass(pass);
		vm = filter_vm_create(&vcpu);
		filter_begin();
		/* The first range adds the reserved ranges. */
		filter_expect_set(vm, FILTER_FREE - 8, 1, FILTER_FWD, 0);

		total = 0;
		for (i = 0; i < NR_RANGES; i++) {
			nr = add_range(vm, range_base(i), range_action(i));
			if (!pass)
				failed[i] = nr;
			test_expect(nr == failed[i],
				    "range %d: fails %d times in mode %s, %d in %s",
				    i, nr, fault_mode, failed[i],
				    fault_first_mode());
			total += nr;
		}
		ksft_print_msg("mode %s: %d times ENOMEM\n", fault_mode, total);
		test_expect(total, "mode %s: never ENOMEM", fault_mode);

		filter_expect_set(vm, 0x80000000, 1, FILTER_FWD, EEXIST);
		filter_expect_guest(vcpu);
		kvm_vm_free(vm);
	}
}

/*
 * The first range, of a VM without a filter. If it fails and the VM runs, there
 * is no filter. If it fails and is added again, there is one, with the reserved
 * ranges. When C serves it, C warns once, which would be taken for a finding.
 */
static void check_first_range(int run_at_once)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	unsigned int n;
	int ret = ENOMEM, nr = 0;

	if (!abi_present()) {
		test_skip("C warns about it");
		return;
	}
	fault_set_mode("rust");
	inject_select(INJECT_SLAB);

	for (n = 1; n < MAX_FAULTS && ret; n++) {
		vm = filter_vm_create(&vcpu);
		filter_begin();
		inject_all();
		inject_nth(n);
		ret = smccc_set_filter(vm, PSCI_0_2_FN_PSCI_VERSION, 2,
				       FILTER_DENY);
		inject_end();
		test_expect(!ret || ret == (n < 3 ? EFAULT : ENOMEM),
			    "fault %u: %s", n, strerror(ret));
		nr += ret == ENOMEM;

		if (ret && !run_at_once) {
			filter_expect_set(vm, ARM_SMCCC_VERSION_FUNC_ID, 1,
					  FILTER_FWD, EEXIST);
			filter_expect_set(vm, 0xc0000000, 1, FILTER_FWD,
					  EEXIST);
			filter_expect_set(vm, FILTER_FREE, 1, FILTER_FWD, 0);
			filter_expect_set(vm, PSCI_0_2_FN_PSCI_VERSION, 2,
					  FILTER_DENY, 0);
		} else {
			filter_note(PSCI_0_2_FN_PSCI_VERSION, 2, FILTER_DENY,
				    ret);
		}
		filter_expect_guest(vcpu);
		kvm_vm_free(vm);
	}
	/* (One node has room for the reserved ranges and for this one.) */
	test_expect(nr, "never ENOMEM");
}

/* ---- The life of a VM ---- */

#define MAX_LIFE_FAULTS	2000

static struct fw_state good;

/*
 * A VM's creation makes hundreds of files in debugfs, and its first run may
 * need many pages: only some of these allocations fail.
 */
static unsigned int next_fault(enum life_step step, unsigned int n)
{
	if (step == LIFE_VM && n > 16)
		return n + 29;
	if (step == LIFE_RUN && n > 8)
		return n + 7;

	return n + 1;
}

/* Allocations do not fail in steps that do not involve this ABI. */
static bool is_to_fail(enum life_step step)
{
	return step <= LIFE_INIT || step == LIFE_RUN;
}

/* A VM is dead if its GIC cannot be mapped in its first run. */
static bool can_try_again(enum life_step step)
{
	return step != LIFE_RUN;
}

/* Returns how often the step failed. */
static int fail_step(enum life_step step, int kind)
{
	unsigned int n = 1, nr_without = 0;
	int ret, nr = 0;
	bool hit;

	life_advance_to(step);
	do {
		inject_nth(n);
		ret = life_do(step);
		hit = inject_end();
		nr += hit && ret;
		test_expect(!ret || (hit && (ret == ENOMEM || ret == EFAULT)),
			    "mode %s, %s, fault %u: %s", fault_mode,
			    life_name[step], n, strerror(ret));
		/* Or the step succeeded without the allocation that failed. */
		if (hit && !ret && step == LIFE_RUN) {
			life_expect_cpu_on("after a failure");
			nr_without++;
		}
		if (hit && (!ret || !can_try_again(step)))
			life_advance_to(step);
		n = next_fault(step, n);
	} while (hit && n < MAX_LIFE_FAULTS);

	test_expect(!hit && !ret, "mode %s, %s: %s in the end", fault_mode,
		    life_name[step], strerror(ret));
	ksft_print_msg("mode %s, %s: %d failures, %u faults, %u successes without memory\n",
		       fault_mode, life_name[step], nr, n, nr_without);
	/* The table of affinities is optional. */
	test_expect(nr_without || step != LIFE_RUN || kind != INJECT_SLAB,
		    "mode %s: no KVM_RUN succeeded without memory", fault_mode);
	return nr;
}

/* Every allocation of each step fails once; then the step is repeated. */
static void check_life(int kind)
{
	int nr[NR_LIFE_STEPS] = {}, first[NR_LIFE_STEPS] = {};
	int pass, step;

	inject_select(kind);
	for (pass = 0; pass < fault_nr_passes(); pass++) {
		fault_begin_pass(pass);
		for (step = LIFE_VM; step < NR_LIFE_STEPS; step++) {
			if (is_to_fail(step))
				nr[step] = fail_step(step, kind);
		}
		life_expect_good(&good, fault_mode);
		life_expect_cpu_on(fault_mode);
		life_end();
		test_expect(nr[LIFE_VM] || kind != INJECT_SLAB,
			    "no KVM_CREATE_VM has failed");
		test_expect(nr[LIFE_RUN], "no KVM_RUN has failed");

		/* How many pages are needed depends on what came before. */
		if (!pass)
			memcpy(first, nr, sizeof(nr));
		for (step = LIFE_VCPU; step <= LIFE_INIT; step++)
			test_expect(kind != INJECT_SLAB ||
				    nr[step] == first[step],
				    "%s fails %d times in mode %s, %d in %s",
				    life_name[step], nr[step], fault_mode,
				    first[step], fault_first_mode());
	}
}

static const struct test_case cases[] = {
	{ "registers, lists and masks need no memory",
	  check_no_memory, INJECT_SLAB },
	{ "registers, lists and masks need no pages",
	  check_no_memory, INJECT_PAGES },
	{ "filter: ENOMEM, as often in all modes, the range added later",
	  check_filter, INJECT_SLAB },
	{ "filter, first range: ENOMEM, and the VM has no filter",
	  check_first_range, true },
	{ "filter, first range: ENOMEM, and it is added later",
	  check_first_range, false },
	{ "filter as a list: ENOMEM, nothing is written, the filter is as before",
	  fault_check_list_memory, INJECT_SLAB },
	{ "configuration: GET, CHECK, SET: ENOMEM, and it is as before",
	  fault_check_config_memory, INJECT_SLAB },
	{ "VMs: each allocation fails once, then they work",
	  check_life, INJECT_SLAB },
	{ "VMs: each allocation of pages fails once, then they work",
	  check_life, INJECT_PAGES },
	{ "no memory is lost", leak_check },
	{ "switch: no mismatch, C and Rust served calls, mode restored",
	  abi_check_stats },
};

int main(void)
{
	test_disable_default_vgic();
	ksft_print_header();
	inject_require();
	user_mem_create(1);
	leak_begin();
	if (__abi_open())
		abi_begin_stats();

	fault_add_all();
	good = fw_state_read(fault_vms.plain_vcpu);
	life_open();

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	fault_free_all();
	test_finished();
}
