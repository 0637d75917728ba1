// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_bench_ioctl - What userspace's accesses to the state of a VM cost,
 * accepted and refused: its firmware registers and ID registers, the lists of
 * registers, the SMCCC filter and the GICv2's CPU interface.
 *
 * floor/ioctl is a request that KVM does not know: it takes the vCPU's mutex,
 * as for any other, and refuses the request. See abi/bench/measure.h for the
 * method and the output.
 */
#include <linux/arm-smccc.h>

#include "abi/bench/guest.h"
#include "abi/bench/ioctl.h"
#include "abi/bench/measure.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/vgic_v2.h"
#include "processor.h"

/* A request and registers that do not exist. */
#define KVM_UNKNOWN		_IO(KVMIO, 0xff)
#define NO_FW_REG		KVM_REG_ARM_FW_REG(9)
#define NO_BMAP_REG		KVM_REG_ARM_FW_FEAT_BMAP_REG(9)

BENCH_DEFINE_LOOP(guest_nop, "nop")

static const char *path_of(const char *group, const char *name,
			   const char *suffix)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s%s", group, name, suffix);
	return path;
}

/* ---- Firmware registers ---- */

static void bench_fw_get(struct kvm_vcpu *vcpu, void *nowhere)
{
	u64 val;
	int i;

	for (i = 0; i < NR_FW_REGS; i++)
		bench_one_reg(path_of("get_one_reg", fw_regs[i].name, ""), 0,
			      vcpu->fd, KVM_GET_ONE_REG, fw_regs[i].id, &val);

	bench_one_reg("get_one_reg/FW_REG:ENOENT", ENOENT, vcpu->fd,
		      KVM_GET_ONE_REG, NO_FW_REG, &val);
	bench_one_reg("get_one_reg/FW_FEAT_BMAP:ENOENT", ENOENT, vcpu->fd,
		      KVM_GET_ONE_REG, NO_BMAP_REG, &val);
	bench_one_reg("get_one_reg/PSCI_VERSION:EFAULT", EFAULT, vcpu->fd,
		      KVM_GET_ONE_REG, KVM_REG_ARM_PSCI_VERSION, nowhere);
	bench_one_reg("get_one_reg/STD_BMAP:EFAULT", EFAULT, vcpu->fd,
		      KVM_GET_ONE_REG, KVM_REG_ARM_STD_BMAP, nowhere);
}

static void bench_fw_set(struct kvm_vcpu *vcpu, void *nowhere)
{
	u64 val;
	int i;

	for (i = 0; i < NR_FW_REGS; i++) {
		val = vcpu_get_reg(vcpu, fw_regs[i].id);
		bench_one_reg(path_of("set_one_reg", fw_regs[i].name, ""), 0,
			      vcpu->fd, KVM_SET_ONE_REG, fw_regs[i].id, &val);
		/* No register has this bit. */
		val |= BIT(63);
		bench_one_reg(path_of("set_one_reg", fw_regs[i].name, ":EINVAL"),
			      EINVAL, vcpu->fd, KVM_SET_ONE_REG, fw_regs[i].id,
			      &val);
	}

	bench_one_reg("set_one_reg/FW_REG:ENOENT", ENOENT, vcpu->fd,
		      KVM_SET_ONE_REG, NO_FW_REG, &val);
	bench_one_reg("set_one_reg/FW_FEAT_BMAP:ENOENT", ENOENT, vcpu->fd,
		      KVM_SET_ONE_REG, NO_BMAP_REG, &val);
	bench_one_reg("set_one_reg/PSCI_VERSION:EFAULT", EFAULT, vcpu->fd,
		      KVM_SET_ONE_REG, KVM_REG_ARM_PSCI_VERSION, nowhere);
	bench_one_reg("set_one_reg/STD_BMAP:EFAULT", EFAULT, vcpu->fd,
		      KVM_SET_ONE_REG, KVM_REG_ARM_STD_BMAP, nowhere);
}

/* Firmware registers of a VM that has run. */
static void bench_fw_set_late(struct kvm_vcpu *vcpu)
{
	u64 val;
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++) {
		val = vcpu_get_reg(vcpu, fw_regs[i].id);
		bench_one_reg(path_of("set_one_reg", fw_regs[i].name, ":late"),
			      0, vcpu->fd, KVM_SET_ONE_REG, fw_regs[i].id,
			      &val);
		val ^= BIT(0);
		bench_one_reg(path_of("set_one_reg", fw_regs[i].name, ":EBUSY"),
			      EBUSY, vcpu->fd, KVM_SET_ONE_REG, fw_regs[i].id,
			      &val);
	}
}

