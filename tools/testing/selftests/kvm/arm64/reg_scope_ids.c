// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_scope_ids - The bits of an id that may be the register's scope, and how
 * access fails because of them. reg_scope tests what the scope means.
 *
 *	KVM_REG_ARM_SCOPE_VM, bit 28,	is ignored in the id of a register of
 *					the VM, in all checks
 *	that bit in any other id	ENOENT, of SVE EINVAL
 *	bits 29 to 31			as in a VM that has not opted in
 *
 * Every failing access is also tried on a VM that has not opted in, and must
 * have the same errno: with a bad pointer, or another size as well.
 *
 * All registers of a VM's file descriptor belong to the VM. Their ids have no
 * scope in the list, but are accepted with it if the VM has opted in to both.
 */
#include <asm/kvm_migration.h>
#include <errno.h>

#include "abi/cases.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_image.h"
#include "abi/reg_scope.h"
#include "abi/user_mem.h"
#include "processor.h"

#define SIZE_FIELD(n)	((u64)(n) << KVM_REG_SIZE_SHIFT)
#define NR_SIZES	16

static struct scope_vm stock, scoped;

/* All ids without and with scopes, and the vCPU's state that must not change */
static struct reg_image image, scoped_image;

enum cmd { GET, SET, NR_CMDS };

static const unsigned long cmds[] = {
	[GET] = KVM_GET_ONE_REG,
	[SET] = KVM_SET_ONE_REG,
};

static const unsigned long vm_cmds[] = {
	[GET] = KVM_ARM_VM_GET_ONE_REG,
	[SET] = KVM_ARM_VM_SET_ONE_REG,
};

static const char * const cmd_name[] = { [GET] = "GET", [SET] = "SET" };

/* An access at @addr that must be refused. The value is a legal one. */
static int try(struct scope_vm *s, enum cmd cmd, u64 id,
	       const struct image_reg *r, u8 *addr)
{
	size_t room = user_hole - addr;
	int ret;

	user_mem_fill_canary();
	if (cmd == SET)
		memcpy(addr, r->val, min(sizeof(r->val), room));
	ret = one_reg(s->vcpus[0]->fd, cmds[cmd], id, (u64)addr);
	if (cmd == GET)
		user_mem_expect_untouched("GET");
	return ret;
}

/* ---- Identifiers without a register ---- */

/*
 * In memory, and at its end, where the errno depends on the order of the
 * checks. @want is 0 if the errno varies.
 */
static void expect_refused(const struct image_reg *r, u64 id, int want)
{
	u8 *addrs[] = { user_mem, user_hole - 4, user_hole };
	int i, ret, stock_ret;
	enum cmd cmd;

	for (cmd = GET; cmd < NR_CMDS; cmd++) {
		for (i = 0; i < ARRAY_SIZE(addrs); i++) {
			stock_ret = try(&stock, cmd, id, r, addrs[i]);
			ret = try(&scoped, cmd, id, r, addrs[i]);
			test_expect(ret && ret == stock_ret,
				    "%s %#lx: %s, %s if not opted in",
				    cmd_name[cmd], id, strerror(ret),
				    strerror(stock_ret));
			test_expect(!want || addrs[i] != user_mem ||
				    ret == want,
				    "%s %#lx: %s, expected %s", cmd_name[cmd],
				    id, strerror(ret), strerror(want));
		}
	}
}

