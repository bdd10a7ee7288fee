/* OffsetForLeaderEpoch (KIP-101, 279, 320): where an epoch ended. */
#include "broker/api/api.h"

static void do_partition(struct call *c, struct str topic,
                         const struct offset_for_leader_epoch_req_offset_for_leader_partition *in,
                         struct offset_for_leader_epoch_resp_epoch_end_offset *out)
{
    struct partition *p;
    struct partition_view v;
    *out = offset_for_leader_epoch_resp_epoch_end_offset_default;
    out->partition = in->partition;
    enum err e = topic_table_find(&c->broker->topics, topic, in->partition, &p);
    if (!e) {
        partition_view(p, &v);
        e = v.offline ? v.offline : partition_check_epoch(&v, in->current_leader_epoch);
        if (!e) {
            partition_epoch_end(p, &v, in->leader_epoch, &out->leader_epoch, &out->end_offset);
        }
        partition_unref(p);
    }
    out->error_code = api_error(e);
}

static bool do_topic(struct call *c,
                     const struct offset_for_leader_epoch_req_offset_for_leader_topic *in,
                     struct offset_for_leader_epoch_resp_offset_for_leader_topic_result *out)
{
    out->topic = in->topic;
    out->partitions_count = in->partitions_count;
    out->partitions =
        CALL_ARRAY(c, struct offset_for_leader_epoch_resp_epoch_end_offset, in->partitions_count);
    if (out->partitions == NULL) {
        return false;
    }
    for (int32_t i = 0; i < in->partitions_count; i++) {
        do_partition(c, in->topic, &in->partitions[i], &out->partitions[i]);
    }
    return true;
}

void api_offset_for_leader_epoch(struct call *c, const void *request)
{
    const struct offset_for_leader_epoch_req *req = request;
    struct offset_for_leader_epoch_resp resp = offset_for_leader_epoch_resp_default;
    resp.topics_count = req->topics_count;
    resp.topics = CALL_ARRAY(c, struct offset_for_leader_epoch_resp_offset_for_leader_topic_result,
                             req->topics_count);
    bool has_room = resp.topics != NULL;
    for (int32_t t = 0; has_room && t < req->topics_count; t++) {
        has_room = do_topic(c, &req->topics[t], &resp.topics[t]);
    }
    call_reply(c, has_room ? &resp : NULL);
}
