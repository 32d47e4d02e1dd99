// SPDX-License-Identifier: LGPL-2.1-or-later
/* Peers, and calls on keys that may ask them. */

#include "peers.h"
#include "clock.h"
#include "error.h"
#include "export.h"
#include "options.h"
#include "pool.h"
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* @arg has a name or a number; the module fills in the other. */
static int find_peer(const struct kvpool *pool, struct kvpool_peer_name *arg, const char *call)
{
	char asked[KVPOOL_NAME_SIZE + 2];
	int ret;

	if (arg->peer)
		snprintf(asked, sizeof(asked), "%u", arg->peer);
	else
		snprintf(asked, sizeof(asked), "'%s'", (const char *)arg->name);
	arg->size = sizeof(*arg);
	ret = kvp_ioctl(pool, KVPOOL_IOC_PEER, arg, call);
	if (ret == -ENOENT)
		return kvp_fail(ret, "%s: no peer %s; 'kvpoolctl peer show' lists the peers of this host",
				call, asked);
	if (ret == -EOPNOTSUPP)
		return kvp_fail(ret, "%s: peers are out of reach, since no fabric is loaded; load one with 'modprobe kvpool_rdma'",
				call);
	return ret;
}

static int find_number(const struct kvpool *pool, const char *name, uint32_t *number,
		       const char *call)
{
	struct kvpool_peer_name arg = { 0 };
	size_t length = strlen(name);
	int ret;

	if (!length || length >= sizeof(arg.name))
		return kvp_fail(-EINVAL, "%s: the name of a peer has 1 to %zu bytes, not %zu", call,
				sizeof(arg.name) - 1, length);
	memcpy(arg.name, name, length);
	ret = find_peer(pool, &arg, call);
	if (!ret)
		*number = arg.peer;
	return ret;
}

KVP_EXPORT int kvpool_peer_find(struct kvpool *pool, const char *name, uint32_t *peer)
{
	if (!pool || !name || !peer)
		return kvp_fail(-EINVAL, "%s: no pool, no name, or nowhere to store the number",
				__func__);
	return find_number(pool, name, peer, __func__);
}

KVP_EXPORT int kvpool_peer_read_name(struct kvpool *pool, uint32_t peer, char *name, size_t size)
{
	struct kvpool_peer_name arg = { .peer = peer };
	size_t length;
	int ret;

	if (!pool || !peer || !name)
		return kvp_fail(-EINVAL, "%s: no pool, nowhere to store the name, or zero for the number of the peer",
				__func__);
	ret = find_peer(pool, &arg, __func__);
	if (ret)
		return ret;
	length = strnlen((const char *)arg.name, sizeof(arg.name));
	if (length >= size)
		return kvp_fail(-ENOBUFS, "%s: the name of the peer has %zu bytes, which do not fit in %zu; give it room for %d",
				__func__, length, size, KVPOOL_NAME_SIZE);
	memcpy(name, arg.name, length);
	name[length] = '\0';
	return 0;
}

int kvp_peer_choose(const struct kvpool *pool, const char *name, uint32_t *number,
		    const char *call)
{
	if (!name)
		return 0;
	if (*number)
		return kvp_fail(-EINVAL, "%s: the options have both the name '%s' and the number %u of a peer; set one of them only",
				call, name, *number);
	return find_number(pool, name, number, call);
}

/* One call on keys and peers. */
struct job {
	struct kvpool *pool;
	const struct kvpool_key *keys;
	unsigned int nr_keys;
	struct kvpool_op op;		/* a pattern */
	int *status;
	uint64_t *lengths;
	uint32_t *peers;
	const char *call;
};

static void store(const struct job *job, unsigned int at,
		  const struct kvpool_completion *completions, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		bool found = !completions[i].status;

		if (job->status)
			job->status[at + i] = completions[i].status;
		if (job->lengths)
			job->lengths[at + i] = found ? completions[i].length : 0;
		if (job->peers)
			job->peers[at + i] = found ? completions[i].peer : 0;
	}
}

