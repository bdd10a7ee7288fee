/* dump-log of .index and .timeindex: the rows, and whether the segment beside them agrees. The
 * command's thread. */
#include "offline/dump.h"
#include "offline/segfile.h"

#include "base/mem.h"
#include "log/index.h"
#include "record/record.h"

#include <inttypes.h>

enum { INDEX_MAX_BYTES = 1 << 30, PLAIN_MAX_BYTES = 256 << 20, HOT_ROWS = 8192 / INDEX_ROW_BYTES };

/* An index file in memory. */
struct table {
    char *bytes;
    size_t len;
    uint32_t row_bytes;
    uint32_t count;
    int64_t base_off;
};

static bool table_read(struct dump *d, const char *path, uint32_t row_bytes, struct table *ret)
{
    int64_t base_off = ret->base_off;
    enum err e = fs_read_all(d->fs, path, INDEX_MAX_BYTES, &ret->bytes, &ret->len);
    if (e) {
        ret->bytes = NULL;
        buf_printf(&d->why, "%s: %s", path, err_text(e));
        return false;
    }
    ret->base_off = base_off;
    ret->row_bytes = row_bytes;
    ret->count = (uint32_t)(ret->len / row_bytes);
    return true;
}

static const uint8_t *table_at(const struct table *t, uint32_t i)
{
    return (const uint8_t *)t->bytes + (size_t)i * t->row_bytes;
}

static struct index_row index_at(const struct table *t, uint32_t i)
{
    return index_decode(table_at(t, i), t->base_off);
}

static struct timeindex_row timeindex_at(const struct table *t, uint32_t i)
{
    return timeindex_decode(table_at(t, i), t->base_off);
}

static uint32_t search(const struct table *t, int64_t off, uint32_t from, uint32_t upto)
{
    while (from < upto) {
        uint32_t mid = from + (upto - from + 1) / 2;
        int64_t found = index_at(t, mid).off;
        if (found == off) {
            return mid;
        }
        upto = found > off ? mid - 1 : upto;
        from = found > off ? from : mid;
    }
    return from;
}

/* Where the batch with the largest offset at or below off begins, by the index. Rows that are not
 * in order are searched in Kafka's order: the last 8 KiB first. */
static int32_t index_find(const struct table *t, int64_t off)
{
    if (t->count == 0) {
        return 0;
    }
    uint32_t last = t->count - 1;
    uint32_t hot = last > HOT_ROWS ? last - HOT_ROWS : 0;
    if (index_at(t, hot).off < off) {
        return (int32_t)index_at(t, search(t, off, hot, last)).pos;
    }
    if (index_at(t, 0).off > off) {
        return 0;
    }
    return (int32_t)index_at(t, search(t, off, 0, hot)).pos;
}

/* Opens the segment beside f. seg_path must outlive it. */
static bool open_segment(struct dump *d, const struct dump_file *f, struct segfile *ret,
                         struct buf *seg_path)
{
    path_sibling(f, ".log", seg_path);
    return segfile_open(ret, d->fs, buf_cstr(seg_path), &d->why);
}

static void note_of(struct dump *d, const struct dump_file *f, const char *what)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "%s %s", f->path, what);
    row_note(&d->out, "note", buf_cstr(&text));
    buf_deinit(&text);
}

/* A sentence about the file that begins with its kind. */
static bool corrupt(struct dump *d, const struct dump_file *f, const char *fmt, int64_t a,
                    int64_t b)
{
    struct buf path = BUF_INIT;
    path_absolute(f->path, &path);
    const char *p = buf_cstr(&path);
    const char *hole = strchr(fmt, '@');
    buf_printf(&d->why, "%.*s%s", (int)(hole - fmt), fmt, p);
    buf_printf(&d->why, hole + 1, a, b);
    buf_deinit(&path);
    return false;
}

/* --- offsets --- */

static bool index_is_sane(struct dump *d, const struct dump_file *f, const struct table *t)
{
    int64_t last = index_at(t, t->count - 1).off;
    if (last < t->base_off) {
        return corrupt(d, f,
                       "Corrupt index found, index file @ has non-zero size but the last offset is "
                       "%" PRId64 " which is less than the base offset %" PRId64,
                       last, t->base_off);
    }
    note_of(d, f, "passed sanity check.");
    return true;
}

