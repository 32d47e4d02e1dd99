// SPDX-License-Identifier: MIT
/*
 * The roles of kvpool-llm.
 *
 * alone computes every prompt from its first token. With a pool there are two
 * roles: prefill takes the question, leases the longest prefix that is in the
 * pool, computes the blocks behind it in the pool's memory, seals them and sends
 * the question to decode. Decode leases the blocks of the prompt, computes the
 * tokens that fill no block, and answers. It stores the blocks of its answer in the
 * pool too, so that prefill finds them there at the next turn.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "common-net.h"
#include "llm-roles.h"

/* ------------------------------------------------------------------------ */
/* Messages between prefill and decode                                      */
/* ------------------------------------------------------------------------ */

#define WIRE_MAGIC	0x6b766c6cU	/* differs on hosts of another byte order */

enum wire_type { WIRE_SETTINGS, WIRE_QUESTION, WIRE_FIRST, WIRE_ANSWER };

struct wire_settings {
	uint32_t magic;
	uint32_t type;
	uint32_t block_tokens;
	uint32_t answer_tokens;
	uint64_t seed;
};

/* A question is followed by its tokens, the whole conversation. */
struct wire_question {
	uint32_t magic;
	uint32_t type;
	uint32_t turn;
	uint32_t nr_tokens;
};

struct wire_answer {
	uint32_t magic;
	uint32_t type;			/* WIRE_FIRST: the first token is computed */
	uint32_t turn;
	uint32_t nr_tokens;
	uint64_t digest;
	struct llm_side side;
	uint64_t copied;
	uint32_t tokens[LLM_MAX_ANSWER];
};

static void lost(const char *role)
{
	die(EX_FAILED, "%s has ended; its last message says why", role);
}

/* ------------------------------------------------------------------------ */
/* The engine that all roles use                                            */
/* ------------------------------------------------------------------------ */

struct engine {
	struct llm_model *model;
	struct llm_state *state;
	struct llm_cache *cache;	/* null when alone */
	uint32_t block_tokens;
	uint32_t nr;			/* tokens of the conversation */
	uint32_t tokens[LLM_MAX_TOKENS];
	struct llm_rows rows[LLM_MAX_TOKENS];
	float *own;			/* rows that are not in the pool */
	float logits[LLM_VOCAB];
	uint64_t digest;
	struct llm_cache_counts before;
	uint32_t computed;
};

static struct engine *engine_create(const struct llm_run *run)
{
	struct engine *engine = xcalloc(1, sizeof(*engine));

	engine->model = llm_model_create(run->settings.seed);
	engine->state = llm_state_create(engine->model);
	engine->own = xcalloc(LLM_MAX_TOKENS, LLM_TOKEN_BYTES);
	engine->block_tokens = run->settings.block_tokens;
	return engine;
}

static struct engine *engine_create_with_pool(const struct llm_run *run)
{
	struct engine *engine = engine_create(run);
	struct llm_cache_opts opts = run->cache;

	opts.seed = run->settings.seed;
	opts.block_tokens = run->settings.block_tokens;
	engine->cache = llm_cache_open(&opts);
	return engine;
}

static void engine_destroy(struct engine *engine)
{
	llm_cache_close(engine->cache);
	llm_state_destroy(engine->state);
	llm_model_destroy(engine->model);
	free(engine->own);
	free(engine);
}

/* A turn begins: no row of an earlier turn is used. */
static void engine_begin(struct engine *engine)
{
	float *row = engine->own;
	unsigned int layer;
	uint32_t at;

	for (at = 0; at < LLM_MAX_TOKENS; at++) {
		for (layer = 0; layer < LLM_LAYERS; layer++) {
			engine->rows[at].row[layer][LLM_K] = row;
			engine->rows[at].row[layer][LLM_V] = row + LLM_DIM;
			row += 2 * LLM_DIM;
		}
	}
	engine->digest = 0xcbf29ce484222325ULL;
	engine->computed = 0;
	if (engine->cache)
		engine->before = llm_cache_counts(engine->cache);
}

static void append(struct engine *engine, const char *text)
{
	for (; *text; text++) {
		if (engine->nr == LLM_MAX_TOKENS)
			die(EX_BAD_INPUT, "the conversation is longer than %d tokens",
			    LLM_MAX_TOKENS);
		engine->tokens[engine->nr++] = (unsigned char)*text;
	}
}

static void append_question(struct engine *engine, const char *question)
{
	append(engine, "User: ");
	append(engine, question);
	append(engine, "\nAssistant: ");
}

static void append_answer(struct engine *engine, const uint32_t *tokens, uint32_t nr)
{
	char text[2] = "";
	uint32_t i;

	for (i = 0; i < nr; i++) {
		text[0] = (char)tokens[i];
		append(engine, text);
	}
	append(engine, "\n");
}

static void compute(struct engine *engine, uint32_t from, uint32_t to, float *logits)
{
	for (; from < to; from++, engine->computed++)
		llm_forward(engine->state, engine->rows, from, engine->tokens[from],
			    from + 1 == to ? logits : NULL);
}

