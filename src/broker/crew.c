/* A queue and its threads. Everything is under the lock but the work itself. */
#include "broker/crew.h"

#include "base/histogram.h"
#include "base/mem.h"
#include "plat/clock.h"
#include "plat/thread.h"

struct crew {
    crew_fn *fn;
    struct mutex lock;
    struct cond wake;
    struct cond drained;
    struct list queue;
    bool is_stopping;
    int idle_count; /* threads that wait for work */
    int busy_count; /* pieces that are being done */
    int thread_count;
    struct thread *threads;
    struct clock *clock; /* NULL: nothing is measured */
    struct histogram *time;
};

void crew_measure(struct crew *c, struct clock *clock, struct histogram *h)
{
    mutex_lock(&c->lock);
    c->clock = clock;
    c->time = h;
    mutex_unlock(&c->lock);
}

static void do_piece(struct crew *c, struct list_node *n)
{
    if (c->clock == NULL) {
        c->fn(n);
        return;
    }
    int64_t begun_ns = clock_mono_ns(c->clock);
    c->fn(n);
    histogram_add(c->time, clock_mono_ns(c->clock) - begun_ns);
}

/* The next piece, waiting for one if asked; NULL when there is none (any more). */
static struct list_node *take(struct crew *c, bool wait)
{
    mutex_lock(&c->lock);
    c->idle_count++;
    while (wait && list_is_empty(&c->queue) && !c->is_stopping) {
        cond_wait(&c->wake, &c->lock);
    }
    c->idle_count--;
    struct list_node *n = list_pop_front(&c->queue);
    c->busy_count += n != NULL;
    mutex_unlock(&c->lock);
    return n;
}

static bool do_one(struct crew *c, bool wait)
{
    struct list_node *n = take(c, wait);
    if (n == NULL) {
        return false;
    }
    do_piece(c, n);
    mutex_lock(&c->lock);
    c->busy_count--;
    if (c->busy_count == 0) {
        cond_broadcast(&c->drained);
    }
    mutex_unlock(&c->lock);
    return true;
}

static void run(void *ctx)
{
    while (do_one(ctx, true)) {
    }
}

bool crew_step(struct crew *c) { return do_one(c, false); }

void crew_drain(struct crew *c)
{
    mutex_lock(&c->lock);
    while (c->thread_count > 0 && (c->busy_count > 0 || !list_is_empty(&c->queue))) {
        cond_wait(&c->drained, &c->lock);
    }
    mutex_unlock(&c->lock);
    while (c->thread_count == 0 && crew_step(c)) {
    }
}

enum err crew_new(const char *name, int thread_count, crew_fn *fn, struct crew **ret_crew)
{
    struct crew *c = NEW(struct crew);
    c->fn = fn;
    mutex_init(&c->lock);
    cond_init(&c->wake);
    cond_init(&c->drained);
    list_init(&c->queue);
    c->threads = mem_zalloc(sizeof *c->threads * (size_t)thread_count);
    for (int i = 0; i < thread_count; i++) {
        enum err e = thread_start(&c->threads[i], name, run, c);
        if (e) {
            crew_free(c);
            return e;
        }
        c->thread_count++;
    }
    *ret_crew = c;
    return OK;
}

void crew_free(struct crew *c)
{
    if (c == NULL) {
        return;
    }
    mutex_lock(&c->lock);
    c->is_stopping = true;
    cond_broadcast(&c->wake);
    mutex_unlock(&c->lock);
    for (int i = 0; i < c->thread_count; i++) {
        thread_join(&c->threads[i]);
    }
    while (crew_step(c)) {
    }
    cond_deinit(&c->wake);
    cond_deinit(&c->drained);
    mutex_deinit(&c->lock);
    mem_free(c->threads);
    mem_free(c);
}

void crew_queue(struct crew *c, struct list_node *n)
{
    mutex_lock(&c->lock);
    list_push_back(&c->queue, n);
    bool has_sleeper = c->idle_count > 0;
    mutex_unlock(&c->lock);
    if (has_sleeper) {
        cond_signal(&c->wake);
    }
}
