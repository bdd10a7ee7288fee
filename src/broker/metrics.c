/* Counters as text. Takes the locks that any reader takes, for one look-up at a time. */
#include "broker/metrics.h"

#include "base/mem.h"
#include "broker/admission.h"
#include "broker/call.h"
#include "broker/coordinator.h"
#include "plat/process.h"

#include <stdio.h>

struct metrics *metrics_new(int worker_count, int64_t now_ms)
{
    size_t api_count;
    struct metrics *m = NEW(struct metrics);
    (void)api_rows(&api_count);
    m->start_ms = now_ms;
    m->worker_count = worker_count;
    m->workers = mem_zalloc(sizeof *m->workers * (size_t)worker_count);
    for (int i = 0; i < worker_count; i++) {
        m->workers[i].apis = mem_zalloc(sizeof *m->workers[i].apis * api_count);
    }
    return m;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL) {
        return;
    }
    for (int i = 0; i < m->worker_count; i++) {
        mem_free(m->workers[i].apis);
    }
    mem_free(m->workers);
    mem_free(m);
}

/* --- the format --- */

enum metric {
#define X(ident, name, type, help) METRIC_##ident,
#include "def/metric.def"
#undef X
};

static const struct {
    const char *name, *type, *help;
} table[] = {
#define X(ident, name, type, help) {name, #type, help},
#include "def/metric.def"
#undef X
};

static void head(struct buf *out, enum metric m)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", table[m].name, table[m].help, table[m].name,
               table[m].type);
}

/* A metric of one value, with its head. */
static void put(struct buf *out, enum metric m, double value)
{
    head(out, m);
    buf_printf(out, "%s %.17g\n", table[m].name, value);
}

/* One value of a metric with labels: text like topic="a". */
static void put_with(struct buf *out, enum metric m, const char *labels, double value)
{
    buf_printf(out, "%s{%s} %.17g\n", table[m].name, labels, value);
}

/* The counts of several histograms, added up. */
struct sums {
    uint64_t counts[HISTOGRAM_BOUNDS + 1];
    uint64_t total;
    uint64_t ns;
};

static void sum(struct sums *s, struct histogram *h)
{
    for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        uint64_t n = atomic_load_explicit(&h->counts[i], memory_order_relaxed);
        s->counts[i] += n;
        s->total += n;
    }
    s->ns += atomic_load_explicit(&h->sum_ns, memory_order_relaxed);
}

/* label: NULL or text like api="Fetch". */
static void put_histogram(struct buf *out, enum metric m, const char *label, const struct sums *s)
{
    const char *name = table[m].name;
    uint64_t below = 0;
    for (int i = 0; i < HISTOGRAM_BOUNDS; i++) {
        below += s->counts[i];
        buf_printf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, label ? label : "",
                   label ? "," : "", (double)histogram_bounds_ns[i] / 1e9,
                   (unsigned long long)below);
    }
    buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, label ? label : "", label ? "," : "",
               (unsigned long long)s->total);
    const char *open = label ? "{" : "", *close = label ? "}" : "";
    label = label ? label : "";
    buf_printf(out, "%s_sum%s%s%s %.9g\n", name, open, label, close, (double)s->ns / 1e9);
    buf_printf(out, "%s_count%s%s%s %llu\n", name, open, label, close,
               (unsigned long long)s->total);
}

/* --- requests --- */

/* "Produce" of "ProduceRequest". */
static struct str api_name(const struct api *api)
{
    struct str name = str_from(wire_name(wire_request(api->key)));
    return str_sub(name, 0, name.len - strlen("Request"));
}

struct api_sums {
    struct sums time;
    uint64_t request_bytes, response_bytes;
    char label[64];
};

static struct api_sums *sum_apis(struct metrics *m, size_t *ret_count)
{
    const struct api *rows = api_rows(ret_count);
    struct api_sums *all = mem_zalloc(sizeof *all * *ret_count);
    for (size_t i = 0; i < *ret_count; i++) {
        struct str name = api_name(&rows[i]);
        snprintf(all[i].label, sizeof all[i].label, "api=\"%.*s\"", STR_ARG(name));
        for (int w = 0; w < m->worker_count; w++) {
            struct api_metrics *a = &m->workers[w].apis[i];
            sum(&all[i].time, &a->time);
            all[i].request_bytes += atomic_load(&a->request_bytes);
            all[i].response_bytes += atomic_load(&a->response_bytes);
        }
    }
    return all;
}

/* Those that nobody has asked yet are left out. */
static void put_requests(struct metrics *m, struct buf *out)
{
    size_t count;
    struct api_sums *all = sum_apis(m, &count);
    head(out, METRIC_REQUESTS);
    for (size_t i = 0; i < count; i++) {
        if (all[i].time.total > 0) {
            put_with(out, METRIC_REQUESTS, all[i].label, (double)all[i].time.total);
        }
    }
    head(out, METRIC_REQUEST_BYTES);
    for (size_t i = 0; i < count; i++) {
        if (all[i].time.total > 0) {
            put_with(out, METRIC_REQUEST_BYTES, all[i].label, (double)all[i].request_bytes);
        }
    }
    head(out, METRIC_RESPONSE_BYTES);
    for (size_t i = 0; i < count; i++) {
        if (all[i].time.total > 0) {
            put_with(out, METRIC_RESPONSE_BYTES, all[i].label, (double)all[i].response_bytes);
        }
    }
    head(out, METRIC_REQUEST_TIME);
    for (size_t i = 0; i < count; i++) {
        if (all[i].time.total > 0) {
            put_histogram(out, METRIC_REQUEST_TIME, all[i].label, &all[i].time);
        }
    }
    mem_free(all);
}

static void put_totals(struct metrics *m, struct buf *out)
{
    uint64_t bytes_in = 0, records_in = 0, bytes_out = 0;
    struct sums sync = {0};
    for (int w = 0; w < m->worker_count; w++) {
        bytes_in += atomic_load(&m->workers[w].bytes_in);
        records_in += atomic_load(&m->workers[w].records_in);
        bytes_out += atomic_load(&m->workers[w].bytes_out);
    }
    put(out, METRIC_BYTES_IN, (double)bytes_in);
    put(out, METRIC_RECORDS_IN, (double)records_in);
    put(out, METRIC_BYTES_OUT, (double)bytes_out);
    sum(&sync, &m->sync_time);
    head(out, METRIC_SYNC_TIME);
    put_histogram(out, METRIC_SYNC_TIME, NULL, &sync);
}

/* --- topics and partitions --- */

static void put_brokers(const struct image *img, struct buf *out)
{
    int active = 0;
    for (int32_t i = 0; i < img->broker_count; i++) {
        active += !img->brokers[i]->is_fenced;
    }
    put(out, METRIC_BROKERS, active);
}

/* A line for each partition of the image. */
static void put_parts(const struct image *img, enum metric m,
                      double (*value)(const struct image_part *p), struct buf *out)
{
    head(out, m);
    for (int32_t i = 0; i < img->topic_count; i++) {
        const struct image_topic *t = img->topics[i];
        for (int32_t j = 0; j < t->part_slots; j++) {
            const struct image_part *p = image_topic_part(t, j);
            if (p != NULL) {
                buf_printf(out, "%s{topic=\"%.*s\",partition=\"%d\"} %.17g\n", table[m].name,
                           STR_ARG(t->name), j, value(p));
            }
        }
    }
}

static double leader_of(const struct image_part *p) { return p->leader; }
static double replicas_of(const struct image_part *p) { return p->replica_count; }
static double isr_of(const struct image_part *p) { return p->isr_count; }
static double is_under(const struct image_part *p) { return p->isr_count < p->replica_count; }

