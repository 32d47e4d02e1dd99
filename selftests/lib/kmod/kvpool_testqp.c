// SPDX-License-Identifier: GPL-2.0
/*
 * Makes changes of queue pairs fail: takes the place of modify_qp of an RDMA
 * device. While the parameter "fail" is set, a change to the state ERR gets that
 * error, as of a device that has lost its firmware. "seen" counts such changes,
 * "failed" those that got the error.
 *
 * Other users of the device's queue pairs have the same fate. Unload it before the
 * device goes away.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <rdma/ib_verbs.h>

static char *device;
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "name of the RDMA device");

static int fail;
module_param(fail, int, 0644);
MODULE_PARM_DESC(fail, "errno that a change to ERR gets, or 0");

static unsigned int seen;
module_param(seen, uint, 0444);
MODULE_PARM_DESC(seen, "changes to ERR");

static unsigned int failed;
module_param(failed, uint, 0444);
MODULE_PARM_DESC(failed, "changes to ERR that have failed");

typedef int (*kvpool_testqp_fn)(struct ib_qp *qp, struct ib_qp_attr *attr,
				int mask, struct ib_udata *udata);

static struct ib_device *ibdev;
static kvpool_testqp_fn original;
static atomic_t inside;

static int kvpool_testqp_modify(struct ib_qp *qp, struct ib_qp_attr *attr,
				int mask, struct ib_udata *udata)
{
	int ret = 0;

	atomic_inc(&inside);
	if (mask & IB_QP_STATE && attr->qp_state == IB_QPS_ERR) {
		seen++;
		ret = -READ_ONCE(fail);
	}
	if (ret)
		failed++;
	else
		ret = original(qp, attr, mask, udata);
	atomic_dec(&inside);
	return ret;
}

static int __init kvpool_testqp_init(void)
{
	if (!device)
		return -EINVAL;
	ibdev = ib_device_get_by_name(device, RDMA_DRIVER_UNKNOWN);
	if (!ibdev)
		return -ENODEV;
	original = ibdev->ops.modify_qp;
	WRITE_ONCE(ibdev->ops.modify_qp, kvpool_testqp_modify);
	/* It may go away while this is loaded, for what the test is about. */
	ib_device_put(ibdev);
	return 0;
}
module_init(kvpool_testqp_init);

static void __exit kvpool_testqp_exit(void)
{
	struct ib_device *now;

	now = ib_device_get_by_name(device, RDMA_DRIVER_UNKNOWN);
	if (now) {
		if (now == ibdev)
			WRITE_ONCE(now->ops.modify_qp, original);
		ib_device_put(now);
	}
	synchronize_rcu();
	while (atomic_read(&inside))
		msleep(20);
	/* It may not have returned yet. */
	synchronize_rcu();
	msleep(20);
}
module_exit(kvpool_testqp_exit);

MODULE_DESCRIPTION("kvpool tests: lets changes of queue pairs fail");
MODULE_LICENSE("GPL");
