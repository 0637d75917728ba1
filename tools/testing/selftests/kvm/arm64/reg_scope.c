// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_scope - Which registers belong to the VM according to KVM_GET_REG_LIST.
 *
 * In a VM that has opted in to KVM_ARM_MIGRATION_REG_SCOPE, the ids of registers that
 * all vCPUs share have KVM_REG_ARM_SCOPE_VM, and KVM_GET_ONE_REG and
 * KVM_SET_ONE_REG accept these ids with the bit and without it. A VMM may write
 * them on one vCPU only. This is checked by behaviour:
 *
 *	with the bit	a write on either vCPU is read on the other
 *	without it	it is not
 *
 * reg_scope_ids tests how access fails.
 */
#include <asm/kvm_migration.h>
#include <errno.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>
#include <pthread.h>
#include <time.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_image.h"
#include "abi/reg_scope.h"
#include "processor.h"

/* ---- The list ---- */

static void check_list(int what)
{
	struct kvm_reg_list *list, *list_stock;
	struct scope_vm stock, s;
	u64 want;
	int i;

	stock = scope_vm_create(what & ~SCOPE_IDS);
	s = scope_vm_create(what);
	if (what & SCOPE_HAS_RUN) {
		id_run(stock.vcpus[0]);
		id_run(s.vcpus[0]);
		fw_vcpu_reinit(s.vcpus[0]);
	}
	list_stock = vcpu_get_reg_list(stock.vcpus[0]);
	list = vcpu_get_reg_list(s.vcpus[0]);

	test_expect(list->n == list_stock->n, "%llu registers, expected %llu",
		    list->n, list_stock->n);
	for (i = 0; i < min(list->n, list_stock->n); i++) {
		want = list_stock->reg[i];
		test_expect(!(want & KVM_REG_ARM_SCOPE_MASK),
			    "%#lx has a scope in a VM that has not opted in", want);
		if (what & SCOPE_IDS && scope_is_of_vm(want))
			want |= KVM_REG_ARM_SCOPE_VM;
		test_expect(list->reg[i] == want, "%#llx in place of %#lx",
			    list->reg[i], want);
	}

	free(list);
	free(list_stock);
	scope_vm_free(&s);
	scope_vm_free(&stock);
}

/* ---- A list that another thread writes to meanwhile ---- */

/* At least this long, and until a write was kept, up to the limit */
#define SCRIBBLE_S		2
#define SCRIBBLE_LIMIT_S	60

/* The ids of registers, with a guard value before and after */
#define SCRIBBLED_MAX	1024
#define SCRIBBLED_END	0xe9de9de9de9de9deUL

static struct scribbled {
	u64 before;
	struct kvm_reg_list list;
	u64 ids[SCRIBBLED_MAX + 1];
} scribbled;

/* The id of a register of the VM, without the bit */
#define SCRIBBLE	IMAGE_SYS_REG(MIDR_EL1)

static bool is_scribbled(int i)
{
	return i % 3 == 1;
}

static bool scribble_stop;

static void *scribble(void *nr)
{
	int i;

	while (!__atomic_load_n(&scribble_stop, __ATOMIC_RELAXED)) {
		for (i = 1; i < *(int *)nr; i += 3)
			WRITE_ONCE(scribbled.ids[i], SCRIBBLE);
	}

	return NULL;
}

/*
 * KVM writes each id once, with its scope, and reads nothing from the list. If
 * userspace writes to the list meanwhile, its value stays, without the bit; the
 * other ids are those of the list.
 */
