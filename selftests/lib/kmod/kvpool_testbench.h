/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/kvpool_testbench: what benchmarks need of the kernel itself. */
#ifndef KVPOOL_TESTBENCH_H
#define KVPOOL_TESTBENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TESTBENCH_PAGES		16384	/* most that one file pins */

/**
 * struct testbench_pin - TESTBENCH_PIN: pin pages as a driver of a device does
 * @addr: multiple of 4096
 * @pages: 1 to TESTBENCH_PAGES; they stay pinned until TESTBENCH_UNPIN or the
 *	   end of the file
 */
struct testbench_pin {
	__aligned_u64 addr;
	__aligned_u64 pages;
};

/**
 * struct testbench_spin - TESTBENCH_SPIN: execute instructions
 * @loops: loops of two instructions; at most 10,000,000
 * @times: how often, with a point of rescheduling after each time
 */
struct testbench_spin {
	__u32 loops;
	__u32 times;
};

#define TESTBENCH_PIN		_IOW('B', 0, struct testbench_pin)
#define TESTBENCH_UNPIN		_IO('B', 1)
#define TESTBENCH_SPIN		_IOW('B', 2, struct testbench_spin)

#endif /* KVPOOL_TESTBENCH_H */
