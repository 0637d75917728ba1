// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_config_errors - KVM_ARM_VM_CONFIG: requests that are refused, and that they
 * change nothing.
 *
 *	the request cannot be read				EFAULT
 *	op, a flag, the size of an entry, a reserved word	EINVAL
 *	more than 4096 entries					E2BIG
 *	an entry cannot be read					EFAULT
 *	a reserved word of an entry				EINVAL
 *	an answer cannot be written				EFAULT
 *	GET: less room than there are registers			E2BIG
 *
 * The memory of a set that is accepted is written before anything changes, so a set
 * whose answers cannot be written is not set.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/opt_in.h"
#include "abi/user_mem.h"
#include "abi/vm_config.h"
#include "processor.h"

#define MAX_ENTRIES	4096

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[2];
/* What no case may change */
static struct config before;

/* A valid request to set something, with one entry */
static struct kvm_arm_vm_config_entry good_entry = {
	.id = KVM_REG_ARM_VENDOR_HYP_BMAP_2, .value = 3,
};

static struct kvm_arm_vm_config good(u32 op)
{
	return (struct kvm_arm_vm_config) {
		.op = op,
		.n = op == KVM_ARM_VM_CONFIG_GET ? 0 : 1,
		.entry_size = sizeof(struct kvm_arm_vm_config_entry),
		.entries = (u64)&good_entry,
	};
}

static void __expect(int line, struct kvm_arm_vm_config *r, int want,
		     const char *what)
{
	const struct kvm_arm_vm_config sent = *r;
	struct kvm_arm_vm_config want_request;
	int i, ret, fds[] = { vm->fd, vcpus[0]->fd };

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		*r = sent;
		ret = config_request(fds[i], r);
		__test_expect(line, ret == want, "op %u, %s: %s, expected %s",
			      r->op, what, strerror(ret), strerror(want));
		/* All that is ever written is the number of registers. */
		__test_expect(line, r->n == sent.n || r->n == before.n,
			      "op %u, %s: n is %u", r->op, what, r->n);
		want_request = sent;
		want_request.n = r->n;
		__test_expect(line, !memcmp(r, &want_request, sizeof(sent)),
			      "op %u, %s: the request is written", sent.op, what);
	}
	config_expect_same(vm->fd, &before, what);
}

#define expect(...)	__expect(__LINE__, __VA_ARGS__)

static void check_fields(int op)
{
	struct kvm_arm_vm_config r;
	int i, bit;

	for (bit = 0; bit < 32; bit++) {
		r = good(op);
		r.flags = BIT(bit);
		if (bit || op == KVM_ARM_VM_CONFIG_GET)
			expect(&r, EINVAL, "flags");
		r = good(op);
		r.entry_size ^= BIT(bit);
		expect(&r, EINVAL, "entry_size");
		r = good(op);
		r.op = BIT(bit) | KVM_ARM_VM_CONFIG_CHECK;
		if (bit)
			expect(&r, EINVAL, "op");
	}
	for (i = 0; i < ARRAY_SIZE(r.reserved); i++) {
		for (bit = 0; bit < 64; bit++) {
			r = good(op);
			r.reserved[i] = BIT(bit);
			expect(&r, EINVAL, "reserved");
		}
	}
}

static void check_too_many(int op)
{
	static const u32 numbers[] = { MAX_ENTRIES + 1, 0x10000, BIT(31), ~0u };
	struct kvm_arm_vm_config r;
	int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		r = good(op);
		r.n = numbers[i];
		r.entries = 0;
		expect(&r, E2BIG, "n");
		test_expect(r.n == numbers[i], "n is %u", r.n);
	}
}

static void check_most(int unused)
{
	struct kvm_arm_vm_config_entry *entries = calloc(MAX_ENTRIES, sizeof(*entries));
	struct kvm_arm_vm_config r = good(KVM_ARM_VM_CONFIG_CHECK);
	int i;

	TEST_ASSERT(entries, "Out of memory");
	for (i = 0; i < MAX_ENTRIES; i++)
		entries[i] = good_entry;
	r.n = MAX_ENTRIES;
	r.entries = (u64)entries;
	expect(&r, 0, "most entries");
	entries[MAX_ENTRIES - 1].value = 1;
	expect(&r, ERANGE, "most entries, of which the last one differs");
	test_expect(entries[0].other == MAX_ENTRIES - 1, "other %u", entries[0].other);
	free(entries);
}

