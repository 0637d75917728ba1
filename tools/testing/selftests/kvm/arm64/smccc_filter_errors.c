// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_filter_errors - How KVM_ARM_VM_SMCCC_FILTER is refused, and that a
 * refusal has no effect.
 *
 * The order in which KVM checks is visible to userspace:
 *
 *	unknown attribute				ENXIO
 *	struct kvm_smccc_filter cannot be read		EFAULT
 *	pad, nr_functions, wrap, action			EINVAL
 *	a vCPU of the VM has run			EBUSY
 *	range overlaps another or a reserved one	EEXIST
 *
 * Only a VM that opts in can read its filter back, so the guest makes calls around
 * the ends of every range, accepted or refused: each call must be handled, denied or
 * forwarded according to the accepted ranges only.
 *
 * smccc_filter tests one refusal of most kinds; smccc_filter_ranges tests
 * EEXIST, and smccc_filter_race several threads.
 */
#include <errno.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/smccc_filter.h"
#include "abi/user_mem.h"

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;

/* Returns 0 or the positive errno. */
static int attr_ioctl(struct kvm_vm *of, unsigned long cmd, u32 group,
		      u64 attr, u64 addr)
{
	struct kvm_device_attr dev_attr = {
		.group = group, .attr = attr, .addr = addr,
	};

	return ioctl(of->fd, cmd, &dev_attr) ? errno : 0;
}

static int filter_set_at(struct kvm_vm *of, const void *filter)
{
	return attr_ioctl(of, KVM_SET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL,
			  KVM_ARM_VM_SMCCC_FILTER, (u64)filter);
}

static void begin(void)
{
	vm = filter_vm_create(&vcpu);
	filter_begin();
}

/* Check the filter by the guest's calls. */
static void end(void)
{
	filter_expect_guest(vcpu);
	kvm_vm_free(vm);
}

static void expect_ret(int ret, int want, const char *what, u64 arg)
{
	test_expect(ret == want, "%s, %#lx: %s, expected %s", what, arg,
		    strerror(ret), strerror(want));
}

/* ---- The attribute ---- */

static void check_has_attr(int unused)
{
	int i;

	begin();
	for (i = 0; i < NR_USER_BAD_POINTERS; i++)
		expect_ret(attr_ioctl(vm, KVM_HAS_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL,
				      KVM_ARM_VM_SMCCC_FILTER,
				      user_bad_pointers[i]),
			   0, "HAS", user_bad_pointers[i]);
	end();
}

static void check_unknown_attr(int cmd)
{
	struct kvm_smccc_filter filter = { FILTER_FREE, 1, FILTER_DENY };
	static const u64 attrs[] = {
		1, 2, 3, 0xff, 0x100, 0x10000, BIT(31), BIT(32), BIT(63), -1UL,
	};
	static const u32 groups[] = { 1, 2, 0xff, 0x10000, BIT(31), -1U };
	static const unsigned long cmds[] = {
		KVM_SET_DEVICE_ATTR, KVM_HAS_DEVICE_ATTR,
	};
	int i;

	begin();
	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		expect_ret(attr_ioctl(vm, cmds[cmd], KVM_ARM_VM_SMCCC_CTRL, attrs[i],
				      (u64)&filter),
			   ENXIO, "attribute", attrs[i]);
		expect_ret(attr_ioctl(vm, cmds[cmd], KVM_ARM_VM_SMCCC_CTRL, attrs[i],
				      (u64)user_hole),
			   ENXIO, "attribute, bad pointer", attrs[i]);
	}
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		expect_ret(attr_ioctl(vm, cmds[cmd], groups[i],
				      KVM_ARM_VM_SMCCC_FILTER, (u64)&filter),
			   ENXIO, "group", groups[i]);

	filter_expect_set(vm, FILTER_FREE, 1, FILTER_FWD, 0);
	end();
}

static void check_get_attr(int unused)
{
	begin();
	filter_expect_set(vm, FILTER_FREE, 4, FILTER_FWD, 0);
	user_mem_fill_canary();
	expect_ret(attr_ioctl(vm, KVM_GET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL,
			      KVM_ARM_VM_SMCCC_FILTER, (u64)user_mem),
		   EINVAL, "GET", 0);
	user_mem_expect_untouched("GET");
	end();
}

