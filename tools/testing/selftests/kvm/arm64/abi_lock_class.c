// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_lock_class - The Rust code takes C's locks, as lockdep sees it.
 *
 * C and Rust exclude each other only if they take the same locks, and lockdep
 * finds a deadlock between them only if these are of the same class. So
 * whichever implementation serves a call, it must take kvm->arch.config_lock
 * and vcpu->arch.mp_state_lock equally often, and in the same order with other
 * locks. Each lock must have one class, and Rust must not make any.
 *
 * Needs CONFIG_PROVE_LOCKING, and CONFIG_DEBUG_LOCKDEP to count.
 */
#include <errno.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/psci.h"
#include "abi/reg_image.h"
#include "abi/smccc_call.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "abi/switch.h"
#include "processor.h"
#include "test_util.h"

#define LOCKDEP		"/proc/lockdep"
#define LOCKDEP_STATS	"/proc/lockdep_stats"

#define LOCK_NAME	96
#define MAX_LOCK_EDGES	256

struct lock_class {
	char name[LOCK_NAME];
	unsigned long ops;
	/* With this name */
	int nr_classes;
};

/* Which lock was taken directly under which */
struct lock_edge {
	char outer[LOCK_NAME];
	char inner[LOCK_NAME];
};

struct lock_edges {
	int nr;
	struct lock_edge edge[MAX_LOCK_EDGES];
};

/* Drop the suffix that distinguishes classes of the same name. */
static void lock_set_name(char *to, const char *from)
{
	size_t len = strcspn(from, "#/\n");

	if (len >= LOCK_NAME)
		len = LOCK_NAME - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

static FILE *lock_open_classes(void)
{
	FILE *f = fopen(LOCKDEP, "r");

	TEST_ASSERT(f, LOCKDEP ": %s", strerror(errno));
	return f;
}

/* Parse the line of a class; false if it is not one. */
static bool lock_parse_class(const char *line, char *name, unsigned long *ops)
{
	const char *sep = strstr(line, ": "), *p = strstr(line, " OPS:"), *next;

	if (!p || sscanf(p, " OPS:%lu", ops) != 1)
		return false;

	/* "FD:    1" has blanks after a colon, too: the last colon counts. */
	for (; sep; sep = next) {
		next = strstr(sep + 1, ": ");
		if (!next)
			break;
	}
	lock_set_name(name, sep + 2);
	return true;
}

static const char *lock_parse_edge(const char *line)
{
	const char *p = strstr(line, " -> [");

	p = p ? strstr(p, "] ") : NULL;
	return p ? p + 2 : NULL;
}

/* Fill in the data of the class that @c names. */
static void lock_class_read(struct lock_class *c)
{
	char line[256], name[LOCK_NAME];
	FILE *f = lock_open_classes();
	unsigned long ops;

	c->ops = 0;
	c->nr_classes = 0;
	while (fgets(line, sizeof(line), f)) {
		if (!lock_parse_class(line, name, &ops) || strcmp(name, c->name))
			continue;
		c->ops += ops;
		c->nr_classes++;
	}
	fclose(f);
}

typedef void (*lock_name_fn)(const char *name);

/* Call @fn once for each class. */
static void lock_call_with_names(lock_name_fn fn)
{
	char line[256], name[LOCK_NAME];
	FILE *f = lock_open_classes();
	unsigned long ops;

	while (fgets(line, sizeof(line), f)) {
		if (lock_parse_class(line, name, &ops))
			fn(name);
	}
	fclose(f);
}

static bool lock_has_edge(const struct lock_edges *e, const char *outer,
			  const char *inner)
{
	int i;

	for (i = 0; i < e->nr; i++) {
		if (!strcmp(e->edge[i].outer, outer) &&
		    !strcmp(e->edge[i].inner, inner))
			return true;
	}

	return false;
}

/* Add the edges from and to a class, each once. */
static void lock_edges_read(struct lock_edges *e, const char *class)
{
	char line[256], outer[LOCK_NAME] = "", inner[LOCK_NAME];
	FILE *f = lock_open_classes();
	unsigned long ops;
	const char *p;

	while (fgets(line, sizeof(line), f)) {
		if (lock_parse_class(line, outer, &ops))
			continue;
		p = lock_parse_edge(line);
		if (!p)
			continue;
		lock_set_name(inner, p);
		if ((strcmp(outer, class) && strcmp(inner, class)) ||
		    lock_has_edge(e, outer, inner))
			continue;
		TEST_ASSERT(e->nr < MAX_LOCK_EDGES, "Too many edges");
		lock_set_name(e->edge[e->nr].outer, outer);
		lock_set_name(e->edge[e->nr].inner, inner);
		e->nr++;
	}
	fclose(f);
}

/* Whether lockdep counts; it gives up after the first problem that it finds. */
static bool lock_debugging_is_on(void)
{
	FILE *f = fopen(LOCKDEP_STATS, "r");
	char line[256];
	int on = 0;

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " debug_locks: %d", &on) == 1)
			break;
	}
	fclose(f);
	return on == 1;
}

