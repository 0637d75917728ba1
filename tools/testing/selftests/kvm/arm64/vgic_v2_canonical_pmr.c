// SPDX-License-Identifier: GPL-2.0-only
/*
 * vgic_v2_canonical_pmr - GICC_PMR in the format of the architecture, for a VMM
 * that asks for it with KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR.
 *
 * Without it, userspace's GICC_PMR has five bits, not shifted, and the guest's
 * 0xf0 reads as 0x1e. With it, 0xf0 reads as 0xf0. The guest sees no change.
 * The format must be chosen before the GIC is initialised.
 *
 * vgic_v2_cpuif and vgic_v2_guest test the default format, and
 * vgic_v2_canonical_move tests migration with both.
 */
#include <asm/kvm_migration.h>
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/opt_in.h"
#include "abi/switch.h"
#include "abi/vgic_v2.h"
#include "abi/vgic_v2_canonical.h"
#include "abi/vgic_v2_guest.h"
#include "processor.h"

/* ---- The attribute ---- */

static const char * const modes[] = { "c", "rust", "check" };

/* A VM can turn it on, and keeps it, in all modes. */
static void check_modes(int unused)
{
	struct vgic_v2 v = vgic_v2_create_guest(), on;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		abi_set_mode(modes[i]);
		canonical_expect_errno(canonical_has_attr(v.fd), 0, modes[i]);
		canonical_expect_errno(canonical_get_attr(v.fd), ENXIO, "GET");
		on = canonical_create(true);
		for (j = 0; j < ARRAY_SIZE(modes); j++) {
			abi_set_mode(modes[j]);
			canonical_expect_errno(canonical_has_attr(on.fd), 0, "on");
			canonical_expect_errno(canonical_get_attr(on.fd), ENXIO,
					       "GET, on");
			canonical_expect_format(&on, true);
			canonical_expect_format(&v, false);
		}
		vgic_v2_free(&on);
	}
	abi_set_mode(abi_initial_mode());
	vgic_v2_free(&v);
}

static void check_no_other_attr(int unused)
{
	static const u64 attrs[] = {
		KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR + 1,
		KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR - 1,
		BIT(32) | KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR,
		BIT(63) | KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR,
		~0UL,
	};
	struct vgic_v2 v = vgic_v2_create_guest();
	int i;

	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		canonical_expect_errno(vgic_v2_access(v.fd, KVM_HAS_DEVICE_ATTR,
						      CANONICAL_GRP,
						      attrs[i], 0), ENXIO,
				       "HAS");
		canonical_expect_errno(vgic_v2_access(v.fd, KVM_SET_DEVICE_ATTR,
						      CANONICAL_GRP,
						      attrs[i], 0), ENXIO,
				       "SET");
	}
	canonical_expect_format(&v, false);
	vgic_v2_free(&v);
}

/* A wrong argument is EINVAL, whether or not it is on already. */
static void check_einval(int on)
{
	struct vgic_v2 v = canonical_create(on);
	u64 val = 0;
	int bit;

	for (bit = 0; bit < 32; bit++)
		canonical_expect_errno(__canonical_set_attr(v.fd, BIT(bit), 0),
				       EINVAL, "flags");
	for (bit = 0; bit < 64; bit++)
		canonical_expect_errno(__canonical_set_attr(v.fd, 0, BIT(bit)),
				       EINVAL, "addr");
	canonical_expect_errno(__canonical_set_attr(v.fd, 0, (u64)&val), EINVAL,
			       "addr of memory");
	canonical_expect_errno(__canonical_set_attr(v.fd, ~0u, ~0UL), EINVAL,
			       "both");

	/* A refused request neither initialises the GIC nor has effect. */
	if (on)
		canonical_expect_errno(canonical_set_attr(v.fd), 0,
				       "after EINVAL");
	canonical_expect_format(&v, on);
	vgic_v2_free(&v);
}

