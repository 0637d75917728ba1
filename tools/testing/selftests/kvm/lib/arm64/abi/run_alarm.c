// SPDX-License-Identifier: GPL-2.0-only
/* A timer that interrupts KVM_RUN */
#include <signal.h>

#include "abi/run_alarm.h"

timer_t run_alarm_create(void)
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

void run_alarm_set(timer_t timer, long ns)
{
	struct itimerspec ts = { { 0, ns }, { 0, ns } };

	TEST_ASSERT(!timer_settime(timer, 0, &ts, NULL), "timer_settime()");
}
