/* See limit_relay.c. */
#ifndef BENCH_LIMIT_RELAY_H
#define BENCH_LIMIT_RELAY_H

#include <stddef.h>

enum { RELAY_SERVER_CPU = 0, RELAY_CLIENT_CPU = 1 };

struct relay_load {
    int file;    /* empty; where pieces are stored */
    double rate; /* pieces that come due in a second */
    double seconds, settle_s;
    size_t piece_bytes;
};

/* Runs it and prints what was measured as a JSON object. */
void relay_run(const struct relay_load *load);

#endif
