/* SPDX-License-Identifier: GPL-2.0 */
/*
 * netlink_util.h: the netlink family of kvpool_rdma without a library, so that
 * messages can be as malformed as a test wants.
 *
 * Calls return zero or a negative errno and never assert.
 */
#ifndef KVPOOL_NETLINK_UTIL_H
#define KVPOOL_NETLINK_UTIL_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/kvpool_netlink.h>
#include <linux/netlink.h>

#define NL_ROOM		4096		/* of a message */
#define NL_ANSWER	(64 * 1024)	/* of what is received at once */

struct nl {
	int fd;
	int family;
	int group;		/* of events */
	__u32 seq;
	char said[256];		/* the message with the last error, or "" */
	char answer[NL_ANSWER];
	size_t got;
};

struct nl_msg {
	struct nlmsghdr nl;
	struct genlmsghdr genl;
	char attrs[NL_ROOM];
};

static inline void nl_begin(struct nl_msg *msg, int family, int cmd, int flags)
{
	memset(msg, 0, sizeof(*msg));
	msg->nl.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	msg->nl.nlmsg_type = family;
	msg->nl.nlmsg_flags = NLM_F_REQUEST | flags;
	msg->genl.cmd = cmd;
	msg->genl.version = 1;
}

static inline struct nlattr *nl_append(struct nl_msg *msg, int type,
				       const void *data, size_t len)
{
	struct nlattr *attr = (void *)((char *)msg + msg->nl.nlmsg_len);

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy((char *)attr + NLA_HDRLEN, data, len);
	msg->nl.nlmsg_len += NLA_ALIGN(attr->nla_len);
	return attr;
}

static inline void nl_append_u32(struct nl_msg *msg, int type, __u32 value)
{
	nl_append(msg, type, &value, sizeof(value));
}

static inline void nl_append_string(struct nl_msg *msg, int type, const char *text)
{
	nl_append(msg, type, text, strlen(text) + 1);
}

static inline struct nlattr *nl_nest(struct nl_msg *msg, int type)
{
	return nl_append(msg, type | NLA_F_NESTED, NULL, 0);
}

static inline void nl_nest_end(struct nl_msg *msg, struct nlattr *nest)
{
	nest->nla_len = (char *)msg + msg->nl.nlmsg_len - (char *)nest;
}

/* An address of either family, "" for none; a port of zero is left out. */
static inline void nl_append_address(struct nl_msg *msg, int type,
				     const char *text, unsigned int port)
{
	struct nlattr *nest = nl_nest(msg, type);
	__be16 be = htons(port);
	unsigned char addr[16];

	if (inet_pton(AF_INET, text, addr) == 1)
		nl_append(msg, KVPOOL_A_ENDPOINT_IPV4, addr, 4);
	else if (inet_pton(AF_INET6, text, addr) == 1)
		nl_append(msg, KVPOOL_A_ENDPOINT_IPV6, addr, 16);
	if (port)
		nl_append(msg, KVPOOL_A_ENDPOINT_PORT, &be, sizeof(be));
	nl_nest_end(msg, nest);
}

static inline struct nlattr *nl_find_in(void *begin, size_t len, int type)
{
	struct nlattr *attr = begin;

	while (len >= NLA_HDRLEN && attr->nla_len >= NLA_HDRLEN &&
	       attr->nla_len <= len) {
		size_t step = NLA_ALIGN(attr->nla_len);

		if ((attr->nla_type & NLA_TYPE_MASK) == type)
			return attr;
		if (step >= len)
			break;
		attr = (void *)((char *)attr + step);
		len -= step;
	}
	return NULL;
}

/* An attribute of a message of the family. */
static inline struct nlattr *nl_find(struct nlmsghdr *hdr, int type)
{
	return nl_find_in((char *)NLMSG_DATA(hdr) + GENL_HDRLEN,
			  hdr->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), type);
}

static inline struct nlattr *nl_find_nested(struct nlattr *nest, int type)
{
	return nest ? nl_find_in((char *)nest + NLA_HDRLEN,
				 nest->nla_len - NLA_HDRLEN, type) : NULL;
}

static inline const void *nl_data(const struct nlattr *attr)
{
	return (const char *)attr + NLA_HDRLEN;
}

