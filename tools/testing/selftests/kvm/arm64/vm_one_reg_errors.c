// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_one_reg_errors - How access to a register of a VM's file descriptor fails,
 * at each stage of the VM's life, and that a failure has no effect.
 *
 *	any ioctl:	its argument cannot be read		EFAULT
 *	SET_ONE_REG:	size not 8 bytes			ENOENT
 *			value cannot be read			EFAULT
 *			not a register of the VM		ENOENT
 *			features of the vCPUs not known		ENOEXEC
 *			value refused				EINVAL
 *	GET_ONE_REG:	not a register of the VM		ENOENT
 *			features of the vCPUs not known		ENOEXEC
 *			value cannot be written			EFAULT
 *
 * The numbers are those of VMs: those of a vCPU's ioctls are not known, or those of
 * another ioctl, as on any VM.
 *
 * After every refusal all registers are read back, and must be unchanged.
 */
#include <asm/kvm_migration.h>
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/user_mem.h"
#include "abi/vm_reg.h"
#include "processor.h"

#define SIZE_FIELD(n)	((u64)(n) << KVM_REG_SIZE_SHIFT)
#define NR_SIZES	16

enum cmd { GET, SET, NR_CMDS };

static const unsigned long cmds[] = {
	[GET] = KVM_ARM_VM_GET_ONE_REG,
	[SET] = KVM_ARM_VM_SET_ONE_REG,
};

static const char * const cmd_name[] = { [GET] = "GET", [SET] = "SET" };

/* A VM at each stage, whose registers every case must leave unchanged. */
static struct staged_vm vms[NR_VM_STAGES];
static struct vm_reg_state states[NR_VM_STAGES];
static enum vm_stage stage;

#define for_each_stage()						\
	for (stage = VM_STAGE_EMPTY; stage < NR_VM_STAGES; stage++)

static void expect_unchanged(const char *after)
{
	vm_reg_expect_state(vms[stage].vm, &states[stage], after);
}

static void __expect_access(int line, enum cmd cmd, u64 id, u64 addr, int want)
{
	int ret = one_reg(vms[stage].vm->fd, cmds[cmd], id, addr);

	__test_expect(line, ret == want, "%s: %s %#lx at %#lx: %s, expected %s",
		      vm_stage_name[stage], cmd_name[cmd], id, addr,
		      strerror(ret), strerror(want));
	expect_unchanged(cmd_name[cmd]);
}

#define expect_access(...)	__expect_access(__LINE__, __VA_ARGS__)

/* What access to a register returns, if nothing is wrong with the request. */
static int ready(int nr)
{
	return stage < VM_STAGE_INITIALISED && vm_reg_needs_vcpu(nr) ?
	       ENOEXEC : 0;
}

/* ---- Identifiers ---- */

static bool is_known(u64 id)
{
	int i;

	for (i = 0; i < VM_REG_MAX; i++) {
		if (vm_reg_id(i) == id)
			return true;
	}

	return false;
}

/* Refused with @want, and memory is not accessed. */
static void expect_no_such_reg(u64 id, int want)
{
	enum cmd cmd;

	for (cmd = GET; cmd < NR_CMDS; cmd++) {
		user_mem_fill_canary();
		expect_access(cmd, id, (u64)user_hole - 8, want);
		user_mem_expect_untouched(cmd_name[cmd]);
	}
}

static void check_unknown_numbers(int unused)
{
	static const int groups[] = { FW_PSCI_VERSION, FW_STD, VM_REG_LEVEL_0 };
	u64 base, n;
	int i;

	for_each_stage() {
		for (i = 0; i < ARRAY_SIZE(groups); i++) {
			base = vm_reg_id(groups[i]);
			for (n = 0; n <= 0xffff; n += n < 0x20 ? 1 : 251) {
				if (!is_known(base | n))
					expect_no_such_reg(base | n, ENOENT);
			}
			expect_no_such_reg(base | 0x8000, ENOENT);
			expect_no_such_reg(base | 0xffff, ENOENT);
		}
	}
}

