// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the end of queue pairs fail: takes the place of modify_qp and post_send of
 * an RDMA device. While the parameter "fail" is set, a change to the state ERR gets
 * that error, as of a device that has lost its firmware. "seen" counts such
 * changes, "failed" those that got the error. While "lose" is set, what RC queue
 * pairs send is lost and not completed, which "lost" counts; when it is cleared, the
 * last of it that moves nothing, as what is sent behind all else, is sent late.
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

static bool lose;
static struct ib_qp *late_qp;
static struct ib_rdma_wr late_wr;

static int kvpool_testqp_set_lose(const char *val,
				  const struct kernel_param *kp);

static const struct kernel_param_ops kvpool_testqp_lose_ops = {
	.set = kvpool_testqp_set_lose,
	.get = param_get_bool,
};

module_param_cb(lose, &kvpool_testqp_lose_ops, &lose, 0644);
MODULE_PARM_DESC(lose, "work requests to send are lost");

static unsigned int lost;
module_param(lost, uint, 0444);
MODULE_PARM_DESC(lost, "calls that lost work requests");

typedef int (*kvpool_testqp_send_fn)(struct ib_qp *qp,
				     const struct ib_send_wr *wr,
				     const struct ib_send_wr **bad);
typedef int (*kvpool_testqp_fn)(struct ib_qp *qp, struct ib_qp_attr *attr,
				int mask, struct ib_udata *udata);

static struct ib_device *ibdev;
static kvpool_testqp_fn original;
static kvpool_testqp_send_fn original_send;
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

static int kvpool_testqp_send(struct ib_qp *qp, const struct ib_send_wr *wr,
			      const struct ib_send_wr **bad)
{
	int ret = 0;

	atomic_inc(&inside);
	/* The connection manager has its own, and waits for them. */
	if (READ_ONCE(lose) && qp->qp_type == IB_QPT_RC) {
		lost++;
		if (wr->opcode == IB_WR_RDMA_WRITE && !wr->num_sge) {
			late_qp = qp;
			late_wr = *rdma_wr(wr);
		}
	} else {
		ret = original_send(qp, wr, bad);
	}
	atomic_dec(&inside);
	return ret;
}

static int kvpool_testqp_set_lose(const char *val,
				  const struct kernel_param *kp)
{
	const struct ib_send_wr *bad;
	int ret = param_set_bool(val, kp);

	if (ret || lose || !late_qp)
		return ret;
	ret = original_send(late_qp, &late_wr.wr, &bad);
	late_qp = NULL;
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
	original_send = ibdev->ops.post_send;
	WRITE_ONCE(ibdev->ops.modify_qp, kvpool_testqp_modify);
	WRITE_ONCE(ibdev->ops.post_send, kvpool_testqp_send);
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
		if (now == ibdev) {
			WRITE_ONCE(now->ops.modify_qp, original);
			WRITE_ONCE(now->ops.post_send, original_send);
		}
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

MODULE_DESCRIPTION("kvpool tests: lets the end of queue pairs fail");
MODULE_LICENSE("GPL");
