// SPDX-License-Identifier: GPL-2.0-only
/* Options and random numbers of abi_fuzz */
#include <getopt.h>
#include <stdlib.h>

#include "abi/seed.h"
#include "random.h"

struct fuzz_options fuzz_options;

static void fuzz_help(const char *name)
{
	printf("usage: %s [-n STEPS] [-t SECONDS] [-s SEED] [-o] [-v]\n"
	       " -n: steps in the mode check (default: %d, or %d s)\n"
	       " -t: run for SECONDS, however many steps that is\n"
	       " -s: the seed, as a failing run has printed it (default: a new one)\n"
	       " -o: only what is repeatable, no races of threads\n"
	       " -v: print each step\n",
	       name, FUZZ_STEPS, FUZZ_SECONDS);
	exit(KSFT_FAIL);
}

static u64 fuzz_number(const char *name, const char *arg)
{
	char *end;
	u64 val = strtoull(arg, &end, 0);

	if (end == arg || *end) {
		printf("'%s' is not a number\n", arg);
		fuzz_help(name);
	}

	return val;
}

void fuzz_parse_options(int argc, char **argv)
{
	int opt;

	fuzz_options.seed = seed_new();
	while ((opt = getopt(argc, argv, "n:t:s:ov")) != -1) {
		switch (opt) {
		case 'n':
			fuzz_options.steps = fuzz_number(argv[0], optarg);
			break;
		case 't':
			fuzz_options.seconds = fuzz_number(argv[0], optarg);
			break;
		case 's':
			fuzz_options.seed = seed_parse(optarg);
			break;
		case 'o':
			fuzz_options.no_races = true;
			break;
		case 'v':
			fuzz_options.verbose = true;
			break;
		default:
			fuzz_help(argv[0]);
		}
	}
	if (optind != argc)
		fuzz_help(argv[0]);
}

u64 fuzz_hash(u64 x)
{
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93UL;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93UL;
	return x ^ x >> 32;
}

u64 fuzz_u64(struct fuzz_random *r)
{
	r->state += 0x9e3779b97f4a7c15UL;
	return fuzz_hash(r->state);
}

u32 fuzz_below(struct fuzz_random *r, u32 n)
{
	return (fuzz_u64(r) >> 32) % n;
}

bool fuzz_one_in(struct fuzz_random *r, u32 n)
{
	return !fuzz_below(r, n);
}

void *fuzz_element(struct fuzz_random *r, const void *array, size_t nr,
		   size_t each)
{
	return (void *)array + fuzz_below(r, nr) * each;
}

u64 fuzz_noise(struct fuzz_random *r, u64 val, int n)
{
	for (n = fuzz_below(r, n + 1); n > 0; n--)
		val ^= BIT(fuzz_below(r, 64));

	return val;
}

u64 fuzz_value(struct fuzz_random *r)
{
	switch (fuzz_below(r, 8)) {
	case 0:
		return 0;
	case 1:
		return -(u64)fuzz_below(r, 4);
	case 2:
		return BIT(fuzz_below(r, 64));
	case 3:
		return BIT(fuzz_below(r, 64)) - 1;
	case 4:
	case 5:
		return fuzz_below(r, 16);
	case 6:
		return (u32)fuzz_u64(r);
	default:
		return fuzz_u64(r);
	}
}
