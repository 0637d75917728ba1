// SPDX-License-Identifier: GPL-2.0-only
/*
 * compat_level - VMs that behave as under an older kernel, KVM_CAP_ARM_COMPAT: how a
 * level is chosen, and what it changes.
 *
 * What each release of Linux did is measured elsewhere, on many CPUs. Here the rules
 * are tested for what userspace can rely on: a register that is hidden is ENOENT and
 * is not listed; all that is listed can be read, and takes the value that it has;
 * where versions begin and end; and that a VM without a level has none of this.
 */
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/compat.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/opt_in_probe.h"
#include "abi/user_mem.h"
#include "processor.h"

#define PSCI_ID		fw_regs[FW_PSCI_VERSION].id
#define BMAP_2_ID	fw_regs[FW_VENDOR_HYP_2].id
#define CCSIDR_ID(n)	(KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_DEMUX | \
			 KVM_REG_ARM_DEMUX_ID_CCSIDR | (n))
#define PIR_UNKNOWN	0x1de7ec7edbadc0deUL

#define AA64MMFR0	KVM_ARM64_SYS_REG(SYS_ID_AA64MMFR0_EL1)
#define CNTPCT		ARM64_SYS_REG(3, 3, 14, 0, 1)
#define CNTP_CTL	ARM64_SYS_REG(3, 3, 14, 2, 1)
#define CNTP_CVAL	ARM64_SYS_REG(3, 3, 14, 2, 2)
#define TCR2		KVM_ARM64_SYS_REG(SYS_TCR2_EL1)
#define PIR		KVM_ARM64_SYS_REG(SYS_PIR_EL1)
#define PIRE0		KVM_ARM64_SYS_REG(SYS_PIRE0_EL1)

#define MAX_REGS	1024

/* A level, and what userspace sees of it on any CPU */
static const struct level {
	const char *name;
	u64 bit;
	u64 psci;
	bool has_bmap_2;
	bool has_physical_timer;
	bool shows_pir;
	bool timers_first;
	bool writes_aa64;
	bool has_masks;
	bool has_imp_cap;
} levels[] = {
	{ "6.18", KVM_ARM_COMPAT_6_18, PSCI_VERSION(1, 3), true, true, false, false,
	  true, true, true },
	{ "6.16", KVM_ARM_COMPAT_6_16, PSCI_VERSION(1, 3), true, true, false, true,
	  true, true, true },
	{ "6.12", KVM_ARM_COMPAT_6_12, PSCI_VERSION(1, 1), false, true, true, true,
	  true, true, false },
	{ "6.1", KVM_ARM_COMPAT_6_1, PSCI_VERSION(1, 1), false, false, false, true,
	  false, false, false },
};

#define ALL_LEVELS	0x1f

static void __expect_level(int line, int fd, int want, const char *when)
{
	int bit = compat_get(fd);

	__test_expect(line, bit == want, "%s: %#x, expected %#x", when, bit, want);
}

#define expect_level(...)	__expect_level(__LINE__, __VA_ARGS__)

static struct kvm_vm *level_vm(u64 bit, struct kvm_vcpu **vcpu)
{
	struct kvm_vm *vm = vm_create(1);
	int ret = compat_choose(vm, bit);

	TEST_ASSERT(!ret, "level %#lx: %s", bit, strerror(ret));
	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code, vcpu);
	return vm;
}

struct list {
	u64 n;
	u64 reg[MAX_REGS];
};

static struct list list_of(struct kvm_vcpu *vcpu)
{
	struct list list = { .n = MAX_REGS };
	int ret = one_reg_list(vcpu->fd, &list);

	TEST_ASSERT(!ret, "KVM_GET_REG_LIST: %s", strerror(ret));
	return list;
}

/* The place of @id in the list, or -1 */
static int place(const struct list *list, u64 id)
{
	int i;

	for (i = 0; i < list->n; i++) {
		if (list->reg[i] == id)
			return i;
	}
	return -1;
}

/* ---- Choosing a level ---- */