static bool is_sve(u64 id)
{
	return (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM64_SVE;
}

static void check_bit_28(int unused)
{
	u64 id;
	int i;

	image_set_context("bit 28");
	for (i = 0; i < image.n; i++) {
		id = image.reg[i].id;
		if (!scope_is_of_vm(id))
			expect_refused(&image.reg[i], id | KVM_REG_ARM_SCOPE_VM,
				       is_sve(id) ? EINVAL : ENOENT);
	}
	image_expect(scoped.vcpus[0], &scoped_image, false, "afterwards");
}

static void check_bits_29_31(int unused)
{
	u64 bits, id;
	int i;

	image_set_context("bits 29 to 31");
	for (i = 0; i < image.n; i++) {
		for (bits = 2; bits < 16; bits++) {
			id = image.reg[i].id | bits << KVM_REG_ARM_SCOPE_SHIFT;
			expect_refused(&image.reg[i], id,
				       scope_is_of_vm(image.reg[i].id) ? ENOENT : 0);
		}
	}
	image_expect(scoped.vcpus[0], &scoped_image, false, "afterwards");
}

/* Unknown registers, next to existing ones */
static void check_unknown(int unused)
{
	static const u64 ids[] = {
		KVM_REG_ARM_PSCI_VERSION | 4, KVM_REG_ARM_PSCI_VERSION | 0xffff,
		KVM_REG_ARM_STD_BMAP | 4, KVM_REG_ARM_STD_BMAP | 0xffff,
		/* The VM has not opted in to these. */
		KVM_REG_ARM_FEATURE_LEVEL_REG(0),
		KVM_REG_ARM_FEATURE_LEVEL_REG(8),
		ARM64_SYS_REG(3, 0, 0, 0, 1), ARM64_SYS_REG(3, 0, 0, 0, 7),
		ARM64_SYS_REG(3, 0, 0, 8, 0), ARM64_SYS_REG(3, 1, 0, 1, 0),
		ARM64_SYS_REG(3, 3, 0, 0, 7), ARM64_SYS_REG(2, 0, 0, 4, 0),
		ARM64_SYS_REG(3, 0, 0, 4, 0) | BIT(27),
	};
	struct image_reg zero = {};
	int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		expect_refused(&zero, ids[i] | KVM_REG_ARM_SCOPE_VM, ENOENT);
	image_set_context("unknown");
	image_expect(scoped.vcpus[0], &scoped_image, false, "afterwards");
}

/* ---- Errors of existing registers ---- */

/* With the bit in one VM, and without it in the other */
static void check_sizes(int unused)
{
	int i, n, ret, want;
	enum cmd cmd;
	u64 id;

	for (i = 0; i < image.n; i++) {
		if (!scope_is_of_vm(image.reg[i].id))
			continue;
		for (n = 0; n < NR_SIZES; n++) {
			id = (image.reg[i].id & ~KVM_REG_SIZE_MASK) |
			     SIZE_FIELD(n);
			if (id == image.reg[i].id)
				continue;
			for (cmd = GET; cmd < NR_CMDS; cmd++) {
				want = try(&stock, cmd, id, &image.reg[i],
					   user_mem);
				ret = try(&scoped, cmd,
					  id | KVM_REG_ARM_SCOPE_VM,
					  &image.reg[i], user_mem);
				test_expect(ret == ENOENT && ret == want,
					    "%s %#lx: %s, %s without the bit",
					    cmd_name[cmd], id, strerror(ret),
					    strerror(want));
			}
		}
	}
	image_set_context("size");
	image_expect(scoped.vcpus[0], &scoped_image, false, "afterwards");
}

static void check_pointers(int unused)
{
	enum cmd cmd;
	int i, j, ret;
	u64 id;

	for (i = 0; i < image.n; i++) {
		id = image.reg[i].id | KVM_REG_ARM_SCOPE_VM;
		if (!scope_is_of_vm(image.reg[i].id))
			continue;
		for (cmd = GET; cmd < NR_CMDS; cmd++) {
			for (j = 0; j < NR_USER_BAD_POINTERS; j++) {
				ret = one_reg(scoped.vcpus[0]->fd, cmds[cmd],
					      id, user_bad_pointers[j]);
				test_expect(ret == EFAULT,
					    "%s %#lx at %#lx: %s",
					    cmd_name[cmd], id,
					    user_bad_pointers[j],
					    strerror(ret));
			}
		}
	}
	image_set_context("bad pointer");
	image_expect(scoped.vcpus[0], &scoped_image, false, "afterwards");
}

/* ENOEXEC without KVM_ARM_VCPU_INIT, whatever the id */
static void check_not_initialised(int unused)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	int i, ret;
	u64 val;

	opt_in(vm, BIT(OPT_IN_SCOPE));
	vcpu = __vm_vcpu_add(vm, 0);
	for (i = 0; i < image.n; i++) {
		ret = one_reg_get(vcpu, image.reg[i].id | KVM_REG_ARM_SCOPE_VM,
				  &val);
		test_expect(ret == ENOEXEC, "GET: %s", strerror(ret));
	}
	kvm_vm_free(vm);
}

/* ---- The list ---- */

