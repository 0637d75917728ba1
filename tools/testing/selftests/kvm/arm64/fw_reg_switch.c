// SPDX-License-Identifier: GPL-2.0-only
/*
 * fw_reg_switch - Firmware pseudo-registers and hypercalls under load, while
 * the implementation that serves them is switched.
 *
 * The main thread goes through the modes in a loop. Whatever the mode, and
 * whenever it changes during concurrent calls, userspace and guests must not
 * notice: each call has a result that is legal in the VM's state, frozen
 * registers keep their values, and guests keep getting the same answers. On a
 * kernel without the switch only the load is run.
 */
#include <errno.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/flip.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/switch.h"
#include "processor.h"
#include "ucall_common.h"

/* For threads, which cannot go on after a failure */
static void __assert_set(int line, struct kvm_vcpu *vcpu, u64 id, u64 val,
			 int want)
{
	int ret = one_reg_set(vcpu, id, val);

	TEST_ASSERT(ret == want, "line %d: %#lx <- %#lx: %s, expected %s", line,
		    id, val, strerror(ret), strerror(want));
}

#define assert_set(...)	__assert_set(__LINE__, __VA_ARGS__)

static void __assert_reg(int line, struct kvm_vcpu *vcpu, u64 id, u64 want)
{
	u64 val = ~want;
	int ret = one_reg_get(vcpu, id, &val);

	TEST_ASSERT(!ret && val == want,
		    "line %d: %#lx reads %#lx (%s), expected %#lx", line, id,
		    val, strerror(ret), want);
}

#define assert_reg(...)	__assert_reg(__LINE__, __VA_ARGS__)

/* Refusals that do not depend on the VM's state, in their order. */
static void assert_errors(struct kvm_vcpu *vcpu, int nr)
{
	static const u64 u32_size = KVM_REG_SIZE_U64 ^ KVM_REG_SIZE_U32;
	u64 id = fw_regs[nr].id;

	assert_set(vcpu, id, ~0UL, EINVAL);
	assert_set(vcpu, id | 0xff00, 0, ENOENT);
	assert_set(vcpu, id ^ u32_size, 0, ENOENT);
	TEST_ASSERT_EQ(one_reg(vcpu->fd, KVM_SET_ONE_REG, id, 0), EFAULT);
	TEST_ASSERT_EQ(one_reg(vcpu->fd, KVM_GET_ONE_REG, id, 0), EFAULT);
	TEST_ASSERT_EQ(one_reg(vcpu->fd, KVM_SET_ONE_REG, id | 0xff00, 0),
		       EFAULT);
	TEST_ASSERT_EQ(one_reg(vcpu->fd, KVM_GET_ONE_REG, id | 0xff00, 0),
		       ENOENT);
}

static void assert_reg_list(struct kvm_vcpu *vcpu)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	int i, j;

	for (i = 0; i < list->n && list->reg[i] != fw_regs[0].id; i++)
		;
	TEST_ASSERT(i + NR_FW_REGS <= list->n, "No firmware registers listed");
	for (j = 0; j < NR_FW_REGS; j++)
		TEST_ASSERT_EQ(list->reg[i + j], fw_regs[j].id);
	free(list);
}

/* ---- A running VM ---- */

#define GUEST_CALLS	8
#define GUEST_ROUNDS	16

/* The calls of every round of a guest, and the expected answers */
static struct guest_expectation {
	u64 fn;
	u64 arg;
	struct fw_regs4 want;
} guest_calls[GUEST_CALLS];

static void guest_check_calls(void)
{
	struct guest_expectation *c;
	struct fw_regs4 r;
	int i, j;

	for (;;) {
		for (i = 0; i < GUEST_ROUNDS * GUEST_CALLS; i++) {
			c = &guest_calls[i % GUEST_CALLS];
			r = (struct fw_regs4) { { c->fn, c->arg, FW_POISON,
						  FW_POISON } };
			fw_smccc(&r);
			for (j = 0; j < 4; j++)
				__GUEST_ASSERT(r.x[j] == c->want.x[j],
					       "call %lx(%lx): x%d is %lx, expected %lx",
					       c->fn, c->arg, j, r.x[j],
					       c->want.x[j]);
		}
		GUEST_SYNC(0);
	}
}

static struct fw_state frozen;

/* Every kind of access to registers that are frozen. */
static void assert_frozen(struct kvm_vcpu *vcpu)
{
	u64 id, val, other;
	int i;

	for (i = 0; i < NR_FW_REGS; i++) {
		id = fw_regs[i].id;
		val = frozen.val[i];

		assert_reg(vcpu, id, val);
		assert_set(vcpu, id, val, 0);
		if (i >= FW_FIRST_BMAP) {
			other = val ^ fw_regs[i].features;
			assert_set(vcpu, id, other, EBUSY);
			assert_set(vcpu, id, other | BIT(63), EINVAL);
		}
		assert_errors(vcpu, i);
		assert_reg(vcpu, id, val);
	}
}