static void check_before_vcpus(int unused)
{
	struct vgic_v2 v = { .vm = vm_create(1), .nr_vcpus = 1 };
	struct kvm_vcpu_init init = {};

	v.fd = vgic_v2_add(v.vm);
	canonical_opt_in(&v);
	canonical_opt_in(&v);
	vm_ioctl(v.vm, KVM_ARM_PREFERRED_TARGET, &init);
	v.vcpus[0] = aarch64_vcpu_add(v.vm, 0, &init, v2_guest_code);
	canonical_opt_in(&v);
	canonical_expect_format(&v, true);
	v2_guest_expect(&v, GICC_PMR, 0xf0, "guest");
	vgic_v2_free(&v);
}

enum late { AFTER_INIT, AFTER_ACCESS, AFTER_RUN };

/* Too late: the VM keeps the format that it began with. */
static void check_late(int late)
{
	struct vgic_v2 v;
	int on;

	for (on = 0; on < 2; on++) {
		v = canonical_create(on);
		if (late == AFTER_INIT)
			canonical_init_gic(&v);
		else if (late == AFTER_ACCESS)
			gicc_get(&v, 0, GICC_CTLR);
		else
			v2_guest_read_gicc(v.vcpus[0], GICC_PMR);

		canonical_expect_errno(canonical_set_attr(v.fd), EBUSY,
				       on ? "on" : "off");
		canonical_expect_errno(canonical_has_attr(v.fd), 0, "HAS");
		canonical_expect_errno(__canonical_set_attr(v.fd, 1, 0), EINVAL,
				       "flags");
		canonical_expect_errno(__canonical_set_attr(v.fd, 0, 8), EINVAL,
				       "addr");
		canonical_expect_format(&v, on);
		vgic_v2_free(&v);
	}
}

/* ---- The format ---- */

static const u32 high_bits[] = {
	0, 0x100, 0x200, 0xf00, 0x80000000, 0xffffff00,
};

/* All 256 values, combined with higher bits that are ignored */
static void check_userspace(int canonical)
{
	struct vgic_v2 v = canonical_create(canonical);
	u32 val, now, want;
	int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 256 * ARRAY_SIZE(high_bits); i++) {
			val = high_bits[i / 256] | (i % 256);
			want = canonical ? val & 0xf8 : val & 0x1f;
			gicc_set(&v, 0, GICC_PMR, val);
			now = gicc_get(&v, 0, GICC_PMR);
			test_expect(now == want, "%#x reads %#x, expected %#x",
				    val, now, want);
		}
		/* Again when the VM has run */
		v2_guest_read_gicc(v.vcpus[0], GICC_PMR);
	}
	vgic_v2_free(&v);
}

static void check_to_guest(int canonical)
{
	struct vgic_v2 v = canonical_create(canonical);
	u32 val, now;

	for (val = 0; val < 256; val++) {
		gicc_set(&v, 0, GICC_PMR, 0xffffff00 | val);
		v2_guest_expect(&v, GICC_PMR,
				canonical_to_guest(canonical, val),
				"userspace's value");
		/* The run does not change it. */
		now = gicc_get(&v, 0, GICC_PMR);
		test_expect(canonical_to_guest(canonical, now) ==
			    canonical_to_guest(canonical, val),
			    "%#x reads %#x", val, now);
	}
	vgic_v2_free(&v);
}

static void check_from_guest(int canonical)
{
	struct vgic_v2 v = canonical_create(canonical);
	u32 val, now, want;

	for (val = 0; val < 256; val++) {
		want = canonical ? val & 0xf8 : val >> 3;
		v2_guest_write_gicc(v.vcpus[0], GICC_PMR, val);
		now = gicc_get(&v, 0, GICC_PMR);
		test_expect(now == want, "the guest's %#x reads %#x", val, now);
		v2_guest_expect(&v, GICC_PMR, val & GICC_PMR_ALL, "own PMR");
	}
	vgic_v2_free(&v);
}

