/* Consume: each connection fetches its own partitions in one request at a time, in an incremental
 * session, with the sizes that the Java consumer asks for by default. Every batch must begin where
 * the one before ended and be the one that was produced. Timed, a reader that reaches the end
 * begins again; by count, it stops there and the sum must be right. */
#include "gen.h"

#include "base/mem.h"
#include "record/batch.h"

enum { FETCH = 1, PER_CONN_MAX = 512, PATIENCE_S = 30 };

struct cursor {
    int64_t off;
    int64_t end_off;
    bool has_moved; /* since the session was told */
};

struct lane {
    struct buf request;
    int32_t session_id, session_epoch;
    struct cursor *cursors;
};

struct consume {
    struct traffic t;
    struct lane *lanes;
    double progress_s; /* when records came last */
};

/* Those that moved; in a new session all. */
static int fill_partitions(const struct consume *g, const struct flow_conn *c,
                           struct fetch_req_fetch_partition *parts)
{
    struct lane *l = &g->lanes[c->index];
    int n = 0;
    for (int i = 0; i < g->t.each; i++) {
        if (l->session_epoch > 0 && !l->cursors[i].has_moved) {
            continue;
        }
        parts[n] = fetch_req_fetch_partition_default;
        parts[n].partition = traffic_partition(&g->t, c, i);
        parts[n].fetch_offset = l->cursors[i].off;
        parts[n].partition_max_bytes = g->t.flow.options->partition_max_bytes;
        l->cursors[i].has_moved = false;
        n++;
    }
    return n;
}

static void encode(struct consume *g, const struct flow_conn *c)
{
    const struct options *o = g->t.flow.options;
    struct lane *l = &g->lanes[c->index];
    struct fetch_req req = fetch_req_default;
    struct fetch_req_fetch_topic topic = fetch_req_fetch_topic_default;
    struct fetch_req_fetch_partition parts[PER_CONN_MAX];
    struct wire_header h = traffic_header(&g->t, c->next_correlation_id);
    topic.topic = g->t.version < 13 ? str_from(o->topic) : topic.topic;
    topic.topic_id = g->t.topic_id;
    topic.partitions = parts;
    topic.partitions_count = fill_partitions(g, c, parts);
    req.max_wait_ms = o->max_wait_ms;
    req.min_bytes = o->min_bytes;
    req.max_bytes = o->max_bytes;
    req.session_id = l->session_id;
    req.session_epoch = l->session_epoch;
    req.topics = &topic;
    req.topics_count = topic.partitions_count > 0 ? 1 : 0;
    encode_request(&l->request, &h, &req, NULL);
}

/* By count the sum decides: what waits to be synced is not shown to consumers yet. */
static bool is_at_end(const struct consume *g, const struct flow_conn *c)
{
    if (g->t.flow.options->records > 0) {
        return g->t.records >= g->t.flow.options->records;
    }
    for (int i = 0; i < g->t.each; i++) {
        const struct cursor *at = &g->lanes[c->index].cursors[i];
        if (at->off < at->end_off) {
            return false;
        }
    }
    return true;
}

static enum flow_ask ask(struct flow *f, struct flow_conn *c)
{
    struct consume *g = CONTAINER_OF(f, struct consume, t.flow);
    struct lane *l = &g->lanes[c->index];
    if (flow_is_late(f) || (f->options->seconds <= 0 && is_at_end(g, c))) {
        return FLOW_DONE;
    }
    encode(g, c);
    flow_put(c, &l->request);
    return FLOW_ASKED;
}

/* Between base offset and CRC the broker writes its leader epoch. */
static void check_content(struct consume *g, int partition, const struct batch *b)
{
    enum { KEPT_AT = 17 };
    const struct buf *want = content_at(&g->t.content, partition, b->base_off);
    size_t len = g->t.flow.options->is_full_check ? want->len : BATCH_HEADER_BYTES;
    if (b->size_bytes == want->len && !memcmp(b->p + KEPT_AT, want->p + KEPT_AT, len - KEPT_AT)) {
        return;
    }
    g->t.changed++;
    if (!g->t.flow.options->may_change) {
        die("partition %d, offset %lld: not what was produced", partition, (long long)b->base_off);
    }
}

