// SPDX-License-Identifier: GPL-2.0-only
/* Measuring the implementations against each other */
#include <fnmatch.h>
#include <getopt.h>
#include <limits.h>

#include "abi/switch.h"
#include "measure.h"

/*
 * The modes of the blocks. Linear drift is the same for C and Rust in each half of
 * their order, and for the last two modes in theirs.
 */
#define BENCH_ORDER	"ABBABAABCDDC"

static const struct bench_mode {
	const char *name;
	const char *mode;
	/* Mode check compares one in so many calls. */
	unsigned int check;
} bench_modes[] = {
	{ "c", "c", 1 },
	{ "rust", "rust", 1 },
	{ "check", "check", 1 },
	{ "check1000", "check", 1000 },
};

/* A minimum is accepted when it has been seen this often. */
#define BENCH_MIN_HITS		4
#define BENCH_MAX_BATCHES	80
#define BENCH_WARM_UPS		3

struct bench bench;

/* ---- Marks for a tracer of the emulated machine ---- */

/*
 * MOVZ to XZR does nothing, on any CPU. The pair at EL0 of
 *
 *	movz xzr, #0x4b56	0xd2896adf
 *	movz xzr, #<index>	0xd280001f | <index> << 5
 *
 * marks the beginning of the measurement with this index, which is unique in
 * one boot; an index of 0xffff marks its end. Warm-ups come before. With
 * markers there is, for each measurement, a line of
 *
 *	# path <index> <path> <operations> <block> <mode>
 *
 * The instructions must be in the program's text, where a tracer looks for
 * them.
 */
#define BENCH_MARKERS		10240
#define BENCH_MARKER_SIZE	12
/* Each program has a part of the markers. */
#define BENCH_PROGRAM_MARKERS	2048

asm(".pushsection .text\n"
	"	.balign	4\n"
	"bench_markers:\n"
	"	.set	bench_i, 0\n"
	"	.rept	" __stringify(BENCH_MARKERS) "\n"
	"	movz	xzr, #0x4b56\n"
	"	movz	xzr, #bench_i\n"
	"	ret\n"
	"	.set	bench_i, bench_i + 1\n"
	"	.endr\n"
	".popsection\n");

static void bench_mark_begin(void)
{
	if (bench.markers)
		((void (*)(void))&bench_markers[bench.marker *
						BENCH_MARKER_SIZE])();
}

static void bench_mark_end(void)
{
	if (bench.markers)
		asm volatile("movz xzr, #0x4b56\n\tmovz xzr, #0xffff");
}

/* ---- Measuring ---- */

struct bench_min {
	u64 ticks;
	u32 hits;
};

static void bench_add(struct bench_min *min, u64 ticks)
{
	if (ticks < min->ticks) {
		min->ticks = ticks;
		min->hits = 0;
	}
	min->hits += ticks == min->ticks;
}

/*
 * KVM_RUN takes other branches if the vCPU's thread is not the only one on the
 * CPU's run queue, where a thread that sleeps already may stay for a while.
 * Sleeping empties the queue. A thread that joins it during the batch makes the
 * batch longer.
 */
static u64 bench_batch(bench_batch_fn batch, void *arg, u32 n)
{
	usleep(1);
	return batch(arg, n);
}

static u32 bench_batch_size(bench_batch_fn batch, void *arg, u32 n)
{
	u64 ticks = ULONG_MAX;
	int i;

	for (i = 0; i < BENCH_WARM_UPS; i++)
		ticks = min(ticks, bench_batch(batch, arg, 1));

	while (n > 1 && 2 * n * ticks > BENCH_MAX_TICKS)
		n /= 2;

	bench_batch(batch, arg, 2 * n);
	return n;
}

bool bench_wants(const char *path)
{
	if (bench.checking && fnmatch(bench.checked, path, 0))
		return false;
	return !bench.glob || !fnmatch(bench.glob, path, 0);
}

void bench_skip(const char *path, const char *fmt, ...)
{
	va_list args;

	if (bench.block || !bench_wants(path))
		return;

	fprintf(bench.out, "# skip %s: ", path);
	va_start(args, fmt);
	vfprintf(bench.out, fmt, args);
	va_end(args);
	fprintf(bench.out, "\n");
}

void bench_absent(const char *path, const char *why)
{
	if (bench.block < 2)
		fprintf(bench.out, "# absent %s %s: %s\n", bench.mode, path, why);
}

