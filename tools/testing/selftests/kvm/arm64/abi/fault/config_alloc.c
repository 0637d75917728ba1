// SPDX-License-Identifier: GPL-2.0-only
/* KVM_ARM_VM_CONFIG while the kernel is out of memory */
#include <errno.h>

#include "abi/cases.h"
#include "abi/vm_config.h"
#include "call.h"
#include "config.h"
#include "inject.h"

#define MAX_FAULTS	64

/* Of GET: too few for all registers, so it is E2BIG in the end. */
#define NR_ROOM		8

/* Returns how often it failed with ENOMEM. */
static int fail_each_allocation(int fd, u32 op, const struct config *before)
{
	bool is_get = op == KVM_ARM_VM_CONFIG_GET, hit = true;
	int want = is_get ? E2BIG : 0, ret, nr = 0;
	static struct config sent, c;
	unsigned int n;

	for (n = 1; n < MAX_FAULTS && hit; n++) {
		sent = (struct config) {};
		config_add(&sent, fault_config_regs[0], 3);
		config_add(&sent, fault_config_regs[1], 0);
		c = sent;
		inject_nth(n);
		ret = config_access(fd, op, 0, c.entry, is_get ? NR_ROOM : c.n);
		hit = inject_end();
		test_expect(ret == want || (hit && (ret == ENOMEM || ret == EFAULT)),
			    "op %u, fault %u: %s", op, n, strerror(ret));
		nr += ret == ENOMEM;
		if (!ret && op == KVM_ARM_VM_CONFIG_SET)
			fault_config_undo(fd);
		config_expect_same(fd, before, "a failed allocation");
	}
	test_expect(!hit && ret == want, "op %u: %s in the end", op, strerror(ret));
	return nr;
}

void fault_check_config_memory(int kind)
{
	int fds[] = { fault_vms.opted->fd, fault_vms.opted_vcpu->fd };
	struct config before = config_get(fds[0]);
	int i, nr;
	u32 op;

	inject_select(kind);
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		for (op = KVM_ARM_VM_CONFIG_GET; op <= KVM_ARM_VM_CONFIG_SET; op++) {
			nr = fail_each_allocation(fds[i], op, &before);
			/*
			 * GET has memory for its entries alone. For such an array the
			 * kernel tries twice, so one failure is not enough.
			 */
			test_expect(nr || op == KVM_ARM_VM_CONFIG_GET,
				    "op %u: never ENOMEM", op);
		}
	}
}
