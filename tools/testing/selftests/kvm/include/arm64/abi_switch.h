/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The switch between implementations of KVM/arm64's userspace and guest ABI.
 * A kernel with several implementations has
 *
 *	/sys/kernel/debug/kvm/arm_abi/mode	the current one, writable
 *	/sys/kernel/debug/kvm/arm_abi/count	1: count the calls of each
 *	/sys/kernel/debug/kvm/arm_abi/stats	these counts, the mismatches
 *						found between implementations,
 *						and the calls not judged
 *
 * However a test ends, the switch is restored to its initial state.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SWITCH_H
#define SELFTEST_KVM_ARM64_ABI_SWITCH_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "fw_reg.h"
#include "kvm_util.h"
#include "test_util.h"

#define ABI_DIR		"/sys/kernel/debug/kvm/arm_abi/"
#define ABI_EVENTS	"/sys/kernel/tracing/events/kvm_arm64_rust/enable"
#define ABI_WORD	16

static struct abi_switch {
	bool present;
	char initial_mode[ABI_WORD];
	char initial_count[ABI_WORD];
	pthread_mutex_t lock;
	bool restored;
	bool uncounted;
	bool traced;
} abi = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

static inline bool abi_present(void)
{
	return abi.present;
}

/* The mode in which the test was started, and under test if it sets none */
static inline const char *abi_initial_mode(void)
{
	return abi.initial_mode;
}

/* For a child process, which may test another mode than its parent */
static inline void abi_set_initial_mode(const char *mode)
{
	snprintf(abi.initial_mode, sizeof(abi.initial_mode), "%s", mode);
}

/* For a child process: its parent restores the switch. */
static inline void abi_leave_to_parent(void)
{
	abi.restored = true;
}

/* The last column may be missing. */
struct abi_stats {
	u64 c;
	u64 rust;
	u64 mismatches;
	u64 unjudged;
};

/* The first word in a file of the switch, which is not seekable */
static inline bool abi_read_word(const char *file, char buf[ABI_WORD])
{
	int fd = open(file, O_RDONLY);
	ssize_t len = fd < 0 ? -1 : read(fd, buf, ABI_WORD - 1);

	close(fd);
	if (len <= 0)
		return false;

	buf[len] = '\0';
	buf[strcspn(buf, "\n ")] = '\0';
	return true;
}

/* Returns 0 or the positive errno. */
static inline int abi_write_word(const char *file, const char *word)
{
	ssize_t len = strlen(word), ret;
	int fd = open(file, O_WRONLY);
	int err;

	if (fd < 0)
		return errno;

	ret = write(fd, word, len);
	err = ret < 0 ? errno : 0;
	close(fd);

	return err ?: ret == len ? 0 : EIO;
}

/*
 * For any kind of exit. Several threads may exit after a failure, and the main
 * thread must not switch again after this.
 */
static inline void abi_restore(void)
{
	pthread_mutex_lock(&abi.lock);
	if (!abi.restored) {
		abi.restored = true;
		if (abi_write_word(ABI_DIR "mode", abi.initial_mode))
			ksft_perror("mode not restored");
		if (abi_write_word(ABI_DIR "count", abi.initial_count))
			ksft_perror("count not restored");
		if (abi.traced && abi_write_word(ABI_EVENTS, "0"))
			ksft_perror("tracepoints not restored");
	}
	pthread_mutex_unlock(&abi.lock);
}

static inline void *abi_exit_on_signal(void *signals)
{
	int sig;

	if (!sigwait(signals, &sig))
		exit(128 + sig);

	return NULL;
}

/* Start a thread that turns these signals into an orderly exit. */
static inline void abi_catch_signals(void)
{
	static sigset_t signals;
	pthread_t thread;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	kvm_pthread_create(&thread, NULL, abi_exit_on_signal, &signals);
}

/*
 * Returns false, with errno set, if this kernel has no switch. This is for a
 * program that has to stay single-threaded; signals simply end it.
 */
static inline bool __abi_open(void)
{
	if (access(ABI_DIR "mode", R_OK | W_OK))
		return false;

	TEST_ASSERT(abi_read_word(ABI_DIR "mode", abi.initial_mode),
		    "Failed to read the mode");
	TEST_ASSERT(abi_read_word(ABI_DIR "count", abi.initial_count),
		    "Failed to read whether calls are counted");
	abi.present = true;

	atexit(abi_restore);
	return true;
}

static inline bool abi_open(void)
{
	if (!__abi_open())
		return false;

	abi_catch_signals();
	return true;
}

/* Uncounted calls are served by other functions. A no-op without the switch. */
static inline void abi_set_count(bool count)
{
	bool ok = true;

	pthread_mutex_lock(&abi.lock);
	if (abi.present && !abi.restored)
		ok = !abi_write_word(ABI_DIR "count", count ? "1" : "0");
	abi.uncounted = !count;
	pthread_mutex_unlock(&abi.lock);

	TEST_ASSERT(ok, "Failed to turn counting of calls on or off");
}

