// SPDX-License-Identifier: MIT
/*
 * The two processes of kvpool-replay.
 *
 * For each request, prefill leases the longest prefix that is in the pool,
 * reserves the other blocks, fills them, seals them in prefix order, and sends
 * the keys to decode. Decode leases every block of the request, checks every
 * byte, releases its leases in prefix order and answers. Then prefill releases
 * its own leases in prefix order, and the next request follows.
 *
 * When decode is on another host, prefill also holds leases on the blocks that it
 * made. So these blocks stay until decode has fetched them, and their order in the
 * eviction policy is that of the prefix, whatever the order of the fetches.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kvpool.h>

#include "common.h"
#include "common-net.h"
#include "common-pattern.h"
#include "common-roles.h"

/* From prefill to decode, followed by the keys; and back, without keys. */
struct message {
	uint64_t request;
	uint32_t nr_keys;	/* back: blocks that decode leased */
	uint32_t reserved;
};

static struct kvpool *open_pool(const struct job *job, uint32_t flags)
{
	const struct kvpool_open_opts opts = {
		.size = sizeof(opts),
		.flags = flags | KVPOOL_OPEN_INTERRUPTIBLE,
		.tenant = job->tenant,
	};
	struct kvpool *pool;

	if (kvpool_open(&pool, &opts))
		die(EX_NO_POOL, "%s", kvpool_last_error());
	return pool;
}

static struct kvpool_batch *make_batch(struct kvpool *pool, const struct job *job)
{
	struct kvpool_batch *batch;

	if (kvpool_batch_create(pool, job->trace->longest, &batch))
		die(EX_NO_POOL, "%s", kvpool_last_error());
	return batch;
}

/* ------------------------------------------------------------------------ */
/* Prefill                                                                  */
/* ------------------------------------------------------------------------ */

struct prefill {
	const struct job *job;
	struct tally *tally;
	int socket;
	struct kvpool *pool;
	struct kvpool_batch *produce;
	struct kvpool_batch *prefix[MAX_DEPTH];	/* leases of requests in flight */
	struct kvpool_batch *made[MAX_DEPTH];	/* apart: leases on the new blocks */
	size_t in_flight[MAX_DEPTH];		/* their indexes in the trace */
	unsigned int first;			/* slot of the oldest request in flight */
	unsigned int nr;
	struct kvpool_key *keys;
	uint32_t *tokens;
	char seed[64];
};

/*
 * An id stands for the 512 tokens of a block and for all tokens before them, so
 * the keys are made from ids and not from tokens. Keys differ with the block size.
 */
static void make_keys(struct prefill *prefill, const struct request *request)
{
	const uint64_t *ids = prefill->job->trace->ids + request->first_id;
	int made;
	uint32_t i;

	for (i = 0; i < request->nr_ids; i++) {
		prefill->tokens[2 * i] = (uint32_t)ids[i];
		prefill->tokens[2 * i + 1] = (uint32_t)(ids[i] >> 32);
	}
	made = kvpool_prefix_keys(prefill->seed, strlen(prefill->seed), 2, prefill->tokens,
				  2 * (size_t)request->nr_ids, prefill->keys, request->nr_ids);
	if (made != (int)request->nr_ids)
		die(EX_NO_POOL, "cannot make the keys of a request: %s", kvpool_strerror(made));
}

static void end_leases(struct kvpool_batch *batch, struct tally *tally)
{
	unsigned int held = kvpool_batch_held(batch);
	uint64_t begin = now_ns();
	int ended;

	if (!held)
		return;
	ended = kvpool_consume_end(batch, NULL, 0);
	hist_add(&tally->latency[LAT_RELEASE], now_ns() - begin);
	if (ended != (int)held)
		die(EX_FAILED, "of %u leases only %d ended: %s", held, ended,
		    kvpool_last_error());
}

/* Waits until decode is done with the oldest request. */
static bool finish_oldest(struct prefill *prefill)
{
	unsigned int slot = prefill->first;
	struct outcome *outcome;
	struct message answer;

	if (!receive_all(prefill->socket, &answer, sizeof(answer)))
		return false;
	if (answer.request != prefill->in_flight[slot])
		die(EX_FAILED, "decode answered request %" PRIu64 " and not %zu",
		    answer.request, prefill->in_flight[slot]);
	if (prefill->made[slot])
		end_leases(prefill->made[slot], prefill->tally);
	end_leases(prefill->prefix[slot], prefill->tally);
	outcome = &prefill->job->shared->outcomes[answer.request];
	outcome->consumed = answer.nr_keys;
	outcome->done = true;
	tally_add(prefill->tally->requests, 1);
	prefill->first = (slot + 1) % prefill->job->depth;
	prefill->nr--;
	return true;
}