/* ---- ID registers, and lists of registers ---- */

/* The first writable field of four bits that can be changed by @delta, or 0. */
static u64 find_value(struct kvm_vcpu *vcpu, u64 id, u64 mask, int delta,
		      bool accepted)
{
	u64 val = vcpu_get_reg(vcpu, id);
	u64 end = delta < 0 ? 0 : 0xf;
	int shift;

	for (shift = 0; shift < 64; shift += 4) {
		u64 new = val + ((u64)delta << shift);

		if ((mask >> shift & 0xf) != 0xf || (val >> shift & 0xf) == end)
			continue;
		if (!one_reg_set(vcpu, id, new) == accepted) {
			vcpu_set_reg(vcpu, id, val);
			return new;
		}
		vcpu_set_reg(vcpu, id, val);
	}

	return 0;
}

static void bench_id_reg(struct kvm_vcpu *vcpu, const char *name, u32 reg,
			 const u64 *masks)
{
	u64 id = KVM_ARM64_SYS_REG(reg), mask = masks[id_nr(reg)];
	u64 val = vcpu_get_reg(vcpu, id);
	u64 lower = find_value(vcpu, id, mask, -1, true);
	u64 higher = find_value(vcpu, id, mask, 1, false);
	struct kvm_one_reg to_lower = { .id = id, .addr = (u64)&lower };
	struct kvm_one_reg to_val = { .id = id, .addr = (u64)&val };
	const struct bench_ioctl pair[] = {
		{ vcpu->fd, KVM_SET_ONE_REG, &to_lower },
		{ vcpu->fd, KVM_SET_ONE_REG, &to_val },
	};

	bench_one_reg(path_of("get_id_reg", name, ""), 0, vcpu->fd,
		      KVM_GET_ONE_REG, id, &val);
	bench_one_reg(path_of("set_id_reg", name, ""), 0, vcpu->fd,
		      KVM_SET_ONE_REG, id, &val);

	if (lower)
		bench_ioctls(path_of("set_id_reg", name, ":lower+restore"), 0,
			     pair, ARRAY_SIZE(pair));
	else
		bench_skip(path_of("set_id_reg", name, ":lower+restore"),
			   "no other value is possible on this host");

	if (higher)
		bench_one_reg(path_of("set_id_reg", name, ":refused"),
			      one_reg_set(vcpu, id, higher), vcpu->fd,
			      KVM_SET_ONE_REG, id, &higher);
	else
		bench_skip(path_of("set_id_reg", name, ":refused"),
			   "no field can be raised too far on this host");
}

static void bench_id_regs(struct bench_vm *b)
{
	struct kvm_vcpu *vcpu = b->vcpu[0];
	u64 masks[NR_ID_REGS] = {};
	struct reg_mask_range range = { .addr = (u64)masks };

	vm_ioctl(b->vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &range);
	bench_id_reg(vcpu, "ISAR0", SYS_ID_AA64ISAR0_EL1, masks);
	bench_id_reg(vcpu, "PFR0", SYS_ID_AA64PFR0_EL1, masks);
	bench_id_reg(vcpu, "MMFR0", SYS_ID_AA64MMFR0_EL1, masks);
	bench_id_reg(vcpu, "DFR0", SYS_ID_AA64DFR0_EL1, masks);

	bench_ioctl("list/GET_REG_WRITABLE_MASKS", 0, b->vm->fd,
		    KVM_ARM_GET_REG_WRITABLE_MASKS, &range);
}

static void bench_reg_list(struct kvm_vcpu *vcpu)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);

	bench_ioctl("list/GET_REG_LIST", 0, vcpu->fd, KVM_GET_REG_LIST, list);
	free(list);
}

/* ---- The SMCCC filter ---- */

/* Reserved for KVM itself once there is a filter. */
#define FN_RESERVED	ARM_SMCCC_VERSION_FUNC_ID
#define FN_FREE		0xc6001000

static void bench_filter(const char *path, int want, int fd,
			 struct kvm_smccc_filter *filter)
{
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VM_SMCCC_CTRL,
		.attr = KVM_ARM_VM_SMCCC_FILTER,
		.addr = (u64)filter,
	};

	bench_ioctl(path, want, fd, KVM_SET_DEVICE_ATTR, &attr);
}

