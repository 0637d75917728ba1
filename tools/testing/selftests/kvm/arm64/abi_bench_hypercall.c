// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_bench_hypercall - What an SMCCC call costs the guest, by HVC and by SMC.
 *
 * Each number is a round trip as the guest sees it: the world switch there and
 * back, which costs the same for all calls, and KVM's handler. For the world
 * switch alone see
 *
 *	floor/guest_loop	the loop alone, around a NOP
 *	floor/world_switch	an SMC whose immediate is not zero, which is no
 *				SMCCC call. KVM checks only that, sets
 *				x0 to -1 and goes back: the path of all SMCs,
 *				without a handler. The path of HVCs is
 *				shorter, by the difference of smc/unknown and
 *				hvc/unknown: only for an SMC KVM moves the PC
 *
 * Calls are made in VMs of three kinds: one that offers all services; "gated",
 * whose bitmap registers turn them off; and "filter", with an SMCCC filter. See
 * abi/bench/measure.h for the method and the output.
 *
 * Each call exits, except for those of the paths fast/...: there VHE answers in mode
 * rust without an exit if it can. In mode c these are the same calls as above.
 *
 * Mode check does not distinguish HVC and SMC, so it is measured with HVC.
 */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/bench/guest.h"
#include "abi/bench/measure.h"
#include "abi/fw_reg.h"
#include "abi/switch.h"

#define ST_GPA_BASE	BIT(30)

/* In a vendor's range, but not a function of any vendor. */
#define FN_UNKNOWN	0x86001234
#define FN_DENIED	0xc6001000
#define FN_FORWARDED	0xc6002000

#define PSCI_FN_UNKNOWN	0x8400001f

BENCH_DEFINE_LOOP(guest_nop, "nop")
BENCH_DEFINE_LOOP(guest_hvc, "hvc #0")
BENCH_DEFINE_LOOP(guest_smc, "smc #0")
BENCH_DEFINE_LOOP(guest_smc_imm, "smc #1")

enum vm_kind { VM_FULL, VM_GATED, VM_FILTER, NR_VM_KINDS };

/* x0 may be anything: it depends on the host or on chance. */
#define ANY	LONG_MIN

