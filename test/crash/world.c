/* The host and its workload. See world.h. One thread; all choices come from w->rand. */
#include "world.h"

#include "base/diag.h"
#include "log/checkpoint.h"

#include <stdarg.h>

static const struct uuid topic_id = {{1, 2, 3}};
static const char recovery_file[] = WORLD_ROOT "/recovery-point-offset-checkpoint";
static const char start_file[] = WORLD_ROOT "/log-start-offset-checkpoint";

void world_fail(const struct world *w, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    print_error("%s\n  %s\n", text, w->what);
    _fail(__FILE__, __LINE__);
    abort(); /* not reached */
}

void world_init(struct world *w, const struct world_args *args)
{
    *w = (struct world){.disk = crashfs_new(), .model = model_new()};
    hand_clock_init(&w->clock);
    rand_init(&w->rand, args->seed);
    log_config_init(&w->config);
    w->config.segment_bytes = 3000;
    w->config.index_interval_bytes = 300;
    w->config.retention_bytes = 9000;
    w->config.retention_ms = 60000;
    w->config.has_gaps = args->has_gaps;
    w->has_memos = args->has_memos;
    w->is_durable = args->is_durable;
}

void world_deinit(struct world *w)
{
    crashfs_free(w->disk);
    model_free(w->model);
    buf_deinit(&w->memo);
}

/* --- start and stop --- */

static void on_row(void *ctx, const struct checkpoint_row *row) { *(int64_t *)ctx = row->off; }

/* 0: there is none. -1: it cannot be read. */
static int64_t read_point(struct world *w, const char *path)
{
    int64_t off = 0;
    enum err e = checkpoint_read(crashfs_fs(w->disk), path, on_row, &off);
    return e && e != ERR_NOT_FOUND ? -1 : off;
}

static enum err write_point(struct world *w, const char *path, int64_t off)
{
    struct checkpoint_writer cw;
    checkpoint_begin(&cw);
    checkpoint_add(&cw, WORLD_TOPIC, 0, off);
    return checkpoint_finish(&cw, crashfs_fs(w->disk), path);
}

static enum err format_if_new(struct world *w)
{
    static const struct logdir_meta meta = {.cluster_id = "c", .node_id = 1, .dir_id = {{9}}};
    return logdir_is_formatted(w->dir) ? OK : logdir_format(w->dir, &meta);
}

/* What does not say whose it is has nothing that was ever told to be durable. */
static enum err make_partition(struct world *w)
{
    struct buf path = BUF_INIT;
    enum err e = logdir_make_partition(w->dir, WORLD_TOPIC, 0, topic_id, &path);
    if (e == ERR_EXISTS) {
        struct buf stray = BUF_INIT;
        buf_clear(&path);
        e = logdir_mark_partition(w->dir, WORLD_TOPIC, 0, LOGDIR_STRAY, &w->rand, &stray);
        e = e ? e : logdir_make_partition(w->dir, WORLD_TOPIC, 0, topic_id, &path);
        buf_deinit(&stray);
    }
    buf_deinit(&path);
    return e;
}

/* The host waits until it can read the start, or deleted records would come back; and the point
 * where gaps could not be told from losses without it. */
static enum err open_log(struct world *w)
{
    enum err e = make_partition(w);
    if (e) {
        return e;
    }
    int64_t start_off = read_point(w, start_file);
    int64_t point_off = read_point(w, recovery_file);
    if (start_off < 0 || (point_off < 0 && w->config.has_gaps)) {
        return ERR_IO;
    }
    struct log_open_args args = {.fs = crashfs_fs(w->disk),
                                 .clock = &w->clock.clock,
                                 .dir = WORLD_PARTITION,
                                 .config = w->config,
                                 .log_start_off = start_off,
                                 .recovery_point_off = point_off,
                                 .was_clean = w->was_clean,
                                 .memo = buf_bytes(&w->memo),
                                 .is_durable = w->is_durable,
                                 .seed = 1};
    args.config.has_gaps &= w->has_point;
    return log_open(&args, &w->log, &w->recovery);
}

void world_cut(struct world *w, uint64_t power_seed)
{
    crashfs_cut(w->disk, power_seed);
    buf_clear(&w->memo);
}

enum err world_open(struct world *w)
{
    enum err e = logdir_open(crashfs_fs(w->disk), WORLD_ROOT, &w->dir);
    if (e) {
        return e;
    }
    e = format_if_new(w);
    int64_t broker_epoch;
    e = e ? e : logdir_take_clean_mark(w->dir, &w->was_clean, &broker_epoch);
    e = e ? e : open_log(w);
    if (e) {
        logdir_close(w->dir);
        w->dir = NULL;
    }
    return e;
}

