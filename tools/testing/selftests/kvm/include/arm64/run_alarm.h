/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A timer of the calling thread, whose signal interrupts its KVM_RUN. The test
 * must catch SIGALRM.
 */
#ifndef SELFTEST_KVM_ARM64_RUN_ALARM_H
#define SELFTEST_KVM_ARM64_RUN_ALARM_H

#include <signal.h>
#include <time.h>

#include "test_util.h"

/* To be deleted with timer_delete(). */
static inline timer_t run_alarm_create(void)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGALRM,
		._sigev_un._tid = gettid(),
	};
	timer_t timer;

	TEST_ASSERT(!timer_create(CLOCK_MONOTONIC, &ev, &timer),
		    "timer_create()");
	return timer;
}

/* Periodic, as a signal may come before the vCPU runs; 0 stops the timer. */
static inline void run_alarm_set(timer_t timer, long ns)
{
	struct itimerspec ts = { { 0, ns }, { 0, ns } };

	TEST_ASSERT(!timer_settime(timer, 0, &ts, NULL), "timer_settime()");
}

#endif /* SELFTEST_KVM_ARM64_RUN_ALARM_H */
