/* The sync queue and its threads. A partition is in the queue at most once; it may be queued again
 * while a thread is syncing it, and then another thread shares that log's sync. */
#include "broker/syncer.h"

#include "base/mem.h"
#include "broker/partition.h"

struct syncer {
    struct mutex lock;
    struct cond wake;
    struct list queue;
    bool is_stopping;
    struct cond drained;
    int idle_count; /* threads that wait for work */
    int busy_count; /* partitions that are being synced */
    int thread_count;
    struct thread *threads;
};

/* The next partition, waiting for one if asked; NULL when there is none (any more). */
static struct partition *take(struct syncer *s, bool wait)
{
    mutex_lock(&s->lock);
    s->idle_count++;
    while (wait && list_is_empty(&s->queue) && !s->is_stopping) {
        cond_wait(&s->wake, &s->lock);
    }
    s->idle_count--;
    struct list_node *n = list_pop_front(&s->queue);
    s->busy_count += n != NULL;
    mutex_unlock(&s->lock);
    return n ? LIST_ENTRY(n, struct partition, sync_node) : NULL;
}

static bool sync_one(struct syncer *s, bool wait)
{
    struct partition *p = take(s, wait);
    if (p == NULL) {
        return false;
    }
    partition_sync(p);
    partition_unref(p);
    mutex_lock(&s->lock);
    s->busy_count--;
    if (s->busy_count == 0) {
        cond_broadcast(&s->drained);
    }
    mutex_unlock(&s->lock);
    return true;
}

static void run(void *ctx)
{
    while (sync_one(ctx, true)) {
    }
}

bool syncer_step(struct syncer *s) { return sync_one(s, false); }

void syncer_drain(struct syncer *s)
{
    mutex_lock(&s->lock);
    while (s->thread_count > 0 && (s->busy_count > 0 || !list_is_empty(&s->queue))) {
        cond_wait(&s->drained, &s->lock);
    }
    mutex_unlock(&s->lock);
    while (s->thread_count == 0 && syncer_step(s)) {
    }
}

enum err syncer_new(int thread_count, struct syncer **ret_syncer)
{
    struct syncer *s = NEW(struct syncer);
    mutex_init(&s->lock);
    cond_init(&s->wake);
    cond_init(&s->drained);
    list_init(&s->queue);
    s->threads = mem_zalloc(sizeof *s->threads * (size_t)thread_count);
    for (int i = 0; i < thread_count; i++) {
        enum err e = thread_start(&s->threads[i], "ottla-sync", run, s);
        if (e) {
            syncer_free(s);
            return e;
        }
        s->thread_count++;
    }
    *ret_syncer = s;
    return OK;
}

void syncer_free(struct syncer *s)
{
    mutex_lock(&s->lock);
    s->is_stopping = true;
    cond_broadcast(&s->wake);
    mutex_unlock(&s->lock);
    for (int i = 0; i < s->thread_count; i++) {
        thread_join(&s->threads[i]);
    }
    while (syncer_step(s)) {
    }
    cond_deinit(&s->wake);
    cond_deinit(&s->drained);
    mutex_deinit(&s->lock);
    mem_free(s->threads);
    mem_free(s);
}

void syncer_queue(struct syncer *s, struct partition *p)
{
    partition_ref(p);
    mutex_lock(&s->lock);
    list_push_back(&s->queue, &p->sync_node);
    bool has_sleeper = s->idle_count > 0;
    mutex_unlock(&s->lock);
    if (has_sleeper) {
        cond_signal(&s->wake);
    }
}
