// SPDX-License-Identifier: GPL-2.0-only
/*
 * opt_in_flip - A VM keeps what it has opted in to while the implementation of
 * KVM's ABI is switched.
 *
 * A VM can opt in to the same in all modes, and must not notice a switch to
 * another one: its registers, their scopes, the masks, what is frozen and the
 * results of KVM_CHECK_EXTENSION stay the same, on all file descriptors, whenever
 * the mode changes during concurrent calls. And a VM that opts in meanwhile has
 * what it asked for.
 */
#include <asm/kvm_migration.h>
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/flip.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/level.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/opt_in_probe.h"
#include "abi/switch.h"
#include "processor.h"
#include "ucall_common.h"

/* For threads, which cannot go on after a failure */
static void __assert_set(int line, int fd, u64 id, u64 val, int want)
{
	int ret = one_reg(fd, one_reg_cmd(fd, KVM_SET_ONE_REG), id, (u64)&val);

	TEST_ASSERT(ret == want, "line %d: %#lx <- %#lx: %s, expected %s", line,
		    id, val, strerror(ret), strerror(want));
}

#define assert_set(...)	__assert_set(__LINE__, __VA_ARGS__)

static void __assert_reg(int line, int fd, u64 id, u64 want)
{
	u64 val = ~want;
	int ret = one_reg(fd, one_reg_cmd(fd, KVM_GET_ONE_REG), id, (u64)&val);

	TEST_ASSERT(!ret && val == want,
		    "line %d: %#lx reads %#lx (%s), expected %#lx", line, id,
		    val, strerror(ret), want);
}

#define assert_reg(...)	__assert_reg(__LINE__, __VA_ARGS__)

/* ---- What the VM must have: its state before any switch ---- */

#define MAX_LIST	32

static struct rich_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[3];
	bool runs;
	struct kvm_reg_list *vcpu_list;
	u64 vm_list[1 + MAX_LIST];
	u64 levels[NR_LEVEL_REGS];
	struct fw_state state;
	u64 masks[KVM_ARM_FW_RANGE + 1][KVM_ARM_GIC_RANGE_SIZE];
} rich;

static void get_vm_list(int fd, u64 list[1 + MAX_LIST])
{
	int ret;

	memset(list, 0, (1 + MAX_LIST) * sizeof(*list));
	list[0] = MAX_LIST;
	ret = one_reg_list(fd, list);
	TEST_ASSERT(!ret, "KVM_ARM_VM_GET_REG_LIST: %s", strerror(ret));
}

static void get_masks(int fd, u32 nr, u64 masks[KVM_ARM_GIC_RANGE_SIZE])
{
	struct reg_mask_range range = { .addr = (u64)masks, .range = nr };
	int ret;

	memset(masks, 0xa5, sizeof(rich.masks[0]));
	ret = ioctl(fd, KVM_ARM_GET_REG_WRITABLE_MASKS, &range) ? errno : 0;
	TEST_ASSERT(!ret, "range %u: %s", nr, strerror(ret));
}

/* All of this stays the same; the state and masks only without a run. */
static void learn(void)
{
	int n;

	rich.vcpu_list = vcpu_get_reg_list(rich.vcpus[0]);
	get_vm_list(rich.vm->fd, rich.vm_list);
	for (n = 0; n < NR_LEVEL_REGS; n++)
		rich.levels[n] = level_host(rich.vcpus[0], n);
	rich.state = fw_state_read(rich.vcpus[0]);
	for (n = 0; n <= KVM_ARM_FW_RANGE; n++)
		get_masks(rich.vm->fd, n, rich.masks[n]);

	/* There must be something that could be lost. */
	TEST_ASSERT_EQ(rich.vm_list[0], NR_FW_REGS + NR_LEVEL_REGS);
	TEST_ASSERT_EQ(rich.vm_list[1], KVM_REG_ARM_PSCI_VERSION);
}

static void create_rich(void *code)
{
	rich.vm = opt_in_vm_create(OPT_IN_ALL, 3, true, code, rich.vcpus);
	vcpu_set_reg(rich.vcpus[0], KVM_REG_ARM_PSCI_VERSION,
		     PSCI_VERSION(1, 1));
}

static void free_rich(void)
{
	free(rich.vcpu_list);
	kvm_vm_free(rich.vm);
}

/* ---- Rounds for any state of the VM ---- */

