/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The entry, the exceptions and the reads of probe.c, at EL1 with the MMU off.
 */

	.section .head, "ax"
	.global start, secondary
	/* QEMU jumps here, on the first CPU only. */
start:
	adr	x1, vectors
	msr	vbar_el1, x1
	adr	x1, stack_top
	mov	sp, x1
	bl	main
	/* CPU_ON comes here, with the second CPU's stack as its context. */
secondary:
	adr	x1, vectors
	msr	vbar_el1, x1
	mov	sp, x0
	bl	second_cpu
0:	wfe
	b	0b

	/*
	 * mrs(WHICH) reads the register with the number WHICH of the table: x0 is the value,
	 * and x1 is 0, or 1 if there was an exception instead.
	 */
	.text
	.global mrs_read
mrs_read:
	adr	x2, table
	add	x2, x2, x0, lsl #3
	mov	x1, #0
	br	x2

	/* Each entry has two instructions. The order is that of say_register() in probe.c. */
	.balign 8
table:
	.irp	op1, 0, 1, 3
	.irp	crm, 0, 1, 2, 3, 4, 5, 6, 7
	.irp	op2, 0, 1, 2, 3, 4, 5, 6, 7
	/* mrs x0, S3_op1_C0_Ccrm_op2 */
	.inst	0xd5380000 | \op1 << 16 | \crm << 8 | \op2 << 5
	ret
	.endr
	.endr
	.endr
	/* PMCR_EL0, PMCEID0_EL0, PMCEID1_EL0 */
	.irp	op2, 0, 6, 7
	/* mrs x0, S3_3_C9_C12_op2 */
	.inst	0xd53b9c00 | \op2 << 5
	ret
	.endr
	/* ICC_CTLR_EL1, ICC_SRE_EL1, CNTFRQ_EL0 */
	mrs	x0, s3_0_c12_c12_4
	ret
	mrs	x0, s3_0_c12_c12_5
	ret
	mrs	x0, cntfrq_el0
	ret

	/* An undefined or trapped instruction is skipped, with x1 = 1. Others end the guest. */
	.balign	0x800
vectors:
	.rept	4
	.balign	0x80
	b	other
	.endr
	.balign	0x80
	mrs	x2, esr_el1
	lsr	x2, x2, #26
	cbz	x2, 1f
	cmp	x2, #0x18
	b.ne	other
1:	mrs	x2, elr_el1
	add	x2, x2, #4
	msr	elr_el1, x2
	mov	x0, #0
	mov	x1, #1
	eret
	.balign	0x80
	b	other
	.balign	0x800
other:
	mrs	x0, esr_el1
	mrs	x1, elr_el1
	bl	unexpected
0:	wfe
	b	0b

	.bss
	.balign 16
	.space	8192
stack_top:
