// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_fuzz - Random ioctls and hypercalls, plausible and hostile, in all modes:
 * whatever a VMM and a guest do, they cannot distinguish the modes.
 *
 * The seed determines an episode. It is run in the mode check, in which no
 * mismatch must be counted, and again in the mode rust; sometimes also in the
 * mode c and with the mode changing between steps. Each step must return the
 * same in each run: the errno, the values, the memory, the guest's registers,
 * the exit. A refused write must not change what is read, an error must be one
 * that the call may return, and nothing must be left in the end: no descriptor,
 * no VM, no memory.
 *
 * Then threads do all of this at once with the same VMs, while the VMs are
 * destroyed and the mode changes.
 *
 * On a failure the command that repeats the episode is printed.
 */
#include <dirent.h>
#include <time.h>

#include "abi/cases.h"
#include "abi/count_vms.h"
#include "abi/fuzz/episode.h"
#include "abi/fuzz/guest.h"
#include "abi/fuzz/race.h"
#include "abi/fuzz/random.h"
#include "abi/fuzz/run.h"
#include "abi/fuzz/vm.h"
#include "abi/run_alarm.h"
#include "abi/smccc_call.h"
#include "abi/switch.h"
#include "abi/user_mem.h"

/* ---- One episode ---- */

enum fuzz_run_nr { RUN_CHECK, RUN_RUST, RUN_C, RUN_FLIP, NR_RUNS };

static const char * const fuzz_run_modes[NR_RUNS] = {
	[RUN_CHECK] = "check",
	[RUN_RUST] = "rust",
	[RUN_C] = "c",
	[RUN_FLIP] = "check",
};

/* The others are compared with the first. */
static struct fuzz runs[NR_RUNS];

/* The calls of the first runs that Rust has compared with C */
static u64 nr_compared;

/* Does not use the episode's random numbers: they are the same in each run. */
static void flip_mode(struct fuzz *f)
{
	static unsigned int nr;

	f->mode = fuzz_run_modes[nr % RUN_FLIP];
	abi_set_mode(f->mode);
	abi_set_count(nr % 2);
	abi_set_fast(nr++ / 4 % 2);
}

/* Uncounted calls, as in production, are served by other functions. */
static bool is_counted(u64 seed, enum fuzz_run_nr which)
{
	return which == RUN_CHECK || fuzz_hash(seed) / 8 % 2;
}

/* Of the hypercalls that are not counted, half leave the guest. */
static bool is_fast(u64 seed)
{
	return fuzz_hash(seed) / 16 % 2;
}

static void run_episode(u64 seed, enum fuzz_run_nr which)
{
	struct fuzz *f = &runs[which];
	u64 before;
	int i;

	f->random.state = seed;
	f->nr_steps = 0;
	f->lost_vm = false;
	f->mode = fuzz_run_modes[which];
	abi_set_mode(f->mode);
	abi_set_count(is_counted(seed, which));
	abi_set_fast(is_fast(seed));
	before = abi_read_stats().rust;
	if (fuzz_options.verbose)
		printf("# episode %#lx, mode %s\n", seed, f->mode);

	f->opts_in = fuzz_one_in(&f->random, 4);
	f->max_steps = 300 + fuzz_below(&f->random, 1000);
	for (i = 0; i < FUZZ_MAX_VMS; i++)
		fuzz_vm_setup(f, &f->vms[i]);

	while (f->nr_steps < f->max_steps && !f->failed) {
		fuzz_next_step(f);
		if (which == RUN_FLIP && f->nr_steps % 32 == 0)
			flip_mode(f);
	}

	for (i = 0; i < FUZZ_MAX_VMS; i++)
		fuzz_vm_destroy(&f->vms[i]);
	if (which == RUN_CHECK)
		nr_compared += abi_read_stats().rust - before;
}

/* Run the episode again, and report the first step that differs. */
static void run_and_compare(u64 seed, enum fuzz_run_nr which)
{
	const struct fuzz *a = &runs[RUN_CHECK], *b = &runs[which];
	int i, j;

	run_episode(seed, which);

	for (i = 0; i < a->nr_steps && i < b->nr_steps; i++) {
		if (a->steps[i].digest == b->steps[i].digest)
			continue;

		test_fail();
		printf("# step %d of %d returns a different result:\n", i,
		       a->nr_steps);
		for (j = i < 3 ? 0 : i - 3; j < i; j++)
			fuzz_print_step(&a->steps[j], j, "");
		fuzz_print_step(&a->steps[i], i, fuzz_run_modes[RUN_CHECK]);
		fuzz_print_step(&b->steps[i], i, which == RUN_FLIP ?
				"flip" : fuzz_run_modes[which]);
		return;
	}

	test_expect(a->nr_steps == b->nr_steps, "%d steps, and %d", a->nr_steps,
		    b->nr_steps);
}

static u64 nr_mismatches(void)
{
	return abi_new_mismatches();
}

