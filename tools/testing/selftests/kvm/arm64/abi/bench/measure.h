/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the benchmarks of KVM/arm64's userspace and guest ABI share: how the
 * cost of an operation is estimated, in which order the implementations in the
 * kernel are measured, and the output.
 *
 * The unit is the tick of CNTVCT_EL0. This is meant for a machine in which such
 * a tick is an instruction: one that QEMU emulates with one CPU,
 * "-icount shift=0,sleep=off" and "-cpu ...,cntfrq=1000000000". Two boots of it
 * print the same numbers.
 *
 * For each operation, batches of N and of 2 N of them are timed until the
 * minimum of either has recurred often enough. The cost is the difference of
 * the minima divided by N. The minima exclude disturbances, like the timer's
 * interrupt, and the difference excludes the fixed cost of a batch. It is a
 * whole number if each operation costs the same; if not, the remainder of the
 * division is printed too.
 *
 * The output is lines of
 *
 *	bench <block> <mode> <path> <ticks>[ <remainder>]
 *
 * and remarks, which begin with '#'. "# approx" instead of "bench" is for a
 * path whose cost varies between runs, "# skip <path>: <why>" is for one that
 * is not measured, and "# absent <mode> <path>: <why>" for one that does not
 * exist in this mode. Each block has its own VM, or several. The mode is that
 * of the kernel's switch, "c" or "rust", or "stock" if the kernel has none; and,
 * for some paths, "check", or "check1000" if mode check compares one in 1,000 calls.
 * The minimum of the latter is that of calls that are not compared.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_BENCH_MEASURE_H
#define SELFTEST_KVM_ARM64_ABI_BENCH_MEASURE_H

#include "kvm_util.h"
#include "test_util.h"

/* N at most: it is halved until 2 N operations take fewer than these ticks. */
#define BENCH_N			100
#define BENCH_MAX_TICKS		200000

struct bench {
	FILE *out;
	int nr_blocks;
	const char *glob;
	/* The paths to measure in mode check, too, if any */
	const char *checked;
	bool list;
	bool markers;
	unsigned int marker;
	/* The current measurement cannot be repeated exactly. */
	bool approximate;

	int block;
	const char *mode;
	/* The mode is check. */
	bool checking;
};

extern struct bench bench;

/* Does @n operations and returns how many ticks they took. */
typedef u64 (*bench_batch_fn)(void *arg, u32 n);

/* The barriers keep the counter from being read too early or too late. */
static __always_inline u64 bench_now(void)
{
	u64 now;

	asm volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(now) : : "memory");
	return now;
}

/* Instructions that mark the beginning of a measurement, in assembly */
extern char bench_markers[];

/* Whether this path was selected */
bool bench_wants(const char *path);

__printf(2, 3) void bench_skip(const char *path, const char *fmt, ...);

/* The same for what this mode lacks. Of two blocks each has one mode. */
void bench_absent(const char *path, const char *why);

/* Batches of at most @n and 2 * @n */
void bench_run(const char *path, u32 n, bench_batch_fn batch, void *arg);

/* @block makes its VMs, does bench_run() of the paths, and frees the VMs. */
void bench_blocks(void (*block)(void));

/*
 * The body of main(). @program distinguishes the programs' markers. More blocks
 * may be run with bench_blocks() after it.
 */
int bench_main(int argc, char **argv, int program, void (*block)(void));

#endif /* SELFTEST_KVM_ARM64_ABI_BENCH_MEASURE_H */
