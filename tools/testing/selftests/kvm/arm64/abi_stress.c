// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_stress - All at once: storms of CPU_ON, accesses to registers, first
 * runs, filters of hypercalls, VMs that opt in, and a mode that keeps changing.
 *
 * psci_cpu_on_race, smccc_filter_race, fw_reg_switch and opt_in_flip each have
 * one thing race with another; here each races with all. Whatever the outcome
 * of a race, and in each mode:
 *
 * - a write that races with the first run is accepted or EBUSY, and the value
 *   accepted last is what the guest always sees, from its first call on;
 * - a configuration that is set as a whole is read, and seen by the guest, as a
 *   whole;
 * - a range of the filter is in force if, and only if, it was accepted;
 * - a vCPU that is turned on begins once for each CPU_ON that was successful,
 *   with the entry point and the context id of that call;
 * - no two implementations differ, and no thread hangs.
 *
 *	-t SECONDS	how long to run, 4 by default
 *	-s SEED		of the threads' decisions, a new one by default
 */
#include <asm/kvm_migration.h>
#include <getopt.h>
#include <time.h>

#include "abi/cases.h"
#include "abi/flip.h"
#include "abi/seed.h"
#include "abi/stress/config.h"
#include "abi/stress/first_run.h"
#include "abi/stress/storm.h"
#include "abi/stress/thread.h"
#include "abi/stress/vm.h"
#include "abi/switch.h"

static unsigned int seconds = 4;

/* A slow machine may take this long until the races have been seen. */
#define LIMIT_S		60

static u64 seed;

static bool stop;

/* The workers that make VMs over and over. */
static void repeat_first_runs(void *unused)
{
	while (!stress_get_flag(&stop))
		stress_first_run();
}

static void repeat_storms(void *unused)
{
	while (!stress_get_flag(&stop))
		stress_storm(100 + stress_random(500));
}

static void repeat_configs(void *unused)
{
	while (!stress_get_flag(&stop))
		stress_config();
}

static void flip(void *unused)
{
	while (!stress_get_flag(&stop)) {
		stress_step();
		if (abi_present())
			abi_next_mode();
		if (abi_present() && stress_one_in(8))
			abi_toggle_events();
		usleep(200 + stress_random(4000));
	}
}

/* Whether VMs can have a configuration that is set as a whole */
static bool can_opt_in;

static bool all_seen(void)
{
	return stress_seen.frozen > 1 && stress_seen.begun > 1 &&
	       stress_seen.busy && stress_seen.filter_cut &&
	       (!abi_present() || stress_seen.opted_in) &&
	       (!can_opt_in || stress_config_seen());
}

static void run_all(int unused)
{
	struct stress_thread *threads[5];
	u32 first = seed ^ seed >> 32;
	unsigned int s;
	int i, nr = 4;

	threads[0] = stress_start("first runs", first, repeat_first_runs, NULL);
	threads[1] = stress_start("first runs", first + 1, repeat_first_runs,
				  NULL);
	threads[2] = stress_start("storms", first + 2, repeat_storms, NULL);
	threads[3] = stress_start("switch", first + 3, flip, NULL);
	if (can_opt_in)
		threads[nr++] = stress_start("configurations", first + 4,
					     repeat_configs, NULL);

	for (s = 0; s < seconds || (s < LIMIT_S && !all_seen()); s++)
		sleep(1);
	stress_set_flag(&stop);
	for (i = 0; i < nr; i++)
		stress_join(threads[i]);

	ksft_print_msg("%lu VMs, %lu first runs, %lu vCPUs turned on, %lu writes, %u flips\n",
		       stress_seen.vms, stress_seen.frozen, stress_seen.begun,
		       stress_seen.writes, abi_nr_flips());
	ksft_print_msg("first runs stopped %lu writers and %lu filters, %lu opt-ins\n",
		       stress_seen.busy, stress_seen.filter_cut,
		       stress_seen.opted_in);
	stress_config_print();
}

/* All races that the test is about have taken place. */
static void check_seen(int unused)
{
	test_expect(all_seen(), "Not all races took place in %u s", LIMIT_S);
}

static const struct test_case cases[] = {
	{ "all at once: each result is possible in some order", run_all },
	{ "the races took place", check_seen },
	{ "switch: no mismatch, C and Rust served calls, mode restored",
	  abi_check_stats },
};

int main(int argc, char *argv[])
{
	struct sigaction sa = { .sa_handler = stress_storm_on_signal };
	int opt;

	seed = seed_new();
	while ((opt = getopt(argc, argv, "t:s:")) != -1) {
		switch (opt) {
		case 't':
			seconds = atoi_positive("Seconds", optarg);
			break;
		case 's':
			seed = seed_parse(optarg);
			break;
		default:
			ksft_exit_fail_msg("Usage: %s [-t SECONDS] [-s SEED]\n",
					   argv[0]);
		}
	}

	sigaction(SIGUSR1, &sa, NULL);
	ksft_print_header();
	ksft_print_msg("to repeat this: abi_stress -t %u -s %#lx\n", seconds,
		       seed);

	abi_begin();
	can_opt_in = kvm_has_cap(KVM_CAP_ARM_MIGRATION);
	stress_start_watching();

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
