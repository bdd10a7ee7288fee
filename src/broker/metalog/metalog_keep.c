/* Snapshots of the metadata log and what they make superfluous. The image is written as it is
 * between two steps, so a snapshot always ends where a batch does (KAFKA-17713). */
#include "broker/metalog/metalog_priv.h"

#include "base/diag.h"
#include "base/mem.h"

#include <inttypes.h>

/* --- taking one --- */

static enum err add_record(void *ctx, struct bytes record)
{
    struct meta_snapshot_writer *w = ctx;
    meta_snapshot_add(w, record);
    return w->err;
}

static enum err write_snapshot(struct metalog *ml, struct snapshot_id id)
{
    struct buf path = BUF_INIT;
    struct quorum_controls controls;
    struct meta_snapshot_head head = {
        .epoch = id.epoch,
        .now_ms = clock_wall_ms(ml->args.clock),
        .last_ts_ms = ml->last_ts_ms,
        .controls = controls.v,
        .control_count = ml->quorum.kraft_version > 0 ? QUORUM_CONTROLS : 0,
    };
    struct meta_snapshot_writer w;
    metalog_quorum_controls(ml, ml->quorum.kraft_version, &controls);
    meta_snapshot_path((const char *)ml->dir.p, id, &path);
    enum err e = path.err;
    if (!e) {
        meta_snapshot_begin(&w, logdir_fs(ml->args.dir), buf_cstr(&path), &head);
        e = image_write(ml->img, add_record, &w);
        w.err = w.err ? w.err : e;
        e = meta_snapshot_finish(&w);
    }
    buf_deinit(&path);
    return e;
}

static void remember(struct metalog *ml, struct snapshot_id id)
{
    struct snapshot_list *l = &ml->snapshots;
    l->ids = mem_realloc_array(l->ids, (size_t)l->count + 1, sizeof *l->ids);
    l->ids[l->count++] = id;
}

static void take(struct metalog *ml)
{
    struct snapshot_id id = {ml->img->next_off, ml->img->epoch};
    enum err e = write_snapshot(ml, id);
    if (e) {
        diag_warn(DIAG_METADATA, "no snapshot could be written, the next try is later: %s",
                  err_text(e));
        ml->unsnapped_since_ms = clock_mono_ms(ml->args.clock);
        ml->unsnapped_bytes = 0;
        return;
    }
    diag_info(DIAG_METADATA, "snapshot at offset %" PRId64 " of epoch %d", id.off, id.epoch);
    remember(ml, id);
    ml->unsnapped_bytes = 0;
    ml->unsnapped_since_ms = INT64_MAX;
}

/* --- letting old ones go --- */

struct kept {
    uint64_t bytes;       /* of the log and all snapshots */
    uint64_t first_bytes; /* of the oldest snapshot */
    int64_t first_ms;     /* when it was written */
};

static enum err snapshot_stat(const struct metalog *ml, int i, struct fs_stat *ret_stat)
{
    struct buf path = BUF_INIT;
    meta_snapshot_path((const char *)ml->dir.p, ml->snapshots.ids[i], &path);
    enum err e = path.err ? path.err : fs_stat(logdir_fs(ml->args.dir), buf_cstr(&path), ret_stat);
    buf_deinit(&path);
    return e;
}

static enum err measure(const struct metalog *ml, struct kept *ret_kept)
{
    struct kept k = {.bytes = log_size_bytes(ml->log)};
    for (int i = 0; i < ml->snapshots.count; i++) {
        struct fs_stat st;
        enum err e = snapshot_stat(ml, i, &st);
        if (e) {
            return e;
        }
        k.bytes += st.size_bytes;
        if (i == 0) {
            k.first_bytes = st.size_bytes;
            k.first_ms = st.mtime_ms;
        }
    }
    *ret_kept = k;
    return OK;
}

static bool is_too_much(const struct metalog *ml, const struct kept *k)
{
    const struct broker_config *c = ml->args.config;
    int64_t age_ms = clock_wall_ms(ml->args.clock) - k->first_ms;
    return (c->metadata_max_retention_bytes >= 0 &&
            k->bytes > (uint64_t)c->metadata_max_retention_bytes) ||
           (c->metadata_max_retention_ms >= 0 && age_ms > c->metadata_max_retention_ms);
}

static enum err remove_first(struct metalog *ml)
{
    struct snapshot_list *l = &ml->snapshots;
    struct buf path = BUF_INIT;
    meta_snapshot_path((const char *)ml->dir.p, l->ids[0], &path);
    enum err e = path.err ? path.err : fs_unlink(logdir_fs(ml->args.dir), buf_cstr(&path));
    buf_deinit(&path);
    if (!e || e == ERR_NOT_FOUND) {
        memmove(l->ids, l->ids + 1, sizeof *l->ids * (size_t)(--l->count));
        e = OK;
    }
    return e;
}

/* The newest snapshot stays, and the log from the oldest one on. */
static enum err retain(struct metalog *ml)
{
    int deleted_count;
    while (ml->snapshots.count > 1) {
        struct kept k;
        enum err e = measure(ml, &k);
        if (e || !is_too_much(ml, &k)) {
            return e;
        }
        e = remove_first(ml);
        e = e ? e : log_set_start(ml->log, ml->snapshots.ids[0].off);
        e = e ? e
              : log_retain(ml->log, ml->img->next_off, clock_wall_ms(ml->args.clock),
                           &deleted_count);
        if (e) {
            return e;
        }
    }
    return OK;
}

void metalog_keep(struct metalog *ml, int64_t now_ms, int64_t *ret_deadline_ms)
{
    const struct broker_config *c = ml->args.config;
    int64_t interval_ms = c->metadata_log_max_snapshot_interval_ms;
    if (ml->unsnapped_since_ms == INT64_MAX) {
        return;
    }
    int64_t due_ms = interval_ms == 0 || interval_ms > INT64_MAX - ml->unsnapped_since_ms
                         ? INT64_MAX
                         : ml->unsnapped_since_ms + interval_ms;
    bool is_due =
        now_ms >= due_ms ||
        ml->unsnapped_bytes >= (uint64_t)c->metadata_log_max_record_bytes_between_snapshots;
    if (!is_due || image_in_txn(ml->img)) {
        *ret_deadline_ms = MIN(*ret_deadline_ms, due_ms);
        return;
    }
    take(ml);
    enum err e = retain(ml);
    if (e) {
        diag_warn(DIAG_METADATA, "old snapshots could not be removed: %s", err_text(e));
    }
}
