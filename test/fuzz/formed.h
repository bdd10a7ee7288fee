/* An answer out of the input: the first byte has chosen its version; below 0x80 what follows is the
 * answer as a broker would send it, above it the values of one that is well-formed. */
#ifndef FUZZ_FORMED_H
#define FUZZ_FORMED_H

#include "base/arena.h"
#include "compat/wire_random.h"

static inline enum err formed_read(const struct wire_msg *m, int version, struct bytes b,
                                   struct arena *a, void *msg)
{
    if (b.len > 0 && b.p[0] < 0x80) {
        return wire_decode(m, version, (struct bytes){b.p + 1, b.len - 1}, a, msg, NULL);
    }
    struct wire_random w = {.p = b.p + 1, .end = b.p + b.len, .arena = a, .version = version};
    wire_init(m, msg);
    return wire_random_fill(&w, m, msg) ? OK : ERR_NO_MEMORY;
}

#endif