static void bench_filters(struct bench_vm *b, void *nowhere)
{
	struct kvm_smccc_filter f = {
		.base = FN_FREE,
		.nr_functions = 16,
		.action = KVM_SMCCC_FILTER_DENY,
	};
	struct kvm_smccc_filter padded = f, empty = f, wrong = f;

	padded.pad[0] = 1;
	bench_filter("smccc_filter/pad:EINVAL", EINVAL, b->vm->fd, &padded);
	empty.nr_functions = 0;
	bench_filter("smccc_filter/empty:EINVAL", EINVAL, b->vm->fd, &empty);
	wrong.action = KVM_SMCCC_FILTER_FWD_TO_USER + 1;
	bench_filter("smccc_filter/action:EINVAL", EINVAL, b->vm->fd, &wrong);
	bench_filter("smccc_filter/EFAULT", EFAULT, b->vm->fd, nowhere);

	kvm_device_attr_set(b->vm->fd, KVM_ARM_VM_SMCCC_CTRL,
			    KVM_ARM_VM_SMCCC_FILTER, &f);
	bench_filter("smccc_filter/again:EEXIST", EEXIST, b->vm->fd, &f);
	f.base = FN_RESERVED;
	bench_filter("smccc_filter/reserved:EEXIST", EEXIST, b->vm->fd, &f);
}

static void bench_filters_late(struct bench_vm *b)
{
	struct kvm_smccc_filter f = {
		.base = FN_FREE,
		.nr_functions = 16,
		.action = KVM_SMCCC_FILTER_DENY,
	};

	bench_filter("smccc_filter/late:EBUSY", EBUSY, b->vm->fd, &f);
}

/* ---- The GICv2's CPU interface ---- */

static void bench_gicc(struct bench_vm *b)
{
	static const struct {
		const char *name;
		u32 offset;
	} regs[] = {
		{ "CTLR", GICC_CTLR }, { "PMR", GICC_PMR }, { "BPR", GICC_BPR },
		{ "APR1", GICC_APR(1) }, { "IIDR", GICC_IIDR },
	};
	u32 val;
	int i;

	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		struct kvm_device_attr attr = {
			.group = KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
			.attr = vgic_v2_attr(0, regs[i].offset),
			.addr = (u64)&val,
		};

		if (b->gicv2_fd < 0) {
			bench_skip(path_of("gicc_get", regs[i].name, ""),
				   "the VM has no GICv2");
			bench_skip(path_of("gicc_set", regs[i].name, ""),
				   "the VM has no GICv2");
			continue;
		}

		bench_ioctl(path_of("gicc_get", regs[i].name, ""), 0,
			    b->gicv2_fd, KVM_GET_DEVICE_ATTR, &attr);
		/* The same value: no other one is accepted for the IIDR. */
		kvm_device_attr_get(b->gicv2_fd, attr.group, attr.attr, &val);
		bench_ioctl(path_of("gicc_set", regs[i].name, ""), 0,
			    b->gicv2_fd, KVM_SET_DEVICE_ATTR, &attr);
	}
}

/* ---- */

static void block(void)
{
	void *nowhere = mmap(NULL, getpagesize(), PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct bench_vm b = bench_vm_create();
	struct bench_guest_op g = { .vcpu = b.vcpu[0], .loop = guest_nop };

	TEST_ASSERT(nowhere != MAP_FAILED, "mmap() failed");
	bench_ioctl("floor/ioctl", EINVAL, b.vcpu[0]->fd, KVM_UNKNOWN, NULL);
	bench_fw_get(b.vcpu[0], nowhere);
	bench_fw_set(b.vcpu[0], nowhere);
	bench_id_regs(&b);
	bench_reg_list(b.vcpu[0]);
	bench_gicc(&b);
	bench_filters(&b, nowhere);
	bench_vm_free(&b);

	b = bench_vm_create();
	g.vcpu = b.vcpu[0];
	bench_guest_try(&g);
	bench_fw_set_late(b.vcpu[0]);
	bench_filters_late(&b);
	bench_vm_free(&b);
	munmap(nowhere, getpagesize());
}

int main(int argc, char *argv[])
{
	bench.checked = "*";
	return bench_main(argc, argv, 1, block);
}
