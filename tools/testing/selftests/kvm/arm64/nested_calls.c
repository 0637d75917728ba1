// SPDX-License-Identifier: GPL-2.0-only
/*
 * nested_calls - Which calls KVM answers for a guest that has its own EL2.
 *
 * A guest hypervisor, at EL2, calls KVM by SMC. Its guests, at EL1, call the
 * hypervisor and not KVM: their HVC is an exception to EL2, and so is their SMC
 * if the hypervisor has set HCR_EL2.TSC. KVM does not serve such a call, and
 * leaves its registers unchanged. KVM serves an SMC that the hypervisor does
 * not trap.
 *
 * CPU_ON turns a vCPU on at EL2, with the endianness of the caller's exception
 * level.
 *
 * Userspace sets the vCPU's exception level, so that no hypervisor code is
 * needed.
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
#include "abi/switch.h"
#include "processor.h"

#define FEATURES	(BIT(KVM_ARM_VCPU_PSCI_0_2) | BIT(KVM_ARM_VCPU_HAS_EL2))

/* EL2's vectors: every exception to EL2 exits to userspace. */
#define VECTORS		(SMCCC_CODE_GPA + 0x800)
#define CURRENT_SPX	0x200
#define LOWER_A64	0x400

#define EL1H		0x3c5UL
#define EL2H		0x3c9UL
#define MODE_MASK	0xfUL

#define EC(ec)		((u64)(ec) << 26)
#define IL		BIT(25)
#define EC_HVC64	0x16
#define EC_SMC64	0x17

#define HCR_TSC		BIT(19)
#define HCR_RW		BIT(31)

#define SCTLR_EE	BIT(25)

#define ENTRY		0xfeed0000cafe1000UL
#define CONTEXT_ID	0x0123456789abcdefUL

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[2];
static int gic_fd;

/* One VM for all cases, as creating it takes long. */
static void create_vm(void)
{
	u32 *code, i;

	vm = smccc_vm_create_empty(0);
	code = addr_gpa2hva(vm, VECTORS);
	for (i = 0; i < 0x800 / sizeof(*code); i++)
		code[i] = smccc_code[SMCCC_HVC].a64[1];
	smccc_vm_add_vcpus(vm, 2, FEATURES | BIT(KVM_ARM_VCPU_POWER_OFF),
			   vcpus);
	gic_fd = smccc_add_gic(vm, KVM_DEV_TYPE_ARM_VGIC_V3, 2);
	image_set_context("nested");
}

/* ---- Who serves a call ---- */

/* The hypervisor's settings, and the exception level of the call */
struct setting {
	const char *name;
	u64 hcr;
	bool at_el2;
	enum smccc_insn insn;
	/* Served by KVM, or else an exception to EL2 with these values */
	bool is_served;
	u64 vector;
	u64 esr;
	u64 elr;
};

static const struct setting settings[] = {
	{ "SMC at EL2 is KVM's", 0, true, SMCCC_SMC, true },
	{ "SMC at EL2 is KVM's, whatever EL2 traps from its guests",
	  HCR_TSC, true, SMCCC_SMC, true },
	{ "HVC at EL2 is an exception there", 0, true, SMCCC_HVC, false,
	  CURRENT_SPX, EC(EC_HVC64) | IL, 4 },
	{ "HVC #1 at EL2 is an exception there", 0, true, SMCCC_HVC_IMM, false,
	  CURRENT_SPX, EC(EC_HVC64) | IL | 1, 4 },
	{ "HVC of its guest goes to EL2", 0, false, SMCCC_HVC, false,
	  LOWER_A64, EC(EC_HVC64) | IL, 4 },
	{ "HVC #1 of its guest goes to EL2", 0, false, SMCCC_HVC_IMM, false,
	  LOWER_A64, EC(EC_HVC64) | IL | 1, 4 },
	{ "HVC of its guest goes to EL2, if SMC is trapped as well", HCR_TSC,
	  false, SMCCC_HVC, false, LOWER_A64, EC(EC_HVC64) | IL, 4 },
	{ "SMC of its guest is KVM's", 0, false, SMCCC_SMC, true },
	{ "SMC of its guest goes to EL2, if it is trapped", HCR_TSC, false,
	  SMCCC_SMC, false, LOWER_A64, EC(EC_SMC64) | IL, 0 },
	{ "SMC #1 of its guest goes to EL2, if it is trapped", HCR_TSC, false,
	  SMCCC_SMC_IMM, false, LOWER_A64, EC(EC_SMC64) | IL | 1, 0 },
};

