/* client_admin BOOTSTRAP SCENE: one scene of administration through the public header alone. Exit 1
 * and a line at the first thing that is not as it should be. */
#include "client_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ottla_client *client;

#define ROW_OK(row)                                                                                \
    do {                                                                                           \
        error.code = (row)->error;                                                                 \
        CHECK((row)->error == 0 && (row)->message == NULL);                                        \
    } while (0)

static const struct ottla_topic *find_topic(const struct ottla_topics *topics, const char *name)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (strcmp(topics->rows[i]->name, name) == 0) {
            return topics->rows[i];
        }
    }
    return NULL;
}

/* Apache Kafka says that a thing is done before all of it knows. */
#define UNTIL(expr)                                                                                \
    for (int tries_ = 0; !(expr); tries_++) {                                                      \
        CHECK(tries_ < 6000 && "in time: " #expr);                                                 \
        usleep(10000);                                                                             \
    }

static bool is_ready(const char *name, int partitions)
{
    struct ottla_topics *topics;
    OK(ottla_describe_topics(client, &name, 1, NULL, &topics, &error));
    const struct ottla_topic *t = topics->rows[0];
    bool is_there = t->error == 0 && t->partition_count == (size_t)partitions;
    for (size_t i = 0; is_there && i < t->partition_count; i++) {
        is_there = t->partitions[i]->leader >= 0;
    }
    ottla_topics_free(topics);
    return is_there;
}

static void create(const char *name, int partitions)
{
    struct ottla_outcomes *o;
    struct ottla_new_topic topic = {
        .name = name, .partition_count = partitions, .replication_factor = 1};
    OK(ottla_create_topics(client, &topic, 1, NULL, &o, &error));
    CHECK(o->count == 1 && strcmp(o->rows[0]->name, name) == 0);
    ROW_OK(o->rows[0]);
    ottla_outcomes_free(o);
    UNTIL(is_ready(name, partitions));
}

static void scene_topics(void)
{
    struct ottla_topics *topics;
    struct ottla_outcomes *o;
    struct ottla_name_value config = {"retention.ms", "12345"};
    int32_t one = -1;
    struct ottla_cluster *cluster;
    OK(ottla_describe_cluster(client, NULL, &cluster, &error));
    one = cluster->nodes[0]->id;
    ottla_cluster_free(cluster);
    struct ottla_ids assignment = {1, &one};
    struct ottla_new_topic news[] = {
        {.name = "t-b",
         .partition_count = 3,
         .replication_factor = 1,
         .config_count = 1,
         .configs = &config},
        {.name = "t-a", .partition_count = -1, .replication_factor = -1},
        {.name = "t-assigned", .assignment_count = 1, .assignments = &assignment},
        {.name = "bad name", .partition_count = 1, .replication_factor = 1},
        {.name = "t-c", .partition_count = 1, .replication_factor = 9},
    };
    struct ottla_admin_options options;
    ottla_admin_options_init(&options);
    options.validate_only = true;
    OK(ottla_create_topics(client, news, 5, &options, &o, &error));
    ROW_OK(o->rows[0]);
    ottla_outcomes_free(o);
    OK(ottla_create_topics(client, news, 5, NULL, &o, &error));
    ROW_OK(o->rows[0]);
    ROW_OK(o->rows[1]);
    ROW_OK(o->rows[2]);
    CHECK(o->rows[3]->error == OTTLA_ERR_INVALID_TOPIC_EXCEPTION && o->rows[3]->message != NULL);
    CHECK(o->rows[4]->error == OTTLA_ERR_INVALID_REPLICATION_FACTOR);
    ottla_outcomes_free(o);
    OK(ottla_create_topics(client, news, 1, NULL, &o, &error));
    CHECK(o->rows[0]->error == OTTLA_ERR_TOPIC_ALREADY_EXISTS);
    CHECK(strcmp(o->rows[0]->message, "Topic 't-b' already exists.") == 0);
    ottla_outcomes_free(o);
    UNTIL(is_ready("t-b", 3));
    UNTIL(is_ready("t-a", 1));

    OK(ottla_list_topics(client, NULL, &topics, &error));
    const struct ottla_topic *b = find_topic(topics, "t-b");
    CHECK(b != NULL && b->partition_count == 3 && b->id != NULL && !b->is_internal);
    CHECK(b->partitions[2]->partition == 2 && b->partitions[2]->leader == one);
    CHECK(b->partitions[2]->isr.count == 1 && b->partitions[2]->isr.ids[0] == one);
    CHECK(find_topic(topics, "t-a") < b || topics->count > 0);
    char id[64];
    snprintf(id, sizeof id, "%s", b->id);
    ottla_topics_free(topics);

    const char *names[] = {"t-b", "t-nowhere", "t-a"};
    OK(ottla_describe_topics(client, names, 3, NULL, &topics, &error));
    CHECK(topics->count == 3);
    CHECK(strcmp(topics->rows[0]->name, "t-b") == 0 && topics->rows[0]->partition_count == 3);
    ROW_OK(topics->rows[0]);
    CHECK(topics->rows[1]->error == OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    CHECK(topics->rows[2]->partition_count == 1 &&
          topics->rows[2]->partitions[0]->replicas.count == 1);
    ottla_topics_free(topics);
    const char *ids[] = {id};
    OK(ottla_describe_topics_by_id(client, ids, 1, NULL, &topics, &error));
    CHECK(topics->count == 1 && strcmp(topics->rows[0]->name, "t-b") == 0);
    ottla_topics_free(topics);
    ids[0] = "nonsense";
    CHECK(ottla_describe_topics_by_id(client, ids, 1, NULL, &topics, &error) ==
          OTTLA_ERR_INVALID_REQUEST);

    struct ottla_new_partitions more[] = {{.topic = "t-a", .total_count = 4},
                                          {.topic = "t-b", .total_count = 2}};
    OK(ottla_create_partitions(client, more, 2, NULL, &o, &error));
    ROW_OK(o->rows[0]);
    CHECK(o->rows[1]->error == OTTLA_ERR_INVALID_PARTITIONS);
    ottla_outcomes_free(o);

    OK(ottla_delete_topics(client, names, 3, NULL, &o, &error));
    ROW_OK(o->rows[0]);
    CHECK(o->rows[1]->error == OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    ROW_OK(o->rows[2]);
    ottla_outcomes_free(o);
}

/* More partitions than one answer of the broker holds. */
static void scene_many_partitions(void)
{
    struct ottla_topics *topics;
    const char *names[] = {"many"};
    create("many", 2500);
    OK(ottla_describe_topics(client, names, 1, NULL, &topics, &error));
    CHECK(topics->rows[0]->partition_count == 2500);
    for (int i = 0; i < 2500; i++) {
        CHECK(topics->rows[0]->partitions[i]->partition == i);
    }
    ottla_topics_free(topics);
    OK(ottla_list_topics(client, NULL, &topics, &error));
    CHECK(find_topic(topics, "many")->partition_count == 2500);
    ottla_topics_free(topics);
}

static const struct ottla_config_entry *find_entry(const struct ottla_resource_configs *r,
                                                   const char *name)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->entries[i]->name, name) == 0) {
            return r->entries[i];
        }
    }
    return NULL;
}

