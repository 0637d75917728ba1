// SPDX-License-Identifier: GPL-2.0-only
/*
 * feature_level_errors - How access to the feature-level registers fails, and
 * that a failure has no effect.
 *
 * The order of checks is visible to userspace, and is that of the firmware
 * registers:
 *
 *	both:		vCPU not initialised	ENOEXEC
 *	SET_ONE_REG:	size is not 8 bytes	ENOENT
 *			value cannot be read	EFAULT
 *			unknown register	ENOENT
 *			level above the host's	EINVAL
 *	GET_ONE_REG:	unknown register	ENOENT	(a wrong size is one)
 *			value cannot be written	EFAULT
 *
 * Values are placed at the end of a page before an inaccessible one, to see
 * that only 8 bytes are accessed. feature_levels tests the levels.
 */
#include <asm/kvm_migration.h>
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/level.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/user_mem.h"
#include "processor.h"

#define SIZE_FIELD(n)	((u64)(n) << KVM_REG_SIZE_SHIFT)
#define NR_SIZES	16

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;

/* Every case must leave the firmware registers and the levels like this. */
static struct fw_state state;
static u64 levels[NR_LEVEL_REGS];

enum cmd { GET, SET, NR_CMDS };

static const unsigned long cmds[] = {
	[GET] = KVM_GET_ONE_REG,
	[SET] = KVM_SET_ONE_REG,
};

static const char * const cmd_name[] = { [GET] = "GET", [SET] = "SET" };

static void expect_access(enum cmd cmd, u64 id, u64 addr, int want)
{
	int n, ret = one_reg(vcpu->fd, cmds[cmd], id, addr);
	u64 now;

	test_expect(ret == want, "%s %#lx at %#lx: %s, expected %s",
		    cmd_name[cmd], id, addr, strerror(ret), strerror(want));

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		now = vcpu_get_reg(vcpu, LEVEL_REG_0 + n);
		test_expect(now == levels[n], "levels %d read %#lx after %s", n,
			    now, cmd_name[cmd]);
	}
}

/* Refused with @want, and no memory is touched. */
static void expect_no_such_reg(u64 id, int want)
{
	enum cmd cmd;

	for (cmd = GET; cmd < NR_CMDS; cmd++) {
		user_mem_fill_canary();
		*(u64 *)(user_hole - 8) = 0;
		expect_access(cmd, id, (u64)user_hole - 8, want);
		test_expect(!*(u64 *)(user_hole - 8), "%s %#lx wrote to memory",
			    cmd_name[cmd], id);
		user_mem_expect_canary(user_hole - 8, 8, cmd_name[cmd]);
	}
}

/* ---- Identifiers ---- */

static void check_unknown_numbers(int unused)
{
	u64 n;

	for (n = NR_LEVEL_REGS; n <= 0xff; n++)
		expect_no_such_reg(LEVEL_REG_0 + n, ENOENT);
	for (; n <= 0xffff; n += 251)
		expect_no_such_reg(LEVEL_REG_0 + n, ENOENT);
	for (n = NR_LEVEL_REGS; n <= 0x8000; n <<= 1)
		expect_no_such_reg(LEVEL_REG_0 + n, ENOENT);
	expect_no_such_reg(LEVEL_REG_0 + 0xffff, ENOENT);
}

/* Bits 16-19 select classes that have registers. */
static void check_id_bits(int unused)
{
	int n, bit;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		for (bit = 20; bit < 32; bit++)
			expect_no_such_reg((LEVEL_REG_0 + n) ^ BIT(bit),
					   ENOENT);
		for (bit = 32; bit < KVM_REG_SIZE_SHIFT; bit++)
			expect_no_such_reg((LEVEL_REG_0 + n) ^ BIT(bit),
					   EINVAL);
		for (bit = KVM_REG_SIZE_SHIFT + 4; bit < 64; bit++)
			expect_no_such_reg((LEVEL_REG_0 + n) ^ BIT(bit),
					   EINVAL);
	}
}

