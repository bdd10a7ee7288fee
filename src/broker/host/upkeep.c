/* Upkeep: a table of chores, each with its interval. */
#include "broker/host/upkeep.h"

#include "base/diag.h"
#include "base/mem.h"
#include "plat/thread.h"

enum {
    IDLE_AFTER_MS = 30 * 1000,
    REMOVE_INTERVAL_MS = 5000,
    FLUSH_INTERVAL_MS = 1000,
    RECOVERED_AFTER_MS = 5000, /* clients that come back first */
    NOTE_INTERVAL_MS = 1000,   /* where nothing is written, and */
    NOTE_BUSY_MS = 100,        /* where it is */
    NOTE_BYTES = 128 << 20,    /* to be looked at after a kill */
    NOTE_COST = 16,            /* so much is written for each byte of a note */
};

enum {
    CHORE_NOTE,
    CHORE_FLUSH,
    CHORE_RETAIN,
    CHORE_CHECKPOINT,
    CHORE_IDLE,
    CHORE_REMOVE,
    CHORE_COUNT,
};

struct chore {
    void (*fn)(struct upkeep *u);
    int64_t interval_ms;
    int64_t due_ms;
};

struct upkeep {
    struct storage *storage;
    struct topic_table *topics;
    struct clock *clock;
    struct chore chores[CHORE_COUNT];
    uint64_t (*written_bytes)(void *ctx);
    void *ctx;
    uint64_t seen_bytes, noted_bytes, note_bytes; /* written; when last noted; a note's own */
    bool has_noted;
    struct mutex lock;
    struct cond wake;
    bool is_stopping;
    struct thread thread;
    bool is_started;
};

static uint64_t note_every(const struct upkeep *u)
{
    return MAX((uint64_t)NOTE_BYTES, u->note_bytes * NOTE_COST);
}

/* By bytes, not by time: what a start after a kill has to look at is bounded by it. And where no
 * more comes, so that there is nothing to look at. */
static void note(struct upkeep *u)
{
    uint64_t bytes = u->written_bytes(u->ctx);
    uint64_t since = bytes - u->noted_bytes;
    bool is_busy = bytes != u->seen_bytes;
    u->seen_bytes = bytes;
    if (!u->has_noted || since >= note_every(u) || (since > 0 && !is_busy)) {
        u->note_bytes = storage_note(u->storage);
        u->noted_bytes = bytes;
        u->has_noted = true;
    }
    u->chores[CHORE_NOTE].interval_ms = is_busy ? NOTE_BUSY_MS : NOTE_INTERVAL_MS;
}

static void flush_one(void *ctx, struct partition *p)
{
    partition_tick(p, clock_wall_ms(((struct upkeep *)ctx)->clock));
}

static void flush(struct upkeep *u) { topic_table_each(u->topics, flush_one, u); }

static void retain_one(void *ctx, struct partition *p)
{
    struct upkeep *u = ctx;
    int64_t now_ms = clock_wall_ms(u->clock);
    int count = 0;
    enum err e = partition_retain(p, now_ms, &count);
    if (e && e != ERR_CLOSED) {
        diag_warn(DIAG_UPKEEP, "%.*s-%d: retention failed: %s", STR_ARG(p->topic_name), p->index,
                  err_text(e));
    }
}

static void retain(struct upkeep *u) { topic_table_each(u->topics, retain_one, u); }

/* The disk may take long, and what is written meanwhile is looked at after a kill. */
static bool is_note_due(void *ctx)
{
    struct upkeep *u = ctx;
    uint64_t bytes = u->written_bytes(u->ctx);
    bool is_due = bytes - u->noted_bytes >= note_every(u);
    u->noted_bytes = is_due ? bytes : u->noted_bytes;
    return is_due;
}

static void checkpoint(struct upkeep *u)
{
    storage_checkpoint_and_note(u->storage, is_note_due, u);
}

static void idle_one(void *ctx, struct partition *p)
{
    struct upkeep *u = ctx;
    log_idle(p->log, clock_wall_ms(u->clock) - IDLE_AFTER_MS);
}

static void idle(struct upkeep *u) { topic_table_each(u->topics, idle_one, u); }

static void remove_due(struct upkeep *u)
{
    storage_remove_due(u->storage, clock_mono_ms(u->clock));
}

struct upkeep *upkeep_new(const struct upkeep_args *args)
{
    struct upkeep *u = NEW(struct upkeep);
    const struct broker_config *config = args->config;
    struct clock *clock = args->clock;
    u->storage = args->storage;
    u->topics = args->topics;
    u->clock = clock;
    u->written_bytes = args->written_bytes;
    u->ctx = args->ctx;
    u->chores[CHORE_NOTE] = (struct chore){note, 0, 0};
    u->chores[CHORE_FLUSH] = (struct chore){flush, FLUSH_INTERVAL_MS, 0};
    u->chores[CHORE_RETAIN] = (struct chore){retain, config->log_retention_check_interval_ms, 0};
    u->chores[CHORE_CHECKPOINT] =
        (struct chore){checkpoint, config->log_flush_offset_checkpoint_interval_ms, 0};
    u->chores[CHORE_IDLE] = (struct chore){idle, IDLE_AFTER_MS, 0};
    u->chores[CHORE_REMOVE] = (struct chore){remove_due, REMOVE_INTERVAL_MS, 0};
    for (int i = 0; i < CHORE_COUNT; i++) {
        u->chores[i].due_ms = clock_mono_ms(clock) + u->chores[i].interval_ms;
    }
    bool is_recovered = !storage_was_clean(args->storage) && storage_had_partitions(args->storage);
    if (is_recovered) { /* what was recovered need not be again */
        struct chore *c = &u->chores[CHORE_CHECKPOINT];
        c->due_ms = MIN(c->due_ms, clock_mono_ms(clock) + RECOVERED_AFTER_MS);
    }
    mutex_init(&u->lock);
    cond_init(&u->wake);
    return u;
}

int64_t upkeep_step(struct upkeep *u)
{
    int64_t next_ms = INT64_MAX;
    for (int i = 0; i < CHORE_COUNT; i++) {
        struct chore *c = &u->chores[i];
        if (clock_mono_ms(u->clock) >= c->due_ms) {
            c->fn(u);
            c->due_ms = clock_mono_ms(u->clock) + MAX(c->interval_ms, 1);
        }
        next_ms = MIN(next_ms, c->due_ms);
    }
    return next_ms;
}

static void run(void *ctx)
{
    struct upkeep *u = ctx;
    mutex_lock(&u->lock);
    while (!u->is_stopping) {
        mutex_unlock(&u->lock);
        int64_t wait_ms = upkeep_step(u) - clock_mono_ms(u->clock);
        mutex_lock(&u->lock);
        if (!u->is_stopping && wait_ms > 0) {
            cond_wait_ns(&u->wake, &u->lock, wait_ms * 1000000);
        }
    }
    mutex_unlock(&u->lock);
}

enum err upkeep_start(struct upkeep *u)
{
    enum err e = thread_start(&u->thread, "ottla-upkeep", run, u);
    u->is_started = e == OK;
    return e;
}

void upkeep_stop(struct upkeep *u)
{
    mutex_lock(&u->lock);
    u->is_stopping = true;
    cond_signal(&u->wake);
    mutex_unlock(&u->lock);
    if (u->is_started) {
        thread_join(&u->thread);
        u->is_started = false;
    }
}

void upkeep_free(struct upkeep *u)
{
    cond_deinit(&u->wake);
    mutex_deinit(&u->lock);
    mem_free(u);
}
