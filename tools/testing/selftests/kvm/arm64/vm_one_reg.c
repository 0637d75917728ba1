// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_one_reg - The registers of a VM's file descriptor, at each stage of its
 * life: what they read, what they accept, and that the vCPUs agree.
 *
 *	no vCPU yet,	PSCI_VERSION takes any version; the bitmaps and
 *	or none		WORKAROUND_1 and 3 behave as on a vCPU; WORKAROUND_2,
 *	initialised	which depends on the vCPUs' features, is ENOEXEC
 *
 *	vCPUs		the same as a vCPU's file descriptor, and a write
 *	initialised	on any of them is read on all others
 *
 *	has run		all is frozen: a register's current value is
 *			accepted, another one is EBUSY, unless it is EINVAL
 *
 * vm_one_reg_early tests values that were chosen early, and vm_one_reg_errors
 * all other failures.
 */
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_host.h"
#include "abi/fw_reg.h"
#include "abi/level.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/vm_reg.h"
#include "processor.h"

/* The state of a VM that has not opted in to anything */
static struct fw_state stock;
/* The values of the workaround registers that this host accepts */
static u64 accepted[NR_FW_REGS];
static u64 host_levels;

static bool early(enum vm_stage stage)
{
	return stage < VM_STAGE_INITIALISED;
}

/* ---- The list, and what is read ---- */

static void expect_list(struct kvm_vm *vm, int nr, const char *when)
{
	u64 buf[1 + VM_REG_MAX + 1] = { VM_REG_MAX };
	struct kvm_reg_list *list = (void *)buf;
	int ret, i;

	ret = one_reg_list(vm->fd, list);
	test_expect(!ret && list->n == nr,
		    "%s: %llu registers (%s), expected %d",
		    when, list->n, strerror(ret), nr);
	for (i = 0; i < nr; i++)
		test_expect(buf[1 + i] == vm_reg_id(i),
			    "%s: place %d holds %#lx, expected %#lx", when, i,
			    buf[1 + i], vm_reg_id(i));
	test_expect(!buf[1 + nr], "%s: an id after the last one", when);
}

static void check_list(int levels)
{
	struct staged_vm s = staged_vm_create(VM_STAGE_EMPTY, levels);
	enum vm_stage stage;

	for (stage = VM_STAGE_EMPTY; stage < NR_VM_STAGES; stage++) {
		staged_vm_advance(&s, stage, BIT(KVM_ARM_VCPU_PSCI_0_2));
		expect_list(s.vm, levels ? VM_REG_MAX : NR_FW_REGS,
			    vm_stage_name[stage]);
	}
	kvm_vm_free(s.vm);
}

/* The list of a vCPU is that of a VM that has not opted in. */
static void check_vcpu_list(int unused)
{
	struct staged_vm s = staged_vm_create(VM_STAGE_INITIALISED, false);
	struct kvm_reg_list *list, *list_stock;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = fw_vm_create_one(&vcpu);
	list_stock = vcpu_get_reg_list(vcpu);
	list = vcpu_get_reg_list(s.vcpus[0]);
	test_expect(list->n == list_stock->n &&
		    !memcmp(list->reg, list_stock->reg, list->n * sizeof(u64)),
		    "another list");

	free(list);
	free(list_stock);
	kvm_vm_free(vm);
	kvm_vm_free(s.vm);
}

static void check_initial(int stage)
{
	struct staged_vm s = staged_vm_create(stage, true);
	u64 val, want;
	int i, j, ret;

	for (i = 0; i < VM_REG_MAX; i++) {
		val = 0x1234;
		ret = vm_reg_get(s.vm, vm_reg_id(i), &val);
		if (early(stage) && vm_reg_needs_vcpu(i)) {
			test_expect(ret == ENOEXEC && val == 0x1234,
				    "%#lx: %s", vm_reg_id(i), strerror(ret));
			continue;
		}

		/* Only the register of the workarounds has levels. */
		want = i < NR_FW_REGS ? stock.val[i] :
		       i == VM_REG_LEVEL_0 ? host_levels : 0;
		test_expect(!ret && val == want,
			    "%#lx reads %#lx (%s), expected %#lx",
			    vm_reg_id(i), val, strerror(ret), want);

		for (j = 0; j < 2 && !early(stage); j++) {
			ret = one_reg_get(s.vcpus[j], vm_reg_id(i), &want);
			test_expect(!ret && val == want,
				    "%#lx reads %#lx, but %#lx on vCPU %d",
				    vm_reg_id(i), val, want, j);
		}
	}
	kvm_vm_free(s.vm);
}

