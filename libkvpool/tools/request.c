// SPDX-License-Identifier: MIT
/* Command lines: NOUN VERB [OPERAND]..., with options anywhere. */
#include "request.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "out.h"

#define LONG_ONLY	256	/* above every letter */

/**
 * request_has - Whether an option was given
 * @request:	The command line.
 * @id:		The option.
 *
 * Return: true if the command line has it.
 */
bool request_has(const struct request *request, enum option_id id)
{
	return request->given & OPTION_BIT(id);
}

/**
 * request_wrong - Keep a mistake of the command line
 * @request:	The command line, with its noun if that is known.
 * @fmt:	The mistake.
 *
 * Return: CODE_USAGE.
 */
enum code request_wrong(const struct request *request, const char *fmt, ...)
{
	const struct noun *noun = request->noun;
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	error_set(CODE_USAGE, "%s", text);
	error_hint("see 'kvpoolctl help%s%s'", noun ? " " : "", noun ? noun->name : "");
	return CODE_USAGE;
}

/* Makes the tables of getopt_long(). */
static void make_tables(struct option *longs, char *shorts)
{
	int i;

	*shorts++ = ':';	/* distinguishes a missing value from a wrong option */
	for (i = 0; i < NR_OPTIONS; i++) {
		const struct option_info *info = &option_infos[i];

		longs[i] = (struct option) {
			.name = info->name,
			.has_arg = info->parse ? required_argument : no_argument,
			.val = info->letter ?: LONG_ONLY + i,
		};
		if (!info->letter)
			continue;
		*shorts++ = info->letter;
		if (info->parse)
			*shorts++ = ':';
	}
	longs[i] = (struct option) { 0 };
	*shorts = '\0';
}

static int find_option(int c)
{
	int i;

	for (i = 0; i < NR_OPTIONS; i++)
		if (c == (option_infos[i].letter ?: LONG_ONLY + i))
			break;
	return i;
}

/*
 * Takes all options out of @argv. The first mistake counts, but all options are
 * read: --json may be the last.
 */
static enum code take_options(struct request *request, int argc, char **argv)
{
	char shorts[2 * NR_OPTIONS + 2];
	struct option longs[NR_OPTIONS + 1];
	enum code code = CODE_OK;
	int c, i;

	make_tables(longs, shorts);
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const char *word = argv[optind - 1];

		i = find_option(c == ':' || c == '?' ? optopt : c);
		if (c == ':' || c == '?') {
			if (code)
				continue;
			if (c == ':')
				code = request_wrong(request, "--%s needs a value",
						     option_infos[i].name);
			else if (optopt && i < NR_OPTIONS)
				code = request_wrong(request, "--%s takes no value",
						     option_infos[i].name);
			else if (optopt)
				code = request_wrong(request, "'-%c' is not an option", optopt);
			else
				code = request_wrong(request, "'%s' is not an option", word);
			continue;
		}
		request->given |= OPTION_BIT(i);
		if (i == OPTION_JSON)
			out_use_json();
		if (option_infos[i].parse && !code &&
		    !option_infos[i].parse(optarg, &request->values[i]))
			code = request_wrong(request, "--%s: '%s' is not %s",
					     option_infos[i].name, optarg, option_infos[i].what);
	}
	request->argc = argc - optind;
	request->argv = argv + optind;
	return code;
}

static const char *next_operand(struct request *request)
{
	if (!request->argc)
		return NULL;
	request->argc--;
	return *request->argv++;
}

/* Checks that the options are those of the verb. */
static enum code check_options(const struct request *request)
{
	const struct verb *verb = request->verb;
	uint64_t wrong = request->given & ~(verb->options | OPTIONS_COMMON);
	char names[128] = "";
	int i;

	for (i = 0; i < NR_OPTIONS; i++)
		if (wrong & OPTION_BIT(i))
			return request_wrong(request, "'%s %s' takes no --%s",
					     request->noun->name, verb->name,
					     option_infos[i].name);
	if (!verb->needs || (verb->needs & request->given))
		return CODE_OK;
	for (i = 0; i < NR_OPTIONS; i++)
		if (verb->needs & OPTION_BIT(i))
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s--%s",
				 *names ? ", " : "", option_infos[i].name);
	return request_wrong(request, "'%s %s' needs %s%s", request->noun->name, verb->name,
			     strchr(names, ',') ? "one or more of " : "", names);
}

static enum code check_operands(const struct request *request)
{
	const struct verb *verb = request->verb;

	if (request->argc < verb->min)
		return request_wrong(request, "'%s %s' needs %s", request->noun->name, verb->name,
				     verb->operands);
	if (request->argc > verb->max)
		return request_wrong(request, "'%s %s' takes %s%s: '%s' is too much",
				     request->noun->name, verb->name,
				     verb->max ? "only " : "no operand", verb->operands,
				     request->argv[verb->max]);
	return CODE_OK;
}

/* Takes noun and verb; "help" may stand in the place of either. */
static enum code take_words(struct request *request)
{
	const char *word = next_operand(request);
	char verbs[128];

	if (word && !strcmp(word, "help")) {
		request->given |= OPTION_BIT(OPTION_HELP);
		word = next_operand(request);
	}
	if (!word)
		return request->given & (OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_VERSION)) ?
		       CODE_OK : request_wrong(request, "a noun is missing, such as 'status'");
	request->noun = noun_find(word);
	if (!request->noun)
		return request_wrong(request, "'%s' is not a noun that kvpoolctl knows", word);
	word = next_operand(request);
	if (word && !strcmp(word, "help"))
		request->given |= OPTION_BIT(OPTION_HELP);
	if (request_has(request, OPTION_HELP) || request_has(request, OPTION_VERSION))
		return CODE_OK;
	request->verb = word ? noun_verb(request->noun, word) : request->noun->verbs;
	if (!request->verb)
		return request_wrong(request, "'%s' is not a verb of '%s', which has %s", word,
				     request->noun->name,
				     noun_verbs_text(request->noun, verbs, sizeof(verbs)));
	return check_options(request) ?: check_operands(request);
}

/**
 * request_parse - Read a command line
 * @request:	Is set.
 * @argc:	As of main().
 * @argv:	As of main(); is sorted, and must live as long as @request.
 *
 * --json takes effect also if the rest of the command line is wrong.
 * Return: CODE_OK, or CODE_USAGE with a message kept.
 */
enum code request_parse(struct request *request, int argc, char **argv)
{
	memset(request, 0, sizeof(*request));
	return take_options(request, argc, argv) ?: take_words(request);
}