static void *run_and_access(void *data)
{
	struct abi_worker *w = data;

	while (!abi_stopping()) {
		fw_run(w->vcpu);
		assert_frozen(w->vcpu);
		abi_round_done(w);
	}

	return NULL;
}

static void *access_frozen(void *data)
{
	struct abi_worker *w = data;

	while (!abi_stopping()) {
		assert_frozen(w->vcpu);
		assert_reg_list(w->vcpu);
		abi_round_done(w);
	}

	return NULL;
}

/* Take a guest's first answers, and the registers, as the expected values. */
static void learn_calls(void)
{
	static const struct guest_expectation calls[GUEST_CALLS] = {
		{ ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID },
		{ PSCI_0_2_FN_PSCI_VERSION },
		{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_1 },
		{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_2 },
		{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_3 },
		{ ARM_SMCCC_TRNG_VERSION },
		{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
		  ARM_SMCCC_HV_PV_TIME_FEATURES },
		{ ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID },
	};
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i;

	vm = fw_vm_create_one(&vcpu);
	vcpu_set_reg(vcpu, KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 1));
	vcpu_set_reg(vcpu, KVM_REG_ARM_STD_HYP_BMAP, 0);
	vcpu_set_reg(vcpu, KVM_REG_ARM_VENDOR_HYP_BMAP, BIT(0));
	vcpu_set_reg(vcpu, KVM_REG_ARM_VENDOR_HYP_BMAP_2, BIT(1));

	for (i = 0; i < GUEST_CALLS; i++) {
		guest_calls[i] = calls[i];
		guest_calls[i].want = fw_guest_call(vcpu, calls[i].fn,
						    calls[i].arg);
	}

	frozen = fw_state_read(vcpu);
	TEST_ASSERT_EQ(guest_calls[0].want.x[0], BIT(0));
	TEST_ASSERT_EQ(guest_calls[0].want.x[2], BIT(1));
	TEST_ASSERT_EQ(guest_calls[1].want.x[0], PSCI_VERSION(1, 1));
	TEST_ASSERT_EQ(guest_calls[6].want.x[0], (u64)SMCCC_RET_NOT_SUPPORTED);
	kvm_vm_free(vm);
}

static void check_running_vm(int unused)
{
	struct kvm_vcpu *vcpus[4];
	struct kvm_vm *vm;
	int i;

	learn_calls();

	vm = fw_vm_create(4, true, guest_check_calls, vcpus);
	sync_global_to_guest(vm, guest_calls);
	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
		vcpu_set_reg(vcpus[3], fw_regs[i].id, frozen.val[i]);
	vcpu_set_reg(vcpus[3], KVM_REG_ARM_PSCI_VERSION,
		     frozen.val[FW_PSCI_VERSION]);
	fw_run(vcpus[0]);

	/* vCPUs 2 and 3 never run, so access to them does not wait. */
	abi_start_worker(0, run_and_access, vcpus[0]);
	abi_start_worker(1, run_and_access, vcpus[1]);
	abi_start_worker(2, access_frozen, vcpus[2]);
	abi_start_worker(3, access_frozen, vcpus[3]);
	abi_flip_and_join(4);

	fw_expect_state(vcpus[3], &frozen, "in the end");
	kvm_vm_free(vm);
}

/* ---- A VM that has not run ---- */

/* Others write at the same time, so only the possible values are known. */
static void assert_possible(struct kvm_vcpu *vcpu, int nr)
{
	u64 val = vcpu_get_reg(vcpu, fw_regs[nr].id);
	bool possible;

	if (nr == FW_PSCI_VERSION)
		possible = fw_is_psci_version(val);
	else if (nr < FW_FIRST_BMAP)
		possible = val == frozen.val[nr];
	else
		possible = !(val & ~fw_regs[nr].features);

	TEST_ASSERT(possible, "%s reads %#lx", fw_regs[nr].name, val);
}

static void *toggle(void *data)
{
	struct abi_worker *w = data;
	struct kvm_random_state rng = new_kvm_random_state(w->seed);
	u32 r;
	int i;

	while (!abi_stopping()) {
		for (i = 0; i < NR_FW_REGS; i++) {
			r = kvm_random_u32(&rng) >> 8;

			if (i == FW_PSCI_VERSION)
				assert_set(w->vcpu, fw_regs[i].id,
					   fw_psci_versions[r % FW_NR_PSCI_VERSIONS],
					   0);
			else if (i < FW_FIRST_BMAP)
				assert_set(w->vcpu, fw_regs[i].id,
					   r & 1 ? frozen.val[i] : 0, 0);
			else
				assert_set(w->vcpu, fw_regs[i].id,
					   r & fw_regs[i].features, 0);

			assert_possible(w->vcpu, i);
			assert_errors(w->vcpu, i);
		}
		abi_round_done(w);
	}

	return NULL;
}

