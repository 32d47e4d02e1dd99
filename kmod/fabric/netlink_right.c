// SPDX-License-Identifier: GPL-2.0
/* netlink: what a host may do with the blocks of a tenant. */
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fabric/netlink_msg.h"
#include "fabric/rights.h"

/* Held while a right changes and its event is sent: one change at a time. */
static DEFINE_MUTEX(kvpool_nl_right_lock);

static int kvpool_nl_encode_right(struct sk_buff *skb,
				  const struct kvpool_rights_info *right)
{
	if (nla_put_string(skb, KVPOOL_A_RIGHT_TENANT, right->tenant) ||
	    nla_put_string(skb, KVPOOL_A_RIGHT_HOST, right->host) ||
	    nla_put_u8(skb, KVPOOL_A_RIGHT_READ,
		       !!(right->rights & KVPOOL_RIGHT_READ)) ||
	    nla_put_u8(skb, KVPOOL_A_RIGHT_PUSH,
		       !!(right->rights & KVPOOL_RIGHT_PUSH)))
		return -EMSGSIZE;
	return 0;
}

/* The names of tenant and host, which a request must have. */
static int kvpool_nl_right_names(struct genl_info *info, const char **tenant,
				 const char **host)
{
	int ret = kvpool_nl_name(info, KVPOOL_A_RIGHT_TENANT, tenant);

	return ret ?: kvpool_nl_name(info, KVPOOL_A_RIGHT_HOST, host);
}

static int kvpool_nl_no_right(struct genl_info *info)
{
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KVPOOL_A_RIGHT_HOST],
			    "nothing has been set for this host in this tenant; what is set for * holds");
	return -ENOENT;
}

int kvpool_nl_right_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvpool_rights_info right;
	const char *tenant, *host;
	void *hdr;
	int ret;

	ret = kvpool_nl_right_names(info, &tenant, &host);
	if (ret)
		return ret;
	if (kvpool_rights_get(tenant, host, &right))
		return kvpool_nl_no_right(info);
	skb = kvpool_nl_reply(info, &hdr);
	if (!skb)
		return -ENOMEM;
	return kvpool_nl_finish(skb, hdr, info,
				kvpool_nl_encode_right(skb, &right));
}

/* A dump keeps what it has shown last, which cb->ctx has no room for. */
int kvpool_nl_right_get_start(struct netlink_callback *cb)
{
	struct kvpool_rights_info *last;
	int ret = kvpool_nl_dump_start(cb);

	if (ret)
		return ret;
	last = kzalloc(sizeof(*last), GFP_KERNEL);
	cb->args[0] = (long)last;
	return last ? 0 : -ENOMEM;
}

int kvpool_nl_right_get_done(struct netlink_callback *cb)
{
	kfree((void *)cb->args[0]);
	return 0;
}

int kvpool_nl_right_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kvpool_rights_info *last = (void *)cb->args[0];
	struct kvpool_rights_info right;
	void *hdr;

	while (!kvpool_rights_next(last->tenant, last->host, &right)) {
		hdr = kvpool_nl_dump_begin(skb, cb, KVPOOL_CMD_RIGHT_GET);
		if (!hdr ||
		    !kvpool_nl_dump_end(skb, hdr,
					kvpool_nl_encode_right(skb, &right)))
			break;
		*last = right;
	}
	return skb->len;
}

static void kvpool_nl_right_event(const struct kvpool_rights_info *right,
				  int cmd)
{
	struct sk_buff *skb;
	void *hdr;

	skb = kvpool_nl_event_begin(cmd, &hdr);
	kvpool_nl_event_send(skb, hdr,
			     hdr ? kvpool_nl_encode_right(skb, right) : 0);
}

/* @rights with one of them as @attr says, if it is there. */
static unsigned int kvpool_nl_right(unsigned int rights, unsigned int right,
				    const struct nlattr *attr)
{
	if (!attr)
		return rights;
	return nla_get_u8(attr) ? rights | right : rights & ~right;
}

int kvpool_nl_right_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *read = info->attrs[KVPOOL_A_RIGHT_READ];
	struct nlattr *push = info->attrs[KVPOOL_A_RIGHT_PUSH];
	struct kvpool_rights_info right;
	const char *tenant, *host;
	int ret;

	ret = kvpool_nl_right_names(info, &tenant, &host);
	if (ret)
		return ret;
	if (!read && !push) {
		GENL_SET_ERR_MSG(info, "nothing to set: give read or push");
		return -EINVAL;
	}

	strscpy(right.tenant, tenant, sizeof(right.tenant));
	strscpy(right.host, host, sizeof(right.host));
	mutex_lock(&kvpool_nl_right_lock);
	right.rights = kvpool_rights(tenant, host);
	right.rights = kvpool_nl_right(right.rights, KVPOOL_RIGHT_READ, read);
	right.rights = kvpool_nl_right(right.rights, KVPOOL_RIGHT_PUSH, push);
	ret = kvpool_rights_set(tenant, host, right.rights);
	if (!ret)
		kvpool_nl_right_event(&right, KVPOOL_CMD_RIGHT_SET_NTF);
	mutex_unlock(&kvpool_nl_right_lock);
	if (ret == -ENOSPC)
		GENL_SET_ERR_MSG(info,
				 "the limit of rights is reached; delete one first");
	return ret;
}

int kvpool_nl_right_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvpool_rights_info right;
	const char *tenant, *host;
	int ret;

	ret = kvpool_nl_right_names(info, &tenant, &host);
	if (ret)
		return ret;

	mutex_lock(&kvpool_nl_right_lock);
	ret = kvpool_rights_get(tenant, host, &right);
	ret = ret ?: kvpool_rights_del(tenant, host);
	if (!ret)
		kvpool_nl_right_event(&right, KVPOOL_CMD_RIGHT_DEL_NTF);
	mutex_unlock(&kvpool_nl_right_lock);
	return ret == -ENOENT ? kvpool_nl_no_right(info) : ret;
}
