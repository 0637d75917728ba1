// SPDX-License-Identifier: GPL-2.0-only
/*
 * opt_in_errors - KVM_ENABLE_CAP of the capabilities that a VM can opt in to:
 * what is refused, and that each one enables its own feature only.
 *
 * Refused with EINVAL: flags, pad and args that have no meaning yet and are not
 * zero, unknown ranges, and a VM that has a vCPU already. A VMM can rely on
 * this to find out what a later kernel has, and on a refusal to have no effect.
 * What a VM has enabled is derived from its behaviour, see opt_in_probe.h.
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

/* A valid KVM_ENABLE_CAP for opt_ins[@nr], to be modified by the caller */
static struct kvm_enable_cap good(int nr)
{
	return (struct kvm_enable_cap) {
		.cap = opt_ins[nr].cap,
		.args = { opt_ins[nr].arg },
	};
}

static void __expect_refused(int line, struct kvm_vm *vm,
			     const struct kvm_enable_cap *cap, const char *what,
			     u64 val)
{
	int ret = enable(vm->fd, cap);

	__test_expect(line, ret == EINVAL, "%#x, %s %#lx: %s", cap->cap, what,
		      val, strerror(ret));
}

#define expect_refused(...)	__expect_refused(__LINE__, __VA_ARGS__)

/* Cases run in the mode rust, where every capability is available. */
static struct kvm_vm *begin(void)
{
	opt_in_begin();
	return vm_create(1);
}

/* At the end the VM must have exactly these parts. */
static void finish(struct kvm_vm *vm, u32 parts)
{
	opt_in_end();
	opt_in_expect_parts(vm, parts, "in the end");
	kvm_vm_free(vm);
}

/* ---- Which capabilities there are ---- */

static void check_extensions(int unused)
{
	struct kvm_vm *vm = begin();
	int i, j, ret;

	for (i = 0; i < NR_OPT_INS; i++) {
		ret = kvm_check_cap(opt_ins[i].cap);
		test_expect(ret == opt_ins[i].value, "/dev/kvm: %s is %#x",
			    opt_ins[i].name, ret);
		ret = vm_check_cap(vm, opt_ins[i].cap);
		test_expect(ret == opt_ins[i].value, "VM: %s is %#x",
			    opt_ins[i].name, ret);
	}

	/* None of them changes what is reported for the others. */
	for (i = 0; i < NR_OPT_INS; i++) {
		opt_in(vm, opt_ins[i].cap, opt_ins[i].arg);
		opt_in_begin();
		for (j = 0; j < NR_OPT_INS; j++) {
			ret = vm_check_cap(vm, opt_ins[j].cap);
			test_expect(ret == opt_ins[j].value, "%s is %#x",
				    opt_ins[j].name, ret);
		}
	}
	finish(vm, OPT_IN_PARTS_ALL);
}

static void check_numbers(int unused)
{
	static const u32 caps[NR_OPT_INS] = {
		0x41524d01, 0x41524d02, 0x41524d03, 0x41524d04, 0x41524d05,
	};
	struct kvm_vm *vm = begin();
	u32 cap;
	int i;

	for (i = 0; i < NR_OPT_INS; i++)
		test_expect(opt_ins[i].cap == caps[i], "%s is %#x",
			    opt_ins[i].name, opt_ins[i].cap);

	/* No other number is a capability. */
	for (cap = 0x41524cf0; cap < 0x41524d20; cap++) {
		if (cap >= caps[0] && cap <= caps[NR_OPT_INS - 1])
			continue;
		test_expect(!vm_check_cap(vm, cap), "%#x is there", cap);
		test_expect(opt_in_enable(vm->fd, cap, 0) == EINVAL,
			    "%#x can be enabled", cap);
	}
	finish(vm, 0);
}

