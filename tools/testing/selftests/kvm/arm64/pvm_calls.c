// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvm_calls - The calls of a protected VM, a few of which pKVM serves itself.
 *
 * pKVM answers four functions of the vendor's range if they are called by HVC:
 * the list of functions, the size of a page, sharing a page with the host, and
 * ending that. The host serves all other calls, and these by SMC, like those of
 * any VM: PSCI turns vCPUs on and off, and unknown functions are refused.
 *
 * The host cannot access memory that the guest has used: the guest's code is
 * written before its first run.
 */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/psci.h"
#include "abi/reg_image.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_sysreg.h"

#define PSCI_0_2	BIT(KVM_ARM_VCPU_PSCI_0_2)

#define VENDOR_FEATURES	0x86000000
#define VENDOR_UID	0x8600ff01
#define HYP_MEMINFO	0xc6000002
#define MEM_SHARE	0xc6000003
#define MEM_UNSHARE	0xc6000004
#define TRNG_VERSION	0x84000050
#define PV_TIME_ST	0xc5000021

/* Bits of the list of functions, and of the three other functions above */
#define PKVM_FEATURES	(BIT(0) | BIT(2) | BIT(3) | BIT(4))

/* -3 in 64 bits */
#define INVALID_PARAMETER	((u64)SMCCC_RET_INVALID_PARAMETER)

#define ENTRY		(SMCCC_CODE_GPA + 4)
#define CONTEXT_ID	0x9007ec7edUL

#define NR_VCPUS	3

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[NR_VCPUS];

/* The library knows no VM types: use the memory of another VM. */
static void begin(void)
{
	vm = smccc_vm_create_empty(PSCI_0_2);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, SMCCC_DATA_GPA, 1,
				    1, 0);
	kvm_vm_release(vm);
	vm->type |= KVM_VM_TYPE_ARM_PROTECTED;
	kvm_vm_restart(vm);
	smccc_vm_add_vcpus(vm, NR_VCPUS,
			   PSCI_0_2 | BIT(KVM_ARM_VCPU_POWER_OFF), vcpus);
	image_set_context("protected VM");
}

static void end(void)
{
	kvm_vm_free(vm);
}

/* ---- Whether pKVM or the host answers ---- */

enum by { BY_ANY, BY_HVC, BY_SMC };

