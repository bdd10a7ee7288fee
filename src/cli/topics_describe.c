/* `ottla topics --describe`. One thread. */
#include "cli/topics.h"

struct describe {
    struct cli *cli;
    struct ottla_topics *topics;
    struct ottla_configs *configs; /* a row a topic */
    struct ottla_cluster *cluster;
    struct ottla_reassignments *moves;
    json_t *json;
    bool shows_topics; /* no report of partitions was asked for */
};

static void describe_deinit(struct describe *d)
{
    ottla_topics_free(d->topics);
    ottla_configs_free(d->configs);
    ottla_cluster_free(d->cluster);
    ottla_reassignments_free(d->moves);
    json_decref(d->json);
}

/* --- what is asked of the cluster --- */

static int ask_topics(struct describe *d, const struct cli_names *n)
{
    struct cli *c = d->cli;
    const char *id = cli_value(c, T_TOPIC_ID);
    if (id != NULL) {
        return ottla_describe_topics_by_id(c->client, &id, 1, &c->options, &d->topics, &c->error);
    }
    return ottla_describe_topics(c->client, (const char *const *)n->names, n->count, &c->options,
                                 &d->topics, &c->error);
}

static int ask_rest(struct describe *d)
{
    struct cli *c = d->cli;
    size_t count = d->topics->count;
    struct ottla_resource *r = mem_realloc_array(NULL, count + 1, sizeof *r);
    for (size_t i = 0; i < count; i++) {
        r[i] = (struct ottla_resource){OTTLA_RESOURCE_TOPIC, d->topics->rows[i]->name};
    }
    int e = ottla_describe_configs(c->client, r, count, &c->options, &d->configs, &c->error);
    mem_free(r);
    e = e ? e : ottla_describe_cluster(c->client, &c->options, &d->cluster, &c->error);
    return e ? e : ottla_list_reassignments(c->client, NULL, 0, &c->options, &d->moves, &c->error);
}

/* --- partitions --- */

static const struct ottla_ongoing_reassignment *move_of(const struct describe *d, const char *topic,
                                                        int32_t partition)
{
    for (size_t i = 0; i < d->moves->count; i++) {
        const struct ottla_ongoing_reassignment *m = d->moves->rows[i];
        if (m->partition == partition && strcmp(m->topic, topic) == 0) {
            return m;
        }
    }
    return NULL;
}

static size_t replication_factor(const struct ottla_partition *p,
                                 const struct ottla_ongoing_reassignment *m)
{
    return m ? m->replicas.count - m->adding.count : p->replicas.count;
}

static bool is_live(const struct describe *d, int32_t broker)
{
    for (size_t i = 0; i < d->cluster->node_count; i++) {
        if (d->cluster->nodes[i]->id == broker) {
            return true;
        }
    }
    return false;
}

static int64_t min_isr(const struct ottla_resource_configs *r)
{
    int64_t v = 1;
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->entries[i]->name, "min.insync.replicas") == 0 && r->entries[i]->value) {
            (void)str_to_i64(str_from(r->entries[i]->value), &v);
        }
    }
    return v;
}

static bool is_reported(const struct describe *d, const struct ottla_partition *p,
                        const struct ottla_ongoing_reassignment *m, int64_t least)
{
    const struct cli *c = d->cli;
    int64_t isr = (int64_t)p->isr.count;
    return d->shows_topics ||
           (cli_has(c, T_UNDER_REPLICATED) && replication_factor(p, m) > p->isr.count) ||
           (cli_has(c, T_UNAVAILABLE) && (p->leader < 0 || !is_live(d, p->leader))) ||
           (cli_has(c, T_UNDER_MIN_ISR) && (p->leader < 0 || isr < least)) ||
           (cli_has(c, T_AT_MIN_ISR) && isr == least);
}

static void put_known(struct buf *b, const char *title, bool is_told, struct ottla_ids ids)
{
    buf_printf(b, "\t%s: ", title);
    if (is_told) {
        cli_put_ids(b, ids);
    } else {
        buf_printf(b, "N/A");
    }
}

static void print_partition(const char *topic, const struct ottla_partition *p,
                            const struct ottla_ongoing_reassignment *m)
{
    struct buf b = BUF_INIT;
    buf_printf(&b, "\tTopic: %s\tPartition: %d\tLeader: ", topic, p->partition);
    buf_printf(&b, p->leader < 0 ? "none" : "%d", p->leader);
    put_known(&b, "Replicas", true, p->replicas);
    put_known(&b, "Isr", true, p->isr);
    if (m != NULL) {
        put_known(&b, "Adding Replicas", true, m->adding);
        put_known(&b, "Removing Replicas", true, m->removing);
    }
    put_known(&b, "Elr", p->has_elr, p->elr);
    put_known(&b, "LastKnownElr", p->has_elr, p->last_known_elr);
    puts(buf_cstr(&b));
    buf_deinit(&b);
}

static json_t *partition_json(const struct ottla_partition *p,
                              const struct ottla_ongoing_reassignment *m)
{
    json_t *j = json_pack("{s:i, s:o, s:o, s:o}", "partition", (int)p->partition, "leader",
                          p->leader < 0 ? json_null() : json_integer(p->leader), "replicas",
                          cli_json_ids(p->replicas), "isr", cli_json_ids(p->isr));
    if (m != NULL) {
        json_object_set_new(j, "adding_replicas", cli_json_ids(m->adding));
        json_object_set_new(j, "removing_replicas", cli_json_ids(m->removing));
    }
    if (p->has_elr) {
        json_object_set_new(j, "elr", cli_json_ids(p->elr));
        json_object_set_new(j, "last_known_elr", cli_json_ids(p->last_known_elr));
    }
    return j;
}

/* --- topics --- */

