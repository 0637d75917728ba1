/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Benchmarks of ioctls: a sequence of ioctls is one operation. Each number
 * includes the system call and a few instructions of this program, which
 * floor/ioctl shows.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_BENCH_IOCTL_H
#define SELFTEST_KVM_ARM64_ABI_BENCH_IOCTL_H

#include "kvm_util.h"

struct bench_ioctl {
	int fd;
	unsigned long cmd;
	void *arg;
};

struct bench_ioctls {
	const struct bench_ioctl *call;
	int nr;
};

/* Each of the calls returns 0, or fails with @want. */
void bench_ioctls(const char *path, int want, const struct bench_ioctl *call,
		  int nr);

void bench_ioctl(const char *path, int want, int fd, unsigned long cmd,
		 void *arg);

/* KVM_GET_ONE_REG or KVM_SET_ONE_REG. */
void bench_one_reg(const char *path, int want, int fd, unsigned long cmd,
		   u64 id, void *val);

#endif /* SELFTEST_KVM_ARM64_ABI_BENCH_IOCTL_H */
