/* SPDX-License-Identifier: MIT */
/* The figures of kvpool-llm. */
#ifndef KVPOOL_EXAMPLES_LLM_REPORT_H
#define KVPOOL_EXAMPLES_LLM_REPORT_H

#include "llm-roles.h"

/**
 * llm_write_answers() - Write the answers of a run to a file
 * @run:  The run.
 * @path: The file. A failure ends the program with a message.
 */
void llm_write_answers(const struct llm_run *run, const char *path);

/**
 * llm_compare_answers() - Compare a run with answers that were written before
 * @run:  The run, whose turns get the result.
 * @path: The file. A bad file ends the program with a message.
 *
 * Return: whether all turns equal those in the file.
 */
bool llm_compare_answers(struct llm_run *run, const char *path);

/**
 * llm_report_text() - Print the figures for people
 * @run:  The run.
 * @role: Name of the role.
 */
void llm_report_text(const struct llm_run *run, const char *role);

/**
 * llm_report_json() - Print the figures as one JSON object
 * @run:  The run.
 * @role: Name of the role.
 */
void llm_report_json(const struct llm_run *run, const char *role);

#endif /* KVPOOL_EXAMPLES_LLM_REPORT_H */
