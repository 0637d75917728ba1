// SPDX-License-Identifier: GPL-2.0-only
/*
 * id_reg_access - Through which ids and vCPUs, and when, the ID registers can
 * be written. id_reg_fields tests which values they accept, and id_reg_impl the
 * registers that identify the implementation.
 *
 *	any vCPU sees what was written through any other, even if it is created
 *	later, and KVM_ARM_VCPU_INIT changes nothing
 *
 *	from the first run on, the value that a register has is accepted, and
 *	any other is EBUSY, even if it would have been EINVAL before; except
 *	the few values that are refused on any host
 *
 *	CLIDR_EL1 belongs to the vCPU, and is never frozen
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/user_mem.h"
#include "processor.h"

/* The state of a new VM with every feature */
static struct id_state initial;
static bool has_aarch32;

static struct kvm_vm *create(struct kvm_vcpu *vcpus[2])
{
	return id_vm_create(id_all_features(), false, vcpus);
}

/*
 * Values that any host accepts, and that few have initially: no optional
 * instructions, the first PMU version, 32 bits of physical addresses. TCRX is
 * lowered alone.
 */
static const struct {
	u32 reg;
	u64 clear;
	u64 pmu;
} lower_fields[] = {
	{ SYS_ID_AA64ISAR0_EL1, -1UL },
	{ SYS_ID_AA64ISAR2_EL1,
	  ~(ID_AA64ISAR2_EL1_APA3 | ID_AA64ISAR2_EL1_GPA3) },
	{ SYS_ID_AA64ZFR0_EL1, -1UL },
	{ SYS_ID_AA64DFR0_EL1, GENMASK(11, 8), 1UL << 8 },
	{ SYS_ID_AA64MMFR0_EL1, ID_AA64MMFR0_EL1_PARANGE },
	{ SYS_ID_AA64MMFR3_EL1, ID_AA64MMFR3_EL1_TCRX },
};

static void lower(struct kvm_vcpu *vcpu)
{
	u64 val;
	int i, nr;

	for (i = 0; i < ARRAY_SIZE(lower_fields); i++) {
		nr = id_nr(lower_fields[i].reg);
		val = initial.val[nr] & ~lower_fields[i].clear;
		if (val != initial.val[nr])
			val |= lower_fields[i].pmu;
		id_expect_set(vcpu, nr, val, 0, val);
	}
}

static void restore(struct kvm_vcpu *vcpu)
{
	int nr;

	for (nr = id_nr(SYS_ID_AA64PFR0_EL1); nr < 64; nr++)
		id_expect_set(vcpu, nr, initial.val[nr], 0, initial.val[nr]);
}

/* ---- Identifiers and pointers ---- */

static void expect_access(struct kvm_vcpu *vcpu, unsigned long cmd, u64 id,
			  u8 *addr, int want)
{
	int ret = one_reg(vcpu->fd, cmd, id, (u64)addr);

	test_expect(ret == want, "%s %#lx: %s, expected %s",
		    cmd == KVM_SET_ONE_REG ? "SET" : "GET", id, strerror(ret),
		    strerror(want));
}

/* The register does not exist. SET still reads 8 bytes first, for any size. */
static void expect_unknown(struct kvm_vcpu *vcpu, u64 id)
{
	int k;

	memset(user_hole - 8, 0, 8);
	expect_access(vcpu, KVM_SET_ONE_REG, id, user_hole - 8, ENOENT);
	for (k = 0; k < 8; k++)
		expect_access(vcpu, KVM_SET_ONE_REG, id, user_hole - k, EFAULT);
	expect_access(vcpu, KVM_GET_ONE_REG, id, user_hole - 8, ENOENT);
	expect_access(vcpu, KVM_GET_ONE_REG, id, user_hole, ENOENT);
	test_expect(!*(u64 *)(user_hole - 8), "GET %#lx wrote a value", id);
}

