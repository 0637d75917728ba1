/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The feature-level registers of KVM/arm64: the host's levels, computed from
 * the workaround registers that every VM has, and the levels that a write may
 * have.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_LEVEL_H
#define SELFTEST_KVM_ARM64_ABI_LEVEL_H

#include "abi/fw_reg.h"
#include "kvm_util.h"

/* In full, to check the arithmetic in the uapi header */
#define LEVEL_REG_0		0x6030000000170000UL
#define NR_LEVEL_REGS		8
#define LEVEL_FIRST_PRIVATE	6

/* Each register has sixteen fields, each a signed number of four bits. */
#define NR_LEVEL_FIELDS		16
#define NR_LEVEL_VALUES		16

extern const s8 level_of[NR_LEVEL_VALUES];

/* The lowest level of all in each field */
#define LEVELS_LOWEST		0x8888888888888888UL

/* Levels of workarounds, as bits of a field */
#define LEVEL_NOT_AVAIL		0xfUL
#define LEVEL_UNKNOWN		0x0UL
#define LEVEL_AVAIL		0x1UL
#define LEVEL_UNAFFECTED	0x2UL

u64 level_bits(u64 val, int field);
u64 level_with(u64 val, int field, u64 bits);

/* The fields of register 0 that are in use, by number. */
struct level_field {
	const char *name;
	enum fw_reg_nr nr;
	/* For each value of the workaround register */
	u64 bits[4];
};

extern const struct level_field level_fields[];

#define NR_LEVELS_USED	3

/* The value that register @n of @vcpu must read if userspace has not written it */
u64 level_host(struct kvm_vcpu *vcpu, int n);

/* No field of @val may be above zero and above the host's. */
bool level_is_accepted(u64 val, u64 host);

/* What SMCCC_ARCH_FEATURES answers a guest about the workaround of field @field */
u64 level_answer(int field, int level);

/* Write @val and expect @want; then the register reads @val, or as before. */
void __level_expect_set(int line, struct kvm_vcpu *vcpu, int n, u64 val,
			int want);
#define level_expect_set(...)	__level_expect_set(__LINE__, __VA_ARGS__)

/* All registers read the host's levels. */
void __level_expect_host(int line, struct kvm_vcpu *vcpu, const char *when);
#define level_expect_host(...)	__level_expect_host(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_LEVEL_H */
