// SPDX-License-Identifier: GPL-2.0-only
/*
 * vgic_v2_canonical_pmr - GICC_PMR in the form of the architecture, in a group of its
 * own: KVM_DEV_ARM_VGIC_GRP_CANONICAL.
 *
 * Userspace's GICC_PMR in the group of the CPU interface has five bits, not shifted,
 * and the guest's 0xf0 reads as 0x1e. In the other group it reads as 0xf0. A VM that
 * has opted in has both at any time, so a value cannot be taken for one of the other
 * form. Any other VM says ENXIO to the other group. The guest sees no change.
 *
 * vgic_v2_cpuif and vgic_v2_guest test the form with five bits.
 */
#include <asm/kvm_migration.h>
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/opt_in.h"
#include "abi/switch.h"
#include "abi/vgic_v2.h"
#include "abi/vgic_v2_guest.h"
#include "processor.h"

#define CANONICAL	0x40

static const char * const modes[] = { "c", "rust", "check" };

static struct kvm_vm *vm_opted_in(u32 nr, u32 set)
{
	struct kvm_vm *vm = vm_create(nr);

	opt_in(vm, set);
	return vm;
}

static struct vgic_v2 create(const u8 *ids, int nr, void *code)
{
	return vgic_v2_create_in(vm_opted_in(nr, BIT(OPT_IN_PMR)), ids, nr, code);
}

static struct vgic_v2 create_guest(void)
{
	return vgic_v2_create_guest_in(vm_opted_in(1, BIT(OPT_IN_PMR)));
}

static u32 group(bool canonical)
{
	return canonical ? CANONICAL : KVM_DEV_ARM_VGIC_GRP_CPU_REGS;
}

static int access_pmr(struct vgic_v2 *v, unsigned long cmd, u8 id, void *addr)
{
	return vgic_v2_access(v->fd, cmd, CANONICAL, vgic_v2_attr(id, GICC_PMR),
			      (u64)addr);
}

static u32 get_pmr(struct vgic_v2 *v, bool canonical, u8 id)
{
	return vgic_v2_get(v, group(canonical), id, GICC_PMR);
}

static void set_pmr(struct vgic_v2 *v, bool canonical, u8 id, u32 val)
{
	vgic_v2_set(v, group(canonical), id, GICC_PMR, val);
}

/* The value that the guest sees for userspace's value */
static u32 to_guest(bool canonical, u32 val)
{
	return canonical ? val & 0xf8 : (val & 0x1f) << 3;
}

/* Userspace reads the guest's mask in both forms. */
static void __expect_mask(int line, struct vgic_v2 *v, u8 id, u32 mask)
{
	u32 now = get_pmr(v, true, id), old = get_pmr(v, false, id);

	__test_expect(line, now == mask && old == mask >> 3,
		      "the mask %#x reads %#x and %#x", mask, now, old);
}

#define expect_mask(...)	__expect_mask(__LINE__, __VA_ARGS__)

/* ---- The group ---- */

static void check_uapi(int unused)
{
	test_expect(KVM_DEV_ARM_VGIC_GRP_CANONICAL == CANONICAL, "%#x",
		    KVM_DEV_ARM_VGIC_GRP_CANONICAL);
}

static void check_modes(int unused)
{
	struct vgic_v2 v = create_guest();
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		abi_set_mode(modes[i]);
		ret = access_pmr(&v, KVM_HAS_DEVICE_ATTR, 0, NULL);
		test_expect(!ret, "%s: %s", modes[i], strerror(ret));
		set_pmr(&v, true, 0, 0x80 + 8 * i);
		expect_mask(&v, 0, 0x80 + 8 * i);
	}
	abi_set_mode(abi_initial_mode());
	vgic_v2_free(&v);
}

/* ENXIO of each access, so that no value is silently lost */
static void expect_none(struct vgic_v2 *v, u32 group, u64 attr)
{
	static const unsigned long cmds[] = {
		KVM_HAS_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR,
	};
	u32 i, val = 0;
	int ret;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		ret = vgic_v2_access(v->fd, cmds[i], group, attr, (u64)&val);
		test_expect(ret == ENXIO, "group %#x, %#lx, %u: %s", group, attr, i,
			    strerror(ret));
	}
}

/* Whatever else the VM opts in to */
static void check_sets(int unused)
{
	static const u8 id;
	struct vgic_v2 v;
	u32 set;

	for (set = 0; set <= OPT_IN_ALL; set++) {
		if (!opt_in_is_tried(set))
			continue;
		v = vgic_v2_create_in(vm_opted_in(1, set), &id, 1, fw_guest_code);
		if (set & BIT(OPT_IN_PMR)) {
			set_pmr(&v, true, 0, 0xa8);
			expect_mask(&v, 0, 0xa8);
		} else {
			expect_none(&v, CANONICAL, vgic_v2_attr(0, GICC_PMR));
			/* No such group, before the errors that it has */
			expect_none(&v, CANONICAL, vgic_v2_attr(7, GICC_PMR));
		}
		vgic_v2_free(&v);
	}
}

