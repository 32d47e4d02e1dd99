// SPDX-License-Identifier: GPL-2.0
/* The ends of a connection, as the device has them: what proofs bind. */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/string.h>
#include <net/ipv6.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#include "fabric/bind.h"
#include "fabric/proto.h"

/* An IP address and a port; an IPv4 address as it is mapped to IPv6. */
static void kvpool_bind_address(const struct sockaddr_storage *from,
				struct kvpool_wire_end *end)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	struct in6_addr addr;

	if (from->ss_family == AF_INET) {
		ipv6_addr_set_v4mapped(v4->sin_addr.s_addr, &addr);
		end->number = cpu_to_le32(ntohs(v4->sin_port));
	} else {
		addr = v6->sin6_addr;
		end->number = cpu_to_le32(ntohs(v6->sin6_port));
	}
	memcpy(end->address, &addr, sizeof(end->address));
}

/**
 * kvpool_bind_ends() - Tell both ends of a connection
 * @cm_id: the connection; its queue pair is connected
 * @here: out: the end of this host
 * @there: out: the end of the other host
 *
 * What the device was told counts, not what a message of the connection manager
 * claims: packets go to this queue pair and, but for InfiniBand without a global
 * route header, to this GID.
 *
 * Return: 0 or a negative errno.
 */
int kvpool_bind_ends(struct rdma_cm_id *cm_id, struct kvpool_wire_end *here,
		     struct kvpool_wire_end *there)
{
	const struct ib_global_route *grh;
	struct ib_qp_init_attr init;
	struct ib_qp_attr attr;
	union ib_gid sgid, dgid;
	int ret;

	if (rdma_protocol_iwarp(cm_id->device, cm_id->port_num)) {
		kvpool_bind_address(&cm_id->route.addr.src_addr, here);
		kvpool_bind_address(&cm_id->route.addr.dst_addr, there);
		return 0;
	}
	ret = ib_query_qp(cm_id->qp, &attr, IB_QP_AV | IB_QP_DEST_QPN, &init);
	if (ret)
		return ret;
	/*
	 * Within an InfiniBand subnet there may be no GIDs in the packets. Then
	 * the GIDs are those of the path, and the LIDs are not covered.
	 */
	rdma_read_gids(cm_id, &sgid, &dgid);
	if (rdma_ah_get_ah_flags(&attr.ah_attr) & IB_AH_GRH) {
		grh = rdma_ah_read_grh(&attr.ah_attr);
		dgid = grh->dgid;
		ret = rdma_query_gid(cm_id->device, cm_id->port_num,
				     grh->sgid_index, &sgid);
		if (ret)
			return ret;
	}
	memcpy(here->address, &sgid, sizeof(here->address));
	memcpy(there->address, &dgid, sizeof(there->address));
	here->number = cpu_to_le32(cm_id->qp->qp_num);
	there->number = cpu_to_le32(attr.dest_qp_num);
	return 0;
}

/**
 * kvpool_bind_mtu() - Tell the path MTU of a connection
 * @cm_id: the connection; its route is resolved, or it was requested
 *
 * Return: bytes, or zero with iWARP.
 */
unsigned int kvpool_bind_mtu(struct rdma_cm_id *cm_id)
{
	const struct sa_path_rec *path = cm_id->route.path_rec;

	if (!path || rdma_protocol_iwarp(cm_id->device, cm_id->port_num))
		return 0;
	return max(ib_mtu_enum_to_int(path->mtu), 0);
}
