/* Counters as text. Takes the locks that any reader takes, for one look-up at a time. */
#include "broker/metrics.h"

#include "base/mem.h"
#include "broker/admission.h"
#include "broker/call.h"
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
}
