// SPDX-License-Identifier: MIT
/* kvpoolctl stats: histograms of tenants. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/shared.h"
#include "out.h"
#include "request.h"
#include "sysfs.h"
#include "table.h"
#include "tenant.h"

#define MAX_BUCKETS	64

static const char * const histograms[] = {
	"reserve_ns", "reserve_bytes", "seal_ns", "seal_bytes", "lease_ns", "lease_bytes",
	"wait_ns", "evict_ns", "evict_bytes", "compact_ns", "compact_bytes", "operation_ns",
	"operation_bytes",
};

/* Bucket 0 counts zeros, bucket i the values from 2^(i-1) up to less than 2^i. */
struct histogram {
	uint64_t buckets[MAX_BUCKETS];
	int nr;
	uint64_t count;
};

/* Zero or a negative errno. */
static int read_histogram(const char *tenant, const char *name, struct histogram *h)
{
	char path[SYSFS_PATH_MAX], text[2048], *save = NULL, *word;
	int error;

	memset(h, 0, sizeof(*h));
	snprintf(path, sizeof(path), "tenants/%s/histograms/%s", tenant, name);
	error = sysfs_read(path, text, sizeof(text));
	if (error)
		return error;
	for (word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (h->nr == MAX_BUCKETS || !parse_u64(word, &h->buckets[h->nr]))
			return -EINVAL;
		h->count += h->buckets[h->nr++];
	}
	return 0;
}

/* The upper bound of the bucket that the given part of the values does not exceed. */
static uint64_t quantile(const struct histogram *h, double part)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < h->nr; i++) {
		sum += h->buckets[i];
		if (sum && (double)sum >= part * (double)h->count)
			return i ? UINT64_C(1) << i : 0;
	}
	return 0;
}

static void show_histogram(const char *name, const struct histogram *h)
{
	int i;

	out_object(name);
	out_number("count", h->count);
	out_array("buckets");
	for (i = 0; i < h->nr; i++)
		out_number(NULL, h->buckets[i]);
	out_end();
	out_end();
}

static void print_histogram(struct table *table, const char *tenant, const char *name,
			    const struct histogram *h)
{
	table_text(table, tenant);
	table_text(table, name);
	table_number(table, h->count);
	table_number(table, quantile(h, 0.5));
	table_number(table, quantile(h, 0.9));
	table_number(table, quantile(h, 0.99));
	table_number(table, quantile(h, 1));
}

static enum code show_tenant(const struct tenant *tenant, struct table *table)
{
	struct histogram h;
	int error, i;

	if (out_is_json()) {
		out_object(NULL);
		out_text("tenant", tenant->name);
	}
	for (i = 0; i < ARRAY_SIZE(histograms); i++) {
		error = read_histogram(tenant->name, histograms[i], &h);
		if (error)
			return sysfs_failed(error, histograms[i], "read a histogram");
		if (out_is_json())
			show_histogram(histograms[i], &h);
		else if (h.count)
			print_histogram(table, tenant->name, histograms[i], &h);
	}
	if (out_is_json())
		out_end();
	return CODE_OK;
}

static enum code show(struct request *request)
{
	static const struct column columns[] = {
		{ "TENANT", -16 }, { "HISTOGRAM", -16 }, { "COUNT", 12 }, { "50% <", 14 },
		{ "90% <", 14 }, { "99% <", 14 }, { "ALL <", 14 },
	};
	struct table table = TABLE(columns);
	struct tenant one, *tenants = NULL;
	enum code code;
	int nr = 1, i;

	code = sysfs_present();
	if (!code && request->argc)
		code = tenant_read(request->argv[0], &one);
	else if (!code)
		code = tenant_read_all(&tenants, &nr);
	if (!code && out_is_json())
		out_array("stats");
	else if (!code)
		table_head(&table);
	for (i = 0; !code && i < nr; i++)
		code = show_tenant(tenants ? &tenants[i] : &one, &table);
	if (!code && out_is_json())
		out_end();
	free(tenants);
	return code;
}

const struct noun noun_stats = {
	.name = "stats",
	.plural = "stats",
	.summary = "latencies and sizes of what tenants do",
	.verbs = {
		{ "show", "[TENANT]", 0, 1, 0, 0, show, "the histograms of all tenants, or of one" },
	},
	.notes =
"Values count in buckets of powers of two, so each bound is up to twice the value.\n"
"_ns are nanoseconds: of the calls reserve, seal and lease, of waits for a key,\n"
"of steps of eviction, of compactions, and of operations that take time. _bytes\n"
"are the bytes of all blocks of one of these together.\n",
};
