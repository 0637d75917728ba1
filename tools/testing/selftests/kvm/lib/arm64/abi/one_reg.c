// SPDX-License-Identifier: GPL-2.0-only
/* Access to registers that returns the errno */
#include "abi/one_reg.h"

int one_reg(int vcpu_fd, unsigned long cmd, u64 id, u64 addr)
{
	struct kvm_one_reg reg = { .id = id, .addr = addr };

	return ioctl(vcpu_fd, cmd, &reg) ? errno : 0;
}

int one_reg_get(struct kvm_vcpu *vcpu, u64 id, u64 *val)
{
	return one_reg(vcpu->fd, KVM_GET_ONE_REG, id, (u64)val);
}

int one_reg_set(struct kvm_vcpu *vcpu, u64 id, u64 val)
{
	return one_reg(vcpu->fd, KVM_SET_ONE_REG, id, (u64)&val);
}

int one_reg_list(int vcpu_fd, void *list)
{
	return ioctl(vcpu_fd, KVM_GET_REG_LIST, list) ? errno : 0;
}
