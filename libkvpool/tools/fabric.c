// SPDX-License-Identifier: MIT
/* kvpoolctl fabric, kvpoolctl session and kvpoolctl events. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <linux/keyctl.h>
#include <netlink/genl/genl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fabric.h"

void json_numbers(struct nlattr **attrs, const struct number *numbers, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		json_number(numbers[i].name, attr_number(attrs[numbers[i].attr]));
}

void json_address(const char *name, struct nlattr *attr)
{
	char text[ADDRESS_MAX];

	if (*address_text(attr, text, sizeof(text)))
		json_text(name, text);
}

const char *reason_text(const struct nlattr *attr)
{
	static const char * const reasons[KVPOOL_CLOSE_REASON_MAX + 1] = {
		[KVPOOL_CLOSE_REASON_NONE] = "none",
		[KVPOOL_CLOSE_REASON_LOCAL] = "local",
		[KVPOOL_CLOSE_REASON_PEER] = "peer",
		[KVPOOL_CLOSE_REASON_TRANSPORT] = "transport",
		[KVPOOL_CLOSE_REASON_TIMEOUT] = "timeout",
		[KVPOOL_CLOSE_REASON_DEVICE] = "device",
		[KVPOOL_CLOSE_REASON_FENCE] = "fence",
		[KVPOOL_CLOSE_REASON_ADDRESS] = "address",
		[KVPOOL_CLOSE_REASON_REFUSED] = "refused",
		[KVPOOL_CLOSE_REASON_VERSION] = "version",
		[KVPOOL_CLOSE_REASON_MESSAGE] = "message",
		[KVPOOL_CLOSE_REASON_STATE] = "state",
		[KVPOOL_CLOSE_REASON_CREDITS] = "credits",
		[KVPOOL_CLOSE_REASON_ACCESS] = "access",
		[KVPOOL_CLOSE_REASON_AUTH] = "auth",
		[KVPOOL_CLOSE_REASON_LIMIT] = "limit",
		[KVPOOL_CLOSE_REASON_MEMORY] = "memory",
	};
	uint64_t reason = attr_number(attr);

	return reason <= KVPOOL_CLOSE_REASON_MAX && reasons[reason] ? reasons[reason] : "unknown";
}

/* ------------------------------------------------------------------------ */
/* Sessions                                                                 */
/* ------------------------------------------------------------------------ */

struct sessions {
	uint64_t id;		/* 0 for all */
	bool json;
	int shown;
};

static const struct number session_numbers[] = {
	{ KVPOOL_A_SESSION_REQUESTS, "requests" },
	{ KVPOOL_A_SESSION_BYTES_IN, "bytes_in" },
	{ KVPOOL_A_SESSION_BYTES_OUT, "bytes_out" },
};

