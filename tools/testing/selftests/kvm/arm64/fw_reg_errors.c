// SPDX-License-Identifier: GPL-2.0-only
/*
 * fw_reg_errors - How access to the firmware pseudo-registers fails, and that a
 * failure has no effect.
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
 * Values are placed at the end of a page before one that cannot be accessed, to
 * see that 8 bytes are touched and no more. After every refusal all registers
 * are read back, and must be what they were.
 */
#include <errno.h>

#include "fw_reg.h"

#define CANARY		0xc5

#define SIZE_FIELD(n)	((u64)(n) << KVM_REG_SIZE_SHIFT)
#define NR_SIZES	16

/* Of a register that no kernel has, for a size of 8 bytes. */
#define UNKNOWN_FW	(KVM_REG_ARM_PSCI_VERSION | 0xffff)
#define UNKNOWN_BMAP	(KVM_REG_ARM_STD_BMAP | 0xffff)

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;

/* The registers as every case must leave them. */
static struct fw_state state;

/* One page that can be accessed and one, right after it, that cannot. */
static u8 *page;
static u8 *hole;
static u8 *read_only;
static size_t page_size;

static void protect(void *mem, size_t size, int prot)
{
	int ret = mprotect(mem, size, prot);

	TEST_ASSERT(!ret, __KVM_SYSCALL_ERROR("mprotect()", ret));
}

enum cmd { GET, SET, NR_CMDS };

static const unsigned long cmds[] = {
	[GET] = KVM_GET_ONE_REG,
	[SET] = KVM_SET_ONE_REG,
};

static const char * const cmd_name[] = { [GET] = "GET", [SET] = "SET" };

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

static void expect_access(enum cmd cmd, u64 id, u64 addr, int want)
{
	int ret = fw_one_reg(vcpu->fd, cmds[cmd], id, addr);

	fw_expect(ret == want, "%s %#lx at %#lx: %s, expected %s",
		  cmd_name[cmd], id, addr, strerror(ret), strerror(want));
	expect_unchanged(cmd_name[cmd]);
}

/* The whole page holds the canary, but for @len bytes at @val. */
static void expect_canary(const u8 *val, size_t len, const char *what)
{
	const u8 *p;

	for (p = page; p < hole; p++) {
		if (p >= val && p < val + len)
			continue;
		if (*p != CANARY)
			break;
	}

	fw_expect(p == hole, "%s: byte at %ld of the value is overwritten",
		  what, (long)(p - val));
}

/* ---- Identifiers ---- */

/* Refused with @want whether the value can be accessed or not. */
static void expect_no_such_reg(u64 id, int want)
{
	enum cmd cmd;

	for (cmd = GET; cmd < NR_CMDS; cmd++) {
		memset(page, CANARY, page_size);
		expect_access(cmd, id, (u64)hole - 8, want);
		expect_canary(page, 0, cmd_name[cmd]);
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
	/* Bits 16-19 lead to classes that do have registers. */
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
		for (n = 0; n < NR_SIZES; n++) {
			id = (fw_regs[i].id & ~KVM_REG_SIZE_MASK) |
			     SIZE_FIELD(n);
			if (id == fw_regs[i].id)
				continue;

			/* The value is a legal one, in case it gets used. */
			memset(page, CANARY, page_size);
			*(u64 *)(hole - 8) = other_value(i);
			expect_access(cmd, id, (u64)hole - 8, ENOENT);
			fw_expect(*(u64 *)(hole - 8) == other_value(i),
				  "%s %#lx wrote to memory", cmd_name[cmd], id);
			expect_canary(hole - 8, 8, "size");

			/* Refused before the pointer is looked at. */
			expect_access(cmd, id, (u64)hole, ENOENT);
			expect_access(cmd, id, 0, ENOENT);
		}
	}
}

/* ---- Pointers ---- */

/* Nothing to be read or written here, from any user process. */
static u64 bad_pointers[] = {
	0,			/* NULL */
	8,
	1UL << 52,		/* between user space and kernel */
	1UL << 55,
	0xffff000000000000UL,	/* kernel */
	0xffff800000000000UL,
	0xffff800080000000UL,
	-4096UL,
	-8UL,			/* the value ends at the end of all addresses */
	-4UL,			/* and wraps */
	-1UL,
	0,			/* PROT_NONE, filled in by main() */
	0,			/* unmapped, filled in by main() */
};

