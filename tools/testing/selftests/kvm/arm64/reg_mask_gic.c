// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_mask_gic - The masks of the GICv3 CPU interface, KVM_ARM_GIC_RANGE, of a
 * VM that has opted in to them.
 *
 * Every one of the 256 masks is tested: the bits that a write can flip, from
 * several values of the register, must be exactly those of the mask, and any
 * combination of them is accepted. A register that userspace cannot access has
 * no mask.
 *
 * ICC_CTLR_EL1 is special: the numbers of bits of a priority and of an INTID can
 * be lowered, but never raised again. A number has no bits in a mask;
 * reg_mask_gic_ctlr tests this.
 *
 * The masks are also compared to the table in gic_mask.h of all registers in
 * the range, and of their fields in the architecture (Arm IHI 0069).
 */
#include <asm/kvm_migration.h>
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/gic_mask.h"
#include "abi/id_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_mask.h"
#include "abi/vgic_v2.h"
#include "processor.h"

/* ---- Every bit of every mask ---- */

static const u64 bases[] = {
	0, 0x5555555555555555UL,
	/* The values that ICC_SRE_EL1 and ICC_SRE_EL2 accept */
	0x7, 0xf,
};

static void expect_no_access(struct gic_vm *g, int i, u64 mask)
{
	u64 val = 0;
	int ret;

	test_expect(!mask, "%s: mask %#lx: no register", gic_name(i), mask);
	ret = gic_access(g, KVM_GET_DEVICE_ATTR, 0, i, &val);
	test_expect(ret, "%s: GET succeeds", gic_name(i));
	ret = gic_access(g, KVM_SET_DEVICE_ATTR, 0, i, &val);
	test_expect(ret, "%s: SET succeeds", gic_name(i));
}

static u64 written(struct gic_vm *g, int i, u64 val, u64 before, int *ret)
{
	u64 after;

	*ret = gic_access(g, KVM_SET_DEVICE_ATTR, 0, i, &val);
	after = gic_get(g, 0, i);
	test_expect(!*ret || after == before,
		    "%s <- %#lx: %s, but it reads %#lx",
		    gic_name(i), val, strerror(*ret), after);
	return after;
}

/* The bits that can be flipped alone, from the register's value and from each base */
static u64 choosable(struct gic_vm *g, int i)
{
	u64 first = gic_get(g, 0, i), val = first, free = ~0UL, now;
	int b, bit, ret;

	for (b = -1; b < (int)ARRAY_SIZE(bases); b++) {
		if (b >= 0) {
			val = written(g, i, bases[b], val, &ret);
			if (ret)
				continue;
		}
		for (bit = 0; bit < 64; bit++) {
			now = written(g, i, val ^ BIT(bit), val, &ret);
			if (now != (val ^ BIT(bit)))
				free &= ~BIT(bit);
			val = now;
		}
	}

	/* Restore the value, as the guest may run with it. */
	if (val != first)
		gic_set(g, 0, i, first);
	return free;
}

/* Any combination of a mask's bits is accepted. */
static void combine(struct gic_vm *g, int i, u64 mask)
{
	u64 first = gic_get(g, 0, i), bits = 0x9e3779b97f4a7c15UL, val, now;
	int n, ret;

	for (n = 0; mask && n < 16; n++, bits = bits << 7 | bits >> 57) {
		val = (first & ~mask) | (bits & mask);
		now = written(g, i, val, first, &ret);
		test_expect(now == val, "%s <- %#lx: reads %#lx", gic_name(i), val, now);
		gic_set(g, 0, i, first);
	}
}

static void prove(struct gic_vm *g, const char *when)
{
	struct mask_array masks = mask_get(g->vm, KVM_ARM_GIC_RANGE);
	int i, nr_registers = 0;
	u64 val, free;

	for (i = 0; i < KVM_ARM_GIC_RANGE_SIZE; i++) {
		/* Some, such as ICC_AP0R3_EL1, need more bits of a priority. */
		if (gic_access(g, KVM_HAS_DEVICE_ATTR, 0, i, NULL) ||
		    gic_access(g, KVM_GET_DEVICE_ATTR, 0, i, &val)) {
			expect_no_access(g, i, masks.val[i]);
			continue;
		}
		nr_registers++;
		combine(g, i, masks.val[i]);
		if (i == GIC_CTLR)
			continue;

		free = choosable(g, i);
		test_expect(free == masks.val[i],
			    "%s: %s: mask %#lx, but %#lx can be chosen", when,
			    gic_name(i), masks.val[i], free);
	}
	test_expect(nr_registers >= 8, "%d registers", nr_registers);
	mask_expect(g->vm, KVM_ARM_GIC_RANGE, &masks, when);
}

