/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The priority mask of a GICv2, from one VM to another: both must have it in
 * the architecture's eight bits, or both in the historical five, else the guest
 * goes on with a different mask. No errno reports this.
 */
#ifndef SELFTEST_KVM_ARM64_MIGRATION_PMR_H
#define SELFTEST_KVM_ARM64_MIGRATION_PMR_H

#include "opt_in.h"
#include "vgic_v2_guest.h"

/* What the guest of the source has set, in its own format */
#define PMR_GUEST	0xf0

/* What userspace saves */
#define PMR_5_BITS	0x1e
#define PMR_CANONICAL	0xf0

/* Returns 0, or the positive errno. */
static inline int pmr_make_canonical(struct vgic_v2 *v)
{
	return vgic_v2_access(v->fd, KVM_SET_DEVICE_ATTR,
			      KVM_DEV_ARM_VGIC_GRP_CTRL,
			      KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR, 0);
}

/* A VM, canonical or not, whose vGIC is not initialised yet */
static inline struct vgic_v2 pmr_vm(bool canonical)
{
	struct vgic_v2 v = vgic_v2_create_guest();
	int ret = 0;

	if (canonical) {
		opt_in_begin();
		ret = pmr_make_canonical(&v);
		opt_in_end();
	}
	TEST_ASSERT(!ret, "CANONICAL_PMR: %s", strerror(ret));
	return v;
}

/* The mask that userspace saves for a VM whose guest has set PMR_GUEST */
static inline u32 pmr_save(bool canonical)
{
	u32 want = canonical ? PMR_CANONICAL : PMR_5_BITS, val;
	struct vgic_v2 v = pmr_vm(canonical);

	v2_guest_write_gicc(v.vcpus[0], GICC_PMR, PMR_GUEST);
	val = gicc_get(&v, 0, GICC_PMR);
	test_expect(val == want, "GICC_PMR is saved as %#x, expected %#x", val,
		    want);
	vgic_v2_free(&v);
	return val;
}

/* Restore the mask. Returns the mask that the guest then reads. */
static inline u32 pmr_restore(bool canonical, u32 saved)
{
	struct vgic_v2 v = pmr_vm(canonical);
	u32 val;

	gicc_set(&v, 0, GICC_PMR, saved);
	val = v2_guest_read_gicc(v.vcpus[0], GICC_PMR);
	vgic_v2_free(&v);
	return val;
}

/* On a kernel without the attribute. Returns 0 or the positive errno. */
static inline int pmr_ask_older_kernel(void)
{
	struct vgic_v2 v = vgic_v2_create_guest();
	int ret;

	abi_set_mode("c");
	ret = pmr_make_canonical(&v);
	test_expect(gicc_get(&v, 0, GICC_PMR) <= 0x1f,
		    "refused, but GICC_PMR has more than five bits");
	abi_set_mode(abi_initial_mode());
	vgic_v2_free(&v);
	return ret;
}

#endif /* SELFTEST_KVM_ARM64_MIGRATION_PMR_H */
