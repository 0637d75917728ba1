// SPDX-License-Identifier: GPL-2.0-only
/*
 * gic_fields_guest - Interrupts of a VM that has read-only fields of its own.
 *
 * The traps that such a VM needs take along registers whose behaviour does not change:
 * priority mask, running priority, priority drop and deactivation, and, if the VM was
 * promised a GIC without SErrors, all of the CPU interface. Each value of the fields runs
 * the same guests as a VM that has not opted in.
 */
#include <pthread.h>

#include "abi/cases.h"
#include "abi/gic_fields.h"
#include "abi/opt_in.h"
#include "gic.h"
#include "gic_v3.h"
#include "processor.h"
#include "ucall.h"

#define LOW		0xa0
#define HIGH		0x40
#define NONE		0xff
#define SPURIOUS	1023
#define NR_IPIS		50

/* The guests mask interrupts, and poll. */
static u64 guest_ack(void)
{
	u64 intid = read_sysreg_s(SYS_ICC_IAR1_EL1);

	dsb(sy);
	return intid;
}

static void guest_drop(u64 intid)
{
	write_sysreg_s(intid, SYS_ICC_EOIR1_EL1);
	isb();
}

static void guest_deactivate(u64 intid)
{
	write_sysreg_s(intid, SYS_ICC_DIR_EL1);
	isb();
}

static void guest_send(u64 intid, int cpu)
{
	dsb(ishst);
	write_sysreg_s(intid << 24 | BIT(cpu), SYS_ICC_SGI1R_EL1);
	isb();
}

static void guest_set_mask(u64 mask)
{
	write_sysreg_s(mask, SYS_ICC_PMR_EL1);
	isb();
}

static u64 guest_running_priority(void)
{
	isb();
	return read_sysreg_s(SYS_ICC_RPR_EL1);
}

static u64 guest_wait(void)
{
	u64 intid;

	do {
		intid = guest_ack();
	} while (intid == SPURIOUS);
	return intid;
}

static void guest_set_up(void)
{
	int i;

	gic_init(GIC_V3, 2);
	for (i = 0; i < 4; i++)
		gic_irq_enable(i);
	gic_set_priority(1, LOW);
	gic_set_priority(2, HIGH);
}

/* The bits of ICC_CTLR_EL1 that a guest can write */
static void guest_check_ctlr(void)
{
	u64 ctlr = read_sysreg_s(SYS_ICC_CTLR_EL1), val;

	for (val = 0; val < 4; val++) {
		write_sysreg_s(val, SYS_ICC_CTLR_EL1);
		isb();
		GUEST_ASSERT_EQ(read_sysreg_s(SYS_ICC_CTLR_EL1), (ctlr & ~3UL) | val);
	}
	write_sysreg_s(~ctlr & ~3UL, SYS_ICC_CTLR_EL1);
	isb();
	GUEST_ASSERT_EQ(read_sysreg_s(SYS_ICC_CTLR_EL1), ctlr & ~3UL);
}

static void guest_check_mask(void)
{
	u64 mask;

	/* Five bits of priority are there in any case. */
	for (mask = 0; mask < 0x100; mask += 8) {
		guest_set_mask(mask);
		GUEST_ASSERT_EQ(read_sysreg_s(SYS_ICC_PMR_EL1) & 0xf8, mask);
	}
	guest_send(2, 0);
	guest_set_mask(HIGH);
	GUEST_ASSERT_EQ(guest_ack(), SPURIOUS);
	guest_set_mask(0xf0);
	GUEST_ASSERT_EQ(guest_wait(), 2);
	guest_drop(2);
}

/* The higher priority comes first, and is not preempted by the lower one. */
static void guest_check_priorities(bool split)
{
	gic_set_eoi_split(split);
	GUEST_ASSERT_EQ(guest_running_priority(), NONE);
	guest_send(1, 0);
	guest_send(2, 0);
	GUEST_ASSERT_EQ(guest_wait(), 2);
	GUEST_ASSERT_EQ(guest_running_priority(), HIGH);
	GUEST_ASSERT_EQ(guest_ack(), SPURIOUS);
	guest_drop(2);
	GUEST_ASSERT_EQ(gic_irq_get_active(2), split);
	GUEST_ASSERT_EQ(guest_running_priority(), NONE);
	GUEST_ASSERT_EQ(guest_wait(), 1);
	GUEST_ASSERT_EQ(guest_running_priority(), LOW);

	/* Preempted by the higher one */
	if (split)
		guest_deactivate(2);
	guest_send(2, 0);
	GUEST_ASSERT_EQ(guest_wait(), 2);
	GUEST_ASSERT_EQ(guest_running_priority(), HIGH);
	guest_drop(2);
	GUEST_ASSERT_EQ(guest_running_priority(), LOW);
	guest_drop(1);
	GUEST_ASSERT_EQ(guest_running_priority(), NONE);
	if (split) {
		GUEST_ASSERT(gic_irq_get_active(1) && gic_irq_get_active(2));
		guest_deactivate(1);
		guest_deactivate(2);
	}
	GUEST_ASSERT(!gic_irq_get_active(1) && !gic_irq_get_active(2));
	GUEST_ASSERT_EQ(guest_ack(), SPURIOUS);
	gic_set_eoi_split(false);
}