static bool check_index_row(struct dump *d, const struct dump_file *f, struct segfile *seg,
                            struct index_row row)
{
    struct segpart part;
    struct segbatch b;
    bool more;
    if (!segpart_init(&part, seg, (int32_t)row.pos, d->options.max_message_bytes) ||
        !segpart_next(&part, &b, &more)) {
        return false;
    }
    if (!more) {
        buf_printf(&d->why, "%s has no batch of at most %" PRId64 " bytes at position %" PRId32,
                   seg->path, d->options.max_message_bytes, (int32_t)row.pos);
        return false;
    }
    if (segbatch_last_off(&b) != row.off) {
        findings_add(d, FOUND_INDEX, f->path,
                     (struct finding_pair){row.off, segbatch_last_off(&b)});
    }
    if (!d->options.verifies_only) {
        row_begin(&d->out, "index", "");
        row_i64(&d->out, "offset", row.off);
        row_i64(&d->out, "position", (int32_t)row.pos);
        row_end(&d->out);
    }
    return true;
}

static bool index_rows(struct dump *d, const struct dump_file *f, struct segfile *seg,
                       const struct table *t)
{
    if (t->count == 0) {
        note_of(d, f, "is empty.");
        return true;
    }
    if (d->options.checks_sanity) {
        return index_is_sane(d, f, t);
    }
    for (uint32_t i = 0; i < t->count; i++) {
        struct index_row row = index_at(t, i);
        if (row.off == t->base_off && i > 0) {
            break; /* zeros: what was made in advance */
        }
        if (!check_index_row(d, f, seg, row)) {
            return false;
        }
    }
    return true;
}

bool dump_index(struct dump *d, const struct dump_file *f)
{
    struct buf seg_path = BUF_INIT;
    struct segfile seg = {0};
    struct table t = {0};
    bool ok = path_base_off(d, f, &t.base_off) && open_segment(d, f, &seg, &seg_path) &&
              table_read(d, f->path, INDEX_ROW_BYTES, &t) && index_rows(d, f, &seg, &t);
    segfile_close(&seg);
    mem_free(t.bytes);
    buf_deinit(&seg_path);
    return ok;
}

/* --- times --- */

static bool timeindex_is_sane(struct dump *d, const struct dump_file *f, const struct table *t)
{
    struct timeindex_row first = t->count ? timeindex_at(t, 0) : (struct timeindex_row){0};
    struct timeindex_row last = t->count ? timeindex_at(t, t->count - 1) : first;
    if (last.ts_ms < first.ts_ms) {
        return corrupt(d, f,
                       "Corrupt time index found, time index file (@) has non-zero size but the "
                       "last timestamp is %" PRId64
                       " which is less than the first timestamp %" PRId64,
                       last.ts_ms, first.ts_ms);
    }
    if (t->count > 0 && last.off < t->base_off) {
        return corrupt(d, f,
                       "Corrupt time index found, time index file (@) has non-zero size but the "
                       "last offset is %" PRId64 " which is less than the first offset %" PRId64,
                       last.off, t->base_off);
    }
    if (t->len % t->row_bytes != 0) {
        return corrupt(d, f,
                       "Time index file @ is corrupt, found %" PRId64
                       " bytes which is neither positive nor a multiple of %" PRId64,
                       (int64_t)t->len, t->row_bytes);
    }
    note_of(d, f, "passed sanity check.");
    return true;
}

