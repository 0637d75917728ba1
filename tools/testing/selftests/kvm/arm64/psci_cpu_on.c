// SPDX-License-Identifier: GPL-2.0-only
/*
 * psci_cpu_on - PSCI's CPU_ON: what the caller gets, and what happens to the
 * target vCPU.
 *
 * A target that is off becomes runnable, with its program counter at the entry
 * point, x0 holding the context id, the endianness of the caller, and all else
 * as KVM_ARM_VCPU_INIT leaves it, whatever the registers held before. Userspace
 * sees this state as soon as the call is over, before the target has run, and
 * what userspace writes from then on is not lost. A refused call does not
 * change the target.
 *
 * A 32-bit call has 32-bit arguments: what is in the upper halves of x1-x3 is
 * ignored. PSCI 0.1 has one function with arguments of the register's width,
 * and no ALREADY_ON.
 */
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/psci.h"
#include "abi/reg_image.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "processor.h"

#define ENTRY		0xfeed0000cafe1000UL
#define CONTEXT_ID	0x0123456789abcdefUL

#define SCTLR_EE	BIT(25)

/* Bits of PSTATE in AArch32 */
#define PSTATE_T	BIT(5)
#define PSTATE_E	BIT(9)

enum form { CALL_32, CALL_64, CALL_0_1 };

static const struct {
	u32 fn;
	bool is_32bit;
	u32 features;
	u64 already_on;
} forms[] = {
	[CALL_32] = { PSCI_0_2_FN_CPU_ON, true, BIT(KVM_ARM_VCPU_PSCI_0_2),
		      PSCI_RET_ALREADY_ON },
	[CALL_64] = { PSCI_0_2_FN64_CPU_ON, false, BIT(KVM_ARM_VCPU_PSCI_0_2),
		      PSCI_RET_ALREADY_ON },
	[CALL_0_1] = { KVM_PSCI_FN_CPU_ON, false, 0, PSCI_RET_INVALID_PARAMS },
};

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[4];
static struct kvm_vcpu *caller, *target;

/* The form of the call under test */
static enum form form;

static u64 narrow(u64 arg)
{
	return forms[form].is_32bit ? (u32)arg : arg;
}

static void begin(int which)
{
	form = which;
	vm = psci_vm_create(ARRAY_SIZE(vcpus), forms[form].features, vcpus);
	caller = vcpus[0];
	target = vcpus[1];
	image_set_context("CPU_ON");
}

static void end(void)
{
	kvm_vm_free(vm);
}

/* The upper halves of a 32-bit call's arguments are always garbage. */
static void __expect_cpu_on(int line, enum smccc_insn insn, u64 who, u64 entry,
			    u64 context_id, u64 want)
{
	u64 garbage = forms[form].is_32bit ? PSCI_GARBAGE : 0;
	struct smccc_call c;

	c = smccc_call(caller, insn, forms[form].fn, who ^ garbage, entry,
		       context_id);
	__smccc_expect(line, &c, &(struct smccc_want) { .x = { want } });
}

#define expect_cpu_on(...)	__expect_cpu_on(__LINE__, __VA_ARGS__)

/* ---- A target that is off ---- */

/* With the target's registers as KVM_ARM_VCPU_INIT left them, then modified */
static void check_reset_state(int which)
{
	struct reg_image want;
	int insn;

	for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++) {
		begin(which);
		want = image_read(target);
		psci_image_set(&want, ARM64_CORE_REG(regs.pc), narrow(ENTRY));
		psci_image_set(&want, ARM64_CORE_REG(regs.regs[0]),
			       narrow(CONTEXT_ID));
		psci_make_dirty(target);

		psci_expect_mp_state(target, KVM_MP_STATE_STOPPED, "before");
		expect_cpu_on(insn, psci_affinity(target), ENTRY, CONTEXT_ID,
			      PSCI_RET_SUCCESS);
		psci_expect_mp_state(target, KVM_MP_STATE_RUNNABLE, "after");
		image_expect(target, &want, false, "reset");
		psci_expect_mp_state(target, KVM_MP_STATE_RUNNABLE, "read");
		psci_expect_mp_state(vcpus[2], KVM_MP_STATE_STOPPED, "another");

		free(want.reg);
		end();
	}
}