/* Flip each of these bits, one at a time, in each of the ids. */
static void flip_id_bits(int first, int last, int want)
{
	int i, bit;
	u64 id;

	for (i = 0; i < VM_REG_MAX; i++) {
		for (bit = first; bit <= last; bit++) {
			id = vm_reg_id(i) ^ BIT(bit);
			if (!is_known(id))
				expect_no_such_reg(id, want);
		}
	}
}

static void check_id_bits(int unused)
{
	for_each_stage() {
		flip_id_bits(3, 31, ENOENT);
		flip_id_bits(32, KVM_REG_SIZE_SHIFT - 1, EINVAL);
	}
}

static void check_sizes(int cmd)
{
	int i, n;
	u64 id;

	for_each_stage() {
		for (i = 0; i < VM_REG_MAX; i++) {
			for (n = 0; n < NR_SIZES; n++) {
				id = (vm_reg_id(i) & ~KVM_REG_SIZE_MASK) |
				     SIZE_FIELD(n);
				if (id == vm_reg_id(i))
					continue;

				user_mem_fill_canary();
				expect_access(cmd, id, (u64)user_hole - 8,
					      ENOENT);
				user_mem_expect_untouched("size");
				/* Refused before the pointer is used */
				expect_access(cmd, id, (u64)user_hole, ENOENT);
				expect_access(cmd, id, 0, ENOENT);
			}
		}
	}
}

/* All registers that belong to a vCPU */
static void check_vcpu_ids(int unused)
{
	struct kvm_reg_list *list;
	u64 id;
	int i;

	list = vcpu_get_reg_list(vms[VM_STAGE_INITIALISED].vcpus[0]);
	for_each_stage() {
		for (i = 0; i < list->n; i++) {
			id = list->reg[i];
			if (is_known(id))
				continue;

			expect_no_such_reg(id, ENOENT);
			expect_access(GET, id, (u64)user_hole, ENOENT);
			expect_access(SET, id, (u64)user_hole,
				      KVM_REG_SIZE(id) == 8 ? EFAULT : ENOENT);
		}
	}
	free(list);
}

static void check_other_arch(int cmd)
{
	u64 val = 0, top;
	int i;

	for_each_stage() {
		for (i = 0; i < NR_FW_REGS; i++) {
			for (top = 0; top <= 0xff; top += top == 0x5f ? 2 : 1)
				expect_access(cmd, (vm_reg_id(i) << 8 >> 8) |
					      top << 56, (u64)&val, EINVAL);
		}
	}
}

/* ---- Pointers ---- */

static void check_bad_pointers(int cmd)
{
	int i, j;

	for_each_stage() {
		for (i = 0; i < VM_REG_MAX; i++) {
			for (j = 0; j < NR_USER_BAD_POINTERS; j++)
				expect_access(cmd, vm_reg_id(i),
					      user_bad_pointers[j],
					      cmd == GET && ready(i) ? ENOEXEC :
					      EFAULT);
		}
	}
}

static void check_bad_pointer_unknown_id(int cmd)
{
	static const u64 ids[] = {
		KVM_REG_ARM_PSCI_VERSION | 4, KVM_REG_ARM_PSCI_VERSION | 0xffff,
		KVM_REG_ARM_STD_BMAP | 4, KVM_REG_ARM_STD_BMAP | BIT(31),
		KVM_REG_ARM_FEATURE_LEVEL_REG(KVM_ARM_NR_FEATURE_LEVEL_REGS),
		KVM_ARM64_SYS_REG(SYS_MPIDR_EL1),
	};
	int i, j;

	for_each_stage() {
		for (i = 0; i < ARRAY_SIZE(ids); i++) {
			for (j = 0; j < NR_USER_BAD_POINTERS; j++)
				expect_access(cmd, ids[i], user_bad_pointers[j],
					      cmd == GET ? ENOENT : EFAULT);
		}
	}
}

