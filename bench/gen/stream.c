/* Batches that come due at a steady rate, and readers at the tail. The time that counts begins when
 * a batch was due, whether or not it could be sent then: a broker that stands still cannot hide it.
 * What could not be sent in time goes out together, as a client would do. Connection 0 produces;
 * the others read all of it. Each batch must arrive once, in order, with the bytes that were sent.
 *
 * A "piece" is what comes due at one time; a batch holds 1, 2, 4, ... of them. */
#include "gen.h"

#include "base/endian.h"
#include "base/mem.h"
#include "plat/thread.h"
#include "record/batch.h"

#include <stdio.h>
#include <sys/prctl.h>

enum { FETCH = 1, CORRELATION_ID_AT = 8, TIMER_SLACK_NS = 1000 };

struct sent {
    int64_t piece; /* its first */
    int level;
};

struct stream {
    struct traffic t;
    struct options options; /* as the flow sees them: a connection more than readers */
    struct wire_splice splice;
    struct buf head, fetch;
    double begin_s;
    int64_t total, asked; /* pieces */
    struct sent *sent;    /* all batches, with one more that begins where the next will */
    int64_t batches, answered;
    int64_t *seen; /* [connection]: batches that it read */
    struct delays acks, reads;
};

static double due_s(const struct stream *g, int64_t piece)
{
    return g->begin_s + (double)piece / g->options.rate;
}

static void measure(const struct stream *g, struct delays *d, const struct sent *batch)
{
    double now_s = mono_s();
    for (int64_t i = batch[0].piece; i < batch[1].piece; i++) {
        if ((double)i / g->options.rate >= g->options.settle_s) {
            delays_add(d, now_s - due_s(g, i));
        }
    }
}

static int64_t off_of(const struct stream *g, int64_t batch)
{
    return g->sent[batch].piece * g->t.content.records_each;
}

/* How many pieces, as a power of two, are due and may go together. */
static int due_level(const struct stream *g)
{
    int level = 0;
    while (level < g->options.merge_levels && g->asked + (2 << level) <= g->total &&
           due_s(g, g->asked + (2 << level) - 1) <= mono_s()) {
        level++;
    }
    return level;
}

static enum flow_ask ask_produce(struct stream *g, struct flow_conn *c)
{
    struct wire_splices splices = {.items = &g->splice, .cap = 1};
    if (g->asked == g->total) {
        return FLOW_DONE;
    }
    if (due_s(g, g->asked) > mono_s()) {
        g->t.flow.next_s = due_s(g, g->asked);
        return FLOW_LATER;
    }
    int level = due_level(g);
    const struct buf *batch = content_merged(&g->t.content, level, g->batches);
    encode_produce(&g->t, 0, &batch, &g->head, &splices);
    be32_put(g->head.p + CORRELATION_ID_AT, (uint32_t)c->next_correlation_id);
    flow_put_spliced(c, &g->head, &splices);
    g->sent[g->batches++] = (struct sent){g->asked, level};
    g->asked += 1 << level;
    g->sent[g->batches].piece = g->asked;
    return FLOW_ASKED;
}

static bool has_all(const struct stream *g, int64_t seen)
{
    return g->asked == g->total && seen == g->batches;
}

static enum flow_ask ask_fetch(struct stream *g, struct flow_conn *c)
{
    struct fetch_req req = fetch_req_default;
    struct fetch_req_fetch_topic topic = fetch_req_fetch_topic_default;
    struct fetch_req_fetch_partition part = fetch_req_fetch_partition_default;
    struct wire_header h = request_header(&g->t.peer, FETCH, c->next_correlation_id);
    if (c->in_flight > 0 || has_all(g, g->seen[c->index])) {
        return c->in_flight > 0 ? FLOW_LATER : FLOW_DONE;
    }
    part.fetch_offset = off_of(g, g->seen[c->index]);
    part.partition_max_bytes = g->options.partition_max_bytes;
    topic.topic = h.version < 13 ? str_from(g->options.topic) : topic.topic;
    topic.topic_id = g->t.topic_id;
    topic.partitions = &part;
    topic.partitions_count = 1;
    req.max_wait_ms = g->options.max_wait_ms;
    req.min_bytes = g->options.min_bytes;
    req.max_bytes = g->options.max_bytes;
    req.session_epoch = -1; /* no session */
    req.topics = &topic;
    req.topics_count = 1;
    encode_request(&g->fetch, &h, &req, NULL);
    flow_put(c, &g->fetch);
    return FLOW_ASKED;
}

