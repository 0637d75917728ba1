// SPDX-License-Identifier: GPL-2.0-only
/* Writing the registers of a VM in different orders */
#include "abi/cases.h"
#include "abi/reg_image.h"
#include "processor.h"
#include "restore.h"

/*
 * Only these registers have to be written in a certain order. For all others
 * any order works, also for some that seem to depend on others:
 *
 *  - PMCR_EL0.N limits what PMCNTENSET_EL0 and others keep of a write, but what
 *    the source has read is within its own limit, and it only ever goes down;
 *  - CLIDR_EL1 and CCSIDR are checked against the host's CTR_EL0, not the VM's;
 *  - an ID register may hide others, TCR2_EL1 for instance, but then these are
 *    hidden in the source too, and are not written;
 *  - PSTATE makes KVM cut the general purpose registers to 32 bits if it is
 *    that of AArch32, which it is not here.
 *
 * restore_vcpu() handles SVE: KVM_REG_ARM64_SVE_VLS must be written before
 * KVM_ARM_VCPU_FINALIZE, and all other SVE registers after it.
 */
static const struct {
	u64 id;
	u64 after;
} dependencies[] = {
	/*
	 * If the host mitigates Spectre-v4, a VM without SSBS reads
	 * NOT_REQUIRED, which a VM that (still) has SSBS does not accept. The
	 * list has them the other way round.
	 */
	{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, IMAGE_SYS_REG(ID_AA64PFR1_EL1) },
};

static int position(const struct reg_image *img, const int *order, u64 id)
{
	int i;

	for (i = 0; i < img->n && img->reg[order[i]].id != id; i++)
		;

	return i;
}

/* The order of the list if @seed is 0. */
static int *new_order(const struct reg_image *img, u32 seed)
{
	struct kvm_random_state rng = new_kvm_random_state(seed);
	int *order = calloc(img->n, sizeof(*order));
	int i, j, from, to, moved;

	TEST_ASSERT(order, "Out of memory");
	for (i = 0; i < img->n; i++) {
		j = seed ? kvm_random_u32(&rng) % (i + 1) : i;
		order[i] = order[j];
		order[j] = i;
	}

	for (i = 0; i < ARRAY_SIZE(dependencies); i++) {
		from = position(img, order, dependencies[i].id);
		to = position(img, order, dependencies[i].after);
		TEST_ASSERT(from < img->n && to < img->n, "Not in the list");
		if (from > to)
			continue;
		moved = order[from];
		memmove(order + from, order + from + 1,
			(to - from) * sizeof(*order));
		order[to] = moved;
	}

	return order;
}

static void restore_reg(struct kvm_vcpu *vcpu, struct image_reg *r)
{
	int ret = image_access_reg(vcpu, KVM_SET_ONE_REG, r);

	test_expect(!ret, "%s: vCPU %u: %#lx <- %#lx: %s", image_context(),
		    vcpu->id, r->id, r->val[0], strerror(ret));
}

static void restore_vcpu(struct kvm_vcpu *vcpu, struct reg_image *img, u32 seed)
{
	struct image_reg *vls = image_find(img, KVM_REG_ARM64_SVE_VLS);
	int *order = new_order(img, seed);
	int i;

	if (vls)
		restore_reg(vcpu, vls);
	trip_finalize(vcpu);

	for (i = 0; i < img->n; i++) {
		if (&img->reg[order[i]] != vls)
			restore_reg(vcpu, &img->reg[order[i]]);
	}

	free(order);
}

void trip_restore(struct trip_vm *m, struct reg_image img[TRIP_NR_VCPUS],
		  u32 seed)
{
	static const u64 counters[] = {
		KVM_REG_ARM_TIMER_CNT, KVM_REG_ARM_PTIMER_CNT,
	};
	const struct reg_image *last = &img[TRIP_NR_VCPUS - 1];
	int i, j;

	for (i = 0; i < TRIP_NR_VCPUS; i++)
		restore_vcpu(m->vcpu[i], &img[i], seed);

	for (i = 0; i < TRIP_NR_VCPUS; i++) {
		for (j = 0; j < ARRAY_SIZE(counters); j++)
			*image_find(&img[i], counters[j]) =
				*image_find(last, counters[j]);
	}
}
