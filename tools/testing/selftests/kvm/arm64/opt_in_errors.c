// SPDX-License-Identifier: GPL-2.0-only
/*
 * opt_in_errors - KVM_ENABLE_CAP of KVM_CAP_ARM_MIGRATION: what is refused, and that
 * each bit enables its own feature only.
 *
 * Refused with EINVAL: flags, pad and args that have no meaning yet and are not
 * zero, unknown bits, and a VM that has a vCPU already. A VMM can rely on this to
 * find out what a later kernel has, and on a refusal to have no effect. What a VM
 * has enabled is derived from its behaviour, see opt_in_probe.h, and must be what
 * KVM_CHECK_EXTENSION returns.
 */
#include <asm/kvm_migration.h>
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/opt_in.h"
#include "abi/opt_in_probe.h"
#include "abi/user_mem.h"
#include "processor.h"

static int enable(int fd, const struct kvm_enable_cap *cap)
{
	return ioctl(fd, KVM_ENABLE_CAP, cap) ? errno : 0;
}

/* A valid KVM_ENABLE_CAP, to be modified by the caller */
static struct kvm_enable_cap good(u64 set)
{
	return (struct kvm_enable_cap) {
		.cap = KVM_CAP_ARM_MIGRATION,
		.args = { set },
	};
}

static void __expect_refused(int line, struct kvm_vm *vm,
			     const struct kvm_enable_cap *cap, const char *what,
			     u64 val)
{
	int ret = enable(vm->fd, cap);

	__test_expect(line, ret == EINVAL, "%#llx, %s %#lx: %s", cap->args[0],
		      what, val, strerror(ret));
}

#define expect_refused(...)	__expect_refused(__LINE__, __VA_ARGS__)

/* At the end the VM must have exactly this. */
static void finish(struct kvm_vm *vm, u32 set)
{
	opt_in_expect_parts(vm, set, "in the end");
	kvm_vm_free(vm);
}

/* ---- What there is ---- */

static void __expect_has(int line, int fd, u32 set, const char *when)
{
	int ret = opt_in_get(fd);

	__test_expect(line, ret == set, "%s: %#x, expected %#x", when, ret, set);
}

#define expect_has(...)		__expect_has(__LINE__, __VA_ARGS__)

static void check_extension(int unused)
{
	struct kvm_vm *vm = vm_create(1), *other = vm_create(1);
	int kvm_fd = open_kvm_dev_path_or_exit(), i;
	u32 set = 0;

	test_expect(KVM_CAP_ARM_MIGRATION == 0x41524d10, "another number");
	expect_has(vm->fd, 0, "new VM");
	for (i = 0; i < NR_OPT_INS; i++) {
		opt_in(vm, BIT(i));
		set = opt_in_complete(set | BIT(i));
		expect_has(vm->fd, set, opt_in_names[i]);
		expect_has(other->fd, 0, "another VM");
		expect_has(kvm_fd, opt_in_offered(), "/dev/kvm");
	}
	finish(vm, OPT_IN_ALL);
	finish(other, 0);
	close(kvm_fd);
}