static void check_bad_pointers(int cmd)
{
	int i, j;

	for (i = 0; i < NR_FW_REGS; i++) {
		for (j = 0; j < ARRAY_SIZE(bad_pointers); j++)
			expect_access(cmd, fw_regs[i].id, bad_pointers[j],
				      EFAULT);
	}
}

static void check_read_only(int unused)
{
	int i;

	for (i = 0; i < NR_FW_REGS; i++) {
		expect_access(GET, fw_regs[i].id, (u64)read_only, EFAULT);

		/* A value that is only read can be. */
		protect(read_only, page_size, PROT_READ | PROT_WRITE);
		*(u64 *)read_only = state.val[i];
		protect(read_only, page_size, PROT_READ);
		expect_access(SET, fw_regs[i].id, (u64)read_only, 0);
	}
}

static void check_bad_pointer_unknown_id(int cmd)
{
	int want = cmd == SET ? EFAULT : ENOENT;
	static const u64 ids[] = {
		UNKNOWN_FW, UNKNOWN_BMAP,
		KVM_REG_ARM_PSCI_VERSION | 4, KVM_REG_ARM_STD_BMAP | 4,
		KVM_REG_ARM_PSCI_VERSION | BIT(28),
		KVM_REG_ARM_STD_BMAP | BIT(31),
	};
	int i, j;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		for (j = 0; j < ARRAY_SIZE(bad_pointers); j++) {
			expect_access(cmd, ids[i], bad_pointers[j], want);
			expect_access(cmd, ids[i] ^ SIZE_FIELD(1),
				      bad_pointers[j], ENOENT);
		}
	}
}

/* Values that are refused are not even looked at if they cannot be read. */
static void check_straddling_refused_value(int unused)
{
	int i;

	for (i = 0; i < NR_FW_REGS; i++) {
		memset(page, 0xff, page_size);
		expect_access(SET, fw_regs[i].id, (u64)hole - 7, EFAULT);
		expect_access(SET, fw_regs[i].id, (u64)hole - 8, EINVAL);
	}
}

/* struct kvm_one_reg itself. */
static void check_bad_one_reg(int unused)
{
	enum cmd cmd;
	int i, ret;

	for (cmd = GET; cmd < NR_CMDS; cmd++) {
		for (i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
			ret = ioctl(vcpu->fd, cmds[cmd], bad_pointers[i]) ?
			      errno : 0;
			fw_expect(ret == EFAULT, "%s at %#lx: %s",
				  cmd_name[cmd], bad_pointers[i],
				  strerror(ret));
		}
	}
	expect_unchanged("bad struct kvm_one_reg");
}

/* ---- The end of a page ---- */

static void check_page_end(int cmd)
{
	u64 *val = (u64 *)(hole - 8);
	int i;

	for (i = 0; i < NR_FW_REGS; i++) {
		memset(page, CANARY, page_size);
		if (cmd == SET)
			*val = state.val[i];

		expect_access(cmd, fw_regs[i].id, (u64)val, 0);
		fw_expect(*val == state.val[i], "%s holds %#lx at page end",
			  fw_regs[i].name, *val);
		expect_canary((u8 *)val, 8, fw_regs[i].name);
	}
}

static void check_page_middle(int cmd)
{
	u64 val;
	u8 *p;
	int i;

	/* At every alignment. */
	for (i = 0; i < NR_FW_REGS; i++) {
		for (p = page + 64; p < page + 72; p++) {
			memset(page, CANARY, page_size);
			if (cmd == SET)
				memcpy(p, &state.val[i], 8);

			expect_access(cmd, fw_regs[i].id, (u64)p, 0);
			memcpy(&val, p, 8);
			fw_expect(val == state.val[i], "%s holds %#lx at %ld",
				  fw_regs[i].name, val, (long)(p - page));
			expect_canary(p, 8, fw_regs[i].name);
		}
	}
}

/* The value begins @k bytes before the page that cannot be accessed. */
static void check_straddle(int cmd)
{
	u64 other;
	int i, k;

	for (i = 0; i < NR_FW_REGS; i++) {
		other = other_value(i);
		for (k = 1; k < 8; k++) {
			memset(page, CANARY, page_size);
			if (cmd == SET)
				memcpy(hole - k, &other, k);

			expect_access(cmd, fw_regs[i].id, (u64)hole - k,
				      EFAULT);
			expect_canary(hole - k, k, fw_regs[i].name);
		}
	}
}

/* ---- KVM_GET_REG_LIST ---- */

static int get_reg_list(int fd, void *list)
{
	return ioctl(fd, KVM_GET_REG_LIST, list) ? errno : 0;
}

/*
 * Ask for a list of @n registers with room for @room before the page that
 * cannot be accessed. The caller frees @list's mapping.
 */
static struct kvm_reg_list *make_list(u64 n, u64 room, void **map, size_t *size)
{
	size_t len = sizeof(struct kvm_reg_list) + room * sizeof(u64);
	struct kvm_reg_list *list;
	u8 *mem, *end;

	*size = align_up(len, page_size) + page_size;
	mem = kvm_mmap(*size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1);
	end = mem + *size - page_size;
	memset(mem, CANARY, *size - page_size);
	protect(end, page_size, PROT_NONE);

	list = (struct kvm_reg_list *)(end - len);
	list->n = n;
	*map = mem;
	return list;
}

/* Number of registers, and where the firmware registers begin. */
static u64 nr_regs(u64 *first)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	u64 i, n = list->n;

	for (i = 0; i < n && list->reg[i] != fw_regs[0].id; i++)
		;
	*first = i;
	free(list);
	return n;
}

static void expect_too_small(u64 n, u64 total)
{
	struct kvm_reg_list *list;
	size_t size, i, len;
	void *map;
	int ret;

	list = make_list(n, n, &map, &size);
	ret = get_reg_list(vcpu->fd, list);
	fw_expect(ret == E2BIG, "n %lu: %s", n, strerror(ret));
	fw_expect(list->n == total, "n is %llu, expected %lu", list->n, total);

	len = n * sizeof(u64);
	for (i = 0; i < len && ((u8 *)list->reg)[i] == CANARY; i++)
		;
	fw_expect(i == len, "n %lu: list written to", n);
	kvm_munmap(map, size);
}

static void check_list_too_small(int unused)
{
	u64 first, total = nr_regs(&first);

	expect_too_small(0, total);
	expect_too_small(1, total);
	expect_too_small(first, total);
	expect_too_small(first + 1, total);
	expect_too_small(first + NR_FW_REGS, total);
	expect_too_small(total - 1, total);
	expect_unchanged("KVM_GET_REG_LIST");
}

static void check_list_exact(int extra)
{
	struct kvm_reg_list *list;
	u64 total, first, i;
	size_t size;
	void *map;
	int ret;

	total = nr_regs(&first);
	list = make_list(total + extra, total + extra, &map, &size);
	ret = get_reg_list(vcpu->fd, list);
	fw_expect(!ret, "n %lu: %s", total + extra, strerror(ret));
	fw_expect(list->n == total, "n is %llu, expected %lu", list->n, total);

	for (i = 0; i < NR_FW_REGS; i++)
		fw_expect(list->reg[first + i] == fw_regs[i].id,
			  "place %lu holds %#llx, expected %s", i,
			  list->reg[first + i], fw_regs[i].name);
	for (i = 0; i < extra * sizeof(u64); i++)
		fw_expect(((u8 *)&list->reg[total])[i] == CANARY,
			  "written past the end of the list");

	kvm_munmap(map, size);
}

/* Room for all of the registers before the firmware ones and @k of these. */
static void check_list_faults(int unused)
{
	struct kvm_reg_list *list;
	u64 total, first;
	size_t size;
	void *map;
	int ret, k;

	total = nr_regs(&first);
	for (k = 0; k < NR_FW_REGS; k++) {
		list = make_list(total, first + k, &map, &size);
		ret = get_reg_list(vcpu->fd, list);
		fw_expect(ret == EFAULT, "fault at %s: %s", fw_regs[k].name,
			  strerror(ret));
		fw_expect(list->n == total, "n is %llu, expected %lu", list->n,
			  total);
		kvm_munmap(map, size);
	}
	expect_unchanged("KVM_GET_REG_LIST");
}

static void check_list_bad_pointers(int unused)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		ret = get_reg_list(vcpu->fd, (void *)bad_pointers[i]);
		fw_expect(ret == EFAULT, "list at %#lx: %s", bad_pointers[i],
			  strerror(ret));
	}
}

/* ---- A vCPU without KVM_ARM_VCPU_INIT ---- */

