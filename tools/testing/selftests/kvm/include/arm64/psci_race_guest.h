/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's code of psci_cpu_on_race. It runs with its MMU off, uses no
 * memory, and is position-independent.
 *
 * A target that begins at an entry point puts its number into w1, exits with a
 * store of it to address 0 (as x9 is reset), and turns off. The second store
 * must never be reached. Userspace puts the id of CPU_OFF at psci_race_off.
 *
 * A caller makes up to x20 calls of CPU_ON, until one is successful, and then
 * exits with a store to [x9]. For a call,
 *
 *	x19	is the number, and its lower bits are added to
 *	x26	which is the number of the first entry point to be used,
 *	x21	is the target's affinity,
 *	x22	is the address of the entry points,
 *	x23	is the upper half of the context id; the lower half has the number
 *		of the call, and in its last byte that of the entry point,
 *	x24	is the result if the target is on; x25 counts any other,
 *	x27	is the id of CPU_ON,
 *	x28	is the id of AFFINITY_INFO, called in between if it is not 0.
 */
#ifndef SELFTEST_KVM_ARM64_PSCI_RACE_GUEST_H
#define SELFTEST_KVM_ARM64_PSCI_RACE_GUEST_H

/* Entry points of 8 bytes each, from psci_race_code on */
#define PSCI_RACE_ENTRIES	128

extern u8 psci_race_code[], psci_race_target[], psci_race_target_stored[];
extern u8 psci_race_off[];
extern u8 psci_race_caller_hvc[], psci_race_caller_smc[], psci_race_code_end[];

asm("	.pushsection .rodata, \"a\"\n"
"	.balign	8\n"
"psci_race_code:\n"
"	.set	i, 0\n"
"	.rept	128\n"
"	mov	w1, #i\n"
"	b	psci_race_target\n"
"	.set	i, i + 1\n"
"	.endr\n"
"psci_race_target:\n"
"	str	w1, [x9]\n"
"psci_race_target_stored:\n"
"	ldr	w0, psci_race_off\n"
"	tbnz	w1, #0, 1f\n"
"	hvc	#0\n"
"	b	2f\n"
"1:	smc	#0\n"
"2:	str	w0, [x9, #0x100]\n"
"psci_race_off:\n"
"	.word	0\n"
"	.macro	race_caller insn\n"
"1:	cbz	x28, 2f\n"
"	mov	x0, x28\n"
"	mov	x1, x21\n"
"	mov	x2, #0\n"
"	\\insn	#0\n"
"	cmp	x0, #1\n"
"	cinc	x25, x25, hi\n"
"2:	and	x10, x19, #63\n"
"	add	x10, x10, x26\n"
"	mov	x0, x27\n"
"	mov	x1, x21\n"
"	add	x2, x22, x10, lsl #3\n"
"	orr	x3, x10, x19, lsl #8\n"
"	orr	x3, x3, x23\n"
"	\\insn	#0\n"
"	add	x19, x19, #1\n"
"	cbz	x0, 3f\n"
"	cmp	x0, x24\n"
"	cinc	x25, x25, ne\n"
"	sub	x20, x20, #1\n"
"	cbnz	x20, 1b\n"
"3:	str	w0, [x9]\n"
"	b	1b\n"
"	.endm\n"
"psci_race_caller_hvc:\n"
"	race_caller	hvc\n"
"psci_race_caller_smc:\n"
"	race_caller	smc\n"
"psci_race_code_end:\n"
"	.popsection\n");

#endif /* SELFTEST_KVM_ARM64_PSCI_RACE_GUEST_H */