static void guest_alone(void)
{
	guest_set_up();
	guest_check_ctlr();
	guest_check_mask();
	guest_check_priorities(false);
	guest_check_priorities(true);
	GUEST_DONE();
}

/* ---- Two vCPUs ---- */

static void guest_ping(void)
{
	int i;

	guest_set_up();
	GUEST_SYNC(0);
	for (i = 0; i < NR_IPIS; i++) {
		guest_send(1, 1);
		GUEST_ASSERT_EQ(guest_wait(), 2);
		guest_drop(2);
	}
	GUEST_DONE();
}

static void guest_pong(void)
{
	int i;

	guest_set_up();
	GUEST_SYNC(0);
	for (i = 0; i < NR_IPIS; i++) {
		GUEST_ASSERT_EQ(guest_wait(), 1);
		guest_drop(1);
		guest_send(2, 0);
	}
	GUEST_DONE();
}

/* ---- Userspace ---- */

/* The fields of the row: a place in the list of what a VM can have; -1: not opted in */
#define STOCK	(-1)

static struct gic_vm create(int row, int nr_vcpus, void *code)
{
	u64 fields[GIC_MAX_FIELDS];
	struct gic_vm g;

	g = gic_fields_vm_create(row == STOCK ? 0 : KVM_ARM_MIGRATION_GIC_FIELDS,
				 nr_vcpus, false, code);
	if (row != STOCK) {
		gic_fields_list(gic_get(&g, 0, GIC_CTLR) & GIC_FIELDS, fields);
		gic_fields_set(&g, GIC_CONFIG_CTLR, fields[row]);
	}
	return g;
}

static void *run(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct ucall uc;

	vcpu_run(vcpu);
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_DONE:
	case UCALL_SYNC:
		break;
	case UCALL_ABORT:
		test_expect(false, "vCPU %d: %s:%lu: %s: %s", vcpu->id,
			    (const char *)uc.args[GUEST_FILE], uc.args[GUEST_LINE],
			    (const char *)uc.args[GUEST_ERROR_STRING], uc.buffer);
		break;
	default:
		test_expect(false, "vCPU %d: %s", vcpu->id,
			    exit_reason_str(vcpu->run->exit_reason));
	}
	return NULL;
}

static void check_alone(int row)
{
	struct gic_vm g = create(row, 1, guest_alone);

	run(g.vcpus[0]);
	gic_vm_free(&g);
}

static void check_ipis(int row)
{
	struct gic_vm g = create(row, 2, guest_ping);
	pthread_t thread;

	vcpu_arch_set_entry_point(g.vcpus[1], guest_pong);
	/* Both are set up before the first IPI. */
	run(g.vcpus[0]);
	run(g.vcpus[1]);
	if (!test_nr_failures()) {
		TEST_ASSERT(!pthread_create(&thread, NULL, run, g.vcpus[1]), "no thread");
		run(g.vcpus[0]);
		pthread_join(thread, NULL);
	}
	gic_vm_free(&g);
}

static struct test_case cases[2 * (GIC_MAX_FIELDS + 1)];
static int nr_cases;

static void add_cases(int row, const char *name)
{
	cases[nr_cases++] = (struct test_case) {
		.name = strdup_printf("%s: priorities", name), .run = check_alone,
		.arg = row,
	};
	cases[nr_cases++] = (struct test_case) {
		.name = strdup_printf("%s: IPIs", name), .run = check_ipis, .arg = row,
	};
}

int main(void)
{
	u64 fields[GIC_MAX_FIELDS], host;
	struct gic_vm g;
	int i, nr;

	opt_in_require();
	test_disable_default_vgic();
	__TEST_REQUIRE(kvm_supports_vgic_v3(), "KVM has no GICv3 here");
	__TEST_REQUIRE(kvm_check_cap(KVM_CAP_ARM_MIGRATION) &
		       KVM_ARM_MIGRATION_GIC_FIELDS,
		       "VMs cannot have fields of their own here");

	ksft_print_header();
	g = gic_fields_vm_create(0, 1, false, gic_fields_guest_code);
	host = gic_get(&g, 0, GIC_CTLR) & GIC_FIELDS;
	gic_vm_free(&g);

	add_cases(STOCK, "not opted in");
	nr = gic_fields_list(host, fields);
	for (i = 0; i < nr; i++)
		add_cases(i, strdup_printf("%#lx", fields[i]));
	/* While VMs with traps exist, and after them, others go on as before. */
	add_cases(STOCK, "not opted in, again");

	test_set_plan(nr_cases);
	test_run_cases(cases, nr_cases);
	test_finished();
}
