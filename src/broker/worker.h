/* A worker: one event loop in one thread, the connections that it owns, and the calls that are
 * under way on them. A request runs to completion on the worker that read it. */
#ifndef BROKER_WORKER_H
#define BROKER_WORKER_H

#include "broker/broker.h"
#include "net/loop.h"

struct call;
struct endpoint;
struct worker;
struct worker_metrics;

/* number: 0 .. broker->worker_count - 1, its counters' place in broker->metrics. */
must_check enum err worker_new(struct broker *broker, int number, struct worker **ret_worker);

/* Its loop must have stopped; closes what is left. */
void worker_free(struct worker *w);

struct loop *worker_loop(struct worker *w);

/* Starts the thread; a simulation steps the loop itself instead. */
must_check enum err worker_start(struct worker *w);
void worker_stop(struct worker *w); /* any thread; returns when the thread has ended */

/* Hands over a fresh connection from `peer` (sock_peer_name), which was admitted, that came in at
 * `endpoint`. Any thread. */
void worker_adopt(struct worker *w, struct sock *s, const char *peer, struct endpoint *endpoint);

/* Counters that its thread alone writes. */
struct worker_metrics *worker_metrics(struct worker *w);
/* The call was answered with so many bytes: counts it. */
void worker_count_call(struct call *c, size_t response_bytes);

/* The call was answered: frees it and lets its connection go on. */
void worker_end_call(struct call *c);

#endif
