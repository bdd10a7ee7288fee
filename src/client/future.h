/* The threads that make a client's calls for those who do not want to wait (ottla/future.h). */
#ifndef CLIENT_FUTURE_H
#define CLIENT_FUTURE_H

#include "base/list.h"
#include "plat/thread.h"

#include <stdbool.h>

enum { FUTURE_THREADS_MAX = 16 };

struct futures {
    struct mutex lock;
    struct cond cond;  /* the threads wait for a future, or the end */
    struct list queue; /* of futures that nobody has begun */
    int queue_count;
    struct thread threads[FUTURE_THREADS_MAX];
    int thread_count;
    int idle_count; /* threads at cond */
    bool is_ending;
};

void futures_init(struct futures *f);
/* Waits for the threads. There must be no futures. */
void futures_deinit(struct futures *f);

#endif