static void check_supported_ranges(int unused)
{
	struct kvm_vm *vm, *other = vm_create(1);
	u64 set;
	int ret;

	for (set = 0; set <= OPT_IN_RANGES; set += 2) {
		vm = vm_create(1);
		opt_in(vm, set);
		ret = vm_check_cap(vm, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
		test_expect(ret == (1 | set), "ranges of the VM %#x", ret);
		ret = vm_check_cap(other,
				   KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
		test_expect(ret == 1, "ranges of another VM %#x", ret);
		ret = kvm_check_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
		test_expect(ret == 1, "ranges of /dev/kvm %#x", ret);
		finish(vm, set);
	}
	finish(other, 0);
}

/* ---- What is refused ---- */

static void check_flags(int nr)
{
	struct kvm_enable_cap cap = good(BIT(nr));
	struct kvm_vm *vm = vm_create(1);
	int bit;

	for (bit = 0; bit < 32; bit++) {
		cap.flags = BIT(bit);
		expect_refused(vm, &cap, "flags", cap.flags);
	}
	cap.flags = ~0;
	expect_refused(vm, &cap, "flags", cap.flags);
	finish(vm, 0);
}

static void check_pad(int nr)
{
	struct kvm_enable_cap cap = good(BIT(nr));
	struct kvm_vm *vm = vm_create(1);
	int i;

	for (i = 0; i < sizeof(cap.pad); i++) {
		cap.pad[i] = 1;
		expect_refused(vm, &cap, "1 in pad at", i);
		cap.pad[i] = 0x80;
		expect_refused(vm, &cap, "0x80 in pad at", i);
		cap.pad[i] = 0;
	}
	memset(cap.pad, 0xff, sizeof(cap.pad));
	expect_refused(vm, &cap, "pad", ~0UL);
	finish(vm, 0);
}

static void check_args(int nr)
{
	struct kvm_enable_cap cap = good(BIT(nr));
	struct kvm_vm *vm = vm_create(1);
	int i, bit;

	for (i = 1; i < ARRAY_SIZE(cap.args); i++) {
		for (bit = 0; bit < 64; bit++) {
			cap.args[i] = BIT(bit);
			expect_refused(vm, &cap, "args", cap.args[i]);
		}
		cap.args[i] = ~0UL;
		expect_refused(vm, &cap, "args", cap.args[i]);
		cap.args[i] = 0;
	}
	finish(vm, 0);
}

/* Alone, and with what there is; a VM keeps what it has. */
static void check_unknown_bits(int had)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_enable_cap cap;
	int bit;

	opt_in(vm, had);
	for (bit = NR_OPT_INS; bit < 64; bit++) {
		if (opt_in_offered() & BIT(bit))
			continue;
		cap = good(BIT(bit));
		expect_refused(vm, &cap, "bit", bit);
		cap = good(BIT(bit) | OPT_IN_ALL);
		expect_refused(vm, &cap, "bit and all", bit);
	}
	cap = good(~0UL);
	expect_refused(vm, &cap, "all bits", 0);
	finish(vm, had);
}

/* Once there is a vCPU, initialised or not */
static void check_too_late(int nr)
{
	struct kvm_enable_cap cap = good(BIT(nr)), none = good(0);
	struct kvm_vm *bare = vm_create_barebones(), *vm = vm_create(1);
	struct kvm_vcpu *raw = __vm_vcpu_add(bare, 0), *vcpu;
	struct kvm_vcpu_init init;
	u32 parts;

	expect_refused(bare, &cap, "vCPU not initialised", 0);
	expect_refused(bare, &none, "vCPU not initialised", 0);
	kvm_get_default_vcpu_target(bare, &init);
	init.features[0] = BIT(KVM_ARM_VCPU_PSCI_0_2);
	vcpu_ioctl(raw, KVM_ARM_VCPU_INIT, &init);
	expect_refused(bare, &cap, "vCPU initialised", 0);
	parts = opt_in_probe(raw);
	test_expect(!parts, "parts %#x", parts);
	expect_refused(bare, &cap, "vCPU that has run", 0);
	parts = opt_in_probe(raw);
	test_expect(!parts, "parts %#x", parts);
	expect_has(bare->fd, 0, "refused");
	kvm_vm_free(bare);

	/* Not even what the VM has enabled already */
	test_expect(!enable(vm->fd, &cap), "%s is refused", opt_in_names[nr]);
	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code,
			&vcpu);
	expect_refused(vm, &cap, "again", 0);
	expect_refused(vm, &none, "nothing", 0);
	parts = opt_in_probe(vcpu);
	test_expect(parts == opt_in_complete(BIT(nr)), "parts %#x", parts);
	expect_has(vm->fd, opt_in_complete(BIT(nr)), "too late");
	kvm_vm_free(vm);
}

static void check_bad_pointers(int unused)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_enable_cap cap = good(OPT_IN_ALL);
	u8 *p;
	int i, ret;

	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		ret = enable(vm->fd, (void *)user_bad_pointers[i]);
		test_expect(ret == EFAULT, "%#lx: %s", user_bad_pointers[i],
			    strerror(ret));
	}

	/* The whole structure must be readable, including the pad. */
	p = user_hole - sizeof(cap) + 1;
	memcpy(p, &cap, sizeof(cap) - 1);
	ret = enable(vm->fd, (void *)p);
	test_expect(ret == EFAULT, "%s", strerror(ret));
	finish(vm, 0);
}

/* The capability is one of VMs. */
static void check_other_fds(int unused)
{
	struct kvm_enable_cap cap = good(OPT_IN_ALL);
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	int kvm_fd = open_kvm_dev_path_or_exit(), ret;
	u32 parts;

	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code,
			&vcpu);
	ret = enable(vcpu->fd, &cap);
	test_expect(ret == EINVAL, "vCPU: %s", strerror(ret));
	ret = enable(kvm_fd, &cap);
	test_expect(ret == EINVAL, "/dev/kvm: %s", strerror(ret));
	parts = opt_in_probe(vcpu);
	test_expect(!parts, "parts %#x", parts);
	close(kvm_fd);
	kvm_vm_free(vm);
}

