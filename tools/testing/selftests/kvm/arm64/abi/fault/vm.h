/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMs whose calls must fail, by groups: a child that makes the calls of one
 * group needs no other VM.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FAULT_VM_H
#define SELFTEST_KVM_ARM64_ABI_FAULT_VM_H

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/vgic_v2.h"
#include "abi/vm_reg.h"
#include "kvm_util.h"

/* A VM that has not opted in to anything */
void fault_add_plain(void);

/* A VM that has opted in to everything */
void fault_add_opted(void);

bool fault_has_gic_v2(void);

/* The CPU interface of a GICv2 */
void fault_add_gic(void);

/* ---- The state that the calls could have changed ---- */

struct fault_state {
	struct fw_state fw[2];
	struct vm_reg_state vm;
	struct id_state id[2];
	struct gicc_state gic;
};

void fault_state_read(struct fault_state *s);
void __fault_expect_state(int line, const struct fault_state *want,
			  const char *when);
#define fault_expect_state(...)	__fault_expect_state(__LINE__, __VA_ARGS__)

/* Make the VMs, and add all calls that this host supports. */
void fault_add_all(void);

void fault_free_all(void);

/*
 * Run the case @check for each of the calls, then other cases, and the one
 * about the switch last; then free everything and end the test.
 */
void fault_run_cases(void (*check)(int nr), const struct test_case *more,
		     int nr_more);

#endif /* SELFTEST_KVM_ARM64_ABI_FAULT_VM_H */
