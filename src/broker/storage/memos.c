/* Memos of logs, for a start after a kill. See memos.h.
 *
 *   magic | version i32 | crc32c of what follows u32 | boot id 16 | what is told of the checkpoints
 *   2 × i64 | count i32 | rows: topic i16 + bytes, partition i32, topic id 16, memo i32 + bytes
 *
 * Invariants: what is believed was written since this machine was started, in the page cache that
 * still has the logs; and after the checkpoint files as they are now, so that neither a later
 * recovery point nor another program's work is overlooked. A file that is half written, or was lost
 * and came back older, costs a longer start. */
#include "broker/storage/memos.h"

#include "base/crc.h"
#include "base/diag.h"
#include "base/endian.h"
#include "base/mem.h"

#define MEMOS_FILE ".ottla-memos"
static const char magic[8] = {'O', 'T', 'T', 'L', 'A', 'M', 'E', 'M'};

enum {
    MEMOS_VERSION = 1,
    MEMOS_MAX_BYTES = 1 << 30,
    CHECKED_AT = 16, /* the checksum is of all that follows */
    HEAD_BYTES = CHECKED_AT + 16 + 2 * 8 + 4,
    COUNT_AT = HEAD_BYTES - 4,
};

/* When the two files that every broker rewrites were written; another one's are never of the same
 * time. */
struct written {
    int64_t points_ms, marks_ms;
};

static struct written when_written(struct storage *s, const struct storage_dir *d)
{
    const char *dir = logdir_path(d->dir);
    return (struct written){storage_mtime_ms(s, dir, POINTS_FILE),
                            storage_mtime_ms(s, dir, MARKS_FILE)};
}

/* --- writing --- */

struct writing {
    struct storage *storage;
    const struct storage_dir *dir;
    struct buf out;
    uint32_t count;
};

static void put_head(struct writing *w)
{
    struct written at = when_written(w->storage, w->dir);
    buf_put(&w->out, magic, sizeof magic);
    buf_put_be32(&w->out, MEMOS_VERSION);
    buf_put_be32(&w->out, 0);
    buf_put(&w->out, w->storage->boot_id.b, sizeof w->storage->boot_id.b);
    buf_put_be64(&w->out, (uint64_t)at.points_ms);
    buf_put_be64(&w->out, (uint64_t)at.marks_ms);
    buf_put_be32(&w->out, 0);
}

/* A log that has none now is left out, and opens the long way. */
static void put_row(struct writing *w, struct partition *p)
{
    size_t row_at = w->out.len;
    buf_put_be16(&w->out, (uint16_t)p->topic_name.len);
    buf_put_str(&w->out, p->topic_name);
    buf_put_be32(&w->out, (uint32_t)p->index);
    buf_put(&w->out, p->topic_id.b, sizeof p->topic_id.b);
    size_t len_at = w->out.len;
    buf_put_be32(&w->out, 0);
    enum err e = log_memo(p->log, &w->out);
    if (w->out.err) {
        return;
    }
    if (e) {
        w->out.len = row_at;
        return;
    }
    be32_put(w->out.p + len_at, (uint32_t)(w->out.len - len_at - 4));
    w->count++;
}

static void add_partition(void *ctx, struct partition *p)
{
    struct writing *w = ctx;
    if (p->dir != w->dir->dir) {
        return;
    }
    mutex_lock(&p->upkeep_lock);
    if (!partition_is_deleted(p)) {
        put_row(w, p);
    }
    mutex_unlock(&p->upkeep_lock);
}

/* In place of the old one as a whole, as far as this machine's cache goes. */
static enum err replace(struct storage *s, const char *dir, const struct buf *text)
{
    struct buf path = BUF_INIT, tmp = BUF_INIT;
    struct file *f = NULL;
    fs_path(&path, dir, MEMOS_FILE);
    fs_path(&tmp, dir, MEMOS_FILE ".tmp");
    enum err e = fs_open(s->fs, buf_cstr(&tmp), FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f);
    e = e ? e : file_pwrite(f, text->p, text->len, 0);
    file_close(f);
    e = e ? e : fs_rename(s->fs, buf_cstr(&tmp), buf_cstr(&path));
    buf_deinit(&path);
    buf_deinit(&tmp);
    return e;
}