static void check_fresh_vm(int unused)
{
	struct kvm_vcpu *vcpus[4];
	struct fw_state state;
	struct kvm_vm *vm;
	int i;

	vm = fw_vm_create(4, true, fw_guest_code, vcpus);
	for (i = 0; i < 4; i++)
		abi_start_worker(i, toggle, vcpus[i]);
	abi_flip_and_join(4);

	/* All vCPUs must read what was written last. */
	state = fw_state_read(vcpus[0]);
	for (i = 1; i < 4; i++)
		fw_expect_state(vcpus[i], &state, "in the end");
	kvm_vm_free(vm);
}

/* ---- VMs that begin to run ---- */

static bool raced_stop;

/* Writes until it has to stop. From the first run on writes fail. */
static void *write_until_frozen(void *data)
{
	struct abi_worker *w = data;
	bool busy = false;
	u64 n, id, before;
	int i, ret;

	for (n = 0; !__atomic_load_n(&raced_stop, __ATOMIC_RELAXED); n++) {
		for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++) {
			id = fw_regs[i].id;
			before = vcpu_get_reg(w->vcpu, id);
			/* The guest can always call FEATURES. */
			ret = one_reg_set(w->vcpu, id, i == FW_VENDOR_HYP ?
					  1 + 2 * (n & 1) : n & fw_regs[i].features);
			TEST_ASSERT(!ret || ret == EBUSY, "%s: %s",
				    fw_regs[i].name, strerror(ret));
			if (busy)
				assert_reg(w->vcpu, id, before);
			if (ret == EBUSY)
				busy = true;
		}
	}

	return NULL;
}

static void race_first_run(struct abi_worker *w)
{
	struct kvm_vcpu *vcpus[2];
	struct fw_regs4 first, r;
	struct fw_state state;
	struct abi_worker writer;
	struct kvm_vm *vm;
	int i;

	vm = fw_vm_create(2, true, fw_guest_code, vcpus);

	/* Whichever implementation serves, a new VM has the defaults. */
	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
		assert_reg(vcpus[0], fw_regs[i].id, fw_regs[i].initial);
	assert_reg(vcpus[0], KVM_REG_ARM_PSCI_VERSION, FW_PSCI_LATEST);

	__atomic_store_n(&raced_stop, false, __ATOMIC_RELAXED);
	writer = (struct abi_worker) { .vcpu = vcpus[1] };
	kvm_pthread_create(&writer.thread, NULL, write_until_frozen, &writer);

	/* Let some writes, in varying numbers, come first. */
	usleep(w->rounds % 8 * 200);

	first = fw_guest_call(vcpus[0],
			      ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID, 0);
	state = fw_state_read(vcpus[0]);
	for (i = 0; i < 8; i++) {
		r = fw_guest_call(vcpus[0],
				  ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID, 0);
		TEST_ASSERT(!memcmp(&r, &first, sizeof(r)),
			    "FEATURES changed from %lx, %lx to %lx, %lx",
			    first.x[0], first.x[2], r.x[0], r.x[2]);
	}

	__atomic_store_n(&raced_stop, true, __ATOMIC_RELAXED);
	kvm_pthread_join(writer.thread, NULL);

	TEST_ASSERT_EQ(first.x[0], state.val[FW_VENDOR_HYP]);
	TEST_ASSERT_EQ(first.x[1], 0);
	TEST_ASSERT_EQ(first.x[2], state.val[FW_VENDOR_HYP_2]);
	TEST_ASSERT_EQ(first.x[3], 0);
	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++) {
		assert_reg(vcpus[1], fw_regs[i].id, state.val[i]);
		assert_set(vcpus[1], fw_regs[i].id,
			   state.val[i] ^ fw_regs[i].features, EBUSY);
	}

	kvm_vm_free(vm);
}

static void *make_vms(void *data)
{
	struct abi_worker *w = data;

	while (!abi_stopping()) {
		race_first_run(w);
		abi_round_done(w);
	}

	return NULL;
}

static void check_first_runs(int unused)
{
	abi_start_worker(0, make_vms, NULL);
	abi_flip_and_join(1);
}

static const struct test_case cases[] = {
	{ "running VM: guests' answers constant, registers frozen",
	  check_running_vm },
	{ "fresh VM: legal results and values, several vCPUs writing",
	  check_fresh_vm },
	{ "first runs: default values, then writes race with the freeze",
	  check_first_runs },
	{ "switch: no mismatch, C and Rust served calls, mode restored",
	  abi_check_stats },
};

int main(void)
{
	ksft_print_header();

	abi_begin();

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
