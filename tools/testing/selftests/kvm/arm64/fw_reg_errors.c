// SPDX-License-Identifier: GPL-2.0-only
/*
 * fw_reg_errors - How access to one of the firmware pseudo-registers fails, and
 * that a failure has no effect.
 *
 * The order in which KVM checks is visible to userspace:
 *
 *	any ioctl:	vCPU not initialised	ENOEXEC
 *	SET_ONE_REG:	size not 8 bytes	ENOENT
 *			value cannot be read	EFAULT
 *			unknown register	ENOENT
 *	GET_ONE_REG:	unknown register	ENOENT	(a wrong size is one)
 *			value cannot be written	EFAULT
 *
 * fw_reg_list tests KVM_GET_REG_LIST.
 *
 * Values are placed at the end of a page before an inaccessible one, to see
 * that only 8 bytes are accessed. After every refusal all registers are read
 * back, and must be unchanged.
 */
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/user_mem.h"

/* The id of a register that no kernel has, with a size of 8 bytes. */
#define UNKNOWN_FW	(KVM_REG_ARM_PSCI_VERSION | 0xffff)
#define UNKNOWN_BMAP	(KVM_REG_ARM_STD_BMAP | 0xffff)

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;

/* Every case must leave the registers like this. */
static struct fw_state state;

/* A legal value for @nr that is not the one it has. */
static u64 other_value(int nr)
{
	switch (nr) {
	case FW_PSCI_VERSION:
		return PSCI_VERSION(1, 0);
	case FW_WORKAROUND_1:
	case FW_WORKAROUND_2:
	case FW_WORKAROUND_3:
		return 0;
	default:
		return state.val[nr] ^ fw_regs[nr].features;
	}
}

static void expect_unchanged(const char *after)
{
	fw_expect_state(vcpu, &state, after);
}

static void expect_access(enum one_cmd cmd, u64 id, u64 addr, int want)
{
	int ret = one_reg_by(vcpu->fd, cmd, id, addr);

	test_expect(ret == want, "%s %#lx at %#lx: %s, expected %s",
		    one_cmd_name[cmd], id, addr, strerror(ret), strerror(want));
	expect_unchanged(one_cmd_name[cmd]);
}

/* ---- Identifiers ---- */

/* Refused with @want, whether or not the value is accessible. */
static void expect_no_such_reg(u64 id, int want)
{
	enum one_cmd cmd;

	for (cmd = ONE_GET; cmd < NR_ONE_CMDS; cmd++) {
		user_mem_fill_canary();
		expect_access(cmd, id, (u64)user_hole - 8, want);
		user_mem_expect_untouched(one_cmd_name[cmd]);
	}
}

static void check_unknown_regno(int nr)
{
	u64 base = fw_regs[nr].id & ~0xffffUL, regno;

	for (regno = 4; regno <= 0xff; regno++)
		expect_no_such_reg(base | regno, ENOENT);
	for (; regno <= 0xffff; regno += 251)
		expect_no_such_reg(base | regno, ENOENT);
	expect_no_such_reg(base | 0x8000, ENOENT);
	expect_no_such_reg(base | 0xffff, ENOENT);
}

/* Flip each of these bits, one at a time, in each of the ids. */
static void flip_id_bits(int first, int last, int want)
{
	int i, bit;

	for (i = 0; i < NR_FW_REGS; i++) {
		for (bit = first; bit <= last; bit++)
			expect_no_such_reg(fw_regs[i].id ^ BIT(bit), want);
	}
}

static void check_coproc_bits(int unused)
{
	/* Bits 16-19 select classes that have registers. */
	flip_id_bits(20, 31, ENOENT);
}

static void check_arch_bits(int unused)
{
	flip_id_bits(32, KVM_REG_SIZE_SHIFT - 1, EINVAL);
	flip_id_bits(KVM_REG_SIZE_SHIFT + 4, 63, EINVAL);
}

static void check_sizes(int cmd)
{
	int i, n;
	u64 id;

	for (i = 0; i < NR_FW_REGS; i++) {
		for (n = 0; n < NR_ONE_SIZES; n++) {
			id = (fw_regs[i].id & ~KVM_REG_SIZE_MASK) |
			     ONE_SIZE(n);
			if (id == fw_regs[i].id)
				continue;

			/* Use a legal value, so that a write would succeed. */
			user_mem_fill_canary();
			*(u64 *)(user_hole - 8) = other_value(i);
			expect_access(cmd, id, (u64)user_hole - 8, ENOENT);
			test_expect(*(u64 *)(user_hole - 8) == other_value(i),
				    "%s %#lx wrote to memory",
				    one_cmd_name[cmd], id);
			user_mem_expect_canary(user_hole - 8, 8, "size");

			/* Refused before the pointer is used */
			expect_access(cmd, id, (u64)user_hole, ENOENT);
			expect_access(cmd, id, 0, ENOENT);
		}
	}
}

