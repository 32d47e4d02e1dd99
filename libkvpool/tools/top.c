// SPDX-License-Identifier: MIT
/* kvpoolctl top: rates of all tenants, again and again. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "kvpoolctl.h"

struct sample {
	uint64_t ns;
	struct tenant *tenants;
	int nr_tenants;
	struct tier *tiers;
	int nr_tiers;
};

static volatile sig_atomic_t ended;
static struct termios cooked;
static bool raw;

static void usage(FILE *to)
{
	fprintf(to,
"Usage: kvpoolctl top [--delay SEC] [--iterations N] [--once] [--json]\n"
"Show what the tenants do, again and again. q ends it.\n"
"\n"
"  -d, --delay SEC      seconds between two looks, 0.1 to 3600 (2)\n"
"  -n, --iterations N   end after N looks\n"
"  -1, --once           the same as --iterations 1\n"
"  -j, --json           print one JSON object for each look\n"
"  -h, --help           show this text\n"
"\n"
"Rates are of the time since the look before; the first look waits for DELAY.\n"
"When the output is not a terminal, the looks follow each other as plain text.\n");
}

static void on_signal(int sig)
{
	ended = sig;
}

static void screen_restore(void)
{
	if (!raw)
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	/* Show the cursor, leave the alternate screen. */
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	raw = false;
}

static void screen_begin(void)
{
	struct termios now;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO) ||
	    tcgetattr(STDIN_FILENO, &cooked))
		return;
	now = cooked;
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &now);
	raw = true;
	atexit(screen_restore);
	fputs("\033[?1049h\033[?25l", stdout);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int take_sample(struct sample *sample)
{
	int code;

	memset(sample, 0, sizeof(*sample));
	code = sysfs_present();
	if (!code)
		code = read_tiers(&sample->tiers, &sample->nr_tiers);
	if (!code)
		code = read_tenants(&sample->tenants, &sample->nr_tenants);
	sample->ns = now_ns();
	return code;
}

static void free_sample(struct sample *sample)
{
	free(sample->tenants);
	free(sample->tiers);
	memset(sample, 0, sizeof(*sample));
}

/* The tenant at the look before; one that is new has done nothing before. */
static const struct tenant *before(const struct sample *sample, const struct tenant *tenant)
{
	static const struct tenant none;
	int i;

	for (i = 0; i < sample->nr_tenants; i++)
		if (sample->tenants[i].id == tenant->id &&
		    !strcmp(sample->tenants[i].name, tenant->name))
			return &sample->tenants[i];
	return &none;
}

static double rate(const struct tenant *now, const struct tenant *old, enum counter c,
		   double seconds)
{
	return seconds > 0 ? (double)(now->counter[c] - old->counter[c]) / seconds : 0;
}

/* Hit rate since the look before; negative when nothing was looked up. */
static double recent_hits(const struct tenant *now, const struct tenant *old)
{
	uint64_t lookups = now->counter[C_LOOKUPS] - old->counter[C_LOOKUPS];
	uint64_t hits = now->counter[C_HITS] - old->counter[C_HITS];

	return lookups ? (double)hits / (double)lookups : -1;
}

static void print_look(const struct sample *sample, const struct sample *old)
{
	double seconds = (double)(sample->ns - old->ns) / 1e9;
	char a[32], b[32], c[32], clock[32], hits[16];
	uint64_t limit = 0, allocated = 0, used = 0;
	time_t now = time(NULL);
	struct tm local;
	int i;

	for (i = 0; i < sample->nr_tiers; i++) {
		limit += sample->tiers[i].limit_bytes;
		allocated += sample->tiers[i].allocated_bytes;
		used += sample->tiers[i].used_bytes;
	}
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &local));
	if (raw)
		fputs("\033[H\033[2J", stdout);
	printf("kvpool  %s   %d tenants   pool %s limit, %s allocated, %s used (%.1f %%)\n",
	       clock, sample->nr_tenants, size_text(limit, a, sizeof(a)),
	       size_text(allocated, b, sizeof(b)), size_text(used, c, sizeof(c)),
	       limit ? 100.0 * (double)used / (double)limit : 0);
	for (i = 0; i < sample->nr_tiers; i++)
		printf("  %s: %s of %s used%s", sample->tiers[i].name,
		       size_text(sample->tiers[i].used_bytes, a, sizeof(a)),
		       size_text(sample->tiers[i].limit_bytes, b, sizeof(b)),
		       i == sample->nr_tiers - 1 ? "\n\n" : "");
	printf("%-14s %5s %9s %11s %7s %6s %7s %11s %11s %8s %8s\n", "TENANT", "FILES", "BLOCKS",
	       "BYTES", "LEASES", "PEND", "HITS %", "PRODUCED/s", "CONSUMED/s", "EVICT/s",
	       "REFUSED/s");
	for (i = 0; i < sample->nr_tenants; i++) {
		const struct tenant *t = &sample->tenants[i];
		const struct tenant *o = before(old, t);
		double recent = recent_hits(t, o);

		snprintf(hits, sizeof(hits), recent < 0 ? "-" : "%.2f", 100 * recent);
		printf("%-14s %5" PRIu64 " %9" PRIu64 " %11s %7" PRIu64 " %6" PRIu64
		       " %7s %11s %11s %8.0f %8.0f\n", t->name, t->contexts,
		       t->counter[C_BLOCKS], size_text(t->counter[C_BYTES], a, sizeof(a)),
		       t->counter[C_LEASES], t->counter[C_PENDING], hits,
		       size_text((uint64_t)rate(t, o, C_PRODUCED_BYTES, seconds), b, sizeof(b)),
		       size_text((uint64_t)rate(t, o, C_CONSUMED_BYTES, seconds), c, sizeof(c)),
		       rate(t, o, C_EVICTED_BLOCKS, seconds),
		       rate(t, o, C_REJECTED, seconds));
	}
	if (!raw)
		putchar('\n');
}

