// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_fast_irq - How soon interrupts come to a guest that makes SMCCC calls in a
 * loop: those of its timer, and those that another vCPU sends.
 *
 * A call that VHE answers without an exit must not delay what the host does for an
 * interrupt. Each interrupt has to come, whoever answers the calls; and those of the
 * timer about as soon as where each call exits.
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

/* From the request of an interrupt to its handler, in ticks of the guest's counter */
struct latency {
	u64 least;
	u64 sum;
};

static struct latency latency;
static u64 sent;
static unsigned int nr_taken;
static bool stop;

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

static void call(bool smc)
{
	struct arm_smccc_res res;

	if (smc)
		smccc_smc(SMCCC_LOOP_FN, 0, 0, 0, 0, 0, 0, 0, &res);
	else
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
static void guest_timer(u64 smc)
{
	unsigned int i;

	guest_begin();
	for (i = 0; i < NR_IRQS; i++) {
		timer_set_cval(VIRTUAL, timer_get_cntct(VIRTUAL) + usec_to_cycles(300) +
			       i * 31);
		timer_set_ctl(VIRTUAL, CTL_ENABLE);
		while (READ_ONCE(nr_taken) == i)
			call(smc);
	}
	GUEST_DONE();
}

static void guest_called(u64 smc)
{
	guest_begin();
	while (READ_ONCE(nr_taken) < NR_IRQS)
		call(smc);
	WRITE_ONCE(stop, true);
	GUEST_DONE();
}

/* Sends to vCPU 0, whose affinity is 0 */
static void guest_sender(void)
{
	unsigned int i = 0;

	while (!READ_ONCE(stop)) {
		if (READ_ONCE(nr_taken) != i)
			continue;
		WRITE_ONCE(sent, timer_get_cntct(VIRTUAL));
		write_sysreg_s(BIT(0) | (u64)SGI_INTID << 24, SYS_ICC_SGI1R_EL1);
		isb();
		i++;
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

static struct latency measure(bool smc, bool sgi)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;
	pthread_t thread;

	latency = (struct latency) { .least = ULONG_MAX };
	nr_taken = 0;
	stop = false;
	vm = vm_create_with_vcpus(2, sgi ? guest_called : guest_timer, vcpus);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpus[0]);
	vcpu_init_descriptor_tables(vcpus[1]);
	vm_install_exception_handler(vm, VECTOR_IRQ_CURRENT, handle_irq);
	vcpu_args_set(vcpus[0], 1, (u64)smc);
	sync_global_to_guest(vm, latency);
	sync_global_to_guest(vm, nr_taken);
	sync_global_to_guest(vm, stop);

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

static void check(bool smc, bool sgi)
{
	struct latency l[NR_SMCCC_SIDES];
	int side;

	for (side = 0; side < NR_SMCCC_SIDES; side++) {
		smccc_serve_by(side);
		l[side] = measure(smc, sgi);
		ksft_print_msg("%s: %lu ticks at least, %lu on average\n",
			       smccc_side_names[side], l[side].least,
			       l[side].sum / NR_IRQS);
	}
	/* Threads of the host make the times of the others vary. */
	if (!sgi)
		test_expect(l[SMCCC_FAST].least < 2 * l[SMCCC_FULL].least &&
			    l[SMCCC_FAST].least < 2 * l[SMCCC_C].least,
			    "%lu ticks without exits, %lu with them, %lu in C",
			    l[SMCCC_FAST].least, l[SMCCC_FULL].least, l[SMCCC_C].least);
}

static void check_timer(int smc)
{
	check(smc, false);
}

static void check_sgi(int smc)
{
	check(smc, true);
}

static const struct test_case cases[] = {
	{ "timer of a guest that makes HVCs", check_timer, false },
	{ "timer of a guest that makes SMCs", check_timer, true },
	{ "SGI for a guest that makes HVCs", check_sgi, false },
	{ "SGI for a guest that makes SMCs", check_sgi, true },
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
