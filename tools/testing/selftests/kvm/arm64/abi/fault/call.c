// SPDX-License-Identifier: GPL-2.0-only
/* Calls that copy from or to userspace */
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/level.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/smccc_filter.h"
#include "abi/switch.h"
#include "abi/vgic_v2.h"
#include "call.h"
#include "processor.h"

struct fault_call fault_calls[FAULT_MAX_CALLS];
int fault_nr_calls;

char fault_mode[ABI_WORD];

struct fault_vms fault_vms;

u64 fault_scratch[KVM_ARM_GIC_RANGE_SIZE];

struct fault_call *fault_add(const char *fmt, ...)
{
	struct fault_call *c = &fault_calls[fault_nr_calls++];
	va_list args;
	char *name;

	TEST_ASSERT(fault_nr_calls <= FAULT_MAX_CALLS, "Too many calls");
	va_start(args, fmt);
	TEST_ASSERT(vasprintf(&name, fmt, args) > 0, "vasprintf()");
	va_end(args);

	*c = (struct fault_call) { .name = name };
	return c;
}

void fault_set_mode(const char *mode)
{
	snprintf(fault_mode, sizeof(fault_mode), "%s", mode);
	abi_set_mode(mode);
}

/* Uncounted calls are served by other functions. */
struct fault_pass {
	const char *mode;
	bool count;
};

static const struct fault_pass fault_passes[] = {
	{ "c", true }, { "rust", true }, { "check", true }, { "rust", false },
};

const char *fault_first_mode(void)
{
	return fault_passes[0].mode;
}

int fault_nr_passes(void)
{
	return abi_present() ? ARRAY_SIZE(fault_passes) : 1;
}

void fault_begin_pass(int nr)
{
	if (!abi_present())
		return;

	fault_set_mode(fault_passes[nr].mode);
	abi_set_count(fault_passes[nr].count);
}

bool fault_mode_is_rust(void)
{
	return !strcmp(fault_mode, "rust");
}

int fault_want(const struct fault_call *c)
{
	return c->want;
}

/* ---- How calls are made ---- */

int fault_run_one_reg(const struct fault_call *c, u64 addr)
{
	return one_reg(c->fd, c->cmd, c->id, addr);
}

int fault_run_attr(const struct fault_call *c, u64 addr)
{
	return vgic_v2_access(c->fd, c->cmd, c->group, c->id, addr);
}

static int fault_run_masks(const struct fault_call *c, u64 addr)
{
	struct reg_mask_range request = { .addr = addr, .range = c->id };

	return id_get_masks(c->fd, &request);
}

/* The memory has the ioctl's own argument. */
static int fault_run_struct(const struct fault_call *c, u64 addr)
{
	return ioctl(c->fd, c->cmd, addr) ? errno : 0;
}

static int fault_run_write(const struct fault_call *c, u64 addr)
{
	ssize_t len = write(c->fd, (void *)addr, c->size);

	return len < 0 ? errno : len == c->size ? 0 : EIO;
}

void fault_check(const struct fault_call *c)
{
	struct fault_call get;
	u64 val = 0;
	int ret;

	if (c->check)
		c->check(c);
	if (!c->get_cmd)
		return;

	get = *c;
	get.cmd = c->get_cmd;
	ret = get.run(&get, (u64)&val);
	test_expect(!ret && !memcmp(&val, c->now, c->size),
		    "%s: reads %#lx (%s) after it has failed", c->name, val,
		    strerror(ret));
}

void fault_undo(struct fault_call *c, int ret)
{
	if (ret)
		return;
	if (c->once)
		c->want = EEXIST;
	if (c->undo)
		c->undo(c);
	else if (c->get_cmd)
		test_expect(!c->run(c, (u64)c->now), "%s: cannot be undone",
			    c->name);
}

/* ---- Registers ---- */

static void fault_add_get(const char *of, const char *reg, int fd, u64 id)
{
	struct fault_call *c = fault_add("%s: GET %s", of, reg);

	c->run = fault_run_one_reg;
	c->fd = fd;
	c->cmd = one_reg_cmd(fd, KVM_GET_ONE_REG);
	c->id = id;
	c->size = 8;
	c->writes = true;
}

/* A write that changes the current value to @other */
static void fault_add_set(const char *of, const char *reg, int fd, u64 id,
			  u64 other)
{
	struct fault_call *c = fault_add("%s: SET %s", of, reg);

	c->run = fault_run_one_reg;
	c->fd = fd;
	c->cmd = one_reg_cmd(fd, KVM_SET_ONE_REG);
	c->get_cmd = one_reg_cmd(fd, KVM_GET_ONE_REG);
	c->id = id;
	c->size = 8;
	c->in_size = 8;
	memcpy(c->in, &other, 8);
	TEST_ASSERT(!one_reg(fd, c->get_cmd, id, (u64)c->now),
		    "%s: %s cannot be read", of, reg);
}

