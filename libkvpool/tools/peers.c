// SPDX-License-Identifier: MIT
/* kvpoolctl peer and kvpoolctl link. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/genl/genl.h>

#include "fabric.h"

static const struct number peer_numbers[] = {
	{ KVPOOL_A_PEER_NR_LINKS, "nr_links" },
	{ KVPOOL_A_PEER_NR_UP, "nr_up" },
	{ KVPOOL_A_PEER_REQUESTS, "requests" },
	{ KVPOOL_A_PEER_FAILED, "failed" },
	{ KVPOOL_A_PEER_BYTES_IN, "bytes_in" },
	{ KVPOOL_A_PEER_BYTES_OUT, "bytes_out" },
};

static const struct number link_numbers[] = {
	{ KVPOOL_A_LINK_QUEUES, "queues" },
	{ KVPOOL_A_LINK_INFLIGHT, "inflight" },
	{ KVPOOL_A_LINK_RATE, "rate" },
	{ KVPOOL_A_LINK_REQUESTS, "requests" },
	{ KVPOOL_A_LINK_BYTES_IN, "bytes_in" },
	{ KVPOOL_A_LINK_BYTES_OUT, "bytes_out" },
	{ KVPOOL_A_LINK_ERRORS, "errors" },
	{ KVPOOL_A_LINK_RECONNECTS, "reconnects" },
	{ KVPOOL_A_LINK_LAST_ERROR, "last_error" },
};

static const char *state_text(const struct nlattr *attr)
{
	static const char * const states[] = {
		[KVPOOL_LINK_STATE_DOWN] = "down",
		[KVPOOL_LINK_STATE_CONNECTING] = "connecting",
		[KVPOOL_LINK_STATE_UP] = "up",
		[KVPOOL_LINK_STATE_DRAINING] = "draining",
	};
	uint64_t state = attr_number(attr);

	return state < (uint64_t)ARRAY_SIZE(states) ? states[state] : "unknown";
}

/* ------------------------------------------------------------------------ */
/* The peers that there are                                                 */
/* ------------------------------------------------------------------------ */

struct peer {
	uint32_t id;
	char name[KVPOOL_PEER_NAME_SIZE];
};

struct peers {
	struct peer *list;
	int nr;
};

static void take_peer(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_PEER_MAX + 1];
	struct peers *peers = arg;
	struct peer *peer;

	fabric_attrs(hdr, attrs, KVPOOL_A_PEER_MAX);
	peers->list = xrealloc(peers->list, (size_t)peers->nr + 1, sizeof(*peers->list));
	peer = &peers->list[peers->nr++];
	peer->id = (uint32_t)attr_number(attrs[KVPOOL_A_PEER_ID]);
	snprintf(peer->name, sizeof(peer->name), "%s", attr_text(attrs[KVPOOL_A_PEER_NAME]));
}

static int read_peers(struct peers *peers)
{
	int error;

	*peers = (struct peers) { 0 };
	error = fabric_dump(KVPOOL_CMD_PEER_GET, take_peer, peers);
	return error ? fabric_fail(error, "list the peers") : EX_OK;
}

static const char *peer_name(const struct peers *peers, uint64_t id)
{
	int i;

	for (i = 0; i < peers->nr; i++)
		if (peers->list[i].id == id)
			return peers->list[i].name;
	return "?";
}

/* A peer by its name, or else by its id. An exit code. */
static int find_peer(const char *name, uint32_t *id)
{
	struct peers peers;
	uint64_t number;
	int code, i, found = -1;

	code = read_peers(&peers);
	if (!parse_u64(name, &number))
		number = 0;
	for (i = 0; !code && i < peers.nr; i++) {
		if (!strcmp(peers.list[i].name, name)) {
			found = i;
			break;
		}
		if (peers.list[i].id == number)
			found = i;
	}
	if (!code && found < 0) {
		complain("there is no peer '%s'; see 'kvpoolctl peer'", name);
		code = EX_NOT_FOUND;
	}
	if (!code)
		*id = peers.list[found].id;
	free(peers.list);
	return code;
}

