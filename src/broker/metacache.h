/* The published metadata: the committed image, read by all workers, changed batch by batch by the
 * controller's thread. Readers hold it for the time of one look-up; nothing that blocks may happen
 * in between. */
#ifndef BROKER_METACACHE_H
#define BROKER_METACACHE_H

#include "meta/image.h"
#include "plat/thread.h"

struct metacache {
    struct rwlock lock;
    const struct image *image;
};

static inline const struct image *metacache_read(struct metacache *m)
{
    rwlock_read(&m->lock);
    return m->image;
}

static inline void metacache_done(struct metacache *m) { rwlock_unlock(&m->lock); }

#endif
