// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink: peers, links, sessions and settings of the fabric, events.
 *
 * The tables in netlink_gen.c come from
 * Documentation/netlink/specs/kvpool.yaml. Handlers run in the process of the
 * caller and in parallel; what they call in the fabric has locks of its own.
 */
#include <linux/ctype.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inet.h>
#include <linux/key.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <keys/user-type.h>
#include <net/genetlink.h>
#include <net/ipv6.h>

#include "fabric/auth.h"
#include "fabric/control.h"
#include "fabric/events.h"
#include "fabric/netlink.h"
#include "fabric/netlink_gen.h"
#include "fabric/peer.h"
#include "fabric/session.h"
#include "fabric/target.h"

/* The fabric's numbers are those of the interface. */
#define X(name, number) static_assert((number) == KVPOOL_CLOSE_REASON_##name);
KVPOOL_CLOSES(X)
#undef X
static_assert(KVPOOL_CLOSE_REASON_MAX + 1 == (int)KVPOOL_NR_CLOSES);
static_assert(KVPOOL_LINK_DOWN == (int)KVPOOL_LINK_STATE_DOWN);
static_assert(KVPOOL_LINK_CONNECTING == (int)KVPOOL_LINK_STATE_CONNECTING);
static_assert(KVPOOL_LINK_UP == (int)KVPOOL_LINK_STATE_UP);
static_assert(KVPOOL_LINK_DRAINING == (int)KVPOOL_LINK_STATE_DRAINING);
static_assert(KVPOOL_WIRE_PORT == KVPOOL_DEFAULT_PORT);
static_assert(KVPOOL_NAME_SIZE == KVPOOL_PEER_NAME_SIZE);

/* Protects @kvpool_nl_secret, and settings against each other. */
static DEFINE_MUTEX(kvpool_nl_lock);
static char kvpool_nl_secret[KVPOOL_SECRET_KEY_LEN + 1];

static const struct genl_multicast_group kvpool_nl_groups[] = {
	[KVPOOL_NLGRP_EVENTS] = { KVPOOL_MCGRP_EVENTS, },
};

/* RDMA connections are made in the initial network namespace only. */
static struct genl_family kvpool_nl_family __ro_after_init = {
	.name = KVPOOL_FAMILY_NAME,
	.version = KVPOOL_FAMILY_VERSION,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = kvpool_nl_ops,
	.n_ops = ARRAY_SIZE(kvpool_nl_ops),
	.mcgrps = kvpool_nl_groups,
	.n_mcgrps = ARRAY_SIZE(kvpool_nl_groups),
};

/* ---- addresses ---- */

static int kvpool_nl_encode_endpoint(struct sk_buff *skb, int type,
				     const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
	struct nlattr *nest;

	if (addr->ss_family != AF_INET && addr->ss_family != AF_INET6)
		return 0;
	nest = nla_nest_start(skb, type);
	if (!nest)
		return -EMSGSIZE;
	if (addr->ss_family == AF_INET) {
		if (nla_put_in_addr(skb, KVPOOL_A_ENDPOINT_IPV4,
				    v4->sin_addr.s_addr) ||
		    nla_put_be16(skb, KVPOOL_A_ENDPOINT_PORT, v4->sin_port))
			return -EMSGSIZE;
	} else {
		if (nla_put_in6_addr(skb, KVPOOL_A_ENDPOINT_IPV6,
				     &v6->sin6_addr) ||
		    nla_put_be16(skb, KVPOOL_A_ENDPOINT_PORT, v6->sin6_port) ||
		    (v6->sin6_scope_id &&
		     nla_put_u32(skb, KVPOOL_A_ENDPOINT_SCOPE,
				 v6->sin6_scope_id)))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

enum kvpool_nl_use {
	KVPOOL_NL_DST,		/* another host */
	KVPOOL_NL_SRC,		/* one of this host's addresses */
	KVPOOL_NL_LISTEN,	/* likewise, or all of them */
};

static int kvpool_nl_check_v4(struct genl_info *info, struct nlattr *nest,
			      __be32 addr, enum kvpool_nl_use use)
{
	if (ipv4_is_multicast(addr) || ipv4_is_lbcast(addr)) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "this is not the address of one host");
		return -EINVAL;
	}
	if (!addr && use != KVPOOL_NL_LISTEN) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "0.0.0.0 is valid for listening only; give one address");
		return -EINVAL;
	}
	return 0;
}

