// SPDX-License-Identifier: GPL-2.0-only
/* Levels of VMs */
#include <errno.h>

#include "abi/compat.h"
#include "abi/opt_in.h"

const struct compat_name compat_names[NR_COMPAT_NAMES] = {
	{ "native", KVM_ARM_COMPAT_NATIVE },
	{ "6.18", KVM_ARM_COMPAT_6_18 },
	{ "6.16", KVM_ARM_COMPAT_6_16 },
	{ "6.12", KVM_ARM_COMPAT_6_12 },
	{ "6.1", KVM_ARM_COMPAT_6_1 },
};

/* A request that is valid if @bit is a level */
struct kvm_enable_cap compat_cap(u64 bit)
{
	return (struct kvm_enable_cap) {
		.cap = KVM_CAP_ARM_COMPAT,
		.args = { bit },
	};
}

/* Returns 0 or errno. */
int compat_enable(int fd, const struct kvm_enable_cap *cap)
{
	return ioctl(fd, KVM_ENABLE_CAP, cap) ? errno : 0;
}

/* Give @vm the level of this bit. Returns 0 or errno. */
int compat_choose(struct kvm_vm *vm, u64 bit)
{
	struct kvm_enable_cap cap = compat_cap(bit);

	return compat_enable(vm->fd, &cap);
}

/* The level of a VM, or by /dev/kvm all levels, as bits */
int compat_get(int fd)
{
	return opt_in_check(fd, KVM_CAP_ARM_COMPAT);
}
