// SPDX-License-Identifier: MIT
/* kvpoolctl host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/genl/genl.h>

#include "../shared/shared.h"
#include "keyring.h"
#include "memory.h"
#include "names.h"
#include "netlink.h"
#include "out.h"
#include "request.h"
#include "table.h"

/* A host that was added, or has sessions here, or both. */
struct host {
	char name[KVPOOL_HOST_NAME_SIZE];
	char key[KVPOOL_SECRET_KEY_LEN + 1];	/* "" for none of its own */
	bool added;
	bool valid;				/* the key is neither expired nor revoked */
	uint64_t sessions;
	uint64_t memory;
	uint64_t waiting;
	uint64_t requests;
	uint64_t in;
	uint64_t out;
};

/* All hosts. */
struct hosts {
	struct host *list;
	int nr;
};

static struct host *find(struct hosts *hosts, const char *name)
{
	struct host *host;
	int i;

	for (i = 0; i < hosts->nr; i++)
		if (!strcmp(hosts->list[i].name, name))
			return &hosts->list[i];
	hosts->list = memory_resize(hosts->list, (size_t)hosts->nr + 1, sizeof(*hosts->list));
	host = &hosts->list[hosts->nr++];
	memset(host, 0, sizeof(*host));
	snprintf(host->name, sizeof(host->name), "%s", name);
	return host;
}

static void take_host(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_HOST_MAX + 1];
	struct host *host;

	netlink_attrs(hdr, attrs, KVPOOL_A_HOST_MAX);
	host = find(arg, netlink_text(attrs[KVPOOL_A_HOST_NAME]));
	host->added = true;
	host->valid = netlink_number(attrs[KVPOOL_A_HOST_KEY_VALID]);
	snprintf(host->key, sizeof(host->key), "%s", netlink_text(attrs[KVPOOL_A_HOST_KEY]));
}

static void take_session(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_SESSION_MAX + 1];
	struct host *host;

	netlink_attrs(hdr, attrs, KVPOOL_A_SESSION_MAX);
	if (!attrs[KVPOOL_A_SESSION_HOST])
		return;
	host = find(arg, netlink_text(attrs[KVPOOL_A_SESSION_HOST]));
	host->sessions++;
	host->memory += netlink_number(attrs[KVPOOL_A_SESSION_MEMORY]);
	host->waiting += netlink_number(attrs[KVPOOL_A_SESSION_WAITING]);
	host->requests += netlink_number(attrs[KVPOOL_A_SESSION_REQUESTS]);
	host->in += netlink_number(attrs[KVPOOL_A_SESSION_BYTES_IN]);
	host->out += netlink_number(attrs[KVPOOL_A_SESSION_BYTES_OUT]);
}

static enum code read_hosts(struct hosts *hosts)
{
	int error;

	error = netlink_dump(KVPOOL_CMD_HOST_GET, take_host, hosts);
	if (error)
		return netlink_failed(error, "list the hosts");
	error = netlink_dump(KVPOOL_CMD_SESSION_GET, take_session, hosts);
	return error ? netlink_failed(error, "list the sessions") : CODE_OK;
}

static void show_members(const struct host *host)
{
	out_object(NULL);
	out_text("name", host->name);
	out_bool("added", host->added);
	if (*host->key) {
		out_text("key", host->key);
		out_bool("key_valid", host->valid);
	}
	out_number("sessions", host->sessions);
	out_number("memory_bytes", host->memory);
	out_number("waiting", host->waiting);
	out_number("requests", host->requests);
	out_number("in_bytes", host->in);
	out_number("out_bytes", host->out);
	out_end();
}

static void print_row(struct table *table, const struct host *host)
{
	char key[sizeof(host->key) + 32];

	table_text(table, host->name);
	table_text(table, host->added ? "yes" : "no");
	table_number(table, host->sessions);
	table_size(table, host->memory);
	table_number(table, host->waiting);
	table_number(table, host->requests);
	table_size(table, host->in);
	table_size(table, host->out);
	snprintf(key, sizeof(key), "%s%s", host->key,
		 *host->key && !host->valid ? " (expired or revoked)" : "");
	table_text(table, key);
}