static inline __u32 nl_u32(const struct nlattr *attr)
{
	__u32 value = 0;

	if (attr && attr->nla_len == NLA_HDRLEN + sizeof(value))
		memcpy(&value, nl_data(attr), sizeof(value));
	return value;
}

static inline int nl_cmd(const struct nlmsghdr *hdr)
{
	return ((const struct genlmsghdr *)NLMSG_DATA(hdr))->cmd;
}

static inline int nl_send(struct nl *nl, struct nl_msg *msg)
{
	msg->nl.nlmsg_seq = ++nl->seq;
	if (send(nl->fd, msg, msg->nl.nlmsg_len, 0) < 0)
		return -errno;
	return 0;
}

static inline int nl_receive(struct nl *nl)
{
	ssize_t n = recv(nl->fd, nl->answer, sizeof(nl->answer), 0);

	nl->got = n > 0 ? n : 0;
	return n < 0 ? -errno : 0;
}

#define nl_for_each(nl, hdr, left)					\
	for ((hdr) = (void *)(nl)->answer, (left) = (nl)->got;		\
	     NLMSG_OK((hdr), (left)); (hdr) = NLMSG_NEXT((hdr), (left)))

static inline void nl_keep_said(struct nl *nl, const struct nlmsghdr *hdr)
{
	const struct nlmsgerr *err = NLMSG_DATA(hdr);
	size_t skip = sizeof(*err);
	struct nlattr *attr;

	nl->said[0] = '\0';
	if (!(hdr->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(err->msg.nlmsg_len) - sizeof(err->msg);
	if (hdr->nlmsg_len < NLMSG_HDRLEN + skip)
		return;
	attr = nl_find_in((char *)err + skip,
			  hdr->nlmsg_len - NLMSG_HDRLEN - skip,
			  NLMSGERR_ATTR_MSG);
	if (attr)
		snprintf(nl->said, sizeof(nl->said), "%s",
			 (const char *)nl_data(attr));
}

/*
 * Sends a request and reads up to its end. Calls @each, unless it is null, for each
 * message before that.
 */
static inline int nl_exchange(struct nl *nl, struct nl_msg *msg, int flag,
			      void (*each)(struct nlmsghdr *hdr, void *arg),
			      void *arg)
{
	struct nlmsghdr *hdr;
	size_t left;
	int ret;

	msg->nl.nlmsg_flags |= flag;
	ret = nl_send(nl, msg);
	while (!ret) {
		ret = nl_receive(nl);
		if (ret)
			break;
		nl_for_each(nl, hdr, left) {
			if (hdr->nlmsg_seq != nl->seq)
				continue;
			if (hdr->nlmsg_type == NLMSG_DONE)
				return *(int *)NLMSG_DATA(hdr);
			if (hdr->nlmsg_type == NLMSG_ERROR) {
				nl_keep_said(nl, hdr);
				return ((struct nlmsgerr *)
					NLMSG_DATA(hdr))->error;
			}
			if (each)
				each(hdr, arg);
		}
	}
	return ret;
}

static inline void nl_keep_reply(struct nlmsghdr *hdr, void *reply)
{
	if (hdr->nlmsg_len <= sizeof(struct nl_msg))
		memcpy(reply, hdr, hdr->nlmsg_len);
}

/* Sends a request; @reply, unless it is null, is where a reply is kept. */
static inline int nl_call(struct nl *nl, struct nl_msg *msg,
			  struct nl_msg *reply)
{
	return nl_exchange(nl, msg, NLM_F_ACK, reply ? nl_keep_reply : NULL,
			   reply);
}

/* Calls @each for each message of a dump. */
static inline int nl_dump(struct nl *nl, struct nl_msg *msg,
			  void (*each)(struct nlmsghdr *hdr, void *arg),
			  void *arg)
{
	return nl_exchange(nl, msg, NLM_F_DUMP, each, arg);
}

/* The id of the group @name among those that a reply of nlctrl lists. */
static inline int nl_find_group(struct nlattr *groups, const char *name)
{
	struct nlattr *group, *text;
	int i;

	for (i = 1; i < 16; i++) {
		group = nl_find_nested(groups, i);
		text = nl_find_nested(group, CTRL_ATTR_MCAST_GRP_NAME);
		if (text && !strcmp(nl_data(text), name))
			return nl_u32(nl_find_nested(group,
						     CTRL_ATTR_MCAST_GRP_ID));
	}
	return -ENOENT;
}

/* Returns -ENOENT if there is no such family. */
static inline int nl_open(struct nl *nl)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	struct nl_msg msg, reply = { 0 };
	struct nlattr *id;
	int on = 1, ret;

	memset(nl, 0, sizeof(*nl));
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (nl->fd < 0)
		return -errno;
	if (bind(nl->fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on))) {
		ret = -errno;
		close(nl->fd);
		return ret;
	}
	nl_begin(&msg, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	nl_append_string(&msg, CTRL_ATTR_FAMILY_NAME, KVPOOL_FAMILY_NAME);
	ret = nl_call(nl, &msg, &reply);
	if (ret) {
		close(nl->fd);
		return ret;
	}
	id = nl_find(&reply.nl, CTRL_ATTR_FAMILY_ID);
	nl->family = id ? *(const __u16 *)nl_data(id) : 0;
	nl->group = nl_find_group(nl_find(&reply.nl, CTRL_ATTR_MCAST_GROUPS),
				  KVPOOL_MCGRP_EVENTS);
	return nl->group < 0 ? nl->group : 0;
}

static inline void nl_close(struct nl *nl)
{
	close(nl->fd);
}

static inline int nl_join(struct nl *nl)
{
	return setsockopt(nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
			  &nl->group, sizeof(nl->group)) ? -errno : 0;
}

/* Requests */

static inline int nl_peer_add(struct nl *nl, const char *name, __u32 *id)
{
	struct nl_msg msg, reply = { 0 };
	int ret;

	nl_begin(&msg, nl->family, KVPOOL_CMD_PEER_ADD, 0);
	nl_append_string(&msg, KVPOOL_A_PEER_NAME, name);
	ret = nl_call(nl, &msg, &reply);
	if (!ret && id)
		*id = nl_u32(nl_find(&reply.nl, KVPOOL_A_PEER_ID));
	return ret;
}

static inline int nl_peer_cmd(struct nl *nl, int cmd, __u32 id,
			      struct nl_msg *reply)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, cmd, 0);
	nl_append_u32(&msg, KVPOOL_A_PEER_ID, id);
	return nl_call(nl, &msg, reply);
}

