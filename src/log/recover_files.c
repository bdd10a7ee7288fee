/* The first step of opening a log: what is in its directory, carried out as recover.c decides. One
 * thread; nobody else sees the log. */
#include "log/recover_priv.h"

#include "base/mem.h"
#include "log/scan.h"

#include <stdlib.h>

struct listing {
    struct recover_file *p;
    size_t count, cap;
};

static bool list_file(void *ctx, const char *name, bool is_dir)
{
    struct listing *l = ctx;
    struct recover_file f;
    if (is_dir || !recover_parse_name(str_from(name), &f)) {
        return true;
    }
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->p = mem_realloc_array(l->p, l->cap, sizeof *l->p);
    }
    l->p[l->count++] = f;
    return true;
}

static int by_off(const void *a, const void *b)
{
    const struct recover_file *x = a;
    const struct recover_file *y = b;
    return x->off != y->off ? (x->off > y->off) - (x->off < y->off) : (int)x->part - (int)y->part;
}

static const char *file_path(const struct recovery *r, struct buf *out,
                             const struct recover_file *f)
{
    static const struct str texts[] = {
        [RECOVER_PLAIN] = STR(""),           [RECOVER_DELETED] = STR(".deleted"),
        [RECOVER_CLEANED] = STR(".cleaned"), [RECOVER_SWAP] = STR(".swap"),
        [RECOVER_TMP] = STR(".tmp"),
    };
    seg_path_of(out, r->log->dir, f->off, seg_suffixes[f->part]);
    buf_put_str(out, texts[f->suffix]);
    return buf_cstr(out);
}

/* The offset after the last batch of a .log.swap: a file that was complete before it got the name.
 */
static enum err swap_end(const struct recovery *r, struct recover_file *f)
{
    struct buf path = BUF_INIT;
    struct file *file = NULL;
    uint64_t size;
    uint64_t pos;
    struct scan s;
    struct batch b;
    f->swap_end_off = f->off;
    enum err e = fs_open(r->log->fs, file_path(r, &path, f), FILE_READ, &file);
    e = e ? e : file_size(file, &size);
    buf_deinit(&path);
    if (e) {
        goto out;
    }
    scan_init(&s, file, 0, size);
    scan_set_window(&s, SCAN_WINDOW_HEADERS);
    while ((e = scan_next(&s, &b, &pos)) == OK) {
        f->swap_end_off = batch_next_off(&b);
    }
    scan_deinit(&s);
    e = e == ERR_NOT_FOUND || e == ERR_CORRUPT_MESSAGE ? OK : e;
out:
    file_close(file);
    return e;
}

static enum err apply_file(struct recovery *r, const struct recover_file *f)
{
    struct buf path = BUF_INIT;
    struct buf to = BUF_INIT;
    enum err e = OK;
    file_path(r, &path, f);
    if (f->verb == RECOVER_REMOVE) {
        e = fs_unlink(r->log->fs, buf_cstr(&path));
    } else if (f->verb == RECOVER_PROMOTE) {
        seg_path_of(&to, r->log->dir, f->off, seg_suffixes[f->part]);
        e = fs_rename(r->log->fs, buf_cstr(&path), buf_cstr(&to));
    }
    r->is_dir_changed = r->is_dir_changed || f->verb != RECOVER_KEEP;
    buf_deinit(&path);
    buf_deinit(&to);
    return e == ERR_NOT_FOUND ? OK : e;
}

/* Removals first: a rename may then never be undone by one. */
static enum err apply_files(struct recovery *r, const struct listing *l)
{
    enum err e = OK;
    for (size_t i = 0; i < l->count && !e; i++) {
        e = l->p[i].verb == RECOVER_REMOVE ? apply_file(r, &l->p[i]) : OK;
    }
    for (size_t i = 0; i < l->count && !e; i++) {
        e = l->p[i].verb == RECOVER_PROMOTE ? apply_file(r, &l->p[i]) : OK;
    }
    return e;
}

static struct recover_seg *seg_at(struct recovery *r, int64_t base_off)
{
    if (r->seg_count > 0 && r->segs[r->seg_count - 1].base_off == base_off) {
        return &r->segs[r->seg_count - 1];
    }
    if (r->seg_count == r->seg_cap) {
        r->seg_cap = r->seg_cap ? r->seg_cap * 2 : 4;
        r->segs = mem_realloc_array(r->segs, r->seg_cap, sizeof *r->segs);
    }
    struct recover_seg *s = &r->segs[r->seg_count++];
    *s = (struct recover_seg){.base_off = base_off};
    return s;
}

static enum err collect_file(struct recovery *r, const struct recover_file *f)
{
    struct buf path = BUF_INIT;
    struct fs_stat st;
    if (f->part == SEG_SNAPSHOT) {
        snapshot_list_push(&r->snapshots, f->off);
        return OK;
    }
    struct recover_seg *s = seg_at(r, f->off);
    s->has_index = s->has_index || f->part == SEG_INDEX;
    s->has_timeindex = s->has_timeindex || f->part == SEG_TIMEINDEX;
    if (f->part != SEG_LOG) {
        return OK;
    }
    seg_path_of(&path, r->log->dir, f->off, seg_suffixes[SEG_LOG]);
    enum err e = fs_stat(r->log->fs, buf_cstr(&path), &st);
    buf_deinit(&path);
    if (!e) {
        s->size_bytes = st.size_bytes;
    }
    return e;
}

/* What is left after the plan becomes segments and snapshots, in order. */
static enum err collect(struct recovery *r, const struct listing *l)
{
    enum err e = OK;
    for (size_t i = 0; i < l->count && !e; i++) {
        if (l->p[i].verb != RECOVER_REMOVE) {
            e = collect_file(r, &l->p[i]);
        }
    }
    return e;
}

/* Nothing but the empty file that it was made with, or not even that. */
static enum err is_unused(const struct recovery *r, const struct listing *l, bool *ret_is_unused)
{
    struct buf path = BUF_INIT;
    struct fs_stat st;
    const struct recover_file *f = l->p;
    *ret_is_unused = l->count == 0;
    if (l->count != 1 || f->part != SEG_LOG || f->suffix != RECOVER_PLAIN || f->off != 0) {
        return OK;
    }
    enum err e = fs_stat(r->log->fs, file_path(r, &path, f), &st);
    *ret_is_unused = !e && st.size_bytes == 0;
    buf_deinit(&path);
    return e;
}

/* A process that was killed may have left names in the cache only. They are to be as they are seen
 * before anything is changed: a snapshot that came back later would vouch for what is rewritten
 * now. Whose it all is can wait for the first sync where there is nothing yet. */
static enum err settle(struct recovery *r, const struct listing *l)
{
    struct log *log = r->log;
    if (r->args->was_clean) {
        /* the stop did not sync an unused one, and who was there before may have failed to */
        log->is_suspect = l->count > 0;
        return OK;
    }
    enum err e = is_unused(r, l, &log->is_suspect);
    e = e || log->is_suspect ? e : log_settle_found(log);
    return e ? e : fs_sync_dir(log->fs, log->dir);
}

/* A compaction that did not come to its end. */
static bool has_half_done(const struct listing *l)
{
    bool is_any = false;
    for (size_t i = 0; i < l->count; i++) {
        is_any = is_any || l->p[i].suffix == RECOVER_SWAP || l->p[i].suffix == RECOVER_CLEANED;
    }
    return is_any;
}

/* With a memo the names need not be on the disk as they are seen: nothing is rewritten that a
 * snapshot could vouch for. */
enum err recover_files(struct recovery *r)
{
    struct listing l = {0};
    enum err e = fs_list(r->log->fs, r->log->dir, list_file, &l);
    r->has_memo = !e && !has_half_done(&l) && memo_is_true(r);
    if (r->has_memo) {
        r->log->is_suspect = true;
    } else {
        e = e ? e : settle(r, &l);
    }
    if (l.count > 0) {
        qsort(l.p, l.count, sizeof *l.p, by_off);
    }
    for (size_t i = 0; i < l.count && !e; i++) {
        if (l.p[i].suffix == RECOVER_SWAP && l.p[i].part == SEG_LOG) {
            e = swap_end(r, &l.p[i]);
        }
    }
    recover_plan_files(l.p, l.count);
    e = e ? e : apply_files(r, &l);
    e = e ? e : collect(r, &l);
    mem_free(l.p);
    return e;
}