/* ---- Pointers ---- */

static void check_bad_pointers(int cmd)
{
	int i, j;

	for (i = 0; i < NR_FW_REGS; i++) {
		for (j = 0; j < NR_USER_BAD_POINTERS; j++)
			expect_access(cmd, fw_regs[i].id, user_bad_pointers[j],
				      EFAULT);
	}
}

static void check_read_only(int unused)
{
	int i;

	for (i = 0; i < NR_FW_REGS; i++) {
		expect_access(ONE_GET, fw_regs[i].id, (u64)user_read_only,
			      EFAULT);

		/* Reading the value works. */
		user_mem_set_read_only(&state.val[i], sizeof(state.val[i]));
		expect_access(ONE_SET, fw_regs[i].id, (u64)user_read_only, 0);
	}
}

static void check_bad_pointer_unknown_id(int cmd)
{
	int want = cmd == ONE_SET ? EFAULT : ENOENT;
	static const u64 ids[] = {
		UNKNOWN_FW, UNKNOWN_BMAP,
		KVM_REG_ARM_PSCI_VERSION | 4, KVM_REG_ARM_STD_BMAP | 4,
		KVM_REG_ARM_PSCI_VERSION | BIT(28),
		KVM_REG_ARM_STD_BMAP | BIT(31),
	};
	int i, j;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		for (j = 0; j < NR_USER_BAD_POINTERS; j++) {
			expect_access(cmd, ids[i], user_bad_pointers[j], want);
			expect_access(cmd, ids[i] ^ ONE_SIZE(1),
				      user_bad_pointers[j], ENOENT);
		}
	}
}

/* A value that would be refused is not checked if it cannot be read. */
static void check_straddling_refused_value(int unused)
{
	int i;

	for (i = 0; i < NR_FW_REGS; i++) {
		memset(user_mem, 0xff, user_mem_size);
		expect_access(ONE_SET, fw_regs[i].id, (u64)user_hole - 7,
			      EFAULT);
		expect_access(ONE_SET, fw_regs[i].id, (u64)user_hole - 8,
			      EINVAL);
	}
}

/* struct kvm_one_reg itself. */
static void check_bad_one_reg(int unused)
{
	enum one_cmd cmd;
	int i, ret;

	for (cmd = ONE_GET; cmd < NR_ONE_CMDS; cmd++) {
		for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
			ret = ioctl(vcpu->fd, one_cmds[cmd],
				    user_bad_pointers[i]) ? errno : 0;
			test_expect(ret == EFAULT, "%s at %#lx: %s",
				    one_cmd_name[cmd], user_bad_pointers[i],
				    strerror(ret));
		}
	}
	expect_unchanged("bad struct kvm_one_reg");
}

/* ---- The end of a page ---- */

static void check_page_end(int cmd)
{
	u64 *val = (u64 *)(user_hole - 8);
	int i;

	for (i = 0; i < NR_FW_REGS; i++) {
		user_mem_fill_canary();
		if (cmd == ONE_SET)
			*val = state.val[i];

		expect_access(cmd, fw_regs[i].id, (u64)val, 0);
		test_expect(*val == state.val[i], "%s holds %#lx at page end",
			    fw_regs[i].name, *val);
		user_mem_expect_canary((u8 *)val, 8, fw_regs[i].name);
	}
}

static void check_page_middle(int cmd)
{
	u64 val;
	u8 *p;
	int i;

	/* At every alignment. */
	for (i = 0; i < NR_FW_REGS; i++) {
		for (p = user_mem + 64; p < user_mem + 72; p++) {
			user_mem_fill_canary();
			if (cmd == ONE_SET)
				memcpy(p, &state.val[i], 8);

			expect_access(cmd, fw_regs[i].id, (u64)p, 0);
			memcpy(&val, p, 8);
			test_expect(val == state.val[i], "%s holds %#lx at %ld",
				    fw_regs[i].name, val, (long)(p - user_mem));
			user_mem_expect_canary(p, 8, fw_regs[i].name);
		}
	}
}

/* The value begins @k bytes before the inaccessible page. */
static void check_straddle(int cmd)
{
	u64 other;
	int i, k;

	for (i = 0; i < NR_FW_REGS; i++) {
		other = other_value(i);
		for (k = 1; k < 8; k++) {
			user_mem_fill_canary();
			if (cmd == ONE_SET)
				memcpy(user_hole - k, &other, k);

			expect_access(cmd, fw_regs[i].id, (u64)user_hole - k,
				      EFAULT);
			user_mem_expect_canary(user_hole - k, k,
					       fw_regs[i].name);
		}
	}
}