static inline int nl_peer_del(struct nl *nl, __u32 id)
{
	return nl_peer_cmd(nl, KVPOOL_CMD_PEER_DEL, id, NULL);
}

static inline int nl_link_add(struct nl *nl, __u32 peer, const char *dst,
			      const char *src, __u32 *id)
{
	struct nl_msg msg, reply = { 0 };
	int ret;

	nl_begin(&msg, nl->family, KVPOOL_CMD_LINK_ADD, 0);
	nl_append_u32(&msg, KVPOOL_A_LINK_PEER, peer);
	if (dst)
		nl_append_address(&msg, KVPOOL_A_LINK_DST, dst, 0);
	if (src)
		nl_append_address(&msg, KVPOOL_A_LINK_SRC, src, 0);
	ret = nl_call(nl, &msg, &reply);
	if (!ret && id)
		*id = nl_u32(nl_find(&reply.nl, KVPOOL_A_LINK_ID));
	return ret;
}

static inline int nl_link_cmd(struct nl *nl, int cmd, __u32 peer, __u32 id,
			      struct nl_msg *reply)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, cmd, 0);
	nl_append_u32(&msg, KVPOOL_A_LINK_PEER, peer);
	nl_append_u32(&msg, KVPOOL_A_LINK_ID, id);
	return nl_call(nl, &msg, reply);
}

static inline int nl_link_del(struct nl *nl, __u32 peer, __u32 id)
{
	return nl_link_cmd(nl, KVPOOL_CMD_LINK_DEL, peer, id, NULL);
}

static inline int nl_fabric_get(struct nl *nl, struct nl_msg *reply)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, KVPOOL_CMD_FABRIC_GET, 0);
	return nl_call(nl, &msg, reply);
}

static inline int nl_set_secret(struct nl *nl, const char *key)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, KVPOOL_CMD_FABRIC_SET, 0);
	nl_append_string(&msg, KVPOOL_A_FABRIC_SECRET_KEY, key);
	return nl_call(nl, &msg, NULL);
}

