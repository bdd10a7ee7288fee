/* What a thread does for cold reads. Reading through the page cache is all of it: what sendfile
 * needs is then there. An error of the disk is left to the one who sends. */
#include "broker/warmer.h"

static void on_home(struct mail *m)
{
    struct warm_job *job = CONTAINER_OF(m, struct warm_job, mail);
    job->done(job);
}

static void warm_one(struct list_node *n)
{
    struct warm_job *job = LIST_ENTRY(n, struct warm_job, node);
    for (int32_t i = 0; i < job->count; i++) {
        log_extent_warm(job->extents[i]);
    }
    job->mail = (struct mail){.fn = on_home};
    loop_post(job->loop, &job->mail);
}

enum err warmer_new(int thread_count, struct crew **ret_crew)
{
    return crew_new("ottla-warm", thread_count, warm_one, ret_crew);
}

void warmer_queue(struct crew *c, struct warm_job *job) { crew_queue(c, &job->node); }
