// SPDX-License-Identifier: GPL-2.0-only
/*
 * time_offset - The time that a VM sees: the counters and the time of day after
 * KVM_ARM_SET_COUNTER_OFFSET, and stolen time that is restored with its memory.
 *
 * The ioctl sets back both counters of a VM, and PTP's call returns the same
 * counter that the guest reads. If the host's clock is not the counter, PTP
 * returns no time, whatever the guest asks for.
 *
 * The structure for stolen time is in the guest's memory, and moves with it. On
 * the destination stolen time goes on from the restored value, without a call
 * by the guest; it begins at 0 again only if the guest calls PV_TIME_ST again.
 */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/reg_image.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_run.h"
#include "abi/smccc_vm.h"
#include "processor.h"

#define PV_TIME_FEATURES	0xc5000020UL
#define PV_TIME_ST		0xc5000021UL
#define PTP			0x86000001UL
#define ARCH_FEATURES		0x80000001UL

/* ---- The counters ---- */

static const u64 offsets[] = {
	0, 1, 0x123456789abcUL, BIT(62) | 0x9abcdef0, BIT(63), -1UL,
	-0x123456789abcUL,
};

static int set_offset(struct kvm_vm *vm, u64 offset)
{
	struct kvm_arm_counter_offset request = { .counter_offset = offset };

	return ioctl(vm->fd, KVM_ARM_SET_COUNTER_OFFSET, &request) ? errno : 0;
}

/* Counters wrap. */
static bool is_between(u64 before, u64 now, u64 after)
{
	return now - before <= after - before;
}

static void __expect_between(int line, u64 reg, const char *who, u64 offset,
			     u64 before, u64 now, u64 after)
{
	__test_expect(line, is_between(before, now, after),
		      "%s counter, offset %#lx: %s has %#lx, not within %#lx-%#lx",
		      reg == KVM_REG_ARM_TIMER_CNT ? "virtual" : "physical",
		      offset, who, now, before, after);
}

#define expect_between(...)	__expect_between(__LINE__, __VA_ARGS__)

/* Reads the counter, cntpct_el0 or cntvct_el0, before and after the call */
static const u32 call_between[] = {
	0xd5033fdf,	/* isb */
	0xd53be02a,	/* mrs	x10, cntpct_el0 */
	0xd4000002,	/* hvc	#0 */
	0xd5033fdf,	/* isb */
	0xd53be02b,	/* mrs	x11, cntpct_el0 */
	0xb9000128,	/* str	w8, [x9] */
	0xd5033fdf,	/* isb */
	0xd53be04a,	/* mrs	x10, cntvct_el0 */
	0xd4000002,	/* hvc	#0 */
	0xd5033fdf,	/* isb */
	0xd53be04b,	/* mrs	x11, cntvct_el0 */
	0xb9000128,	/* str	w8, [x9] */
};

#define CALL_BETWEEN		(SMCCC_CODE_GPA + 0x800)
#define CALL_BETWEEN_VIRT	(CALL_BETWEEN + 24)

static bool has_time(const u64 x[4])
{
	return smccc_host_uses_counter() ? !(x[0] >> 31) :
	       x[0] == SMCCC_RET_NOT_SUPPORTED && !x[1] && !x[2] && !x[3];
}

/*
 * The host's counter, the register and PTP agree; with @as_guest, the counter
 * that the guest reads before and after the call agrees as well.
 */
