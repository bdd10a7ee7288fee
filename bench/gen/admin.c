/* Topics: created, found, deleted. */
#include "gen.h"

#include "base/mem.h"

#include <stdio.h>
#include <unistd.h>

enum {
    LIST_OFFSETS = 2,
    FIND_COORDINATOR = 10,
    METADATA = 3,
    OFFSET_FETCH = 9,
    CREATE_TOPICS = 19,
    DELETE_TOPICS = 20,
    TRIES = 3000,
    PAUSE_US = 10000,
    LATEST = -1
};

static struct str topic_name(const struct options *o) { return str_from(o->topic); }

static void check(const char *what, const char *topic, int code)
{
    if (code != 0) {
        die("%s %s: %s", what, topic, err_name((enum err)code));
    }
}

int admin_create(const struct options *o)
{
    struct peer p;
    struct create_topics_req req = create_topics_req_default;
    struct create_topics_resp resp;
    struct create_topics_req_creatable_topic topic = create_topics_req_creatable_topic_default;
    struct create_topics_req_creatable_topic_config configs[GEN_CONFIGS_MAX];
    for (int i = 0; i < o->config_count; i++) {
        struct str s = o->configs[i];
        size_t eq = str_find(s, '=');
        configs[i] = create_topics_req_creatable_topic_config_default;
        configs[i].name = str_sub(s, 0, eq);
        configs[i].value = str_sub(s, eq + 1, s.len - eq - 1);
    }
    topic.name = topic_name(o);
    topic.num_partitions = o->partitions;
    topic.replication_factor = 1;
    topic.configs = configs;
    topic.configs_count = o->config_count;
    req.topics = &topic;
    req.topics_count = 1;
    peer_open(&p, o);
    double begin_s = mono_s();
    peer_call(&p, CREATE_TOPICS, &req, &resp);
    check("create", o->topic, resp.topics_count == 1 ? resp.topics[0].error_code : -1);
    double created_s = mono_s();
    int64_t *end_offs = mem_zalloc(sizeof *end_offs * (size_t)o->partitions);
    (void)admin_find(&p, o, end_offs);
    mem_free(end_offs);
    printf("{\"created_s\": %.6f, \"ready_s\": %.6f}\n", created_s - begin_s, mono_s() - begin_s);
    return 0;
}

int admin_delete(const struct options *o)
{
    struct peer p;
    struct delete_topics_req req = delete_topics_req_default;
    struct delete_topics_resp resp;
    struct delete_topics_req_delete_topic_state topic =
        delete_topics_req_delete_topic_state_default;
    struct str name = topic_name(o);
    peer_open(&p, o);
    if (peer_version(&p, DELETE_TOPICS) >= 6) {
        topic.name = name;
        req.topics = &topic;
        req.topics_count = 1;
    } else {
        req.topic_names = &name;
        req.topic_names_count = 1;
    }
    req.timeout_ms = 30000;
    peer_call(&p, DELETE_TOPICS, &req, &resp);
    check("delete", o->topic, resp.responses_count == 1 ? resp.responses[0].error_code : -1);
    printf("{}\n");
    return 0;
}

static bool is_ready(const struct metadata_resp_metadata_response_topic *t, const struct options *o)
{
    if (t->error_code != 0 || t->partitions_count != o->partitions) {
        return false;
    }
    for (int32_t i = 0; i < t->partitions_count; i++) {
        if (t->partitions[i].error_code != 0 || t->partitions[i].leader_id < 0) {
            return false;
        }
    }
    return true;
}

static struct uuid topic_id(struct peer *p, const struct options *o)
{
    struct metadata_req req = metadata_req_default;
    struct metadata_resp resp;
    struct metadata_req_metadata_request_topic topic = metadata_req_metadata_request_topic_default;
    topic.name = topic_name(o);
    req.topics = &topic;
    req.topics_count = 1;
    req.allow_auto_topic_creation = false;
    for (int i = 0; i < TRIES; i++) {
        peer_call(p, METADATA, &req, &resp);
        if (resp.topics_count == 1 && is_ready(&resp.topics[0], o)) {
            return resp.topics[0].topic_id;
        }
        usleep(PAUSE_US);
    }
    die("topic %s with %d partitions does not come up", o->topic, o->partitions);
}

