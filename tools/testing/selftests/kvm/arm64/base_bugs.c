// SPDX-License-Identifier: GPL-2.0-only
/*
 * base_bugs - What KVM/arm64 should do, but does not in Linux 7.3.
 *
 * Each case is a bug of the C code, and passes once that is fixed; it needs
 * nothing but /dev/kvm. On a machine that cannot have the bug a case passes or
 * is skipped.
 *
 * Option -w adds the cases whose bug is a warning of the kernel, which ends a
 * system that has panic_on_warn. The kernel gives each of these warnings once.
 */
#include <fcntl.h>
#include <unistd.h>

#include "abi/cases.h"
#include "abi/fault/inject.h"
#include "abi/fw_guest.h"
#include "abi/kernel_log.h"
#include "abi/one_reg.h"
#include "abi/reg_image.h"
#include "abi/smccc_guest.h"
#include "gic_v3.h"
#include "kvm_util.h"
#include "processor.h"
#include "vgic.h"

#define PSCI_0_2	BIT(KVM_ARM_VCPU_PSCI_0_2)
#define PMU_V3		BIT(KVM_ARM_VCPU_PMU_V3)

/* The PMU's version in ID_AA64DFR0_EL1 */
#define PMU_VERSION	GENMASK(11, 8)

static void expect_set(struct kvm_vcpu *vcpu, u64 id, u64 val, int want,
		       const char *what)
{
	int ret = one_reg_set(vcpu, id, val);

	test_expect(ret == want, "%s <- %#lx: %s, expected %s", what, val,
		    strerror(ret), want ? strerror(want) : "success");
}

/* ---- AArch32 ID registers of a VM that has no AArch32 ---- */

static const u64 aarch32_ids[] = {
	IMAGE_SYS_REG(ID_PFR0_EL1), IMAGE_SYS_REG(ID_PFR1_EL1),
	IMAGE_SYS_REG(ID_DFR0_EL1), IMAGE_SYS_REG(ID_MMFR0_EL1),
	IMAGE_SYS_REG(ID_ISAR0_EL1), IMAGE_SYS_REG(ID_ISAR6_EL1),
	IMAGE_SYS_REG(MVFR0_EL1), IMAGE_SYS_REG(MVFR2_EL1),
	IMAGE_SYS_REG(ID_PFR2_EL1), IMAGE_SYS_REG(ID_MMFR5_EL1),
};

static void check_el2_aarch32(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	u64 pfr0, val;
	int i;

	if (!kvm_has_cap(KVM_CAP_ARM_EL2)) {
		test_skip("VMs cannot have EL2 here");
		return;
	}

	vm = __fw_vm_create(1, PSCI_0_2 | BIT(KVM_ARM_VCPU_HAS_EL2),
			    fw_guest_code, &vcpu);
	pfr0 = vcpu_get_reg(vcpu, IMAGE_SYS_REG(ID_AA64PFR0_EL1));
	test_expect(SYS_FIELD_GET(ID_AA64PFR0_EL1, EL0, pfr0) ==
		    ID_AA64PFR0_EL1_EL0_IMP, "ID_AA64PFR0_EL1 is %#lx", pfr0);

	for (i = 0; i < ARRAY_SIZE(aarch32_ids); i++) {
		val = vcpu_get_reg(vcpu, aarch32_ids[i]);
		test_expect(!val, "%#lx is %#lx", aarch32_ids[i], val);
		expect_set(vcpu, aarch32_ids[i], 0x1badc0de, 0, "it");
		val = vcpu_get_reg(vcpu, aarch32_ids[i]);
		test_expect(!val, "%#lx is %#lx later", aarch32_ids[i], val);
	}
	kvm_vm_free(vm);
}

/* ---- The size of the guest's physical addresses ---- */

static int add_page(int vm_fd, u32 slot, u64 gpa, void *page)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = getpagesize(),
		.userspace_addr = (u64)page,
	};

	return ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region) ? errno : 0;
}

