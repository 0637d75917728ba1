// SPDX-License-Identifier: GPL-2.0-only
/*
 * gic_fields - The read-only fields of a GICv3's CPU interface that a VM has for itself:
 * the values that a VM can have, and who reads them.
 *
 * The host's fields are what a vGIC reads that has not opted in, and the hardware's are
 * what the guest of such a VM reads. The parameter kvm-arm.debug_icc_ctlr makes the two
 * differ; nothing here depends on that.
 *
 * gic_fields_guest tests that interrupts come as they do in any VM.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/gic_fields.h"
#include "abi/opt_in.h"
#include "abi/vm_config.h"
#include "processor.h"

#define OPT_IN		KVM_ARM_MIGRATION_GIC_FIELDS

static u64 host, hardware;

static struct gic_vm create(bool el2)
{
	return gic_fields_vm_create(OPT_IN, 1, el2, gic_fields_guest_code);
}

static u64 with(u64 mask, u64 val)
{
	return (host & ~mask) | val << __builtin_ctzl(mask);
}

/* The guest and userspace read these fields, and nothing else has changed. */
static void expect_fields(struct gic_vm *g, u64 want, const char *when)
{
	u64 ctlr, vtr = 0, user = gic_get(g, 0, GIC_CTLR), want_vtr;

	ctlr = gic_fields_guest_read(g, &vtr);
	test_expect((ctlr & GIC_FIELDS) == want, "%s: the guest reads %#lx, expected %#lx",
		    when, ctlr, want);
	test_expect(user == want, "%s: userspace reads %#lx, expected %#lx", when, user,
		    want);
	if (!g->el2)
		return;
	user = gic_get(g, 0, GIC_VTR);
	want_vtr = gic_fields_vtr(user, want);
	test_expect(user == want_vtr && vtr == want_vtr,
		    "%s: ICH_VTR_EL2 is %#lx to the guest, %#lx to userspace, not %#lx",
		    when, vtr, user, want_vtr);
	test_expect(!(vtr & (GIC_VTR_ID_BITS | GIC_VTR_A3V)), "%s: ICH_VTR_EL2 %#lx",
		    when, vtr);
}

/* ---- What a VM can have ---- */

static void check_new(int el2)
{
	struct kvm_arm_vm_config_entry *e;
	struct config c;
	struct gic_vm g;
	u64 mask = GIC_CTLR_SEIS;

	if (!gic_fields_possible(el2))
		return;
	g = create(el2);
	c = config_get(g.vm->fd);

	if (FIELD_GET(GIC_CTLR_PRI_BITS, host) > GIC_LEAST_PRI_BITS)
		mask |= GIC_CTLR_PRI_BITS;
	if (host & GIC_CTLR_ID_BITS)
		mask |= GIC_CTLR_ID_BITS;
	mask |= host & GIC_CTLR_A3V;
	e = config_find(&c, GIC_CONFIG_CTLR);
	test_expect(e && e->value == host && e->mask == mask &&
		    e->limit == (host | GIC_CTLR_SEIS) && e->scope == 1,
		    "ICC_CTLR_EL1: %#llx, mask %#llx, limit %#llx, host %#lx",
		    e ? e->value : 0, e ? e->mask : 0, e ? e->limit : 0, host);

	e = config_find(&c, GIC_CONFIG_VTR);
	test_expect(!e == !el2, "ICH_VTR_EL2 is %slisted", e ? "" : "not ");
	if (e)
		test_expect(e->value == gic_get(&g, 0, GIC_VTR) &&
			    e->mask == gic_fields_vtr(0, mask) &&
			    e->limit == gic_fields_vtr(e->value, host | GIC_CTLR_SEIS),
			    "ICH_VTR_EL2: %#llx, mask %#llx, limit %#llx", e->value,
			    e->mask, e->limit);

	expect_fields(&g, host, "new");
	gic_vm_free(&g);
}

static void check_each(int el2)
{
	u64 fields[GIC_MAX_FIELDS];
	struct gic_vm g;
	int i, nr;

	if (!gic_fields_possible(el2))
		return;
	nr = gic_fields_list(host, fields);
	test_expect(nr >= 2, "%d values", nr);
	for (i = 0; i < nr; i++) {
		g = create(el2);
		gic_fields_set(&g, GIC_CONFIG_CTLR, fields[i]);
		expect_fields(&g, fields[i], "set");
		/* And in the second run */
		expect_fields(&g, fields[i], "again");
		gic_vm_free(&g);
	}
	ksft_print_msg("%d values, host %#lx, hardware %#lx\n", nr, host, hardware);
}