static enum ottla_config_source source_of(const struct ottla_resource *resource, const char *name)
{
    struct ottla_configs *configs;
    OK(ottla_describe_configs(client, resource, 1, NULL, &configs, &error));
    ROW_OK(configs->rows[0]);
    CHECK(find_entry(configs->rows[0], name)->synonym_count == 0);
    enum ottla_config_source source = find_entry(configs->rows[0], name)->source;
    ottla_configs_free(configs);
    return source;
}

static void scene_configs(void)
{
    struct ottla_configs *configs;
    struct ottla_outcomes *o;
    struct ottla_cluster *cluster;
    char node[16];
    create("c", 1);
    OK(ottla_describe_cluster(client, NULL, &cluster, &error));
    snprintf(node, sizeof node, "%d", cluster->nodes[0]->id);
    ottla_cluster_free(cluster);
    struct ottla_config_change changes[] = {
        {OTTLA_RESOURCE_TOPIC, "c", OTTLA_SET, "retention.ms", "99999"},
        {OTTLA_RESOURCE_TOPIC, "c", OTTLA_APPEND, "cleanup.policy", "compact"},
        {OTTLA_RESOURCE_BROKER, node, OTTLA_SET, "log.cleaner.threads", "2"},
        {OTTLA_RESOURCE_TOPIC, "nowhere", OTTLA_SET, "retention.ms", "1"},
    };
    OK(ottla_incremental_alter_configs(client, changes, 4, NULL, &o, &error));
    CHECK(o->count == 3);
    ROW_OK(o->rows[0]);
    ROW_OK(o->rows[1]);
    CHECK(o->rows[2]->error == OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    ottla_outcomes_free(o);

    struct ottla_resource resources[] = {{OTTLA_RESOURCE_TOPIC, "c"},
                                         {OTTLA_RESOURCE_BROKER, node}};
    struct ottla_admin_options options;
    UNTIL(source_of(resources, "retention.ms") == OTTLA_SOURCE_DYNAMIC_TOPIC);
    UNTIL(source_of(resources + 1, "log.cleaner.threads") == OTTLA_SOURCE_DYNAMIC_BROKER);
    ottla_admin_options_init(&options);
    options.include_synonyms = options.include_documentation = true;
    OK(ottla_describe_configs(client, resources, 2, &options, &configs, &error));
    CHECK(configs->count == 2);
    ROW_OK(configs->rows[0]);
    ROW_OK(configs->rows[1]);
    const struct ottla_config_entry *e = find_entry(configs->rows[0], "retention.ms");
    CHECK(e != NULL && strcmp(e->value, "99999") == 0 && e->source == OTTLA_SOURCE_DYNAMIC_TOPIC);
    CHECK(e->synonym_count >= 1 && strcmp(e->synonyms[0]->name, "retention.ms") == 0);
    CHECK(e->documentation != NULL && e->type == 5);
    e = find_entry(configs->rows[0], "cleanup.policy");
    CHECK(strcmp(e->value, "delete,compact") == 0);
    e = find_entry(configs->rows[1], "log.cleaner.threads");
    CHECK(e != NULL && strcmp(e->value, "2") == 0);
    ottla_configs_free(configs);

    changes[0].operation = OTTLA_DELETE;
    changes[0].value = NULL;
    OK(ottla_incremental_alter_configs(client, changes, 1, NULL, &o, &error));
    ROW_OK(o->rows[0]);
    ottla_outcomes_free(o);
    UNTIL(source_of(resources, "retention.ms") != OTTLA_SOURCE_DYNAMIC_TOPIC);

    struct ottla_config_change whole = {OTTLA_RESOURCE_TOPIC, "c", OTTLA_SET, "segment.bytes",
                                        "5000000"};
    OK(ottla_alter_configs(client, &whole, 1, NULL, &o, &error));
    ROW_OK(o->rows[0]);
    ottla_outcomes_free(o);
    whole.value = "a lot";
    OK(ottla_alter_configs(client, &whole, 1, NULL, &o, &error));
    CHECK(o->rows[0]->error == OTTLA_ERR_INVALID_CONFIG &&
          strstr(o->rows[0]->message, "segment.bytes"));
    ottla_outcomes_free(o);

    struct ottla_resources *list;
    enum ottla_resource_type type = OTTLA_RESOURCE_TOPIC;
    OK(ottla_list_config_resources(client, &type, 1, NULL, &list, &error));
    bool is_there = false;
    for (size_t i = 0; i < list->count; i++) {
        is_there = is_there || strcmp(list->rows[i]->name, "c") == 0;
    }
    CHECK(is_there);
    ottla_resources_free(list);
}

static void scene_offsets(void)
{
    struct ottla_offsets *offsets;
    create("o", 3);
    struct ottla_offset_query queries[] = {
        {"o", 2, OTTLA_OFFSET_LATEST},       {"o", 0, OTTLA_OFFSET_EARLIEST},
        {"nowhere", 0, OTTLA_OFFSET_LATEST}, {"o", 1, OTTLA_OFFSET_MAX_TIMESTAMP},
        {"o", 9, OTTLA_OFFSET_LATEST},
    };
    OK(ottla_list_offsets(client, queries, 5, NULL, &offsets, &error));
    CHECK(offsets->count == 5);
    CHECK(offsets->rows[0]->partition == 2 && offsets->rows[0]->offset == 0);
    ROW_OK(offsets->rows[0]);
    CHECK(offsets->rows[1]->partition == 0 && offsets->rows[1]->offset == 0);
    CHECK(offsets->rows[2]->error == OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION &&
          offsets->rows[2]->offset == -1);
    ROW_OK(offsets->rows[3]);
    CHECK(offsets->rows[3]->offset == -1);
    CHECK(offsets->rows[4]->error == OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    ottla_offsets_free(offsets);
    queries[0].timestamp_ms = OTTLA_OFFSET_EARLIEST_LOCAL;
    queries[1].timestamp_ms = 1000;
    OK(ottla_list_offsets(client, queries, 2, NULL, &offsets, &error));
    CHECK(offsets->rows[0]->offset == 0 && offsets->rows[1]->offset == -1);
    ROW_OK(offsets->rows[1]);
    ottla_offsets_free(offsets);

    struct ottla_offset_value before[] = {{"o", 0, -1}, {"o", 1, 7}};
    OK(ottla_delete_records(client, before, 2, NULL, &offsets, &error));
    ROW_OK(offsets->rows[0]);
    CHECK(offsets->rows[0]->offset == 0);
    CHECK(offsets->rows[1]->error == OTTLA_ERR_OFFSET_OUT_OF_RANGE);
    ottla_offsets_free(offsets);

    struct ottla_producers *producers;
    struct ottla_topic_partition tp[] = {{"o", 0}, {"o", 1}};
    OK(ottla_describe_producers(client, tp, 2, NULL, &producers, &error));
    ROW_OK(producers->rows[0]);
    CHECK(producers->count == 2 && producers->rows[1]->count == 0);
    ottla_producers_free(producers);
}

static void scene_cluster(void)
{
    struct ottla_cluster *cluster;
    struct ottla_admin_options options;
    ottla_admin_options_init(&options);
    options.include_authorized_operations = options.include_fenced_brokers = true;
    OK(ottla_describe_cluster(client, &options, &cluster, &error));
    CHECK(cluster->id != NULL && strlen(cluster->id) == 22 && cluster->node_count == 1);
    CHECK(strcmp(cluster->nodes[0]->host, "127.0.0.1") == 0 &&
          cluster->authorized_operations != INT32_MIN);
    int32_t node = cluster->nodes[0]->id;
    ottla_cluster_free(cluster);

    struct ottla_api_versions *versions;
    OK(ottla_list_api_versions(client, NULL, &versions, &error));
    CHECK(versions->count == 1 && versions->rows[0]->node.id == node &&
          versions->rows[0]->count > 20);
    ROW_OK(versions->rows[0]);
    const struct ottla_api_version *v = versions->rows[0]->rows[0];
    CHECK(v->key == 0 && strcmp(v->name, "Produce") == 0 && v->usable_version == 13);
    ottla_api_versions_free(versions);

    struct ottla_features *features;
    OK(ottla_describe_features(client, NULL, &features, &error));
    bool has_metadata_version = false;
    for (size_t i = 0; i < features->count; i++) {
        has_metadata_version =
            has_metadata_version || (strcmp(features->rows[i]->name, "metadata.version") == 0 &&
                                     features->rows[i]->finalized > 0);
    }
    CHECK(has_metadata_version && features->finalized_epoch >= 0);
    ottla_features_free(features);

    struct ottla_outcomes *o;
    struct ottla_feature_update update = {"no.such.feature", 1, OTTLA_UPGRADE};
    ottla_admin_options_init(&options);
    options.validate_only = true;
    OK(ottla_update_features(client, &update, 1, &options, &o, &error));
    CHECK(o->count == 1 && o->rows[0]->error != 0 && o->rows[0]->message[0] != '\0');
    ottla_outcomes_free(o);

    struct ottla_quorum *quorum;
    OK(ottla_describe_quorum(client, NULL, &quorum, &error));
    CHECK(quorum->leader_id == node && quorum->voter_count == 1 && quorum->high_watermark > 0);
    CHECK(quorum->voters[0]->id == node && quorum->voters[0]->log_end_offset > 0);
    ottla_quorum_free(quorum);

    CHECK(ottla_unregister_broker(client, 4711, NULL, &error) ==
          OTTLA_ERR_BROKER_ID_NOT_REGISTERED);
}

static int count_replicas(const char *topic, int32_t *ret_node)
{
    struct ottla_log_dirs *dirs;
    int seen = 0;
    OK(ottla_describe_log_dirs(client, (struct ottla_ids){0, NULL}, NULL, 0, NULL, &dirs, &error));
    CHECK(dirs->count >= 1 && dirs->rows[0]->path != NULL);
    *ret_node = dirs->rows[0]->broker;
    for (size_t i = 0; i < dirs->rows[0]->count; i++) {
        seen += strcmp(dirs->rows[0]->partitions[i]->topic, topic) == 0;
    }
    ottla_log_dirs_free(dirs);
    return seen;
}

static void scene_replicas(void)
{
    struct ottla_log_dirs *dirs;
    struct ottla_outcomes *o;
    struct ottla_reassignments *moves;
    create("r", 2);
    int32_t node = -1;
    UNTIL(count_replicas("r", &node) == 2);
    struct ottla_topic_partition tps[] = {{"r", 1}, {"nowhere", 0}};
    OK(ottla_describe_log_dirs(client, (struct ottla_ids){1, &node}, tps, 1, NULL, &dirs, &error));
    CHECK(dirs->count == 1 && dirs->rows[0]->count == 1 &&
          dirs->rows[0]->partitions[0]->partition == 1);
    ottla_log_dirs_free(dirs);

    OK(ottla_elect_leaders(client, OTTLA_ELECT_PREFERRED, tps, 2, NULL, &o, &error));
    CHECK(o->count == 2);
    for (size_t i = 0; i < o->count; i++) {
        CHECK(o->rows[i]->error == (strcmp(o->rows[i]->name, "r") == 0
                                        ? OTTLA_ERR_ELECTION_NOT_NEEDED
                                        : OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION));
    }
    ottla_outcomes_free(o);
    OK(ottla_elect_leaders(client, OTTLA_ELECT_PREFERRED, NULL, 0, NULL, &o, &error));
    ottla_outcomes_free(o);

    struct ottla_reassignment changes[] = {{"r", 0, false, {1, &node}}, {"r", 1, true, {0, NULL}}};
    OK(ottla_alter_reassignments(client, changes, 2, NULL, &o, &error));
    ROW_OK(o->rows[0]);
    CHECK(o->rows[1]->error == OTTLA_ERR_NO_REASSIGNMENT_IN_PROGRESS);
    ottla_outcomes_free(o);
    OK(ottla_list_reassignments(client, NULL, 0, NULL, &moves, &error));
    CHECK(moves->count == 0);
    ottla_reassignments_free(moves);
    OK(ottla_list_reassignments(client, tps, 1, NULL, &moves, &error));
    CHECK(moves->count == 0);
    ottla_reassignments_free(moves);
}

static const struct ottla_listed_group *find_group(const struct ottla_group_list *list,
                                                   const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->rows[i]->id, id) == 0) {
            return list->rows[i];
        }
    }
    return NULL;
}