static const struct call {
	const char *name;
	u64 x[4];
	s64 want;
	enum vm_kind vm;
	/* The largest size of a batch, if not 0 */
	u32 n;
	bool forwarded;
	/* Measured without the exit, too */
	bool fast;
} calls[] = {
	{ "SMCCC_VERSION", { ARM_SMCCC_VERSION_FUNC_ID },
	  ARM_SMCCC_VERSION_1_1, .fast = true },
	{ "ARCH_FEATURES:WORKAROUND_1",
	  { ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_1 },
	  ANY, .fast = true },
	{ "ARCH_FEATURES:WORKAROUND_2",
	  { ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_2 },
	  ANY },
	{ "ARCH_FEATURES:WORKAROUND_3",
	  { ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_3 },
	  ANY },
	{ "ARCH_FEATURES:PV_TIME",
	  { ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_HV_PV_TIME_FEATURES } },
	{ "ARCH_FEATURES:unknown",
	  { ARM_SMCCC_ARCH_FEATURES_FUNC_ID, FN_UNKNOWN },
	  SMCCC_RET_NOT_SUPPORTED },

	{ "PSCI_VERSION", { PSCI_0_2_FN_PSCI_VERSION }, PSCI_VERSION(1, 3),
	  .fast = true },
	{ "PSCI_FEATURES:CPU_ON",
	  { PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN64_CPU_ON }, .fast = true },
	{ "PSCI_FEATURES:SYSTEM_OFF2",
	  { PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_3_FN64_SYSTEM_OFF2 },
	  PSCI_1_3_OFF_TYPE_HIBERNATE_OFF },
	{ "PSCI_FEATURES:unknown",
	  { PSCI_1_0_FN_PSCI_FEATURES, PSCI_FN_UNKNOWN },
	  PSCI_RET_NOT_SUPPORTED },
	{ "AFFINITY_INFO:ON", { PSCI_0_2_FN64_AFFINITY_INFO, 0 },
	  PSCI_0_2_AFFINITY_LEVEL_ON, .fast = true },
	{ "AFFINITY_INFO:OFF", { PSCI_0_2_FN64_AFFINITY_INFO, 1 },
	  PSCI_0_2_AFFINITY_LEVEL_OFF },
	{ "AFFINITY_INFO:invalid", { PSCI_0_2_FN64_AFFINITY_INFO, 0, 4 },
	  PSCI_RET_INVALID_PARAMS },
	{ "AFFINITY_INFO_32:ON", { PSCI_0_2_FN_AFFINITY_INFO, 0 },
	  PSCI_0_2_AFFINITY_LEVEL_ON },
	{ "MIGRATE_INFO_TYPE", { PSCI_0_2_FN_MIGRATE_INFO_TYPE },
	  PSCI_0_2_TOS_MP },
	{ "CPU_ON:ALREADY_ON", { PSCI_0_2_FN64_CPU_ON, 0 },
	  PSCI_RET_ALREADY_ON },
	{ "CPU_ON:invalid", { PSCI_0_2_FN64_CPU_ON, 7 },
	  PSCI_RET_INVALID_PARAMS },
	{ "CPU_ON_32:ALREADY_ON", { PSCI_0_2_FN_CPU_ON, 0 },
	  PSCI_RET_ALREADY_ON },
	{ "SYSTEM_SUSPEND:refused", { PSCI_1_0_FN64_SYSTEM_SUSPEND },
	  PSCI_RET_NOT_SUPPORTED },
	{ "SYSTEM_RESET2:invalid", { PSCI_1_1_FN64_SYSTEM_RESET2, 1 },
	  PSCI_RET_INVALID_PARAMS },
	{ "SYSTEM_OFF2:invalid", { PSCI_1_3_FN64_SYSTEM_OFF2, 2 },
	  PSCI_RET_INVALID_PARAMS },
	{ "PSCI:unknown", { PSCI_FN_UNKNOWN }, PSCI_RET_NOT_SUPPORTED },

	{ "PV_TIME_FEATURES",
	  { ARM_SMCCC_HV_PV_TIME_FEATURES, ARM_SMCCC_HV_PV_TIME_ST } },
	{ "PV_TIME_FEATURES:unknown",
	  { ARM_SMCCC_HV_PV_TIME_FEATURES, FN_UNKNOWN },
	  SMCCC_RET_NOT_SUPPORTED },
	{ "PV_TIME_ST", { ARM_SMCCC_HV_PV_TIME_ST }, ST_GPA_BASE },

	{ "VENDOR_UID", { ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID }, 0xb66fb428,
	  .fast = true },
	{ "VENDOR_FEATURES", { ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID },
	  0x3 },
	{ "PTP:virtual",
	  { ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID, KVM_PTP_VIRT_COUNTER }, ANY },
	{ "PTP:physical",
	  { ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID, KVM_PTP_PHYS_COUNTER }, ANY },
	{ "PTP:unknown", { ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID, 2 },
	  SMCCC_RET_NOT_SUPPORTED },

	{ "TRNG_VERSION", { ARM_SMCCC_TRNG_VERSION }, 0x10000, .fast = true },
	{ "TRNG_FEATURES", { ARM_SMCCC_TRNG_FEATURES, ARM_SMCCC_TRNG_RND64 } },
	{ "TRNG_FEATURES:unknown", { ARM_SMCCC_TRNG_FEATURES, FN_UNKNOWN },
	  SMCCC_RET_NOT_SUPPORTED },
	{ "TRNG_GET_UUID", { ARM_SMCCC_TRNG_GET_UUID }, ANY },
	/*
	 * Now and then the kernel refills its buffer of random numbers, which
	 * costs several times as much as the call. With batches of one and two
	 * calls, the minima are those of calls without a refill.
	 */
	{ "TRNG_RND32", { ARM_SMCCC_TRNG_RND32, 32 }, .n = 1 },
	{ "TRNG_RND64", { ARM_SMCCC_TRNG_RND64, 64 }, .n = 1 },
	{ "TRNG_RND64:too_many", { ARM_SMCCC_TRNG_RND64, 193 }, -2 },

	{ "unknown", { FN_UNKNOWN }, SMCCC_RET_NOT_SUPPORTED, .fast = true },

	{ "TRNG_VERSION:gated", { ARM_SMCCC_TRNG_VERSION },
	  SMCCC_RET_NOT_SUPPORTED, VM_GATED },
	{ "ARCH_FEATURES:PV_TIME:gated",
	  { ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_HV_PV_TIME_FEATURES },
	  SMCCC_RET_NOT_SUPPORTED, VM_GATED },
	{ "VENDOR_UID:gated", { ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID },
	  SMCCC_RET_NOT_SUPPORTED, VM_GATED },

	/* The first function is in a range that the filter reserves. */
	{ "SMCCC_VERSION:filter", { ARM_SMCCC_VERSION_FUNC_ID },
	  ARM_SMCCC_VERSION_1_1, VM_FILTER },
	{ "PSCI_VERSION:filter", { PSCI_0_2_FN_PSCI_VERSION },
	  PSCI_VERSION(1, 3), VM_FILTER },
	{ "unknown:filter", { FN_UNKNOWN }, SMCCC_RET_NOT_SUPPORTED,
	  VM_FILTER },
	{ "denied:filter", { FN_DENIED }, SMCCC_RET_NOT_SUPPORTED, VM_FILTER },
	/* Userspace goes on without answering, and x0 is unchanged. */
	{ "forwarded:filter", { FN_FORWARDED }, FN_FORWARDED, VM_FILTER,
	  .forwarded = true },
};

