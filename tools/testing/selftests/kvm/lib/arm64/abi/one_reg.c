// SPDX-License-Identifier: GPL-2.0-only
/* Access to registers that returns the errno */
#include "abi/one_reg.h"

const unsigned long one_cmds[NR_ONE_CMDS] = {
	[ONE_GET] = KVM_GET_ONE_REG,
	[ONE_SET] = KVM_SET_ONE_REG,
};

const char * const one_cmd_name[NR_ONE_CMDS] = {
	[ONE_GET] = "GET",
	[ONE_SET] = "SET",
};

int one_reg(int vcpu_fd, unsigned long cmd, u64 id, u64 addr)
{
	struct kvm_one_reg reg = { .id = id, .addr = addr };

	return ioctl(vcpu_fd, cmd, &reg) ? errno : 0;
}

int one_reg_by(int fd, enum one_cmd cmd, u64 id, u64 addr)
{
	return one_reg(fd, one_cmds[cmd], id, addr);
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
