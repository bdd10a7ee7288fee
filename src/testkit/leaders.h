/* Which of a test broker's nodes leads what, as clients see it. A test broker is one broker; with
 * several nodes it listens once for each of them and plays their parts: it names them all in
 * metadata, and each listener serves only what its node leads. Thread-safe. */
#ifndef TESTKIT_LEADERS_H
#define TESTKIT_LEADERS_H

#include "broker/call.h"

struct leaders;

struct leaders *leaders_new(void);
void leaders_free(struct leaders *l);

/* Any thread. Nodes count from 1, which leads whatever was not moved. */
void leaders_move(struct leaders *l, struct str topic, int32_t partition, int32_t node);
/* While it is away, nobody leads the partition. */
void leaders_set_away(struct leaders *l, struct str topic, int32_t partition, bool is_away);

/* In the call's worker. The error for a request that the node of its listener must not serve, as a
 * whole; changes what the request says of leader epochs. */
must_check enum err leaders_judge(struct leaders *l, struct call *c, const void *request);
/* Makes the response say what it would in a cluster of these nodes. */
void leaders_play(struct leaders *l, struct call *c, void *response);

#endif