/* A batch that is cut off at the end is the next fetch's. */
static void take_records(struct consume *g, struct cursor *at, int partition, struct bytes in)
{
    struct batch b;
    int64_t before_off = at->off;
    while (batch_parse(in, &b) == OK) {
        if (b.base_off != at->off) {
            die("partition %d: offset %lld where %lld is due", partition, (long long)b.base_off,
                (long long)at->off);
        }
        check_content(g, partition, &b);
        at->off = batch_next_off(&b);
        in = (struct bytes){in.p + b.size_bytes, in.len - b.size_bytes};
    }
    g->t.records += at->off - before_off;
    at->has_moved |= at->off != before_off;
    g->progress_s = at->has_moved ? mono_s() : g->progress_s;
}

static void take_partition(struct consume *g, const struct flow_conn *c,
                           const struct fetch_resp_partition_data *r)
{
    int i = r->partition_index - traffic_partition(&g->t, c, 0);
    if (r->error_code != 0) {
        die("partition %d: %s", r->partition_index, err_name((enum err)r->error_code));
    }
    if (i < 0 || i >= g->t.each) {
        die("partition %d was not asked for", r->partition_index);
    }
    struct cursor *at = &g->lanes[c->index].cursors[i];
    take_records(g, at, r->partition_index, (struct bytes){r->records.p, r->records.len});
    if (at->off >= at->end_off && g->t.flow.options->seconds > 0 && at->end_off > 0) {
        at->off = 0;
        at->has_moved = true;
    }
}

static void take_session(struct lane *l, const struct fetch_resp *resp)
{
    if (resp->error_code != 0) {
        die("fetch: %s", err_name((enum err)resp->error_code));
    }
    l->session_id = resp->session_id;
    l->session_epoch = resp->session_id == 0 ? 0 : l->session_epoch + 1;
}

static void answer(struct flow *f, struct flow_conn *c, struct bytes frame)
{
    struct consume *g = CONTAINER_OF(f, struct consume, t.flow);
    struct fetch_resp resp;
    if (mono_s() - g->progress_s > PATIENCE_S) {
        die("%lld records came, and then none for %d s", (long long)g->t.records, PATIENCE_S);
    }
    traffic_decode(&g->t, c, frame, &resp);
    take_session(&g->lanes[c->index], &resp);
    for (int32_t t = 0; t < resp.responses_count; t++) {
        for (int32_t i = 0; i < resp.responses[t].partitions_count; i++) {
            take_partition(g, c, &resp.responses[t].partitions[i]);
        }
    }
}

static void lanes_init(struct consume *g, const struct options *o, const int64_t *end_offs)
{
    g->lanes = mem_zalloc(sizeof *g->lanes * (size_t)o->conns);
    for (int i = 0; i < o->conns; i++) {
        g->lanes[i].cursors = mem_zalloc(sizeof(struct cursor) * (size_t)g->t.each);
        for (int k = 0; k < g->t.each; k++) {
            g->lanes[i].cursors[k].end_off = end_offs[i * g->t.each + k];
        }
    }
}

static void prepare(struct consume *g, const struct options *o)
{
    static const struct traffic_kind kind = {FETCH, PER_CONN_MAX, ask, answer};
    int64_t *end_offs = mem_alloc(sizeof(int64_t) * (size_t)o->partitions);
    if (o->window != 1) {
        die("a consumer has one fetch on its way");
    }
    traffic_init(&g->t, o, &kind, end_offs);
    lanes_init(g, o, end_offs);
    mem_free(end_offs);
}

int gen_consume(const struct options *o)
{
    static struct consume g;
    prepare(&g, o);
    g.progress_s = mono_s();
    traffic_run(&g.t);
    if (o->seconds <= 0 && o->records > 0 && g.t.records != o->records) {
        die("%lld records are there, not %lld", (long long)g.t.records, (long long)o->records);
    }
    traffic_print(&g.t, g.t.flow.bytes_in);
    return 0;
}
