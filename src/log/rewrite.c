/* Making sure of what an earlier process wrote, after a start by its memo (doc/decisions/0019). A
 * sync of it may have failed, and then pages count as clean that are nowhere but in the cache: no
 * sync tells of them any more. So what is not known to be synced is written once more, the same
 * bytes, and only then synced. Any thread. */
#include "log/rewrite.h"

#include "base/mem.h"
#include "log/scan.h"

enum { PIECE_BYTES = 1 << 20, INDEX_MAX_BYTES = 512 << 20 };

/* A run of whole batches on its way back to where it is. */
struct piece {
    struct file *file;
    struct buf bytes;
    uint64_t pos;
};

static enum err piece_write(struct piece *x)
{
    enum err e = x->bytes.len > 0 ? file_pwrite(x->file, x->bytes.p, x->bytes.len, x->pos) : OK;
    x->pos += x->bytes.len;
    buf_clear(&x->bytes);
    return e;
}

static enum err piece_add(struct piece *x, struct scan *s, const struct batch *head, uint64_t pos)
{
    struct batch b;
    enum err e = scan_read_batch(s, head, pos, &x->bytes, &b);
    e = e ? e : batch_check_crc(&b);
    return e || x->bytes.len < PIECE_BYTES ? e : piece_write(x);
}

/* Batches from pos to the end of what find saw. */
static enum err rewrite_from(const struct find *find, uint64_t pos)
{
    struct piece x = {.bytes = BUF_INIT, .pos = pos};
    struct scan s;
    struct batch b;
    uint64_t at;
    enum err e = seg_file(find->seg, find->fs, find->dir, SEG_LOG, &x.file);
    if (e) {
        return e;
    }
    scan_init(&s, x.file, pos, find->size_bytes);
    while ((e = scan_next(&s, &b, &at)) == OK && (e = piece_add(&x, &s, &b, at)) == OK) {
    }
    e = e == ERR_NOT_FOUND ? piece_write(&x) : e;
    scan_deinit(&s);
    buf_deinit(&x.bytes);
    return e;
}

enum err rewrite_seg(const struct find *find, int64_t from_off)
{
    struct found begin = {.pos = 0};
    if (from_off > find->seg->base_off) {
        enum err e = find_batch(find, find_floor_of_off(find, from_off), from_off, &begin);
        if (e) {
            return e == ERR_NOT_FOUND ? OK : e;
        }
    }
    return rewrite_from(find, begin.pos);
}

/* --- index files --- */

/* A row of the time 0 looks as if it had never been written; a second one is not possible. */
static struct bytes without_first_zeros(struct bytes rows)
{
    static const uint8_t zeros[TIMEINDEX_ROW_BYTES];
    bool is_zero = rows.len >= sizeof zeros && memcmp(rows.p, zeros, sizeof zeros) == 0;
    size_t n = is_zero ? sizeof zeros : 0;
    return (struct bytes){rows.p + n, rows.len - n};
}

static bool are_rows_good(const struct seg *seg, enum seg_part part, struct bytes rows)
{
    switch (part) {
    case SEG_INDEX:
        return rows.len == (size_t)INDEX_ROW_BYTES *
                               index_good_count(rows, seg->base_off, INT64_MAX, UINT64_MAX);
    case SEG_TIMEINDEX:
        rows = without_first_zeros(rows);
        return rows.len ==
               (size_t)TIMEINDEX_ROW_BYTES * timeindex_good_count(rows, seg->base_off, INT64_MAX);
    default:
        return rows.len ==
               (size_t)TXNINDEX_ROW_BYTES * txnindex_good_count(rows, seg->base_off, INT64_MAX);
    }
}

static enum err rewrite_rows(struct log *log, const struct seg *seg, enum seg_part part)
{
    struct buf path = BUF_INIT;
    struct file *f = NULL;
    char *rows = NULL;
    size_t len = 0;
    const char *name = seg_path(&path, log->dir, seg, part);
    enum err e = fs_read_all(log->fs, name, INDEX_MAX_BYTES, &rows, &len);
    if (!e && !are_rows_good(seg, part, (struct bytes){(const uint8_t *)rows, len})) {
        e = ERR_CORRUPT_MESSAGE;
    }
    if (!e && len > 0) {
        e = fs_open(log->fs, name, FILE_WRITE, &f);
        e = e ? e : file_pwrite(f, rows, len, 0);
        file_close(f);
    }
    mem_free(rows);
    buf_deinit(&path);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err rewrite_indexes(struct log *log, const struct seg_list *segs)
{
    enum err e = OK;
    mutex_lock(&log->flush_mu);
    for (uint32_t i = 0; i < segs->count && !e; i++) {
        for (int part = SEG_INDEX; part <= SEG_TXNINDEX && !e; part++) {
            e = rewrite_rows(log, segs->p[i], (enum seg_part)part);
        }
    }
    mutex_unlock(&log->flush_mu);
    return e;
}
