/* Changes that are acknowledged hold, at once and after any restart. */
#include "test/sim/meddler.h"

#include "base/diag.h"
#include "record/batch.h"
#include "record/record.h"
#include "test/sim/asks.h"

static const char scratch_name[] = "scratch";
static const char *const dirs[] = {"data", "data2"};

void meddler_init(struct meddler *m, struct net *net, int port, const char *topic, int parts)
{
    *m = (struct meddler){
        .topic = topic, .parts = parts, .broker_stamps = MEDDLER_OFF, .has_scratch = MEDDLER_OFF};
    sim_client_init(&m->client, net, port);
}

void meddler_deinit(struct meddler *m) { sim_client_deinit(&m->client); }

/* --- requests --- */

static void move(struct meddler *m, struct rand *r)
{
    int32_t part = (int32_t)rand_below(r, (uint64_t)m->parts);
    struct alter_replica_log_dirs_req_alter_replica_log_dir_topic t = {str_from(m->topic), &part,
                                                                       1};
    struct alter_replica_log_dirs_req_alter_replica_log_dir d = {
        str_from(dirs[rand_below(r, ARRAY_LEN(dirs))]), &t, 1};
    struct alter_replica_log_dirs_req req = {&d, 1};
    sim_client_call(&m->client, API_ALTER_REPLICA_LOG_DIRS, 2, &req);
}

static void set_stamps(struct meddler *m, bool by_broker)
{
    struct incremental_alter_configs_req_alterable_config c =
        incremental_alter_configs_req_alterable_config_default;
    struct incremental_alter_configs_req_alter_configs_resource res =
        incremental_alter_configs_req_alter_configs_resource_default;
    struct incremental_alter_configs_req req = incremental_alter_configs_req_default;
    c.name = STR("message.timestamp.type");
    c.value = by_broker ? STR("LogAppendTime") : STR("CreateTime");
    res.resource_type = 2; /* a topic */
    res.resource_name = str_from(m->topic);
    res.configs = &c;
    res.configs_count = 1;
    req.resources = &res;
    req.resources_count = 1;
    m->has_asked_on = by_broker;
    m->broker_stamps = MEDDLER_UNKNOWN;
    m->stamp_changes++;
    sim_client_call(&m->client, API_INCREMENTAL_ALTER_CONFIGS, 1, &req);
}

static void make_scratch(struct meddler *m)
{
    struct ask_create a;
    m->is_scratch_new = m->has_scratch == MEDDLER_OFF;
    m->has_scratch = MEDDLER_UNKNOWN;
    sim_client_call(&m->client, API_CREATE_TOPICS, 5, ask_create(&a, scratch_name, 1));
}

static void delete_scratch(struct meddler *m)
{
    struct str name = str_from(scratch_name);
    struct delete_topics_req req = delete_topics_req_default;
    req.topic_names = &name;
    req.topic_names_count = 1;
    req.timeout_ms = 1000;
    m->has_scratch = MEDDLER_UNKNOWN;
    sim_client_call(&m->client, API_DELETE_TOPICS, 4, &req);
}

static void look_for_scratch(struct meddler *m)
{
    struct metadata_req_metadata_request_topic t = metadata_req_metadata_request_topic_default;
    struct metadata_req req = metadata_req_default;
    t.name = str_from(scratch_name);
    req.topics = &t;
    req.topics_count = 1;
    req.allow_auto_topic_creation = false;
    sim_client_call(&m->client, API_METADATA, 5, &req);
}