/* ---- What is accepted ---- */

/* For a VM with defaults: before and after KVM_ARM_VCPU_INIT, after a run */
static const struct rule {
	int nr;
	u64 val;
	int early, initialised, ran;
} rules[] = {
	{ FW_PSCI_VERSION, VM_REG_PSCI_0_1, 0, EINVAL, EINVAL },
	{ FW_PSCI_VERSION, PSCI_VERSION(0, 2), 0, 0, EBUSY },
	{ FW_PSCI_VERSION, PSCI_VERSION(1, 0), 0, 0, EBUSY },
	{ FW_PSCI_VERSION, PSCI_VERSION(1, 1), 0, 0, EBUSY },
	{ FW_PSCI_VERSION, PSCI_VERSION(1, 2), 0, 0, EBUSY },
	{ FW_PSCI_VERSION, PSCI_VERSION(1, 3), 0, 0, 0 },
	{ FW_PSCI_VERSION, 0, EINVAL, EINVAL, EINVAL },
	{ FW_PSCI_VERSION, PSCI_VERSION(0, 3), EINVAL, EINVAL, EINVAL },
	{ FW_PSCI_VERSION, PSCI_VERSION(1, 4), EINVAL, EINVAL, EINVAL },
	{ FW_PSCI_VERSION, PSCI_VERSION(2, 0), EINVAL, EINVAL, EINVAL },
	{ FW_PSCI_VERSION, BIT(32) | PSCI_VERSION(1, 3), EINVAL, EINVAL, EINVAL },
	{ FW_PSCI_VERSION, -1UL, EINVAL, EINVAL, EINVAL },

	{ FW_STD, 0, 0, 0, EBUSY },
	{ FW_STD, 1, 0, 0, 0 },
	{ FW_STD, 2, EINVAL, EINVAL, EINVAL },
	{ FW_STD, BIT(63) | 1, EINVAL, EINVAL, EINVAL },
	{ FW_STD_HYP, 0, 0, 0, EBUSY },
	{ FW_STD_HYP, 1, 0, 0, 0 },
	{ FW_STD_HYP, 3, EINVAL, EINVAL, EINVAL },
	{ FW_STD_HYP, BIT(32) | 1, EINVAL, EINVAL, EINVAL },
	{ FW_VENDOR_HYP, 0, 0, 0, EBUSY },
	{ FW_VENDOR_HYP, 1, 0, 0, EBUSY },
	{ FW_VENDOR_HYP, 2, 0, 0, EBUSY },
	{ FW_VENDOR_HYP, 3, 0, 0, 0 },
	{ FW_VENDOR_HYP, 4, EINVAL, EINVAL, EINVAL },
	{ FW_VENDOR_HYP, -1UL, EINVAL, EINVAL, EINVAL },
	{ FW_VENDOR_HYP_2, 0, 0, 0, 0 },
	{ FW_VENDOR_HYP_2, 1, 0, 0, EBUSY },
	{ FW_VENDOR_HYP_2, 2, 0, 0, EBUSY },
	{ FW_VENDOR_HYP_2, 3, 0, 0, EBUSY },
	{ FW_VENDOR_HYP_2, 4, EINVAL, EINVAL, EINVAL },
	{ FW_VENDOR_HYP_2, BIT(63), EINVAL, EINVAL, EINVAL },

	/* Level registers without levels, as on a host of level 0 */
	{ VM_REG_LEVEL_0 + 1, 0, 0, 0, 0 },
	{ VM_REG_LEVEL_0 + 1, 0x8f, 0, 0, EBUSY },
	{ VM_REG_LEVEL_0 + 1, 1, EINVAL, EINVAL, EINVAL },
	{ VM_REG_LEVEL_0 + 7, -1UL, 0, 0, EBUSY },
	{ VM_REG_LEVEL_0 + 7, 7UL << 60, EINVAL, EINVAL, EINVAL },
};

