/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs in which userspace reads and writes the GICv2's GICC_PMR in the format of
 * the architecture: KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_VGIC_V2_CANONICAL_H
#define SELFTEST_KVM_ARM64_ABI_VGIC_V2_CANONICAL_H

#include <asm/kvm_migration.h>

#include "abi/vgic_v2.h"
#include "kvm_util.h"

#define CANONICAL_GRP	KVM_DEV_ARM_VGIC_GRP_CTRL
#define CANONICAL_PMR	KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR

int canonical_has_attr(int fd);
int canonical_get_attr(int fd);
int __canonical_set_attr(int fd, u32 flags, u64 addr);

/* Set it in the mode rust, whatever mode is under test. */
int canonical_set_attr(int fd);

void __canonical_expect_errno(int line, int ret, int want, const char *what);
#define canonical_expect_errno(...)					\
	__canonical_expect_errno(__LINE__, __VA_ARGS__)

void canonical_opt_in(struct vgic_v2 *v);

/* A VM whose GIC is not initialised yet */
struct vgic_v2 canonical_create(bool canonical);

void canonical_init_gic(struct vgic_v2 *v);

/* The value that the guest sees for userspace's value */
u32 canonical_to_guest(bool canonical, u32 val);

/* Detect the VM's format by the bits that a value keeps. */
void __canonical_expect_format(int line, struct vgic_v2 *v, bool canonical);
#define canonical_expect_format(...)					\
	__canonical_expect_format(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_VGIC_V2_CANONICAL_H */
