// SPDX-License-Identifier: MIT
/* kvpoolctl top. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../shared/shared.h"
#include "out.h"
#include "request.h"
#include "screen.h"
#include "table.h"
#include "tenant.h"
#include "tier.h"

#define DEFAULT_INTERVAL_NS	2000000000ULL

/**
 * struct sample - The tenants and tiers at a time
 * @ns:		The time, of the monotonic clock.
 * @tenants:	All tenants.
 * @nr_tenants:	How many.
 * @tiers:	All tiers.
 * @nr_tiers:	How many.
 */
struct sample {
	uint64_t ns;
	struct tenant *tenants;
	int nr_tenants;
	struct tier *tiers;
	int nr_tiers;
};

static enum code take_sample(struct sample *sample)
{
	enum code code;

	memset(sample, 0, sizeof(*sample));
	code = sysfs_present() ?: tier_read_all(&sample->tiers, &sample->nr_tiers) ?:
	       tenant_read_all(&sample->tenants, &sample->nr_tenants);
	sample->ns = screen_now_ns();
	return code;
}

static void free_sample(struct sample *sample)
{
	free(sample->tenants);
	free(sample->tiers);
	memset(sample, 0, sizeof(*sample));
}

/* The tenant in the sample before; a new tenant has done nothing before. */
static const struct tenant *find_old(const struct sample *sample, const struct tenant *tenant)
{
	static const struct tenant none;
	int i;

	for (i = 0; i < sample->nr_tenants; i++)
		if (sample->tenants[i].id == tenant->id &&
		    !strcmp(sample->tenants[i].name, tenant->name))
			return &sample->tenants[i];
	return &none;
}

static uint64_t gained(const struct tenant *now, const struct tenant *old, enum counter c)
{
	return now->counter[c] - old->counter[c];
}

/* Per second. */
static double rate(const struct tenant *now, const struct tenant *old, enum counter c,
		   double seconds)
{
	return seconds > 0 ? (double)gained(now, old, c) / seconds : 0;
}

/* The hit rate since the sample before; not a number when nothing was looked up. */
static double recent_hit_rate(const struct tenant *now, const struct tenant *old)
{
	uint64_t lookups = gained(now, old, COUNTER_LOOKUPS);

	return lookups ? (double)gained(now, old, COUNTER_HITS) / (double)lookups : NAN;
}

static void print_pool(const struct sample *sample)
{
	char limit[32], allocated[32], used[32], clock[32];
	uint64_t sum[3] = { 0 };
	time_t now = time(NULL);
	struct tm local;
	int i;

	for (i = 0; i < sample->nr_tiers; i++) {
		sum[0] += sample->tiers[i].limit_bytes;
		sum[1] += sample->tiers[i].allocated_bytes;
		sum[2] += sample->tiers[i].used_bytes;
	}
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &local));
	printf("kvpool  %s   %d tenants   pool %s limit, %s allocated, %s used (%.1f%%)\n",
	       clock, sample->nr_tenants, format_size(sum[0], 1, limit, sizeof(limit)),
	       format_size(sum[1], 1, allocated, sizeof(allocated)),
	       format_size(sum[2], 1, used, sizeof(used)),
	       sum[0] ? 100.0 * (double)sum[2] / (double)sum[0] : 0);
	for (i = 0; i < sample->nr_tiers; i++)
		printf("  %s: %s of %s used", sample->tiers[i].name,
		       format_size(sample->tiers[i].used_bytes, 1, used, sizeof(used)),
		       format_size(sample->tiers[i].limit_bytes, 1, limit, sizeof(limit)));
	printf("\n\n");
}