/* No other register's format and no other vCPU's mask changes. */
static void check_other_registers(int unused)
{
	static const u8 ids[] = { 2, 5, 0 };
	struct vgic_v2 v = vgic_v2_create(ids, ARRAY_SIZE(ids), NULL);
	int pmr = gicc_reg_nr(GICC_PMR), n, i;
	struct gicc_state want = {};
	u32 val;

	canonical_opt_in(&v);
	for (n = 0; n < v.nr_vcpus; n++) {
		for (i = 0; i < NR_GICC_REGS; i++) {
			val = 0x5a936cb5U * (3 + n * NR_GICC_REGS + i);
			gicc_set(&v, ids[n], gicc_regs[i].offset, val);
			want.val[n][i] = i == pmr ? val & 0xf8 :
						    gicc_kept(i, val);
		}
	}
	gicc_expect_state(&v, &want, "pattern");

	for (n = 0; n < v.nr_vcpus; n++) {
		for (val = 0; val < 256; val++) {
			gicc_set(&v, ids[n], GICC_PMR, val);
			want.val[n][pmr] = val & 0xf8;
			gicc_expect_state(&v, &want, "GICC_PMR written");
		}
	}
	vgic_v2_free(&v);
}

/* Two VMs at the same time */
static void check_other_vm(int unused)
{
	struct vgic_v2 v = canonical_create(false), on = canonical_create(true);

	canonical_expect_format(&v, false);
	canonical_expect_format(&on, true);
	v2_guest_expect(&v, GICC_PMR, 0x80, "not opted in");
	v2_guest_expect(&on, GICC_PMR, 0xf0, "opted in");
	vgic_v2_free(&on);
	canonical_expect_format(&v, false);
	vgic_v2_free(&v);
}

/* ---- GICv3 ---- */

static void check_vgic_v3(int init)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	int fd, i;

	fd = __vgic_v3_setup(vm, 1, 64);
	fw_vm_add_vcpus(vm, 1, 0, fw_guest_code, &vcpu);
	if (init)
		__vgic_v3_init(fd);

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		abi_set_mode(modes[i]);
		canonical_expect_errno(canonical_has_attr(fd), ENXIO, "HAS");
		canonical_expect_errno(canonical_get_attr(fd), ENXIO, "GET");
		canonical_expect_errno(__canonical_set_attr(fd, 0, 0), ENXIO,
				       "SET");
		canonical_expect_errno(__canonical_set_attr(fd, 1, 0), ENXIO,
				       "SET, flags");
		canonical_expect_errno(__canonical_set_attr(fd, 0, 1), ENXIO,
				       "SET, addr");
	}
	abi_set_mode(abi_initial_mode());
	close(fd);
	kvm_vm_free(vm);
}

static const struct test_case v2_cases[] = {
	{ "attribute: the same in all modes", check_modes },
	{ "attribute: no other number is one", check_no_other_attr },
	{ "attribute: flags or an address are EINVAL, off", check_einval, 0 },
	{ "attribute: flags or an address are EINVAL, on", check_einval, 1 },
	{ "attribute: before there are vCPUs, and more than once",
	  check_before_vcpus },
	{ "attribute: EBUSY once the GIC is initialised",
	  check_late, AFTER_INIT },
	{ "attribute: EBUSY once an access has initialised the GIC",
	  check_late, AFTER_ACCESS },
	{ "attribute: EBUSY once the VM has run", check_late, AFTER_RUN },

	{ "canonical: 8 bits, the hardware has 7-3",
	  check_userspace, true },
	{ "canonical: the guest has userspace's value", check_to_guest, true },
	{ "canonical: userspace has the guest's value",
	  check_from_guest, true },
	{ "canonical: no other register's format changes",
	  check_other_registers },
	{ "not canonical: 5 bits", check_userspace, false },
	{ "not canonical: the guest's values are shifted",
	  check_to_guest, false },
	{ "not canonical: userspace's values are shifted back",
	  check_from_guest, false },
	{ "two VMs, one of them canonical", check_other_vm },
};

static const struct test_case v3_cases[] = {
	{ "GICv3: no such attribute in any mode", check_vgic_v3, false },
	{ "GICv3: no such attribute, initialised", check_vgic_v3, true },
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
