/* Filling in. Pure. */
#include "test/sim/asks.h"

enum { TIMEOUT_MS = 1000 };

const struct create_topics_req *ask_create(struct ask_create *room, const char *topic, int parts)
{
    room->topic = create_topics_req_creatable_topic_default;
    room->topic.name = str_from(topic);
    room->topic.num_partitions = parts;
    room->topic.replication_factor = 1;
    room->req = create_topics_req_default;
    room->req.topics = &room->topic;
    room->req.topics_count = 1;
    return &room->req;
}

const struct produce_req *ask_produce(struct ask_produce *room, struct ask_part at,
                                      struct bytes batch)
{
    room->part = produce_req_partition_produce_data_default;
    room->part.index = at.part;
    room->part.records = (struct wire_records){.p = batch.p, .len = batch.len};
    room->topic = produce_req_topic_produce_data_default;
    room->topic.name = str_from(at.topic);
    room->topic.partition_data = &room->part;
    room->topic.partition_data_count = 1;
    room->req = produce_req_default;
    room->req.transactional_id = STR_NULL;
    room->req.acks = -1;
    room->req.timeout_ms = TIMEOUT_MS;
    room->req.topic_data = &room->topic;
    room->req.topic_data_count = 1;
    return &room->req;
}

const struct offset_commit_req *ask_commit(struct ask_commit *room, const char *group,
                                           struct ask_part at, int64_t off)
{
    room->part = offset_commit_req_offset_commit_request_partition_default;
    room->part.partition_index = at.part;
    room->part.committed_offset = off;
    room->topic = offset_commit_req_offset_commit_request_topic_default;
    room->topic.name = str_from(at.topic);
    room->topic.partitions = &room->part;
    room->topic.partitions_count = 1;
    room->req = offset_commit_req_default;
    room->req.group_id = str_from(group);
    room->req.generation_id_or_member_epoch = -1;
    room->req.topics = &room->topic;
    room->req.topics_count = 1;
    return &room->req;
}

const struct offset_fetch_req *ask_committed(struct ask_committed *room, const char *group,
                                             struct ask_part at)
{
    room->part = at.part;
    room->topic = offset_fetch_req_offset_fetch_request_topic_default;
    room->topic.name = str_from(at.topic);
    room->topic.partition_indexes = &room->part;
    room->topic.partition_indexes_count = 1;
    room->req = offset_fetch_req_default;
    room->req.group_id = str_from(group);
    room->req.topics = &room->topic;
    room->req.topics_count = 1;
    return &room->req;
}