static void check_no_other(int unused)
{
	struct vgic_v2 v = create_guest();
	int offset, bit;

	set_pmr(&v, true, 0, 0xa8);
	for (offset = 0; offset < 0x1010; offset++) {
		if (offset != GICC_PMR)
			expect_none(&v, CANONICAL, vgic_v2_attr(0, offset));
	}
	for (bit = 0; bit < 32; bit++)
		expect_none(&v, CANONICAL, vgic_v2_attr(0, BIT(bit) ^ GICC_PMR));
	/* Above the number of the vCPU */
	for (bit = 40; bit < 64; bit++)
		expect_none(&v, CANONICAL, BIT(bit) | vgic_v2_attr(0, GICC_PMR));
	/* Groups that KVM has are less than 16. */
	for (bit = 4; bit < 32; bit++) {
		if (BIT(bit) != CANONICAL)
			expect_none(&v, BIT(bit), vgic_v2_attr(0, GICC_PMR));
	}
	expect_none(&v, CANONICAL + 1, vgic_v2_attr(0, GICC_PMR));
	expect_mask(&v, 0, 0xa8);
	vgic_v2_free(&v);
}

static void check_errors(int unused)
{
	static const unsigned long cmds[] = {
		KVM_HAS_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR,
	};
	struct vgic_v2 v = create_guest();
	u32 val = 0;
	struct kvm_device_attr attr = {
		.group = CANONICAL,
		.attr = vgic_v2_attr(0, GICC_PMR),
		.addr = (u64)&val,
	};
	int i, bit, ret;

	set_pmr(&v, true, 0, 0xa8);
	ret = access_pmr(&v, KVM_GET_DEVICE_ATTR, 0, NULL);
	test_expect(ret == EFAULT, "GET to NULL: %s", strerror(ret));
	ret = access_pmr(&v, KVM_SET_DEVICE_ATTR, 0, NULL);
	test_expect(ret == EFAULT, "SET from NULL: %s", strerror(ret));
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		/* Before the register is looked for */
		ret = vgic_v2_access(v.fd, cmds[i], CANONICAL, vgic_v2_attr(7, 0), 0);
		test_expect(ret == EINVAL, "%d of a vCPU that is not there: %s", i,
			    strerror(ret));
		for (bit = 0; bit < 32; bit++) {
			attr.flags = BIT(bit);
			ret = ioctl(v.fd, cmds[i], &attr) ? errno : 0;
			test_expect(ret == EINVAL, "%d, flag %d: %s", i, bit, strerror(ret));
		}
	}
	expect_mask(&v, 0, 0xa8);
	vgic_v2_free(&v);
}

/* A GIC that is initialised takes no more vCPUs. */
static void check_before_init(int unused)
{
	struct vgic_v2 v = create_guest();

	expect_none(&v, CANONICAL, vgic_v2_attr(0, 0x00));
	test_expect(!access_pmr(&v, KVM_HAS_DEVICE_ATTR, 0, NULL), "HAS");
	vm_vcpu_add(v.vm, 1, v2_guest_code);
	set_pmr(&v, true, 0, 0xa8);
	expect_mask(&v, 0, 0xa8);
	vgic_v2_free(&v);
}

/* ---- The values ---- */

static const u32 high_bits[] = {
	0, 0x100, 0x200, 0xf00, 0x80000000, 0xffffff00,
};

/* All 256 values, combined with higher bits that are ignored */
static void check_userspace(int canonical)
{
	struct vgic_v2 v = create_guest();
	u32 val;
	int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 256 * ARRAY_SIZE(high_bits); i++) {
			val = high_bits[i / 256] | (i % 256);
			set_pmr(&v, canonical, 0, val);
			expect_mask(&v, 0, to_guest(canonical, val));
		}
		/* Again when the VM has run */
		v2_guest_read_gicc(v.vcpus[0], GICC_PMR);
	}
	vgic_v2_free(&v);
}

static void check_to_guest(int canonical)
{
	struct vgic_v2 v = create_guest();
	u32 val;

	for (val = 0; val < 256; val++) {
		set_pmr(&v, canonical, 0, 0xffffff00 | val);
		v2_guest_expect(&v, GICC_PMR, to_guest(canonical, val),
				"userspace's value");
		/* The run does not change it. */
		expect_mask(&v, 0, to_guest(canonical, val));
	}
	vgic_v2_free(&v);
}