static void host_text(const struct nlattr *attr, char *text)
{
	const unsigned char *bytes = attr ? nla_data(attr) : NULL;
	int i;

	*text = '\0';
	for (i = 0; attr && i < nla_len(attr) && i < 16; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

static void show_session(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_SESSION_MAX + 1];
	char src[ADDRESS_MAX], host[33], in[32], out[32];
	struct sessions *view = arg;
	bool known;

	fabric_attrs(hdr, attrs, KVPOOL_A_SESSION_MAX);
	if (view->id && attr_number(attrs[KVPOOL_A_SESSION_ID]) != view->id)
		return;
	view->shown++;
	known = attr_number(attrs[KVPOOL_A_SESSION_AUTHENTICATED]);
	host_text(attrs[KVPOOL_A_SESSION_HOST], host);
	if (view->json) {
		json_begin(NULL, '{');
		json_number("id", attr_number(attrs[KVPOOL_A_SESSION_ID]));
		json_address("src", attrs[KVPOOL_A_SESSION_SRC]);
		json_text("host", host);
		json_bool("authenticated", known);
		json_numbers(attrs, session_numbers, ARRAY_SIZE(session_numbers));
		json_text("close_reason", reason_text(attrs[KVPOOL_A_SESSION_CLOSE_REASON]));
		json_end('}');
		return;
	}
	printf("%6" PRIu64 " %-21s %-32s %-6s %10" PRIu64 " %11s %11s\n",
	       attr_number(attrs[KVPOOL_A_SESSION_ID]),
	       address_text(attrs[KVPOOL_A_SESSION_SRC], src, sizeof(src)), host,
	       known ? "yes" : "no", attr_number(attrs[KVPOOL_A_SESSION_REQUESTS]),
	       size_text(attr_number(attrs[KVPOOL_A_SESSION_BYTES_IN]), in, sizeof(in)),
	       size_text(attr_number(attrs[KVPOOL_A_SESSION_BYTES_OUT]), out, sizeof(out)));
}

static void session_usage(FILE *to)
{
	fprintf(to,
"Usage: kvpoolctl session [show [ID]] [--json]\n"
"The connections that other hosts have opened to this one.\n"
"\n"
"  -j, --json  print JSON\n"
"  -h, --help  show this text\n"
"\n"
"HOST is what the other module calls itself: a random number, new with every load.\n"
"PROVED says whether it has shown that it knows the secret.\n");
}

int cmd_session(struct args *args)
{
	struct sessions view = { 0 };
	const char *verb;
	int code, error;

	code = parse_options(args, session_usage, NULL, 0);
	if (code != EX_GO_ON)
		return code;
	view.json = args->json;
	verb = take_verb(args, "show");
	if (strcmp(verb, "show") || args->argc > 1)
		return usage_error("session", "'%s' with %d arguments is not 'show [ID]'", verb,
				   args->argc);
	if (args->argc && !parse_count(args->argv[0], &view.id))
		return usage_error("session", "'%s' is not the id of a session", args->argv[0]);
	code = fabric_open();
	if (code)
		return code;
	if (view.json)
		json_begin(NULL, '[');
	else
		printf("%6s %-21s %-32s %-6s %10s %11s %11s\n", "ID", "FROM", "HOST", "PROVED",
		       "REQUESTS", "IN", "OUT");
	error = fabric_dump(KVPOOL_CMD_SESSION_GET, show_session, &view);
	if (view.json && !error) {
		json_end(']');
		json_done();
	}
	if (error) {
		code = fabric_fail(error, "list the sessions");
	} else if (view.id && !view.shown) {
		complain("there is no session %" PRIu64, view.id);
		code = EX_NOT_FOUND;
	}
	fabric_close();
	return code;
}

/* ------------------------------------------------------------------------ */
/* Settings                                                                 */
/* ------------------------------------------------------------------------ */

static void show_closed(struct genlmsghdr *hdr, bool json)
{
	struct nlattr *closed[KVPOOL_A_CLOSED_MAX + 1];
	struct nlattr *attr;
	int left;

	nla_for_each_attr(attr, genlmsg_attrdata(hdr, 0), genlmsg_attrlen(hdr, 0), left) {
		if (nla_type(attr) != KVPOOL_A_FABRIC_CLOSED ||
		    nla_parse_nested(closed, KVPOOL_A_CLOSED_MAX, attr, NULL))
			continue;
		if (json)
			json_number(reason_text(closed[KVPOOL_A_CLOSED_REASON]),
				    attr_number(closed[KVPOOL_A_CLOSED_COUNT]));
		else
			printf("closed     %" PRIu64 " sessions: %s\n",
			       attr_number(closed[KVPOOL_A_CLOSED_COUNT]),
			       reason_text(closed[KVPOOL_A_CLOSED_REASON]));
	}
}

static void show_fabric(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_FABRIC_MAX + 1];
	const bool *json = arg;
	char listen[ADDRESS_MAX];
	bool open;

	fabric_attrs(hdr, attrs, KVPOOL_A_FABRIC_MAX);
	open = attr_number(attrs[KVPOOL_A_FABRIC_OPEN]);
	address_text(attrs[KVPOOL_A_FABRIC_LISTEN], listen, sizeof(listen));
	if (!*json) {
		printf("listen     %s\n", *listen ? listen : "no");
		printf("secret     %s\n", attrs[KVPOOL_A_FABRIC_SECRET_KEY] ?
		       attr_text(attrs[KVPOOL_A_FABRIC_SECRET_KEY]) : "none");
		printf("open       %s\n", open ? "yes" : "no");
		show_closed(hdr, false);
		return;
	}
	json_begin(NULL, '{');
	json_address("listen", attrs[KVPOOL_A_FABRIC_LISTEN]);
	if (attrs[KVPOOL_A_FABRIC_SECRET_KEY])
		json_text("secret_key", attr_text(attrs[KVPOOL_A_FABRIC_SECRET_KEY]));
	json_bool("open", open);
	json_begin("closed", '{');
	show_closed(hdr, true);
	json_end('}');
	json_end('}');
	json_done();
}

struct settings {
	struct sockaddr_storage listen;
	bool no_listen;
	const char *secret_key;
	enum answer open;
};

static int set_fabric(const struct settings *settings)
{
	struct nl_msg *msg = fabric_request(KVPOOL_CMD_FABRIC_SET, false);
	int error;

	/*
	 * The module searches the keyrings of this process. Sessions by sudo or of
	 * a service often lack the user's keyring; without it that is no worse.
	 */
	if (settings->secret_key)
		syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING,
			KEY_SPEC_PROCESS_KEYRING);
	if (settings->listen.ss_family)
		put_address(msg, KVPOOL_A_FABRIC_LISTEN, &settings->listen);
	if (settings->no_listen)
		nla_put_flag(msg, KVPOOL_A_FABRIC_LISTEN_OFF);
	if (settings->secret_key)
		nla_put_string(msg, KVPOOL_A_FABRIC_SECRET_KEY, settings->secret_key);
	if (settings->open)
		nla_put_u8(msg, KVPOOL_A_FABRIC_OPEN, settings->open == ANSWER_YES);
	error = fabric_call(msg, NULL, NULL);
	return error ? fabric_fail(error, "set up the fabric") : EX_OK;
}

