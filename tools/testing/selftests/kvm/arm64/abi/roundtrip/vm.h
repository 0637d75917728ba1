/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs that are moved: the sources, some of which have less than the host, and
 * the destinations.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_ROUNDTRIP_VM_H
#define SELFTEST_KVM_ARM64_ABI_ROUNDTRIP_VM_H

#include "abi/reg_image.h"
#include "guest.h"
#include "kvm_util.h"

/* What a vCPU has besides PSCI 0.2 */
enum {
	TRIP_PLAIN,
	TRIP_SVE,
	TRIP_PMU,
	TRIP_PTRAUTH,
	NR_TRIP_FEATURES
};

struct trip_feature {
	const char *name;
	unsigned int caps[2];
	u32 bits;
};

extern const struct trip_feature trip_features[NR_TRIP_FEATURES];

bool trip_has_feature(int nr);

struct trip_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[TRIP_NR_VCPUS];
	const struct trip_feature *feat;
};

/* Not finalized yet. A destination has no entry point, no page tables, ... */
struct trip_vm trip_new(int feat, bool is_destination);

/* A source whose guest has run @rounds rounds */
struct trip_vm trip_new_source(int feat, bool configured, int variant,
			       int rounds);

void trip_finalize(struct kvm_vcpu *vcpu);

/* Run one round of the guest on each vCPU, and complete its exit. */
void trip_run_round(struct trip_vm *m);

/* The registers of all vCPUs */
void trip_read_images(struct trip_vm *m, struct reg_image img[TRIP_NR_VCPUS]);
void trip_free_images(struct reg_image img[TRIP_NR_VCPUS]);
void trip_expect_images(struct trip_vm *m,
			const struct reg_image want[TRIP_NR_VCPUS],
			bool has_run, const char *when);

#endif /* SELFTEST_KVM_ARM64_ABI_ROUNDTRIP_VM_H */