static void check_scribbled(int unused)
{
	struct scope_vm s = scope_vm_create(SCOPE_IDS | SCOPE_LEVELS);
	struct kvm_reg_list *quiet = vcpu_get_reg_list(s.vcpus[0]);
	unsigned long nr_kept = 0, nr_lists = 0;
	int i, ret, nr = quiet->n;
	struct timespec begin;
	pthread_t thread;
	long s_elapsed;
	u64 id;

	TEST_ASSERT(nr <= SCRIBBLED_MAX, "%d registers", nr);
	scribbled.before = SCRIBBLED_END;
	scribbled.ids[nr] = SCRIBBLED_END;
	__atomic_store_n(&scribble_stop, false, __ATOMIC_RELAXED);
	kvm_pthread_create(&thread, NULL, scribble, &nr);

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		scribbled.list.n = nr;
		for (i = 0; i < nr; i++)
			WRITE_ONCE(scribbled.ids[i], 0);
		ret = one_reg_list(s.vcpus[0]->fd, &scribbled.list);
		test_expect(!ret && scribbled.list.n == nr,
			    "%s, %llu registers",
			    strerror(ret), scribbled.list.n);
		nr_lists++;

		for (i = 0; i < nr; i++) {
			id = READ_ONCE(scribbled.ids[i]);
			if (id == quiet->reg[i])
				continue;
			test_expect(is_scribbled(i) && id == SCRIBBLE,
				    "%#lx in place of %#llx", id,
				    quiet->reg[i]);
			nr_kept++;
		}
		s_elapsed = timespec_elapsed(begin).tv_sec;
	} while (!test_nr_failures() &&
		 (s_elapsed < SCRIBBLE_S ||
		  (s_elapsed < SCRIBBLE_LIMIT_S && !nr_kept)));

	__atomic_store_n(&scribble_stop, true, __ATOMIC_RELAXED);
	kvm_pthread_join(thread, NULL);
	test_expect(scribbled.before == SCRIBBLED_END &&
		    scribbled.ids[nr] == SCRIBBLED_END,
		    "written before or after the list");
	test_expect(nr_kept, "no write to a list was kept");
	ksft_print_msg("%lu lists; %lu ids overwritten\n", nr_lists, nr_kept);
	free(quiet);
	scope_vm_free(&s);
}

/* ---- Names ---- */

/* By name: some that have the bit, and some that seem to need it */
static const struct {
	u64 id;
	bool of_vm;
} named_regs[] = {
	{ KVM_REG_ARM_PSCI_VERSION, true },
	{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, true },
	{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, true },
	{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, true },
	{ KVM_REG_ARM_STD_BMAP, true },
	{ KVM_REG_ARM_STD_HYP_BMAP, true },
	{ KVM_REG_ARM_VENDOR_HYP_BMAP, true },
	{ KVM_REG_ARM_VENDOR_HYP_BMAP_2, true },
	{ IMAGE_SYS_REG(MIDR_EL1), true },
	{ IMAGE_SYS_REG(REVIDR_EL1), true },
	{ IMAGE_SYS_REG(AIDR_EL1), true },
	{ IMAGE_SYS_REG(CTR_EL0), true },
	{ IMAGE_SYS_REG(ID_PFR0_EL1), true },
	{ IMAGE_SYS_REG(ID_AA64PFR0_EL1), true },
	{ IMAGE_SYS_REG(ID_AA64DFR0_EL1), true },
	{ IMAGE_SYS_REG(ID_AA64ISAR0_EL1), true },
	{ IMAGE_SYS_REG(ID_AA64MMFR4_EL1), true },
	{ IMAGE_SYS_REG(MPIDR_EL1), false },
	{ IMAGE_SYS_REG(CLIDR_EL1), false },
	{ IMAGE_SYS_REG(CSSELR_EL1), false },
	{ IMAGE_SYS_REG(SCTLR_EL1), false },
	{ IMAGE_SYS_REG(TPIDR_EL1), false },
	{ ARM64_CORE_REG(regs.pc), false },
	{ ARM64_CORE_REG(sp_el1), false },
	{ KVM_REG_ARM_TIMER_CNT, false },
	{ KVM_REG_ARM_TIMER_CVAL, false },
};

static bool is_listed(const struct kvm_reg_list *list, u64 id)
{
	int i;

	for (i = 0; i < list->n; i++) {
		if (list->reg[i] == id)
			return true;
	}

	return false;
}

static void check_named(int unused)
{
	struct scope_vm s = scope_vm_create(SCOPE_IDS);
	struct kvm_reg_list *list = vcpu_get_reg_list(s.vcpus[1]);
	bool with, without;
	int i;

	for (i = 0; i < ARRAY_SIZE(named_regs); i++) {
		with = is_listed(list, named_regs[i].id | KVM_REG_ARM_SCOPE_VM);
		without = is_listed(list, named_regs[i].id);
		test_expect(with == named_regs[i].of_vm &&
			    without == !named_regs[i].of_vm,
			    "%#lx: listed with the bit: %d, without: %d",
			    named_regs[i].id, with, without);
	}
	free(list);
	scope_vm_free(&s);
}

/* ---- What the bit means ---- */

/*
 * For each register with the bit: change each of its bits on one vCPU, if
 * possible, and read it on the other one.
 */