static void check_extension(int unused)
{
	int kvm_fd = open_kvm_dev_path_or_exit(), i;
	struct kvm_vm *vm, *other = vm_create(1);

	test_expect(KVM_CAP_ARM_COMPAT == 0x41524d11, "another number");
	expect_level(kvm_fd, ALL_LEVELS, "/dev/kvm");
	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		vm = vm_create(1);
		expect_level(vm->fd, KVM_ARM_COMPAT_NATIVE, "new VM");
		test_expect(!compat_choose(vm, levels[i].bit), "%s is refused", levels[i].name);
		expect_level(vm->fd, levels[i].bit, levels[i].name);
		expect_level(other->fd, KVM_ARM_COMPAT_NATIVE, "another VM");
		expect_level(kvm_fd, ALL_LEVELS, "/dev/kvm");
		kvm_vm_free(vm);
	}
	kvm_vm_free(other);
	close(kvm_fd);
}

static void __expect_refused(int line, struct kvm_vm *vm,
			     const struct kvm_enable_cap *cap, int level,
			     const char *what)
{
	int ret = compat_enable(vm->fd, cap);

	__test_expect(line, ret == EINVAL, "%#llx, %s: %s", cap->args[0], what,
		      strerror(ret));
	__expect_level(line, vm->fd, level, what);
}

#define expect_refused(...)	__expect_refused(__LINE__, __VA_ARGS__)

static void check_requests(int unused)
{
	struct kvm_enable_cap cap, valid = compat_cap(KVM_ARM_COMPAT_6_12);
	const int level = KVM_ARM_COMPAT_6_18;
	struct kvm_vm *vm = vm_create(1);
	int i, bit, other;

	test_expect(!compat_choose(vm, level), "6.18 is refused");
	for (bit = 0; bit < 32; bit++) {
		cap = valid;
		cap.flags = BIT(bit);
		expect_refused(vm, &cap, level, "flags");
	}
	for (i = 0; i < sizeof(cap.pad); i++) {
		cap = valid;
		cap.pad[i] = 1;
		expect_refused(vm, &cap, level, "pad");
	}
	for (i = 1; i < ARRAY_SIZE(cap.args); i++) {
		for (bit = 0; bit < 64; bit++) {
			cap = valid;
			cap.args[i] = BIT(bit);
			expect_refused(vm, &cap, level, "args");
		}
	}

	cap = compat_cap(0);
	expect_refused(vm, &cap, level, "no level");
	for (bit = 0; bit < 64; bit++) {
		cap = compat_cap(BIT(bit));
		if (!(cap.args[0] & ALL_LEVELS))
			expect_refused(vm, &cap, level, "unknown level");
		for (other = 0; other < bit; other++) {
			cap = compat_cap(BIT(bit) | BIT(other));
			expect_refused(vm, &cap, level, "two levels");
		}
	}
	cap = compat_cap(~0UL);
	expect_refused(vm, &cap, level, "all bits");
	kvm_vm_free(vm);
}

/* The last one counts. */
static void check_changes(int unused)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	struct list list, want;
	u64 psci = 0;
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		ret = compat_choose(vm, levels[i].bit);
		test_expect(!ret, "%s: %s", levels[i].name, strerror(ret));
		ret = compat_choose(vm, levels[i].bit);
		test_expect(!ret, "%s again: %s", levels[i].name, strerror(ret));
		expect_level(vm->fd, levels[i].bit, levels[i].name);
	}
	ret = compat_choose(vm, KVM_ARM_COMPAT_NATIVE);
	test_expect(!ret, "native: %s", strerror(ret));
	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code, &vcpu);
	list = list_of(vcpu);
	ret = one_reg_get(vcpu, PSCI_ID, &psci);
	test_expect(!ret && psci == FW_PSCI_LATEST, "PSCI %#lx: %s", psci, strerror(ret));
	kvm_vm_free(vm);

	vm = fw_vm_create_one(&vcpu);
	want = list_of(vcpu);
	test_expect(list.n == want.n && !memcmp(list.reg, want.reg, list.n * sizeof(u64)),
		    "native: %lu registers, expected %lu", list.n, want.n);
	kvm_vm_free(vm);
}