/* Change one setting of the fabric. */
static inline int nl_set(struct nl *nl, int type, const void *data, size_t len)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, KVPOOL_CMD_FABRIC_SET, 0);
	nl_append(&msg, type, data, len);
	return nl_call(nl, &msg, NULL);
}

static inline int nl_set_open(struct nl *nl, __u8 open)
{
	return nl_set(nl, KVPOOL_A_FABRIC_OPEN, &open, 1);
}

/* Null stops listening. */
static inline int nl_listen(struct nl *nl, const char *address)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, KVPOOL_CMD_FABRIC_SET, 0);
	if (address)
		nl_append_address(&msg, KVPOOL_A_FABRIC_LISTEN, address, 0);
	else
		nl_append(&msg, KVPOOL_A_FABRIC_LISTEN_OFF, NULL, 0);
	return nl_call(nl, &msg, NULL);
}

static inline int nl_session_end(struct nl *nl, __u64 id)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, KVPOOL_CMD_SESSION_DEL, 0);
	nl_append(&msg, KVPOOL_A_SESSION_ID, &id, sizeof(id));
	return nl_call(nl, &msg, NULL);
}

/* A setting of four bytes; negative ones are stored as they are. */
static inline int nl_set_u32(struct nl *nl, int type, __u32 value)
{
	return nl_set(nl, type, &value, sizeof(value));
}

static inline int nl_set_memory(struct nl *nl, __u64 bytes)
{
	return nl_set(nl, KVPOOL_A_FABRIC_MEMORY, &bytes, sizeof(bytes));
}

static inline int nl_set_name(struct nl *nl, const char *name)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, KVPOOL_CMD_FABRIC_SET, 0);
	nl_append_string(&msg, KVPOOL_A_FABRIC_NAME, name);
	return nl_call(nl, &msg, NULL);
}

/* Null is no key. */
static inline int nl_host_add(struct nl *nl, const char *name, const char *key)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, KVPOOL_CMD_HOST_ADD, 0);
	nl_append_string(&msg, KVPOOL_A_HOST_NAME, name);
	if (key)
		nl_append_string(&msg, KVPOOL_A_HOST_KEY, key);
	return nl_call(nl, &msg, NULL);
}

static inline int nl_host_cmd(struct nl *nl, int cmd, const char *name,
			      struct nl_msg *reply)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, cmd, 0);
	nl_append_string(&msg, KVPOOL_A_HOST_NAME, name);
	return nl_call(nl, &msg, reply);
}

/* Negative rights are not named. */
static inline int nl_right_set(struct nl *nl, const char *tenant,
			       const char *host, int read, int push)
{
	struct nl_msg msg;
	__u8 value;

	nl_begin(&msg, nl->family, KVPOOL_CMD_RIGHT_SET, 0);
	nl_append_string(&msg, KVPOOL_A_RIGHT_TENANT, tenant);
	nl_append_string(&msg, KVPOOL_A_RIGHT_HOST, host);
	value = read;
	if (read >= 0)
		nl_append(&msg, KVPOOL_A_RIGHT_READ, &value, 1);
	value = push;
	if (push >= 0)
		nl_append(&msg, KVPOOL_A_RIGHT_PUSH, &value, 1);
	return nl_call(nl, &msg, NULL);
}

static inline int nl_right_cmd(struct nl *nl, int cmd, const char *tenant,
			       const char *host, struct nl_msg *reply)
{
	struct nl_msg msg;

	nl_begin(&msg, nl->family, cmd, 0);
	nl_append_string(&msg, KVPOOL_A_RIGHT_TENANT, tenant);
	nl_append_string(&msg, KVPOOL_A_RIGHT_HOST, host);
	return nl_call(nl, &msg, reply);
}

/* A number of eight bytes, one byte or none. */
static inline __u64 nl_u64(const struct nlattr *attr)
{
	__u64 value = 0;

	if (attr && attr->nla_len == NLA_HDRLEN + sizeof(value))
		memcpy(&value, nl_data(attr), sizeof(value));
	return value;
}

static inline int nl_u8(const struct nlattr *attr)
{
	return attr && attr->nla_len == NLA_HDRLEN + 1 ?
	       *(const __u8 *)nl_data(attr) : -1;
}

struct nl_ids {
	__u32 ids[2048];
	int nr;
};

