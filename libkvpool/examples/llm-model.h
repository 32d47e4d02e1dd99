/* SPDX-License-Identifier: MIT */
/*
 * A small transformer for kvpool-llm.
 *
 * Decoder only, as LLMs are: byte-level tokens, RMSNorm, multi-head attention
 * with a causal mask and rotary positions, a gated MLP (SwiGLU). Its weights
 * are random, so its answers mean nothing. Equal answers, whatever part of the KV
 * cache came from the pool, mean that this part was right.
 *
 * Results do not depend on the host: every operation is an IEEE 754 addition,
 * multiplication, division or square root in an order that the source fixes
 * (no fused operations, no reassociation, no libm).
 */
#ifndef KVPOOL_EXAMPLES_LLM_MODEL_H
#define KVPOOL_EXAMPLES_LLM_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define LLM_LAYERS	4
#define LLM_HEADS	4
#define LLM_HEAD_DIM	16
#define LLM_DIM		(LLM_HEADS * LLM_HEAD_DIM)
#define LLM_HIDDEN	160
#define LLM_VOCAB	256		/* a token is a byte */
#define LLM_MAX_TOKENS	4096

/* Keys and values of one token in one layer, and in all of them. */
#define LLM_ROW_BYTES	(LLM_DIM * sizeof(float))
#define LLM_TOKEN_BYTES	(2 * LLM_LAYERS * LLM_ROW_BYTES)

enum { LLM_K, LLM_V };

struct llm_model;

/*
 * Where the keys and values of a token are, rows of LLM_DIM floats: in pages of
 * the pool or in memory of the process. llm_forward() writes the rows of the
 * token that it is given and reads those of all before it.
 */
struct llm_rows {
	float *row[LLM_LAYERS][2];
};

/**
 * llm_model_create() - Make a model with random weights
 * @seed: The seed of the weights.
 *
 * Return: the model, which threads may share, to be freed with
 * llm_model_destroy().
 */
struct llm_model *llm_model_create(uint64_t seed);

/**
 * llm_model_destroy() - Free a model
 * @model: The model, or null.
 */
void llm_model_destroy(struct llm_model *model);

/* Scratch memory for one thread. */
struct llm_state;

/**
 * llm_state_create() - Make scratch memory
 * @model: The model, which must outlive the state.
 *
 * Return: the state, to be freed with llm_state_destroy().
 */
struct llm_state *llm_state_create(const struct llm_model *model);

/**
 * llm_state_destroy() - Free scratch memory
 * @state: The state, or null.
 */
void llm_state_destroy(struct llm_state *state);

/**
 * llm_forward() - Run a token through the layers
 * @state:  Scratch memory.
 * @rows:   Rows of all tokens up to @pos.
 * @pos:    Position of the token.
 * @token:  The token.
 * @logits: Where to store the LLM_VOCAB scores of the next token, or null.
 */
void llm_forward(struct llm_state *state, const struct llm_rows *rows, uint32_t pos,
		 uint32_t token, float *logits);

/**
 * llm_choose() - The next token, greedily
 * @logits: The scores.
 *
 * Return: the printable byte with the highest score, the lowest such byte if
 * several have it.
 */
uint32_t llm_choose(const float *logits);

/* Where a row is in a block of @block_tokens tokens: [layer][K, V][token]. */
static inline size_t llm_row_offset(uint32_t block_tokens, uint32_t token,
				    unsigned int layer, unsigned int which)
{
	return ((size_t)(layer * 2 + which) * block_tokens + token) * LLM_ROW_BYTES;
}

#endif /* KVPOOL_EXAMPLES_LLM_MODEL_H */