/* FNV-1a: the scores, not only the tokens, must equal those of the other run. */
static uint32_t next_token(struct engine *engine)
{
	const unsigned char *byte = (const unsigned char *)engine->logits;
	size_t i;

	for (i = 0; i < sizeof(engine->logits); i++)
		engine->digest = (engine->digest ^ byte[i]) * 0x100000001b3ULL;
	return llm_choose(engine->logits);
}

/* Answers the conversation in engine->tokens; rows before @from are computed already. */
static void answer(struct engine *engine, uint32_t from, uint32_t nr_answer, uint32_t *tokens,
		   void (*first)(void *), void *arg)
{
	uint32_t at = engine->nr;
	uint32_t i;

	if (at + nr_answer > LLM_MAX_TOKENS)
		die(EX_BAD_INPUT, "the conversation is longer than %d tokens", LLM_MAX_TOKENS);
	compute(engine, from, at, engine->logits);
	for (i = 0; i < nr_answer; i++) {
		tokens[i] = next_token(engine);
		if (!i)
			first(arg);
		engine->tokens[at] = tokens[i];
		/* No later token attends to the last token yet. */
		if (i + 1 < nr_answer)
			compute(engine, at, at + 1, engine->logits);
		at++;
	}
}

static struct llm_side side(struct engine *engine)
{
	struct llm_cache_counts now = llm_cache_counts(engine->cache);
	const struct llm_cache_counts *before = &engine->before;

	return (struct llm_side) {
		.local_blocks = (uint32_t)(now.local_blocks - before->local_blocks),
		.remote_blocks = (uint32_t)(now.remote_blocks - before->remote_blocks),
		.produced_blocks = (uint32_t)(now.produced_blocks - before->produced_blocks),
		.computed_tokens = engine->computed,
		.remote_bytes = now.remote_bytes - before->remote_bytes,
	};
}

/* ------------------------------------------------------------------------ */
/* Alone                                                                    */
/* ------------------------------------------------------------------------ */

static void note_time(void *arg)
{
	uint64_t *begin = arg;

	*begin = now_ns() - *begin;
}

void llm_alone(struct llm_run *run)
{
	struct engine *engine = engine_create(run);
	unsigned int i;

	for (i = 0; i < run->nr_turns; i++) {
		struct llm_turn *turn = &run->turns[i];

		turn->first_token_ns = now_ns();
		append_question(engine, run->questions[i]);
		engine_begin(engine);
		turn->prompt_tokens = engine->nr;
		turn->answer_tokens = run->settings.answer_tokens;
		answer(engine, 0, turn->answer_tokens, turn->answer, note_time,
		       &turn->first_token_ns);
		turn->decode.computed_tokens = engine->computed;
		turn->digest = engine->digest;
		append_answer(engine, turn->answer, turn->answer_tokens);
	}
	engine_destroy(engine);
}

/* ------------------------------------------------------------------------ */
/* Prefill                                                                  */
/* ------------------------------------------------------------------------ */

static void prefill_blocks(struct engine *engine, const struct llm_run *run, uint32_t turn)
{
	uint32_t nr = llm_cache_tokens(engine->cache, engine->tokens, engine->nr);
	uint32_t hits = llm_cache_lease(engine->cache, nr, engine->rows);

	llm_cache_reserve(engine->cache, hits, nr, engine->rows);
	compute(engine, hits * engine->block_tokens, nr * engine->block_tokens, NULL);
	if (run->damage == (int)turn && hits < nr)
		*engine->rows[hits * engine->block_tokens].row[0][LLM_V] += 1;
	llm_cache_seal(engine->cache);
}

static void ask(struct engine *engine, struct llm_run *run, uint32_t i, int fd)
{
	const struct wire_question question = {
		.magic = WIRE_MAGIC, .type = WIRE_QUESTION, .turn = i, .nr_tokens = engine->nr,
	};
	struct llm_turn *turn = &run->turns[i];
	struct wire_answer got;

	if (!send_all(fd, &question, sizeof(question)) ||
	    !send_all(fd, engine->tokens, engine->nr * sizeof(*engine->tokens)))
		lost("decode");
	do {
		if (!receive_all(fd, &got, sizeof(got)))
			lost("decode");
		if (got.magic != WIRE_MAGIC || got.turn != i || got.nr_tokens > LLM_MAX_ANSWER)
			die(EX_FAILED, "the program at the other end does not speak like decode; start 'kvpool-llm decode' of the same version there");
		if (got.type == WIRE_FIRST)
			note_time(&turn->first_token_ns);
	} while (got.type != WIRE_ANSWER);
	turn->decode = got.side;
	turn->digest = got.digest;
	turn->answer_tokens = got.nr_tokens;
	memcpy(turn->answer, got.tokens, sizeof(turn->answer));
	run->decode_copied = got.copied;
}

