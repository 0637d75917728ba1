// SPDX-License-Identifier: GPL-2.0-only
/*
 * migration_guide - The VMM of rust-opt-in-migration.rst saves and restores VMs.
 *
 * The code below abi/guide is what the page shows. It is independent of this test:
 * whoever copies it gets what is tested here. Each case saves a VM whose guest has
 * run, restores it in another one, lets the guest go on there and ask the same, and
 * compares all registers. Each is done register by register, as any kernel can, and
 * as a set.
 */
#include <fcntl.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>
#include <linux/sizes.h>
#include <sys/mman.h>

#include "abi/cases.h"
#include "abi/guide/vmm.h"
#include "abi/opt_in.h"
#include "kvm_util.h"
#include "processor.h"

#define PFR1		KVM_ARM64_SYS_REG(SYS_ID_AA64PFR1_EL1)
#define ISAR0		KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR0_EL1)
#define MIDR		KVM_ARM64_SYS_REG(SYS_MIDR_EL1)
#define PFR1_SSBS	GENMASK(7, 4)
#define MIDR_REVISION	GENMASK(3, 0)
#define IIDR_REVISION	GENMASK(15, 12)

/* The ways to restore */
enum { ONE_BY_ONE, AS_SET, ALL_OPT_INS, NR_WAYS };

/* For the last way, all that the host has. */
static u32 opt_ins[NR_WAYS] = {
	[AS_SET] = KVM_ARM_MIGRATION_VM_CONFIG,
};

static int kvm_fd;
static u32 gic;
static struct saved saved, again;

/* ---- A guest ---- */

#define MEMORY		0x40000000
#define NOWHERE		0x10000000
#define CORE(r)		ARM64_CORE_REG(r)

/* It makes a call for each run, and counts them. */
static const u32 code[] = {
	0xd4000002,	/* hvc #0 */
	0x910006b5,	/* add x21, x21, #1 */
	0xf9000280,	/* str x0, [x20] */
	0x17fffffd,	/* b . - 12 */
};

struct guest {
	struct vm vm;
	struct kvm_run *run[MAX_VCPUS];
	void *memory;
};

static u64 get(int fd, u64 id)
{
	struct reg reg = { .id = id };

	TEST_ASSERT(!vmm_get_reg(fd, &reg), "%#lx", id);
	return reg.val;
}

static int set(int fd, u64 id, u64 val)
{
	struct reg reg = { .id = id, .val = val };

	return vmm_set_reg(fd, &reg);
}

/* Give a VM its memory and its vCPUs' pages. */
static void furnish(struct guest *g, const struct machine *m)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = MEMORY,
		.memory_size = SZ_64K,
	};
	u32 i;

	g->memory = mmap(NULL, SZ_64K, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(g->memory != MAP_FAILED, "memory");
	region.userspace_addr = (uintptr_t)g->memory;
	memcpy(g->memory, code, sizeof(code));
	TEST_ASSERT(!ioctl(g->vm.fd, KVM_SET_USER_MEMORY_REGION, &region), "memory");
	for (i = 0; i < m->nr_vcpus; i++) {
		g->run[i] = mmap(NULL, SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED,
				 g->vm.vcpu_fd[i], 0);
		TEST_ASSERT(g->run[i] != MAP_FAILED, "struct kvm_run");
	}
}

static void begin(struct guest *g, const struct machine *m)
{
	u32 i;

	TEST_ASSERT(!vmm_make(kvm_fd, m, NULL, &g->vm), "no VM");
	furnish(g, m);
	for (i = 0; i < m->nr_vcpus; i++) {
		set(g->vm.vcpu_fd[i], CORE(regs.pc), MEMORY);
		set(g->vm.vcpu_fd[i], CORE(regs.regs[20]), NOWHERE);
	}
}

static void end(struct guest *g, const struct machine *m)
{
	u32 i;

	for (i = 0; i < m->nr_vcpus; i++)
		munmap(g->run[i], SZ_4K);
	vmm_close(&g->vm);
	munmap(g->memory, SZ_64K);
}

/* What the guest gets. Afterwards no access is left to be completed. */
static u64 call(struct guest *g, u32 vcpu, u32 function, u64 arg)
{
	struct kvm_run *run = g->run[vcpu];
	int fd = g->vm.vcpu_fd[vcpu];
	u64 result;

	set(fd, CORE(regs.regs[0]), function);
	set(fd, CORE(regs.regs[1]), arg);
	TEST_ASSERT(!ioctl(fd, KVM_RUN, 0) && run->exit_reason == KVM_EXIT_MMIO &&
		    run->mmio.phys_addr == NOWHERE, "exit %u", run->exit_reason);
	memcpy(&result, run->mmio.data, sizeof(result));
	run->immediate_exit = 1;
	TEST_ASSERT(ioctl(fd, KVM_RUN, 0) && errno == EINTR, "not completed");
	run->immediate_exit = 0;
	return result;
}

static const struct {
	u32 function;
	u64 arg;
} calls[] = {
	{ ARM_SMCCC_VERSION_FUNC_ID },
	{ PSCI_0_2_FN_PSCI_VERSION },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_1 },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_2 },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_3 },
	{ ARM_SMCCC_TRNG_VERSION },
};

#define NR_CALLS	ARRAY_SIZE(calls)

static void ask(struct guest *g, const struct machine *m, u64 *answers)
{
	u32 i, vcpu;

	for (vcpu = 0; vcpu < m->nr_vcpus; vcpu++) {
		for (i = 0; i < NR_CALLS; i++)
			*answers++ = call(g, vcpu, calls[i].function, calls[i].arg);
	}
}

/* ---- Machines ---- */

static struct machine machine(int way)
{
	return (struct machine){
		.opt_in = opt_ins[way],
		.gic = gic,
		.nr_vcpus = MAX_VCPUS,
		.init.features[0] = BIT(KVM_ARM_VCPU_PSCI_0_2),
	};
}

/* The counters run. */
static bool is_counter(u64 id)
{
	return id == KVM_REG_ARM_TIMER_CNT || id == KVM_REG_ARM_PTIMER_CNT;
}

static void expect_same(const struct machine *m)
{
	u32 vcpu, i;

	test_expect(saved.gicd_iidr == again.gicd_iidr, "GICD_IIDR is %#x, not %#x",
		    again.gicd_iidr, saved.gicd_iidr);
	for (vcpu = 0; vcpu < m->nr_vcpus; vcpu++) {
		const struct saved_vcpu *a = &saved.vcpu[vcpu], *b = &again.vcpu[vcpu];

		test_expect(a->gicc_pmr == b->gicc_pmr, "GICC_PMR is %#x, not %#x",
			    b->gicc_pmr, a->gicc_pmr);
		test_expect(a->nr == b->nr, "%u registers, not %u", b->nr, a->nr);
		for (i = 0; i < a->nr && i < b->nr; i++) {
			test_expect(a->reg[i].id == b->reg[i].id &&
				    (is_counter(a->reg[i].id) ||
				     !memcmp(a->reg[i].bytes, b->reg[i].bytes,
					     sizeof(a->reg[i].bytes))),
				    "vCPU %u: %#lx is %#lx, not %#lx", vcpu,
				    (u64)a->reg[i].id, (u64)b->reg[i].val,
				    (u64)a->reg[i].val);
		}
	}
}

/* Save a VM, restore it as @to, and let its guest continue; the source is ended. */
static void move(struct guest *g, const struct machine *from, const struct machine *to)
{
	u64 before[MAX_VCPUS * NR_CALLS], after[MAX_VCPUS * NR_CALLS];
	struct guest here = { };
	int i;

	ask(g, from, before);
	TEST_ASSERT(!vmm_save(&g->vm, from, &saved), "not saved");
	if (to->opt_in & KVM_ARM_MIGRATION_VM_CONFIG)
		test_expect(!vmm_check(kvm_fd, to, &saved), "CHECK refuses it");
	if (vmm_restore(kvm_fd, to, &saved, &here.vm)) {
		test_expect(false, "not restored");
		end(g, from);
		return;
	}
	furnish(&here, to);
	memcpy(here.memory, g->memory, SZ_64K);
	end(g, from);

	TEST_ASSERT(!vmm_save(&here.vm, to, &again), "not saved again");
	/* Levels are listed by who has opted in. */
	if (!((from->opt_in ^ to->opt_in) & KVM_ARM_MIGRATION_FEATURE_LEVELS))
		expect_same(to);
	ask(&here, to, after);
	for (i = 0; i < to->nr_vcpus * NR_CALLS; i++)
		test_expect(before[i] == after[i], "call %#x: %#lx, not %#lx",
			    calls[i % NR_CALLS].function, after[i], before[i]);
	for (i = 0; i < to->nr_vcpus; i++)
		test_expect(get(here.vm.vcpu_fd[i], CORE(regs.regs[21])) == 2 * NR_CALLS,
			    "the guest lost its count");
	end(&here, to);
}