static u64 fault_other_value(int nr)
{
	switch (nr) {
	case FW_PSCI_VERSION:
		return PSCI_VERSION(1, 0);
	case FW_STD ... FW_VENDOR_HYP_2:
		return fw_regs[nr].initial ^ fw_regs[nr].features;
	default:
		return 0;
	}
}

void fault_add_fw_regs(const char *of, int fd, u64 bits)
{
	int i;

	for (i = 0; i < NR_FW_REGS; i++) {
		fault_add_get(of, fw_regs[i].name, fd, fw_regs[i].id | bits);
		fault_add_set(of, fw_regs[i].name, fd, fw_regs[i].id | bits,
			      fault_other_value(i));
	}
}

void fault_add_levels(const char *of, int fd, u64 bits)
{
	static const int regs[] = { 0, 1, NR_LEVEL_REGS - 1 };
	char name[16];
	int i;

	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		snprintf(name, sizeof(name), "level %d", regs[i]);
		fault_add_get(of, name, fd, (LEVEL_REG_0 + regs[i]) | bits);
		fault_add_set(of, name, fd, (LEVEL_REG_0 + regs[i]) | bits,
			      LEVELS_LOWEST);
	}
}

void fault_add_id_regs(const char *of, int fd, u64 bits)
{
	fault_add_get(of, "MIDR_EL1", fd, KVM_ARM64_SYS_REG(SYS_MIDR_EL1) | bits);
	fault_add_get(of, "ID_AA64PFR0_EL1", fd,
		      KVM_ARM64_SYS_REG(SYS_ID_AA64PFR0_EL1) | bits);
	fault_add_get(of, "ID_AA64ISAR0_EL1", fd,
		      KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR0_EL1) | bits);
	/* Every field of this register can be lowered. */
	fault_add_set(of, "ID_AA64ISAR0_EL1", fd,
		      KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR0_EL1) | bits, 0);
}

void fault_add_list(const char *of, int fd, u64 ignore)
{
	struct kvm_reg_list none = { .n = 0 };
	struct fault_call *c;
	u64 all;

	TEST_ASSERT(one_reg_list(fd, &none) == E2BIG, "%s: no list", of);
	c = fault_add("%s: KVM_GET_REG_LIST without room", of);
	c->run = fault_run_struct;
	c->fd = fd;
	c->cmd = one_reg_cmd(fd, KVM_GET_REG_LIST);
	c->size = 8;
	c->in_size = 8;
	c->writes = true;
	c->want = E2BIG;

	c = fault_add("%s: KVM_GET_REG_LIST", of);
	c->run = fault_run_struct;
	c->fd = fd;
	c->cmd = one_reg_cmd(fd, KVM_GET_REG_LIST);
	c->size = sizeof(none) + none.n * sizeof(u64);
	c->in_size = 8;
	c->writes = true;
	c->ignore = ignore;
	/* More room than is needed, to see that the number is written */
	all = none.n + 0x1000;
	memcpy(c->in, &all, 8);
}

void fault_add_masks(const char *of, int fd, u32 range, int nr)
{
	struct fault_call *c = fault_add("%s: writable masks, range %u", of,
					 range);

	c->run = fault_run_masks;
	c->fd = fd;
	c->id = range;
	c->size = nr * sizeof(u64);
	c->writes = true;
	c->zeroes = true;
	/* C writes the masks of this range one by one, with put_user(). */
	c->more_in_rust = !range;
}

/* ---- The ioctls' own arguments ---- */

struct fault_call *fault_add_struct(const char *of, const char *name, int fd,
				    unsigned long cmd, const void *in,
				    size_t size, int want)
{
	struct fault_call *c = fault_add("%s: %s", of, name);

	TEST_ASSERT(size <= FAULT_MAX_IN, "%s is too large", name);
	c->run = fault_run_struct;
	c->fd = fd;
	c->cmd = cmd;
	c->size = size;
	c->in_size = size;
	memcpy(c->in, in, size);
	c->want = want;
	return c;
}

void fault_add_structs(const char *of, int fd)
{
	struct kvm_one_reg reg = {
		KVM_REG_ARM_PSCI_VERSION, (u64)fault_scratch
	};

	fault_add_struct(of, "struct kvm_one_reg, GET", fd,
			 one_reg_cmd(fd, KVM_GET_ONE_REG), &reg, sizeof(reg), 0);
	/* The value is refused, so the call has no effect. */
	fault_scratch[1] = ~0UL;
	reg.addr = (u64)&fault_scratch[1];
	fault_add_struct(of, "struct kvm_one_reg, SET", fd,
			 one_reg_cmd(fd, KVM_SET_ONE_REG), &reg, sizeof(reg),
			 EINVAL);
}

