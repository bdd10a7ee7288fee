/* What a client and a producer count, by Kafka's names. */
#ifndef CLIENT_METRICS_H
#define CLIENT_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

/* Of the connections. Any thread. */
struct client_metrics {
    _Atomic int64_t created; /* connections */
    _Atomic int64_t requests, responses, bytes_out, bytes_in;
};

static inline void metric_add(_Atomic int64_t *to, int64_t n)
{
    atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

/* Sums since the beginning; rates and averages are made of two looks at them. Of a producer: under
 * its lock. */
struct producer_metrics {
    int64_t record_send, record_error, record_retry;
    int64_t batch_split, batches, batch_bytes, record_bytes;
    int64_t requests, request_latency_ms, request_latency_max_ms;
    int64_t queue_ms; /* of batches, before they were sent first */
    int64_t throttle_ms;
    int64_t plain_bytes; /* of batches, before compression */
    int64_t txn_commits, txn_aborts;
    int64_t blocked_ns;
};

/* Of a consumer: its thread's. */
struct consumer_metrics {
    int64_t polls, records;
};

#endif
