// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile peer: speaks the protocol of kmod/fabric/proto.h from user space
 * and breaks every rule of it.
 *
 *	hostile ADDRESS [--port N] [--secret TEXT] [--tenant NAME]
 *		[--key BYTE --length BYTES --fill BYTE] [--rounds N] [--seed N]
 *	hostile --produce [--key BYTE --length BYTES --fill BYTE]
 *	hostile --serve ADDRESS [--port N]
 *	hostile --hosts N|--storm N ADDRESS [--secret TEXT] [--rounds N] ...
 *	hostile --early ADDRESS [--port N] [--rounds N]
 *	hostile --relay TARGET [--rewrite] ADDRESS [--port N]
 *	hostile --mute ADDRESS [--port N] [--version N]
 *
 * The target under test listens at ADDRESS. A block that it has is named by
 * --key (32 times the same byte), --length and --fill (the byte it is full of).
 * The tests assert that the connection ends, or the answer is the one that the
 * protocol gives; that no byte is written where none may be; and that an honest
 * peer is served afterwards. The rig checks that the kernel does not complain.
 *
 * With --serve it is the target, and the initiator is under test, which has one
 * queue pair and fetches blocks of 4 KiB, 64 KiB and 2 MiB, which is two requests,
 * until it has the last one. With --early each connection is to end before it is
 * up. With --relay it is between an honest initiator and the target TARGET.
 * With --mute it is a target that accepts every connection, answers ALIVE, and
 * answers no request: for tests of operations that wait. With --version it speaks
 * another version of the protocol: it refuses connections, or accepts them with
 * that version, in turn.
 */
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "hostile.h"

/* Run on the target: make the block that the tests know. */
static int produce(void)
{
	struct kvpool_reserve reserve = {
		.size = sizeof(reserve), .nr_entries = 1, .nr_spans = 1024,
		.node = KVPOOL_NODE_ANY,
	};
	struct kvpool_handles seal = {
		.size = sizeof(seal), .nr_entries = 1,
	};
	struct kvpool_open_tenant tenant = { .size = sizeof(tenant) };
	struct kvpool_info info = { .size = sizeof(info) };
	struct kvpool_handle_entry handle = { 0 };
	struct kvpool_entry entry = { .length = opt.length };
	struct kvpool_span spans[1024];
	int fd = open("/dev/kvpool", O_RDWR);
	unsigned int i;
	uint8_t *map;

	memcpy(tenant.tenant, opt.tenant, sizeof(tenant.tenant));
	memcpy(entry.key.bytes, opt.key, sizeof(opt.key));
	reserve.entries = (uintptr_t)&entry;
	reserve.spans = (uintptr_t)spans;
	if (fd < 0 || ioctl(fd, KVPOOL_IOC_OPEN_TENANT, &tenant))
		return 1;
	fd = tenant.fd;
	if (ioctl(fd, KVPOOL_IOC_INFO, &info) ||
	    ioctl(fd, KVPOOL_IOC_RESERVE, &reserve) || !reserve.nr_done)
		return 1;
	map = mmap(NULL, info.arena_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   fd, 0);
	if (map == MAP_FAILED)
		return 1;
	for (i = 0; i < entry.nr_spans; i++)
		memset(map + spans[i].offset, opt.fill, spans[i].length);
	handle.handle = entry.handle;
	seal.entries = (uintptr_t)&handle;
	return ioctl(fd, KVPOOL_IOC_SEAL, &seal) || !seal.nr_done;
}

static void usage(void)
{
	fprintf(stderr,
		"Usage: hostile ADDRESS [OPTION]...\n"
		"Break the rules of the fabric's protocol; see the source.\n"
		"  --port N        where the target listens (%d)\n"
		"  --secret TEXT   the secret; without it the target runs open\n"
		"  --tenant NAME   whose block the known one is (default)\n"
		"  --key BYTE      its key: 32 times this byte\n"
		"  --length BYTES  its length (65536)\n"
		"  --fill BYTE     the byte it is full of\n"
		"  --rounds N      random messages (300)\n"
		"  --seed N        of what is random\n"
		"  --test NAME     run only this test\n"
		"  --produce       make the known block on this host, and end\n"
		"  --serve         be a target that breaks the rules\n"
		"  --early         be one that does so before a connection is up\n"
		"  --hosts N       be N hosts, which fetch pages after SIGTERM\n"
		"  --storm N       be N hosts that break off and come again\n"
		"  --relay TARGET  be in the middle: hand on all messages to TARGET\n"
		"  --rewrite       and claim to be other hosts than these\n"
		"  --mute          be a target that answers no request, until SIGTERM\n"
		"  --version N     the version that this target speaks (%d)\n",
		KVPOOL_WIRE_PORT, KVPOOL_WIRE_VERSION);
	exit(2);
}

