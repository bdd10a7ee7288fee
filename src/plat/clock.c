/* The machine's clock. Thread-safe. */
#include "plat/clock.h"

#include <time.h>

static int64_t system_wall_ms(struct clock *c)
{
    (void)c;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_mono_ns(struct clock *c)
{
    (void)c;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

struct clock *clock_system(void)
{
    static struct clock c = {system_wall_ms, system_mono_ns};
    return &c;
}
