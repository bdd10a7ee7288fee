/* DeleteRecords: moves the start of a log forward. */
#include "broker/api/api.h"

enum { INVALID_LOW_WATERMARK = -1 };

static void do_partition(struct call *c, struct str topic,
                         const struct delete_records_req_delete_records_partition *in,
                         struct delete_records_resp_delete_records_partition_result *out)
{
    struct partition *p;
    out->partition_index = in->partition_index;
    out->low_watermark = INVALID_LOW_WATERMARK;
    enum err e = api_is_internal_topic(topic)
                     ? ERR_INVALID_TOPIC_EXCEPTION
                     : topic_table_find(&c->broker->topics, topic, in->partition_index, &p);
    if (!e) {
        e = partition_delete_records(p, in->offset, &out->low_watermark);
        partition_unref(p);
    }
    if (e) {
        out->low_watermark = INVALID_LOW_WATERMARK;
    }
    out->error_code = api_error(e);
}

static bool do_topic(struct call *c, const struct delete_records_req_delete_records_topic *in,
                     struct delete_records_resp_delete_records_topic_result *out)
{
    out->name = in->name;
    out->partitions_count = in->partitions_count;
    out->partitions = CALL_ARRAY(c, struct delete_records_resp_delete_records_partition_result,
                                 in->partitions_count);
    if (out->partitions == NULL) {
        return false;
    }
    for (int32_t i = 0; i < in->partitions_count; i++) {
        do_partition(c, in->name, &in->partitions[i], &out->partitions[i]);
    }
    return true;
}

void api_delete_records(struct call *c, const void *request)
{
    const struct delete_records_req *req = request;
    struct delete_records_resp resp = delete_records_resp_default;
    resp.topics_count = req->topics_count;
    resp.topics =
        CALL_ARRAY(c, struct delete_records_resp_delete_records_topic_result, req->topics_count);
    bool has_room = resp.topics != NULL;
    for (int32_t t = 0; has_room && t < req->topics_count; t++) {
        has_room = do_topic(c, &req->topics[t], &resp.topics[t]);
    }
    call_reply(c, has_room ? &resp : NULL);
}