static int parse_link(const char *text, uint32_t *id)
{
	uint64_t number;

	if (!parse_u64(text, &number) || !number || number > UINT32_MAX)
		return usage_error("link", "'%s' is not the number of a link", text);
	*id = (uint32_t)number;
	return EX_OK;
}

/* ------------------------------------------------------------------------ */
/* Showing                                                                  */
/* ------------------------------------------------------------------------ */

/* Which ones of a dump are shown, and how. */
struct view {
	uint32_t peer;		/* 0 for all */
	uint32_t link;		/* 0 for all */
	bool json;
	const struct peers *peers;
	int shown;
};

void json_peer(struct genlmsghdr *hdr)
{
	struct nlattr *attrs[KVPOOL_A_PEER_MAX + 1];

	fabric_attrs(hdr, attrs, KVPOOL_A_PEER_MAX);
	json_number("id", attr_number(attrs[KVPOOL_A_PEER_ID]));
	json_text("name", attr_text(attrs[KVPOOL_A_PEER_NAME]));
	json_numbers(attrs, peer_numbers, ARRAY_SIZE(peer_numbers));
}

static void show_peer(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_PEER_MAX + 1];
	struct view *view = arg;
	char in[32], out[32];

	fabric_attrs(hdr, attrs, KVPOOL_A_PEER_MAX);
	if (view->peer && attr_number(attrs[KVPOOL_A_PEER_ID]) != view->peer)
		return;
	view->shown++;
	if (view->json) {
		json_begin(NULL, '{');
		json_peer(hdr);
		json_end('}');
		return;
	}
	printf("%4" PRIu64 " %-20s %5" PRIu64 " %5" PRIu64 " %10" PRIu64 " %8" PRIu64 " %11s %11s\n",
	       attr_number(attrs[KVPOOL_A_PEER_ID]), attr_text(attrs[KVPOOL_A_PEER_NAME]),
	       attr_number(attrs[KVPOOL_A_PEER_NR_LINKS]), attr_number(attrs[KVPOOL_A_PEER_NR_UP]),
	       attr_number(attrs[KVPOOL_A_PEER_REQUESTS]), attr_number(attrs[KVPOOL_A_PEER_FAILED]),
	       size_text(attr_number(attrs[KVPOOL_A_PEER_BYTES_IN]), in, sizeof(in)),
	       size_text(attr_number(attrs[KVPOOL_A_PEER_BYTES_OUT]), out, sizeof(out)));
}

void json_link(struct genlmsghdr *hdr)
{
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];

	fabric_attrs(hdr, attrs, KVPOOL_A_LINK_MAX);
	json_number("peer", attr_number(attrs[KVPOOL_A_LINK_PEER]));
	json_number("id", attr_number(attrs[KVPOOL_A_LINK_ID]));
	json_text("state", state_text(attrs[KVPOOL_A_LINK_STATE]));
	json_address("dst", attrs[KVPOOL_A_LINK_DST]);
	json_address("src", attrs[KVPOOL_A_LINK_SRC]);
	if (attrs[KVPOOL_A_LINK_IBDEV])
		json_text("ibdev", attr_text(attrs[KVPOOL_A_LINK_IBDEV]));
	json_numbers(attrs, link_numbers, ARRAY_SIZE(link_numbers));
	json_text("close_reason", reason_text(attrs[KVPOOL_A_LINK_CLOSE_REASON]));
}