static void check_proof(int el2)
{
	struct gic_vm g;

	if (!gic_vm_possible(el2))
		return;

	g = gic_vm_create_init(1, el2);
	prove(&g, "not run");
	id_run(g.vcpus[0]);
	prove(&g, "after a run");
	gic_vm_free(&g);
}

/* ---- The table ---- */

static void check_numbers(int unused)
{
	int i;

	for (i = 0; i < NR_GIC_REGS; i++)
		test_expect(KVM_ARM_GIC_RANGE_IDX(gic_regs[i].op1,
						  gic_regs[i].crm,
						  gic_regs[i].op2) ==
			    gic_nr(&gic_regs[i]), "%s", gic_regs[i].name);
	for (i = 1; i < 8; i++)
		test_expect(i == 4 || KVM_ARM_GIC_RANGE_IDX(i, 12, 4) >=
			    KVM_ARM_GIC_RANGE_SIZE, "op1 %d has a number", i);
	test_expect(GIC_CTLR == 100 && KVM_ARM_GIC_RANGE_SIZE == 256,
		    "ICC_CTLR_EL1 is %d of %d", GIC_CTLR,
		    KVM_ARM_GIC_RANGE_SIZE);
}

/* A mask has only bits of the register, unless KVM stores all bits. */
static void expect_fields(const struct mask_array *masks)
{
	const struct gic_reg *reg;
	u64 mask;

	for (reg = gic_regs; reg < gic_regs + NR_GIC_REGS; reg++) {
		mask = masks->val[gic_nr(reg)];
		test_expect(reg->stores_all || !(mask & ~reg->fields),
			    "%s: mask %#lx, fields %#lx", reg->name, mask,
			    reg->fields);
		test_expect(!mask || !(reg->rw & ~mask),
			    "%s: mask %#lx, writable %#lx", reg->name, mask,
			    reg->rw);
	}
}

static void check_table(int el2)
{
	struct mask_array want, masks;
	struct gic_vm g;

	if (!gic_vm_possible(el2))
		return;

	g = gic_vm_create_init(1, el2);
	want = gic_masks(&g, false);
	mask_expect(g.vm, KVM_ARM_GIC_RANGE, &want, "not run");
	id_run(g.vcpus[0]);
	want = gic_masks(&g, true);
	mask_expect(g.vm, KVM_ARM_GIC_RANGE, &want, "after a run");
	masks = mask_get(g.vm, KVM_ARM_GIC_RANGE);
	expect_fields(&masks);
	gic_vm_free(&g);
}

/* Without KVM_ARM_VCPU_HAS_EL2, even if the host supports it */
static void check_no_el2(int unused)
{
	struct mask_array masks;
	struct gic_vm g;
	int i;

	if (!gic_vm_possible(false))
		return;

	g = gic_vm_create_init(1, false);
	masks = mask_get(g.vm, KVM_ARM_GIC_RANGE);
	for (i = 128; i < KVM_ARM_GIC_RANGE_SIZE; i++)
		test_expect(!masks.val[i], "%s: mask %#lx", gic_name(i),
			    masks.val[i]);
	gic_vm_free(&g);
}

/* ---- By state of the VM ---- */

static void __expect_same(int line, const struct mask_array *now,
			  const struct mask_array *want, int nr,
			  const char *when)
{
	int i;

	for (i = 0; i < KVM_ARM_GIC_RANGE_SIZE; i++) {
		u64 mask = i < nr ? want->val[i] : 0;

		__test_expect(line, now->val[i] == mask,
			      "%s: %s: mask %#lx, expected %#lx", when,
			      gic_name(i), now->val[i], mask);
	}
}

#define expect_same(...)	__expect_same(__LINE__, __VA_ARGS__)

/*
 * VMMs ask before the GIC is initialised, which needs all of the vCPUs. What a mask
 * says then is what holds once the registers can be accessed.
 */
