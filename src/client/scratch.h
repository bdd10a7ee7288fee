/* Memory for the program's callbacks. */
#ifndef CLIENT_SCRATCH_H
#define CLIENT_SCRATCH_H

#include "base/arena.h"

struct ottla_scratch {
    struct arena arena; /* without a budget: the program is not a peer */
};

static inline void scratch_init(struct ottla_scratch *s)
{
    arena_init(&s->arena, SIZE_MAX);
    s->arena.is_sure = true;
}
static inline void scratch_deinit(struct ottla_scratch *s) { arena_deinit(&s->arena); }

#endif
