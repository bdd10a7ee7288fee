/* An open log against the model: offsets, bytes, epochs, producers, transactions, times, index
 * files. See world.h. One thread. */
#include "world.h"

#include "log/index.h"
#include "log/seg.h"

/* --- batches --- */

struct seen {
    int from, to; /* batches of the model that the log has */
    int64_t start_off, end_off;
};

static bool is_same(const struct model_batch *m, const struct batch *b)
{
    return m->len == b->size_bytes && memcmp(m->p, b->p, m->len) == 0;
}

static bool is_ghost(const struct model *m, const struct batch *b)
{
    for (int i = 0; i < m->ghosts.count; i++) {
        if (is_same(&m->ghosts.p[i], b)) {
            return true;
        }
    }
    return false;
}

static int required_count(const struct model *m)
{
    int i = 0;
    while (i < m->log.count && m->log.p[i].last_off < m->synced_off) {
        i++;
    }
    return i;
}

/* The next batch that the log gave. A failed append that is there after all takes the place of what
 * came after it. */
static void see(struct world *w, struct seen *s, const struct batch *b)
{
    struct model *m = w->model;
    WORLD_CHECK(w, batch_check_crc(b) == OK, "a batch at %lld with a bad CRC is served",
                (long long)b->base_off);
    if (s->to >= m->log.count || !is_same(&m->log.p[s->to], b)) {
        WORLD_CHECK(w, is_ghost(m, b) && s->to >= required_count(m),
                    "what is served at %lld was never appended there", (long long)b->base_off);
        model_cut(&m->log, s->to);
        model_push(&m->log, b->p, b->size_bytes);
    }
    s->to++;
}

static void see_all(struct world *w, struct seen *s)
{
    int64_t off = s->start_off;
    while (off < s->end_off) {
        struct buf bytes = BUF_INIT;
        struct batch b;
        int64_t before = off;
        enum err e = test_read(w->log, off, 2000, NULL, &bytes);
        WORLD_CHECK(w, !e, "reading at %lld of [%lld, %lld): %s", (long long)off,
                    (long long)s->start_off, (long long)s->end_off, err_name(e));
        for (size_t at = 0; at < bytes.len; at += b.size_bytes) {
            e = batch_parse((struct bytes){bytes.p + at, bytes.len - at}, &b);
            WORLD_CHECK(w, !e, "half a batch is served at %lld", (long long)off);
            see(w, s, &b);
            off = batch_next_off(&b);
        }
        buf_deinit(&bytes);
        WORLD_CHECK(w, off > before, "nothing is served at %lld", (long long)off);
    }
}

static void check_bounds(struct world *w, const struct seen *s)
{
    const struct model *m = w->model;
    WORLD_CHECK(w, s->start_off >= m->start_min && s->start_off <= m->start_max,
                "the log starts at %lld, not within [%lld, %lld]", (long long)s->start_off,
                (long long)m->start_min, (long long)m->start_max);
    WORLD_CHECK(w, s->start_off <= s->end_off, "start %lld, end %lld", (long long)s->start_off,
                (long long)s->end_off);
    WORLD_CHECK(w, log_synced_off(w->log) <= s->end_off, "synced beyond the end");
}

/* --- epochs --- */

static void check_epochs(struct world *w, const struct seen *s)
{
    int32_t before = -1;
    for (int i = s->from; i < s->to; i++) {
        struct batch b = model_parse(&w->model->log.p[i]);
        int64_t off = MAX(b.base_off, s->start_off);
        int32_t epoch = log_epoch_at(w->log, off);
        int32_t epoch_found;
        int64_t end;
        WORLD_CHECK(w, epoch == b.leader_epoch, "offset %lld: epoch %d, its batch says %d",
                    (long long)off, epoch, b.leader_epoch);
        log_epoch_end(w->log, epoch, &epoch_found, &end);
        WORLD_CHECK(w, epoch_found == epoch && end > batch_last_off(&b),
                    "epoch %d ends at %lld, before offset %lld", epoch, (long long)end,
                    (long long)batch_last_off(&b));
        WORLD_CHECK(w, epoch >= before, "epochs go back at %lld", (long long)off);
        before = epoch;
    }
}

/* Where an epoch ended, also one between those in the log: behind its last batch, and not behind
 * the first one of a later epoch. (The first may be missing: then the two are apart.) */