static bool is_set(const struct ottla_config_entry *e) { return e->source != OTTLA_SOURCE_DEFAULT; }

static bool has_settings(const struct ottla_resource_configs *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (is_set(r->entries[i])) {
            return true;
        }
    }
    return false;
}

static void print_topic(const struct ottla_topic *t, size_t factor,
                        const struct ottla_resource_configs *r)
{
    const char *sep = "";
    printf("Topic: %s", t->name);
    if (t->id != NULL) {
        printf("\tTopicId: %s", t->id);
    }
    printf("\tPartitionCount: %zu\tReplicationFactor: %zu\tConfigs: ", t->partition_count, factor);
    for (size_t i = 0; i < r->count; i++) {
        const struct ottla_config_entry *e = r->entries[i];
        if (is_set(e)) {
            printf("%s%s=%s", sep, e->name, e->value ? e->value : "null");
            sep = ",";
        }
    }
    putchar('\n');
}

static json_t *topic_json(const struct ottla_topic *t, size_t factor,
                          const struct ottla_resource_configs *r)
{
    json_t *configs = json_object();
    for (size_t i = 0; i < r->count; i++) {
        const struct ottla_config_entry *e = r->entries[i];
        if (is_set(e)) {
            json_object_set_new(configs, e->name, cli_json_string(e->value));
        }
    }
    return json_pack("{s:s, s:o, s:b, s:I, s:I, s:o, s:[]}", "topic", t->name, "topic_id",
                     cli_json_string(t->id), "is_internal", (int)t->is_internal, "partition_count",
                     (json_int_t)t->partition_count, "replication_factor", (json_int_t)factor,
                     "configs", configs, "partitions");
}

static void show(struct describe *d, const struct ottla_topic *t,
                 const struct ottla_resource_configs *r)
{
    struct cli *c = d->cli;
    bool only_settings = cli_has(c, T_OVERRIDES);
    int64_t least = min_isr(r);
    size_t factor =
        t->partition_count ? replication_factor(t->partitions[0], move_of(d, t->name, 0)) : 0;
    json_t *j = c->is_json ? topic_json(t, factor, r) : NULL;
    bool is_shown = d->shows_topics && (!only_settings || has_settings(r));
    if (is_shown && !c->is_json) {
        print_topic(t, factor, r);
    }
    for (size_t i = 0; !only_settings && i < t->partition_count; i++) {
        const struct ottla_partition *p = t->partitions[i];
        const struct ottla_ongoing_reassignment *m = move_of(d, t->name, p->partition);
        if (is_reported(d, p, m, least) && c->is_json) {
            json_array_append_new(json_object_get(j, "partitions"), partition_json(p, m));
            is_shown = true;
        } else if (is_reported(d, p, m, least)) {
            print_partition(t->name, p, m);
        }
    }
    if (is_shown && c->is_json) {
        json_array_append(d->json, j);
    }
    json_decref(j);
}

/* The first topic or settings that could not be had. */
static const char *first_error(const struct describe *d)
{
    for (size_t i = 0; i < d->topics->count; i++) {
        const struct ottla_topic *t = d->topics->rows[i];
        if (t->error != 0) {
            return cli_error_text(t->error, t->message);
        }
    }
    for (size_t i = 0; d->configs && i < d->configs->count; i++) {
        const struct ottla_resource_configs *r = d->configs->rows[i];
        if (r->error != 0) {
            return cli_error_text(r->error, r->message);
        }
    }
    return NULL;
}

static int fail_by_id(struct cli *c)
{
    struct buf text = BUF_INIT;
    if (cli_has(c, T_IF_EXISTS)) {
        return CLI_OK;
    }
    buf_printf(&text, "TopicId '%s' does not exist as expected", cli_value(c, T_TOPIC_ID));
    topics_fail(c, buf_cstr(&text));
    buf_deinit(&text);
    return CLI_FAILED;
}

static int show_all(struct describe *d)
{
    struct cli *c = d->cli;
    const char *text = first_error(d);
    if (text != NULL && cli_has(c, T_TOPIC_ID) && d->topics->rows[0]->error) {
        return fail_by_id(c);
    }
    if (text == NULL && ask_rest(d) != 0) {
        text = c->error.message;
    }
    text = text ? text : first_error(d);
    if (text != NULL) {
        return topics_fail(c, text);
    }
    for (size_t i = 0; i < d->topics->count; i++) {
        show(d, d->topics->rows[i], d->configs->rows[i]);
    }
    if (c->is_json) {
        cli_print_json(c, json_incref(d->json));
    }
    return CLI_OK;
}

int topics_describe(struct cli *c)
{
    static const int reports[] = {T_UNDER_REPLICATED, T_UNDER_MIN_ISR, T_AT_MIN_ISR, T_UNAVAILABLE,
                                  -1};
    struct describe d = {.cli = c, .shows_topics = cli_count_of(c, reports) == 0};
    struct cli_names n = {0};
    int status = CLI_OK;
    bool by_id = cli_has(c, T_TOPIC_ID);
    d.json = json_array();
    if (by_id && cli_has(c, T_TOPIC) && cli_has(c, T_IF_EXISTS)) {
        puts(
            "Only topic id will be used when both --topic and --topic-id are specified and topicId "
            "is not Uuid.ZERO_UUID");
    }
    if (!by_id && (!topics_find(c, &n) || topics_are_missed(c, &n))) {
        status = CLI_FAILED;
    } else if (!by_id && n.count == 0) {
        status = CLI_OK;
    } else if (ask_topics(&d, &n) != 0) {
        status = topics_fail(c, c->error.message);
    } else {
        status = show_all(&d);
    }
    describe_deinit(&d);
    cli_names_deinit(&n);
    return status;
}