static void check_shared(int unused)
{
	struct scope_vm s = scope_vm_create(SCOPE_IDS | SCOPE_LEVELS);
	struct kvm_reg_list *list = vcpu_get_reg_list(s.vcpus[0]);
	int i, from, bit, nr = 0, nr_changed = 0;
	u64 id, old, val, now, other;
	bool changed;

	for (i = 0; i < list->n; i++) {
		id = list->reg[i];
		if (!(id & KVM_REG_ARM_SCOPE_VM))
			continue;

		nr++;
		changed = false;
		old = vcpu_get_reg(s.vcpus[0], id);
		for (bit = 0; bit < 64; bit++) {
			from = bit & 1;
			/* A flipped bit in PSCI_VERSION is never valid. */
			val = scope_id_is(id, KVM_REG_ARM_PSCI_VERSION) ?
			      fw_psci_versions[bit % FW_NR_PSCI_VERSIONS] :
			      old ^ BIT(bit);
			if (one_reg_set(s.vcpus[from], id, val))
				continue;

			now = vcpu_get_reg(s.vcpus[from], id);
			changed |= now != old;
			other = vcpu_get_reg(s.vcpus[!from], id);
			test_expect(now == other,
				    "%#lx reads %#lx on vCPU %d, %#lx on the other",
				    id, now, from, other);
			test_expect(!one_reg_set(s.vcpus[!from], id, old) &&
				    vcpu_get_reg(s.vcpus[from], id) == old,
				    "%#lx is not %#lx again on vCPU %d", id,
				    old, from);
		}
		nr_changed += changed;
		/* Some registers are known to be changeable. */
		test_expect(changed || !scope_must_change(id, old),
			    "%#lx: never changed", id);
		test_expect(vcpu_get_reg(s.vcpus[1], id) == old,
			    "%#lx differs among vCPUs", id);
	}
	ksft_print_msg("%d registers have the bit, %d could be changed\n", nr,
		       nr_changed);
	free(list);
	scope_vm_free(&s);
}

/*
 * Registers that the vCPUs share in part: the counters' offsets, and
 * PMCR_EL0.N. The bit says that one write is enough; its absence does not say
 * that two are needed.
 */
static bool shares_something(u64 id)
{
	return image_is_counter(id) || id == IMAGE_SYS_REG(PMCR_EL0);
}

static void expect_other(struct kvm_vcpu *vcpu, const struct image_reg *want)
{
	struct image_reg r = { .id = want->id };

	image_access_reg(vcpu, KVM_GET_ONE_REG, &r);
	test_expect(!memcmp(want->val, r.val, sizeof(r.val)),
		    "%#lx changed on the other vCPU", r.id);
}

/* The other registers: a write on one vCPU does not change the other one. */
static void check_own(int unused)
{
	struct scope_vm s = scope_vm_create(SCOPE_IDS);
	struct reg_image before = image_read(s.vcpus[1]);
	struct kvm_reg_list *list = vcpu_get_reg_list(s.vcpus[0]);
	int i, bit, nr = 0, nr_changed = 0;
	struct image_reg old, r;
	bool changed;
	u64 id;

	for (i = 0; i < list->n; i++) {
		id = list->reg[i];
		if (id & KVM_REG_ARM_SCOPE_VM || shares_something(id))
			continue;

		nr++;
		changed = false;
		old = (struct image_reg) { .id = id };
		test_expect(!image_access_reg(s.vcpus[0], KVM_GET_ONE_REG,
					      &old),
			    "%#lx cannot be read", id);
		for (bit = 0; bit < 64; bit++) {
			r = old;
			r.val[0] ^= BIT(bit);
			if (image_access_reg(s.vcpus[0], KVM_SET_ONE_REG, &r))
				continue;

			image_access_reg(s.vcpus[0], KVM_GET_ONE_REG, &r);
			changed |= r.val[0] != old.val[0];
			expect_other(s.vcpus[1], image_find(&before, id));
			image_access_reg(s.vcpus[0], KVM_SET_ONE_REG, &old);
		}
		nr_changed += changed;
	}
	ksft_print_msg("%d registers do not have the bit, %d could be changed\n", nr,
		       nr_changed);
	/* Most can be changed: the core registers alone are 70. */
	test_expect(nr_changed > 70, "only %d changed", nr_changed);
	free(list);
	free(before.reg);
	scope_vm_free(&s);
}

/* ---- Access ---- */