static void check_epoch_end(struct world *w, const struct seen *s, int32_t epoch)
{
    const struct model_batch *p = w->model->log.p;
    int64_t least = s->start_off, most = s->end_off, end;
    int32_t told;
    for (int i = s->to - 1; i >= s->from; i--) {
        struct batch b = model_parse(&p[i]);
        if (b.leader_epoch > epoch) {
            most = MAX(b.base_off, s->start_off);
        } else {
            least = MAX(least, batch_next_off(&b));
        }
    }
    log_epoch_end(w->log, epoch, &told, &end);
    WORLD_CHECK(w, told <= epoch && end >= least && end <= most,
                "epoch %d ends at %lld, not within [%lld, %lld]", epoch, (long long)end,
                (long long)least, (long long)most);
}

static void check_epoch_ends(struct world *w, const struct seen *s)
{
    if (s->from == s->to) {
        return;
    }
    int32_t last = model_parse(&w->model->log.p[s->to - 1]).leader_epoch;
    WORLD_CHECK(w, log_last_epoch(w->log) == last, "the last epoch is %d, the last batch says %d",
                log_last_epoch(w->log), last);
    for (int32_t epoch = 0; epoch <= last; epoch++) {
        check_epoch_end(w, s, epoch);
    }
}

/* --- producers --- */

struct told {
    struct log_producer p[MODEL_PRODUCERS];
    int count;
};

static void tell_producer(void *ctx, const struct log_producer *p)
{
    struct told *t = ctx;
    if (t->count < MODEL_PRODUCERS) {
        t->p[t->count++] = *p;
    }
}

static const struct log_producer *told_producer(const struct told *t, int64_t id)
{
    for (int i = 0; i < t->count; i++) {
        if (t->p[i].producer_id == id) {
            return &t->p[i];
        }
    }
    return NULL;
}

/* A retry of the producer's last batch is told from a new one. */
static void check_retry(struct world *w, const struct model_producer *p)
{
    const struct model_batch *mb = &w->model->log.p[p->at];
    struct buf bytes = BUF_INIT;
    struct log_appended done = {0};
    buf_put(&bytes, mb->p, mb->len);
    struct log_append a = {
        .p = bytes.p, .len = bytes.len, .origin = LOG_FROM_CLIENT, .now_ms = w->clock.wall_ms};
    enum err e = log_append(w->log, &a, &done);
    WORLD_CHECK(w, !e && done.is_duplicate && done.base_off == mb->base_off,
                "a retry of producer %lld's batch at %lld: %s, offset %lld", (long long)p->id,
                (long long)mb->base_off, err_name(e), (long long)done.base_off);
    buf_deinit(&bytes);
}

/* Whether a transaction that really began at first_off may be taken to begin at told_off: with one
 * of its batches, if those before it are gone. */
static bool is_txn_begin(const struct world *w, int64_t id, int64_t first_off, int64_t told_off)
{
    int at = model_at(w->model, told_off);
    if (told_off == first_off || first_off < 0 || told_off < first_off ||
        at == w->model->log.count) {
        return told_off == first_off;
    }
    struct batch b = model_parse(&w->model->log.p[at]);
    return b.producer_id == id && b.base_off == told_off && batch_is_transactional(&b);
}

/* What the batches in the log say must be known. Of those who have none there any more, something
 * may be known, and then it must be true. */
static void check_producers(struct world *w, const struct seen *s)
{
    struct model_producer window[MODEL_PRODUCERS], ever[MODEL_PRODUCERS];
    int window_count = model_producers(w->model, s->from, s->to, window);
    int ever_count = model_producers(w->model, 0, s->to, ever);
    struct told told = {.count = 0};
    log_each_producer(w->log, tell_producer, &told);
    for (int i = 0; i < window_count; i++) {
        const struct model_producer *p = &window[i];
        const struct log_producer *t = told_producer(&told, p->id);
        WORLD_CHECK(w, t != NULL, "producer %lld is not known", (long long)p->id);
        WORLD_CHECK(w, t->epoch == p->epoch && (p->last_seq < 0 || t->last_seq == p->last_seq),
                    "producer %lld: epoch %d seq %d, the log says %d %d", (long long)p->id,
                    t->epoch, t->last_seq, p->epoch, p->last_seq);
        if (p->at >= 0) {
            check_retry(w, p);
        }
    }
    for (int i = 0; i < told.count; i++) {
        const struct log_producer *t = &told.p[i];
        const struct model_producer *p = model_producer(ever, ever_count, t->producer_id);
        WORLD_CHECK(w, p != NULL, "producer %lld never was", (long long)t->producer_id);
        WORLD_CHECK(w, t->last_seq == p->last_seq || t->last_seq == -1, "producer %lld: seq %d",
                    (long long)t->producer_id, t->last_seq);
        WORLD_CHECK(w, is_txn_begin(w, t->producer_id, p->txn_first_off, t->txn_first_off),
                    "producer %lld: transaction at %lld, was at %lld", (long long)t->producer_id,
                    (long long)t->txn_first_off, (long long)p->txn_first_off);
    }
}

