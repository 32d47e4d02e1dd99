// SPDX-License-Identifier: MIT
/* Talks to the netlink family of kvpool_rdma. */
#include "netlink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "memory.h"
#include "out.h"

static struct nl_sock *sock;	/* for requests */
static struct nl_sock *events;	/* for events, from netlink_subscribe() on */
static int family;

/* The kernel's sentence about the last request that was refused, or "". */
static char said[256];

struct call {
	netlink_reply_fn reply;
	void *arg;
	bool done;
	int error;		/* negative errno */
};

static void close_sockets(void)
{
	nl_socket_free(sock);
	nl_socket_free(events);
}

/* Zero or a negative error of libnl. */
static int open_socket(void)
{
	int on = 1;
	int error;

	sock = nl_socket_alloc();
	if (!sock)
		return -NLE_NOMEM;
	atexit(close_sockets);
	error = genl_connect(sock);
	if (error)
		return error;
	/* A failure costs only the kernel's sentence about a refused request. */
	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	return 0;
}

/**
 * netlink_open - Find the family of kvpool_rdma
 *
 * To be called before all other functions of this file.
 * Return: CODE_OK, or another status with a message kept.
 */
enum code netlink_open(void)
{
	int error = open_socket();

	if (error)
		return error_set(CODE_FAILED, "cannot open a netlink socket: %s",
				 nl_geterror(error));
	family = genl_ctrl_resolve(sock, KVPOOL_FAMILY_NAME);
	if (family >= 0)
		return CODE_OK;
	if (family != -NLE_OBJ_NOTFOUND)
		return error_set(CODE_FAILED, "cannot find the netlink family '%s': %s",
				 KVPOOL_FAMILY_NAME, nl_geterror(family));
	error_set(CODE_UNAVAILABLE,
		  "the module kvpool_rdma is not loaded, or this is not the initial network namespace");
	error_hint("load it with 'modprobe kvpool_rdma' as root, and run kvpoolctl on the host");
	return CODE_UNAVAILABLE;
}

static struct nl_msg *new_request(int cmd, int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags, (uint8_t)cmd,
				 KVPOOL_FAMILY_VERSION))
		memory_exhausted();
	return msg;
}

/**
 * netlink_request - Begin a request about one object
 * @cmd:	KVPOOL_CMD_*.
 *
 * Return: The message, for netlink_call(). Exits without memory.
 */
struct nl_msg *netlink_request(int cmd)
{
	return new_request(cmd, NLM_F_ACK);
}

static int on_reply(struct nl_msg *msg, void *arg)
{
	struct call *call = arg;

	if (call->reply)
		call->reply(genlmsg_hdr(nlmsg_hdr(msg)), call->arg);
	return NL_OK;
}

static int on_end(struct nl_msg *msg, void *arg)
{
	const struct nlmsghdr *hdr = nlmsg_hdr(msg);
	struct call *call = arg;

	/* A dump that failed ends with an error number. */
	if (hdr->nlmsg_type == NLMSG_DONE && nlmsg_datalen(hdr) >= (int)sizeof(int))
		call->error = *(const int *)nlmsg_data(hdr);
	call->done = true;
	return NL_STOP;
}

/* Keeps the sentence behind the error number, if the message has one. */
static void keep_said(const struct nlmsgerr *error)
{
	const struct nlmsghdr *hdr = (const struct nlmsghdr *)error - 1;
	struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*error);

	if (!(hdr->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(error->msg);
	if (hdr->nlmsg_len < sizeof(*hdr) + skip)
		return;
	if (nla_parse(attrs, NLMSGERR_ATTR_MAX,
		      (struct nlattr *)((char *)error + NLMSG_ALIGN(skip)),
		      (int)(hdr->nlmsg_len - sizeof(*hdr) - skip), NULL))
		return;
	if (attrs[NLMSGERR_ATTR_MSG])
		snprintf(said, sizeof(said), "%s", nla_get_string(attrs[NLMSGERR_ATTR_MSG]));
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	struct call *call = arg;

	(void)from;
	call->error = error->error;
	call->done = true;
	keep_said(error);
	return NL_STOP;
}

/**
 * netlink_call - Send a request and wait for the answer
 * @msg:	The request; is freed.
 * @reply:	For the messages of the answer, or null.
 * @arg:	For @reply.
 *
 * Return: 0 or a negative errno, for netlink_failed().
 */
int netlink_call(struct nl_msg *msg, netlink_reply_fn reply, void *arg)
{
	struct call call = { .reply = reply, .arg = arg };
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int error;

	*said = '\0';
	if (!cb)
		memory_exhausted();
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_reply, &call);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, &call);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, &call);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, &call);
	error = nl_send_auto(sock, msg);
	nlmsg_free(msg);
	while (error >= 0 && !call.done)
		error = nl_recvmsgs(sock, cb);
	nl_cb_put(cb);
	if (call.done)
		return call.error;
	snprintf(said, sizeof(said), "the netlink socket failed: %s", nl_geterror(error));
	return -EIO;
}

/**
 * netlink_dump - Ask for all objects of a kind
 * @cmd:	KVPOOL_CMD_*_GET.
 * @reply:	For each object.
 * @arg:	For @reply.
 *
 * Return: 0 or a negative errno, for netlink_failed().
 */
int netlink_dump(int cmd, netlink_reply_fn reply, void *arg)
{
	return netlink_call(new_request(cmd, NLM_F_DUMP), reply, arg);
}

/**
 * netlink_failed - Keep why the last request failed
 * @error:	Negative errno.
 * @fmt:	The action that failed, as after "cannot".
 *
 * Return: The exit status.
 */