static void check_before_init(int el2)
{
	struct gic_vm g = { .el2 = el2 };
	struct mask_array no_vcpu, created, ready, want;
	struct kvm_vcpu_init init;
	u64 val = 0;
	int ret;

	if (!gic_vm_possible(el2))
		return;

	g.vm = mask_vm_create(1);
	mask_expect(g.vm, KVM_ARM_GIC_RANGE, &gic_no_masks, "no GIC");
	g.fd = mask_vgic_v3_add(g.vm, 1);
	no_vcpu = mask_get(g.vm, KVM_ARM_GIC_RANGE);
	g.vcpus[0] = __vm_vcpu_add(g.vm, 0);
	created = mask_get(g.vm, KVM_ARM_GIC_RANGE);
	init = gic_vcpu_init(g.vm, el2);
	vcpu_ioctl(g.vcpus[0], KVM_ARM_VCPU_INIT, &init);
	ready = mask_get(g.vm, KVM_ARM_GIC_RANGE);
	ret = gic_access(&g, KVM_GET_DEVICE_ATTR, 0, GIC_CTLR, &val);
	test_expect(ret == EBUSY, "GET before the GIC is initialised: %s", strerror(ret));
	__vgic_v3_init(g.fd);

	/* Before a vCPU lowers anything, it has the host's values. */
	want = gic_masks(&g, false);
	mask_expect(g.vm, KVM_ARM_GIC_RANGE, &want, "GIC initialised");
	expect_same(&ready, &want, KVM_ARM_GIC_RANGE_SIZE, "vCPU initialised");
	/* Whether vCPUs will have EL2 is not known yet. */
	expect_same(&created, &want, 128, "vCPU not initialised");
	expect_same(&no_vcpu, &want, 128, "no vCPU");
	gic_vm_free(&g);
}

static void check_no_gic(int unused)
{
	struct kvm_vm *vm = mask_vm_create(1);
	struct kvm_vcpu *vcpu;

	mask_expect(vm, KVM_ARM_GIC_RANGE, &gic_no_masks, "no vCPU");
	fw_vm_add_vcpus(vm, 1, 0, fw_guest_code, &vcpu);
	mask_expect(vm, KVM_ARM_GIC_RANGE, &gic_no_masks, "not run");
	id_run(vcpu);
	mask_expect(vm, KVM_ARM_GIC_RANGE, &gic_no_masks, "after a run");
	kvm_vm_free(vm);
}

static void check_gicv2(int unused)
{
	struct kvm_vm *vm = mask_vm_create(1);
	struct kvm_vcpu *vcpu;
	int fd;

	if (__kvm_test_create_device(vm, KVM_DEV_TYPE_ARM_VGIC_V2)) {
		test_skip("KVM has no GICv2 here");
		kvm_vm_free(vm);
		return;
	}

	fw_vm_add_vcpus(vm, 1, 0, fw_guest_code, &vcpu);
	fd = vgic_v2_add(vm);
	mask_expect(vm, KVM_ARM_GIC_RANGE, &gic_no_masks, "not initialised");
	kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
			    KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	mask_expect(vm, KVM_ARM_GIC_RANGE, &gic_no_masks, "not run");
	id_run(vcpu);
	mask_expect(vm, KVM_ARM_GIC_RANGE, &gic_no_masks, "after a run");
	close(fd);
	kvm_vm_free(vm);
}

/*
 * While ICC_CTLR_EL1.CBPR is set, ICC_BPR1_EL1 reads ICC_BPR0_EL1 and ignores
 * writes. This depends on a register, not on the VM: the mask stays the same.
 */
static void check_cbpr(int unused)
{
	int bpr1 = KVM_ARM_GIC_RANGE_IDX(0, 12, 3);
	struct mask_array masks;
	struct gic_vm g;
	u64 ctlr;

	if (!gic_vm_possible(false))
		return;

	g = gic_vm_create_init(1, false);
	masks = mask_get(g.vm, KVM_ARM_GIC_RANGE);
	ctlr = gic_get(&g, 0, GIC_CTLR);
	gic_set(&g, 0, GIC_CTLR, ctlr | GIC_CTLR_CBPR);
	mask_expect(g.vm, KVM_ARM_GIC_RANGE, &masks, "CBPR set");
	test_expect(!choosable(&g, bpr1), "ICC_BPR1_EL1 written");
	gic_set(&g, 0, GIC_CTLR, ctlr);
	test_expect(choosable(&g, bpr1) == masks.val[bpr1],
		    "CBPR clear again");
	gic_vm_free(&g);
}

static const struct test_case cases[] = {
	{ "the number of each register", check_numbers },
	{ "the table of masks and fields: VM without EL2", check_table, false },
	{ "the table of masks and fields: VM with EL2", check_table, true },
	{ "a VM without EL2 has no masks of EL2's registers", check_no_el2 },

	{ "test of all masks: VM without EL2", check_proof, false },
	{ "test of all masks: VM with EL2", check_proof, true },

	{ "before the GIC is initialised: VM without EL2",
	  check_before_init, false },
	{ "before the GIC is initialised: VM with EL2",
	  check_before_init, true },
	{ "a VM without a GIC has no masks", check_no_gic },
	{ "a VM with a GICv2 has no masks", check_gicv2 },
	{ "the mask of ICC_BPR1_EL1 does not depend on ICC_CTLR_EL1.CBPR",
	  check_cbpr },
};

int main(void)
{
	test_disable_default_vgic();

	ksft_print_header();
	opt_in_require();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
