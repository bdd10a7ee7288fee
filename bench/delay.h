/* How long things took, each of them kept, so that the tail is what it was. */
#ifndef BENCH_DELAY_H
#define BENCH_DELAY_H

#include <stddef.h>
#include <stdint.h>

struct delays {
    uint32_t *us;
    size_t count, cap;
};

void delays_add(struct delays *d, double seconds);
/* Members of a JSON object with a comma in front: NAME_p50_ms and so on. */
void delays_print(struct delays *d, const char *name);

#endif
