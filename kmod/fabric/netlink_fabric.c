// SPDX-License-Identifier: GPL-2.0
/* netlink: the settings of this host. */
#include <linux/key.h>
#include <linux/mutex.h>
#include <linux/socket.h>
#include <linux/string.h>

#include "fabric/auth.h"
#include "fabric/drain.h"
#include "fabric/grant.h"
#include "fabric/netlink_address.h"
#include "fabric/netlink_msg.h"
#include "fabric/session.h"
#include "fabric/settings.h"
#include "fabric/target.h"

static_assert(KVPOOL_SECRET_KEY_LEN + 1 == (int)KVPOOL_KEY_DESC_SIZE);

/* Protects @kvpool_nl_secret, and settings against each other. */
static DEFINE_MUTEX(kvpool_nl_lock);
static char kvpool_nl_secret[KVPOOL_SECRET_KEY_LEN + 1];

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

static int kvpool_nl_encode_settings(struct sk_buff *skb)
{
	char name[KVPOOL_NAME_SIZE];
	struct kvpool_grant_info grant;

	kvpool_auth_name(name);
	kvpool_grant_read(&grant);
	if (nla_put_string(skb, KVPOOL_A_FABRIC_NAME, name) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_FABRIC_MEMORY, grant.granted,
			      KVPOOL_A_FABRIC_PAD) ||
	    nla_put_u64_64bit(skb, KVPOOL_A_FABRIC_MEMORY_USED, grant.used,
			      KVPOOL_A_FABRIC_PAD) ||
	    nla_put_u32(skb, KVPOOL_A_FABRIC_MEMORY_SHARES, grant.shares) ||
	    nla_put_u32(skb, KVPOOL_A_FABRIC_QUEUES,
			kvpool_setting_queues()) ||
	    nla_put_u32(skb, KVPOOL_A_FABRIC_IDLE_MS,
			kvpool_setting_idle_ms()) ||
	    nla_put_u32(skb, KVPOOL_A_FABRIC_ACK_TIMEOUT,
			kvpool_setting_ack_timeout()) ||
	    nla_put_s32(skb, KVPOOL_A_FABRIC_SERVICE_TYPE,
			kvpool_setting_service_type()) ||
	    nla_put_u8(skb, KVPOOL_A_FABRIC_STRICT_FENCE,
		       kvpool_setting_strict_fence()) ||
	    nla_put_u32(skb, KVPOOL_A_FABRIC_STUCK, kvpool_stuck_count()))
		return -EMSGSIZE;
	return 0;
}

/* kvpool_nl_lock is held. */
static int kvpool_nl_encode_fabric(struct sk_buff *skb)
{
	struct kvpool_target_info target;
	u64 closes;
	u32 reason;
	int ret;

	ret = kvpool_nl_encode_settings(skb);
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
	int ret;

	skb = kvpool_nl_reply(info, &hdr);
	if (!skb)
		return -ENOMEM;
	/* A change may wait for the transport. */
	ret = mutex_lock_killable(&kvpool_nl_lock);
	if (!ret) {
		ret = kvpool_nl_encode_fabric(skb);
		mutex_unlock(&kvpool_nl_lock);
	}
	return kvpool_nl_finish(skb, hdr, info, ret);
}

static int kvpool_nl_set_secret(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[KVPOOL_A_FABRIC_SECRET_KEY];
	const char *name = nla_data(attr);
	struct key *key = NULL;
	int ret = 0;

	if (*name)
		ret = kvpool_nl_find_key(info, KVPOOL_A_FABRIC_SECRET_KEY,
					 &key);
	if (ret)
		return ret;
	ret = kvpool_auth_set_secret(key);
	if (ret)
		return kvpool_nl_key_failed(info, KVPOOL_A_FABRIC_SECRET_KEY,
					    ret);
	kvpool_target_check();
	strscpy(kvpool_nl_secret, name, sizeof(kvpool_nl_secret));
	return 0;
}

static int kvpool_nl_set_name(struct genl_info *info)
{
	const char *name;
	int ret;

	ret = kvpool_nl_name(info, KVPOOL_A_FABRIC_NAME, &name);
	if (ret)
		return ret;
	ret = kvpool_auth_set_name(name);
	if (ret == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[KVPOOL_A_FABRIC_NAME],
				    "* stands for every host and cannot be the name of one");
	return ret;
}

static int kvpool_nl_set_memory(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[KVPOOL_A_FABRIC_MEMORY];
	int ret = kvpool_grant_set(nla_get_u64(attr));

	if (ret == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "the memory of connections is between 1 MiB and 4 TiB");
	return ret;
}

static int kvpool_nl_set_queues(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[KVPOOL_A_FABRIC_QUEUES];
	int ret = kvpool_setting_set_queues(nla_get_u32(attr));

	static_assert(KVPOOL_QUEUES_MAX == 8);
	if (ret == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "a link has 1 to 8 queue pairs");
	return ret;
}

