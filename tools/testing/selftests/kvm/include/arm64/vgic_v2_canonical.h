/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs in which userspace reads and writes the GICv2's GICC_PMR in the format of
 * the architecture: KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR.
 */
#ifndef SELFTEST_KVM_ARM64_VGIC_V2_CANONICAL_H
#define SELFTEST_KVM_ARM64_VGIC_V2_CANONICAL_H

#include <errno.h>

#include "opt_in.h"
#include "vgic_v2_guest.h"

#define CANONICAL_GRP	KVM_DEV_ARM_VGIC_GRP_CTRL
#define CANONICAL_PMR	KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR

static inline int canonical_has_attr(int fd)
{
	return vgic_v2_access(fd, KVM_HAS_DEVICE_ATTR, CANONICAL_GRP,
			      CANONICAL_PMR, 0);
}

static inline int canonical_get_attr(int fd)
{
	u64 val = 0;

	return vgic_v2_access(fd, KVM_GET_DEVICE_ATTR, CANONICAL_GRP,
			      CANONICAL_PMR, (u64)&val);
}

static inline int __canonical_set_attr(int fd, u32 flags, u64 addr)
{
	struct kvm_device_attr attr = {
		.flags = flags,
		.group = CANONICAL_GRP,
		.attr = CANONICAL_PMR,
		.addr = addr,
	};

	return ioctl(fd, KVM_SET_DEVICE_ATTR, &attr) ? errno : 0;
}

/* Set it in the mode rust, whatever mode is under test. */
static inline int canonical_set_attr(int fd)
{
	int ret;

	opt_in_begin();
	ret = __canonical_set_attr(fd, 0, 0);
	opt_in_end();
	return ret;
}

static inline void __canonical_expect_errno(int line, int ret, int want,
					    const char *what)
{
	__test_expect(line, ret == want, "%s: %s, expected %s", what,
		      strerror(ret), strerror(want));
}

#define canonical_expect_errno(...)					\
	__canonical_expect_errno(__LINE__, __VA_ARGS__)

static inline void canonical_opt_in(struct vgic_v2 *v)
{
	canonical_expect_errno(canonical_set_attr(v->fd), 0, "CANONICAL_PMR");
}

/* A VM whose GIC is not initialised yet */
static inline struct vgic_v2 canonical_create(bool canonical)
{
	struct vgic_v2 v = vgic_v2_create_guest();

	if (canonical)
		canonical_opt_in(&v);
	return v;
}

static inline void canonical_init_gic(struct vgic_v2 *v)
{
	kvm_device_attr_set(v->fd, CANONICAL_GRP, KVM_DEV_ARM_VGIC_CTRL_INIT,
			    NULL);
}

/* The value that the guest sees for userspace's value */
static inline u32 canonical_to_guest(bool canonical, u32 val)
{
	return canonical ? val & 0xf8 : (val & 0x1f) << 3;
}

/* Detect the VM's format by the bits that a value keeps. */
static inline void __canonical_expect_format(int line, struct vgic_v2 *v,
					     bool canonical)
{
	u32 want = canonical ? 0xf0 : 0x10, now;

	gicc_set(v, v->vcpus[0]->id, GICC_PMR, 0xf0);
	now = gicc_get(v, v->vcpus[0]->id, GICC_PMR);
	__test_expect(line, now == want, "0xf0 reads %#x, expected %#x", now,
		      want);
}

#define canonical_expect_format(...)					\
	__canonical_expect_format(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_VGIC_V2_CANONICAL_H */
