// SPDX-License-Identifier: GPL-2.0-only
/* Threads of the stress test */
#include <pthread.h>
#include <signal.h>

#include "abi/cases.h"
#include "thread.h"

#define STRESS_MAX_THREADS	32

/* A thread that makes no step for this long has hung. */
#define STRESS_LIMIT_S		90

static struct stress_thread stress_threads[STRESS_MAX_THREADS];

static pthread_mutex_t stress_threads_lock = PTHREAD_MUTEX_INITIALIZER;
__thread struct stress_thread *stress_self;
static __thread struct kvm_random_state stress_rng;

u32 stress_random(u32 n)
{
	/* The lowest bits of the generator are not very random. */
	return (kvm_random_u32(&stress_rng) >> 8) % n;
}

bool stress_one_in(u32 n)
{
	return !stress_random(n);
}

static void *stress_thread_fn(void *data)
{
	stress_self = data;
	stress_rng = new_kvm_random_state(stress_self->seed);
	__atomic_store_n(&stress_self->active, true, __ATOMIC_RELEASE);
	__atomic_store_n(&stress_self->tid, gettid(), __ATOMIC_RELEASE);

	stress_self->run(stress_self->arg);

	__atomic_store_n(&stress_self->active, false, __ATOMIC_RELEASE);
	return NULL;
}

bool stress_has_ended(const struct stress_thread *t)
{
	return __atomic_load_n(&t->tid, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&t->active, __ATOMIC_ACQUIRE);
}

struct stress_thread *stress_start(const char *name, u32 seed,
				   void (*run)(void *), void *arg)
{
	struct stress_thread *t;

	pthread_mutex_lock(&stress_threads_lock);
	for (t = stress_threads; t->run; t++)
		TEST_ASSERT(t < &stress_threads[STRESS_MAX_THREADS - 1],
			    "Too many threads");
	t->name = name;
	t->run = run;
	t->arg = arg;
	/* The generator would stay at 0. */
	t->seed = 1 + seed % ((1U << 31) - 3);
	pthread_mutex_unlock(&stress_threads_lock);

	kvm_pthread_create(&t->thread, NULL, stress_thread_fn, t);
	return t;
}

void stress_join(struct stress_thread *t)
{
	kvm_pthread_join(t->thread, NULL);

	pthread_mutex_lock(&stress_threads_lock);
	*t = (struct stress_thread) {};
	pthread_mutex_unlock(&stress_threads_lock);
}

/* ---- The watchdog ---- */

static void stress_print_file(pid_t tid, const char *file)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid, file);
	f = fopen(path, "r");
	if (!f)
		return;

	while (fgets(line, sizeof(line), f))
		ksft_print_msg("    %s: %s%s", file, line,
			       strchr(line, '\n') ? "" : "\n");
	fclose(f);
}

/* Print where each thread is, in the test and in the kernel. */
static void stress_report(void)
{
	struct stress_thread *t;
	int i;

	for (i = 0; i < STRESS_MAX_THREADS; i++) {
		t = &stress_threads[i];
		if (!t->active)
			continue;
		ksft_print_msg("%s (task %d): line %d, step %lu\n", t->name,
			       t->tid, t->line, t->steps);
		stress_print_file(t->tid, "wchan");
		stress_print_file(t->tid, "syscall");
		stress_print_file(t->tid, "stack");
	}
}

static void *stress_watch(void *unused)
{
	unsigned long seen[STRESS_MAX_THREADS] = {};
	int i, idle[STRESS_MAX_THREADS] = {};
	struct stress_thread *t;

	for (;;) {
		sleep(1);
		for (i = 0; i < STRESS_MAX_THREADS; i++) {
			t = &stress_threads[i];
			if (!__atomic_load_n(&t->active, __ATOMIC_ACQUIRE) ||
			    t->steps != seen[i])
				idle[i] = 0;
			seen[i] = t->steps;
			if (++idle[i] <= STRESS_LIMIT_S)
				continue;

			ksft_print_msg("%s has hung:\n", t->name);
			stress_report();
			test_fail_case("no thread hangs");
			fflush(NULL);
			/* Restore nothing: the switch itself may hang. */
			_exit(KSFT_FAIL);
		}
	}

	return NULL;
}

void stress_start_watching(void)
{
	sigset_t all, old;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	kvm_pthread_create(&thread, NULL, stress_watch, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}
