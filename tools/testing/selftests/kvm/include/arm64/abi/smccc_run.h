/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls of SMCCC (DEN0028), PSCI (DEN0022), TRNG (DEN0098), paravirtualised
 * time (DEN0057) and KVM's vendor service, both those that KVM has and those
 * that it lacks, with their results and effects. To be run on a struct
 * smccc_vm, which determines which of them are served.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SMCCC_RUN_H
#define SELFTEST_KVM_ARM64_ABI_SMCCC_RUN_H

#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_table.h"
#include "abi/smccc_vm.h"
#include "kvm_util.h"

/* ORed to registers whose upper half must be ignored */
#define SMCCC_NOISE	(0xdeadbeefUL << 32)

/* To be ORed to an argument of 32 bits: they must make no difference. */
extern const u64 smccc_upper_halves[];

#define NR_SMCCC_UPPER_HALVES	5

#define SMCCC_UPPER_HALVES_END						\
	(smccc_upper_halves + NR_SMCCC_UPPER_HALVES)

u32 smccc_fn_id(const struct smccc_fn *fn, enum smccc_form form);

/* PTP needs a host whose clock is the counter. */
bool smccc_host_uses_counter(void);

/* The expected outcome of any call except an SMC #1 */
struct smccc_want smccc_want(int line, const struct smccc_vm *v,
			     const struct smccc_fn *fn, enum smccc_form form,
			     enum smccc_insn insn, const u64 in[8]);

/**
 * __smccc_expect_fn() - call a function of the table, and check all
 * @line: of the expectation
 * @v: the VM, whose vCPU 0 makes the call
 * @fn: the function
 * @form: the form, which the function may not have
 * @insn: the instruction
 * @noise: what to OR to the registers whose upper half is ignored
 */
void __smccc_expect_fn(int line, struct smccc_vm *v, const struct smccc_fn *fn,
		       enum smccc_form form, enum smccc_insn insn, u64 noise);
#define smccc_expect_fn(...)	__smccc_expect_fn(__LINE__, __VA_ARGS__)

/*
 * Call all functions of the table in all forms, every other call with noise.
 * Calls with noise by HVC have none by SMC, and vice versa.
 */
void __smccc_expect_table(int line, struct smccc_vm *v, enum smccc_insn insn);
#define smccc_expect_table(...)	__smccc_expect_table(__LINE__, __VA_ARGS__)

/**
 * __smccc_expect_psci_features() - PSCI_FEATURES, for each function in each form
 * @line: of the expectation
 * @v: the VM
 */
void __smccc_expect_psci_features(int line, struct smccc_vm *v);
#define smccc_expect_psci_features(...)					\
	__smccc_expect_psci_features(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_SMCCC_RUN_H */
