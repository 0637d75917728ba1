// SPDX-License-Identifier: GPL-2.0-only
/*
 * migration_matrix - Which VM can be restored from which.
 *
 * A row is a VM that was saved, a column is a VM that is restored from it;
 * either may know registers that the other does not. Each cell shows the
 * result: "ok", or the register that is refused first, with the errno; a VMM
 * would give up there. The test itself goes on, and checks each register of the
 * stream against the rules below: the destination accepts no value that it does
 * not have, and a refused register reads as before. Then the guest, whose
 * memory and vCPU have moved, goes on in the destination, and sees the PSCI
 * version and the services according to the registers.
 *
 * The test has only one kernel on one host. As the source, another kernel or host
 * is a stream of (id, value) pairs as it would arrive: the stream of a VM of this
 * host, without the registers that the other kernel does not know, or with
 * additional ones. So the rows are the same on each host, except those in which
 * the level of a workaround differs: these depend on this host's levels, which are
 * printed above the table. opt_in_absent tests a kernel with nothing to opt in to.
 */
#include <asm/kvm_migration.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_host.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/level.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_image.h"
#include "abi/switch.h"
#include "abi/vgic_v2.h"
#include "abi/vgic_v2_guest.h"
#include "processor.h"
#include "ucall_common.h"

/* ---- Sets ---- */

/* What a VM can opt in to */
#define IN_LEVELS	BIT(OPT_IN_LEVELS)
#define IN_RANGES	OPT_IN_RANGES
#define IN_VM		BIT(OPT_IN_VM_REGS)
#define IN_SCOPE	BIT(OPT_IN_SCOPE)
#define IN_FREEZE	BIT(OPT_IN_FREEZE)
#define IN_ALL		OPT_IN_ALL

/* What can be refused: registers, and the ioctls that come before them */
#define PSCI		BIT(FW_PSCI_VERSION)
#define WA_1		BIT(FW_WORKAROUND_1)
#define WA_2		BIT(FW_WORKAROUND_2)
#define WA_3		BIT(FW_WORKAROUND_3)
#define STD		BIT(FW_STD)
#define STD_HYP		BIT(FW_STD_HYP)
#define VENDOR		BIT(FW_VENDOR_HYP)
#define VENDOR_2	BIT(FW_VENDOR_HYP_2)
#define LEVELS(n)	BIT(NR_FW_REGS + (n))
#define ALL_LEVELS	GENMASK(NR_FW_REGS + NR_LEVEL_REGS - 1, NR_FW_REGS)
#define NEW		BIT(16)		/* registers unknown to this kernel */
#define ID_REGS		BIT(17)
#define ANY_REG		GENMASK(17, 0)
#define VCPU_INIT	BIT(18)

/* Registers whose value is kept; those of the workarounds are only compared. */
#define STORED		(PSCI | STD | STD_HYP | VENDOR | VENDOR_2 | ALL_LEVELS)

static const char * const names[] = {
	"PSCI", "WA_1", "WA_2", "WA_3", "STD", "STD_HYP", "VENDOR", "VENDOR_2",
	"LEVEL_0", "LEVEL_1", "LEVEL_2", "LEVEL_3", "LEVEL_4", "LEVEL_5",
	"LEVEL_6", "LEVEL_7", "new", "ID", "INIT",
};

static const char *errno_name(int err)
{
	return err == EINVAL ? "EINVAL" : err == ENOENT ? "ENOENT" :
	       err == EBUSY ? "EBUSY" : err == ENOEXEC ? "ENOEXEC" :
	       err == ENXIO ? "ENXIO" : strerror(err);
}

static int reg_nr(u64 id)
{
	int i;

	id &= ~(u64)KVM_REG_ARM_SCOPE_MASK;
	for (i = 0; i < NR_FW_REGS; i++) {
		if (id == fw_regs[i].id)
			return i;
	}
	for (i = 0; i < NR_LEVEL_REGS; i++) {
		if (id == LEVEL_REG_0 + i)
			return __builtin_ctz(LEVELS(i));
	}

	return __builtin_ctz(image_id_reg_nr(id) >= 0 ? ID_REGS : NEW);
}

/* ---- Saved state ---- */

#define MAX_SAVED	128

/*
 * A saved VM: the VM-wide registers, as a stream of (id, value) pairs, and its
 * vCPU and memory
 */
struct saved {
	bool vm_fd;
	int nr;
	struct one_reg {
		u64 id;
		u64 val;
	} reg[MAX_SAVED];
	struct reg_image own;
	void *mem;
	size_t mem_size;
	u64 calls;
};

struct migrant {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
};

/* The guest also counts its calls; the count moves with it. */
static u64 guest_calls;

