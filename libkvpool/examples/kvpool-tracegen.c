// SPDX-License-Identifier: MIT
/*
 * kvpool-tracegen: makes a request trace with the statistics of a production
 * service.
 *
 * The model: requests arrive in ticks of three seconds. A request opens a
 * conversation, adds a turn to an earlier conversation, or shares the beginning
 * of an earlier prompt (a document or a tool prompt) and continues differently.
 * All prompts begin with the same system prompt. The lengths of prompts, answers
 * and pauses come from tables of quantiles that were measured on the conversation
 * trace which Mooncake published with its FAST'25 paper.
 *
 * Only integers and the four operations on doubles are used: a seed gives the
 * same trace on every machine.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "common-options.h"

#define BLOCK_TOKENS	512
#define MAX_TOKENS	126195
#define TICK_MS		3000
#define SPAN_MS		3537000

/* Percentiles at which the tables below were measured. */
static const double percent[] = {
	0, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 100
};

#define POINTS	(sizeof(percent) / sizeof(percent[0]))

/* Prompt of a conversation's first request, tokens. */
static const double first_tokens[POINTS] = {
	891, 895, 897, 905, 1092, 1756, 3914, 5264, 7417, 10775, 15871, 25561,
	38538, 67212, 89869, 126195
};

/* Prompt tokens that a turn adds beyond the answer before it. */
static const double turn_tokens[POINTS] = {
	-1291, -111, -22, -5, 7, 11, 16, 26, 52, 172, 695, 4203, 6922, 11742,
	16705, 91467
};

/* Answer, tokens. */
static const double answer_tokens[POINTS] = {
	1, 3, 10, 24, 100, 213, 291, 350, 399, 447, 504, 597, 698, 893, 1120, 2000
};

/* From one turn to the next, ms. */
static const double pause_ms[POINTS] = {
	0, 18000, 27000, 39000, 57000, 75000, 96000, 123000, 162000, 225000,
	318000, 474000, 606000, 972000, 1458000, 3030000
};

/* Share of the earlier prompt that a request which branches off begins with. */
static const double branch_share[POINTS] = {
	0.015, 0.035, 0.053, 0.068, 0.097, 0.129, 0.167, 0.214, 0.29, 0.4,
	0.524, 0.833, 0.906, 0.938, 0.957, 0.986
};

/* Blocks behind that share. */
static const double branch_blocks[POINTS] = {
	1, 2, 2, 4, 10, 14, 17, 19, 22, 27, 32, 39, 52, 63, 85, 186
};

/* Requests in a tick, where the mean is 10.2. */
static const double tick_requests[POINTS] = {
	2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 19, 28
};

/* How likely a second turn follows, by the blocks of the first prompt. */
static const struct {
	uint32_t below;
	double chance;
} second_turn[] = {
	{ 3, 0.015 }, { 6, 0.46 }, { 16, 0.35 }, { 26, 0.27 }, { UINT32_MAX, 0.2 }
};

/* How likely a further turn follows turn 2, 3, ... */
static const double next_turn[] = {
	0.42, 0.53, 0.61, 0.67, 0.73, 0.78, 0.83, 0.87, 0.89, 0.91, 0.92
};

#define LAST_TURN	(sizeof(next_turn) / sizeof(next_turn[0]) + 1)

#define RESEND		0.03	/* a turn that repeats the same prompt */
#define BRANCH		0.0865	/* of requests that continue no conversation */

struct past {
	uint64_t first_id;	/* index in the array of all ids */
	uint32_t tokens;
	uint32_t blocks;
	uint32_t answer;
	uint32_t turn;
};

struct due {
	uint64_t ms;
	size_t past;		/* the request that is continued */
};

struct generator {
	uint64_t random[4];
	uint64_t *ids;
	size_t nr_ids;
	size_t room_ids;
	struct past *past;
	size_t nr_past;
	struct due *heap;	/* the earliest is first */
	size_t nr_due;
	size_t room_due;
	uint64_t next_id;
	uint64_t span_ms;
	FILE *out;
};

/* xoshiro256**, seeded by splitmix64 (both by Blackman and Vigna, public domain). */
static uint64_t rotate(uint64_t value, unsigned int by)
{
	return value << by | value >> (64 - by);
}

static void seed_random(struct generator *gen, uint64_t seed)
{
	unsigned int i;
	uint64_t z;

	for (i = 0; i < 4; i++) {
		seed += 0x9e3779b97f4a7c15ULL;
		z = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9ULL;
		z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
		gen->random[i] = z ^ z >> 31;
	}
}

