// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_flip - The ID registers, their writable masks and the GICv2 CPU interface
 * under load, while the implementation that serves them is switched.
 *
 * Like fw_reg_switch for the firmware registers: the main thread goes through
 * the modes in a loop, and neither userspace nor a guest must notice. Every
 * worker has its own registers, or makes writes without effect, so the result
 * of each call and the value of each register are known. On a kernel without
 * the switch only the load is run.
 */
#include <errno.h>
#include <sys/mman.h>

#include "abi/cases.h"
#include "abi/flip.h"
#include "abi/fw_guest.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/switch.h"
#include "abi/vgic_v2.h"
#include "abi/vgic_v2_guest.h"
#include "processor.h"
#include "ucall_common.h"

/* ---- The writable masks ---- */

#define MASKS_SIZE	(NR_ID_REGS * sizeof(u64))

/* The result of the first call */
static u64 masks[NR_ID_REGS];

/* Two pages for each worker, of which the second is inaccessible */
static u8 *pages[ABI_MAX_WORKERS];

static bool is_filled_with(const u8 *p, const u8 *end, u8 byte)
{
	while (p < end && *p == byte)
		p++;
	return p == end;
}

static void get_masks(struct abi_worker *w)
{
	u8 *page = pages[w->nr], *hole = page + getpagesize();
	u8 *array = hole - MASKS_SIZE, poison = 1 + w->rounds % 255;
	struct reg_mask_range range = { .addr = (u64)array };
	int fd = w->vcpu->vm->fd;

	memset(page, poison, hole - page);
	TEST_ASSERT_EQ(id_get_masks(fd, &range), 0);
	TEST_ASSERT(!memcmp(array, masks, MASKS_SIZE), "The masks changed");
	TEST_ASSERT(is_filled_with(page, array, poison), "Out of bounds");

	memset(page, poison, hole - page);
	range.range = 1;
	TEST_ASSERT_EQ(id_get_masks(fd, &range), EINVAL);
	range.range = 0;
	range.reserved[w->rounds % ARRAY_SIZE(range.reserved)] =
		BIT(w->rounds % 32);
	TEST_ASSERT_EQ(id_get_masks(fd, &range), EINVAL);
	TEST_ASSERT(is_filled_with(page, hole, poison), "EINVAL, but written");

	/* The accessible part of the array is zeroed before the failure. */
	array += sizeof(u64) * (1 + w->rounds % (NR_ID_REGS - 1));
	range = (struct reg_mask_range) { .addr = (u64)array };
	TEST_ASSERT_EQ(id_get_masks(fd, &range), EFAULT);
	TEST_ASSERT(is_filled_with(array, hole, 0), "EFAULT, but not zeroed");
	TEST_ASSERT(is_filled_with(page, array, poison), "Out of bounds");
}

static void create_pages(void)
{
	size_t size = getpagesize();
	int i;

	for (i = 0; i < ABI_MAX_WORKERS; i++) {
		pages[i] = kvm_mmap(2 * size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1);
		TEST_ASSERT(!mprotect(pages[i] + size, size, PROT_NONE),
			    "mprotect()");
	}
}

static void check_masks(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vms[2];
	int i;

	for (i = 0; i < 2; i++)
		vms[i] = fw_vm_create_one(&vcpus[i]);
	for (i = 0; i < 4; i++)
		abi_start_rounds(i, get_masks, vcpus[i % 2]);
	abi_flip_and_join(4);
	for (i = 0; i < 2; i++)
		kvm_vm_free(vms[i]);
}

/* ---- ID registers of a VM that has not run ---- */

/* For each register a field that can be lowered on any host, and a fixed bit */
static struct {
	u32 reg;
	int shift;
	u64 fixed;
	u64 limit;
} regs[] = {
	{ SYS_ID_AA64ISAR0_EL1, 16, BIT(0) },	/* CRC32, RES0 */
	{ SYS_ID_AA64MMFR0_EL1, 0, BIT(5) },	/* PARange, ASIDBits */
	{ SYS_ID_AA64DFR0_EL1, 20, BIT(12) },	/* WRPs, BRPs */
	{ SYS_CTR_EL0, 16, BIT(24) },		/* DminLine, CWG */
};

