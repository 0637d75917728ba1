// SPDX-License-Identifier: GPL-2.0-only
/*
 * psci_many_vcpus - PSCI in VMs with many vCPUs, and while vCPUs are created.
 *
 * AFFINITY_INFO checks all vCPUs, CPU_ON finds any of them, and SYSTEM_OFF
 * stops each one, also if the vCPUs are in several nodes of KVM's array, and if
 * their ids fill more than one affinity field. A call that is made while a vCPU
 * is created, or while its creation fails, may or may not find that vCPU, and
 * finds all older ones.
 */
#include <linux/psci.h>
#include <sys/resource.h>

#include "abi/cases.h"
#include "abi/psci.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"

#define PSCI_0_2	BIT(KVM_ARM_VCPU_PSCI_0_2)

#define ENTRY		(SMCCC_CODE_GPA + 4)
#define CONTEXT_ID	0x3a1dUL

#define ON		PSCI_0_2_AFFINITY_LEVEL_ON
#define OFF		PSCI_0_2_AFFINITY_LEVEL_OFF
#define INVALID		((u64)PSCI_RET_INVALID_PARAMS)

#define MAX_VCPUS	257

static struct kvm_vm *vm;
/* Indexed by their ids */
static struct kvm_vcpu *vcpus[MAX_VCPUS];

/* A cluster has 16 ids. */
static u64 affinity_of(u32 id)
{
	return PSCI_AFF(0, 0, id / 16, id % 16);
}

static void init_vcpu(u32 id)
{
	struct kvm_vcpu_init init = {};

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] = PSCI_0_2 | (id ? BIT(KVM_ARM_VCPU_POWER_OFF) : 0);
	vcpus[id]->init = init;
	vcpu_ioctl(vcpus[id], KVM_ARM_VCPU_INIT, &init);
}

static u64 ask(u64 affinity, u64 level)
{
	struct smccc_call c;

	c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_0_2_FN64_AFFINITY_INFO,
		       affinity, level, 0);
	test_expect(c.exit == KVM_EXIT_MMIO && c.pc == 4 && !c.err,
		    "AFFINITY_INFO: exit %u, error %d", c.exit, c.err);
	return c.x[0];
}

static void __expect_info(int line, u64 affinity, u64 level, u64 want)
{
	u64 x0 = ask(affinity, level);

	__test_expect(line, x0 == want,
		      "AFFINITY_INFO(%#lx, %lu): %ld, expected %ld", affinity,
		      level, x0, want);
}

#define expect_info(...)	__expect_info(__LINE__, __VA_ARGS__)

/* The states of all vCPUs except the caller */
static void __expect_states(int line, u32 nr, u32 but, u32 want)
{
	u32 id;

	for (id = 1; id < nr; id++) {
		if (id != but)
			__psci_expect_mp_state(line, vcpus[id], want,
					       "another vCPU");
	}
}

#define expect_states(...)	__expect_states(__LINE__, __VA_ARGS__)

static void turn_on(u32 nr, u32 id, u64 affinity)
{
	struct smccc_call c;

	c = smccc_call(vcpus[0], id & 1 ? SMCCC_HVC : SMCCC_SMC,
		       PSCI_0_2_FN64_CPU_ON, affinity, ENTRY + 4 * id,
		       CONTEXT_ID + id);
	smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
	psci_expect_mp_state(vcpus[id], KVM_MP_STATE_RUNNABLE, "CPU_ON");
	psci_expect_begin(vcpus[id], ENTRY + 4 * id, CONTEXT_ID + id);
	expect_states(nr, id, KVM_MP_STATE_STOPPED);
	expect_info(affinity, 0, ON);
	smccc_set_mp_state(vcpus[id], KVM_MP_STATE_STOPPED);
	expect_info(affinity, 0, OFF);
}

/* The first and last ids, and those around the array's nodes of 64 */
static const u32 some_ids[] = { 1, 62, 63, 64, 65, 127, 128, 129, 255, 256 };

