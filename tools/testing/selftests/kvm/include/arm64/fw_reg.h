/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of KVM/arm64's firmware pseudo-registers share: the registers,
 * register access that returns the errno, a guest that makes any SMCCC call,
 * and the reporting of cases.
 */
#ifndef SELFTEST_KVM_ARM64_FW_REG_H
#define SELFTEST_KVM_ARM64_FW_REG_H

#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

/* In the order in which KVM_GET_REG_LIST returns them. */
enum fw_reg_nr {
	FW_PSCI_VERSION,
	FW_WORKAROUND_1,
	FW_WORKAROUND_2,
	FW_WORKAROUND_3,
	FW_STD,
	FW_STD_HYP,
	FW_VENDOR_HYP,
	FW_VENDOR_HYP_2,
	NR_FW_REGS,
	FW_FIRST_BMAP = FW_STD,
};

struct fw_reg {
	const char *name;
	u64 id;
	/* Bitmaps only: the services that can be offered, and the default. */
	u64 features;
	u64 initial;
};

static const struct fw_reg fw_regs[NR_FW_REGS] = {
	[FW_PSCI_VERSION] = { "PSCI_VERSION", KVM_REG_ARM_PSCI_VERSION },
	[FW_WORKAROUND_1] = { "WORKAROUND_1",
			      KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1 },
	[FW_WORKAROUND_2] = { "WORKAROUND_2",
			      KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2 },
	[FW_WORKAROUND_3] = { "WORKAROUND_3",
			      KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3 },
	[FW_STD] = { "STD_BMAP", KVM_REG_ARM_STD_BMAP, 0x1, 0x1 },
	[FW_STD_HYP] = { "STD_HYP_BMAP", KVM_REG_ARM_STD_HYP_BMAP, 0x1, 0x1 },
	[FW_VENDOR_HYP] = { "VENDOR_HYP_BMAP", KVM_REG_ARM_VENDOR_HYP_BMAP,
			    0x3, 0x3 },
	[FW_VENDOR_HYP_2] = { "VENDOR_HYP_BMAP_2",
			      KVM_REG_ARM_VENDOR_HYP_BMAP_2, 0x3, 0x0 },
};

/* WORKAROUND_2 with its only flag set: accepted only with the level AVAIL */
#define FW_WORKAROUND_2_AVAIL_ENABLED				\
	(KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_AVAIL |		\
	 KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_ENABLED)

#define FW_PSCI_LATEST	PSCI_VERSION(1, 3)

/* Versions of a vCPU with KVM_ARM_VCPU_PSCI_0_2; without it only 0.1 exists. */
#define FW_NR_PSCI_VERSIONS	5

static const u64 fw_psci_versions[FW_NR_PSCI_VERSIONS] = {
	PSCI_VERSION(0, 2), PSCI_VERSION(1, 0), PSCI_VERSION(1, 1),
	PSCI_VERSION(1, 2), PSCI_VERSION(1, 3),
};

static inline bool fw_is_psci_version(u64 val)
{
	int i;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		if (val == fw_psci_versions[i])
			return true;
	}

	return false;
}

/*
 * Cases. A case states what it expects with test_expect() and goes on after a
 * failure, so that one run shows the whole extent of a regression; only the
 * first few failures are described.
 */
#define TEST_MAX_REPORTS	8

struct test_case {
	const char *name;
	void (*run)(int arg);
	int arg;
};

static unsigned int test_failures;
static const char *test_skip_reason;

/* The failures of the current case */
static inline unsigned int test_nr_failures(void)
{
	return test_failures;
}

static inline void test_clear_failures(void)
{
	test_failures = 0;
}

/* Count a failure. Returns whether it is one of the first, to be described. */
static inline bool test_fail(void)
{
	return test_failures++ < TEST_MAX_REPORTS;
}

