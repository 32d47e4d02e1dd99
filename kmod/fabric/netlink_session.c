// SPDX-License-Identifier: GPL-2.0
/* netlink: sessions. */
#include "fabric/netlink_address.h"
#include "fabric/netlink_msg.h"
#include "fabric/session.h"

static int kvpool_nl_encode_session(struct sk_buff *skb,
				    const struct kvpool_session_info *session)
{
	const int pad = KVPOOL_A_SESSION_PAD;

	if (nla_put_u64_64bit(skb, KVPOOL_A_SESSION_ID, session->id, pad) ||
	    kvpool_nl_encode_endpoint(skb, KVPOOL_A_SESSION_SRC,
				      &session->src) ||
	    (*session->name &&
	     nla_put_string(skb, KVPOOL_A_SESSION_HOST, session->name)) ||
	    nla_put(skb, KVPOOL_A_SESSION_INSTANCE, sizeof(session->host),
		    session->host) ||
	    nla_put_u8(skb, KVPOOL_A_SESSION_AUTHENTICATED,
		       session->authenticated) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_SESSION_MEMORY, session->memory,
			      pad) ||
	    nla_put_u32(skb, KVPOOL_A_SESSION_WAITING, session->waiting) ||
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

static int kvpool_nl_session_id(struct genl_info *info, u64 *id)
{
	if (GENL_REQ_ATTR_CHECK(info, KVPOOL_A_SESSION_ID)) {
		GENL_SET_ERR_MSG(info, "the id of a session is missing");
		return -EINVAL;
	}
	*id = nla_get_u64(info->attrs[KVPOOL_A_SESSION_ID]);
	return 0;
}

static int kvpool_nl_no_session(struct genl_info *info)
{
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KVPOOL_A_SESSION_ID],
			    "there is no session with this id");
	return -ENOENT;
}

int kvpool_nl_session_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvpool_session_info session;
	void *hdr;
	int ret;
	u64 id;

	ret = kvpool_nl_session_id(info, &id);
	if (ret)
		return ret;
	if (kvpool_session_next(id - 1, &session) || session.id != id)
		return kvpool_nl_no_session(info);
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

int kvpool_nl_session_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	int ret;
	u64 id;

	ret = kvpool_nl_session_id(info, &id);
	if (ret)
		return ret;
	ret = kvpool_session_end(id);
	return ret == -ENOENT ? kvpool_nl_no_session(info) : ret;
}