/* ---- Memory ---- */

static void check_bad_pointers(int unused)
{
	int i, ret;

	begin();
	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		expect_ret(filter_set_at(vm, (void *)user_bad_pointers[i]),
			   EFAULT,
			   "struct kvm_smccc_filter at", user_bad_pointers[i]);
		ret = ioctl(vm->fd, KVM_SET_DEVICE_ATTR, user_bad_pointers[i]) ?
		      errno : 0;
		expect_ret(ret, EFAULT, "struct kvm_device_attr at",
			   user_bad_pointers[i]);
	}
	end();
}

/* Only @k bytes can be read: valid ones, or ones that would be refused. */
static void check_straddle(int unused)
{
	struct kvm_smccc_filter good = {
		FILTER_FREE, 2, FILTER_FWD
	}, bad;
	u8 *at;
	int k;

	begin();
	memset(&bad, 0xff, sizeof(bad));
	for (k = 0; k < sizeof(good); k++) {
		at = user_hole - k;
		memcpy(at, &good, k);
		expect_ret(filter_set_at(vm, at), EFAULT, "readable bytes", k);
		memcpy(at, &bad, k);
		expect_ret(filter_set_at(vm, at), EFAULT, "readable bytes", k);
	}
	filter_note(good.base, good.nr_functions, good.action, EFAULT);

	/* All can be read, and nothing before or after is accessed. */
	user_mem_fill_canary();
	at = user_hole - sizeof(good);
	memcpy(at, &good, sizeof(good));
	expect_ret(filter_set_at(vm, at), 0, "readable bytes", sizeof(good));
	filter_note(good.base, good.nr_functions, good.action, 0);
	user_mem_expect_canary(at, sizeof(good), "filter");
	test_expect(!memcmp(at, &good, sizeof(good)), "the filter was changed");
	end();
}

static void check_read_only(int unused)
{
	struct kvm_smccc_filter filter = {
		FILTER_FREE, 2, FILTER_FWD
	};
	u8 *at;

	begin();
	user_mem_set_read_only(&filter, sizeof(filter));
	expect_ret(filter_set_at(vm, user_read_only), 0, "read-only", 0);
	filter_note(filter.base, filter.nr_functions, filter.action, 0);

	/* At every alignment */
	for (at = user_mem + 64; at < user_mem + 80; at++) {
		filter.base += 4;
		memcpy(at, &filter, sizeof(filter));
		expect_ret(filter_set_at(vm, at), 0, "aligned to", (u64)at % 16);
		filter_note(filter.base, filter.nr_functions, filter.action, 0);
	}
	end();
}

/* ---- Invalid filters ---- */

static void check_pad(int unused)
{
	struct kvm_smccc_filter filter;
	int i, bit;

	begin();
	for (i = 0; i < sizeof(filter.pad); i++) {
		for (bit = 0; bit < 8; bit++) {
			filter = (struct kvm_smccc_filter) {
				FILTER_FREE, 2, FILTER_FWD
			};
			filter.pad[i] = BIT(bit);
			expect_ret(filter_set_at(vm, &filter), EINVAL, "pad", i);
		}
	}
	filter_note(FILTER_FREE, 2, FILTER_FWD, EINVAL);
	end();
}

static void check_actions(int unused)
{
	u32 action, base = FILTER_FREE;

	begin();
	for (action = 0; action <= 0xff; action++) {
		if (action > FILTER_FWD) {
			filter_expect_set(vm, base, 1, action, EINVAL);
			continue;
		}
		filter_expect_set(vm, base, 1, action, 0);
		base++;
	}
	end();
}

static void check_no_functions(int unused)
{
	static const u32 bases[] = {
		0, 1, FILTER_FREE, PSCI_0_2_FN_PSCI_VERSION,
		ARM_SMCCC_VERSION_FUNC_ID, 0xffffffff,
	};
	int i;

	begin();
	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		filter_expect_set(vm, bases[i], 0, FILTER_FWD, EINVAL);
		filter_expect_set(vm, bases[i], 0, FILTER_DENY, EINVAL);
	}
	/* None of them occupies a range. */
	filter_expect_set(vm, 0, 1, FILTER_FWD, 0);
	filter_expect_set(vm, PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_FWD, 0);
	filter_expect_set(vm, 0xffffffff, 1, FILTER_FWD, 0);
	end();
}

