// SPDX-License-Identifier: GPL-2.0-only
/* VMs with the canonical GICC_PMR */
#include <errno.h>

#include "abi/cases.h"
#include "abi/opt_in.h"
#include "abi/vgic_v2.h"
#include "abi/vgic_v2_canonical.h"
#include "abi/vgic_v2_guest.h"

int canonical_has_attr(int fd)
{
	return vgic_v2_access(fd, KVM_HAS_DEVICE_ATTR, CANONICAL_GRP,
			      CANONICAL_PMR, 0);
}

int canonical_get_attr(int fd)
{
	u64 val = 0;

	return vgic_v2_access(fd, KVM_GET_DEVICE_ATTR, CANONICAL_GRP,
			      CANONICAL_PMR, (u64)&val);
}

int __canonical_set_attr(int fd, u32 flags, u64 addr)
{
	struct kvm_device_attr attr = {
		.flags = flags,
		.group = CANONICAL_GRP,
		.attr = CANONICAL_PMR,
		.addr = addr,
	};

	return ioctl(fd, KVM_SET_DEVICE_ATTR, &attr) ? errno : 0;
}

int canonical_set_attr(int fd)
{
	return __canonical_set_attr(fd, 0, 0);
}

void __canonical_expect_errno(int line, int ret, int want, const char *what)
{
	__test_expect(line, ret == want, "%s: %s, expected %s", what,
		      strerror(ret), strerror(want));
}

void canonical_opt_in(struct vgic_v2 *v)
{
	canonical_expect_errno(canonical_set_attr(v->fd), 0, "CANONICAL_PMR");
}

struct vgic_v2 canonical_create(bool canonical)
{
	struct vgic_v2 v = vgic_v2_create_guest();

	if (canonical)
		canonical_opt_in(&v);
	return v;
}

void canonical_init_gic(struct vgic_v2 *v)
{
	kvm_device_attr_set(v->fd, CANONICAL_GRP, KVM_DEV_ARM_VGIC_CTRL_INIT,
			    NULL);
}

u32 canonical_to_guest(bool canonical, u32 val)
{
	return canonical ? val & 0xf8 : (val & 0x1f) << 3;
}

void __canonical_expect_format(int line, struct vgic_v2 *v, bool canonical)
{
	u32 want = canonical ? 0xf0 : 0x10, now;

	gicc_set(v, v->vcpus[0]->id, GICC_PMR, 0xf0);
	now = gicc_get(v, v->vcpus[0]->id, GICC_PMR);
	__test_expect(line, now == want, "0xf0 reads %#x, expected %#x", now,
		      want);
}
