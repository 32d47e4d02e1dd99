// SPDX-License-Identifier: MIT
/*
 * kvpool-replay: follows a request trace with a prefill process that produces
 * KV-cache blocks and a decode process that consumes them, each with its own
 * open file of the pool, and verifies every byte. common-roles.c describes both
 * processes. They may run on two hosts whose pools are peers.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kvpool.h>

#include "common.h"
#include "common-net.h"
#include "common-options.h"
#include "common-report.h"
#include "common-roles.h"
#include "common-sysfs.h"

struct options {
	const char *trace;
	const char *tenant;
	const char *policy;
	const char *hits_out;
	const char *expect_hits;
	const char *connect;
	const char *listen;
	uint64_t block_size;
	uint64_t pool_bytes;
	uint64_t requests;
	int64_t damage;
	unsigned int depth;
	bool drop;
	bool json;
	bool quiet;
};

static volatile sig_atomic_t signalled;

static void on_signal(int sig)
{
	signalled = sig;
}

static void usage(FILE *to)
{
	fprintf(to,
"Usage: kvpool-replay --trace FILE [OPTION]...\n"
"Produce and consume KV-cache blocks through /dev/kvpool for a request trace,\n"
"and verify every byte that is consumed.\n"
"\n"
"  -t, --trace FILE        trace in JSON lines, - for standard input\n"
"  -n, --requests N        only the first N requests\n"
"  -b, --block-size SIZE   bytes that stand for the 512 tokens of a hash id (12K)\n"
"  -p, --pool SIZE         size of the pool during the run; needs root\n"
"  -P, --policy NAME       eviction policy during the run; needs root\n"
"  -T, --tenant NAME       tenant to work in (default)\n"
"  -D, --drop              first drop all blocks of the tenant; needs root\n"
"  -d, --pipeline DEPTH    requests in flight, 1 to %u (1); with several,\n"
"                          hit counts depend on timing\n"
"  -o, --hits-out FILE     write 'request blocks hits produced consumed' lines\n"
"  -e, --expect-hits FILE  fail if these lines, from the simulator, differ\n"
"      --damage N          flip a bit in a block that request N produces, to test\n"
"                          that verification finds it\n"
"  -C, --connect HOST:PORT run prefill only; decode listens there, on a host that\n"
"                          has this host as a peer\n"
"  -l, --listen [HOST:]PORT\n"
"                          run decode only, in --tenant; prefill sends the other options\n"
"  -j, --json              print the figures as one JSON object\n"
"  -q, --quiet             no progress\n"
"  -h, --help              show this text\n"
"\n"
"SIZE is in bytes, or has a suffix K, M, G or T (powers of 1024).\n"
"Knobs that are set for the run are restored at its end.\n"
"\n"
"Exit status: 0 all verified, and equal to what was expected; 1 a wrong byte, a\n"
"difference, or bytes copied by the kernel; 2 wrong usage; 3 the pool or a knob\n"
"cannot be used; 4 a file cannot be read or written; 130 stopped by a signal.\n",
		MAX_DEPTH);
}

static void parse_options(struct options *options, int argc, char **argv)
{
	struct number requests = { options->requests, 1, SIZE_MAX };
	struct number depth = { options->depth, 1, MAX_DEPTH };
	struct number damage = { (uint64_t)options->damage, 0, INT64_MAX };
	const struct opt opts[] = {
		{ 't', "trace", parse_text, &options->trace, NULL },
		{ 'n', "requests", parse_number, &requests, NULL },
		{ 'b', "block-size", parse_bytes, &options->block_size, NULL },
		{ 'p', "pool", parse_bytes, &options->pool_bytes, NULL },
		{ 'P', "policy", parse_text, &options->policy, NULL },
		{ 'T', "tenant", parse_text, &options->tenant, NULL },
		{ 'D', "drop", NULL, &options->drop, NULL },
		{ 'd', "pipeline", parse_number, &depth, NULL },
		{ 'o', "hits-out", parse_text, &options->hits_out, NULL },
		{ 'e', "expect-hits", parse_text, &options->expect_hits, NULL },
		{ 0, "damage", parse_number, &damage, NULL },
		{ 'C', "connect", parse_text, &options->connect, NULL },
		{ 'l', "listen", parse_text, &options->listen, NULL },
		{ 'j', "json", NULL, &options->json, NULL },
		{ 'q', "quiet", NULL, &options->quiet, NULL },
	};
	int at = take_options(argc, argv, usage, opts, ARRAY_SIZE(opts));

	options->requests = requests.value;
	options->depth = (unsigned int)depth.value;
	options->damage = (int64_t)damage.value;
	if (at < argc)
		die(EX_BAD_USAGE, "'%s' is not an option; see --help", argv[at]);
	if (options->listen && (options->trace || options->connect || options->expect_hits))
		die(EX_BAD_USAGE, "--listen: give --trace, --connect and --expect-hits to prefill only");
	if (!options->trace && !options->listen)
		die(EX_BAD_USAGE, "--trace is missing; kvpool-tracegen makes a trace");
	if (options->block_size < KVPOOL_BLOCK_MIN || options->block_size > KVPOOL_BLOCK_MAX)
		die(EX_BAD_USAGE, "--block-size: a block has from %llu to %llu bytes",
		    KVPOOL_BLOCK_MIN, KVPOOL_BLOCK_MAX);
	if (options->pool_bytes % (2 << 20))
		die(EX_BAD_USAGE, "--pool: the size must be a multiple of 2M");
	if (options->expect_hits && options->depth > 1)
		die(EX_BAD_USAGE, "--expect-hits needs --pipeline 1: with a higher value, hit counts depend on timing");
}

/* ------------------------------------------------------------------------ */
/* Results of the simulator                                                 */
/* ------------------------------------------------------------------------ */

