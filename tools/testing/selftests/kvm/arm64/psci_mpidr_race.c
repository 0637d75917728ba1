// SPDX-License-Identifier: GPL-2.0-only
/*
 * psci_mpidr_race - A VMM changes vCPUs' MPIDR_EL1 and restores it, as fast as
 * it can, or creates vCPUs, while a guest asks PSCI about this affinity.
 *
 * The guest gets an answer that was right at some time during its call. In mode
 * check both implementations decide on each call. No difference is counted or
 * logged then: both must decide on the same snapshot of the state, since a
 * second read may find it changed.
 */
#include <linux/psci.h>
#include <time.h>

#include "abi/cases.h"
#include "abi/flip.h"
#include "abi/fw_guest.h"
#include "abi/kernel_log.h"
#include "abi/one_reg.h"
#include "abi/psci.h"
#include "abi/reg_image.h"
#include "abi/smccc_guest.h"
#include "abi/switch.h"
#include "processor.h"
#include "ucall_common.h"

/* Each race lasts at least this long, and until it has taken place. */
#define RACE_MS		4000
#define RACE_LIMIT_MS	60000
#define RACE_FLIPS	1000
#define RACE_CREATED	16

/*
 * vCPU 0 asks, the affinities of the next ones change. Others are created
 * meanwhile, or exist from the beginning: the more vCPUs KVM has to check, the
 * longer a call takes, and the more changes happen during it.
 */
#define MAX_FLIPPED	2
#define MAX_CREATED	256
#define NR_CROWD	96

/* The affinity that the guest asks about; a vCPU has it half of the time. */
#define HOME		PSCI_AFF(0, 1, 5, 1)
#define AWAY(nr)	PSCI_AFF(0, 1, 6, nr)

/* With so many differing bits KVM makes no table of affinities. */
#define FAR		PSCI_AFF(0xff, 0xff, 0xff, 0xf)

static const struct race {
	u64 fn;
	u64 lowest_level;
	int nr_flipped;
	bool crowd;
	bool creates;
	/* The mode changes as well. */
	bool switches;
} races[] = {
	{ PSCI_0_2_FN64_AFFINITY_INFO, 0, 1, true },
	{ PSCI_0_2_FN64_AFFINITY_INFO, 0, 2, true },
	{ PSCI_0_2_FN64_AFFINITY_INFO, 1, 1, true },
	{ PSCI_0_2_FN64_CPU_ON, 0, 1, true },
	{ PSCI_0_2_FN64_CPU_ON, 0, 1, false },
	{ PSCI_0_2_FN64_CPU_ON, 0, 2, false },
	{ PSCI_0_2_FN64_AFFINITY_INFO, .creates = true },
	{ PSCI_0_2_FN64_CPU_ON, .creates = true },
	{ PSCI_0_2_FN64_CPU_ON, .nr_flipped = 1, .switches = true },
};

static const struct race *race;

/* ---- The guest ---- */

#define NR_CALLS	64

/* Each call's x0, as an index */
enum answer { ON, OFF, ABSENT, ALREADY_ON, OTHER, NR_ANSWERS };

static struct asker {
	u64 fn;
	u64 target;
	u64 arg2;
	u64 answers[NR_ANSWERS];
} asker;

static enum answer answer(u64 x0)
{
	switch ((s64)x0) {
	case PSCI_RET_SUCCESS:	/* = PSCI_0_2_AFFINITY_LEVEL_ON */
		return ON;
	case PSCI_0_2_AFFINITY_LEVEL_OFF:
		return OFF;
	case PSCI_RET_INVALID_PARAMS:
		return ABSENT;
	case PSCI_RET_ALREADY_ON:
		return ALREADY_ON;
	default:
		return OTHER;
	}
}

static void guest_code(void)
{
	struct fw_regs4 r;
	int i;

	for (;;) {
		for (i = 0; i < NR_CALLS; i++) {
			r = (struct fw_regs4) {
				{ asker.fn, READ_ONCE(asker.target), asker.arg2 }
			};
			fw_smccc(&r);
			asker.answers[answer(r.x[0])]++;
		}
		GUEST_SYNC(0);
	}
}

