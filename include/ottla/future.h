/* libottla: calls that do not wait. Included by ottla/client.h.
 *
 * Any call of a client that waits can be made a future: the program writes a function that makes
 * it, with what it needs and what it gets in a struct of its own, and goes on.
 *
 *     struct lookup {
 *         const char *const names[1];
 *         struct ottla_topics *topics;
 *     };
 *     static int look_up(struct ottla_client *client, void *arg, struct ottla_error *error)
 *     {
 *         struct lookup *l = arg;
 *         return ottla_describe_topics(client, l->names, 1, NULL, &l->topics, error);
 *     }
 *
 * The function runs in a thread of the client's, of which there are as many as futures are under
 * way, at most 16: more of them queue, in their order. It may call all of this library but
 * ottla_future_wait and _free of futures of the same client, and make several calls one after the
 * other. Any thread may use a future; one at a time may free it. */
#ifndef OTTLA_CLIENT_H
#include <ottla/client.h> /* which includes this in its place */
#endif
#ifndef OTTLA_FUTURE_H
#define OTTLA_FUTURE_H

struct ottla_future;

/* Returns the future's code; error is not NULL. */
typedef int ottla_call_fn(struct ottla_client *client, void *arg, struct ottla_error *error);

/* arg is the program's, until the future is done. CLOSED in a forked child. */
OTTLA_API int ottla_future_start(struct ottla_client *client, ottla_call_fn *call, void *arg,
                                 struct ottla_future **ret_future, struct ottla_error *error);

/* Does not wait. True in a forked child: nobody will do more about it there. */
OTTLA_API bool ottla_future_is_done(struct ottla_future *future);

/* The future's code and error; REQUEST_TIMED_OUT with timeout_ms over and the future not done. < 0:
 * waits for as long as it takes, which is as long as its calls may take. */
OTTLA_API int ottla_future_wait(struct ottla_future *future, int timeout_ms,
                                struct ottla_error *error);

/* fn is called once when the future is done, by a thread of the client's, or at once if it is: to
 * write to an event loop's descriptor, for example. At most one fn for a future. It must not free
 * the future. */
OTTLA_API void ottla_future_then(struct ottla_future *future, void (*fn)(void *ctx), void *ctx);

/* Waits until it is done. Before its client is freed. NULL is fine. */
OTTLA_API void ottla_future_free(struct ottla_future *future);

#endif