static void fill_block(struct prefill *prefill, unsigned int index,
		       const struct kvpool_key *key)
{
	unsigned char *base = kvpool_base(prefill->pool);
	const struct kvpool_span *spans;
	struct pattern pattern;
	unsigned int nr, i;

	spans = kvpool_block_spans(prefill->produce, index, &nr);
	if (!spans)
		die(EX_NO_POOL, "a reserved block has no spans: %s", kvpool_last_error());
	pattern_begin(&pattern, key->bytes);
	for (i = 0; i < nr; i++)
		pattern_fill(&pattern, base + spans[i].offset, spans[i].length);
}

/* For --damage: verification must find the wrong bit. */
static void flip_bit(struct prefill *prefill, unsigned int index)
{
	unsigned char *byte = kvpool_block_at(prefill->produce, index,
					      prefill->job->block_size / 2, NULL);

	*byte ^= 0x10;
}

static void count_status(struct prefill *prefill, size_t at, unsigned int index, int status)
{
	switch (status) {
	case -EEXIST:
		tally_add(prefill->tally->present, 1);
		break;
	case -EBUSY:
		tally_add(prefill->tally->busy, 1);
		break;
	case -ENOSPC:
	case -EDQUOT:
		tally_add(prefill->tally->rejected, 1);
		break;
	default:
		die(EX_NO_POOL, "request %zu: block %u could not be reserved: %s",
		    at, index, kvpool_strerror(status));
	}
}

/* Makes the blocks behind the first @hits. Returns the number of new blocks. */
static uint32_t produce(struct prefill *prefill, size_t at, uint32_t hits)
{
	const struct job *job = prefill->job;
	const struct kvpool_key *keys = prefill->keys + hits;
	const struct kvpool_produce_opts opts = {
		.size = sizeof(opts),
		.length = job->block_size,
	};
	uint32_t nr = job->trace->requests[at].nr_ids - hits;
	bool damage = job->damage == (int64_t)at;
	struct tally *tally = prefill->tally;
	int reserved, sealed, status;
	uint64_t begin;
	uint32_t i;

	begin = now_ns();
	reserved = kvpool_produce_begin(prefill->produce, keys, NULL, nr, &opts);
	hist_add(&tally->latency[LAT_RESERVE], now_ns() - begin);
	if (reserved < 0)
		die(EX_NO_POOL, "request %zu: nothing could be reserved: %s", at,
		    kvpool_last_error());

	for (i = 0; i < nr; i++) {
		status = kvpool_block_status(prefill->produce, i);
		if (status) {
			count_status(prefill, at, hits + i, status);
			continue;
		}
		fill_block(prefill, i, &keys[i]);
		if (damage)
			flip_bit(prefill, i);
		damage = false;
	}
	if (!reserved)
		return 0;

	begin = now_ns();
	sealed = kvpool_produce_commit(prefill->produce, NULL, NULL, 0, 0);
	hist_add(&tally->latency[LAT_SEAL], now_ns() - begin);
	if (sealed < 0)
		die(EX_NO_POOL, "request %zu: its blocks could not be sealed: %s", at,
		    kvpool_last_error());
	if (sealed < reserved)
		tally_add(tally->preempted, (uint64_t)(reserved - sealed));
	tally_add(tally->blocks, (uint64_t)sealed);
	tally_add(tally->bytes, (uint64_t)sealed * job->block_size);
	return (uint32_t)sealed;
}

/* Leases the new blocks too, so that they stay until decode has fetched them. */
static void hold_made(struct prefill *prefill, unsigned int slot, size_t at, uint32_t hits)
{
	uint32_t nr = prefill->job->trace->requests[at].nr_ids - hits;
	int held = kvpool_consume_begin(prefill->made[slot], prefill->keys + hits, NULL, nr, NULL);

	if (held < 0)
		die(EX_NO_POOL, "request %zu: its new blocks could not be leased: %s", at,
		    kvpool_last_error());
	tally_add(prefill->tally->leased_bytes, (uint64_t)held * prefill->job->block_size);
}