/* ---- Cases ---- */

static void check_move(int way)
{
	struct machine m = machine(way);
	struct guest g = { };

	begin(&g, &m);
	set(g.vm.vcpu_fd[0], KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 1));
	set(g.vm.vcpu_fd[1], KVM_REG_ARM_STD_BMAP, 0);
	move(&g, &m, &m);
}

/* A VM that was saved without a set can be restored as one, and the other way. */
static void check_other_way(int from)
{
	struct machine a = machine(from), b = machine(from == AS_SET ? ONE_BY_ONE : AS_SET);
	struct guest g = { };

	begin(&g, &a);
	set(g.vm.vcpu_fd[0], KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 0));
	move(&g, &a, &b);
}

/*
 * Restores in the order of the list, as the page's code never does. On an affected
 * host, the value of WORKAROUND_2 without SSBS is above that with SSBS.
 */
static bool list_order_fails(const struct machine *m)
{
	struct saved_vcpu *s = &saved.vcpu[0];
	struct vm vm;
	u32 i;
	int ret = 0;

	TEST_ASSERT(!vmm_make(kvm_fd, m, NULL, &vm), "no VM");
	for (i = 0; i < s->nr && !ret; i++)
		ret = vmm_set_reg(vm.vcpu_fd[0], &s->reg[i]);
	vmm_close(&vm);
	return ret;
}

static void check_ssbs(int way)
{
	struct machine m = machine(way);
	struct guest g = { };
	u64 pfr1, with, without;
	int fd;

	begin(&g, &m);
	fd = g.vm.vcpu_fd[0];
	pfr1 = get(fd, PFR1);
	with = get(fd, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2);
	if (!(pfr1 & PFR1_SSBS) || set(fd, PFR1, pfr1 & ~PFR1_SSBS)) {
		test_skip("the host has no SSBS that can be hidden");
		end(&g, &m);
		return;
	}
	without = get(fd, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2);
	move(&g, &m, &m);
	test_expect(list_order_fails(&m) == (without > with),
		    "the order of the list: WORKAROUND_2 is %#lx, with SSBS %#lx",
		    without, with);
}

/* How many lines of the messages have this text */
static int said(FILE *messages, const char *text)
{
	char line[256];
	int n = 0;

	rewind(messages);
	while (fgets(line, sizeof(line), messages))
		n += !!strstr(line, text);
	return n;
}

/* Run vmm_check() or vmm_restore() with its messages in a file. */
static int try(const struct machine *m, bool check, FILE *messages)
{
	int err = dup(STDERR_FILENO), ret;
	struct vm vm;

	TEST_ASSERT(!ftruncate(fileno(messages), 0), "ftruncate");
	rewind(messages);
	dup2(fileno(messages), STDERR_FILENO);
	ret = check ? vmm_check(kvm_fd, m, &saved) : vmm_restore(kvm_fd, m, &saved, &vm);
	dup2(err, STDERR_FILENO);
	close(err);
	if (!ret && !check)
		vmm_close(&vm);
	return ret;
}

static void damage(u64 id, u64 val)
{
	u32 vcpu, i;

	for (vcpu = 0; vcpu < MAX_VCPUS; vcpu++) {
		for (i = 0; i < saved.vcpu[vcpu].nr; i++) {
			if (saved.vcpu[vcpu].reg[i].id == id)
				saved.vcpu[vcpu].reg[i].val = val;
		}
	}
}