#define NR_REGS	ARRAY_SIZE(regs)

static u64 field_limit(int i)
{
	return regs[i].limit >> regs[i].shift & 0xf;
}

static u64 with_field(int i, u64 field)
{
	return (regs[i].limit & ~(0xfUL << regs[i].shift)) |
	       field << regs[i].shift;
}

/* Write @val through @vcpu: it returns @want, and @reader reads @after. */
static void assert_set(struct kvm_vcpu *vcpu, struct kvm_vcpu *reader, int i,
		       u64 val, int want, u64 after)
{
	u64 id = KVM_ARM64_SYS_REG(regs[i].reg), now = ~after;
	int ret = one_reg_set(vcpu, id, val);

	TEST_ASSERT(ret == want, "%#lx <- %#lx: %s, expected %s", id, val,
		    strerror(ret), strerror(want));
	ret = one_reg_get(reader, id, &now);
	TEST_ASSERT(!ret && now == after,
		    "%#lx reads %#lx (%s) after %#lx, expected %#lx", id, now,
		    strerror(ret), val, after);
}

static struct kvm_vcpu *fresh_vcpus[NR_REGS];

/* Lower the field step by step, then raise it to the limit again. */
static void change_own_reg(struct abi_worker *w)
{
	int i = w->nr;
	struct kvm_vcpu *other = fresh_vcpus[(i + 1) % NR_REGS];
	u64 val, above = with_field(i, field_limit(i) + 1);
	s64 field;

	for (field = field_limit(i); field >= 0; field--) {
		val = with_field(i, field);
		assert_set(w->vcpu, other, i, val, 0, val);
		assert_set(w->vcpu, other, i, val ^ regs[i].fixed, EINVAL, val);
		if (field_limit(i) < 0xf)
			assert_set(w->vcpu, other, i, above, EINVAL, val);
	}
	val = regs[i].limit;
	assert_set(w->vcpu, other, i, val, 0, val);
}

static void check_fresh_vm(int unused)
{
	struct id_state states[NR_REGS];
	struct kvm_vm *vm;
	int i;

	vm = fw_vm_create(NR_REGS, true, fw_guest_code, fresh_vcpus);
	for (i = 0; i < NR_REGS; i++)
		states[i] = id_state_read(fresh_vcpus[i]);
	for (i = 0; i < NR_REGS; i++)
		abi_start_rounds(i, change_own_reg, fresh_vcpus[i]);
	abi_flip_and_join(NR_REGS);

	for (i = 0; i < NR_REGS; i++)
		id_expect_state(fresh_vcpus[i], &states[i], "in the end");
	kvm_vm_free(vm);
}

/* ---- ID registers of VMs that run ---- */

/* What the guest must read, in the order of regs[]. */
static u64 guest_ids[NR_REGS];

static void guest_check_ids(void)
{
	for (;;) {
		GUEST_ASSERT_EQ(read_sysreg(id_aa64isar0_el1), guest_ids[0]);
		GUEST_ASSERT_EQ(read_sysreg(id_aa64mmfr0_el1), guest_ids[1]);
		GUEST_ASSERT_EQ(read_sysreg(id_aa64dfr0_el1), guest_ids[2]);
		GUEST_ASSERT_EQ(read_sysreg(ctr_el0), guest_ids[3]);
		GUEST_SYNC(0);
	}
}

/* A VM with fields lowered, by an amount that varies, whose guest has run */
static struct kvm_vm *create_and_run(struct kvm_vcpu *vcpus[2], int nr)
{
	struct kvm_vm *vm = fw_vm_create(2, true, guest_check_ids, vcpus);
	u64 *ids = addr_gva2hva(vm, (gva_t)guest_ids);
	int i;

	for (i = 0; i < NR_REGS; i++) {
		ids[i] = with_field(i, nr % (field_limit(i) + 1));
		assert_set(vcpus[1], vcpus[0], i, ids[i], 0, ids[i]);
	}
	fw_run(vcpus[0]);

	return vm;
}

