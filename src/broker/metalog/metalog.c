/* The embedded metadata log while it runs: calls, group commit, the committed image. Thread: the
 * owner's.
 *
 * Invariants: the log's end = img->next_off + unsynced.count; the controller's tip is img plus
 * unsynced; calls are ordered by commit_off. */
#include "broker/metalog/metalog_priv.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/mem.h"

enum { BATCH_BYTES = 4 << 20, BATCH_RECORDS = 10000 };

const struct image *metalog_image(const struct metalog *ml) { return ml->img; }

void metalog_status(const struct metalog *ml, struct metalog_status *ret_status)
{
    int n = ml->snapshots.count;
    *ret_status = (struct metalog_status){
        .epoch = ml->epoch,
        .start_off = log_start_off(ml->log),
        .end_off = log_end_off(ml->log),
        .high_watermark = ml->img->next_off,
        .snapshot_off = n > 0 ? ml->snapshots.ids[n - 1].off : -1,
        .last_applied_ms = ml->last_applied_ms,
        .kraft_version = ml->quorum.kraft_version,
    };
}

/* --- writing --- */

static struct meta_batch_head next_head(const struct metalog *ml)
{
    return (struct meta_batch_head){
        .base_off = log_end_off(ml->log),
        .epoch = ml->epoch,
        .now_ms = clock_wall_ms(ml->args.clock),
    };
}

/* What lies in ml->batch. */
static enum err write_batch(struct metalog *ml, const struct meta_batch_head *head)
{
    struct log_append a = {
        .p = ml->batch.p,
        .len = ml->batch.len,
        .origin = LOG_FROM_COORDINATOR,
        .leader_epoch = head->epoch,
        .now_ms = head->now_ms,
    };
    struct log_appended done;
    enum err e = log_append(ml->log, &a, &done);
    if (!e) {
        ASSERT(done.base_off == head->base_off);
        ml->unsnapped_bytes += ml->batch.len;
        ml->last_ts_ms = head->now_ms;
        if (ml->unsnapped_since_ms == INT64_MAX) {
            ml->unsnapped_since_ms = clock_mono_ms(ml->args.clock);
        }
    }
    return e;
}

static int32_t batch_end(const struct meta_records *rs, int32_t from)
{
    size_t bytes = 0;
    int32_t i = from;
    while (i < rs->count &&
           (i == from || rs->is_atomic || (bytes < BATCH_BYTES && i - from < BATCH_RECORDS))) {
        bytes += meta_records_at(rs, i++).len;
    }
    return i;
}

enum err metalog_append(struct metalog *ml, const struct meta_records *rs)
{
    enum err e = rs->err;
    for (int32_t from = 0, upto; !e && from < rs->count; from = upto) {
        struct meta_batch_head head = next_head(ml);
        upto = batch_end(rs, from);
        buf_clear(&ml->batch);
        e = meta_batch_build(&ml->batch, &head, rs, from, upto);
        e = e ? e : write_batch(ml, &head);
        for (int32_t i = from; !e && i < upto; i++) {
            meta_records_add_raw(&ml->unsynced, meta_records_at(rs, i));
        }
    }
    return e ? e : ml->unsynced.err;
}

enum err metalog_append_controls(struct metalog *ml, const struct meta_control *controls, int count)
{
    struct meta_batch_head head = next_head(ml);
    ASSERT(ml->unsynced.count == 0); /* the image has to step over them */
    buf_clear(&ml->batch);
    enum err e = meta_control_build(&ml->batch, &head, controls, count);
    e = e ? e : write_batch(ml, &head);
    if (!e) {
        image_seek(ml->img, head.base_off + count, ml->epoch);
        if (ml->ctl != NULL) {
            ctl_seek(ml->ctl, head.base_off + count, ml->epoch);
        }
    }
    return e;
}

/* --- calls --- */

/* The tip saw records that are not in the log: a new one, of what the log has. */
static void rewind_tip(struct metalog *ml)
{
    struct ctl_args args = {
        .tip = image_clone(ml->img),
        .cluster_id = str_from(logdir_meta(ml->args.dir)->cluster_id),
        .config = ml->args.config,
        .seed = ml->args.seed ^ (uint64_t)log_end_off(ml->log),
    };
    ctl_free(ml->ctl);
    ml->ctl = ctl_new(&args);
    ctl_set_kraft_version(ml->ctl, ml->quorum.kraft_version);
    for (int32_t i = 0; i < ml->unsynced.count; i++) {
        const char *why;
        enum err e = ctl_replay(ml->ctl, meta_records_at(&ml->unsynced, i), &why);
        ASSERT(e == OK); /* it was applied before */
    }
}

