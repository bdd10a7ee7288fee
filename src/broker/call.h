/* One request on its way through the broker: from the frame to the response.
 *
 * A handler gets a call and must end it exactly once, at once or later, with call_reply, call_skip
 * or call_fail. Whoever holds a call owns it: it is passed between threads by mail, and call_* that
 * end it run in the worker that it came from (call_worker_loop). */
#ifndef BROKER_CALL_H
#define BROKER_CALL_H

#include "base/arena.h"
#include "base/list.h"
#include "broker/broker.h"
#include "net/conn.h"
#include "wire/header.h"
#include "wire/messages.h"
#include "wire/wire.h"

enum api_flags {
    API_ADVERTISED_FROM_0 = 1 << 0,
    API_PIPELINED = 1 << 1,
    API_OUTLIVES_FRAME = 1 << 2,
    API_ON_CONTROLLER = 1 << 3,
};

struct call;

struct api {
    int16_t key;
    int16_t min_version, max_version;
    unsigned flags;
    void (*handler)(struct call *c, const void *request);
};

/* NULL if this broker does not serve the key. */
const struct api *api_find(int key);

/* The rows of def/api.def in order. */
const struct api *api_rows(size_t *ret_count);

struct call {
    struct list_node node; /* in its worker's free list */
    struct worker *worker;
    struct broker *broker;
    struct endpoint *endpoint; /* that the request came in at */
    struct conn *conn;         /* referenced */
    struct reply *reply;
    const struct api *api;
    struct wire_header header;
    struct arena arena;          /* the request's and the response's memory */
    struct mail mail;            /* for passing the call between threads */
    struct call_extent *extents; /* taken, not sent yet */
    size_t extent_count;
    int64_t begun_ns; /* when its frame had come */
    size_t request_bytes;
};

/* Memory for the answer: NULL over budget (then call_fail). */
#define CALL_NEW(c, type) ARENA_NEW(&(c)->arena, type)
#define CALL_ARRAY(c, type, n) ((type *)arena_array(&(c)->arena, (size_t)(n), sizeof(type)))

static inline int call_version(const struct call *c) { return c->header.version; }
struct loop *call_loop(const struct call *c);

/* Encodes and sends the API's response struct, then frees the call. NULL, there was no memory for a
 * response: call_fail. */
void call_reply(struct call *c, const void *response);

/* Past a tap (broker/tap.h): to the handler, and to the connection. */
void call_handle(struct call *c, const void *request);
void call_send(struct call *c, struct sendvec *vec);

/* For a records field of the response: its ref becomes this, and the extent is sent in that place
 * without copying. The call owns the extent from here on. */
struct log_extent;
void *call_take_extent(struct call *c, const struct log_extent *x);

/* No response (acks=0). */
void call_skip(struct call *c);

/* Closes the connection: the request cannot be answered in its own terms. */
void call_fail(struct call *c, const char *why);

#endif
