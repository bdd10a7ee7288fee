/* A worker: one event loop in one thread, the connections that it owns, and the calls that are
 * under way on them. A request runs to completion on the worker that read it. */
#ifndef BROKER_WORKER_H
#define BROKER_WORKER_H

#include "broker/broker.h"
#include "net/loop.h"

struct call;
struct endpoint;
struct worker;

must_check enum err worker_new(struct broker *broker, struct worker **ret_worker);

/* Its loop must have stopped; closes what is left. */
void worker_free(struct worker *w);

struct loop *worker_loop(struct worker *w);

/* Starts the thread; a simulation steps the loop itself instead. */
must_check enum err worker_start(struct worker *w, int number);
void worker_stop(struct worker *w); /* any thread; returns when the thread has ended */

/* Hands over a fresh connection that came in at `endpoint`. Any thread. */
void worker_adopt(struct worker *w, struct sock *s, struct endpoint *endpoint);

/* The call was answered: frees it and lets its connection go on. */
void worker_end_call(struct call *c);

#endif
