/* Produce: each connection has partitions of its own and sends one batch for each of them in a
 * request. Batches go out as they lie in the content; only the request around them is encoded.
 * Offsets must come back without a gap. */
#include "gen.h"

#include "base/endian.h"
#include "base/mem.h"

enum { PRODUCE = 0, CORRELATION_ID_AT = 8, PER_REQUEST_MAX = (FLOW_IOV_MAX - 1) / 2 };

struct lane {
    struct buf head; /* the request without its batches */
    struct wire_splice splices[PER_REQUEST_MAX];
    struct wire_splices spliced;
    int64_t last_off; /* that a shared partition gave to this connection */
};

struct produce {
    struct traffic t;
    struct lane *lanes;
    int64_t *asked_off, *next_off; /* [partitions]: of what is sent, and of what is answered */
};

void encode_produce(const struct traffic *t, int first, const struct buf *const *batches,
                    struct buf *head, struct wire_splices *splices)
{
    struct produce_req req = produce_req_default;
    struct produce_req_topic_produce_data topic = produce_req_topic_produce_data_default;
    struct produce_req_partition_produce_data parts[PER_REQUEST_MAX];
    struct wire_header h = request_header(&t->peer, PRODUCE, 0);
    for (int i = 0; i < t->each; i++) {
        parts[i] = produce_req_partition_produce_data_default;
        parts[i].index = first + i;
        parts[i].records =
            (struct wire_records){.len = batches[i]->len, .ref = (void *)(uintptr_t)batches[i]};
    }
    topic.name = t->version < 13 ? str_from(t->flow.options->topic) : topic.name;
    topic.topic_id = t->topic_id;
    topic.partition_data = parts;
    topic.partition_data_count = t->each;
    req.acks = (int16_t)t->flow.options->acks;
    req.timeout_ms = 30000;
    req.topic_data = &topic;
    req.topic_data_count = 1;
    encode_request(head, &h, &req, splices);
}

static bool is_enough(const struct produce *g)
{
    int64_t want = g->t.flow.options->records;
    return want > 0 && g->t.flow.requests * g->t.each * g->t.content.records_each >= want;
}

static enum flow_ask ask(struct flow *f, struct flow_conn *c)
{
    struct produce *g = CONTAINER_OF(f, struct produce, t.flow);
    struct lane *l = &g->lanes[c->index];
    const struct buf *batches[PER_REQUEST_MAX];
    if (flow_is_late(f) || is_enough(g)) {
        return FLOW_DONE;
    }
    int first = traffic_partition(&g->t, c, 0);
    l->spliced = (struct wire_splices){.items = l->splices, .cap = PER_REQUEST_MAX};
    for (int i = 0; i < g->t.each; i++) {
        batches[i] = content_at(&g->t.content, first + i, g->asked_off[first + i]);
        g->asked_off[first + i] += g->t.content.records_each;
    }
    encode_produce(&g->t, first, batches, &l->head, &l->spliced);
    be32_put(l->head.p + CORRELATION_ID_AT, (uint32_t)c->next_correlation_id);
    flow_put_spliced(c, &l->head, &l->spliced);
    return FLOW_ASKED;
}

/* Without a gap; where others write between, at least in order. */
static bool is_next(const struct produce *g, const struct lane *l,
                    const struct produce_resp_partition_produce_response *r)
{
    return g->t.flow.options->is_shared ? r->base_offset > l->last_off
                                        : r->base_offset == g->next_off[r->index];
}

static void check_partition(struct produce *g, const struct flow_conn *c,
                            const struct produce_resp_partition_produce_response *r)
{
    int i = r->index - traffic_partition(&g->t, c, 0);
    if (r->error_code != 0) {
        die("partition %d: %s", r->index, err_name((enum err)r->error_code));
    }
    if (i < 0 || i >= g->t.each || !is_next(g, &g->lanes[c->index], r)) {
        die("partition %d: offset %lld is not the next one", r->index, (long long)r->base_offset);
    }
    g->lanes[c->index].last_off = r->base_offset;
    g->next_off[r->index] += g->t.content.records_each;
    g->t.records += g->t.content.records_each;
}

static void answer(struct flow *f, struct flow_conn *c, struct bytes frame)
{
    struct produce *g = CONTAINER_OF(f, struct produce, t.flow);
    struct produce_resp resp;
    traffic_decode(&g->t, c, frame, &resp);
    if (resp.responses_count != 1 || resp.responses[0].partition_responses_count != g->t.each) {
        die("a Produce was answered for other partitions");
    }
    for (int i = 0; i < g->t.each; i++) {
        check_partition(g, c, &resp.responses[0].partition_responses[i]);
    }
}

static void prepare(struct produce *g, const struct options *o)
{
    static const struct traffic_kind kind = {PRODUCE, PER_REQUEST_MAX, ask, answer};
    g->lanes = mem_zalloc(sizeof *g->lanes * (size_t)o->conns);
    g->asked_off = mem_zalloc(sizeof(int64_t) * (size_t)o->partitions);
    g->next_off = mem_zalloc(sizeof(int64_t) * (size_t)o->partitions);
    traffic_init(&g->t, o, &kind, g->next_off);
    for (int i = 0; i < o->conns; i++) {
        g->lanes[i].last_off = -1;
    }
    memcpy(g->asked_off, g->next_off, sizeof(int64_t) * (size_t)o->partitions);
}

int gen_produce(const struct options *o)
{
    static struct produce g;
    prepare(&g, o);
    traffic_run(&g.t);
    traffic_print(&g.t, g.t.flow.bytes_out);
    return 0;
}
