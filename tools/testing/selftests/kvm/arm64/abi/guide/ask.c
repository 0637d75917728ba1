// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VMM can find out about a host without a VM that runs.
 */
#include <assert.h>

#include "vmm.h"

/* ---- Numbers for seccomp ---- */

/* On /dev/kvm and on the VM: by the thread that makes the VM */
static_assert(KVM_CHECK_EXTENSION == 0xae03, "");
static_assert(KVM_ENABLE_CAP == 0x4068aea3, "");
static_assert(KVM_ARM_GET_REG_WRITABLE_MASKS == 0x8040aeb6, "");
static_assert(KVM_ARM_VM_GET_ONE_REG == 0x4010aef0, "");
static_assert(KVM_ARM_VM_SET_ONE_REG == 0x4010aef1, "");
static_assert(KVM_ARM_VM_GET_REG_LIST == 0xc008aef2, "");
/* On the VM or on a vCPU */
static_assert(KVM_ARM_VM_CONFIG == 0xc040aef3, "");
/* On a vCPU: by its thread, if the VMM has one for each */
static_assert(KVM_GET_ONE_REG == 0x4010aeab, "");
static_assert(KVM_SET_ONE_REG == 0x4010aeac, "");
static_assert(KVM_GET_REG_LIST == 0xc008aeb0, "");
static_assert(KVM_ARM_VCPU_INIT == 0x4020aeae, "");
static_assert(KVM_ARM_VCPU_FINALIZE == 0x4004aec2, "");
/* On the VM (the filter) and on the interrupt controller */
static_assert(KVM_SET_DEVICE_ATTR == 0x4018aee1, "");
static_assert(KVM_GET_DEVICE_ATTR == 0x4018aee2, "");

/* ---- What there is ---- */

int vmm_available(int kvm_fd)
{
	/* The result is a set of bits: do not compare it with 1. */
	return ioctl(kvm_fd, KVM_CHECK_EXTENSION,
		     (unsigned long)KVM_CAP_ARM_MIGRATION);
}

int vmm_opted_in(int vm_fd)
{
	return ioctl(vm_fd, KVM_CHECK_EXTENSION,
		     (unsigned long)KVM_CAP_ARM_MIGRATION);
}

/* ---- The PSCI version ---- */

/* Before the device tree is written, which has it, and before there is a vCPU */
int choose_psci_1_1(int vm_fd)
{
	uint64_t version = 0x10001;
	struct kvm_one_reg one = {
		.id = KVM_REG_ARM_PSCI_VERSION,
		.addr = (uintptr_t)&version,
	};

	return ioctl(vm_fd, KVM_ARM_VM_SET_ONE_REG, &one);
}

/* ---- Levels ---- */

/* Levels can be compared without knowing what they mean. */
bool levels_fit(uint64_t saved, uint64_t host)
{
	for (int shift = 0; shift < 64; shift += 4) {
		int64_t promised = KVM_ARM_FEATURE_LEVEL(saved, shift);

		if (promised > 0 && promised > KVM_ARM_FEATURE_LEVEL(host, shift))
			return false;
	}
	return true;
}

/* ---- Services ---- */

/* What a bitmap can have. VENDOR_HYP_BMAP_2 reads 0 until userspace sets it. */
int services(int vm_fd, uint64_t id, uint64_t *mask)
{
	uint64_t masks[KVM_ARM_FW_RANGE_SIZE];
	struct reg_mask_range range = {
		.addr = (uintptr_t)masks,
		.range = KVM_ARM_FW_RANGE,
	};
	size_t nr = KVM_ARM_FW_RANGE_IDX(id);

	if (nr >= KVM_ARM_FW_RANGE_SIZE ||
	    ioctl(vm_fd, KVM_ARM_GET_REG_WRITABLE_MASKS, &range))
		return -1;
	*mask = masks[nr];
	return 0;
}

/* ---- ICC_CTLR_EL1 ---- */

#define ICC_CTLR_EL1	0xc664		/* op0 3, op1 0, CRn 12, CRm 12, op2 4 */
#define PRIBITS(val)	((val) >> 8 & 7)
#define IDBITS(val)	((val) >> 11 & 7)
#define SEIS_A3V	0xc000

/* Of a vGICv3 that is initialised */
int vmm_icc_ctlr(const struct vm *vm, uint64_t *ctlr)
{
	return gic_attr(vm->gic_fd, KVM_GET_DEVICE_ATTR,
			KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, ICC_CTLR_EL1, ctlr);
}

/* The rule is the same in all kernels. */
bool icc_ctlr_fits(uint64_t saved, uint64_t host)
{
	return !((saved ^ host) & SEIS_A3V) && PRIBITS(saved) <= PRIBITS(host) &&
	       IDBITS(saved) <= IDBITS(host);
}
