/* Reading: where the asked-for run of batches lies. Any thread. Memory answers a reader of the tail
 * (its hint, the last appended batches, index rows not yet written); only others touch the disk,
 * and they do so without a lock. */
#include "log/find.h"

#include "base/mem.h"

/* What is copied under mu for one read. */
struct place {
    struct find find;
    uint64_t start;      /* where to begin, or a floor of it */
    bool is_start_exact; /* a batch that may be given begins there */
    uint64_t limit;      /* nothing from here on */
    int64_t limit_off;   /* the offset that follows limit */
    int64_t limit_seg;   /* and the segment it is in */
    uint64_t limit_pos;
    uint64_t end_floor; /* a boundary <= start + max_bytes known from memory, or 0 */
    uint64_t next_pos;  /* where the batch at start ends, if the hint knows it, or 0 */
    uint64_t warm_pos;  /* before it nothing is cold, the hint says; or 0 */
    bool is_from_hint;  /* the reader goes on where it was */
    uint64_t gen;
    uint64_t tail_pos; /* beyond it nothing is cold */
    int64_t now_ms;
};

enum { WARM_FOR_MS = 100, AHEAD_BYTES = 1 << 20, CLOSE_BYTES = 4096 };

static bool from_hint(const struct log *log, const struct log_read *r, struct place *p)
{
    const struct log_hint *h = r->hint;
    if (h == NULL || h->gen != log->gen || h->off != r->off ||
        h->seg_base_off != p->find.seg->base_off) {
        return false;
    }
    p->start = h->seg_pos;
    p->next_pos = h->next_pos;
    p->warm_pos = p->now_ms - h->warm_ms < WARM_FOR_MS ? h->warm_pos : 0;
    p->is_from_hint = true;
    return true;
}

/* The newest remembered batch that begins at or before off, if it is certain to be the one. */
static bool from_recent(const struct log *log, int64_t off, struct place *p)
{
    uint32_t count = MIN(log->recent_count, (uint32_t)LOG_RECENT_COUNT);
    for (uint32_t i = 1; i <= count; i++) {
        const struct log_recent *x = &log->recent[(log->recent_count - i) % LOG_RECENT_COUNT];
        if (x->base_off <= off) {
            p->start = x->pos;
            return true;
        }
    }
    return false;
}

/* Index rows of the active segment that wait in memory. */
static uint64_t pending_floor(const struct log *log, const struct place *p, rows_key_fn *key,
                              int64_t target)
{
    const uint8_t *row = rows_find_pending(&log->rows[SEG_INDEX - 1], key, target);
    return row != NULL ? index_decode(row, p->find.seg->base_off).pos : 0;
}

static void place_start(const struct log *log, const struct log_read *r, uint32_t at,
                        struct place *p)
{
    bool is_active = at == log->seg_count - 1;
    p->is_start_exact = from_hint(log, r, p) || (is_active && from_recent(log, r->off, p)) ||
                        r->off <= p->find.seg->base_off;
    if (!p->is_start_exact && is_active) {
        p->start = pending_floor(log, p, index_key_off, r->off - p->find.seg->base_off);
    }
}

static void place_limit(const struct log *log, const struct log_read *r, uint32_t at,
                        struct place *p)
{
    const struct seg *seg = p->find.seg;
    bool is_active = at == log->seg_count - 1;
    if (r->upto.seg_base_off == seg->base_off) {
        p->limit = MIN(r->upto.seg_pos, seg->size_bytes);
        p->limit_off = r->upto.off;
        p->limit_seg = seg->base_off;
        p->limit_pos = p->limit;
    } else {
        p->limit = seg->size_bytes;
        p->limit_off = is_active ? log->end_off : log->segs[at + 1]->base_off;
        p->limit_seg = is_active ? seg->base_off : p->limit_off;
        p->limit_pos = is_active ? p->limit : 0;
    }
}

/* What was written last is in memory; the bytes before this are not sure to be. */
static uint64_t tail_pos(const struct log *log, uint32_t at)
{
    enum { TAIL_BYTES = 8 << 20 };
    const struct seg *seg = log->segs[at];
    if (at < log->seg_count - 1) {
        return UINT64_MAX;
    }
    return seg->size_bytes > TAIL_BYTES ? seg->size_bytes - TAIL_BYTES : 0;
}