/* By ICH_VTR_EL2 alone, or by both */
static void check_vtr(int both)
{
	u64 ctlr = host ^ GIC_CTLR_SEIS, vtr;
	struct config c = {};
	struct gic_vm g;

	if (!gic_fields_possible(true))
		return;
	g = create(true);
	vtr = gic_fields_vtr(gic_get(&g, 0, GIC_VTR), ctlr);
	config_add(&c, GIC_CONFIG_VTR, vtr);
	if (both)
		config_add(&c, GIC_CONFIG_CTLR, ctlr);
	config_expect(g.vm->fd, 0, &c, 0);
	expect_fields(&g, ctlr, "set");
	gic_vm_free(&g);
}

/* ---- What is refused ---- */

static void expect_refused(struct gic_vm *g, u64 id, u64 val, int err, u32 reason,
			   u64 limit)
{
	struct config before = config_get(g->vm->fd), c = {};

	/* Beside something that is accepted */
	config_add(&c, KVM_REG_ARM_STD_BMAP,
		   config_find(&before, KVM_REG_ARM_STD_BMAP)->value);
	config_add(&c, id, val);
	config_expect(g->vm->fd, 0, &c, ERANGE);
	config_expect_answer(&c.entry[0], 0, 0);
	config_expect_answer(&c.entry[1], err, reason);
	test_expect(c.entry[1].limit == limit, "%#lx: limit %#llx, expected %#lx", val,
		    c.entry[1].limit, limit);
	test_expect(c.entry[1].mask == (err == ENOENT ? 0 : val ^ limit),
		    "%#lx: bits %#llx", val, c.entry[1].mask);
	config_expect_same(g->vm->fd, &before, "refused");
}

static void expect_bad_bits(struct gic_vm *g, u64 id, u64 val, u64 limit)
{
	expect_refused(g, id, val, EINVAL, KVM_ARM_VM_CONFIG_REASON_BAD_BITS, limit);
}

static void expect_above(struct gic_vm *g, u64 val)
{
	expect_refused(g, GIC_CONFIG_CTLR, val, EINVAL,
		       KVM_ARM_VM_CONFIG_REASON_ABOVE_HOST, host);
}

static void check_refused(int unused)
{
	u64 pri = FIELD_GET(GIC_CTLR_PRI_BITS, host);
	u64 id = FIELD_GET(GIC_CTLR_ID_BITS, host);
	struct gic_vm g;
	int bit;

	if (!gic_fields_possible(false))
		return;
	g = create(false);
	for (bit = 0; bit < 64; bit++)
		if (!(GIC_FIELDS & BIT(bit)))
			expect_bad_bits(&g, GIC_CONFIG_CTLR, host ^ BIT(bit), host);
	if (pri < 7)
		expect_above(&g, with(GIC_CTLR_PRI_BITS, pri + 1));
	expect_bad_bits(&g, GIC_CONFIG_CTLR, with(GIC_CTLR_PRI_BITS, 3),
			with(GIC_CTLR_PRI_BITS, GIC_LEAST_PRI_BITS));
	expect_above(&g, with(GIC_CTLR_ID_BITS, id + 1));
	if (!(host & GIC_CTLR_A3V))
		expect_above(&g, host | GIC_CTLR_A3V);
	expect_fields(&g, host, "in the end");
	gic_vm_free(&g);
}

static void check_refused_vtr(int unused)
{
	struct config c = {};
	struct gic_vm g;
	u64 vtr;
	int bit;

	if (!gic_fields_possible(true))
		return;
	g = create(true);
	vtr = gic_get(&g, 0, GIC_VTR);
	for (bit = 0; bit < 64; bit++)
		if (!((GIC_VTR_PRI_BITS | GIC_VTR_SEIS) & BIT(bit)))
			expect_bad_bits(&g, GIC_CONFIG_VTR, vtr ^ BIT(bit), vtr);

	/* It does not go with ICC_CTLR_EL1, in either order. */
	config_add(&c, GIC_CONFIG_VTR, vtr);
	config_add(&c, GIC_CONFIG_CTLR, host ^ GIC_CTLR_SEIS);
	config_expect(g.vm->fd, 0, &c, ERANGE);
	config_expect_answer(&c.entry[0], EINVAL, KVM_ARM_VM_CONFIG_REASON_CONFLICT);
	test_expect(c.entry[0].other == 1, "with entry %u", c.entry[0].other);
	config_expect_answer(&c.entry[1], 0, 0);
	expect_fields(&g, host, "in the end");
	gic_vm_free(&g);
}

