/* Connections that asked for versions once and then do nothing: what they cost the broker while
 * they are there. */
#include "gen.h"

#include "base/mem.h"

#include <stdio.h>
#include <unistd.h>

int gen_idle(const struct options *o)
{
    struct meter m;
    struct peer first;
    peer_open(&first, o);
    usleep((useconds_t)(o->settle_s * 1e6));
    long before_kib = meter_kib(o->pid, "VmRSS");
    for (int i = 1; i < o->conns; i++) {
        struct peer p;
        peer_open(&p, o);
        peer_forget(&p); /* its connection stays */
    }
    usleep((useconds_t)(o->settle_s * 1e6));
    meter_begin(&m, o->pid);
    usleep((useconds_t)(o->settle_s * 1e6));
    meter_end(&m);
    printf("{\"conns\": %d, \"before_kib\": %ld", o->conns, before_kib);
    meter_print(&m);
    printf("}\n");
    return 0;
}
