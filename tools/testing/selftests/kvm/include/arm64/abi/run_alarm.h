/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A timer of the calling thread, whose signal interrupts its KVM_RUN. The test
 * must catch SIGALRM.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_RUN_ALARM_H
#define SELFTEST_KVM_ARM64_ABI_RUN_ALARM_H

#include <time.h>

#include "test_util.h"

/* To be deleted with timer_delete(). */
timer_t run_alarm_create(void);

/* Periodic, as a signal may come before the vCPU runs; 0 stops the timer. */
void run_alarm_set(timer_t timer, long ns);

#endif /* SELFTEST_KVM_ARM64_ABI_RUN_ALARM_H */
