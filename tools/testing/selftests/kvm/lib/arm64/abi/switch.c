// SPDX-License-Identifier: GPL-2.0-only
/* The switch between implementations of the ABI */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "abi/cases.h"
#include "abi/switch.h"

struct abi_switch {
	bool present;
	char initial_mode[ABI_WORD];
	char initial_count[ABI_WORD];
	char initial_fast[ABI_WORD];
	char initial_check[ABI_WORD];
	pthread_mutex_t lock;
	bool restored;
	bool uncounted;
	bool slow;
	bool sampled;
	bool traced;
};

static struct abi_switch abi = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

bool abi_present(void)
{
	return abi.present;
}

const char *abi_initial_mode(void)
{
	return abi.initial_mode;
}

void abi_leave_to_parent(void)
{
	abi.restored = true;
}

bool abi_read_word(const char *file, char buf[ABI_WORD])
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

int abi_write_word(const char *file, const char *word)
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
static void abi_restore(void)
{
	pthread_mutex_lock(&abi.lock);
	if (!abi.restored) {
		abi.restored = true;
		if (abi_write_word(ABI_DIR "mode", abi.initial_mode))
			ksft_perror("mode not restored");
		if (abi_write_word(ABI_DIR "count", abi.initial_count))
			ksft_perror("count not restored");
		if (abi_write_word(ABI_DIR "fast", abi.initial_fast))
			ksft_perror("fast not restored");
		if (abi_write_word(ABI_DIR "check", abi.initial_check))
			ksft_perror("check not restored");
		if (abi.traced && abi_write_word(ABI_EVENTS, "0"))
			ksft_perror("tracepoints not restored");
	}
	pthread_mutex_unlock(&abi.lock);
}

static void *abi_exit_on_signal(void *signals)
{
	int sig;

	if (!sigwait(signals, &sig))
		exit(128 + sig);

	return NULL;
}

/* Start a thread that turns these signals into an orderly exit. */
static void abi_catch_signals(void)
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

bool __abi_open(void)
{
	if (access(ABI_DIR "mode", R_OK | W_OK))
		return false;

	TEST_ASSERT(abi_read_word(ABI_DIR "mode", abi.initial_mode),
		    "Failed to read the mode");
	TEST_ASSERT(abi_read_word(ABI_DIR "count", abi.initial_count),
		    "Failed to read whether calls are counted");
	TEST_ASSERT(abi_read_word(ABI_DIR "fast", abi.initial_fast),
		    "Failed to read whether calls are fast");
	TEST_ASSERT(abi_read_word(ABI_DIR "check", abi.initial_check),
		    "Failed to read how many calls are compared");
	abi.slow = !strcmp(abi.initial_fast, "0");
	abi.present = true;

	atexit(abi_restore);
	return true;
}

bool abi_open(void)
{
	if (!__abi_open())
		return false;

	abi_catch_signals();
	return true;
}

void abi_set_count(bool count)
{
	bool ok = true;

	pthread_mutex_lock(&abi.lock);
	if (abi.present && !abi.restored)
		ok = !abi_write_word(ABI_DIR "count", count ? "1" : "0");
	abi.uncounted = !count;
	pthread_mutex_unlock(&abi.lock);

	TEST_ASSERT(ok, "Failed to turn counting of calls on or off");
}

void abi_toggle_count(void)
{
	abi_set_count(abi.uncounted);
}

void abi_set_fast(bool fast)
{
	bool ok = true;

	pthread_mutex_lock(&abi.lock);
	if (abi.present && !abi.restored)
		ok = !abi_write_word(ABI_DIR "fast", fast ? "1" : "0");
	abi.slow = !fast;
	pthread_mutex_unlock(&abi.lock);

	TEST_ASSERT(ok, "Failed to turn the fast path on or off");
}

void abi_toggle_fast(void)
{
	abi_set_fast(abi.slow);
}

void abi_set_check(unsigned int n)
{
	char word[ABI_WORD];
	bool ok = true;

	snprintf(word, sizeof(word), "%u", n);
	pthread_mutex_lock(&abi.lock);
	if (abi.present && !abi.restored)
		ok = !abi_write_word(ABI_DIR "check", word);
	abi.sampled = n > 1;
	pthread_mutex_unlock(&abi.lock);

	TEST_ASSERT(ok, "Failed to choose how many calls are compared");
}

void abi_toggle_check(void)
{
	abi_set_check(abi.sampled ? 1 : 3);
}

bool abi_can_trace(void)
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

void abi_toggle_events(void)
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

void abi_set_mode(const char *mode)
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

struct abi_stats abi_read_surface(const char *surface)
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

struct abi_stats abi_read_stats(void)
{
	return abi_read_surface(NULL);
}

static struct abi_stats abi_stats_before;

void abi_begin_stats(void)
{
	abi_set_count(true);
	abi_stats_before = abi_read_stats();
}

u64 abi_new_mismatches(void)
{
	return abi_read_stats().mismatches - abi_stats_before.mismatches;
}

bool abi_begin(void)
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
 * Mode check does not judge a call if others may write state that has no lock.
 * Such calls are counted, and must be few.
 */
#define ABI_UNJUDGED_SOME	64
#define ABI_UNJUDGED_PART	16

void abi_check_stats(int unused)
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
