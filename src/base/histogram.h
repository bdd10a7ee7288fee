/* Counts of durations by size, for metrics: any thread adds, any thread reads. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 16 };

/* Upper bounds in nanoseconds, ascending: 50 µs to 10 s. */
static const int64_t histogram_bounds_ns[HISTOGRAM_BOUNDS] = {
    50000,    100000,   250000,    500000,    1000000,   2500000,    5000000,    10000000,
    25000000, 50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 10000000000};

struct histogram {
    _Atomic uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last one: beyond all bounds */
    _Atomic uint64_t sum_ns;
};

static inline void histogram_add(struct histogram *h, int64_t ns)
{
    int i = 0;
    while (i < HISTOGRAM_BOUNDS && ns > histogram_bounds_ns[i]) {
        i++;
    }
    atomic_fetch_add_explicit(&h->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_ns, (uint64_t)ns, memory_order_relaxed);
}

#endif
