// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family of kvpool_rdma for tests of kvpoolctl without the module. The
 * library is preloaded and replaces the functions of libnl that talk to the kernel.
 *
 * There are two peers with links, a session, and a scripted row of events. Requests
 * change nothing. Each request is a line of the file that FAKE_NETLINK_LOG names: the
 * command and the attributes as TYPE=HEX. refuse() decides which requests fail.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include <linux/kvpool_netlink.h>

#define FAMILY	42

static struct {
	nl_recvmsg_msg_cb_t fn;
	void *arg;
} on_valid, on_finish, on_ack;

static nl_recvmsg_err_cb_t on_error;
static void *on_error_arg;

/* The request that waits for its answer. */
static int command;
static bool is_dump;
static int refused;		/* negative errno */
static const char *sentence;

/* A name that is not UTF-8 and has a control character. */
#define ODD_NAME	"o\xff\xe2\x98\x83\"\x1b"

/* ---- messages ---- */

static struct nl_msg *begin(int cmd)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg || !genlmsg_put(msg, 0, 0, FAMILY, 0, 0, (uint8_t)cmd, 1))
		abort();
	return msg;
}

static void deliver(struct nl_msg *msg)
{
	on_valid.fn(msg, on_valid.arg);
	nlmsg_free(msg);
}

static void put_endpoint(struct nl_msg *msg, int type, const char *addr, int port)
{
	struct nlattr *nest = nla_nest_start(msg, type);
	uint8_t bytes[16];

	if (inet_pton(AF_INET, addr, bytes) == 1)
		nla_put(msg, KVPOOL_A_ENDPOINT_IPV4, 4, bytes);
	else if (inet_pton(AF_INET6, addr, bytes) == 1)
		nla_put(msg, KVPOOL_A_ENDPOINT_IPV6, 16, bytes);
	nla_put_u16(msg, KVPOOL_A_ENDPOINT_PORT, htons((uint16_t)port));
	nla_nest_end(msg, nest);
}

static struct nl_msg *peer(int cmd, unsigned int id, const char *name)
{
	struct nl_msg *msg = begin(cmd);

	nla_put_u32(msg, KVPOOL_A_PEER_ID, id);
	nla_put_string(msg, KVPOOL_A_PEER_NAME, name);
	nla_put_u32(msg, KVPOOL_A_PEER_NR_LINKS, 2);
	nla_put_u32(msg, KVPOOL_A_PEER_NR_UP, 1);
	nla_put_u64(msg, KVPOOL_A_PEER_REQUESTS, 10);
	nla_put_u64(msg, KVPOOL_A_PEER_BYTES_IN, 1ULL << 40);
	return msg;
}

static struct nl_msg *link(int cmd, unsigned int owner, unsigned int id, int state)
{
	struct nl_msg *msg = begin(cmd);

	nla_put_u32(msg, KVPOOL_A_LINK_PEER, owner);
	nla_put_u32(msg, KVPOOL_A_LINK_ID, id);
	put_endpoint(msg, KVPOOL_A_LINK_DST, id == 1 ? "192.0.2.7" : "2001:db8::7", 4710);
	if (id == 1)
		put_endpoint(msg, KVPOOL_A_LINK_SRC, "192.0.2.1", 0);
	nla_put_u32(msg, KVPOOL_A_LINK_STATE, (uint32_t)state);
	nla_put_string(msg, KVPOOL_A_LINK_IBDEV, "rxe0");
	nla_put_u32(msg, KVPOOL_A_LINK_QUEUES, 4);
	nla_put_u64(msg, KVPOOL_A_LINK_RATE, 12345678);
	nla_put_u64(msg, KVPOOL_A_LINK_BYTES_IN, 1 << 20);
	nla_put_u32(msg, KVPOOL_A_LINK_CLOSE_REASON,
		    state == KVPOOL_LINK_STATE_UP ? KVPOOL_CLOSE_REASON_NONE :
						    KVPOOL_CLOSE_REASON_REFUSED);
	return msg;
}

static struct nl_msg *session(void)
{
	struct nl_msg *msg = begin(KVPOOL_CMD_SESSION_GET);

	nla_put_u64(msg, KVPOOL_A_SESSION_ID, 3);
	put_endpoint(msg, KVPOOL_A_SESSION_SRC, "192.0.2.7", 40000);
	nla_put(msg, KVPOOL_A_SESSION_HOST, 16, "0123456789abcdef");
	nla_put_u8(msg, KVPOOL_A_SESSION_AUTHENTICATED, 1);
	return msg;
}

