/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Benchmarks of ioctls: a sequence of ioctls is one operation. Each number
 * includes the system call and a few instructions of this program, which
 * floor/ioctl shows.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_BENCH_IOCTL_H
#define SELFTEST_KVM_ARM64_ABI_BENCH_IOCTL_H

#include "abi_bench.h"

struct bench_ioctl {
	int fd;
	unsigned long cmd;
	void *arg;
};

struct bench_ioctls {
	const struct bench_ioctl *call;
	int nr;
};

static inline u64 bench_ioctls_batch(void *arg, u32 n)
{
	const struct bench_ioctls *seq = arg;
	const struct bench_ioctl *end = seq->call + seq->nr, *c;
	u64 start = bench_now();

	while (n--) {
		for (c = seq->call; c < end; c++)
			ioctl(c->fd, c->cmd, c->arg);
	}

	return bench_now() - start;
}

/* Each of the calls returns 0, or fails with @want. */
static inline void bench_ioctls(const char *path, int want,
				const struct bench_ioctl *call, int nr)
{
	struct bench_ioctls seq = { call, nr };
	int i, ret;

	if (!bench_wants(path))
		return;

	for (i = 0; i < nr; i++) {
		ret = ioctl(call[i].fd, call[i].cmd, call[i].arg) ? errno : 0;
		TEST_ASSERT(ret == want, "%s: %s, expected %s", path,
			    strerror(ret), strerror(want));
	}

	bench_run(path, BENCH_N, bench_ioctls_batch, &seq);
}

static inline void bench_ioctl(const char *path, int want, int fd,
			       unsigned long cmd, void *arg)
{
	struct bench_ioctl call = { fd, cmd, arg };

	bench_ioctls(path, want, &call, 1);
}

/* KVM_GET_ONE_REG or KVM_SET_ONE_REG. */
static inline void bench_one_reg(const char *path, int want, int fd,
				 unsigned long cmd, u64 id, void *val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (u64)val };

	bench_ioctl(path, want, fd, cmd, &reg);
}

#endif /* SELFTEST_KVM_ARM64_ABI_BENCH_IOCTL_H */