static void check_from_guest(int unused)
{
	struct vgic_v2 v = create_guest();
	u32 val;

	for (val = 0; val < 256; val++) {
		v2_guest_write_gicc(v.vcpus[0], GICC_PMR, val);
		expect_mask(&v, 0, val & 0xf8);
		v2_guest_expect(&v, GICC_PMR, val & GICC_PMR_ALL, "own PMR");
	}
	vgic_v2_free(&v);
}

/* No other register and no other vCPU's mask changes. */
static void check_other_registers(int unused)
{
	static const u8 ids[] = { 2, 5, 0 };
	struct vgic_v2 v = create(ids, ARRAY_SIZE(ids), NULL);
	int pmr = gicc_reg_nr(GICC_PMR), n;
	struct gicc_state want;
	u32 val;

	gicc_set_pattern(&v);
	want = gicc_state_read(&v);
	for (n = 0; n < v.nr_vcpus; n++) {
		for (val = 0; val < 256; val++) {
			set_pmr(&v, true, ids[n], val);
			want.val[n][pmr] = val >> 3;
			gicc_expect_state(&v, &want, "GICC_PMR written");
		}
	}
	vgic_v2_free(&v);
}

/* Saved in either form, and restored in the same one: the guest sees no change. */
static void check_move(int canonical)
{
	struct vgic_v2 a = create_guest(), b = create_guest();
	u32 pmr;

	for (pmr = 0; pmr < 256; pmr += 8) {
		v2_guest_write_gicc(a.vcpus[0], GICC_PMR, pmr);
		set_pmr(&b, canonical, 0, get_pmr(&a, canonical, 0));
		v2_guest_expect(&b, GICC_PMR, pmr, "destination");
	}
	vgic_v2_free(&b);
	vgic_v2_free(&a);
}

/* ---- GICv3 ---- */

static void check_vgic_v3(int init)
{
	struct kvm_vm *vm = vm_opted_in(1, BIT(OPT_IN_PMR));
	struct kvm_vcpu *vcpu;
	u64 val = 0;
	int fd, i, j;

	fd = __vgic_v3_setup(vm, 1, 64);
	fw_vm_add_vcpus(vm, 1, 0, fw_guest_code, &vcpu);
	if (init)
		__vgic_v3_init(fd);

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		static const unsigned long cmds[] = {
			KVM_HAS_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR,
		};

		abi_set_mode(modes[i]);
		for (j = 0; j < ARRAY_SIZE(cmds); j++) {
			int ret = vgic_v2_access(fd, cmds[j], CANONICAL,
						 vgic_v2_attr(0, GICC_PMR), (u64)&val);

			test_expect(ret == ENXIO, "%s, %d: %s", modes[i], j, strerror(ret));
		}
	}
	abi_set_mode(abi_initial_mode());
	close(fd);
	kvm_vm_free(vm);
}

static const struct test_case v2_cases[] = {
	{ "group: the number", check_uapi },
	{ "group: there in all modes", check_modes },
	{ "group: only if the VM has opted in to it", check_sets },
	{ "group: nothing else is in it or in another one", check_no_other },
	{ "group: EFAULT, and EINVAL without a vCPU or with a flag", check_errors },
	{ "group: a refusal does not initialise the GIC", check_before_init },

	{ "canonical: 8 bits, the hardware has 7-3", check_userspace, true },
	{ "canonical: the guest has userspace's value", check_to_guest, true },
	{ "five bits: written beside it", check_userspace, false },
	{ "five bits: the guest's values are shifted", check_to_guest, false },
	{ "both: userspace has the guest's value", check_from_guest },
	{ "canonical: no other register changes", check_other_registers },
	{ "canonical: saved and restored", check_move, true },
	{ "five bits: saved and restored", check_move, false },
};

static const struct test_case v3_cases[] = {
	{ "GICv3: no such group in any mode", check_vgic_v3, false },
	{ "GICv3: no such group, initialised", check_vgic_v3, true },
};

static void run_cases(const struct test_case *cases, int nr, bool possible,
		      const char *reason)
{
	int i;

	if (possible)
		test_run_cases(cases, nr);
	for (i = 0; !possible && i < nr; i++)
		test_skip_case(&cases[i], reason);
}

int main(void)
{
	bool has_v3;

	test_disable_default_vgic();

	ksft_print_header();
	opt_in_require();
	if (!__abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");
	test_set_plan(ARRAY_SIZE(v2_cases) + ARRAY_SIZE(v3_cases));

	has_v3 = kvm_supports_vgic_v3();
	run_cases(v2_cases, ARRAY_SIZE(v2_cases),
		  !has_v3 && vgic_v2_supported(),
		  "The host's GIC is not a GICv2");
	run_cases(v3_cases, ARRAY_SIZE(v3_cases), has_v3,
		  "The host's GIC is not a GICv3");

	test_finished();
}
