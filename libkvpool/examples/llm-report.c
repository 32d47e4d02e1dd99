// SPDX-License-Identifier: MIT
/* The figures of kvpool-llm, for people, as JSON, and for a later comparison. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "common.h"
#include "common-report.h"
#include "llm-report.h"

#define FILE_HEAD	"kvpool-llm answers 1"

/* ------------------------------------------------------------------------ */
/* Answers of a run, for comparison with those of another run               */
/* ------------------------------------------------------------------------ */

void llm_write_answers(const struct llm_run *run, const char *path)
{
	FILE *file = fopen(path, "we");
	unsigned int i;
	uint32_t at;

	if (!file)
		die(EX_BAD_INPUT, "cannot write to %s: %s", path, strerror(errno));
	fprintf(file, "%s seed %" PRIu64 "\n", FILE_HEAD, run->settings.seed);
	for (i = 0; i < run->nr_turns; i++) {
		const struct llm_turn *turn = &run->turns[i];

		fprintf(file, "%u %" PRIu32 " %" PRIu64 " %016" PRIx64 " %" PRIu32, i,
			turn->prompt_tokens, turn->first_token_ns, turn->digest,
			turn->answer_tokens);
		for (at = 0; at < turn->answer_tokens; at++)
			fprintf(file, " %" PRIu32, turn->answer[at]);
		fputc('\n', file);
	}
	if (fflush(file) || ferror(file) || fclose(file))
		die(EX_BAD_INPUT, "cannot write to %s: %s", path, strerror(errno));
}

/* False if the line is not that of a turn. */
static bool compare_turn(FILE *file, struct llm_turn *turn, unsigned int want)
{
	uint32_t prompt, nr, token, at;
	uint64_t first, digest;
	unsigned int number;
	bool equal;

	if (fscanf(file, "%u %" SCNu32 " %" SCNu64 " %" SCNx64 " %" SCNu32, &number, &prompt,
		   &first, &digest, &nr) != 5 || number != want)
		return false;
	equal = prompt == turn->prompt_tokens && digest == turn->digest &&
		nr == turn->answer_tokens;
	for (at = 0; at < nr; at++) {
		if (fscanf(file, "%" SCNu32, &token) != 1)
			return false;
		if (at < LLM_MAX_ANSWER && token != turn->answer[at])
			equal = false;
	}
	turn->expected = true;
	turn->equal = equal;
	turn->alone_first_token_ns = first;
	return true;
}

/* True if all turns equal those in the file. */
bool llm_compare_answers(struct llm_run *run, const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned int i, different = 0;
	uint64_t seed;

	if (!file)
		die(EX_BAD_INPUT, "cannot open %s: %s", path, strerror(errno));
	if (fscanf(file, FILE_HEAD " seed %" SCNu64, &seed) != 1)
		die(EX_BAD_INPUT, "%s is not an answer file; write one with --output", path);
	if (seed != run->settings.seed)
		die(EX_BAD_INPUT, "%s has the answers of the seed %" PRIu64 "; give --seed the same", path, seed);
	for (i = 0; i < run->nr_turns; i++) {
		if (!compare_turn(file, &run->turns[i], i))
			die(EX_BAD_INPUT, "%s: turn %u is missing or damaged", path, i);
		if (!run->turns[i].equal)
			different++;
	}
	fclose(file);
	if (different)
		complain("TOKENS DIFFER from those in %s in %u of %u turns", path, different,
			 run->nr_turns);
	return !different;
}

/* ------------------------------------------------------------------------ */
/* For people                                                               */
/* ------------------------------------------------------------------------ */

static uint32_t reused(const struct llm_run *run, const struct llm_side *side)
{
	return (side->local_blocks + side->remote_blocks) * run->settings.block_tokens;
}

static void print_answer(const struct llm_turn *turn)
{
	uint32_t i;

	for (i = 0; i < turn->answer_tokens; i++)
		putchar((int)turn->answer[i]);
}

static void print_turns(const struct llm_run *run, bool pool)
{
	unsigned int i;

	printf("\n        prompt");
	if (pool)
		printf("  prefill           decode             blocks  first token\n"
		       "  turn  tokens  reused computed  leased computed  from    with      alone\n"
		       "                                                  peers\n");
	else
		printf("  computed  first token\n  turn  tokens\n");
	for (i = 0; i < run->nr_turns; i++) {
		const struct llm_turn *turn = &run->turns[i];

		printf("  %4u  %6" PRIu32, i + 1, turn->prompt_tokens);
		if (!pool) {
			printf("  %8" PRIu32 "  %8.2f s\n", turn->decode.computed_tokens,
			       (double)turn->first_token_ns / 1e9);
			continue;
		}
		printf("  %6" PRIu32 " %8" PRIu32 "  %6" PRIu32 " %8" PRIu32 "  %5" PRIu32
		       "  %6.2f s", reused(run, &turn->prefill), turn->prefill.computed_tokens,
		       reused(run, &turn->decode), turn->decode.computed_tokens,
		       turn->prefill.remote_blocks + turn->decode.remote_blocks,
		       (double)turn->first_token_ns / 1e9);
		if (turn->expected)
			printf("  %6.2f s  %s", (double)turn->alone_first_token_ns / 1e9,
			       turn->equal ? "same tokens" : "OTHER TOKENS");
		putchar('\n');
	}
}

struct totals {
	uint64_t prompt, reused, computed, produced, remote, remote_bytes;
	uint64_t first, first_alone;
	bool expected, equal;
};

static struct totals sum(const struct llm_run *run)
{
	struct totals all = { .expected = true, .equal = true };
	unsigned int i;