/* Under mu; takes a reference on the segment. */
static void place_init(struct log *log, const struct log_read *r, uint32_t at, struct place *p)
{
    *p = (struct place){.gen = log->gen};
    find_init(&p->find, log, at);
    seg_ref(p->find.seg);
    p->find.may_not_wait = r->may_not_wait;
    p->now_ms = p->find.seg->touched_ms = log->touched_ms = clock_mono_ms(log->clock);
    place_start(log, r, at, p);
    place_limit(log, r, at, p);
    p->tail_pos = tail_pos(log, at);
    if (at == log->seg_count - 1) {
        p->end_floor = pending_floor(log, p, index_key_pos, (int64_t)(p->start + r->max_bytes));
    }
}

static enum err find_start(struct place *p, int64_t off)
{
    struct found found;
    if (p->is_start_exact) {
        return p->start < p->limit ? OK : ERR_NOT_FOUND;
    }
    uint64_t floor = p->start ? p->start : find_floor_of_off(&p->find, off);
    enum err e = floor == FIND_WOULD_WAIT ? ERR_AGAIN : find_batch(&p->find, floor, off, &found);
    if (e) {
        return e;
    }
    p->start = found.pos;
    return p->start < p->limit ? OK : ERR_NOT_FOUND;
}

/* The first batch whole, however large. */
static enum err take_first_batch(const struct place *p, struct file *f, struct log_extent *x,
                                 struct log_hint *hint)
{
    uint8_t head[BATCH_HEADER_BYTES];
    struct batch b;
    enum err e = p->find.may_not_wait ? file_read_exact_now(f, head, sizeof head, p->start)
                                      : file_read_exact(f, head, sizeof head, p->start);
    e = e ? e : batch_parse_header((struct bytes){head, sizeof head}, &b);
    if (e == ERR_SHORT || e == ERR_MALFORMED || (!e && b.size_bytes > p->limit - p->start)) {
        return ERR_CORRUPT_MESSAGE;
    }
    if (!e) {
        x->len = b.size_bytes;
        x->is_first_batch_too_big = true;
        *hint = (struct log_hint){.off = batch_next_off(&b),
                                  .seg_base_off = p->find.seg->base_off,
                                  .seg_pos = p->start + b.size_bytes,
                                  .gen = p->gen};
    }
    return e;
}

/* A boundary to look for the end from. Where memory has none, one that is about a batch from the
 * end will do: the index costs more. */
static uint64_t end_floor(const struct place *p, uint64_t upto)
{
    uint64_t next = p->next_pos <= upto ? p->next_pos : 0;
    bool is_near = next > p->start && upto - next <= MAX(next - p->start, CLOSE_BYTES);
    return p->end_floor == 0 && !is_near ? find_floor_of_pos(&p->find, upto)
                                         : MAX(p->end_floor, next);
}

/* Where the run ends: at the limit, or at the last boundary that max_bytes allows. */
static enum err find_end(const struct place *p, const struct log_read *r, uint64_t *ret_end,
                         struct log_hint *hint)
{
    uint64_t upto = p->start + r->max_bytes;
    if (upto >= p->limit || upto < p->start) {
        *ret_end = p->limit;
        *hint = (struct log_hint){.off = p->limit_off,
                                  .seg_base_off = p->limit_seg,
                                  .seg_pos = p->limit_pos,
                                  .gen = p->gen};
        return OK;
    }
    struct boundary end = {.pos = p->start};
    uint64_t floor = end_floor(p, upto);
    if (floor == FIND_WOULD_WAIT) {
        return ERR_AGAIN;
    }
    enum err e = ERR_CORRUPT_MESSAGE;
    if (floor > p->start && floor <= upto) {
        e = find_boundary(&p->find, floor, upto, &end);
    }
    if (e == ERR_CORRUPT_MESSAGE) {
        e = find_boundary(&p->find, p->start, upto, &end);
    }
    *ret_end = end.pos;
    *hint = (struct log_hint){.off = end.next_off,
                              .seg_base_off = p->find.seg->base_off,
                              .seg_pos = end.pos,
                              .gen = p->gen,
                              .next_pos = end.next_pos};
    return e;
}