static void check_refused(int way)
{
	bool as_set = way != ONE_BY_ONE;
	FILE *messages = tmpfile();
	struct machine m = machine(way);
	struct guest g = { };
	int check;

	begin(&g, &m);
	TEST_ASSERT(!vmm_save(&g.vm, &m, &saved), "not saved");
	end(&g, &m);
	damage(KVM_REG_ARM_PSCI_VERSION, 0x10004);
	damage(ISAR0, -1ul);
	for (check = 0; check <= as_set; check++) {
		test_expect(try(&m, check, messages) == -1, "it is taken");
		test_expect(said(messages, "Invalid argument") == (as_set ? 2 : 1),
			    "not each register has a line");
		test_expect(said(messages, "0x603000000013c030") == 1, "no ISAR0");
		test_expect(said(messages, "0x6030000000140000") == as_set, "PSCI");
		test_expect(said(messages, "0x10003 would do") == as_set,
			    "no other version");
	}
	fclose(messages);
}

static void check_machines(int unused)
{
	struct machine from = machine(ALL_OPT_INS), to = machine(ALL_OPT_INS);
	FILE *messages = tmpfile();
	struct guest g = { };

	begin(&g, &from);
	TEST_ASSERT(!vmm_save(&g.vm, &from, &saved), "not saved");
	test_expect(vmm_opted_in(g.vm.fd) == (int)from.opt_in, "not read back");
	end(&g, &from);

	to.opt_in &= ~KVM_ARM_MIGRATION_FEATURE_LEVELS;
	test_expect(try(&to, false, messages) == -1, "without levels");
	test_expect(said(messages, "another machine type") == 1, "without a reason");
	to = machine(ALL_OPT_INS);
	to.opt_in &= ~KVM_ARM_MIGRATION_CANONICAL_PMR;
	test_expect(try(&to, false, messages) == -1, "without GICC_PMR in eight bits");
	test_expect(said(messages, "another machine type") == 1, "without a reason");
	to = machine(ALL_OPT_INS);
	to.init.features[0] |= BIT(KVM_ARM_VCPU_PMU_V3);
	test_expect(try(&to, false, messages) == -1, "other features");
	to = machine(ALL_OPT_INS);
	to.opt_in |= BIT(31);
	test_expect(try(&to, false, messages) == -1, "what no host knows");
	test_expect(said(messages, "capability 0x41524d10") == 1, "without a reason");
	to = machine(ALL_OPT_INS);
	test_expect(!try(&to, false, messages), "the same");
	/* The destination may lack what no register shows. */
	to.opt_in = KVM_ARM_MIGRATION_FEATURE_LEVELS | KVM_ARM_MIGRATION_CANONICAL_PMR;
	test_expect(!try(&to, false, messages), "what registers show only");
	fclose(messages);
}

static void check_sve(int way)
{
	struct machine m = machine(way);
	struct guest g = { };
	struct reg lengths = { .id = KVM_REG_ARM64_SVE_VLS, .val = 1 };
	struct reg z0 = { .id = KVM_REG_ARM64_SVE_ZREG(0, 0) };
	u32 i;

	if (!ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_SVE)) {
		test_skip("the host has no SVE");
		return;
	}
	m.init.features[0] |= BIT(KVM_ARM_VCPU_SVE);
	TEST_ASSERT(!vmm_make(kvm_fd, &m, &lengths, &g.vm), "no VM");
	furnish(&g, &m);
	memset(z0.bytes, 0xa5, 16);
	for (i = 0; i < m.nr_vcpus; i++) {
		set(g.vm.vcpu_fd[i], CORE(regs.pc), MEMORY);
		set(g.vm.vcpu_fd[i], CORE(regs.regs[20]), NOWHERE);
		test_expect(!vmm_set_reg(g.vm.vcpu_fd[i], &z0), "Z0");
	}
	move(&g, &m, &m);
	z0.bytes[0] = 0;
	for (i = 0; i < again.vcpu[1].nr; i++) {
		if (again.vcpu[1].reg[i].id == z0.id)
			z0 = again.vcpu[1].reg[i];
	}
	test_expect(z0.bytes[0] == 0xa5 && z0.bytes[15] == 0xa5, "Z0 is lost");
}

