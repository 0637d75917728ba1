// SPDX-License-Identifier: GPL-2.0-only
/* System registers and interrupt controllers for SMCCC guests */
#include <linux/sizes.h>

#include "abi/cases.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_sysreg.h"
#include "gic.h"
#include "processor.h"

void smccc_write_mrs(struct kvm_vm *vm, const u32 *sysregs, int nr)
{
	u32 *code = addr_gpa2hva(vm, SMCCC_MRS_GPA), *end = code;
	int i;

	for (i = 0; i < nr; i++)
		*end++ = 0xd5200000 | sysregs[i] | (1 + i);
	*end++ = 0xd2a00009 | SMCCC_MMIO_GPA >> 16 << 5; /* mov x9, # */
	*end++ = 0xb9000128; /* str w8, [x9] */
	__builtin___clear_cache((char *)code, (char *)end);
}

bool __smccc_run_mrs(int line, struct kvm_vcpu *vcpu)
{
	int ret = smccc_run(vcpu);
	bool ok = !ret && vcpu->run->exit_reason == KVM_EXIT_MMIO &&
		  vcpu->run->mmio.phys_addr == SMCCC_MMIO_GPA;

	__test_expect(line, ok, "KVM_RUN: %d (%s), exit %u", ret,
		      ret ? strerror(errno) : "no error",
		      vcpu->run->exit_reason);
	if (ok)
		vcpu_run_complete_io(vcpu);
	return ok;
}

u64 __smccc_mrs(int line, struct kvm_vcpu *vcpu, u32 sysreg)
{
	smccc_write_mrs(vcpu->vm, &sysreg, 1);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), SMCCC_MRS_GPA);
	return __smccc_run_mrs(line, vcpu) ? smccc_get_x(vcpu, 1) : 0;
}

bool smccc_has_gic(u32 type)
{
	struct kvm_vm *vm = vm_create_barebones();
	int ret = __kvm_test_create_device(vm, type);

	kvm_vm_free(vm);
	return !ret;
}

u32 smccc_gic_type(void)
{
	return smccc_has_gic(KVM_DEV_TYPE_ARM_VGIC_V3) ?
	       KVM_DEV_TYPE_ARM_VGIC_V3 : KVM_DEV_TYPE_ARM_VGIC_V2;
}

int smccc_add_gic(struct kvm_vm *vm, u32 type, u32 nr)
{
	int fd = kvm_create_device(vm, type);
	u64 addr = GICD_BASE_GPA;

	if (type == KVM_DEV_TYPE_ARM_VGIC_V3) {
		kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				    KVM_VGIC_V3_ADDR_TYPE_DIST, &addr);
		addr = REDIST_REGION_ATTR_ADDR(nr, GICR_BASE_GPA, 0, 0);
		kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				    KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &addr);
	} else {
		kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				    KVM_VGIC_V2_ADDR_TYPE_DIST, &addr);
		addr = GICR_BASE_GPA;
		kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				    KVM_VGIC_V2_ADDR_TYPE_CPU, &addr);
	}
	kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
			    KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	return fd;
}

bool smccc_has_pvms(void)
{
	int kvm_fd = open_kvm_dev_path_or_exit(), fd;

	fd = ioctl(kvm_fd, KVM_CREATE_VM, KVM_VM_TYPE_ARM_PROTECTED);
	if (fd >= 0)
		close(fd);
	close(kvm_fd);
	return fd >= 0;
}