static void put_image(struct broker *b, struct buf *out)
{
    const struct image *img = metacache_read(&b->metacache);
    put_brokers(img, out);
    head(out, METRIC_TOPIC_PARTITIONS);
    for (int32_t i = 0; i < img->topic_count; i++) {
        buf_printf(out, "%s{topic=\"%.*s\"} %d\n", table[METRIC_TOPIC_PARTITIONS].name,
                   STR_ARG(img->topics[i]->name), img->topics[i]->part_count);
    }
    put_parts(img, METRIC_PARTITION_LEADER, leader_of, out);
    put_parts(img, METRIC_PARTITION_REPLICAS, replicas_of, out);
    put_parts(img, METRIC_PARTITION_ISR, isr_of, out);
    put_parts(img, METRIC_PARTITION_UNDER, is_under, out);
    metacache_done(&b->metacache);
}

/* The lines of each metric must be together: one text each, filled in one walk. */
struct local {
    struct buf end, start, bytes, offline;
};

static void put_local(struct buf *out, enum metric m, const struct partition *p, double value)
{
    buf_printf(out, "%s{topic=\"%.*s\",partition=\"%d\"} %.17g\n", table[m].name,
               STR_ARG(p->topic_name), p->index, value);
}

static void visit(void *ctx, struct partition *p)
{
    struct local *l = ctx;
    struct partition_view v;
    partition_view(p, &v);
    put_local(&l->end, METRIC_PARTITION_END, p, (double)v.high_watermark.off);
    put_local(&l->start, METRIC_PARTITION_START, p, (double)v.start_off);
    put_local(&l->bytes, METRIC_PARTITION_BYTES, p, (double)log_size_bytes(p->log));
    put_local(&l->offline, METRIC_PARTITION_OFFLINE, p, v.offline != OK);
}

static void append(struct buf *out, enum metric m, struct buf *lines)
{
    head(out, m);
    buf_put(out, lines->p, lines->len);
    out->err = out->err ? out->err : lines->err;
    buf_deinit(lines);
}

static void put_partitions(struct broker *b, struct buf *out)
{
    struct local l = {BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT};
    topic_table_each(&b->topics, visit, &l);
    append(out, METRIC_PARTITION_END, &l.end);
    append(out, METRIC_PARTITION_START, &l.start);
    append(out, METRIC_PARTITION_BYTES, &l.bytes);
    append(out, METRIC_PARTITION_OFFLINE, &l.offline);
}

/* --- groups --- */

/* What is gathered while groups are visited, in the coordinator's thread. */
struct groups {
    struct broker *broker;
    struct buf members, offsets, lags, sums, maxima;
    struct str group; /* the one that is being visited; valid meanwhile */
    struct str topic;
    int64_t topic_lag, greatest_lag; /* -1: nothing yet */
    struct {
        const char *name;
        int count;
    } states[8];
};

/* A label's value: groups may be called anything. */
static void put_escaped(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (c == '"' || c == '\\' || c == '\n') {
            buf_printf(out, "\\%c", c == '\n' ? 'n' : c);
        } else {
            buf_put(out, &c, 1);
        }
    }
}

static void begin_line(struct buf *out, enum metric m, struct str group)
{
    buf_printf(out, "%s{consumergroup=\"", table[m].name);
    put_escaped(out, group);
}

static void end_topic(struct groups *g)
{
    if (g->topic_lag >= 0) {
        begin_line(&g->sums, METRIC_GROUP_LAG_SUM, g->group);
        buf_printf(&g->sums, "\",topic=\"%.*s\"} %lld\n", STR_ARG(g->topic),
                   (long long)g->topic_lag);
    }
    g->topic_lag = -1;
}

static void on_group_end(void *ctx)
{
    struct groups *g = ctx;
    end_topic(g);
    if (g->greatest_lag >= 0) {
        begin_line(&g->maxima, METRIC_GROUP_LAG_MAX, g->group);
        buf_printf(&g->maxima, "\"} %lld\n", (long long)g->greatest_lag);
    }
    g->greatest_lag = -1;
    g->topic = STR_NULL;
}

