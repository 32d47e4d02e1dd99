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

#define KVPOOL_QP_RETRIES	6	/* 7 is for ever, with rxe */
#define KVPOOL_RNR_TIMER	14	/* about 1 ms */

#define KVPOOL_LINGER_MS	200	/* after a transport error */

#endif /* _KVPOOL_FABRIC_LIMITS_H */