struct expected {
	uint64_t blocks, hits, produced, consumed;
};

static struct expected *read_expected(const char *path, const struct trace *trace)
{
	struct expected *expected = xcalloc(trace->nr_requests, sizeof(*expected));
	FILE *file = fopen(path, "re");
	uint64_t index, at = 0;
	char text[256];

	if (!file)
		die(EX_BAD_INPUT, "cannot open %s: %s", path, strerror(errno));
	while (at < trace->nr_requests && fgets(text, sizeof(text), file)) {
		struct expected *now = &expected[at];

		if (*text == '#')
			continue;
		if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
			   &index, &now->blocks, &now->hits, &now->produced,
			   &now->consumed) != 5 || index != at)
			die(EX_BAD_INPUT, "%s: the line for request %" PRIu64
			    " is not 'request blocks hits produced consumed'", path, at);
		if (now->blocks != trace->requests[at].nr_ids)
			die(EX_BAD_INPUT, "%s: request %" PRIu64 " has %" PRIu64 " blocks in it and %"
			    PRIu32 " in the trace; run the simulator on the same trace",
			    path, at, now->blocks, trace->requests[at].nr_ids);
		at++;
	}
	if (at < trace->nr_requests)
		die(EX_BAD_INPUT, "%s ends after %" PRIu64 " requests, the trace has %zu",
		    path, at, trace->nr_requests);
	fclose(file);
	return expected;
}

static enum comparison compare(const struct job *job, const struct expected *expected)
{
	const struct trace *trace = job->trace;
	size_t different = 0;
	size_t done = 0;
	size_t i;

	for (i = 0; i < trace->nr_requests; i++) {
		const struct outcome *got = &job->shared->outcomes[i];
		const struct expected *want = &expected[i];

		if (!got->done)
			break;
		done++;
		if (got->hits == want->hits && got->produced == want->produced &&
		    got->consumed == want->consumed)
			continue;
		if (different++ < 5)
			complain("HITS DIFFER: request %zu of %" PRIu32 " blocks: hits %" PRIu32
				 ", produced %" PRIu32 ", consumed %" PRIu32 "; the simulator has %"
				 PRIu64 ", %" PRIu64 ", %" PRIu64,
				 i, trace->requests[i].nr_ids, got->hits, got->produced,
				 got->consumed, want->hits, want->produced, want->consumed);
	}
	if (different)
		complain("HITS DIFFER in %zu of %zu requests", different, done);
	return different ? COMPARE_DIFFERENT : COMPARE_EQUAL;
}