void fault_add_vm_structs(const char *of, int fd, u32 range)
{
	struct reg_mask_range request = {
		.addr = (u64)&fault_scratch, .range = range,
	};
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VM_SMCCC_CTRL, .attr = 1,
	};
	/* An unknown device */
	struct kvm_arm_device_addr addr = { .id = 0xffffUL << 16 };
	struct fault_call *c;

	c = fault_add_struct(of, "struct reg_mask_range", fd,
			     KVM_ARM_GET_REG_WRITABLE_MASKS, &request,
			     sizeof(request), 0);
	c->more_in_rust = !range;
	fault_add_struct(of, "struct kvm_device_attr", fd, KVM_SET_DEVICE_ATTR,
			 &attr, sizeof(attr), ENXIO);
	fault_add_struct(of, "struct kvm_arm_device_addr", fd,
			 KVM_ARM_SET_DEVICE_ADDR, &addr, sizeof(addr), ENODEV);
}

struct kvm_vm *fault_own_vm;

static void fault_begin_own_vm(struct fault_call *c)
{
	if (fault_own_vm)
		kvm_vm_free(fault_own_vm);
	fault_own_vm = vm_create_barebones();
	c->fd = fault_own_vm->fd;
	c->want = 0;
}

/* Checked by the ranges of the VM, and by the registers of the VM */
static void fault_check_not_enabled(const struct fault_call *c)
{
	int ret = opt_in_check(c->fd, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
	struct kvm_reg_list list = { .n = 0 };

	test_expect(ret == BIT(KVM_ARM_FEATURE_ID_RANGE),
		    "%s: ranges %#x after it has failed", c->name, ret);
	ret = one_reg_list(c->fd, &list);
	test_expect(ret == EINVAL,
		    "%s: registers of the VM after it has failed", c->name);
}

/* Enabling it again succeeds, so it is neither undone nor checked any more. */
static void fault_forget_check(const struct fault_call *c)
{
	((struct fault_call *)c)->check = NULL;
}

static void fault_begin_enable_cap(struct fault_call *c)
{
	fault_begin_own_vm(c);
	c->check = fault_check_not_enabled;
}

void fault_add_enable_caps(void)
{
	struct kvm_enable_cap enable;
	struct fault_call *c;
	int i;

	for (i = 0; i < NR_OPT_INS; i++) {
		enable = (struct kvm_enable_cap) {
			.cap = KVM_CAP_ARM_MIGRATION, .args = { BIT(i) },
		};
		c = fault_add_struct("struct kvm_enable_cap", opt_in_names[i],
				     -1, KVM_ENABLE_CAP, &enable,
				     sizeof(enable), 0);
		c->begin = fault_begin_enable_cap;
		c->undo = fault_forget_check;
	}
}

void fault_add_filter(void)
{
	struct kvm_smccc_filter filter = { FILTER_FREE, 2, FILTER_FWD };
	struct fault_call *c = fault_add("struct kvm_smccc_filter");

	c->run = fault_run_attr;
	c->cmd = KVM_SET_DEVICE_ATTR;
	c->group = KVM_ARM_VM_SMCCC_CTRL;
	c->id = KVM_ARM_VM_SMCCC_FILTER;
	c->size = sizeof(filter);
	c->in_size = sizeof(filter);
	memcpy(c->in, &filter, sizeof(filter));
	c->once = true;
	c->begin = fault_begin_own_vm;
}

/* ---- The switch of the modes ---- */

static void fault_check_mode(const struct fault_call *c)
{
	char now[ABI_WORD] = "";

	test_expect(abi_read_word(ABI_DIR "mode", now) &&
		    !strcmp(now, fault_mode),
		    "%s: mode '%s' after it has failed", c->name, now);
}

static void fault_undo_mode(const struct fault_call *c)
{
	char now[ABI_WORD] = "";

	test_expect(abi_read_word(ABI_DIR "mode", now) &&
		    !memcmp(now, c->in, strlen(now)), "%s: mode '%s'", c->name,
		    now);
	abi_set_mode(fault_mode);
}

/* Switch to another mode, whose name has five bytes. */
static void fault_begin_mode(struct fault_call *c)
{
	memcpy(c->in, strcmp(fault_mode, "check") ? "check" : "rust\n", 5);
}

void fault_add_mode(void)
{
	struct fault_call *c = fault_add("debugfs: mode");

	c->run = fault_run_write;
	c->fd = open(ABI_DIR "mode", O_WRONLY);
	TEST_ASSERT(c->fd >= 0, "Failed to open " ABI_DIR "mode");
	c->size = 5;
	c->in_size = 5;
	c->begin = fault_begin_mode;
	c->check = fault_check_mode;
	c->undo = fault_undo_mode;
}