static void episode(u64 seed)
{
	u64 before = nr_mismatches(), now;
	int i;

	run_episode(seed, RUN_CHECK);
	switch (fuzz_hash(seed) % 8) {
	case 0 ... 3:
		run_and_compare(seed, RUN_RUST);
		break;
	case 4:
		run_and_compare(seed, RUN_C);
		break;
	case 5:
		run_and_compare(seed, RUN_FLIP);
		break;
	}

	now = nr_mismatches();
	test_expect(now == before, "%lu mismatches counted", now - before);
	for (i = 0; i < NR_RUNS; i++)
		runs[i].failed = false;
	if (test_nr_failures())
		printf("# to repeat this: abi_fuzz -v -o -n 1 -s %#lx\n", seed);
}

/* ---- All of them ---- */

static struct timespec started;
/* No number of steps was given: make as many as FUZZ_SECONDS allow. */
static bool by_default;
static u64 nr_episodes;

static double seconds_since(struct timespec start)
{
	return timespec_to_ns(timespec_elapsed(start)) / 1e9;
}

/* The races come after the episodes, and get a fifth of the time. */
static bool episodes_go_on(void)
{
	if (test_nr_failures())
		return false;
	if (fuzz_options.seconds)
		return seconds_since(started) < 0.8 * fuzz_options.seconds;
	if (by_default && seconds_since(started) > FUZZ_SECONDS)
		return false;
	return runs[RUN_CHECK].nr_made < fuzz_options.steps;
}

static void check_episodes(int unused)
{
	u64 total = 0, seed = fuzz_options.seed;
	double seconds;
	int i;

	do {
		episode(seed++);
		nr_episodes++;
	} while (episodes_go_on());

	for (i = 0; i < NR_RUNS; i++)
		total += runs[i].nr_made;
	seconds = seconds_since(started);
	ksft_print_msg("%lu episodes, %lu steps, %lu in check, %.1f s: %.0f steps per second\n",
		       nr_episodes, total, runs[RUN_CHECK].nr_made, seconds,
		       total / seconds);
	ksft_print_msg("%lu calls compared, %.0f an hour\n", nr_compared,
		       nr_compared / seconds * 3600);
}

/* A slow machine may take this long until the races have been seen. */
#define RACE_LIMIT_S	60

static bool races_took_place(void)
{
	return fuzz_nr_opted_in && fuzz_nr_too_late;
}

static void check_races(int unused)
{
	u64 seed = fuzz_options.seed, before = nr_mismatches(), now;
	struct timespec races_started;
	int nr = 0;

	if (fuzz_options.no_races) {
		fuzz_skip_races();
		return;
	}

	clock_gettime(CLOCK_MONOTONIC, &races_started);
	do {
		fuzz_race(seed + nr++);
	} while (!test_nr_failures() &&
		 (seconds_since(started) < fuzz_options.seconds ||
		  (!races_took_place() &&
		   seconds_since(races_started) < RACE_LIMIT_S)));

	ksft_print_msg("%lu times opted in, %lu times too late or in another mode\n",
		       fuzz_nr_opted_in, fuzz_nr_too_late);
	test_expect(races_took_place(),
		    "KVM_ENABLE_CAP did not race with KVM_CREATE_VCPU in %d s",
		    RACE_LIMIT_S);
	now = nr_mismatches();
	test_expect(now == before, "%lu mismatches counted", now - before);
	if (test_nr_failures())
		printf("# to repeat this: abi_fuzz -n 1 -s %#lx\n",
		       seed + nr - 1);
}

/* ---- What is left ---- */

static int nr_fds_before;
static int nr_vms_before;
static long kib_before;

static int nr_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	TEST_ASSERT(dir, "Failed to open /proc/self/fd");
	while (readdir(dir))
		nr++;
	closedir(dir);

	return nr;
}

/* The memory that the kernel uses and cannot free at once */
static long kernel_kib(void)
{
	static const char * const names[] = {
		"SUnreclaim:", "KernelStack:", "Percpu:", "SecPageTables:",
		"PageTables:", "VmallocUsed:",
	};
	char line[128], name[32];
	long kib, sum = 0;
	FILE *file;
	int i;

	file = fopen("/proc/meminfo", "r");
	TEST_ASSERT(file, "Failed to open /proc/meminfo");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31s %ld", name, &kib) != 2)
			continue;
		for (i = 0; i < ARRAY_SIZE(names); i++) {
			if (!strcmp(name, names[i]))
				sum += kib;
		}
	}
	fclose(file);

	return sum;
}

/* A slab with one object in use is not freed, and RCU frees late. */
#define SLACK_KIB	12288

