/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads of a stress test: each records its position, so that a hang can be
 * reported, and draws its decisions from a seed.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_STRESS_THREAD_H
#define SELFTEST_KVM_ARM64_ABI_STRESS_THREAD_H

#include "kvm_util.h"
#include "test_util.h"

struct stress_thread {
	pthread_t thread;
	const char *name;
	void (*run)(void *arg);
	void *arg;
	u32 seed;
	/* For the watchdog */
	pid_t tid;
	int line;
	unsigned long steps;
	bool active;
};

extern __thread struct stress_thread *stress_self;

/* A number below @n */
u32 stress_random(u32 n);

/* True one in @n times */
bool stress_one_in(u32 n);

/* Record this line as the thread's position. */
#define stress_step()							\
do {									\
	__atomic_store_n(&stress_self->line, __LINE__, __ATOMIC_RELAXED); \
	__atomic_add_fetch(&stress_self->steps, 1, __ATOMIC_RELAXED);	\
} while (0)

/* Whether it has returned, and waits to be joined */
bool stress_has_ended(const struct stress_thread *t);

struct stress_thread *stress_start(const char *name, u32 seed,
				   void (*run)(void *), void *arg);
void stress_join(struct stress_thread *t);
void stress_start_watching(void);

#endif /* SELFTEST_KVM_ARM64_ABI_STRESS_THREAD_H */