static bool prefill_request(struct prefill *prefill, size_t at)
{
	static const struct kvpool_consume_opts opts = {
		.size = sizeof(opts),
		.flags = KVPOOL_CONSUME_PREFIX,
	};
	const struct job *job = prefill->job;
	const struct request *request = &job->trace->requests[at];
	unsigned int slot = (prefill->first + prefill->nr) % job->depth;
	struct message message = { .request = at, .nr_keys = request->nr_ids };
	struct outcome *outcome = &job->shared->outcomes[at];
	struct tally *tally = prefill->tally;
	uint64_t begin, saved;
	int hits = 0;

	make_keys(prefill, request);
	if (request->nr_ids) {
		begin = now_ns();
		hits = kvpool_consume_begin(prefill->prefix[slot], prefill->keys, NULL,
					    request->nr_ids, &opts);
		hist_add(&tally->latency[LAT_MATCH], now_ns() - begin);
	}
	if (hits < 0)
		die(EX_NO_POOL, "request %zu: its prefix could not be leased: %s", at,
		    kvpool_last_error());
	outcome->hits = (uint32_t)hits;
	if ((uint32_t)hits < request->nr_ids)
		outcome->produced = produce(prefill, at, (uint32_t)hits);
	if (job->apart && (uint32_t)hits < request->nr_ids)
		hold_made(prefill, slot, at, (uint32_t)hits);

	saved = (uint64_t)hits * 512;
	if (saved > request->input_length)
		saved = request->input_length;
	tally_add(tally->references, request->nr_ids);
	tally_add(tally->hits, (uint64_t)hits);
	tally_add(tally->tokens, request->input_length);
	tally_add(tally->tokens_saved, saved);
	tally_add(tally->leased_bytes, (uint64_t)hits * job->block_size);

	prefill->in_flight[slot] = at;
	prefill->nr++;
	return send_all(prefill->socket, &message, sizeof(message)) &&
	       send_all(prefill->socket, prefill->keys,
			request->nr_ids * sizeof(*prefill->keys));
}

int prefill_main(const struct job *job, int to_decode)
{
	struct prefill prefill = {
		.job = job,
		.tally = &job->shared->prefill,
		.socket = to_decode,
	};
	bool connected = true;
	unsigned int slot;
	size_t at;

	prefill.pool = open_pool(job, 0);
	prefill.produce = make_batch(prefill.pool, job);
	for (slot = 0; slot < job->depth; slot++) {
		prefill.prefix[slot] = make_batch(prefill.pool, job);
		if (job->apart)
			prefill.made[slot] = make_batch(prefill.pool, job);
	}
	prefill.keys = xcalloc(job->trace->longest, sizeof(*prefill.keys));
	prefill.tokens = xcalloc(job->trace->longest, 2 * sizeof(*prefill.tokens));
	snprintf(prefill.seed, sizeof(prefill.seed), "kvpool-replay block %" PRIu64,
		 job->block_size);

	for (at = 0; connected && at < job->trace->nr_requests; at++) {
		if (__atomic_load_n(&job->shared->stop, __ATOMIC_RELAXED))
			break;
		connected = prefill_request(&prefill, at);
		while (connected && prefill.nr == job->depth)
			connected = finish_oldest(&prefill);
	}
	while (connected && prefill.nr)
		connected = finish_oldest(&prefill);
	if (connected && job->apart) {
		/* No more requests: decode sends its counters. */
		shutdown(to_decode, SHUT_WR);
		connected = receive_all(to_decode, &job->shared->decode,
					sizeof(job->shared->decode));
	}

	for (slot = 0; slot < job->depth; slot++) {
		kvpool_batch_destroy(prefill.prefix[slot]);
		kvpool_batch_destroy(prefill.made[slot]);
	}
	kvpool_batch_destroy(prefill.produce);
	kvpool_close(prefill.pool);
	free(prefill.keys);
	free(prefill.tokens);
	close(to_decode);
	return connected ? EX_OK : EX_FAILED;
}

/* ------------------------------------------------------------------------ */
/* Decode                                                                   */
/* ------------------------------------------------------------------------ */

struct decode {
	const struct job *job;
	struct tally *tally;
	struct kvpool *pool;
	struct kvpool_batch *batch;
	struct kvpool_key *keys;
};

