// SPDX-License-Identifier: GPL-2.0-only
/* Arguments of random ioctls */
#include <asm/kvm_migration.h>

#include "abi/fw_reg.h"
#include "abi/user_mem.h"
#include "args.h"
#include "episode.h"
#include "processor.h"
#include "random.h"

/* ---- Pointers ---- */

u64 fuzz_addr(struct fuzz *f, size_t size)
{
	struct fuzz_random *r = &f->random;
	u64 hole = (u64)f->hole;

	switch (fuzz_below(r, 24)) {
	case 0:
	case 1:
		return hole - size;
	case 2:
	case 3:
		return hole - fuzz_below(r, size);
	case 4:
		return hole - FUZZ_WINDOW + fuzz_below(r, 64);
	case 5:
		return fuzz_pick_of(r, user_bad_pointers, NR_USER_BAD_POINTERS);
	case 6:
		return (u64)user_read_only;
	case 7:
		return (hole - FUZZ_WINDOW) | fuzz_u64(r) << 56;
	default:
		/* An object up to the size of a filter fits into the window. */
		return hole - FUZZ_WINDOW - (size > 32 ? size : 0) +
		       8 * fuzz_below(r, 8);
	}
}

bool fuzz_is_in_mem(struct fuzz *f, u64 addr)
{
	return addr >= (u64)f->mem && addr < (u64)f->hole;
}

void fuzz_store(struct fuzz *f, u64 addr, const void *val, size_t len)
{
	if (fuzz_is_in_mem(f, addr))
		memcpy((void *)addr, val, min_t(size_t, len, (u64)f->hole - addr));
}

void fuzz_fill(struct fuzz *f, size_t size)
{
	memset(f->hole - size, USER_CANARY, size);
}

void fuzz_mix_window(struct fuzz *f, size_t size)
{
	fuzz_mix_mem(f, f->hole - size, size);
}

void *fuzz_arg(struct fuzz *f, void *arg)
{
	return fuzz_one_in(&f->random, 128) ?
	       (void *)fuzz_pick_of(&f->random, user_bad_pointers,
				    NR_USER_BAD_POINTERS) : arg;
}

/* ---- Registers ---- */

#define FUZZ_SYSREG(op0, op1, crn, crm, op2)				\
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 |				\
	 ARM64_SYS_REG(op0, op1, crn, crm, op2))

#define FUZZ_COPROC(id)		((id) & KVM_REG_ARM_COPROC_MASK)
#define FUZZ_SYSREG_OP0(id)						\
	(((id) & KVM_REG_ARM64_SYSREG_OP0_MASK) >> KVM_REG_ARM64_SYSREG_OP0_SHIFT)
#define FUZZ_SYSREG_CRN(id)						\
	(((id) & KVM_REG_ARM64_SYSREG_CRN_MASK) >> KVM_REG_ARM64_SYSREG_CRN_SHIFT)

static const u64 fuzz_other_regs[] = {
	KVM_ARM64_SYS_REG(SYS_MPIDR_EL1),
	KVM_ARM64_SYS_REG(SYS_CTR_EL0),
	KVM_ARM64_SYS_REG(SYS_CLIDR_EL1),
	KVM_ARM64_SYS_REG(SYS_AIDR_EL1),
	KVM_ARM64_SYS_REG(SYS_MIDR_EL1),
	KVM_ARM64_SYS_REG(SYS_REVIDR_EL1),
	KVM_ARM64_SYS_REG(SYS_SMIDR_EL1),
	KVM_ARM64_SYS_REG(SYS_DCZID_EL0),
	KVM_ARM64_SYS_REG(SYS_CSSELR_EL1),
};

