/* See delay.h. One thread. */
#include "bench/delay.h"

#include "base/attr.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void delays_add(struct delays *d, double seconds)
{
    if (d->count == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 4096;
        d->us = mem_realloc_array(d->us, d->cap, sizeof *d->us);
    }
    d->us[d->count++] = (uint32_t)(MAX(seconds, 0) * 1e6);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double at_share(const struct delays *d, double share)
{
    size_t i = (size_t)((double)d->count * share);
    return d->us[MIN(i, d->count - 1)] / 1e3;
}

void delays_print(struct delays *d, const char *name)
{
    if (d->count == 0) {
        return;
    }
    qsort(d->us, d->count, sizeof *d->us, by_size);
    printf(", \"%s_p50_ms\": %.3f, \"%s_p99_ms\": %.3f, \"%s_p999_ms\": %.3f, \"%s_max_ms\": %.3f",
           name, at_share(d, 0.5), name, at_share(d, 0.99), name, at_share(d, 0.999), name,
           at_share(d, 1));
}
