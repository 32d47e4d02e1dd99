/* SPDX-License-Identifier: MIT */
/* The roles of kvpool-llm, and their results. */
#ifndef KVPOOL_EXAMPLES_LLM_ROLES_H
#define KVPOOL_EXAMPLES_LLM_ROLES_H

#include <stdbool.h>

#include "llm-cache.h"
#include "llm-model.h"

#define LLM_MAX_TURNS	64
#define LLM_MAX_ANSWER	512

/* Settings of alone and prefill; prefill sends them to decode. */
struct llm_settings {
	uint64_t seed;
	uint32_t block_tokens;
	uint32_t answer_tokens;
};

/* The work of one side for a turn. */
struct llm_side {
	uint32_t local_blocks;	/* leased from the pool of this host */
	uint32_t remote_blocks;	/* read from a peer */
	uint32_t produced_blocks;
	uint32_t computed_tokens;
	uint64_t remote_bytes;
};

struct llm_turn {
	uint32_t prompt_tokens;		/* the whole conversation so far */
	uint32_t answer_tokens;
	uint32_t answer[LLM_MAX_ANSWER];
	uint64_t digest;		/* of the scores of all answer tokens */
	uint64_t first_token_ns;	/* from the question to the first token */
	struct llm_side prefill;
	struct llm_side decode;
	/* From --expect: */
	bool expected;
	bool equal;
	uint64_t alone_first_token_ns;
};

struct llm_run {
	struct llm_settings settings;
	struct llm_cache_opts cache;	/* block_tokens and seed are those of settings */
	const char *listen;
	const char *connect;
	int damage;			/* turn with a block to damage, or -1 */
	unsigned int nr_turns;
	char *questions[LLM_MAX_TURNS];
	struct llm_turn turns[LLM_MAX_TURNS];
	uint64_t prefill_copied;	/* bytes that the modules copied */
	uint64_t decode_copied;
};

/*
 * The functions below return when the conversation is over, and end the program
 * with a message when it fails.
 */

/**
 * llm_alone() - Compute everything in this process, without a pool
 * @run: Settings and questions; gets the turns.
 */
void llm_alone(struct llm_run *run);

/**
 * llm_prefill() - Compute the prompts, and let decode answer
 * @run: Settings, questions and connection; gets the turns of both sides.
 */
void llm_prefill(struct llm_run *run);

/**
 * llm_decode() - Answer the prompts that prefill sends
 * @run: Connection; gets the settings and the turns of this side.
 */
void llm_decode(struct llm_run *run);

#endif /* KVPOOL_EXAMPLES_LLM_ROLES_H */
