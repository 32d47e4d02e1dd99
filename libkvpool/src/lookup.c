// SPDX-License-Identifier: LGPL-2.1-or-later
/* Calls on blocks that are in the pool, without leases. */

#include "error.h"
#include "export.h"
#include "pool.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/*
 * These calls keep their entries on the stack: 8 KiB at a time, also for
 * threads with small stacks. A system call is cheap next to 128 lookups.
 */
#define CHUNK	128U

static unsigned int fill(struct kvpool_entry *entries, const struct kvpool *pool,
			 const struct kvpool_key *keys, unsigned int left, uint32_t flags)
{
	unsigned int i, n = left < CHUNK ? left : CHUNK;

	if (n > pool->max_batch)
		n = pool->max_batch;
	memset(entries, 0, n * sizeof(*entries));
	for (i = 0; i < n; i++) {
		entries[i].key = keys[i];
		entries[i].flags = flags;
	}
	return n;
}

static int check(const struct kvpool *pool, const struct kvpool_key *keys,
		 unsigned int nr_keys, const char *call)
{
	if (!pool || (!keys && nr_keys) || nr_keys > INT_MAX)
		return kvp_fail(-EINVAL, "%s: no pool, no keys, or more than %d keys", call, INT_MAX);
	return 0;
}

static int lookup(struct kvpool *pool, const struct kvpool_key *keys, unsigned int nr_keys,
		  uint32_t flags, int *status, uint64_t *lengths, const char *call)
{
	struct kvpool_entry entries[CHUNK];
	unsigned int done, i, n;
	int ret, hits = 0;

	ret = check(pool, keys, nr_keys, call);
	if (ret)
		return ret;
	for (done = 0; done < nr_keys; done += n) {
		struct kvpool_lookup arg = {
			.size = sizeof(arg),
			.flags = flags,
			.entries = (uintptr_t)entries,
		};

		n = fill(entries, pool, keys + done, nr_keys - done, 0);
		arg.nr_entries = n;
		if (flags & KVPOOL_LOOKUP_PREFIX)
			arg.nr_more = nr_keys - done - n;
		ret = kvp_ioctl(pool, KVPOOL_IOC_EXISTS, &arg, call);
		if (ret)
			return ret;
		hits += arg.nr_hits;
		for (i = 0; status && i < n; i++)
			status[done + i] = entries[i].status;
		for (i = 0; lengths && i < n; i++)
			lengths[done + i] = entries[i].status ? 0 : entries[i].length;
		if ((flags & KVPOOL_LOOKUP_PREFIX) && arg.nr_hits < n)
			break;
	}
	return hits;
}

KVP_EXPORT int kvpool_match_prefix(struct kvpool *pool, const struct kvpool_key *keys,
				   unsigned int nr_keys)
{
	return lookup(pool, keys, nr_keys, KVPOOL_LOOKUP_PREFIX, NULL, NULL, __func__);
}

KVP_EXPORT int kvpool_exists(struct kvpool *pool, const struct kvpool_key *keys,
			     unsigned int nr_keys, int *status, uint64_t *lengths)
{
	return lookup(pool, keys, nr_keys, 0, status, lengths, __func__);
}

static int change(struct kvpool *pool, unsigned long cmd, const struct kvpool_key *keys,
		  unsigned int nr_keys, uint32_t flags, int *status, const char *call)
{
	struct kvpool_entry entries[CHUNK];
	unsigned int done, i, n;
	int ret, changed = 0;

	ret = check(pool, keys, nr_keys, call);
	if (ret)
		return ret;
	for (done = 0; done < nr_keys; done += n) {
		struct kvpool_keys arg = {
			.size = sizeof(arg),
			.entries = (uintptr_t)entries,
		};

		n = fill(entries, pool, keys + done, nr_keys - done, flags);
		arg.nr_entries = n;
		ret = kvp_ioctl(pool, cmd, &arg, call);
		if (ret)
			break;
		changed += arg.nr_done;
		for (i = 0; status && i < n; i++)
			status[done + i] = entries[i].status;
	}
	/* Keys that the call did not reach have its error as their status. */
	for (i = done; ret && status && i < nr_keys; i++)
		status[i] = ret;
	return ret && !changed ? ret : changed;
}

KVP_EXPORT int kvpool_remove(struct kvpool *pool, const struct kvpool_key *keys,
			     unsigned int nr_keys, int *status)
{
	return change(pool, KVPOOL_IOC_REMOVE, keys, nr_keys, 0, status, __func__);
}

KVP_EXPORT int kvpool_pin(struct kvpool *pool, const struct kvpool_key *keys,
			  unsigned int nr_keys, uint32_t pin, int *status)
{
	return change(pool, KVPOOL_IOC_PIN, keys, nr_keys, pin, status, __func__);
}
