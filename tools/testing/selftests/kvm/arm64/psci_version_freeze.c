// SPDX-License-Identifier: GPL-2.0-only
/*
 * psci_version_freeze - KVM_REG_ARM_PSCI_VERSION of a VM that opts in to freeze
 * it.
 *
 * Linux lets userspace change the version while a guest is running. In a VM
 * that opts in to KVM_ARM_MIGRATION_PSCI_FREEZE the version is treated like
 * the bitmaps of services, from the first run of any vCPU on:
 *
 *	a version that the vCPUs cannot have	EINVAL, as before
 *	another version				EBUSY
 *	the current version			always accepted
 *
 * Because of the last rule a VMM can write all registers back, whether it chose
 * the version or not. Nothing else changes: neither behaviour before the first
 * run, nor other registers, nor VMs that have not opted in.
 */
#include <asm/kvm_migration.h>
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "processor.h"

/* Versions of no vCPU, or of none with KVM_ARM_VCPU_PSCI_0_2 */
static const u64 bad_versions[] = {
	0, 0x1, 0x3, 0xffff, 0x10004, 0x1ffff, 0x20000, 0x80010000,
	BIT(32) | 0x10003, BIT(63) | 0x2, ~0UL,
};

static struct kvm_vm *create(struct kvm_vcpu *vcpus[2])
{
	return opt_in_vm_create(BIT(OPT_IN_FREEZE), 2, true, fw_guest_code,
				vcpus);
}

/* Write every version through @vcpu, in a VM that has @version. */
static void expect_frozen(struct kvm_vcpu *vcpu, u64 version)
{
	u64 val;
	int i;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		val = fw_psci_versions[i];
		fw_expect_set(vcpu, FW_PSCI_VERSION, val,
			      val == version ? 0 : EBUSY, version);
	}
	for (i = 0; i < ARRAY_SIZE(bad_versions); i++)
		fw_expect_set(vcpu, FW_PSCI_VERSION, bad_versions[i], EINVAL,
			      version);
	fw_expect_set(vcpu, FW_PSCI_VERSION, version, 0, version);
}

/* The same, if nothing is frozen. In the end the version is @version. */
static void expect_writable(struct kvm_vcpu *vcpu, u64 version)
{
	u64 val;
	int i, j;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		val = fw_psci_versions[i];
		fw_expect_set(vcpu, FW_PSCI_VERSION, val, 0, val);
		for (j = 0; j < ARRAY_SIZE(bad_versions); j++)
			fw_expect_set(vcpu, FW_PSCI_VERSION, bad_versions[j],
				      EINVAL, val);
	}
	fw_expect_set(vcpu, FW_PSCI_VERSION, version, 0, version);
}

/* The guest sees @version. This runs the vCPU. */
#define expect_guest(vcpu, version)				\
	fw_expect_x0(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0, version)

/* ---- Before the first run ---- */

static void check_before(int nr)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(vcpus);

	fw_expect_set(vcpus[nr], FW_PSCI_VERSION, FW_PSCI_LATEST, 0,
		      FW_PSCI_LATEST);
	expect_writable(vcpus[nr], PSCI_VERSION(1, 0));
	test_expect(vcpu_get_reg(vcpus[!nr], KVM_REG_ARM_PSCI_VERSION) ==
		    PSCI_VERSION(1, 0), "not seen through the other vCPU");
	expect_writable(vcpus[!nr], PSCI_VERSION(1, 1));
	expect_guest(vcpus[0], PSCI_VERSION(1, 1));
	kvm_vm_free(vm);
}

static void check_reinit_before(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(vcpus);

	vcpu_set_reg(vcpus[0], KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 0));
	fw_vcpu_reinit(vcpus[0]);
	fw_vcpu_reinit(vcpus[1]);
	expect_writable(vcpus[0], PSCI_VERSION(1, 2));
	expect_guest(vcpus[1], PSCI_VERSION(1, 2));
	kvm_vm_free(vm);
}

/* ---- After it ---- */

