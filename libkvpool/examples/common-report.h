/* SPDX-License-Identifier: MIT */
/* The figures of a run of kvpool-replay. */
#ifndef KVPOOL_EXAMPLES_COMMON_REPORT_H
#define KVPOOL_EXAMPLES_COMMON_REPORT_H

#include <linux/kvpool.h>

#include "common-roles.h"

enum comparison {
	COMPARE_NONE,		/* nothing to compare with */
	COMPARE_EQUAL,
	COMPARE_DIFFERENT,
};

struct report {
	const struct job *job;
	const char *trace_path;
	char policy[64];		/* "" if it cannot be read */
	uint64_t pool_bytes;		/* zero if it cannot be read */
	struct kvpool_stats before;
	struct kvpool_stats after;
	uint64_t wall_ns;
	bool stopped;
	bool verified;			/* both processes ended without an error */
	bool failed;
	enum comparison comparison;
};

/**
 * emulated_cpu() - Whether the CPU is QEMU's without KVM
 *
 * Return: whether times do not apply to hardware.
 */
bool emulated_cpu(void);

/**
 * report_progress() - Print one line to standard error
 * @report:	The report, of a run in progress.
 * @elapsed_ns: Time since the run began.
 */
void report_progress(const struct report *report, uint64_t elapsed_ns);

/**
 * report_text() - Print the figures for people
 * @report: The report.
 */
void report_text(const struct report *report);

/**
 * report_json() - Print the figures as one JSON object
 * @report: The report.
 */
void report_json(const struct report *report);

#endif /* KVPOOL_EXAMPLES_COMMON_REPORT_H */