void world_abandon(struct world *w)
{
    if (w->log != NULL) {
        log_abandon(w->log);
        logdir_close(w->dir);
        w->log = NULL;
        w->dir = NULL;
    }
}

/* A recovery point is only told of a log that closed well, and only then is the stop clean. */
enum err world_close(struct world *w)
{
    int64_t end_off = log_end_off(w->log);
    enum err e = log_close(w->log);
    w->log = NULL;
    buf_clear(&w->memo);
    if (!e) {
        w->model->synced_off = w->model->end_off;
        e = write_point(w, recovery_file, end_off);
        e = e ? e : logdir_put_clean_mark(w->dir, 1);
    }
    logdir_close(w->dir);
    w->dir = NULL;
    return e;
}

/* --- appends --- */

struct making {
    struct buf bytes;
    struct log_append append;
    int64_t next_off;
    bool may_be_refused; /* what its producer wrote before is deleted, and may be forgotten */
};

static enum codec pick_codec(struct world *w)
{
    return rand_one_in(&w->rand, 5) ? (enum codec)rand_below(&w->rand, CODEC_COUNT) : CODEC_NONE;
}

static size_t pick_size(struct world *w)
{
    static const size_t sizes[] = {0, 5, 40, 150, 460, 850};
    return sizes[rand_below(&w->rand, ARRAY_LEN(sizes))];
}

/* Ids 1 and 2 are idempotent only, 3 and 4 transactional, 0 is nobody. */
static void add_batch(struct world *w, struct making *m)
{
    struct model_producer all[MODEL_PRODUCERS];
    int count = model_producers(w->model, 0, w->model->log.count, all);
    int64_t id = (int64_t)rand_below(&w->rand, 5);
    struct model_producer *p = model_producer(all, count, id);
    struct test_batch t = {
        .ts_ms = w->clock.wall_ms - (int64_t)rand_below(&w->rand, 5000),
        .count = 1 + (int)rand_below(&w->rand, 3),
        .value_bytes = pick_size(w),
        .producer_id = id,
        .producer_epoch = p ? p->epoch : 0,
        .base_seq = p ? p->last_seq + 1 : 0,
        .is_transactional = id >= 3,
        .codec = pick_codec(w),
        .base_off = m->next_off,
        .leader_epoch = w->epoch,
    };
    if (m->append.origin == LOG_FROM_LEADER && w->config.has_gaps) {
        t.base_off = m->next_off += (int64_t)rand_below(&w->rand, 4);
    }
    m->next_off += t.count;
    m->may_be_refused = p != NULL && p->last_off < log_start_off(w->log);
    test_batch_build(&m->bytes, &t);
}

/* Everything after the first batch would need its sequences known: a leader's run is one of
 * nobody's batches. */
static void add_plain_batches(struct world *w, struct making *m, int count)
{
    for (int i = 0; i < count; i++) {
        struct test_batch t = {.ts_ms = w->clock.wall_ms,
                               .count = 1 + (int)rand_below(&w->rand, 2),
                               .value_bytes = 30,
                               .base_off = m->next_off,
                               .leader_epoch = w->epoch};
        m->next_off += t.count;
        test_batch_build(&m->bytes, &t);
    }
}

static bool add_marker(struct world *w, struct making *m)
{
    struct model_producer all[MODEL_PRODUCERS];
    int count = model_producers(w->model, 0, w->model->log.count, all);
    for (int i = 0; i < count; i++) {
        if (all[i].txn_first_off >= 0) {
            struct batch head = {.base_off = m->next_off,
                                 .leader_epoch = w->epoch,
                                 .base_ts_ms = w->clock.wall_ms,
                                 .producer_id = all[i].id,
                                 .producer_epoch = all[i].epoch};
            enum err e = control_build_marker(&m->bytes, &head, rand_one_in(&w->rand, 3), 0);
            m->append.origin = LOG_FROM_COORDINATOR;
            return e == OK;
        }
    }
    return false;
}

static void note_append(struct world *w, const struct making *m, bool is_done)
{
    struct model *model = w->model;
    struct batch b;
    int64_t off = model->end_off;
    for (size_t at = 0; at < m->bytes.len; at += b.size_bytes) {
        enum err e = batch_parse((struct bytes){m->bytes.p + at, m->bytes.len - at}, &b);
        if (e || b.base_off < off) {
            return; /* it was refused before it had a place */
        }
        off = batch_next_off(&b);
        model_push(is_done ? &model->log : &model->ghosts, m->bytes.p + at, b.size_bytes);
    }
    model->end_off = is_done ? off : model->end_off;
}

