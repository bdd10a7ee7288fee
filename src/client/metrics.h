/* What clients, producers and consumers count, by Kafka's names. */
#ifndef CLIENT_METRICS_H
#define CLIENT_METRICS_H

#include <ottla/client.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { METRIC_NODES = 64 };

struct traffic {
    _Atomic int64_t requests, responses, bytes_out, bytes_in;
};

/* Of one broker. */
struct node_metrics {
    _Atomic int64_t mark; /* its id + 2: 1 is that of bootstrap addresses; 0: of nobody yet */
    struct traffic traffic;
};

/* Of the connections. Any thread. */
struct client_metrics {
    _Atomic int64_t created, closed; /* connections */
    struct traffic traffic;
    struct node_metrics nodes[METRIC_NODES]; /* the first that were met */
};

static inline void metric_add(_Atomic int64_t *to, int64_t n)
{
    atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

/* NULL: there are too many. */
static inline struct node_metrics *metric_node(struct client_metrics *m, int32_t node_id)
{
    int64_t mark = node_id < 0 ? 1 : (int64_t)node_id + 2, is_free = 0;
    for (size_t i = 0; i < METRIC_NODES; i++, is_free = 0) {
        if (atomic_load_explicit(&m->nodes[i].mark, memory_order_relaxed) == mark ||
            atomic_compare_exchange_strong(&m->nodes[i].mark, &is_free, mark) || is_free == mark) {
            return &m->nodes[i];
        }
    }
    return NULL;
}

/* Times of something that happens again and again. */
struct metric_times {
    int64_t count, sum_ms, max_ms;
};

static inline void metric_time(struct metric_times *t, int64_t ms)
{
    ms = ms > 0 ? ms : 0;
    t->count++;
    t->sum_ms += ms;
    t->max_ms = ms > t->max_ms ? ms : t->max_ms;
}

/* Tells somebody the numbers every statistics.interval.ms. One thread. */
struct reporter {
    ottla_statistics_fn *fn;
    void *ctx;
    int64_t interval_ms, at_ms; /* of the next; INT64_MAX: never */
};

/* fn NULL or no interval: never. */
void reporter_init(struct reporter *r, const struct reporter *wanted, int64_t now_ms);
static inline bool reporter_is_due(const struct reporter *r, int64_t now_ms)
{
    return now_ms >= r->at_ms;
}
/* Takes the text, which may be NULL: nobody has numbers any more. */
void reporter_tell(struct reporter *r, char *text, int64_t now_ms);

/* Sums since the beginning; rates and averages are made of two looks at them. Of a producer: under
 * its lock. */
struct producer_metrics {
    int64_t record_send, record_error, record_retry;
    int64_t batch_split, batches, batch_bytes, record_bytes;
    int64_t requests, request_latency_ms, request_latency_max_ms;
    int64_t queue_ms;              /* of batches, before they were sent first */
    struct metric_times throttles; /* what answers said, mostly nothing */
    int64_t plain_bytes;           /* of batches, before compression */
    int64_t txn_commits, txn_aborts;
    int64_t blocked_ns;
};

/* Of a consumer: its thread's. */
struct consumer_metrics {
    int64_t polls, records;
    int64_t poll_at_ms; /* the last; 0: none */
    struct metric_times between_polls, in_poll, commits;
};

/* Of a fetcher. */
struct fetch_metrics {
    struct metric_times fetches;
    int64_t bytes, bytes_max;      /* of records, in an answer */
    struct metric_times throttles; /* what answers said, mostly nothing */
};

/* Of a member. Times are 0 before the first. */
struct member_metrics {
    struct metric_times heartbeats, joins, syncs, rebalances;
    int64_t failed_rebalances, lost_partitions;
    int64_t heartbeat_at_ms, rebalance_at_ms;
    int64_t rebalance_since_ms; /* of the one that goes on; 0: none */
};

#endif
