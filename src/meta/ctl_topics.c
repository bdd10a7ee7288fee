/* CreateTopics. Checks, their order and their sentences are Apache Kafka's. Pure. */
#include "meta/ctl_int.h"

#include "base/topic_name.h"

static const struct str metadata_topic = {"__cluster_metadata", 18};

/* --- names --- */

static const struct image_topic *find_collision(const struct image *img, struct str name)
{
    if (memchr(name.p, '.', name.len) == NULL && memchr(name.p, '_', name.len) == NULL) {
        return NULL;
    }
    for (int32_t i = 0; i < img->topic_count; i++) {
        if (topic_names_collide(img->topics[i]->name, name)) {
            return img->topics[i];
        }
    }
    return NULL;
}

struct ctl_outcome ctl_check_topic_name(const struct ctl_req *req, struct str name)
{
    struct buf why = BUF_INIT;
    struct ctl_outcome o = CTL_FINE;
    if (!topic_name_check(name, &why)) {
        struct str text = str_clip(buf_str(&why), ARENA_MESSAGE_MAX);
        o.err =
            arena_copy_str(req->arena, text, &o.text) ? ERR_INVALID_TOPIC_EXCEPTION : ERR_BUDGET;
    }
    buf_deinit(&why);
    return o;
}

static struct ctl_outcome check_name(const struct ctl *ctl, const struct ctl_req *req,
                                     struct str name)
{
    struct ctl_outcome o = ctl_check_topic_name(req, name);
    if (o.err) {
        return o;
    }
    if (image_topic_by_name(ctl->tip, name) != NULL) {
        return ctl_refuse(req, ERR_TOPIC_ALREADY_EXISTS, "Topic '%.*s' already exists.",
                          STR_ARG(name));
    }
    const struct image_topic *other = find_collision(ctl->tip, name);
    if (other != NULL) {
        return ctl_refuse(req, ERR_INVALID_TOPIC_EXCEPTION,
                          "Topic '%.*s' collides with existing topic: %.*s", STR_ARG(name),
                          STR_ARG(other->name));
    }
    return CTL_FINE;
}

/* --- CreateTopics --- */

typedef struct create_topics_req_creatable_topic new_topic;
typedef struct create_topics_resp_creatable_topic_result new_topic_result;

/* One CreateTopics on its way. */
struct creation {
    struct ctl *ctl;
    const struct ctl_req *req;
    const struct create_topics_req *msg;
    struct meta_records *records;
    struct create_topics_resp *resp;
    struct ctl_placer placer;
};

static struct config_setting *settings_of(const struct creation *c, const new_topic *t,
                                          int32_t *ret_count)
{
    struct config_setting *s = arena_array(c->req->arena, (size_t)t->configs_count + 1, sizeof *s);
    int32_t count = 0;
    for (int32_t i = 0; s != NULL && i < t->configs_count; i++) {
        int32_t at = 0;
        while (at < count && !str_eq(s[at].name, t->configs[i].name)) {
            at++;
        }
        s[at] = (struct config_setting){t->configs[i].name, t->configs[i].value};
        count += at == count;
    }
    *ret_count = count;
    return s;
}

static void put_settings(struct creation *c, struct str topic, const struct config_setting *s,
                         int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        struct config_record r = {RESOURCE_TOPIC, topic, s[i].name, s[i].value};
        meta_records_add(c->records, META_CONFIG, 0, &r);
    }
}

/* Manual assignments may come in any order but must be those of partitions 0 to n − 1. */
static struct ctl_outcome order_assignments(const struct creation *c, const new_topic *t,
                                            struct ids *ret_parts)
{
    int32_t count = t->assignments_count;
    for (int32_t i = 0; i < count; i++) {
        struct ids brokers = {t->assignments[i].broker_ids, t->assignments[i].broker_ids_count};
        int32_t part = t->assignments[i].partition_index;
        if (part >= 0 && part < count && ret_parts[part].v != NULL) {
            return ctl_refuse(c->req, ERR_INVALID_REPLICA_ASSIGNMENT,
                              "Found multiple manual partition assignments for partition %d", part);
        }
        struct ctl_outcome o = ctl_check_assignment(c->ctl, c->req, brokers,
                                                    i ? t->assignments[0].broker_ids_count : -1);
        if (o.err) {
            return o;
        }
        if (part >= 0 && part < count) {
            ret_parts[part] = brokers;
        }
    }
    for (int32_t i = 0; i < count; i++) {
        if (ret_parts[i].v == NULL) {
            return ctl_refuse(c->req, ERR_INVALID_REPLICA_ASSIGNMENT,
                              "partitions should be a consecutive 0-based integer sequence");
        }
    }
    return CTL_FINE;
}

