/* SPDX-License-Identifier: MIT */
/* Types that kvpool-replay's three processes share: the report, prefill, decode. */
#ifndef KVPOOL_EXAMPLES_COMMON_ROLES_H
#define KVPOOL_EXAMPLES_COMMON_ROLES_H

#include <stdbool.h>

#include "common-hist.h"
#include "common-trace.h"

#define MAX_DEPTH	64

/* The outcome of one request, which must equal the simulator's. */
struct outcome {
	uint32_t hits;		/* leading blocks that were in the pool */
	uint32_t produced;	/* blocks that were made and sealed */
	uint32_t consumed;	/* blocks that decode leased */
	bool done;
};

enum latency {
	LAT_MATCH,		/* prefill: longest prefix found and leased */
	LAT_RESERVE,		/* prefill: the rest reserved */
	LAT_SEAL,		/* prefill: the filled blocks published */
	LAT_LEASE,		/* decode: all blocks leased */
	LAT_RELEASE,		/* both: leases ended */
	NR_LATENCIES,
};

/* One process writes it, all read it. */
struct tally {
	struct hist latency[NR_LATENCIES];
	uint64_t requests;
	uint64_t references;
	uint64_t hits;
	uint64_t tokens;
	uint64_t tokens_saved;
	uint64_t blocks;	/* prefill: produced, decode: consumed */
	uint64_t bytes;		/* their bytes, filled or verified */
	uint64_t leased_bytes;	/* prefill: bytes of the prefixes it leased */
	uint64_t present;	/* reservations that found the key sealed */
	uint64_t busy;		/* reservations that found the key pending */
	uint64_t rejected;	/* reservations that found no space */
	uint64_t preempted;	/* reservations lost to another file */
	uint64_t missing;	/* decode: blocks that were not found */
	uint64_t fetched_bytes;	/* decode: bytes that a peer sent */
	uint64_t copied_bytes;	/* decode, apart: copied by its host's module */
};

struct shared {
	struct tally prefill;
	struct tally decode;
	uint32_t stop;		/* set by the parent: end after this request */
	struct outcome outcomes[];
};

struct job {
	const char *tenant;
	const struct trace *trace;
	uint64_t block_size;
	unsigned int depth;
	int64_t damage;		/* request with a block to damage, or -1 */
	bool apart;		/* prefill and decode have no memory in common */
	struct shared *shared;
};

/* The first message from prefill to decode when they are apart. */
struct apart_hello {
	uint64_t magic;
	uint64_t block_size;
	uint32_t longest;
	uint32_t reserved;
};

#define APART_MAGIC	0x31796c7065726b76ULL	/* differs on hosts of another byte order */

/**
 * prefill_main() - The process that produces blocks
 * @job:       The job. When the processes are apart, its tally of decode gets
 *	       the counters of decode at the end.
 * @to_decode: The connection, which is closed.
 *
 * Return: the exit code of the process.
 */
int prefill_main(const struct job *job, int to_decode);

/**
 * decode_main() - The process that consumes blocks and verifies them
 * @job:	  The job.
 * @from_prefill: The connection, which is closed.
 *
 * Return: the exit code of the process.
 */
int decode_main(const struct job *job, int from_prefill);

#define tally_add(counter, value) \
	__atomic_fetch_add(&(counter), (value), __ATOMIC_RELAXED)
#define tally_read(counter)	__atomic_load_n(&(counter), __ATOMIC_RELAXED)

#endif /* KVPOOL_EXAMPLES_COMMON_ROLES_H */
