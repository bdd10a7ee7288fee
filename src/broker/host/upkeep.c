/* Upkeep: a table of chores, each with its interval. */
#include "broker/host/upkeep.h"

#include "base/diag.h"
#include "base/mem.h"
#include "plat/thread.h"

enum { IDLE_AFTER_MS = 30 * 1000, REMOVE_INTERVAL_MS = 5000, FLUSH_INTERVAL_MS = 1000 };

enum { CHORE_FLUSH, CHORE_RETAIN, CHORE_CHECKPOINT, CHORE_IDLE, CHORE_REMOVE, CHORE_COUNT };

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
    struct mutex lock;
    struct cond wake;
    bool is_stopping;
    struct thread thread;
    bool is_started;
};

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

static void checkpoint(struct upkeep *u) { storage_checkpoint(u->storage, true); }

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

struct upkeep *upkeep_new(struct storage *storage, struct topic_table *topics, struct clock *clock,
                          const struct broker_config *config)
{
    struct upkeep *u = NEW(struct upkeep);
    u->storage = storage;
    u->topics = topics;
    u->clock = clock;
    u->chores[CHORE_FLUSH] = (struct chore){flush, FLUSH_INTERVAL_MS, 0};
    u->chores[CHORE_RETAIN] = (struct chore){retain, config->log_retention_check_interval_ms, 0};
    u->chores[CHORE_CHECKPOINT] =
        (struct chore){checkpoint, config->log_flush_offset_checkpoint_interval_ms, 0};
    u->chores[CHORE_IDLE] = (struct chore){idle, IDLE_AFTER_MS, 0};
    u->chores[CHORE_REMOVE] = (struct chore){remove_due, REMOVE_INTERVAL_MS, 0};
    for (int i = 0; i < CHORE_COUNT; i++) {
        u->chores[i].due_ms = clock_mono_ms(clock) + u->chores[i].interval_ms;
    }
    if (!storage_was_clean(storage)) { /* what was recovered need not be again */
        u->chores[CHORE_CHECKPOINT].due_ms = clock_mono_ms(clock);
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