/* What was in memory for the read before is there for the next one, too. */
static void keep_warmth(const struct place *p, const struct log_read *r, struct log_hint *hint)
{
    if (hint->seg_base_off == p->find.seg->base_off) {
        hint->warm_pos = p->warm_pos;
        hint->warm_ms = r->hint->warm_ms;
    }
}

static void tell_warmth(const struct place *p, struct log_extent *x)
{
    uint64_t left = p->find.size_bytes - p->start;
    x->is_behind = p->start < p->tail_pos;
    x->is_warm = p->start + x->len <= p->warm_pos;
    x->ahead_bytes = p->is_from_hint ? MAX(MIN(left, (uint64_t)AHEAD_BYTES), x->len) : x->len;
}

static enum err read_place(struct place *p, const struct log_read *r, struct log_extent *x,
                           struct log_hint *hint)
{
    uint64_t end = 0;
    struct file *f;
    /* whoever holds the extent needs the file open, whatever happens to its name */
    enum err e = seg_file(p->find.seg, p->find.fs, p->find.dir, SEG_LOG, &f);
    if (e == ERR_NOT_FOUND) {
        return ERR_OFFSET_OUT_OF_RANGE; /* removed since we looked */
    }
    e = e ? e : find_start(p, r->off);
    e = e ? e : find_end(p, r, &end, hint);
    if (e) {
        return e;
    }
    *x = (struct log_extent){
        .seg = p->find.seg, .pos = p->start, .base_off = r->off, .read_ms = p->now_ms};
    x->len = end > p->start ? (size_t)(end - p->start) : 0;
    if (x->len == 0 && r->min_one_batch) {
        e = take_first_batch(p, f, x, hint);
    }
    tell_warmth(p, x);
    return e;
}

static enum err check_range(const struct log *log, const struct log_read *r)
{
    return r->off < log->start_off || r->off > r->upto.off || r->off > log->end_off
               ? ERR_OFFSET_OUT_OF_RANGE
               : OK;
}

/* An upper bound that is only known as an offset becomes a place. */
static enum err resolve_upto(struct log *log, struct log_pos *upto)
{
    struct found found;
    struct find find;
    mutex_lock(&log->mu);
    if (upto->off >= log->end_off) {
        const struct seg *seg = log_active(log);
        *upto = (struct log_pos){log->end_off, seg->base_off, seg->size_bytes};
        mutex_unlock(&log->mu);
        return OK;
    }
    find_init(&find, log, log_seg_at(log, upto->off));
    seg_ref(find.seg);
    mutex_unlock(&log->mu);
    enum err e = find_batch(&find, find_floor_of_off(&find, upto->off), upto->off, &found);
    upto->seg_base_off = find.seg->base_off;
    upto->seg_pos = e ? find.size_bytes : found.pos;
    seg_unref(find.seg);
    return e == ERR_NOT_FOUND ? OK : e;
}

/* Tries the segment that holds *off. NOT_FOUND: nothing from *off on is in it; *off is then the
 * next segment's base. */
static enum err read_one_seg(struct log *log, const struct log_read *r, struct log_extent *x,
                             int64_t *next_off)
{
    struct place p;
    struct log_hint hint = {0};
    mutex_lock(&log->mu);
    enum err e = check_range(log, r);
    if (e || r->off == r->upto.off) {
        mutex_unlock(&log->mu);
        return e;
    }
    uint32_t at = log_seg_at(log, r->off);
    *next_off = at + 1 < log->seg_count ? log->segs[at + 1]->base_off : r->upto.off;
    place_init(log, r, at, &p);
    mutex_unlock(&log->mu);
    e = read_place(&p, r, x, &hint);
    if (e || x->len == 0) {
        seg_unref(p.find.seg);
        x->seg = NULL;
    } else if (r->hint != NULL) {
        keep_warmth(&p, r, &hint);
        *r->hint = hint;
    }
    return e;
}

