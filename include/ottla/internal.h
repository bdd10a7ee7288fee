/* libottla: what the records of a cluster's internal topics say. Included by ottla/client.h. */
#ifndef OTTLA_CLIENT_H
#include <ottla/client.h> /* which includes this in its place */
#endif
#ifndef OTTLA_INTERNAL_H
#define OTTLA_INTERNAL_H

enum ottla_internal {
    OTTLA_INTERNAL_OFFSETS,      /* __consumer_offsets: committed offsets */
    OTTLA_INTERNAL_GROUPS,       /* __consumer_offsets: classic groups */
    OTTLA_INTERNAL_SHARE_GROUPS, /* __consumer_offsets: share groups */
    OTTLA_INTERNAL_TRANSACTIONS, /* __transaction_state */
    OTTLA_INTERNAL_SHARE_STATE,  /* __share_group_state */
};

/* A record of one of these kinds as JSON, with the names that Apache Kafka gives its fields:
 * {"key":{"type":1,"data":{...}},"value":{"version":4,"data":{...}}}; a deleted one has the value
 * null. ret_json is NULL for a record of another kind. Errors: CORRUPT_MESSAGE for bytes that are
 * none, UNSUPPORTED_VERSION. Free the text with ottla_text_free. */
OTTLA_API int ottla_internal_json(enum ottla_internal kind, const struct ottla_record *record,
                                  char **ret_json, struct ottla_error *error);

OTTLA_API void ottla_text_free(char *text); /* NULL is fine */

#endif
