/* What a client library must do to be measured: one file a library. */
#ifndef BENCH_CLIENT_LOAD_H
#define BENCH_CLIENT_LOAD_H

#include <stddef.h>
#include <stdint.h>

enum { SETTINGS_MAX = 32 };

struct load {
    const char *bootstrap, *topic;
    int partitions;
    const char *names[SETTINGS_MAX], *values[SETTINGS_MAX];
    int setting_count;
};

/* Ends the program with a sentence. */
void load_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A record was acknowledged, or failed: from any one thread. */
void load_delivered(int failed);
/* A record came. */
void load_received(const void *value, size_t len);

const char *lib_name(void);
void lib_producer_open(const struct load *l);
void lib_send(const void *value, size_t len); /* waits where there is no room */
void lib_idle(void);                          /* nothing to send for a moment */
void lib_flush(void);
void lib_producer_close(void);
void lib_consumer_open(const struct load *l, int from_end);
void lib_poll(int timeout_ms);
void lib_consumer_close(void);

#endif