/* ---- A vCPU without KVM_ARM_VCPU_INIT ---- */

static void check_not_initialised(int unused)
{
	struct kvm_vm *bare = vm_create_barebones();
	struct kvm_vcpu *raw = __vm_vcpu_add(bare, 0);
	u64 ids[NR_FW_REGS + 2], val;
	struct kvm_reg_list list;
	enum one_cmd cmd;
	int i, ret;

	for (i = 0; i < NR_FW_REGS; i++)
		ids[i] = fw_regs[i].id;
	ids[i++] = UNKNOWN_FW;
	ids[i++] = KVM_REG_ARM_PSCI_VERSION ^ ONE_SIZE(1);

	for (cmd = ONE_GET; cmd < NR_ONE_CMDS; cmd++) {
		for (i = 0; i < ARRAY_SIZE(ids); i++) {
			val = 0x1234;
			ret = one_reg_by(raw->fd, cmd, ids[i], (u64)&val);
			test_expect(ret == ENOEXEC && val == 0x1234,
				    "%s %#lx: %s", one_cmd_name[cmd], ids[i],
				    strerror(ret));
			ret = one_reg_by(raw->fd, cmd, ids[i], (u64)user_hole);
			test_expect(ret == ENOEXEC, "%s %#lx, bad pointer: %s",
				    one_cmd_name[cmd], ids[i], strerror(ret));
		}
		ret = ioctl(raw->fd, one_cmds[cmd], user_hole) ? errno : 0;
		test_expect(ret == ENOEXEC, "%s, bad struct kvm_one_reg: %s",
			    one_cmd_name[cmd], strerror(ret));
	}

	list.n = 0;
	ret = one_reg_list(raw->fd, &list);
	test_expect(ret == ENOEXEC && !list.n, "KVM_GET_REG_LIST: %s",
		    strerror(ret));
	ret = one_reg_list(raw->fd, user_hole);
	test_expect(ret == ENOEXEC, "KVM_GET_REG_LIST, bad pointer: %s",
		    strerror(ret));

	kvm_vm_free(bare);
}

static const struct test_case cases[] = {
	{ "id: unknown PSCI_VERSION or workaround number is ENOENT",
	  check_unknown_regno, FW_PSCI_VERSION },
	{ "id: unknown bitmap number is ENOENT", check_unknown_regno, FW_STD },
	{ "id: unknown class is ENOENT", check_coproc_bits },
	{ "id: bits of no meaning or another architecture are EINVAL",
	  check_arch_bits },
	{ "size: GET of any size but 8 bytes is ENOENT, touches no memory",
	  check_sizes, ONE_GET },
	{ "size: SET of any size but 8 bytes is ENOENT, touches no memory",
	  check_sizes, ONE_SET },

	{ "pointer: GET to a bad one is EFAULT", check_bad_pointers, ONE_GET },
	{ "pointer: SET from a bad one is EFAULT",
	  check_bad_pointers, ONE_SET },
	{ "pointer: GET to read-only memory is EFAULT, SET from it works",
	  check_read_only },
	{ "pointer: GET of an unknown id is ENOENT before EFAULT",
	  check_bad_pointer_unknown_id, ONE_GET },
	{ "pointer: SET of an unknown id is EFAULT before ENOENT, wrong size ENOENT",
	  check_bad_pointer_unknown_id, ONE_SET },
	{ "pointer: SET is EFAULT before EINVAL",
	  check_straddling_refused_value },
	{ "pointer: to struct kvm_one_reg, a bad one is EFAULT",
	  check_bad_one_reg },

	{ "page: GET writes the last 8 bytes before a hole",
	  check_page_end, ONE_GET },
	{ "page: SET reads the last 8 bytes before a hole",
	  check_page_end, ONE_SET },
	{ "page: GET writes 8 bytes at any alignment",
	  check_page_middle, ONE_GET },
	{ "page: SET reads 8 bytes at any alignment",
	  check_page_middle, ONE_SET },
	{ "page: GET into a hole is EFAULT", check_straddle, ONE_GET },
	{ "page: SET from a hole is EFAULT, register unchanged",
	  check_straddle, ONE_SET },

	{ "vCPU not initialised: ENOEXEC before all else",
	  check_not_initialised },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(1);
	vm = fw_vm_create_one(&vcpu);
	state = fw_state_read(vcpu);

	test_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	test_finished();
}