	for (i = 0; i < run->nr_turns; i++) {
		const struct llm_turn *turn = &run->turns[i];
		const struct llm_side *p = &turn->prefill;
		const struct llm_side *d = &turn->decode;

		all.prompt += turn->prompt_tokens;
		all.reused += reused(run, p);
		all.computed += p->computed_tokens + d->computed_tokens;
		all.produced += p->produced_blocks + d->produced_blocks;
		all.remote += p->remote_blocks + d->remote_blocks;
		all.remote_bytes += p->remote_bytes + d->remote_bytes;
		all.first += turn->first_token_ns;
		all.first_alone += turn->alone_first_token_ns;
		all.expected &= turn->expected;
		all.equal &= turn->equal;
	}
	return all;
}

static void print_totals(const struct llm_run *run)
{
	struct totals all = sum(run);
	char size[32];

	printf("\n  prompt tokens reused by prefill     %" PRIu64 " of %" PRIu64 "\n",
	       all.reused, all.prompt);
	printf("  blocks produced                     %" PRIu64 ", each %zu bytes (%" PRIu32
	       " tokens)\n", all.produced, run->settings.block_tokens * LLM_TOKEN_BYTES,
	       run->settings.block_tokens);
	printf("  blocks read from peers              %" PRIu64 ", %" PRIu64 " bytes (%s)\n",
	       all.remote, all.remote_bytes, size_text(all.remote_bytes, size, sizeof(size)));
	printf("  bytes copied by the kernel          prefill %" PRIu64 ", decode %" PRIu64 "\n",
	       run->prefill_copied, run->decode_copied);
	printf("  time to first token, all turns      %.2f s", (double)all.first / 1e9);
	if (all.expected)
		printf(" with the pool, %.2f s alone", (double)all.first_alone / 1e9);
	putchar('\n');
	if (all.expected)
		printf("\n%s\n", all.equal ?
		       "the tokens of all answers, and their scores, are those of one host alone" :
		       "TOKENS DIFFER from those of one host alone");
}

void llm_report_text(const struct llm_run *run, const char *role)
{
	bool pool = !strcmp(role, "prefill");
	unsigned int i;

	if (!strcmp(role, "decode")) {
		printf("kvpool-llm decode: %u turns answered\n", run->nr_turns);
		return;
	}
	printf("\nkvpool-llm %s: %d layers, %d heads of %d values, weights from the seed %" PRIu64
	       "\n\n", role, LLM_LAYERS, LLM_HEADS, LLM_HEAD_DIM, run->settings.seed);
	for (i = 0; i < run->nr_turns; i++) {
		printf("  User: %s\n  Assistant: ", run->questions[i]);
		print_answer(&run->turns[i]);
		putchar('\n');
	}
	print_turns(run, pool);
	if (pool)
		print_totals(run);
	if (emulated_cpu())
		printf("\n  The CPU is emulated (QEMU without KVM): times do not apply to hardware,\n"
		       "  and the weights are random, so answers mean nothing. Counts are exact.\n");
}

/* ------------------------------------------------------------------------ */
/* For programs                                                             */
/* ------------------------------------------------------------------------ */

static void json_side(const char *name, const struct llm_side *side)
{
	printf(", \"%s\": {\"local_blocks\": %" PRIu32 ", \"remote_blocks\": %" PRIu32
	       ", \"remote_bytes\": %" PRIu64 ", \"produced_blocks\": %" PRIu32
	       ", \"computed_tokens\": %" PRIu32 "}", name, side->local_blocks,
	       side->remote_blocks, side->remote_bytes, side->produced_blocks,
	       side->computed_tokens);
}

static void json_turn(const struct llm_run *run, const struct llm_turn *turn)
{
	uint32_t i;

	printf("{\"prompt_tokens\": %" PRIu32 ", \"reused_tokens\": %" PRIu32
	       ", \"first_token_ns\": %" PRIu64 ", \"digest\": \"%016" PRIx64 "\"",
	       turn->prompt_tokens, reused(run, &turn->prefill), turn->first_token_ns,
	       turn->digest);
	json_side("prefill", &turn->prefill);
	json_side("decode", &turn->decode);
	if (turn->expected)
		printf(", \"alone_first_token_ns\": %" PRIu64 ", \"equal\": %s",
		       turn->alone_first_token_ns, turn->equal ? "true" : "false");
	printf(", \"answer\": [");
	for (i = 0; i < turn->answer_tokens; i++)
		printf("%s%" PRIu32, i ? ", " : "", turn->answer[i]);
	printf("]}");
}

void llm_report_json(const struct llm_run *run, const char *role)
{
	struct totals all = sum(run);
	unsigned int i;

	printf("{\"role\": \"%s\", \"seed\": %" PRIu64 ", \"block_tokens\": %" PRIu32
	       ", \"block_bytes\": %zu, \"turns\": [", role, run->settings.seed,
	       run->settings.block_tokens, run->settings.block_tokens * LLM_TOKEN_BYTES);
	for (i = 0; i < run->nr_turns; i++) {
		if (i)
			printf(", ");
		json_turn(run, &run->turns[i]);
	}
	printf("], \"prompt_tokens\": %" PRIu64 ", \"reused_tokens\": %" PRIu64
	       ", \"computed_tokens\": %" PRIu64 ", \"produced_blocks\": %" PRIu64
	       ", \"remote_blocks\": %" PRIu64 ", \"remote_bytes\": %" PRIu64
	       ", \"copied_bytes\": {\"prefill\": %" PRIu64 ", \"decode\": %" PRIu64 "}"
	       ", \"equals_expected\": %s, \"emulated_cpu\": %s}\n",
	       all.prompt, all.reused, all.computed, all.produced, all.remote,
	       all.remote_bytes, run->prefill_copied, run->decode_copied,
	       all.expected ? all.equal ? "true" : "false" : "null",
	       emulated_cpu() ? "true" : "false");
}