static struct nl_msg *fabric(void)
{
	struct nl_msg *msg = begin(KVPOOL_CMD_FABRIC_GET);
	struct nlattr *nest;

	put_endpoint(msg, KVPOOL_A_FABRIC_LISTEN, "0.0.0.0", 4710);
	nla_put_string(msg, KVPOOL_A_FABRIC_SECRET_KEY, "kvpool:secret");
	nla_put_u8(msg, KVPOOL_A_FABRIC_OPEN, 0);
	nest = nla_nest_start(msg, KVPOOL_A_FABRIC_CLOSED);
	nla_put_u32(msg, KVPOOL_A_CLOSED_REASON, KVPOOL_CLOSE_REASON_AUTH);
	nla_put_u64(msg, KVPOOL_A_CLOSED_COUNT, 3);
	nla_nest_end(msg, nest);
	return msg;
}

static void deliver_error(void)
{
	struct nlmsgerr error = { .error = refused };
	struct nl_msg *msg = nlmsg_alloc();
	struct nlmsghdr *hdr;

	if (!msg)
		abort();
	hdr = nlmsg_put(msg, 0, 0, NLMSG_ERROR, 0, NLM_F_CAPPED);
	nlmsg_append(msg, &error, sizeof(error), NLMSG_ALIGNTO);
	if (sentence) {
		hdr->nlmsg_flags |= NLM_F_ACK_TLVS;
		nla_put_string(msg, NLMSGERR_ATTR_MSG, sentence);
	}
	on_error(NULL, nlmsg_data(nlmsg_hdr(msg)), on_error_arg);
	nlmsg_free(msg);
}

static void deliver_end(void)
{
	struct nl_msg *msg = nlmsg_alloc();
	int none = 0;

	if (!msg)
		abort();
	nlmsg_put(msg, 0, 0, is_dump ? NLMSG_DONE : NLMSG_ERROR, 0, 0);
	nlmsg_append(msg, &none, sizeof(none), NLMSG_ALIGNTO);
	if (is_dump)
		on_finish.fn(msg, on_finish.arg);
	else
		on_ack.fn(msg, on_ack.arg);
	nlmsg_free(msg);
}

/* ---- requests ---- */

static void refuse(struct nlattr **attrs)
{
	const char *fails = getenv("FAKE_NETLINK_FAIL");

	refused = 0;
	sentence = NULL;
	if (command == KVPOOL_CMD_PEER_ADD &&
	    !strcmp(nla_get_string(attrs[KVPOOL_A_PEER_NAME]), "decode-7")) {
		refused = -EEXIST;
		sentence = "there is a peer of this name already";
	} else if (command == KVPOOL_CMD_LINK_DEL &&
		   nla_get_u32(attrs[KVPOOL_A_LINK_ID]) == 9) {
		refused = -ENOENT;
		sentence = "the peer has no such link";
	} else if (command == KVPOOL_CMD_FABRIC_SET && attrs[KVPOOL_A_FABRIC_LISTEN]) {
		refused = -EPERM;
		sentence = "there is no secret";
	} else if (fails && atoi(fails) == command) {
		refused = -EPERM;
	}
}

static void write_log(struct nlattr **attrs, int max)
{
	const char *path = getenv("FAKE_NETLINK_LOG");
	FILE *log = path ? fopen(path, "a") : NULL;
	int type, i;

	if (!log)
		return;
	fprintf(log, "%d", command);
	for (type = 1; type <= max; type++) {
		if (!attrs[type])
			continue;
		fprintf(log, " %d=", type);
		for (i = 0; i < nla_len(attrs[type]); i++)
			fprintf(log, "%02x", ((unsigned char *)nla_data(attrs[type]))[i]);
	}
	fputc('\n', log);
	fclose(log);
}

int nl_send_auto(struct nl_sock *sock, struct nl_msg *msg)
{
	struct genlmsghdr *hdr = genlmsg_hdr(nlmsg_hdr(msg));
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];

	(void)sock;
	command = hdr->cmd;
	is_dump = (nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	if (nla_parse(attrs, KVPOOL_A_LINK_MAX, genlmsg_attrdata(hdr, 0),
		      genlmsg_attrlen(hdr, 0), NULL))
		abort();
	refuse(attrs);
	write_log(attrs, KVPOOL_A_LINK_MAX);
	return 0;
}

