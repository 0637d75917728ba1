/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of smccc_guest.h that makes the same call in a loop, and who answers it:
 * Rust without an exit, Rust after an exit, or C after it.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SMCCC_LOOP_H
#define SELFTEST_KVM_ARM64_ABI_SMCCC_LOOP_H

#include "abi/smccc_guest.h"
#include "abi/smccc_vm.h"
#include "kvm_util.h"

enum smccc_side { SMCCC_FAST, SMCCC_FULL, SMCCC_C, NR_SMCCC_SIDES };

extern const char * const smccc_side_names[NR_SMCCC_SIDES];

/* A no-op without the switch */
void smccc_serve_by(int side);

/* The call of the loop, and its result */
#define SMCCC_LOOP_FN		ARM_SMCCC_VERSION_FUNC_ID
#define SMCCC_LOOP_RESULT	0x10001UL

/* After the loops in the page of code: vectors of EL1 of which two do a store */
#define SMCCC_VECTORS_GPA	(SMCCC_CODE_GPA + 0x800)

/* Code of a test, between the loops and the first vector with code */
#define SMCCC_TEST_GPA		(SMCCC_CODE_GPA + 0x880)

void smccc_write_code(struct kvm_vm *vm, u64 gpa, const u32 *words, int nr);

/* A VM that offers all, and has the loops and the vectors */
struct smccc_vm smccc_loop_vm(void);

/**
 * smccc_loop_start() - set up a vCPU to make calls
 * @vcpu: the vCPU
 * @insn: SMCCC_HVC or SMCCC_SMC
 * @nr: how many calls
 */
void smccc_loop_start(struct kvm_vcpu *vcpu, enum smccc_insn insn, u64 nr);

/* Whether KVM_RUN has returned @ret because the guest does the store. */
bool smccc_at_store(struct kvm_vcpu *vcpu, int ret);

/* Make the calls, check their results, and return how many ticks they have taken. */
u64 smccc_loop_run(struct kvm_vcpu *vcpu, enum smccc_insn insn, u64 nr);

/* The registers of a loop: calls that are left, and the sum of the results */
#define SMCCC_LOOP_LEFT		12
#define SMCCC_LOOP_SUM		15

#endif /* SELFTEST_KVM_ARM64_ABI_SMCCC_LOOP_H */