/* --- aborted transactions --- */

enum { ABORTED_MAX = 64 };

struct aborts {
    struct log_aborted p[ABORTED_MAX];
    int count;
};

static void tell_abort(void *ctx, const struct log_aborted *a)
{
    struct aborts *x = ctx;
    if (x->count < ABORTED_MAX) {
        x->p[x->count++] = *a;
    }
}

static bool has_abort(const struct world *w, const struct aborts *told,
                      const struct model_aborted *want)
{
    for (int i = 0; i < told->count; i++) {
        const struct log_aborted *a = &told->p[i];
        if (a->producer_id == want->producer_id && a->first_off < want->marker_off &&
            is_txn_begin(w, a->producer_id, want->first_off, a->first_off)) {
            return true;
        }
    }
    return false;
}

/* A transaction of which only the marker is left may be told of or not. */
static void check_aborted(struct world *w, const struct seen *s)
{
    struct model_aborted ever[ABORTED_MAX], window[ABORTED_MAX];
    struct aborts told = {.count = 0};
    int window_count = model_aborted(w->model, s->from, s->to, window, ABORTED_MAX);
    int ever_count = model_aborted(w->model, 0, s->to, ever, ABORTED_MAX);
    int found = 0;
    enum err e = log_each_aborted(w->log, s->start_off, s->end_off, tell_abort, &told);
    WORLD_CHECK(w, !e, "aborted transactions: %s", err_name(e));
    for (int i = 0, at = 0; i < ever_count; i++) {
        bool is_there = has_abort(w, &told, &ever[i]);
        if (at < window_count && window[at].marker_off == ever[i].marker_off) {
            WORLD_CHECK(w, is_there, "nothing is told of the transaction aborted at %lld",
                        (long long)ever[i].marker_off);
            at++;
        }
        found += is_there && ever[i].marker_off >= s->start_off;
    }
    WORLD_CHECK(w, found == told.count, "%d aborted transactions are told of, %d are true",
                told.count, found);
}

/* --- times --- */

static int64_t first_at_time(const struct world *w, const struct seen *s, int64_t ts_ms)
{
    for (int i = s->from; i < s->to; i++) {
        struct batch b = model_parse(&w->model->log.p[i]);
        for (int64_t off = b.base_off; off <= b.base_off + b.last_off_delta; off++) {
            if (off >= s->start_off && b.base_ts_ms + (off - b.base_off) >= ts_ms) {
                return off;
            }
        }
    }
    return -1;
}

static void check_time(struct world *w, const struct seen *s, int64_t ts_ms)
{
    struct log_time_hit hit;
    enum err e = log_find_time(w->log, ts_ms, s->end_off, &hit);
    int64_t want = first_at_time(w, s, ts_ms);
    WORLD_CHECK(w, !e && hit.off == want, "time %lld is found at %lld (%s), not %lld",
                (long long)ts_ms, (long long)hit.off, err_name(e), (long long)want);
}

static void check_times(struct world *w, const struct seen *s)
{
    for (int i = s->from; i < s->to; i += 3) {
        struct batch b = model_parse(&w->model->log.p[i]);
        check_time(w, s, b.max_ts_ms);
        check_time(w, s, b.max_ts_ms + 1);
    }
}

/* --- places and index files --- */

static void check_places(struct world *w, const struct seen *s)
{
    for (int i = s->from; i < s->to; i++) {
        const struct model_batch *mb = &w->model->log.p[i];
        struct buf bytes = BUF_INIT;
        int64_t off = MAX(mb->last_off, s->start_off);
        enum err e = test_read(w->log, off, 1, NULL, &bytes);
        WORLD_CHECK(w, !e && bytes.len == mb->len && memcmp(bytes.p, mb->p, mb->len) == 0,
                    "offset %lld is not found at its place: %s", (long long)off, err_name(e));
        buf_deinit(&bytes);
    }
}