/* A reset's values in numbers, as images only compare KVM with itself */
static void check_reset_values(int which)
{
	u64 id, val;
	int i;

	begin(which);
	psci_make_dirty(target);
	expect_cpu_on(SMCCC_HVC, psci_affinity(target), ENTRY, CONTEXT_ID,
		      PSCI_RET_SUCCESS);
	psci_expect_begin(target, narrow(ENTRY), narrow(CONTEXT_ID));
	for (i = 1; i < 31; i++) {
		val = smccc_get_x(target, i);
		test_expect(!val, "x%d is %#lx", i, val);
	}
	/* EL1h, and D, A, I and F set */
	val = vcpu_get_reg(target, ARM64_CORE_REG(regs.pstate));
	test_expect(val == 0x3c5, "PSTATE is %#lx", val);
	/* MMU and caches off, little-endian like the caller */
	id = IMAGE_SYS_REG(SCTLR_EL1);
	val = vcpu_get_reg(target, id);
	test_expect(!(val & (BIT(0) | BIT(2) | BIT(12) | SCTLR_EE)),
		    "SCTLR_EL1 is %#lx", val);
	end();
}

/* The target stores w8 to @addr, which is not mapped, and exits. */
static void expect_target_runs(u64 addr)
{
	struct kvm_run *run = target->run;
	int ret;

	/* A target that begins elsewhere may never exit. */
	alarm(10);
	ret = __vcpu_run(target);
	alarm(0);
	test_expect(!ret && run->exit_reason == KVM_EXIT_MMIO &&
		    run->mmio.is_write && run->mmio.len == 4 &&
		    run->mmio.phys_addr == addr && !*(u32 *)run->mmio.data,
		    "KVM_RUN %d, exit %u at %#lx", ret, run->exit_reason,
		    (u64)run->mmio.phys_addr);
	psci_expect_mp_state(target, KVM_MP_STATE_RUNNABLE, "running");
}

/* The same without reading the registers before the target runs */
static void check_target_runs(int which)
{
	u64 entry = SMCCC_CODE_GPA + 4;

	begin(which);
	psci_make_dirty(target);
	expect_cpu_on(SMCCC_HVC, psci_affinity(target), entry, CONTEXT_ID,
		      PSCI_RET_SUCCESS);

	/* x9 is 0. */
	expect_target_runs(0);
	psci_expect_begin(target, entry, narrow(CONTEXT_ID));
	end();
}

static void check_userspace_writes_later(int which)
{
	u64 pc = SMCCC_CODE_GPA + 8;

	begin(which);
	psci_make_dirty(target);
	expect_cpu_on(SMCCC_HVC, psci_affinity(target), ENTRY, CONTEXT_ID,
		      PSCI_RET_SUCCESS);

	/* The reset comes before the first write, not after it. */
	vcpu_set_reg(target, ARM64_CORE_REG(regs.pc), pc);
	psci_expect_begin(target, pc, narrow(CONTEXT_ID));
	smccc_set_x(target, 0, ~CONTEXT_ID);
	smccc_set_x(target, 9, SMCCC_MMIO_GPA);
	psci_expect_begin(target, pc, ~CONTEXT_ID);

	expect_target_runs(SMCCC_MMIO_GPA);
	psci_expect_begin(target, pc, ~CONTEXT_ID);
	end();
}

/* Turned off again before it has run: the last call counts. */
static void check_turned_off_again(int which)
{
	int i;

	begin(which);
	for (i = 0; i < 3; i++) {
		expect_cpu_on(SMCCC_HVC, psci_affinity(target), ENTRY + 16 * i,
			      CONTEXT_ID + i, PSCI_RET_SUCCESS);
		psci_expect_mp_state(target, KVM_MP_STATE_RUNNABLE, "on");
		smccc_set_mp_state(target, KVM_MP_STATE_STOPPED);
		if (i == 1)
			psci_expect_begin(target, narrow(ENTRY + 16 * i),
					  narrow(CONTEXT_ID + i));
	}
	psci_expect_begin(target, narrow(ENTRY + 32), narrow(CONTEXT_ID + 2));
	psci_expect_mp_state(target, KVM_MP_STATE_STOPPED, "in the end");
	end();
}

