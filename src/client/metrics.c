/* Numbers as JSON, by Kafka's names. Any thread. */
#include "client/metrics.h"

#include "client/consumer/consumer_int.h"
#include "client/producer/producer_int.h"

#include <stdio.h>

/* What is between quotes. */
static void put_text(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            buf_printf(out, "\\%c", c);
        } else if (c < ' ') {
            buf_printf(out, "\\u%04x", c);
        } else {
            buf_put_u8(out, c);
        }
    }
}

static double per(int64_t sum, int64_t count)
{
    return count > 0 ? (double)sum / (double)count : 0;
}

static void put_times(struct buf *out, const char *name, const struct metric_times *t)
{
    buf_printf(out, "\"%s-avg\":%.2f,\"%s-max\":%lld,", name, per(t->sum_ms, t->count), name,
               (long long)t->max_ms);
}

static void put_records(struct buf *out, const struct producer_metrics *m)
{
    buf_printf(out,
               "\"record-send-total\":%lld,\"record-error-total\":%lld,"
               "\"record-retry-total\":%lld,\"batch-split-total\":%lld,",
               (long long)m->record_send, (long long)m->record_error, (long long)m->record_retry,
               (long long)m->batch_split);
    buf_printf(out,
               "\"batch-size-avg\":%.1f,\"records-per-request-avg\":%.1f,"
               "\"record-queue-time-avg\":%.2f,\"compression-rate-avg\":%.3f,",
               per(m->batch_bytes, m->batches), per(m->record_send, m->requests),
               per(m->queue_ms, m->batches), per(m->batch_bytes, m->plain_bytes));
}

/* The three that Kafka's clients and this one tell of it. */
static void put_throttles(struct buf *out, const char *name, const struct metric_times *t)
{
    buf_printf(out, "\"%s-total\":%lld,", name, (long long)t->sum_ms);
    put_times(out, name, t);
}

static void put_requests(struct buf *out, const struct producer_metrics *m)
{
    buf_printf(out,
               "\"produce-request-total\":%lld,\"request-latency-avg\":%.2f,"
               "\"request-latency-max\":%lld,\"bufferpool-wait-time-ns-total\":%lld,",
               (long long)m->requests, per(m->request_latency_ms, m->requests),
               (long long)m->request_latency_max_ms, (long long)m->blocked_ns);
    put_throttles(out, "produce-throttle-time", &m->throttles);
}

static void put_state(struct buf *out, const struct accumulator *acc)
{
    int64_t total = acc->config->buffer_memory;
    int in_flight = 0;
    for (int i = 0; i < acc->node_count; i++) {
        in_flight += acc->nodes[i].asked;
    }
    buf_printf(out,
               "\"requests-in-flight\":%d,\"records-pending\":%lld,"
               "\"buffer-total-bytes\":%lld,\"buffer-available-bytes\":%lld,"
               "\"producer-id\":%lld,\"producer-epoch\":%d",
               in_flight, (long long)acc->open, (long long)total,
               (long long)MAX(total - (int64_t)acc->bytes, 0), (long long)acc->txn.id,
               acc->txn.epoch);
}

static void put_traffic(struct buf *out, const struct traffic *t)
{
    buf_printf(out,
               "\"request-total\":%lld,\"response-total\":%lld,"
               "\"outgoing-byte-total\":%lld,\"incoming-byte-total\":%lld",
               (long long)t->requests, (long long)t->responses, (long long)t->bytes_out,
               (long long)t->bytes_in);
}

/* "node-1"; "bootstrap" has no number yet. */
static void put_nodes(struct buf *out, const struct client_metrics *m)
{
    buf_printf(out, ",\"nodes\":{");
    for (size_t i = 0; i < METRIC_NODES && m->nodes[i].mark != 0; i++) {
        const struct node_metrics *n = &m->nodes[i];
        long long id = (long long)n->mark - 2;
        char name[32] = "bootstrap";
        if (id >= 0) {
            snprintf(name, sizeof name, "node-%lld", id);
        }
        buf_printf(out, "%s\"%s\":{", i ? "," : "", name);
        put_traffic(out, &n->traffic);
        buf_put_u8(out, '}');
    }
    buf_put_u8(out, '}');
}