static int run_chunks(struct job *job, struct kvpool_op *ops,
		      struct kvpool_completion *completions, unsigned int chunk)
{
	uint64_t timeout = job->op.timeout_ns, begin = timeout ? kvp_now() : 0, spent;
	unsigned int at, n, i;
	int ret = 0, done = 0;

	for (at = 0; at < job->nr_keys; at += n) {
		n = job->nr_keys - at < chunk ? job->nr_keys - at : chunk;
		/* The time is that of the whole call. */
		if (timeout && at) {
			spent = kvp_now() - begin;
			job->op.timeout_ns = spent < timeout ? timeout - spent : 1;
		}
		for (i = 0; i < n; i++) {
			ops[i] = job->op;
			ops[i].key = job->keys[at + i];
		}
		ret = kvp_run(job->pool, ops, n, 0, completions, job->call);
		if (ret < 0 && !at)
			return ret;
		if (ret < 0)
			break;
		done += ret;
		store(job, at, completions, n);
		if (kvp_was_interrupted(completions, n)) {
			ret = -EINTR;
			at += n;
			break;
		}
	}
	/* Keys that were not asked for have the error as their status. */
	completions[0] = (struct kvpool_completion) { .status = ret };
	for (; at < job->nr_keys; at++)
		store(job, at, completions, 1);
	return done;
}

static int run_job(struct job *job, const struct kvpool_remote_opts *opts)
{
	unsigned int chunk;
	struct kvpool_completion *completions;
	struct kvpool_remote_opts o;
	struct kvpool_op *ops;
	int ret;

	if (!job->pool || (!job->keys && job->nr_keys) || job->nr_keys > INT_MAX)
		return kvp_fail(-EINVAL, "%s: no pool, no keys, or more than %d keys", job->call,
				INT_MAX);
	ret = kvp_options(&o, sizeof(o), KVP_SIZE_TO(struct kvpool_remote_opts, peer_name), opts,
			  job->call);
	if (ret)
		return ret;
	ret = kvp_peer_choose(job->pool, o.peer_name, &o.peer, job->call);
	if (ret)
		return ret;
	if (job->op.opcode == KVPOOL_OP_PUSH && !o.peer)
		return kvp_fail(-EINVAL, "%s: the options name no peer; set peer or peer_name",
				job->call);
	if (!job->nr_keys)
		return 0;
	job->op.peer = o.peer;
	job->op.timeout_ns = o.timeout_ns;
	chunk = job->nr_keys < job->pool->max_batch ? job->nr_keys : job->pool->max_batch;
	ops = calloc(chunk, sizeof(*ops));
	completions = calloc(chunk, sizeof(*completions));
	if (ops && completions)
		ret = run_chunks(job, ops, completions, chunk);
	else
		ret = kvp_fail(-ENOMEM, "%s: out of memory", job->call);
	free(completions);
	free(ops);
	return ret;
}

KVP_EXPORT int kvpool_probe(struct kvpool *pool, const struct kvpool_key *keys,
			    unsigned int nr_keys, const struct kvpool_remote_opts *opts,
			    int *status, uint64_t *lengths, uint32_t *peers)
{
	struct job job = {
		.pool = pool, .keys = keys, .nr_keys = nr_keys,
		.op = { .opcode = KVPOOL_OP_PROBE, .flags = KVPOOL_OP_REMOTE },
		.status = status, .lengths = lengths, .peers = peers, .call = __func__,
	};

	return run_job(&job, opts);
}

KVP_EXPORT int kvpool_push(struct kvpool *pool, const struct kvpool_key *keys,
			   unsigned int nr_keys, const struct kvpool_remote_opts *opts,
			   int *status)
{
	struct job job = {
		.pool = pool, .keys = keys, .nr_keys = nr_keys,
		.op = { .opcode = KVPOOL_OP_PUSH, .node = KVPOOL_NODE_ANY },
		.status = status, .call = __func__,
	};

	return run_job(&job, opts);
}
