/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Storms of CPU_ON in a stress test: each vCPU but the first one is turned on by
 * any of the others, turns on others itself for a while, and turns off, by
 * CPU_OFF or by userspace. The code of the guest is that of psci_cpu_on_race.
 *
 * Each call has an entry point and a context id that belong together. A vCPU
 * must begin once for each successful call, with the values of this call.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_STRESS_STORM_H
#define SELFTEST_KVM_ARM64_ABI_STRESS_STORM_H

#include "kvm_util.h"

void stress_storm_on_signal(int sig);
void stress_storm(unsigned int ms);

#endif /* SELFTEST_KVM_ARM64_ABI_STRESS_STORM_H */