static struct asker *asker_of(struct kvm_vm *vm)
{
	return addr_gva2hva(vm, (gva_t)&asker);
}

static void ask(struct abi_worker *w)
{
	fw_run(w->vcpu);
}

/* ---- The VMM ---- */

static unsigned long nr_flips;

static void flip_affinity(struct abi_worker *w)
{
	u64 id = IMAGE_SYS_REG(MPIDR_EL1), away = AWAY(w->vcpu->id);
	u64 other = vcpu_get_reg(w->vcpu, id) & ~PSCI_AFFINITY;
	int i;

	for (i = 0; i < 32; i++) {
		vcpu_set_reg(w->vcpu, id, other | away);
		vcpu_set_reg(w->vcpu, id, other | HOME);
	}
	__atomic_add_fetch(&nr_flips, i, __ATOMIC_RELAXED);
	smccc_set_mp_state(w->vcpu, KVM_MP_STATE_STOPPED);
}

static int created[MAX_CREATED];
static unsigned int nr_created;

/* KVM's affinity for the number of a vCPU: a cluster has 16 vCPUs. */
static u64 default_affinity(u32 id)
{
	return PSCI_AFF(0, id >> 12 & 0xff, id >> 4 & 0xff, id & 0xf);
}

static u32 next_id(void)
{
	return 1 + race->nr_flipped + nr_created;
}

/* With a GICv2 a VM has at most eight vCPUs. */
static bool may_create(struct kvm_vm *vm)
{
	return nr_created < MAX_CREATED &&
	       next_id() < vm_check_cap(vm, KVM_CAP_MAX_VCPUS);
}

static void create_vcpu(struct kvm_vcpu *like)
{
	struct kvm_vcpu_init init = like->init;
	u32 id = next_id();
	int fd;

	fd = __vm_ioctl(like->vm, KVM_CREATE_VCPU, (void *)(u64)id);
	TEST_ASSERT(fd >= 0, "KVM_CREATE_VCPU %u: %s", id, strerror(errno));
	init.features[0] |= BIT(KVM_ARM_VCPU_POWER_OFF);
	TEST_ASSERT(!ioctl(fd, KVM_ARM_VCPU_INIT, &init),
		    "KVM_ARM_VCPU_INIT %u: %s", id, strerror(errno));
	created[nr_created++] = fd;
}

static void create_crowd(struct kvm_vcpu *like)
{
	u64 far = FAR;

	while (nr_created < NR_CROWD && may_create(like->vm))
		create_vcpu(like);
	TEST_ASSERT(!one_reg(created[0], KVM_SET_ONE_REG,
			     IMAGE_SYS_REG(MPIDR_EL1),
			     (u64)&far), "MPIDR_EL1: %s", strerror(errno));
}

/* The guest asks for the vCPU before it exists. */
static void create_one(struct abi_worker *w)
{
	usleep(1000);
	if (!may_create(w->vcpu->vm))
		return;

	WRITE_ONCE(asker_of(w->vcpu->vm)->target, default_affinity(next_id()));
	usleep(1000);
	create_vcpu(w->vcpu);
}

/* ---- The race ---- */

static unsigned int enough_created;

static bool took_place(const struct asker *a)
{
	return a->answers[ABSENT] &&
	       (a->answers[ON] || a->answers[OFF] || a->answers[ALREADY_ON]) &&
	       (!race->nr_flipped || nr_flips >= RACE_FLIPS) &&
	       (!race->creates || nr_created >= enough_created);
}

static void race_for_a_while(const struct asker *a, int nr_workers)
{
	struct timespec start;
	s64 ms;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (race->switches && abi_present())
			abi_flip();
		usleep(1000);
		ms = timespec_to_ns(timespec_elapsed(start)) / 1000000;
	} while (ms < RACE_MS || (ms < RACE_LIMIT_MS && !took_place(a)));

	abi_stop_and_join(nr_workers);
}