static void check_endianness(int which)
{
	u64 val, id = IMAGE_SYS_REG(SCTLR_EL1);
	struct reg_image want;
	u64 mmfr0;
	int be;

	for (be = 1; be >= 0; be--) {
		begin(which);
		mmfr0 = vcpu_get_reg(caller, IMAGE_SYS_REG(ID_AA64MMFR0_EL1));
		if (be && !FIELD_GET(ID_AA64MMFR0_EL1_BIGEND, mmfr0)) {
			test_skip("no mixed-endian support");
			end();
			continue;
		}

		want = image_read(target);
		val = image_find(&want, id)->val[0] & ~SCTLR_EE;
		psci_image_set(&want, id, val | (be ? SCTLR_EE : 0));
		psci_image_set(&want, ARM64_CORE_REG(regs.pc), narrow(ENTRY));
		psci_image_set(&want, ARM64_CORE_REG(regs.regs[0]),
			       narrow(CONTEXT_ID));

		/* The target has the opposite endianness before. */
		vcpu_set_reg(target, id, val | (be ? 0 : SCTLR_EE));
		vcpu_set_reg(caller, id, val | (be ? SCTLR_EE : 0));
		expect_cpu_on(SMCCC_HVC, psci_affinity(target), ENTRY,
			      CONTEXT_ID, PSCI_RET_SUCCESS);
		image_expect(target, &want, false, be ? "big" : "little");
		test_expect(!!(vcpu_get_reg(caller, id) & SCTLR_EE) == be,
			    "the caller's endianness was changed");
		free(want.reg);
		end();
	}
}

/* ---- Refused ---- */

/* A target that is on, in any state */
static void expect_already_on(struct kvm_vcpu *on, u32 state)
{
	struct reg_image want = image_read(on);
	int insn;

	for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++) {
		expect_cpu_on(insn, psci_affinity(on), ~ENTRY, ~CONTEXT_ID,
			      forms[form].already_on);
		psci_expect_mp_state(on, state, "already on");
	}
	image_expect(on, &want, true, "already on");
	free(want.reg);
}

static void check_already_on(int which)
{
	int insn;

	begin(which);
	expect_cpu_on(SMCCC_HVC, psci_affinity(target), ENTRY, CONTEXT_ID,
		      PSCI_RET_SUCCESS);
	/* Whether or not userspace has accessed the target in between */
	expect_cpu_on(SMCCC_HVC, psci_affinity(target), ~ENTRY, ~CONTEXT_ID,
		      forms[form].already_on);
	psci_expect_begin(target, narrow(ENTRY), narrow(CONTEXT_ID));
	expect_already_on(target, KVM_MP_STATE_RUNNABLE);

	smccc_set_mp_state(vcpus[2], KVM_MP_STATE_RUNNABLE);
	expect_already_on(vcpus[2], KVM_MP_STATE_RUNNABLE);
	smccc_set_mp_state(vcpus[3], KVM_MP_STATE_SUSPENDED);
	expect_already_on(vcpus[3], KVM_MP_STATE_SUSPENDED);

	/* The caller itself */
	for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++)
		expect_cpu_on(insn, psci_affinity(caller), ENTRY, CONTEXT_ID,
			      forms[form].already_on);
	end();
}