static void check_supported_ranges(int unused)
{
	struct kvm_vm *vm, *other = begin();
	u64 arg;
	int ret;

	for (arg = 2; arg <= OPT_IN_RANGES; arg += 2) {
		vm = begin();
		test_expect(!opt_in_enable(vm->fd, KVM_CAP_ARM_REG_MASK_RANGES,
					   arg), "%#lx is refused", arg);
		ret = vm_check_cap(vm, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
		test_expect(ret == (1 | arg), "ranges of the VM %#x", ret);
		ret = vm_check_cap(other,
				   KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
		test_expect(ret == 1, "ranges of another VM %#x", ret);
		ret = kvm_check_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
		test_expect(ret == 1, "ranges of /dev/kvm %#x", ret);
		finish(vm, (arg & 2 ? BIT(OPT_IN_PART_GIC_RANGE) : 0) |
			   (arg & 4 ? BIT(OPT_IN_PART_FW_RANGE) : 0));
	}
	finish(other, 0);
}

/* ---- What is refused ---- */

static void check_flags(int nr)
{
	struct kvm_enable_cap cap = good(nr);
	struct kvm_vm *vm = begin();
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
	struct kvm_enable_cap cap = good(nr);
	struct kvm_vm *vm = begin();
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
	struct kvm_enable_cap cap = good(nr);
	struct kvm_vm *vm = begin();
	int i, bit;

	/* args[0] of this capability is the set of ranges. */
	for (i = nr == OPT_IN_MASKS; i < ARRAY_SIZE(cap.args); i++) {
		for (bit = 0; bit < 64; bit++) {
			cap.args[i] = BIT(bit);
			expect_refused(vm, &cap, "args", cap.args[i]);
		}
		cap.args[i] = ~0UL;
		expect_refused(vm, &cap, "args", cap.args[i]);
		cap.args[i] = i ? 0 : opt_ins[nr].arg;
	}
	finish(vm, 0);
}

/* No range, the range that every VM has, and unknown ranges */
static void check_ranges(int had)
{
	struct kvm_enable_cap cap = good(OPT_IN_MASKS);
	struct kvm_vm *vm = begin();
	u64 arg;
	int bit;

	if (had)
		opt_in(vm, KVM_CAP_ARM_REG_MASK_RANGES, had);
	opt_in_begin();

	for (arg = 0; arg < 64; arg++) {
		if (arg == 2 || arg == 4 || arg == 6)
			continue;
		cap.args[0] = arg;
		expect_refused(vm, &cap, "ranges", arg);
	}
	for (bit = 3; bit < 64; bit++) {
		cap.args[0] = BIT(bit);
		expect_refused(vm, &cap, "ranges", cap.args[0]);
		cap.args[0] = BIT(bit) | OPT_IN_RANGES;
		expect_refused(vm, &cap, "ranges", cap.args[0]);
	}
	finish(vm, had ? BIT(OPT_IN_PART_GIC_RANGE) : 0);
}

/* Once there is a vCPU, initialised or not */
static void check_too_late(int nr)
{
	struct kvm_enable_cap cap = good(nr);
	struct kvm_vm *bare = vm_create_barebones(), *vm = begin();
	struct kvm_vcpu *raw = __vm_vcpu_add(bare, 0), *vcpu;
	struct kvm_vcpu_init init;
	u32 parts;

	expect_refused(bare, &cap, "vCPU not initialised", 0);
	kvm_get_default_vcpu_target(bare, &init);
	init.features[0] = BIT(KVM_ARM_VCPU_PSCI_0_2);
	vcpu_ioctl(raw, KVM_ARM_VCPU_INIT, &init);
	expect_refused(bare, &cap, "vCPU initialised", 0);
	parts = opt_in_probe(raw);
	test_expect(!parts, "parts %#x", parts);
	expect_refused(bare, &cap, "vCPU that has run", 0);
	parts = opt_in_probe(raw);
	test_expect(!parts, "parts %#x", parts);
	kvm_vm_free(bare);

	/* Not even what the VM has enabled already */
	test_expect(!enable(vm->fd, &cap), "%s is refused", opt_ins[nr].name);
	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code,
			&vcpu);
	expect_refused(vm, &cap, "again", 0);
	opt_in_end();
	parts = opt_in_probe(vcpu);
	test_expect(parts == opt_in_cap_parts(opt_ins[nr].cap), "parts %#x",
		    parts);
	kvm_vm_free(vm);
}

static void check_bad_pointers(int unused)
{
	struct kvm_vm *vm = begin();
	struct kvm_enable_cap cap;
	u8 *p;
	int i, nr, ret;

	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		ret = enable(vm->fd, (void *)user_bad_pointers[i]);
		test_expect(ret == EFAULT, "%#lx: %s", user_bad_pointers[i],
			    strerror(ret));
	}

	/* The whole structure must be readable, including the pad. */
	for (nr = 0; nr < NR_OPT_INS; nr++) {
		cap = good(nr);
		p = user_hole - sizeof(cap) + 1;
		memcpy(p, &cap, sizeof(cap) - 1);
		ret = enable(vm->fd, (void *)p);
		test_expect(ret == EFAULT, "%s: %s", opt_ins[nr].name,
			    strerror(ret));
	}
	finish(vm, 0);
}

/* The capabilities are those of VMs. */
static void check_other_fds(int unused)
{
	struct kvm_enable_cap cap;
	struct kvm_vm *vm = begin();
	struct kvm_vcpu *vcpu;
	int kvm_fd = open_kvm_dev_path_or_exit(), nr, ret;
	u32 parts;

	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code,
			&vcpu);
	for (nr = 0; nr < NR_OPT_INS; nr++) {
		cap = good(nr);
		ret = enable(vcpu->fd, &cap);
		test_expect(ret == EINVAL, "vCPU, %s: %s", opt_ins[nr].name,
			    strerror(ret));
		ret = enable(kvm_fd, &cap);
		test_expect(ret == EINVAL, "/dev/kvm, %s: %s", opt_ins[nr].name,
			    strerror(ret));
	}
	opt_in_end();
	parts = opt_in_probe(vcpu);
	test_expect(!parts, "parts %#x", parts);
	close(kvm_fd);
	kvm_vm_free(vm);
}