static const struct call {
	const char *name;
	enum by by;
	u64 in[4];
	u64 x[4];
} calls[] = {
	{ "SMCCC_VERSION", BY_ANY, { ARM_SMCCC_VERSION_FUNC_ID },
	  { ARM_SMCCC_VERSION_1_1 } },
	{ "PSCI_VERSION", BY_ANY, { PSCI_0_2_FN_PSCI_VERSION },
	  { FW_PSCI_LATEST } },
	{ "PSCI_FEATURES", BY_ANY,
	  { PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN64_CPU_ON }, { 0 } },
	{ "AFFINITY_INFO, itself", BY_ANY,
	  { PSCI_0_2_FN64_AFFINITY_INFO, 0, 0 }, { 0 } },
	{ "AFFINITY_INFO, another one", BY_ANY,
	  { PSCI_0_2_FN64_AFFINITY_INFO, 1, 0 }, { 1 } },
	{ "AFFINITY_INFO, none", BY_ANY,
	  { PSCI_0_2_FN64_AFFINITY_INFO, NR_VCPUS, 0 },
	  { (u64)PSCI_RET_INVALID_PARAMS } },
	{ "TRNG_VERSION", BY_ANY, { TRNG_VERSION }, { 0x10000 } },
	{ "PV_TIME_ST", BY_ANY, { PV_TIME_ST }, { SMCCC_RET_NOT_SUPPORTED } },
	{ "UID", BY_ANY, { VENDOR_UID },
	  { 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d } },
	{ "unknown", BY_ANY, { 0xc3001234, 1, 2, 3 },
	  { SMCCC_RET_NOT_SUPPORTED } },

	{ "FEATURES, of pKVM", BY_HVC, { VENDOR_FEATURES }, { PKVM_FEATURES } },
	{ "FEATURES, of the host", BY_SMC, { VENDOR_FEATURES }, { 0x3 } },
	{ "HYP_MEMINFO", BY_HVC, { HYP_MEMINFO }, { 4096 } },
	{ "HYP_MEMINFO, an argument", BY_HVC, { HYP_MEMINFO, 0, 1, 0 },
	  { INVALID_PARAMETER } },
	{ "HYP_MEMINFO", BY_SMC, { HYP_MEMINFO }, { SMCCC_RET_NOT_SUPPORTED } },
	{ "MEM_UNSHARE of what is not shared", BY_HVC,
	  { MEM_UNSHARE, SMCCC_DATA_GPA }, { INVALID_PARAMETER } },
	{ "MEM_SHARE of what is no page", BY_HVC,
	  { MEM_SHARE, SMCCC_DATA_GPA + 1 }, { INVALID_PARAMETER } },
	{ "MEM_SHARE", BY_HVC, { MEM_SHARE, SMCCC_DATA_GPA },
	  { SMCCC_RET_SUCCESS } },
	{ "MEM_SHARE", BY_SMC, { MEM_SHARE, SMCCC_DATA_GPA },
	  { SMCCC_RET_NOT_SUPPORTED } },
	{ "MEM_UNSHARE", BY_SMC, { MEM_UNSHARE, SMCCC_DATA_GPA },
	  { SMCCC_RET_NOT_SUPPORTED } },
	{ "MEM_UNSHARE", BY_HVC, { MEM_UNSHARE, SMCCC_DATA_GPA },
	  { SMCCC_RET_SUCCESS } },
};

static void check_calls(int unused)
{
	struct smccc_want want;
	struct smccc_call c;
	unsigned int before;
	int i, insn;

	begin();
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++) {
			if (calls[i].by == (insn == SMCCC_HVC ? BY_SMC : BY_HVC))
				continue;
			before = test_nr_failures();
			want = (struct smccc_want) {};
			memcpy(want.x, calls[i].x, sizeof(want.x));
			c = smccc_call(vcpus[0], insn, calls[i].in[0],
				       calls[i].in[1], calls[i].in[2],
				       calls[i].in[3]);
			__smccc_expect(__LINE__, &c, &want);
			if (test_nr_failures() != before)
				printf("#   that is %s\n", calls[i].name);
		}
	}
	end();
}

/* ---- PSCI ---- */

static void check_cpu_on(int insn)
{
	struct smccc_call c;
	int i, ret;

	begin();
	for (i = 1; i < NR_VCPUS; i++) {
		psci_expect_mp_state(vcpus[i], KVM_MP_STATE_STOPPED, "before");
		c = smccc_call(vcpus[0], insn, PSCI_0_2_FN64_CPU_ON, i, ENTRY,
			       CONTEXT_ID + i);
		smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
		psci_expect_mp_state(vcpus[i], KVM_MP_STATE_RUNNABLE, "after");
		psci_expect_begin(vcpus[i], ENTRY, CONTEXT_ID + i);

		ret = smccc_run(vcpus[i]);
		test_expect(!ret &&
			    vcpus[i]->run->exit_reason == KVM_EXIT_MMIO &&
			    !vcpus[i]->run->mmio.phys_addr,
			    "KVM_RUN: %d, exit %u", ret,
			    vcpus[i]->run->exit_reason);
		psci_expect_begin(vcpus[i], ENTRY, CONTEXT_ID + i);
		vcpu_run_complete_io(vcpus[i]);

		c = smccc_call(vcpus[0], insn, PSCI_0_2_FN64_CPU_ON, i, ENTRY,
			       0);
		smccc_expect(&c, .x = { PSCI_RET_ALREADY_ON });
	}

	/* Turn the vCPU off and on again. */
	c = smccc_call_blocking(vcpus[1], insn, PSCI_0_2_FN_CPU_OFF, 0, 0, 0);
	smccc_expect(&c, .x = { PSCI_RET_SUCCESS }, .exit = KVM_EXIT_INTR,
		     .mp_state = KVM_MP_STATE_STOPPED);
	c = smccc_call(vcpus[0], insn, PSCI_0_2_FN64_CPU_ON, 1, ENTRY + 4, 0);
	smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
	psci_expect_begin(vcpus[1], ENTRY + 4, 0);
	end();
}