/* With any bit flipped it is the affinity of another CPU, or of none. */
static void check_no_such_cpu(int which)
{
	struct reg_image want[ARRAY_SIZE(vcpus)];
	u64 who;
	int i, bit;

	begin(which);
	/* vCPU 3's affinity has many bits set, the others' have few. */
	psci_set_affinity(vcpus[3], PSCI_AFF(0, 0xa5, 0x5a, 0xc3));
	for (i = 1; i < ARRAY_SIZE(vcpus); i++) {
		psci_make_dirty(vcpus[i]);
		want[i] = image_read(vcpus[i]);
	}

	for (i = 1; i < ARRAY_SIZE(vcpus); i += 2) {
		/* With a bit other than bit 0 flipped, no vCPU has it. */
		for (bit = i == 1 ? 1 : 0; bit < 64; bit++) {
			if (forms[form].is_32bit && bit >= 32)
				break;
			who = psci_affinity(vcpus[i]) ^ BIT(bit);
			expect_cpu_on(SMCCC_HVC, who, ENTRY, CONTEXT_ID,
				      PSCI_RET_INVALID_PARAMS);
			expect_cpu_on(SMCCC_SMC, who, ENTRY, CONTEXT_ID,
				      PSCI_RET_INVALID_PARAMS);
		}

		/* MPIDR_EL1 itself: its bit 31 is set. */
		who = vcpu_get_reg(vcpus[i], IMAGE_SYS_REG(MPIDR_EL1));
		expect_cpu_on(SMCCC_HVC, who, ENTRY, CONTEXT_ID,
			      PSCI_RET_INVALID_PARAMS);
	}
	expect_cpu_on(SMCCC_HVC, ~0UL, ENTRY, CONTEXT_ID,
		      PSCI_RET_INVALID_PARAMS);
	expect_cpu_on(SMCCC_HVC, ARRAY_SIZE(vcpus), ENTRY, CONTEXT_ID,
		      PSCI_RET_INVALID_PARAMS);

	for (i = 1; i < ARRAY_SIZE(vcpus); i++) {
		psci_expect_mp_state(vcpus[i], KVM_MP_STATE_STOPPED, "refused");
		image_expect(vcpus[i], &want[i], false, "refused");
		free(want[i].reg);
	}

	/* The unchanged affinity is accepted. */
	expect_cpu_on(SMCCC_HVC, psci_affinity(vcpus[3]), ENTRY, CONTEXT_ID,
		      PSCI_RET_SUCCESS);
	psci_expect_begin(vcpus[3], narrow(ENTRY), narrow(CONTEXT_ID));
	psci_expect_mp_state(target, KVM_MP_STATE_STOPPED, "another");
	end();
}

/* A 32-bit call has no Aff3, and finds the vCPU whose Aff3 is 0 instead. */
static void check_aff3(int which)
{
	begin(which);
	psci_set_affinity(vcpus[2], PSCI_AFF(0x96, 0, 0, 1));

	expect_cpu_on(SMCCC_HVC, psci_affinity(vcpus[2]), ENTRY, CONTEXT_ID,
		      PSCI_RET_SUCCESS);
	psci_expect_mp_state(vcpus[forms[form].is_32bit ? 1 : 2],
			     KVM_MP_STATE_RUNNABLE, "named");
	psci_expect_mp_state(vcpus[forms[form].is_32bit ? 2 : 1],
			     KVM_MP_STATE_STOPPED, "not named");
	end();
}

static void check_versions(int which)
{
	int i;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		begin(which);
		vcpu_set_reg(caller, KVM_REG_ARM_PSCI_VERSION,
			     fw_psci_versions[i]);
		expect_cpu_on(SMCCC_HVC, psci_affinity(target), ENTRY,
			      CONTEXT_ID, PSCI_RET_SUCCESS);
		expect_cpu_on(SMCCC_HVC, psci_affinity(target), ENTRY,
			      CONTEXT_ID, PSCI_RET_ALREADY_ON);
		expect_cpu_on(SMCCC_HVC, 0xff, ENTRY, CONTEXT_ID,
			      PSCI_RET_INVALID_PARAMS);
		psci_expect_begin(target, narrow(ENTRY), narrow(CONTEXT_ID));
		end();
	}
}

/* ---- 32-bit guests ---- */

/* With the caller's endianness, and an entry point in A32 or T32 code */
static void expect_reset_32bit(bool be, bool thumb)
{
	u64 pc = 0x40008000, val, id = ARM64_CORE_REG(regs.pstate);
	/* Supervisor mode, and A, I and F set */
	u64 pstate = 0x1d3 | (be ? PSTATE_E : 0) | (thumb ? PSTATE_T : 0);
	struct reg_image want;

	begin(CALL_32);
	kvm_vm_free(vm);
	vm = psci_vm_create(ARRAY_SIZE(vcpus), BIT(KVM_ARM_VCPU_EL1_32BIT) |
			    BIT(KVM_ARM_VCPU_PSCI_0_2), vcpus);
	caller = vcpus[0];
	target = vcpus[1];

	want = image_read(target);
	psci_image_set(&want, ARM64_CORE_REG(regs.pc), pc);
	psci_image_set(&want, ARM64_CORE_REG(regs.regs[0]), (u32)CONTEXT_ID);
	psci_image_set(&want, id, pstate);
	psci_make_dirty(target);
	val = vcpu_get_reg(caller, id) & ~PSTATE_E;
	vcpu_set_reg(caller, id, val | (be ? PSTATE_E : 0));

	/* A 32-bit guest has no 64-bit calls. */
	form = CALL_64;
	expect_cpu_on(SMCCC_HVC, psci_affinity(target), pc, 0,
		      PSCI_RET_NOT_SUPPORTED);
	psci_expect_mp_state(target, KVM_MP_STATE_STOPPED, "64-bit call");

	form = CALL_32;
	expect_cpu_on(SMCCC_HVC, psci_affinity(target), pc | thumb, CONTEXT_ID,
		      PSCI_RET_SUCCESS);
	psci_expect_mp_state(target, KVM_MP_STATE_RUNNABLE, "32-bit call");
	image_expect(target, &want, false, "32-bit guest");
	free(want.reg);
	end();
}

