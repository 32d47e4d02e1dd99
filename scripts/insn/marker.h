/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Markers that a program executes to have its instructions counted.
 *
 * A marker is an eight-byte NOP (0f 1f 84 00 imm32) whose displacement says
 * what it means: on a machine without the plugin it does nothing. The counter
 * counts all instructions of the virtual CPU, of whatever thread: a program pins
 * its thread to a CPU.
 */
#ifndef INSN_MARKER_H
#define INSN_MARKER_H

#define INSN_MAGIC	0x4b760000	/* the upper half of the displacement */
#define INSN_IDS	64		/* sections are numbered 0 to 63 */

#define INSN_OP_BEGIN	1	/* a run of the section begins */
#define INSN_OP_END	2	/* the run ends: one sample */
#define INSN_OP_REPORT	3	/* write this CPU's samples, then drop them */
#define INSN_OP_DROP	4	/* drop this CPU's samples */
#define INSN_OP_RESET	5	/* drop the samples of all sections; any id */

#define INSN_MARK(op, id)						\
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00\n\t.long %c0"	\
		     : : "i" (INSN_MAGIC | (op) << 8 | (id)) : "memory")

#define insn_begin(id)	INSN_MARK(INSN_OP_BEGIN, id)
#define insn_end(id)	INSN_MARK(INSN_OP_END, id)
#define insn_report(id)	INSN_MARK(INSN_OP_REPORT, id)
#define insn_drop(id)	INSN_MARK(INSN_OP_DROP, id)
#define insn_reset()	INSN_MARK(INSN_OP_RESET, 0)

#endif /* INSN_MARKER_H */