/* Once there is a vCPU, initialised or not, and after the first run */
static void check_too_late(int unused)
{
	struct kvm_enable_cap cap = compat_cap(KVM_ARM_COMPAT_6_1);
	struct kvm_vm *vm = vm_create_barebones();
	struct kvm_vcpu *vcpu;

	__vm_vcpu_add(vm, 0);
	expect_refused(vm, &cap, KVM_ARM_COMPAT_NATIVE, "vCPU not initialised");
	cap = compat_cap(KVM_ARM_COMPAT_NATIVE);
	expect_refused(vm, &cap, KVM_ARM_COMPAT_NATIVE, "the same level");
	kvm_vm_free(vm);

	vm = level_vm(KVM_ARM_COMPAT_6_12, &vcpu);
	cap = compat_cap(KVM_ARM_COMPAT_NATIVE);
	expect_refused(vm, &cap, KVM_ARM_COMPAT_6_12, "vCPU");
	fw_expect_x0(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0, PSCI_VERSION(1, 1));
	expect_refused(vm, &cap, KVM_ARM_COMPAT_6_12, "VM that has run");
	kvm_vm_free(vm);
}

static void check_other_fds(int unused)
{
	struct kvm_enable_cap cap = compat_cap(KVM_ARM_COMPAT_6_12);
	int kvm_fd = open_kvm_dev_path_or_exit(), i, ret;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);

	ret = compat_enable(vcpu->fd, &cap);
	test_expect(ret == EINVAL, "vCPU: %s", strerror(ret));
	ret = compat_enable(kvm_fd, &cap);
	test_expect(ret == EINVAL, "/dev/kvm: %s", strerror(ret));
	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		ret = compat_enable(vm->fd, (void *)user_bad_pointers[i]);
		test_expect(ret == EFAULT, "%#lx: %s", user_bad_pointers[i],
			    strerror(ret));
	}
	expect_level(vm->fd, KVM_ARM_COMPAT_NATIVE, "refused");
	close(kvm_fd);
	kvm_vm_free(vm);
}

/* No older kernel has anything to opt in to. */
static void check_opt_ins(int unused)
{
	u64 version = PSCI_VERSION(1, 0), val;
	struct kvm_enable_cap cap;
	struct kvm_vm *vm;
	int i, nr, ret;

	for (nr = 0; nr < NR_OPT_INS; nr++) {
		vm = vm_create(1);
		opt_in(vm, BIT(nr));
		for (i = 0; i < ARRAY_SIZE(levels); i++) {
			cap = compat_cap(levels[i].bit);
			expect_refused(vm, &cap, KVM_ARM_COMPAT_NATIVE, opt_in_names[nr]);
		}
		/* The same level again does not change the version of PSCI. */
		ret = nr == OPT_IN_VM_REGS ?
		      one_reg(vm->fd, KVM_ARM_VM_SET_ONE_REG, PSCI_ID, (u64)&version) : 0;
		test_expect(!ret, "PSCI 1.0: %s", strerror(ret));
		ret = compat_choose(vm, KVM_ARM_COMPAT_NATIVE);
		test_expect(!ret, "native, %s: %s", opt_in_names[nr], strerror(ret));
		val = version;
		ret = nr == OPT_IN_VM_REGS ?
		      one_reg(vm->fd, KVM_ARM_VM_GET_ONE_REG, PSCI_ID, (u64)&val) : 0;
		test_expect(!ret && val == version, "PSCI %#lx: %s", val, strerror(ret));
		test_expect(opt_in_get(vm->fd) == opt_in_complete(BIT(nr)), "%s",
			    opt_in_names[nr]);
		kvm_vm_free(vm);

		vm = vm_create(1);
		test_expect(!compat_choose(vm, levels[0].bit), "6.18 is refused");
		ret = opt_in_enable(vm->fd, BIT(nr));
		test_expect(ret == EINVAL, "%s: %s", opt_in_names[nr], strerror(ret));
		test_expect(!opt_in_get(vm->fd), "%s", opt_in_names[nr]);
		kvm_vm_free(vm);
	}
}

static void check_protected_vm(int unused)
{
	int kvm_fd = open_kvm_dev_path_or_exit(), fd, i, ret;
	struct kvm_enable_cap cap;

	fd = ioctl(kvm_fd, KVM_CREATE_VM, KVM_VM_TYPE_ARM_PROTECTED);
	close(kvm_fd);
	if (fd < 0)
		return test_skip("no protected VMs here");

	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		cap = compat_cap(levels[i].bit);
		ret = compat_enable(fd, &cap);
		test_expect(ret == EINVAL, "%s: %s", levels[i].name, strerror(ret));
		expect_level(fd, 0, "protected VM");
	}
	close(fd);
}

/* ---- What a level changes ---- */

static void __expect_there(int line, struct kvm_vcpu *vcpu, const struct list *list,
			   u64 id, bool want)
{
	int want_ret = want ? 0 : ENOENT, ret;
	u64 val = 0;

	__test_expect(line, (place(list, id) >= 0) == want, "%#lx: listed at %d", id,
		      place(list, id));
	ret = one_reg(vcpu->fd, KVM_GET_ONE_REG, id, (u64)&val);
	__test_expect(line, ret == want_ret, "%#lx: get: %s", id, strerror(ret));
	if (want)
		return;
	ret = one_reg(vcpu->fd, KVM_SET_ONE_REG, id, (u64)&val);
	__test_expect(line, ret == want_ret, "%#lx: set: %s", id, strerror(ret));
	ret = one_reg(vcpu->fd, KVM_GET_ONE_REG, id, user_bad_pointers[0]);
	__test_expect(line, ret == ENOENT, "%#lx: get, bad pointer: %s", id,
		      strerror(ret));
	ret = one_reg(vcpu->fd, KVM_SET_ONE_REG, id, user_bad_pointers[0]);
	__test_expect(line, ret == EFAULT, "%#lx: set, bad pointer: %s", id,
		      strerror(ret));
}

#define expect_there(...)	__expect_there(__LINE__, __VA_ARGS__)

static void check_hidden(int nr)
{
	const struct level *level = &levels[nr];
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = level_vm(level->bit, &vcpu);
	struct list list = list_of(vcpu);

	expect_there(vcpu, &list, BMAP_2_ID, level->has_bmap_2);
	expect_there(vcpu, &list, CNTPCT, level->has_physical_timer);
	expect_there(vcpu, &list, CNTP_CTL, level->has_physical_timer);
	expect_there(vcpu, &list, CNTP_CVAL, level->has_physical_timer);
	test_expect((place(&list, CCSIDR_ID(13)) >= 0) == level->has_physical_timer,
		    "CCSIDR of level 7 is listed at %d", place(&list, CCSIDR_ID(13)));
	kvm_vm_free(vm);
}

/* All that is listed can be read, and takes the value that it has. */
static void check_list(int nr)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = level_vm(levels[nr].bit, &vcpu);
	struct list list = list_of(vcpu), again;
	u8 val[2048];
	int i, ret;

	for (i = 0; i < list.n; i++) {
		ret = one_reg(vcpu->fd, KVM_GET_ONE_REG, list.reg[i], (u64)val);
		test_expect(!ret, "%#lx: get: %s", list.reg[i], strerror(ret));
		ret = one_reg(vcpu->fd, KVM_SET_ONE_REG, list.reg[i], (u64)val);
		test_expect(!ret, "%#lx: set: %s", list.reg[i], strerror(ret));
		test_expect(place(&list, list.reg[i]) == i, "%#lx: twice", list.reg[i]);
	}
	again = list_of(vcpu);
	test_expect(!memcmp(&list, &again, sizeof(list)), "the list has changed");

	/* A list that is too short gets the number. */
	again.n = list.n - 1;
	ret = one_reg_list(vcpu->fd, &again);
	test_expect(ret == E2BIG && again.n == list.n, "%lu: %s", again.n, strerror(ret));
	kvm_vm_free(vm);
}