static void write_dir(struct storage *s, const struct storage_dir *d)
{
    struct writing w = {.storage = s, .dir = d, .out = BUF_INIT};
    put_head(&w);
    topic_table_each(s->topics, add_partition, &w);
    enum err e = w.out.err;
    if (!e && w.out.len <= MEMOS_MAX_BYTES) {
        be32_put(w.out.p + COUNT_AT, w.count);
        be32_put(w.out.p + CHECKED_AT - 4, crc32c(0, w.out.p + CHECKED_AT, w.out.len - CHECKED_AT));
        e = replace(s, logdir_path(d->dir), &w.out);
    }
    if (e) {
        diag_warn(DIAG_STORAGE, "%s: no memos for a start after a kill: %s", logdir_path(d->dir),
                  err_text(e));
    }
    s->memos_bytes += w.out.len;
    buf_deinit(&w.out);
}

void memos_write(struct storage *s)
{
    s->memos_bytes = 0;
    for (int i = 0; i < s->dir_count && !uuid_is_zero(s->boot_id); i++) {
        write_dir(s, &s->dirs[i]);
    }
}

/* --- reading --- */

/* What is left to be read. */
struct reading {
    const uint8_t *p;
    size_t left;
    bool is_short;
};

static const uint8_t *take(struct reading *r, size_t n)
{
    const uint8_t *p = r->p;
    if (n > r->left) {
        r->is_short = true;
        return NULL;
    }
    r->p += n;
    r->left -= n;
    return p;
}

static uint32_t take_be32(struct reading *r)
{
    const uint8_t *p = take(r, 4);
    return p ? be32_get(p) : 0;
}

static void read_row(struct storage_dir *d, struct reading *r)
{
    const uint8_t *len = take(r, 2);
    size_t topic_len = len ? be16_get(len) : 0;
    const uint8_t *topic = take(r, topic_len);
    int32_t partition = (int32_t)take_be32(r);
    const uint8_t *id = take(r, sizeof(struct uuid));
    size_t memo_len = take_be32(r);
    const uint8_t *memo = take(r, memo_len);
    if (r->is_short) {
        return;
    }
    struct found *f =
        storage_find_found(d, (struct str){(const char *)topic, topic_len}, partition);
    if (f != NULL && memcmp(f->topic_id.b, id, sizeof f->topic_id.b) == 0) {
        f->memo = (struct bytes){memo, memo_len};
    }
}

static bool is_of_now(struct storage *s, const struct storage_dir *d, struct bytes in)
{
    struct written at = when_written(s, d);
    return in.len >= HEAD_BYTES && memcmp(in.p, magic, sizeof magic) == 0 &&
           be32_get(in.p + 8) == MEMOS_VERSION &&
           crc32c(0, in.p + CHECKED_AT, in.len - CHECKED_AT) == be32_get(in.p + CHECKED_AT - 4) &&
           memcmp(in.p + CHECKED_AT, s->boot_id.b, sizeof s->boot_id.b) == 0 &&
           (int64_t)be64_get(in.p + CHECKED_AT + 16) == at.points_ms &&
           (int64_t)be64_get(in.p + CHECKED_AT + 24) == at.marks_ms;
}

void memos_read(struct storage *s, struct storage_dir *d)
{
    struct buf path = BUF_INIT;
    char *text = NULL;
    size_t len = 0;
    if (d->was_clean || uuid_is_zero(s->boot_id)) {
        return;
    }
    enum err e = fs_read_all(s->fs, fs_path(&path, logdir_path(d->dir), MEMOS_FILE),
                             MEMOS_MAX_BYTES, &text, &len);
    buf_deinit(&path);
    struct bytes in = {(const uint8_t *)text, len};
    if (e || !is_of_now(s, d, in)) {
        mem_free(e ? NULL : text);
        return;
    }
    struct reading r = {in.p + HEAD_BYTES, in.len - HEAD_BYTES, false};
    for (uint32_t i = be32_get(in.p + COUNT_AT); i > 0 && !r.is_short; i--) {
        read_row(d, &r);
    }
    d->memos = text;
}
