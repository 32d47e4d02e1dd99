/* SPDX-License-Identifier: MIT */
/* What the parts of kvpoolctl share. */
#ifndef KVPOOLCTL_H
#define KVPOOLCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../shared/shared.h"

/* Exit codes; kvpoolctl(8) lists them. */
enum {
	EX_OK = 0,
	EX_FAILED = 1,		/* the module refused */
	EX_BAD_USAGE = 2,	/* the command line is wrong */
	EX_NO_MODULE = 3,	/* the module is not there */
	EX_NO_PERMISSION = 4,	/* not allowed */
	EX_NOT_FOUND = 5,	/* no such tenant, tier, knob, peer or link */
	EX_GO_ON = -1,		/* not an exit code: the command goes on */
};

#define VALUE_MAX	512	/* longest value of a sysfs file */
#define NAME_MAX_LEN	64	/* longest name that is shown */

/* The command line of a command. */
struct args {
	const char *command;
	bool json;
	int argc;		/* with the command until the options are parsed */
	char **argv;
};

/* Commands return an exit code. */
int cmd_status(struct args *args);
int cmd_top(struct args *args);
int cmd_tenants(struct args *args);
int cmd_blocks(struct args *args);
int cmd_knobs(struct args *args);
int cmd_tiers(struct args *args);
int cmd_peer(struct args *args);
int cmd_link(struct args *args);
int cmd_fabric(struct args *args);
int cmd_session(struct args *args);
int cmd_events(struct args *args);

/* options.c */
enum answer { ANSWER_NONE, ANSWER_NO, ANSWER_YES };

int parse_options(struct args *args, void (*usage)(FILE *to), const struct opt *opts, int nr);
const char *take_verb(struct args *args, const char *usual);
bool parse_count(const char *text, void *value);
bool parse_number(const char *text, void *value);
bool parse_bool(const char *text, void *value);

/* util.c */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int usage_error(const char *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void *xrealloc(void *memory, size_t nr, size_t size);
const char *size_text(uint64_t bytes, char *buf, size_t len);
int finish_stdout(int code);

/* sysfs.c: paths are relative to /sys/class/misc/kvpool. */
int sysfs_present(void);
int sysfs_read(const char *path, char *value, size_t len);
int sysfs_read_u64(const char *path, uint64_t *value);
int sysfs_write(const char *path, const char *value);
int sysfs_fail(const char *action, const char *path, int error);
int sysfs_list(const char *path, char ***names);
void sysfs_list_free(char **names, int nr);
bool sysfs_name_ok(const char *name);
FILE *debugfs_open(const char *name, int *code);

/* Counters of a tenant, in the order of the table in counters.c. */
enum counter {
	C_BLOCKS, C_BYTES, C_ARENA_BYTES, C_PINNED_BYTES, C_QUARANTINED_BYTES,
	C_PENDING, C_LEASES, C_LOOKUPS, C_HITS, C_PRODUCED_BLOCKS,
	C_PRODUCED_BYTES, C_CONSUMED_BYTES, C_COPIED_BYTES, C_EVICTED_BLOCKS,
	C_EVICTED_BYTES, C_REMOVED_BLOCKS, C_ABORTED_BLOCKS,
	C_PREEMPTED_BLOCKS, C_REJECTED,
	C_FETCHED_BLOCKS, C_FETCHED_BYTES, C_PUSHED_BLOCKS, C_PUSHED_BYTES,
	C_SERVED_BLOCKS, C_SERVED_BYTES, C_RECEIVED_BLOCKS, C_RECEIVED_BYTES,
	C_CANCELLED_OPS, C_TIMEDOUT_OPS,
	NR_COUNTERS
};

struct tenant {
	char name[NAME_MAX_LEN];
	char uid[32];
	char gid[32];
	uint64_t id;
	uint64_t contexts;
	uint64_t quota_bytes;
	uint64_t pin_quota_bytes;
	uint64_t counter[NR_COUNTERS];
};

struct tier {
	char name[NAME_MAX_LEN];
	uint64_t node;
	uint64_t limit_bytes;
	uint64_t allocated_bytes;
	uint64_t used_bytes;
};

/* counters.c */
extern const char * const counter_names[NR_COUNTERS];

int read_tenant(const char *name, struct tenant *tenant);
int read_tenants(struct tenant **tenants, int *nr);
int read_tiers(struct tier **tiers, int *nr);
double hit_rate(const uint64_t *counter);
void json_tenant(const struct tenant *tenant);
void json_tenants(const char *name, const struct tenant *tenants, int nr);
void json_tiers(const char *name, const struct tier *tiers, int nr);

/* json.c: @name is null for elements of an array and for the outermost. */
void json_begin(const char *name, char bracket);
void json_end(char bracket);
void json_text(const char *name, const char *value);
void json_number(const char *name, uint64_t value);
void json_real(const char *name, double value);
void json_bool(const char *name, bool value);
void json_value(const char *name, const char *value);
void json_done(void);

#endif /* KVPOOLCTL_H */
