// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a function of the kernel slow: whoever calls it sleeps after it has
 * returned. So a test can do something in a window of a few instructions, which
 * a host that shares its CPUs meets once in ten thousand times.
 *
 * For functions that may sleep, on x86-64 (six arguments in registers).
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

static char *function;
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "name of the function");

static unsigned int ms = 500;
module_param(ms, uint, 0644);
MODULE_PARM_DESC(ms, "milliseconds that a caller sleeps");

static unsigned int calls;
module_param(calls, uint, 0444);
MODULE_PARM_DESC(calls, "callers that have begun to sleep");

typedef unsigned long (*kvpool_testdelay_fn)(unsigned long, unsigned long,
					     unsigned long, unsigned long,
					     unsigned long, unsigned long);

static kvpool_testdelay_fn original;
static atomic_t inside;

static unsigned long kvpool_testdelay(unsigned long a, unsigned long b,
				      unsigned long c, unsigned long d,
				      unsigned long e, unsigned long f)
{
	unsigned long ret;

	atomic_inc(&inside);
	ret = READ_ONCE(original)(a, b, c, d, e, f);
	WRITE_ONCE(calls, calls + 1);
	msleep(ms);
	atomic_dec(&inside);
	return ret;
}

/* Go to kvpool_testdelay() instead, unless that is the caller. */
static void notrace kvpool_testdelay_enter(unsigned long ip,
					   unsigned long caller,
					   struct ftrace_ops *ops,
					   struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);

	if (within_module(caller, THIS_MODULE))
		return;
	WRITE_ONCE(original, (kvpool_testdelay_fn)ip);
	regs->ip = (unsigned long)kvpool_testdelay;
}

static struct ftrace_ops kvpool_testdelay_ops = {
	.func = kvpool_testdelay_enter,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY,
};

static int __init kvpool_testdelay_init(void)
{
	int ret;

	if (!function)
		return -EINVAL;
	ret = ftrace_set_filter(&kvpool_testdelay_ops, function,
				strlen(function), 0);
	return ret ?: register_ftrace_function(&kvpool_testdelay_ops);
}
module_init(kvpool_testdelay_init);

static void __exit kvpool_testdelay_exit(void)
{
	unregister_ftrace_function(&kvpool_testdelay_ops);
	while (atomic_read(&inside))
		msleep(20);
	/* It may not have returned yet. */
	synchronize_rcu();
	msleep(20);
}
module_exit(kvpool_testdelay_exit);

MODULE_DESCRIPTION("kvpool tests: sleeps after a function");
MODULE_LICENSE("GPL");