static void scene_groups(void)
{
    struct ottla_outcomes *o;
    struct ottla_offsets *offsets;
    struct ottla_groups *groups;
    struct ottla_group_list *list;
    create("g", 2);
    struct ottla_offset_value values[] = {{"g", 1, 5}, {"g", 0, 0}, {"nowhere", 0, 1}};
    OK(ottla_alter_group_offsets(client, "one", values, 3, NULL, &o, &error));
    ROW_OK(o->rows[0]);
    ROW_OK(o->rows[1]);
    CHECK(o->rows[2]->error == OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    ottla_outcomes_free(o);
    OK(ottla_list_group_offsets(client, "one", NULL, 0, NULL, &offsets, &error));
    CHECK(offsets->count == 2);
    ottla_offsets_free(offsets);
    struct ottla_topic_partition tps[] = {{"g", 1}, {"g", 7}};
    OK(ottla_list_group_offsets(client, "one", tps, 2, NULL, &offsets, &error));
    CHECK(offsets->count == 2);
    CHECK(offsets->rows[0]->partition == 1 && offsets->rows[0]->offset == 5);
    CHECK(offsets->rows[1]->offset == -1);
    ottla_offsets_free(offsets);

    OK(ottla_list_groups(client, NULL, 0, NULL, 0, NULL, &list, &error));
    const struct ottla_listed_group *one = find_group(list, "one");
    CHECK(list->error_count == 0 && one != NULL);
    CHECK(strcmp(one->state, "Empty") == 0 && strcmp(one->type, "Classic") == 0);
    ottla_group_list_free(list);
    const char *state = "Stable";
    OK(ottla_list_groups(client, &state, 1, NULL, 0, NULL, &list, &error));
    CHECK(find_group(list, "one") == NULL);
    ottla_group_list_free(list);

    const char *ids[] = {"one", "two"};
    OK(ottla_describe_groups(client, ids, 2, NULL, &groups, &error));
    CHECK(groups->count == 2 && strcmp(groups->rows[0]->state, "Empty") == 0);
    ROW_OK(groups->rows[0]);
    CHECK(groups->rows[0]->member_count == 0 && groups->rows[0]->coordinator_port > 0);
    CHECK(groups->rows[1]->error == OTTLA_ERR_GROUP_ID_NOT_FOUND &&
          strcmp(groups->rows[1]->state, "Dead") == 0);
    ottla_groups_free(groups);

    OK(ottla_delete_group_offsets(client, "one", tps, 1, NULL, &o, &error));
    ROW_OK(o->rows[0]);
    ottla_outcomes_free(o);
    OK(ottla_list_group_offsets(client, "one", NULL, 0, NULL, &offsets, &error));
    CHECK(offsets->count == 1 && offsets->rows[0]->partition == 0);
    ottla_offsets_free(offsets);
    OK(ottla_delete_groups(client, ids, 2, NULL, &o, &error));
    ROW_OK(o->rows[0]);
    CHECK(o->rows[1]->error == OTTLA_ERR_GROUP_ID_NOT_FOUND);
    ottla_outcomes_free(o);
}

static void scene_make_m(void) { create("m", 2); }

static bool is_stable(const char *id)
{
    struct ottla_groups *groups;
    OK(ottla_describe_groups(client, &id, 1, NULL, &groups, &error));
    bool is_it = groups->rows[0]->error == 0 && strcmp(groups->rows[0]->state, "Stable") == 0;
    ottla_groups_free(groups);
    return is_it;
}

/* Somebody reads topic m of two partitions as the only member of group live. */
static void scene_members(void)
{
    struct ottla_groups *groups;
    struct ottla_outcomes *o;
    const char *id = "live";
    UNTIL(is_stable(id));
    OK(ottla_describe_groups(client, &id, 1, NULL, &groups, &error));
    const struct ottla_group *g = groups->rows[0];
    CHECK(strcmp(g->type, "Classic") == 0 && strcmp(g->protocol_type, "consumer") == 0);
    CHECK(strcmp(g->assignor, "range") == 0 && g->member_count == 1);
    const struct ottla_group_member *m = g->members[0];
    CHECK(strcmp(m->client_id, "somebody") == 0 && strncmp(m->id, "somebody-", 9) == 0);
    CHECK(strcmp(m->host, "/127.0.0.1") == 0 && m->instance_id == NULL && m->epoch == -1);
    CHECK(m->partition_count == 2 && strcmp(m->partitions[0]->topic, "m") == 0);
    CHECK(m->partitions[0]->partition + m->partitions[1]->partition == 1);
    struct ottla_member_name names[] = {{.group_instance_id = "nobody"}, {.member_id = m->id}};
    OK(ottla_delete_groups(client, &id, 1, NULL, &o, &error));
    CHECK(o->rows[0]->error == OTTLA_ERR_NON_EMPTY_GROUP);
    ottla_outcomes_free(o);
    struct ottla_topic_partition tp = {"m", 0};
    OK(ottla_delete_group_offsets(client, id, &tp, 1, NULL, &o, &error));
    CHECK(o->rows[0]->error == OTTLA_ERR_GROUP_SUBSCRIBED_TO_TOPIC);
    ottla_outcomes_free(o);
    OK(ottla_remove_group_members(client, id, names, 2, NULL, &o, &error));
    CHECK(o->rows[0]->error == OTTLA_ERR_UNKNOWN_MEMBER_ID);
    CHECK(strcmp(o->rows[0]->name, "nobody") == 0);
    ROW_OK(o->rows[1]);
    ottla_outcomes_free(o);
    OK(ottla_remove_group_members(client, id, &names[1], 1, NULL, &o, &error));
    CHECK(o->rows[0]->error == OTTLA_ERR_UNKNOWN_MEMBER_ID); /* it is gone */
    ottla_outcomes_free(o);
    ottla_groups_free(groups);
}

static void scene_nobody(void)
{
    struct ottla_topics *topics;
    struct ottla_admin_options options;
    ottla_admin_options_init(&options);
    options.timeout_ms = 300;
    CHECK(ottla_list_topics(client, &options, &topics, &error) == OTTLA_ERR_REQUEST_TIMED_OUT);
    CHECK(strstr(error.message, "cannot connect") != NULL);
    CHECK(error.flags & OTTLA_RETRIABLE);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } scenes[] = {{"topics", scene_topics},   {"many_partitions", scene_many_partitions},
                  {"configs", scene_configs}, {"offsets", scene_offsets},
                  {"cluster", scene_cluster}, {"replicas", scene_replicas},
                  {"groups", scene_groups},   {"make_m", scene_make_m},
                  {"members", scene_members}, {"nobody", scene_nobody}};
    struct ottla_config *config = ottla_config_new();
    CHECK(argc == 3);
    OK(ottla_config_set(config, "bootstrap.servers", argv[1], &error));
    client = ottla_client_new(config, &error);
    CHECK(client != NULL);
    ottla_config_free(config);
    bool is_known = false;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        if (strcmp(scenes[i].name, argv[2]) == 0) {
            scenes[i].fn();
            is_known = true;
        }
    }
    CHECK(is_known);
    ottla_client_free(client);
    return 0;
}