static uint64_t random_u64(struct generator *gen)
{
	uint64_t *s = gen->random;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* From 0 to less than 1. */
static double random_unit(struct generator *gen)
{
	return (double)(random_u64(gen) >> 11) / 9007199254740992.0;
}

/* Draws from a table of quantiles, with straight lines between the points. */
static double draw(struct generator *gen, const double *table)
{
	double at = random_unit(gen) * 100;
	size_t i = 1;

	while (i < POINTS - 1 && at >= percent[i])
		i++;
	return table[i - 1] + (table[i] - table[i - 1]) *
	       (at - percent[i - 1]) / (percent[i] - percent[i - 1]);
}

static void heap_push(struct generator *gen, struct due due)
{
	size_t at = gen->nr_due++;

	gen->heap = xgrow(gen->heap, &gen->room_due, gen->nr_due, sizeof(*gen->heap));
	while (at && gen->heap[(at - 1) / 2].ms > due.ms) {
		gen->heap[at] = gen->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	gen->heap[at] = due;
}

static struct due heap_pop(struct generator *gen)
{
	struct due top = gen->heap[0];
	struct due last = gen->heap[--gen->nr_due];
	size_t at = 0;
	size_t child;

	for (;;) {
		child = 2 * at + 1;
		if (child >= gen->nr_due)
			break;
		if (child + 1 < gen->nr_due && gen->heap[child + 1].ms < gen->heap[child].ms)
			child++;
		if (gen->heap[child].ms >= last.ms)
			break;
		gen->heap[at] = gen->heap[child];
		at = child;
	}
	gen->heap[at] = last;
	return top;
}

static uint32_t blocks_of(uint32_t tokens)
{
	return (tokens + BLOCK_TOKENS - 1) / BLOCK_TOKENS;
}

static double chance_of_turn(uint32_t turn, uint32_t blocks)
{
	size_t i = 0;

	if (turn > 1)
		return next_turn[turn < LAST_TURN ? turn - 2 : LAST_TURN - 2];
	while (blocks >= second_turn[i].below)
		i++;
	return second_turn[i].chance;
}

/* Writes one request that shares @shared leading blocks with @from. */
static void emit(struct generator *gen, uint64_t ms, uint32_t tokens,
		 const struct past *from, uint32_t shared, uint32_t turn)
{
	struct past *now = &gen->past[gen->nr_past];
	uint64_t *ids;
	uint32_t i;

	now->first_id = gen->nr_ids;
	now->tokens = tokens;
	now->blocks = blocks_of(tokens);
	now->answer = (uint32_t)draw(gen, answer_tokens);
	now->turn = turn;
	gen->ids = xgrow(gen->ids, &gen->room_ids, gen->nr_ids + now->blocks,
			 sizeof(*gen->ids));
	ids = gen->ids + gen->nr_ids;
	gen->nr_ids += now->blocks;
	for (i = 0; i < now->blocks; i++) {
		if (i < shared)
			ids[i] = gen->ids[from->first_id + i];
		else
			ids[i] = gen->next_id++;
	}

	fprintf(gen->out, "{\"timestamp\": %" PRIu64 ", \"input_length\": %" PRIu32
		", \"output_length\": %" PRIu32 ", \"hash_ids\": [", ms, tokens, now->answer);
	for (i = 0; i < now->blocks; i++)
		fprintf(gen->out, i ? ", %" PRIu64 : "%" PRIu64, ids[i]);
	fputs("]}\n", gen->out);

	if (random_unit(gen) < chance_of_turn(turn, now->blocks)) {
		struct due due = { .past = gen->nr_past };

		due.ms = ms + (uint64_t)draw(gen, pause_ms);
		if (due.ms < gen->span_ms)
			heap_push(gen, due);
	}
	gen->nr_past++;
}

static void emit_turn(struct generator *gen, uint64_t ms)
{
	const struct due due = heap_pop(gen);
	const struct past from = gen->past[due.past];
	uint32_t shared = from.tokens / BLOCK_TOKENS;
	int64_t more = 0;
	int64_t tokens;

	if (random_unit(gen) < RESEND) {
		emit(gen, ms, from.tokens, &from, from.blocks, from.turn + 1);
		return;
	}
	more = (int64_t)from.answer + (int64_t)draw(gen, turn_tokens);
	tokens = (int64_t)from.tokens + (more > 0 ? more : 1);
	if (tokens > MAX_TOKENS)
		tokens = MAX_TOKENS;
	emit(gen, ms, (uint32_t)tokens, &from, shared, from.turn + 1);
}

/* Shares the beginning of some earlier prompt. Fails when there is none. */
static bool emit_branch(struct generator *gen, uint64_t ms)
{
	struct past from;
	unsigned int tries;
	uint64_t tokens;
	uint32_t shared;

	for (tries = 0; tries < 64 && gen->nr_past; tries++) {
		from = gen->past[random_u64(gen) % gen->nr_past];
		shared = (uint32_t)(draw(gen, branch_share) * from.blocks);
		if (shared < 2 || shared >= from.blocks)
			continue;
		tokens = (shared + (uint64_t)draw(gen, branch_blocks)) * BLOCK_TOKENS -
			 random_u64(gen) % BLOCK_TOKENS;
		if (tokens <= (uint64_t)shared * BLOCK_TOKENS || tokens > MAX_TOKENS)
			continue;
		emit(gen, ms, (uint32_t)tokens, &from, shared, 1);
		return true;
	}
	return false;
}

static void emit_opening(struct generator *gen, uint64_t ms)
{
	uint32_t tokens = (uint32_t)draw(gen, first_tokens);

	emit(gen, ms, tokens, gen->past, gen->nr_past ? 1 : 0, 1);
}

static void generate(struct generator *gen, size_t nr_requests)
{
	size_t nr_ticks = (gen->span_ms + TICK_MS - 1) / TICK_MS;
	double *until = xcalloc(nr_ticks, sizeof(*until));
	double total = 0;
	size_t tick, end;
	uint64_t ms;

	gen->past = xcalloc(nr_requests, sizeof(*gen->past));
	for (tick = 0; tick < nr_ticks; tick++) {
		total += draw(gen, tick_requests);
		until[tick] = total;
	}
	for (tick = 0; tick < nr_ticks; tick++) {
		ms = (uint64_t)tick * TICK_MS;
		if (ms && random_unit(gen) < 0.3)
			ms--;
		end = tick == nr_ticks - 1 ? nr_requests :
		      (size_t)((double)nr_requests * until[tick] / total);
		while (gen->nr_past < end) {
			if (gen->nr_due && gen->heap[0].ms <= ms)
				emit_turn(gen, ms);
			else if (random_unit(gen) >= BRANCH || !emit_branch(gen, ms))
				emit_opening(gen, ms);
		}
	}
	free(until);
}

static void usage(FILE *to)
{
	fprintf(to,
"Usage: kvpool-tracegen [OPTION]...\n"
"Make a request trace with the statistics of a production LLM service.\n"
"\n"
"  -n, --requests N   requests in the trace (12031)\n"
"  -s, --seed S       seed of the random numbers (1)\n"
"  -t, --span SEC     seconds that the trace covers (3537); the pauses between\n"
"                     the turns of a conversation do not scale with it\n"
"  -o, --output FILE  where to write it (standard output)\n"
"  -h, --help         show this text\n"
"\n"
"Each line is a JSON object: timestamp (ms), input_length and output_length\n"
"(tokens), hash_ids (one for each 512 tokens of the prompt; equal ids mean an\n"
"equal prefix). The same options give the same trace, on every machine.\n"
"\n"
"Exit status: 0 done, 2 wrong usage, 4 the output cannot be written.\n");
}

int main(int argc, char **argv)
{
	struct number nr_requests = { 12031, 1, 100000000 };
	struct number seed = { 1, 0, UINT64_MAX };
	struct number span = { SPAN_MS / 1000, 1, 100000000 };
	const char *output = NULL;
	const struct opt opts[] = {
		{ 'n', "requests", parse_number, &nr_requests, NULL },
		{ 's', "seed", parse_number, &seed, NULL },
		{ 't', "span", parse_number, &span, NULL },
		{ 'o', "output", parse_text, &output, NULL },
	};
	struct generator gen = { .out = stdout };
	int at;

	progname = "kvpool-tracegen";
	at = take_options(argc, argv, usage, opts, ARRAY_SIZE(opts));
	if (at < argc)
		die(EX_BAD_USAGE, "'%s' is not an option; see --help", argv[at]);
	gen.span_ms = 1000 * span.value;
	if (output) {
		gen.out = fopen(output, "we");
		if (!gen.out)
			die(EX_BAD_INPUT, "cannot write to %s: %s", output, strerror(errno));
	}

	seed_random(&gen, seed.value);
	generate(&gen, nr_requests.value);
	if (fflush(gen.out) || ferror(gen.out) || (output && fclose(gen.out)))
		die(EX_BAD_INPUT, "cannot write the trace to %s: %s",
		    output ? output : "standard output", strerror(errno));
	free(gen.ids);
	free(gen.past);
	free(gen.heap);
	return EX_OK;
}
