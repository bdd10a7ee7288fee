/* What members of a consumer group tell each other inside of JoinGroup and SyncGroup: subscriptions
 * and assignments, in Java's format, and the sticky assignor's memory. Pure. */
#ifndef CLIENT_GROUP_PROTOCOL_H
#define CLIENT_GROUP_PROTOCOL_H

#include "client/tps.h"
#include "wire/messages.h"

typedef struct consumer_protocol_subscription_topic_partition protocol_owned;

/* Any version, newer ones as far as they are known. Views into in; arrays in a. */
enum err protocol_read_subscription(struct bytes in, struct arena *a,
                                    struct consumer_protocol_subscription *ret);
enum err protocol_read_assignment(struct bytes in, struct arena *a, struct tps *ret);
/* What a member of the sticky assignor had, and since which generation (-1: not told). */
enum err protocol_read_sticky(struct bytes in, struct arena *a, protocol_owned **ret,
                              int32_t *ret_count, int32_t *ret_generation);

/* Lists are sorted. A failure is no memory: it sticks to out. */
void protocol_write_subscription(struct buf *out, const struct consumer_protocol_subscription *s);
void protocol_write_partitions(struct buf *out, const struct tps *t); /* []Topic string, []int32 */
void protocol_write_sticky(struct buf *out, const struct tps *t, int32_t generation);

#endif