static void check_read_only(int unused)
{
	struct vm_reg_state *state;
	int i;

	for_each_stage() {
		state = &states[stage];
		for (i = 0; i < VM_REG_MAX; i++) {
			user_mem_set_read_only(&state->val[i], sizeof(u64));
			expect_access(GET, vm_reg_id(i), (u64)user_read_only,
				      ready(i) ?: EFAULT);
			expect_access(SET, vm_reg_id(i), (u64)user_read_only,
				      ready(i));
		}
	}
}

/* The last 8 bytes before a hole, and no more */
static void check_page_end(int cmd)
{
	struct vm_reg_state *state;
	u64 *val = (u64 *)(user_hole - 8);
	int i, k;

	for_each_stage() {
		state = &states[stage];
		for (i = 0; i < VM_REG_MAX; i++) {
			user_mem_fill_canary();
			if (cmd == SET)
				*val = state->val[i];
			expect_access(cmd, vm_reg_id(i), (u64)val, ready(i));
			user_mem_expect_canary(val, ready(i) &&
					       cmd == GET ? 0 : 8, "page end");
			test_expect(ready(i) || *val == state->val[i],
				    "%#lx holds %#lx", vm_reg_id(i), *val);

			for (k = 1; k < 8; k++) {
				user_mem_fill_canary();
				expect_access(cmd, vm_reg_id(i),
					      (u64)user_hole - k,
					      cmd == GET && ready(i) ? ENOEXEC :
					      EFAULT);
				user_mem_expect_canary(user_hole - k, k,
						       "straddle");
			}
		}
	}
}

/* No register accepts this value, but other errors come first. */
static void check_order(int unused)
{
	u64 all = -1UL, positive = 0x7777777777777777UL, *val;
	int i;

	for_each_stage() {
		for (i = 0; i < VM_REG_MAX; i++) {
			val = i < NR_FW_REGS ? &all : &positive;
			expect_access(SET, vm_reg_id(i) ^ SIZE_FIELD(1),
				      (u64)val, ENOENT);
			expect_access(SET, vm_reg_id(i), (u64)user_hole - 7,
				      EFAULT);
			expect_access(SET, vm_reg_id(i), (u64)val,
				      ready(i) ?: EINVAL);
		}
	}
}

/* struct kvm_one_reg and struct kvm_reg_list themselves. */
static void check_bad_structs(int unused)
{
	static const unsigned long ioctls[] = {
		KVM_ARM_VM_GET_ONE_REG, KVM_ARM_VM_SET_ONE_REG,
		KVM_ARM_VM_GET_REG_LIST,
	};
	int i, j, ret;

	for_each_stage() {
		for (i = 0; i < ARRAY_SIZE(ioctls); i++) {
			for (j = 0; j < NR_USER_BAD_POINTERS; j++) {
				ret = ioctl(vms[stage].vm->fd, ioctls[i],
					    user_bad_pointers[j]) ? errno : 0;
				test_expect(ret == EFAULT, "%#lx at %#lx: %s",
					    ioctls[i], user_bad_pointers[j],
					    strerror(ret));
			}
		}
		expect_unchanged("bad pointer");
	}
}

/*
 * KVM_GET_ONE_REG has the number and the size of KVM_ARM_SET_DEVICE_ADDR. There is
 * no device of this id, and the address is not used.
 */
static void check_vcpu_numbers(int unused)
{
	u64 val = 0;
	int i, ret;

	for_each_stage() {
		for (i = 0; i < VM_REG_MAX; i++) {
			ret = one_reg(vms[stage].vm->fd, KVM_GET_ONE_REG,
				      vm_reg_id(i), (u64)&val);
			test_expect(ret == ENODEV, "GET: %s", strerror(ret));
			ret = one_reg(vms[stage].vm->fd, KVM_SET_ONE_REG,
				      vm_reg_id(i), (u64)&val);
			test_expect(ret == EINVAL, "SET: %s", strerror(ret));
		}
		ret = ioctl(vms[stage].vm->fd, KVM_GET_REG_LIST, NULL) ? errno : 0;
		test_expect(ret == EINVAL, "list: %s", strerror(ret));
		expect_unchanged("a vCPU's numbers");
	}
}

