// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_list_size - KVM_GET_REG_LIST with an n of more than 32 bits.
 *
 * The n of struct kvm_reg_list has 64 bits. For the list of a vCPU only the
 * lower 32 bits are compared, so that 2^32 is as small as 0; for the list of a
 * VM, which the VM has to opt in to, all 64. In any case the actual number is
 * written back, and no more ids than that.
 *
 * fw_reg_list tests lists of ordinary sizes.
 */
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/switch.h"

#define CANARY	0x5ca1ab1e5ca1ab1eUL

/* Numbers, absolute or relative to the number of registers */
static const struct size {
	u64 n;
	bool is_offset;
	/* Large enough in 32 bits; all of them are large enough in 64 */
	bool fits;
} sizes[] = {
	{ BIT(32), false, false },
	{ BIT(32) | 1, false, false },
	{ BIT(33), false, false },
	{ BIT(63), false, false },
	{ ~0UL << 32, false, false },
	{ BIT(32), true, true },
	{ BIT(32) - 1, true, false },
	{ BIT(32) + 1, true, true },
	{ BIT(63), true, true },
	{ BIT(32) - 1, false, true },
	{ ~0UL, false, true },
	{ BIT(31), false, true },
};

static void __expect_list(int line, int fd, const u64 *want, u64 total, u64 n,
			  bool fits)
{
	u64 *list = calloc(total + 2, sizeof(*list)), i;
	int ret;

	TEST_ASSERT(list, "Out of memory");
	for (i = 1; i <= total + 1; i++)
		list[i] = CANARY;
	list[0] = n;
	ret = one_reg_list(fd, list);

	__test_expect(line, ret == (fits ? 0 : E2BIG),
		      "n %#lx: %s, expected %s",
		      n, strerror(ret), strerror(fits ? 0 : E2BIG));
	__test_expect(line, list[0] == total,
		      "n %#lx: %lu is written back, not %lu",
		      n, list[0], total);
	for (i = 0; i < total; i++)
		__test_expect(line, list[1 + i] == (fits ? want[i] : CANARY),
			      "n %#lx: place %lu holds %#lx", n, i,
			      list[1 + i]);
	__test_expect(line, list[1 + total] == CANARY,
		      "n %#lx: written past the end", n);
	free(list);
}

/* The list of a vCPU, or of the VM itself */
static void check_sizes(int fd, bool is_vm, const struct kvm_reg_list *list)
{
	const struct size *s;

	for (s = sizes; s < sizes + ARRAY_SIZE(sizes); s++)
		__expect_list(__LINE__, fd, (const u64 *)list->reg, list->n,
			      s->n + (s->is_offset ? list->n : 0),
			      s->fits || is_vm);
}

static struct kvm_reg_list *get_list(int fd)
{
	struct kvm_reg_list count = { .n = 0 }, *list;
	int ret = one_reg_list(fd, &count);

	TEST_ASSERT(ret == E2BIG && count.n, "KVM_GET_REG_LIST: %s",
		    strerror(ret));
	list = calloc(1, sizeof(*list) + count.n * sizeof(u64));
	TEST_ASSERT(list, "Out of memory");
	list->n = count.n;
	ret = one_reg_list(fd, list);
	TEST_ASSERT(!ret, "KVM_GET_REG_LIST: %s", strerror(ret));
	return list;
}

static void check_vcpu(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = fw_vm_create_one(&vcpu);
	struct kvm_reg_list *list = get_list(vcpu->fd);

	check_sizes(vcpu->fd, false, list);
	/* A run makes no difference. */
	fw_guest_call(vcpu, PSCI_0_2_FN_PSCI_VERSION, 0);
	check_sizes(vcpu->fd, false, list);
	free(list);
	kvm_vm_free(vm);
}

static void check_opted_in(int set)
{
	struct kvm_reg_list *list;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	if (!kvm_has_cap(KVM_CAP_ARM_MIGRATION)) {
		test_skip("the kernel has nothing to opt in to");
		return;
	}

	vm = opt_in_vm_create(set, 1, true, fw_guest_code, &vcpu);
	list = get_list(vcpu->fd);
	check_sizes(vcpu->fd, false, list);
	free(list);

	if (set & BIT(OPT_IN_VM_REGS)) {
		list = get_list(vm->fd);
		check_sizes(vm->fd, true, list);
		free(list);
	}
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "vCPU: 2^32 is as small as 0, and 2^32 plus enough is enough",
	  check_vcpu },
	{ "vCPU with scopes in its list: the same", check_opted_in,
	  BIT(OPT_IN_SCOPE) },
	{ "vCPU with feature levels in its list: the same", check_opted_in,
	  BIT(OPT_IN_LEVELS) },
	{ "VM with a list: 2^32 is enough", check_opted_in,
	  BIT(OPT_IN_VM_REGS) },
	{ "VM with all of it: the same", check_opted_in, OPT_IN_ALL },
};

int main(void)
{
	__abi_open();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