static void write_hits(const char *path, const struct job *job)
{
	FILE *file = fopen(path, "we");
	size_t i;

	if (!file)
		die(EX_BAD_INPUT, "cannot write to %s: %s", path, strerror(errno));
	fputs("# request blocks hits produced consumed\n", file);
	for (i = 0; i < job->trace->nr_requests; i++) {
		const struct outcome *got = &job->shared->outcomes[i];

		if (!got->done)
			break;
		fprintf(file, "%zu %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", i,
			job->trace->requests[i].nr_ids, got->hits, got->produced, got->consumed);
	}
	if (fflush(file) || ferror(file) || fclose(file))
		die(EX_BAD_INPUT, "cannot write to %s: %s", path, strerror(errno));
}

/* ------------------------------------------------------------------------ */
/* The run                                                                  */
/* ------------------------------------------------------------------------ */

static struct kvpool_stats read_stats(const char *tenant)
{
	const struct kvpool_open_opts opts = {
		.size = sizeof(opts),
		.flags = KVPOOL_OPEN_RDONLY | KVPOOL_OPEN_NOMAP,
		.tenant = tenant,
	};
	struct kvpool_stats stats;
	struct kvpool *pool;

	if (kvpool_open(&pool, &opts) || kvpool_stats_read(pool, &stats, sizeof(stats)))
		die(EX_NO_POOL, "%s", kvpool_last_error());
	kvpool_close(pool);
	return stats;
}

/* @other is an end of the connection that the process does not use, or -1. */
static pid_t start(const struct job *job, int (*role)(const struct job *, int),
		   const char *name, int mine, int other)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		die(EX_NO_POOL, "cannot start the %s process: %s", name, strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EX_STOPPED);
	/* An interrupt ends the run between two requests, through the parent. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	knobs_forget();
	progname = name;
	if (other >= 0)
		close(other);
	exit(role(job, mine));
}

/* True if the process ended without an error. */
static bool ended_well(const char *name, int status, int *code)
{
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	if (WIFSIGNALED(status))
		complain("the %s process was killed by signal %d (%s)", name,
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (*code == EX_OK || WEXITSTATUS(status) > EX_FAILED)
		*code = WEXITSTATUS(status);
	if (*code == EX_OK)
		*code = EX_FAILED;
	return false;
}

/*
 * Waits for the processes; @prefill or @decode is zero if that process runs on
 * another host. Returns the exit code that follows from those of the processes.
 */
static int wait_for_all(const struct options *options, struct report *report, pid_t prefill,
			pid_t decode)
{
	uint64_t begin = now_ns();
	uint64_t shown = begin;
	uint64_t interval = isatty(STDERR_FILENO) ? 1000000000 : 5000000000;
	unsigned int left = !!prefill + !!decode;
	int code = EX_OK;
	int status;
	pid_t pid;

	while (left) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid > 0 && (pid == prefill || pid == decode)) {
			left--;
			ended_well(pid == prefill ? "prefill" : "decode", status, &code);
			continue;
		}
		if (signalled)
			__atomic_store_n(&report->job->shared->stop, 1, __ATOMIC_RELAXED);
		usleep(20000);
		if (!options->quiet && now_ns() - shown >= interval) {
			shown = now_ns();
			report_progress(report, shown - begin);
		}
	}
	report->wall_ns = now_ns() - begin;
	report->stopped = signalled != 0;
	return code;
}

