// SPDX-License-Identifier: GPL-2.0-only
/* Requests of abi_fuzz about the configuration of a VM */
#include "abi/user_mem.h"
#include "abi/vm_config.h"
#include "args.h"
#include "config.h"
#include "episode.h"
#include "random.h"

#define MAX_SET		12

/* A valid request, except for one bit or one field at times */
static struct kvm_arm_vm_config fuzz_request(struct fuzz_random *r, u32 op,
					     struct config *c)
{
	struct kvm_arm_vm_config request = {
		.op = op,
		.flags = op != KVM_ARM_VM_CONFIG_GET && fuzz_one_in(r, 4),
		.n = op == KVM_ARM_VM_CONFIG_GET ? CONFIG_MAX : c->n,
		.entry_size = sizeof(c->entry[0]),
		.entries = (u64)c->entry,
	};

	switch (fuzz_below(r, 64)) {
	case 0:
		request.op = fuzz_value(r);
		break;
	case 1:
		request.flags = fuzz_value(r);
		break;
	case 2:
		request.entry_size = fuzz_value(r);
		break;
	case 3:
		request.reserved[fuzz_below(r, 5)] = fuzz_value(r);
		break;
	case 4:
		request.entries = fuzz_pick_of(r, user_bad_pointers,
					       NR_USER_BAD_POINTERS);
		break;
	case 5:
		request.n = CONFIG_MAX + fuzz_value(r) % 8192;
		request.entries = 0;
		break;
	case 6:
		request.n = fuzz_below(r, CONFIG_MAX);
		break;
	}

	return request;
}

static int fuzz_ask(struct fuzz *f, struct fuzz_vm *vm, int fd,
		    struct kvm_arm_vm_config request, struct config *c)
{
	int ret;
	u32 i;

	fuzz_begin(f, FUZZ_CONFIG, vm - f->vms, request.op, request.n, request.flags);
	ret = config_request(fd, &request);
	if (!f->racing) {
		fuzz_out(f, request.n);
		for (i = 0; i < CONFIG_MAX; i++)
			fuzz_mix_mem(f, &c->entry[i], sizeof(c->entry[i]));
	}
	c->n = request.n;
	fuzz_end(f, ret);
	return ret;
}

/* All that can be read, or nothing */
static void fuzz_read_config(struct fuzz *f, struct fuzz_vm *vm, int fd,
			     struct config *c)
{
	struct kvm_arm_vm_config request = {
		.op = KVM_ARM_VM_CONFIG_GET,
		.n = CONFIG_MAX,
		.entry_size = sizeof(c->entry[0]),
		.entries = (u64)c->entry,
	};

	memset(c, 0, sizeof(*c));
	if (fuzz_ask(f, vm, fd, request, c))
		memset(c, 0, sizeof(*c));
}

/* Values near to those that the VM has */
static void fuzz_set(struct fuzz *f, const struct config *now, struct config *c)
{
	struct fuzz_random *r = &f->random;
	u32 i, n = fuzz_below(r, MAX_SET + 1);

	memset(c, 0, sizeof(*c));
	for (i = 0; i < n; i++) {
		const struct kvm_arm_vm_config_entry *e = NULL;
		u64 id, val;

		if (now->n && !fuzz_one_in(r, 8))
			e = &now->entry[fuzz_below(r, now->n)];
		id = e ? e->id : fuzz_accessible_id(f, true);
		val = e ? e->value : 0;
		val = fuzz_keep_pmu(id, fuzz_one_in(r, 2) ? val : fuzz_reg_value(f, id, val),
				    val);
		config_add(c, id, val);
	}
	/* Two entries of one register */
	if (n && fuzz_one_in(r, 8))
		c->entry[fuzz_below(r, n)] = c->entry[fuzz_below(r, n)];
	if (n && fuzz_one_in(r, 32))
		c->entry[fuzz_below(r, n)].reserved[0] = fuzz_value(r);
}

void fuzz_config(struct fuzz *f, struct fuzz_vm *vm)
{
	struct fuzz_random *r = &f->random;
	struct config before, after, check, set;
	struct kvm_arm_vm_config request;
	int fd = vm->fd, checked, ret;

	if (vm->nr_vcpus && fuzz_one_in(r, 2))
		fd = vm->vcpus[fuzz_below(r, vm->nr_vcpus)].fd;
	fuzz_read_config(f, vm, fd, &before);
	if (fuzz_one_in(r, 4)) {
		memset(&set, 0, sizeof(set));
		fuzz_ask(f, vm, fd, fuzz_request(r, KVM_ARM_VM_CONFIG_GET, &set), &set);
		return;
	}

	fuzz_set(f, &before, &check);
	set = check;
	request = fuzz_request(r, KVM_ARM_VM_CONFIG_CHECK, &check);
	checked = fuzz_ask(f, vm, fd, request, &check);
	if (request.op == KVM_ARM_VM_CONFIG_CHECK)
		request.op = KVM_ARM_VM_CONFIG_SET;
	if (request.entries == (u64)check.entry)
		request.entries = (u64)set.entry;
	ret = fuzz_ask(f, vm, fd, request, &set);
	if (f->racing)
		return;

	if (ret != checked || memcmp(check.entry, set.entry, sizeof(set.entry)))
		fuzz_fail(f, "CHECK is %s, SET %s, or their answers differ",
			  strerror(checked), strerror(ret));
	fuzz_read_config(f, vm, fd, &after);
	if (ret && (before.n != after.n ||
		    memcmp(before.entry, after.entry, sizeof(after.entry))))
		fuzz_fail(f, "a refused set has changed something");
}
