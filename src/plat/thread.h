/* Threads and locks, so that nothing above names pthreads. Locks die on misuse (asserted): they are
 * never tried, timed or recursive. */
#ifndef PLAT_THREAD_H
#define PLAT_THREAD_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct mutex {
    pthread_mutex_t m;
};

struct rwlock {
    pthread_rwlock_t l;
};

struct cond {
    pthread_cond_t c;
};

struct thread {
    pthread_t t;
};

void mutex_init(struct mutex *m);
void mutex_deinit(struct mutex *m);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

void rwlock_init(struct rwlock *l);
void rwlock_deinit(struct rwlock *l);
void rwlock_read(struct rwlock *l);
void rwlock_write(struct rwlock *l);
void rwlock_unlock(struct rwlock *l);

void cond_init(struct cond *c);
void cond_deinit(struct cond *c);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m);
/* Returns after timeout_ns at the latest (monotonic); may return early. */
void cond_wait_ns(struct cond *c, struct mutex *m, int64_t timeout_ns);

/* The name shows in top -H; signals are blocked in the new thread. */
must_check enum err thread_start(struct thread *t, const char *name, void (*fn)(void *), void *ctx);
void thread_join(struct thread *t);
/* Whether who asks is t. */
bool thread_is_current(const struct thread *t);

/* The calling thread mostly sleeps, and has little to do when it wakes: it asks for short turns,
 * and need not wait then until somebody who computes has had a long one. It gets no more of the
 * processor than before. Linux 6.12 and later; elsewhere nothing happens. */
void thread_be_prompt(void);

/* Has fn called when this thread ends; once, however often it is asked for. A thread has room for
 * one such fn; the main thread's end is that of the process, which calls nothing. */
void thread_at_end(void (*fn)(void));

/* Processors that this process may use, at least 1. */
int thread_cpu_count(void);

#endif
