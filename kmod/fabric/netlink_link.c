// SPDX-License-Identifier: GPL-2.0
/* netlink: links. */
#include <linux/socket.h>

#include "fabric/control.h"
#include "fabric/netlink_address.h"
#include "fabric/netlink_link.h"
#include "fabric/netlink_msg.h"
#include "fabric/netlink_peer.h"
#include "fabric/peer.h"

/**
 * kvpool_nl_encode_link() - Add the attributes of a link to a message
 * @skb: the message
 * @link: the link
 *
 * Return: 0 or -EMSGSIZE.
 */
int kvpool_nl_encode_link(struct sk_buff *skb,
			  const struct kvpool_link_info *link)
{
	const int pad = KVPOOL_A_LINK_PAD;

	if (nla_put_u32(skb, KVPOOL_A_LINK_PEER, link->peer) ||
	    nla_put_u32(skb, KVPOOL_A_LINK_ID, link->id) ||
	    kvpool_nl_encode_endpoint(skb, KVPOOL_A_LINK_DST, &link->dst) ||
	    kvpool_nl_encode_endpoint(skb, KVPOOL_A_LINK_SRC, &link->src) ||
	    nla_put_u32(skb, KVPOOL_A_LINK_STATE, link->state) ||
	    (*link->ibdev &&
	     nla_put_string(skb, KVPOOL_A_LINK_IBDEV, link->ibdev)) ||
	    nla_put_u32(skb, KVPOOL_A_LINK_QUEUES, link->queues) ||
	    nla_put_u32(skb, KVPOOL_A_LINK_INFLIGHT, link->inflight) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_LINK_RATE, link->rate, pad) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_LINK_REQUESTS, link->requests,
			      pad) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_LINK_BYTES_IN, link->bytes_in,
			      pad) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_LINK_BYTES_OUT, link->bytes_out,
			      pad) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_LINK_ERRORS, link->errors, pad) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_LINK_RECONNECTS, link->reconnects,
			      pad) ||
	    nla_put_u32(skb, KVPOOL_A_LINK_LAST_ERROR,
			abs(link->last_error)) ||
	    nla_put_u32(skb, KVPOOL_A_LINK_CLOSE_REASON, link->close_reason) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_LINK_BYTES_INLINE,
			      link->bytes_inline, pad))
		return -EMSGSIZE;
	return 0;
}

static int kvpool_nl_link_ids(struct genl_info *info, u32 *peer, u32 *id)
{
	int ret = kvpool_nl_peer_id(info, KVPOOL_A_LINK_PEER, peer);

	if (ret)
		return ret;
	if (GENL_REQ_ATTR_CHECK(info, KVPOOL_A_LINK_ID)) {
		GENL_SET_ERR_MSG(info, "the id of a link is missing");
		return -EINVAL;
	}
	*id = nla_get_u32(info->attrs[KVPOOL_A_LINK_ID]);
	return 0;
}

static int kvpool_nl_no_link(struct genl_info *info, u32 peer)
{
	struct kvpool_peer_info found;

	if (kvpool_peer_next(peer - 1, &found) || found.id != peer)
		return kvpool_nl_no_peer(info, KVPOOL_A_LINK_PEER);
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KVPOOL_A_LINK_ID],
			    "the peer has no link with this id");
	return -ENOENT;
}

int kvpool_nl_link_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvpool_link_info link;
	u32 peer, id;
	void *hdr;
	int ret;

	ret = kvpool_nl_link_ids(info, &peer, &id);
	if (ret)
		return ret;
	if (kvpool_peer_next_link(peer, id - 1, &link) || link.id != id)
		return kvpool_nl_no_link(info, peer);
	skb = kvpool_nl_reply(info, &hdr);
	if (!skb)
		return -ENOMEM;
	ret = kvpool_nl_encode_link(skb, &link);
	return kvpool_nl_finish(skb, hdr, info, ret);
}