static void check_order(int nr)
{
	const struct level *level = &levels[nr];
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = level_vm(level->bit, &vcpu);
	struct list list = list_of(vcpu);
	int timer = place(&list, KVM_REG_ARM_TIMER_CNT), i, first = -1;

	for (i = 0; i < list.n && first < 0; i++) {
		if ((list.reg[i] & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM64_SYSREG)
			first = i;
	}
	test_expect((timer == first + 1) == level->timers_first,
		    "the timer is at %d, the first register at %d", timer, first);
	kvm_vm_free(vm);
}

/* A register that this kernel hides on this CPU reads as it did. */
static void check_shown(int nr)
{
	static const struct {
		u64 id;
		u64 val;
	} regs[] = { { TCR2, 0 }, { PIR, PIR_UNKNOWN }, { PIRE0, PIR_UNKNOWN } };
	struct kvm_vcpu *vcpu, *native_vcpu;
	struct kvm_vm *native = fw_vm_create_one(&native_vcpu);
	struct kvm_vm *vm = level_vm(levels[nr].bit, &vcpu);
	struct list list = list_of(vcpu), native_list = list_of(native_vcpu);
	bool want = levels[nr].shows_pir;
	u64 val;
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		if (place(&native_list, regs[i].id) >= 0)
			continue;
		expect_there(vcpu, &list, regs[i].id, want);
		if (!want)
			continue;
		ret = one_reg_get(vcpu, regs[i].id, &val);
		test_expect(!ret && val == regs[i].val, "%#lx is %#lx", regs[i].id, val);
		ret = one_reg_set(vcpu, regs[i].id, ~regs[i].val);
		test_expect(ret == EINVAL, "%#lx: %s", regs[i].id, strerror(ret));
		ret = one_reg_set(vcpu, regs[i].id, regs[i].val);
		test_expect(!ret, "%#lx: %s", regs[i].id, strerror(ret));
		ret = one_reg(vcpu->fd, KVM_SET_ONE_REG, regs[i].id,
			      user_bad_pointers[0]);
		test_expect(ret == EFAULT, "%#lx: %s", regs[i].id, strerror(ret));
	}
	kvm_vm_free(vm);
	kvm_vm_free(native);
}

static void check_psci(int nr)
{
	const struct level *level = &levels[nr];
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = level_vm(level->bit, &vcpu);
	u64 val = 0, off2;
	int i, ret;

	ret = one_reg_get(vcpu, PSCI_ID, &val);
	test_expect(!ret && val == level->psci, "%#lx: %s", val, strerror(ret));
	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		bool known = fw_psci_versions[i] <= level->psci;

		ret = one_reg_set(vcpu, PSCI_ID, fw_psci_versions[i]);
		test_expect(ret == (known ? 0 : EINVAL), "%#lx: %s", fw_psci_versions[i],
			    strerror(ret));
	}
	ret = one_reg_get(vcpu, PSCI_ID, &val);
	test_expect(!ret && val == level->psci, "%#lx in the end: %s", val,
		    strerror(ret));
	ret = one_reg_set(vcpu, PSCI_ID, PSCI_VERSION(1, 4));
	test_expect(ret == EINVAL, "1.4: %s", strerror(ret));
	ret = one_reg(vcpu->fd, KVM_SET_ONE_REG, PSCI_ID, user_bad_pointers[0]);
	test_expect(ret == EFAULT, "bad pointer: %s", strerror(ret));

	fw_expect_x0(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0, level->psci);
	off2 = level->psci == FW_PSCI_LATEST ? 1 : SMCCC_RET_NOT_SUPPORTED;
	fw_expect_x0(vcpu, PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_3_FN64_SYSTEM_OFF2,
		     off2);
	kvm_vm_free(vm);
}

/* TGRAN4 of ID_AA64MMFR0_EL1 can be lowered if anything can be. */
static void check_id_regs(int nr)
{
	const struct level *level = &levels[nr];
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = level_vm(level->bit, &vcpu);
	u64 val = 0, lower, now = 0;
	int ret;

	ret = one_reg_get(vcpu, AA64MMFR0, &val);
	test_expect(!ret, "get: %s", strerror(ret));
	lower = val & ~GENMASK(3, 0);
	ret = one_reg_set(vcpu, AA64MMFR0, lower);
	test_expect(ret == (level->writes_aa64 ? 0 : EINVAL), "lower: %s", strerror(ret));
	one_reg_get(vcpu, AA64MMFR0, &now);
	test_expect(now == (level->writes_aa64 ? lower : val), "%#lx", now);
	ret = one_reg_set(vcpu, AA64MMFR0, val);
	test_expect(!ret, "the value of a new VM: %s", strerror(ret));

	fw_run(vcpu);
	ret = one_reg_set(vcpu, AA64MMFR0, lower);
	test_expect(ret == EBUSY, "after the first run: %s", strerror(ret));
	ret = one_reg_set(vcpu, AA64MMFR0, val);
	test_expect(!ret, "the same after the first run: %s", strerror(ret));
	kvm_vm_free(vm);
}

