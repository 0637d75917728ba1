// SPDX-License-Identifier: GPL-2.0-only
/* Seeds of random decisions */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "abi/seed.h"

u64 seed_new(void)
{
	u64 seed;

	TEST_ASSERT(getrandom(&seed, sizeof(seed), 0) == sizeof(seed),
		    "getrandom(): %s", strerror(errno));
	return seed;
}

u64 seed_parse(const char *arg)
{
	bool is_hex = arg[0] == '0' && (arg[1] | 0x20) == 'x';
	char *end;
	u64 seed;

	errno = 0;
	seed = strtoull(arg, &end, is_hex ? 16 : 10);
	if (!isdigit(arg[0]) || *end || (is_hex && end == arg + 1) || errno)
		ksft_exit_fail_msg("-s %s: give a number of 64 bits, such as 17 or 0x2a33bdfd\n",
				   arg);
	return seed;
}