static void check_no_entries(int op)
{
	struct kvm_arm_vm_config r = good(op);

	r.n = 0;
	r.entries = 0;
	expect(&r, 0, "no entries");
}

static void check_room(int unused)
{
	size_t size = sizeof(struct kvm_arm_vm_config_entry);
	struct kvm_arm_vm_config r;
	u32 n;

	for (n = 0; n <= before.n + 1; n++) {
		r = good(KVM_ARM_VM_CONFIG_GET);
		user_mem_fill_canary();
		r.n = n;
		r.entries = (u64)user_mem;
		expect(&r, n < before.n ? E2BIG : 0, "room");
		test_expect(r.n == before.n, "n is %u", r.n);
		user_mem_expect_canary(user_mem, n < before.n ? 0 : before.n * size,
				       "room");
	}
}

static void check_bad_request(int unused)
{
	struct kvm_arm_vm_config r = good(KVM_ARM_VM_CONFIG_SET);
	u8 *p = user_hole - sizeof(r) + 1;
	int i, ret;

	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		ret = config_request(vm->fd, (void *)user_bad_pointers[i]);
		test_expect(ret == EFAULT, "%#lx: %s", user_bad_pointers[i],
			    strerror(ret));
	}
	memcpy(p, &r, sizeof(r) - 1);
	ret = config_request(vm->fd, (void *)p);
	test_expect(ret == EFAULT, "at the end: %s", strerror(ret));
	config_expect_same(vm->fd, &before, "bad request");
}

static void check_bad_entries(int op)
{
	struct kvm_arm_vm_config r;
	size_t k;
	int i;

	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		r = good(op);
		r.n = op == KVM_ARM_VM_CONFIG_GET ? before.n : 1;
		r.entries = user_bad_pointers[i];
		expect(&r, EFAULT, "bad pointer");
	}
	for (k = 1; k < sizeof(good_entry); k += 7) {
		r = good(op);
		r.n = op == KVM_ARM_VM_CONFIG_GET ? before.n : 1;
		r.entries = (u64)user_hole - k;
		memcpy(user_hole - k, &good_entry, k);
		expect(&r, EFAULT, "end of the memory");
	}
}

/* Two entries, of which the second one cannot be accessed */
static void check_second_entry(int op)
{
	struct kvm_arm_vm_config r = good(op);
	struct kvm_arm_vm_config_entry *e = (void *)(user_hole - sizeof(*e));

	*e = good_entry;
	r.n = 2;
	r.entries = (u64)e;
	expect(&r, EFAULT, "second entry");
}

/* The entry can be read, but its answer cannot be written. */
static void check_read_only(int op)
{
	struct kvm_arm_vm_config r = good(op);

	user_mem_set_read_only(&good_entry, sizeof(good_entry));
	r.entries = (u64)user_read_only;
	expect(&r, EFAULT, "read-only");
}

static void check_reserved(int op)
{
	struct kvm_arm_vm_config_entry e[2] = { good_entry, good_entry };
	struct kvm_arm_vm_config r = good(op);
	int i, bit;

	r.n = 2;
	r.entries = (u64)e;
	for (i = 0; i < ARRAY_SIZE(e[1].reserved); i++) {
		for (bit = 0; bit < 64; bit++) {
			e[1].reserved[i] = BIT(bit);
			expect(&r, EINVAL, "reserved word of an entry");
		}
		e[1].reserved[i] = 0;
	}
}

/* All entries are read before their reserved words, and answers are written after. */
static void check_order(int op)
{
	struct kvm_arm_vm_config_entry bad = good_entry;
	struct kvm_arm_vm_config_entry *last = (void *)(user_hole - sizeof(bad));
	struct kvm_arm_vm_config r = good(op);

	bad.reserved[0] = 1;
	*last = bad;
	r.n = 2;
	r.entries = (u64)last;
	expect(&r, EFAULT, "a reserved word, and an entry that cannot be read");

	r = good(op);
	user_mem_set_read_only(&bad, sizeof(bad));
	r.entries = (u64)user_read_only;
	expect(&r, EINVAL, "a reserved word, and an answer that cannot be written");
}