static void check_race(int which)
{
	struct kvm_vcpu *vcpus[1 + MAX_FLIPPED];
	struct abi_stats before = {}, now = {};
	struct asker *a;
	struct kvm_vm *vm;
	int i, nr = 0;

	race = &races[which];
	nr_flips = 0;
	nr_created = 0;
	vm = fw_vm_create(1 + race->nr_flipped, true, guest_code, vcpus);
	for (i = 1; i <= race->nr_flipped; i++) {
		psci_set_affinity(vcpus[i], HOME);
		smccc_set_mp_state(vcpus[i], KVM_MP_STATE_STOPPED);
	}
	if (race->crowd)
		create_crowd(vcpus[0]);
	enough_created = min(RACE_CREATED,
			     vm_check_cap(vm, KVM_CAP_MAX_VCPUS) - 1);
	a = asker_of(vm);
	*a = (struct asker) { race->fn, HOME, race->lowest_level };

	kernel_log_read(NULL);
	if (abi_present()) {
		abi_set_mode("check");
		abi_set_count(true);
		before = abi_read_surface("smccc");
	}
	abi_start_rounds(nr++, ask, vcpus[0]);
	for (i = 1; i <= race->nr_flipped; i++)
		abi_start_rounds(nr++, flip_affinity, vcpus[i]);
	if (race->creates)
		abi_start_rounds(nr++, create_one, vcpus[0]);
	race_for_a_while(a, nr);

	test_expect(took_place(a), "the race did not take place in %d s",
		    RACE_LIMIT_MS / 1000);
	test_expect(!a->answers[OTHER], "%lu answers are not among PSCI's",
		    a->answers[OTHER]);
	if (race->fn == PSCI_0_2_FN64_AFFINITY_INFO) {
		test_expect(!a->answers[ALREADY_ON], "%lu times ALREADY_ON",
			    a->answers[ALREADY_ON]);
		/* A vCPU that is being created is on for a moment. */
		test_expect(!a->answers[ON] || race->creates,
			    "%lu times on, but no vCPU is", a->answers[ON]);
	} else {
		test_expect(!a->answers[OFF], "%lu times OFF", a->answers[OFF]);
	}
	if (abi_present())
		now = abi_read_surface("smccc");
	test_expect(now.mismatches == before.mismatches, "%lu mismatches",
		    now.mismatches - before.mismatches);
	test_expect(now.unjudged == before.unjudged,
		    "%lu calls were not compared", now.unjudged - before.unjudged);
	test_expect(!kernel_log_read(NULL), "the log is not silent");
	ksft_print_msg("%lu changes, %u created; %lu not compared\n", nr_flips,
		       nr_created, now.unjudged - before.unjudged);
	ksft_print_msg("answers: %lu on, %lu off, %lu absent, %lu already on\n",
		       a->answers[ON], a->answers[OFF], a->answers[ABSENT],
		       a->answers[ALREADY_ON]);

	kvm_vm_free(vm);
	while (nr_created)
		close(created[--nr_created]);
}

static const struct test_case cases[] = {
	{ "AFFINITY_INFO of a vCPU whose affinity changes", check_race, 0 },
	{ "AFFINITY_INFO of an affinity that two vCPUs have, at times",
	  check_race, 1 },
	{ "AFFINITY_INFO of a cluster that a vCPU leaves and comes back to",
	  check_race, 2 },
	{ "CPU_ON of a vCPU whose affinity changes", check_race, 3 },
	{ "CPU_ON of such a vCPU, with KVM's table of affinities", check_race, 4 },
	{ "CPU_ON of an affinity that two vCPUs have, at times", check_race, 5 },
	{ "AFFINITY_INFO of a vCPU that is being created", check_race, 6 },
	{ "CPU_ON of a vCPU that is being created", check_race, 7 },
	{ "CPU_ON of a vCPU whose affinity changes, while the mode does",
	  check_race, 8 },
	{ "switch: no mismatch, C and Rust served calls, mode restored",
	  abi_check_stats },
};

int main(void)
{
	ksft_print_header();
	test_disable_default_vgic();
	kernel_log_open();

	abi_begin();

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
