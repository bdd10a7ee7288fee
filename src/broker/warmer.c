/* The helper threads of cold reads. Reading through the page cache is all they do: what sendfile
 * needs is then there. An error of the disk is left to the one who sends. */
#include "broker/warmer.h"

#include "base/mem.h"
#include "plat/thread.h"

struct warmer {
    struct mutex lock;
    struct cond wake, drained;
    struct list queue;
    int busy_count;
    bool is_stopping;
    struct thread *threads;
    int thread_count;
};

static struct warm_job *take(struct warmer *w, bool wait)
{
    mutex_lock(&w->lock);
    while (wait && list_is_empty(&w->queue) && !w->is_stopping) {
        cond_wait(&w->wake, &w->lock);
    }
    struct list_node *n = list_pop_front(&w->queue);
    w->busy_count += n != NULL;
    mutex_unlock(&w->lock);
    return n != NULL ? LIST_ENTRY(n, struct warm_job, node) : NULL;
}

static void on_home(struct mail *m)
{
    struct warm_job *job = CONTAINER_OF(m, struct warm_job, mail);
    job->done(job);
}

static bool do_one(struct warmer *w, bool wait)
{
    struct warm_job *job = take(w, wait);
    if (job == NULL) {
        return false;
    }
    for (int32_t i = 0; i < job->count; i++) {
        log_extent_warm(job->extents[i]);
    }
    job->mail = (struct mail){.fn = on_home};
    loop_post(job->loop, &job->mail);
    mutex_lock(&w->lock);
    if (--w->busy_count == 0) {
        cond_broadcast(&w->drained);
    }
    mutex_unlock(&w->lock);
    return true;
}

static void run(void *ctx)
{
    while (do_one(ctx, true)) {
    }
}

bool warmer_step(struct warmer *w) { return do_one(w, false); }

enum err warmer_new(int thread_count, struct warmer **ret_warmer)
{
    struct warmer *w = NEW(struct warmer);
    mutex_init(&w->lock);
    cond_init(&w->wake);
    cond_init(&w->drained);
    list_init(&w->queue);
    w->threads = mem_zalloc(sizeof *w->threads * (size_t)MAX(thread_count, 1));
    for (int i = 0; i < thread_count; i++) {
        enum err e = thread_start(&w->threads[i], "ottla-warm", run, w);
        if (e) {
            warmer_free(w);
            return e;
        }
        w->thread_count++;
    }
    *ret_warmer = w;
    return OK;
}

void warmer_drain(struct warmer *w)
{
    while (warmer_step(w)) {
    }
    mutex_lock(&w->lock);
    while (w->busy_count > 0) {
        cond_wait(&w->drained, &w->lock);
    }
    mutex_unlock(&w->lock);
}

void warmer_free(struct warmer *w)
{
    if (w == NULL) {
        return;
    }
    mutex_lock(&w->lock);
    w->is_stopping = true;
    cond_broadcast(&w->wake);
    mutex_unlock(&w->lock);
    for (int i = 0; i < w->thread_count; i++) {
        thread_join(&w->threads[i]);
    }
    while (warmer_step(w)) {
    }
    cond_deinit(&w->wake);
    cond_deinit(&w->drained);
    mutex_deinit(&w->lock);
    mem_free(w->threads);
    mem_free(w);
}

void warmer_queue(struct warmer *w, struct warm_job *job)
{
    mutex_lock(&w->lock);
    list_push_back(&w->queue, &job->node);
    cond_signal(&w->wake);
    mutex_unlock(&w->lock);
}
