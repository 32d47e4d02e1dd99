// SPDX-License-Identifier: MIT
/* The transformer of kvpool-llm; llm-model.h describes it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "llm-model.h"

/*
 * Matrices are stored by input: the products of one input are added to all
 * outputs in one loop, which uses vector instructions without reassociation.
 */
struct layer {
	float wq[LLM_DIM][LLM_DIM];
	float wk[LLM_DIM][LLM_DIM];
	float wv[LLM_DIM][LLM_DIM];
	float wo[LLM_DIM][LLM_DIM];
	float gate[LLM_DIM][LLM_HIDDEN];
	float up[LLM_DIM][LLM_HIDDEN];
	float down[LLM_HIDDEN][LLM_DIM];
};

struct llm_model {
	float embedding[LLM_VOCAB][LLM_DIM];
	struct layer layers[LLM_LAYERS];
	float output[LLM_DIM][LLM_VOCAB];
	/* Cosine and sine of position times frequency. */
	float rotary[LLM_MAX_TOKENS][LLM_HEAD_DIM / 2][2];
};

struct llm_state {
	const struct llm_model *model;
	float scores[LLM_MAX_TOKENS];
};

/* ------------------------------------------------------------------------ */
/* Functions that differ between implementations of libm                    */
/* ------------------------------------------------------------------------ */

/* e to the power of x, for -700 < x < 700. */
static double exponential(double x)
{
	const double ln2 = 0.693147180559945309417;
	int64_t n = (int64_t)(x / ln2 + (x < 0 ? -0.5 : 0.5));
	double r = x - (double)n * ln2;
	double sum = 1, term = 1;
	uint64_t bits;
	double power;
	int i;

	for (i = 1; i <= 9; i++) {
		term = term * r * (1.0 / i);
		sum += term;
	}
	bits = (uint64_t)(n + 1023) << 52;
	memcpy(&power, &bits, sizeof(power));
	return sum * power;
}

static void cosine_sine(double x, float *cosine, float *sine)
{
	const double pi = 3.14159265358979323846;
	double r = x - (double)(int64_t)(x / (2 * pi) + 0.5) * (2 * pi);
	double square = r * r;
	double c = 1, s = 1, term_c = 1, term_s = 1;
	int i;

	for (i = 1; i <= 14; i++) {
		term_c = -term_c * square / ((2 * i - 1) * (2 * i));
		term_s = -term_s * square / ((2 * i) * (2 * i + 1));
		c += term_c;
		s += term_s;
	}
	*cosine = (float)c;
	*sine = (float)(s * r);
}

/* ------------------------------------------------------------------------ */
/* Weights                                                                  */
/* ------------------------------------------------------------------------ */

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/*
 * The generator of the weights: splitmix64, started with the seed. A weight is
 * the top 24 bits of the next number, less 2^23, over 2^23, which is in [-1, 1),
 * times @gain times sqrt(3 / @inputs), so that outputs have @gain times the
 * variance of the inputs. Matrices in the order in which they stand in struct
 * llm_model and struct layer, each by input and then by output.
 */
static void fill(uint64_t *state, float *weights, size_t nr, unsigned int inputs, float gain)
{
	float scale = gain * sqrtf(3.0f / (float)inputs);
	size_t i;

	for (i = 0; i < nr; i++)
		weights[i] = (float)((int32_t)(splitmix64(state) >> 40) - (1 << 23)) *
			     (1.0f / (1 << 23)) * scale;
}

#define FILL(state, matrix, inputs, gain)					\
	fill(state, &(matrix)[0][0], sizeof(matrix) / sizeof(float), inputs, gain)

static void fill_rotary(struct llm_model *model)
{
	const double ln_base = 9.21034037197618273607;	/* of 10,000 */
	unsigned int pos, i;

	for (i = 0; i < LLM_HEAD_DIM / 2; i++) {
		double frequency = exponential(-ln_base * 2 * i / LLM_HEAD_DIM);

		for (pos = 0; pos < LLM_MAX_TOKENS; pos++)
			cosine_sine(pos * frequency, &model->rotary[pos][i][0],
				    &model->rotary[pos][i][1]);
	}
}

struct llm_model *llm_model_create(uint64_t seed)
{
	struct llm_model *model = xcalloc(1, sizeof(*model));
	uint64_t state = seed;
	unsigned int i;

	FILL(&state, model->embedding, 1, 1);
	for (i = 0; i < LLM_LAYERS; i++) {
		struct layer *layer = &model->layers[i];

		/* Queries and keys large enough that attention chooses. */
		FILL(&state, layer->wq, LLM_DIM, 2);
		FILL(&state, layer->wk, LLM_DIM, 2);
		FILL(&state, layer->wv, LLM_DIM, 1);
		FILL(&state, layer->wo, LLM_DIM, 1);
		FILL(&state, layer->gate, LLM_DIM, 1);
		FILL(&state, layer->up, LLM_DIM, 1);
		FILL(&state, layer->down, LLM_HIDDEN, 1);
	}
	FILL(&state, model->output, LLM_DIM, 1);
	fill_rotary(model);
	return model;
}

void llm_model_destroy(struct llm_model *model)
{
	free(model);
}

struct llm_state *llm_state_create(const struct llm_model *model)
{
	struct llm_state *state = xcalloc(1, sizeof(*state));

	state->model = model;
	return state;
}

void llm_state_destroy(struct llm_state *state)
{
	free(state);
}