static u64 get(u64 id)
{
	return vcpu_get_reg(vcpus[0], id);
}

static void set(u64 id, u64 val)
{
	vcpu_set_reg(vcpus[0], id, val);
}

static void set_up(const struct setting *s)
{
	u64 hcr = get(IMAGE_SYS_REG(HCR_EL2)) & ~HCR_TSC;

	set(IMAGE_SYS_REG(HCR_EL2), hcr | HCR_RW | s->hcr);
	set(IMAGE_SYS_REG(VBAR_EL2), VECTORS);
	set(IMAGE_SYS_REG(ESR_EL2), 0);
	set(IMAGE_SYS_REG(ELR_EL2), 0);
	set(ARM64_CORE_REG(regs.pstate), s->at_el2 ? EL2H : EL1H);
	smccc_set_mp_state(vcpus[1], KVM_MP_STATE_STOPPED);
}

/* The number of calls that were served, by any implementation */
static u64 nr_served(void)
{
	struct abi_stats stats = {};

	if (abi_present())
		stats = abi_read_surface("smccc");
	return stats.c + stats.rust;
}

/* Calls that KVM would answer, or act upon */
static const struct {
	u32 fn;
	u64 args[2];
	u64 x0;
} calls[] = {
	{ ARM_SMCCC_VERSION_FUNC_ID, { 0, 0 }, ARM_SMCCC_VERSION_1_1 },
	{ PSCI_0_2_FN_PSCI_VERSION, { 0, 0 }, FW_PSCI_LATEST },
	{ 0xc3001234, { 0, 0 }, SMCCC_RET_NOT_SUPPORTED },
	{ PSCI_0_2_FN64_AFFINITY_INFO, { 1, 0 }, PSCI_0_2_AFFINITY_LEVEL_OFF },
	{ PSCI_0_2_FN64_CPU_ON, { 1, ENTRY }, PSCI_RET_SUCCESS },
};

static void expect_taken(const struct setting *s, const struct smccc_call *c)
{
	u64 pc = smccc_pc(s->insn), pstate = get(ARM64_CORE_REG(regs.pstate));
	u64 esr = get(IMAGE_SYS_REG(ESR_EL2)), elr = get(IMAGE_SYS_REG(ELR_EL2));
	int i;

	test_expect(c->exit == KVM_EXIT_MMIO && !c->err,
		    "call %#lx: exit %u, error %d", c->in[0], c->exit, c->err);
	test_expect(pc + c->pc == VECTORS + s->vector,
		    "call %#lx: PC %#lx, expected %#lx", c->in[0], pc + c->pc,
		    VECTORS + s->vector);
	test_expect((pstate & MODE_MASK) == (EL2H & MODE_MASK),
		    "call %#lx: PSTATE %#lx", c->in[0], pstate);
	test_expect(esr == s->esr && elr == pc + s->elr,
		    "call %#lx: ESR %#lx, ELR %#lx, expected %#lx, %#lx",
		    c->in[0], esr, elr, s->esr, pc + s->elr);
	for (i = 0; i < 8; i++)
		test_expect(c->x[i] == c->in[i], "call %#lx: x%d is %#lx",
			    c->in[0], i, c->x[i]);
	psci_expect_mp_state(vcpus[1], KVM_MP_STATE_STOPPED, "another vCPU");
}

static void check_setting(int nr)
{
	const struct setting *s = &settings[nr];
	struct smccc_call c;
	u64 before, served;
	int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		set_up(s);
		before = nr_served();
		c = smccc_call(vcpus[0], s->insn, calls[i].fn, calls[i].args[0],
			       calls[i].args[1], CONTEXT_ID);
		served = nr_served() - before;
		if (s->is_served) {
			smccc_expect(&c, .x = { calls[i].x0 });
			test_expect(!abi_present() || served,
				    "call %#lx was not counted", c.in[0]);
		} else {
			expect_taken(s, &c);
			test_expect(!served, "call %#lx was served", c.in[0]);
		}
	}
}

/* An SMC with an immediate is no SMCCC call, but KVM has to refuse it. */
static void check_smc_imm(int at_el2)
{
	struct setting s = { .at_el2 = at_el2, .insn = SMCCC_SMC_IMM };
	struct smccc_call c;

	set_up(&s);
	c = smccc_call(vcpus[0], s.insn, PSCI_0_2_FN_PSCI_VERSION, 1, 2, 3);
	smccc_expect(&c, .x = { SMCCC_RET_NOT_SUPPORTED, 1, 2, 3 });
}

/* ---- CPU_ON ---- */

enum caller { AT_EL2, AT_EL1 };