static void check_sizes(int unused)
{
	u64 id, size;
	enum cmd cmd;
	int n;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		for (size = 0; size < NR_SIZES; size++) {
			if (SIZE_FIELD(size) == KVM_REG_SIZE_U64)
				continue;

			id = ((LEVEL_REG_0 + n) & ~KVM_REG_SIZE_MASK) |
			     SIZE_FIELD(size);
			expect_no_such_reg(id, ENOENT);

			/* Refused before the pointer is used */
			for (cmd = GET; cmd < NR_CMDS; cmd++) {
				expect_access(cmd, id, (u64)user_hole, ENOENT);
				expect_access(cmd, id, 0, ENOENT);
			}
		}
	}
}

/* ---- Pointers ---- */

static void check_bad_pointers(int cmd)
{
	int n, i;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		for (i = 0; i < NR_USER_BAD_POINTERS; i++)
			expect_access(cmd, LEVEL_REG_0 + n,
				      user_bad_pointers[i], EFAULT);
	}
}

static void check_bad_pointer_unknown_id(int cmd)
{
	static const u64 unknown[] = {
		LEVEL_REG_0 + 8, LEVEL_REG_0 + 0x10, LEVEL_REG_0 + 0x40,
		LEVEL_REG_0 + 0x8000, LEVEL_REG_0 + 0xffff,
	};
	int i, j, want = cmd == SET ? EFAULT : ENOENT;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		for (j = 0; j < NR_USER_BAD_POINTERS; j++) {
			expect_access(cmd, unknown[i], user_bad_pointers[j],
				      want);
			expect_access(cmd, unknown[i] ^ SIZE_FIELD(1),
				      user_bad_pointers[j], ENOENT);
		}
	}
}

static void check_read_only(int unused)
{
	int n;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		expect_access(GET, LEVEL_REG_0 + n, (u64)user_read_only,
			      EFAULT);
		user_mem_set_read_only(&levels[n], sizeof(levels[n]));
		expect_access(SET, LEVEL_REG_0 + n, (u64)user_read_only, 0);
	}
}

/* Seven bytes of a value that no host accepts; the eighth is inaccessible. */
static void check_efault_first(int unused)
{
	int n;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		memset(user_mem, 0x77, user_mem_size);
		expect_access(SET, LEVEL_REG_0 + n, (u64)user_hole - 7, EFAULT);
		expect_access(SET, LEVEL_REG_0 + n, (u64)user_hole - 8, EINVAL);
	}
}

/* At the end of a page, and at every alignment. */
static void check_eight_bytes(int cmd)
{
	u64 val;
	u8 *p;
	int n;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		for (p = user_hole - 16; p <= user_hole - 8; p++) {
			user_mem_fill_canary();
			if (cmd == SET)
				memcpy(p, &levels[n], 8);
			expect_access(cmd, LEVEL_REG_0 + n, (u64)p, 0);
			memcpy(&val, p, 8);
			test_expect(val == levels[n], "%#lx at page end", val);
			user_mem_expect_canary(p, 8, cmd_name[cmd]);
		}
		for (; p < user_hole; p++) {
			user_mem_fill_canary();
			expect_access(cmd, LEVEL_REG_0 + n, (u64)p, EFAULT);
			user_mem_expect_canary(p, user_hole - p, cmd_name[cmd]);
		}
	}
}

/* ---- A vCPU without KVM_ARM_VCPU_INIT ---- */