static void check_caps(int nr)
{
	const struct level *level = &levels[nr];
	struct kvm_enable_cap imp = { .cap = KVM_CAP_ARM_WRITABLE_IMP_ID_REGS };
	struct kvm_vm *vm = vm_create_barebones();
	struct reg_mask_range range = {};
	struct kvm_vcpu_init init;
	u64 masks[KVM_ARM_FEATURE_ID_RANGE_SIZE];
	struct kvm_vcpu *vcpu;
	int ret;

	test_expect(!compat_choose(vm, level->bit), "%s is refused", level->name);
	ret = opt_in_check(vm->fd, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
	test_expect(ret == level->has_masks, "ranges of masks: %d", ret);
	range.addr = (u64)masks;
	ret = ioctl(vm->fd, KVM_ARM_GET_REG_WRITABLE_MASKS, &range) ? errno : 0;
	test_expect(ret == (level->has_masks ? 0 : EINVAL), "masks: %s", strerror(ret));
	range.addr = user_bad_pointers[0];
	ret = ioctl(vm->fd, KVM_ARM_GET_REG_WRITABLE_MASKS, &range) ? errno : 0;
	test_expect(ret == (level->has_masks ? EFAULT : EINVAL), "masks: %s",
		    strerror(ret));

	ret = opt_in_check(vm->fd, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS);
	test_expect(ret == level->has_imp_cap, "implementation: %d", ret);
	ret = compat_enable(vm->fd, &imp);
	test_expect(ret == (level->has_imp_cap ? 0 : EINVAL), "implementation: %s",
		    strerror(ret));

	test_expect(!opt_in_check(vm->fd, KVM_CAP_ARM_EL2), "nested");
	vcpu = __vm_vcpu_add(vm, 0);
	kvm_get_default_vcpu_target(vm, &init);
	init.features[0] = BIT(KVM_ARM_VCPU_PSCI_0_2) | BIT(KVM_ARM_VCPU_HAS_EL2);
	ret = __vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &init) ? errno : 0;
	test_expect(ret == EINVAL || ret == ENOENT, "a vCPU with EL2: %s", strerror(ret));
	init.features[0] = BIT(KVM_ARM_VCPU_PSCI_0_2);
	ret = __vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &init) ? errno : 0;
	test_expect(!ret, "a vCPU without EL2: %s", strerror(ret));
	kvm_vm_free(vm);
}

static const struct test_case each[] = {
	{ "what is hidden is ENOENT and not listed", check_hidden },
	{ "what is listed can be read, and takes its value", check_list },
	{ "the timers are where they were", check_order },
	{ "what is shown reads as it did, and takes only that", check_shown },
	{ "PSCI begins and ends where it did", check_psci },
	{ "ID registers accept what they did, until the first run", check_id_regs },
	{ "capabilities and features are those of the time", check_caps },
};

static const struct test_case once[] = {
	{ "KVM_CHECK_EXTENSION: all on /dev/kvm, on a VM its own", check_extension },
	{ "anything but one level is EINVAL, nothing changed", check_requests },
	{ "the last level counts, and native is as a new VM", check_changes },
	{ "EINVAL once there is a vCPU, nothing changed", check_too_late },
	{ "vCPUs, /dev/kvm, bad pointers: refused, nothing changed", check_other_fds },
	{ "no level with opt-ins, and no opt-ins with a level", check_opt_ins },
	{ "protected VM: EINVAL", check_protected_vm },
};

int main(void)
{
	static struct test_case cases[ARRAY_SIZE(levels) * ARRAY_SIZE(each)];
	int i, j, nr = 0;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_COMPAT));
	opt_in_require();
	ksft_print_header();
	user_mem_create(1);

	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		for (j = 0; j < ARRAY_SIZE(each); j++)
			cases[nr++] = opt_in_case(&each[j], levels[i].name, i);
	}
	test_set_plan(nr + ARRAY_SIZE(once));
	test_run_cases(once, ARRAY_SIZE(once));
	test_run_cases(cases, nr);
	test_finished();
}