static void access_levels(struct abi_worker *w)
{
	int n, i, fds[] = { w->vcpu->fd, rich.vm->fd };
	u64 id, host;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		host = rich.levels[n];
		for (i = 0; i < ARRAY_SIZE(fds); i++) {
			/* With and without the scope */
			id = LEVEL_REG_0 + n;
			if (w->rounds & 1)
				id |= KVM_REG_ARM_SCOPE_VM;

			assert_reg(fds[i], id, host);
			assert_set(fds[i], id, host, 0);
			assert_set(fds[i], id, LEVELS_LOWEST, rich.runs ? EBUSY : 0);
			assert_set(fds[i], id, host, 0);
			assert_set(fds[i], id, level_with(host, 5, 1), EINVAL);
			assert_set(fds[i], id, level_with(host, 0, 7), EINVAL);
			assert_set(fds[i], id + NR_LEVEL_REGS, 0, ENOENT);
			TEST_ASSERT_EQ(one_reg(fds[i], one_reg_cmd(fds[i], KVM_SET_ONE_REG),
					       id, 0), EFAULT);
			assert_reg(fds[i], id, host);
		}
	}
}

static void ask_what_there_is(struct abi_worker *w)
{
	u64 list[1 + MAX_LIST], masks[KVM_ARM_GIC_RANGE_SIZE];
	struct kvm_reg_list *vcpu_list;
	int i, ret;

	TEST_ASSERT_EQ(opt_in_get(rich.vm->fd), OPT_IN_ALL);
	TEST_ASSERT_EQ(kvm_check_cap(KVM_CAP_ARM_MIGRATION), opt_in_offered());
	for (i = 0; i < NR_OPT_INS; i++) {
		ret = opt_in_enable(rich.vm->fd, BIT(i));
		TEST_ASSERT_EQ(ret, EINVAL);
	}
	TEST_ASSERT_EQ(vm_check_cap(rich.vm,
				    KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES),
		       1 | OPT_IN_RANGES);
	TEST_ASSERT_EQ(kvm_check_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES), 1);

	get_vm_list(rich.vm->fd, list);
	TEST_ASSERT(!memcmp(list, rich.vm_list, sizeof(list)),
		    "The VM's list changed");
	vcpu_list = vcpu_get_reg_list(w->vcpu);
	TEST_ASSERT(vcpu_list->n == rich.vcpu_list->n &&
		    !memcmp(vcpu_list->reg, rich.vcpu_list->reg,
			    vcpu_list->n * sizeof(u64)),
		    "The vCPU's list changed");
	free(vcpu_list);

	for (i = 0; i <= KVM_ARM_FW_RANGE; i++) {
		get_masks(rich.vm->fd, i, masks);
		TEST_ASSERT(!memcmp(masks, rich.masks[i], sizeof(masks)),
			    "The masks of range %d changed", i);
	}
}

/* ---- A VM that runs: everything is frozen ---- */

static void access_frozen(struct abi_worker *w)
{
	int i, j, fds[] = { w->vcpu->fd, rich.vm->fd };
	u64 id, val;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		for (j = 0; j < NR_FW_REGS; j++) {
			id = fw_regs[j].id;
			if (w->rounds & 1)
				id |= KVM_REG_ARM_SCOPE_VM;
			val = rich.state.val[j];

			assert_reg(fds[i], id, val);
			assert_set(fds[i], id, val, 0);
			assert_set(fds[i], id, ~0UL, EINVAL);
			if (j >= FW_FIRST_BMAP)
				assert_set(fds[i], id,
					   val ^ fw_regs[j].features, EBUSY);
			assert_reg(fds[i], id, val);
		}

		for (j = 0; j < FW_NR_PSCI_VERSIONS; j++) {
			val = fw_psci_versions[j];
			assert_set(fds[i], KVM_REG_ARM_PSCI_VERSION, val,
				   val == PSCI_VERSION(1, 1) ? 0 : EBUSY);
		}
		assert_set(fds[i], KVM_REG_ARM_PSCI_VERSION, 0x1, EINVAL);
	}
}

static void guest_check_version(void)
{
	struct fw_regs4 r;
	int i;

	for (;;) {
		for (i = 0; i < 64; i++) {
			r = (struct fw_regs4) { { PSCI_0_2_FN_PSCI_VERSION } };
			fw_smccc(&r);
			GUEST_ASSERT_EQ(r.x[0], PSCI_VERSION(1, 1));
		}
		GUEST_SYNC(0);
	}
}

static void run_guest(struct abi_worker *w)
{
	fw_run(w->vcpu);
}

static void check_running_vm(int unused)
{
	create_rich(guest_check_version);
	fw_run(rich.vcpus[0]);
	rich.runs = true;
	learn();

	/* The others never run, so access to them does not wait. */
	abi_start_rounds(0, run_guest, rich.vcpus[0]);
	abi_start_rounds(1, access_levels, rich.vcpus[1]);
	abi_start_rounds(2, access_frozen, rich.vcpus[2]);
	abi_start_rounds(3, ask_what_there_is, rich.vcpus[1]);
	abi_flip_and_join(4);

	fw_expect_state(rich.vcpus[2], &rich.state, "in the end");
	level_expect_host(rich.vcpus[2], "in the end");
	free_rich();
}

