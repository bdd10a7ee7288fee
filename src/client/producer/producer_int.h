/* Between the files of the producer. */
#ifndef CLIENT_PRODUCER_PRODUCER_INT_H
#define CLIENT_PRODUCER_PRODUCER_INT_H

#include "client/core/host.h"
#include "client/error.h"
#include "client/producer/accumulator.h"
#include "client/scratch.h"

struct ottla_producer {
    struct ottla_client *client;
    struct ottla_client *host; /* its connections; the thread's */
    struct ottla_producer_options options;
    bool is_direct; /* nothing of the program's is between it and the accumulator */
    struct accumulator acc;
    struct clock_asker asker; /* for the records' timestamps; under lock */
    struct waiter waiter;
    struct mutex lock;
    struct cond cond; /* something happened; with waiting > 0 */
    struct cond room; /* there is memory again; with crowded > 0 */
    struct thread thread;
    int waiting, crowded; /* calls at these */
    int64_t untold;       /* records whose delivery was not told yet; under lock */
    bool is_awake;        /* the thread looks at the accumulator before it sleeps again */
    bool has_news;        /* for it, while it is awake */
    bool is_closing;
    struct reporter reporter; /* the thread's */
};

/* Lock held. Has the thread look at the accumulator. True: call waiter_wake, best without the
 * lock. */
bool producer_nudge(struct ottla_producer *p);
/* Lock held: until the thread has done something, or the time is over (false). */
bool producer_wait(struct ottla_producer *p, int64_t end_ms);
/* The same, until there may be memory again. */
bool producer_wait_memory(struct ottla_producer *p, int64_t end_ms);
static inline size_t producer_memory(const struct ottla_producer *p)
{
    return (size_t)p->client->config->values.buffer_memory;
}
/* timeout_ms < 0: never. */
int64_t producer_end_ms(const struct ottla_producer *p, int64_t timeout_ms);
/* CLOSED in a process that was forked since, INVALID_REQUEST for NULL. */
int producer_check(const struct ottla_producer *p, struct ottla_error *error);
/* The same, and that it is not called by one of the producer's callbacks, which it would wait for.
 */
int producer_check_waiter(const struct ottla_producer *p, struct ottla_error *error);
/* The transaction's error, with the flags of its state. */
int producer_refuse(const struct ottla_producer *p, int code, struct ottla_error *error);

/* producer_intercept.c; without the lock */
void intercept_init(struct ottla_producer *p); /* the options' list becomes our own */
void intercept_deinit(struct ottla_producer *p);
void intercept_send(const struct ottla_producer *p, struct ottla_message *m,
                    struct ottla_scratch *scratch);
void intercept_delivery(const struct ottla_producer *p, const struct ottla_delivery *d);
/* Objects become bytes. */
must_check int serialize_message(const struct ottla_producer *p, struct ottla_message *m,
                                 struct ottla_scratch *scratch, struct ottla_error *error);

#endif
