/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMM and a guest that make invalid requests: unknown and malformed register
 * ids, bad pointers, masks, capabilities, attributes and filters, and
 * hypercalls of all kinds with arguments of all kinds. The results are not
 * checked here: other tests do that one by one.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_TRUST_HOSTILE_H
#define SELFTEST_KVM_ARM64_ABI_TRUST_HOSTILE_H

#include "kvm_util.h"

/* Values of the test that look like kernel addresses */
#define HOSTILE_ADDRESS		0xffff5eed5eed0000UL

struct hostile {
	/* A VM that runs, and has a filter */
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[2];
	/* A VM that does not run, so that all requests are still possible */
	struct kvm_vm *fresh_vm;
	struct kvm_vcpu *fresh_vcpus[2];
	/* The latter's vGICv2, or -1 */
	int vgic;
	u64 *buf;
};

struct hostile hostile_create(u32 seed);
void hostile_free(struct hostile *h);
void hostile_vmm(struct hostile *h, int nr);
void hostile_guest(struct hostile *h, int nr);

#endif /* SELFTEST_KVM_ARM64_ABI_TRUST_HOSTILE_H */