static inline __printf(3, 4)
void __test_expect(int line, bool cond, const char *fmt, ...)
{
	va_list args;

	if (cond || !test_fail())
		return;

	va_start(args, fmt);
	printf("# line %d: ", line);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

#define test_expect(...)	__test_expect(__LINE__, __VA_ARGS__)

/* Skip the case, with the reason. To be followed by a return. */
static inline void test_skip(const char *reason)
{
	test_skip_reason = reason;
}

static inline void test_run_cases(const struct test_case *cases, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		test_failures = 0;
		test_skip_reason = NULL;

		cases[i].run(cases[i].arg);

		if (test_failures > TEST_MAX_REPORTS)
			ksft_print_msg("%u failures in all\n", test_failures);

		if (test_skip_reason && !test_failures)
			ksft_test_result_skip("%s: %s\n", cases[i].name,
					      test_skip_reason);
		else
			ksft_test_result(!test_failures, "%s\n", cases[i].name);
	}
}

/* KVM_GET_ONE_REG or KVM_SET_ONE_REG. Returns 0, or the positive errno. */
static inline int one_reg(int vcpu_fd, unsigned long cmd, u64 id, u64 addr)
{
	struct kvm_one_reg reg = { .id = id, .addr = addr };

	return ioctl(vcpu_fd, cmd, &reg) ? errno : 0;
}

static inline int one_reg_get(struct kvm_vcpu *vcpu, u64 id, u64 *val)
{
	return one_reg(vcpu->fd, KVM_GET_ONE_REG, id, (u64)val);
}

static inline int one_reg_set(struct kvm_vcpu *vcpu, u64 id, u64 val)
{
	return one_reg(vcpu->fd, KVM_SET_ONE_REG, id, (u64)&val);
}

static inline int one_reg_list(int vcpu_fd, void *list)
{
	return ioctl(vcpu_fd, KVM_GET_REG_LIST, list) ? errno : 0;
}

/* Write @val, expect @want, and expect the register to read @after. */
static inline void __fw_expect_set(int line, struct kvm_vcpu *vcpu, int nr,
				   u64 val, int want, u64 after)
{
	const struct fw_reg *reg = &fw_regs[nr];
	u64 now = ~after;
	int ret;

	ret = one_reg_set(vcpu, reg->id, val);
	__test_expect(line, ret == want, "%s <- %#lx: %s, expected %s",
		      reg->name, val, strerror(ret), strerror(want));

	ret = one_reg_get(vcpu, reg->id, &now);
	__test_expect(line, !ret && now == after,
		      "%s reads %#lx after %#lx was written, expected %#lx",
		      reg->name, now, val, after);
}

#define fw_expect_set(...)	__fw_expect_set(__LINE__, __VA_ARGS__)

/* All firmware registers at one moment */
struct fw_state {
	u64 val[NR_FW_REGS];
};

static inline struct fw_state fw_state_read(struct kvm_vcpu *vcpu)
{
	struct fw_state state;
	int i;

	for (i = 0; i < NR_FW_REGS; i++)
		state.val[i] = vcpu_get_reg(vcpu, fw_regs[i].id);

	return state;
}

static inline void __fw_expect_state(int line, struct kvm_vcpu *vcpu,
				     const struct fw_state *want,
				     const char *when)
{
	struct fw_state now = fw_state_read(vcpu);
	int i;

	for (i = 0; i < NR_FW_REGS; i++)
		__test_expect(line, now.val[i] == want->val[i],
			      "%s: %s reads %#lx, expected %#lx", when,
			      fw_regs[i].name, now.val[i], want->val[i]);
}

#define fw_expect_state(...)	__fw_expect_state(__LINE__, __VA_ARGS__)

/*
 * The guest makes the call that userspace has put into fw_guest_regs, with all
 * 64 bits of x0-x3, stores the resulting x0-x3 there and exits. Every VM has
 * its own copy of fw_guest_regs.
 */
struct fw_regs4 {
	u64 x[4];
};

static struct fw_regs4 fw_guest_regs;

static inline void fw_smccc(struct fw_regs4 *r)
{
	register u64 x0 asm("x0") = r->x[0];
	register u64 x1 asm("x1") = r->x[1];
	register u64 x2 asm("x2") = r->x[2];
	register u64 x3 asm("x3") = r->x[3];

	if (get_current_el() == 2)
		asm volatile("smc #0"
			     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			     : : "memory");
	else
		asm volatile("hvc #0"
			     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			     : : "memory");

	*r = (struct fw_regs4) { { x0, x1, x2, x3 } };
}

static inline void fw_guest_code(void)
{
	for (;;) {
		fw_smccc(&fw_guest_regs);
		GUEST_SYNC(0);
	}
}

