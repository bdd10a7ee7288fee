/* Group commit: one thread syncs for all that wait. Any thread.
 *
 * After a start by a memo the first round writes again what no earlier sync is known to cover.
 *
 * Invariants: synced_off only grows by a sync that began after the bytes below it were written, in
 * the same generation; a failed fsync poisons the log, because the kernel may call the lost pages
 * clean from then on; nothing counts as synced in a directory that a power cut could take away, so
 * the first sync makes that durable too (doc/decisions/0009). */
#include "log/rewrite.h"

#include "base/mem.h"

struct seg_list log_ref_segs(const struct log *log, uint32_t first)
{
    struct seg_list x = {.count = log->seg_count - first};
    x.p = mem_alloc(x.count * sizeof(struct seg *));
    for (uint32_t i = 0; i < x.count; i++) {
        x.p[i] = log->segs[first + i];
        seg_ref(x.p[i]);
    }
    return x;
}

void seg_list_release(struct seg_list *x)
{
    for (uint32_t i = 0; i < x->count; i++) {
        seg_unref(x->p[i]);
    }
    mem_free(x->p);
    *x = (struct seg_list){0};
}

enum err log_sync_path(struct log *log, const char *path)
{
    struct file *f;
    enum err e = fs_open(log->fs, path, FILE_WRITE, &f);
    if (e) {
        return e == ERR_NOT_FOUND ? OK : e; /* no rows yet, or deleted meanwhile */
    }
    e = file_sync(f);
    file_close(f);
    return e;
}

/* One round, as it was decided under mu. */
struct round {
    struct seg_list segs;
    struct log_pos end;
    uint64_t gen;
    bool needs_dir;
    bool needs_settling; /* and all else without which the log would not be there */
    bool needs_proof;    /* it is written again first */
    bool has_synced;     /* something is: a failure is one of a sync from then on */
    int64_t from_off;
    struct find *finds; /* of the segments, if they need a proof */
};

static void round_begin(struct log *log, struct round *r)
{
    const struct seg *active = log_active(log);
    r->segs = log_ref_segs(log, log_seg_at(log, log->synced_off));
    r->end = (struct log_pos){log->end_off, active->base_off, active->size_bytes};
    r->gen = log->gen;
    r->needs_dir = log->is_dir_dirty;
    r->needs_settling = !log->is_settled;
    r->needs_proof = log->is_unproven;
    r->has_synced = false;
    r->from_off = log->synced_off;
    r->finds = NULL;
    if (r->needs_proof) {
        r->finds = mem_alloc(r->segs.count * sizeof *r->finds);
        for (uint32_t i = 0; i < r->segs.count; i++) {
            find_init(&r->finds[i], log, log->seg_count - r->segs.count + i);
        }
    }
    log->is_syncing = true;
    log->is_dir_dirty = false;
}

static enum err write_again(const struct round *r)
{
    enum err e = OK;
    for (uint32_t i = 0; i < r->segs.count && !e && r->needs_proof; i++) {
        e = rewrite_seg(&r->finds[i], r->from_off);
    }
    return e;
}

static enum err round_run(struct log *log, struct round *r)
{
    enum err e = write_again(r);
    r->has_synced = !e;
    for (uint32_t i = 0; i < r->segs.count && !e; i++) {
        struct file *f;
        e = seg_file(r->segs.p[i], log->fs, log->dir, SEG_LOG, &f);
        e = e ? e : file_sync(f);
    }
    if (!e && r->needs_settling) {
        e = log_settle(log);
    } else if (!e && r->needs_dir) {
        e = fs_sync_dir(log->fs, log->dir);
    }
    return e;
}

static void round_end(struct log *log, struct round *r, enum err e)
{
    log->is_syncing = false;
    if (e) {
        log->is_dir_dirty = log->is_dir_dirty || r->needs_dir;
        if (!log_is_harmless(e) && (r->has_synced || e == ERR_CORRUPT_MESSAGE)) {
            log_poison_locked(log, "a sync failed");
        }
    } else {
        log->is_settled = log->is_settled || r->needs_settling;
        log->is_unproven = log->is_unproven && !r->needs_proof;
        if (r->gen == log->gen && r->end.off > log->synced_off) {
            log->synced_off = r->end.off;
        }
    }
    cond_broadcast(&log->sync_done);
}

/* Runs one round; mu is held at both ends but not during the sync itself. */
static enum err sync_round(struct log *log)
{
    struct round r;
    round_begin(log, &r);
    mutex_unlock(&log->mu);
    enum err e = round_run(log, &r);
    seg_list_release(&r.segs);
    mem_free(r.finds);
    mutex_lock(&log->mu);
    round_end(log, &r, e);
    return e;
}

enum err log_sync(struct log *log, struct log_pos *ret_end)
{
    enum err e = OK;
    mutex_lock(&log->mu);
    const struct seg *active = log_active(log);
    struct log_pos want = {log->end_off, active->base_off, active->size_bytes};
    while (!e && !log->is_poisoned &&
           (log->synced_off < MIN(want.off, log->end_off) || !log->is_settled)) {
        if (log->is_syncing) {
            cond_wait(&log->sync_done, &log->mu);
        } else {
            e = sync_round(log);
        }
    }
    if (log->is_poisoned) {
        e = ERR_POISONED;
    }
    mutex_unlock(&log->mu);
    if (!e && ret_end != NULL) {
        *ret_end = want;
    }
    return e;
}

enum err log_prove(struct log *log)
{
    mutex_lock(&log->mu);
    bool is_due = log->is_unproven;
    mutex_unlock(&log->mu);
    return is_due ? log_sync(log, NULL) : OK;
}