static void check_not_initialised(int unused)
{
	struct kvm_vm *bare = vm_create_barebones();
	struct kvm_vcpu *raw;
	enum cmd cmd;
	u64 val;
	int n, ret;

	opt_in(bare, BIT(OPT_IN_LEVELS));
	raw = __vm_vcpu_add(bare, 0);

	for (cmd = GET; cmd < NR_CMDS; cmd++) {
		for (n = 0; n <= NR_LEVEL_REGS; n++) {
			val = 0x1234;
			ret = one_reg(raw->fd, cmds[cmd], LEVEL_REG_0 + n,
				      (u64)&val);
			test_expect(ret == ENOEXEC && val == 0x1234,
				    "%s %d: %s", cmd_name[cmd], n,
				    strerror(ret));
			ret = one_reg(raw->fd, cmds[cmd], LEVEL_REG_0 + n,
				      (u64)user_hole);
			test_expect(ret == ENOEXEC, "%s %d, bad pointer: %s",
				    cmd_name[cmd], n, strerror(ret));
		}
	}
	kvm_vm_free(bare);
}

/* ---- KVM_GET_REG_LIST ---- */

/* A list that ends at the hole, @n ids long. */
static int get_list(u64 n, u64 claimed, u64 *after)
{
	size_t len = sizeof(struct kvm_reg_list) + n * sizeof(u64);
	struct kvm_reg_list *list = (void *)(user_hole - len);
	int ret;

	TEST_ASSERT(len <= user_mem_size, "%lu registers", n);
	user_mem_fill_canary();
	list->n = claimed;
	ret = one_reg_list(vcpu->fd, list);
	*after = list->n;
	user_mem_expect_canary(list, len, "list");
	return ret;
}

static void check_list(int unused)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	u64 i, first, total = list->n, after;
	int ret;

	for (first = 0; first < total && list->reg[first] != LEVEL_REG_0;)
		first++;
	free(list);

	for (i = 0; i <= NR_LEVEL_REGS; i++) {
		/* A list without room for the levels is too small. */
		ret = get_list(total - i, total - i, &after);
		test_expect(ret == (i ? E2BIG : 0) && after == total,
			    "%lu too few: %s, %lu", i, strerror(ret), after);
		if (i == NR_LEVEL_REGS)
			break;
		ret = get_list(first + i, total, &after);
		test_expect(ret == EFAULT && after == total,
			    "fault at levels %lu: %s, %lu", i, strerror(ret),
			    after);
	}
}

static void check_unchanged(int unused)
{
	level_expect_host(vcpu, "in the end");
	fw_expect_state(vcpu, &state, "in the end");
}

static const struct test_case cases[] = {
	{ "id: unknown number is ENOENT", check_unknown_numbers },
	{ "id: other classes ENOENT, other architectures EINVAL",
	  check_id_bits },
	{ "size: any but 8 bytes is ENOENT, and first", check_sizes },

	{ "pointer: GET to a bad one is EFAULT", check_bad_pointers, GET },
	{ "pointer: SET from a bad one is EFAULT", check_bad_pointers, SET },
	{ "pointer: GET of an unknown id is ENOENT before EFAULT",
	  check_bad_pointer_unknown_id, GET },
	{ "pointer: SET of an unknown id is EFAULT before ENOENT, wrong size ENOENT",
	  check_bad_pointer_unknown_id, SET },
	{ "pointer: GET to read-only memory is EFAULT, SET from it works",
	  check_read_only },
	{ "pointer: SET is EFAULT before EINVAL", check_efault_first },
	{ "page: GET writes eight bytes, or none", check_eight_bytes, GET },
	{ "page: SET reads eight bytes, or is EFAULT", check_eight_bytes, SET },

	{ "vCPU not initialised: ENOEXEC before all else",
	  check_not_initialised },
	{ "list: E2BIG and EFAULT at each register, n is written back",
	  check_list },
	{ "nothing has changed in the end", check_unchanged },
};

int main(void)
{
	int n;

	opt_in_require();
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(4);
	vm = opt_in_vm_create(BIT(OPT_IN_LEVELS), 1, true, fw_guest_code,
			      &vcpu);
	state = fw_state_read(vcpu);
	for (n = 0; n < NR_LEVEL_REGS; n++)
		levels[n] = level_host(vcpu, n);

	test_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	test_finished();
}
