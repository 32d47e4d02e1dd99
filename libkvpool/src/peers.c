// SPDX-License-Identifier: LGPL-2.1-or-later
/* Operations that are waited for, and calls on peers that are made of them. */

#include "private.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* As kvp_run(), but returns how many succeeded. */
static int run(struct kvpool *pool, const struct kvpool_op *ops, unsigned int nr,
	       struct kvpool_completion *completions, const char *call)
{
	unsigned int i;
	int ret, done = 0;

	ret = kvp_run(pool, ops, nr, completions, call);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++)
		done += !completions[i].status;
	return done;
}

KVP_EXPORT int kvpool_run(struct kvpool *pool, const struct kvpool_op *ops, unsigned int nr_ops,
			  struct kvpool_completion *completions)
{
	unsigned int at, n, i;
	int ret = 0, done = 0;

	if (!pool || ((!ops || !completions) && nr_ops) || nr_ops > INT_MAX)
		return kvp_fail(-EINVAL, "%s: no pool, no arrays, or more than %d operations",
				__func__, INT_MAX);
	for (at = 0; at < nr_ops; at += n) {
		n = nr_ops - at < pool->max_batch ? nr_ops - at : pool->max_batch;
		ret = run(pool, ops + at, n, completions + at, __func__);
		if (ret < 0)
			break;
		done += ret;
	}
	if (ret >= 0 || !at)
		return ret < 0 ? ret : done;
	/* Say what was done: the operations from here on have the call's error. */
	for (i = at; i < nr_ops; i++)
		completions[i] = (struct kvpool_completion) {
			.user_data = ops[i].user_data,
			.status = ret,
		};
	return done;
}

/* What one call on keys and peers has. */
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
	uint64_t timeout = job->op.timeout_ns, begin = timeout ? now_ns() : 0, spent;
	unsigned int at, n, i;
	int ret = 0, done = 0;

	for (at = 0; at < job->nr_keys; at += n) {
		n = job->nr_keys - at < chunk ? job->nr_keys - at : chunk;
		/* The time is that of the whole call. */
		if (timeout && at) {
			spent = now_ns() - begin;
			job->op.timeout_ns = spent < timeout ? timeout - spent : 1;
		}
		for (i = 0; i < n; i++) {
			ops[i] = job->op;
			memcpy(ops[i].key, job->keys[at + i].bytes, sizeof(ops[i].key));
		}
		ret = run(job->pool, ops, n, completions, job->call);
		if (ret < 0)
			break;
		done += ret;
		store(job, at, completions, n);
	}
	if (ret < 0 && !at)
		return ret;
	if (ret < 0)
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
	ret = kvp_options(&o, sizeof(o), KVP_SIZE_TO(struct kvpool_remote_opts, timeout_ns), opts,
			  job->call);
	if (ret)
		return ret;
	if (job->op.opcode == KVPOOL_OP_PUSH && !o.peer)
		return kvp_fail(-EINVAL, "%s: the options name no peer", job->call);
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
		.op = { .opcode = KVPOOL_OP_PUSH },
		.status = status, .call = __func__,
	};

	return run_job(&job, opts);
}
