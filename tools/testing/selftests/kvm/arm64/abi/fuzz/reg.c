// SPDX-License-Identifier: GPL-2.0-only
/* Accesses of abi_fuzz to registers */
#include <asm/kvm_migration.h>
#include <linux/sizes.h>

#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "args.h"
#include "episode.h"
#include "random.h"
#include "reg.h"

static bool fuzz_is_vm(const struct fuzz_regs *regs)
{
	return regs->nr < 0;
}

static unsigned long fuzz_reg_cmd(const struct fuzz_regs *regs, bool set)
{
	if (fuzz_is_vm(regs))
		return set ? KVM_ARM_VM_SET_ONE_REG : KVM_ARM_VM_GET_ONE_REG;
	return set ? KVM_SET_ONE_REG : KVM_GET_ONE_REG;
}

/* For the digest: the owner's number, not its descriptor */
static u64 fuzz_whose(struct fuzz *f, const struct fuzz_regs *regs)
{
	return (regs->vm - f->vms) << 4 | (regs->nr & 0xf);
}

struct fuzz_regs fuzz_pick_regs(struct fuzz *f, struct fuzz_vm *vm)
{
	bool has_vm_regs = vm->opted_in & BIT(OPT_IN_VM_REGS);
	int nr = fuzz_below(&f->random, FUZZ_MAX_VCPUS);

	if (!vm->nr_vcpus || fuzz_one_in(&f->random, has_vm_regs ? 3 : 24))
		return (struct fuzz_regs) { vm->fd, -1, vm };

	nr %= vm->nr_vcpus;
	return (struct fuzz_regs) { vm->vcpus[nr].fd, nr, vm };
}

/* Read into the end of the window. Returns 0 or the errno. */
static int fuzz_read(struct fuzz *f, const struct fuzz_regs *regs, u64 id,
		     u64 *val)
{
	u64 *at = (u64 *)f->hole - 1;
	int ret;

	fuzz_begin(f, fuzz_is_vm(regs) ? FUZZ_VM_GET_REG : FUZZ_GET_REG,
		   fuzz_whose(f, regs), id, (u64)at);
	fuzz_fill(f, FUZZ_WINDOW);
	ret = one_reg(regs->fd, fuzz_reg_cmd(regs, false), id, (u64)at);
	*val = *at;
	fuzz_out(f, *val);
	fuzz_end(f, ret);
	return ret;
}

void fuzz_get_reg(struct fuzz *f, const struct fuzz_regs *regs)
{
	struct kvm_one_reg reg = {
		.id = fuzz_accessible_id(f, false),
		.addr = fuzz_addr(f, 8),
	};
	int ret;

	fuzz_begin(f, fuzz_is_vm(regs) ? FUZZ_VM_GET_REG : FUZZ_GET_REG,
		   fuzz_whose(f, regs), reg.id, reg.addr);
	fuzz_fill(f, FUZZ_WINDOW);
	ret = ioctl(regs->fd, fuzz_reg_cmd(regs, false), fuzz_arg(f, &reg));
	if (fuzz_is_in_mem(f, reg.addr & ~7UL))
		fuzz_out(f, *(u64 *)(reg.addr & ~7UL));
	fuzz_mix_window(f, FUZZ_WINDOW);
	fuzz_end(f, FUZZ_ERR(ret));
}

void fuzz_set_reg(struct fuzz *f, const struct fuzz_regs *regs)
{
	struct kvm_one_reg reg = {
		.id = fuzz_accessible_id(f, true),
		.addr = fuzz_addr(f, 8),
	};
	u64 before = 0, val, after;
	int readable, ret;

	readable = !fuzz_read(f, regs, reg.id, &before);
	val = fuzz_reg_value(f, reg.id, before);
	if (regs->vm->features & BIT(KVM_ARM_VCPU_PMU_V3))
		val = fuzz_keep_pmu(reg.id, val, before);

	fuzz_begin(f, fuzz_is_vm(regs) ? FUZZ_VM_SET_REG : FUZZ_SET_REG,
		   fuzz_whose(f, regs), reg.id, val, reg.addr);
	fuzz_fill(f, FUZZ_WINDOW);
	fuzz_store(f, reg.addr, &val, sizeof(val));
	ret = ioctl(regs->fd, fuzz_reg_cmd(regs, true), fuzz_arg(f, &reg));
	fuzz_mix_window(f, FUZZ_WINDOW);
	fuzz_end(f, FUZZ_ERR(ret));

	if (!readable || f->racing)
		return;
	if (!fuzz_read(f, regs, reg.id, &after) && ret && after != before) {
		f->nr_steps--;
		fuzz_fail(f, "the write was refused, but the register was %#lx",
			  before);
		f->nr_steps++;
	}
}

void fuzz_get_list(struct fuzz *f, const struct fuzz_regs *regs)
{
	struct fuzz_random *r = &f->random;
	size_t size = SZ_16K;
	u64 n, addr;
	int ret;

	switch (fuzz_below(r, 4)) {
	case 0:
		n = fuzz_below(r, 20);
		break;
	case 1:
		n = fuzz_value(r);
		break;
	default:
		n = size / 8 - 1;
	}
	addr = fuzz_one_in(r, 2) ? (u64)f->hole - size :
				   fuzz_addr(f, 8 * (1 + fuzz_below(r, 500)));

	fuzz_begin(f, fuzz_is_vm(regs) ? FUZZ_VM_GET_LIST : FUZZ_GET_LIST,
		   fuzz_whose(f, regs), n, addr);
	fuzz_fill(f, size);
	fuzz_store(f, addr, &n, sizeof(n));
	ret = ioctl(regs->fd, fuzz_is_vm(regs) ? KVM_ARM_VM_GET_REG_LIST :
		    KVM_GET_REG_LIST, addr);
	fuzz_mix_window(f, size);
	fuzz_end(f, FUZZ_ERR(ret));
}

void fuzz_get_masks(struct fuzz *f, struct fuzz_vm *vm)
{
	struct fuzz_random *r = &f->random;
	size_t size = NR_ID_REGS * sizeof(u64);
	struct reg_mask_range range = {
		.range = fuzz_one_in(r, 16) ? fuzz_value(r) : fuzz_below(r, 4),
	};
	int ret;

	size = max_t(size_t, size, KVM_ARM_GIC_RANGE_SIZE * sizeof(u64));
	range.addr = fuzz_one_in(r, 2) ? (u64)f->hole - size : fuzz_addr(f, size);
	if (fuzz_one_in(r, 8))
		range.reserved[fuzz_below(r, ARRAY_SIZE(range.reserved))] =
			fuzz_value(r);

	fuzz_begin(f, FUZZ_MASKS, vm - f->vms, range.range, range.addr,
		   range.reserved[0]);
	fuzz_fill(f, size);
	ret = ioctl(vm->fd, KVM_ARM_GET_REG_WRITABLE_MASKS, fuzz_arg(f, &range));
	fuzz_mix_window(f, size);
	fuzz_end(f, FUZZ_ERR(ret));
}