static void check_system_off(int insn)
{
	struct smccc_call c;

	begin();
	smccc_set_mp_state(vcpus[1], KVM_MP_STATE_RUNNABLE);
	c = smccc_call(vcpus[0], insn, PSCI_0_2_FN_SYSTEM_OFF, 0, 0, 0);
	smccc_expect(&c, .x = { PSCI_RET_INTERNAL_FAILURE },
		     .exit = KVM_EXIT_SYSTEM_EVENT,
		     .mp_state = KVM_MP_STATE_STOPPED,
		     .type = KVM_SYSTEM_EVENT_SHUTDOWN, .ndata = 1);
	psci_expect_mp_state(vcpus[1], KVM_MP_STATE_STOPPED, "another");
	end();
}

/* ---- What userspace can change ---- */

static void check_registers(int unused)
{
	struct smccc_call c;
	int i, ret;

	begin();
	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++)
		fw_expect_set(vcpus[0], FW_PSCI_VERSION, fw_psci_versions[i], 0,
			      fw_psci_versions[i]);
	fw_expect_set(vcpus[0], FW_PSCI_VERSION, PSCI_VERSION(1, 1), 0,
		      PSCI_VERSION(1, 1));
	fw_expect_set(vcpus[0], FW_STD, 0, 0, 0);
	fw_expect_set(vcpus[0], FW_STD, 2, EINVAL, 0);
	fw_expect_set(vcpus[0], FW_VENDOR_HYP, 2, 0, 2);

	/* The filter is a VM attribute; protected VMs have none. */
	ret = smccc_set_filter(vm, 0xc3000000, 1, KVM_SMCCC_FILTER_DENY);
	test_expect(ret == EINVAL, "filter: %s", strerror(ret));

	c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0);
	smccc_expect(&c, .x = { PSCI_VERSION(1, 1) });
	c = smccc_call(vcpus[0], SMCCC_HVC, TRNG_VERSION, 0, 0, 0);
	smccc_expect_refused(&c);
	c = smccc_call(vcpus[0], SMCCC_SMC, VENDOR_FEATURES, 0, 0, 0);
	smccc_expect_refused(&c);
	/* pKVM's answer does not depend on the registers. */
	c = smccc_call(vcpus[0], SMCCC_HVC, VENDOR_FEATURES, 0, 0, 0);
	smccc_expect(&c, .x = { PKVM_FEATURES });

	fw_expect_set(vcpus[1], FW_STD, 0, 0, 0);
	fw_expect_set(vcpus[1], FW_STD, 1, EBUSY, 0);
	end();
}

static const struct test_case cases[] = {
	{ "pKVM answers its four functions by HVC, the host all else",
	  check_calls },
	{ "CPU_ON and CPU_OFF by HVC: the vCPUs begin, and begin again",
	  check_cpu_on, SMCCC_HVC },
	{ "CPU_ON and CPU_OFF by SMC: the vCPUs begin, and begin again",
	  check_cpu_on, SMCCC_SMC },
	{ "SYSTEM_OFF by HVC: all stop, and KVM_RUN reports it",
	  check_system_off, SMCCC_HVC },
	{ "SYSTEM_OFF by SMC: all stop, and KVM_RUN reports it",
	  check_system_off, SMCCC_SMC },
	{ "the firmware registers are those of any VM, and freeze",
	  check_registers },
};

int main(void)
{
	__TEST_REQUIRE(smccc_has_pvms(), "There are no protected VMs here");

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