/* @bits: the IPA size that KVM_CREATE_VM gets, 0 for the default size */
static void expect_ipa_size(int kvm_fd, int bits, void *page)
{
	u64 end = 1UL << (bits ?: 40);
	int fd, ret;

	fd = ioctl(kvm_fd, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(bits));
	test_expect(fd >= 0, "%d bits: %s", bits, strerror(errno));
	if (fd < 0)
		return;

	ret = add_page(fd, 0, end, page);
	test_expect(ret == EFAULT, "%d bits: a page at %#lx: %s", bits, end,
		    strerror(ret));
	ret = add_page(fd, 1, end - getpagesize(), page);
	test_expect(!ret, "%d bits: a page below %#lx: %s", bits, end,
		    strerror(ret));
	close(fd);
}

static void check_ipa_size(int unused)
{
	int limit = kvm_check_cap(KVM_CAP_ARM_VM_IPA_SIZE), bits, fd;
	int kvm_fd = open_kvm_dev_path_or_exit();
	void *page = kvm_mmap(getpagesize(), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1);

	for (bits = 1; bits < 64; bits++) {
		if (bits >= 32 && bits <= limit) {
			expect_ipa_size(kvm_fd, bits, page);
			continue;
		}
		fd = ioctl(kvm_fd, KVM_CREATE_VM,
			   KVM_VM_TYPE_ARM_IPA_SIZE(bits));
		test_expect(fd < 0 && errno == EINVAL,
			    "%d bits, where the limit is %d: %s", bits, limit,
			    fd < 0 ? strerror(errno) : "a VM");
		if (fd >= 0)
			close(fd);
	}
	if (limit >= 40)
		expect_ipa_size(kvm_fd, 0, page);

	kvm_munmap(page, getpagesize());
	close(kvm_fd);
}

/* ---- ICC_CTLR_EL1 ---- */

static u64 icc_ctlr_get(int gic_fd)
{
	u64 val = 0;

	kvm_device_attr_get(gic_fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
			    KVM_ARM64_SYS_REG(SYS_ICC_CTLR_EL1) &
			    KVM_DEV_ARM_VGIC_SYSREG_INSTR_MASK, &val);
	return val;
}

static int icc_ctlr_set(int gic_fd, u64 val)
{
	return __kvm_device_attr_set(gic_fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
				     KVM_ARM64_SYS_REG(SYS_ICC_CTLR_EL1) &
				     KVM_DEV_ARM_VGIC_SYSREG_INSTR_MASK,
				     &val) ? errno : 0;
}

/* Each has a field that may be lowered, and one that is refused. */
static void check_icc_ctlr(int unused)
{
	struct kvm_vcpu *vcpu;
	u64 ctlr, now, val[4];
	struct kvm_vm *vm;
	int fd, i, ret;

	if (!kvm_supports_vgic_v3()) {
		test_skip("KVM has no GICv3 here");
		return;
	}

	vm = __fw_vm_create(1, PSCI_0_2, fw_guest_code, &vcpu);
	fd = vgic_v3_setup(vm, 1, 64);
	TEST_ASSERT(fd >= 0, "No vGICv3");
	ctlr = icc_ctlr_get(fd);
	val[0] = (ctlr & ~ICC_CTLR_EL1_PRI_BITS_MASK) ^ ICC_CTLR_EL1_SEIS_MASK;
	val[1] = (ctlr & ~ICC_CTLR_EL1_PRI_BITS_MASK) ^ ICC_CTLR_EL1_A3V_MASK;
	val[2] = (ctlr & ~ICC_CTLR_EL1_PRI_BITS_MASK) | ICC_CTLR_EL1_ID_BITS_MASK;
	val[3] = (ctlr & ~ICC_CTLR_EL1_ID_BITS_MASK) ^ ICC_CTLR_EL1_A3V_MASK;

	for (i = 0; i < ARRAY_SIZE(val); i++) {
		ret = icc_ctlr_set(fd, val[i]);
		now = icc_ctlr_get(fd);
		test_expect(ret == EINVAL && now == ctlr,
			    "%#lx <- %#lx: %s, and reads %#lx", ctlr, val[i],
			    strerror(ret), now);
	}
	/* What was saved can be restored. */
	ret = icc_ctlr_set(fd, ctlr);
	test_expect(!ret, "%#lx: %s", ctlr, strerror(ret));
	close(fd);
	kvm_vm_free(vm);
}

/* ---- What a first run that failed leaves behind ---- */

static bool guest_undef;

static void guest_undef_handler(struct ex_regs *regs)
{
	guest_undef = true;
	regs->pc += 4;
}

