/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Configurations that are set and read as a whole, while a VM opts in, gets its
 * vCPUs, runs for the first time, and is closed.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_STRESS_CONFIG_H
#define SELFTEST_KVM_ARM64_ABI_STRESS_CONFIG_H

/* One VM, from its creation to its end */
void stress_config(void);

/* Whether there was each outcome of the races */
bool stress_config_seen(void);

void stress_config_print(void);

#endif /* SELFTEST_KVM_ARM64_ABI_STRESS_CONFIG_H */
