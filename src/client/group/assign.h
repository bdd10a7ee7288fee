/* Assignors: which member of a group reads which partition. Each is a function of its input alone,
 * so that every member computes the same; range and roundrobin give what Java's give. Pure. */
#ifndef CLIENT_GROUP_ASSIGN_H
#define CLIENT_GROUP_ASSIGN_H

#include "base/arena.h"
#include "base/err.h"

enum { ASSIGN_RACKS_MAX = 64 };

struct assign_topic {
    struct str name;
    int32_t partition_count;
    size_t first; /* number of its partition 0 among all partitions */
};

struct assign_member {
    struct str id;
    struct str instance_id; /* null: dynamic */
    int rack;               /* -1: none */
    int32_t *topics;        /* it subscribes to: indexes, ascending */
    size_t topic_count;
    size_t *owned; /* what it says that it has: numbers among all partitions */
    size_t owned_count;
    int32_t generation; /* when it had that; -1: not told */
};

struct assign_input {
    struct assign_topic *topics; /* in the order of their names */
    size_t topic_count;
    size_t partition_count;
    uint64_t *racks; /* a bit for each rack that has a replica, a partition each; NULL: not known */
    struct assign_member *members; /* by assign_sort */
    size_t member_count;
};

/* Static members by their instance ids, then the others by their ids. */
void assign_sort(struct assign_input *in);

bool assign_subscribes(const struct assign_member *m, int32_t topic);

enum assignor_id { ASSIGN_RANGE, ASSIGN_ROUNDROBIN, ASSIGN_STICKY, ASSIGN_COOPERATIVE_STICKY };

struct assignor {
    enum assignor_id id;
    const char *name;       /* in the protocol, and in settings */
    const char *java_class; /* in settings, too */
    bool is_cooperative;    /* members keep what they have while they join */
    /* owner: partition_count elements; gets a member's index, or -1. BUDGET, NO_MEMORY. */
    enum err (*assign)(const struct assign_input *in, struct arena *a, int32_t *owner);
};

/* NULL: there is none of that name or class. */
const struct assignor *assignor_find(struct str name);

enum err assign_range(const struct assign_input *in, struct arena *a, int32_t *owner);
enum err assign_roundrobin(const struct assign_input *in, struct arena *a, int32_t *owner);
enum err assign_sticky(const struct assign_input *in, struct arena *a, int32_t *owner);
enum err assign_cooperative(const struct assign_input *in, struct arena *a, int32_t *owner);

#endif