/* TLBI RVAE1, of FEAT_TLBIRANGE. KVM can only trap it by FEAT_FGT. */
static void guest_tlbi_range(void)
{
	guest_undef = false;
	asm volatile("sys #0, c8, c6, #1, xzr\n\tdsb ish\n\tisb" ::: "memory");
	GUEST_SYNC(guest_undef);
}

/*
 * Hide it from the VM, or undo that. With @fails the VM was the other way round
 * when its vCPU was run, but not ready for it.
 */
static bool range_is_undef(bool hidden, bool fails)
{
	u64 id = IMAGE_SYS_REG(ID_AA64ISAR0_EL1);
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	struct ucall uc;
	u64 isar0;

	vm = __fw_vm_create(1, PSCI_0_2 | PMU_V3, guest_tlbi_range, &vcpu);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpu);
	vm_install_sync_handler(vm, VECTOR_SYNC_CURRENT, ESR_ELx_EC_UNKNOWN,
				guest_undef_handler);

	isar0 = vcpu_get_reg(vcpu, id);
	if (fails) {
		vcpu_set_reg(vcpu, id, isar0 & (hidden ? ~0UL :
						~ID_AA64ISAR0_EL1_TLB));
		/* Its PMU is not initialised. */
		test_expect(__vcpu_run(vcpu) && errno == EINVAL, "KVM_RUN: %s",
			    strerror(errno));
	}
	vcpu_set_reg(vcpu, id, isar0 & (hidden ? ~ID_AA64ISAR0_EL1_TLB : ~0UL));
	vcpu_device_attr_set(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL,
			     KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	vcpu_run(vcpu);
	TEST_ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
	kvm_vm_free(vm);
	return uc.args[1];
}

static void check_failed_run(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	u64 isar0, mmfr0;

	vm = fw_vm_create_one(&vcpu);
	isar0 = vcpu_get_reg(vcpu, IMAGE_SYS_REG(ID_AA64ISAR0_EL1));
	mmfr0 = vcpu_get_reg(vcpu, IMAGE_SYS_REG(ID_AA64MMFR0_EL1));
	kvm_vm_free(vm);
	if (!kvm_has_cap(KVM_CAP_ARM_PMU_V3) ||
	    !SYS_FIELD_GET(ID_AA64MMFR0_EL1, FGT, mmfr0) ||
	    SYS_FIELD_GET(ID_AA64ISAR0_EL1, TLB, isar0) <
	    ID_AA64ISAR0_EL1_TLB_RANGE) {
		test_skip("no FEAT_FGT, FEAT_TLBIRANGE or PMU");
		return;
	}

	test_expect(!range_is_undef(false, false), "UNDEFINED");
	test_expect(range_is_undef(true, false), "hidden: not UNDEFINED");
	test_expect(range_is_undef(true, true),
		    "hidden after a failed run: not UNDEFINED");
	test_expect(!range_is_undef(false, true),
		    "not hidden any more after a failed run: UNDEFINED");
}

/* ---- The order of KVM_GET_REG_LIST ---- */

/* Write two registers of @from to @to, in the order of the list. */
static void check_list_order(int unused)
{
	u64 wa2 = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, val;
	u64 pfr1 = IMAGE_SYS_REG(ID_AA64PFR1_EL1);
	struct kvm_vcpu *from, *to;
	struct kvm_reg_list *list;
	struct kvm_vm *vms[2];
	int i;

	vms[0] = fw_vm_create_one(&from);
	vms[1] = fw_vm_create_one(&to);
	val = vcpu_get_reg(from, pfr1);
	expect_set(from, pfr1, val & ~ID_AA64PFR1_EL1_SSBS, 0,
		   "ID_AA64PFR1_EL1");

	if (vcpu_get_reg(from, wa2) == vcpu_get_reg(to, wa2)) {
		test_skip("the level does not depend on SSBS on this host");
	} else {
		list = vcpu_get_reg_list(from);
		for (i = 0; i < list->n; i++) {
			if (list->reg[i] != wa2 && list->reg[i] != pfr1)
				continue;
			val = vcpu_get_reg(from, list->reg[i]);
			expect_set(to, list->reg[i], val, 0,
				   list->reg[i] == wa2 ? "WORKAROUND_2" :
				   "ID_AA64PFR1_EL1");
		}
		free(list);
	}
	kvm_vm_free(vms[1]);
	kvm_vm_free(vms[0]);
}