static void check_wrap(int unused)
{
	static const struct {
		u32 base;
		u32 nr;
	} ranges[] = {
		{ 0xffffffff, 2 }, { 0xffffffff, 0xffffffff },
		{ 0xfffffffe, 3 }, { 0xc0010000, 0x3fff0001 },
		{ 0x80000000, 0x80000001 }, { 0x7fffffff, 0x80000002 },
		{ 2, 0xffffffff }, { FILTER_FREE, -FILTER_FREE + 1 },
		{ PSCI_0_2_FN_PSCI_VERSION, 0xffffffff },
	};
	int i;

	begin();
	for (i = 0; i < ARRAY_SIZE(ranges); i++)
		filter_expect_set(vm, ranges[i].base, ranges[i].nr, FILTER_FWD,
				  EINVAL);

	/* These do not wrap, but overlap the reserved ranges. */
	filter_expect_set(vm, 0, 0xffffffff, FILTER_FWD, EEXIST);
	filter_expect_set(vm, 1, 0xffffffff, FILTER_FWD, EEXIST);
	filter_expect_set(vm, 0x80000000, 0x80000000, FILTER_FWD, EEXIST);

	filter_expect_set(vm, 0xc0010000, 0x3fff0000, FILTER_FWD, 0);
	filter_expect_set(vm, 0xffffffff, 1, FILTER_FWD, EEXIST);
	end();
}

/* ---- A VM that has run ---- */

/* In the order of the checks; each filter also fails all later checks. */
static void expect_frozen(struct kvm_vm *of, u32 taken)
{
	struct kvm_smccc_filter filter = { taken, 1, FILTER_DENY, { [14] = 1 } };

	expect_ret(filter_set_at(of, user_hole - 23), EFAULT, "bad pointer", 0);
	expect_ret(filter_set_at(of, &filter), EINVAL, "pad", taken);
	filter_expect_set(of, taken, 0, FILTER_DENY, EINVAL);
	filter_expect_set(of, taken, -taken + 1, FILTER_DENY, EINVAL);
	filter_expect_set(of, taken, 1, 3, EINVAL);
	filter_expect_set(of, taken, 1, FILTER_DENY, EBUSY);
	filter_expect_set(of, 0x80000000, 1, FILTER_DENY, EBUSY);
	filter_expect_set(of, 0, 0xffffffff, FILTER_DENY, EBUSY);
	filter_expect_set(of, taken + 8, 1, FILTER_FWD, EBUSY);
	filter_expect_set(of, PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_DENY, EBUSY);
}

static void check_busy(int immediate_exit)
{
	int ret = 0;

	begin();
	filter_expect_set(vm, FILTER_FREE, 2, FILTER_FWD, 0);
	expect_ret(attr_ioctl(vm, KVM_SET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL, 1, 0),
		   ENXIO, "attribute", 1);

	if (immediate_exit) {
		vcpu->run->immediate_exit = 1;
		ret = __vcpu_run(vcpu) ? errno : 0;
		vcpu->run->immediate_exit = 0;
		expect_ret(ret, EINTR, "KVM_RUN", 0);
	} else {
		filter_expect_guest(vcpu);
	}

	expect_frozen(vm, FILTER_FREE);
	expect_ret(attr_ioctl(vm, KVM_SET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL, 1, 0),
		   ENXIO, "attribute", 1);
	expect_ret(attr_ioctl(vm, KVM_HAS_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL,
			      KVM_ARM_VM_SMCCC_FILTER, 0), 0, "HAS", 0);

	/* A reset of the vCPU neither unfreezes nor clears the filter. */
	vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &vcpu->init);
	expect_frozen(vm, FILTER_FREE);
	end();
}

/* No range was set before the first run. */
static void check_busy_unfiltered(int unused)
{
	begin();
	filter_note(FILTER_FREE, 1, FILTER_FWD, EBUSY);
	filter_expect_guest(vcpu);
	expect_frozen(vm, FILTER_FREE);
	end();
}