enum err log_read(struct log *log, const struct log_read *r, struct log_extent *ret_extent)
{
    struct log_read rest = *r;
    struct log_extent x = {0};
    int64_t next_off = r->off;
    enum err e = OK;
    if (rest.upto.seg_base_off < 0) {
        e = resolve_upto(log, &rest.upto);
    }
    while (!e) {
        e = read_one_seg(log, &rest, &x, &next_off);
        if (e != ERR_NOT_FOUND) {
            break;
        }
        /* a gap at the segment's end, left by compaction */
        rest.off = MIN(next_off, rest.upto.off);
        e = OK;
    }
    if (!e) {
        x.base_off = rest.off;
        *ret_extent = x;
    }
    return e;
}

/* --- extents --- */

void log_extent_release(struct log_extent *x)
{
    seg_unref(x->seg);
    *x = (struct log_extent){0};
}

static struct file *extent_file(const struct log_extent *x)
{
    return atomic_load(&x->seg->files[SEG_LOG]);
}

enum err log_extent_pread(const struct log_extent *x, size_t from, void *p, size_t len)
{
    enum err e = file_read_exact(extent_file(x), p, len, x->pos + from);
    return e == ERR_SHORT ? ERR_IO : e;
}

int log_extent_fd(const struct log_extent *x) { return file_fd(extent_file(x)); }

enum { COLD_FOR_MS = 10000, NEAR_BYTES = 256 << 20 };

static bool is_recent(const struct log_extent *x, const _Atomic int64_t *ms)
{
    return x->read_ms - atomic_load(ms) < COLD_FOR_MS;
}

/* It is missing because it was dropped behind somebody who is not far ahead. */
static bool was_dropped(const struct log_extent *x)
{
    uint64_t upto = atomic_load(&x->seg->cold.dropped_pos);
    return is_recent(x, &x->seg->cold.dropped_ms) && x->pos < upto && upto - x->pos <= NEAR_BYTES;
}

/* Asks about more than the extent, so that its reader need not ask again at once. */
static bool is_warm_ahead(const struct log_extent *x, struct log_hint *hint)
{
    bool is_known = hint != NULL && hint->seg_base_off == x->seg->base_off &&
                    x->ahead_bytes > x->len &&
                    file_is_cached(extent_file(x), x->pos, x->ahead_bytes);
    if (is_known) {
        hint->warm_pos = x->pos + x->ahead_bytes;
        hint->warm_ms = x->read_ms;
    }
    return is_known;
}

bool log_extent_is_cold(const struct log_extent *x, struct log_hint *hint)
{
    if (!x->is_behind || x->is_warm || is_warm_ahead(x, hint) ||
        file_is_cached(extent_file(x), x->pos, x->len)) {
        return false;
    }
    struct seg_cold *cold = &x->seg->cold;
    atomic_store(was_dropped(x) ? &cold->missed_ms : &cold->found_ms, x->read_ms);
    return true;
}

void log_extent_warm(const struct log_extent *x)
{
    enum { CHUNK_BYTES = 256 << 10 };
    uint8_t *chunk = mem_alloc(CHUNK_BYTES);
    enum err e = OK;
    size_t n = 0;
    for (size_t at = 0; at < x->len && !e; at += n) {
        e = file_pread(extent_file(x), chunk, MIN(x->len - at, (size_t)CHUNK_BYTES), x->pos + at,
                       &n);
        e = !e && n == 0 ? ERR_SHORT : e;
    }
    mem_free(chunk);
}

bool log_extent_is_spent(const struct log_extent *x)
{
    const struct seg_cold *cold = &x->seg->cold;
    return x->is_behind && is_recent(x, &cold->found_ms) && !is_recent(x, &cold->missed_ms);
}

/* Pages that the socket has not sent yet cannot go: so those of the extents before go once more. */
void log_extent_drop(const struct log_extent *x)
{
    enum { AGAIN_BYTES = 8 << 20 };
    struct seg_cold *cold = &x->seg->cold;
    uint64_t from = x->pos - MIN(x->pos, (uint64_t)AGAIN_BYTES);
    file_advise(extent_file(x), from, x->pos + x->len - from, FILE_DONT_NEED);
    atomic_store(&cold->dropped_pos, x->pos + x->len);
    atomic_store(&cold->dropped_ms, x->read_ms);
}

void log_extent_done(const struct log_extent *x)
{
    if (log_extent_is_spent(x)) {
        log_extent_drop(x);
    }
}
