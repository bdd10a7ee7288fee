/* What the broker counts about itself. Each worker has counters of its own, which it alone writes;
 * a reader adds them up. The rest (partitions, connections) is looked at when somebody asks. */
#ifndef BROKER_METRICS_H
#define BROKER_METRICS_H

#include "base/buf.h"
#include "base/histogram.h"

struct broker;

/* Of one API in one worker. */
struct api_metrics {
    struct histogram time;
    _Atomic uint64_t request_bytes, response_bytes;
};

struct worker_metrics {
    struct api_metrics *apis; /* by row of def/api.def */
    _Atomic uint64_t bytes_in, records_in, bytes_out;
};

struct metrics {
    struct worker_metrics *workers;
    int worker_count;
    struct histogram sync_time;
    _Atomic uint64_t accepted;
    int64_t start_ms; /* wall clock */
};

struct metrics *metrics_new(int worker_count, int64_t now_ms);
void metrics_free(struct metrics *m); /* NULL is fine */

/* For a counter that only this thread writes: no locked instruction. */
static inline void metrics_add(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

/* Of records that came, by all workers. Any thread. */
uint64_t metrics_bytes_in(const struct metrics *m);

/* All of it in Prometheus' text format. Any thread. */
void metrics_write(struct broker *b, struct buf *out);

#endif
