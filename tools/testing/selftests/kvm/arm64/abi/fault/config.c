// SPDX-License-Identifier: GPL-2.0-only
/* Calls of KVM_ARM_VM_CONFIG */
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/opt_in.h"
#include "abi/vm_config.h"
#include "call.h"
#include "config.h"

#define ENTRY_SIZE	sizeof(struct kvm_arm_vm_config_entry)

/* An entry with the answer that it has if it is accepted */
static struct kvm_arm_vm_config_entry accepted(u64 id, u64 value)
{
	return (struct kvm_arm_vm_config_entry) {
		.id = id, .value = value, .other = ~0u,
	};
}

/* A VM without a vCPU, whose configuration fits into a page */
static struct kvm_vm *small;

static struct kvm_vm *small_vm(void)
{
	if (!small) {
		small = vm_create_barebones();
		opt_in(small, BIT(OPT_IN_VM_CONFIG));
	}
	return small;
}

void fault_free_config(void)
{
	if (small)
		kvm_vm_free(small);
	small = NULL;
}

/* The memory has the entries. */
static int run_entries(const struct fault_call *c, u64 addr)
{
	struct kvm_arm_vm_config request = {
		.op = c->id,
		.n = c->size / ENTRY_SIZE,
		.entry_size = ENTRY_SIZE,
		.entries = addr,
	};

	return config_request(c->fd, &request);
}

const u64 fault_config_regs[2] = {
	KVM_REG_ARM_VENDOR_HYP_BMAP_2, KVM_REG_ARM_STD_BMAP,
};

/* What a new VM has in them */
void fault_config_undo(int fd)
{
	struct kvm_arm_vm_config_entry e[] = {
		accepted(fault_config_regs[0], 0), accepted(fault_config_regs[1], 1),
	};
	int ret = config_access(fd, KVM_ARM_VM_CONFIG_SET, 0, e, ARRAY_SIZE(e));

	test_expect(!ret, "SET: %s", strerror(ret));
}

static void check_both(const struct fault_call *c)
{
	struct config now = config_get(c->fd);

	test_expect(config_find(&now, fault_config_regs[0])->value == 0 &&
		    config_find(&now, fault_config_regs[1])->value == 1,
		    "%s: it is set after it has failed", c->name);
}

static void undo_both(const struct fault_call *c)
{
	fault_config_undo(c->fd);
}

static struct fault_call *add_entries(const char *of, const char *what, int fd, u32 op,
				      u32 n)
{
	struct fault_call *c = fault_add("%s: KVM_ARM_VM_CONFIG, %s, entries", of, what);

	c->run = run_entries;
	c->fd = fd;
	c->cmd = KVM_ARM_VM_CONFIG;
	c->id = op;
	c->size = n * ENTRY_SIZE;
	c->writes = true;
	c->allocates = true;
	return c;
}

/* CHECK and SET write nothing to the request. */
static void add_request(const char *of, const char *what, int fd, u32 op,
			struct kvm_arm_vm_config_entry *e, int want)
{
	struct kvm_arm_vm_config request = {
		.op = op, .n = 1, .entry_size = sizeof(*e), .entries = (u64)e,
	};
	char name[64];
	struct fault_call *c;

	snprintf(name, sizeof(name), "struct kvm_arm_vm_config, %s", what);
	c = fault_add_struct(of, name, fd, KVM_ARM_VM_CONFIG, &request, sizeof(request),
			     want);
	c->allocates = true;
}

void fault_add_config_list(const char *of)
{
	int fd = small_vm()->fd;

	add_entries(of, "GET", fd, KVM_ARM_VM_CONFIG_GET, config_get(fd).n);
}

void fault_add_config(const char *of, int fd)
{
	static struct kvm_arm_vm_config_entry good, bad;
	struct kvm_arm_vm_config_entry both[] = {
		accepted(fault_config_regs[0], 3), accepted(fault_config_regs[1], 0),
	};
	struct fault_call *c;

	BUILD_BUG_ON(sizeof(both) > FAULT_MAX_IN);
	good = accepted(fault_config_regs[0], 3);
	bad = accepted(fault_config_regs[0], ~0UL);
	add_request(of, "CHECK", fd, KVM_ARM_VM_CONFIG_CHECK, &good, 0);
	/* It is refused, so the call has no effect. */
	add_request(of, "SET", fd, KVM_ARM_VM_CONFIG_SET, &bad, ERANGE);

	c = add_entries(of, "CHECK", fd, KVM_ARM_VM_CONFIG_CHECK, ARRAY_SIZE(both));
	c->in_size = sizeof(both);
	memcpy(c->in, both, sizeof(both));
	c->check = check_both;
	c = add_entries(of, "SET", fd, KVM_ARM_VM_CONFIG_SET, ARRAY_SIZE(both));
	c->in_size = sizeof(both);
	memcpy(c->in, both, sizeof(both));
	c->check = check_both;
	c->undo = undo_both;
}
