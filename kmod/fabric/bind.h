/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_BIND_H
#define _KVPOOL_FABRIC_BIND_H

struct kvpool_wire_end;
struct rdma_cm_id;

int kvpool_bind_ends(struct rdma_cm_id *cm_id, struct kvpool_wire_end *here,
		     struct kvpool_wire_end *there);
unsigned int kvpool_bind_mtu(struct rdma_cm_id *cm_id);

#endif /* _KVPOOL_FABRIC_BIND_H */
