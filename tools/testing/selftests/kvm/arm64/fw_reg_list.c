// SPDX-License-Identifier: GPL-2.0-only
/*
 * fw_reg_list - The firmware pseudo-registers in KVM_GET_REG_LIST, and what it
 * writes to memory.
 *
 * The caller gives the number of registers that its list has room for:
 *
 *	too small	E2BIG, the actual number is written, but no ids
 *	large enough	the actual number and that many ids are written
 *	not writable	EFAULT
 *
 * Lists end at an inaccessible page, so that an id too many would be noticed;
 * or they end too early, so that KVM fails at each of the firmware registers,
 * which are consecutive in the list. Listing never changes their values.
 * fw_reg_errors tests access to a single register.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/user_mem.h"
#include "processor.h"

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;

/* Every case must leave the registers like this. */
static struct fw_state state;

/*
 * Make a list for @n registers, with room for @room before an inaccessible
 * page. The caller frees the list's mapping.
 */
static struct kvm_reg_list *make_list(u64 n, u64 room, void **map, size_t *size)
{
	size_t len = sizeof(struct kvm_reg_list) + room * sizeof(u64);
	struct kvm_reg_list *list;
	u8 *start, *end;

	*size = align_up(len, user_page_size) + user_page_size;
	start = kvm_mmap(*size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	end = start + *size - user_page_size;
	memset(start, USER_CANARY, *size - user_page_size);
	user_mem_protect(end, user_page_size, PROT_NONE);

	list = (struct kvm_reg_list *)(end - len);
	list->n = n;
	*map = start;
	return list;
}

/* The number of registers, and the index of the first firmware register. */
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
	ret = one_reg_list(vcpu->fd, list);
	test_expect(ret == E2BIG, "n %lu: %s", n, strerror(ret));
	test_expect(list->n == total, "n is %llu, expected %lu", list->n,
		    total);

	len = n * sizeof(u64);
	for (i = 0; i < len && ((u8 *)list->reg)[i] == USER_CANARY; i++)
		;
	test_expect(i == len, "n %lu: list written to", n);
	kvm_munmap(map, size);
}

static void check_list_too_small(int unused)
{
	u64 first, total = nr_regs(&first);

	expect_too_small(0, total);
	expect_too_small(1, total);
	expect_too_small(first, total);
	expect_too_small(first + 1, total);
	/* They may be the last ones. */
	if (first + NR_FW_REGS < total)
		expect_too_small(first + NR_FW_REGS, total);
	expect_too_small(total - 1, total);
	fw_expect_state(vcpu, &state, "KVM_GET_REG_LIST");
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
	ret = one_reg_list(vcpu->fd, list);
	test_expect(!ret, "n %lu: %s", total + extra, strerror(ret));
	test_expect(list->n == total, "n is %llu, expected %lu", list->n,
		    total);

	for (i = 0; i < NR_FW_REGS; i++)
		test_expect(list->reg[first + i] == fw_regs[i].id,
			    "place %lu holds %#llx, expected %s", i,
			    list->reg[first + i], fw_regs[i].name);
	for (i = 0; i < extra * sizeof(u64); i++)
		test_expect(((u8 *)&list->reg[total])[i] == USER_CANARY,
			    "written past the end of the list");

	kvm_munmap(map, size);
}

/* Room for all registers before the firmware ones, and for k of these. */
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
		ret = one_reg_list(vcpu->fd, list);
		test_expect(ret == EFAULT, "fault at %s: %s", fw_regs[k].name,
			    strerror(ret));
		test_expect(list->n == total, "n is %llu, expected %lu",
			    list->n, total);
		kvm_munmap(map, size);
	}
	fw_expect_state(vcpu, &state, "KVM_GET_REG_LIST");
}

static void check_list_bad_pointers(int unused)
{
	int i, ret;

	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		ret = one_reg_list(vcpu->fd, (void *)user_bad_pointers[i]);
		test_expect(ret == EFAULT, "list at %#lx: %s",
			    user_bad_pointers[i], strerror(ret));
	}
}

static const struct test_case cases[] = {
	{ "list: too small is E2BIG, with n written back",
	  check_list_too_small },
	{ "list: of the exact size, before a hole", check_list_exact, 0 },
	{ "list: larger than necessary, the rest untouched",
	  check_list_exact, 3 },
	{ "list: fault at each firmware register is EFAULT",
	  check_list_faults },
	{ "list: a bad pointer is EFAULT", check_list_bad_pointers },
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