static void migrant_code(void)
{
	u64 n = 0;

	for (;;) {
		fw_smccc(&fw_guest_regs);
		guest_calls = ++n;
		GUEST_SYNC(0);
	}
}

static u64 migrant_calls(struct migrant *m)
{
	return *(u64 *)addr_gva2hva(m->vm, (gva_t)&guest_calls);
}

static void migrant_run(struct migrant *m)
{
	fw_guest_call(m->vcpu, ARM_SMCCC_VERSION_FUNC_ID, 0);
	/* The PC is only moved past the store by the next KVM_RUN. */
	vcpu_run_complete_io(m->vcpu);
}

static void migrant_opt_in(struct migrant *m, u32 set)
{
	if (set)
		opt_in(m->vm, set);
}

static struct kvm_vcpu_init migrant_init(struct kvm_vm *vm, bool psci_0_2,
					 bool all_features)
{
	struct kvm_vcpu_init init = {};

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	if (all_features)
		init.features[0] |= id_all_features();
	init.features[0] &= ~BIT(KVM_ARM_VCPU_PSCI_0_2);
	if (psci_0_2)
		init.features[0] |= BIT(KVM_ARM_VCPU_PSCI_0_2);
	return init;
}

static bool migrant_has(const struct migrant *m, int feature)
{
	return m->vcpu->init.features[0] & BIT(feature);
}

/* What a vCPU needs before its registers can be restored and it can run */
static void migrant_init_pmu(struct migrant *m)
{
	if (migrant_has(m, KVM_ARM_VCPU_PMU_V3))
		vcpu_device_attr_set(m->vcpu, KVM_ARM_VCPU_PMU_V3_CTRL,
				     KVM_ARM_VCPU_PMU_V3_INIT, NULL);
}

/* SVE_VLS can be set before, all other SVE registers after. */
static void migrant_finalize(struct migrant *m)
{
	int feature = KVM_ARM_VCPU_SVE;

	if (migrant_has(m, feature))
		vcpu_ioctl(m->vcpu, KVM_ARM_VCPU_FINALIZE, &feature);
}

/* Whether a register is a part of the vCPU's own state */
static bool is_own_reg(u64 id)
{
	return !(id & KVM_REG_ARM_SCOPE_MASK) && !image_is_vm_wide(id) &&
	       (id & KVM_REG_ARM_COPROC_MASK) != KVM_REG_ARM_FEATURE_LEVEL;
}

/* Registers listed with the scope, or else those that are always VM-wide */
static bool is_in_stream(u64 id, bool scope)
{
	return scope ? id & KVM_REG_ARM_SCOPE_MASK :
		       reg_nr(id) < __builtin_ctz(NEW);
}

static void save_vm_regs(struct migrant *m, struct saved *s)
{
	struct {
		struct kvm_reg_list head;
		u64 reg[MAX_SAVED];
	} list = { .head.n = MAX_SAVED };
	int i, ret;

	ret = one_reg_list(m->vm->fd, &list);
	TEST_ASSERT(!ret, "KVM_ARM_VM_GET_REG_LIST: %s", strerror(ret));
	s->nr = list.head.n;
	for (i = 0; i < s->nr; i++) {
		s->reg[i].id = list.head.reg[i];
		ret = one_reg(m->vm->fd, KVM_ARM_VM_GET_ONE_REG, s->reg[i].id,
			      (u64)&s->reg[i].val);
		TEST_ASSERT(!ret, "%#lx of the VM: %s", s->reg[i].id,
			    strerror(ret));
	}
}

static struct saved migrant_save(struct migrant *m, u32 in)
{
	struct userspace_mem_region *mem = memslot2region(m->vm, 0);
	struct saved s = { .vm_fd = in & IN_VM };
	int i, nr_own = 0;
	struct image_reg *r;

	if (s.vm_fd)
		save_vm_regs(m, &s);

	s.own = image_read(m->vcpu);
	for (i = 0; i < s.own.n; i++) {
		r = &s.own.reg[i];
		if (is_own_reg(r->id)) {
			s.own.reg[nr_own++] = *r;
		} else if (!s.vm_fd && is_in_stream(r->id, in & IN_SCOPE)) {
			TEST_ASSERT(s.nr < MAX_SAVED, "Too many registers");
			s.reg[s.nr++] = (struct one_reg) { r->id, r->val[0] };
		}
	}
	s.own.n = nr_own;

	s.mem_size = mem->region.memory_size;
	s.mem = malloc(s.mem_size);
	TEST_ASSERT(s.mem, "Out of memory");
	memcpy(s.mem, mem->host_mem, s.mem_size);
	s.calls = migrant_calls(m);
	return s;
}

static void saved_free(struct saved *s)
{
	free(s->own.reg);
	free(s->mem);
}

/* ---- The destination ---- */

