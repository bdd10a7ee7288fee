/* Requests as the simulated clients make them: what is asked of one partition, with the arrays that
 * lead to it. Each fills in what is given and returns the request, which points into *room. */
#ifndef TEST_SIM_ASKS_H
#define TEST_SIM_ASKS_H

#include "wire/messages.h"

/* A partition of a topic. */
struct ask_part {
    const char *topic;
    int part;
};

struct ask_create {
    struct create_topics_req req;
    struct create_topics_req_creatable_topic topic;
};
const struct create_topics_req *ask_create(struct ask_create *room, const char *topic, int parts);

/* acks=all. */
struct ask_produce {
    struct produce_req req;
    struct produce_req_topic_produce_data topic;
    struct produce_req_partition_produce_data part;
};
const struct produce_req *ask_produce(struct ask_produce *room, struct ask_part at,
                                      struct bytes batch);

/* By nobody in particular: outside of a generation. */
struct ask_commit {
    struct offset_commit_req req;
    struct offset_commit_req_offset_commit_request_topic topic;
    struct offset_commit_req_offset_commit_request_partition part;
};
const struct offset_commit_req *ask_commit(struct ask_commit *room, const char *group,
                                           struct ask_part at, int64_t off);

struct ask_committed {
    struct offset_fetch_req req;
    struct offset_fetch_req_offset_fetch_request_topic topic;
    int32_t part;
};
const struct offset_fetch_req *ask_committed(struct ask_committed *room, const char *group,
                                             struct ask_part at);

#endif
