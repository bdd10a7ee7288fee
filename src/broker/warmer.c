/* What a thread does for cold reads. Reading through the page cache is all of it: what sendfile
 * needs is then there. An error of the disk is left to the one who sends. What was sent leaves the
 * memory here, too: the kernel waits for its own threads then, for tens of milliseconds at times.
 */
#include "broker/warmer.h"

#include "base/mem.h"

static void on_home(struct mail *m)
{
    struct warm_job *job = CONTAINER_OF(m, struct warm_job, mail);
    job->done(job);
}

/* What goes wrong shows when the worker reads it. */
static void warm_read(const struct warm_read *w)
{
    struct log_hint hint = w->hint;
    struct log_read r = w->read;
    struct log_extent x = {0};
    r.hint = &hint;
    if (log_read(w->log, &r, &x) == OK && x.len > 0) {
        if (log_extent_is_cold(&x, NULL)) {
            log_extent_warm(&x);
        }
        log_extent_release(&x);
    }
}

static void warm_one(struct list_node *n)
{
    struct warm_job *job = LIST_ENTRY(n, struct warm_job, node);
    for (int32_t i = 0; i < job->count; i++) {
        log_extent_warm(job->extents[i]);
    }
    for (int32_t i = 0; i < job->read_count; i++) {
        warm_read(&job->reads[i]);
    }
    struct loop *loop = job->loop;
    if (job->work != NULL) {
        job->work(job);
    }
    if (loop != NULL) {
        job->mail = (struct mail){.fn = on_home};
        loop_post(loop, &job->mail);
    }
}

enum err warmer_new(int thread_count, struct crew **ret_crew)
{
    return crew_new("ottla-warm", thread_count, warm_one, ret_crew);
}

void warmer_queue(struct crew *c, struct warm_job *job) { crew_queue(c, &job->node); }

/* --- what goes again --- */

struct spent {
    struct warm_job job;
    struct log_extent x;
};

static void drop_spent(struct warm_job *job)
{
    struct spent *s = CONTAINER_OF(job, struct spent, job);
    log_extent_drop(&s->x);
    log_extent_release(&s->x);
    mem_free(s);
}

void warmer_drop(struct crew *c, struct log_extent *x)
{
    struct spent *s = NEW(struct spent);
    s->job.work = drop_spent;
    s->x = *x;
    *x = (struct log_extent){0};
    crew_queue(c, &s->job.node);
}