/* Add the vCPU, with its own registers, and the memory. */
static int migrant_add_vcpu(struct migrant *m, bool psci_0_2, bool all_features)
{
	struct kvm_vcpu_init init = migrant_init(m->vm, psci_0_2, all_features);

	m->vcpu = __vm_vcpu_add(m->vm, 0);
	m->vcpu->init = init;
	if (__vcpu_ioctl(m->vcpu, KVM_ARM_VCPU_INIT, &init))
		return errno;

	migrant_init_pmu(m);
	return 0;
}

static void migrant_restore_own(struct migrant *m, const struct saved *s)
{
	struct userspace_mem_region *mem = memslot2region(m->vm, 0);
	struct image_reg *r;
	int i, ret;

	r = image_find(&s->own, KVM_REG_ARM64_SVE_VLS);
	TEST_ASSERT(!r || !image_access_reg(m->vcpu, KVM_SET_ONE_REG, r),
		    "SVE_VLS: %s", strerror(errno));
	migrant_finalize(m);

	for (i = 0; i < s->own.n; i++) {
		r = &s->own.reg[i];
		if (r->id == KVM_REG_ARM64_SVE_VLS)
			continue;
		ret = image_access_reg(m->vcpu, KVM_SET_ONE_REG, r);
		TEST_ASSERT(!ret, "%#lx <- %#lx: %s", r->id, r->val[0],
			    strerror(ret));
	}

	TEST_ASSERT_EQ(mem->region.memory_size, s->mem_size);
	memcpy(mem->host_mem, s->mem, s->mem_size);
}

/* Read through the vCPU, or through the VM if there is no vCPU yet. */
static int migrant_read(struct migrant *m, u64 id, u64 *val)
{
	int fd = m->vcpu ? m->vcpu->fd : m->vm->fd;

	*val = 0;
	return one_reg(fd, one_reg_cmd(fd, KVM_GET_ONE_REG),
		       id & ~(u64)KVM_REG_ARM_SCOPE_MASK, (u64)val);
}

/*
 * Write one register of the stream. Returns 0 or the positive errno. A refused
 * register reads as before, and so does one that is not stored.
 */
static int migrant_restore_reg(struct migrant *m, const struct saved *s,
			       const struct one_reg *r)
{
	u32 bit = BIT(reg_nr(r->id));
	u64 val = r->val, before, after, want;
	int ret, had, has, fd = s->vm_fd ? m->vm->fd : m->vcpu->fd;

	had = migrant_read(m, r->id, &before);
	ret = one_reg(fd, one_reg_cmd(fd, KVM_SET_ONE_REG), r->id, (u64)&val);
	has = migrant_read(m, r->id, &after);

	want = !ret && bit & (STORED | ID_REGS) ? r->val : before;
	test_expect(had == has && after == want,
		    "%s <- %#lx: %s, and %#lx (%s) became %#lx (%s)",
		    names[reg_nr(r->id)], r->val, errno_name(ret), before,
		    strerror(had), after, strerror(has));
	return ret;
}

/* ---- What the host's state allows, see abi/level.h and abi/fw_host.h ---- */

/* Whether @val is above the value of a VM on this host */
static bool is_above_host(struct kvm_vcpu *vcpu, u64 id, u64 val)
{
	const struct fw_workaround *row;
	int nr = reg_nr(id);

	if (BIT(nr) & LEVELS(0))
		return !level_is_accepted(val, level_host(vcpu, 0));
	if (!(BIT(nr) & (WA_1 | WA_2 | WA_3)))
		return false;

	row = fw_workaround_row(vcpu, nr);
	return row && (val > 63 || !(row->accepted & BIT(val)));
}

/* ---- The guest goes on ---- */

/* The guest sees the registers' values, and goes on counting. */
static void migrant_expect_guest(struct migrant *m, const struct saved *s,
				 u64 calls)
{
	struct fw_state now = fw_state_read(m->vcpu);
	const u64 refused = SMCCC_RET_NOT_SUPPORTED;
	const struct fw_workaround *row;
	u64 psci = now.val[FW_PSCI_VERSION];
	struct kvm_vcpu *vcpu = m->vcpu;
	bool has_levels;
	u64 levels;
	int nr;

	/* PSCI 0.1 has no PSCI_VERSION call. */
	fw_expect_x0(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0,
		     psci == PSCI_VERSION(0, 1) ? refused : psci);
	fw_expect_x0(vcpu, ARM_SMCCC_TRNG_VERSION, 0,
		     now.val[FW_STD] & BIT(0) ? 0x10000 : refused);
	fw_expect_x0(vcpu, ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
		     ARM_SMCCC_HV_PV_TIME_FEATURES,
		     now.val[FW_STD_HYP] & BIT(0) ? 0 : refused);
	fw_expect_call(vcpu, ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID, 0,
		       now.val[FW_VENDOR_HYP], 0, now.val[FW_VENDOR_HYP_2]);
	calls += 4;

	has_levels = !migrant_read(m, LEVEL_REG_0, &levels);
	for (nr = FW_WORKAROUND_1; nr <= FW_WORKAROUND_3; nr++, calls++) {
		int field = nr - FW_WORKAROUND_1;

		row = fw_workaround_row(vcpu, nr);
		if (has_levels)
			fw_expect_x0(vcpu, ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
				     fw_workaround_fn[nr],
				     level_answer(field, level_of[level_bits(levels, field)]));
		else if (row)
			fw_expect_x0(vcpu, ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
				     fw_workaround_fn[nr], row->arch_features);
	}

	test_expect(migrant_calls(m) == s->calls + calls,
		    "the guest has made %lu calls, %lu of them in the source, not %lu",
		    migrant_calls(m), s->calls, s->calls + calls);
}

