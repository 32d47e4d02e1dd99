// SPDX-License-Identifier: MIT
/* Prints the figures of kvpool-replay, for people and as JSON. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "common.h"
#include "common-report.h"

static const struct {
	const char *name;
	const char *label;
} latencies[NR_LATENCIES] = {
	[LAT_MATCH] = { "match_lease", "prefill: match and lease a prefix" },
	[LAT_RESERVE] = { "reserve", "prefill: reserve the rest" },
	[LAT_SEAL] = { "seal", "prefill: seal" },
	[LAT_LEASE] = { "lease", "decode: lease all blocks" },
	[LAT_RELEASE] = { "release", "both: release" },
};

static const struct {
	const char *name;
	double percent;
} percentiles[] = {
	{ "p50", 50 }, { "p90", 90 }, { "p99", 99 }, { "p99.9", 99.9 }, { "max", 100 },
};

#define NR_PERCENTILES	(sizeof(percentiles) / sizeof(percentiles[0]))

/* QEMU without KVM has this name in the CPUID leaf of hypervisors. */
bool emulated_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned int eax, ebx, ecx, edx;
	char name[13] = "";

	__cpuid(1, eax, ebx, ecx, edx);
	if (!(ecx & 1U << 31))
		return false;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(name, &ebx, 4);
	memcpy(name + 4, &ecx, 4);
	memcpy(name + 8, &edx, 4);
	return !strcmp(name, "TCGTCGTCGTCG");
#else
	return false;
#endif
}