static struct ctl_outcome check_manual(const struct creation *c, const new_topic *t,
                                       struct ids *ret_parts)
{
    if (t->replication_factor != -1) {
        return ctl_refuse(c->req, ERR_INVALID_REQUEST,
                          "A manual partition assignment was specified, but replication factor was "
                          "not set to -1.");
    }
    if (t->num_partitions != -1) {
        return ctl_refuse(c->req, ERR_INVALID_REQUEST,
                          "A manual partition assignment was specified, but numPartitions was not "
                          "set to -1.");
    }
    return order_assignments(c, t, ret_parts);
}

static struct ctl_outcome check_counts(const struct creation *c, const new_topic *t)
{
    if (t->replication_factor < -1 || t->replication_factor == 0) {
        return ctl_refuse(c->req, ERR_INVALID_REPLICATION_FACTOR,
                          "Replication factor must be larger than 0, or -1 to use the default "
                          "value.");
    }
    if (t->num_partitions < -1 || t->num_partitions == 0) {
        return ctl_refuse(c->req, ERR_INVALID_PARTITIONS,
                          "Number of partitions was set to an invalid non-positive value.");
    }
    return CTL_FINE;
}

static int32_t partition_count(const struct ctl *ctl, const new_topic *t)
{
    if (t->assignments_count > 0) {
        return t->assignments_count;
    }
    return t->num_partitions == -1 ? ctl->config->num_partitions : t->num_partitions;
}

static struct ctl_outcome put_placed(struct creation *c, const new_topic *t, struct uuid id,
                                     int16_t *ret_factor)
{
    int32_t count = partition_count(c->ctl, t);
    int32_t factor = t->replication_factor == -1 ? c->ctl->config->default_replication_factor
                                                 : t->replication_factor;
    struct buf why = BUF_INIT;
    if (!ctl_can_place(&c->placer, factor, &why)) {
        struct ctl_outcome o =
            ctl_refuse(c->req, ERR_INVALID_REPLICATION_FACTOR,
                       "Unable to replicate the partition %d time(s): %s", factor, buf_cstr(&why));
        buf_deinit(&why);
        return o;
    }
    int32_t *replicas = arena_array(c->req->arena, (size_t)factor, sizeof *replicas);
    if (replicas == NULL) {
        return (struct ctl_outcome){ERR_BUDGET, STR_NULL};
    }
    for (int32_t i = 0; i < count; i++) {
        ctl_place(&c->placer, replicas, factor);
        if (!ctl_add_partition(c->ctl, id, i, (struct ids){replicas, factor}, c->records)) {
            return ctl_refuse(c->req, ERR_INVALID_REPLICATION_FACTOR,
                              "Unable to replicate the partition %d time(s): All brokers are "
                              "currently fenced or in controlled shutdown.",
                              factor);
        }
    }
    *ret_factor = (int16_t)factor;
    return CTL_FINE;
}

static struct ctl_outcome put_manual(struct creation *c, const new_topic *t, struct uuid id,
                                     int16_t *ret_factor)
{
    struct ids *parts = arena_array(c->req->arena, (size_t)t->assignments_count, sizeof *parts);
    if (parts == NULL) {
        return (struct ctl_outcome){ERR_BUDGET, STR_NULL};
    }
    struct ctl_outcome o = check_manual(c, t, parts);
    for (int32_t i = 0; o.err == OK && i < t->assignments_count; i++) {
        *ret_factor = (int16_t)parts[i].count;
        if (!ctl_add_partition(c->ctl, id, i, parts[i], c->records)) {
            return ctl_refuse(c->req, ERR_INVALID_REPLICA_ASSIGNMENT,
                              "All brokers specified in the manual partition assignment for "
                              "partition %d are fenced or in controlled shutdown.",
                              i);
        }
    }
    return o;
}