/* ------------------------------------------------------------------------ */
/* A token through the layers                                               */
/* ------------------------------------------------------------------------ */

static void multiply(float *restrict out, unsigned int nr_out, const float *restrict in,
		     unsigned int nr_in, const float *restrict matrix)
{
	unsigned int i, j;

	memset(out, 0, nr_out * sizeof(*out));
	for (i = 0; i < nr_in; i++, matrix += nr_out)
		for (j = 0; j < nr_out; j++)
			out[j] += in[i] * matrix[j];
}

#define MULTIPLY(out, in, matrix)						\
	multiply(out, sizeof((matrix)[0]) / sizeof(float), in,			\
		 sizeof(matrix) / sizeof((matrix)[0]), &(matrix)[0][0])

static void normalize(float *out, const float *in)
{
	float sum = 0, scale;
	unsigned int i;

	for (i = 0; i < LLM_DIM; i++)
		sum += in[i] * in[i];
	scale = 1.0f / sqrtf(sum / LLM_DIM + 1e-5f);
	for (i = 0; i < LLM_DIM; i++)
		out[i] = in[i] * scale;
}

/* Turns each pair of values of each head by the angle of the position. */
static void rotate(const struct llm_model *model, float *vector, uint32_t pos)
{
	unsigned int head, i;

	for (head = 0; head < LLM_HEADS; head++, vector += LLM_HEAD_DIM) {
		for (i = 0; i < LLM_HEAD_DIM / 2; i++) {
			const float c = model->rotary[pos][i][0];
			const float s = model->rotary[pos][i][1];
			const float a = vector[i];
			const float b = vector[i + LLM_HEAD_DIM / 2];

			vector[i] = a * c - b * s;
			vector[i + LLM_HEAD_DIM / 2] = a * s + b * c;
		}
	}
}

/* A head attends to all tokens up to @pos: those behind it are masked. */
static void attend(struct llm_state *state, const struct llm_rows *rows, uint32_t pos,
		   unsigned int layer, unsigned int first, const float *query, float *out)
{
	float *scores = state->scores;
	float highest = -INFINITY;
	float sum = 0;
	unsigned int i;
	uint32_t at;

	for (at = 0; at <= pos; at++) {
		const float *key = rows[at].row[layer][LLM_K] + first;
		float score = 0;

		for (i = 0; i < LLM_HEAD_DIM; i++)
			score += query[i] * key[i];
		scores[at] = score * 0.25f;		/* 1 / sqrt(LLM_HEAD_DIM) */
		if (scores[at] > highest)
			highest = scores[at];
	}
	for (at = 0; at <= pos; at++) {
		float below = scores[at] - highest;

		scores[at] = below < -80 ? 0 : (float)exponential(below);
		sum += scores[at];
	}
	memset(out, 0, LLM_HEAD_DIM * sizeof(*out));
	for (at = 0; at <= pos; at++) {
		const float *value = rows[at].row[layer][LLM_V] + first;
		const float weight = scores[at] / sum;

		if (weight == 0)
			continue;
		for (i = 0; i < LLM_HEAD_DIM; i++)
			out[i] += weight * value[i];
	}
}

static void attention(struct llm_state *state, const struct llm_rows *rows, uint32_t pos,
		      unsigned int nr, const float *in, float *out)
{
	const struct layer *layer = &state->model->layers[nr];
	float query[LLM_DIM], heads[LLM_DIM];
	float *key = rows[pos].row[nr][LLM_K];
	unsigned int head;

	MULTIPLY(query, in, layer->wq);
	MULTIPLY(key, in, layer->wk);
	MULTIPLY(rows[pos].row[nr][LLM_V], in, layer->wv);
	rotate(state->model, query, pos);
	rotate(state->model, key, pos);
	for (head = 0; head < LLM_DIM; head += LLM_HEAD_DIM)
		attend(state, rows, pos, nr, head, query + head, heads + head);
	MULTIPLY(out, heads, layer->wo);
}

static void mlp(const struct layer *layer, const float *in, float *out)
{
	float gate[LLM_HIDDEN], up[LLM_HIDDEN];
	unsigned int i;

	MULTIPLY(gate, in, layer->gate);
	MULTIPLY(up, in, layer->up);
	for (i = 0; i < LLM_HIDDEN; i++)
		up[i] *= gate[i] / (1.0f + (float)exponential(-gate[i]));
	MULTIPLY(out, up, layer->down);
}

void llm_forward(struct llm_state *state, const struct llm_rows *rows, uint32_t pos,
		 uint32_t token, float *logits)
{
	const struct llm_model *model = state->model;
	float x[LLM_DIM], normal[LLM_DIM], add[LLM_DIM];
	unsigned int nr, i;

	memcpy(x, model->embedding[token], sizeof(x));
	for (nr = 0; nr < LLM_LAYERS; nr++) {
		normalize(normal, x);
		attention(state, rows, pos, nr, normal, add);
		for (i = 0; i < LLM_DIM; i++)
			x[i] += add[i];
		normalize(normal, x);
		mlp(&model->layers[nr], normal, add);
		for (i = 0; i < LLM_DIM; i++)
			x[i] += add[i];
	}
	if (!logits)
		return;
	normalize(normal, x);
	MULTIPLY(logits, normal, model->output);
}

uint32_t llm_choose(const float *logits)
{
	uint32_t best = ' ';
	uint32_t token;

	for (token = ' '; token <= '~'; token++)
		if (logits[token] > logits[best])
			best = token;
	return best;
}
