// SPDX-License-Identifier: GPL-2.0-only
/* Benchmarks of ioctls */
#include "ioctl.h"
#include "measure.h"

static u64 bench_ioctls_batch(void *arg, u32 n)
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

void bench_ioctls(const char *path, int want, const struct bench_ioctl *call,
		  int nr)
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

void bench_ioctl(const char *path, int want, int fd, unsigned long cmd,
		 void *arg)
{
	struct bench_ioctl call = { fd, cmd, arg };

	bench_ioctls(path, want, &call, 1);
}

void bench_one_reg(const char *path, int want, int fd, unsigned long cmd,
		   u64 id, void *val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (u64)val };

	bench_ioctl(path, want, fd, cmd, &reg);
}
