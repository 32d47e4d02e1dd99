/* SPDX-License-Identifier: GPL-2.0 */
/* Limits and times that both ends of a connection use. */
#ifndef _KVPOOL_FABRIC_LIMITS_H
#define _KVPOOL_FABRIC_LIMITS_H

#include <linux/sizes.h>

/* Requests in flight on a queue pair, wanted and granted. */
#define KVPOOL_CREDITS		12
/* Beyond the requests: AUTH or ALIVE, and one to spare. */
#define KVPOOL_CREDITS_EXTRA	2
#define KVPOOL_MAX_REQUEST	SZ_1M	/* bytes of one request */

/*
 * One request in so many has its send signaled. The answer to another one says
 * as well that it was sent. If the device sends a capsule again after that, since
 * an ACK was lost, the target does not look at what is in it.
 */
#define KVPOOL_SIGNAL_EVERY	4

/*
 * Work requests of an initiator's send queue: to register and to send, to
 * invalidate; AUTH, ALIVE and CANCEL. A signaled send keeps its credit until it
 * has completed, so there are at most so many of them, each behind some that are
 * not and whose requests may have been answered.
 */
#define KVPOOL_QUEUE_SENDS(credits)					\
	(2 * (KVPOOL_SIGNAL_EVERY * ((credits) + 1) - 1) + (credits) + 2)

#define KVPOOL_QP_RETRIES	6	/* 7 is for ever, with rxe */
#define KVPOOL_RNR_TIMER	14	/* about 1 ms */

#define KVPOOL_LINGER_MS	200	/* after a transport error */

#endif /* _KVPOOL_FABRIC_LIMITS_H */