static void check_list_errors(int unused)
{
	struct kvm_reg_list *list = (void *)user_hole - sizeof(*list);
	int ret;

	user_mem_fill_canary();
	list->n = 0;
	ret = one_reg_list(scoped.vcpus[0]->fd, list);
	test_expect(ret == E2BIG && list->n == image.n, "%llu: %s", list->n,
		    strerror(ret));
	list->n = image.n;
	ret = one_reg_list(scoped.vcpus[0]->fd, list);
	test_expect(ret == EFAULT, "no room: %s", strerror(ret));
	ret = one_reg_list(scoped.vcpus[0]->fd, user_hole);
	test_expect(ret == EFAULT, "bad pointer: %s", strerror(ret));
}

/* ---- The VM's file descriptor ---- */

static void check_vm_fd(int what)
{
	struct scope_vm s = scope_vm_create(what | SCOPE_VM_ONE_REG | SCOPE_LEVELS);
	int i, ret, want;
	enum cmd cmd;
	u64 id, val;

	/* The list of a VM has no scopes: all registers are the VM's. */
	struct {
		struct kvm_reg_list list;
		u64 ids[32];
	} l = { .list.n = 32 };

	ret = one_reg_list(s.vm->fd, &l.list);
	test_expect(!ret && l.list.n == 16, "%llu: %s", l.list.n,
		    strerror(ret));
	for (i = 0; i < 16; i++) {
		test_expect(!(l.ids[i] & KVM_REG_ARM_SCOPE_MASK), "%#lx listed",
			    l.ids[i]);
		for (cmd = GET; cmd < NR_CMDS; cmd++) {
			id = l.ids[i] | KVM_REG_ARM_SCOPE_VM;
			want = what & SCOPE_IDS ? 0 : ENOENT;
			ret = one_reg(s.vm->fd, KVM_ARM_VM_GET_ONE_REG, l.ids[i],
				      (u64)&val);
			test_expect(!ret, "GET %#lx: %s", l.ids[i],
				    strerror(ret));
			ret = one_reg(s.vm->fd, vm_cmds[cmd], id, (u64)&val);
			test_expect(ret == want, "%s %#lx: %s, expected %s",
				    cmd_name[cmd], id, strerror(ret),
				    strerror(want));
			ret = one_reg(s.vm->fd, vm_cmds[cmd], id | BIT(29),
				      (u64)&val);
			test_expect(ret == ENOENT, "%s %#lx: %s", cmd_name[cmd],
				    id | BIT(29), strerror(ret));
		}
	}

	/* All other registers are refused on the VM's file descriptor. */
	for (i = 0; i < image.n; i++) {
		id = image.reg[i].id | KVM_REG_ARM_SCOPE_VM;
		if (image_is_fw_reg(image.reg[i].id))
			continue;
		for (cmd = GET; cmd < NR_CMDS; cmd++) {
			ret = one_reg(s.vm->fd, vm_cmds[cmd], id, (u64)user_mem);
			test_expect(ret == ENOENT, "%s %#lx: %s", cmd_name[cmd],
				    id, strerror(ret));
		}
	}
	scope_vm_free(&s);
}

static const struct test_case cases[] = {
	{ "id: bit 28 is ENOENT if the register is a vCPU's own",
	  check_bit_28 },
	{ "id: bits 29 to 31 are refused as in any VM", check_bits_29_31 },
	{ "id: bit 28 is ENOENT if there is no such register",
	  check_unknown },
	{ "size: any but 8 bytes is ENOENT, with and without the bit",
	  check_sizes },
	{ "pointer: a bad one is EFAULT, with and without the bit",
	  check_pointers },
	{ "vCPU not initialised: ENOEXEC", check_not_initialised },
	{ "list: too small is E2BIG, not writable is EFAULT",
	  check_list_errors },
	{ "VM's file descriptor: accepts the bit, if opted in to both",
	  check_vm_fd, SCOPE_IDS },
	{ "VM's file descriptor: the bit is ENOENT, if not opted in to both",
	  check_vm_fd, 0 },
};

int main(void)
{
	opt_in_require();
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_WRITABLE_IMP_ID_REGS));
	test_disable_default_vgic();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(1);
	stock = scope_vm_create(0);
	scoped = scope_vm_create(SCOPE_IDS);
	image = image_read(stock.vcpus[0]);
	scoped_image = image_read(scoped.vcpus[0]);

	test_run_cases(cases, ARRAY_SIZE(cases));

	scope_vm_free(&scoped);
	scope_vm_free(&stock);
	test_finished();
}
