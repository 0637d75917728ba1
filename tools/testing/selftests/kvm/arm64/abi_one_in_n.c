// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_one_in_n - Mode check with N: of each surface, one in N calls is compared.
 *
 * The counters tell: C decides each call, Rust those that are compared.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_loop.h"
#include "abi/switch.h"
#include "abi/vgic_v2.h"
#include "processor.h"

#define CHECK_FILE	ABI_DIR "check"
#define N_MAX		1000000

/* ---- The file and the parameter ---- */

static char initial[ABI_WORD];

static void check_parameter(int unused)
{
	static const char param[] = "kvm-arm.abi_check=";
	char line[4096] = "", *given;
	unsigned long want = 1;
	FILE *f;

	f = fopen("/proc/cmdline", "r");
	TEST_ASSERT(f && fgets(line, sizeof(line), f), "/proc/cmdline");
	fclose(f);
	given = strstr(line, param);
	if (given)
		want = strtoul(given + strlen(param), NULL, 0);
	/* What is not valid is ignored. */
	if (!want || want > N_MAX)
		want = 1;
	test_expect(strtoul(initial, NULL, 0) == want, "N is %s, expected %lu",
		    initial, want);
}

static void expect_n(const char *want, const char *when)
{
	char now[ABI_WORD] = "";

	test_expect(abi_read_word(CHECK_FILE, now) && !strcmp(now, want),
		    "N is %s %s, expected %s", now, when, want);
}

static void check_values(int unused)
{
	static const char * const good[] = { "1", "2", "1000", "999999", "1000000" };
	static const char * const bad[] = {
		"0", "1000001", "4294967297", "-1", "1.5", "x", "check",
	};
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		ret = abi_write_word(CHECK_FILE, good[i]);
		test_expect(!ret, "%s: %s", good[i], strerror(ret));
		expect_n(good[i], "after it was written");
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ret = abi_write_word(CHECK_FILE, bad[i]);
		test_expect(ret == EINVAL, "%s: %s", bad[i], strerror(ret));
		expect_n("1000000", "after a value that is refused");
	}
}

/* ---- Calls of each surface ---- */

static struct smccc_vm smccc;
static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;
static struct vgic_v2 gic;
static bool has_vgic_v2;

static void call_smccc(u64 nr)
{
	smccc_loop_run(smccc.vcpu[0], SMCCC_HVC, nr);
}

static void call_fw_reg(u64 nr)
{
	u64 id = fw_regs[FW_VENDOR_HYP].id, val = vcpu_get_reg(vcpu, id), now = 0;

	while (nr--) {
		if (nr % 2)
			TEST_ASSERT(!one_reg_set(vcpu, id, val), "%#lx <- %#lx", id, val);
		else
			TEST_ASSERT(!one_reg_get(vcpu, id, &now) && now == val,
				    "%#lx reads %#lx", id, now);
	}
}

static void call_id_reg(u64 nr)
{
	u64 id = KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR0_EL1), val = vcpu_get_reg(vcpu, id);

	while (nr--)
		TEST_ASSERT(!one_reg_set(vcpu, id, val), "%#lx <- %#lx", id, val);
}

static void call_reg_masks(u64 nr)
{
	static u64 masks[NR_ID_REGS];
	struct reg_mask_range range = { .addr = (u64)masks };

	while (nr--)
		TEST_ASSERT_EQ(id_get_masks(vm->fd, &range), 0);
}

static void call_smccc_filter(u64 nr)
{
	struct kvm_smccc_filter filter = {
		.base = FILTER_FREE, .nr_functions = 1, .action = FILTER_DENY,
	};

	/* The VM has this one already. */
	while (nr--)
		TEST_ASSERT(__kvm_device_attr_set(vm->fd, KVM_ARM_VM_SMCCC_CTRL,
						  KVM_ARM_VM_SMCCC_FILTER, &filter) &&
			    errno == EEXIST, "filter: %s", strerror(errno));
}

static void call_vgic_v2(u64 nr)
{
	while (nr--) {
		if (nr % 2)
			gicc_set(&gic, 0, GICC_PMR, 0x10);
		else
			TEST_ASSERT_EQ(gicc_get(&gic, 0, GICC_PMR), 0x10);
	}
}

static const struct {
	const char *name;
	void (*call)(u64 nr);
	/* A call of userspace may be several calls of the surface. */
	bool several;
} surfaces[] = {
	{ "smccc", call_smccc },
	{ "fw_reg", call_fw_reg },
	{ "id_reg", call_id_reg },
	{ "reg_masks", call_reg_masks },
	{ "smccc_filter", call_smccc_filter },
	{ "vgic_v2", call_vgic_v2, true },
};