static void json_look(const struct sample *sample, const struct sample *old)
{
	static const enum counter rates[] = {
		C_LOOKUPS, C_HITS, C_PRODUCED_BLOCKS, C_PRODUCED_BYTES, C_CONSUMED_BYTES,
		C_COPIED_BYTES, C_EVICTED_BLOCKS, C_EVICTED_BYTES, C_REJECTED,
	};
	double seconds = (double)(sample->ns - old->ns) / 1e9;
	size_t r;
	int i;

	json_begin(NULL, '{');
	json_number("time", (uint64_t)time(NULL));
	json_real("seconds", seconds);
	json_tiers("tiers", sample->tiers, sample->nr_tiers);
	json_begin("tenants", '[');
	for (i = 0; i < sample->nr_tenants; i++) {
		const struct tenant *t = &sample->tenants[i];
		const struct tenant *o = before(old, t);

		json_begin(NULL, '{');
		json_tenant(t);
		json_begin("per_second", '{');
		for (r = 0; r < sizeof(rates) / sizeof(rates[0]); r++)
			json_real(counter_names[rates[r]], rate(t, o, rates[r], seconds));
		json_end('}');
		json_end('}');
	}
	json_end(']');
	json_end('}');
	json_done();
}

/* Waits for the next look. False when the user wants to end. */
static bool pause_until(uint64_t deadline)
{
	struct pollfd keyboard = { .fd = raw ? STDIN_FILENO : -1, .events = POLLIN };
	uint64_t now;
	char key;

	while (!ended && (now = now_ns()) < deadline) {
		if (poll(&keyboard, 1, (int)((deadline - now + 999999) / 1000000)) > 0 &&
		    (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
			return false;
	}
	return !ended;
}

static int look(uint64_t delay, uint64_t iterations, bool json)
{
	struct sample old, now;
	uint64_t done = 0;
	int code;

	code = take_sample(&old);
	while (!code && done < iterations && pause_until(old.ns + delay)) {
		code = take_sample(&now);
		if (code) {
			free_sample(&now);
			break;
		}
		if (json)
			json_look(&now, &old);
		else
			print_look(&now, &old);
		fflush(stdout);
		free_sample(&old);
		old = now;
		done++;
	}
	free_sample(&old);
	return code;
}

static bool parse_delay(const char *text, void *value)
{
	double delay;
	char *end;

	delay = strtod(text, &end);
	*(double *)value = delay;
	return end != text && !*end && delay >= 0.1 && delay <= 3600;
}

int cmd_top(struct args *args)
{
	const struct sigaction action = { .sa_handler = on_signal };
	uint64_t iterations = UINT64_MAX;
	bool once = false;
	double delay = 2;
	const struct opt opts[] = {
		{ 'd', "delay", parse_delay, &delay, "a number from 0.1 to 3600" },
		{ 'n', "iterations", parse_count, &iterations, "a number from 1" },
		{ '1', "once", NULL, &once, NULL },
	};
	int code;

	code = parse_options(args, usage, opts, ARRAY_SIZE(opts));
	if (code != EX_GO_ON)
		return code;
	if (once)
		iterations = 1;
	if (args->argc)
		return usage_error("top", "'%s' is too much", args->argv[0]);
	code = sysfs_present();
	if (code)
		return code;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (!args->json && iterations > 1)
		screen_begin();
	code = look((uint64_t)(delay * 1e9), iterations, args->json);
	screen_restore();
	return code;
}