static void check_not_initialised(int unused)
{
	struct kvm_vm *bare = vm_create_barebones();
	struct kvm_vcpu *raw = __vm_vcpu_add(bare, 0);
	u64 ids[NR_FW_REGS + 2], val;
	struct kvm_reg_list list;
	enum cmd cmd;
	int i, ret;

	for (i = 0; i < NR_FW_REGS; i++)
		ids[i] = fw_regs[i].id;
	ids[i++] = UNKNOWN_FW;
	ids[i++] = KVM_REG_ARM_PSCI_VERSION ^ SIZE_FIELD(1);

	for (cmd = GET; cmd < NR_CMDS; cmd++) {
		for (i = 0; i < ARRAY_SIZE(ids); i++) {
			val = 0x1234;
			ret = fw_one_reg(raw->fd, cmds[cmd], ids[i], (u64)&val);
			fw_expect(ret == ENOEXEC && val == 0x1234,
				  "%s %#lx: %s", cmd_name[cmd], ids[i],
				  strerror(ret));
			ret = fw_one_reg(raw->fd, cmds[cmd], ids[i], (u64)hole);
			fw_expect(ret == ENOEXEC, "%s %#lx, bad pointer: %s",
				  cmd_name[cmd], ids[i], strerror(ret));
		}
		ret = ioctl(raw->fd, cmds[cmd], hole) ? errno : 0;
		fw_expect(ret == ENOEXEC, "%s, bad struct kvm_one_reg: %s",
			  cmd_name[cmd], strerror(ret));
	}

	list.n = 0;
	ret = get_reg_list(raw->fd, &list);
	fw_expect(ret == ENOEXEC && !list.n, "KVM_GET_REG_LIST: %s",
		  strerror(ret));
	ret = get_reg_list(raw->fd, hole);
	fw_expect(ret == ENOEXEC, "KVM_GET_REG_LIST, bad pointer: %s",
		  strerror(ret));

	kvm_vm_free(bare);
}

static const struct fw_case cases[] = {
	{ "id: unknown PSCI_VERSION or workaround number is ENOENT",
	  check_unknown_regno, FW_PSCI_VERSION },
	{ "id: unknown bitmap number is ENOENT", check_unknown_regno, FW_STD },
	{ "id: unknown class is ENOENT", check_coproc_bits },
	{ "id: bits of no meaning or another architecture are EINVAL",
	  check_arch_bits },
	{ "size: GET of any size but 8 bytes is ENOENT, touches no memory",
	  check_sizes, GET },
	{ "size: SET of any size but 8 bytes is ENOENT, touches no memory",
	  check_sizes, SET },

	{ "pointer: GET to a bad one is EFAULT", check_bad_pointers, GET },
	{ "pointer: SET from a bad one is EFAULT", check_bad_pointers, SET },
	{ "pointer: GET to read-only memory is EFAULT, SET from it works",
	  check_read_only },
	{ "pointer: GET of an unknown id is ENOENT before EFAULT",
	  check_bad_pointer_unknown_id, GET },
	{ "pointer: SET of an unknown id is EFAULT before ENOENT, wrong size ENOENT",
	  check_bad_pointer_unknown_id, SET },
	{ "pointer: SET is EFAULT before EINVAL",
	  check_straddling_refused_value },
	{ "pointer: to struct kvm_one_reg, a bad one is EFAULT",
	  check_bad_one_reg },

	{ "page: GET writes the last 8 bytes before a hole",
	  check_page_end, GET },
	{ "page: SET reads the last 8 bytes before a hole",
	  check_page_end, SET },
	{ "page: GET writes 8 bytes at any alignment",
	  check_page_middle, GET },
	{ "page: SET reads 8 bytes at any alignment",
	  check_page_middle, SET },
	{ "page: GET into a hole is EFAULT", check_straddle, GET },
	{ "page: SET from a hole is EFAULT, register unchanged",
	  check_straddle, SET },

	{ "list: too small is E2BIG, with n written back",
	  check_list_too_small },
	{ "list: of the exact size, before a hole", check_list_exact, 0 },
	{ "list: larger than need be, the rest untouched",
	  check_list_exact, 3 },
	{ "list: fault at each firmware register is EFAULT",
	  check_list_faults },
	{ "list: a bad pointer is EFAULT", check_list_bad_pointers },

	{ "vCPU not initialised: ENOEXEC before all else",
	  check_not_initialised },
};

int main(void)
{
	u8 *unmapped;

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(cases));

	page_size = getpagesize();
	page = kvm_mmap(2 * page_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1);
	hole = page + page_size;
	protect(hole, page_size, PROT_NONE);
	read_only = kvm_mmap(page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1);

	vm = fw_vm_create_one(&vcpu);
	state = fw_state_read(vcpu);

	unmapped = kvm_mmap(page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1);
	kvm_munmap(unmapped, page_size);
	bad_pointers[ARRAY_SIZE(bad_pointers) - 2] = (u64)hole;
	bad_pointers[ARRAY_SIZE(bad_pointers) - 1] = (u64)unmapped;

	fw_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
