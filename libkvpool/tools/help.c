// SPDX-License-Identifier: MIT
/* Help out of the tables of nouns and options. */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include <linux/kvpool.h>

#include "out.h"

static void print_option(int id)
{
	const struct option_info *info = &option_infos[id];
	char text[64];

	snprintf(text, sizeof(text), "--%s%s%s", info->name, info->operand ? " " : "",
		 info->operand ? info->operand : "");
	if (info->letter)
		printf("  -%c, %-20s %s\n", info->letter, text, info->meaning);
	else
		printf("      %-20s %s\n", text, info->meaning);
}

static void print_options(uint64_t options)
{
	int i;

	printf("\nOptions:\n");
	for (i = 0; i < NR_OPTIONS; i++)
		if (options & OPTION_BIT(i))
			print_option(i);
}

static void print_general(void)
{
	const struct noun * const *noun;
	char verbs[128];
	int i;

	printf("Usage: kvpoolctl NOUN [VERB] [OPERAND]... [OPTION]...\n"
	       "Show and change the KV-cache pool of this host. A noun alone shows.\n"
	       "\nNouns:\n");
	for (noun = nouns; *noun; noun++)
		printf("  %-9s %-27s %s\n", (*noun)->name,
		       noun_verbs_text(*noun, verbs, sizeof(verbs)), (*noun)->summary);
	printf("  %-9s %-27s %s\n", "help", "[NOUN]", "this text, or that of a noun");
	print_options(OPTIONS_COMMON);
	printf("\n"
"Plurals of nouns are accepted. SIZE is a number of bytes, or has a suffix K, M, G\n"
"or T (powers of 1024).\n"
"\n"
"Exit status:\n");
	for (i = 0; i < NR_CODES; i++)
		printf("  %d  %s\n", i, code_infos[i].meaning);
}

/* The options of a verb in its line of usage. */
static void print_usage(const struct noun *noun, const struct verb *verb)
{
	int i, column;

	column = printf("%s kvpoolctl %s %s%s%s", verb == noun->verbs ? "Usage:" : "      ",
			noun->name, verb->name, *verb->operands ? " " : "", verb->operands);
	for (i = 0; i < NR_OPTIONS; i++) {
		const struct option_info *info = &option_infos[i];
		char text[64];

		if (!(verb->options & OPTION_BIT(i)))
			continue;
		snprintf(text, sizeof(text), " [--%s%s%s]", info->name, info->operand ? " " : "",
			 info->operand ? info->operand : "");
		if (column + (int)strlen(text) > 80)
			column = printf("\n                ") - 1;
		column += printf("%s", text);
	}
	putchar('\n');
}

static void print_noun(const struct noun *noun)
{
	uint64_t options = OPTIONS_COMMON;
	const struct verb *verb;

	for (verb = noun->verbs; verb->name; verb++) {
		print_usage(noun, verb);
		options |= verb->options;
	}
	printf("\nNoun: %s, %s.\n\nVerbs:\n", noun->name, noun->summary);
	for (verb = noun->verbs; verb->name; verb++)
		printf("  %-7s %s\n", verb->name, verb->summary);
	print_options(options);
	if (noun->notes)
		printf("\n%s", noun->notes);
}

static void list_options(uint64_t options)
{
	int i;

	out_array("options");
	for (i = 0; i < NR_OPTIONS; i++)
		if (options & OPTION_BIT(i))
			out_text(NULL, option_infos[i].name);
	out_end();
}

static void list_noun(const struct noun *noun)
{
	const struct verb *verb;

	out_object(NULL);
	out_text("name", noun->name);
	if (noun->plural)
		out_text("plural", noun->plural);
	out_text("summary", noun->summary);
	out_array("verbs");
	for (verb = noun->verbs; verb->name; verb++) {
		out_object(NULL);
		out_text("name", verb->name);
		out_text("operands", verb->operands);
		out_text("summary", verb->summary);
		list_options(verb->options | OPTIONS_COMMON);
		out_end();
	}
	out_end();
	out_end();
}

static void list_tables(void)
{
	int i;

	out_array("options");
	for (i = 0; i < NR_OPTIONS; i++) {
		const char letter[2] = { option_infos[i].letter };

		out_object(NULL);
		out_text("name", option_infos[i].name);
		if (*letter)
			out_text("letter", letter);
		if (option_infos[i].operand)
			out_text("operand", option_infos[i].operand);
		out_text("meaning", option_infos[i].meaning);
		out_end();
	}
	out_end();
	out_array("exit_statuses");
	for (i = 0; i < NR_CODES; i++) {
		out_object(NULL);
		out_number("exit_status", (uint64_t)i);
		out_text("code", code_infos[i].name);
		out_text("meaning", code_infos[i].meaning);
		out_end();
	}
	out_end();
}

/**
 * help_show - Show help on stdout
 * @noun:	The subject; null for an overview.
 *
 * JSON has the whole grammar, for programs that complete command lines.
 */
void help_show(const struct noun *noun)
{
	const struct noun * const *each;

	if (!out_is_json()) {
		if (noun)
			print_noun(noun);
		else
			print_general();
		return;
	}
	out_array("nouns");
	for (each = nouns; *each; each++)
		if (!noun || *each == noun)
			list_noun(*each);
	out_end();
	list_tables();
	out_finish();
}

/**
 * help_version - Show the version of the tool and of the module's interface
 */
void help_version(void)
{
	if (!out_is_json()) {
		printf("kvpoolctl %s (ABI %d)\n", KVPOOLCTL_VERSION, KVPOOL_ABI_VERSION);
		return;
	}
	out_object("version");
	out_text("kvpoolctl", KVPOOLCTL_VERSION);
	out_number("abi_version", KVPOOL_ABI_VERSION);
	out_end();
	out_finish();
}