static double ratio(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

void report_progress(const struct report *report, uint64_t elapsed_ns)
{
	const struct tally *prefill = &report->job->shared->prefill;
	const struct tally *decode = &report->job->shared->decode;
	char size[32];

	fprintf(stderr, "%5.0f s  %" PRIu64 " of %zu requests, hit rate %.4f, %s verified\n",
		(double)elapsed_ns / 1e9, tally_read(decode->requests),
		report->job->trace->nr_requests,
		ratio(tally_read(prefill->hits), tally_read(prefill->references)),
		size_text(tally_read(decode->bytes), size, sizeof(size)));
}

static void line(const char *label, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void line(const char *label, const char *fmt, ...)
{
	va_list args;

	printf("  %-36s", label);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static void bytes_line(const char *label, uint64_t bytes, const char *more)
{
	char size[32];

	line(label, "%" PRIu64 " (%s)%s", bytes, size_text(bytes, size, sizeof(size)), more);
}

static void latency_table(const struct report *report)
{
	struct hist hist;
	unsigned int i;
	size_t p;

	printf("\n  %-34s", "latency of a call, us");
	for (p = 0; p < NR_PERCENTILES; p++)
		printf("%10s", percentiles[p].name);
	printf("%10s\n", "calls");
	for (i = 0; i < NR_LATENCIES; i++) {
		memset(&hist, 0, sizeof(hist));
		hist_merge(&hist, &report->job->shared->prefill.latency[i]);
		hist_merge(&hist, &report->job->shared->decode.latency[i]);
		printf("  %-34s", latencies[i].label);
		for (p = 0; p < NR_PERCENTILES; p++)
			printf("%10.1f",
			       (double)hist_percentile(&hist, percentiles[p].percent) / 1000);
		printf("%10" PRIu64 "\n", hist.count);
	}
	printf("  A call works on all blocks of a request, %.0f on average.\n",
	       ratio(report->job->shared->prefill.references,
		     report->job->shared->prefill.requests));
}

static void emulation_notes(const struct report *report)
{
	char size[32];

	printf("\n  Block size scaled: %s stand for the 512 tokens of a hash id, whose KV cache is\n"
	       "  160 MiB for a model of 80 layers, 8 KV heads of 128 values, 16 bits each.\n"
	       "  The content of the blocks is made from their keys, not by a model.\n",
	       size_text(report->job->block_size, size, sizeof(size)));
	if (emulated_cpu())
		printf("  The CPU is emulated (QEMU without KVM): latencies and wall time do not\n"
		       "  apply to hardware. Counts and bytes are exact.\n");
}

void report_text(const struct report *report)
{
	const struct tally *prefill = &report->job->shared->prefill;
	const struct tally *decode = &report->job->shared->decode;
	const struct kvpool_stats *before = &report->before;
	const struct kvpool_stats *after = &report->after;
	char size[32];

	printf("\nkvpool-replay: %s, tenant %s, policy %s, pool %s, pipeline %u\n",
	       report->trace_path, report->job->tenant,
	       *report->policy ? report->policy : "unknown",
	       report->pool_bytes ? size_text(report->pool_bytes, size, sizeof(size)) : "unknown",
	       report->job->depth);
	line("requests", "%" PRIu64 "%s", prefill->requests,
	     report->stopped ? " (stopped by a signal)" : "");
	line("block references", "%" PRIu64, prefill->references);
	line("prefix hits", "%" PRIu64, prefill->hits);
	line("hit rate", "%.4f", ratio(prefill->hits, prefill->references));
	line("prompt tokens", "%" PRIu64, prefill->tokens);
	line("prompt tokens saved", "%" PRIu64 " (%.1f %%)", prefill->tokens_saved,
	     100 * ratio(prefill->tokens_saved, prefill->tokens));
	bytes_line("bytes produced", prefill->bytes, "");
	bytes_line("bytes consumed and verified", decode->bytes,
		   report->verified ? ", every byte as expected" : "");
	if (report->job->apart)
		bytes_line("bytes from host to host", decode->fetched_bytes, "");
	bytes_line("bytes copied by the kernel",
		   after->copied_bytes - before->copied_bytes + decode->copied_bytes,
		   report->job->apart ? ", on both hosts" : "");
	line("blocks evicted", "%" PRIu64, (uint64_t)(after->evicted_blocks - before->evicted_blocks));
	line("blocks found present on reserve", "%" PRIu64, prefill->present);
	line("blocks without space", "%" PRIu64, prefill->rejected);
	if (prefill->busy || prefill->preempted)
		line("blocks pending elsewhere, pre-empted", "%" PRIu64 ", %" PRIu64,
		     prefill->busy, prefill->preempted);
	line("blocks decode did not find", "%" PRIu64, decode->missing);
	line("wall time", "%.1f s", (double)report->wall_ns / 1e9);
	latency_table(report);
	emulation_notes(report);
}

static void json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			printf("\\u%04x", (unsigned int)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void json_u64(const char *name, uint64_t value)
{
	printf(", \"%s\": %" PRIu64, name, value);
}

static void json_latencies(const struct report *report)
{
	struct hist hist;
	unsigned int i;
	size_t p;

	printf(", \"latency_ns\": {");
	for (i = 0; i < NR_LATENCIES; i++) {
		memset(&hist, 0, sizeof(hist));
		hist_merge(&hist, &report->job->shared->prefill.latency[i]);
		hist_merge(&hist, &report->job->shared->decode.latency[i]);
		printf("%s\"%s\": {\"calls\": %" PRIu64, i ? ", " : "", latencies[i].name,
		       hist.count);
		for (p = 0; p < NR_PERCENTILES; p++)
			json_u64(percentiles[p].name,
				 hist_percentile(&hist, percentiles[p].percent));
		putchar('}');
	}
	putchar('}');
}

void report_json(const struct report *report)
{
	static const char * const comparisons[] = { "null", "true", "false" };
	const struct tally *prefill = &report->job->shared->prefill;
	const struct tally *decode = &report->job->shared->decode;
	const struct kvpool_stats *before = &report->before;
	const struct kvpool_stats *after = &report->after;

	printf("{\"trace\": ");
	json_string(report->trace_path);
	printf(", \"tenant\": ");
	json_string(report->job->tenant);
	printf(", \"policy\": ");
	json_string(report->policy);
	json_u64("pool_bytes", report->pool_bytes);
	json_u64("block_size", report->job->block_size);
	json_u64("pipeline", report->job->depth);
	json_u64("requests", prefill->requests);
	json_u64("references", prefill->references);
	json_u64("hits", prefill->hits);
	printf(", \"hit_rate\": %.6f", ratio(prefill->hits, prefill->references));
	json_u64("prompt_tokens", prefill->tokens);
	json_u64("prompt_tokens_saved", prefill->tokens_saved);
	json_u64("produced_blocks", prefill->blocks);
	json_u64("produced_bytes", prefill->bytes);
	json_u64("consumed_blocks", decode->blocks);
	json_u64("verified_bytes", decode->bytes);
	json_u64("copied_bytes", after->copied_bytes - before->copied_bytes + decode->copied_bytes);
	json_u64("fetched_bytes", decode->fetched_bytes);
	json_u64("evicted_blocks", after->evicted_blocks - before->evicted_blocks);
	json_u64("present", prefill->present);
	json_u64("busy", prefill->busy);
	json_u64("preempted", prefill->preempted);
	json_u64("rejected", prefill->rejected);
	json_u64("missing", decode->missing);
	json_u64("wall_ns", report->wall_ns);
	json_latencies(report);
	printf(", \"emulated_cpu\": %s, \"block_size_scaled\": true",
	       emulated_cpu() ? "true" : "false");
	printf(", \"equals_expected\": %s, \"stopped\": %s, \"failed\": %s}\n",
	       comparisons[report->comparison], report->stopped ? "true" : "false",
	       report->failed ? "true" : "false");
}
