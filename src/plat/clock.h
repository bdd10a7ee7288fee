/* Time as a seam: the machine's clock, or one that a simulation turns. */
#ifndef PLAT_CLOCK_H
#define PLAT_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(struct clock *c); /* Unix time; may jump */
    int64_t (*mono_ns)(struct clock *c); /* never goes back; zero means nothing */
};

/* The machine's own. Static, thread-safe. */
struct clock *clock_system(void);

/* The wall clock for who asks for each of many records: what was read within the last quarter of a
 * millisecond may be told again, where that is known for less than reading costs. One thread at a
 * time an asker, whose memory begins as zeros. */
struct clock_asker {
    uint64_t ticks;
    int64_t wall_ms;
};
int64_t clock_wall_ms_for(struct clock *c, struct clock_asker *asker);

static inline int64_t clock_wall_ms(struct clock *c) { return c->wall_ms(c); }
static inline int64_t clock_mono_ns(struct clock *c) { return c->mono_ns(c); }
static inline int64_t clock_mono_ms(struct clock *c) { return c->mono_ns(c) / 1000000; }

#endif
