// SPDX-License-Identifier: GPL-2.0-only
/* Ioctls of abi_fuzz, except those on registers */
#include <asm/kvm_migration.h>

#include "abi/opt_in.h"
#include "abi/vgic_v2.h"
#include "args.h"
#include "episode.h"
#include "guest.h"
#include "ioctl.h"
#include "random.h"
#include "vm.h"

static const unsigned long fuzz_attr_cmds[] = {
	KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_HAS_DEVICE_ATTR,
};

unsigned long fuzz_attr_cmd(struct fuzz_random *r)
{
	return fuzz_one_in(r, 2) ? KVM_SET_DEVICE_ATTR :
				   fuzz_pick(r, fuzz_attr_cmds);
}

int fuzz_attr(struct fuzz *f, int fd, unsigned long cmd, struct kvm_device_attr *attr)
{
	int ret;

	fuzz_mix(f, cmd);
	fuzz_mix(f, attr->flags);
	fuzz_mix(f, attr->addr);
	ret = FUZZ_ERR(ioctl(fd, cmd, fuzz_arg(f, attr)));
	if (cmd == KVM_GET_DEVICE_ATTR && fuzz_is_in_mem(f, attr->addr & ~7UL))
		fuzz_out(f, *(u64 *)(attr->addr & ~7UL));
	fuzz_mix_window(f, FUZZ_WINDOW);
	fuzz_end(f, ret);
	return ret;
}

/* ---- The GIC ---- */

void fuzz_access_gic(struct fuzz *f, struct fuzz_vm *vm)
{
	struct fuzz_random *r = &f->random;
	unsigned long cmd = fuzz_attr_cmd(r);
	struct kvm_device_attr attr = {
		.group = KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
		.attr = vgic_v2_attr(fuzz_below(r, 3),
				     fuzz_pick_of(r, gicc_regs,
						  NR_GICC_REGS).offset),
		.addr = fuzz_addr(f, 4),
	};
	u32 val = fuzz_value(r);

	switch (fuzz_below(r, 12)) {
	case 0:
		attr.attr = fuzz_noise(r, attr.attr, 3);
		break;
	case 1:
		attr.group = KVM_DEV_ARM_VGIC_GRP_CTRL;
		attr.attr = fuzz_below(r, 8);
		break;
	case 2:
		attr.group = fuzz_below(r, 12);
		attr.attr = fuzz_value(r);
		break;
	case 3:
		attr.flags = fuzz_value(r);
		break;
	}

	/* Do not save tables to the guest's memory: that is not under test. */
	if (vm->gic_type == KVM_DEV_TYPE_ARM_VGIC_V3 &&
	    attr.group == KVM_DEV_ARM_VGIC_GRP_CTRL && attr.attr)
		return;
	if (fuzz_one_in(r, 8))
		attr.group = KVM_DEV_ARM_VGIC_GRP_CANONICAL;

	fuzz_begin(f, FUZZ_GIC_ATTR, vm - f->vms, attr.group, attr.attr, val);
	fuzz_fill(f, FUZZ_WINDOW);
	fuzz_store(f, attr.addr, &val, sizeof(val));
	fuzz_attr(f, vm->gic_fd, cmd, &attr);
}

/* ---- vCPUs ---- */

void fuzz_set_stolen_time(struct fuzz *f, struct fuzz_vm *vm, int nr)
{
	struct fuzz_random *r = &f->random;
	unsigned long cmd = fuzz_attr_cmd(r);
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VCPU_PVTIME_CTRL,
		.attr = fuzz_one_in(r, 16) ? fuzz_value(r) : KVM_ARM_VCPU_PVTIME_IPA,
		.addr = fuzz_addr(f, 8),
	};
	u64 gpa = FUZZ_GPA + FUZZ_STOLEN_TIME + 64 * nr;

	if (fuzz_one_in(r, 4))
		gpa = fuzz_one_in(r, 2) ? gpa + 8 : FUZZ_GPA + FUZZ_GUEST_SIZE;

	fuzz_begin(f, FUZZ_VCPU_ATTR, nr, attr.group, attr.attr, gpa);
	fuzz_fill(f, FUZZ_WINDOW);
	/* Else a part of it might be a different address. */
	if (attr.addr + 8 <= (u64)f->hole)
		fuzz_store(f, attr.addr, &gpa, sizeof(gpa));
	fuzz_attr(f, vm->vcpus[nr].fd, cmd, &attr);
}