#define CONFIG_LOCK	"&kvm->arch.config_lock"
#define STATE_LOCK	"&vcpu->arch.mp_state_lock"
#define VCPU_LOCK	"&vcpu->mutex"

/* How often each call is made. */
#define NR_CALLS	64

/* vCPU 0 makes the calls, 1 is off, 2 is on but does not run. */
#define NR_VCPUS	3

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[NR_VCPUS];

/* ---- Calls ---- */

static void expect_reg_set(u64 id, u64 val, int want)
{
	int ret = one_reg_set(vcpus[0], id, val);

	test_expect(ret == want, "%#lx <- %#lx: %s", id, val, strerror(ret));
}

static void read_bitmap(int i)
{
	vcpu_get_reg(vcpus[0], KVM_REG_ARM_VENDOR_HYP_BMAP);
}

static void write_bitmap(int i)
{
	expect_reg_set(KVM_REG_ARM_VENDOR_HYP_BMAP, 1 + 2 * (i & 1), 0);
}

static void write_bad_bitmap(int i)
{
	expect_reg_set(KVM_REG_ARM_VENDOR_HYP_BMAP, BIT(2 + i % 62), EINVAL);
}

static void write_frozen_bitmap(int i)
{
	expect_reg_set(KVM_REG_ARM_VENDOR_HYP_BMAP, 0, EBUSY);
}

static void write_psci_version(int i)
{
	expect_reg_set(KVM_REG_ARM_PSCI_VERSION,
		       fw_psci_versions[i % FW_NR_PSCI_VERSIONS], 0);
}

static void write_id_reg(int i)
{
	u64 id = IMAGE_SYS_REG(ID_AA64ISAR0_EL1);

	expect_reg_set(id, vcpu_get_reg(vcpus[0], id), 0);
}

static void set_filter(int i)
{
	test_expect(!smccc_set_filter(vm, FILTER_FREE + i, 1, FILTER_DENY),
		    "range %d is refused", i);
}

static void set_bad_filter(int i)
{
	test_expect(smccc_set_filter(vm, FILTER_FREE + i, 0,
				     FILTER_DENY) == EINVAL,
		    "range of no functions is not refused");
}

static void expect_call(u64 fn, u64 x1, u64 x2, s64 want)
{
	struct smccc_call c = smccc_call(vcpus[0], SMCCC_HVC, fn, x1, x2, 0);

	test_expect(c.exit == KVM_EXIT_MMIO && c.x[0] == want,
		    "call %#lx(%#lx): exit %u, x0 %#lx", fn, x1, c.exit,
		    c.x[0]);
}

static void cpu_on_of_nobody(int i)
{
	expect_call(PSCI_0_2_FN64_CPU_ON, 0x100 + i, SMCCC_CODE_GPA,
		    PSCI_RET_INVALID_PARAMS);
}

static void cpu_on_of_running(int i)
{
	expect_call(PSCI_0_2_FN64_CPU_ON, 2, SMCCC_CODE_GPA,
		    PSCI_RET_ALREADY_ON);
}

/* Userspace's access resets the vCPU; then it is turned off again. */
static void cpu_on(int i)
{
	expect_call(PSCI_0_2_FN64_CPU_ON, 1, SMCCC_CODE_GPA, PSCI_RET_SUCCESS);
	test_expect(psci_get_pc(vcpus[1]) == SMCCC_CODE_GPA, "it is not reset");
	smccc_set_mp_state(vcpus[1], KVM_MP_STATE_STOPPED);
}

static void affinity_info(int i)
{
	expect_call(PSCI_0_2_FN64_AFFINITY_INFO, i & 1, 0,
		    i & 1 ? PSCI_0_2_AFFINITY_LEVEL_OFF :
			    PSCI_0_2_AFFINITY_LEVEL_ON);
}