/* Only a register's current value is accepted, all others are EBUSY now. */
static void assert_frozen(struct kvm_vcpu *vcpu, struct kvm_vcpu *reader)
{
	const u64 *ids = addr_gva2hva(vcpu->vm, (gva_t)guest_ids);
	u64 bit;
	int i;

	for (i = 0; i < NR_REGS; i++) {
		bit = BIT(regs[i].shift);
		assert_set(vcpu, reader, i, ids[i], 0, ids[i]);
		assert_set(vcpu, reader, i, ids[i] ^ bit, EBUSY, ids[i]);
		assert_set(vcpu, reader, i, ids[i] ^ regs[i].fixed, EBUSY,
			   ids[i]);
	}
}

static void run_guest(struct abi_worker *w)
{
	fw_run(w->vcpu);
}

static void access_frozen(struct abi_worker *w)
{
	assert_frozen(w->vcpu, w->vcpu);
}

static void make_vm(struct abi_worker *w)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create_and_run(vcpus, w->rounds);

	assert_frozen(vcpus[0], vcpus[1]);
	fw_run(vcpus[1]);
	assert_frozen(vcpus[1], vcpus[0]);
	kvm_vm_free(vm);
}

static void check_running_vms(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct id_state state;
	struct kvm_vm *vm;

	vm = create_and_run(vcpus, 0);
	state = id_vm_state_read(vcpus[0]);

	/* The second vCPU never runs, so access to it does not wait. */
	abi_start_rounds(0, run_guest, vcpus[0]);
	abi_start_rounds(1, access_frozen, vcpus[1]);
	abi_start_rounds(2, get_masks, vcpus[1]);
	abi_start_rounds(3, make_vm, NULL);
	abi_flip_and_join(4);

	id_expect_vm_state(vcpus, &state, "in the end");
	kvm_vm_free(vm);
}

/* ---- The GICv2 CPU interface ---- */

static bool has_vgic_v2;
static struct vgic_v2 gics[2];

static struct gicc_state gicc_written;

/* While no vCPU runs, a register holds what was written last. */
static void access_gicc(struct abi_worker *w)
{
	struct vgic_v2 *v = &gics[w->nr];
	u32 *want = gicc_written.val[0], now;
	u32 val = w->rounds * 0x9e3779b1;
	int i = w->rounds % NR_GICC_REGS;

	gicc_set(v, 0, gicc_regs[i].offset, val);
	want[i] = gicc_kept(i, val);
	for (i = 0; i < NR_GICC_REGS; i++) {
		now = gicc_get(v, 0, gicc_regs[i].offset);
		TEST_ASSERT(now == want[i], "%s reads %#x, expected %#x",
			    gicc_regs[i].name, now, want[i]);
	}
}

/* A priority mask in the guest's format, near the interrupts' priorities */
static struct v2_guest_gic next_setup(const struct abi_worker *w)
{
	static const u32 pmr[] = { 0x80, 0x08, 0xf0, 0x10, 0xe8 };

	return (struct v2_guest_gic) {
		GICC_CTLR_ENABLE_GRP0, pmr[w->rounds % ARRAY_SIZE(pmr)]
	};
}

/* Userspace and the guest read what was set up, and the mask is in force. */
static void expect_setup(struct vgic_v2 *v, const struct v2_guest_gic *s,
			 const char *when)
{
	const u32 want[][3] = {
		{ GICC_CTLR, s->ctlr, s->ctlr },
		{ GICC_PMR, s->pmr, s->pmr >> GICC_PMR_SHIFT },
		{ GICC_BPR, 5, 5 },
		{ GICC_ABPR, 6, 6 },
	};
	u32 val;
	int i;

	for (i = 0; i < ARRAY_SIZE(want); i++) {
		v2_guest_expect(v, want[i][0], want[i][1], when);
		val = gicc_get(v, 0, want[i][0]);
		test_expect(val == want[i][2], "%s: userspace reads %#x at %#x",
			    when, val, want[i][0]);
	}
	v2_guest_expect_mask(v, when);
}

/* The guest sets its mask, and raises it in the end; then userspace does. */
static void mask_interrupts(struct abi_worker *w)
{
	struct vgic_v2 *v = &gics[w->nr];
	struct v2_guest_gic s = next_setup(w);

	v2_guest_setup(v, &s);
	expect_setup(v, &s, "guest's mask");
	gicc_set(v, 0, GICC_PMR, s.pmr >> GICC_PMR_SHIFT);
	expect_setup(v, &s, "userspace's mask");
}

