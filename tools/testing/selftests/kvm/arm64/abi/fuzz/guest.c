// SPDX-License-Identifier: GPL-2.0-only
/* The guest of abi_fuzz */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/smccc_guest.h"
#include "abi/smccc_table.h"
#include "episode.h"
#include "guest.h"
#include "random.h"

kvm_static_assert(sizeof(struct fuzz_call) == 144);

/*
 * The MMU is off. After all calls the code clears the registers, as the last
 * result may be random, and stores to an unmapped address to exit. Then it
 * begins again.
 */
asm("	.pushsection .rodata, \"a\"\n"
"	.balign	8\n"
"fuzz_code_64:\n"
"	ldr	x20, 5f\n"
"	ldr	x21, [x20], #16\n"
"1:	cbz	x21, 4f\n"
"	sub	x21, x21, #1\n"
"	ldp	x22, x0, [x20]\n"
"	ldp	x1, x2, [x20, #16]\n"
"	ldp	x3, x4, [x20, #32]\n"
"	ldp	x5, x6, [x20, #48]\n"
"	ldr	x7, [x20, #64]\n"
"	cbnz	x22, 2f\n"
"	hvc	#0\n"
"	b	3f\n"
"2:	smc	#0\n"
"3:	str	x0, [x20, #72]\n"
"	stp	x1, x2, [x20, #80]\n"
"	stp	x3, x4, [x20, #96]\n"
"	stp	x5, x6, [x20, #112]\n"
"	str	x7, [x20, #128]\n"
"	add	x20, x20, #144\n"
"	b	1b\n"
"4:	mov	x0, #0\n"
"	mov	x1, #0\n"
"	mov	x2, #0\n"
"	mov	x3, #0\n"
"	ldr	x9, 6f\n"
"	str	w21, [x9]\n"
"	b	fuzz_code_64\n"
"	.balign	8\n"
"5:	.quad	0x40010000\n"
"6:	.quad	0x10000000\n"
"fuzz_code_64_end:\n"
"	.popsection\n");

kvm_static_assert(FUZZ_GPA + FUZZ_BATCH == 0x40010000 &&
		  SMCCC_MMIO_GPA == 0x10000000);

/* The same in A32, which the assembler does not support. */
static const u32 fuzz_code_32[] = {
	/* ldr r10, batch; ldr r11, [r10], #16; 1: cmp r11, #0; beq 4f */
	0xe59fa088, 0xe49ab010, 0xe35b0000, 0x0a000018,
	/* sub r11, r11, #1; ldr r12, [r10] */
	0xe24bb001, 0xe59ac000,
	/* ldr r0, [r10, #8] and so on, to r7 */
	0xe59a0008, 0xe59a1010, 0xe59a2018, 0xe59a3020,
	0xe59a4028, 0xe59a5030, 0xe59a6038, 0xe59a7040,
	/* cmp r12, #0; bne 2f; hvc #0; b 3f */
	0xe35c0000, 0x1a000001, 0xe1400070, 0xea000000,
	/* 2: smc #0 */
	0xe1600070,
	/* 3: str r0, [r10, #72] and so on, to r7 */
	0xe58a0048, 0xe58a1050, 0xe58a2058, 0xe58a3060,
	0xe58a4068, 0xe58a5070, 0xe58a6078, 0xe58a7080,
	/* add r10, r10, #144; b 1b */
	0xe28aa090, 0xeaffffe4,
	/* 4: mov r0, #0 and so on, to r3 */
	0xe3a00000, 0xe3a01000, 0xe3a02000, 0xe3a03000,
	/* ldr r9, mmio; str r11, [r9]; b start */
	0xe59f9008, 0xe589b000, 0xeaffffdb,
	/* batch, mmio */
	FUZZ_GPA + FUZZ_BATCH,
	SMCCC_MMIO_GPA,
};

void fuzz_clean(const void *mem, size_t len)
{
	const u8 *p;

	for (p = mem; p < (const u8 *)mem + len; p += 16)
		asm volatile("dc civac, %0" : : "r"(p) : "memory");
	asm volatile("dsb sy" : : : "memory");
}

