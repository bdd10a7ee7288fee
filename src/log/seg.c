/* Segments: reference counts, lazily opened files, names. Any thread, except where seg.h says that
 * the writer must. */
#include "log/seg.h"

#include "base/assert.h"
#include "base/mem.h"

#include <inttypes.h>

const char *const seg_suffixes[SEG_PART_COUNT] = {".log", ".index", ".timeindex", ".txnindex",
                                                  ".snapshot"};

enum { OFF_DIGITS = 20 };

struct seg *seg_new(int64_t base_off)
{
    struct seg *seg = NEW(struct seg);
    atomic_init(&seg->ref_count, 1);
    atomic_init(&seg->cold.found_ms, SEG_NEVER_MS);
    atomic_init(&seg->cold.dropped_ms, SEG_NEVER_MS);
    atomic_init(&seg->cold.missed_ms, SEG_NEVER_MS);
    seg->base_off = base_off;
    seg->max_ts_ms = -1;
    seg->max_ts_off = base_off;
    return seg;
}

void seg_ref(struct seg *seg)
{
    int before = atomic_fetch_add(&seg->ref_count, 1);
    ASSERT(before > 0);
}

void seg_close_files(struct seg *seg)
{
    for (int i = 0; i < SEG_OPEN_PARTS; i++) {
        file_close(atomic_exchange(&seg->files[i], NULL));
    }
}

bool seg_has_open_files(const struct seg *seg)
{
    bool is_open = false;
    for (int i = 0; i < SEG_OPEN_PARTS; i++) {
        is_open = is_open || atomic_load(&seg->files[i]) != NULL;
    }
    return is_open;
}

void seg_unref(struct seg *seg)
{
    if (seg != NULL && atomic_fetch_sub(&seg->ref_count, 1) == 1) {
        seg_close_files(seg);
        mem_free(seg);
    }
}

static const char *path_as(struct buf *out, const char *dir, int64_t base_off, enum seg_part part,
                           bool is_deleted)
{
    seg_path_of(out, dir, base_off, seg_suffixes[part]);
    if (is_deleted) {
        buf_put_str(out, STR(".deleted"));
    }
    return buf_cstr(out);
}

/* Under the name that it should have, or under the other: it may be renamed just now. */
static enum err open_path(struct seg *seg, struct fs *fs, const char *dir, enum seg_part part,
                          unsigned flags, struct file **ret_file)
{
    struct buf path = BUF_INIT;
    bool is_deleted = atomic_load(&seg->is_deleted);
    enum err e = fs_open(fs, path_as(&path, dir, seg->base_off, part, is_deleted), flags, ret_file);
    if (e == ERR_NOT_FOUND) {
        e = fs_open(fs, path_as(&path, dir, seg->base_off, part, !is_deleted), flags, ret_file);
    }
    buf_deinit(&path);
    return e;
}

static enum err open_part(struct seg *seg, struct fs *fs, const char *dir, enum seg_part part,
                          unsigned flags, struct file **ret_file)
{
    struct file *f = atomic_load(&seg->files[part]);
    if (f != NULL) {
        *ret_file = f;
        return OK;
    }
    enum err e = open_path(seg, fs, dir, part, flags, &f);
    if (e) {
        return e;
    }
    struct file *other = NULL;
    if (!atomic_compare_exchange_strong(&seg->files[part], &other, f)) {
        file_close(f);
        f = other;
    }
    *ret_file = f;
    return OK;
}

enum err seg_file(struct seg *seg, struct fs *fs, const char *dir, enum seg_part part,
                  struct file **ret_file)
{
    return open_part(seg, fs, dir, part, FILE_WRITE, ret_file);
}

enum err seg_file_create(struct seg *seg, struct fs *fs, const char *dir, enum seg_part part,
                         struct file **ret_file)
{
    return open_part(seg, fs, dir, part, FILE_WRITE | FILE_CREATE, ret_file);
}

const char *seg_path_of(struct buf *out, const char *dir, int64_t off, const char *suffix)
{
    buf_clear(out);
    buf_printf(out, "%s/%020" PRId64 "%s", dir, off, suffix);
    return buf_cstr(out);
}

const char *seg_path(struct buf *out, const char *dir, const struct seg *seg, enum seg_part part)
{
    return path_as(out, dir, seg->base_off, part, atomic_load(&seg->is_deleted));
}

enum err seg_mark_deleted(struct seg *seg, struct fs *fs, const char *dir)
{
    struct buf from = BUF_INIT;
    struct buf to = BUF_INIT;
    enum err e = OK;
    for (int part = SEG_LOG; part <= SEG_TXNINDEX && !e; part++) {
        path_as(&from, dir, seg->base_off, (enum seg_part)part, false);
        path_as(&to, dir, seg->base_off, (enum seg_part)part, true);
        e = fs_rename(fs, buf_cstr(&from), buf_cstr(&to));
        e = e == ERR_NOT_FOUND ? OK : e;
        if (!e && part == SEG_LOG) {
            e = fs_sync_dir(fs, dir); /* a crash never leaves it without the others */
        }
    }
    if (!e) {
        atomic_store(&seg->is_deleted, true);
    }
    buf_deinit(&from);
    buf_deinit(&to);
    return e;
}

enum err seg_remove(struct seg *seg, struct fs *fs, const char *dir)
{
    struct buf path = BUF_INIT;
    enum err first = OK;
    for (int part = 0; part < SEG_PART_COUNT; part++) {
        enum err e = fs_unlink(fs, seg_path(&path, dir, seg, part));
        first = first || e == ERR_NOT_FOUND ? first : e;
    }
    buf_deinit(&path);
    return first;
}

bool seg_parse_name(struct str name, int64_t *ret_off, enum seg_part *ret_part)
{
    if (name.len <= OFF_DIGITS || name.p[0] < '0' || name.p[0] > '9' ||
        !str_to_i64(str_sub(name, 0, OFF_DIGITS), ret_off)) {
        return false;
    }
    for (int part = 0; part < SEG_PART_COUNT; part++) {
        if (str_eq(str_sub(name, OFF_DIGITS, name.len - OFF_DIGITS),
                   str_from(seg_suffixes[part]))) {
            *ret_part = (enum seg_part)part;
            return true;
        }
    }
    return false;
}