/* Where to connect to, or to listen; the port may be none for the default. */
void find_address(const char *name, const char *port)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM }, *found;
	char number[16];

	snprintf(number, sizeof(number), "%d", KVPOOL_WIRE_PORT);
	if (getaddrinfo(name, port ?: number, &hint, &found)) {
		fprintf(stderr, "hostile: %s is not an address\n", name);
		exit(2);
	}
	memcpy(&opt.addr, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
}

/* Is the first device iWARP? Then there is no path MTU, and no immediate. */
static bool is_iwarp(void)
{
	struct ibv_device **devices = ibv_get_device_list(NULL);
	bool iwarp;

	if (!devices)
		return false;
	iwarp = *devices && (*devices)->transport_type == IBV_TRANSPORT_IWARP;
	ibv_free_device_list(devices);
	return iwarp;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "secret", required_argument, NULL, 's' },
		{ "tenant", required_argument, NULL, 't' },
		{ "key", required_argument, NULL, 'k' },
		{ "length", required_argument, NULL, 'l' },
		{ "fill", required_argument, NULL, 'f' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 'S' },
		{ "test", required_argument, NULL, 'T' },
		{ "produce", no_argument, NULL, 'P' },
		{ "serve", no_argument, NULL, 'V' },
		{ "mute", no_argument, NULL, 'M' },
		{ "early", no_argument, NULL, 'E' },
		{ "relay", required_argument, NULL, 'R' },
		{ "rewrite", no_argument, NULL, 'w' },
		{ "hosts", required_argument, NULL, 'H' },
		{ "storm", required_argument, NULL, 'O' },
		{ "version", required_argument, NULL, 'W' },
		{ 0 }
	};
	const char *port = NULL, *only = NULL, *to = NULL;
	bool make = false, target = false, quiet = false, early = false;
	unsigned int hosts = 0, storm = 0;
	bool rewrite = false;
	int c;

	opt.seed = time(NULL) | 1;
	opt.version = KVPOOL_WIRE_VERSION;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			port = optarg;
			break;
		case 's':
			opt.secret = optarg;
			break;
		case 't':
			snprintf(opt.tenant, sizeof(opt.tenant), "%s", optarg);
			break;
		case 'k':
			memset(opt.key, strtoul(optarg, NULL, 0),
			       sizeof(opt.key));
			break;
		case 'l':
			opt.length = strtoul(optarg, NULL, 0);
			break;
		case 'f':
			opt.fill = strtoul(optarg, NULL, 0);
			break;
		case 'r':
			opt.rounds = strtoul(optarg, NULL, 0);
			break;
		case 'S':
			opt.seed = strtoull(optarg, NULL, 0) | 1;
			break;
		case 'T':
			only = optarg;
			break;
		case 'P':
			make = true;
			break;
		case 'V':
			target = true;
			break;
		case 'M':
			quiet = true;
			break;
		case 'E':
			early = true;
			break;
		case 'R':
			to = optarg;
			break;
		case 'w':
			rewrite = true;
			break;
		case 'H':
			hosts = strtoul(optarg, NULL, 0);
			break;
		case 'O':
			storm = strtoul(optarg, NULL, 0);
			break;
		case 'W':
			opt.version = strtoul(optarg, NULL, 0);
			break;
		default:
			usage();
		}
	}
	if (optind + !make != argc || opt.length > MEMORY / 2)
		usage();
	if (make)
		return produce();
	find_address(argv[optind], port);
	opt.iwarp = is_iwarp();

	setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_print_header();
	if (quiet)
		serve_mute();
	if (early)
		serve_early();
	if (hosts)
		be_hosts(hosts);
	if (storm)
		be_storm(storm);
	if (to)
		relay(to, rewrite);
	if (target)
		serve(only);
	initiate(only);
}