static int kvpool_nl_set_idle(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[KVPOOL_A_FABRIC_IDLE_MS];
	int ret = kvpool_setting_set_idle_ms(nla_get_u32(attr));

	if (ret == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "the idle time is longer than a day; 0 is for ever");
	return ret;
}

static int kvpool_nl_set_ack_timeout(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[KVPOOL_A_FABRIC_ACK_TIMEOUT];
	int ret = kvpool_setting_set_ack_timeout(nla_get_u32(attr));

	static_assert(KVPOOL_ACK_TIMEOUT_MIN == 8);
	static_assert(KVPOOL_ACK_TIMEOUT_MAX == 24);
	if (ret == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "the exponent of the ACK timeout is 8 (1 ms) to 24 (69 s), or 0 to choose by the device");
	return ret;
}

static int kvpool_nl_set_service_type(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[KVPOOL_A_FABRIC_SERVICE_TYPE];
	int ret = kvpool_setting_set_service_type(nla_get_s32(attr));

	if (ret == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "a service type is 0 to 255, or -1 for that of the system");
	return ret;
}

static int kvpool_nl_set_strict_fence(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[KVPOOL_A_FABRIC_STRICT_FENCE];

	kvpool_setting_set_strict_fence(nla_get_u8(attr));
	return 0;
}

static int kvpool_nl_set_open(struct genl_info *info)
{
	kvpool_auth_set_mode(nla_get_u8(info->attrs[KVPOOL_A_FABRIC_OPEN]) ?
			     KVPOOL_AUTH_OPEN : KVPOOL_AUTH_SECRET);
	kvpool_target_check();
	return 0;
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

/* In the order in which they are set. */
static const struct kvpool_nl_setting {
	int type;
	int (*set)(struct genl_info *info);
} kvpool_nl_settings[] = {
	{ KVPOOL_A_FABRIC_NAME, kvpool_nl_set_name },
	{ KVPOOL_A_FABRIC_MEMORY, kvpool_nl_set_memory },
	{ KVPOOL_A_FABRIC_QUEUES, kvpool_nl_set_queues },
	{ KVPOOL_A_FABRIC_IDLE_MS, kvpool_nl_set_idle },
	{ KVPOOL_A_FABRIC_ACK_TIMEOUT, kvpool_nl_set_ack_timeout },
	{ KVPOOL_A_FABRIC_SERVICE_TYPE, kvpool_nl_set_service_type },
	{ KVPOOL_A_FABRIC_STRICT_FENCE, kvpool_nl_set_strict_fence },
	{ KVPOOL_A_FABRIC_SECRET_KEY, kvpool_nl_set_secret },
	{ KVPOOL_A_FABRIC_OPEN, kvpool_nl_set_open },
	{ KVPOOL_A_FABRIC_LISTEN, kvpool_nl_listen },
	{ KVPOOL_A_FABRIC_LISTEN_OFF, kvpool_nl_listen },
};

static int kvpool_nl_check_settings(struct genl_info *info)
{
	unsigned int i, nr = 0;

	for (i = 0; i < ARRAY_SIZE(kvpool_nl_settings); i++)
		nr += !!info->attrs[kvpool_nl_settings[i].type];
	if (!nr) {
		GENL_SET_ERR_MSG(info,
				 "nothing to set: give a setting, such as listen or secret-key");
		return -EINVAL;
	}
	if (info->attrs[KVPOOL_A_FABRIC_LISTEN] &&
	    info->attrs[KVPOOL_A_FABRIC_LISTEN_OFF]) {
		GENL_SET_ERR_MSG(info,
				 "listen and listen-off cannot both be asked for");
		return -EINVAL;
	}
	return 0;
}

/* kvpool_nl_lock is held. */
static void kvpool_nl_fabric_event(void)
{
	struct sk_buff *skb;
	void *hdr;

	skb = kvpool_nl_event_begin(KVPOOL_CMD_FABRIC_SET_NTF, &hdr);
	kvpool_nl_event_send(skb, hdr, hdr ? kvpool_nl_encode_fabric(skb) : 0);
}

int kvpool_nl_fabric_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	bool changed = false;
	unsigned int i;
	int ret;

	ret = kvpool_nl_check_settings(info);
	if (ret)
		return ret;
	ret = mutex_lock_killable(&kvpool_nl_lock);
	if (ret)
		return ret;
	for (i = 0; !ret && i < ARRAY_SIZE(kvpool_nl_settings); i++) {
		if (!info->attrs[kvpool_nl_settings[i].type])
			continue;
		ret = kvpool_nl_settings[i].set(info);
		changed |= !ret;
	}
	if (changed)
		kvpool_nl_fabric_event();
	mutex_unlock(&kvpool_nl_lock);
	return ret;
}
