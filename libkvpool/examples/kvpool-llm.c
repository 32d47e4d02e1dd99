// SPDX-License-Identifier: MIT
/*
 * kvpool-llm: a small transformer that answers the questions of a conversation,
 * with its KV cache in the pool: a prefill process produces it, on this host or
 * another, and a decode process consumes it. llm-roles.c says what they do.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <kvpool.h>

#include "common.h"
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
"  prefill                 compute what is asked, keep the KV cache in the pool, and let\n"
"                          decode answer\n"
"  decode                  answer with the KV cache that prefill left in the pool\n"
"\n"
"alone, prefill:\n"
"  -c, --conversation FILE questions, one a line (four of its own)\n"
"  -a, --answer N          tokens of each answer, 1 to %d (24)\n"
"  -b, --block-tokens N    tokens of a block, 2 to 1024 (16)\n"
"  -s, --seed N            seed of the weights (1)\n"
"  -o, --output FILE       write the answers and their times\n"
"  -e, --expect FILE       fail if the answers are not those that --output wrote\n"
"  -j, --json              print the figures as one JSON object\n"
"prefill:\n"
"  -C, --connect HOST:PORT where decode listens\n"
"      --damage N          add 1 to a value of the cache in turn N (from 0), to see that\n"
"                          the tokens differ then\n"
"decode:\n"
"  -l, --listen [HOST:]PORT\n"
"                          where to wait for prefill; ends when it does\n"
"prefill, decode:\n"
"  -T, --tenant NAME       tenant to work in (default)\n"
"  -r, --remote            ask the peers of this host's pool for blocks that it lacks\n"
"  -p, --peer N            ask only the peer with this number\n"
"\n"
"The connection carries the questions and the answers; the KV cache does not pass there.\n"
"\n"
"Exit status: 0 done, and equal to what was expected; 1 other answers, or the other\n"
"process went away; 2 wrong usage; 3 the pool cannot be used; 4 a file cannot be read\n"
"or written.\n", LLM_MAX_ANSWER);
}

static void parse_options(struct options *options, struct llm_run *run, int argc, char **argv)
{
	enum { OPT_DAMAGE = 256 };
	static const struct option table[] = {
		{ "conversation", required_argument, NULL, 'c' },
		{ "answer", required_argument, NULL, 'a' },
		{ "block-tokens", required_argument, NULL, 'b' },
		{ "seed", required_argument, NULL, 's' },
		{ "output", required_argument, NULL, 'o' },
		{ "expect", required_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ "connect", required_argument, NULL, 'C' },
		{ "damage", required_argument, NULL, OPT_DAMAGE },
		{ "listen", required_argument, NULL, 'l' },
		{ "tenant", required_argument, NULL, 'T' },
		{ "remote", no_argument, NULL, 'r' },
		{ "peer", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "c:a:b:s:o:e:jC:l:T:rp:h", table, NULL)) != -1) {
		switch (opt) {
		case 'c':
			options->conversation = optarg;
			break;
		case 'a':
			run->settings.answer_tokens =
				(uint32_t)parse_number("--answer", optarg, 1, LLM_MAX_ANSWER);
			break;
		case 'b':
			run->settings.block_tokens =
				(uint32_t)parse_number("--block-tokens", optarg, 2, 1024);
			break;
		case 's':
			run->settings.seed = parse_number("--seed", optarg, 0, UINT64_MAX);
			break;
		case 'o':
			options->output = optarg;
			break;
		case 'e':
			options->expect = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 'C':
			run->connect = optarg;
			break;
		case OPT_DAMAGE:
			run->damage = (int)parse_number("--damage", optarg, 0, LLM_MAX_TURNS - 1);
			break;
		case 'l':
			run->listen = optarg;
			break;
		case 'T':
			run->cache.tenant = optarg;
			break;
		case 'p':
			run->cache.peer = (uint32_t)parse_number("--peer", optarg, 1, UINT32_MAX);
			run->cache.remote = true;
			break;
		case 'r':
			run->cache.remote = true;
			break;
		case 'h':
			usage(stdout);
			exit(EX_OK);
		default:
			usage(stderr);
			exit(EX_BAD_USAGE);
		}
	}
	if (optind + 1 != argc)
		die(EX_BAD_USAGE, "say alone, prefill or decode; see --help");
	options->role = argv[optind];
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
		die(EX_BAD_USAGE, "decode is told what to do by prefill; give it --listen, --tenant, --remote and --peer only");
	if (decode)
		return llm_decode;
	if (!strcmp(options->role, "alone"))
		return llm_alone;
	if (strcmp(options->role, "prefill"))
		die(EX_BAD_USAGE, "'%s' is not a role: alone, prefill, decode", options->role);
	if (!run->connect)
		die(EX_BAD_USAGE, "prefill needs --connect: where does decode listen?");
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