static void check_32bit(int unused)
{
	int i;

	if (!kvm_has_cap(KVM_CAP_ARM_EL1_32BIT)) {
		test_skip("no 32-bit EL1");
		return;
	}

	for (i = 0; i < 4; i++)
		expect_reset_32bit(i & 1, i & 2);
}

static const struct test_case cases[] = {
	{ "32-bit call: the target is reset, as KVM_ARM_VCPU_INIT does",
	  check_reset_state, CALL_32 },
	{ "32-bit call: the target's registers in numbers",
	  check_reset_values, CALL_32 },
	{ "32-bit call: the target runs from there",
	  check_target_runs, CALL_32 },
	{ "32-bit call: what userspace writes after it stays",
	  check_userspace_writes_later, CALL_32 },
	{ "32-bit call: of several calls the last one counts",
	  check_turned_off_again, CALL_32 },
	{ "32-bit call: the target has the caller's endianness",
	  check_endianness, CALL_32 },
	{ "32-bit call: a target that is on is not touched",
	  check_already_on, CALL_32 },
	{ "32-bit call: absent CPU, any reserved bit: INVALID_PARAMS",
	  check_no_such_cpu, CALL_32 },
	{ "32-bit call: a target with Aff3", check_aff3, CALL_32 },

	{ "64-bit call: the target is reset, as KVM_ARM_VCPU_INIT does",
	  check_reset_state, CALL_64 },
	{ "64-bit call: the target's registers in numbers",
	  check_reset_values, CALL_64 },
	{ "64-bit call: the target runs from there",
	  check_target_runs, CALL_64 },
	{ "64-bit call: what userspace writes after it stays",
	  check_userspace_writes_later, CALL_64 },
	{ "64-bit call: of several calls the last one counts",
	  check_turned_off_again, CALL_64 },
	{ "64-bit call: the target has the caller's endianness",
	  check_endianness, CALL_64 },
	{ "64-bit call: a target that is on is not touched",
	  check_already_on, CALL_64 },
	{ "64-bit call: absent CPU, any reserved bit: INVALID_PARAMS",
	  check_no_such_cpu, CALL_64 },
	{ "64-bit call: a target with Aff3", check_aff3, CALL_64 },

	{ "PSCI 0.1: the target is reset, as KVM_ARM_VCPU_INIT does",
	  check_reset_state, CALL_0_1 },
	{ "PSCI 0.1: the target's registers in numbers",
	  check_reset_values, CALL_0_1 },
	{ "PSCI 0.1: the target runs from there", check_target_runs, CALL_0_1 },
	{ "PSCI 0.1: what userspace writes after it stays",
	  check_userspace_writes_later, CALL_0_1 },
	{ "PSCI 0.1: of several calls the last one counts",
	  check_turned_off_again, CALL_0_1 },
	{ "PSCI 0.1: the target has the caller's endianness",
	  check_endianness, CALL_0_1 },
	{ "PSCI 0.1: a target that is on is not touched",
	  check_already_on, CALL_0_1 },
	{ "PSCI 0.1: absent CPU, any reserved bit: INVALID_PARAMS",
	  check_no_such_cpu, CALL_0_1 },
	{ "PSCI 0.1: a target with Aff3", check_aff3, CALL_0_1 },

	{ "32-bit call: in each PSCI version", check_versions, CALL_32 },
	{ "64-bit call: in each PSCI version", check_versions, CALL_64 },
	{ "32-bit guest: Thumb bit of the entry, endianness, no 64-bit call",
	  check_32bit },
};

int main(void)
{
	smccc_catch(SIGALRM);
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