/* A protected VM, hidden from the host, has none of the capabilities. */
static void check_protected_vm(int unused)
{
	int kvm_fd = open_kvm_dev_path_or_exit(), fd, nr, ret;
	struct kvm_enable_cap cap;
	u32 parts;

	opt_in_begin();
	fd = ioctl(kvm_fd, KVM_CREATE_VM, KVM_VM_TYPE_ARM_PROTECTED);
	close(kvm_fd);
	if (fd < 0) {
		opt_in_end();
		return test_skip("no protected VMs here");
	}

	for (nr = 0; nr < NR_OPT_INS; nr++) {
		cap = good(nr);
		ret = opt_in_check(fd, cap.cap);
		test_expect(!ret, "%s is %#x", opt_ins[nr].name, ret);
		ret = enable(fd, &cap);
		test_expect(ret == EINVAL, "%s: %s", opt_ins[nr].name,
			    strerror(ret));
	}
	parts = opt_in_probe_vm(fd);
	test_expect(!parts, "parts %#x", parts);
	close(fd);
	opt_in_end();
}

/* ---- What they enable ---- */

static void check_twice(int nr)
{
	struct kvm_vm *vm = begin();
	struct kvm_enable_cap cap = good(nr), bad = cap;
	int i, ret;

	bad.flags = 1;
	for (i = 0; i < 3; i++) {
		ret = enable(vm->fd, &cap);
		test_expect(!ret, "%s again: %s", opt_ins[nr].name,
			    strerror(ret));
		/* A refused request does not disable what is enabled. */
		expect_refused(vm, &bad, "flags", bad.flags);
	}
	finish(vm, opt_in_cap_parts(cap.cap));
}

static void check_ranges_add_up(int first)
{
	struct kvm_enable_cap cap = good(OPT_IN_MASKS);
	const u32 parts = BIT(OPT_IN_PART_GIC_RANGE) | BIT(OPT_IN_PART_FW_RANGE);
	struct kvm_vm *vm = begin();

	cap.args[0] = BIT(first);
	test_expect(!enable(vm->fd, &cap), "refused");
	test_expect(!enable(vm->fd, &cap), "refused again");
	test_expect(opt_in_probe_vm(vm->fd) == (first == KVM_ARM_GIC_RANGE ?
						BIT(OPT_IN_PART_GIC_RANGE) :
						BIT(OPT_IN_PART_FW_RANGE)),
		    "not only range %d", first);
	cap.args[0] ^= OPT_IN_RANGES;
	test_expect(!enable(vm->fd, &cap), "the other one is refused");
	test_expect(opt_in_probe_vm(vm->fd) == parts, "not both ranges");
	/* A subset of what it has is accepted. */
	test_expect(!enable(vm->fd, &cap), "refused in the end");
	finish(vm, parts);
}

static void try_combination(u32 want, bool descending)
{
	struct kvm_vm *vm = begin();
	int i, part, ret;

	for (i = 0; i < NR_OPT_IN_PARTS; i++) {
		part = descending ? NR_OPT_IN_PARTS - 1 - i : i;
		if (!(want & BIT(part)))
			continue;
		ret = opt_in_enable(vm->fd, opt_in_parts[part].cap,
				    opt_in_parts[part].arg);
		test_expect(!ret, "%s of %#x: %s", opt_in_parts[part].name,
			    want, strerror(ret));
	}
	finish(vm, want);
}

static void check_combinations(int unused)
{
	u32 want;

	for (want = 0; want <= OPT_IN_PARTS_ALL; want++)
		try_combination(want, false);
}

static void check_descending_pairs(int unused)
{
	int i, j;

	for (i = 0; i < NR_OPT_IN_PARTS; i++) {
		for (j = 0; j < i; j++)
			try_combination(BIT(i) | BIT(j), true);
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
	{ "KVM_CHECK_EXTENSION: the same on /dev/kvm and any VM",
	  check_extensions },
	{ "numbers: five, and no others around them", check_numbers },
	{ "SUPPORTED_REG_MASK_RANGES: what the VM enabled, 1 elsewhere",
	  check_supported_ranges },
	{ "ranges: none, 0 and unknown ones are EINVAL, nothing changed",
	  check_ranges, 0 },
	{ "ranges: the same with range 1, which stays the only one",
	  check_ranges, BIT(KVM_ARM_GIC_RANGE) },
	{ "ranges: 1, then 2, add up", check_ranges_add_up, KVM_ARM_GIC_RANGE },
	{ "ranges: 2, then 1, add up", check_ranges_add_up, KVM_ARM_FW_RANGE },
	{ "pointer: a bad one is EFAULT, nothing changed", check_bad_pointers },
	{ "vCPUs and /dev/kvm: EINVAL, nothing changed", check_other_fds },
	{ "protected VM: has no capability, EINVAL", check_protected_vm },
	{ "all combinations: each enables only itself", check_combinations },
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
			cases[nr++] = opt_in_case(&each[j], opt_ins[i].name, i);
	}
	test_set_plan(nr + ARRAY_SIZE(once));
	test_run_cases(cases, nr);
	test_run_cases(once, ARRAY_SIZE(once));
	test_finished();
}