static int kvpool_nl_check_v6(struct genl_info *info, struct nlattr *nest,
			      const struct in6_addr *addr, u32 scope,
			      enum kvpool_nl_use use)
{
	int type = ipv6_addr_type(addr);

	if ((type & IPV6_ADDR_MULTICAST) || ipv6_addr_v4mapped(addr)) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "this is not the IPv6 address of one host");
		return -EINVAL;
	}
	if (ipv6_addr_any(addr) && use != KVPOOL_NL_LISTEN) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    ":: is valid for listening only; give one address");
		return -EINVAL;
	}
	if (!(type & IPV6_ADDR_LINKLOCAL) != !scope) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "a link-local address, and no other, needs a scope: the index of its interface");
		return -EINVAL;
	}
	return 0;
}

static int kvpool_nl_decode_endpoint(struct genl_info *info, int type,
				     enum kvpool_nl_use use,
				  struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *v4 = (struct sockaddr_in *)addr;
	struct nlattr *tb[KVPOOL_A_ENDPOINT_SCOPE + 1];
	struct nlattr *nest = info->attrs[type];
	__be16 port = 0;
	u32 scope = 0;
	int ret;

	memset(addr, 0, sizeof(*addr));
	ret = nla_parse_nested(tb, KVPOOL_A_ENDPOINT_SCOPE, nest,
			       kvpool_endpoint_nl_policy, info->extack);
	if (ret)
		return ret;
	if (!tb[KVPOOL_A_ENDPOINT_IPV4] == !tb[KVPOOL_A_ENDPOINT_IPV6]) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "give either an IPv4 or an IPv6 address");
		return -EINVAL;
	}
	if (tb[KVPOOL_A_ENDPOINT_PORT])
		port = nla_get_be16(tb[KVPOOL_A_ENDPOINT_PORT]);
	if (!port && use != KVPOOL_NL_SRC)
		port = htons(KVPOOL_DEFAULT_PORT);
	if (tb[KVPOOL_A_ENDPOINT_SCOPE])
		scope = nla_get_u32(tb[KVPOOL_A_ENDPOINT_SCOPE]);

	if (tb[KVPOOL_A_ENDPOINT_IPV4]) {
		if (scope) {
			NL_SET_ERR_MSG_ATTR(info->extack, nest,
					    "an IPv4 address has no scope");
			return -EINVAL;
		}
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		v4->sin_addr.s_addr =
			nla_get_in_addr(tb[KVPOOL_A_ENDPOINT_IPV4]);
		return kvpool_nl_check_v4(info, nest, v4->sin_addr.s_addr, use);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = port;
	v6->sin6_addr = nla_get_in6_addr(tb[KVPOOL_A_ENDPOINT_IPV6]);
	v6->sin6_scope_id = scope;
	return kvpool_nl_check_v6(info, nest, &v6->sin6_addr, scope, use);
}

/* ---- replies ---- */

static struct sk_buff *kvpool_nl_reply(struct genl_info *info, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!skb)
		return NULL;
	*hdr = genlmsg_put_reply(skb, info, &kvpool_nl_family, 0,
				 info->genlhdr->cmd);
	if (!*hdr) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