static void count_state(struct groups *g, const char *state)
{
    for (size_t i = 0; i < ARRAY_LEN(g->states); i++) {
        if (g->states[i].name == NULL || strcmp(g->states[i].name, state) == 0) {
            g->states[i].name = state;
            g->states[i].count++;
            return;
        }
    }
}

static void on_group(void *ctx, struct str group, const char *state, int32_t members)
{
    struct groups *g = ctx;
    g->group = group;
    count_state(g, state);
    begin_line(&g->members, METRIC_GROUP_MEMBERS, group);
    buf_printf(&g->members, "\"} %d\n", members);
}

/* How far behind; -1: the partition is not here. */
static int64_t lag_of(struct broker *b, struct str topic, int32_t index, int64_t off)
{
    struct partition *p;
    struct partition_view v;
    if (topic_table_find(&b->topics, topic, index, &p)) {
        return -1;
    }
    partition_view(p, &v);
    partition_unref(p);
    return MAX(v.high_watermark.off - off, 0);
}

static void put_offset(struct buf *out, enum metric m, struct str group, struct str topic,
                       int32_t index, int64_t value)
{
    begin_line(out, m, group);
    buf_printf(out, "\",topic=\"%.*s\",partition=\"%d\"} %lld\n", STR_ARG(topic), index,
               (long long)value);
}

static void on_offset(void *ctx, struct str group, struct str topic, int32_t index, int64_t off)
{
    struct groups *g = ctx;
    int64_t lag = lag_of(g->broker, topic, index, off);
    if (!str_eq(g->topic, topic)) {
        end_topic(g);
        g->topic = topic;
    }
    put_offset(&g->offsets, METRIC_GROUP_OFFSET, group, topic, index, off);
    if (lag >= 0) {
        put_offset(&g->lags, METRIC_GROUP_LAG, group, topic, index, lag);
        g->topic_lag = MAX(g->topic_lag, 0) + lag;
        g->greatest_lag = MAX(g->greatest_lag, lag);
    }
}

static void put_groups(struct broker *b, struct buf *out)
{
    struct groups g = {.broker = b, .topic_lag = -1, .greatest_lag = -1};
    struct group_visitor visitor = {on_group, on_offset, on_group_end, &g};
    coordinator_visit(b->coordinator, &visitor);
    head(out, METRIC_GROUPS);
    for (size_t i = 0; i < ARRAY_LEN(g.states) && g.states[i].name != NULL; i++) {
        buf_printf(out, "%s{state=\"%s\"} %d\n", table[METRIC_GROUPS].name, g.states[i].name,
                   g.states[i].count);
    }
    append(out, METRIC_GROUP_MEMBERS, &g.members);
    append(out, METRIC_GROUP_OFFSET, &g.offsets);
    append(out, METRIC_GROUP_LAG, &g.lags);
    append(out, METRIC_GROUP_LAG_SUM, &g.sums);
    append(out, METRIC_GROUP_LAG_MAX, &g.maxima);
}

/* --- the whole --- */

void metrics_write(struct broker *b, struct buf *out)
{
    struct process_use use;
    head(out, METRIC_BUILD);
    put_with(out, METRIC_BUILD, "version=\"" OTTLA_VERSION "\"", 1);
    put(out, METRIC_START_TIME, (double)b->metrics->start_ms / 1000);
    process_use(&use);
    put(out, METRIC_RSS, (double)use.resident_bytes);
    put(out, METRIC_FDS, (double)use.fd_count);
    put(out, METRIC_CONNECTIONS, admission_count(b->admission));
    put(out, METRIC_ACCEPTED, (double)atomic_load(&b->metrics->accepted));
    put_requests(b->metrics, out);
    put_totals(b->metrics, out);
    put_image(b, out);
    put_partitions(b, out);
    put_groups(b, out);
}

uint64_t metrics_bytes_in(const struct metrics *m)
{
    uint64_t bytes = 0;
    for (int w = 0; w < m->worker_count; w++) {
        bytes += atomic_load_explicit(&m->workers[w].bytes_in, memory_order_relaxed);
    }
    return bytes;
}