/* ---- Destinations: the columns ---- */

enum {
	STOCK, STOCK_RUN, LEVELS_ONLY, ALL, ALL_RUN, ALL_PSCI_0_1,
	ALL_NO_SSBS, ALL_NO_VCPU, NR_DESTS
};

static const struct dest {
	const char *name;
	const char *what;
	u32 in;
	bool has_run, psci_0_1, no_ssbs, no_vcpu;
} dests[NR_DESTS] = {
	[STOCK] = { "stock", "has not opted in" },
	[STOCK_RUN] = {
		"stock, run", "the same; its guest has run before the restore",
		.has_run = true,
	},
	[LEVELS_ONLY] = {
		"levels", "has opted in to FEATURE_LEVELS", IN_LEVELS,
	},
	[ALL] = { "all", "has opted in to everything", IN_ALL },
	[ALL_RUN] = {
		"all, run", "the same; its guest has run before the restore",
		IN_ALL, .has_run = true,
	},
	[ALL_PSCI_0_1] = {
		"all, PSCI 0.1", "all, its vCPU is without KVM_ARM_VCPU_PSCI_0_2",
		IN_ALL, .psci_0_1 = true,
	},
	[ALL_NO_SSBS] = {
		"all, no SSBS", "all, its ID_AA64PFR1_EL1.SSBS is 0",
		IN_ALL, .no_ssbs = true,
	},
	[ALL_NO_VCPU] = {
		"all, no vCPU", "all, restored before its vCPU exists",
		IN_ALL, .no_vcpu = true,
	},
};

/* Sets of columns */
#define ON(d)		BIT(d)
#define ON_STOCK	(ON(STOCK) | ON(STOCK_RUN))
#define ON_ANY_VCPU	(BIT(NR_DESTS) - 1)
#define ON_LEVELS	(ON_ANY_VCPU & ~ON_STOCK)
#define ON_NO_SCOPE	(ON_STOCK | ON(LEVELS_ONLY))
#define ON_PSCI_0_2	(ON_ANY_VCPU & ~ON(ALL_PSCI_0_1) & ~ON(ALL_NO_VCPU))

/* ---- Sources: the rows ---- */

#define NR_CHANGES	5
#define NR_RULES	4

/* In these columns these registers return this errno, or are accepted (0). */
struct rule {
	u32 dests;
	int err;
	u32 regs;
};

