// SPDX-License-Identifier: GPL-2.0
/*
 * What benchmarks cannot reach from user space: pin_user_pages() without the
 * work of a driver around it, and a known number of instructions of the kernel,
 * to check the counter of instructions with.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "kvpool_testbench.h"

#define TESTBENCH_LOOPS		10000000

struct testbench {
	struct mutex lock;	/* protects all members */
	long nr;		/* pages that are pinned */
	struct page *pages[TESTBENCH_PAGES];
};

static int testbench_open(struct inode *inode, struct file *file)
{
	struct testbench *tb = kvzalloc(sizeof(*tb), GFP_KERNEL);

	if (!tb)
		return -ENOMEM;
	mutex_init(&tb->lock);
	file->private_data = tb;
	return 0;
}

static void testbench_unpin(struct testbench *tb)
{
	unpin_user_pages(tb->pages, tb->nr);
	tb->nr = 0;
}

static int testbench_release(struct inode *inode, struct file *file)
{
	struct testbench *tb = file->private_data;

	testbench_unpin(tb);
	kvfree(tb);
	return 0;
}

static int testbench_pin(struct testbench *tb, const struct testbench_pin *pin)
{
	long got;

	if (!pin->pages || pin->pages > TESTBENCH_PAGES)
		return -EINVAL;
	if (tb->nr)
		return -EBUSY;
	while (tb->nr < pin->pages) {
		got = pin_user_pages_fast(pin->addr +
					  ((u64)tb->nr << PAGE_SHIFT),
					  pin->pages - tb->nr,
					  FOLL_WRITE | FOLL_LONGTERM,
					  tb->pages + tb->nr);
		if (got <= 0) {
			testbench_unpin(tb);
			return got ?: -EFAULT;
		}
		tb->nr += got;
	}
	return 0;
}

static int testbench_spin(const struct testbench_spin *spin)
{
	u32 i, n;

	if (!spin->loops || spin->loops > TESTBENCH_LOOPS)
		return -EINVAL;
	for (i = 0; i < spin->times && !fatal_signal_pending(current); i++) {
		n = spin->loops;
		asm volatile("1:\tdec %0\n\tjnz 1b" : "+r" (n) : : "cc");
		cond_resched();
	}
	return 0;
}

static long testbench_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	struct testbench *tb = file->private_data;
	const void __user *from = (void __user *)arg;
	struct testbench_spin spin;
	struct testbench_pin pin;
	long ret = 0;

	mutex_lock(&tb->lock);
	switch (cmd) {
	case TESTBENCH_PIN:
		ret = copy_from_user(&pin, from, sizeof(pin)) ? -EFAULT :
		      testbench_pin(tb, &pin);
		break;
	case TESTBENCH_UNPIN:
		testbench_unpin(tb);
		break;
	case TESTBENCH_SPIN:
		ret = copy_from_user(&spin, from, sizeof(spin)) ? -EFAULT :
		      testbench_spin(&spin);
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&tb->lock);
	return ret;
}

static const struct file_operations testbench_fops = {
	.owner = THIS_MODULE,
	.open = testbench_open,
	.release = testbench_release,
	.unlocked_ioctl = testbench_ioctl,
};

static struct miscdevice testbench_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kvpool_testbench",
	.fops = &testbench_fops,
	.mode = 0600,
};

module_misc_device(testbench_misc);
MODULE_DESCRIPTION("kvpool: pins and instructions for benchmarks");
MODULE_LICENSE("GPL");