static void expect_ptp(struct kvm_vcpu *vcpu, u64 counter, u64 offset,
		       bool as_guest)
{
	bool is_virt = counter == KVM_PTP_VIRT_COUNTER;
	u64 reg = is_virt ? KVM_REG_ARM_TIMER_CNT : KVM_REG_ARM_PTIMER_CNT;
	u64 x[4], before[2], after[2];
	int i, ret;

	smccc_set_x(vcpu, 0, PTP);
	smccc_set_x(vcpu, 1, counter);
	smccc_set_x(vcpu, 9, SMCCC_MMIO_GPA);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc),
		     is_virt ? CALL_BETWEEN_VIRT : CALL_BETWEEN);

	before[0] = image_host_counter() - offset;
	before[1] = vcpu_get_reg(vcpu, reg);
	ret = smccc_run(vcpu);
	after[1] = vcpu_get_reg(vcpu, reg);
	after[0] = image_host_counter() - offset;
	test_expect(!ret && vcpu->run->exit_reason == KVM_EXIT_MMIO,
		    "KVM_RUN: %d, exit %u", ret, vcpu->run->exit_reason);
	vcpu_run_complete_io(vcpu);

	expect_between(reg, "the register", offset, before[0], before[1],
		       after[0]);
	expect_between(reg, "the register", offset, before[1], after[1],
		       after[0]);
	if (as_guest) {
		before[0] = before[1];
		after[0] = after[1];
		before[1] = smccc_get_x(vcpu, 10);
		after[1] = smccc_get_x(vcpu, 11);
		if (!is_virt && !is_between(before[0], before[1], after[0]) &&
		    is_between(before[0] + offset, before[1],
			       after[0] + offset)) {
			test_skip("the machine ignores CNTPOFF_EL2");
			return;
		}
		expect_between(reg, "the guest", offset, before[0], before[1],
			       after[0]);
		expect_between(reg, "the guest", offset, before[1], after[1],
			       after[0]);
	}

	for (i = 0; i < 4; i++)
		x[i] = smccc_get_x(vcpu, i);
	test_expect(has_time(x), "PTP: %lx %lx %lx %lx", x[0], x[1], x[2],
		    x[3]);
	if (smccc_host_uses_counter())
		expect_between(reg, "PTP", offset, before[1],
			       x[2] << 32 | x[3], after[1]);
}

static void check_offset(int as_guest)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i, n, ret;
	u64 offset;

	if (!kvm_has_cap(KVM_CAP_COUNTER_OFFSET)) {
		test_skip("no KVM_CAP_COUNTER_OFFSET");
		return;
	}

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		vm = smccc_vm_create(1, BIT(KVM_ARM_VCPU_PSCI_0_2), &vcpu);
		memcpy(addr_gpa2hva(vm, CALL_BETWEEN), call_between,
		       sizeof(call_between));
		/* Each has its own offset until there is one for both. */
		vcpu_set_reg(vcpu, KVM_REG_ARM_TIMER_CNT, 1000);

		/* The offset can be changed after the VM has run. */
		for (n = 0; n < 2; n++) {
			offset = n ? ~offsets[i] : offsets[i];
			ret = set_offset(vm, offset);
			test_expect(!ret, "%#lx: %s", offset, strerror(ret));
			/* The counters cannot be set separately any more. */
			vcpu_set_reg(vcpu, KVM_REG_ARM_TIMER_CNT, 2000);
			vcpu_set_reg(vcpu, KVM_REG_ARM_PTIMER_CNT, 3000);
			expect_ptp(vcpu, KVM_PTP_PHYS_COUNTER, offset,
				   as_guest);
			expect_ptp(vcpu, KVM_PTP_VIRT_COUNTER, offset,
				   as_guest);
		}
		kvm_vm_free(vm);
	}
}

/* By either instruction; never for a counter that does not exist */
static void check_no_time(int unused)
{
	static const u64 unknown[] = { 2, 3, BIT(31), 0xffffffff };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = smccc_vm_create(1, BIT(KVM_ARM_VCPU_PSCI_0_2),
					    &vcpu);
	struct smccc_call c;
	int i, insn;

	for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++) {
		for (i = 0; i < ARRAY_SIZE(unknown); i++) {
			c = smccc_call(vcpu, insn, PTP, unknown[i], FW_POISON,
				       FW_POISON);
			smccc_expect_refused(&c);
		}
		for (i = KVM_PTP_VIRT_COUNTER; i <= KVM_PTP_PHYS_COUNTER; i++) {
			c = smccc_call(vcpu, insn, PTP, i, FW_POISON,
				       FW_POISON);
			test_expect(has_time(c.x),
				    "counter %d: %lx %lx %lx %lx",
				    i, c.x[0], c.x[1], c.x[2], c.x[3]);
		}
	}
	kvm_vm_free(vm);
}

/* ---- Stolen time ---- */

struct stolen_time {
	u32 revision;
	u32 attributes;
	u64 stolen_time;
	u8 padding[48];
};

/* More than any host steals while this runs */
#define STOLEN	(1000UL * NSEC_PER_SEC)

/* The time that this thread has waited for a CPU, which is stolen time */
static u64 run_delay(void)
{
	unsigned long ran, waited = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	TEST_ASSERT(f && fscanf(f, "%lu %lu", &ran, &waited) == 2, "schedstat");
	fclose(f);
	return waited;
}

static struct stolen_time *begin_stolen(struct smccc_vm *v)
{
	*v = smccc_vm_default();
	if (!v->stolen_time) {
		test_skip("the host has no stolen time");
		return NULL;
	}
	smccc_vm_start(v);
	return addr_gpa2hva(v->vm, SMCCC_DATA_GPA);
}

