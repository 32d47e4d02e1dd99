/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small guest that QEMU boots without a kernel (multiboot), to check the
 * counter: sections of known length, then power off through isa-debug-exit.
 */
#include "marker.h"

#define MULTIBOOT	0x1badb002
#define LOOPS		1000000
#define COUNTED		4096

	.macro	mark op, id
	.byte	0x0f, 0x1f, 0x84, 0x00
	.long	INSN_MAGIC | \op << 8 | \id
	.endm

	.text
	.code32
	.globl	_start
	.balign	4
	.long	MULTIBOOT, 0, -MULTIBOOT
_start:
	/* Section 1: 1 + 2 * LOOPS instructions. */
	mark	INSN_OP_BEGIN, 1
	mov	$LOOPS, %ecx
1:	dec	%ecx
	jnz	1b
	mark	INSN_OP_END, 1
	mark	INSN_OP_REPORT, 1

	/* Section 2, twice: 5 instructions, one with COUNTED iterations. */
	mov	$2, %ebx
2:	mark	INSN_OP_BEGIN, 2
	mov	$0x200000, %edi
	mov	$COUNTED, %ecx
	xor	%eax, %eax
	rep stosb
	nop
	mark	INSN_OP_END, 2
	dec	%ebx
	jnz	2b
	mark	INSN_OP_REPORT, 2

	/* Section 3: its first sample is reset, its second is empty. */
	mark	INSN_OP_BEGIN, 3
	nop
	mark	INSN_OP_END, 3
	mark	INSN_OP_RESET, 0
	mark	INSN_OP_BEGIN, 3
	mark	INSN_OP_END, 3
	mark	INSN_OP_REPORT, 3

	mov	$0xf4, %dx
	xor	%eax, %eax
	out	%eax, %dx
3:	hlt
	jmp	3b

	.section .note.GNU-stack, "", @progbits