/* The order of the ids, and their affinities */
enum shape { ASCENDING, DESCENDING, SCATTERED };

static u64 scattered(u32 id)
{
	/* In more bits than KVM's table of affinities can index */
	return id ? PSCI_AFF(id & 0xff, id >> 4, ~id & 0xff, id * 3 & 0xff) :
		    0;
}

static const struct {
	const char *name;
	u32 nr;
	enum shape shape;
} sizes[] = {
	{ "8 vCPUs", 8, ASCENDING },
	{ "130 vCPUs", 130, ASCENDING },
	{ "130 vCPUs, the caller is created last", 130, DESCENDING },
	{ "257 vCPUs", 257, ASCENDING },
	{ "257 vCPUs in all affinity fields", 257, SCATTERED },
};

static u64 where(u32 id, enum shape shape)
{
	return shape == SCATTERED ? scattered(id) : affinity_of(id);
}

static void check_clusters(u32 nr)
{
	u32 clusters = (nr + 15) / 16, i, last;

	for (i = 0; i < clusters; i++) {
		expect_info(PSCI_AFF(0, 0, i, 0xff), 1, i ? OFF : ON);
		if (!i)
			continue;
		/* One vCPU that is on is enough, but not in another cluster. */
		last = min(16 * i + 15, nr - 1);
		smccc_set_mp_state(vcpus[last], KVM_MP_STATE_RUNNABLE);
		expect_info(PSCI_AFF(0, 0, i, 0), 1, ON);
		if (i + 1 < clusters)
			expect_info(PSCI_AFF(0, 0, i + 1, 0), 1, OFF);
		smccc_set_mp_state(vcpus[last], KVM_MP_STATE_STOPPED);
	}
	expect_info(PSCI_AFF(0, 0, clusters, 0), 1, INVALID);
	expect_info(PSCI_AFF(0, 0, 0xff, 0), 2, ON);
	expect_info(PSCI_AFF(0, 1, 0, 0), 2, INVALID);
}

static void check_all(int which)
{
	enum shape shape = sizes[which].shape;
	u32 nr = sizes[which].nr, i, id;
	struct smccc_call c;

	vm = smccc_vm_create_empty(PSCI_0_2);
	if (vm_check_cap(vm, KVM_CAP_MAX_VCPUS) < nr) {
		test_skip("the host's GIC supports fewer vCPUs");
		kvm_vm_free(vm);
		return;
	}

	for (i = 0; i < nr; i++) {
		id = shape == DESCENDING ? nr - 1 - i : i;
		vcpus[id] = __vm_vcpu_add(vm, id);
		init_vcpu(id);
		if (shape == SCATTERED)
			psci_set_affinity(vcpus[id], scattered(id));
	}

	for (id = 0; id < nr; id++)
		expect_info(where(id, shape), 0, id ? OFF : ON);
	if (shape != SCATTERED) {
		expect_info(affinity_of(nr), 0, INVALID);
		check_clusters(nr);
	}
	expect_info(0, 3, ON);

	for (i = 0; i < ARRAY_SIZE(some_ids); i++) {
		if (some_ids[i] < nr)
			turn_on(nr, some_ids[i], where(some_ids[i], shape));
	}

	/* All vCPUs stop, whichever node they are in. */
	for (id = 1; id < nr; id++)
		smccc_set_mp_state(vcpus[id], KVM_MP_STATE_RUNNABLE);
	c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_0_2_FN_SYSTEM_OFF, 0, 0, 0);
	smccc_expect(&c, .x = { PSCI_RET_INTERNAL_FAILURE },
		     .exit = KVM_EXIT_SYSTEM_EVENT,
		     .mp_state = KVM_MP_STATE_STOPPED,
		     .type = KVM_SYSTEM_EVENT_SHUTDOWN, .ndata = 1);
	expect_states(nr, 0, KVM_MP_STATE_STOPPED);
	kvm_vm_free(vm);
}

/* ---- While vCPUs are created ---- */

#define NR_FIRST	2

static u32 storm_end;
static bool storm_over;
static unsigned int nr_undone;

/* Creation fails late, as no file descriptor is left. */
static void create_in_vain(u32 id, const struct rlimit *limit)
{
	struct rlimit none = { 0, limit->rlim_max };
	int fd;

	setrlimit(RLIMIT_NOFILE, &none);
	fd = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(unsigned long)id);
	if (fd < 0 && errno == EMFILE)
		nr_undone++;
	setrlimit(RLIMIT_NOFILE, limit);
	if (fd >= 0)
		close(fd);
}

static void *create_vcpus(void *unused)
{
	struct rlimit limit;
	u32 id;

	getrlimit(RLIMIT_NOFILE, &limit);
	for (id = NR_FIRST; id < storm_end; id++) {
		create_in_vain(id, &limit);
		vcpus[id] = __vm_vcpu_add(vm, id);
		init_vcpu(id);
	}
	__atomic_store_n(&storm_over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Answers about the newest vCPU never go back in this order. */
static int stage(u64 x0)
{
	/* It is on when it is created, and off when it is initialised. */
	return x0 == INVALID ? 0 : x0 == ON ? 1 : x0 == OFF ? 2 : 3;
}

static void check_storm(int which)
{
	int now, seen = 0, rounds = 0;
	u32 id = NR_FIRST, i;
	pthread_t thread;
	bool over;

	vm = smccc_vm_create_empty(PSCI_0_2);
	storm_end = min(vm_check_cap(vm, KVM_CAP_MAX_VCPUS), 200);
	smccc_vm_add_vcpus(vm, NR_FIRST, PSCI_0_2 | BIT(KVM_ARM_VCPU_POWER_OFF),
			   vcpus);
	storm_over = false;
	nr_undone = 0;
	expect_info(0, 3, ON);

	kvm_pthread_create(&thread, NULL, create_vcpus, NULL);
	do {
		over = __atomic_load_n(&storm_over, __ATOMIC_ACQUIRE);
		rounds++;
		/* The caller is on; vCPU 1 is off; Aff3 is always 0. */
		expect_info(0, 3, ON);
		expect_info(1, 0, OFF);
		expect_info(PSCI_AFF(1, 0, 0, 0), 3, INVALID);

		/* Ask about the newest vCPU that is known. */
		while (id < storm_end) {
			now = stage(ask(affinity_of(id), 0));
			test_expect(now <= 2 && now >= seen,
				    "vCPU %u: stage %d after %d", id, now,
				    seen);
			seen = now;
			if (now < 2)
				break;
			id++;
			seen = 0;
		}
	} while (!over && test_nr_failures() < TEST_MAX_REPORTS);
	kvm_pthread_join(thread, NULL);

	ksft_print_msg("%d rounds, %u vCPUs, %u not created\n", rounds,
		       storm_end, nr_undone);
	test_expect(nr_undone == storm_end - NR_FIRST,
		    "%u of %u creations failed",
		    nr_undone, storm_end - NR_FIRST);
	for (i = 0; i < storm_end; i++)
		expect_info(affinity_of(i), 0, i ? OFF : ON);
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "vCPUs are created, or creation fails, while the guest asks about all",
	  check_storm },
};

int main(void)
{
	struct test_case c = { .run = check_all };
	struct rlimit limit;

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(sizes) + ARRAY_SIZE(cases));

	/* A vCPU needs at most three: for itself, statistics, dirty ring. */
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = min_t(rlim_t, limit.rlim_max, 4096);
	setrlimit(RLIMIT_NOFILE, &limit);

	for (c.arg = 0; c.arg < ARRAY_SIZE(sizes); c.arg++) {
		c.name = sizes[c.arg].name;
		test_run_cases(&c, 1);
	}
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
