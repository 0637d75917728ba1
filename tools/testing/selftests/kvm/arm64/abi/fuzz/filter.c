// SPDX-License-Identifier: GPL-2.0-only
/* The filter of hypercalls, and its list */
#include <linux/sizes.h>

#include "abi/filter_list.h"
#include "abi/opt_in.h"
#include "abi/smccc_table.h"
#include "abi/user_mem.h"
#include "args.h"
#include "episode.h"
#include "filter.h"
#include "ioctl.h"
#include "random.h"

/* ---- The whole list ---- */

static bool fuzz_lists(const struct fuzz_vm *vm)
{
	return vm->opted_in & BIT(OPT_IN_FILTER_LIST);
}

/* The functions of the architecture, which no list has */
static bool fuzz_is_reserved(u64 first, u64 last)
{
	return (first <= 0x8000ffff && last >= 0x80000000) ||
	       (first <= 0xc000ffff && last >= 0xc0000000);
}

/* In order, apart from each other, and each of them a request */
static bool fuzz_is_list(const struct filter_list *list)
{
	static const u8 zero[sizeof(list->range[0].pad)];
	const struct kvm_smccc_filter *r;
	u64 next = 0, last;

	for (r = list->range; r < list->range + list->n; r++) {
		last = (u64)r->base + r->nr_functions - 1;
		if (!r->nr_functions || r->base < next || last > ~0u ||
		    r->action > KVM_SMCCC_FILTER_FWD_TO_USER ||
		    memcmp(r->pad, zero, sizeof(zero)) || fuzz_is_reserved(r->base, last))
			return false;
		next = last + 1;
	}

	return true;
}

/* Returns false if the VM is dead. */
static bool fuzz_read_list(struct fuzz *f, struct fuzz_vm *vm, struct filter_list *list)
{
	struct kvm_arm_smccc_filter_list request = {
		.n = FILTER_LIST_MAX, .ranges = (u64)list->range,
	};
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VM_SMCCC_CTRL,
		.attr = FILTER_LIST_ATTR,
		.addr = (u64)&request,
	};
	int ret;

	memset(list, 0, sizeof(*list));
	fuzz_begin(f, FUZZ_FILTER_LIST, vm - f->vms, FILTER_LIST_MAX);
	ret = FUZZ_ERR(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr));
	list->n = ret ? 0 : request.n;
	fuzz_out(f, request.n);
	fuzz_mix_mem(f, list->range, list->n * sizeof(list->range[0]));
	if (ret && ret != EIO)
		fuzz_fail(f, "the VM has opted in, and has no list: %s", strerror(ret));
	else if (!fuzz_is_list(list))
		fuzz_fail(f, "the list has a range that cannot be set");
	fuzz_end(f, ret);

	return !ret;
}

/* ---- Setting ranges ---- */

/* Most filters cover functions that guests call. */
static struct kvm_smccc_filter fuzz_filter(struct fuzz_random *r)
{
	static const u32 sizes[] = { 1, 1, 2, 16, 0x1000, 0 };
	struct kvm_smccc_filter filter;

	memset(&filter, 0, sizeof(filter));
	filter.base = fuzz_one_in(r, 4) ? fuzz_value(r) :
		      fuzz_pick_of(r, smccc_fns,
				   NR_SMCCC_FNS).id - fuzz_below(r, 3);
	filter.nr_functions = fuzz_one_in(r, 8) ? fuzz_value(r) :
			      fuzz_pick(r, sizes);
	filter.action = fuzz_one_in(r, 16) ? fuzz_value(r) : fuzz_below(r, 3);
	if (fuzz_one_in(r, 16))
		filter.pad[fuzz_below(r, sizeof(filter.pad))] = fuzz_u64(r);

	return filter;
}

/* @after is @before, with one more range if one was @set; at @addr, if that is known. */
static void fuzz_expect_list(struct fuzz *f, const struct filter_list *before,
			     const struct filter_list *after, bool set, u64 addr)
{
	const struct kvm_smccc_filter *is = after->range, *was = before->range;
	const struct kvm_smccc_filter *added = NULL;
	u32 i;

	if (after->n != before->n + set) {
		fuzz_fail(f, "the list had %u ranges, %u set", before->n, set);
		return;
	}
	for (i = 0; i < after->n; i++, is++) {
		if (was < before->range + before->n && !memcmp(is, was, sizeof(*is)))
			was++;
		else if (set && !added)
			added = is;
		else
			fuzz_fail(f, "range %#x is not as before", is->base);
	}
	if (added && fuzz_is_in_mem(f, addr) && memcmp(added, (void *)addr, sizeof(*added)))
		fuzz_fail(f, "range %#x is not what was set", added->base);
}