static void check_rules(int stage)
{
	struct staged_vm s = staged_vm_create(stage, true);
	struct vm_reg_state state = vm_reg_state_read(s.vm, VM_REG_MAX);
	const struct rule *r;
	bool stores;
	int want;
	u64 was;

	for (r = rules; r < rules + ARRAY_SIZE(rules); r++) {
		want = stage == VM_STAGE_HAS_RUN ? r->ran :
		       early(stage) ? r->early : r->initialised;
		stores = !want;
		was = state.val[r->nr];

		vm_reg_expect_set(s.vm, r->nr, r->val, want,
				  stores ? r->val : was);
		if (stores)
			vm_reg_expect_set(s.vm, r->nr, was, 0, was);
		vm_reg_expect_state(s.vm, &state, "afterwards");
	}
	kvm_vm_free(s.vm);
}

/* Nothing is stored, so nothing freezes. */
static void check_workarounds(int stage)
{
	struct staged_vm s = staged_vm_create(stage, false);
	u64 val;
	int nr, want;

	for (nr = FW_WORKAROUND_1; nr <= FW_WORKAROUND_3; nr++) {
		for (val = 0; val <= 64; val++) {
			want = early(stage) && vm_reg_needs_vcpu(nr) ? ENOEXEC :
			       val < 64 && accepted[nr] & BIT(val) ? 0 : EINVAL;
			if (want == ENOEXEC) {
				test_expect(vm_reg_set(s.vm, vm_reg_id(nr),
						       val) ==
					    ENOEXEC, "%s <- %#lx: no ENOEXEC",
					    fw_regs[nr].name, val);
				continue;
			}
			vm_reg_expect_set(s.vm, nr, val, want, stock.val[nr]);
			vm_reg_expect_set(s.vm, nr, val | BIT(63), EINVAL,
					  stock.val[nr]);
		}
	}
	kvm_vm_free(s.vm);
}

/* The levels of the workarounds, one field at a time. */
static void check_levels(int stage)
{
	struct staged_vm s = staged_vm_create(stage, true);
	u64 bits, val, now = host_levels;
	int field, want;

	for (field = 0; field < NR_LEVEL_FIELDS; field++) {
		for (bits = 0; bits < NR_LEVEL_VALUES; bits++) {
			val = level_with(host_levels, field, bits);
			if (early(stage)) {
				test_expect(vm_reg_set(s.vm, LEVEL_REG_0,
						       val) ==
					    ENOEXEC, "%#lx: no ENOEXEC", val);
				continue;
			}
			if (!level_is_accepted(val, host_levels))
				want = EINVAL;
			else
				want = stage == VM_STAGE_HAS_RUN && val != now ? EBUSY : 0;
			now = want ? now : val;
			vm_reg_expect_set(s.vm, VM_REG_LEVEL_0, val, want, now);
		}
	}
	kvm_vm_free(s.vm);
}

/* ---- vCPUs agree ---- */

/* Write on the VM's fd, on one vCPU, on the other one; read everywhere. */
static void write_on_all(const struct staged_vm *s, int nr, u64 val, u64 other)
{
	int i;

	for (i = 0; i < 3; i++) {
		if (i < 2)
			fw_expect_set(s->vcpus[i], nr, val, 0, val);
		else
			vm_reg_expect_set(s->vm, nr, val, 0, val);
		staged_vm_expect(s, nr, val);

		vm_reg_expect_set(s->vm, nr, other, 0, other);
		staged_vm_expect(s, nr, other);
	}
}