void llm_prefill(struct llm_run *run)
{
	const struct wire_settings settings = {
		.magic = WIRE_MAGIC, .type = WIRE_SETTINGS,
		.block_tokens = run->settings.block_tokens,
		.answer_tokens = run->settings.answer_tokens, .seed = run->settings.seed,
	};
	struct engine *engine = engine_create_with_pool(run);
	int fd = net_connect("--connect", run->connect, 60);
	unsigned int i;

	if (!send_all(fd, &settings, sizeof(settings)))
		lost("decode");
	for (i = 0; i < run->nr_turns; i++) {
		struct llm_turn *turn = &run->turns[i];

		turn->first_token_ns = now_ns();
		append_question(engine, run->questions[i]);
		engine_begin(engine);
		turn->prompt_tokens = engine->nr;
		prefill_blocks(engine, run, i);
		ask(engine, run, i, fd);
		/* Only now: in eviction order the prompt's blocks are younger than the answer's. */
		llm_cache_release(engine->cache);
		turn->prefill = side(engine);
		append_answer(engine, turn->answer, turn->answer_tokens);
	}
	run->prefill_copied = llm_cache_counts(engine->cache).copied_bytes;
	close(fd);
	engine_destroy(engine);
}

/* ------------------------------------------------------------------------ */
/* Decode                                                                   */
/* ------------------------------------------------------------------------ */

struct conversation {
	int fd;
	struct wire_answer answer;
};

static void tell_first(void *arg)
{
	struct conversation *with = arg;

	with->answer.type = WIRE_FIRST;
	if (!send_all(with->fd, &with->answer, sizeof(with->answer)))
		lost("prefill");
}

static void decode_turn(struct engine *engine, struct conversation *with, uint32_t nr_answer)
{
	struct wire_answer *out = &with->answer;
	uint32_t blocks, hits, nr;

	engine_begin(engine);
	blocks = llm_cache_tokens(engine->cache, engine->tokens, engine->nr);
	/* The last token is always computed, for its scores. */
	if (blocks * engine->block_tokens == engine->nr)
		blocks--;
	hits = llm_cache_lease(engine->cache, blocks, engine->rows);
	out->nr_tokens = nr_answer;
	answer(engine, hits * engine->block_tokens, nr_answer, out->tokens, tell_first, with);
	/* All tokens but the last have rows now. */
	nr = llm_cache_tokens(engine->cache, engine->tokens, engine->nr + nr_answer - 1);
	llm_cache_store(engine->cache, hits, nr, engine->rows);
	llm_cache_release(engine->cache);
	out->type = WIRE_ANSWER;
	out->digest = engine->digest;
	out->side = side(engine);
	out->copied = llm_cache_counts(engine->cache).copied_bytes;
}

static void receive_question(struct engine *engine, const struct wire_question *question, int fd)
{
	uint32_t i;

	if (question->magic != WIRE_MAGIC || question->type != WIRE_QUESTION ||
	    !question->nr_tokens || question->nr_tokens > LLM_MAX_TOKENS)
		die(EX_FAILED, "the program that has connected does not speak like prefill; start 'kvpool-llm prefill' of the same version there");
	engine->nr = question->nr_tokens;
	if (!receive_all(fd, engine->tokens, engine->nr * sizeof(*engine->tokens)))
		lost("prefill");
	for (i = 0; i < engine->nr; i++)
		if (engine->tokens[i] >= LLM_VOCAB)
			die(EX_FAILED, "prefill sent the token %" PRIu32, engine->tokens[i]);
}

void llm_decode(struct llm_run *run)
{
	struct conversation with = { .answer = { .magic = WIRE_MAGIC } };
	struct wire_question question;
	struct wire_settings settings;
	struct engine *engine;

	with.fd = net_accept("--listen", run->listen);
	if (!receive_all(with.fd, &settings, sizeof(settings)))
		lost("prefill");
	if (settings.magic != WIRE_MAGIC || settings.type != WIRE_SETTINGS ||
	    !settings.block_tokens || settings.block_tokens > LLM_MAX_TOKENS ||
	    settings.answer_tokens < 1 || settings.answer_tokens > LLM_MAX_ANSWER)
		die(EX_FAILED, "the program that has connected does not speak like prefill; start 'kvpool-llm prefill' of the same version there");
	run->settings.seed = settings.seed;
	run->settings.block_tokens = settings.block_tokens;
	run->settings.answer_tokens = settings.answer_tokens;
	engine = engine_create_with_pool(run);
	while (run->nr_turns < LLM_MAX_TURNS &&
	       receive_all(with.fd, &question, sizeof(question))) {
		struct llm_turn *turn = &run->turns[run->nr_turns++];

		receive_question(engine, &question, with.fd);
		with.answer.turn = question.turn;
		decode_turn(engine, &with, settings.answer_tokens);
		turn->prompt_tokens = engine->nr;
		turn->answer_tokens = with.answer.nr_tokens;
		turn->digest = with.answer.digest;
		turn->decode = with.answer.side;
		memcpy(turn->answer, with.answer.tokens, sizeof(turn->answer));
		if (!send_all(with.fd, &with.answer, sizeof(with.answer)))
			lost("prefill");
	}
	run->decode_copied = llm_cache_counts(engine->cache).copied_bytes;
	close(with.fd);
	engine_destroy(engine);
}
