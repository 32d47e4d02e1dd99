/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvpool_testfabric.h: kvpool_testfabric.ko for the kselftest programs: a mover
 * that moves nothing and completes in all the ways and at all the moments that a
 * real mover may. Its peers say how by their names.
 */
#ifndef KVPOOL_TESTFABRIC_H
#define KVPOOL_TESTFABRIC_H

#include <libgen.h>

#include "kvpool_async.h"

/* The peers of kvpool_testfabric.c. */
enum peer {
	PEER_ANY, PEER_AT_ONCE, PEER_LATER, PEER_NEVER, PEER_MISSING,
	PEER_LENGTH, PEER_FAILS, PEER_RANDOM, PEER_SLOW_FENCE, PEER_STALE,
	PEER_DENIED, PEER_PENDING, PEER_STRANDS, PEER_UNKNOWN, NR_PEERS,
};

static const char * const peer_names[NR_PEERS] = {
	[PEER_AT_ONCE] = "at-once",
	[PEER_LATER] = "later",
	[PEER_NEVER] = "never",
	[PEER_MISSING] = "missing",
	[PEER_LENGTH] = "length",
	[PEER_FAILS] = "fails",
	[PEER_RANDOM] = "random",
	[PEER_SLOW_FENCE] = "slow-fence",
	[PEER_STALE] = "stale",
	[PEER_DENIED] = "denied",
	[PEER_PENDING] = "pending",
	[PEER_STRANDS] = "strands",
};

/* Their numbers, which change each time that the mover is loaded. */
static __u32 peer_numbers[NR_PEERS];

#define TESTFABRIC_LENGTH	12345	/* of all blocks of "length" */
#define LEN			20480	/* of all other blocks */

static inline int fabric_load(void)
{
	const char *ko = getenv("KVPOOL_KO");
	char path[4096], dir[4096];
	int fd, ret;

	if (!ko)
		return -ENOENT;
	snprintf(dir, sizeof(dir), "%s", ko);
	snprintf(path, sizeof(path), "%s/kvpool_testfabric.ko", dirname(dir));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

/* What kvpool_testfabric.ko is told, and counts. */
static inline int fabric_write(const char *name, const char *text)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path),
		 "/sys/module/kvpool_testfabric/parameters/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static inline int fabric_set(const char *name, long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", value);
	return fabric_write(name, text);
}

/* What other hosts are told of a key: 0 if it is sealed, or a negative errno. */
static inline int fabric_lookup(const char *tenant, __u64 number)
{
	struct kvpool_key key;
	char text[256];

	kv_key(&key, number);
	snprintf(text, sizeof(text), "%s %llu %llu %llu %llu", tenant,
		 key.words[0], key.words[1], key.words[2], key.words[3]);
	return fabric_write("lookup", text);
}

static inline int fabric_count(const char *name)
{
	char path[128];
	int n = -1;
	FILE *f;

	snprintf(path, sizeof(path),
		 "/sys/module/kvpool_testfabric/parameters/%s", name);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

/* The number of a key whose block has @length bytes at all peers. */
static inline __u64 sized(__u64 number, __u64 length)
{
	return length << 32 | number;
}

static inline int peers_find(int fd)
{
	int i, ret = 0;

	peer_numbers[PEER_ANY] = 0;
	peer_numbers[PEER_UNKNOWN] = ~0U;
	for (i = 0; !ret && i < NR_PEERS; i++)
		if (peer_names[i])
			ret = kv_peer(fd, peer_names[i], &peer_numbers[i]);
	return ret;
}

static inline int fabric_unload(void)
{
	return syscall(SYS_delete_module, "kvpool_testfabric", 0) ? -errno : 0;
}

/* LEASE with REMOTE of a block of LEN bytes. */
static inline struct kvpool_op fetch(__u64 number, enum peer peer, __u32 flags,
				     __u64 ud)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_REMOTE | flags,
				    number, ud);

	op.length = LEN;
	op.peer = peer_numbers[peer];
	op.node = KVPOOL_NODE_ANY;
	return op;
}

#endif /* KVPOOL_TESTFABRIC_H */