static void features(int i)
{
	struct smccc_call c = smccc_call(vcpus[0], SMCCC_HVC,
					 ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID,
					 0, 0, 0);

	test_expect(c.exit == KVM_EXIT_MMIO, "exit %u", c.exit);
}

/* All vCPUs stop, and two of them are turned on again. */
static void system_off(int i)
{
	struct smccc_call c = smccc_call(vcpus[0], SMCCC_HVC,
					 PSCI_0_2_FN_SYSTEM_OFF, 0, 0, 0);

	test_expect(c.exit == KVM_EXIT_SYSTEM_EVENT, "exit %u", c.exit);
	smccc_set_mp_state(vcpus[0], KVM_MP_STATE_RUNNABLE);
	smccc_set_mp_state(vcpus[2], KVM_MP_STATE_RUNNABLE);
}

/*
 * How often C takes each lock in a call, according to its source; and how often
 * the mode check takes the config_lock in addition, so that both sides decide
 * on the same PSCI version and bitmap. It takes no lock to see what C has seen of
 * other vCPUs, since C reports that.
 */
struct taken {
	int config_lock;
	int state_lock;
};

static const struct call {
	const char *name;
	void (*make)(int i);
	bool before_first_run;
	struct taken c;
	int check;
} calls[] = {
	{ "read of a bitmap", read_bitmap, true, { 0, 0 }, 1 },
	{ "write of a bitmap", write_bitmap, true, { 1, 0 } },
	{ "write of an unsupported bit", write_bad_bitmap, true, { 0, 0 } },
	{ "write of the PSCI version", write_psci_version, true, { 0, 0 }, 1 },
	{ "read and write of an ID register", write_id_reg, true, { 2, 0 } },
	{ "range of the filter", set_filter, true, { 1, 0 } },
	{ "bad range of the filter", set_bad_filter, true, { 0, 0 } },
	{ "read of a bitmap that is frozen", read_bitmap, false, { 0, 0 }, 1 },
	{ "write of a bitmap that is frozen", write_frozen_bitmap, false,
	  { 1, 0 } },
	{ "FEATURES", features, false, { 0, 0 } },
	{ "AFFINITY_INFO", affinity_info, false, { 0, 0 }, 1 },
	{ "CPU_ON of a vCPU that is not there", cpu_on_of_nobody, false,
	  { 0, 0 }, 1 },
	{ "CPU_ON of a vCPU that is on", cpu_on_of_running, false, { 0, 1 },
	  1 },
	/* For the call, for the reset, and for userspace turning it off */
	{ "CPU_ON of a vCPU that is off", cpu_on, false, { 0, 3 }, 1 },
	{ "SYSTEM_OFF", system_off, false, { 0, NR_VCPUS + 2 }, 1 },
};

/* ---- How often the locks are taken ---- */

static void check_call(const struct call *call, bool checking)
{
	struct lock_class before[] = { { CONFIG_LOCK }, { STATE_LOCK } };
	struct lock_class after[] = { { CONFIG_LOCK }, { STATE_LOCK } };
	const unsigned long want[] = {
		call->c.config_lock + (checking ? call->check : 0),
		call->c.state_lock,
	};
	unsigned long taken;
	int i;

	for (i = 0; i < ARRAY_SIZE(before); i++)
		lock_class_read(&before[i]);
	for (i = 0; i < NR_CALLS; i++)
		call->make(i);
	for (i = 0; i < ARRAY_SIZE(after); i++)
		lock_class_read(&after[i]);

	for (i = 0; i < ARRAY_SIZE(after); i++) {
		taken = after[i].ops - before[i].ops;
		test_expect(taken == want[i] * NR_CALLS,
			    "%s: %s is taken %lu times by %d calls, expected %lu",
			    call->name, after[i].name, taken, NR_CALLS,
			    want[i] * NR_CALLS);
	}
}

static void check_calls(const char *mode)
{
	bool first_run_done = false;
	int i;

	abi_set_mode(mode);
	vm = smccc_vm_create(NR_VCPUS, BIT(KVM_ARM_VCPU_PSCI_0_2) |
			     BIT(KVM_ARM_VCPU_POWER_OFF), vcpus);
	smccc_set_mp_state(vcpus[2], KVM_MP_STATE_RUNNABLE);

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		if (!calls[i].before_first_run && !first_run_done) {
			features(0);
			first_run_done = true;
		}
		check_call(&calls[i], !strcmp(mode, "check"));
	}
	kvm_vm_free(vm);
}