void fuzz_load_code(u8 *mem)
{
	memcpy(mem, fuzz_code_64, fuzz_code_64_end - fuzz_code_64);
	memcpy(mem + FUZZ_CODE_32, fuzz_code_32, sizeof(fuzz_code_32));
	__builtin___clear_cache((char *)mem, (char *)mem + getpagesize());
	fuzz_clean(mem, getpagesize());
}

/* ---- Hypercalls ---- */

#define FUZZ_PTP_ID	0x86000001U

static bool fuzz_call_waits(u32 fn)
{
	return (fn | BIT(30)) == PSCI_0_2_FN64_CPU_SUSPEND;
}

bool fuzz_call_turns_off(u32 fn)
{
	return fn == PSCI_0_2_FN_CPU_OFF || fn == KVM_PSCI_FN_CPU_OFF;
}

/* Calls that turn the caller off are rare, as they take time. */
static u64 fuzz_function(struct fuzz_random *r)
{
	u64 fn = fuzz_pick_of(r, smccc_fns, NR_SMCCC_FNS).id;

	switch (fuzz_below(r, 8)) {
	case 0:
		fn += fuzz_below(r, 5) - 2UL;
		break;
	case 1:
		fn ^= fuzz_one_in(r, 2) ? BIT(30) : BIT(31);
		break;
	case 2:
		fn = fuzz_noise(r, fn, 3);
		break;
	case 3:
		fn = (u32)fuzz_value(r);
		break;
	case 4:
		fn |= fuzz_u64(r) << 32;
		break;
	}

	return fn;
}

/* An affinity, a function, an address, a number of bits, or anything. */
static u64 fuzz_call_arg(struct fuzz_random *r)
{
	switch (fuzz_below(r, 8)) {
	case 0:
	case 1:
		return fuzz_below(r, FUZZ_MAX_VCPUS);
	case 2:
		return fuzz_below(r, 4) << (8 * fuzz_below(r, 4));
	case 3:
		return fuzz_pick_of(r, smccc_fns, NR_SMCCC_FNS).id ^
		       (fuzz_one_in(r, 4) ? BIT(30) : 0);
	case 4:
		return FUZZ_GPA + 4 * fuzz_below(r, 8);
	case 5:
		return fuzz_below(r, 200);
	default:
		return fuzz_value(r);
	}
}

struct fuzz_call fuzz_random_call(struct fuzz_random *r, bool may_wait,
				  bool smc_only)
{
	struct fuzz_call c;
	int i;

	memset(&c, 0, sizeof(c));
	c.smc = smc_only || fuzz_one_in(r, 2);
	do {
		c.in[0] = fuzz_function(r);
	} while ((fuzz_call_turns_off(c.in[0]) && !fuzz_one_in(r, 32)) ||
		 (fuzz_call_waits(c.in[0]) && !may_wait));
	for (i = 1; i < 8; i++)
		c.in[i] = fuzz_call_arg(r);
	for (i = 1; i < 4 && fuzz_one_in(r, 4); i++)
		c.in[i] = 0;

	return c;
}

/* The bits in register x@x, of @nr random bits in x3, x2 and x1 */
static u64 fuzz_entropy_mask(u32 nr, int x, int width)
{
	int first = (3 - x) * width;

	if (nr <= first)
		return 0;
	return ~0UL >> (64 - min_t(u32, nr - first, width));
}

u64 fuzz_call_mask(const struct fuzz_call *c, int x)
{
	u32 fn = c->in[0];

	if (fn == FUZZ_PTP_ID && (u32)c->out[0] != (u32)SMCCC_RET_NOT_SUPPORTED)
		return x < 4 ? ~0UL : 0;

	if (c->out[0] || x < 1 || x > 3)
		return 0;
	if (fn == ARM_SMCCC_TRNG_RND32)
		return fuzz_entropy_mask(c->in[1], x, 32);
	if (fn == ARM_SMCCC_TRNG_RND64)
		return fuzz_entropy_mask(c->in[1], x, 64);
	return 0;
}