void fuzz_mp_state(struct fuzz *f, struct fuzz_vm *vm, int nr)
{
	static const u32 states[] = {
		KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_RUNNABLE,
		KVM_MP_STATE_STOPPED, KVM_MP_STATE_SUSPENDED, KVM_MP_STATE_HALTED,
	};
	struct kvm_mp_state state = { .mp_state = -1 };
	int ret;

	if (fuzz_one_in(&f->random, 2)) {
		fuzz_begin(f, FUZZ_GET_MP_STATE, nr);
		ret = ioctl(vm->vcpus[nr].fd, KVM_GET_MP_STATE,
			    fuzz_arg(f, &state));
		fuzz_out(f, state.mp_state);
	} else {
		state.mp_state = fuzz_one_in(&f->random, 8) ?
				 fuzz_value(&f->random) :
				 fuzz_pick(&f->random, states);
		fuzz_begin(f, FUZZ_SET_MP_STATE, nr, state.mp_state);
		ret = ioctl(vm->vcpus[nr].fd, KVM_SET_MP_STATE,
			    fuzz_arg(f, &state));
	}
	fuzz_end(f, FUZZ_ERR(ret));
}

void fuzz_reinit(struct fuzz *f, struct fuzz_vm *vm, int nr)
{
	struct fuzz_random *r = &f->random;
	u64 features = vm->features;
	u32 target = KVM_ARM_TARGET_GENERIC_V8, last = 0;

	if (fuzz_one_in(r, 2))
		features |= BIT(KVM_ARM_VCPU_POWER_OFF);
	switch (fuzz_below(r, 12)) {
	case 0:
		features ^= BIT(KVM_ARM_VCPU_PSCI_0_2);
		break;
	case 1:
		features = (u32)fuzz_value(r) &
			   ~(BIT(KVM_ARM_VCPU_HAS_EL2) | BIT(KVM_ARM_VCPU_PMU_V3) |
			     BIT(KVM_ARM_VCPU_EL1_32BIT));
		break;
	case 2:
		target = fuzz_value(r);
		break;
	case 3:
		last = fuzz_value(r);
		break;
	}

	fuzz_vcpu_init(f, vm, nr, target, features, last);
}

void fuzz_finalize(struct fuzz *f, struct fuzz_vm *vm, int nr)
{
	int feature = fuzz_one_in(&f->random, 4) ? fuzz_value(&f->random) :
						   KVM_ARM_VCPU_SVE;
	int ret;

	fuzz_begin(f, FUZZ_FINALIZE, nr, feature);
	ret = ioctl(vm->vcpus[nr].fd, KVM_ARM_VCPU_FINALIZE, &feature);
	fuzz_end(f, FUZZ_ERR(ret));
}

/* ---- Capabilities ---- */

static const u32 fuzz_caps[] = {
	KVM_CAP_ARM_SYSTEM_SUSPEND,
	KVM_CAP_ARM_SYSTEM_SUSPEND,
	KVM_CAP_ARM_WRITABLE_IMP_ID_REGS,
	KVM_CAP_ARM_NISV_TO_USER,
	KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES,
	KVM_CAP_ARM_PSCI_0_2,
	KVM_CAP_ARM_MIGRATION - 1,
	KVM_CAP_ARM_MIGRATION + 1,
};

static u32 fuzz_cap(struct fuzz_random *r)
{
	return fuzz_one_in(r, 2) ? KVM_CAP_ARM_MIGRATION :
				   fuzz_pick(r, fuzz_caps);
}

void fuzz_check_extension(struct fuzz *f, struct fuzz_vm *vm)
{
	u32 cap = fuzz_cap(&f->random);
	int ret;

	fuzz_begin(f, FUZZ_CHECK_EXTENSION, vm - f->vms, cap);
	ret = ioctl(vm->fd, KVM_CHECK_EXTENSION, (unsigned long)cap);
	fuzz_out(f, ret);
	if (cap == KVM_CAP_ARM_MIGRATION && !f->racing && ret >= 0 &&
	    ret != vm->opted_in)
		fuzz_fail(f, "the VM is said to have %#x, not %#x", ret,
			  vm->opted_in);
	fuzz_end(f, FUZZ_ERR(ret));
}

void fuzz_enable_cap(struct fuzz *f, struct fuzz_vm *vm)
{
	struct fuzz_random *r = &f->random;
	struct kvm_enable_cap cap = { .cap = fuzz_cap(r) };
	bool opts_in = cap.cap == KVM_CAP_ARM_MIGRATION;
	void *arg = fuzz_arg(f, &cap);
	int ret;

	if (opts_in)
		cap.args[0] = fuzz_below(r, OPT_IN_ALL + 1);
	switch (fuzz_below(r, 6)) {
	case 0:
		cap.args[fuzz_below(r, 4)] = fuzz_value(r);
		break;
	case 1:
		cap.flags = fuzz_value(r);
		break;
	case 2:
		cap.pad[fuzz_below(r, sizeof(cap.pad))] = fuzz_u64(r);
		break;
	}

	fuzz_begin(f, FUZZ_ENABLE_CAP, vm - f->vms, cap.cap, cap.args[0],
		   cap.flags);
	ret = ioctl(vm->fd, KVM_ENABLE_CAP, arg);
	fuzz_end(f, FUZZ_ERR(ret));

	if (opts_in && !ret)
		vm->opted_in |= opt_in_complete(cap.args[0]);
}