/* A vCPU that software can only name with A3V */
static void check_aff3(int unused)
{
	u64 mpidr = KVM_ARM64_SYS_REG(SYS_MPIDR_EL1);
	struct gic_vm g;

	if (!gic_fields_possible(false))
		return;
	if (!(host & GIC_CTLR_A3V))
		return test_skip("the host has no A3V");
	g = create(false);
	vcpu_set_reg(g.vcpus[0], mpidr, vcpu_get_reg(g.vcpus[0], mpidr) | 1UL << 32);
	expect_refused(&g, GIC_CONFIG_CTLR, host & ~GIC_CTLR_A3V, EINVAL,
		       KVM_ARM_VM_CONFIG_REASON_NEEDS_FEATURE, host);
	gic_vm_free(&g);
}

static void check_frozen(int unused)
{
	u64 val = host ^ GIC_CTLR_SEIS;
	struct config c = {};
	struct gic_vm g;

	if (!gic_fields_possible(false))
		return;
	g = create(false);
	gic_fields_set(&g, GIC_CONFIG_CTLR, val);
	expect_fields(&g, val, "set");
	expect_refused(&g, GIC_CONFIG_CTLR, host, EBUSY, KVM_ARM_VM_CONFIG_REASON_FROZEN,
		       val);
	/* What is never allowed stays so, and what the VM has is accepted. */
	expect_bad_bits(&g, GIC_CONFIG_CTLR, val | 1, val);
	config_add(&c, GIC_CONFIG_CTLR, val);
	config_expect(g.vm->fd, 0, &c, 0);
	expect_fields(&g, val, "in the end");
	gic_vm_free(&g);
}

/* ---- VMs without fields of their own ---- */

static void expect_absent(struct gic_vm *g, u64 id, u32 reason)
{
	struct config c = config_get(g->vm->fd);

	test_expect(!config_find(&c, id), "%#lx is listed", id);
	expect_refused(g, id, host, ENOENT, reason, 0);
}

static void check_absent(int unused)
{
	struct gic_vm g = { .vm = vm_create(1) };

	if (gic_fields_possible(false)) {
		opt_in(g.vm, OPT_IN);
		expect_absent(&g, GIC_CONFIG_CTLR,
			      KVM_ARM_VM_CONFIG_REASON_NEEDS_FEATURE);
		kvm_vm_free(g.vm);
		g = create(false);
		expect_absent(&g, GIC_CONFIG_VTR,
			      KVM_ARM_VM_CONFIG_REASON_NEEDS_FEATURE);
		close(g.fd);
	}
	kvm_vm_free(g.vm);
}

/* As in a kernel without them: the guest reads the hardware's, whatever is accepted. */
static void check_not_opted_in(int opt_ins)
{
	u64 user, lower = with(GIC_CTLR_PRI_BITS, 0), val;
	struct gic_vm g;
	int ret;

	if (!gic_vm_possible(false))
		return;
	g = gic_fields_vm_create(opt_ins, 1, false, gic_fields_guest_code);
	user = gic_get(&g, 0, GIC_CTLR);
	test_expect(user == host, "userspace reads %#lx, expected %#lx", user, host);
	if (opt_ins) {
		expect_absent(&g, GIC_CONFIG_CTLR,
			      KVM_ARM_VM_CONFIG_REASON_NEEDS_CAPABILITY);
		expect_absent(&g, GIC_CONFIG_VTR,
			      KVM_ARM_VM_CONFIG_REASON_NEEDS_CAPABILITY);
	}
	val = host ^ GIC_CTLR_SEIS;
	ret = gic_access(&g, KVM_SET_DEVICE_ATTR, 0, GIC_CTLR, &val);
	test_expect(ret == EINVAL, "another SEIS: %s", strerror(ret));
	gic_set(&g, 0, GIC_CTLR, lower);
	user = gic_get(&g, 0, GIC_CTLR);
	test_expect(user == lower, "userspace reads %#lx, expected %#lx", user, lower);
	val = gic_fields_guest_read(&g, NULL) & GIC_FIELDS;
	test_expect(val == hardware, "the guest reads %#lx, the hardware has %#lx", val,
		    hardware);
	gic_vm_free(&g);
}

/* On a host in protected mode, no VM can have them. */
static void check_offered(int unused)
{
	bool offered = kvm_check_cap(KVM_CAP_ARM_MIGRATION) & KVM_ARM_MIGRATION_GIC_FIELDS;
	struct kvm_vm *vm = vm_create_barebones();
	int ret = opt_in_enable(vm->fd, OPT_IN), has;

	test_expect(ret == (offered ? 0 : EINVAL), "%s", strerror(ret));
	has = opt_in_get(vm->fd);
	/* The configuration comes with them, and what comes with that. */
	test_expect(has == (offered ? 0x260 : 0), "has %#x", has);
	kvm_vm_free(vm);
}