/* A filter can be set from the beginning, and a failed KVM_RUN is no run. */
static void check_before_vcpus(int unused)
{
	struct kvm_vm *bare = vm_create_barebones();
	struct kvm_vcpu *raw;
	int ret;

	filter_begin();
	filter_expect_set(bare, 0x80000000, 1, FILTER_FWD, EEXIST);
	filter_expect_set(bare, FILTER_FREE, 2, FILTER_FWD, 0);

	raw = __vm_vcpu_add(bare, 0);
	filter_expect_set(bare, FILTER_FREE + 1, 2, FILTER_FWD, EEXIST);
	ret = __vcpu_run(raw) ? errno : 0;
	expect_ret(ret, ENOEXEC, "KVM_RUN", 0);
	filter_expect_set(bare, FILTER_FREE + 2, 2, FILTER_FWD, 0);
	kvm_vm_free(bare);
}

static void check_other_vm(int unused)
{
	struct kvm_vcpu *other_vcpu;
	struct kvm_vm *other = filter_vm_create(&other_vcpu);

	/* The other VM has a filter and has run. */
	filter_begin();
	filter_expect_set(other, PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_FWD, 0);
	filter_expect_guest(other_vcpu);

	begin();
	filter_expect_set(vm, PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_DENY, 0);
	filter_expect_set(vm, PSCI_0_2_FN_MIGRATE_INFO_TYPE, 1, FILTER_FWD, 0);
	end();

	filter_begin();
	filter_note(PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_FWD, 0);
	filter_note(PSCI_0_2_FN_MIGRATE_INFO_TYPE, 1, FILTER_FWD, EBUSY);
	filter_expect_guest(other_vcpu);
	kvm_vm_free(other);
}

/* ---- Which error comes first before the first run ---- */

static void check_order(int unused)
{
	struct kvm_smccc_filter filter = { FILTER_FREE, 1, FILTER_FWD, { 1 } };

	begin();
	filter_expect_set(vm, FILTER_FREE, 1, FILTER_FWD, 0);

	expect_ret(filter_set_at(vm, &filter), EINVAL, "pad, overlap", 0);
	filter.base = 0x80000000;
	expect_ret(filter_set_at(vm, &filter), EINVAL, "pad, reserved", 0);
	filter_expect_set(vm, FILTER_FREE, 0, FILTER_FWD, EINVAL);
	filter_expect_set(vm, FILTER_FREE, -FILTER_FREE + 1, FILTER_FWD,
			  EINVAL);
	filter_expect_set(vm, FILTER_FREE, 1, 3, EINVAL);
	filter_expect_set(vm, 0x80000000, 0, FILTER_DENY, EINVAL);
	filter_expect_set(vm, 0x80000000, 0x80000001, FILTER_DENY, EINVAL);
	filter_expect_set(vm, 0xc000ffff, 1, 0xff, EINVAL);
	end();
}

static const struct test_case cases[] = {
	{ "attribute: HAS is 0, whatever the pointer", check_has_attr },
	{ "attribute: SET of an unknown one is ENXIO", check_unknown_attr, 0 },
	{ "attribute: HAS of an unknown one is ENXIO", check_unknown_attr, 1 },
	{ "attribute: GET is EINVAL, touches no memory", check_get_attr },

	{ "memory: a bad pointer is EFAULT", check_bad_pointers },
	{ "memory: EFAULT comes before EINVAL, for any byte of the filter",
	  check_straddle },
	{ "memory: the filter is only read, at any alignment",
	  check_read_only },

	{ "EINVAL: a bit set in the padding, any of them", check_pad },
	{ "EINVAL: an action above FWD_TO_USER, up to 255", check_actions },
	{ "EINVAL: no functions, at any base", check_no_functions },
	{ "EINVAL: base + nr_functions - 1 wraps", check_wrap },
	{ "EINVAL comes before EEXIST", check_order },

	{ "EBUSY after a run: after ENXIO, EFAULT and EINVAL, before EEXIST",
	  check_busy, false },
	{ "EBUSY after KVM_RUN with immediate_exit: the same",
	  check_busy, true },
	{ "EBUSY after a run: with no filter at all", check_busy_unfiltered },
	{ "not EBUSY: no vCPU yet, or one that cannot run",
	  check_before_vcpus },
	{ "another VM is not affected", check_other_vm },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(1);
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
