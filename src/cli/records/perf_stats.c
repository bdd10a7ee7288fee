/* Numbers of producer-perf-test, and the lines that scripts parse. Pure. */
#include "cli/records/perf_stats.h"

#include "base/attr.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SAMPLE_MAX = 500000 };

static const double parts[] = {0.5, 0.95, 0.99, 0.999};

void perf_stats_init(struct perf_stats *s, int64_t records, int64_t interval_ms, int64_t now_ms)
{
    *s = (struct perf_stats){.interval_ms = interval_ms};
    s->total.since_ms = s->window.since_ms = now_ms;
    s->sampling = records / MIN(records, SAMPLE_MAX);
    s->sample_cap = (size_t)(records / s->sampling) + 1;
    s->sample = mem_realloc_array(NULL, s->sample_cap, sizeof *s->sample);
}

void perf_stats_deinit(struct perf_stats *s) { mem_free(s->sample); }

static void count(struct perf_counts *c, int64_t latency_ms, int64_t bytes)
{
    c->count++;
    c->bytes += bytes;
    c->latency_ms += latency_ms;
    c->max_latency_ms = MAX(c->max_latency_ms, latency_ms);
}

/* Java divides by nothing and prints NaN or Infinity; a span is at least a millisecond here. */
static double a_second(double amount, const struct perf_counts *c, int64_t now_ms)
{
    return 1000.0 * amount / (double)MAX(now_ms - c->since_ms, 1);
}

static double mib_a_second(const struct perf_counts *c, int64_t now_ms)
{
    return a_second((double)c->bytes, c, now_ms) / (1024.0 * 1024.0);
}

static double mean_latency_ms(const struct perf_counts *c)
{
    return (double)c->latency_ms / (double)MAX(c->count, 1);
}

static void put_window(const struct perf_counts *w, int64_t now_ms, struct buf *out)
{
    buf_printf(out,
               "%" PRId64 " records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, "
               "%.1f ms max latency.\n",
               w->count, a_second((double)w->count, w, now_ms), mib_a_second(w, now_ms),
               mean_latency_ms(w), (double)w->max_latency_ms);
}

void perf_stats_add(struct perf_stats *s, int64_t latency_ms, int64_t bytes, int64_t now_ms,
                    struct buf *out)
{
    if (s->total.count % s->sampling == 0 && s->sample_count < s->sample_cap) {
        s->sample[s->sample_count++] = (int32_t)latency_ms;
    }
    count(&s->total, latency_ms, bytes);
    count(&s->window, latency_ms, bytes);
    if (now_ms - s->window.since_ms < s->interval_ms) {
        return;
    }
    if (s->is_steady && s->total.count == s->window.count) {
        buf_put_str(out, STR("In steady state.\n"));
    }
    put_window(&s->window, now_ms, out);
    s->window = (struct perf_counts){.since_ms = now_ms};
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The sample must be sorted. */
static int32_t at_part(const struct perf_stats *s, double part)
{
    size_t i = (size_t)(part * (double)s->sample_count);
    return s->sample_count > 0 ? s->sample[MIN(i, s->sample_count - 1)] : 0;
}

void perf_stats_put_total(struct perf_stats *s, int64_t now_ms, struct buf *out)
{
    const struct perf_counts *t = &s->total;
    qsort(s->sample, s->sample_count, sizeof *s->sample, by_number);
    buf_printf(out,
               "%" PRId64 "%s records sent, %f records/sec (%.2f MB/sec), %.2f ms avg latency, "
               "%.2f ms max latency, %d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n",
               t->count, s->is_steady ? " steady state" : "", a_second((double)t->count, t, now_ms),
               mib_a_second(t, now_ms), mean_latency_ms(t), (double)t->max_latency_ms,
               at_part(s, parts[0]), at_part(s, parts[1]), at_part(s, parts[2]),
               at_part(s, parts[3]));
}

void perf_stats_put_json(struct perf_stats *s, int64_t now_ms, struct buf *out)
{
    const struct perf_counts *t = &s->total;
    qsort(s->sample, s->sample_count, sizeof *s->sample, by_number);
    buf_printf(out,
               "{\"steady_state\":%s,\"records\":%" PRId64 ",\"bytes\":%" PRId64
               ",\"records_per_second\":%f,\"mib_per_second\":%f,\"latency_ms\":{\"mean\":%f,"
               "\"max\":%" PRId64 ",\"p50\":%d,\"p95\":%d,\"p99\":%d,\"p99.9\":%d}}\n",
               s->is_steady ? "true" : "false", t->count, t->bytes,
               a_second((double)t->count, t, now_ms), mib_a_second(t, now_ms), mean_latency_ms(t),
               t->max_latency_ms, at_part(s, parts[0]), at_part(s, parts[1]), at_part(s, parts[2]),
               at_part(s, parts[3]));
}