/* ---- The state of a vCPU ---- */

/* ICC_CTLR_EL1 is restored with the fields of the VM, and no others. */
static void check_restore(int unused)
{
	u64 fields[GIC_MAX_FIELDS], val, now;
	struct gic_vm g;
	int i, j, nr, ret;

	if (!gic_fields_possible(false))
		return;
	nr = gic_fields_list(host, fields);
	for (i = 0; i < nr; i++) {
		g = create(false);
		gic_fields_set(&g, GIC_CONFIG_CTLR, fields[i]);
		for (j = 0; j < nr; j++) {
			val = fields[j] | GIC_CTLR_CBPR | GIC_CTLR_EOI_MODE;
			ret = gic_access(&g, KVM_SET_DEVICE_ATTR, 0, GIC_CTLR, &val);
			test_expect(ret == (i == j ? 0 : EINVAL), "%#lx <- %#lx: %s",
				    fields[i], fields[j], strerror(ret));
			now = gic_get(&g, 0, GIC_CTLR);
			test_expect(now == (j < i ? fields[i] :
				    fields[i] | GIC_CTLR_CBPR | GIC_CTLR_EOI_MODE),
				    "%#lx <- %#lx: reads %#lx", fields[i], fields[j], now);
		}
		/* The guest has them. */
		val = gic_fields_guest_read(&g, NULL);
		test_expect(val == now, "the guest reads %#lx, expected %#lx", val, now);
		gic_vm_free(&g);
	}
}

/* All that one VM has is accepted by another one, whose guest then reads the same. */
static void check_round_trip(int el2)
{
	u64 val = host ^ GIC_CTLR_SEIS, ctlr;
	struct config saved, set = {};
	struct gic_vm from, to;
	u32 i;

	if (!gic_fields_possible(el2))
		return;
	from = create(el2);
	if (val & GIC_CTLR_ID_BITS)
		val &= ~GIC_CTLR_ID_BITS;
	gic_fields_set(&from, GIC_CONFIG_CTLR, val);
	expect_fields(&from, val, "source");
	saved = config_get(from.vm->fd);
	ctlr = gic_get(&from, 0, GIC_CTLR);

	to = create(el2);
	for (i = 0; i < saved.n; i++)
		config_add(&set, saved.entry[i].id, saved.entry[i].value);
	config_expect(to.vm->fd, 0, &set, 0);
	gic_set(&to, 0, GIC_CTLR, ctlr);
	expect_fields(&to, val, "destination");
	config_expect_same(to.vm->fd, &saved, "destination");
	gic_vm_free(&to);
	gic_vm_free(&from);
}

static const struct test_case cases[] = {
	{ "EL1: new VM: the host's fields", check_new, false },
	{ "EL2: new VM: the host's fields", check_new, true },
	{ "EL1: each value: the guest and userspace read it", check_each, false },
	{ "EL2: each value: the guest and userspace read it", check_each, true },
	{ "EL2: ICH_VTR_EL2 sets the fields of ICC_CTLR_EL1", check_vtr, false },
	{ "EL2: ICH_VTR_EL2 agrees with ICC_CTLR_EL1", check_vtr, true },
	{ "EL1: refused: above the host, and other bits; nothing changed", check_refused },
	{ "EL2: refused: the host's fields of ICH_VTR_EL2, and a conflict",
	  check_refused_vtr },
	{ "EL1: refused: no A3V with an affinity at level 3", check_aff3 },
	{ "EL1: refused: another value after the first run", check_frozen },
	{ "EL1: absent: without a GICv3, or without EL2", check_absent },
	{ "EL1: ICC_CTLR_EL1 of a vCPU is restored with the fields of the VM",
	  check_restore },
	{ "EL1: round trip", check_round_trip, false },
	{ "EL2: round trip", check_round_trip, true },
	{ "not opted in to anything: as in any kernel", check_not_opted_in, 0 },
	{ "not opted in to the fields: as in any kernel", check_not_opted_in,
	  KVM_ARM_MIGRATION_VM_CONFIG },
	{ "offered: as /dev/kvm says", check_offered },
};

int main(void)
{
	opt_in_require();
	test_disable_default_vgic();

	ksft_print_header();
	if (kvm_supports_vgic_v3()) {
		struct gic_vm g = gic_fields_vm_create(0, 1, false, gic_fields_guest_code);

		host = gic_get(&g, 0, GIC_CTLR) & GIC_FIELDS;
		gic_vm_free(&g);
		hardware = gic_fields_of_hardware();
	}
	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));
	test_finished();
}