/* What v2_guest_setup() changes in the distributor, except the groups */
static const u32 gicd_regs[] = {
	GICD_ICFGR + 2 * 4, GICD_IPRIORITYR + MIN_SPI, GICD_ITARGETSR + MIN_SPI,
	GICD_ISENABLER + 4, GICD_CTLR,
};

/* Saved in one mode, restored in another, and used by the guest in a third. */
static void migrate(struct abi_worker *w)
{
	struct vgic_v2 a = vgic_v2_create_guest(), b;
	struct v2_guest_gic s = next_setup(w);
	struct gicc_state state;
	int i;

	v2_guest_setup(&a, &s);
	state = gicc_state_read(&a);

	b = vgic_v2_create_guest();
	for (i = 0; i < ARRAY_SIZE(gicd_regs); i++)
		gicd_set(&b, 0, gicd_regs[i], gicd_get(&a, 0, gicd_regs[i]));
	for (i = 0; i < NR_GICC_REGS; i++)
		gicc_set(&b, 0, gicc_regs[i].offset, state.val[0][i]);

	expect_setup(&b, &s, "destination");
	expect_setup(&a, &s, "source");
	vgic_v2_free(&a);
	vgic_v2_free(&b);
}

static void check_vgic_v2(int unused)
{
	if (!has_vgic_v2) {
		test_skip("the host's GIC is not a GICv2");
		return;
	}

	gics[0] = vgic_v2_create_one(v2_guest_code);
	gicc_written = gicc_state_read(&gics[0]);
	gics[1] = vgic_v2_create_guest();

	abi_start_rounds(0, access_gicc, NULL);
	abi_start_rounds(1, mask_interrupts, NULL);
	abi_start_rounds(2, migrate, NULL);
	abi_flip_and_join(3);

	vgic_v2_free(&gics[0]);
	vgic_v2_free(&gics[1]);
}

/* ---- Which implementation served the calls ---- */

/* Not every host has the last one. */
static const char * const surfaces[] = {
	"id_reg", "reg_masks", "vgic_v2",
};

static struct abi_stats stats_before[ARRAY_SIZE(surfaces)];

static void check_stats(int unused)
{
	struct abi_stats now;
	int i;

	for (i = 0; abi_present() && i < ARRAY_SIZE(surfaces) - !has_vgic_v2;
	     i++) {
		now = abi_read_surface(surfaces[i]);
		test_expect(now.c > stats_before[i].c,
			    "c served no call of %s", surfaces[i]);
		test_expect(now.rust > stats_before[i].rust,
			    "rust served no call of %s", surfaces[i]);
	}

	abi_check_stats(0);
}

static const struct test_case cases[] = {
	{ "masks: constant, refused requests have no effect", check_masks },
	{ "fresh VM: legal values kept and others EINVAL, several vCPUs writing",
	  check_fresh_vm },
	{ "running VMs: masks constant, registers frozen, as the guest sees them",
	  check_running_vms },
	{ "GICv2: values kept, masks in force, also after migration",
	  check_vgic_v2 },
	{ "switch: no mismatch, C and Rust served each surface, mode restored",
	  check_stats },
};

int main(void)
{
	struct reg_mask_range range = { .addr = (u64)masks };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES));
	test_disable_default_vgic();
	ksft_print_header();
	create_pages();

	vm = fw_vm_create_one(&vcpu);
	vm_ioctl(vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &range);
	for (i = 0; i < NR_REGS; i++) {
		regs[i].limit = vcpu_get_reg(vcpu,
					     KVM_ARM64_SYS_REG(regs[i].reg));
		TEST_ASSERT(field_limit(i), "Nothing to lower in %#x",
			    regs[i].reg);
	}
	kvm_vm_free(vm);
	has_vgic_v2 = !kvm_supports_vgic_v3() && vgic_v2_supported();

	if (abi_begin()) {
		for (i = 0; i < ARRAY_SIZE(surfaces); i++)
			stats_before[i] = abi_read_surface(surfaces[i]);
	}

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
