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
};

struct produce {
    struct traffic t;
    struct lane *lanes;
    int64_t *asked_off, *next_off; /* [partitions]: of what is sent, and of what is answered */
};

static void encode(struct produce *g, const struct flow_conn *c)
{
    struct lane *l = &g->lanes[c->index];
    struct produce_req req = produce_req_default;
    struct produce_req_topic_produce_data topic = produce_req_topic_produce_data_default;
    struct produce_req_partition_produce_data parts[PER_REQUEST_MAX];
    struct wire_splices splices = {.items = l->splices, .cap = PER_REQUEST_MAX};
    struct wire_header h = traffic_header(&g->t, 0);
    for (int i = 0; i < g->t.each; i++) {
        int p = traffic_partition(&g->t, c, i);
        const struct buf *b = content_at(&g->t.content, p, g->asked_off[p]);
        g->asked_off[p] += g->t.content.records_each;
        parts[i] = produce_req_partition_produce_data_default;
        parts[i].index = p;
        parts[i].records = (struct wire_records){.len = b->len, .ref = (void *)(uintptr_t)b};
    }
    topic.name = g->t.version < 13 ? str_from(g->t.flow.options->topic) : topic.name;
    topic.topic_id = g->t.topic_id;
    topic.partition_data = parts;
    topic.partition_data_count = g->t.each;
    req.acks = (int16_t)g->t.flow.options->acks;
    req.timeout_ms = 30000;
    req.topic_data = &topic;
    req.topic_data_count = 1;
    encode_request(&l->head, &h, &req, &splices);
}

static bool is_enough(const struct produce *g)
{
    int64_t want = g->t.flow.options->records;
    return want > 0 && g->t.flow.requests * g->t.each * g->t.content.records_each >= want;
}

static void add(struct flow_conn *c, const uint8_t *p, size_t len)
{
    if (len > 0) {
        c->iov[c->iov_count++] = (struct iovec){(void *)(uintptr_t)p, len};
    }
}

static bool ask(struct flow *f, struct flow_conn *c)
{
    struct produce *g = CONTAINER_OF(f, struct produce, t.flow);
    struct lane *l = &g->lanes[c->index];
    size_t at = 0;
    if (is_enough(g)) {
        return false;
    }
    encode(g, c);
    be32_put(l->head.p + CORRELATION_ID_AT, (uint32_t)c->next_correlation_id);
    c->iov_count = 0;
    for (int i = 0; i < g->t.each; i++) {
        const struct buf *b = l->splices[i].ref;
        add(c, l->head.p + at, l->splices[i].at - at);
        add(c, b->p, b->len);
        at = l->splices[i].at;
    }
    add(c, l->head.p + at, l->head.len - at);
    return true;
}

static void check_partition(struct produce *g, const struct flow_conn *c,
                            const struct produce_resp_partition_produce_response *r)
{
    int i = r->index - traffic_partition(&g->t, c, 0);
    if (r->error_code != 0) {
        die("partition %d: %s", r->index, err_name((enum err)r->error_code));
    }
    if (i < 0 || i >= g->t.each || r->base_offset != g->next_off[r->index]) {
        die("partition %d: offset %lld is not the next one", r->index, (long long)r->base_offset);
    }
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