enum code netlink_failed(int error, const char *fmt, ...)
{
	enum code code = error_code(error);
	char what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (code == CODE_NOT_PERMITTED && !*said) {
		error_set(code, "cannot %s: CAP_NET_ADMIN is missing", what);
		error_hint("run as root");
		return code;
	}
	/* A refusal with a sentence is about the object, not about the user. */
	if (code == CODE_NOT_PERMITTED)
		code = CODE_FAILED;
	return error_set(code, "cannot %s: %s", what, *said ? said : strerror(-error));
}

struct follower {
	netlink_event_fn event;
	void *arg;
	bool done;
	bool unloaded;
};

/* Whether the message announces the end of the family. */
static bool is_farewell(struct nlmsghdr *hdr)
{
	struct nlattr *attrs[CTRL_ATTR_MAX + 1];

	if (hdr->nlmsg_type != GENL_ID_CTRL ||
	    genlmsg_hdr(hdr)->cmd != CTRL_CMD_DELFAMILY)
		return false;
	netlink_attrs(genlmsg_hdr(hdr), attrs, CTRL_ATTR_MAX);
	return (int)netlink_number(attrs[CTRL_ATTR_FAMILY_ID]) == family;
}

static int on_event(struct nl_msg *msg, void *arg)
{
	struct follower *follower = arg;

	if (nlmsg_hdr(msg)->nlmsg_type != family) {
		follower->unloaded = is_farewell(nlmsg_hdr(msg));
		return follower->unloaded ? NL_STOP : NL_OK;
	}
	follower->done = !follower->event(genlmsg_hdr(nlmsg_hdr(msg)), follower->arg);
	return follower->done ? NL_STOP : NL_OK;
}

/* Zero or a negative error of libnl. */
static int join(unsigned int seconds)
{
	int group = genl_ctrl_resolve_grp(sock, KVPOOL_FAMILY_NAME, KVPOOL_MCGRP_EVENTS);
	int families = genl_ctrl_resolve_grp(sock, "nlctrl", "notify");
	const struct timeval limit = { .tv_sec = seconds };
	int error;

	if (group < 0 || families < 0)
		return group < 0 ? group : families;
	events = nl_socket_alloc();
	if (!events)
		return -NLE_NOMEM;
	error = genl_connect(events);
	if (error)
		return error;
	setsockopt(nl_socket_get_fd(events), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	nl_socket_disable_seq_check(events);
	return nl_socket_add_memberships(events, group, families, 0);
}

/**
 * netlink_subscribe - Keep the events from now on for netlink_follow()
 * @seconds:	The longest time that netlink_follow() waits for one; 0 is for ever.
 *
 * Return: CODE_OK, or another status with a message kept.
 */
enum code netlink_subscribe(unsigned int seconds)
{
	int error = join(seconds);

	return error ? error_set(CODE_FAILED, "cannot follow events: %s", nl_geterror(error)) :
	       CODE_OK;
}

/**
 * netlink_follow - Receive events, after netlink_subscribe()
 * @event:	Called for each, until it returns false. Called with null if events were
 *		lost, or none came for as long as netlink_subscribe() was told.
 * @arg:	For @event.
 *
 * Return: CODE_OK, or another status with a message kept.
 */
enum code netlink_follow(netlink_event_fn event, void *arg)
{
	struct follower follower = { .event = event, .arg = arg };
	int error = 0;

	nl_socket_modify_cb(events, NL_CB_VALID, NL_CB_CUSTOM, on_event, &follower);
	while (!error && !follower.done && !follower.unloaded) {
		error = nl_recvmsgs_default(events);
		/* The buffer of the socket was full, or nothing came. */
		if (error != -NLE_NOMEM && error != -NLE_AGAIN)
			continue;
		error = 0;
		follower.done = !event(NULL, arg);
	}
	if (follower.unloaded)
		return error_set(CODE_UNAVAILABLE, "the module kvpool_rdma was unloaded");
	if (error < 0)
		return error_set(CODE_FAILED, "cannot follow events: %s", nl_geterror(error));
	return CODE_OK;
}

/**
 * netlink_attrs - Find the attributes of a message
 * @hdr:	The message.
 * @attrs:	Set to the attributes by type, null for a type that is missing.
 * @max:	The highest type; @attrs has one more element.
 */
void netlink_attrs(struct genlmsghdr *hdr, struct nlattr **attrs, int max)
{
	if (nla_parse(attrs, max, genlmsg_attrdata(hdr, 0), genlmsg_attrlen(hdr, 0), NULL))
		memset(attrs, 0, ((size_t)max + 1) * sizeof(*attrs));
}

/**
 * netlink_number - The value of an attribute that is a number of any width
 * @attr:	The attribute, or null.
 *
 * Return: The number, 0 for null.
 */
uint64_t netlink_number(const struct nlattr *attr)
{
	switch (attr ? nla_len(attr) : 0) {
	case 1:
		return nla_get_u8(attr);
	case 2:
		return nla_get_u16(attr);
	case 4:
		return nla_get_u32(attr);
	case 8:
		return nla_get_u64(attr);
	default:
		return 0;
	}
}

/**
 * netlink_text - The value of an attribute that is text
 * @attr:	The attribute, or null.
 *
 * Return: The text, "" for null.
 */
const char *netlink_text(const struct nlattr *attr)
{
	return attr ? nla_get_string(attr) : "";
}

/**
 * netlink_show_numbers - Show attributes that are numbers
 * @attrs:	By type.
 * @numbers:	The attributes to show.
 * @nr:		Number of @numbers.
 */
void netlink_show_numbers(struct nlattr **attrs, const struct netlink_number *numbers, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		out_number(numbers[i].name, netlink_number(attrs[numbers[i].attr]));
}
