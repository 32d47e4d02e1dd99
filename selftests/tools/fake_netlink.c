// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family of kvpool_rdma for tests of kvpoolctl without the module. The
 * library is preloaded and replaces the functions of libnl that talk to the kernel.
 *
 * There are two peers with links, two sessions, two hosts, two rights, and a scripted
 * row of events. Requests change nothing, but for LINK_CONNECT: the first event after
 * it is what FAKE_NETLINK_CONNECT says of the link. Each request is a line of the file
 * that FAKE_NETLINK_LOG names: the command and the attributes as TYPE=HEX. refuse()
 * decides which requests fail.
 *
 * The library also replaces getaddrinfo() for names that end in ".example".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include <linux/kvpool_netlink.h>

#define FAMILY	42

/* The highest type of an attribute of any set. */
#define MAX_ATTR	32

static struct {
	nl_recvmsg_msg_cb_t fn;
	void *arg;
} on_valid, on_finish, on_ack, on_event;

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

static void deliver_event(struct nl_msg *msg)
{
	on_event.fn(msg, on_event.arg);
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
	if (id == 1)
		nla_put_string(msg, KVPOOL_A_PEER_HOST, "node-7");
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

static struct nl_msg *session(unsigned int id, const char *name)
{
	struct nl_msg *msg = begin(KVPOOL_CMD_SESSION_GET);

	nla_put_u64(msg, KVPOOL_A_SESSION_ID, id);
	put_endpoint(msg, KVPOOL_A_SESSION_SRC, "192.0.2.7", 40000);
	if (name)
		nla_put_string(msg, KVPOOL_A_SESSION_HOST, name);
	nla_put(msg, KVPOOL_A_SESSION_INSTANCE, 16, "0123456789abcdef");
	nla_put_u8(msg, KVPOOL_A_SESSION_AUTHENTICATED, !!name);
	nla_put_u64(msg, KVPOOL_A_SESSION_MEMORY, 256 << 10);
	nla_put_u32(msg, KVPOOL_A_SESSION_WAITING, 5);
	nla_put_u64(msg, KVPOOL_A_SESSION_BYTES_OUT, 1 << 20);
	return msg;
}

static struct nl_msg *host(int cmd, const char *name, const char *key)
{
	struct nl_msg *msg = begin(cmd);

	nla_put_string(msg, KVPOOL_A_HOST_NAME, name);
	if (key)
		nla_put_string(msg, KVPOOL_A_HOST_KEY, key);
	nla_put_u8(msg, KVPOOL_A_HOST_HAS_KEY, !!key);
	if (key)
		nla_put_u8(msg, KVPOOL_A_HOST_KEY_VALID, !strstr(key, "old"));
	return msg;
}

static struct nl_msg *right(int cmd, const char *tenant, const char *name, int may_push)
{
	struct nl_msg *msg = begin(cmd);

	nla_put_string(msg, KVPOOL_A_RIGHT_TENANT, tenant);
	nla_put_string(msg, KVPOOL_A_RIGHT_HOST, name);
	nla_put_u8(msg, KVPOOL_A_RIGHT_READ, 1);
	nla_put_u8(msg, KVPOOL_A_RIGHT_PUSH, (uint8_t)may_push);
	return msg;
}

static void put_closed(struct nl_msg *msg, int reason, int count)
{
	struct nlattr *nest = nla_nest_start(msg, KVPOOL_A_FABRIC_CLOSED);

	nla_put_u32(msg, KVPOOL_A_CLOSED_REASON, (uint32_t)reason);
	nla_put_u64(msg, KVPOOL_A_CLOSED_COUNT, (uint64_t)count);
	nla_nest_end(msg, nest);
}

static struct nl_msg *fabric(int cmd)
{
	struct nl_msg *msg = begin(cmd);

	put_endpoint(msg, KVPOOL_A_FABRIC_LISTEN, "0.0.0.0", 4710);
	nla_put_string(msg, KVPOOL_A_FABRIC_SECRET_KEY, "kvpool:secret");
	nla_put_u8(msg, KVPOOL_A_FABRIC_OPEN, 0);
	put_closed(msg, KVPOOL_CLOSE_REASON_AUTH, 3);
	put_closed(msg, KVPOOL_CLOSE_REASON_MTU, 1);
	nla_put_string(msg, KVPOOL_A_FABRIC_NAME, "node-1");
	nla_put_u64(msg, KVPOOL_A_FABRIC_MEMORY, 4ULL << 30);
	nla_put_u64(msg, KVPOOL_A_FABRIC_MEMORY_USED, 1ULL << 30);
	nla_put_u32(msg, KVPOOL_A_FABRIC_MEMORY_SHARES, 12);
	nla_put_u32(msg, KVPOOL_A_FABRIC_QUEUES, 2);
	nla_put_u32(msg, KVPOOL_A_FABRIC_IDLE_MS, 1500);
	nla_put_u32(msg, KVPOOL_A_FABRIC_ACK_TIMEOUT, 0);
	nla_put_s32(msg, KVPOOL_A_FABRIC_SERVICE_TYPE, 104);
	nla_put_u8(msg, KVPOOL_A_FABRIC_STRICT_FENCE, 1);
	nla_put_u32(msg, KVPOOL_A_FABRIC_STUCK, 2);
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
	} else if ((command == KVPOOL_CMD_LINK_DEL || command == KVPOOL_CMD_LINK_CONNECT) &&
		   nla_get_u32(attrs[KVPOOL_A_LINK_ID]) == 9) {
		refused = -ENOENT;
		sentence = "the peer has no such link";
	} else if (command == KVPOOL_CMD_FABRIC_SET && attrs[KVPOOL_A_FABRIC_LISTEN]) {
		refused = -EPERM;
		sentence = "there is no secret";
	} else if (command == KVPOOL_CMD_SESSION_DEL &&
		   nla_get_u64(attrs[KVPOOL_A_SESSION_ID]) == 9) {
		refused = -ENOENT;
		sentence = "there is no session with this id";
	} else if (command == KVPOOL_CMD_HOST_DEL &&
		   !strcmp(nla_get_string(attrs[KVPOOL_A_HOST_NAME]), "z")) {
		refused = -ENOENT;
		sentence = "no host of this name has been added";
	} else if (command == KVPOOL_CMD_RIGHT_DEL &&
		   !strcmp(nla_get_string(attrs[KVPOOL_A_RIGHT_HOST]), "z")) {
		refused = -ENOENT;
		sentence = "nothing has been set for this host in this tenant";
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
	struct nlattr *attrs[MAX_ATTR + 1];

	(void)sock;
	command = hdr->cmd;
	is_dump = (nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	if (nla_parse(attrs, MAX_ATTR, genlmsg_attrdata(hdr, 0),
		      genlmsg_attrlen(hdr, 0), NULL))
		abort();
	refuse(attrs);
	write_log(attrs, MAX_ATTR);
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
		deliver(session(3, "node-7"));
		deliver(session(4, "node-7"));
		deliver(session(5, NULL));
		break;
	case KVPOOL_CMD_HOST_GET:
		deliver(host(command, "node-7", "kvpool:node-7"));
		deliver(host(command, "node-8", NULL));
		deliver(host(command, "node-9", "kvpool:old"));
		break;
	case KVPOOL_CMD_RIGHT_GET:
		deliver(right(command, "default", "*", 1));
		deliver(right(command, "team-b", "node-7", 0));
		break;
	case KVPOOL_CMD_FABRIC_GET:
		deliver(fabric(command));
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

/* What happens to link 2 of peer 1 after LINK_CONNECT; others happen before. */
static int after_connect(int step)
{
	const char *result = getenv("FAKE_NETLINK_CONNECT");
	int state;

	if (!result)
		return -1;
	if (!strcmp(result, "lost"))
		return step ? -1 : -NLE_NOMEM;
	if (!strcmp(result, "deleted")) {
		deliver_event(link(KVPOOL_CMD_LINK_DEL_NTF, 1, 2, KVPOOL_LINK_STATE_DRAINING));
		return 0;
	}
	state = !strcmp(result, "up") ? KVPOOL_LINK_STATE_UP : KVPOOL_LINK_STATE_DOWN;
	switch (step) {
	case 0:
		deliver_event(link(KVPOOL_CMD_LINK_CHANGE_NTF, 1, 1, KVPOOL_LINK_STATE_UP));
		return 0;
	case 1:
		deliver_event(link(KVPOOL_CMD_LINK_CHANGE_NTF, 1, 2, KVPOOL_LINK_STATE_CONNECTING));
		return 0;
	default:
		deliver_event(link(KVPOOL_CMD_LINK_CHANGE_NTF, 1, 2, state));
		return 0;
	}
}

int nl_recvmsgs_default(struct nl_sock *sock)
{
	static int step;
	int ret = after_connect(step);

	(void)sock;
	if (ret != -1) {
		step++;
		return ret;
	}
	switch (step++) {
	case 0:
		deliver_event(peer(KVPOOL_CMD_PEER_ADD_NTF, 2, ODD_NAME));
		return 0;
	case 1:
		deliver_event(link(KVPOOL_CMD_LINK_CHANGE_NTF, 1, 2, KVPOOL_LINK_STATE_DOWN));
		return 0;
	case 2:
		return -NLE_NOMEM;
	case 3:
		deliver_event(peer(KVPOOL_CMD_PEER_DEL_NTF, 2, ODD_NAME));
		return 0;
	case 4:
		deliver_event(host(KVPOOL_CMD_HOST_ADD_NTF, "node-7", "kvpool:node-7"));
		return 0;
	case 5:
		deliver_event(right(KVPOOL_CMD_RIGHT_SET_NTF, "team-b", "node-7", 0));
		deliver_event(right(KVPOOL_CMD_RIGHT_DEL_NTF, "team-b", "node-7", 0));
		return 0;
	case 6:
		deliver_event(fabric(KVPOOL_CMD_FABRIC_SET_NTF));
		return 0;
	case 7:
		deliver_event(host(KVPOOL_CMD_HOST_DEL_NTF, "node-7", "kvpool:node-7"));
		return 0;
	default:
		deliver_event(farewell());
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
	(void)type;
	(void)kind;
	on_event.fn = fn;
	on_event.arg = arg;
	return 0;
}

/* ---- names of hosts ---- */

static struct addrinfo *add_address(struct addrinfo *next, const char *text, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	int (*real)(const char *host, const char *service, const struct addrinfo *wanted,
		    struct addrinfo **found) = dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo *found;

	if (real(text, port, &hints, &found))
		abort();
	found->ai_next = next;
	return found;
}

/* two.example has both families, IPv6 first; four.example and six.example have one. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **found)
{
	int (*real)(const char *host, const char *service, const struct addrinfo *wanted,
		    struct addrinfo **found) = dlsym(RTLD_NEXT, "getaddrinfo");
	int family = hints->ai_family;

	if (!strstr(host, ".example") || (hints->ai_flags & AI_NUMERICHOST))
		return real(host, service, hints, found);
	*found = NULL;
	if (family != AF_INET6 && strncmp(host, "six", 3)) {
		*found = add_address(*found, "192.0.2.22", service);
		*found = add_address(*found, "192.0.2.21", service);
	}
	if (family != AF_INET && strncmp(host, "four", 4))
		*found = add_address(*found, "2001:db8::21", service);
	return *found ? 0 : EAI_NONAME;
}