static enum flow_ask ask(struct flow *f, struct flow_conn *c)
{
    struct stream *g = CONTAINER_OF(f, struct stream, t.flow);
    return c->index == 0 ? ask_produce(g, c) : ask_fetch(g, c);
}

static void take_ack(struct stream *g, struct flow_conn *c, struct bytes frame)
{
    struct produce_resp resp;
    traffic_decode(&g->t, c, frame, &resp);
    if (resp.responses_count != 1 || resp.responses[0].partition_responses_count != 1) {
        die("a Produce was answered for other partitions");
    }
    const struct produce_resp_partition_produce_response *r =
        &resp.responses[0].partition_responses[0];
    if (r->error_code != 0 || r->base_offset != off_of(g, g->answered)) {
        die("offset %lld came back where %lld is due: %s", (long long)r->base_offset,
            (long long)off_of(g, g->answered), err_name((enum err)r->error_code));
    }
    measure(g, &g->acks, &g->sent[g->answered]);
    g->answered++;
}

static void take_batch(struct stream *g, int64_t *seen, const struct batch *b)
{
    enum { KEPT_AT = 17 }; /* between base offset and CRC the broker writes its leader epoch */
    if (*seen == g->batches) {
        die("offset %lld was never sent", (long long)b->base_off);
    }
    const struct sent *s = &g->sent[*seen];
    const struct buf *want = content_merged(&g->t.content, s->level, *seen);
    if (b->base_off != off_of(g, *seen) || b->size_bytes != want->len ||
        memcmp(b->p + KEPT_AT, want->p + KEPT_AT, want->len - KEPT_AT) != 0) {
        die("offset %lld: not what is due at %lld", (long long)b->base_off,
            (long long)off_of(g, *seen));
    }
    measure(g, &g->reads, s);
    (*seen)++;
}

static void take_records(struct stream *g, struct flow_conn *c, struct bytes frame)
{
    struct wire_header h = request_header(&g->t.peer, FETCH, c->next_answer);
    struct fetch_resp resp;
    struct batch b;
    decode_answer(frame, &h, &g->t.arena, &resp);
    if (resp.error_code != 0 || resp.responses_count != 1) {
        die("fetch: %s", err_name((enum err)resp.error_code));
    }
    const struct fetch_resp_partition_data *r = resp.responses[0].partitions;
    if (resp.responses[0].partitions_count != 1 || r->error_code != 0) {
        die("fetch: %s", err_name((enum err)r->error_code));
    }
    struct bytes in = {r->records.p, r->records.len};
    while (batch_parse(in, &b) == OK) {
        take_batch(g, &g->seen[c->index], &b);
        in = (struct bytes){in.p + b.size_bytes, in.len - b.size_bytes};
    }
}

static void answer(struct flow *f, struct flow_conn *c, struct bytes frame)
{
    struct stream *g = CONTAINER_OF(f, struct stream, t.flow);
    if (c->index == 0) {
        take_ack(g, c, frame);
    } else {
        take_records(g, c, frame);
    }
}

static void prepare(struct stream *g, const struct options *o)
{
    static const struct traffic_kind kind = {0, 1, ask, answer};
    int64_t end_off;
    g->options = *o;
    g->options.partitions = g->options.conns = 1;
    traffic_init(&g->t, &g->options, &kind, &end_off);
    if (o->rate <= 0 || o->readers < 0 || end_off != 0) {
        die("a stream wants a rate and an empty topic");
    }
    g->options.conns = 1 + o->readers;
    g->seen = mem_zalloc(sizeof *g->seen * (size_t)g->options.conns);
    g->total = (int64_t)(o->rate * o->seconds);
    g->sent = mem_zalloc(sizeof *g->sent * (size_t)(g->total + 1));
    (void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    thread_be_prompt(); /* its own waiting for a processor is no broker's */
}

int gen_stream(const struct options *o)
{
    static struct stream g;
    prepare(&g, o);
    g.begin_s = mono_s();
    traffic_run(&g.t);
    g.t.records = off_of(&g, g.batches);
    traffic_print_open(&g.t, g.t.flow.bytes_out);
    delays_print(&g.acks, "ack");
    delays_print(&g.reads, "read");
    printf("}\n");
    return 0;
}