static bool may_see_settings(const struct ctl_req *req, struct str topic)
{
    const struct ctl_auth *a = req->auth;
    return a == NULL || a->can_describe_topic_configs == NULL ||
           a->can_describe_topic_configs(a->ctx, topic);
}

/* The value that a setting will have on the new topic. */
static void fill_setting(const struct creation *c, const struct config_def *def,
                         const struct config_setting *own, int32_t own_count,
                         struct create_topics_resp_creatable_topic_configs *ret)
{
    enum config_source source = CONFIG_SOURCE_DEFAULT;
    *ret = create_topics_resp_creatable_topic_configs_default;
    ret->name = str_from(def->name);
    ret->value =
        topic_config_text(c->ctl->tip, c->ctl->config, STR(""), def, c->req->arena, &source);
    for (int32_t i = 0; i < own_count; i++) {
        if (str_eq(own[i].name, ret->name)) {
            ret->value = own[i].value;
            source = CONFIG_SOURCE_TOPIC;
        }
    }
    ret->config_source = (int8_t)source;
}

static enum err fill_settings(const struct creation *c, const struct config_setting *own,
                              int32_t own_count, new_topic_result *ret)
{
    int32_t def_count;
    const struct config_def *defs = config_all(CONFIG_TOPIC, &def_count);
    ret->configs_count = 0;
    ret->configs = arena_array(c->req->arena, (size_t)def_count, sizeof *ret->configs);
    if (ret->configs == NULL) {
        return ERR_BUDGET;
    }
    for (int32_t i = 0; i < def_count; i++) {
        if (!str_has_prefix(str_from(defs[i].name), STR("internal."))) {
            fill_setting(c, &defs[i], own, own_count, &ret->configs[ret->configs_count++]);
        }
    }
    return OK;
}

/* What CreateTopics 5 and later tell of a new topic. */
static enum err describe(const struct creation *c, const new_topic *t,
                         const struct config_setting *own, int32_t own_count, new_topic_result *ret)
{
    if (c->req->version < 5) {
        return OK;
    }
    if (!may_see_settings(c->req, t->name)) {
        ret->topic_config_error_code = ERR_TOPIC_AUTHORIZATION_FAILED;
        ret->replication_factor = -1;
        return OK;
    }
    ret->num_partitions = partition_count(c->ctl, t);
    return fill_settings(c, own, own_count, ret);
}

static struct ctl_outcome create_one(struct creation *c, const new_topic *t, new_topic_result *ret)
{
    int32_t own_count = 0;
    struct config_setting *own = NULL;
    struct ctl_outcome o = check_name(c->ctl, c->req, t->name);
    if (o.err == OK && t->configs_count > CTL_SETTINGS_MAX) {
        o = ctl_refuse(c->req, ERR_INVALID_CONFIG, "More settings than there are.");
    }
    if (o.err == OK) {
        own = settings_of(c, t, &own_count);
        o = own ? ctl_check_topic_settings(c->req, own, own_count)
                : (struct ctl_outcome){ERR_BUDGET, STR_NULL};
    }
    if (o.err == OK && t->assignments_count == 0) {
        o = check_counts(c, t);
    }
    if (o.err) {
        return o;
    }
    struct topic_record r = {t->name, uuid_random(&c->ctl->rand)};
    int16_t factor = -1;
    meta_records_add(c->records, META_TOPIC, 0, &r);
    put_settings(c, t->name, own, own_count);
    o = t->assignments_count > 0 ? put_manual(c, t, r.topic_id, &factor)
                                 : put_placed(c, t, r.topic_id, &factor);
    if (o.err == OK && c->records->count > CTL_BATCH_RECORDS_MAX) {
        o = ctl_refuse(c->req, ERR_POLICY_VIOLATION,
                       "Excessively large number of partitions per request.");
    }
    if (o.err) {
        return o;
    }
    ret->topic_id = r.topic_id;
    ret->replication_factor = c->req->version >= 5 ? factor : -1;
    o.err = describe(c, t, own, own_count, ret);
    return o;
}

static new_topic_result *add_result(struct creation *c, struct str name)
{
    new_topic_result *ret = &c->resp->topics[c->resp->topics_count++];
    *ret = create_topics_resp_creatable_topic_result_default;
    ret->name = name;
    ret->error_message = STR_NULL;
    ret->configs = arena_array(c->req->arena, 1, sizeof *ret->configs);
    ret->configs_count = ret->configs ? 0 : -1;
    return ret;
}