static void do_append(struct world *w, struct making *m)
{
    struct log_appended done = {0};
    m->append.p = m->bytes.p;
    m->append.len = m->bytes.len;
    m->append.leader_epoch = w->epoch;
    m->append.now_ms = w->clock.wall_ms;
    enum err e = log_append(w->log, &m->append, &done);
    WORLD_CHECK(w, e || !done.is_duplicate, "a new batch was taken for a retry");
    WORLD_CHECK(w, !e || crashfs_has_struck(w->disk) || m->may_be_refused, "an append failed: %s",
                err_name(e));
    WORLD_CHECK(w, e || done.base_off >= w->model->end_off, "appended at %lld, the end was %lld",
                (long long)done.base_off, (long long)w->model->end_off);
    note_append(w, m, !e);
}

static void step_append(struct world *w)
{
    struct making m = {.next_off = w->model->end_off};
    uint64_t kind = rand_below(&w->rand, 10);
    m.append.origin = rand_one_in(&w->rand, 3) ? LOG_FROM_LEADER : LOG_FROM_CLIENT;
    if (kind == 0) {
        m.append.origin = LOG_FROM_LEADER;
        add_plain_batches(w, &m, 2 + (int)rand_below(&w->rand, 3));
    } else if (kind > 3 || !add_marker(w, &m)) {
        add_batch(w, &m);
    }
    do_append(w, &m);
    buf_deinit(&m.bytes);
}

/* --- all else --- */

static void step_sync(struct world *w)
{
    struct log_pos end;
    if (log_sync(w->log, &end) == OK) {
        w->model->synced_off = MAX(w->model->synced_off, end.off);
    }
}

static void step_roll(struct world *w)
{
    enum err e = log_roll(w->log);
    WORLD_CHECK(w, !e || crashfs_has_struck(w->disk), "a roll failed: %s", err_name(e));
}

enum err world_checkpoint(struct world *w)
{
    int64_t off;
    buf_clear(&w->memo); /* it may be older than the point that is stored now */
    enum err e = log_checkpoint_recovery_point(w->log, &off);
    if (e) {
        return e;
    }
    w->model->synced_off = MAX(w->model->synced_off, off);
    e = write_point(w, recovery_file, off);
    w->has_point |= !e && off > 0;
    return e;
}

static void step_checkpoint(struct world *w)
{
    enum err e = world_checkpoint(w);
    (void)e; /* noted in the model */
}

static enum err write_start(struct world *w, int64_t off)
{
    struct model *m = w->model;
    m->file_min = MIN(m->file_min, off);
    m->file_max = MAX(m->file_max, off);
    m->start_min = MIN(m->start_min, off);
    enum err e = write_point(w, start_file, off);
    if (!e) {
        m->file_min = m->file_max = m->start_min = off;
    }
    return e;
}

static void note_start(struct world *w)
{
    w->model->start_max = MAX(w->model->start_max, log_start_off(w->log));
}

static void step_retain(struct world *w)
{
    int count = 0;
    if (rand_one_in(&w->rand, 4)) {
        w->clock.wall_ms += 120000; /* all is too old */
    }
    enum err e = log_retain(w->log, w->model->synced_off, w->clock.wall_ms, &count);
    WORLD_CHECK(w, !e || crashfs_has_struck(w->disk), "retention failed: %s", err_name(e));
    note_start(w);
    if (rand_one_in(&w->rand, 2)) {
        e = write_start(w, log_start_off(w->log));
        (void)e;
    }
}

static void step_set_start(struct world *w)
{
    int64_t from = log_start_off(w->log);
    int64_t to = MIN(w->model->synced_off, log_end_off(w->log));
    if (to <= from) {
        return;
    }
    enum err e = log_set_start(w->log, from + (int64_t)rand_below(&w->rand, (uint64_t)(to - from)));
    WORLD_CHECK(w, !e, "the start could not be set: %s", err_name(e));
    note_start(w);
    if (rand_one_in(&w->rand, 2)) {
        e = write_start(w, log_start_off(w->log));
        (void)e;
    }
}

