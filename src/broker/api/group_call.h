/* What the APIs of groups share: tasks for the group coordinator, one or many for a call, and the
 * answer when all have come back. */
#ifndef BROKER_API_GROUP_CALL_H
#define BROKER_API_GROUP_CALL_H

#include "broker/api/api.h"
#include "broker/coordinator.h"

struct group_fan;

struct group_part {
    struct coord_task task;
    struct group_fan *fan;
};

struct group_fan {
    struct call *call;
    const void *request;
    struct group_part *parts;
    int32_t count, left;
    void (*done)(struct group_fan *f); /* on the call's loop */
};

/* NULL: there was no room, and the call is ended. */
struct group_fan *group_fan_new(struct call *c, const void *request, int32_t count);

/* Fills in part i: a request about that group. */
void group_fan_ask(struct group_fan *f, int32_t i, enum group_op op, const void *msg);
/* ... and sends it to the partition of this group. */
void group_fan_to(struct group_fan *f, int32_t i, struct str group);

/* Sends all parts; done runs when they are back, at once if there are none. From here on until then
 * the call's arena is not the worker's. */
void group_fan_go(struct group_fan *f, void (*done)(struct group_fan *f));

static inline void *group_fan_resp(const struct group_fan *f, int32_t i)
{
    return f->parts[i].task.req.resp;
}

/* Whether there is a response to every part; else the call is ended. */
must_check bool group_fan_has_all(struct group_fan *f);

/* What everybody may do to a group while nothing is forbidden: bits at the numbers of Kafka's ACL
 * operations. */
enum { API_ALL_GROUP_OPERATIONS = 0xd48 };

#endif