static void check_midr(int way)
{
	FILE *messages = tmpfile();
	struct machine m = machine(way);
	struct guest g = { };
	u64 midr;

	m.imp_id_regs = true;
	begin(&g, &m);
	midr = get(g.vm.vcpu_fd[0], MIDR);
	test_expect(!set(g.vm.vcpu_fd[0], MIDR, midr ^ MIDR_REVISION), "MIDR");
	move(&g, &m, &m);
	m.imp_id_regs = false;
	test_expect(try(&m, false, messages) == -1, "without the capability");
	fclose(messages);
}

static void check_filter(int way)
{
	struct machine m = machine(way);
	struct guest g = { };

	m.nr_filters = 1;
	m.filter[0] = (struct kvm_smccc_filter){
		.base = PSCI_0_2_FN_PSCI_VERSION,
		.nr_functions = 1,
		.action = KVM_SMCCC_FILTER_DENY,
	};
	begin(&g, &m);
	test_expect((int)call(&g, 0, PSCI_0_2_FN_PSCI_VERSION, 0) == -1, "not denied");
	set(g.vm.vcpu_fd[0], CORE(regs.regs[21]), 0);
	/* A VMM that did not set the filter can read it. */
	if (m.opt_in & KVM_ARM_MIGRATION_FILTER_LIST)
		m.nr_filters = 0;
	move(&g, &m, &m);
	test_expect(saved.machine.nr_filters == 1, "%u ranges",
		    saved.machine.nr_filters);
}

static void check_iidr(int way)
{
	struct machine m = machine(way);
	struct guest g = { };
	u32 iidr;

	begin(&g, &m);
	gic_attr(g.vm.gic_fd, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
		 GICD_IIDR, &iidr);
	iidr = (iidr & ~IIDR_REVISION) | FIELD_PREP(IIDR_REVISION, 2);
	test_expect(!gic_attr(g.vm.gic_fd, KVM_SET_DEVICE_ATTR,
			      KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IIDR, &iidr),
		    "revision 2");
	move(&g, &m, &m);
	test_expect(again.gicd_iidr == iidr, "%#x, not %#x", again.gicd_iidr, iidr);
}

static void check_pmr(int way)
{
	struct machine m = machine(way);
	struct guest g = { };
	u32 group, pmr, five;

	if (gic != KVM_DEV_TYPE_ARM_VGIC_V2) {
		test_skip("the VM has no GICv2");
		return;
	}
	begin(&g, &m);
	group = pmr_group(&g.vm, &m);
	pmr = group == KVM_DEV_ARM_VGIC_GRP_CANONICAL ? 0xf8 : 0x1f;
	test_expect(way != ALL_OPT_INS || pmr == 0xf8, "no group of eight bits");
	test_expect(!gicc_pmr(&g.vm, group, KVM_SET_DEVICE_ATTR, 1, &pmr), "GICC_PMR");
	test_expect(!gicc_pmr(&g.vm, KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
			      KVM_GET_DEVICE_ATTR, 1, &five) && five == 0x1f,
		    "%#x in five bits", five);
	move(&g, &m, &m);
	test_expect(again.pmr_group == group && again.vcpu[1].gicc_pmr == pmr,
		    "%#x in group %#x", again.vcpu[1].gicc_pmr, again.pmr_group);
}

