// SPDX-License-Identifier: GPL-2.0
/* netlink: peers. */
#include <linux/string.h>

#include "fabric/control.h"
#include "fabric/netlink_msg.h"
#include "fabric/netlink_peer.h"
#include "fabric/peer.h"

/**
 * kvpool_nl_encode_peer() - Add the attributes of a peer to a message
 * @skb: the message
 * @peer: the peer
 *
 * Return: 0 or -EMSGSIZE.
 */
int kvpool_nl_encode_peer(struct sk_buff *skb,
			  const struct kvpool_peer_info *peer)
{
	const int pad = KVPOOL_A_PEER_PAD;

	if (nla_put_u32(skb, KVPOOL_A_PEER_ID, peer->id) ||
	    nla_put_string(skb, KVPOOL_A_PEER_NAME, peer->name) ||
	    (*peer->host &&
	     nla_put_string(skb, KVPOOL_A_PEER_HOST, peer->host)) ||
	    nla_put_u32(skb, KVPOOL_A_PEER_NR_LINKS, peer->nr_links) ||
	    nla_put_u32(skb, KVPOOL_A_PEER_NR_UP, peer->nr_up) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_PEER_REQUESTS, peer->requests,
			      pad) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_PEER_BYTES_IN, peer->bytes_in,
			      pad) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_PEER_BYTES_OUT, peer->bytes_out,
			      pad) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_PEER_FAILED, peer->failed, pad))
		return -EMSGSIZE;
	return 0;
}

/**
 * kvpool_nl_peer_id() - Read the id of a peer
 * @info: the request, which has to have it
 * @type: of the attribute
 * @id: where to write it
 *
 * Return: 0, or -EINVAL after a message to the caller.
 */
int kvpool_nl_peer_id(struct genl_info *info, int type, u32 *id)
{
	if (GENL_REQ_ATTR_CHECK(info, type)) {
		GENL_SET_ERR_MSG(info, "the id of a peer is missing");
		return -EINVAL;
	}
	*id = nla_get_u32(info->attrs[type]);
	return 0;
}

/**
 * kvpool_nl_no_peer() - Say that there is no such peer
 * @info: the request
 * @type: of the attribute with the id
 *
 * Return: -ENOENT.
 */
int kvpool_nl_no_peer(struct genl_info *info, int type)
{
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[type],
			    "there is no peer with this id");
	return -ENOENT;
}

int kvpool_nl_peer_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvpool_peer_info peer;
	void *hdr;
	u32 id;
	int ret;

	ret = kvpool_nl_peer_id(info, KVPOOL_A_PEER_ID, &id);
	if (ret)
		return ret;
	if (kvpool_peer_next(id - 1, &peer) || peer.id != id)
		return kvpool_nl_no_peer(info, KVPOOL_A_PEER_ID);
	skb = kvpool_nl_reply(info, &hdr);
	if (!skb)
		return -ENOMEM;
	ret = kvpool_nl_encode_peer(skb, &peer);
	return kvpool_nl_finish(skb, hdr, info, ret);
}

int kvpool_nl_peer_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kvpool_peer_info peer;
	void *hdr;
	int ret;

	ret = kvpool_nl_dump_start(cb);
	if (ret)
		return ret;
	while (!kvpool_peer_next(cb->args[0], &peer)) {
		hdr = kvpool_nl_dump_begin(skb, cb, KVPOOL_CMD_PEER_GET);
		if (!hdr ||
		    !kvpool_nl_dump_end(skb, hdr,
					kvpool_nl_encode_peer(skb, &peer)))
			break;
		cb->args[0] = peer.id;
	}
	return skb->len;
}

int kvpool_nl_peer_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *name, *host = NULL;
	void *hdr;
	int ret;
	u32 id;

	ret = kvpool_nl_name(info, KVPOOL_A_PEER_NAME, &name);
	if (!ret && info->attrs[KVPOOL_A_PEER_HOST])
		ret = kvpool_nl_name(info, KVPOOL_A_PEER_HOST, &host);
	if (ret)
		return ret;
	/* First what can fail, then the peer. */
	skb = kvpool_nl_reply(info, &hdr);
	if (!skb)
		return -ENOMEM;
	ret = kvpool_peer_add(name, host, &id);
	if (ret == -EEXIST)
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[KVPOOL_A_PEER_NAME],
				    "there is a peer of this name already; choose another name");
	else if (ret == -ENOSPC)
		GENL_SET_ERR_MSG(info,
				 "the limit of peers is reached; remove a peer first");
	return kvpool_nl_finish(skb, hdr, info,
				ret ?: nla_put_u32(skb, KVPOOL_A_PEER_ID, id));
}

int kvpool_nl_peer_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	u32 id;
	int ret;

	ret = kvpool_nl_peer_id(info, KVPOOL_A_PEER_ID, &id);
	if (ret)
		return ret;
	ret = kvpool_peer_del(id);
	return ret == -ENOENT ? kvpool_nl_no_peer(info, KVPOOL_A_PEER_ID) : ret;
}