static void turn_on(enum caller where, bool el2_is_be, bool el1_is_be)
{
	bool want = where == AT_EL2 ? el2_is_be : el1_is_be;
	struct setting s = { .at_el2 = where == AT_EL2 };
	u64 sctlr, id = IMAGE_SYS_REG(SCTLR_EL2), pstate;
	struct smccc_call c;

	set_up(&s);
	sctlr = get(id) & ~SCTLR_EE;
	set(id, sctlr | (el2_is_be ? SCTLR_EE : 0));
	sctlr = get(IMAGE_SYS_REG(SCTLR_EL1)) & ~SCTLR_EE;
	set(IMAGE_SYS_REG(SCTLR_EL1), sctlr | (el1_is_be ? SCTLR_EE : 0));
	/* The target has the opposite endianness before. */
	sctlr = vcpu_get_reg(vcpus[1], id) & ~SCTLR_EE;
	vcpu_set_reg(vcpus[1], id, sctlr | (want ? 0 : SCTLR_EE));

	c = smccc_call(vcpus[0], SMCCC_SMC, PSCI_0_2_FN64_CPU_ON, 1, ENTRY,
		       CONTEXT_ID);
	smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
	psci_expect_mp_state(vcpus[1], KVM_MP_STATE_RUNNABLE, "CPU_ON");
	psci_expect_begin(vcpus[1], ENTRY, CONTEXT_ID);
	pstate = vcpu_get_reg(vcpus[1], ARM64_CORE_REG(regs.pstate));
	test_expect(pstate == EL2H, "it begins with PSTATE %#lx", pstate);
	sctlr = vcpu_get_reg(vcpus[1], id);
	test_expect(!!(sctlr & SCTLR_EE) == want,
		    "EL2 %s, EL1 %s: it begins with SCTLR_EL2 %#lx",
		    el2_is_be ? "big" : "little", el1_is_be ? "big" : "little",
		    sctlr);
}

static void check_endianness(int where)
{
	int i;

	for (i = 0; i < 4; i++)
		turn_on(where, i & 1, i & 2);
}

/* The target runs from the entry point, and can turn itself off. */
static void check_runs(int where)
{
	struct setting s = { .at_el2 = where == AT_EL2 };
	u64 entry = SMCCC_CODE_GPA + 4;
	struct smccc_call c;
	int ret;

	set_up(&s);
	c = smccc_call(vcpus[0], SMCCC_SMC, PSCI_0_2_FN64_CPU_ON, 1, entry,
		       CONTEXT_ID);
	smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
	ret = smccc_run(vcpus[1]);
	test_expect(!ret && vcpus[1]->run->exit_reason == KVM_EXIT_MMIO &&
		    !vcpus[1]->run->mmio.phys_addr, "KVM_RUN: %d, exit %u", ret,
		    vcpus[1]->run->exit_reason);
	psci_expect_begin(vcpus[1], entry, CONTEXT_ID);
	vcpu_run_complete_io(vcpus[1]);

	c = smccc_call_blocking(vcpus[1], SMCCC_SMC, PSCI_0_2_FN_CPU_OFF, 0, 0,
				0);
	smccc_expect(&c, .x = { PSCI_RET_SUCCESS }, .exit = KVM_EXIT_INTR,
		     .mp_state = KVM_MP_STATE_STOPPED);
}

static const struct test_case cases[] = {
	{ "SMC #1 at EL2 is refused", check_smc_imm, true },
	{ "SMC #1 of its guest is refused, if it is not trapped",
	  check_smc_imm, false },
	{ "CPU_ON at EL2: the target begins at EL2, as SCTLR_EL2.EE is",
	  check_endianness, AT_EL2 },
	{ "CPU_ON at EL1: the target begins at EL2, as SCTLR_EL1.EE is",
	  check_endianness, AT_EL1 },
	{ "CPU_ON at EL2: the target runs, and calls", check_runs, AT_EL2 },
	{ "CPU_ON at EL1: the target runs, and calls", check_runs, AT_EL1 },
};

int main(void)
{
	struct test_case c = { .run = check_setting };

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_EL2));
	if (__abi_open())
		abi_set_count(true);
	create_vm();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(settings) + ARRAY_SIZE(cases));

	for (c.arg = 0; c.arg < ARRAY_SIZE(settings); c.arg++) {
		c.name = settings[c.arg].name;
		test_run_cases(&c, 1);
	}
	test_run_cases(cases, ARRAY_SIZE(cases));

	close(gic_fd);
	kvm_vm_free(vm);
	test_finished();
}