static const struct row {
	const char *name;
	/* The saved VM */
	u32 in;
	bool fewer, psci_0_1, no_ssbs;
	/* Its vCPU, and the destination's, have all features. */
	bool all_features;
	/* The number of its registers in the stream, 0 for all; and changes */
	int nr;
	struct {
		u64 id;
		u64 keep;
		u64 val;
	} change[NR_CHANGES];
	struct rule rules[NR_RULES];
} rows[] = {
	/* VMs of this kernel on this host */
	{ "stock" },
	{ "stock, no SSBS", .no_ssbs = true },
	{ "stock, PSCI 1.1, fewer services", .fewer = true, .rules = {
		{ ON(STOCK_RUN), EBUSY, STD | VENDOR_2 },
		{ ON(ALL_RUN), EBUSY, PSCI | STD | VENDOR_2 } } },
	{ "stock, PSCI 0.1", .psci_0_1 = true, .rules = {
		{ ON_PSCI_0_2, EINVAL, PSCI },
		{ ON(ALL_PSCI_0_1), 0, PSCI } } },
	{ "levels", IN_LEVELS },
	{ "levels, no SSBS", IN_LEVELS, .no_ssbs = true },
	{ "levels, scope", IN_LEVELS | IN_SCOPE, .rules = {
		{ ON_NO_SCOPE, ENOENT, ANY_REG } } },
	{ "VM's fd", IN_LEVELS | IN_VM, .rules = {
		{ ON_NO_SCOPE, EINVAL, ANY_REG } } },
	{ "VM's fd, PSCI 1.1, fewer services", IN_LEVELS | IN_VM,
	  .fewer = true, .rules = {
		{ ON_NO_SCOPE, EINVAL, ANY_REG },
		{ ON(ALL_RUN), EBUSY, PSCI | STD | VENDOR_2 } } },
	{ "VM's fd, PSCI 0.1", IN_LEVELS | IN_VM, .psci_0_1 = true, .rules = {
		{ ON_NO_SCOPE, EINVAL, ANY_REG },
		{ ON_PSCI_0_2, EINVAL, PSCI },
		{ ON(ALL_PSCI_0_1) | ON(ALL_NO_VCPU), 0, PSCI },
		{ ON(ALL_NO_VCPU), EINVAL, VCPU_INIT } } },

	{ "levels, SVE, PMU and PTRAUTH", IN_LEVELS, .all_features = true },
	{ "VM's fd, SVE, PMU and PTRAUTH", IN_LEVELS | IN_VM,
	  .all_features = true, .rules = {
		{ ON_NO_SCOPE, EINVAL, ANY_REG } } },

	/* Older kernels: fewer registers, or fewer fields */
	{ "Linux 5.10: 3 registers, PSCI 1.0", .nr = 3, .change = {
		{ KVM_REG_ARM_PSCI_VERSION, 0, PSCI_VERSION(1, 0) } },
	  .rules = { { ON(ALL_RUN), EBUSY, PSCI } } },
	{ "Linux 6.12: 7 registers, PSCI 1.1", .nr = 7, .change = {
		{ KVM_REG_ARM_PSCI_VERSION, 0, PSCI_VERSION(1, 1) } },
	  .rules = { { ON(ALL_RUN), EBUSY, PSCI } } },
	{ "older: only WA_1's level", IN_LEVELS, .change = {
		{ LEVEL_REG_0, 0xf, 0 } } },

	/* Newer kernels: what this kernel does not know */
	{ "newer: field at -1, another at -8", IN_LEVELS, .change = {
		{ LEVEL_REG_0, ~0UL, 0xf000 },
		{ LEVEL_REG_0 + 5, 0, 0x8000000000000000 } } },
	{ "newer: field at 1", IN_LEVELS, .change = {
		{ LEVEL_REG_0, ~0UL, 0x1000000000000000 } },
	  .rules = { { ON_LEVELS, EINVAL, LEVELS(0) } } },
	{ "newer: fields at 1 and -1, register 3", IN_LEVELS, .change = {
		{ LEVEL_REG_0 + 3, 0, 0x00000000000f1000 } },
	  .rules = { { ON_LEVELS, EINVAL, LEVELS(3) } } },
	{ "newer: private levels, below 0", IN_LEVELS, .change = {
		{ LEVEL_REG_0 + 6, 0, 0xffffffffffffffff },
		{ LEVEL_REG_0 + 7, 0, 0x0000f00800000000 } } },
	{ "newer: private levels, above 0", IN_LEVELS, .change = {
		{ LEVEL_REG_0 + 6, 0, 0x0000000000000007 },
		{ LEVEL_REG_0 + 7, 0, 0x1000000000000000 } },
	  .rules = { { ON_LEVELS, EINVAL, LEVELS(6) | LEVELS(7) } } },
	{ "newer: a ninth register of levels", IN_LEVELS, .change = {
		{ LEVEL_REG_0 + 8, 0, 0 } } },
	{ "newer: bitmap 4, all 0", .change = {
		{ KVM_REG_ARM_FW_FEAT_BMAP_REG(4), 0, 0 } } },
	{ "newer: firmware register 4", .change = {
		{ KVM_REG_ARM_FW_REG(4), 0, 0 } } },
	{ "newer: another service in STD", .change = {
		{ KVM_REG_ARM_STD_BMAP, ~0UL, BIT(1) } },
	  .rules = { { ON_ANY_VCPU, EINVAL, STD } } },
	{ "newer: PSCI 1.4", .change = {
		{ KVM_REG_ARM_PSCI_VERSION, 0, PSCI_VERSION(1, 4) } },
	  .rules = { { ON_ANY_VCPU, EINVAL, PSCI } } },
	{ "newer: PSCI 1.4, through the VM's fd", IN_LEVELS | IN_VM, .change = {
		{ KVM_REG_ARM_PSCI_VERSION, 0, PSCI_VERSION(1, 4) } },
	  .rules = { { ON_NO_SCOPE, EINVAL, ANY_REG },
		     { ON_ANY_VCPU, EINVAL, PSCI } } },

	/* Other hosts, without and with levels: only the workarounds differ */
	{ "host: vulnerable", .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 0 } } },
	{ "host: state unknown", .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 1 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 0 } } },
	{ "host: mitigated by firmware", .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 1 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 2 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 1 } } },
	{ "host: unaffected", .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 2 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 3 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 2 } } },
	{ "levels, host: vulnerable", IN_LEVELS, .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 0 },
		{ LEVEL_REG_0, 0, 0xfff } } },
	{ "levels, host: state unknown", IN_LEVELS, .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 1 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 0 },
		{ LEVEL_REG_0, 0, 0x000 } } },
	{ "levels, host: mitigated by firmware", IN_LEVELS, .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 1 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 2 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 1 },
		{ LEVEL_REG_0, 0, 0x111 } } },
	{ "levels, host: unaffected", IN_LEVELS, .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 2 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 3 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 2 },
		{ LEVEL_REG_0, 0, 0x222 } } },
};