static void check_views(int unused)
{
	struct staged_vm s = staged_vm_create(VM_STAGE_INITIALISED, false);
	u64 val;
	int nr, i;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++)
		write_on_all(&s, FW_PSCI_VERSION, fw_psci_versions[i],
			     fw_psci_versions[(i + 1) % FW_NR_PSCI_VERSIONS]);
	for (nr = FW_FIRST_BMAP; nr < NR_FW_REGS; nr++) {
		for (val = 0; val <= fw_regs[nr].features; val++)
			write_on_all(&s, nr, val, val ^ 1);
	}
	kvm_vm_free(s.vm);
}

/* PSCI_VERSION is frozen on all file descriptors. */
static void check_views_after_run(int unused)
{
	struct staged_vm s = staged_vm_create(VM_STAGE_HAS_RUN, false);
	u64 val, now = FW_PSCI_LATEST;
	int i, j, want;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		val = fw_psci_versions[i];
		want = val == now ? 0 : EBUSY;
		for (j = 0; j < 2; j++)
			fw_expect_set(s.vcpus[j], FW_PSCI_VERSION, val, want, now);
		vm_reg_expect_set(s.vm, FW_PSCI_VERSION, val, want, now);
		staged_vm_expect(&s, FW_PSCI_VERSION, now);
		fw_expect_x0(s.vcpus[0], PSCI_0_2_FN_PSCI_VERSION, 0, now);
	}
	kvm_vm_free(s.vm);
}

/* ---- The first run ---- */

enum first_run { RUN, RUN_IMMEDIATE_EXIT, RUN_AND_INIT };

static void check_frozen(int how)
{
	struct staged_vm s = staged_vm_create(VM_STAGE_EMPTY, false);
	struct vm_reg_state state;
	int nr, i, ret;
	u64 val;

	vm_reg_expect_set(s.vm, FW_PSCI_VERSION, PSCI_VERSION(1, 1), 0,
			  PSCI_VERSION(1, 1));
	vm_reg_expect_set(s.vm, FW_STD_HYP, 0, 0, 0);
	vm_reg_expect_set(s.vm, FW_VENDOR_HYP_2, 1, 0, 1);
	staged_vm_advance(&s, how == RUN_IMMEDIATE_EXIT ? VM_STAGE_INITIALISED :
			  VM_STAGE_HAS_RUN, BIT(KVM_ARM_VCPU_PSCI_0_2));

	if (how == RUN_IMMEDIATE_EXIT) {
		s.vcpus[0]->run->immediate_exit = 1;
		ret = __vcpu_run(s.vcpus[0]);
		test_expect(ret && errno == EINTR, "KVM_RUN: %d", errno);
	} else if (how == RUN_AND_INIT) {
		fw_vcpu_reinit(s.vcpus[0]);
	}
	state = vm_reg_state_read(s.vm, NR_FW_REGS);

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		val = fw_psci_versions[i];
		vm_reg_expect_set(s.vm, FW_PSCI_VERSION, val,
				  val == PSCI_VERSION(1, 1) ? 0 : EBUSY,
				  PSCI_VERSION(1, 1));
	}
	vm_reg_expect_set(s.vm, FW_PSCI_VERSION, VM_REG_PSCI_0_1, EINVAL,
			  PSCI_VERSION(1, 1));
	for (nr = FW_FIRST_BMAP; nr < NR_FW_REGS; nr++) {
		for (val = 0; val <= fw_regs[nr].features + 1; val++) {
			vm_reg_expect_set(s.vm, nr, val,
					  val > fw_regs[nr].features ? EINVAL :
					  val == state.val[nr] ? 0 : EBUSY,
					  state.val[nr]);
		}
	}
	vm_reg_expect_state(s.vm, &state, "in the end");
	for (nr = 0; nr < NR_FW_REGS; nr++)
		staged_vm_expect(&s, nr, state.val[nr]);
	kvm_vm_free(s.vm);
}

