/* SPDX-License-Identifier: GPL-2.0-only */
/* The code that psci_race.h describes */

	.section .rodata, "a"
	.balign	8
	.global	psci_race_code
psci_race_code:
	.set	i, 0
	.rept	128
	mov	w1, #i
	b	psci_race_target
	.set	i, i + 1
	.endr
	.global	psci_race_target
psci_race_target:
	str	w1, [x9]
	.global	psci_race_target_stored
psci_race_target_stored:
	ldr	w0, psci_race_off
	tbnz	w1, #0, 1f
	hvc	#0
	b	2f
1:	smc	#0
2:	str	w0, [x9, #0x100]
	.global	psci_race_off
psci_race_off:
	.word	0
	.macro	race_caller insn
1:	cbz	x28, 2f
	mov	x0, x28
	mov	x1, x21
	mov	x2, #0
	\insn	#0
	cmp	x0, #1
	cinc	x25, x25, hi
2:	and	x10, x19, #63
	add	x10, x10, x26
	mov	x0, x27
	mov	x1, x21
	add	x2, x22, x10, lsl #3
	orr	x3, x10, x19, lsl #8
	orr	x3, x3, x23
	\insn	#0
	add	x19, x19, #1
	cbz	x0, 3f
	cmp	x0, x24
	cinc	x25, x25, ne
	sub	x20, x20, #1
	cbnz	x20, 1b
3:	str	w0, [x9]
	b	1b
	.endm
	.global	psci_race_caller_hvc
psci_race_caller_hvc:
	race_caller	hvc
	.global	psci_race_caller_smc
psci_race_caller_smc:
	race_caller	smc
	.global	psci_race_code_end
psci_race_code_end:
