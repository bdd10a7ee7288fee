/* Reading, writing and listing snapshots of the metadata log. One thread: the controller's. */
#include "broker/metalog/meta_snapshot.h"

#include "base/mem.h"
#include "wire/messages.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    CHUNK_BYTES = 1 << 20,
    BATCH_BYTES = 512 << 10,
    BATCH_RECORDS = 10000,
    CONTROLS_MAX = 4,
};

/* --- names --- */

#define SUFFIX ".checkpoint"

void meta_snapshot_path(const char *dir, struct snapshot_id id, struct buf *out)
{
    buf_printf(out, "%s/%020" PRId64 "-%010" PRId32 SUFFIX, dir, id.off, id.epoch);
}

static bool parse_name(struct str name, struct snapshot_id *ret_id)
{
    int64_t off, epoch;
    if (!str_has_suffix(name, STR(SUFFIX))) {
        return false;
    }
    name.len -= sizeof SUFFIX - 1;
    size_t dash = str_find(name, '-');
    if (dash == 0 || dash >= name.len || !str_to_i64(str_sub(name, 0, dash), &off) ||
        !str_to_i64(str_sub(name, dash + 1, name.len - dash - 1), &epoch) || off < 0 || epoch < 0 ||
        epoch > INT32_MAX) {
        return false;
    }
    *ret_id = (struct snapshot_id){off, (int32_t)epoch};
    return true;
}

struct listing {
    struct fs *fs;
    const char *dir;
    struct snapshot_list list;
    struct buf leftovers; /* names, each with its NUL */
};

static bool is_leftover(struct str name)
{
    return str_has_suffix(name, STR(SUFFIX ".part")) ||
           str_has_suffix(name, STR(SUFFIX ".deleted"));
}

static bool gather(void *ctx, const char *name, bool is_dir)
{
    struct listing *l = ctx;
    struct snapshot_id id;
    if (is_dir) {
        return true;
    }
    if (is_leftover(str_from(name))) {
        buf_put(&l->leftovers, name, strlen(name) + 1);
    } else if (parse_name(str_from(name), &id)) {
        l->list.ids =
            mem_realloc_array(l->list.ids, (size_t)l->list.count + 1, sizeof *l->list.ids);
        l->list.ids[l->list.count++] = id;
    }
    return true;
}

static enum err remove_leftovers(struct listing *l)
{
    enum err e = l->leftovers.err;
    for (size_t at = 0; !e && at < l->leftovers.len;) {
        const char *name = (const char *)l->leftovers.p + at;
        struct buf path = BUF_INIT;
        fs_path(&path, l->dir, name);
        e = path.err ? path.err : fs_unlink(l->fs, buf_cstr(&path));
        e = e == ERR_NOT_FOUND ? OK : e;
        buf_deinit(&path);
        at += strlen(name) + 1;
    }
    return e;
}

static int by_off(const void *a, const void *b)
{
    const struct snapshot_id *x = a, *y = b;
    return x->off != y->off ? (x->off > y->off) - (x->off < y->off)
                            : (x->epoch > y->epoch) - (x->epoch < y->epoch);
}

enum err meta_snapshots_list(struct fs *fs, const char *dir, struct snapshot_list *ret_list)
{
    struct listing l = {.fs = fs, .dir = dir};
    enum err e = fs_list(fs, dir, gather, &l);
    e = e ? e : remove_leftovers(&l);
    buf_deinit(&l.leftovers);
    if (e) {
        snapshot_list_deinit(&l.list);
        return e;
    }
    if (l.list.count > 1) {
        qsort(l.list.ids, (size_t)l.list.count, sizeof *l.list.ids, by_off);
    }
    *ret_list = l.list;
    return OK;
}

void snapshot_list_deinit(struct snapshot_list *l)
{
    mem_free(l->ids);
    *l = (struct snapshot_list){0};
}

/* --- reading --- */

/* A sink that watches for the footer and passes everything on. */
struct watched {
    const struct meta_sink *to;
    bool is_first;
    bool has_header, has_footer;
};

static enum err on_begin(void *ctx, const struct batch *b)
{
    struct watched *w = ctx;
    if (w->has_footer || (w->is_first && !batch_is_control(b))) {
        return ERR_MALFORMED;
    }
    w->is_first = false;
    return w->to->begin != NULL ? w->to->begin(w->to->ctx, b) : OK;
}

static enum err on_record(void *ctx, struct bytes record)
{
    struct watched *w = ctx;
    return w->to->record != NULL ? w->to->record(w->to->ctx, record) : OK;
}

static enum err on_control(void *ctx, int type, struct bytes value)
{
    struct watched *w = ctx;
    w->has_header = w->has_header || type == CONTROL_SNAPSHOT_HEADER;
    w->has_footer = w->has_footer || type == CONTROL_SNAPSHOT_FOOTER;
    return w->to->control != NULL ? w->to->control(w->to->ctx, type, value) : OK;
}

static enum err on_end(void *ctx, const struct batch *b)
{
    struct watched *w = ctx;
    return w->to->end != NULL ? w->to->end(w->to->ctx, b) : OK;
}

/* Reads what is at pos, as much as `want` bytes, to the end of `in`. */
static enum err fill(struct file *f, struct buf *in, size_t want, uint64_t *pos)
{
    size_t n;
    uint8_t *at = buf_reserve(in, want);
    if (at == NULL) {
        return in->err;
    }
    enum err e = file_pread(f, at, want, *pos, &n);
    if (!e) {
        in->len += n;
        *pos += n;
    }
    return e;
}

static enum err stream(struct file *f, uint64_t size_bytes, const struct meta_sink *sink)
{
    struct buf in = BUF_INIT;
    uint64_t pos = 0;
    size_t used = 0, need = 0;
    enum err e = OK;
    while (!e && (pos < size_bytes || in.len > 0)) {
        if (need > in.len && need - in.len > size_bytes - pos) {
            e = ERR_CORRUPT_MESSAGE; /* the last batch is cut short */
            break;
        }
        e = fill(f, &in, MAX(need > in.len ? need - in.len : 0, (size_t)CHUNK_BYTES), &pos);
        e = e ? e : meta_batches_read(buf_bytes(&in), sink, &used, &need);
        if (!e && used == 0 && pos >= size_bytes) {
            e = ERR_CORRUPT_MESSAGE;
        }
        if (!e) {
            memmove(in.p, in.p + used, in.len - used);
            in.len -= used;
        }
    }
    buf_deinit(&in);
    return e;
}

enum err meta_snapshot_read(struct fs *fs, const char *path, const struct meta_sink *sink)
{
    struct watched w = {.to = sink, .is_first = true};
    struct meta_sink watching = {on_begin, on_record, on_control, on_end, &w};
    struct file *f;
    uint64_t size_bytes;
    enum err e = fs_open(fs, path, FILE_READ, &f);
    if (e) {
        return e;
    }
    e = file_size(f, &size_bytes);
    e = e ? e : stream(f, size_bytes, &watching);
    file_close(f);
    return e ? e : w.has_header && w.has_footer ? OK : ERR_MALFORMED;
}

/* --- writing --- */

static void write_out(struct meta_snapshot_writer *w)
{
    w->err = w->err ? w->err : w->bytes.err;
    if (!w->err && w->bytes.len > 0) {
        w->err = file_pwrite(w->file, w->bytes.p, w->bytes.len, w->pos);
        w->pos += w->bytes.len;
    }
    buf_clear(&w->bytes);
}

static void put_controls(struct meta_snapshot_writer *w, const struct meta_control *v, int count)
{
    if (!w->err) {
        w->err = meta_control_build(&w->bytes, &w->head, v, count);
        w->head.base_off += count;
    }
    write_out(w);
}

static void put_batch(struct meta_snapshot_writer *w)
{
    w->err = w->err ? w->err : w->batch.err;
    if (!w->err && w->batch.count > 0) {
        w->err = meta_batch_build(&w->bytes, &w->head, &w->batch, 0, w->batch.count);
        w->head.base_off += w->batch.count;
    }
    meta_records_clear(&w->batch);
    write_out(w);
}

void meta_snapshot_begin(struct meta_snapshot_writer *w, struct fs *fs, const char *path,
                         const struct meta_snapshot_head *head)
{
    struct snapshot_header_record header = {0, head->last_ts_ms};
    struct meta_control controls[CONTROLS_MAX] = {{CONTROL_SNAPSHOT_HEADER, 0, &header}};
    *w = (struct meta_snapshot_writer){.fs = fs, .path = path};
    w->head = (struct meta_batch_head){0, head->epoch, head->now_ms};
    meta_records_init(&w->batch);
    buf_printf(&w->part_path, "%s.part", path);
    w->err = w->part_path.err ? w->part_path.err
                              : fs_open(fs, buf_cstr(&w->part_path),
                                        FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &w->file);
    int n = MIN(head->control_count, CONTROLS_MAX - 1);
    for (int i = 0; i < n; i++) {
        controls[1 + i] = head->controls[i];
    }
    put_controls(w, controls, 1 + n);
}

void meta_snapshot_add(struct meta_snapshot_writer *w, struct bytes record)
{
    meta_records_add_raw(&w->batch, record);
    if (w->batch.bytes.len >= BATCH_BYTES || w->batch.count >= BATCH_RECORDS) {
        put_batch(w);
    }
}

static enum err publish(struct meta_snapshot_writer *w)
{
    enum err e = w->err ? w->err : file_sync(w->file);
    e = e ? e : fs_rename(w->fs, buf_cstr(&w->part_path), w->path);
    return e ? e : fs_sync_parent(w->fs, w->path);
}

enum err meta_snapshot_finish(struct meta_snapshot_writer *w)
{
    struct snapshot_footer_record footer = {0};
    struct meta_control control = {CONTROL_SNAPSHOT_FOOTER, 0, &footer};
    put_batch(w);
    put_controls(w, &control, 1);
    w->err = publish(w);
    if (w->file != NULL) {
        file_close(w->file);
        if (w->err) { /* if it stays it goes at the next start */
            enum err e = fs_unlink(w->fs, buf_cstr(&w->part_path));
            (void)e;
        }
    }
    buf_deinit(&w->part_path);
    buf_deinit(&w->bytes);
    meta_records_deinit(&w->batch);
    return w->err;
}