static inline void nl_take_id(struct nlmsghdr *hdr, void *arg)
{
	struct nl_ids *ids = arg;

	if (ids->nr < 2048)
		ids->ids[ids->nr++] = nl_u32(nl_find(hdr, KVPOOL_A_PEER_ID));
}

/* Ids of all peers. */
static inline int nl_peers(struct nl *nl, struct nl_ids *ids)
{
	struct nl_msg msg;

	ids->nr = 0;
	nl_begin(&msg, nl->family, KVPOOL_CMD_PEER_GET, 0);
	return nl_dump(nl, &msg, nl_take_id, ids);
}

/* Hosts, or rights by tenant and host. */
struct nl_names {
	char first[2048][KVPOOL_HOST_NAME_SIZE];
	char second[2048][KVPOOL_HOST_NAME_SIZE];
	int nr;
};

static inline void nl_take_names(struct nlmsghdr *hdr, void *arg)
{
	const bool right = nl_cmd(hdr) == KVPOOL_CMD_RIGHT_GET;
	struct nl_names *names = arg;

	if (names->nr == 2048)
		return;
	snprintf(names->first[names->nr], KVPOOL_HOST_NAME_SIZE, "%s",
		 (const char *)nl_data(nl_find(hdr, right ? KVPOOL_A_RIGHT_TENANT :
							    KVPOOL_A_HOST_NAME)));
	snprintf(names->second[names->nr], KVPOOL_HOST_NAME_SIZE, "%s", right ?
		 (const char *)nl_data(nl_find(hdr, KVPOOL_A_RIGHT_HOST)) : "");
	names->nr++;
}

/* The names of all hosts, or of all rights. */
static inline int nl_names(struct nl *nl, int cmd, struct nl_names *names)
{
	struct nl_msg msg;

	names->nr = 0;
	nl_begin(&msg, nl->family, cmd, 0);
	return nl_dump(nl, &msg, nl_take_names, names);
}

/* Forget all hosts, and all rights but those that are there after loading. */
static inline int nl_reset_hosts(struct nl *nl)
{
	static struct nl_names names;
	int ret, i;

	ret = nl_names(nl, KVPOOL_CMD_HOST_GET, &names);
	for (i = 0; !ret && i < names.nr; i++)
		ret = nl_host_cmd(nl, KVPOOL_CMD_HOST_DEL, names.first[i], NULL);
	if (!ret)
		ret = nl_names(nl, KVPOOL_CMD_RIGHT_GET, &names);
	for (i = 0; !ret && i < names.nr; i++)
		ret = nl_right_cmd(nl, KVPOOL_CMD_RIGHT_DEL, names.first[i],
				   names.second[i], NULL);
	return ret ? ret : nl_right_set(nl, "default", "*", 1, 1);
}

/* Restore the settings as after loading, but for the memory and the name. */
static inline int nl_reset(struct nl *nl)
{
	static const struct {
		int type;
		__u32 value;
	} settings[] = {
		{ KVPOOL_A_FABRIC_QUEUES, 2 },
		{ KVPOOL_A_FABRIC_IDLE_MS, 60000 },
		{ KVPOOL_A_FABRIC_ACK_TIMEOUT, 0 },
		{ KVPOOL_A_FABRIC_SERVICE_TYPE, -1 },
	};
	struct nl_ids peers;
	struct nl_msg msg;
	__u8 no = 0;
	int ret, i;

	ret = nl_peers(nl, &peers);
	for (i = 0; !ret && i < peers.nr; i++)
		ret = nl_peer_del(nl, peers.ids[i]);
	if (!ret)
		ret = nl_listen(nl, NULL);
	if (!ret)
		ret = nl_set_secret(nl, "");
	if (!ret)
		ret = nl_set_open(nl, 0);
	for (i = 0; !ret && i < 4; i++)
		ret = nl_set_u32(nl, settings[i].type, settings[i].value);
	if (ret)
		return ret;
	nl_begin(&msg, nl->family, KVPOOL_CMD_FABRIC_SET, 0);
	nl_append(&msg, KVPOOL_A_FABRIC_STRICT_FENCE, &no, 1);
	ret = nl_call(nl, &msg, NULL);
	return ret ? ret : nl_reset_hosts(nl);
}

#endif
