// SPDX-License-Identifier: GPL-2.0-only
/* Access to registers that returns the errno */
#include <asm/kvm_migration.h>

#include "abi/one_reg.h"

unsigned long one_reg_cmd(int fd, unsigned long cmd)
{
	/* A vCPU has no such ioctl. */
	if (ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY) < 0)
		return cmd;

	switch (cmd) {
	case KVM_GET_ONE_REG:
		return KVM_ARM_VM_GET_ONE_REG;
	case KVM_SET_ONE_REG:
		return KVM_ARM_VM_SET_ONE_REG;
	default:
		return KVM_ARM_VM_GET_REG_LIST;
	}
}

int one_reg(int fd, unsigned long cmd, u64 id, u64 addr)
{
	struct kvm_one_reg reg = { .id = id, .addr = addr };

	return ioctl(fd, cmd, &reg) ? errno : 0;
}

int one_reg_get(struct kvm_vcpu *vcpu, u64 id, u64 *val)
{
	return one_reg(vcpu->fd, KVM_GET_ONE_REG, id, (u64)val);
}

int one_reg_set(struct kvm_vcpu *vcpu, u64 id, u64 val)
{
	return one_reg(vcpu->fd, KVM_SET_ONE_REG, id, (u64)&val);
}

int one_reg_list(int fd, void *list)
{
	return ioctl(fd, one_reg_cmd(fd, KVM_GET_REG_LIST), list) ? errno : 0;
}