/* A comparison needs a pool in the state in which the simulator begins. */
static void check_preconditions(const struct options *options, const struct report *report)
{
	uint64_t high;

	if (!options->expect_hits)
		return;
	if (report->before.blocks)
		die(EX_NO_POOL, "--expect-hits needs an empty pool, tenant %s has %llu blocks; use --drop",
		    options->tenant, (unsigned long long)report->before.blocks);
	if (strcmp(report->policy, "lru"))
		die(EX_NO_POOL, "--expect-hits needs the policy lru, it is '%s'; use --policy lru",
		    report->policy);
	if (knob_read_u64("watermark_high", &high) && high != 100)
		die(EX_NO_POOL, "--expect-hits needs the knob watermark_high at 100, it is %" PRIu64
		    "; set it with 'kvpoolctl knob set watermark_high 100'", high);
}

/* The counters of the kernel must equal those of the two processes. */
static bool check_stats(const struct options *options, const struct report *report)
{
	const struct kvpool_stats *before = &report->before;
	const struct kvpool_stats *after = &report->after;
	const struct tally *prefill = &report->job->shared->prefill;
	const struct tally *decode = &report->job->shared->decode;
	const struct {
		const char *name;
		uint64_t counted, want;
		bool alone;	/* holds only while no other program uses the tenant */
	} checks[] = {
		{ "copied_bytes", after->copied_bytes - before->copied_bytes, 0, false },
		{ "leases at the end", after->leases, before->leases, true },
		{ "reservations at the end", after->pending, before->pending, true },
		{ "produced_bytes", after->produced_bytes - before->produced_bytes,
		  prefill->bytes, true },
		{ "copied_bytes of decode's host", decode->copied_bytes, 0, false },
		{ "consumed_bytes", after->consumed_bytes - before->consumed_bytes,
		  prefill->leased_bytes + (report->job->apart ? 0 : decode->bytes), true },
		{ "served_bytes", after->served_bytes - before->served_bytes,
		  decode->fetched_bytes, true },
		{ "blocks at the end", after->blocks, before->blocks +
		  (after->produced_blocks - before->produced_blocks) -
		  (after->evicted_blocks - before->evicted_blocks) -
		  (after->removed_blocks - before->removed_blocks), true },
	};
	bool good = true;
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (checks[i].counted == checks[i].want)
			continue;
		if (checks[i].alone && !options->expect_hits)
			continue;
		complain("STATISTICS WRONG: %s is %" PRIu64 " and must be %" PRIu64,
			 checks[i].name, checks[i].counted, checks[i].want);
		good = false;
	}
	return good;
}

static struct shared *map_shared(size_t nr_requests)
{
	size_t size = sizeof(struct shared) + nr_requests * sizeof(struct outcome);
	void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		die(EX_BAD_INPUT, "no memory for %zu requests", nr_requests);
	return shared;
}

static void set_knobs(const struct options *options)
{
	char name[KNOB_TEXT];
	uint64_t left;

	/* die() calls exit(), which restores the knobs too. */
	atexit(knobs_restore);
	if (options->policy)
		knob_set("policy", options->policy);
	if (options->pool_bytes)
		pool_set_limit(options->pool_bytes);
	if (options->drop) {
		snprintf(name, sizeof(name), "tenants/%s/drop", options->tenant);
		knob_trigger(name);
		/* What was dropped is unknown now, and counts until it is freed. */
		while (knob_read_u64(name, &left) && left)
			poll(NULL, 0, 1);
	}
}

static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	fflush(NULL);
}

/* Prefill here, decode on another host. */
static int run_apart(const struct options *options, struct report *report)
{
	const struct apart_hello hello = {
		.magic = APART_MAGIC, .block_size = report->job->block_size,
		.longest = report->job->trace->longest,
	};
	int fd = net_connect("--connect", options->connect, 60);
	pid_t prefill;

	if (!send_all(fd, &hello, sizeof(hello)))
		die(EX_FAILED, "decode has ended; its last message says why");
	catch_signals();
	prefill = start(report->job, prefill_main, "kvpool-replay prefill", fd, -1);
	close(fd);
	return wait_for_all(options, report, prefill, 0);
}

