/* CreateTopics, DeleteTopics, CreatePartitions: to the controller and back. */
#include "broker/api/api.h"

static void refuse_create_topics(struct call *c, const void *request, enum err e)
{
    const struct create_topics_req *req = request;
    struct create_topics_resp resp = create_topics_resp_default;
    resp.topics =
        CALL_ARRAY(c, struct create_topics_resp_creatable_topic_result, req->topics_count);
    resp.topics_count = resp.topics ? req->topics_count : 0;
    for (int32_t i = 0; i < resp.topics_count; i++) {
        resp.topics[i] = create_topics_resp_creatable_topic_result_default;
        resp.topics[i].name = req->topics[i].name;
        resp.topics[i].error_code = api_error(e);
    }
    call_reply(c, &resp);
}

void api_create_topics(struct call *c, const void *request)
{
    api_forward(c, request, &(struct api_forwarded){.refuse = refuse_create_topics});
}

static void refuse_delete_topics(struct call *c, const void *request, enum err e)
{
    const struct delete_topics_req *req = request;
    struct delete_topics_resp resp = delete_topics_resp_default;
    int32_t count = MAX(req->topics_count, 0) + MAX(req->topic_names_count, 0);
    resp.responses = CALL_ARRAY(c, struct delete_topics_resp_deletable_topic_result, count);
    resp.responses_count = resp.responses ? count : 0;
    for (int32_t i = 0; i < resp.responses_count; i++) {
        struct delete_topics_resp_deletable_topic_result *out = &resp.responses[i];
        *out = delete_topics_resp_deletable_topic_result_default;
        out->error_code = api_error(e);
        if (call_version(c) >= 6) {
            out->name = req->topics[i].name;
            out->topic_id = req->topics[i].topic_id;
        } else {
            out->name = req->topic_names[i];
        }
    }
    call_reply(c, &resp);
}

void api_delete_topics(struct call *c, const void *request)
{
    api_forward(c, request, &(struct api_forwarded){.refuse = refuse_delete_topics});
}

static void refuse_create_partitions(struct call *c, const void *request, enum err e)
{
    const struct create_partitions_req *req = request;
    struct create_partitions_resp resp = create_partitions_resp_default;
    resp.results = CALL_ARRAY(c, struct create_partitions_resp_create_partitions_topic_result,
                              req->topics_count);
    resp.results_count = resp.results ? req->topics_count : 0;
    for (int32_t i = 0; i < resp.results_count; i++) {
        resp.results[i] = create_partitions_resp_create_partitions_topic_result_default;
        resp.results[i].name = req->topics[i].name;
        resp.results[i].error_code = api_error(e);
    }
    call_reply(c, &resp);
}

void api_create_partitions(struct call *c, const void *request)
{
    api_forward(c, request, &(struct api_forwarded){.refuse = refuse_create_partitions});
}
