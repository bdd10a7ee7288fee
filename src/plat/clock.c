/* The machine's clock. Thread-safe. */
#include "plat/clock.h"

#include <stdbool.h>
#include <time.h>

/* A processor's counter runs at 0.8 GHz at the least: less than a quarter of a millisecond. */
enum { TICKS_RECENT = 200000 };

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

/* The counter only says that hardly any time has passed; what is no small step forwards, whatever
 * its reason, has the clock read. */
static bool is_recent(struct clock_asker *asker)
{
#if defined(__x86_64__)
    uint64_t ticks = __builtin_ia32_rdtsc(), past = ticks - asker->ticks;
    if (asker->wall_ms != 0 && past < TICKS_RECENT) {
        return true;
    }
    asker->ticks = ticks;
#else
    (void)asker;
#endif
    return false;
}

int64_t clock_wall_ms_for(struct clock *c, struct clock_asker *asker)
{
    if (c->wall_ms != system_wall_ms) {
        return clock_wall_ms(c);
    }
    if (!is_recent(asker)) {
        asker->wall_ms = system_wall_ms(c);
    }
    return asker->wall_ms;
}
