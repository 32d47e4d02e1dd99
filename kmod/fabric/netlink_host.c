// SPDX-License-Identifier: GPL-2.0
/* netlink: hosts that have keys of their own. */
#include <linux/key.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "fabric/auth.h"
#include "fabric/netlink_msg.h"

/* Held while a host changes and its event is sent, so that events are ordered. */
static DEFINE_MUTEX(kvpool_nl_host_lock);

static int kvpool_nl_encode_host(struct sk_buff *skb,
				 const struct kvpool_auth_host_info *host)
{
	if (nla_put_string(skb, KVPOOL_A_HOST_NAME, host->name) ||
	    (host->has_key &&
	     nla_put_string(skb, KVPOOL_A_HOST_KEY, host->key)) ||
	    nla_put_u8(skb, KVPOOL_A_HOST_HAS_KEY, host->has_key) ||
	    (host->has_key &&
	     nla_put_u8(skb, KVPOOL_A_HOST_KEY_VALID, host->valid)))
		return -EMSGSIZE;
	return 0;
}

static int kvpool_nl_no_host(struct genl_info *info)
{
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KVPOOL_A_HOST_NAME],
			    "no host of this name has been added");
	return -ENOENT;
}

int kvpool_nl_host_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvpool_auth_host_info host;
	const char *name;
	void *hdr;
	int ret;

	ret = kvpool_nl_name(info, KVPOOL_A_HOST_NAME, &name);
	if (ret)
		return ret;
	if (kvpool_auth_host_find(name, &host))
		return kvpool_nl_no_host(info);
	skb = kvpool_nl_reply(info, &hdr);
	if (!skb)
		return -ENOMEM;
	return kvpool_nl_finish(skb, hdr, info,
				kvpool_nl_encode_host(skb, &host));
}

int kvpool_nl_host_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kvpool_auth_host_info host;
	char *last = cb->ctx;
	void *hdr;
	int ret;

	static_assert(sizeof(cb->ctx) >= sizeof(host.name));
	ret = kvpool_nl_dump_start(cb);
	if (ret)
		return ret;
	while (!kvpool_auth_host_next(last, &host)) {
		hdr = kvpool_nl_dump_begin(skb, cb, KVPOOL_CMD_HOST_GET);
		if (!hdr ||
		    !kvpool_nl_dump_end(skb, hdr,
					kvpool_nl_encode_host(skb, &host)))
			break;
		strscpy(last, host.name, sizeof(host.name));
	}
	return skb->len;
}

static void kvpool_nl_host_event(const struct kvpool_auth_host_info *host,
				 int cmd)
{
	struct sk_buff *skb;
	void *hdr;

	skb = kvpool_nl_event_begin(cmd, &hdr);
	kvpool_nl_event_send(skb, hdr,
			     hdr ? kvpool_nl_encode_host(skb, host) : 0);
}

static int kvpool_nl_host_failed(struct genl_info *info, int error)
{
	switch (error) {
	case -EINVAL:
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[KVPOOL_A_HOST_NAME],
				    "* stands for every host; name one");
		return error;
	case -ENOSPC:
		GENL_SET_ERR_MSG(info,
				 "the limit of hosts is reached; forget a host first");
		return error;
	case -ENOMEM:
		return error;
	}
	return kvpool_nl_key_failed(info, KVPOOL_A_HOST_KEY, error);
}

int kvpool_nl_host_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvpool_auth_host_info host;
	struct key *key = NULL;
	const char *name;
	int ret;

	ret = kvpool_nl_name(info, KVPOOL_A_HOST_NAME, &name);
	if (!ret && info->attrs[KVPOOL_A_HOST_KEY])
		ret = kvpool_nl_find_key(info, KVPOOL_A_HOST_KEY, &key);
	if (ret)
		return ret;

	mutex_lock(&kvpool_nl_host_lock);
	ret = kvpool_auth_host_add(name, key);
	if (!ret && !kvpool_auth_host_find(name, &host))
		kvpool_nl_host_event(&host, KVPOOL_CMD_HOST_ADD_NTF);
	mutex_unlock(&kvpool_nl_host_lock);
	return ret ? kvpool_nl_host_failed(info, ret) : 0;
}

int kvpool_nl_host_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvpool_auth_host_info host;
	const char *name;
	int ret;

	ret = kvpool_nl_name(info, KVPOOL_A_HOST_NAME, &name);
	if (ret)
		return ret;

	mutex_lock(&kvpool_nl_host_lock);
	ret = kvpool_auth_host_find(name, &host);
	ret = ret ?: kvpool_auth_host_del(name);
	if (!ret)
		kvpool_nl_host_event(&host, KVPOOL_CMD_HOST_DEL_NTF);
	mutex_unlock(&kvpool_nl_host_lock);
	return ret == -ENOENT ? kvpool_nl_no_host(info) : ret;
}