static void show_link(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];
	char dst[ADDRESS_MAX], src[ADDRESS_MAX], in[32], out[32];
	struct view *view = arg;
	const char *name;

	fabric_attrs(hdr, attrs, KVPOOL_A_LINK_MAX);
	if ((view->peer && attr_number(attrs[KVPOOL_A_LINK_PEER]) != view->peer) ||
	    (view->link && attr_number(attrs[KVPOOL_A_LINK_ID]) != view->link))
		return;
	view->shown++;
	name = peer_name(view->peers, attr_number(attrs[KVPOOL_A_LINK_PEER]));
	if (view->json) {
		json_begin(NULL, '{');
		json_text("peer_name", name);
		json_link(hdr);
		json_end('}');
		return;
	}
	address_text(attrs[KVPOOL_A_LINK_DST], dst, sizeof(dst));
	address_text(attrs[KVPOOL_A_LINK_SRC], src, sizeof(src));
	printf("%-16s %4" PRIu64 " %-10s %-21s %-15s %-8s %6" PRIu64 " %10" PRIu64 " %7" PRIu64 " %11s %11s %s\n",
	       name, attr_number(attrs[KVPOOL_A_LINK_ID]), state_text(attrs[KVPOOL_A_LINK_STATE]),
	       dst, *src ? src : "-", attrs[KVPOOL_A_LINK_IBDEV] ?
	       attr_text(attrs[KVPOOL_A_LINK_IBDEV]) : "-", attr_number(attrs[KVPOOL_A_LINK_QUEUES]),
	       attr_number(attrs[KVPOOL_A_LINK_REQUESTS]), attr_number(attrs[KVPOOL_A_LINK_ERRORS]),
	       size_text(attr_number(attrs[KVPOOL_A_LINK_BYTES_IN]), in, sizeof(in)),
	       size_text(attr_number(attrs[KVPOOL_A_LINK_BYTES_OUT]), out, sizeof(out)),
	       attr_number(attrs[KVPOOL_A_LINK_STATE]) == KVPOOL_LINK_STATE_UP ? "-" :
	       reason_text(attrs[KVPOOL_A_LINK_CLOSE_REASON]));
}

static int show_peers(uint32_t peer, bool json)
{
	struct view view = { .peer = peer, .json = json };
	int error;

	if (json)
		json_begin(NULL, '[');
	else
		printf("%4s %-20s %5s %5s %10s %8s %11s %11s\n", "ID", "PEER", "LINKS", "UP",
		       "REQUESTS", "FAILED", "IN", "OUT");
	error = fabric_dump(KVPOOL_CMD_PEER_GET, show_peer, &view);
	if (error)
		return fabric_fail(error, "list the peers");
	if (json) {
		json_end(']');
		json_done();
	}
	return EX_OK;
}

static int show_links(uint32_t peer, uint32_t link, bool json)
{
	struct view view = { .peer = peer, .link = link, .json = json };
	struct peers peers;
	int error, code;

	code = read_peers(&peers);
	if (code)
		return code;
	view.peers = &peers;
	if (json)
		json_begin(NULL, '[');
	else
		printf("%-16s %4s %-10s %-21s %-15s %-8s %6s %10s %7s %11s %11s %s\n", "PEER",
		       "LINK", "STATE", "ADDRESS", "SOURCE", "DEVICE", "QUEUES", "REQUESTS",
		       "ERRORS", "IN", "OUT", "WHY NOT UP");
	error = fabric_dump(KVPOOL_CMD_LINK_GET, show_link, &view);
	if (json && !error) {
		json_end(']');
		json_done();
	}
	free(peers.list);
	if (error)
		return fabric_fail(error, "list the links");
	if (link && !view.shown) {
		complain("the peer has no link %" PRIu32 "; see 'kvpoolctl link'", link);
		return EX_NOT_FOUND;
	}
	return EX_OK;
}

void print_peer_event(struct genlmsghdr *hdr, const char *what)
{
	struct nlattr *attrs[KVPOOL_A_PEER_MAX + 1];

	fabric_attrs(hdr, attrs, KVPOOL_A_PEER_MAX);
	printf("%-12s peer %" PRIu64 " %s\n", what, attr_number(attrs[KVPOOL_A_PEER_ID]),
	       attr_text(attrs[KVPOOL_A_PEER_NAME]));
}

void print_link_event(struct genlmsghdr *hdr, const char *what)
{
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];
	uint64_t state, reason;
	char dst[ADDRESS_MAX];

	fabric_attrs(hdr, attrs, KVPOOL_A_LINK_MAX);
	state = attr_number(attrs[KVPOOL_A_LINK_STATE]);
	reason = attr_number(attrs[KVPOOL_A_LINK_CLOSE_REASON]);
	printf("%-12s peer %" PRIu64 " link %" PRIu64 " to %s %s", what,
	       attr_number(attrs[KVPOOL_A_LINK_PEER]), attr_number(attrs[KVPOOL_A_LINK_ID]),
	       address_text(attrs[KVPOOL_A_LINK_DST], dst, sizeof(dst)),
	       state_text(attrs[KVPOOL_A_LINK_STATE]));
	if (state != KVPOOL_LINK_STATE_UP && reason != KVPOOL_CLOSE_REASON_NONE)
		printf(" (%s)", reason_text(attrs[KVPOOL_A_LINK_CLOSE_REASON]));
	putchar('\n');
}