#define NR_ROWS		ARRAY_SIZE(rows)

/* For all rows, after their own */
static const struct rule rules[] = {
	{ ON_ANY_VCPU, ENOENT, NEW },
	{ ON_STOCK, ENOENT, ALL_LEVELS },
	/* A vCPU without KVM_ARM_VCPU_PSCI_0_2 has only PSCI 0.1. */
	{ ON(ALL_PSCI_0_1), EINVAL, PSCI },
	/* These depend on the vCPUs' features. */
	{ ON(ALL_NO_VCPU), ENOEXEC, WA_2 | LEVELS(0) },
};

/* What the guest of the source has set, in its own format */
#define PMR_GUEST	0xf0

/* What userspace saves */
#define PMR_5_BITS	0x1e
#define PMR_CANONICAL	0xf0

/* Returns 0, or the positive errno. */
static int pmr_make_canonical(struct vgic_v2 *v)
{
	return vgic_v2_access(v->fd, KVM_SET_DEVICE_ATTR,
			      KVM_DEV_ARM_VGIC_GRP_CTRL,
			      KVM_DEV_ARM_VGIC_CTRL_CANONICAL_PMR, 0);
}

/* A VM, canonical or not, whose vGIC is not initialised yet */
static struct vgic_v2 pmr_vm(bool canonical)
{
	struct vgic_v2 v = vgic_v2_create_guest();
	int ret = 0;

	if (canonical)
		ret = pmr_make_canonical(&v);
	TEST_ASSERT(!ret, "CANONICAL_PMR: %s", strerror(ret));
	return v;
}

/* The mask that userspace saves for a VM whose guest has set PMR_GUEST */
static u32 pmr_save(bool canonical)
{
	u32 want = canonical ? PMR_CANONICAL : PMR_5_BITS, val;
	struct vgic_v2 v = pmr_vm(canonical);

	v2_guest_write_gicc(v.vcpus[0], GICC_PMR, PMR_GUEST);
	val = gicc_get(&v, 0, GICC_PMR);
	test_expect(val == want, "GICC_PMR is saved as %#x, expected %#x", val,
		    want);
	vgic_v2_free(&v);
	return val;
}

/* Restore the mask. Returns the mask that the guest then reads. */
static u32 pmr_restore(bool canonical, u32 saved)
{
	struct vgic_v2 v = pmr_vm(canonical);
	u32 val;

	gicc_set(&v, 0, GICC_PMR, saved);
	val = v2_guest_read_gicc(v.vcpus[0], GICC_PMR);
	vgic_v2_free(&v);
	return val;
}

/* The errno that the first matching rule has, or 0 */
static int find_rule(const struct rule *r, int nr, int dest, u32 reg, bool *found)
{
	for (; nr && !*found; nr--, r++) {
		if (r->dests & BIT(dest) && r->regs & reg) {
			*found = true;
			return r->err;
		}
	}

	return 0;
}

static int wanted(const struct row *row, int dest, int nr)
{
	bool found = false;
	int err = find_rule(row->rules, NR_RULES, dest, BIT(nr), &found);

	return found ? err : find_rule(rules, ARRAY_SIZE(rules), dest, BIT(nr),
				       &found);
}

/* ---- The source ---- */

static void change_stream(struct saved *s, const struct row *row)
{
	struct one_reg *r;
	int i, j;

	s->nr = row->nr ?: s->nr;
	for (i = 0; i < NR_CHANGES && row->change[i].id; i++) {
		for (j = 0; j < s->nr && s->reg[j].id != row->change[i].id; j++)
			;
		r = &s->reg[j];
		if (j == s->nr)
			s->reg[s->nr++] = (struct one_reg) {
				row->change[i].id
			};
		r->val = (r->val & row->change[i].keep) | row->change[i].val;
	}
}

