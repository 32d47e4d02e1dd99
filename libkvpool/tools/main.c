// SPDX-License-Identifier: MIT
/* kvpoolctl: the administrator's hand on the KV-cache pool of this host. */
#include <string.h>

#include <linux/kvpool.h>

#include "kvpoolctl.h"

static const struct {
	const char *name;
	int (*run)(struct args *args);
	const char *summary;
} commands[] = {
	{ "status", cmd_status, "the module and the pool as a whole" },
	{ "top", cmd_top, "what the tenants do, live" },
	{ "tenants", cmd_tenants, "list, add, delete and change tenants" },
	{ "blocks", cmd_blocks, "the blocks that are in the pool" },
	{ "knobs", cmd_knobs, "list, read and set the knobs of the module" },
	{ "tiers", cmd_tiers, "memory by tier, and its limits" },
	{ "peer", cmd_peer, "list, add and remove other hosts" },
	{ "link", cmd_link, "list, add and remove the ways to a peer" },
	{ "fabric", cmd_fabric, "what this host offers to others" },
	{ "session", cmd_session, "the connections that others have opened" },
	{ "events", cmd_events, "changes of peers and links, live" },
};

static void usage(FILE *to)
{
	int i;

	fprintf(to, "Usage: kvpoolctl [--json] COMMAND [ARGUMENT]...\n\nCommands:\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].summary);
	fprintf(to,
"\n"
"  -j, --json     print JSON; every command takes it too\n"
"  -h, --help     show this text; 'kvpoolctl COMMAND --help' tells more\n"
"  -V, --version  show the version of the interface that kvpoolctl was built for\n"
"\n"
"Exit status: 0 done, 1 the module refused, 2 wrong usage, 3 the module is not\n"
"loaded, 4 no permission, 5 no such tenant, tier, knob, peer\n"
"or link.\n");
}

int main(int argc, char **argv)
{
	struct args args = { 0 };
	char name[32];
	int at, i;

	for (at = 1; at < argc && argv[at][0] == '-'; at++) {
		if (!strcmp(argv[at], "-j") || !strcmp(argv[at], "--json")) {
			args.json = true;
		} else if (!strcmp(argv[at], "-h") || !strcmp(argv[at], "--help")) {
			usage(stdout);
			return finish_stdout(EX_OK);
		} else if (!strcmp(argv[at], "-V") || !strcmp(argv[at], "--version")) {
			printf("kvpoolctl for kvpool ABI %d\n", KVPOOL_ABI_VERSION);
			return finish_stdout(EX_OK);
		} else {
			complain("'%s' is not an option; see kvpoolctl --help", argv[at]);
			return EX_BAD_USAGE;
		}
	}
	if (at == argc) {
		complain("a command is missing; see kvpoolctl --help");
		return EX_BAD_USAGE;
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[at], commands[i].name))
			continue;
		/* getopt() begins its messages with this. */
		snprintf(name, sizeof(name), "kvpoolctl %s", commands[i].name);
		argv[at] = name;
		args.command = commands[i].name;
		args.argc = argc - at;
		args.argv = argv + at;
		return finish_stdout(commands[i].run(&args));
	}
	complain("'%s' is not a command; see kvpoolctl --help", argv[at]);
	return EX_BAD_USAGE;
}