struct index_walk {
    struct world *w;
    int64_t end_off;
};

static struct bytes read_file(struct world *w, int64_t off, enum seg_part part)
{
    struct buf path = BUF_INIT;
    char *text = NULL;
    size_t len = 0;
    enum err e = fs_read_all(crashfs_fs(w->disk),
                             seg_path_of(&path, WORLD_PARTITION, off, seg_suffixes[part]), 1 << 20,
                             &text, &len);
    buf_deinit(&path);
    return (struct bytes){e ? NULL : (uint8_t *)text, e ? 0 : len};
}

/* Whether every row of the .index names a batch and its last offset. */
static bool are_rows_true(struct bytes index, struct bytes log, int64_t base_off)
{
    for (size_t at = 0; at < index.len; at += INDEX_ROW_BYTES) {
        struct index_row row = index_decode(index.p + at, base_off);
        struct batch b;
        if (row.pos >= log.len ||
            batch_parse((struct bytes){log.p + row.pos, log.len - (size_t)row.pos}, &b) != OK ||
            batch_last_off(&b) != row.off) {
            return false;
        }
    }
    return true;
}

static bool check_index_file(void *ctx, const char *name, bool is_dir)
{
    struct index_walk *x = ctx;
    int64_t off;
    enum seg_part part;
    if (is_dir || !seg_parse_name(str_from(name), &off, &part) ||
        (part != SEG_INDEX && part != SEG_TIMEINDEX)) {
        return true;
    }
    struct bytes rows = read_file(x->w, off, part);
    struct bytes log = read_file(x->w, off, SEG_LOG);
    bool is_index = part == SEG_INDEX;
    size_t row_bytes = is_index ? INDEX_ROW_BYTES : TIMEINDEX_ROW_BYTES;
    size_t good = is_index ? index_good_count(rows, off, x->end_off, log.len)
                           : timeindex_good_count(rows, off, x->end_off);
    WORLD_CHECK(x->w, rows.len == good * row_bytes, "%s: %zu bytes, %zu good rows", name, rows.len,
                good);
    WORLD_CHECK(x->w, !is_index || are_rows_true(rows, log, off), "%s: a row lies", name);
    mem_free((void *)(uintptr_t)rows.p);
    mem_free((void *)(uintptr_t)log.p);
    return true;
}

static void check_index_files(struct world *w, const struct seen *s)
{
    struct index_walk x = {w, s->end_off};
    enum err e = fs_list(crashfs_fs(w->disk), WORLD_PARTITION, check_index_file, &x);
    WORLD_CHECK(w, !e, "listing: %s", err_name(e));
}

/* --- all of it --- */

static struct seen look(struct world *w)
{
    struct seen s = {.start_off = log_start_off(w->log), .end_off = log_end_off(w->log)};
    s.from = s.to = model_at(w->model, s.start_off);
    return s;
}

static bool is_reset(struct world *w, const struct seen *s)
{
    return w->model->may_be_reset && log_size_bytes(w->log) == 0;
}

void world_check(struct world *w)
{
    struct seen s = look(w);
    if (is_reset(w, &s)) {
        return;
    }
    check_bounds(w, &s);
    see_all(w, &s);
    WORLD_CHECK(w, s.to >= required_count(w->model),
                "all below %lld was synced, the log ends at %lld", (long long)w->model->synced_off,
                (long long)s.end_off);
    check_places(w, &s);
    check_epochs(w, &s);
    check_epoch_ends(w, &s);
    check_producers(w, &s);
    check_aborted(w, &s);
    check_times(w, &s);
    check_index_files(w, &s);
}

void world_adopt(struct world *w)
{
    struct model *m = w->model;
    struct seen s = look(w);
    if (is_reset(w, &s)) {
        /* who wrote to it may be known: it may have been empty before */
        model_cut(&m->log, model_at(m, s.end_off));
        m->base_off = s.end_off;
    } else {
        see_all(w, &s);
        model_cut(&m->log, s.to);
    }
    model_cut(&m->ghosts, 0);
    m->may_be_reset = false;
    m->end_off = s.end_off;
    m->synced_off = log_synced_off(w->log);
    m->start_max = MAX(m->start_max, s.start_off);
}
