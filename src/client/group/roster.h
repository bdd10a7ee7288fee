/* A group as its leader sees it: who is in it, what they want, and what each of them gets. Pure. */
#ifndef CLIENT_GROUP_ROSTER_H
#define CLIENT_GROUP_ROSTER_H

#include "client/group/assign.h"
#include "client/group/protocol.h"

struct roster_member {
    struct str id, instance_id, rack; /* the last two may be null */
    struct str *topics;
    int32_t topics_count;
    protocol_owned *owned;
    int32_t owned_count;
    int32_t generation;
};

struct roster {
    const struct assignor *assignor;
    struct arena arena;
    struct roster_member *members;
    size_t count;
    struct str *topics; /* that anybody wants, in the order of their names */
    size_t topic_count;
};

/* Takes a copy of what JoinGroup's answer says. A subscription that cannot be read wants nothing.
 */
enum err roster_init(struct roster *r, const struct assignor *assignor,
                     const struct join_group_resp *resp);
void roster_deinit(struct roster *r);

/* What each member gets, for SyncGroup, in a; topics that meta does not know go to nobody. ret has
 * r->count elements. */
enum err roster_assign(const struct roster *r, const struct metadata_resp *meta, struct arena *a,
                       struct sync_group_req_sync_group_request_assignment **ret);

#endif
