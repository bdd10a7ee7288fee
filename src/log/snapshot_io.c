/* Producer snapshots as files. Called with ckpt_mu or flush_mu held, or while opening. */
#include "log/log_priv.h"

#include "base/mem.h"

#include <stdlib.h>

enum { SNAPSHOT_MAX_BYTES = 256 << 20 };

static enum err write_plain(struct log *log, const char *path, struct bytes in)
{
    struct file *f;
    enum err e = fs_open(log->fs, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f);
    if (e) {
        return e;
    }
    e = file_pwrite(f, in.p, in.len, 0);
    file_close(f);
    return e;
}

enum err snapshot_write(struct log *log, int64_t off, struct bytes in, bool is_durable)
{
    struct buf path = BUF_INIT;
    const char *p = seg_path_of(&path, log->dir, off, seg_suffixes[SEG_SNAPSHOT]);
    enum err e = is_durable ? fs_write_atomic(log->fs, p, in.p, in.len) : write_plain(log, p, in);
    buf_deinit(&path);
    return e;
}

enum err snapshot_void(struct log *log, int64_t off)
{
    struct buf path = BUF_INIT;
    struct file *f;
    enum err e = fs_open(log->fs, seg_path_of(&path, log->dir, off, seg_suffixes[SEG_SNAPSHOT]),
                         FILE_WRITE, &f);
    buf_deinit(&path);
    if (e) {
        return e;
    }
    e = file_truncate(f, 0);
    e = e ? e : file_sync(f);
    file_close(f);
    return e;
}

enum err snapshot_load(struct log *log, int64_t off, struct producers *ret_producers)
{
    struct buf path = BUF_INIT;
    char *bytes;
    size_t len;
    enum err e = fs_read_all(log->fs, seg_path_of(&path, log->dir, off, seg_suffixes[SEG_SNAPSHOT]),
                             SNAPSHOT_MAX_BYTES, &bytes, &len);
    buf_deinit(&path);
    if (e) {
        return e;
    }
    e = producers_decode(ret_producers, (struct bytes){(const uint8_t *)bytes, len});
    mem_free(bytes);
    return len > 0 ? e : ERR_NOT_FOUND;
}

/* --- pruning --- */

void snapshot_list_push(struct snapshot_list *l, int64_t off)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 4;
        l->p = mem_realloc_array(l->p, l->cap, sizeof *l->p);
    }
    l->p[l->count++] = off;
}

static bool collect(void *ctx, const char *name, bool is_dir)
{
    int64_t off;
    enum seg_part part;
    if (!is_dir && seg_parse_name(str_from(name), &off, &part) && part == SEG_SNAPSHOT) {
        snapshot_list_push(ctx, off);
    }
    return true;
}

static int by_off(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

enum err snapshot_list(struct log *log, struct snapshot_list *ret_list)
{
    *ret_list = (struct snapshot_list){0};
    enum err e = fs_list(log->fs, log->dir, collect, ret_list);
    if (ret_list->count > 0) {
        qsort(ret_list->p, ret_list->count, sizeof *ret_list->p, by_off);
    }
    return e;
}

static bool is_seg_base(struct log *log, int64_t off)
{
    mutex_lock(&log->mu);
    bool is_base = log->segs[log_seg_at(log, off)]->base_off == off;
    mutex_unlock(&log->mu);
    return is_base;
}

static enum err snapshot_remove(struct log *log, int64_t off)
{
    struct buf path = BUF_INIT;
    enum err e = fs_unlink(log->fs, seg_path_of(&path, log->dir, off, seg_suffixes[SEG_SNAPSHOT]));
    buf_deinit(&path);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err snapshot_prune(struct log *log, int64_t end_off)
{
    struct snapshot_list offs;
    int64_t newest = -1;
    enum err e = snapshot_list(log, &offs);
    for (size_t i = 0; i < offs.count; i++) {
        newest = offs.p[i] <= end_off ? MAX(newest, offs.p[i]) : newest;
    }
    for (size_t i = 0; i < offs.count && !e; i++) {
        int64_t off = offs.p[i];
        if (off > end_off || (off != newest && !is_seg_base(log, off))) {
            e = snapshot_remove(log, off);
        }
    }
    mem_free(offs.p);
    return e;
}

/* Whether one goes that may be the newest at or below the stored point, and none is at off. (All
 * below that one is synced, so that up to off no gap can be a loss.) */
static bool needs_mark(const struct log *log, const struct snapshot_list *offs, int64_t from_off,
                       int64_t off)
{
    bool is_any = false;
    for (size_t i = 0; i < offs->count; i++) {
        int64_t at = offs->p[i];
        if (at == off) {
            return false;
        }
        is_any = is_any || ((at > off || at < from_off) && at <= log->claimed_off);
    }
    return is_any;
}

enum err snapshot_distrust(struct log *log, int64_t from_off, int64_t off)
{
    struct snapshot_list offs;
    enum err e = snapshot_list(log, &offs);
    if (!e && needs_mark(log, &offs, from_off, off)) {
        e = snapshot_write(log, off, (struct bytes){0}, true);
    }
    for (size_t i = offs.count; i > 0 && !e; i--) {
        int64_t at = offs.p[i - 1];
        e = at > off || at < from_off ? snapshot_remove(log, at) : OK;
    }
    mem_free(offs.p);
    return e ? e : fs_sync_dir(log->fs, log->dir);
}
