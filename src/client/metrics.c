/* Numbers as JSON, by Kafka's names. Any thread. */
#include "client/metrics.h"

#include "client/consumer_int.h"
#include "client/producer_int.h"

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

static void put_requests(struct buf *out, const struct producer_metrics *m)
{
    buf_printf(out,
               "\"produce-request-total\":%lld,\"request-latency-avg\":%.2f,"
               "\"request-latency-max\":%lld,\"produce-throttle-time-total\":%lld,"
               "\"bufferpool-wait-time-ns-total\":%lld,",
               (long long)m->requests, per(m->request_latency_ms, m->requests),
               (long long)m->request_latency_max_ms, (long long)m->throttle_ms,
               (long long)m->blocked_ns);
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

static void put_client(struct buf *out, struct ottla_client *c)
{
    const struct client_metrics *m = c->metrics;
    buf_printf(out, "\"client\":{\"client-id\":\"");
    put_text(out, c->config->values.client_id);
    buf_printf(
        out,
        "\",\"connection-creation-total\":%lld,\"request-total\":%lld,\"response-total\":%lld,"
        "\"outgoing-byte-total\":%lld,\"incoming-byte-total\":%lld}",
        (long long)m->created, (long long)m->requests, (long long)m->responses,
        (long long)m->bytes_out, (long long)m->bytes_in);
}

static char *finish(struct buf *out)
{
    size_t len;
    buf_put_u8(out, '\0');
    return (char *)buf_steal(out, &len);
}

char *ottla_client_metrics(struct ottla_client *c)
{
    struct buf out = BUF_INIT;
    buf_put_u8(&out, '{');
    put_client(&out, c);
    buf_put_u8(&out, '}');
    return finish(&out);
}

char *ottla_producer_metrics(struct ottla_producer *p)
{
    struct buf out = BUF_INIT;
    buf_put_u8(&out, '{');
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

char *ottla_consumer_metrics(struct ottla_consumer *c)
{
    struct buf out = BUF_INIT;
    const struct ottla_topic_partition *tps;
    buf_put_u8(&out, '{');
    put_client(&out, c->client);
    buf_printf(&out,
               ",\"consumer\":{\"poll-total\":%lld,\"records-consumed-total\":%lld,"
               "\"records-lag-max\":%lld,\"assigned-partitions\":%zu}}",
               (long long)c->metrics.polls, (long long)c->metrics.records,
               (long long)ottla_consumer_lag_max(c), ottla_consumer_assignment(c, &tps));
    return finish(&out);
}