void fuzz_set_filter(struct fuzz *f, struct fuzz_vm *vm)
{
	struct fuzz_random *r = &f->random;
	struct kvm_smccc_filter filter = fuzz_filter(r);
	unsigned long cmd = fuzz_attr_cmd(r);
	struct kvm_device_attr attr = {
		.flags = fuzz_one_in(r, 16) ? fuzz_value(r) : 0,
		.group = KVM_ARM_VM_SMCCC_CTRL,
		.attr = KVM_ARM_VM_SMCCC_FILTER,
		.addr = fuzz_addr(f, sizeof(filter)),
	};
	bool lists = fuzz_lists(vm) && !f->racing;
	struct filter_list before, after;
	int ret;

	if (fuzz_one_in(r, 16))
		attr.group = fuzz_value(r);
	if (fuzz_one_in(r, 16))
		attr.attr = fuzz_value(r);

	if (lists)
		lists = fuzz_read_list(f, vm, &before);
	fuzz_begin(f, FUZZ_VM_ATTR, vm - f->vms, attr.group, attr.attr,
		   attr.addr);
	fuzz_out(f, filter.base);
	fuzz_out(f, filter.nr_functions);
	fuzz_out(f, filter.action);
	fuzz_fill(f, FUZZ_WINDOW);
	fuzz_store(f, attr.addr, &filter, sizeof(filter));
	ret = fuzz_attr(f, vm->fd, cmd, &attr);

	if (lists && fuzz_read_list(f, vm, &after))
		fuzz_expect_list(f, &before, &after, !ret && cmd == KVM_SET_DEVICE_ATTR,
				 attr.addr);
}

/* ---- Reading the list ---- */

/* At both ends of the memory: the request is at one of them, the ranges at the other. */
#define FUZZ_LIST_SIZE	SZ_16K

static bool fuzz_is_canary(const u8 *mem)
{
	size_t i;

	for (i = 0; i < FUZZ_LIST_SIZE && mem[i] == USER_CANARY; i++)
		;
	return i == FUZZ_LIST_SIZE;
}

/* The answer to @request, now at @now, of a VM with the list @list */
static void fuzz_expect_answer(struct fuzz *f, int ret,
			       const struct kvm_arm_smccc_filter_list *request,
			       const struct kvm_arm_smccc_filter_list *now,
			       const struct filter_list *list, const u8 *ranges)
{
	struct kvm_arm_smccc_filter_list want = *request;
	size_t size = list->n * sizeof(list->range[0]);

	if (!ret || ret == E2BIG)
		want.n = list->n;
	if (ret != EFAULT && memcmp(now, &want, sizeof(want)))
		fuzz_fail(f, "the request has %u ranges, expected %u", now->n, want.n);
	if (ret && ret != EFAULT && !fuzz_is_canary(ranges))
		fuzz_fail(f, "refused, but ranges were written");
	if (request->n < list->n ? !ret : ret == E2BIG)
		fuzz_fail(f, "room for %u ranges of %u", request->n, list->n);
	if (!ret && fuzz_is_in_mem(f, request->ranges) &&
	    memcmp((void *)request->ranges, list->range, size))
		fuzz_fail(f, "other ranges than a moment ago");
}

void fuzz_get_filter(struct fuzz *f, struct fuzz_vm *vm)
{
	struct fuzz_random *r = &f->random;
	bool lists = fuzz_lists(vm) && !f->racing, at_end = fuzz_one_in(r, 2);
	struct filter_list before = {}, after;
	struct kvm_arm_smccc_filter_list request = {};
	struct kvm_device_attr attr = {
		.flags = fuzz_one_in(r, 16) ? fuzz_value(r) : 0,
		.group = KVM_ARM_VM_SMCCC_CTRL,
		.attr = FILTER_LIST_ATTR,
		.addr = at_end ? (u64)f->mem : fuzz_addr(f, sizeof(request)),
	};
	int ret;

	if (lists)
		lists = fuzz_read_list(f, vm, &before);
	request.n = fuzz_one_in(r, 4) ? fuzz_value(r) : fuzz_below(r, before.n + 3);
	request.ranges = at_end ? (u64)f->hole - fuzz_below(r, 24 * (before.n + 2)) :
				  (u64)f->mem;
	if (fuzz_one_in(r, 16))
		request.ranges = fuzz_one_in(r, 4) ? (u64)user_read_only :
				 fuzz_pick_of(r, user_bad_pointers, NR_USER_BAD_POINTERS);
	if (fuzz_one_in(r, 16))
		request.flags = fuzz_value(r);
	if (fuzz_one_in(r, 16))
		request.reserved[fuzz_below(r, 2)] = fuzz_value(r);

	fuzz_begin(f, FUZZ_FILTER_LIST, vm - f->vms, request.n, request.ranges, attr.addr);
	fuzz_mix(f, attr.flags);
	memset(f->mem, USER_CANARY, FUZZ_LIST_SIZE);
	fuzz_fill(f, FUZZ_LIST_SIZE);
	fuzz_store(f, attr.addr, &request, sizeof(request));
	ret = FUZZ_ERR(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, fuzz_arg(f, &attr)));
	fuzz_mix_mem(f, f->mem, FUZZ_LIST_SIZE);
	fuzz_mix_window(f, FUZZ_LIST_SIZE);
	if (!f->racing && !fuzz_lists(vm) && ret != EINVAL && ret != EIO)
		fuzz_fail(f, "the VM has not opted in: %s", strerror(ret));
	/* All of the request is in the memory. */
	if (lists && fuzz_is_in_mem(f, attr.addr) &&
	    fuzz_is_in_mem(f, attr.addr + sizeof(request) - 1))
		fuzz_expect_answer(f, ret, &request, (void *)attr.addr, &before,
				   at_end ? f->hole - FUZZ_LIST_SIZE : f->mem);
	fuzz_end(f, ret);

	if (lists && fuzz_read_list(f, vm, &after))
		fuzz_expect_list(f, &before, &after, false, 0);
}