int kvpool_nl_link_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kvpool_link_info link;
	struct kvpool_peer_info peer;
	void *hdr;
	int ret;

	ret = kvpool_nl_dump_start(cb);
	if (ret)
		return ret;
	while (1) {
		if (!cb->args[0] ||
		    kvpool_peer_next_link(cb->args[0], cb->args[1], &link)) {
			if (kvpool_peer_next(cb->args[0], &peer))
				break;
			cb->args[0] = peer.id;
			cb->args[1] = 0;
			continue;
		}
		hdr = kvpool_nl_dump_begin(skb, cb, KVPOOL_CMD_LINK_GET);
		if (!hdr ||
		    !kvpool_nl_dump_end(skb, hdr,
					kvpool_nl_encode_link(skb, &link)))
			break;
		cb->args[1] = link.id;
	}
	return skb->len;
}

static void kvpool_nl_link_failed(struct genl_info *info, int error)
{
	switch (error) {
	case -ENOSPC:
		GENL_SET_ERR_MSG(info,
				 "the peer has 16 links, which is the limit; remove a link first");
		break;
	case -EEXIST:
		GENL_SET_ERR_MSG(info,
				 "the peer has a link between these addresses already");
		break;
	case -EPERM:
		GENL_SET_ERR_MSG(info,
				 "no secret is set: set secret-key, or set open to work without");
		break;
	}
}

int kvpool_nl_link_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sockaddr_storage dst, src;
	bool has_src = info->attrs[KVPOOL_A_LINK_SRC];
	u32 peer, id;
	void *hdr;
	int ret;

	ret = kvpool_nl_peer_id(info, KVPOOL_A_LINK_PEER, &peer);
	if (ret)
		return ret;
	if (GENL_REQ_ATTR_CHECK(info, KVPOOL_A_LINK_DST)) {
		GENL_SET_ERR_MSG(info, "the address of the peer is missing");
		return -EINVAL;
	}
	ret = kvpool_nl_decode_endpoint(info, KVPOOL_A_LINK_DST, KVPOOL_NL_DST,
					&dst);
	if (!ret && has_src)
		ret = kvpool_nl_decode_endpoint(info, KVPOOL_A_LINK_SRC,
						KVPOOL_NL_SRC, &src);
	if (ret)
		return ret;
	if (has_src && src.ss_family != dst.ss_family) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[KVPOOL_A_LINK_SRC],
				    "one address is IPv4 and the other IPv6");
		return -EINVAL;
	}
	skb = kvpool_nl_reply(info, &hdr);
	if (!skb)
		return -ENOMEM;
	ret = kvpool_link_add(peer, &dst, has_src ? &src : NULL, &id);
	if (ret == -ENOENT)
		ret = kvpool_nl_no_peer(info, KVPOOL_A_LINK_PEER);
	else
		kvpool_nl_link_failed(info, ret);
	ret = ret ?: nla_put_u32(skb, KVPOOL_A_LINK_PEER, peer);
	return kvpool_nl_finish(skb, hdr, info,
				ret ?: nla_put_u32(skb, KVPOOL_A_LINK_ID, id));
}

int kvpool_nl_link_connect_doit(struct sk_buff *skb, struct genl_info *info)
{
	u32 peer, id;
	int ret;

	ret = kvpool_nl_link_ids(info, &peer, &id);
	if (ret)
		return ret;
	ret = kvpool_link_connect(peer, id);
	if (ret == -ENOENT)
		return kvpool_nl_no_link(info, peer);
	kvpool_nl_link_failed(info, ret);
	return ret;
}

int kvpool_nl_link_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	u32 peer, id;
	int ret;

	ret = kvpool_nl_link_ids(info, &peer, &id);
	if (ret)
		return ret;
	ret = kvpool_link_del(peer, id);
	return ret == -ENOENT ? kvpool_nl_no_link(info, peer) : ret;
}