static void get_version(struct kvm_vcpu *vcpu)
{
	struct smccc_call c = smccc_call(vcpu, SMCCC_HVC,
					 PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0);

	smccc_expect(&c, .x = { FW_PSCI_LATEST });
}

/* The VM's memory is restored, and the guest goes on. */
static void check_stolen_moves(int unused)
{
	struct smccc_vm source, dest;
	struct stolen_time *from, *to, saved;
	struct smccc_call c;
	u64 last;
	int i;

	from = begin_stolen(&source);
	if (!from)
		return;

	c = smccc_call(source.vcpu[0], SMCCC_HVC, PV_TIME_ST, 0, 0, 0);
	smccc_expect(&c, .x = { SMCCC_DATA_GPA });
	/* Like a guest that has run for long */
	from->stolen_time = STOLEN;
	get_version(source.vcpu[0]);
	saved = *from;
	test_expect(saved.stolen_time >= STOLEN, "the source lost time");
	smccc_vm_free(&source);

	to = begin_stolen(&dest);
	*to = saved;
	last = saved.stolen_time;
	for (i = 0; i < 4; i++) {
		if (i & 1) {
			/* Discovery does not start stolen time. */
			c = smccc_call(dest.vcpu[0], SMCCC_HVC,
				       PV_TIME_FEATURES, PV_TIME_ST, 0, 0);
			smccc_expect(&c, .x = { SMCCC_RET_SUCCESS });
			c = smccc_call(dest.vcpu[0], SMCCC_HVC, ARCH_FEATURES,
				       PV_TIME_FEATURES, 0, 0);
			smccc_expect(&c, .x = { SMCCC_RET_SUCCESS });
		} else {
			get_version(dest.vcpu[0]);
		}
		test_expect(to->stolen_time >= last &&
			    to->stolen_time <= saved.stolen_time + run_delay(),
			    "stolen: %lu, after %lu, at most %lu more than %lu",
			    to->stolen_time, last, run_delay(),
			    saved.stolen_time);
		last = to->stolen_time;
		test_expect(!to->revision && !to->attributes,
			    "revision %#x, attributes %#x", to->revision,
			    to->attributes);
	}

	/* The other vCPUs do not have it there, and do not write to it. */
	get_version(dest.vcpu[2]);
	test_expect(to->stolen_time == last, "another vCPU wrote");

	/* A guest that boots again begins at 0. */
	c = smccc_call(dest.vcpu[0], SMCCC_SMC, PV_TIME_ST, 0, 0, 0);
	smccc_expect(&c, .x = { SMCCC_DATA_GPA });
	get_version(dest.vcpu[0]);
	test_expect(to->stolen_time < STOLEN, "stolen: %lu", to->stolen_time);
	smccc_vm_free(&dest);
}

/* The bitmap is restored as well: stolen time goes on without the service. */
static void check_stolen_gated(int unused)
{
	struct smccc_vm v = smccc_vm_default();
	struct stolen_time *st;
	struct smccc_call c;

	if (!v.stolen_time) {
		test_skip("the host has no stolen time");
		return;
	}

	v.bmap[FW_STD_HYP] = 0;
	smccc_vm_start(&v);
	st = addr_gpa2hva(v.vm, SMCCC_DATA_GPA);
	st->stolen_time = STOLEN;
	c = smccc_call(v.vcpu[0], SMCCC_HVC, PV_TIME_ST, 0, 0, 0);
	smccc_expect_refused(&c);
	c = smccc_call(v.vcpu[0], SMCCC_HVC, PV_TIME_FEATURES, PV_TIME_ST, 0,
		       0);
	smccc_expect_refused(&c);
	test_expect(st->stolen_time >= STOLEN &&
		    st->stolen_time <= STOLEN + run_delay(), "stolen: %lu",
		    st->stolen_time);
	smccc_vm_free(&v);
}

static const struct test_case cases[] = {
	{ "KVM_ARM_SET_COUNTER_OFFSET: host, registers and PTP agree",
	  check_offset, false },
	{ "KVM_ARM_SET_COUNTER_OFFSET: the guest's counters and PTP agree",
	  check_offset, true },
	{ "PTP: a time if the host's clock is the counter, else none",
	  check_no_time },
	{ "stolen time goes on from what is restored with memory",
	  check_stolen_moves },
	{ "stolen time goes on, even if the service is turned off",
	  check_stolen_gated },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