static int run(const struct options *options, struct report *report)
{
	int sockets[2];
	pid_t prefill, decode;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		die(EX_NO_POOL, "cannot connect the two processes: %s", strerror(errno));
	catch_signals();
	decode = start(report->job, decode_main, "kvpool-replay decode", sockets[1], sockets[0]);
	prefill = start(report->job, prefill_main, "kvpool-replay prefill", sockets[0], sockets[1]);
	close(sockets[0]);
	close(sockets[1]);
	return wait_for_all(options, report, prefill, decode);
}

/* Decode here, prefill on another host. */
static int decode_apart(const struct options *options)
{
	struct trace trace = { 0 };
	struct apart_hello hello;
	struct job job = {
		.tenant = options->tenant, .trace = &trace, .apart = true,
		.shared = map_shared(0),
	};
	int fd = net_accept("--listen", options->listen);
	int code;

	if (!receive_all(fd, &hello, sizeof(hello)) || hello.magic != APART_MAGIC ||
	    hello.block_size < KVPOOL_BLOCK_MIN || hello.block_size > KVPOOL_BLOCK_MAX)
		die(EX_FAILED, "the program that has connected does not speak like prefill; start 'kvpool-replay --connect' of the same version there");
	trace.longest = hello.longest;
	job.block_size = hello.block_size;
	code = decode_main(&job, fd);
	printf("kvpool-replay decode: %" PRIu64 " requests, %" PRIu64
	       " bytes verified, %" PRIu64 " of them from the other host\n",
	       job.shared->decode.requests, job.shared->decode.bytes,
	       job.shared->decode.fetched_bytes);
	return code;
}

int main(int argc, char **argv)
{
	struct options options = {
		.tenant = "default", .block_size = 12 << 10, .requests = SIZE_MAX,
		.damage = -1, .depth = 1,
	};
	struct report report = { 0 };
	struct expected *expected = NULL;
	struct trace trace;
	struct job job;
	int code;

	progname = "kvpool-replay";
	parse_options(&options, argc, argv);
	if (options.listen)
		return decode_apart(&options);
	trace_read(&trace, options.trace, options.requests);
	if (options.expect_hits)
		expected = read_expected(options.expect_hits, &trace);

	job = (struct job) {
		.tenant = options.tenant, .trace = &trace, .block_size = options.block_size,
		.depth = options.depth, .damage = options.damage, .apart = options.connect,
		.shared = map_shared(trace.nr_requests),
	};
	report.job = &job;
	report.trace_path = options.trace;
	set_knobs(&options);
	report.before = read_stats(options.tenant);
	if (policy_read(report.policy, sizeof(report.policy)))
		report.policy[0] = '\0';
	report.pool_bytes = pool_limit();
	check_preconditions(&options, &report);

	code = options.connect ? run_apart(&options, &report) : run(&options, &report);
	report.verified = code == EX_OK;

	report.after = read_stats(options.tenant);
	if (code == EX_OK && !check_stats(&options, &report))
		code = EX_FAILED;
	if (expected)
		report.comparison = compare(&job, expected);
	if (report.comparison == COMPARE_DIFFERENT)
		code = EX_FAILED;
	report.failed = code != EX_OK;
	if (options.hits_out)
		write_hits(options.hits_out, &job);
	if (options.json)
		report_json(&report);
	else if (code == EX_OK || report.comparison == COMPARE_DIFFERENT)
		report_text(&report);
	if (report.comparison == COMPARE_EQUAL && !options.json)
		printf("\nhit counts equal the reference simulator's for all %" PRIu64 " requests\n",
		       job.shared->prefill.requests);
	if (code != EX_OK)
		complain("FAILED");
	else if (report.stopped)
		code = EX_STOPPED;
	free(expected);
	trace_free(&trace);
	return code;
}