/* An error leaves no records of the topic behind. BUDGET ends the whole request. */
static enum err settle(struct creation *c, new_topic_result *ret, struct ctl_outcome o,
                       int32_t records_before)
{
    if (o.err == OK) {
        return OK;
    }
    meta_records_truncate(c->records, records_before);
    ret->error_code = (int16_t)o.err;
    ret->error_message = o.text;
    return err_is_wire(o.err) ? OK : o.err;
}

static enum err answer(struct creation *c, struct str name, struct ctl_outcome o)
{
    return settle(c, add_result(c, name), o, c->records->count);
}

static int64_t total_partitions(const struct creation *c)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < c->msg->topics_count; i++) {
        sum += MAX(partition_count(c->ctl, &c->msg->topics[i]), 0);
    }
    return sum;
}

static bool may_create(const struct ctl_req *req, struct str topic)
{
    const struct ctl_auth *a = req->auth;
    return a == NULL || a->can_create_topic == NULL || a->can_create_topic(a->ctx, topic);
}

/* First what is created or refused on its own account, in the request's order … */
static enum err create_each(struct creation *c, const uint8_t *duplicates)
{
    bool is_too_much = total_partitions(c) > CTL_PARTITIONS_MAX;
    enum err e = OK;
    for (int32_t i = 0; e == OK && i < c->msg->topics_count; i++) {
        const new_topic *t = &c->msg->topics[i];
        if (duplicates[i] || str_eq(t->name, metadata_topic) || !may_create(c->req, t->name)) {
            continue;
        }
        int32_t before = c->records->count;
        new_topic_result *ret = add_result(c, t->name);
        struct ctl_outcome o =
            is_too_much ? ctl_refuse(c->req, ERR_POLICY_VIOLATION,
                                     "Excessively large number of partitions per request.")
                        : create_one(c, t, ret);
        e = settle(c, ret, o, before);
    }
    return e;
}

/* … then what never had a chance. */
static enum err refuse_rest(struct creation *c, const uint8_t *duplicates)
{
    enum err e = OK;
    for (int32_t i = 0; e == OK && i < c->msg->topics_count; i++) {
        struct str name = c->msg->topics[i].name;
        if (duplicates[i] == 1) {
            e = answer(c, name, ctl_refuse(c->req, ERR_INVALID_REQUEST, "Duplicate topic name."));
        } else if (duplicates[i] == 0 && str_eq(name, metadata_topic)) {
            e = answer(c, name,
                       ctl_refuse(c->req, ERR_INVALID_REQUEST,
                                  "Creation of internal topic %.*s is prohibited.", STR_ARG(name)));
        } else if (duplicates[i] == 0 && !may_create(c->req, name)) {
            e = answer(c, name,
                       ctl_refuse(c->req, ERR_TOPIC_AUTHORIZATION_FAILED, "Authorization failed."));
        }
    }
    return e;
}

enum err ctl_create_topics(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    const struct create_topics_req *msg = req->msg;
    struct creation c = {.ctl = ctl, .req = req, .msg = msg, .records = &out->records};
    size_t count = (size_t)msg->topics_count + 1;
    struct str *names = arena_array(req->arena, count, sizeof *names);
    c.resp = ARENA_NEW(req->arena, struct create_topics_resp);
    if (names == NULL || c.resp == NULL) {
        return ERR_BUDGET;
    }
    *c.resp = create_topics_resp_default;
    c.resp->topics = arena_array(req->arena, count, sizeof *c.resp->topics);
    for (int32_t i = 0; i < msg->topics_count; i++) {
        names[i] = msg->topics[i].name;
    }
    uint8_t *duplicates = ctl_find_duplicates(req->arena, names, msg->topics_count);
    if (c.resp->topics == NULL || duplicates == NULL) {
        return ERR_BUDGET;
    }
    out->resp = c.resp;
    out->records.is_atomic = true;
    enum err e = ctl_placer_init(ctl, req->arena, &c.placer);
    e = e ? e : create_each(&c, duplicates);
    e = e ? e : refuse_rest(&c, duplicates);
    if (msg->validate_only) {
        meta_records_truncate(&out->records, 0);
    }
    return e;
}
