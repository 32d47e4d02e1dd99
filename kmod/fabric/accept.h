/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_ACCEPT_H
#define _KVPOOL_FABRIC_ACCEPT_H

struct kvpool_session;
struct rdma_cm_event;
struct rdma_cm_id;

int kvpool_accept(struct rdma_cm_id *cm_id, struct rdma_cm_event *event);
int kvpool_accept_event(struct kvpool_session *session,
			struct rdma_cm_event *event);

#endif /* _KVPOOL_FABRIC_ACCEPT_H */
