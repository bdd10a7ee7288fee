/* The copy of a partition in another directory: made, continued, closed. In the copying thread, and
 * for the rest of the log in the one that changes places. */
#include "broker/storage/mover_priv.h"

#include "base/mem.h"

enum { LAST_CHUNKS = 8 }; /* what may be left to copy while appends wait */

struct logdir_partition move_name(const struct move *v)
{
    return (struct logdir_partition){v->part->topic_name, v->part->index, v->part->topic_id,
                                     v->path};
}

static void take_config(struct move *v)
{
    mutex_lock(&v->part->lock);
    v->config = v->part->config;
    mutex_unlock(&v->part->lock);
    /* batches that are there are copied, whatever the settings say now */
    v->config.log.segment_bytes = MAX(v->config.log.segment_bytes, MOVE_CHUNK_BYTES);
}

enum err move_open_copy(struct mover *m, struct move *v)
{
    /* one of an earlier stop is checked as a whole: the log that it replaces is thrown away */
    struct storage_log l = {.config = &v->config, .was_clean = v->path == NULL};
    enum err e = OK;
    take_config(v);
    if (v->path == NULL) {
        struct buf path = BUF_INIT;
        struct logdir_partition name = move_name(v);
        mutex_lock(&m->storage->lock);
        e = logdir_make_future(v->to->dir, &name, &m->storage->rand, &path);
        mutex_unlock(&m->storage->lock);
        v->path = str_dup(str_from(buf_cstr(&path)));
        buf_deinit(&path);
    }
    l.path = v->path;
    return e ? e : storage_open_log(m->storage, &l, &v->copy, NULL);
}

enum err move_close_copy(struct move *v, bool is_kept)
{
    enum err e = OK;
    if (v->copy.log == NULL) {
        return OK;
    }
    if (is_kept) {
        e = log_close(v->copy.log);
    } else {
        log_abandon(v->copy.log);
    }
    fs_gate_deinit(v->copy.gate);
    mem_free(v->copy.gate);
    v->copy.log = NULL;
    v->copy.gate = NULL;
    return e;
}

enum err move_copy_err(enum err e) { return e == ERR_POISONED ? ERR_IO : e; }

/* A copy that has nothing of what the log has begins where the log does, or with the batch that the
 * log begins within. Any other may have gaps, where the log was compacted. */
static enum err begin_at(struct move *v, int64_t off)
{
    int64_t end = log_end_off(v->copy.log);
    bool is_useless = log_start_off(v->copy.log) == end || log_start_off(v->part->log) > end;
    return is_useless && off > end ? log_reset(v->copy.log, off) : OK;
}

static enum err append_chunk(struct mover *m, struct move *v)
{
    struct batch first;
    struct log_appended done;
    struct log_append a = {.p = m->chunk.p,
                           .len = m->chunk.len,
                           .origin = LOG_FROM_LEADER,
                           .now_ms = clock_wall_ms(m->args.clock)};
    enum err e = batch_parse((struct bytes){m->chunk.p, m->chunk.len}, &first);
    e = e ? e : begin_at(v, MIN(first.base_off, log_start_off(v->part->log)));
    if (!e && (int64_t)a.len > v->config.log.segment_bytes) {
        v->config.log.segment_bytes = (int64_t)a.len;
        log_set_config(v->copy.log, &v->config.log);
    }
    return e ? e : log_append(v->copy.log, &a, &done);
}

enum err move_copy_chunk(struct mover *m, struct move *v, size_t *ret_bytes)
{
    struct log *from = v->part->log;
    int64_t start = log_start_off(from), at = log_end_off(v->copy.log);
    struct log_read r = {.off = MAX(at, start),
                         .max_bytes = MOVE_CHUNK_BYTES,
                         .upto = log_end_pos(from),
                         .min_one_batch = true};
    struct log_extent x;
    *ret_bytes = 0;
    if (r.off >= r.upto.off) {
        return begin_at(v, start);
    }
    enum err e = log_read(from, &r, &x);
    if (e) {
        return e == ERR_OFFSET_OUT_OF_RANGE ? OK
                                            : e; /* the start moved on: the next call sees it */
    }
    buf_clear(&m->chunk);
    uint8_t *to = buf_extend(&m->chunk, x.len);
    e = to == NULL ? m->chunk.err : log_extent_pread(&x, 0, to, x.len);
    log_extent_done(&x);
    log_extent_release(&x);
    e = e ? e : append_chunk(m, v);
    *ret_bytes = e ? 0 : m->chunk.len;
    return e;
}

enum err move_copy_rest(struct mover *m, struct move *v)
{
    size_t bytes = 1;
    struct log_pos end;
    enum err e = OK;
    for (int i = 0; !e && bytes > 0; i++) {
        e = i == LAST_CHUNKS ? ERR_BUDGET : move_copy_chunk(m, v, &bytes);
    }
    int64_t start = log_start_off(v->part->log);
    if (!e && start > log_start_off(v->copy.log)) {
        e = log_set_start(v->copy.log, start);
    }
    if (!e && log_end_off(v->copy.log) != log_end_off(v->part->log)) {
        e = ERR_CORRUPT_MESSAGE; /* there is what cannot be read */
    }
    return move_copy_err(e ? e : log_sync(v->copy.log, &end));
}
