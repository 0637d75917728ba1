// SPDX-License-Identifier: GPL-2.0-only
/* The SMCCC filter */
#include <errno.h>
#include <linux/arm-smccc.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/smccc_call.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"

/* The requested ranges of the VM under test */
#define FILTER_MAX	512

struct filter_range {
	u32 first;
	u32 last;
	u8 action;
	bool accepted;
};

static struct filter_range filter_ranges[FILTER_MAX];

static int filter_nr_ranges;

struct kvm_vm *filter_vm_create(struct kvm_vcpu **vcpu)
{
	return smccc_vm_create(1, BIT(KVM_ARM_VCPU_PSCI_0_2), vcpu);
}

void filter_begin(void)
{
	filter_nr_ranges = 0;
}

void filter_note(u32 base, u32 nr, u8 action, int err)
{
	TEST_ASSERT(filter_nr_ranges < FILTER_MAX, "Too many ranges");
	filter_ranges[filter_nr_ranges++] = (struct filter_range) {
		base, base + nr - 1, action, !err
	};
}

void __filter_expect_set(int line, struct kvm_vm *vm, u32 base, u32 nr,
			 u8 action, int want)
{
	int ret = smccc_set_filter(vm, base, nr, action);

	__test_expect(line, ret == want,
		      "base %#x, nr_functions %#x, action %u: %s, expected %s",
		      base, nr, action, strerror(ret), strerror(want));
	filter_note(base, nr, action, want);
}

static u8 filter_action(u32 fn)
{
	const struct filter_range *r;

	for (r = filter_ranges; r < filter_ranges + filter_nr_ranges; r++) {
		if (r->accepted && fn >= r->first && fn <= r->last)
			return r->action;
	}

	return FILTER_HANDLE;
}

/* Calls without an effect, and what they return if KVM handles them */
struct filter_call {
	u32 fn;
	u64 x[4];
};

static const struct filter_call filter_calls[] = {
	{ ARM_SMCCC_VERSION_FUNC_ID, { ARM_SMCCC_VERSION_1_1 } },
	{ PSCI_0_2_FN_PSCI_VERSION, { FW_PSCI_LATEST } },
	{ PSCI_0_2_FN_MIGRATE_INFO_TYPE, { PSCI_0_2_TOS_MP } },
	{ PSCI_1_0_FN_PSCI_FEATURES, { PSCI_RET_SUCCESS } },
	{ ARM_SMCCC_TRNG_VERSION, { 0x10000 } },
	{ ARM_SMCCC_TRNG_GET_UUID,
	  { 0x00e0210d, 0xeb118443, 0x44527080, 0x4c5a4e55 } },
	{ ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID, { 3 } },
	{ ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID,
	  { 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d } },
};

bool filter_call_has_effect(u32 fn)
{
	u32 nr = fn & ~PSCI_0_2_64BIT;

	if (fn == ARM_SMCCC_ARCH_WORKAROUND_1 ||
	    fn == ARM_SMCCC_ARCH_WORKAROUND_2 ||
	    fn == ARM_SMCCC_ARCH_WORKAROUND_3)
		return true;
	if (fn >= KVM_PSCI_FN(0) && fn <= KVM_PSCI_FN(3))
		return true;
	if (nr < PSCI_0_2_FN(0) || nr > PSCI_0_2_FN(0x1f))
		return false;

	return fn != PSCI_0_2_FN_PSCI_VERSION &&
	       fn != PSCI_0_2_FN_MIGRATE_INFO_TYPE &&
	       fn != PSCI_1_0_FN_PSCI_FEATURES;
}

/* The result that userspace sets for a forwarded call */
#define FILTER_ANSWER	0x1122334455667788UL

/* The guest calls @x0, whose lower half is the function. */
static void __filter_expect_call(int line, struct kvm_vcpu *vcpu,
				 enum smccc_insn insn, u64 x0)
{
	struct smccc_want want = { .x = { SMCCC_RET_NOT_SUPPORTED } };
	u8 action = filter_action(x0);
	struct smccc_call c;
	int i;

	if (action == FILTER_HANDLE) {
		if (filter_call_has_effect(x0))
			return;
		for (i = 0; i < ARRAY_SIZE(filter_calls); i++) {
			if ((u32)x0 == filter_calls[i].fn)
				memcpy(want.x, filter_calls[i].x,
				       sizeof(want.x));
		}
	}

	if (action == FILTER_FWD) {
		want = (struct smccc_want) {
			.x = { x0, FILTER_ARG, FW_POISON, FW_POISON },
			.exit = KVM_EXIT_HYPERCALL,
			.hypercall_flags = insn == SMCCC_SMC ?
					   KVM_HYPERCALL_EXIT_SMC : 0,
		};
	}

	c = smccc_call(vcpu, insn, x0, FILTER_ARG, FW_POISON, FW_POISON);
	if (!__smccc_expect(line, &c, &want) || action != FILTER_FWD)
		return;

	/* The guest goes on with userspace's result. */
	smccc_set_x(vcpu, 0, FILTER_ANSWER);
	want.x[0] = FILTER_ANSWER;
	want.exit = 0;
	smccc_call_run(&c);
	__smccc_expect(line, &c, &want);
}

void __filter_expect_id(int line, struct kvm_vcpu *vcpu, u32 fn)
{
	__filter_expect_call(line, vcpu, SMCCC_HVC, fn);
	__filter_expect_call(line, vcpu, SMCCC_SMC, fn | FILTER_GARBAGE);
}

void __filter_expect_guest(int line, struct kvm_vcpu *vcpu)
{
	const struct filter_range *r;
	int i;

	for (r = filter_ranges; r < filter_ranges + filter_nr_ranges; r++) {
		__filter_expect_id(line, vcpu, r->first - 1);
		__filter_expect_id(line, vcpu, r->first);
		__filter_expect_id(line, vcpu,
				   r->first + (r->last - r->first) / 2);
		__filter_expect_id(line, vcpu, r->last);
		__filter_expect_id(line, vcpu, r->last + 1);
	}

	for (i = 0; i < ARRAY_SIZE(filter_calls); i++)
		__filter_expect_id(line, vcpu, filter_calls[i].fn);
}