static void bench_print(const char *path, u32 n, u32 ops,
			const struct bench_min min[2])
{
	s64 ticks = min[1].ticks - min[0].ticks;

	fprintf(bench.out, "%s %d %s %s %ld",
		bench.approximate ? "# approx" : "bench", bench.block,
		bench.mode, path, ticks / n);
	if (ticks % n)
		fprintf(bench.out, " %ld", ticks % n);
	fprintf(bench.out, "\n");

	if (bench.approximate)
		;
	else if (min[0].hits < BENCH_MIN_HITS || min[1].hits < BENCH_MIN_HITS)
		fprintf(bench.out,
			"# unstable %s: minima seen %u and %u times in %u\n",
			path, min[0].hits, min[1].hits, BENCH_MAX_BATCHES);
	if (bench.markers)
		fprintf(bench.out, "# path %u %s %u %d %s\n", bench.marker,
			path, ops, bench.block, bench.mode);
}

void bench_run(const char *path, u32 n, bench_batch_fn batch, void *arg)
{
	struct bench_min min[2] = { { ULONG_MAX }, { ULONG_MAX } };
	u32 ops = 0;
	int i, k;

	if (!bench_wants(path))
		return;

	if (bench.list) {
		fprintf(bench.out, "%s\n", path);
		return;
	}

	n = bench_batch_size(batch, arg, n);

	bench_mark_begin();
	for (i = 0; i < BENCH_MAX_BATCHES; i++) {
		for (k = 0; k < 2; k++) {
			bench_add(&min[k], bench_batch(batch, arg, n << k));
			ops += n << k;
		}
		if (min[0].hits >= BENCH_MIN_HITS &&
		    min[1].hits >= BENCH_MIN_HITS)
			break;
	}
	bench_mark_end();

	bench_print(path, n, ops, min);
	bench.marker++;
	TEST_ASSERT(bench.marker % BENCH_PROGRAM_MARKERS, "Too many markers");
}

/* ---- The program ---- */

static void bench_usage(const char *name)
{
	fprintf(stderr,
		"usage: %s [-lm] [-b blocks] [-p glob]\n"
		"  -b N     as many blocks, 1 to %zu\n"
		"  -l       list the paths, without measuring\n"
		"  -m       mark each measurement for a tracer\n"
		"  -p GLOB  only the paths that match, as in -p 'hvc/PSCI_*'\n",
		name, strlen(BENCH_ORDER));
	exit(KSFT_FAIL);
}

static void bench_parse(int argc, char **argv)
{
	int opt;

	bench.nr_blocks = strlen(BENCH_ORDER);

	while ((opt = getopt(argc, argv, "b:lmp:")) != -1) {
		switch (opt) {
		case 'b':
			bench.nr_blocks = atoi_positive("Blocks", optarg);
			if (bench.nr_blocks > strlen(BENCH_ORDER))
				bench_usage(argv[0]);
			break;
		case 'l':
			bench.list = true;
			break;
		case 'm':
			bench.markers = true;
			break;
		case 'p':
			bench.glob = optarg;
			break;
		default:
			bench_usage(argv[0]);
		}
	}
	if (optind < argc)
		bench_usage(argv[0]);

	if (bench.list)
		bench.nr_blocks = 1;
}

/* The library prints to the standard output, first in a constructor. */
static __attribute__((constructor(101))) void bench_take_stdout(void)
{
	bench.out = fdopen(dup(STDOUT_FILENO), "w");
	if (!bench.out || !freopen("/dev/null", "w", stdout))
		exit(KSFT_FAIL);
}

void bench_blocks(void (*block)(void))
{
	for (bench.block = 0; bench.block < bench.nr_blocks; bench.block++) {
		const struct bench_mode *m = &bench_modes[BENCH_ORDER[bench.block] - 'A'];

		bench.checking = abi_present() && !strcmp(m->mode, "check");
		if (bench.checking && !bench.checked)
			continue;
		bench.mode = abi_present() ? m->name : "stock";
		if (abi_present()) {
			abi_set_mode(m->mode);
			abi_set_check(m->check);
		}
		block();
		fflush(bench.out);
	}
}

int bench_main(int argc, char **argv, int program, void (*block)(void))
{
	bench_parse(argc, argv);
	bench.marker = program * BENCH_PROGRAM_MARKERS;

	/* The handlers of hypercalls are compared: each call exits. */
	if (__abi_open())
		TEST_ASSERT(!abi_write_word(ABI_DIR "count", "0") &&
			    !abi_write_word(ABI_DIR "fast", "0"),
			    "Failed to have calls exit, and not counted");
	else
		bench.nr_blocks = min(bench.nr_blocks, 2);

	bench_blocks(block);
	return KSFT_PASS;
}