/* Send a reply, or free it if encoding it has failed. */
static int kvpool_nl_finish(struct sk_buff *skb, void *hdr,
			    struct genl_info *info, int ret)
{
	if (ret) {
		nlmsg_free(skb);
		return ret;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

/*
 * A dump goes on behind the last id that it has shown, and ids only rise. So
 * each object that exists all the time is shown once, whatever is added and
 * deleted.
 */
static int kvpool_nl_dump_start(struct netlink_callback *cb)
{
	if (nlmsg_attrlen(cb->nlh, GENL_HDRLEN)) {
		NL_SET_ERR_MSG(cb->extack,
			       "a dump shows everything and takes no attributes");
		return -EINVAL;
	}
	return 0;
}

static void *kvpool_nl_dump_begin(struct sk_buff *skb,
				  struct netlink_callback *cb, int cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &kvpool_nl_family, NLM_F_MULTI, cmd);
}

/* End a message of a dump; false if it did not fit and the next skb has it. */
static bool kvpool_nl_dump_end(struct sk_buff *skb, void *hdr, int ret)
{
	if (ret)
		genlmsg_cancel(skb, hdr);
	else
		genlmsg_end(skb, hdr);
	return !ret;
}

/* ---- peers ---- */

static int kvpool_nl_encode_peer(struct sk_buff *skb,
				 const struct kvpool_peer_info *peer)
{
	const int pad = KVPOOL_A_PEER_PAD;

	if (nla_put_u32(skb, KVPOOL_A_PEER_ID, peer->id) ||
	    nla_put_string(skb, KVPOOL_A_PEER_NAME, peer->name) ||
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

/* The id of the peer in @type, which a request must have. */
static int kvpool_nl_peer_id(struct genl_info *info, int type, u32 *id)
{
	if (GENL_REQ_ATTR_CHECK(info, type)) {
		GENL_SET_ERR_MSG(info, "the id of a peer is missing");
		return -EINVAL;
	}
	*id = nla_get_u32(info->attrs[type]);
	return 0;
}

static int kvpool_nl_no_peer(struct genl_info *info, int type)
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
	const char *name, *c;
	void *hdr;
	int ret;
	u32 id;

	if (GENL_REQ_ATTR_CHECK(info, KVPOOL_A_PEER_NAME)) {
		GENL_SET_ERR_MSG(info, "the name of the peer is missing");
		return -EINVAL;
	}
	name = nla_data(info->attrs[KVPOOL_A_PEER_NAME]);
	for (c = name; isascii(*c) && isgraph(*c); c++)
		;
	if (c == name || *c) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[KVPOOL_A_PEER_NAME],
				    "a name has 1 to 31 printable ASCII characters without spaces");
		return -EINVAL;
	}
	/* First what can fail, then the peer. */
	skb = kvpool_nl_reply(info, &hdr);
	if (!skb)
		return -ENOMEM;
	ret = kvpool_peer_add(name, &id);
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

/* ---- links ---- */

static int kvpool_nl_encode_link(struct sk_buff *skb,
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
	    nla_put_u32(skb, KVPOOL_A_LINK_CLOSE_REASON, link->close_reason))
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

/* ---- sessions ---- */

static int kvpool_nl_encode_session(struct sk_buff *skb,
				    const struct kvpool_session_info *session)
{
	const int pad = KVPOOL_A_SESSION_PAD;

	if (nla_put_u64_64bit(skb, KVPOOL_A_SESSION_ID, session->id, pad) ||
	    kvpool_nl_encode_endpoint(skb, KVPOOL_A_SESSION_SRC,
				      &session->src) ||
	    nla_put(skb, KVPOOL_A_SESSION_HOST, sizeof(session->host),
		    session->host) ||
	    nla_put_u8(skb, KVPOOL_A_SESSION_AUTHENTICATED,
		       session->authenticated) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_SESSION_REQUESTS,
			      session->requests, pad) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_SESSION_BYTES_IN,
			      session->bytes_in, pad) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_SESSION_BYTES_OUT,
			      session->bytes_out, pad) ||
	    nla_put_u32(skb, KVPOOL_A_SESSION_CLOSE_REASON,
			session->close_reason))
		return -EMSGSIZE;
	return 0;
}

int kvpool_nl_session_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvpool_session_info session;
	void *hdr;
	u64 id;

	if (GENL_REQ_ATTR_CHECK(info, KVPOOL_A_SESSION_ID)) {
		GENL_SET_ERR_MSG(info, "the id of a session is missing");
		return -EINVAL;
	}
	id = nla_get_u64(info->attrs[KVPOOL_A_SESSION_ID]);
	if (kvpool_session_next(id - 1, &session) || session.id != id) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[KVPOOL_A_SESSION_ID],
				    "there is no session with this id");
		return -ENOENT;
	}
	skb = kvpool_nl_reply(info, &hdr);
	if (!skb)
		return -ENOMEM;
	return kvpool_nl_finish(skb, hdr, info,
				kvpool_nl_encode_session(skb, &session));
}

int kvpool_nl_session_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	struct kvpool_session_info session;
	void *hdr;
	int ret;

	ret = kvpool_nl_dump_start(cb);
	if (ret)
		return ret;
	while (!kvpool_session_next(cb->args[0], &session)) {
		hdr = kvpool_nl_dump_begin(skb, cb, KVPOOL_CMD_SESSION_GET);
		if (!hdr)
			break;
		ret = kvpool_nl_encode_session(skb, &session);
		if (!kvpool_nl_dump_end(skb, hdr, ret))
			break;
		cb->args[0] = session.id;
	}
	return skb->len;
}