static void write_scratch(struct meddler *m)
{
    struct buf bytes = BUF_INIT;
    struct batch head = {
        .leader_epoch = -1, .producer_id = -1, .producer_epoch = -1, .base_seq = -1};
    struct record rec = {.value = {(const uint8_t *)"x", 1}};
    struct batch_builder bb;
    struct ask_produce a;
    m->is_first_write = m->is_scratch_new;
    m->is_scratch_new = false; /* whatever comes of it */
    batch_builder_init(&bb, &bytes, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    batch_builder_add(&bb, &rec);
    if (batch_builder_finish(&bb) == OK) {
        sim_client_call(&m->client, API_PRODUCE, 9,
                        ask_produce(&a, (struct ask_part){scratch_name, 0}, buf_bytes(&bytes)));
    }
    batch_builder_deinit(&bb);
    buf_deinit(&bytes);
}

static void send_next(struct meddler *m, struct rand *r)
{
    switch (rand_below(r, 8)) {
    case 0:
        move(m, r);
        return;
    case 1:
        set_stamps(m, rand_one_in(r, 2));
        return;
    case 2:
    case 3:
        make_scratch(m);
        return;
    case 4:
        delete_scratch(m);
        return;
    case 5:
        write_scratch(m);
        return;
    default:
        look_for_scratch(m);
        return;
    }
}

/* --- answers --- */

static void tell(const char *what, enum err e)
{
    diag_debug(DIAG_ROOT, "the meddler %s: %s", what, err_name(e));
}

static void on_stamps_set(struct meddler *m, enum err e)
{
    m->stamp_changes++;
    tell(m->has_asked_on ? "has LogAppendTime" : "has CreateTime", e);
    if (!e) {
        m->broker_stamps = m->has_asked_on ? MEDDLER_ON : MEDDLER_OFF;
        m->acked_count++;
    }
}

static void on_made(struct meddler *m, enum err e)
{
    bool is_there = !e || e == ERR_TOPIC_ALREADY_EXISTS;
    tell("makes its topic", e);
    m->has_scratch = is_there ? MEDDLER_ON : MEDDLER_UNKNOWN;
    m->is_scratch_new = m->is_scratch_new && !e;
    m->acked_count += !e;
}

static void on_deleted(struct meddler *m, enum err e)
{
    bool is_gone = !e || e == ERR_UNKNOWN_TOPIC_OR_PARTITION;
    tell("deletes its topic", e);
    m->has_scratch = is_gone ? MEDDLER_OFF : MEDDLER_UNKNOWN;
    m->acked_count += !e;
}

static bool on_looked(struct meddler *m, enum err e, struct buf *why)
{
    if (m->has_scratch == MEDDLER_ON && e == ERR_UNKNOWN_TOPIC_OR_PARTITION) {
        buf_printf(why, "a topic that was made is gone");
    } else if (m->has_scratch == MEDDLER_OFF && !e) {
        buf_printf(why, "a topic that was deleted is back");
    }
    return why->len == 0;
}

static bool on_written(struct meddler *m, const struct produce_resp_partition_produce_response *p,
                       struct buf *why)
{
    enum err e = (enum err)p->error_code;
    tell("writes to its topic", e);
    if (!e && m->is_first_write && m->has_scratch == MEDDLER_ON && p->base_offset != 0) {
        buf_printf(why, "the first record of a new topic is at %lld", (long long)p->base_offset);
        return false;
    }
    return true;
}

bool meddler_step(struct meddler *m, struct rand *r, struct buf *why)
{
    union {
        struct alter_replica_log_dirs_resp moved;
        struct incremental_alter_configs_resp set;
        struct create_topics_resp made;
        struct delete_topics_resp deleted;
        struct metadata_resp metadata;
        struct produce_resp written;
    } resp;
    if (!m->client.is_waiting) {
        send_next(m, r);
    }
    int api_key = m->client.head.api_key;
    if (sim_client_poll(&m->client, &resp) != SIM_ANSWER) {
        return true;
    }
    switch (api_key) {
    case API_INCREMENTAL_ALTER_CONFIGS:
        on_stamps_set(m, (enum err)resp.set.responses[0].error_code);
        return true;
    case API_CREATE_TOPICS:
        on_made(m, (enum err)resp.made.topics[0].error_code);
        return true;
    case API_DELETE_TOPICS:
        on_deleted(m, (enum err)resp.deleted.responses[0].error_code);
        return true;
    case API_METADATA:
        return on_looked(m, (enum err)resp.metadata.topics[0].error_code, why);
    case API_PRODUCE:
        return on_written(m, &resp.written.responses[0].partition_responses[0], why);
    default:
        return true; /* moved, or not: the records tell */
    }
}
