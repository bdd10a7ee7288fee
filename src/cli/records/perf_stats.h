/* What producer-perf-test counts: totals, the current window, a sample of latencies. No clock:
 * times come with the calls. One thread at a time. */
#ifndef CLI_RECORDS_PERF_STATS_H
#define CLI_RECORDS_PERF_STATS_H

#include "base/buf.h"

struct perf_counts {
    int64_t count, bytes, latency_ms, max_latency_ms;
    int64_t since_ms;
};

struct perf_stats {
    struct perf_counts total, window;
    int64_t interval_ms; /* of windows */
    bool is_steady;      /* of what comes after a warm-up */
    int64_t sampling;    /* one of so many latencies is kept */
    int32_t *sample;
    size_t sample_count, sample_cap;
};

/* For so many records. */
void perf_stats_init(struct perf_stats *s, int64_t records, int64_t interval_ms, int64_t now_ms);
void perf_stats_deinit(struct perf_stats *s);
/* A record was delivered. Appends the window's line to out when one ends with it. */
void perf_stats_add(struct perf_stats *s, int64_t latency_ms, int64_t bytes, int64_t now_ms,
                    struct buf *out);
/* Appends the line about everything; sorts the sample. */
void perf_stats_put_total(struct perf_stats *s, int64_t now_ms, struct buf *out);
/* The same as an object. */
void perf_stats_put_json(struct perf_stats *s, int64_t now_ms, struct buf *out);

#endif