/* A full disk refuses one request; anything worse ends the metadata log. */
static enum err append_failed(struct metalog *ml, enum err e)
{
    diag_error(DIAG_METADATA, "records could not be written: %s", err_text(e));
    if (log_is_poisoned(ml->log) || (e != ERR_NO_SPACE && e != ERR_NO_FDS)) {
        ml->lost = e;
    } else {
        rewind_tip(ml);
    }
    return ERR_KAFKA_STORAGE_ERROR;
}

static enum err handle(struct metalog *ml, struct metalog_call *call)
{
    if (ml->lost) {
        return ERR_NOT_CONTROLLER;
    }
    enum err e = ctl_handle(ml->ctl, &call->req, &ml->out);
    if (!e) {
        e = metalog_append(ml, &ml->out.records);
        e = e ? append_failed(ml, e) : OK;
    }
    if (!e) {
        call->resp = ml->out.resp;
    }
    return e;
}

void metalog_call(struct metalog *ml, struct metalog_call *call)
{
    call->resp = NULL;
    call->err = handle(ml, call);
    call->commit_off = log_end_off(ml->log);
    list_push_back(&ml->calls, &call->node);
}

static void complete_calls(struct metalog *ml, int64_t upto_off)
{
    struct list_node *n;
    while ((n = list_front(&ml->calls)) != NULL &&
           LIST_ENTRY(n, struct metalog_call, node)->commit_off <= upto_off) {
        struct metalog_call *call = LIST_ENTRY(n, struct metalog_call, node);
        list_remove(n);
        call->done(call);
    }
}

static void fail_calls(struct metalog *ml)
{
    struct list_node *n;
    while ((n = list_pop_front(&ml->calls)) != NULL) {
        struct metalog_call *call = LIST_ENTRY(n, struct metalog_call, node);
        call->err = ERR_NOT_CONTROLLER;
        call->resp = NULL;
        call->done(call);
    }
}

/* --- commit --- */

static void apply_unsynced(struct metalog *ml)
{
    if (ml->args.lock != NULL) {
        ml->args.lock(ml->args.ctx);
    }
    image_seek(ml->img, ml->img->next_off, ml->epoch);
    for (int32_t i = 0; i < ml->unsynced.count; i++) {
        const char *why = "";
        enum err e = image_apply(ml->img, meta_records_at(&ml->unsynced, i), &ml->delta, &why);
        ASSERT(e == OK); /* the controller's tip took it already */
    }
    if (ml->args.unlock != NULL) {
        ml->args.unlock(ml->args.ctx);
    }
    meta_records_clear(&ml->unsynced);
}

static enum err commit(struct metalog *ml)
{
    struct log_pos synced;
    if (ml->unsynced.count == 0) {
        return OK;
    }
    enum err e = log_sync(ml->log, &synced);
    if (e) {
        return e;
    }
    apply_unsynced(ml);
    ml->last_applied_ms = clock_wall_ms(ml->args.clock);
    if (ml->args.on_committed != NULL) {
        ml->args.on_committed(ml->args.ctx, ml->img, &ml->delta);
    }
    delta_clear(&ml->delta);
    return OK;
}

enum err metalog_step(struct metalog *ml, int64_t *ret_deadline_ms)
{
    *ret_deadline_ms = INT64_MAX;
    if (!ml->lost) {
        ml->lost = commit(ml);
    }
    if (ml->lost) {
        fail_calls(ml);
        return ml->lost;
    }
    complete_calls(ml, ml->img->next_off);
    metalog_keep(ml, clock_mono_ms(ml->args.clock), ret_deadline_ms);
    return OK;
}

/* --- end --- */

void metalog_close(struct metalog *ml)
{
    if (ml == NULL) {
        return;
    }
    fail_calls(ml);
    if (ml->log != NULL) {
        enum err e = log_close(ml->log);
        if (e) {
            diag_warn(DIAG_METADATA, "the metadata log was not closed cleanly: %s", err_text(e));
        }
    }
    ctl_free(ml->ctl);
    image_free(ml->img);
    meta_records_deinit(&ml->unsynced);
    delta_deinit(&ml->delta);
    ctl_out_deinit(&ml->out);
    snapshot_list_deinit(&ml->snapshots);
    buf_deinit(&ml->batch);
    buf_deinit(&ml->quorum.voters);
    buf_deinit(&ml->dir);
    mem_free(ml);
}
