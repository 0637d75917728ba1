// SPDX-License-Identifier: GPL-2.0-only
/* VMs that are saved and restored */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_host.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "migrant.h"
#include "processor.h"
#include "ucall_common.h"

const char * const reg_names[] = {
	"PSCI", "WA_1", "WA_2", "WA_3", "STD", "STD_HYP", "VENDOR", "VENDOR_2",
	"LEVEL_0", "LEVEL_1", "LEVEL_2", "LEVEL_3", "LEVEL_4", "LEVEL_5",
	"LEVEL_6", "LEVEL_7", "new", "ID", "INIT",
};

const char *errno_name(int err)
{
	return err == EINVAL ? "EINVAL" : err == ENOENT ? "ENOENT" :
	       err == EBUSY ? "EBUSY" : err == ENOEXEC ? "ENOEXEC" :
	       err == ENXIO ? "ENXIO" : strerror(err);
}

int reg_nr(u64 id)
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

void migrant_run(struct migrant *m)
{
	fw_guest_call(m->vcpu, ARM_SMCCC_VERSION_FUNC_ID, 0);
	/* The PC is only moved past the store by the next KVM_RUN. */
	vcpu_run_complete_io(m->vcpu);
}

void migrant_opt_in(struct migrant *m, u32 set)
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

struct migrant migrant_create(u32 in, bool psci_0_1, bool all_features)
{
	struct migrant m = { .vm = vm_create(1) };
	struct kvm_vcpu_init init = migrant_init(m.vm, !psci_0_1, all_features);

	migrant_opt_in(&m, in);
	m.vcpu = aarch64_vcpu_add(m.vm, 0, &init, migrant_code);
	migrant_init_pmu(&m);
	migrant_finalize(&m);
	return m;
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

struct saved migrant_save(struct migrant *m, u32 in)
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

void saved_free(struct saved *s)
{
	free(s->own.reg);
	free(s->mem);
}

/* ---- The destination ---- */

int migrant_add_vcpu(struct migrant *m, bool psci_0_2, bool all_features)
{
	struct kvm_vcpu_init init = migrant_init(m->vm, psci_0_2, all_features);

	m->vcpu = __vm_vcpu_add(m->vm, 0);
	m->vcpu->init = init;
	if (__vcpu_ioctl(m->vcpu, KVM_ARM_VCPU_INIT, &init))
		return errno;

	migrant_init_pmu(m);
	return 0;
}

void migrant_restore_own(struct migrant *m, const struct saved *s)
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

int migrant_read(struct migrant *m, u64 id, u64 *val)
{
	int fd = m->vcpu ? m->vcpu->fd : m->vm->fd;

	*val = 0;
	return one_reg(fd, one_reg_cmd(fd, KVM_GET_ONE_REG),
		       id & ~(u64)KVM_REG_ARM_SCOPE_MASK, (u64)val);
}

int migrant_restore_reg(struct migrant *m, const struct saved *s,
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
		    reg_names[reg_nr(r->id)], r->val, errno_name(ret), before,
		    strerror(had), after, strerror(has));
	return ret;
}

/* ---- What the host's state allows, see abi/level.h and abi/fw_host.h ---- */

bool is_above_host(struct kvm_vcpu *vcpu, u64 id, u64 val)
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

void migrant_expect_guest(struct migrant *m, const struct saved *s, u64 calls)
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