/* The largest timestamp of a batch's records. */
static bool max_timestamp(struct dump *d, struct segfile *seg, struct segbatch *b, int64_t *ret)
{
    struct buf bytes = BUF_INIT;
    struct record_walk w = {0};
    struct record r;
    *ret = NO_TIMESTAMP;
    if (segbatch_is_legacy(b)) {
        *ret = b->legacy.ts_ms;
        return true;
    }
    bool ok = segbatch_read(seg, b, &bytes);
    enum err e = ok && b->head.size_bytes < BATCH_HEADER_BYTES ? ERR_CORRUPT_MESSAGE : OK;
    if (ok && !e) {
        b->head.p = bytes.p;
        e = record_walk_init(&w, &b->head, PLAIN_MAX_BYTES);
        while (!e && (e = record_walk_next(&w, &r)) == OK) {
            *ret = MAX(*ret, r.ts_ms);
        }
        record_walk_deinit(&w);
        e = e == ERR_NOT_FOUND ? OK : e;
    }
    if (e) {
        buf_printf(&d->why, "%s: %s", seg->path, err_text(e));
    }
    buf_deinit(&bytes);
    return ok && !e;
}

/* The first batch from pos on that reaches to off; *ret_found is false if there is none. */
static bool find_batch(struct segfile *seg, int32_t pos, int64_t off, struct segbatch *ret,
                       bool *ret_found)
{
    struct segpart part;
    if (!segpart_init(&part, seg, pos, INT32_MAX)) {
        return false;
    }
    do {
        if (!segpart_next(&part, ret, ret_found)) {
            return false;
        }
    } while (*ret_found && segbatch_last_off(ret) < off);
    return true;
}

struct time_walk {
    struct dump *d;
    const struct dump_file *f;
    struct segfile *seg;
    const struct table *index;
    int64_t previous_ts_ms;
};

static bool check_time_row(struct time_walk *w, struct timeindex_row row)
{
    struct segbatch b;
    bool found;
    int64_t max_ts_ms;
    const char *path = w->f->path;
    if (!find_batch(w->seg, index_find(w->index, row.off), row.off, &b, &found)) {
        return false;
    }
    if (!found || segbatch_last_off(&b) != row.off) {
        int64_t there = found ? segbatch_last_off(&b) : -1;
        findings_add(w->d, FOUND_MISSING, path, (struct finding_pair){row.off, there});
        return true;
    }
    if (!max_timestamp(w->d, w->seg, &b, &max_ts_ms)) {
        return false;
    }
    if (max_ts_ms != row.ts_ms) {
        findings_add(w->d, FOUND_TIME, path, (struct finding_pair){row.ts_ms, max_ts_ms});
    }
    if (w->previous_ts_ms >= row.ts_ms) {
        findings_add(w->d, FOUND_ORDER, path, (struct finding_pair){row.ts_ms, w->previous_ts_ms});
    }
    return true;
}

static bool time_rows(struct time_walk *w, const struct table *t)
{
    struct dump *d = w->d;
    if (d->options.checks_sanity) {
        return timeindex_is_sane(d, w->f, t);
    }
    for (uint32_t i = 0; i < t->count; i++) {
        struct timeindex_row row = timeindex_at(t, i);
        if (row.off == t->base_off && i > 0) {
            break;
        }
        if (!check_time_row(w, row)) {
            return false;
        }
        if (!d->options.verifies_only) {
            row_begin(&d->out, "timeindex", "");
            row_i64(&d->out, "timestamp", row.ts_ms);
            row_i64(&d->out, "offset", row.off);
            row_end(&d->out);
        }
        w->previous_ts_ms = row.ts_ms;
    }
    return true;
}

bool dump_timeindex(struct dump *d, const struct dump_file *f)
{
    struct buf seg_path = BUF_INIT, index_path = BUF_INIT;
    struct segfile seg = {0};
    struct table t = {0}, index = {0};
    struct time_walk w = {d, f, &seg, &index, NO_TIMESTAMP};
    path_sibling(f, ".index", &index_path);
    bool ok = path_base_off(d, f, &t.base_off) && open_segment(d, f, &seg, &seg_path);
    index.base_off = t.base_off;
    ok = ok && table_read(d, buf_cstr(&index_path), INDEX_ROW_BYTES, &index) &&
         table_read(d, f->path, TIMEINDEX_ROW_BYTES, &t) && time_rows(&w, &t);
    segfile_close(&seg);
    mem_free(t.bytes);
    mem_free(index.bytes);
    buf_deinit(&seg_path);
    buf_deinit(&index_path);
    return ok;
}
