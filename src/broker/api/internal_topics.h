/* Topics that only brokers write: how they are made when somebody needs them. */
#ifndef BROKER_API_INTERNAL_TOPICS_H
#define BROKER_API_INTERNAL_TOPICS_H

#include "broker/api/api.h"

/* What to ask of the controller for a topic that is made on the way: an internal one has its own
 * partitions, replicas and settings, any other the defaults. False without room. */
must_check bool api_new_topic(struct call *c, struct str name,
                              struct create_topics_req_creatable_topic *ret_topic);

#endif