static void set_filter(struct kvm_vm *vm, u32 fn, u8 action)
{
	struct kvm_smccc_filter filter = {
		.base = fn,
		.nr_functions = 16,
		.action = action,
	};

	kvm_device_attr_set(vm->fd, KVM_ARM_VM_SMCCC_CTRL,
			    KVM_ARM_VM_SMCCC_FILTER, &filter);
}

static void init_steal_time(struct kvm_vcpu *vcpu)
{
	u64 ipa = ST_GPA_BASE;

	if (!kvm_has_cap(KVM_CAP_STEAL_TIME))
		return;

	vm_userspace_mem_region_add(vcpu->vm, VM_MEM_SRC_ANONYMOUS, ipa, 1,
				    vm_calc_num_guest_pages(VM_MODE_DEFAULT, 64),
				    0);
	vcpu_device_attr_set(vcpu, KVM_ARM_VCPU_PVTIME_CTRL,
			     KVM_ARM_VCPU_PVTIME_IPA, &ipa);
}

static void configure(struct bench_vm *b, enum vm_kind kind)
{
	int i;

	switch (kind) {
	case VM_GATED:
		for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
			vcpu_set_reg(b->vcpu[0], fw_regs[i].id, 0);
		break;
	case VM_FILTER:
		set_filter(b->vm, FN_DENIED, KVM_SMCCC_FILTER_DENY);
		set_filter(b->vm, FN_FORWARDED, KVM_SMCCC_FILTER_FWD_TO_USER);
		break;
	default:
		init_steal_time(b->vcpu[0]);
		break;
	}
}

static void set_fast(bool fast)
{
	TEST_ASSERT(!abi_present() || !abi_write_word(ABI_DIR "fast", fast ? "1" : "0"),
		    "Failed to turn the fast path on or off");
}

static void bench_call(struct bench_vm *b, const struct call *c,
		       const char *conduit)
{
	struct bench_guest_op g = {
		.vcpu = b->vcpu[0],
		.loop = !strcmp(conduit, "hvc") ? guest_hvc : guest_smc,
		.exit_reason = c->forwarded ? KVM_EXIT_HYPERCALL : 0,
	};
	char path[64];
	s64 x0;

	snprintf(path, sizeof(path), "%s/%s", conduit, c->name);
	if (!strncmp(c->name, "PV_TIME", 7) && !kvm_has_cap(KVM_CAP_STEAL_TIME)) {
		bench_skip(path, "the host has no stolen time");
		return;
	}

	memcpy(g.x, c->x, sizeof(g.x));
	x0 = bench_guest_try(&g);
	TEST_ASSERT(c->want == ANY || x0 == c->want,
		    "%s: %#lx, expected %#lx", path, x0, c->want);

	/* As in abi_bench_trap.c: the way through userspace and back varies */
	bench.approximate = c->forwarded;
	bench_guest(path, c->n ?: BENCH_N, g);
	bench.approximate = false;

	if (!c->fast)
		return;
	snprintf(path, sizeof(path), "fast/%s/%s", conduit, c->name);
	set_fast(true);
	bench_guest(path, BENCH_N, g);
	set_fast(false);
}

static void bench_floor(struct bench_vm *b)
{
	struct bench_guest_op g = { .vcpu = b->vcpu[0], .loop = guest_smc_imm };

	TEST_ASSERT_EQ(bench_guest_try(&g), (u64)SMCCC_RET_NOT_SUPPORTED);
	bench_guest("floor/world_switch", BENCH_N, g);
	g.loop = guest_nop;
	bench_guest("floor/guest_loop", BENCH_N, g);
}

static void block(void)
{
	static const char * const conduits[] = { "hvc", "smc" };
	struct bench_vm b;
	int kind, i, j;

	for (kind = 0; kind < NR_VM_KINDS; kind++) {
		b = bench_vm_create();
		configure(&b, kind);

		if (kind == VM_FULL)
			bench_floor(&b);
		for (j = 0; j < ARRAY_SIZE(conduits); j++) {
			for (i = 0; i < ARRAY_SIZE(calls); i++) {
				if (calls[i].vm == kind)
					bench_call(&b, &calls[i], conduits[j]);
			}
		}

		bench_vm_free(&b);
	}
}

int main(int argc, char *argv[])
{
	bench.checked = "hvc/*";
	return bench_main(argc, argv, 0, block);
}
