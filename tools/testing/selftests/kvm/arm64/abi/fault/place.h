/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places for userspace's memory where some bytes are accessible and others are
 * not, and what a call may write there.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FAULT_PLACE_H
#define SELFTEST_KVM_ARM64_ABI_FAULT_PLACE_H

#include "call.h"
#include "kvm_util.h"

enum fault_place {
	/* The first @k bytes are accessible, the others not, or read-only. */
	PLACE_HOLE_BEHIND,
	PLACE_READ_ONLY_BEHIND,
	/* The last bytes are accessible, and @k before them are not. */
	PLACE_HOLE_BEFORE,
	PLACE_READ_ONLY_BEFORE,
	/* The first @k bytes are the last ones of user space. */
	PLACE_TOP,
	NR_PLACES,
};

extern const char * const place_name[NR_PLACES];

/* The last page of user space, NULL if it cannot be mapped */
extern u8 *place_top;

/*
 * Addresses have 52 or 48 bits: take the higher last page that can be mapped.
 */
void place_create(void);

/*
 * The bytes of one call, at @p. @there of them, from @w on, can be written; the
 * @other ones, from @o on, can at best be read.
 */
struct place_object {
	const struct fault_call *c;
	enum fault_place place;
	size_t k;
	u8 *p;
	u8 *w;
	size_t there;
	u8 *o;
	size_t other;
};

/* Lay out the memory, which holds canaries, with @k as above. */
struct place_object place_begin(const struct fault_call *c,
				enum fault_place place, size_t k);

/* What the call must return in this place */
int place_want(const struct place_object *m);

/* A hash of the writable memory */
u64 place_hash(const struct place_object *m);

/* The accessible bytes of the call agree with @full. */
void __place_expect(int line, const struct place_object *m, const u8 *full);
#define place_expect(...)	__place_expect(__LINE__, __VA_ARGS__)

/* Read-only memory is unchanged. */
void __place_expect_kept(int line, const struct place_object *m);
#define place_expect_kept(...)	__place_expect_kept(__LINE__, __VA_ARGS__)

/* Restore the canaries. */
void place_end(struct place_object *m);

/* After many calls: they have written only their own memory. */
void __place_expect_canaries(int line, const char *name);
#define place_expect_canaries(...)	__place_expect_canaries(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_FAULT_PLACE_H */