/* The @n-th version was chosen, or none. */
static void check_after(int n)
{
	u64 version = n < 0 ? FW_PSCI_LATEST : fw_psci_versions[n];
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;
	int runner;

	for (runner = 0; runner < 2; runner++) {
		vm = create(vcpus);
		if (n >= 0)
			vcpu_set_reg(vcpus[!runner], KVM_REG_ARM_PSCI_VERSION,
				     version);

		expect_guest(vcpus[runner], version);
		expect_frozen(vcpus[runner], version);
		expect_frozen(vcpus[!runner], version);

		/* The guest does not see refused versions on either vCPU. */
		expect_guest(vcpus[!runner], version);
		expect_guest(vcpus[runner], version);
		expect_frozen(vcpus[!runner], version);
		kvm_vm_free(vm);
	}
}

/* A VMM that restores or reboots writes all registers, through all vCPUs. */
static void check_write_back(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(vcpus);
	struct fw_state state = fw_state_read(vcpus[0]);
	int i, round;

	for (round = 0; round < 4; round++) {
		expect_guest(vcpus[round % 2], FW_PSCI_LATEST);
		for (i = 0; i < NR_FW_REGS; i++) {
			fw_expect_set(vcpus[0], i, state.val[i], 0,
				      state.val[i]);
			fw_expect_set(vcpus[1], i, state.val[i], 0,
				      state.val[i]);
		}
		expect_frozen(vcpus[round % 2], FW_PSCI_LATEST);
	}
	kvm_vm_free(vm);
}

/* KVM_RUN freezes, even if it leaves before the guest is entered. */
static void check_immediate_exit(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(vcpus);
	int ret;

	expect_writable(vcpus[0], PSCI_VERSION(1, 0));
	vcpus[1]->run->immediate_exit = 1;
	ret = __vcpu_run(vcpus[1]);
	test_expect(ret == -1 && errno == EINTR, "KVM_RUN: %d, %s", ret,
		    strerror(errno));
	expect_frozen(vcpus[0], PSCI_VERSION(1, 0));
	expect_frozen(vcpus[1], PSCI_VERSION(1, 0));
	kvm_vm_free(vm);
}

static void check_reinit_after(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(vcpus);
	int i;

	vcpu_set_reg(vcpus[0], KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(0, 2));
	expect_guest(vcpus[0], PSCI_VERSION(0, 2));
	expect_guest(vcpus[1], PSCI_VERSION(0, 2));
	for (i = 0; i < 2; i++) {
		fw_vcpu_reinit(vcpus[i]);
		expect_frozen(vcpus[0], PSCI_VERSION(0, 2));
		expect_frozen(vcpus[1], PSCI_VERSION(0, 2));
	}
	expect_guest(vcpus[0], PSCI_VERSION(0, 2));
	expect_guest(vcpus[1], PSCI_VERSION(0, 2));
	kvm_vm_free(vm);
}

/* A vCPU created after another one has run. Protected KVM does not run it. */
static void check_late_vcpu(int unused)
{
	struct kvm_vcpu *early, *late;
	struct kvm_vm *vm;

	/* A VM with an initialised vGIC accepts no more vCPUs. */
	test_disable_default_vgic();

	vm = vm_create(2);
	opt_in(vm, BIT(OPT_IN_FREEZE));
	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code,
			&early);
	vcpu_set_reg(early, KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 2));
	expect_guest(early, PSCI_VERSION(1, 2));

	late = aarch64_vcpu_add(vm, 1, &early->init, fw_guest_code);
	expect_frozen(late, PSCI_VERSION(1, 2));
	expect_frozen(early, PSCI_VERSION(1, 2));
	kvm_vm_free(vm);
}

/* ---- vCPUs without KVM_ARM_VCPU_PSCI_0_2 ---- */

static void check_0_1(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i, ran;

	vm = opt_in_vm_create(BIT(OPT_IN_FREEZE), 1, false, fw_guest_code,
			      &vcpu);
	for (ran = 0; ran < 2; ran++) {
		fw_expect_set(vcpu, FW_PSCI_VERSION, 0x1, 0, 0x1);

		/* These vCPUs have no other version, so it is not EBUSY. */
		for (i = 0; i < FW_NR_PSCI_VERSIONS; i++)
			fw_expect_set(vcpu, FW_PSCI_VERSION,
				      fw_psci_versions[i], EINVAL, 0x1);
		for (i = 0; i < ARRAY_SIZE(bad_versions); i++)
			fw_expect_set(vcpu, FW_PSCI_VERSION, bad_versions[i],
				      bad_versions[i] == 0x1 ? 0 : EINVAL, 0x1);
		fw_expect_refused(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0);
	}
	kvm_vm_free(vm);
}