static void put_client(struct buf *out, struct ottla_client *c)
{
    const struct client_metrics *m = c->metrics;
    buf_printf(out, "\"client\":{\"client-id\":\"");
    put_text(out, c->config->values.client_id);
    buf_printf(out,
               "\",\"connection-count\":%lld,\"connection-creation-total\":%lld,"
               "\"connection-close-total\":%lld,",
               (long long)(m->created - m->closed), (long long)m->created, (long long)m->closed);
    put_traffic(out, &m->traffic);
    put_nodes(out, m);
    buf_put_u8(out, '}');
}

/* --- telling --- */

void reporter_init(struct reporter *r, const struct reporter *wanted, int64_t now_ms)
{
    *r = *wanted;
    r->at_ms = r->fn != NULL && r->interval_ms > 0 ? now_ms + r->interval_ms : INT64_MAX;
}

void reporter_tell(struct reporter *r, char *text, int64_t now_ms)
{
    r->at_ms = now_ms + r->interval_ms;
    if (text != NULL) {
        r->fn(r->ctx, text);
        ottla_text_free(text);
    }
}

static char *finish(struct buf *out)
{
    size_t len;
    buf_put_u8(out, '\0');
    return (char *)buf_steal(out, &len);
}

/* A forked child has none; locks may be held there for ever. */
static bool has_numbers(const struct ottla_client *c, struct buf *out)
{
    bool is_child = client_check(c, NULL) != 0;
    buf_printf(out, is_child ? "{}" : "{");
    return !is_child;
}

char *ottla_client_metrics(struct ottla_client *c)
{
    if (c == NULL) {
        return NULL;
    }
    struct buf out = BUF_INIT;
    if (!has_numbers(c, &out)) {
        return finish(&out);
    }
    put_client(&out, c);
    buf_put_u8(&out, '}');
    return finish(&out);
}

char *ottla_producer_metrics(struct ottla_producer *p)
{
    if (p == NULL) {
        return NULL;
    }
    struct buf out = BUF_INIT;
    if (!has_numbers(p->client, &out)) {
        return finish(&out);
    }
    put_client(&out, p->client);
    buf_printf(&out, ",\"producer\":{");
    mutex_lock(&p->lock);
    put_records(&out, &p->acc.metrics);
    put_requests(&out, &p->acc.metrics);
    put_state(&out, &p->acc);
    mutex_unlock(&p->lock);
    buf_printf(&out, "}}");
    return finish(&out);
}

/* --- consumers --- */

/* Whole seconds since then; -1: it was never. */
static void put_ago(struct buf *out, const char *name, int64_t at_ms, int64_t now_ms)
{
    buf_printf(out, "\"%s-seconds-ago\":%lld,", name,
               at_ms > 0 ? (long long)((now_ms - at_ms) / 1000) : -1);
}

static void put_polls(struct buf *out, const struct consumer_metrics *m, int64_t now_ms)
{
    int64_t all_ms = MAX(m->between_polls.sum_ms, m->in_poll.sum_ms);
    buf_printf(out, "\"poll-total\":%lld,", (long long)m->polls);
    put_ago(out, "last-poll", m->poll_at_ms, now_ms);
    put_times(out, "time-between-poll", &m->between_polls);
    buf_printf(out, "\"poll-idle-ratio-avg\":%.3f,", per(m->in_poll.sum_ms, all_ms));
    buf_printf(out, "\"commit-total\":%lld,", (long long)m->commits.count);
    put_times(out, "commit-latency", &m->commits);
}

static void put_fetches(struct buf *out, const struct fetch_metrics *m, int64_t records)
{
    int64_t n = m->fetches.count;
    buf_printf(out,
               "\"records-consumed-total\":%lld,\"bytes-consumed-total\":%lld,"
               "\"records-per-request-avg\":%.2f,\"fetch-total\":%lld,",
               (long long)records, (long long)m->bytes, per(records, n), (long long)n);
    put_times(out, "fetch-latency", &m->fetches);
    buf_printf(out, "\"fetch-size-avg\":%.1f,\"fetch-size-max\":%lld,", per(m->bytes, n),
               (long long)m->bytes_max);
    put_throttles(out, "fetch-throttle-time", &m->throttles);
}

static void put_member(struct buf *out, const struct member_metrics *m, int64_t now_ms)
{
    buf_printf(out, "\"heartbeat-total\":%lld,\"heartbeat-response-time-max\":%lld,",
               (long long)m->heartbeats.count, (long long)m->heartbeats.max_ms);
    put_ago(out, "last-heartbeat", m->heartbeat_at_ms, now_ms);
    buf_printf(out, "\"join-total\":%lld,", (long long)m->joins.count);
    put_times(out, "join-time", &m->joins);
    buf_printf(out, "\"sync-total\":%lld,", (long long)m->syncs.count);
    put_times(out, "sync-time", &m->syncs);
    buf_printf(out,
               "\"rebalance-total\":%lld,\"rebalance-latency-total\":%lld,"
               "\"failed-rebalance-total\":%lld,\"partitions-lost-total\":%lld,",
               (long long)m->rebalances.count, (long long)m->rebalances.sum_ms,
               (long long)m->failed_rebalances, (long long)m->lost_partitions);
    put_times(out, "rebalance-latency", &m->rebalances);
    put_ago(out, "last-rebalance", m->rebalance_at_ms, now_ms);
}

/* By topic and partition; -1: not known. */
static void put_partitions(struct buf *out, struct ottla_consumer *c)
{
    const struct ottla_topic_partition *tps;
    size_t n = ottla_consumer_assignment(c, &tps);
    int64_t least = -1;
    buf_printf(out, "\"partitions\":{");
    for (size_t i = 0; i < n; i++) {
        const struct part *p = fetcher_find(&c->fetcher, tps[i].topic, tps[i].partition);
        int64_t lead = part_lead(p);
        least = lead >= 0 && (least < 0 || lead < least) ? lead : least;
        buf_printf(out, "%s\"", i ? "," : "");
        put_text(out, p->topic);
        buf_printf(out,
                   "-%d\":{\"position\":%lld,\"records-lag\":%lld,\"records-lead\":%lld,"
                   "\"preferred-read-replica\":%d}",
                   p->partition, (long long)p->position, (long long)part_lag(p), (long long)lead,
                   p->replica);
    }
    buf_printf(out, "},\"records-lead-min\":%lld,\"records-lag-max\":%lld,", (long long)least,
               (long long)ottla_consumer_lag_max(c));
    buf_printf(out, "\"assigned-partitions\":%zu", n);
}

char *ottla_consumer_metrics(struct ottla_consumer *c)
{
    if (c == NULL) {
        return NULL;
    }
    struct member_metrics of_member = {0};
    struct buf out = BUF_INIT;
    int64_t now_ms = client_now_ms(c->client);
    if (!has_numbers(c->client, &out)) {
        return finish(&out);
    }
    if (c->membership != NULL) {
        of_member = membership_lock(c->membership)->metrics;
        membership_unlock(c->membership);
    }
    put_client(&out, c->client);
    buf_printf(&out, ",\"consumer\":{");
    put_polls(&out, &c->metrics, now_ms);
    put_fetches(&out, &c->fetcher.metrics, c->metrics.records);
    put_member(&out, &of_member, now_ms);
    put_partitions(&out, c);
    buf_printf(&out, "}}");
    return finish(&out);
}
