// SPDX-License-Identifier: GPL-2.0-only
/* A VMM that is killed */
#include <linux/arm-smccc.h>
#include <linux/psci.h>
#include <linux/sizes.h>
#include <pthread.h>

#include "abi/one_reg.h"
#include "abi/smccc_call.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "abi/switch.h"
#include "call.h"
#include "child.h"
#include "life.h"
#include "processor.h"
#include "vm.h"

struct child_report *child_report;

static void child_is_ready(void)
{
	__atomic_store_n(&child_report->ready, 1, __ATOMIC_RELEASE);
}

static void child_round_done(void)
{
	__atomic_add_fetch(&child_report->rounds, 1, __ATOMIC_RELAXED);
}

/* ---- One of the calls ---- */

static void child_repeat_call(int nr)
{
	static u8 buf[SZ_4K] __aligned(SZ_4K);
	struct fault_call *c = &fault_calls[nr % fault_nr_calls];
	int i;

	TEST_ASSERT(c->size <= sizeof(buf), "%s: no room", c->name);
	child_report->nr_calls = fault_nr_calls;
	if (c->begin)
		c->begin(c);
	child_is_ready();
	for (i = 0;; i++) {
		memcpy(buf, i & 1 && c->get_cmd ? c->now : c->in, c->in_size);
		c->run(c, (u64)buf);
		child_round_done();
	}
}

void child_call_plain(int nr)
{
	fault_add_plain();
	child_repeat_call(nr);
}

void child_call_opted(int nr)
{
	fault_add_opted();
	child_repeat_call(nr);
}

void child_call_gic(int nr)
{
	fault_add_gic();
	child_repeat_call(nr);
}

/* ---- VMs that come and go ---- */

void child_live(int unused)
{
	int step;

	/* Calls that fail in other modes are not needed. */
	snprintf(fault_mode, sizeof(fault_mode), "rust");
	life_open();
	child_is_ready();
	for (;;) {
		for (step = LIFE_VM; step < NR_LIFE_STEPS; step++) {
			life_prepare(step);
			life_do(step);
			child_round_done();
		}
		life_end();
	}
}

/* ---- A filter that grows ---- */

void child_filter(int unused)
{
	struct kvm_smccc_filter filter = { 0, 2, FILTER_DENY };
	struct kvm_vm *vm;
	int i;

	child_is_ready();
	for (;;) {
		vm = vm_create_barebones();
		for (i = 0; i < 200; i++) {
			filter.base = FILTER_FREE + 8 * (i * 77 % 200);
			life_attr(vm->fd, KVM_ARM_VM_SMCCC_CTRL,
				  KVM_ARM_VM_SMCCC_FILTER, &filter);
			child_round_done();
		}
		kvm_vm_free(vm);
	}
}

/* ---- Guests that make hypercalls ---- */

/*
 * In the page that smccc_vm_create() fills in, after its code: an endless loop
 * of the call in x19 to x21, and code that turns the vCPU off.
 */
#define CHILD_LOOP_WORD		64
#define CHILD_OFF_WORD		80

static const u32 child_loop[] = {
	0xaa1303e0,		/* mov	x0, x19 */
	0xaa1403e1,		/* mov	x1, x20 */
	0xaa1503e2,		/* mov	x2, x21 */
	0xd4000002,		/* hvc	#0 */
	0x17fffffc,		/* b	. - 16 */
};

static const u32 child_off[] = {
	0x52800040,		/* mov	w0, #PSCI_0_2_FN_CPU_OFF */
	0x72b08000,		/* movk	w0, #0x8400, lsl #16 */
	0xd4000002,		/* hvc	#0 */
	0x17fffffd,		/* b	. - 12 */
};

static u64 child_pc(int word)
{
	return SMCCC_CODE_GPA + word * sizeof(u32);
}

/* The guest never exits to userspace. */
static void *child_run_vcpu(void *vcpu)
{
	for (;;) {
		__vcpu_run(vcpu);
		child_round_done();
	}

	return NULL;
}

static void *child_make_calls(void *vcpu)
{
	static const u32 fns[] = {
		PSCI_0_2_FN_PSCI_VERSION, ARM_SMCCC_TRNG_VERSION, FILTER_FREE,
		ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_TRNG_RND64,
		ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID, FILTER_FREE + 1,
		PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN64_AFFINITY_INFO,
		0x84001234,
	};
	int i;

	for (i = 0;; i++) {
		smccc_call(vcpu, i & 1 ? SMCCC_SMC : SMCCC_HVC,
			   fns[i % ARRAY_SIZE(fns)], FILTER_ARG, 1, 2);
		child_round_done();
	}

	return NULL;
}

static void child_start_guest(struct kvm_vcpu *vcpu, u64 x19, u64 x20, u64 x21)
{
	pthread_t thread;

	smccc_set_x(vcpu, 19, x19);
	smccc_set_x(vcpu, 20, x20);
	smccc_set_x(vcpu, 21, x21);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), child_pc(CHILD_LOOP_WORD));
	smccc_set_mp_state(vcpu, KVM_MP_STATE_RUNNABLE);
	kvm_pthread_create(&thread, NULL, child_run_vcpu, vcpu);
}

void child_run(int unused)
{
	struct kvm_vcpu *vcpus[4];
	struct kvm_vm *vm;
	pthread_t thread;
	u32 *code;
	u64 val;

	vm = smccc_vm_create(4, BIT(KVM_ARM_VCPU_PSCI_0_2) |
				BIT(KVM_ARM_VCPU_POWER_OFF), vcpus);
	smccc_set_filter(vm, FILTER_FREE, 1, FILTER_FWD);
	smccc_set_filter(vm, FILTER_FREE + 1, 1, FILTER_DENY);
	code = addr_gpa2hva(vm, SMCCC_CODE_GPA);
	memcpy(&code[CHILD_LOOP_WORD], child_loop, sizeof(child_loop));
	memcpy(&code[CHILD_OFF_WORD], child_off, sizeof(child_off));

	smccc_set_mp_state(vcpus[2], KVM_MP_STATE_RUNNABLE);
	kvm_pthread_create(&thread, NULL, child_run_vcpu, vcpus[3]);
	kvm_pthread_create(&thread, NULL, child_make_calls, vcpus[2]);
	child_start_guest(vcpus[1], PSCI_0_2_FN64_CPU_ON, 3,
			  child_pc(CHILD_OFF_WORD));
	child_start_guest(vcpus[0], ARM_SMCCC_TRNG_RND64, 192, 0);
	child_is_ready();
	for (;;) {
		one_reg_get(vcpus[2], KVM_REG_ARM_STD_BMAP, &val);
		one_reg_set(vcpus[2], KVM_REG_ARM_PSCI_VERSION,
			    PSCI_VERSION(1, 1));
		one_reg_get(vcpus[0], KVM_REG_ARM_STD_BMAP, &val);
		child_round_done();
	}
}