static struct saved row_save(const struct row *row)
{
	struct migrant m = { .vm = vm_create(1) };
	struct kvm_vcpu_init init = migrant_init(m.vm, !row->psci_0_1,
						 row->all_features);
	struct saved s;

	migrant_opt_in(&m, row->in);
	m.vcpu = aarch64_vcpu_add(m.vm, 0, &init, migrant_code);
	migrant_init_pmu(&m);
	migrant_finalize(&m);
	if (row->no_ssbs)
		fw_set_ssbs(m.vcpu, 0);
	if (row->fewer) {
		vcpu_set_reg(m.vcpu, KVM_REG_ARM_PSCI_VERSION,
			     PSCI_VERSION(1, 1));
		vcpu_set_reg(m.vcpu, KVM_REG_ARM_STD_BMAP, 0);
		vcpu_set_reg(m.vcpu, KVM_REG_ARM_VENDOR_HYP_BMAP_2, 3);
	}

	migrant_run(&m);
	s = migrant_save(&m, row->in);
	change_stream(&s, row);
	kvm_vm_free(m.vm);
	return s;
}

/* The source in use; cells are run row by row. */
static struct saved *source(int nr)
{
	static struct saved saved;
	static int row = -1;

	if (row != nr) {
		saved_free(&saved);
		saved = row_save(&rows[nr]);
		row = nr;
	}

	return &saved;
}

/* ---- Cells ---- */

#define CELL_SIZE	24

static const char * const pmr_rows[] = {
	"GICv2, GICC_PMR in 5 bits", "GICv2, canonical GICC_PMR",
};

static char cells[NR_ROWS + ARRAY_SIZE(pmr_rows)][NR_DESTS][CELL_SIZE];

/* The number of refused registers so far in this cell */
static int nr_refused;

/* Expect @want from register @nr, and note the first refused one. */
static void cell_expect(int row, int dest, int nr, int err, int want)
{
	test_expect(err == want, "%s: %s, expected %s", names[nr],
		    errno_name(err), errno_name(want));
	if (err && !nr_refused++)
		snprintf(cells[row][dest], CELL_SIZE, "%s %s", names[nr],
			 errno_name(err));
}

static void cell_done(int row, int dest)
{
	char *cell = cells[row][dest], more[16] = "";

	if (nr_refused > 1)
		snprintf(more, sizeof(more), "+%d", nr_refused - 1);
	if (!nr_refused)
		snprintf(cell, CELL_SIZE, "ok");
	strncat(cell, more, CELL_SIZE - 1 - strlen(cell));
	if (test_nr_failures())
		strncat(cell, "!", CELL_SIZE - 1 - strlen(cell));
}

static void cell_registers(int nr, int dest, struct migrant *m, struct saved *s)
{
	const struct one_reg *r;
	int i, err, want;
	u64 now;

	for (i = 0; i < s->nr; i++) {
		r = &s->reg[i];
		want = wanted(&rows[nr], dest, reg_nr(r->id));
		if (!want && m->vcpu && is_above_host(m->vcpu, r->id, r->val))
			want = EINVAL;
		/* What the guest was promised freezes, too. */
		if (!want && dests[dest].has_run && BIT(reg_nr(r->id)) & ALL_LEVELS &&
		    !migrant_read(m, r->id, &now) && now != r->val)
			want = EBUSY;

		err = migrant_restore_reg(m, s, r);
		cell_expect(nr, dest, reg_nr(r->id), err, want);
	}
}

/* The registers that could only be written once there was a vCPU */
static void cell_registers_again(int dest, struct migrant *m, struct saved *s)
{
	int i, nr, err;

	for (i = 0; i < s->nr; i++) {
		nr = reg_nr(s->reg[i].id);
		if (!(BIT(nr) & (WA_2 | LEVELS(0))))
			continue;
		err = migrant_restore_reg(m, s, &s->reg[i]);
		test_expect(!err, "%s: %s, once there is a vCPU", names[nr],
			    errno_name(err));
	}
}

static void cell_body(int nr, int dest)
{
	const struct dest *d = &dests[dest];
	/* The source's VM is gone before this one is made. */
	struct saved *s = source(nr);
	struct migrant m = { .vm = vm_create(1) };
	int err;

	migrant_opt_in(&m, d->in);
	if (d->no_vcpu)
		cell_registers(nr, dest, &m, s);
	err = migrant_add_vcpu(&m, !d->psci_0_1, rows[nr].all_features);
	cell_expect(nr, dest, __builtin_ctz(VCPU_INIT), err,
		    wanted(&rows[nr], dest, __builtin_ctz(VCPU_INIT)));
	if (err)
		goto out;
	if (d->no_vcpu)
		cell_registers_again(dest, &m, s);

	migrant_restore_own(&m, s);
	if (d->no_ssbs)
		fw_set_ssbs(m.vcpu, 0);
	if (d->has_run)
		migrant_run(&m);
	if (!d->no_vcpu)
		cell_registers(nr, dest, &m, s);
	migrant_expect_guest(&m, s, d->has_run);
out:
	kvm_vm_free(m.vm);
}