/* The number of registers is the only word of a request that is written. */
static void check_read_only_request(int unused)
{
	struct kvm_arm_vm_config r = good(KVM_ARM_VM_CONFIG_CHECK);
	int ret;

	user_mem_set_read_only(&r, sizeof(r));
	ret = config_request(vm->fd, (void *)user_read_only);
	test_expect(!ret, "CHECK: %s", strerror(ret));
	r = good(KVM_ARM_VM_CONFIG_GET);
	user_mem_set_read_only(&r, sizeof(r));
	ret = config_request(vm->fd, (void *)user_read_only);
	test_expect(ret == EFAULT, "GET: %s", strerror(ret));
}

/* What an answer has of its own is not looked at. */
static void check_outputs(int unused)
{
	struct kvm_arm_vm_config_entry e = good_entry;
	struct kvm_arm_vm_config r = good(KVM_ARM_VM_CONFIG_CHECK);

	/* All words between the value and what is reserved */
	memset(&e.mask, 0xff, offsetof(struct kvm_arm_vm_config_entry, reserved) -
	       offsetof(struct kvm_arm_vm_config_entry, mask));
	r.entries = (u64)&e;
	expect(&r, 0, "outputs");
	test_expect(!e.mask && !e.limit && !e.err && !e.reason && e.other == ~0u &&
		    !e.scope, "not all outputs are written");
}

static const struct test_case cases[] = {
	{ "GET: fields without a meaning are EINVAL",
	  check_fields, KVM_ARM_VM_CONFIG_GET },
	{ "CHECK: fields without a meaning are EINVAL",
	  check_fields, KVM_ARM_VM_CONFIG_CHECK },
	{ "SET: fields without a meaning are EINVAL",
	  check_fields, KVM_ARM_VM_CONFIG_SET },
	{ "GET: more than 4096 entries are E2BIG",
	  check_too_many, KVM_ARM_VM_CONFIG_GET },
	{ "CHECK: more than 4096 entries are E2BIG",
	  check_too_many, KVM_ARM_VM_CONFIG_CHECK },
	{ "SET: more than 4096 entries are E2BIG",
	  check_too_many, KVM_ARM_VM_CONFIG_SET },
	{ "CHECK: 4096 entries", check_most },
	{ "CHECK: no entries are accepted",
	  check_no_entries, KVM_ARM_VM_CONFIG_CHECK },
	{ "SET: no entries are accepted",
	  check_no_entries, KVM_ARM_VM_CONFIG_SET },
	{ "GET: too little room is E2BIG, and n is the number of registers", check_room },
	{ "pointer: to a request that cannot be read, EFAULT", check_bad_request },
	{ "GET: entries that cannot be accessed are EFAULT",
	  check_bad_entries, KVM_ARM_VM_CONFIG_GET },
	{ "CHECK: entries that cannot be accessed are EFAULT",
	  check_bad_entries, KVM_ARM_VM_CONFIG_CHECK },
	{ "SET: entries that cannot be accessed are EFAULT",
	  check_bad_entries, KVM_ARM_VM_CONFIG_SET },
	{ "CHECK: a second entry that cannot be accessed is EFAULT",
	  check_second_entry, KVM_ARM_VM_CONFIG_CHECK },
	{ "SET: a second entry that cannot be accessed is EFAULT",
	  check_second_entry, KVM_ARM_VM_CONFIG_SET },
	{ "CHECK: entries that cannot be written are EFAULT",
	  check_read_only, KVM_ARM_VM_CONFIG_CHECK },
	{ "SET: entries that cannot be written are EFAULT",
	  check_read_only, KVM_ARM_VM_CONFIG_SET },
	{ "CHECK: a reserved word of an entry is EINVAL",
	  check_reserved, KVM_ARM_VM_CONFIG_CHECK },
	{ "SET: a reserved word of an entry is EINVAL",
	  check_reserved, KVM_ARM_VM_CONFIG_SET },
	{ "CHECK: EFAULT to read, EINVAL, EFAULT to write, in this order",
	  check_order, KVM_ARM_VM_CONFIG_CHECK },
	{ "SET: EFAULT to read, EINVAL, EFAULT to write, in this order",
	  check_order, KVM_ARM_VM_CONFIG_SET },
	{ "a request that cannot be written is EFAULT for GET alone",
	  check_read_only_request },
	{ "CHECK: what an entry has of its answer makes no difference",
	  check_outputs },
};

int main(void)
{
	opt_in_require();
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(4);
	vm = config_vm_create(BIT(KVM_ARM_VCPU_PSCI_0_2), vcpus);
	before = config_get(vm->fd);

	test_run_cases(cases, ARRAY_SIZE(cases));
	kvm_vm_free(vm);
	test_finished();
}