static void check_access(int ran)
{
	struct kvm_vcpu *vcpus[2];
	struct id_state state;
	struct kvm_vm *vm;
	u64 id, field;
	int nr, i;

	vm = create(vcpus);
	if (ran)
		id_run(vcpus[0]);
	state = id_state_read(vcpus[0]);

	for (nr = 0; nr < NR_ID_REGS; nr++) {
		id = id_reg(nr);
		if (!state.listed[nr]) {
			expect_unknown(vcpus[0], id);
			continue;
		}

		/* A value that would be refused is not checked either. */
		memset(user_hole - 8, 0xff, 8);
		for (i = 0; i < 8; i++) {
			expect_access(vcpus[0], KVM_SET_ONE_REG, id,
				      user_hole - i, EFAULT);
			expect_access(vcpus[0], KVM_GET_ONE_REG, id,
				      user_hole - i, EFAULT);
		}
		for (i = 0; i < 16; i++) {
			field = (u64)i << KVM_REG_SIZE_SHIFT;
			if (field != KVM_REG_SIZE_U64)
				expect_unknown(vcpus[0],
					       (id & ~KVM_REG_SIZE_MASK) |
					       field);
		}
		for (i = 28; i < 32; i++)
			expect_unknown(vcpus[0], id | BIT(i));
		id_expect_state(vcpus[0], &state, "bad id or pointer");
	}

	kvm_vm_free(vm);
}

/* ---- From the first run on ---- */

/*
 * Values that are refused on any host, before all other checks: they claim that
 * something is absent which is always present, or are reserved. A PMU version
 * of 0xf is taken for 0, and *@val is changed to that.
 */
static bool refused_by_itself(int nr, u64 *val)
{
	int dfr0 = id_nr(SYS_ID_AA64DFR0_EL1), aa32_dfr0 = id_nr(SYS_ID_DFR0_EL1);
	int version;

	if (nr == dfr0) {
		if ((*val >> 8 & 0xf) == 0xf)
			*val &= ~GENMASK(11, 8);
		return (*val & 0xf) < 6;
	}
	if (nr == aa32_dfr0) {
		if ((*val >> 24 & 0xf) == 0xf)
			*val &= ~GENMASK(27, 24);
		version = *val >> 24 & 0xf;
		return (*val & 0xf) < 6 || version == 1 || version == 2;
	}
	if (nr == id_nr(SYS_ID_AA64PFR0_EL1))
		return !(*val & ID_AA64PFR0_EL1_EL0) ||
		       !(*val & ID_AA64PFR0_EL1_EL1);
	if (nr == id_nr(SYS_CTR_EL0))
		return !(*val & BIT(15));

	return false;
}

static void expect_frozen_at(struct kvm_vcpu *vcpu, int nr, u64 now, u64 val)
{
	u64 taken_for = val;
	int want;

	if (id_is_aarch32(nr) && !has_aarch32 && id_is_aarch32_allocated(nr))
		want = 0;
	else if (refused_by_itself(nr, &taken_for) ||
		 (id_is_imp(nr) && val != now))
		want = EINVAL;
	else
		want = taken_for == now ? 0 : EBUSY;

	/* The host's value of these fields is accepted without effect. */
	if (want == EBUSY && !((val ^ now) & ~id_ignored(nr)) &&
	    !one_reg_set(vcpu, id_reg(nr), val))
		want = 0;

	id_expect_set(vcpu, nr, val, want, now);
}

static void expect_frozen(struct kvm_vcpu *vcpus[2])
{
	struct id_state state = id_vm_state_read(vcpus[0]);
	int nr, bit, shift;
	u64 field, val;

	for (nr = 0; nr < NR_ID_REGS; nr++) {
		if (!state.listed[nr])
			continue;

		val = state.val[nr];
		id_expect_set(vcpus[0], nr, val, 0, val);
		id_expect_set(vcpus[1], nr, val, 0, val);
		expect_frozen_at(vcpus[0], nr, val, 0);
		expect_frozen_at(vcpus[0], nr, val, -1UL);
		expect_frozen_at(vcpus[1], nr, val, initial.val[nr]);

		for (bit = 0; bit < 64; bit++)
			expect_frozen_at(vcpus[bit % 2], nr, val,
					 val ^ BIT(bit));
		for (shift = 0; shift < 64; shift += 4) {
			for (field = 0; field < 16; field++)
				expect_frozen_at(vcpus[field % 2], nr, val,
						 (val & ~(0xfUL << shift)) |
						 field << shift);
		}
		id_expect_vm_state(vcpus, &state, "frozen");
	}
}