/* ------------------------------------------------------------------------ */
/* Changing                                                                 */
/* ------------------------------------------------------------------------ */

static void take_id(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];

	if (hdr->cmd == KVPOOL_CMD_PEER_ADD) {
		fabric_attrs(hdr, attrs, KVPOOL_A_PEER_MAX);
		*(uint32_t *)arg = (uint32_t)attr_number(attrs[KVPOOL_A_PEER_ID]);
	} else {
		fabric_attrs(hdr, attrs, KVPOOL_A_LINK_MAX);
		*(uint32_t *)arg = (uint32_t)attr_number(attrs[KVPOOL_A_LINK_ID]);
	}
}

static int add_link(uint32_t peer, const char *to, const struct sockaddr_storage *src,
		    uint32_t *id)
{
	struct sockaddr_storage dst;
	struct nl_msg *msg;
	int error;

	if (!parse_address(to, &dst)) {
		complain("'%s' is neither an address nor the name of a host; write ADDRESS, ADDRESS:PORT or [IPV6]:PORT",
			 to);
		return EX_BAD_USAGE;
	}
	msg = fabric_request(KVPOOL_CMD_LINK_ADD, false);
	nla_put_u32(msg, KVPOOL_A_LINK_PEER, peer);
	put_address(msg, KVPOOL_A_LINK_DST, &dst);
	if (src->ss_family)
		put_address(msg, KVPOOL_A_LINK_SRC, src);
	error = fabric_call(msg, take_id, id);
	return error ? fabric_fail(error, "add a link to %s", to) : EX_OK;
}

static int add_peer(struct args *args)
{
	static const struct sockaddr_storage none;
	const char *name = args->argv[0];
	struct nl_msg *msg;
	uint32_t peer = 0, link;
	int error, code = EX_OK, i;

	msg = fabric_request(KVPOOL_CMD_PEER_ADD, false);
	nla_put_string(msg, KVPOOL_A_PEER_NAME, name);
	error = fabric_call(msg, take_id, &peer);
	if (error)
		return fabric_fail(error, "add the peer '%s'", name);
	for (i = 1; i < args->argc && !code; i++)
		code = add_link(peer, args->argv[i], &none, &link);
	if (code)
		complain("the peer '%s' was added without all of its links; add them with 'kvpoolctl link add'",
			 name);
	else if (args->json)
		code = show_peers(peer, true);
	return code;
}

static int del_peer(const char *name)
{
	struct nl_msg *msg;
	uint32_t peer = 0;
	int code = find_peer(name, &peer);
	int error;

	if (code)
		return code;
	msg = fabric_request(KVPOOL_CMD_PEER_DEL, false);
	nla_put_u32(msg, KVPOOL_A_PEER_ID, peer);
	error = fabric_call(msg, NULL, NULL);
	return error ? fabric_fail(error, "remove the peer '%s'", name) : EX_OK;
}

static int del_link(const char *name, const char *number)
{
	struct nl_msg *msg;
	uint32_t peer = 0, link = 0;
	int code = parse_link(number, &link) ?: find_peer(name, &peer);
	int error;

	if (code)
		return code;
	msg = fabric_request(KVPOOL_CMD_LINK_DEL, false);
	nla_put_u32(msg, KVPOOL_A_LINK_PEER, peer);
	nla_put_u32(msg, KVPOOL_A_LINK_ID, link);
	error = fabric_call(msg, NULL, NULL);
	return error ? fabric_fail(error, "remove the link %" PRIu32 " of the peer '%s'", link, name) :
		       EX_OK;
}

/* ------------------------------------------------------------------------ */
/* Commands                                                                 */
/* ------------------------------------------------------------------------ */

