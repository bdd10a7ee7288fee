/* Many sends by one call of the kernel (io_uring). Private to plat; one thread at a time. */
#ifndef PLAT_RING_POSIX_H
#define PLAT_RING_POSIX_H

#include "base/err.h"

#include <stddef.h>

struct ring;

/* Where the kernel has none, is too old, or forbids it: an error, and nothing is lost by that. */
must_check enum err ring_new(struct ring **ret_ring);

void ring_free(struct ring *ring); /* NULL is fine */

/* One of them: bytes for a descriptor, and how send(2) would have ended. */
struct ring_send {
    int fd;
    const void *p;
    size_t len;
    int result; /* bytes, or an errno below zero */
};

enum { RING_SENDS_MAX = 64 };

/* Like send with MSG_DONTWAIT | MSG_NOSIGNAL on each, in order; all are over when it returns. At
 * most RING_SENDS_MAX. Returns how many were carried out, from the first on: fewer than asked for
 * when the kernel has no memory for them now. */
must_check int ring_send_all(struct ring *ring, struct ring_send *sends, int count);

#endif