static void answer(void)
{
	struct nl_msg *msg;

	switch (command) {
	case KVPOOL_CMD_PEER_GET:
		deliver(peer(command, 1, "decode-7"));
		deliver(peer(command, 2, ODD_NAME));
		break;
	case KVPOOL_CMD_PEER_ADD:
		deliver(peer(command, 2, ODD_NAME));
		break;
	case KVPOOL_CMD_LINK_GET:
		deliver(link(command, 1, 1, KVPOOL_LINK_STATE_UP));
		deliver(link(command, 1, 2, KVPOOL_LINK_STATE_DOWN));
		deliver(link(command, 2, 1, KVPOOL_LINK_STATE_CONNECTING));
		break;
	case KVPOOL_CMD_LINK_ADD:
		msg = begin(command);
		nla_put_u32(msg, KVPOOL_A_LINK_ID, 2);
		deliver(msg);
		break;
	case KVPOOL_CMD_SESSION_GET:
		deliver(session());
		break;
	case KVPOOL_CMD_FABRIC_GET:
		deliver(fabric());
		break;
	}
}

int nl_recvmsgs(struct nl_sock *sock, struct nl_cb *cb)
{
	(void)sock;
	(void)cb;
	if (refused) {
		deliver_error();
		return 0;
	}
	answer();
	deliver_end();
	return 0;
}

/* ---- events ---- */

static struct nl_msg *farewell(void)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg || !genlmsg_put(msg, 0, 0, GENL_ID_CTRL, 0, 0, CTRL_CMD_DELFAMILY, 1))
		abort();
	nla_put_u16(msg, CTRL_ATTR_FAMILY_ID, FAMILY);
	return msg;
}

int nl_recvmsgs_default(struct nl_sock *sock)
{
	static int step;

	(void)sock;
	switch (step++) {
	case 0:
		deliver(peer(KVPOOL_CMD_PEER_ADD_NTF, 2, ODD_NAME));
		return 0;
	case 1:
		deliver(link(KVPOOL_CMD_LINK_CHANGE_NTF, 1, 2, KVPOOL_LINK_STATE_DOWN));
		return 0;
	case 2:
		return -NLE_NOMEM;
	case 3:
		deliver(peer(KVPOOL_CMD_PEER_DEL_NTF, 2, ODD_NAME));
		return 0;
	default:
		deliver(farewell());
		return 0;
	}
}

/* ---- other functions that would reach the kernel ---- */

int genl_connect(struct nl_sock *sock)
{
	(void)sock;
	return 0;
}

int genl_ctrl_resolve(struct nl_sock *sock, const char *name)
{
	(void)sock;
	return strcmp(name, KVPOOL_FAMILY_NAME) || getenv("FAKE_NETLINK_ABSENT") ?
	       -NLE_OBJ_NOTFOUND : FAMILY;
}

int genl_ctrl_resolve_grp(struct nl_sock *sock, const char *family, const char *group)
{
	(void)sock;
	(void)family;
	(void)group;
	return 7;
}

int nl_socket_add_memberships(struct nl_sock *sock, int group, ...)
{
	(void)sock;
	(void)group;
	return 0;
}

int nl_cb_set(struct nl_cb *cb, enum nl_cb_type type, enum nl_cb_kind kind,
	      nl_recvmsg_msg_cb_t fn, void *arg)
{
	(void)cb;
	(void)kind;
	if (type == NL_CB_VALID) {
		on_valid.fn = fn;
		on_valid.arg = arg;
	} else if (type == NL_CB_FINISH) {
		on_finish.fn = fn;
		on_finish.arg = arg;
	} else if (type == NL_CB_ACK) {
		on_ack.fn = fn;
		on_ack.arg = arg;
	}
	return 0;
}

int nl_cb_err(struct nl_cb *cb, enum nl_cb_kind kind, nl_recvmsg_err_cb_t fn, void *arg)
{
	(void)cb;
	(void)kind;
	on_error = fn;
	on_error_arg = arg;
	return 0;
}

int nl_socket_modify_cb(struct nl_sock *sock, enum nl_cb_type type, enum nl_cb_kind kind,
			nl_recvmsg_msg_cb_t fn, void *arg)
{
	(void)sock;
	return nl_cb_set(NULL, type, kind, fn, arg);
}
