/* Internal topics, as Apache Kafka makes them: compacted, compression as written, segments of their
 * own size. */
#include "broker/api/internal_topics.h"

struct shape {
    struct str name;
    int32_t partitions;
    int16_t replicas;
    const char *replicas_setting;
    int32_t segment_bytes;
};

static bool shape_of(const struct broker_config *b, struct str name, struct shape *ret)
{
    if (str_eq(name, STR("__consumer_offsets"))) {
        *ret = (struct shape){name, b->offsets_topic_num_partitions,
                              b->offsets_topic_replication_factor,
                              "offsets.topic.replication.factor", b->offsets_topic_segment_bytes};
        return true;
    }
    return false;
}

static int32_t live_brokers(struct call *c)
{
    int32_t n = 0;
    const struct image *img = metacache_read(&c->broker->metacache);
    for (int32_t i = 0; i < img->broker_count; i++) {
        n += !img->brokers[i]->is_fenced;
    }
    metacache_done(&c->broker->metacache);
    return n;
}

/* The default asks for three replicas, which a single broker cannot give: unless somebody has set
 * it, the brokers that there are will do. */
static int16_t replicas_of(struct call *c, const struct shape *s)
{
    const struct props *props = &c->broker->config.props;
    if (props_get(props, str_from(s->replicas_setting)).p != NULL) {
        return s->replicas;
    }
    return (int16_t)MAX(MIN(live_brokers(c), s->replicas), 1);
}

static bool fill_settings(struct call *c, const struct shape *s,
                          struct create_topics_req_creatable_topic *t)
{
    struct str bytes = arena_printf(&c->arena, "%d", (int)s->segment_bytes);
    t->configs = CALL_ARRAY(c, struct create_topics_req_creatable_topic_config, 3);
    if (t->configs == NULL || bytes.p == NULL) {
        return false;
    }
    t->configs[t->configs_count].name = STR("compression.type");
    t->configs[t->configs_count++].value = STR("producer");
    t->configs[t->configs_count].name = STR("cleanup.policy");
    t->configs[t->configs_count++].value = STR("compact");
    t->configs[t->configs_count].name = STR("segment.bytes");
    t->configs[t->configs_count++].value = bytes;
    return true;
}

bool api_new_topic(struct call *c, struct str name, struct create_topics_req_creatable_topic *t)
{
    struct shape s;
    *t = create_topics_req_creatable_topic_default;
    t->name = name;
    t->num_partitions = -1;
    t->replication_factor = -1;
    if (!shape_of(&c->broker->config, name, &s)) {
        return true;
    }
    t->num_partitions = s.partitions;
    t->replication_factor = replicas_of(c, &s);
    return fill_settings(c, &s, t);
}
