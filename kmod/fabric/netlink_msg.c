// SPDX-License-Identifier: GPL-2.0
/*
 * What the messages and the events of the netlink family share, and what they
 * have in them: names and keys.
 */
#include <linux/ctype.h>
#include <linux/key.h>
#include <linux/module.h>
#include <linux/string.h>
#include <keys/user-type.h>

#include "fabric/netlink_msg.h"

static const struct genl_multicast_group kvpool_nl_groups[] = {
	[KVPOOL_NLGRP_EVENTS] = { KVPOOL_MCGRP_EVENTS, },
};

/*
 * RDMA connections are made in the initial network namespace only. netlink.c
 * adds the operations.
 */
struct genl_family kvpool_nl_family __ro_after_init = {
	.name = KVPOOL_FAMILY_NAME,
	.version = KVPOOL_FAMILY_VERSION,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.mcgrps = kvpool_nl_groups,
	.n_mcgrps = ARRAY_SIZE(kvpool_nl_groups),
};

/* ---- replies ---- */

/**
 * kvpool_nl_reply() - Begin the reply to a request
 * @info: the request
 * @hdr: where to write its header
 *
 * Return: the reply, for kvpool_nl_finish(), or NULL without memory.
 */
struct sk_buff *kvpool_nl_reply(struct genl_info *info, void **hdr)
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

/**
 * kvpool_nl_finish() - Send a reply, or free it
 * @skb: the reply
 * @hdr: its header
 * @info: the request
 * @ret: a negative errno if there is no reply, otherwise 0
 *
 * Return: @ret, or a negative errno if the caller has gone.
 */
int kvpool_nl_finish(struct sk_buff *skb, void *hdr, struct genl_info *info,
		     int ret)
{
	if (ret) {
		nlmsg_free(skb);
		return ret;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

/**
 * kvpool_nl_dump_start() - Check the request for a dump
 * @cb: the dump
 *
 * A dump goes on behind the last object that it has shown, in an order that
 * never changes. So each object that exists all the time is shown once,
 * whatever is added and deleted.
 *
 * Return: 0, or -EINVAL after a message to the caller.
 */
int kvpool_nl_dump_start(struct netlink_callback *cb)
{
	if (nlmsg_attrlen(cb->nlh, GENL_HDRLEN)) {
		NL_SET_ERR_MSG(cb->extack,
			       "a dump shows everything and takes no attributes");
		return -EINVAL;
	}
	return 0;
}

/**
 * kvpool_nl_dump_begin() - Begin a message of a dump
 * @skb: where to write it
 * @cb: the dump
 * @cmd: enum of the operation
 *
 * Return: the header of the message, or NULL if there is no room.
 */
void *kvpool_nl_dump_begin(struct sk_buff *skb, struct netlink_callback *cb,
			   int cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &kvpool_nl_family, NLM_F_MULTI, cmd);
}

/**
 * kvpool_nl_dump_end() - End a message of a dump
 * @skb: where it is
 * @hdr: its header
 * @ret: 0, or a negative errno if it did not fit
 *
 * Return: false if it did not fit; then the next @skb has it.
 */
bool kvpool_nl_dump_end(struct sk_buff *skb, void *hdr, int ret)
{
	if (ret)
		genlmsg_cancel(skb, hdr);
	else
		genlmsg_end(skb, hdr);
	return !ret;
}

/* ---- names and keys ---- */

/**
 * kvpool_nl_name() - Read the name of a host, a peer or a tenant
 * @info: the request, which has to have it
 * @type: of the attribute
 * @name: where to write it; it lives as long as the request
 *
 * Return: 0, or -EINVAL after a message to the caller.
 */
int kvpool_nl_name(struct genl_info *info, int type, const char **name)
{
	struct nlattr *attr = info->attrs[type];
	const char *c;

	if (GENL_REQ_ATTR_CHECK(info, type)) {
		GENL_SET_ERR_MSG(info, "a name is missing");
		return -EINVAL;
	}
	*name = nla_data(attr);
	for (c = *name; isascii(*c) && isgraph(*c); c++)
		;
	if (c != *name && !*c)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, attr,
			    "a name has 1 to 31 printable ASCII characters without spaces");
	return -EINVAL;
}

/**
 * kvpool_nl_key_failed() - Say why a key is no secret
 * @info: the request
 * @type: of the attribute that names the key
 * @error: negative errno
 *
 * Return: @error.
 */
int kvpool_nl_key_failed(struct genl_info *info, int type, int error)
{
	struct nlattr *attr = info->attrs[type];

	switch (error) {
	case -ENOMEM:
		break;
	case -ENOKEY:
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "no key of type logon or user with this description is in your keyrings; add one with keyctl, or link its keyring to your session");
		break;
	case -EKEYREJECTED:
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "the secret in this key is shorter than 16 bytes; use a longer one");
		break;
	default:
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "this key is expired or revoked, or you have no permission to use it");
		break;
	}
	return error;
}

/**
 * kvpool_nl_find_key() - Find the key that a request names
 * @info: the request, which has the attribute
 * @type: of the attribute with its description
 * @key: where to write it, with a reference
 *
 * The keyrings are those of the caller.
 *
 * Return: 0, or a negative errno after a message to the caller.
 */
int kvpool_nl_find_key(struct genl_info *info, int type, struct key **key)
{
	const char *name = nla_data(info->attrs[type]);
	int ret;

	*key = request_key(&key_type_logon, name, NULL);
	if (PTR_ERR_OR_ZERO(*key) == -ENOKEY)
		*key = request_key(&key_type_user, name, NULL);
	ret = PTR_ERR_OR_ZERO(*key);
	return ret ? kvpool_nl_key_failed(info, type, ret) : 0;
}

/* ---- events ---- */

static bool kvpool_nl_heard(void)
{
	return genl_has_listeners(&kvpool_nl_family, &init_net,
				  KVPOOL_NLGRP_EVENTS);
}

/**
 * kvpool_nl_event_begin() - Begin an event
 * @cmd: enum of the operation
 * @hdr: where to write its header; NULL says that nothing is to be encoded
 *
 * Return: the event, for kvpool_nl_event_send(), also if @hdr is NULL.
 */
struct sk_buff *kvpool_nl_event_begin(int cmd, void **hdr)
{
	struct sk_buff *skb;

	*hdr = NULL;
	if (!kvpool_nl_heard())
		return NULL;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (skb)
		*hdr = genlmsg_put(skb, 0, 0, &kvpool_nl_family, 0, cmd);
	return skb;
}

/**
 * kvpool_nl_event_send() - Send an event to all who listen
 * @skb: the event, or NULL
 * @hdr: its header, or NULL
 * @ret: a negative errno if encoding it has failed, otherwise 0
 */
void kvpool_nl_event_send(struct sk_buff *skb, void *hdr, int ret)
{
	if (!hdr || ret) {
		nlmsg_free(skb);
		/* Listeners learn that they have missed an event. */
		if (kvpool_nl_heard())
			genl_set_err(&kvpool_nl_family, &init_net, 0,
				     KVPOOL_NLGRP_EVENTS, -ENOBUFS);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast(&kvpool_nl_family, skb, 0, KVPOOL_NLGRP_EVENTS,
			  GFP_KERNEL);
}