static void peer_usage(FILE *to)
{
	fprintf(to,
"Usage: kvpoolctl peer [show [PEER]] [--json]\n"
"       kvpoolctl peer add NAME [ADDRESS]... [--json]\n"
"       kvpoolctl peer del PEER\n"
"The other hosts whose blocks this one may fetch.\n"
"\n"
"  -j, --json  print JSON\n"
"  -h, --help  show this text\n"
"\n"
"NAME has up to %d characters; each ADDRESS makes a link, as 'kvpoolctl link add'.\n"
"PEER is a name or an id. 'del' removes the links too: what is under way fails.\n",
		KVPOOL_PEER_NAME_SIZE - 1);
}

int cmd_peer(struct args *args)
{
	uint32_t peer = 0;
	const char *verb;
	int code;

	code = parse_options(args, peer_usage, NULL, 0);
	if (code != EX_GO_ON)
		return code;
	verb = take_verb(args, "show");
	if (!strcmp(verb, "show") ? args->argc > 1 : !strcmp(verb, "add") ? args->argc < 1 :
	    !strcmp(verb, "del") ? args->argc != 1 : true)
		return usage_error("peer", "'%s' with %d arguments is not 'show [PEER]', 'add NAME [ADDRESS]...' or 'del PEER'",
				   verb, args->argc);
	code = fabric_open();
	if (code)
		return code;
	if (*verb == 'a')
		code = add_peer(args);
	else if (*verb == 'd')
		code = del_peer(args->argv[0]);
	else
		code = (args->argc ? find_peer(args->argv[0], &peer) : EX_OK) ?:
		       show_peers(peer, args->json);
	fabric_close();
	return code;
}

static void link_usage(FILE *to)
{
	fprintf(to,
"Usage: kvpoolctl link [show [PEER [LINK]]] [--json]\n"
"       kvpoolctl link add PEER ADDRESS [--src ADDRESS] [--json]\n"
"       kvpoolctl link del PEER LINK\n"
"The ways to a peer. Transfers are spread over all links that are up.\n"
"\n"
"  -s, --src ADDRESS  this host's address, and with it the RDMA device to use; the\n"
"                     routing table decides if it is not given\n"
"  -j, --json         print JSON\n"
"  -h, --help         show this text\n"
"\n"
"PEER is a name or an id. ADDRESS is ADDRESS, ADDRESS:PORT or [IPV6]:PORT; the port\n"
"is %d if none is given. 'add' does not wait until the link is up, see\n"
"'kvpoolctl events'.\n", KVPOOL_DEFAULT_PORT);
}

static int show_some_links(struct args *args)
{
	uint32_t peer = 0, link = 0;
	int code = EX_OK;

	if (args->argc == 2)
		code = parse_link(args->argv[1], &link);
	if (!code && args->argc)
		code = find_peer(args->argv[0], &peer);
	return code ?: show_links(peer, link, args->json);
}

int cmd_link(struct args *args)
{
	struct sockaddr_storage src = { 0 };
	const struct opt opts[] = {
		{ 's', "src", parse_address, &src, "an address" },
	};
	uint32_t peer = 0, link = 0;
	const char *verb;
	int code;

	code = parse_options(args, link_usage, opts, ARRAY_SIZE(opts));
	if (code != EX_GO_ON)
		return code;
	verb = take_verb(args, "show");
	if (!strcmp(verb, "show") ? args->argc > 2 : !strcmp(verb, "add") ? args->argc != 2 :
	    !strcmp(verb, "del") ? args->argc != 2 : true)
		return usage_error("link", "'%s' with %d arguments is not 'show [PEER [LINK]]', 'add PEER ADDRESS' or 'del PEER LINK'",
				   verb, args->argc);
	if (src.ss_family && *verb != 'a')
		return usage_error("link", "--src goes with 'add' only");
	code = fabric_open();
	if (code)
		return code;
	if (*verb == 'a') {
		code = find_peer(args->argv[0], &peer) ?:
		       add_link(peer, args->argv[1], &src, &link);
		if (!code && args->json)
			code = show_links(peer, link, true);
	} else if (*verb == 'd') {
		code = del_link(args->argv[0], args->argv[1]);
	} else {
		code = show_some_links(args);
	}
	fabric_close();
	return code;
}