static inline void abi_toggle_count(void)
{
	abi_set_count(abi.uncounted);
}

/* False if the kernel cannot trace. If it can, the tracepoints must exist. */
static inline bool abi_can_trace(void)
{
	char line[64];
	bool can = false;
	FILE *f;

	f = fopen("/proc/filesystems", "r");
	TEST_ASSERT(f, "Failed to open /proc/filesystems");
	while (fgets(line, sizeof(line), f))
		can |= !!strstr(line, "tracefs");
	fclose(f);

	TEST_ASSERT(!can || !access(ABI_EVENTS, W_OK), ABI_EVENTS ": %s",
		    strerror(errno));
	return can;
}

/* Traced calls are served by other functions, too. */
static inline void abi_toggle_events(void)
{
	bool ok = true;

	if (!abi_can_trace())
		return;

	pthread_mutex_lock(&abi.lock);
	if (!abi.restored) {
		abi.traced = !abi.traced;
		ok = !abi_write_word(ABI_EVENTS, abi.traced ? "1" : "0");
	}
	pthread_mutex_unlock(&abi.lock);

	TEST_ASSERT(ok, "Failed to switch the tracepoints");
}

static inline void abi_set_mode(const char *mode)
{
	char now[ABI_WORD] = "";
	bool ok = true;

	pthread_mutex_lock(&abi.lock);
	if (!abi.restored)
		ok = !abi_write_word(ABI_DIR "mode", mode) &&
		     abi_read_word(ABI_DIR "mode", now) && !strcmp(now, mode);
	pthread_mutex_unlock(&abi.lock);

	TEST_ASSERT(ok, "mode '%s' was written, '%s' is read", mode, now);
}

/*
 * The counts of one surface, or the sum over all if @surface is NULL; the
 * header line is "surface c rust mismatches unjudged".
 */
static inline struct abi_stats abi_read_surface(const char *surface)
{
	struct abi_stats sum = {};
	char line[128], name[32];
	u64 c, rust, mm, unjudged;
	FILE *f;

	f = fopen(ABI_DIR "stats", "r");
	TEST_ASSERT(f, "Failed to open " ABI_DIR "stats");

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%31s %lu %lu %lu %lu", name, &c, &rust, &mm,
			   &unjudged) != 5)
			continue;
		if (surface && strcmp(name, surface))
			continue;
		sum.c += c;
		sum.rust += rust;
		sum.mismatches += mm;
		sum.unjudged += unjudged;
	}

	fclose(f);
	return sum;
}

static inline struct abi_stats abi_read_stats(void)
{
	return abi_read_surface(NULL);
}

static struct abi_stats abi_stats_before;

/* Turn counting of calls on, for abi_check_stats(). */
static inline void abi_begin_stats(void)
{
	abi_set_count(true);
	abi_stats_before = abi_read_stats();
}

/* The mismatches since abi_begin_stats() */
static inline u64 abi_new_mismatches(void)
{
	return abi_read_stats().mismatches - abi_stats_before.mismatches;
}

/* Returns whether there is a switch, else only the test's load runs. */
static inline bool abi_begin(void)
{
	if (abi_open()) {
		abi_begin_stats();
		return true;
	}

	ksft_print_msg(ABI_DIR "mode: %s, only the load is run\n",
		       strerror(errno));
	return false;
}

/*
 * Mode check does not judge a call if the mode changes during it, or if others
 * write state that has no lock. Such calls are counted, and must be few.
 */
#define ABI_UNJUDGED_SOME	64
#define ABI_UNJUDGED_PART	16

/* The last case of a test that flips the mode; the mode is restored after it. */
static inline void abi_check_stats(int unused)
{
	char mode[ABI_WORD] = "";
	struct abi_stats now;
	u64 unjudged;

	if (!abi.present) {
		test_skip("this kernel has one implementation");
		return;
	}

	now = abi_read_stats();
	test_expect(now.mismatches == abi_stats_before.mismatches,
		    "%lu mismatches", now.mismatches - abi_stats_before.mismatches);
	test_expect(now.c > abi_stats_before.c, "c served no call");
	test_expect(now.rust > abi_stats_before.rust, "rust served no call");
	unjudged = now.unjudged - abi_stats_before.unjudged;
	ksft_print_msg("%lu of %lu calls could not be compared\n", unjudged,
		       now.c - abi_stats_before.c);
	test_expect(unjudged < ABI_UNJUDGED_SOME +
		    (now.c - abi_stats_before.c) / ABI_UNJUDGED_PART,
		    "too many calls could not be compared");

	abi_restore();
	test_expect(abi_read_word(ABI_DIR "mode", mode) &&
		    !strcmp(mode, abi.initial_mode), "mode is '%s', was '%s'",
		    mode, abi.initial_mode);
}

