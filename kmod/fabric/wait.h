/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_WAIT_H
#define _KVPOOL_FABRIC_WAIT_H

#include <linux/types.h>

struct kvpool_cmd;
struct kvpool_key;
struct kvpool_session;

int kvpool_wait_begin(struct kvpool_cmd *cmd, const struct kvpool_key *key,
		      void (*resume)(struct kvpool_cmd *cmd, bool woken));
void kvpool_wait_cancel(struct kvpool_session *session, u32 id);
void kvpool_waits_init(struct kvpool_session *session);
void kvpool_waits_exit(struct kvpool_session *session);

#endif /* _KVPOOL_FABRIC_WAIT_H */