static void check_cell(int arg)
{
	int nr = arg / NR_DESTS, dest = arg % NR_DESTS;

	nr_refused = 0;
	cell_body(nr, dest);
	cell_done(nr, dest);
}

/* ---- GICC_PMR: the format is a mode of the VM; no value is refused ---- */

static void check_pmr(int arg)
{
	static const u32 guest_mask[2][2] = {
		/* source 5 bits; destination 5 bits, canonical: 0x1e is bits 7:0 */
		{ 0xf0, 0x18 },
		/* source canonical: five bits of 0xf0 are the mask */
		{ 0x80, 0xf0 },
	};
	int canonical = arg / NR_DESTS, dest = arg % NR_DESTS;
	char *cell = cells[NR_ROWS + canonical][dest];
	u32 mask, want = guest_mask[canonical][dest == ALL];

	if (kvm_supports_vgic_v3() || !vgic_v2_supported()) {
		test_skip("the host's GIC is not a GICv2");
		snprintf(cell, CELL_SIZE, "(skipped)");
		return;
	}

	mask = pmr_restore(dest == ALL, pmr_save(canonical));
	test_expect(mask == want, "the guest reads %#x, expected %#x", mask,
		    want);
	snprintf(cell, CELL_SIZE, mask == PMR_GUEST ? "ok" : "mask %#x", mask);
}

/* ---- The table ---- */

static void print_table(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);
	const char *name;
	int i, j;

	printf("#\n# Destinations:\n");
	for (j = 0; j < NR_DESTS; j++)
		printf("#   %-13s %s\n", dests[j].name, dests[j].what);
	printf("# This host: WA_1 %lu, WA_2 %lu, WA_3 %lu, level register 0 %#lx\n",
	       vcpu_get_reg(vcpu, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1),
	       vcpu_get_reg(vcpu, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2),
	       vcpu_get_reg(vcpu, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3),
	       level_host(vcpu, 0));
	printf("# A cell is ok, or the first refused register, its errno, and how many follow:\n");
	printf("# PSCI_VERSION, WORKAROUND_1 to 3, bitmaps, levels, new registers, registers\n");
	printf("# of IDs; INIT: KVM_ARM_VCPU_INIT\n#\n");

	printf("# %-39s", "source");
	for (j = 0; j < NR_DESTS; j++)
		printf(" %-*s", j < NR_DESTS - 1 ? 16 : 0, dests[j].name);
	for (i = 0; i < ARRAY_SIZE(cells); i++) {
		name = i < NR_ROWS ? rows[i].name : pmr_rows[i - NR_ROWS];
		printf("\n# %-39s", name);
		for (j = 0; j < NR_DESTS; j++)
			printf(" %-*s", j < NR_DESTS - 1 ? 16 : 0,
			       *cells[i][j] ? cells[i][j] : "-");
	}
	printf("\n#\n");
	kvm_vm_free(vm);
}

static u64 mismatches;

static void check_mismatches(int unused)
{
	u64 now = abi_read_stats().mismatches;

	test_expect(now == mismatches, "%lu mismatches", now - mismatches);
}

static struct test_case cases[ARRAY_SIZE(cells) * NR_DESTS + 1];
static int nr_cases;

static void add_case(void (*run)(int arg), int arg, const char *from)
{
	cases[nr_cases++] = (struct test_case) {
		.name = strdup_printf("%s -> %s", from,
				      dests[arg % NR_DESTS].name),
		.run = run,
		.arg = arg,
	};
}

int main(void)
{
	int i, j;

	ksft_print_header();
	test_disable_default_vgic();
	opt_in_require();
	if (!__abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");

	for (i = 0; i < NR_ROWS; i++) {
		/* Without a vCPU only the VM's file descriptor can be used. */
		for (j = 0; j < NR_DESTS - !(rows[i].in & IN_VM); j++)
			add_case(check_cell, i * NR_DESTS + j, rows[i].name);
	}
	for (i = 0; i < ARRAY_SIZE(pmr_rows); i++) {
		add_case(check_pmr, i * NR_DESTS + STOCK, pmr_rows[i]);
		add_case(check_pmr, i * NR_DESTS + ALL, pmr_rows[i]);
	}

	mismatches = abi_read_stats().mismatches;
	cases[nr_cases++] = (struct test_case) {
		"no mismatch between the implementations", check_mismatches,
	};

	test_set_plan(nr_cases);
	test_run_cases(cases, nr_cases);
	print_table();

	test_finished();
}