/* ---- The order of errors ---- */

static void check_errors(int unused)
{
	const u64 id = KVM_REG_ARM_PSCI_VERSION;
	u64 u32_id = (id & ~KVM_REG_SIZE_MASK) | KVM_REG_SIZE_U32;
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(vcpus);
	u64 other = PSCI_VERSION(1, 0);
	int ret;

	expect_guest(vcpus[0], FW_PSCI_LATEST);

	ret = one_reg(vcpus[0]->fd, KVM_SET_ONE_REG, id, 0);
	test_expect(ret == EFAULT, "bad pointer: %s", strerror(ret));
	ret = one_reg(vcpus[0]->fd, KVM_SET_ONE_REG, u32_id, 0);
	test_expect(ret == ENOENT, "size, bad pointer: %s", strerror(ret));
	ret = one_reg_set(vcpus[0], u32_id, other);
	test_expect(ret == ENOENT, "size: %s", strerror(ret));
	ret = one_reg_set(vcpus[0], id | 0x100, other);
	test_expect(ret == ENOENT, "unknown register: %s", strerror(ret));
	ret = one_reg(vcpus[0]->fd, KVM_GET_ONE_REG, id, 0);
	test_expect(ret == EFAULT, "GET: %s", strerror(ret));
	expect_frozen(vcpus[1], FW_PSCI_LATEST);
	kvm_vm_free(vm);
}

/* ---- Other registers and VMs ---- */

/* Bitmaps and workarounds behave as in any VM. */
static void check_other_registers(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(vcpus);
	struct fw_state state;
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++) {
		fw_expect_set(vcpus[0], i, 0, 0, 0);
		fw_expect_set(vcpus[0], i, fw_regs[i].features, 0,
			      fw_regs[i].features);
	}
	state = fw_state_read(vcpus[0]);
	expect_guest(vcpus[0], FW_PSCI_LATEST);

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++) {
		fw_expect_set(vcpus[1], i, 0, EBUSY, fw_regs[i].features);
		fw_expect_set(vcpus[1], i, BIT(62), EINVAL,
			      fw_regs[i].features);
	}
	for (i = FW_WORKAROUND_1; i <= FW_WORKAROUND_3; i++) {
		fw_expect_set(vcpus[1], i, 0, 0, state.val[i]);
		fw_expect_set(vcpus[1], i, 0xf, EINVAL, state.val[i]);
	}
	kvm_vm_free(vm);
}

/*
 * VMs that have not opted in, at all or to this: the version can be changed
 * after a run.
 */
static void check_not_opted_in(int set)
{
	struct kvm_vcpu *vcpus[2], *others[2];
	struct kvm_vm *vm = create(vcpus), *other;

	other = opt_in_vm_create(set, 2, true, fw_guest_code, others);
	expect_guest(vcpus[0], FW_PSCI_LATEST);
	expect_writable(others[0], PSCI_VERSION(1, 0));
	expect_guest(others[0], PSCI_VERSION(1, 0));

	expect_writable(others[0], PSCI_VERSION(1, 1));
	expect_guest(others[0], PSCI_VERSION(1, 1));
	expect_writable(others[1], PSCI_VERSION(0, 2));
	expect_guest(others[1], PSCI_VERSION(0, 2));

	expect_frozen(vcpus[0], FW_PSCI_LATEST);
	kvm_vm_free(other);
	kvm_vm_free(vm);
}

static void check_other_vm_ran(int unused)
{
	struct kvm_vcpu *vcpus[2], *others[2];
	struct kvm_vm *vm = create(vcpus), *other = create(others);

	expect_guest(vcpus[0], FW_PSCI_LATEST);
	expect_writable(others[0], PSCI_VERSION(1, 0));
	expect_frozen(vcpus[0], FW_PSCI_LATEST);
	expect_guest(others[1], PSCI_VERSION(1, 0));
	expect_frozen(others[0], PSCI_VERSION(1, 0));
	kvm_vm_free(other);
	kvm_vm_free(vm);
}