/* ---- The order of locks ---- */

static struct lock_edges edges_of_c;

static struct lock_edges read_edges(void)
{
	struct lock_edges e = {};

	lock_edges_read(&e, CONFIG_LOCK);
	lock_edges_read(&e, STATE_LOCK);
	return e;
}

static void check_mode_c(int unused)
{
	check_calls("c");

	edges_of_c = read_edges();
	test_expect(lock_has_edge(&edges_of_c, VCPU_LOCK, CONFIG_LOCK),
		    "lockdep has not seen %s taken under %s", CONFIG_LOCK,
		    VCPU_LOCK);
	test_expect(lock_has_edge(&edges_of_c, VCPU_LOCK, STATE_LOCK),
		    "lockdep has not seen %s taken under %s", STATE_LOCK,
		    VCPU_LOCK);
	ksft_print_msg("%d orders of locks\n", edges_of_c.nr);
}

/*
 * A tick can make RCU report a quiescent state at the end of the read-side
 * section that it interrupted. RCU's own locks are then taken under whichever
 * lock is held, in any mode.
 */
static bool is_rcu(const char *name)
{
	return !strncmp(name, "rcu_", 4) || !strncmp(name, "&rcu_", 5);
}

/* Locks must not be taken in an order in which C does not take them. */
static void expect_edges_of_c(void)
{
	struct lock_edges now = read_edges();
	int i;

	for (i = 0; i < now.nr; i++) {
		if (is_rcu(now.edge[i].inner))
			continue;
		test_expect(lock_has_edge(&edges_of_c, now.edge[i].outer,
					  now.edge[i].inner),
			    "%s is taken under %s", now.edge[i].inner,
			    now.edge[i].outer);
	}
}

static void check_mode_rust(int unused)
{
	check_calls("rust");
	expect_edges_of_c();
}

/*
 * Here the config_lock is held where C holds no lock, and preemption of the
 * vCPU then takes locks that C takes elsewhere. So the orders may differ from
 * C's, but lockdep would report an inversion.
 */
static void check_mode_check(int unused)
{
	check_calls("check");
}

/* ---- Which classes there are ---- */

/* Rust names a class after the file and the line that make it. */
static void expect_not_rust(const char *name)
{
	test_expect(!strstr(name, ".rs:") && !strstr(name, "rust") &&
		    !strstr(name, "::"), "There is a class '%s'", name);
}

static void check_classes(int unused)
{
	struct lock_class classes[] = {
		{ CONFIG_LOCK }, { STATE_LOCK }, { VCPU_LOCK },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(classes); i++) {
		lock_class_read(&classes[i]);
		test_expect(classes[i].nr_classes == 1,
			    "There are %d classes %s",
			    classes[i].nr_classes, classes[i].name);
	}
	lock_call_with_names(expect_not_rust);

	test_expect(lock_debugging_is_on(), "lockdep has given up");
}

static const struct test_case cases[] = {
	{ "mode c: each call takes the locks as often as C's source says",
	  check_mode_c },
	{ "mode rust: as often, and in the same order with other locks",
	  check_mode_rust },
	{ "mode check: as often, plus once for what C reads without a lock",
	  check_mode_check },
	{ "one class of each lock, and none made by Rust",
	  check_classes },
};

/*
 * A task that is preempted takes the locks of the scheduler, and a vCPU those of
 * its timer and its vGIC, too, under whichever lock it holds.
 */
static void avoid_preemption(void)
{
	struct sched_param param = { .sched_priority = 1 };
	int ret = sched_setscheduler(0, SCHED_FIFO, &param);

	TEST_ASSERT(!ret, "sched_setscheduler: %s", strerror(errno));
}

int main(void)
{
	struct lock_class c = { CONFIG_LOCK };

	ksft_print_header();

	if (access(LOCKDEP, R_OK))
		ksft_exit_skip(LOCKDEP ": the kernel has no CONFIG_PROVE_LOCKING\n");
	if (!abi_open())
		ksft_exit_skip("this kernel has one implementation\n");

	/* Make a VM, so that lockdep knows the classes. */
	kvm_vm_free(vm_create_barebones());
	lock_class_read(&c);
	if (!c.nr_classes)
		ksft_exit_skip(LOCKDEP ": the kernel has no CONFIG_DEBUG_LOCKDEP\n");

	avoid_preemption();
	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