static void wrong_byte(const struct decode *decode, const struct message *message,
		       uint32_t index, const struct kvpool_span *span,
		       uint64_t block_offset, uint64_t span_offset)
{
	const unsigned char *at = kvpool_base(decode->pool);
	const uint8_t *key = decode->keys[index].bytes;
	char hex[2 * KVPOOL_KEY_SIZE + 1];
	unsigned int i;

	for (i = 0; i < KVPOOL_KEY_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	die(EX_FAILED, "VERIFICATION FAILED: request %" PRIu64 ", block %" PRIu32
	    ", byte %" PRIu64 " (arena offset 0x%" PRIx64 ") is 0x%02x and must be 0x%02x; key %s",
	    message->request, index, block_offset, (uint64_t)span->offset + span_offset,
	    at[span->offset + span_offset], pattern_byte(key, block_offset), hex);
}

static void verify_block(struct decode *decode, const struct message *message, uint32_t index)
{
	const unsigned char *base = kvpool_base(decode->pool);
	const struct kvpool_span *spans;
	struct pattern pattern;
	uint64_t offset = 0;
	uint64_t wrong;
	unsigned int nr, i;

	spans = kvpool_block_spans(decode->batch, index, &nr);
	if (!spans)
		die(EX_NO_POOL, "a leased block has no spans: %s", kvpool_last_error());
	pattern_begin(&pattern, decode->keys[index].bytes);
	for (i = 0; i < nr; i++) {
		wrong = pattern_verify(&pattern, base + spans[i].offset, spans[i].length);
		if (wrong != PATTERN_OK)
			wrong_byte(decode, message, index, &spans[i], offset + wrong, wrong);
		offset += spans[i].length;
	}
	if (offset != decode->job->block_size)
		die(EX_FAILED, "VERIFICATION FAILED: request %" PRIu64 ", block %" PRIu32
		    " is %" PRIu64 " bytes long and must be %" PRIu64,
		    message->request, index, offset, decode->job->block_size);
	tally_add(decode->tally->blocks, 1);
	tally_add(decode->tally->bytes, offset);
}

/* Stores the number of leased blocks in the message. */
static void decode_request(struct decode *decode, struct message *message)
{
	const struct kvpool_consume_opts remote = {
		.size = sizeof(remote), .length = decode->job->block_size,
		/* Fetched copies do not stay: hits are those in prefill's pool. */
		.flags = KVPOOL_CONSUME_REMOTE | KVPOOL_CONSUME_TRANSIENT,
	};
	struct tally *tally = decode->tally;
	uint64_t begin;
	int leased, status;
	uint32_t i;

	if (!message->nr_keys)
		return;
	begin = now_ns();
	leased = kvpool_consume_begin(decode->batch, decode->keys, NULL, message->nr_keys,
				      decode->job->apart ? &remote : NULL);
	hist_add(&tally->latency[LAT_LEASE], now_ns() - begin);
	if (leased < 0)
		die(EX_NO_POOL, "request %" PRIu64 ": its blocks could not be leased: %s",
		    message->request, kvpool_last_error());

	for (i = 0; i < message->nr_keys; i++) {
		status = kvpool_block_status(decode->batch, i);
		if (!status && kvpool_block_route(decode->batch, i) == KVPOOL_ROUTE_RDMA)
			tally_add(tally->fetched_bytes, decode->job->block_size);
		if (!status)
			verify_block(decode, message, i);
		else if (status == -ENOENT || status == -EINPROGRESS)
			tally_add(tally->missing, 1);
		else
			die(EX_NO_POOL, "request %" PRIu64 ": block %" PRIu32
			    " could not be leased: %s",
			    message->request, i, kvpool_strerror(status));
	}
	end_leases(decode->batch, tally);
	message->nr_keys = (uint32_t)leased;
}

static uint64_t copied_bytes(struct kvpool *pool)
{
	struct kvpool_stats stats;

	if (kvpool_stats_read(pool, &stats, sizeof(stats)))
		die(EX_NO_POOL, "%s", kvpool_last_error());
	return stats.copied_bytes;
}

int decode_main(const struct job *job, int from_prefill)
{
	struct decode decode = {
		.job = job,
		.tally = &job->shared->decode,
	};
	struct message message;
	uint64_t copied;

	/* Decode only reads: its mapping cannot be written to. */
	decode.pool = open_pool(job, KVPOOL_OPEN_RDONLY);
	copied = copied_bytes(decode.pool);
	decode.batch = make_batch(decode.pool, job);
	decode.keys = xcalloc(job->trace->longest, sizeof(*decode.keys));

	while (receive_all(from_prefill, &message, sizeof(message))) {
		if (message.nr_keys > job->trace->longest)
			die(EX_FAILED, "prefill sent a request of %" PRIu32 " keys",
			    message.nr_keys);
		if (!receive_all(from_prefill, decode.keys,
				 message.nr_keys * sizeof(*decode.keys)))
			break;
		decode_request(&decode, &message);
		tally_add(decode.tally->requests, 1);
		if (!send_all(from_prefill, &message, sizeof(message)))
			break;
	}
	if (job->apart) {
		decode.tally->copied_bytes = copied_bytes(decode.pool) - copied;
		send_all(from_prefill, decode.tally, sizeof(*decode.tally));
	}

	kvpool_batch_destroy(decode.batch);
	kvpool_close(decode.pool);
	free(decode.keys);
	close(from_prefill);
	return EX_OK;
}