static void fabric_usage(FILE *to)
{
	fprintf(to,
"Usage: kvpoolctl fabric [show] [--json]\n"
"       kvpoolctl fabric set [--secret-key KEY] [--open yes|no]\n"
"                            [--listen ADDRESS | --no-listen] [--json]\n"
"What this host offers to others.\n"
"\n"
"  -l, --listen ADDRESS  take connections at this address: ADDRESS, ADDRESS:PORT or\n"
"                        [IPV6]:PORT; 0.0.0.0 and :: are all. The port is %d if none\n"
"                        is given\n"
"  -n, --no-listen       take no connections any more; those that are there stay\n"
"  -k, --secret-key KEY  description of the key of type logon or user with the secret\n"
"                        of the cluster; '' forgets the secret\n"
"  -o, --open yes|no     work without a secret, with whoever connects\n"
"  -j, --json            print JSON\n"
"  -h, --help            show this text\n"
"\n"
"The key is searched in the keyrings of the session and of the user. To make one:\n"
"  keyctl padd logon kvpool:secret @u < FILE\n", KVPOOL_DEFAULT_PORT);
}

int cmd_fabric(struct args *args)
{
	struct settings settings = { 0 };
	const struct opt opts[] = {
		{ 'l', "listen", parse_address, &settings.listen, "an address" },
		{ 'n', "no-listen", NULL, &settings.no_listen, NULL },
		{ 'k', "secret-key", parse_text, &settings.secret_key, NULL },
		{ 'o', "open", parse_bool, &settings.open, "yes or no" },
	};
	const char *verb;
	bool any, is_set;
	int code, error;

	code = parse_options(args, fabric_usage, opts, ARRAY_SIZE(opts));
	if (code != EX_GO_ON)
		return code;
	verb = take_verb(args, "show");
	is_set = !strcmp(verb, "set");
	any = settings.listen.ss_family || settings.no_listen || settings.secret_key ||
	      settings.open;
	if ((!is_set && strcmp(verb, "show")) || args->argc)
		return usage_error("fabric", "'%s' with %d arguments is neither 'show' nor 'set'",
				   verb, args->argc);
	if (is_set != any)
		return usage_error("fabric", is_set ? "'%s' needs something to set" :
				   "'%s' changes nothing", verb);
	if (settings.listen.ss_family && settings.no_listen)
		return usage_error("fabric", "--listen and --no-listen cannot both be asked for");
	code = fabric_open();
	if (code)
		return code;
	if (is_set)
		code = set_fabric(&settings);
	if (!code && (!is_set || args->json)) {
		error = fabric_call(fabric_request(KVPOOL_CMD_FABRIC_GET, false), show_fabric,
				    &args->json);
		if (error)
			code = fabric_fail(error, "read the settings");
	}
	fabric_close();
	return code;
}

/* ------------------------------------------------------------------------ */
/* Events                                                                   */
/* ------------------------------------------------------------------------ */

static const struct {
	int cmd;
	const char *name;
	void (*json)(struct genlmsghdr *hdr);
	void (*print)(struct genlmsghdr *hdr, const char *what);
} kinds[] = {
	{ KVPOOL_CMD_PEER_ADD_NTF, "peer-add", json_peer, print_peer_event },
	{ KVPOOL_CMD_PEER_DEL_NTF, "peer-del", json_peer, print_peer_event },
	{ KVPOOL_CMD_LINK_ADD_NTF, "link-add", json_link, print_link_event },
	{ KVPOOL_CMD_LINK_DEL_NTF, "link-del", json_link, print_link_event },
	{ KVPOOL_CMD_LINK_CHANGE_NTF, "link-change", json_link, print_link_event },
};

struct events {
	bool json;
	uint64_t left;
};

static bool show_event(struct genlmsghdr *hdr, void *arg)
{
	struct events *events = arg;
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds) && kinds[i].cmd != hdr->cmd; i++)
		;
	if (i == ARRAY_SIZE(kinds))
		return true;	/* of a newer module */
	if (events->json) {
		json_begin(NULL, '{');
		json_text("event", kinds[i].name);
		kinds[i].json(hdr);
		json_end('}');
		json_done();
	} else {
		kinds[i].print(hdr, kinds[i].name);
	}
	/* A reader that is gone ends it. */
	return !fflush(stdout) && --events->left;
}

static void events_usage(FILE *to)
{
	fprintf(to,
"Usage: kvpoolctl events [--count N] [--json]\n"
"Show changes of peers and links as they happen.\n"
"\n"
"  -n, --count N  end after N events\n"
"  -j, --json     print one JSON object for each event\n"
"  -h, --help     show this text\n");
}

int cmd_events(struct args *args)
{
	struct events events = { .left = UINT64_MAX };
	const struct opt opts[] = {
		{ 'n', "count", parse_count, &events.left, "a number from 1" },
	};
	int code;

	code = parse_options(args, events_usage, opts, ARRAY_SIZE(opts));
	if (code != EX_GO_ON)
		return code;
	events.json = args->json;
	if (args->argc)
		return usage_error("events", "'%s' is too much", args->argv[0]);
	code = fabric_open() ?: fabric_follow(show_event, &events);
	fabric_close();
	return code;
}