/* Write with the bit and read without it, and vice versa. */
static void check_both_ids(int has_run)
{
	struct scope_vm s = scope_vm_create(SCOPE_IDS | SCOPE_LEVELS);
	struct kvm_reg_list *list;
	u64 id, plain, val, other;
	int i;

	if (has_run)
		id_run(s.vcpus[0]);
	list = vcpu_get_reg_list(s.vcpus[0]);
	for (i = 0; i < list->n; i++) {
		id = list->reg[i];
		if (!(id & KVM_REG_ARM_SCOPE_VM))
			continue;

		plain = id & ~KVM_REG_ARM_SCOPE_MASK;
		val = vcpu_get_reg(s.vcpus[0], id);
		other = vcpu_get_reg(s.vcpus[0], plain);
		test_expect(val == other,
			    "%#lx reads %#lx, %#lx without the bit",
			    id, val, other);
		vcpu_set_reg(s.vcpus[0], id, val);
		vcpu_set_reg(s.vcpus[0], plain, val);
		/* No register accepts this value, and levels are below it. */
		test_expect(one_reg_set(s.vcpus[0], id, 0x7777777777777777UL) ==
			    one_reg_set(s.vcpus[0], plain,
					0x7777777777777777UL),
			    "%#lx: another errno without the bit", id);
	}
	free(list);
	scope_vm_free(&s);
}

static const struct {
	int nr;
	u64 val;
} changes[] = {
	{ FW_PSCI_VERSION, PSCI_VERSION(1, 1) },
	{ FW_STD, 0 },
	{ FW_STD_HYP, 0 },
	{ FW_VENDOR_HYP, 1 },
	{ FW_VENDOR_HYP_2, 2 },
};

/* A write on one vCPU is enough: the guest on the other one sees it. */
static void check_guest(int unused)
{
	struct scope_vm s = scope_vm_create(SCOPE_IDS);
	u64 id;
	int i;

	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		id = fw_regs[changes[i].nr].id | KVM_REG_ARM_SCOPE_VM;
		vcpu_set_reg(s.vcpus[0], id, changes[i].val);
	}
	fw_expect_x0(s.vcpus[1], PSCI_0_2_FN_PSCI_VERSION, 0,
		     PSCI_VERSION(1, 1));
	fw_expect_refused(s.vcpus[1], ARM_SMCCC_TRNG_VERSION, 0);
	fw_expect_call(s.vcpus[1], ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID, 0,
		       1, 0, 2, 0);

	/* Frozen, by either id, except what never freezes */
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		id = fw_regs[changes[i].nr].id;
		if (changes[i].nr == FW_PSCI_VERSION)
			continue;
		test_expect(one_reg_set(s.vcpus[0], id,
					changes[i].val ^ 1) == EBUSY,
			    "%#lx: no EBUSY", id);
		id |= KVM_REG_ARM_SCOPE_VM;
		test_expect(one_reg_set(s.vcpus[0], id,
					changes[i].val ^ 1) == EBUSY,
			    "%#lx: no EBUSY", id);
		test_expect(!one_reg_set(s.vcpus[0], id, changes[i].val),
			    "%#lx: not its own value", id);
	}
	scope_vm_free(&s);
}

static const struct test_case cases[] = {
	{ "list: not opted in, no id has a scope", check_list, 0 },
	{ "list: the same ids in the same order, the VM's with the bit",
	  check_list, SCOPE_IDS },
	{ "list: with level registers, too", check_list,
	  SCOPE_IDS | SCOPE_LEVELS },
	{ "list: without them", check_list, SCOPE_LEVELS },
	{ "list: after KVM_RUN and KVM_ARM_VCPU_INIT",
	  check_list, SCOPE_IDS | SCOPE_LEVELS | SCOPE_HAS_RUN },
	{ "list: with VM_ONE_REG, too", check_list,
	  SCOPE_IDS | SCOPE_VM_ONE_REG },
	{ "list: some registers by name", check_named },
	{ "list: writes to it meanwhile change only the ids they overwrite",
	  check_scribbled },

	{ "with the bit: a write on either vCPU is read on the other",
	  check_shared },
	{ "without it: a write on one vCPU is not read on the other",
	  check_own },

	{ "access: the same with the bit and without, before the first run",
	  check_both_ids, false },
	{ "access: the same after the first run", check_both_ids, true },
	{ "access: one write is seen by the guest on all vCPUs, and frozen",
	  check_guest },
};

int main(void)
{
	opt_in_require();
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_WRITABLE_IMP_ID_REGS));
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