/* It delays freeing, and finds leaks with kmemleak. */
static bool is_debug_kernel(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

static void check_leaks(int unused)
{
	long kib;
	int i;

	for (i = 0; i < 20; i++) {
		kib = kernel_kib() - kib_before;
		if (kib < SLACK_KIB / 2)
			break;
		usleep(250000);
	}

	test_expect(nr_fds() == nr_fds_before,
		    "%d descriptors, and there were %d",
		    nr_fds(), nr_fds_before);
	test_expect(count_vms() == nr_vms_before, "%d VMs, and there were %d",
		    count_vms(), nr_vms_before);
	test_expect(kib < SLACK_KIB || is_debug_kernel(),
		    "too much memory is lost");
	ksft_print_msg("the kernel has %ld KiB more than before\n", kib);
}

/* ---- The watchdog ---- */

#define WATCHDOG_SECONDS	90

static void *watch(void *unused)
{
	u64 last = 0, now;
	int i;

	for (;;) {
		for (i = 0; i < WATCHDOG_SECONDS; i++)
			sleep(1);
		now = __atomic_load_n(&fuzz_progress, __ATOMIC_RELAXED);
		if (now == last)
			break;
		last = now;
	}

	printf("# no progress for %d s; episode %#lx\n", WATCHDOG_SECONDS,
	       fuzz_options.seed + nr_episodes);
	for (i = 0; i < NR_RUNS; i++)
		fuzz_print_step(fuzz_step(&runs[i]), runs[i].nr_steps,
				fuzz_run_modes[i]);
	exit(KSFT_FAIL);
}

/* ---- What each step loses ---- */

#define GROWTH_EPISODES	6
/* The memory in use varies by about this. */
#define GROWTH_KIB	96
#define GROWTH_TIMES	4

/* Late freeing is over when the number does not fall any more. */
static long settled_kib(void)
{
	long kib = kernel_kib(), last;
	int i;

	for (i = 0; i < 20; i++) {
		usleep(150000);
		last = kib;
		kib = kernel_kib();
		if (kib >= last && i >= 2)
			break;
	}

	return min(kib, last);
}

/* By making the same steps @times times */
static long growth(int times)
{
	long before = settled_kib();
	int i;

	while (times--) {
		for (i = 0; i < GROWTH_EPISODES; i++)
			run_episode(fuzz_options.seed + i,
				    i % 2 ? RUN_RUST : RUN_CHECK);
	}

	return settled_kib() - before;
}

/*
 * check_leaks() does not notice a loss of a few bytes per call. But if there is
 * one, twice as many steps lose twice as much, each time that they are made.
 * What else the kernel allocates meanwhile differs from time to time.
 */
static void check_growth(int unused)
{
	long once, twice, limit = GROWTH_KIB;
	bool grows = true;
	int i;

	if (is_debug_kernel()) {
		test_skip("kmemleak looks for what is lost");
		return;
	}

	growth(1);
	for (i = 0; grows && i < GROWTH_TIMES; i++) {
		once = growth(2);
		twice = growth(4);
		ksft_print_msg("%ld KiB more, and %ld KiB after twice as many steps\n",
			       once, twice);
		grows = twice >= limit && twice >= once + once / 2;
	}
	test_expect(!grows, "steps lose memory, more than %ld KiB", limit);
	runs[RUN_CHECK].failed = false;
	runs[RUN_RUST].failed = false;
}

static const struct test_case cases[] = {
	{ "episodes: the same in each mode, step by step, and no mismatch",
	  check_episodes },
	{ "races: known errors only, no mismatch, no hang", check_races },
	{ "nothing is left: descriptors, VMs, memory", check_leaks },
	{ "twice as many steps do not lose twice as much memory", check_growth },
	{ "switch: no mismatch, C and Rust served calls, mode restored",
	  abi_check_stats },
};

int main(int argc, char **argv)
{
	pthread_t watchdog;
	u8 *guest_mem[FUZZ_MAX_VMS];
	int i, j;

	fuzz_parse_options(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_print_header();
	if (!abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");

	by_default = !fuzz_options.steps;
	if (by_default)
		fuzz_options.steps = is_debug_kernel() ? FUZZ_STEPS_DEBUG :
							 FUZZ_STEPS;
	test_set_plan(ARRAY_SIZE(cases));
	ksft_print_msg("seed %#lx\n", fuzz_options.seed);
	smccc_catch(SIGALRM);
	user_mem_create(1);
	fuzz_find_host();
	fuzz_timer = run_alarm_create();
	for (i = 0; i < FUZZ_MAX_VMS; i++) {
		guest_mem[i] = kvm_mmap(FUZZ_GUEST_SIZE, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1);
		fuzz_load_code(guest_mem[i]);
	}
	for (i = 0; i < NR_RUNS; i++) {
		fuzz_init(&runs[i]);
		for (j = 0; j < FUZZ_MAX_VMS; j++)
			runs[i].vms[j].mem = guest_mem[j];
	}
	/* So that all runs see the same addresses */
	for (i = 1; i < NR_RUNS; i++) {
		runs[i].mem = runs[0].mem;
		runs[i].hole = runs[0].hole;
	}
	fuzz_race_init(guest_mem);

	kvm_pthread_create(&watchdog, NULL, watch, NULL);
	abi_begin_stats();
	nr_vms_before = count_vms_of_others();

	/* The first episode makes the allocations that are made only once. */
	run_episode(fuzz_options.seed, RUN_CHECK);
	runs[RUN_CHECK].nr_made = 0;
	nr_compared = 0;
	nr_fds_before = nr_fds();
	kib_before = kernel_kib();
	clock_gettime(CLOCK_MONOTONIC, &started);

	test_run_cases(cases, ARRAY_SIZE(cases));
	test_finished();
}
