// SPDX-License-Identifier: MIT
/*
 * kvpool-llm: a small transformer that answers the questions of a conversation,
 * with its KV cache in the pool: a prefill process produces it, on this host or
 * another, and a decode process consumes it. llm-roles.c describes both.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <kvpool.h>

#include "common.h"
#include "common-options.h"
#include "llm-report.h"
#include "llm-roles.h"

struct options {
	const char *role;
	const char *conversation;
	const char *output;
	const char *expect;
	bool json;
};

static const char * const questions[] = {
	"You are an assistant on a host that serves language models. Answer briefly. "
	"Why is the time to the first token of a long prompt longer than that of a short one?",
	"And why does a second question in the same conversation not have to wait as long?",
	"Where is the cache kept when prefill and decode run on different hosts?",
	"What happens to the cache when one of the two engines is killed and started again?",
};

static void usage(FILE *to)
{
	fprintf(to,
"Usage: kvpool-llm alone|prefill|decode [OPTION]...\n"
"Let a small transformer with random weights answer the questions of a conversation.\n"
"\n"
"  alone                   one process computes everything, without a pool\n"
"  prefill                 compute the questions, keep the KV cache in the pool, and let\n"
"                          decode answer\n"
"  decode                  answer with the KV cache that prefill left in the pool\n"
"\n"
"alone, prefill:\n"
"  -c, --conversation FILE questions, one per line (four built-in ones)\n"
"  -a, --answer N          tokens of each answer, 1 to %d (24)\n"
"  -b, --block-tokens N    tokens of a block, 2 to 1024 (16)\n"
"  -s, --seed N            seed of the weights (1)\n"
"  -o, --output FILE       write the answers and their times\n"
"  -e, --expect FILE       fail if the answers are not those that --output wrote\n"
"  -j, --json              print the figures as one JSON object\n"
"prefill:\n"
"  -C, --connect HOST:PORT where decode listens\n"
"      --damage N          add 1 to a value of the cache in turn N (from 0), to test that\n"
"                          the tokens differ then\n"
"decode:\n"
"  -l, --listen [HOST:]PORT\n"
"                          where to wait for prefill; decode ends when prefill does\n"
"prefill, decode:\n"
"  -T, --tenant NAME       tenant to work in (default)\n"
"  -r, --remote            ask the peers of this host's pool for blocks that it lacks\n"
"  -p, --peer NAME         ask only the peer with this name\n"
"\n"
"The connection carries the questions and the answers; it does not carry the KV cache.\n"
"\n"
"Exit status: 0 done, and equal to what was expected; 1 other answers, or the other\n"
"process has ended; 2 wrong usage; 3 the pool cannot be used; 4 a file cannot be read\n"
"or written.\n", LLM_MAX_ANSWER);
}

static void parse_options(struct options *options, struct llm_run *run, int argc, char **argv)
{
	struct number answer = { run->settings.answer_tokens, 1, LLM_MAX_ANSWER };
	struct number block = { run->settings.block_tokens, 2, 1024 };
	struct number seed = { run->settings.seed, 0, UINT64_MAX };
	struct number damage = { (uint64_t)run->damage, 0, LLM_MAX_TURNS - 1 };
	const struct opt opts[] = {
		{ 'c', "conversation", parse_text, &options->conversation, NULL },
		{ 'a', "answer", parse_number, &answer, NULL },
		{ 'b', "block-tokens", parse_number, &block, NULL },
		{ 's', "seed", parse_number, &seed, NULL },
		{ 'o', "output", parse_text, &options->output, NULL },
		{ 'e', "expect", parse_text, &options->expect, NULL },
		{ 'j', "json", NULL, &options->json, NULL },
		{ 'C', "connect", parse_text, &run->connect, NULL },
		{ 0, "damage", parse_number, &damage, NULL },
		{ 'l', "listen", parse_text, &run->listen, NULL },
		{ 'T', "tenant", parse_text, &run->cache.tenant, NULL },
		{ 'r', "remote", NULL, &run->cache.remote, NULL },
		{ 'p', "peer", parse_text, &run->cache.peer, NULL },
	};
	int at = take_options(argc, argv, usage, opts, ARRAY_SIZE(opts));

	if (at + 1 != argc)
		die(EX_BAD_USAGE, "name a role: alone, prefill or decode; see --help");
	options->role = argv[at];
	run->settings.answer_tokens = (uint32_t)answer.value;
	run->settings.block_tokens = (uint32_t)block.value;
	run->settings.seed = seed.value;
	run->damage = (int)damage.value;
	run->cache.remote |= run->cache.peer != NULL;
}

static void read_conversation(struct llm_run *run, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;
	ssize_t len;

	if (!file)
		die(EX_BAD_INPUT, "cannot open %s: %s", path, strerror(errno));
	while ((len = getline(&text, &room, file)) > 0) {
		if (text[len - 1] == '\n')
			text[--len] = '\0';
		if (!len)
			continue;
		if (run->nr_turns == LLM_MAX_TURNS)
			die(EX_BAD_INPUT, "%s has more than %d questions", path, LLM_MAX_TURNS);
		run->questions[run->nr_turns++] = text;
		text = NULL;
		room = 0;
	}
	free(text);
	fclose(file);
	if (!run->nr_turns)
		die(EX_BAD_INPUT, "%s has no question", path);
}

static void own_conversation(struct llm_run *run)
{
	for (; run->nr_turns < sizeof(questions) / sizeof(questions[0]); run->nr_turns++) {
		run->questions[run->nr_turns] = strdup(questions[run->nr_turns]);
		if (!run->questions[run->nr_turns])
			die(EX_BAD_INPUT, "no memory");
	}
}

static void (*choose_role(const struct options *options, const struct llm_run *run))(struct llm_run *)
{
	bool decode = !strcmp(options->role, "decode");

	if (decode && !run->listen)
		die(EX_BAD_USAGE, "decode needs --listen");
	if (decode && (options->conversation || options->output || options->expect))
		die(EX_BAD_USAGE, "decode receives its settings from prefill; give it --listen, --tenant, --remote and --peer only");
	if (decode)
		return llm_decode;
	if (!strcmp(options->role, "alone"))
		return llm_alone;
	if (strcmp(options->role, "prefill"))
		die(EX_BAD_USAGE, "'%s' is not a role; the roles are alone, prefill and decode", options->role);
	if (!run->connect)
		die(EX_BAD_USAGE, "prefill needs --connect HOST:PORT, where decode listens");
	return llm_prefill;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	void (*role)(struct llm_run *);
	struct llm_run *run;
	int code = EX_OK;

	progname = "kvpool-llm";
	run = xcalloc(1, sizeof(*run));
	run->settings = (struct llm_settings) {
		.seed = 1, .block_tokens = 16, .answer_tokens = 24,
	};
	run->damage = -1;
	parse_options(&options, run, argc, argv);
	role = choose_role(&options, run);
	if (role != llm_decode) {
		if (options.conversation)
			read_conversation(run, options.conversation);
		else
			own_conversation(run);
	}
	role(run);
	if (options.output)
		llm_write_answers(run, options.output);
	if (options.expect && !llm_compare_answers(run, options.expect))
		code = EX_FAILED;
	if (options.json)
		llm_report_json(run, options.role);
	else
		llm_report_text(run, options.role);
	while (run->nr_turns)
		free(run->questions[--run->nr_turns]);
	free(run);
	return code;
}