/* ---- ID_AA64PFR1_EL1 of a VM without MTE ---- */

static void check_pfr1_written_back(int unused)
{
	u64 pfr1 = IMAGE_SYS_REG(ID_AA64PFR1_EL1);
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = fw_vm_create_one(&vcpu);
	expect_set(vcpu, pfr1, vcpu_get_reg(vcpu, pfr1), 0, "ID_AA64PFR1_EL1");
	kvm_vm_free(vm);
}

/* ---- Warnings ---- */

/* KVM resets the PMU's registers with the version that the VM has now. */
static void check_pmu_version(int unused)
{
	u64 id = IMAGE_SYS_REG(ID_AA64DFR0_EL1);
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	u64 dfr0;
	int ret;

	if (!kvm_has_cap(KVM_CAP_ARM_PMU_V3)) {
		test_skip("no PMU");
		return;
	}

	kernel_log_read(NULL);
	vm = __fw_vm_create(1, PSCI_0_2 | PMU_V3, fw_guest_code, &vcpu);
	dfr0 = vcpu_get_reg(vcpu, id);
	vcpu_set_reg(vcpu, id, dfr0 & ~PMU_VERSION);
	ret = __vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &vcpu->init);
	test_expect(!ret, "KVM_ARM_VCPU_INIT: %s", strerror(errno));
	ret = kernel_log_read(NULL);
	test_expect(!ret, "the kernel's log has %d lines", ret);
	kvm_vm_free(vm);
}

#define FAILSLAB	"/sys/kernel/debug/failslab/task-filter"
#define MAX_FAULTS	64

/* Each allocation fails once, and all that follow it. */
static void check_filter_memory(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int n, ret = ENOMEM;

	kernel_log_read(NULL);
	inject_require();
	inject_select(INJECT_SLAB);
	for (n = 1; ret && n < MAX_FAULTS; n++) {
		vm = fw_vm_create_one(&vcpu);
		inject_all();
		inject_nth(n);
		ret = smccc_set_filter(vm, 0xc3000000, 1,
				       KVM_SMCCC_FILTER_DENY);
		inject_end();
		test_expect(!ret || ret == ENOMEM || ret == EFAULT,
			    "fault %d: %s", n, strerror(ret));
		kvm_vm_free(vm);
	}
	test_expect(n > 3 && !ret, "no memory was needed");
	ret = kernel_log_read(NULL);
	test_expect(!ret, "the kernel's log has %d lines", ret);
}

static const struct test_case cases[] = {
	{ "a VM with EL2: AArch32 ID registers are 0, and writes ignored",
	  check_el2_aarch32 },
	{ "KVM_CREATE_VM: each IPA size is what the VM gets, others EINVAL",
	  check_ipa_size },
	{ "ICC_CTLR_EL1: a refused write changes nothing", check_icc_ctlr },
	{ "a first KVM_RUN that failed: what is hidden later is UNDEFINED",
	  check_failed_run },
	{ "WORKAROUND_2 and SSBS can be restored in the list's order",
	  check_list_order },
	{ "ID_AA64PFR1_EL1 without MTE can be written back",
	  check_pfr1_written_back },
};

static const struct test_case pmu_warning = {
	"a VM with a PMU of version 0: no warning", check_pmu_version };
static const struct test_case filter_warning = {
	"SMCCC filter without memory: ENOMEM, no warning",
	check_filter_memory };

int main(int argc, char **argv)
{
	bool warnings = argc == 2 && !strcmp(argv[1], "-w");
	bool faults = warnings && !access(FAILSLAB, W_OK);

	if (argc > 1 && !warnings) {
		fprintf(stderr, "usage: %s [-w]\n", argv[0]);
		return KSFT_FAIL;
	}

	ksft_print_header();
	test_disable_default_vgic();
	test_set_plan(ARRAY_SIZE(cases) + warnings + faults);
	test_run_cases(cases, ARRAY_SIZE(cases));
	if (warnings) {
		kernel_log_open();
		test_run_cases(&pmu_warning, 1);
	}
	if (faults)
		test_run_cases(&filter_warning, 1);

	test_finished();
}
