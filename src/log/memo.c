/* Memos: what a process that is killed leaves to the next one on a machine that goes on running.
 * See memo.h, and doc/decisions/0019. */
#include "log/memo.h"

#include "base/endian.h"
#include "log/recover_priv.h"

enum { TRIES = 3, MEMO_NUMBERS = 7, MEMO_HEAD_BYTES = MEMO_NUMBERS * 8 + 3 * 4 };

/* --- writing --- */

static const struct log_recent *last_batch(const struct log *log)
{
    return log->recent_count ? &log->recent[(log->recent_count - 1) % LOG_RECENT_COUNT] : NULL;
}

/* Under mu. */
static void encode(const struct log *log, struct buf *out)
{
    const struct seg *seg = log_active(log);
    const struct log_recent *last = last_batch(log);
    buf_put_be64(out, (uint64_t)log->end_off);
    buf_put_be64(out, (uint64_t)log->synced_off);
    buf_put_be64(out, (uint64_t)log->start_off);
    buf_put_be64(out, (uint64_t)seg->base_off);
    buf_put_be64(out, seg->size_bytes);
    buf_put_be64(out, last ? (uint64_t)last->base_off : 0);
    buf_put_be64(out, last ? last->pos : 0);
    buf_put_be32(out, last ? last->crc : 0);
    size_t lens_at = out->len;
    buf_put_be64(out, 0);
    size_t epochs_at = out->len;
    epochs_encode(&log->epochs, out);
    size_t producers_at = out->len;
    producers_encode(&log->producers, out);
    if (!out->err) {
        be32_put(out->p + lens_at, (uint32_t)(producers_at - epochs_at));
        be32_put(out->p + lens_at + 4, (uint32_t)(out->len - producers_at));
    }
}

/* Rows of aborted transactions are not found again by who begins at the end. */
static bool is_encodable(struct log *log)
{
    bool is_end_known = log_active(log)->size_bytes == 0 || last_batch(log) != NULL;
    return is_end_known && rows_pending_count(log_rows(log, SEG_TXNINDEX)) == 0;
}

static enum err try_encode(struct log *log, struct buf *out)
{
    enum err e = log_flush_rows(log); /* recovery begins at the last row */
    if (e) {
        return e;
    }
    mutex_lock(&log->mu);
    if (log->is_poisoned) {
        e = ERR_POISONED;
    } else if (!is_encodable(log)) {
        e = ERR_NOT_FOUND;
    } else {
        encode(log, out);
        e = out->err;
    }
    mutex_unlock(&log->mu);
    return e;
}

enum err log_memo(struct log *log, struct buf *out)
{
    enum err e = ERR_NOT_FOUND;
    mutex_lock(&log->ckpt_mu); /* nothing is truncated meanwhile */
    for (int i = 0; i < TRIES && e == ERR_NOT_FOUND; i++) {
        e = try_encode(log, out);
    }
    mutex_unlock(&log->ckpt_mu);
    return e;
}

/* --- reading --- */

bool memo_decode(struct bytes in, struct memo *ret)
{
    const uint8_t *p = in.p;
    if (in.len < MEMO_HEAD_BYTES) {
        return false;
    }
    struct memo m = {
        .off = (int64_t)be64_get(p),
        .synced_off = (int64_t)be64_get(p + 8),
        .start_off = (int64_t)be64_get(p + 16),
        .seg_base_off = (int64_t)be64_get(p + 24),
        .seg_bytes = be64_get(p + 32),
        .last_base_off = (int64_t)be64_get(p + 40),
        .last_pos = be64_get(p + 48),
        .last_crc = be32_get(p + 56),
    };
    uint64_t epochs_len = be32_get(p + 60);
    uint64_t producers_len = be32_get(p + 64);
    if (epochs_len + producers_len != in.len - MEMO_HEAD_BYTES) {
        return false;
    }
    m.epochs = (struct str){(const char *)p + MEMO_HEAD_BYTES, (size_t)epochs_len};
    m.producers = (struct bytes){p + MEMO_HEAD_BYTES + epochs_len, (size_t)producers_len};
    *ret = m;
    return m.seg_base_off >= 0 && m.off >= m.seg_base_off && m.synced_off >= 0 &&
           m.synced_off <= m.off && m.start_off >= 0 && m.start_off <= m.off;
}

/* Whether the segment still has the batch that was the log's last one, where it was. */
static bool is_last_there(const struct recovery *r)
{
    const struct memo *m = &r->memo;
    struct buf path = BUF_INIT;
    struct file *f = NULL;
    uint8_t head[BATCH_HEADER_BYTES];
    struct batch b;
    enum err e =
        fs_open(r->log->fs, seg_path_of(&path, r->log->dir, m->seg_base_off, seg_suffixes[SEG_LOG]),
                FILE_READ, &f);
    e = e ? e : file_read_exact(f, head, sizeof head, m->last_pos);
    e = e ? e : batch_parse_header((struct bytes){head, sizeof head}, &b);
    file_close(f);
    buf_deinit(&path);
    return !e && b.base_off == m->last_base_off && b.crc == m->last_crc && b.last_off_delta >= 0 &&
           batch_next_off(&b) == m->off && m->last_pos <= m->seg_bytes &&
           b.size_bytes == m->seg_bytes - m->last_pos;
}

static bool is_seg_there(const struct recovery *r)
{
    const struct memo *m = &r->memo;
    struct buf path = BUF_INIT;
    struct fs_stat st;
    enum err e = fs_stat(
        r->log->fs, seg_path_of(&path, r->log->dir, m->seg_base_off, seg_suffixes[SEG_LOG]), &st);
    buf_deinit(&path);
    return !e && st.size_bytes >= m->seg_bytes;
}

bool memo_is_true(struct recovery *r)
{
    const struct log_open_args *a = r->args;
    const struct memo *m = &r->memo;
    if (a->was_clean || a->memo.len == 0 || !memo_decode(a->memo, &r->memo)) {
        return false;
    }
    bool is_new_enough = m->off >= a->recovery_point_off && m->off >= a->log_start_off;
    bool is_empty = m->seg_bytes == 0 && m->off == m->seg_base_off;
    return is_new_enough && is_seg_there(r) && (is_empty || is_last_there(r));
}