/* ---- settings ---- */

static int kvpool_nl_encode_closed(struct sk_buff *skb, u32 reason, u64 count)
{
	struct nlattr *nest = nla_nest_start(skb, KVPOOL_A_FABRIC_CLOSED);

	if (!nest || nla_put_u32(skb, KVPOOL_A_CLOSED_REASON, reason) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_CLOSED_COUNT, count,
			      KVPOOL_A_CLOSED_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int kvpool_nl_encode_fabric(struct sk_buff *skb)
{
	struct kvpool_target_info target;
	u64 closes;
	u32 reason;
	int ret;

	/* A change may wait for the transport. */
	ret = mutex_lock_killable(&kvpool_nl_lock);
	if (ret)
		return ret;
	kvpool_target_read(&target);
	if ((target.listening &&
	     kvpool_nl_encode_endpoint(skb, KVPOOL_A_FABRIC_LISTEN,
				       &target.addr)) ||
	    (*kvpool_nl_secret &&
	     nla_put_string(skb, KVPOOL_A_FABRIC_SECRET_KEY,
			    kvpool_nl_secret)) ||
	    nla_put_u8(skb, KVPOOL_A_FABRIC_OPEN, kvpool_auth_open()))
		ret = -EMSGSIZE;
	mutex_unlock(&kvpool_nl_lock);
	for (reason = 0; !ret && reason < KVPOOL_NR_CLOSES; reason++) {
		closes = kvpool_session_closes(reason);
		if (closes)
			ret = kvpool_nl_encode_closed(skb, reason, closes);
	}
	return ret;
}

int kvpool_nl_fabric_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	void *hdr;

	skb = kvpool_nl_reply(info, &hdr);
	if (!skb)
		return -ENOMEM;
	return kvpool_nl_finish(skb, hdr, info, kvpool_nl_encode_fabric(skb));
}

/* The key of that name that the caller may use. */
static struct key *kvpool_nl_find_key(const char *name)
{
	struct key *key = request_key(&key_type_logon, name, NULL);

	if (PTR_ERR_OR_ZERO(key) == -ENOKEY)
		key = request_key(&key_type_user, name, NULL);
	return key;
}

static int kvpool_nl_set_secret(struct genl_info *info, struct nlattr *attr)
{
	const char *name = nla_data(attr);
	struct key *key = NULL;
	int ret = 0;

	if (*name) {
		key = kvpool_nl_find_key(name);
		ret = PTR_ERR_OR_ZERO(key);
	}
	if (!ret)
		ret = kvpool_auth_set_secret(key);
	switch (ret) {
	case 0:
		kvpool_target_check();
		strscpy(kvpool_nl_secret, name, sizeof(kvpool_nl_secret));
		return 0;
	case -ENOMEM:
		return ret;
	case -ENOKEY:
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "no key of type logon or user with this description is in your keyrings; add one with keyctl, or link its keyring to your session");
		return ret;
	case -EKEYREJECTED:
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "the secret in this key is shorter than 16 bytes; use a longer one");
		return ret;
	default:
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "this key is expired or revoked, or you have no permission to use it");
		return ret;
	}
}

static int kvpool_nl_listen(struct genl_info *info)
{
	struct sockaddr_storage addr;
	int ret;

	if (info->attrs[KVPOOL_A_FABRIC_LISTEN_OFF])
		return kvpool_target_listen(NULL);
	ret = kvpool_nl_decode_endpoint(info, KVPOOL_A_FABRIC_LISTEN,
					KVPOOL_NL_LISTEN, &addr);
	if (ret)
		return ret;
	ret = kvpool_target_listen(&addr);
	switch (ret) {
	case -EPERM:
		GENL_SET_ERR_MSG(info,
				 "no secret is set: set secret-key, or set open to listen without");
		break;
	case -EADDRINUSE:
		GENL_SET_ERR_MSG(info,
				 "another program listens at this address and port");
		break;
	case -EADDRNOTAVAIL:
	case -ENODEV:
		GENL_SET_ERR_MSG(info,
				 "no RDMA device of this host has this address; see 'rdma link' and 'ip address'");
		break;
	}
	return ret;
}

