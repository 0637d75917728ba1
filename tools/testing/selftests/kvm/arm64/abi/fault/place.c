// SPDX-License-Identifier: GPL-2.0-only
/* Where the memory of a call ends */
#include <linux/sizes.h>

#include "abi/cases.h"
#include "abi/user_mem.h"
#include "call.h"
#include "place.h"

const char * const place_name[NR_PLACES] = {
	[PLACE_HOLE_BEHIND] = "before a hole",
	[PLACE_READ_ONLY_BEHIND] = "before read-only memory",
	[PLACE_HOLE_BEFORE] = "after a hole",
	[PLACE_READ_ONLY_BEFORE] = "after read-only memory",
	[PLACE_TOP] = "at the end of user space",
};

u8 *place_top;

/* A page of canaries */
static u8 place_canaries[SZ_64K];

void place_create(void)
{
	static const int bits[] = { 52, 48 };
	u64 addr;
	int i;

	user_mem_create(1);
	TEST_ASSERT(user_page_size <= sizeof(place_canaries),
		    "Pages are too large");
	memset(place_canaries, USER_CANARY, sizeof(place_canaries));
	user_mem_fill_canary();

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		addr = BIT(bits[i]) - user_page_size;
		place_top = mmap((void *)addr, user_page_size,
				 PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS |
				 MAP_FIXED_NOREPLACE, -1, 0);
		if (place_top == (u8 *)addr) {
			memset(place_top, USER_CANARY, user_page_size);
			return;
		}
		if (place_top != MAP_FAILED)
			munmap(place_top, user_page_size);
	}

	place_top = NULL;
}

static bool place_is_behind(enum fault_place place)
{
	return place == PLACE_HOLE_BEHIND || place == PLACE_READ_ONLY_BEHIND;
}

static bool place_is_read_only(enum fault_place place)
{
	return place == PLACE_READ_ONLY_BEHIND ||
	       place == PLACE_READ_ONLY_BEFORE;
}

static void place_put(struct place_object *m, const u8 *in, size_t in_size,
		      u8 *to, size_t size)
{
	size_t from = to - m->p;

	if (from < in_size)
		memcpy(to, in + from, min(in_size - from, size));
}

static u8 *place_neighbour(struct place_object *m)
{
	return place_is_behind(m->place) ? user_hole : user_mem - user_page_size;
}

struct place_object place_begin(const struct fault_call *c,
				enum fault_place place, size_t k)
{
	struct place_object m = { .c = c, .place = place, .k = k };
	u8 *page;

	switch (place) {
	case PLACE_HOLE_BEHIND:
	case PLACE_READ_ONLY_BEHIND:
		m.p = user_hole - k;
		break;
	case PLACE_HOLE_BEFORE:
	case PLACE_READ_ONLY_BEFORE:
		m.p = user_mem - k;
		break;
	default:
		m.p = place_top + user_page_size - k;
	}

	if (place == PLACE_HOLE_BEFORE || place == PLACE_READ_ONLY_BEFORE) {
		m.o = m.p;
		m.other = k;
		m.w = user_mem;
		m.there = c->size - k;
	} else {
		m.w = m.p;
		m.there = k;
		m.o = m.p + k;
		m.other = c->size - k;
	}

	place_put(&m, c->in, c->in_size, m.w, m.there);
	if (place_is_read_only(place)) {
		page = place_neighbour(&m);
		user_mem_protect(page, user_page_size, PROT_READ | PROT_WRITE);
		memset(m.o, USER_CANARY, m.other);
		place_put(&m, c->in, c->in_size, m.o, m.other);
		user_mem_protect(page, user_page_size, PROT_READ);
	}

	return m;
}

/* Does the call write to the other bytes? */
static bool place_writes_other(const struct place_object *m)
{
	size_t size = m->c->out_size ?: m->c->size;

	return m->c->writes && (!place_is_behind(m->place) || m->k < size);
}

int place_want(const struct place_object *m)
{
	bool all = !m->other ||
		   (place_is_read_only(m->place) && !place_writes_other(m));

	return all ? fault_want(m->c) : EFAULT;
}

/* May byte @i be @now, if a call without failures leaves @full? */
static bool place_may_be(const struct place_object *m, size_t i, u8 now,
			 u8 full)
{
	const struct fault_call *c = m->c;
	size_t unit = c->size < 8 ? c->size : 8, word = i - i % unit;
	/* Unchanged */
	bool kept = now == (i < c->in_size ? c->in[i] : USER_CANARY);
	u8 ignore = c->ignore >> 8 * (i % 8);

	if (!c->writes)
		return kept;
	/* The call fails at the inaccessible beginning, and writes nothing. */
	if (m->other && (m->place == PLACE_HOLE_BEFORE ||
			 m->place == PLACE_READ_ONLY_BEFORE))
		return kept;
	/* It cannot be read, so nothing is written. (Without @k, the memory has no end.) */
	if (m->k && m->k < c->in_size && !place_is_read_only(m->place))
		return kept;
	/* A word that lies across the end may have been written in part. */
	if (m->other && word + unit > m->k)
		return kept || (c->zeroes ? !now :
				(now & ~ignore) == (full & ~ignore));
	/* At the end of user space KVM may refuse to zero any of it. */
	if (m->other && c->zeroes)
		return !now || (kept && m->place == PLACE_TOP);
	if (m->other)
		return (now & ~ignore) == (full & ~ignore);

	return now == full;
}

u64 place_hash(const struct place_object *m)
{
	u64 hash = 0xcbf29ce484222325UL;
	size_t i;

	for (i = 0; i < m->there; i++)
		hash = (hash ^ m->w[i]) * 0x100000001b3UL;
	return hash;
}

void __place_expect(int line, const struct place_object *m, const u8 *full)
{
	size_t i, n;

	for (n = 0; n < m->there; n++) {
		i = m->w + n - m->p;
		if (!place_may_be(m, i, m->w[n], full[i]))
			break;
	}
	__test_expect(line, n == m->there, "%s, %lu bytes %s: byte %lu is %#x",
		      m->c->name, m->k, place_name[m->place], m->w + n - m->p,
		      n < m->there ? m->w[n] : 0);
}

void __place_expect_kept(int line, const struct place_object *m)
{
	const u8 *o = m->o;
	size_t i, n;

	if (!place_is_read_only(m->place))
		return;

	for (n = 0; n < m->other; n++) {
		i = o + n - m->p;
		if (o[n] != (i < m->c->in_size ? m->c->in[i] : USER_CANARY))
			break;
	}
	__test_expect(line, n == m->other, "%s, %lu bytes %s: written to it",
		      m->c->name, m->k, place_name[m->place]);
}

void place_end(struct place_object *m)
{
	memset(m->w, USER_CANARY, m->there);
}

void __place_expect_canaries(int line, const char *name)
{
	__test_expect(line, !memcmp(user_mem, place_canaries, user_page_size) &&
		      (!place_top || !memcmp(place_top, place_canaries,
					     user_page_size)),
		      "%s: other memory was written", name);
	user_mem_protect(user_hole, user_page_size, PROT_NONE);
	user_mem_protect(user_mem - user_page_size, user_page_size, PROT_NONE);
	user_mem_fill_canary();
}