/* None of this affects another VM. */
static void check_other_vm(int unused)
{
	struct staged_vm a = staged_vm_create(VM_STAGE_HAS_RUN, false);
	struct staged_vm b = staged_vm_create(VM_STAGE_EMPTY, false);
	struct vm_reg_state state = vm_reg_state_read(a.vm, NR_FW_REGS);

	vm_reg_expect_set(b.vm, FW_PSCI_VERSION, VM_REG_PSCI_0_1, 0,
			  VM_REG_PSCI_0_1);
	vm_reg_expect_set(b.vm, FW_STD, 0, 0, 0);
	vm_reg_expect_state(a.vm, &state, "the other VM");
	kvm_vm_free(a.vm);
	vm_reg_expect(b.vm, FW_PSCI_VERSION, VM_REG_PSCI_0_1);
	kvm_vm_free(b.vm);
}

static const struct test_case cases[] = {
	{ "list: the firmware registers, at each stage", check_list, false },
	{ "list: also the level registers if opted in, at each stage",
	  check_list, true },
	{ "list: a vCPU's is that of any VM", check_vcpu_list },

	{ "read: what a vCPU reads, no vCPU yet",
	  check_initial, VM_STAGE_EMPTY },
	{ "read: what a vCPU reads, vCPU not initialised",
	  check_initial, VM_STAGE_VCPU_CREATED },
	{ "read: what a vCPU reads, vCPUs initialised",
	  check_initial, VM_STAGE_INITIALISED },
	{ "read: what a vCPU reads, VM has run",
	  check_initial, VM_STAGE_HAS_RUN },
	{ "write: each rule, no vCPU yet",
	  check_rules, VM_STAGE_EMPTY },
	{ "write: each rule, vCPU not initialised",
	  check_rules, VM_STAGE_VCPU_CREATED },
	{ "write: each rule, vCPUs initialised",
	  check_rules, VM_STAGE_INITIALISED },
	{ "write: each rule, VM has run",
	  check_rules, VM_STAGE_HAS_RUN },
	{ "write: a workaround up to the host's, no vCPU yet",
	  check_workarounds, VM_STAGE_EMPTY },
	{ "write: a workaround up to the host's, vCPU not initialised",
	  check_workarounds, VM_STAGE_VCPU_CREATED },
	{ "write: a workaround up to the host's, vCPUs initialised",
	  check_workarounds, VM_STAGE_INITIALISED },
	{ "write: a workaround up to the host's, VM has run",
	  check_workarounds, VM_STAGE_HAS_RUN },
	{ "write: their levels are ENOEXEC, no vCPU yet",
	  check_levels, VM_STAGE_EMPTY },
	{ "write: their levels are ENOEXEC, vCPU not initialised",
	  check_levels, VM_STAGE_VCPU_CREATED },
	{ "write: levels up to the host's, vCPUs initialised",
	  check_levels, VM_STAGE_INITIALISED },
	{ "write: levels up to the host's, VM has run",
	  check_levels, VM_STAGE_HAS_RUN },

	{ "views: what is written on any file descriptor is read on all",
	  check_views },
	{ "views: after the run PSCI_VERSION is frozen on all of them",
	  check_views_after_run },

	{ "frozen: after the first run", check_frozen, RUN },
	{ "frozen: after KVM_RUN with immediate_exit",
	  check_frozen, RUN_IMMEDIATE_EXIT },
	{ "frozen: after KVM_ARM_VCPU_INIT of a VM that has run",
	  check_frozen, RUN_AND_INIT },
	{ "another VM is not affected", check_other_vm },
};

int main(void)
{
	const struct fw_workaround *row;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int nr;

	opt_in_require();
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	vm = fw_vm_create_one(&vcpu);
	stock = fw_state_read(vcpu);
	host_levels = level_host(vcpu, 0);
	for (nr = FW_WORKAROUND_1; nr <= FW_WORKAROUND_3; nr++) {
		row = fw_workaround_row(vcpu, nr);
		TEST_ASSERT(row, "No level of the host");
		accepted[nr] = row->accepted;
	}
	kvm_vm_free(vm);

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