static u64 fuzz_id(struct fuzz *f)
{
	struct fuzz_random *r = &f->random;
	u64 id;

	switch (fuzz_below(r, 16)) {
	case 0 ... 5:
		id = fuzz_pick(r, fw_regs).id;
		break;
	case 6:
		id = (fuzz_one_in(r, 2) ? KVM_REG_ARM_FW_REG(0) :
		      KVM_REG_ARM_FW_FEAT_BMAP_REG(0)) + fuzz_below(r, 16);
		break;
	case 7 ... 8:
		id = KVM_REG_ARM_FEATURE_LEVEL_REG(fuzz_below(r, 10));
		break;
	case 9 ... 12:
		id = FUZZ_SYSREG(3, 0, 0, fuzz_below(r, 9), fuzz_below(r, 8));
		break;
	case 13:
		id = fuzz_pick(r, fuzz_other_regs);
		break;
	case 14:
		id = ARM64_CORE_REG(regs.regs[0]) + 2 * fuzz_below(r, 40);
		break;
	default:
		id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | (u32)fuzz_value(r);
		break;
	}

	/* The size, the scope, the architecture, any bit */
	switch (fuzz_below(r, 16)) {
	case 0:
		id &= ~KVM_REG_SIZE_MASK;
		id |= (u64)fuzz_below(r, 16) << KVM_REG_SIZE_SHIFT;
		break;
	case 1:
		id ^= KVM_REG_ARM_SCOPE_MASK;
		break;
	case 2:
		id ^= fuzz_value(r) << 56;
		break;
	case 3:
	case 4:
		id = fuzz_noise(r, id, 3);
		break;
	}

	return id;
}

/*
 * Registers that must not be read, as they count, or must not be written, as
 * they would derail the guest: system registers except feature IDs, and the
 * core registers after x28: the stack pointers, PC and PSTATE.
 */
static bool fuzz_is_off_limits(u64 id, bool is_write)
{
	switch (FUZZ_COPROC(id)) {
	case KVM_REG_ARM64_SYSREG:
		return FUZZ_SYSREG_CRN(id) == 14 || FUZZ_SYSREG_CRN(id) == 9 ||
		       (is_write && (FUZZ_SYSREG_CRN(id) ||
				     FUZZ_SYSREG_OP0(id) != 3));
	case KVM_REG_ARM_CORE:
		return is_write && (id & 0xffff) >= 58;
	default:
		return false;
	}
}

u64 fuzz_accessible_id(struct fuzz *f, bool is_write)
{
	u64 id;

	do {
		id = fuzz_id(f);
	} while (fuzz_is_off_limits(id, is_write));

	return id;
}

/* ---- Values of registers ---- */

/* Change fields of four bits: add 1, subtract 1, or set any value. */
static u64 fuzz_change_fields(struct fuzz_random *r, u64 val)
{
	int nr = 1 + fuzz_below(r, 3), shift;

	while (nr--) {
		shift = 4 * fuzz_below(r, 16);
		switch (fuzz_below(r, 4)) {
		case 0:
			val += 1UL << shift;
			break;
		case 1:
		case 2:
			val -= 1UL << shift;
			break;
		case 3:
			val &= ~(0xfUL << shift);
			val |= (u64)fuzz_below(r, 16) << shift;
			break;
		}
	}

	return val;
}

static u64 fuzz_psci_version(struct fuzz_random *r)
{
	return fuzz_one_in(r, 4) ? 0x1 : fuzz_pick(r, fw_psci_versions) +
	       (fuzz_one_in(r, 8) ? fuzz_below(r, 3) - 1UL : 0);
}

u64 fuzz_reg_value(struct fuzz *f, u64 id, u64 now)
{
	struct fuzz_random *r = &f->random;
	u64 val;

	if (fuzz_one_in(r, 16))
		return fuzz_value(r);
	if (fuzz_one_in(r, 8))
		return now;

	switch (FUZZ_COPROC(id)) {
	case KVM_REG_ARM_FW:
		val = id == KVM_REG_ARM_PSCI_VERSION ? fuzz_psci_version(r) :
						       fuzz_below(r, 32);
		break;
	case KVM_REG_ARM_FW_FEAT_BMAP:
		val = fuzz_below(r, 6);
		break;
	case KVM_REG_ARM_FEATURE_LEVEL:
	case KVM_REG_ARM64_SYSREG:
		val = fuzz_change_fields(r, now);
		break;
	default:
		val = fuzz_value(r);
	}

	/* Affinities that another vCPU may have, too */
	if ((id & ~KVM_REG_ARM_SCOPE_MASK) == KVM_ARM64_SYS_REG(SYS_MPIDR_EL1))
		val = BIT(31) | fuzz_below(r, 4) << (8 * fuzz_below(r, 4));

	return fuzz_one_in(r, 16) ? fuzz_noise(r, val, 2) : val;
}

u64 fuzz_keep_pmu(u64 id, u64 val, u64 now)
{
	u64 pmuver = 0xfUL << 8;

	if ((id & KVM_REG_ARM_COPROC_MASK) != KVM_REG_ARM64_SYSREG)
		return val;

	return (val & ~pmuver) | (now & pmuver);
}