/* ---- A VM that has not run: what is written on one fd is read on others ---- */

static const struct owned_reg {
	u64 id;
	u64 vals[2];
	u64 bad;
} owned_regs[] = {
	{ KVM_REG_ARM_PSCI_VERSION,
	  { PSCI_VERSION(0, 2), PSCI_VERSION(1, 1) }, 0x10004 },
	{ KVM_REG_ARM_VENDOR_HYP_BMAP_2, { 3, 0 }, 4 },
};

static void write_own_reg(struct abi_worker *w)
{
	const struct owned_reg *reg = &owned_regs[w->nr];
	int i, j, fds[] = {
		w->vcpu->fd, rich.vm->fd, rich.vcpus[2]->fd,
	};

	/* Write each value twice, so that a round ends with the second one. */
	for (i = 0; i < 2 * ARRAY_SIZE(fds); i++) {
		u64 scope = w->rounds & 1 ? KVM_REG_ARM_SCOPE_VM : 0;
		u64 val = reg->vals[i & 1];

		assert_set(fds[i % ARRAY_SIZE(fds)], reg->id | scope, val, 0);
		assert_set(fds[i % ARRAY_SIZE(fds)], reg->id, reg->bad, EINVAL);
		for (j = 0; j < ARRAY_SIZE(fds); j++)
			assert_reg(fds[j], reg->id | scope, val);
	}
}

static void check_fresh_vm(int unused)
{
	create_rich(guest_check_version);
	rich.runs = false;
	learn();

	abi_start_rounds(0, write_own_reg, rich.vcpus[0]);
	abi_start_rounds(1, write_own_reg, rich.vcpus[1]);
	abi_start_rounds(2, access_levels, rich.vcpus[2]);
	abi_start_rounds(3, ask_what_there_is, rich.vcpus[1]);
	abi_flip_and_join(4);

	/* The guest sees what was written last, and that is frozen. */
	fw_expect_state(rich.vcpus[0], &rich.state, "in the end");
	fw_run(rich.vcpus[1]);
	fw_expect_set(rich.vcpus[0], FW_PSCI_VERSION, PSCI_VERSION(1, 0), EBUSY,
		      PSCI_VERSION(1, 1));
	free_rich();
}

/* ---- VMs that opt in while the mode changes ---- */

static unsigned int nr_opted_in;

static void opt_in_somehow(struct abi_worker *w)
{
	struct kvm_vm *vm = vm_create(1);
	u32 set = 0, had;
	struct kvm_vcpu *vcpu;
	int i, ret;

	for (i = 0; i < NR_OPT_INS; i++) {
		if (w->rounds >> i & 1)
			continue;
		ret = opt_in_enable(vm->fd, BIT(i));
		TEST_ASSERT(!ret, "%s: %s", opt_in_names[i], strerror(ret));
		set = opt_in_complete(set | BIT(i));
		had = opt_in_get(vm->fd);
		TEST_ASSERT(had == set, "is said to have %#x, not %#x", had, set);
		/* Vary the time until the next attempt. */
		usleep(w->seed * 37 + w->rounds % 8 * 100);
	}
	__atomic_add_fetch(&nr_opted_in, 1, __ATOMIC_RELAXED);

	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code,
			&vcpu);
	for (i = 0; i < 4; i++) {
		had = opt_in_probe(vcpu);
		TEST_ASSERT(had == set, "has %#x, was given %#x", had, set);
	}
	TEST_ASSERT(!test_nr_failures(), "see above");
	kvm_vm_free(vm);
}

static bool some_have_opted_in(void)
{
	return __atomic_load_n(&nr_opted_in, __ATOMIC_RELAXED) > 4;
}

static void check_new_vms(int unused)
{
	abi_start_rounds(0, opt_in_somehow, NULL);
	abi_start_rounds(1, opt_in_somehow, NULL);
	abi_flip_until(2, some_have_opted_in);
	ksft_print_msg("%u VMs opted in\n", nr_opted_in);
}

static const struct test_case cases[] = {
	{ "running VM: levels, lists, masks and capabilities stay, all are frozen",
	  check_running_vm },
	{ "fresh VM: what is written on one fd is read on all",
	  check_fresh_vm },
	{ "VMs that opt in meanwhile have what they asked for, and nothing else",
	  check_new_vms },
	{ "switch: no mismatch, C and Rust served calls, mode restored",
	  abi_check_stats },
};

int main(void)
{
	opt_in_require();
	if (!abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));
	abi_begin_stats();
	test_run_cases(cases, ARRAY_SIZE(cases));
	test_finished();
}
