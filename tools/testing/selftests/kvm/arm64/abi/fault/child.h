/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMMs that work until they are killed: the operations that they repeat.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FAULT_CHILD_H
#define SELFTEST_KVM_ARM64_ABI_FAULT_CHILD_H

#include "kvm_util.h"

/* What a VMM reports to the process that kills it */
struct child_report {
	/* It has begun to work. */
	int ready;
	/* The number of calls that it can choose from */
	int nr_calls;
	u64 rounds;
};

extern struct child_report *child_report;

void child_call_plain(int nr);
void child_call_opted(int nr);
void child_call_gic(int nr);

/* ---- VMs that come and go ---- */

void child_live(int unused);

/* ---- A filter that grows ---- */

void child_filter(int unused);

/*
 * Of four vCPUs, one makes calls without exits to userspace, one turns on
 * another one that turns itself off, and one makes calls of all kinds.
 * Meanwhile userspace accesses a register, and has to wait for the vCPU.
 */
void child_run(int unused);

#endif /* SELFTEST_KVM_ARM64_ABI_FAULT_CHILD_H */