static void check_frozen(int lowered)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;

	vm = create(vcpus);
	if (lowered)
		lower(vcpus[0]);
	id_run(vcpus[0]);
	expect_frozen(vcpus);
	id_run(vcpus[1]);
	expect_frozen(vcpus);
	kvm_vm_free(vm);
}

/* KVM_RUN freezes, even if it leaves before the guest is entered. */
static void check_immediate_exit(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;
	int ret;

	vm = create(vcpus);
	vcpus[1]->run->immediate_exit = 1;
	ret = __vcpu_run(vcpus[1]);
	test_expect(ret == -1 && errno == EINTR, "KVM_RUN: %d, %s", ret,
		    strerror(errno));
	expect_frozen(vcpus);
	kvm_vm_free(vm);
}

/* The first run itself changes a few fields that do not fit the VM. */
static void check_first_run(int lowered)
{
	struct kvm_vcpu *vcpus[2];
	struct id_state state;
	struct kvm_vm *vm;
	u64 *mmfr3;

	vm = create(vcpus);
	if (lowered)
		lower(vcpus[1]);
	state = id_vm_state_read(vcpus[0]);
	id_run(vcpus[0]);

	/* No vGIC was created. */
	state.val[id_nr(SYS_ID_AA64PFR0_EL1)] &= ~ID_AA64PFR0_EL1_GIC;
	state.val[id_nr(SYS_ID_AA64PFR2_EL1)] &= ~ID_AA64PFR2_EL1_GCIE;
	state.val[id_nr(SYS_ID_PFR1_EL1)] &= ~ID_PFR1_EL1_GIC;

	/* S1PIE and S1POE need TCR2_EL1, and address translation of them. */
	mmfr3 = &state.val[id_nr(SYS_ID_AA64MMFR3_EL1)];
	if (!(*mmfr3 & ID_AA64MMFR3_EL1_TCRX) ||
	    !(state.val[id_nr(SYS_ID_AA64ISAR2_EL1)] & ID_AA64ISAR2_EL1_ATS1A))
		*mmfr3 &= ~(ID_AA64MMFR3_EL1_S1PIE | ID_AA64MMFR3_EL1_S1POE);
	if (!(state.val[id_nr(SYS_ID_AA64MMFR1_EL1)] & ID_AA64MMFR1_EL1_HPDS))
		*mmfr3 &= ~ID_AA64MMFR3_EL1_S1POE;

	id_expect_vm_state(vcpus, &state, "after the first run");
	kvm_vm_free(vm);
}

/* ---- To which vCPUs and VMs they belong ---- */

static void check_reinit(int ran)
{
	u64 clidr_id = KVM_ARM64_SYS_REG(SYS_CLIDR_EL1), clidr;
	struct kvm_vcpu *vcpus[2];
	struct id_state state;
	struct kvm_vm *vm;
	int i;

	vm = create(vcpus);
	lower(vcpus[0]);
	clidr = vcpu_get_reg(vcpus[1], clidr_id) ^ CLIDR_EL1_ICB;
	vcpu_set_reg(vcpus[1], clidr_id, clidr);
	if (ran)
		id_run(vcpus[0]);
	state = id_vm_state_read(vcpus[0]);

	for (i = 0; i < 4; i++) {
		fw_vcpu_reinit(vcpus[i % 2]);
		id_expect_vm_state(vcpus, &state, "after KVM_ARM_VCPU_INIT");
	}
	test_expect(vcpu_get_reg(vcpus[1], clidr_id) == clidr, "CLIDR_EL1");

	if (ran) {
		expect_frozen(vcpus);
		id_run(vcpus[0]);
		id_run(vcpus[1]);
		id_expect_vm_state(vcpus, &state, "after another run");
	} else {
		restore(vcpus[1]);
		id_expect_state(vcpus[0], &initial, "raised again");
	}
	kvm_vm_free(vm);
}