/* Kafka knows a leader some moments before the leader knows itself. */
static bool end_offsets(struct peer *p, const struct options *o, int64_t *ret_end_offs)
{
    struct list_offsets_req req = list_offsets_req_default;
    struct list_offsets_resp resp;
    struct list_offsets_req_list_offsets_topic topic = list_offsets_req_list_offsets_topic_default;
    struct list_offsets_req_list_offsets_partition *parts =
        mem_zalloc(sizeof *parts * (size_t)o->partitions);
    for (int i = 0; i < o->partitions; i++) {
        parts[i] = list_offsets_req_list_offsets_partition_default;
        parts[i].partition_index = i;
        parts[i].timestamp = LATEST;
    }
    topic.name = topic_name(o);
    topic.partitions = parts;
    topic.partitions_count = o->partitions;
    req.replica_id = -1;
    req.topics = &topic;
    req.topics_count = 1;
    peer_call(p, LIST_OFFSETS, &req, &resp);
    mem_free(parts);
    for (int i = 0; i < o->partitions; i++) {
        const struct list_offsets_resp_list_offsets_partition_response *r =
            &resp.topics[0].partitions[i];
        if (r->error_code != 0) {
            return false;
        }
        ret_end_offs[r->partition_index] = r->offset;
    }
    return true;
}

struct uuid admin_find(struct peer *p, const struct options *o, int64_t *ret_end_offs)
{
    struct uuid id = topic_id(p, o);
    for (int i = 0; i < TRIES; i++) {
        if (end_offsets(p, o, ret_end_offs)) {
            return id;
        }
        usleep(PAUSE_US);
    }
    die("topic %s has no leaders", o->topic);
}

int admin_print_found(const struct options *o)
{
    struct peer p;
    int64_t *end_offs = mem_zalloc(sizeof *end_offs * (size_t)o->partitions);
    int64_t sum = 0;
    double begin_s = mono_s();
    peer_open(&p, o);
    (void)admin_find(&p, o, end_offs);
    for (int i = 0; i < o->partitions; i++) {
        sum += end_offs[i];
    }
    mem_free(end_offs);
    printf("{\"records\": %lld, \"seconds\": %.6f, \"rss_kib\": %ld}\n", (long long)sum,
           mono_s() - begin_s, meter_kib(o->pid, "VmRSS"));
    return 0;
}

static int coordinator_error(struct peer *p, struct str group)
{
    struct find_coordinator_req req = find_coordinator_req_default;
    struct find_coordinator_resp resp;
    if (peer_version(p, FIND_COORDINATOR) < 4) {
        req.key = group;
    } else {
        req.coordinator_keys = &group;
        req.coordinator_keys_count = 1;
    }
    peer_call(p, FIND_COORDINATOR, &req, &resp);
    return resp.coordinators_count == 1 ? resp.coordinators[0].error_code : resp.error_code;
}

/* It may be found before it has read its log: whoever has a committed offset asked for is told. */
static int load_error(struct peer *p, struct str group)
{
    struct offset_fetch_req req = offset_fetch_req_default;
    struct offset_fetch_req_offset_fetch_request_group of =
        offset_fetch_req_offset_fetch_request_group_default;
    struct offset_fetch_resp resp;
    of.group_id = group;
    of.topics = NULL; /* all */
    req.groups = &of;
    req.groups_count = 1;
    peer_call(p, OFFSET_FETCH, &req, &resp);
    return resp.groups_count == 1 ? resp.groups[0].error_code : resp.error_code;
}

void find_coordinator(struct peer *p, struct str group)
{
    for (int i = 0; i < TRIES; i++) {
        if (coordinator_error(p, group) == 0 && load_error(p, group) == 0) {
            return;
        }
        usleep(PAUSE_US);
    }
    die("group %.*s has no coordinator", (int)group.len, group.p);
}
