/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_SERVE_H
#define _KVPOOL_FABRIC_SERVE_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct kvpool_cmd;
struct kvpool_recv;
struct kvpool_session;

void kvpool_serve_start(struct kvpool_cmd *cmd);
void kvpool_serve_receive(struct kvpool_session *session,
			  struct kvpool_recv *recv, u32 length);
void kvpool_serve_auth_work(struct work_struct *work);
void kvpool_serve_work(struct work_struct *work);
void kvpool_serve_flush(struct kvpool_session *session);
void kvpool_serve_unmap(struct kvpool_session *session);
void kvpool_serve_abandon(struct kvpool_session *session);

#endif /* _KVPOOL_FABRIC_SERVE_H */