static void check_late_vcpu(int unused)
{
	u32 features = id_all_features();
	struct kvm_vcpu *vcpus[2];
	struct id_state state;
	struct kvm_vm *vm;

	vm = vm_create(2);
	vcpus[0] = id_vcpu_add(vm, 0, features);
	lower(vcpus[0]);
	state = id_vm_state_read(vcpus[0]);
	vcpus[1] = id_vcpu_add(vm, 1, features);
	id_expect_vm_state(vcpus, &state, "late vCPU");

	restore(vcpus[1]);
	id_expect_state(vcpus[0], &initial, "raised through the late vCPU");
	kvm_vm_free(vm);
}

static void check_other_vm(int unused)
{
	struct kvm_vcpu *vcpus[2], *others[2];
	struct kvm_vm *vm, *other;

	other = create(others);
	vm = create(vcpus);
	lower(vcpus[0]);
	id_run(vcpus[0]);
	id_expect_state(others[0], &initial, "another VM");
	lower(others[0]);
	restore(others[0]);
	id_expect_state(others[0], &initial, "another VM");
	kvm_vm_free(vm);
	kvm_vm_free(other);
}

static void check_clidr(int unused)
{
	u64 val, first, ctr = initial.val[id_nr(SYS_CTR_EL0)];
	int bit, round, nr = id_nr(SYS_CLIDR_EL1);
	struct kvm_vcpu *vcpus[2];
	struct id_state state;
	struct kvm_vm *vm;
	bool pou;

	vm = create(vcpus);
	for (round = 0; round < 2; round++) {
		first = vcpu_get_reg(vcpus[1], id_reg(nr));
		state = id_state_read(vcpus[0]);

		for (bit = -1; bit < 64; bit++) {
			val = bit < 0 ? 0 : first ^ BIT(bit);
			/* LoC, and LoUU or LoUIS, unless IDC is set */
			pou = (val & CLIDR_EL1_LoC) &&
			      (val & (GENMASK(29, 27) | GENMASK(23, 21)));

			if (val & CLIDR_EL1_RES0 ||
			    (!(ctr & CTR_EL0_IDC) && !pou))
				id_expect_set(vcpus[1], nr, val, EINVAL, first);
			else
				id_expect_set(vcpus[1], nr, val, 0, val);
			id_expect_set(vcpus[1], nr, first, 0, first);
		}
		val = first ^ CLIDR_EL1_ICB;
		id_expect_set(vcpus[1], nr, val, 0, val);
		id_expect_state(vcpus[0], &state, "the other vCPU");
		id_run(vcpus[0]);
	}
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "before the first run: SET is EFAULT before ENOENT, GET vice versa",
	  check_access, false },
	{ "after it: SET is EFAULT before ENOENT, GET vice versa",
	  check_access, true },

	{ "the first run only changes what needs a vGIC or other fields",
	  check_first_run, false },
	{ "the first run does the same with lowered values",
	  check_first_run, true },
	{ "after it: same value 0, other EBUSY, but EINVAL first",
	  check_frozen, false },
	{ "after it, with lowered values: same 0, other EBUSY, EINVAL first",
	  check_frozen, true },
	{ "after KVM_RUN with immediate_exit: frozen", check_immediate_exit },

	{ "KVM_ARM_VCPU_INIT before the first run keeps all values",
	  check_reinit, false },
	{ "KVM_ARM_VCPU_INIT after it keeps all values, still frozen",
	  check_reinit, true },
	{ "a vCPU created after a write reads what was written",
	  check_late_vcpu },
	{ "another VM is not affected", check_other_vm },
	{ "CLIDR_EL1: of one vCPU, not frozen, never less than the host needs",
	  check_clidr },
};

int main(void)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_WRITABLE_IMP_ID_REGS));
	/* A VM with an initialised vGIC accepts no more vCPUs. */
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(1);
	vm = create(vcpus);
	initial = id_state_read(vcpus[0]);
	has_aarch32 = id_has_aarch32(&initial);
	kvm_vm_free(vm);

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
