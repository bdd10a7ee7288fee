/* Snappy as a seam, as base/digest.h: its library brings the one of C++, which would make every
 * start slower and larger (doc/decisions/0013). plat/snappy.h has the real one. */
#ifndef BASE_SNAPPY_H
#define BASE_SNAPPY_H

#include <snappy-c.h>

/* What we use of it. */
#define SNAPPY_CALLS(X)                                                                            \
    X(snappy_compress)                                                                             \
    X(snappy_max_compressed_length)                                                                \
    X(snappy_uncompress)                                                                           \
    X(snappy_uncompressed_length)

struct snappy {
#define X(name) __typeof__(name) *name;
    SNAPPY_CALLS(X)
#undef X
};

#endif