/* ---- The list ---- */

/*
 * Get a list of @n, with room for @room right before the hole, and expect
 * @want, the number and @written ids.
 */
static void expect_list(u64 n, int room, int want, int written)
{
	size_t size = sizeof(struct kvm_reg_list) + room * sizeof(u64);
	struct kvm_reg_list *list = (void *)(user_hole - size);
	int i, ret;

	user_mem_fill_canary();
	list->n = n;
	ret = one_reg_list(vms[stage].vm->fd, list);
	test_expect(ret == want && list->n == VM_REG_MAX,
		    "n %lu: %llu (%s), expected %s", n, list->n, strerror(ret),
		    strerror(want));
	for (i = 0; i < written; i++)
		test_expect(list->reg[i] == vm_reg_id(i), "place %d: %#llx", i,
			    list->reg[i]);
	user_mem_expect_canary(list, sizeof(*list) + written * sizeof(u64),
			       "list");
	expect_unchanged("KVM_ARM_VM_GET_REG_LIST");
}

static void check_list(int unused)
{
	int n;

	for_each_stage() {
		for (n = 0; n < VM_REG_MAX; n++) {
			expect_list(n, n, E2BIG, 0);
			/* The memory ends too early, at each of the ids. */
			expect_list(VM_REG_MAX, n, EFAULT, n);
		}
		expect_list(VM_REG_MAX, VM_REG_MAX, 0, VM_REG_MAX);
		expect_list(VM_REG_MAX + 3, VM_REG_MAX + 3, 0, VM_REG_MAX);
		expect_list(-1UL, VM_REG_MAX, 0, VM_REG_MAX);
	}
}

static const struct test_case cases[] = {
	{ "id: an unknown number is ENOENT", check_unknown_numbers },
	{ "id: each other bit is ENOENT, from bit 32 on EINVAL",
	  check_id_bits },
	{ "id: of a vCPU's own registers is ENOENT", check_vcpu_ids },
	{ "id: GET of another architecture's register is EINVAL",
	  check_other_arch, GET },
	{ "id: SET of another architecture's register is EINVAL",
	  check_other_arch, SET },
	{ "size: GET of any size but 8 bytes is ENOENT", check_sizes, GET },
	{ "size: SET of any size but 8 bytes is ENOENT", check_sizes, SET },

	{ "pointer: GET to a bad one is EFAULT, after ENOEXEC",
	  check_bad_pointers, GET },
	{ "pointer: SET from a bad one is EFAULT", check_bad_pointers, SET },
	{ "pointer: GET of an unknown id is ENOENT before EFAULT",
	  check_bad_pointer_unknown_id, GET },
	{ "pointer: SET of an unknown id is EFAULT before ENOENT",
	  check_bad_pointer_unknown_id, SET },
	{ "pointer: GET to read-only memory is EFAULT, SET from it works",
	  check_read_only },
	{ "page: GET writes the last 8 bytes before a hole, not beyond",
	  check_page_end, GET },
	{ "page: SET reads the last 8 bytes before a hole, not beyond",
	  check_page_end, SET },
	{ "pointer: to the struct, a bad one is EFAULT", check_bad_structs },
	{ "order: ENOENT, EFAULT, ENOEXEC, EINVAL", check_order },

	{ "list: too small is E2BIG, not writable is EFAULT", check_list },

	{ "numbers: those of a vCPU's ioctls are not the VM's",
	  check_vcpu_numbers },
};

int main(void)
{
	opt_in_require();
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(1);
	for_each_stage() {
		vms[stage] = staged_vm_create(stage, true);
		states[stage] = vm_reg_state_read(vms[stage].vm, VM_REG_MAX);
	}

	test_run_cases(cases, ARRAY_SIZE(cases));

	for_each_stage()
		kvm_vm_free(vms[stage].vm);
	test_finished();
}