/* A phase takes at least this long and this many flips, or it has hung. */
#define ABI_PHASE_MS		1000
#define ABI_PHASE_FLIPS		12
#define ABI_PHASE_LIMIT_MS	60000

#define ABI_MAX_WORKERS		5

static struct abi_worker {
	int nr;
	pthread_t thread;
	struct kvm_vcpu *vcpu;
	u32 seed;
	unsigned long rounds;
} abi_workers[ABI_MAX_WORKERS];

static bool abi_stop;

/* How often the mode was switched */
static unsigned int abi_flips;

static inline unsigned int abi_nr_flips(void)
{
	return abi_flips;
}

/* Count in so many modes, then not in as many: this ends in each mode. */
#define ABI_COUNT_FLIPS		5

/* Every mode follows every other mode. */
static inline void abi_next_mode(void)
{
	static const char * const sequence[] = {
		"c", "rust", "check", "rust", "c", "check",
	};
	unsigned int nr = abi_flips++;

	abi_set_mode(sequence[nr % ARRAY_SIZE(sequence)]);
	if (nr % ABI_COUNT_FLIPS == ABI_COUNT_FLIPS - 1)
		abi_toggle_count();
}

/* For workers: whether to stop, and the end of a round */
static inline bool abi_stopping(void)
{
	return __atomic_load_n(&abi_stop, __ATOMIC_RELAXED);
}

static inline void abi_round_done(struct abi_worker *w)
{
	__atomic_add_fetch(&w->rounds, 1, __ATOMIC_RELAXED);
}

static inline bool abi_all_progressed(int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		if (!__atomic_load_n(&abi_workers[i].rounds, __ATOMIC_RELAXED))
			return false;
	}

	return true;
}

static inline void abi_start_worker(int nr, pthread_fn_t fn,
				    struct kvm_vcpu *vcpu)
{
	struct abi_worker *w = &abi_workers[nr];

	*w = (struct abi_worker) { .nr = nr, .vcpu = vcpu, .seed = nr + 1 };
	__atomic_store_n(&abi_stop, false, __ATOMIC_RELAXED);
	kvm_pthread_create(&w->thread, NULL, fn, w);
}

/* The function that each worker of abi_start_rounds() repeats */
static void (*abi_rounds[ABI_MAX_WORKERS])(struct abi_worker *w);

static inline void *abi_repeat(void *data)
{
	struct abi_worker *w = data;

	while (!abi_stopping()) {
		abi_rounds[w->nr](w);
		abi_round_done(w);
	}

	return NULL;
}

static inline void abi_start_rounds(int nr, void (*round)(struct abi_worker *w),
				    struct kvm_vcpu *vcpu)
{
	abi_rounds[nr] = round;
	abi_start_worker(nr, abi_repeat, vcpu);
}

/* So many modes with the tracepoints on, then as many with them off */
#define ABI_EVENTS_FLIPS	7

/* Switch to the next mode, and stay in it as long as the switch took. */
static inline void abi_flip(void)
{
	struct timespec start;
	s64 us;

	clock_gettime(CLOCK_MONOTONIC, &start);
	abi_next_mode();
	if (abi_flips % ABI_EVENTS_FLIPS == 0)
		abi_toggle_events();
	us = timespec_to_ns(timespec_elapsed(start)) / 1000;
	usleep(us);
}

/* Wait for @nr workers to finish. Returns how many rounds they have done. */
static inline unsigned long abi_stop_and_join(int nr)
{
	unsigned long rounds = 0;
	int i;

	__atomic_store_n(&abi_stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++) {
		kvm_pthread_join(abi_workers[i].thread, NULL);
		rounds += abi_workers[i].rounds;
	}

	return rounds;
}

/*
 * Flip the mode, if there is a switch, while @nr workers work and, if given,
 * until @enough; then wait for them to finish.
 */
static inline void abi_flip_until(int nr, bool (*enough)(void))
{
	unsigned int first = abi_flips;
	struct timespec start, elapsed;
	unsigned long rounds;
	s64 ms;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (abi_present())
			abi_flip();
		usleep(500);

		elapsed = timespec_elapsed(start);
		ms = timespec_to_ns(elapsed) / 1000000;
		TEST_ASSERT(ms < ABI_PHASE_LIMIT_MS, "No progress");
	} while (ms < ABI_PHASE_MS || !abi_all_progressed(nr) ||
		 (enough && !enough()) ||
		 (abi_present() && abi_flips - first < ABI_PHASE_FLIPS));

	rounds = abi_stop_and_join(nr);
	ksft_print_msg("%lu rounds of %d threads, %u switches\n", rounds, nr,
		       abi_flips - first);
}

static inline void abi_flip_and_join(int nr)
{
	abi_flip_until(nr, NULL);
}

#endif /* SELFTEST_KVM_ARM64_ABI_SWITCH_H */