static struct abi_stats count_calls(int surface, u64 nr)
{
	struct abi_stats before, now;

	before = abi_read_surface(surfaces[surface].name);
	surfaces[surface].call(nr);
	now = abi_read_surface(surfaces[surface].name);

	return (struct abi_stats) {
		now.c - before.c, now.rust - before.rust,
		now.mismatches - before.mismatches, now.unjudged - before.unjudged,
	};
}

/* A call may make some other reads and writes of registers first. */
#define EXTRA_CALLS	2

static bool is_all(u64 calls, u64 nr, int surface)
{
	return calls >= nr && (surfaces[surface].several || calls <= nr + EXTRA_CALLS);
}

#define NR_COMPARED	40

static void check_rate(int surface)
{
	/* In the end each call is compared again, at once. */
	static const unsigned int every[] = { 1, 10, 100, 3, 1 };
	struct abi_stats got;
	u64 n, nr;
	int i;

	if (!strcmp(surfaces[surface].name, "vgic_v2") && !has_vgic_v2) {
		test_skip("the host's GIC is not a GICv2");
		return;
	}

	abi_set_mode("check");
	for (i = 0; i < ARRAY_SIZE(every); i++) {
		n = every[i];
		nr = NR_COMPARED * n;
		abi_set_check(n);
		got = count_calls(surface, nr);
		test_expect(is_all(got.c, nr, surface), "N %lu: C decided %lu calls of %lu",
			    n, got.c, nr);
		if (n == 1)
			test_expect(got.rust == got.c, "%lu of %lu calls compared",
				    got.rust, got.c);
		else
			test_expect(got.rust > got.c / n / 3 && got.rust < got.c / n * 3 &&
				    got.rust < got.c, "N %lu: %lu of %lu calls compared", n,
				    got.rust, got.c);
		test_expect(!got.mismatches && !got.unjudged,
			    "N %lu: %lu mismatches, %lu not judged", n, got.mismatches,
			    got.unjudged);
	}
}

/* ---- The other modes ---- */

static void check_mode(int is_rust)
{
	struct abi_stats got;
	int i;

	abi_set_mode(is_rust ? "rust" : "c");
	abi_set_check(N_MAX);
	for (i = 0; i < ARRAY_SIZE(surfaces) - !has_vgic_v2; i++) {
		got = count_calls(i, NR_COMPARED);
		test_expect(is_all(is_rust ? got.rust : got.c, NR_COMPARED, i) &&
			    !(is_rust ? got.c : got.rust),
			    "%s: %lu calls of C, %lu of Rust", surfaces[i].name, got.c,
			    got.rust);
	}
}

/* Whatever the mode was meanwhile, N is what was written. */
static void check_modes_keep_n(int unused)
{
	static const char * const modes[] = { "c", "rust", "check", "c", "check" };
	int i;

	abi_set_check(1234);
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		abi_set_mode(modes[i]);
		expect_n("1234", modes[i]);
	}
}

static const struct test_case cases[] = {
	{ "N is 1, or that of kvm-arm.abi_check", check_parameter },
	{ "N from 1 to 1000000: others are refused", check_values },
	{ "hypercalls: one in N is compared", check_rate, 0 },
	{ "firmware registers: one in N is compared", check_rate, 1 },
	{ "ID registers: one in N is compared", check_rate, 2 },
	{ "writable masks: one in N is compared", check_rate, 3 },
	{ "filter: one in N is compared", check_rate, 4 },
	{ "GICv2: one in N is compared", check_rate, 5 },
	{ "mode c: N changes nothing", check_mode, false },
	{ "mode rust: N changes nothing", check_mode, true },
	{ "another mode does not change N", check_modes_keep_n },
	{ "switch: no mismatch, C and Rust served calls, mode restored",
	  abi_check_stats },
};

int main(void)
{
	struct kvm_smccc_filter filter = {
		.base = FILTER_FREE, .nr_functions = 1, .action = FILTER_DENY,
	};

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES));
	test_disable_default_vgic();
	ksft_print_header();
	if (!abi_begin())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");
	TEST_ASSERT(abi_read_word(CHECK_FILE, initial), CHECK_FILE);

	vm = fw_vm_create_one(&vcpu);
	kvm_device_attr_set(vm->fd, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER,
			    &filter);
	smccc = smccc_loop_vm();
	has_vgic_v2 = !kvm_supports_vgic_v3() && vgic_v2_supported();
	if (has_vgic_v2) {
		gic = vgic_v2_create_one(fw_guest_code);
		gicc_set(&gic, 0, GICC_PMR, 0x10);
	}

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
