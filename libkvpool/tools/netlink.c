// SPDX-License-Identifier: MIT
/* Talks to the netlink family of kvpool_rdma. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "fabric.h"

static struct nl_sock *sock;
static int family;

/* What the kernel said about the last request that it refused, or "". */
static char said[256];

struct call {
	reply_fn reply;
	void *arg;
	bool done;
	int error;		/* negative errno */
};

static struct nl_sock *new_socket(int *error)
{
	struct nl_sock *s = nl_socket_alloc();
	int on = 1;

	if (!s) {
		*error = -NLE_NOMEM;
		return NULL;
	}
	*error = genl_connect(s);
	if (*error) {
		nl_socket_free(s);
		return NULL;
	}
	/* Without it there is just no sentence about what is wrong. */
	setsockopt(nl_socket_get_fd(s), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	return s;
}

/* EX_OK, or an exit code with a message. */
int fabric_open(void)
{
	int error;

	sock = new_socket(&error);
	if (!sock) {
		complain("cannot open a netlink socket: %s", nl_geterror(error));
		return EX_FAILED;
	}
	family = genl_ctrl_resolve(sock, KVPOOL_FAMILY_NAME);
	if (family >= 0)
		return EX_OK;
	error = family;
	fabric_close();
	if (error == -NLE_OBJ_NOTFOUND) {
		complain("the netlink family '%s' is not there: the module kvpool_rdma is not loaded, or this is not the initial network namespace; load it with 'modprobe kvpool_rdma'",
			 KVPOOL_FAMILY_NAME);
		return EX_NO_MODULE;
	}
	complain("cannot find the netlink family '%s': %s", KVPOOL_FAMILY_NAME,
		 nl_geterror(error));
	return EX_FAILED;
}

void fabric_close(void)
{
	nl_socket_free(sock);
	sock = NULL;
}

struct nl_msg *fabric_request(int cmd, bool dump)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0,
				 dump ? NLM_F_DUMP : NLM_F_ACK, (uint8_t)cmd,
				 KVPOOL_FAMILY_VERSION)) {
		complain("no memory for a netlink message");
		exit(EX_FAILED);
	}
	return msg;
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

/* The sentence behind the error number, if there is one. */
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

/* Sends @msg, frees it, and waits for the answer. Zero or a negative errno. */
int fabric_call(struct nl_msg *msg, reply_fn reply, void *arg)
{
	struct call call = { .reply = reply, .arg = arg };
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int error;

	*said = '\0';
	if (!cb) {
		complain("no memory for a netlink message");
		exit(EX_FAILED);
	}
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

int fabric_dump(int cmd, reply_fn reply, void *arg)
{
	return fabric_call(fabric_request(cmd, true), reply, arg);
}

/* Says what could not be done and why, and makes an exit code of it. */
int fabric_fail(int error, const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (error == -EPERM && !*said) {
		complain("cannot %s: this takes CAP_NET_ADMIN; run as root", what);
		return EX_NO_PERMISSION;
	}
	complain("cannot %s: %s", what, *said ? said : strerror(-error));
	return error == -ENOENT ? EX_NOT_FOUND : EX_FAILED;
}

struct follower {
	bool (*event)(struct genlmsghdr *hdr, void *arg);
	void *arg;
	bool done;
	bool unloaded;
};

/* Does the message say that the module goes away? */
static bool is_farewell(struct nlmsghdr *hdr)
{
	struct nlattr *attrs[CTRL_ATTR_MAX + 1];

	if (hdr->nlmsg_type != GENL_ID_CTRL ||
	    genlmsg_hdr(hdr)->cmd != CTRL_CMD_DELFAMILY)
		return false;
	fabric_attrs(genlmsg_hdr(hdr), attrs, CTRL_ATTR_MAX);
	return (int)attr_number(attrs[CTRL_ATTR_FAMILY_ID]) == family;
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

/* Calls @event for each event until it returns false. An exit code. */
int fabric_follow(bool (*event)(struct genlmsghdr *hdr, void *arg), void *arg)
{
	struct follower follower = { .event = event, .arg = arg };
	int group = genl_ctrl_resolve_grp(sock, KVPOOL_FAMILY_NAME, KVPOOL_MCGRP_EVENTS);
	int families = genl_ctrl_resolve_grp(sock, "nlctrl", "notify");
	int error = group < 0 ? group : families < 0 ? families : 0;

	if (error) {
		complain("cannot follow events: %s", nl_geterror(error));
		return EX_FAILED;
	}
	nl_socket_disable_seq_check(sock);
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_event, &follower);
	error = nl_socket_add_memberships(sock, group, families, 0);
	if (error) {
		complain("cannot follow events: %s", nl_geterror(error));
		return EX_FAILED;
	}
	while (!follower.done) {
		if (follower.unloaded) {
			complain("the module kvpool_rdma was unloaded");
			return EX_NO_MODULE;
		}
		error = nl_recvmsgs_default(sock);
		if (error == -NLE_NOMEM) {
			complain("events came faster than they could be shown, and some are lost; see 'kvpoolctl link show' for what is true now");
			continue;
		}
		if (error) {
			complain("cannot follow events: %s", nl_geterror(error));
			return EX_FAILED;
		}
	}
	return EX_OK;
}

void fabric_attrs(struct genlmsghdr *hdr, struct nlattr **attrs, int max)
{
	if (nla_parse(attrs, max, genlmsg_attrdata(hdr, 0), genlmsg_attrlen(hdr, 0), NULL))
		memset(attrs, 0, ((size_t)max + 1) * sizeof(*attrs));
}

/* Numbers of any width; 0 if the module did not tell. */
uint64_t attr_number(const struct nlattr *attr)
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

const char *attr_text(const struct nlattr *attr)
{
	return attr ? nla_get_string(attr) : "";
}