int kvpool_nl_fabric_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *secret = info->attrs[KVPOOL_A_FABRIC_SECRET_KEY];
	struct nlattr *open = info->attrs[KVPOOL_A_FABRIC_OPEN];
	bool listen = info->attrs[KVPOOL_A_FABRIC_LISTEN];
	bool off = info->attrs[KVPOOL_A_FABRIC_LISTEN_OFF];
	int ret;

	if (listen && off) {
		GENL_SET_ERR_MSG(info,
				 "listen and listen-off cannot both be asked for");
		return -EINVAL;
	}
	if (!secret && !open && !listen && !off) {
		GENL_SET_ERR_MSG(info,
				 "nothing to set: give listen, listen-off, secret-key or open");
		return -EINVAL;
	}
	ret = mutex_lock_killable(&kvpool_nl_lock);
	if (ret)
		return ret;
	if (secret)
		ret = kvpool_nl_set_secret(info, secret);
	if (!ret && open) {
		kvpool_auth_set_mode(nla_get_u8(open) ? KVPOOL_AUTH_OPEN :
							KVPOOL_AUTH_SECRET);
		kvpool_target_check();
	}
	if (!ret && (listen || off))
		ret = kvpool_nl_listen(info);
	mutex_unlock(&kvpool_nl_lock);
	return ret;
}

/* ---- events ---- */

static bool kvpool_nl_heard(void)
{
	return genl_has_listeners(&kvpool_nl_family, &init_net,
				  KVPOOL_NLGRP_EVENTS);
}

static void kvpool_nl_send(struct sk_buff *skb, void *hdr, int ret)
{
	if (!hdr || ret) {
		/* Listeners learn that they have missed an event. */
		nlmsg_free(skb);
		genl_set_err(&kvpool_nl_family, &init_net, 0,
			     KVPOOL_NLGRP_EVENTS, -ENOBUFS);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast(&kvpool_nl_family, skb, 0, KVPOOL_NLGRP_EVENTS,
			  GFP_KERNEL);
}

static struct sk_buff *kvpool_nl_event(int cmd, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	*hdr = skb ? genlmsg_put(skb, 0, 0, &kvpool_nl_family, 0, cmd) : NULL;
	return skb;
}

static void kvpool_nl_peer_event(const struct kvpool_peer_info *info,
				 enum kvpool_peer_event event)
{
	static const u8 cmds[] = {
		[KVPOOL_PEER_ADDED] = KVPOOL_CMD_PEER_ADD_NTF,
		[KVPOOL_PEER_DELETED] = KVPOOL_CMD_PEER_DEL_NTF,
	};
	struct sk_buff *skb;
	void *hdr;

	if (!kvpool_nl_heard())
		return;
	skb = kvpool_nl_event(cmds[event], &hdr);
	kvpool_nl_send(skb, hdr, hdr ? kvpool_nl_encode_peer(skb, info) : 0);
}

static void kvpool_nl_link_event(const struct kvpool_link_info *info,
				 enum kvpool_link_event event)
{
	static const u8 cmds[] = {
		[KVPOOL_LINK_ADDED] = KVPOOL_CMD_LINK_ADD_NTF,
		[KVPOOL_LINK_DELETED] = KVPOOL_CMD_LINK_DEL_NTF,
		[KVPOOL_LINK_CHANGED] = KVPOOL_CMD_LINK_CHANGE_NTF,
	};
	struct sk_buff *skb;
	void *hdr;

	if (!kvpool_nl_heard())
		return;
	skb = kvpool_nl_event(cmds[event], &hdr);
	kvpool_nl_send(skb, hdr, hdr ? kvpool_nl_encode_link(skb, info) : 0);
}

static const struct kvpool_event_ops kvpool_nl_events = {
	.peer = kvpool_nl_peer_event,
	.link = kvpool_nl_link_event,
};

/* ---- load and unload ---- */

/**
 * kvpool_netlink_init() - Take requests of the administrator
 *
 * Last when the module is loaded: requests come from here on.
 *
 * Return: 0 or a negative errno.
 */
int __init kvpool_netlink_init(void)
{
	int ret = genl_register_family(&kvpool_nl_family);

	if (ret)
		return ret;
	kvpool_events_listen(&kvpool_nl_events);
	return 0;
}

/**
 * kvpool_netlink_exit() - Wait for the requests that run, and take no more
 *
 * First when the module is unloaded. Events are dropped from here on.
 */
void kvpool_netlink_exit(void)
{
	kvpool_events_listen(NULL);
	genl_unregister_family(&kvpool_nl_family);
}