static void print_tenants(const struct sample *sample, const struct sample *old)
{
	static const struct column columns[] = {
		{ "TENANT", -14 }, { "FILES", 5 }, { "BLOCKS", 9 }, { "USED", 11 },
		{ "LEASES", 7 }, { "PENDING", 7 }, { "HIT%", 6 }, { "PRODUCED/s", 11 },
		{ "CONSUMED/s", 11 }, { "EVICTED/s", 9 }, { "REJECTED/s", 10 },
	};
	double seconds = (double)(sample->ns - old->ns) / 1e9;
	struct table table = TABLE(columns);
	int i;

	table_head(&table);
	for (i = 0; i < sample->nr_tenants; i++) {
		const struct tenant *t = &sample->tenants[i];
		const struct tenant *o = find_old(old, t);

		table_text(&table, t->name);
		table_number(&table, t->contexts);
		table_number(&table, t->counter[COUNTER_BLOCKS]);
		table_size(&table, t->counter[COUNTER_USED_BYTES]);
		table_number(&table, t->counter[COUNTER_LEASES]);
		table_number(&table, t->counter[COUNTER_PENDING]);
		table_real(&table, 100 * recent_hit_rate(t, o), 2);
		table_size(&table, (uint64_t)rate(t, o, COUNTER_PRODUCED_BYTES, seconds));
		table_size(&table, (uint64_t)rate(t, o, COUNTER_CONSUMED_BYTES, seconds));
		table_real(&table, rate(t, o, COUNTER_EVICTED_BLOCKS, seconds), 0);
		table_real(&table, rate(t, o, COUNTER_REJECTED, seconds), 0);
	}
}

static void show_tenants(const struct sample *sample, const struct sample *old, double seconds)
{
	int i, c;

	out_array("tenants");
	for (i = 0; i < sample->nr_tenants; i++) {
		const struct tenant *t = &sample->tenants[i];

		out_object(NULL);
		tenant_show(t);
		for (c = 0; c < NR_COUNTERS; c++)
			if (counter_infos[c].rate_name)
				out_real(counter_infos[c].rate_name,
					 rate(t, find_old(old, t), (enum counter)c, seconds));
		out_end();
	}
	out_end();
}

static void show_sample(const struct sample *sample, const struct sample *old)
{
	double seconds = (double)(sample->ns - old->ns) / 1e9;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	out_object("top");
	out_real("time_seconds", (double)now.tv_sec + (double)now.tv_nsec / 1e9);
	out_real("interval_seconds", seconds);
	tier_show_all(sample->tiers, sample->nr_tiers);
	show_tenants(sample, old, seconds);
	out_end();
	out_finish();
}

static void show_one(const struct sample *sample, const struct sample *old)
{
	if (out_is_json()) {
		show_sample(sample, old);
		return;
	}
	screen_home();
	print_pool(sample);
	print_tenants(sample, old);
}

static enum code show_samples(uint64_t interval_ns, uint64_t count)
{
	struct sample old, now;
	enum code code;
	uint64_t done;

	code = take_sample(&old);
	for (done = 0; !code && done < count && screen_wait(old.ns + interval_ns); done++) {
		code = take_sample(&now);
		if (!code) {
			show_one(&now, &old);
			/* The command ends when the reader of its output has gone. */
			if (fflush(stdout))
				count = 0;
		}
		free_sample(&old);
		old = now;
	}
	free_sample(&old);
	return code;
}

static enum code show(struct request *request)
{
	uint64_t interval = DEFAULT_INTERVAL_NS;
	uint64_t count = UINT64_MAX;
	enum code code;

	if (request_has(request, OPTION_INTERVAL))
		interval = request->values[OPTION_INTERVAL].number;
	if (request_has(request, OPTION_COUNT))
		count = request->values[OPTION_COUNT].number;
	code = sysfs_present();
	if (code)
		return code;
	screen_catch_signals();
	if (!out_is_json() && count > 1)
		screen_begin();
	code = show_samples(interval, count);
	screen_end();
	return code;
}

const struct noun noun_top = {
	.name = "top",
	.summary = "rates of the tenants, live",
	.verbs = {
		{ "show", "", 0, 0, OPTION_BIT(OPTION_COUNT) | OPTION_BIT(OPTION_INTERVAL), 0, show,
		  "a sample after each interval, until q or a signal ends it" },
	},
	.notes =
"Rates are those of the interval before the sample. Where the output is not a\n"
"terminal, samples follow each other; JSON is one object a line.\n",
};