/* What a VMM can know before a migration */
static void check_questions(int unused)
{
	struct machine m = machine(ALL_OPT_INS);
	u64 mask = 0, ctlr = 0;
	struct vm vm;
	int fd;

	test_expect(m.opt_in & KVM_ARM_MIGRATION_VM_CONFIG &&
		    m.opt_in & KVM_ARM_MIGRATION_FEATURE_LEVELS, "%#x", m.opt_in);
	test_expect(levels_fit(0x012, 0x112) && levels_fit(0xfff, 0) &&
		    levels_fit(0, 0xfff) && !levels_fit(0x1012, 0x012) &&
		    !levels_fit(0x2, 0x1), "levels");
	test_expect(icc_ctlr_fits(0x8400, 0x8c00) && !icc_ctlr_fits(0x8c00, 0x8400) &&
		    !icc_ctlr_fits(0x8400, 0x0400) && !icc_ctlr_fits(0x4400, 0x0400) &&
		    icc_ctlr_fits(0x0300, 0x0400) && !icc_ctlr_fits(0x0500, 0x0400),
		    "ICC_CTLR_EL1");

	fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	TEST_ASSERT(!opt_in_enable(fd, m.opt_in), "no opt-in");
	test_expect(!choose_psci_1_1(fd), "PSCI 1.1");
	test_expect(!services(fd, KVM_REG_ARM_VENDOR_HYP_BMAP_2, &mask) && mask == 3,
		    "VENDOR_HYP_BMAP_2 can have %#lx", mask);
	test_expect(services(fd, PFR1, &mask), "no bitmap");
	close(fd);

	if (gic == KVM_DEV_TYPE_ARM_VGIC_V2)
		return;
	TEST_ASSERT(!vmm_make(kvm_fd, &m, NULL, &vm), "no VM");
	test_expect(!vmm_icc_ctlr(&vm, &ctlr) && icc_ctlr_fits(ctlr, ctlr), "%#lx", ctlr);
	/* What it takes is what fits. */
	ctlr ^= 0x4000;
	test_expect(gic_attr(vm.gic_fd, KVM_SET_DEVICE_ATTR,
			     KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, 0xc664, &ctlr), "SEIS");
	vmm_close(&vm);
}

static const struct test_case cases[] = {
	{ "a guest goes on, one by one", check_move, ONE_BY_ONE },
	{ "a guest goes on, as a set", check_move, AS_SET },
	{ "a guest goes on, with all opt-ins", check_move, ALL_OPT_INS },
	{ "saved as a set, restored one by one", check_other_way, AS_SET },
	{ "saved one by one, restored as a set", check_other_way, ONE_BY_ONE },
	{ "SSBS is hidden, one by one", check_ssbs, ONE_BY_ONE },
	{ "SSBS is hidden, as a set", check_ssbs, AS_SET },
	{ "SSBS is hidden, with all opt-ins", check_ssbs, ALL_OPT_INS },
	{ "a refusal names registers, one by one", check_refused, ONE_BY_ONE },
	{ "a refusal names registers, as a set", check_refused, AS_SET },
	{ "both ends are of one machine type", check_machines },
	{ "SVE, one by one", check_sve, ONE_BY_ONE },
	{ "SVE, as a set", check_sve, AS_SET },
	{ "MIDR_EL1, one by one", check_midr, ONE_BY_ONE },
	{ "MIDR_EL1, as a set", check_midr, AS_SET },
	{ "the filter, one by one", check_filter, ONE_BY_ONE },
	{ "the filter, as a set", check_filter, AS_SET },
	{ "the filter, with all opt-ins", check_filter, ALL_OPT_INS },
	{ "GICD_IIDR, one by one", check_iidr, ONE_BY_ONE },
	{ "GICD_IIDR, as a set", check_iidr, AS_SET },
	{ "GICC_PMR, one by one", check_pmr, ONE_BY_ONE },
	{ "GICC_PMR, as a set", check_pmr, AS_SET },
	{ "GICC_PMR, with all opt-ins", check_pmr, ALL_OPT_INS },
	{ "questions before a migration", check_questions },
};

int main(void)
{
	struct machine m = machine(ONE_BY_ONE);
	struct vm vm;

	opt_in_require();
	kvm_fd = open_kvm_dev_path_or_exit();
	opt_ins[ALL_OPT_INS] = vmm_available(kvm_fd);

	ksft_print_header();
	gic = KVM_DEV_TYPE_ARM_VGIC_V3;
	m.gic = gic;
	if (vmm_make(kvm_fd, &m, NULL, &vm))
		gic = KVM_DEV_TYPE_ARM_VGIC_V2;
	else
		vmm_close(&vm);

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));
	test_finished();
}
