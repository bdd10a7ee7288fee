/* Ctrl-C and SIGTERM, for a tool that ends what it began: waits for input end, a function is
 * called. Any number of signals is one; the second ends the process at once. */
#ifndef CLI_RECORDS_STOP_H
#define CLI_RECORDS_STOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct stop {
    pthread_t thread;
    atomic_int signal; /* 0: none came */
    int pipe[2];       /* its reading end becomes readable with the signal */
    void (*fn)(void *ctx);
    void *ctx;
    pthread_mutex_t lock; /* guards fn against stop_call */
};

/* Before the client is made, because the client's threads must not get signals. SIGPIPE is ignored
 * from now on: a write says it. False: no threads or descriptors. */
bool stop_init(struct stop *s);
/* fn is called, by a thread, when a signal comes or has come; NULL: not any more, and it is not
 * under way either. */
void stop_call(struct stop *s, void (*fn)(void *ctx), void *ctx);
static inline bool stop_is_asked(struct stop *s) { return atomic_load(&s->signal) != 0; }
/* The status of a process that the signal ended; otherwise when none came. */
int stop_status(struct stop *s, int otherwise);
void stop_deinit(struct stop *s);

#endif