/* A protected VM, hidden from the host, can have nothing of it. */
static void check_protected_vm(int unused)
{
	int kvm_fd = open_kvm_dev_path_or_exit(), fd, nr, ret;
	struct kvm_enable_cap cap;
	u32 parts;

	fd = ioctl(kvm_fd, KVM_CREATE_VM, KVM_VM_TYPE_ARM_PROTECTED);
	close(kvm_fd);
	if (fd < 0)
		return test_skip("no protected VMs here");

	expect_has(fd, 0, "protected VM");
	for (nr = 0; nr <= NR_OPT_INS; nr++) {
		cap = good(nr < NR_OPT_INS ? BIT(nr) : 0);
		ret = enable(fd, &cap);
		test_expect(ret == EINVAL, "%#llx: %s", cap.args[0],
			    strerror(ret));
	}
	parts = opt_in_probe_vm(fd);
	test_expect(!parts, "parts %#x", parts);
	close(fd);
}

/* ---- What is enabled ---- */

static void check_twice(int nr)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_enable_cap cap = good(BIT(nr)), bad = cap, none = good(0);
	int i, ret;

	bad.flags = 1;
	for (i = 0; i < 3; i++) {
		ret = enable(vm->fd, &cap);
		test_expect(!ret, "%s again: %s", opt_in_names[nr],
			    strerror(ret));
		/* To ask for nothing is to have what there was. */
		ret = enable(vm->fd, &none);
		test_expect(!ret, "nothing: %s", strerror(ret));
		/* A refused request does not disable what is enabled. */
		expect_refused(vm, &bad, "flags", bad.flags);
	}
	finish(vm, opt_in_complete(BIT(nr)));
}

/* All at once, or one by one in either order */
enum order { AT_ONCE, ASCENDING, DESCENDING };

static void try_combination(u32 want, enum order order)
{
	struct kvm_vm *vm = vm_create(1);
	int i, nr;

	if (order == AT_ONCE)
		opt_in(vm, want);
	for (i = 0; i < NR_OPT_INS && order != AT_ONCE; i++) {
		nr = order == DESCENDING ? NR_OPT_INS - 1 - i : i;
		if (want & BIT(nr))
			opt_in(vm, BIT(nr));
	}
	finish(vm, opt_in_complete(want));
}

static void check_combinations(int order)
{
	u32 want;

	for (want = 0; want <= OPT_IN_ALL; want++) {
		if (opt_in_is_tried(want))
			try_combination(want, order);
	}
}

static void check_descending_pairs(int unused)
{
	int i, j;

	for (i = 0; i < NR_OPT_INS; i++) {
		for (j = 0; j < i; j++)
			try_combination(BIT(i) | BIT(j), DESCENDING);
	}
}

static const struct test_case each[] = {
	{ "any flag is EINVAL, nothing changed", check_flags },
	{ "any byte of pad is EINVAL, nothing changed", check_pad },
	{ "args without a meaning are EINVAL, nothing changed", check_args },
	{ "EINVAL once there is a vCPU, nothing changed", check_too_late },
	{ "enabling it again is accepted", check_twice },
};

static const struct test_case once[] = {
	{ "KVM_CHECK_EXTENSION: all on /dev/kvm, on a VM what it has",
	  check_extension },
	{ "SUPPORTED_REG_MASK_RANGES: what the VM enabled, 1 elsewhere",
	  check_supported_ranges },
	{ "unknown bits are EINVAL, nothing changed", check_unknown_bits, 0 },
	{ "unknown bits are EINVAL in a VM that has range 1, nothing changed",
	  check_unknown_bits, BIT(OPT_IN_GIC_MASKS) },
	{ "pointer: a bad one is EFAULT, nothing changed", check_bad_pointers },
	{ "vCPUs and /dev/kvm: EINVAL, nothing changed", check_other_fds },
	{ "protected VM: has nothing, EINVAL", check_protected_vm },
	{ "few or most of them at once: each enables only itself",
	  check_combinations, AT_ONCE },
	{ "few or most of them one by one: the same", check_combinations,
	  ASCENDING },
	{ "all pairs, enabled in the other order: the same",
	  check_descending_pairs },
};

int main(void)
{
	static struct test_case cases[NR_OPT_INS * ARRAY_SIZE(each)];
	int i, j, nr = 0;

	opt_in_require();
	ksft_print_header();
	user_mem_create(1);

	for (i = 0; i < NR_OPT_INS; i++) {
		for (j = 0; j < ARRAY_SIZE(each); j++)
			cases[nr++] = opt_in_case(&each[j], opt_in_names[i], i);
	}
	test_set_plan(nr + ARRAY_SIZE(once));
	test_run_cases(cases, nr);
	test_run_cases(once, ARRAY_SIZE(once));
	test_finished();
}
