/* Tells the controller in which data directory the partitions of this broker lie, where the
 * metadata says another: after a move, and once at the start. The controller's thread. */
#ifndef BROKER_STORAGE_PLACED_H
#define BROKER_STORAGE_PLACED_H

#include "broker/controller.h"
#include "broker/metacache.h"
#include "broker/topics.h"

struct placed {
    struct controller *controller;
    struct topic_table *topics;
    struct metacache *metacache;
    struct loop *loop; /* the controller's */
    struct clock *clock;
    int32_t node_id;
    struct timer timer;
    bool is_due, wants_more;
    struct telling *current; /* under way; NULL: none */
};

void placed_deinit(struct placed *p); /* before the loop goes */

/* Compares all, and asks for what differs; when it was asked before, again behind that. */
void placed_tell(struct placed *p);
/* Soon, once for all that comes until then. */
void placed_tell_later(struct placed *p);

#endif
