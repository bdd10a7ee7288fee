/* The kernel's random numbers. Thread-safe. */
#include "plat/entropy.h"

#include "base/assert.h"

#include <errno.h>
#include <sys/random.h>

void entropy_fill(void *p, size_t len)
{
    uint8_t *at = p;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        ASSERT(n > 0 || errno == EINTR);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
}

uint64_t entropy_u64(void)
{
    uint64_t v;
    entropy_fill(&v, sizeof v);
    return v;
}