static void step_truncate(struct world *w)
{
    struct model *m = w->model;
    int64_t low = MAX(m->file_max, m->log.count ? m->log.p[0].base_off + 1 : 0);
    int64_t end = log_end_off(w->log);
    if (low >= end) {
        return;
    }
    int64_t off = low + (int64_t)rand_below(&w->rand, (uint64_t)(end - low));
    if (off <= log_start_off(w->log)) {
        return; /* may be a reset */
    }
    buf_clear(&w->memo);
    int at = model_at(m, off);
    int64_t cut_off = MAX(at > 0 ? m->log.p[at - 1].last_off + 1 : 0, m->base_off);
    if (at == 0 || cut_off < m->file_max) {
        return; /* the start's checkpoint would have to be lowered first */
    }
    m->synced_off = MIN(m->synced_off, cut_off);
    if (log_truncate(w->log, off) == OK) {
        model_cut(&m->log, at);
        model_cut(&m->ghosts, 0);
        m->end_off = log_end_off(w->log);
        WORLD_CHECK(w, m->end_off == cut_off, "cut at %lld, the end is %lld", (long long)cut_off,
                    (long long)m->end_off);
        int32_t epoch = model_parse(&m->log.p[at - 1]).leader_epoch;
        WORLD_CHECK(w, cut_off <= log_start_off(w->log) || log_last_epoch(w->log) == epoch,
                    "cut at %lld, the last epoch is %d, not %d", (long long)cut_off,
                    log_last_epoch(w->log), epoch);
    }
}

/* Whoever lets a log begin lower than its start was lowers the start's checkpoint first. */
static void step_reset(struct world *w)
{
    struct model *m = w->model;
    int64_t off = (int64_t)rand_below(&w->rand, (uint64_t)m->end_off + 50);
    if (off < m->file_max && write_start(w, off) != OK) {
        return;
    }
    buf_clear(&w->memo);
    m->synced_off = 0;
    m->may_be_reset = true;
    m->start_min = 0;
    m->start_max = MAX(m->start_max, off);
    if (log_reset(w->log, off) == OK) {
        model_cut(&m->log, 0);
        model_cut(&m->ghosts, 0);
        m->may_be_reset = false;
        m->base_off = m->start_min = m->start_max = m->end_off = m->synced_off = off;
    }
}

static void step_epoch(struct world *w) { w->epoch++; }

static void step_memo(struct world *w)
{
    struct buf memo = BUF_INIT;
    if (!w->has_memos || log_memo(w->log, &memo) != OK) {
        buf_deinit(&memo);
        return;
    }
    buf_deinit(&w->memo);
    w->memo = memo;
}

static void step_idle(struct world *w)
{
    w->clock.mono_ms += 1000;
    log_idle(w->log, w->clock.mono_ms);
}

static void step_remove_deleted(struct world *w)
{
    w->clock.wall_ms += 30000;
    enum err e = log_remove_deleted(w->log, w->clock.wall_ms);
    (void)e; /* another time */
}

static void restart(struct world *w, bool is_clean)
{
    enum err e = OK;
    if (is_clean) {
        e = world_close(w);
    } else {
        world_abandon(w);
    }
    e = world_open(w);
    if (e) {
        WORLD_CHECK(w, crashfs_has_struck(w->disk), "a start failed: %s", err_name(e));
        return;
    }
    crashfs_pause(w->disk, true);
    world_check(w);
    world_adopt(w);
    crashfs_pause(w->disk, false);
}

static void pick_step(struct world *w)
{
    static void (*const steps[])(struct world *) = {
        step_append, step_append,   step_append,         step_append,     step_append,
        step_append, step_append,   step_append,         step_append,     step_append,
        step_append, step_append,   step_sync,           step_sync,       step_roll,
        step_retain, step_retain,   step_set_start,      step_checkpoint, step_epoch,
        step_idle,   step_truncate, step_remove_deleted,
    };
    uint64_t pick = rand_below(&w->rand, ARRAY_LEN(steps) * 2 + 3);
    if (pick < ARRAY_LEN(steps) * 2) {
        steps[pick / 2](w);
    } else if (pick == ARRAY_LEN(steps) * 2) {
        step_reset(w);
    } else {
        restart(w, pick % 2 == 0);
    }
}

void world_begin(struct world *w)
{
    world_step(w);
    if (w->config.has_gaps && w->log != NULL) {
        step_append(w);
        step_checkpoint(w);
    }
}

void world_step(struct world *w)
{
    w->clock.wall_ms += 500;
    w->clock.mono_ms += 500;
    if (w->has_memos && w->log != NULL && rand_one_in(&w->rand, 4)) {
        step_memo(w);
    }
    if (w->log != NULL && log_is_poisoned(w->log)) {
        restart(w, false);
    } else if (w->log == NULL) {
        restart(w, false);
    } else {
        pick_step(w);
    }
}