/* ---- The moment of the first run ---- */

#define NR_RACES	12

static bool raced_stop;

/* Write until a write fails, or comes after the first run. */
static void *write_until_frozen(void *data)
{
	struct kvm_vcpu *vcpu = data;
	u64 n = 0, val, written = FW_PSCI_LATEST;
	bool stop;
	int ret;

	do {
		stop = __atomic_load_n(&raced_stop, __ATOMIC_ACQUIRE);
		val = fw_psci_versions[n++ % FW_NR_PSCI_VERSIONS];
		if (val == written)
			val = fw_psci_versions[n++ % FW_NR_PSCI_VERSIONS];
		ret = one_reg_set(vcpu, KVM_REG_ARM_PSCI_VERSION, val);
		if (!ret)
			written = val;
	} while (!ret && !stop);

	test_expect(ret == EBUSY, "%#lx after %#lx: %s", val, written,
		    strerror(ret));
	return (void *)written;
}

/* The guest sees what was written last with success, from the start. */
static void check_race(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct fw_regs4 first;
	pthread_t thread;
	struct kvm_vm *vm;
	void *written;
	int i;

	for (i = 0; i < NR_RACES; i++) {
		vm = create(vcpus);
		raced_stop = false;
		kvm_pthread_create(&thread, NULL, write_until_frozen, vcpus[1]);
		usleep(i * 150);

		first = fw_guest_call(vcpus[0], PSCI_0_2_FN_PSCI_VERSION, 0);
		__atomic_store_n(&raced_stop, true, __ATOMIC_RELEASE);
		kvm_pthread_join(thread, &written);
		test_expect(first.x[0] == (u64)written,
			    "guest sees %#lx, %#lx was written", first.x[0],
			    (u64)written);
		expect_frozen(vcpus[0], (u64)written);
		expect_guest(vcpus[1], (u64)written);
		kvm_vm_free(vm);
	}
}

static const struct test_case cases[] = {
	{ "before the first run: writable through vCPU 0, seen by all",
	  check_before, 0 },
	{ "before the first run: the same through vCPU 1", check_before, 1 },
	{ "before the first run: KVM_ARM_VCPU_INIT freezes nothing",
	  check_reinit_before },

	{ "after it, never written: 1.3 can be written back, others EBUSY",
	  check_after, -1 },
	{ "after it, 0.2: same 0, others EBUSY, impossible ones EINVAL",
	  check_after, 0 },
	{ "after it, 1.0: same 0, others EBUSY, impossible ones EINVAL",
	  check_after, 1 },
	{ "after it, 1.1: same 0, others EBUSY, impossible ones EINVAL",
	  check_after, 2 },
	{ "after it, 1.2: same 0, others EBUSY, impossible ones EINVAL",
	  check_after, 3 },
	{ "after it, 1.3: same 0, others EBUSY, impossible ones EINVAL",
	  check_after, 4 },
	{ "after each run: all registers can be written back",
	  check_write_back },
	{ "after KVM_RUN with immediate_exit: frozen", check_immediate_exit },
	{ "after KVM_ARM_VCPU_INIT of all vCPUs: still frozen",
	  check_reinit_after },
	{ "a vCPU created after the first run is frozen too", check_late_vcpu },

	{ "without PSCI_0_2: 0.1 can be written, others EINVAL, never EBUSY",
	  check_0_1 },
	{ "errors: ENOENT, EFAULT and EINVAL come before EBUSY", check_errors },
	{ "other registers: bitmaps freeze, workarounds do not, as in any VM",
	  check_other_registers },
	{ "a VM that has not opted in is not affected", check_not_opted_in, 0 },
	{ "a VM that has opted in to all else is not affected",
	  check_not_opted_in, OPT_IN_ALL & ~(BIT(OPT_IN_FREEZE) | BIT(OPT_IN_VM_REGS) |
				BIT(OPT_IN_VM_CONFIG)) },
	{ "a VM that has not run is not affected by one that has",
	  check_other_vm_ran },
	{ "a write races with the first run: EBUSY, or seen by the guest",
	  check_race },
};

int main(void)
{
	opt_in_require();
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));
	test_finished();
}