static void show_hosts(const struct hosts *hosts, const char *name)
{
	static const struct column columns[] = {
		{ "HOST", -20 }, { "ADDED", -5 }, { "SESSIONS", 8 }, { "MEMORY", 11 },
		{ "WAITING", 7 }, { "REQUESTS", 10 }, { "IN", 11 }, { "OUT", 11 },
		{ "KEY", -1 },
	};
	struct table table = TABLE(columns);
	bool rows = !out_is_json() && !name;
	int i;

	if (rows)
		table_head(&table);
	else
		out_array("hosts");
	for (i = 0; i < hosts->nr; i++) {
		if (name && strcmp(hosts->list[i].name, name))
			continue;
		if (rows)
			print_row(&table, &hosts->list[i]);
		else
			show_members(&hosts->list[i]);
	}
	if (!rows)
		out_end();
}

/* The failure that there is no host @name; CODE_OK if there is one. */
static enum code must_have(const struct hosts *hosts, const char *name)
{
	struct names names = { 0 };
	int i;

	for (i = 0; i < hosts->nr; i++) {
		if (!strcmp(hosts->list[i].name, name))
			return CODE_OK;
		names_add(&names, hosts->list[i].name);
	}
	return names_missing(&names, "host", name);
}

/* All hosts, or one. */
static enum code show_some(const char *name)
{
	struct hosts hosts = { 0 };
	enum code code;

	code = read_hosts(&hosts);
	if (!code && name)
		code = must_have(&hosts, name);
	if (!code)
		show_hosts(&hosts, name);
	free(hosts.list);
	return code;
}

static enum code show(struct request *request)
{
	return netlink_open() ?: show_some(request->argc ? request->argv[0] : NULL);
}

static enum code add_host(const struct request *request)
{
	struct nl_msg *msg = netlink_request(KVPOOL_CMD_HOST_ADD);
	const char *name = request->argv[0];
	int error;

	nla_put_string(msg, KVPOOL_A_HOST_NAME, name);
	if (request_has(request, OPTION_KEY)) {
		keyring_link_user();
		nla_put_string(msg, KVPOOL_A_HOST_KEY, request->values[OPTION_KEY].text);
	}
	error = netlink_call(msg, NULL, NULL);
	return error ? netlink_failed(error, "add the host '%s'", name) : CODE_OK;
}

static enum code add(struct request *request)
{
	enum code code;

	if (request_has(request, OPTION_KEY) && !*request->values[OPTION_KEY].text)
		return request_wrong(request, "--key: the description is empty");
	code = netlink_open() ?: add_host(request);
	return code || !out_is_json() ? code : show_some(request->argv[0]);
}

static enum code del(struct request *request)
{
	const char *name = request->argv[0];
	struct nl_msg *msg;
	enum code code;
	int error;

	code = netlink_open();
	if (code)
		return code;
	msg = netlink_request(KVPOOL_CMD_HOST_DEL);
	nla_put_string(msg, KVPOOL_A_HOST_NAME, name);
	error = netlink_call(msg, NULL, NULL);
	if (!error)
		return CODE_OK;
	code = netlink_failed(error, "delete the host '%s'", name);
	if (code == CODE_NOT_FOUND)
		error_hint("'kvpoolctl host show' says which hosts have been added");
	return code;
}

const struct noun noun_host = {
	.name = "host",
	.plural = "hosts",
	.summary = "other hosts by name, and their keys",
	.verbs = {
		{ "show", "[HOST]", 0, 1, 0, 0, show,
		  "all hosts with keys or sessions, or all members of one" },
		{ "add", "NAME", 1, 1, OPTION_BIT(OPTION_KEY), 0, add,
		  "add a host, with a key of its own, or give it another key" },
		{ "del", "HOST", 1, 1, 0, 0, del,
		  "forget a host and its key; sessions that hang on the key end" },
	},
	.notes =
"A host with a key of its own proves its name with that, other hosts with the secret\n"
"of the cluster. Both hosts need the key, each under the name of the other. The key is\n"
"searched as that of 'kvpoolctl fabric set --secret-key'. MEMORY, WAITING and the\n"
"counters are sums over the sessions of the host.\n",
};
