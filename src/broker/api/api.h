/* Handlers, one for each row of def/api.def, and what they share. */
#ifndef BROKER_API_API_H
#define BROKER_API_API_H

#include "broker/call.h"
#include "meta/image.h"

#define X(name, handler, min, max, flags) void handler(struct call *c, const void *request);
#include "def/api.def"
#undef X

/* What everybody may do to a topic or the cluster while nothing is forbidden: bits at the numbers
 * of Kafka's ACL operations. */
enum { API_ALL_TOPIC_OPERATIONS = 0xdf8, API_ALL_CLUSTER_OPERATIONS = 0x1fa0 };

/* What a peer is told for e: Kafka's own codes pass, ours become the nearest of Kafka's. */
int16_t api_error(enum err e);

/* A request that the controller answers. */
struct api_forwarded {
    /* ends the call when the request as a whole was refused */
    void (*refuse)(struct call *c, const void *request, enum err e);
    /* fills in what this broker answers for itself; NULL: nothing */
    void (*amend)(struct call *c, const void *request, void *response);
};

/* Sends the call to the controller and ends it when it comes back. Its API has API_OUTLIVES_FRAME.
 */
void api_forward(struct call *c, const void *request, const struct api_forwarded *how);

/* Whether it is a topic that only brokers write (__consumer_offsets, __transaction_state,
 * __share_group_state). */
bool api_is_internal_topic(struct str name);

/* The ids that an image has, for a response: all of them, or those of brokers that are gone or
 * fenced. False when there is no room. */
must_check bool api_copy_ids(struct call *c, struct ids ids, int32_t **ret_v, int32_t *ret_count);
must_check bool api_copy_offline(struct call *c, const struct image *img, struct ids replicas,
                                 int32_t **ret_v, int32_t *ret_count);

/* An array of *cap items moves to one of twice as many. NULL, and nothing has changed, when there
 * is no room. */
must_check void *api_grow(struct call *c, const void *v, size_t item_bytes, int32_t *cap);

/* A copy in the call's arena: for what outlives the frame. Ends the call and returns false when
 * there is no room. */
must_check bool api_keep_str(struct call *c, struct str *s);

#endif
