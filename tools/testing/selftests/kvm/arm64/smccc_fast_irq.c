// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_fast_irq - How soon interrupts come to a guest that makes SMCCC calls in a
 * loop: those of its timer, and those that another vCPU sends.
 *
 * A call that VHE answers without an exit must not delay what the host does for an
 * interrupt. Each interrupt has to come, whoever answers the calls; and those of the
 * timer as soon as to a guest that only computes: it pays for the exit by which the
 * host takes the interrupt. A guest whose calls exit is often out already.
 */
#include <linux/arm-smccc.h>

#include "abi/cases.h"
#include "abi/smccc_loop.h"
#include "abi/switch.h"
#include "arch_timer.h"
#include "gic.h"
#include "processor.h"
#include "ucall_common.h"
#include "vgic.h"

#define TIMER_INTID	27
#define SGI_INTID	3

#define NR_IRQS		60
#define NR_ROUNDS	10

/* From the request of an interrupt to its handler, in ticks of the guest's counter */
struct latency {
	u64 least;
	u64 sum;
};

static struct latency latency;
static u64 sent;
static unsigned int nr_taken;

static void handle_irq(struct ex_regs *regs)
{
	u64 now = timer_get_cntct(VIRTUAL), begin;
	unsigned int intid = gic_get_and_ack_irq();

	if (intid == IAR_SPURIOUS)
		return;

	if (intid == TIMER_INTID) {
		begin = timer_get_cval(VIRTUAL);
		timer_set_ctl(VIRTUAL, 0);
	} else {
		begin = READ_ONCE(sent);
	}
	latency.least = min(latency.least, now - begin);
	latency.sum += now - begin;
	gic_set_eoi(intid);
	WRITE_ONCE(nr_taken, nr_taken + 1);
}

/* What the guest does while it waits */
enum work { HVC, SMC, COMPUTE };

static void work(enum work how)
{
	struct arm_smccc_res res = { .a0 = SMCCC_LOOP_RESULT };

	if (how == SMC)
		smccc_smc(SMCCC_LOOP_FN, 0, 0, 0, 0, 0, 0, 0, &res);
	else if (how == HVC)
		smccc_hvc(SMCCC_LOOP_FN, 0, 0, 0, 0, 0, 0, 0, &res);
	GUEST_ASSERT_EQ(res.a0, SMCCC_LOOP_RESULT);
}

static void guest_begin(void)
{
	gic_init(GIC_V3, 2);
	gic_irq_enable(TIMER_INTID);
	gic_irq_enable(SGI_INTID);
	local_irq_enable();
}

/* Interrupts come at other instructions of the loop, as the times are odd. */
static void guest_timer(u64 how)
{
	unsigned int i;

	guest_begin();
	for (i = 0; i < NR_IRQS; i++) {
		timer_set_cval(VIRTUAL, timer_get_cntct(VIRTUAL) + usec_to_cycles(300) +
			       i * 31);
		timer_set_ctl(VIRTUAL, CTL_ENABLE);
		while (READ_ONCE(nr_taken) == i)
			work(how);
	}
	GUEST_DONE();
}

static void guest_called(u64 how)
{
	guest_begin();
	while (READ_ONCE(nr_taken) < NR_IRQS)
		work(how);
	GUEST_DONE();
}

/* Sends to vCPU 0, whose affinity is 0 */
static void guest_sender(void)
{
	unsigned int i;

	for (i = 0; i < NR_IRQS; i++) {
		while (READ_ONCE(nr_taken) != i)
			;
		WRITE_ONCE(sent, timer_get_cntct(VIRTUAL));
		write_sysreg_s(BIT(0) | (u64)SGI_INTID << 24, SYS_ICC_SGI1R_EL1);
		isb();
	}
	GUEST_DONE();
}

static void run(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_DONE:
		break;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
		break;
	default:
		TEST_FAIL("exit %u", vcpu->run->exit_reason);
	}
}

static void *run_sender(void *vcpu)
{
	run(vcpu);
	return NULL;
}

static struct latency measure(enum work how, bool sgi)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;
	pthread_t thread;

	latency = (struct latency) { .least = ULONG_MAX };
	nr_taken = 0;
	vm = vm_create_with_vcpus(2, sgi ? guest_called : guest_timer, vcpus);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpus[0]);
	vcpu_init_descriptor_tables(vcpus[1]);
	vm_install_exception_handler(vm, VECTOR_IRQ_CURRENT, handle_irq);
	vcpu_args_set(vcpus[0], 1, (u64)how);
	sync_global_to_guest(vm, latency);
	sync_global_to_guest(vm, nr_taken);

	if (sgi) {
		vcpu_set_reg(vcpus[1], ARM64_CORE_REG(regs.pc), (u64)guest_sender);
		kvm_pthread_create(&thread, NULL, run_sender, vcpus[1]);
	}
	run(vcpus[0]);
	if (sgi)
		kvm_pthread_join(thread, NULL);

	sync_global_from_guest(vm, latency);
	sync_global_from_guest(vm, nr_taken);
	test_expect(nr_taken == NR_IRQS, "%u of %u interrupts", nr_taken, NR_IRQS);
	kvm_vm_free(vm);
	return latency;
}

static struct latency show(const char *what, enum work how, bool sgi)
{
	struct latency l = measure(how, sgi);

	ksft_print_msg("%s: %lu ticks at least, %lu on average\n", what, l.least,
		       l.sum / NR_IRQS);
	return l;
}

/* Other threads of the host can only make a time longer: take the least of some. */
static void check_timer(int how)
{
	int side, i;

	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		u64 none = ULONG_MAX, least = ULONG_MAX;

		smccc_serve_by(side);
		for (i = 0; i < NR_ROUNDS; i++) {
			none = min(none, show("no calls", COMPUTE, false).least);
			least = min(least, show(smccc_side_names[side], how, false).least);
			if (least < 2 * none)
				break;
		}
		test_expect(least < 2 * none, "%s: %lu ticks, %lu without calls",
			    smccc_side_names[side], least, none);
	}
}

static void check_sgi(int how)
{
	int side;

	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		show(smccc_side_names[side], how, true);
	}
}

static const struct test_case cases[] = {
	{ "timer of a guest that makes HVCs", check_timer, HVC },
	{ "timer of a guest that makes SMCs", check_timer, SMC },
	{ "SGI for a guest that makes HVCs", check_sgi, HVC },
	{ "SGI for a guest that makes SMCs", check_sgi, SMC },
};

int main(void)
{
	TEST_REQUIRE(kvm_supports_vgic_v3());

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	abi_open();
	abi_set_count(false);
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