/* x2 and x3 of a call, which must not occur in its result */
#define FW_POISON	0xa5a5a5a5deadbeefUL

/* Run @vcpu until its guest's next GUEST_SYNC(). */
static inline void fw_run(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);

	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		break;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
		break;
	default:
		TEST_FAIL("Unexpected guest exit, ucall %lu", uc.cmd);
	}
}

/* Have @vcpu make the call @fn(@arg). Returns its x0-x3. */
static inline struct fw_regs4 fw_guest_call(struct kvm_vcpu *vcpu, u64 fn,
					    u64 arg)
{
	struct fw_regs4 *r = addr_gva2hva(vcpu->vm, (gva_t)&fw_guest_regs);

	*r = (struct fw_regs4) { { fn, arg, FW_POISON, FW_POISON } };
	fw_run(vcpu);

	return *r;
}

/* All 64 bits of the call's x0-x3 must be those of @want. */
static inline void __fw_expect_call(int line, struct kvm_vcpu *vcpu, u64 fn,
				    u64 arg, struct fw_regs4 want)
{
	struct fw_regs4 r = fw_guest_call(vcpu, fn, arg);

	__test_expect(line, !memcmp(&r, &want, sizeof(r)),
		      "call %#lx(%#lx): %lx %lx %lx %lx, expected %lx %lx %lx %lx",
		      fn, arg, r.x[0], r.x[1], r.x[2], r.x[3],
		      want.x[0], want.x[1], want.x[2], want.x[3]);
}

#define fw_expect_call(vcpu, fn, arg, ...)				\
	__fw_expect_call(__LINE__, vcpu, fn, arg,			\
			 (struct fw_regs4) { { __VA_ARGS__ } })

#define fw_expect_x0(vcpu, fn, arg, w0)					\
	fw_expect_call(vcpu, fn, arg, w0, 0, 0, 0)

/* A refused call: -1 in all 64 bits of x0, and 0 in x1-x3 */
#define fw_expect_refused(vcpu, fn, arg)				\
	fw_expect_x0(vcpu, fn, arg, SMCCC_RET_NOT_SUPPORTED)

/*
 * Add @nr vCPUs to @vm, with only these KVM_ARM_VCPU_* features. Even if nested
 * virtualisation is possible the guest is at EL1 unless @features has EL2: the
 * registers are the same, and VMs are created much faster.
 */
static inline void fw_vm_add_vcpus(struct kvm_vm *vm, u32 nr, u32 features,
				   void *code, struct kvm_vcpu *vcpus[])
{
	struct kvm_vcpu_init init = {};
	u32 i;

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= features;

	for (i = 0; i < nr; i++)
		vcpus[i] = aarch64_vcpu_add(vm, i, &init, code);

	kvm_arch_vm_finalize_vcpus(vm);
}

/* A VM with such vCPUs */
static inline struct kvm_vm *__fw_vm_create(u32 nr, u32 features, void *code,
					    struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = vm_create(nr);

	fw_vm_add_vcpus(vm, nr, features, code, vcpus);
	return vm;
}

static inline struct kvm_vm *fw_vm_create(u32 nr, bool psci_0_2, void *code,
					  struct kvm_vcpu *vcpus[])
{
	return __fw_vm_create(nr, psci_0_2 ? BIT(KVM_ARM_VCPU_PSCI_0_2) : 0,
			      code, vcpus);
}

static inline struct kvm_vm *fw_vm_create_one(struct kvm_vcpu **vcpu)
{
	return fw_vm_create(1, true, fw_guest_code, vcpu);
}

/* Reset the vCPU and let it begin again, further down its stack. */
static inline void fw_vcpu_reinit(struct kvm_vcpu *vcpu)
{
	u64 id = ctxt_reg_alias(vcpu, SYS_SP_EL1);
	struct kvm_vcpu_init init = vcpu->init;
	u64 sp = vcpu_get_reg(vcpu, id);

	aarch64_vcpu_setup(vcpu, &init);
	vcpu_set_reg(vcpu, id, sp);
	vcpu_arch_set_entry_point(vcpu, fw_guest_code);
}

#endif /* SELFTEST_KVM_ARM64_FW_REG_H */
