// SPDX-License-Identifier: GPL-2.0-only
/* The configuration of a VM */
#include "abi/cases.h"
#include "abi/id_reg.h"
#include "abi/opt_in.h"
#include "abi/vm_config.h"

struct kvm_vm *config_vm_create(u32 features, struct kvm_vcpu *vcpus[2])
{
	struct kvm_vm *vm = vm_create(2);
	int i;

	opt_in(vm, BIT(OPT_IN_VM_CONFIG));
	for (i = 0; i < 2; i++)
		vcpus[i] = id_vcpu_add(vm, i, features);
	return vm;
}

int config_request(int fd, struct kvm_arm_vm_config *request)
{
	return ioctl(fd, KVM_ARM_VM_CONFIG, request) ? errno : 0;
}

int config_access(int fd, u32 op, u32 flags, struct kvm_arm_vm_config_entry *entry,
		  u32 n)
{
	struct kvm_arm_vm_config request = {
		.op = op,
		.flags = flags,
		.n = n,
		.entry_size = sizeof(*entry),
		.entries = (u64)entry,
	};

	return config_request(fd, &request);
}

struct config config_get(int fd)
{
	struct config c = {};
	struct kvm_arm_vm_config request = {
		.op = KVM_ARM_VM_CONFIG_GET,
		.n = CONFIG_MAX,
		.entry_size = sizeof(c.entry[0]),
		.entries = (u64)c.entry,
	};
	int ret = config_request(fd, &request);

	TEST_ASSERT(!ret && request.n <= CONFIG_MAX, "GET: %s, %u registers",
		    strerror(ret), request.n);
	c.n = request.n;
	return c;
}

struct kvm_arm_vm_config_entry *config_find(struct config *c, u64 id)
{
	u32 i;

	for (i = 0; i < c->n; i++) {
		if (c->entry[i].id == id)
			return &c->entry[i];
	}

	return NULL;
}

void config_add(struct config *c, u64 id, u64 value)
{
	TEST_ASSERT(c->n < CONFIG_MAX, "Too many entries");
	c->entry[c->n++] = (struct kvm_arm_vm_config_entry) {
		.id = id, .value = value,
	};
}

void __config_expect(int line, int fd, u32 flags, struct config *c, int want)
{
	struct config check = *c;
	int ret;

	ret = config_access(fd, KVM_ARM_VM_CONFIG_CHECK, flags, check.entry, c->n);
	__test_expect(line, ret == want, "CHECK of %u: %s, expected %s", c->n,
		      strerror(ret), strerror(want));
	ret = config_access(fd, KVM_ARM_VM_CONFIG_SET, flags, c->entry, c->n);
	__test_expect(line, ret == want, "SET of %u: %s, expected %s", c->n,
		      strerror(ret), strerror(want));
	__test_expect(line, !memcmp(check.entry, c->entry, c->n * sizeof(c->entry[0])),
		      "CHECK and SET differ");
}

void __config_expect_same(int line, int fd, const struct config *want,
			  const char *when)
{
	struct config now = config_get(fd);
	u32 i;

	__test_expect(line, now.n == want->n, "%s: %u registers, not %u", when,
		      now.n, want->n);
	for (i = 0; i < now.n && i < want->n; i++)
		__test_expect(line, now.entry[i].id == want->entry[i].id &&
			      now.entry[i].value == want->entry[i].value,
			      "%s: %#llx is %#llx, not %#llx", when,
			      now.entry[i].id, now.entry[i].value,
			      want->entry[i].value);
}

void __config_expect_answer(int line, const struct kvm_arm_vm_config_entry *e,
			    int err, u32 reason)
{
	__test_expect(line, e->err == -err && e->reason == reason,
		      "%#llx <- %#llx: %s, reason %u, expected %s, %u", e->id,
		      e->value, strerror(-e->err), e->reason, strerror(err),
		      reason);
	__test_expect(line, err || (!e->mask && !e->limit && e->other == ~0u),
		      "%#llx: accepted, with mask %#llx, limit %#llx, other %u",
		      e->id, e->mask, e->limit, e->other);
}
