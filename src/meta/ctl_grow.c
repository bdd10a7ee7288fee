/* CreatePartitions: more partitions for a topic, never fewer. Pure. */
#include "meta/ctl_int.h"

typedef struct create_partitions_req_create_partitions_topic growth;

struct growing {
    struct ctl *ctl;
    const struct ctl_req *req;
    struct meta_records *records;
    struct ctl_placer placer;
};

static struct ctl_outcome check_count(const struct growing *g, const growth *t,
                                      const struct image_topic *topic)
{
    int32_t now = topic->part_slots;
    if (t->count == now) {
        return ctl_refuse(g->req, ERR_INVALID_PARTITIONS, "Topic already has %d partition(s).",
                          now);
    }
    if (t->count < now) {
        return ctl_refuse(g->req, ERR_INVALID_PARTITIONS,
                          "The topic %.*s currently has %d partition(s); %d would not be an "
                          "increase.",
                          STR_ARG(t->name), now, t->count);
    }
    int32_t more = t->count - now;
    if (t->assignments_count >= 0 && t->assignments_count != more) {
        return ctl_refuse(g->req, ERR_INVALID_REPLICA_ASSIGNMENT,
                          "Attempted to add %d additional partition(s), but only %d assignment(s) "
                          "were specified.",
                          more, t->assignments_count);
    }
    if (more > CTL_PARTITIONS_MAX - g->records->count) {
        return ctl_refuse(g->req, ERR_POLICY_VIOLATION,
                          "Excessively large number of partitions per request.");
    }
    return CTL_FINE;
}

static struct ctl_outcome add(struct growing *g, struct uuid topic, int32_t part,
                              struct ids replicas)
{
    if (ctl_add_partition(g->ctl, topic, part, replicas, g->records)) {
        return CTL_FINE;
    }
    return ctl_refuse(g->req, ERR_INVALID_REPLICA_ASSIGNMENT,
                      "All brokers specified in the manual partition assignment for partition %d "
                      "are fenced or in controlled shutdown.",
                      part);
}

static struct ctl_outcome add_manual(struct growing *g, const growth *t,
                                     const struct image_topic *topic, int32_t factor)
{
    struct ctl_outcome o = CTL_FINE;
    for (int32_t i = 0; o.err == OK && i < t->assignments_count; i++) {
        struct ids brokers = {t->assignments[i].broker_ids, t->assignments[i].broker_ids_count};
        o = ctl_check_assignment(g->ctl, g->req, brokers, factor);
        if (o.err == OK) {
            o = add(g, topic->id, topic->part_slots + i, brokers);
        }
    }
    return o;
}

static struct ctl_outcome add_placed(struct growing *g, const growth *t,
                                     const struct image_topic *topic, int32_t factor)
{
    struct buf why = BUF_INIT;
    struct ctl_outcome o = CTL_FINE;
    if (!ctl_can_place(&g->placer, factor, &why)) {
        o = ctl_refuse(g->req, ERR_INVALID_REPLICATION_FACTOR, "%s", buf_cstr(&why));
        buf_deinit(&why);
        return o;
    }
    int32_t *replicas = arena_array(g->req->arena, (size_t)factor, sizeof *replicas);
    if (replicas == NULL) {
        return (struct ctl_outcome){ERR_BUDGET, STR_NULL};
    }
    for (int32_t part = topic->part_slots; o.err == OK && part < t->count; part++) {
        ctl_place(&g->placer, replicas, factor);
        o = add(g, topic->id, part, (struct ids){replicas, factor});
    }
    return o;
}

static struct ctl_outcome grow(struct growing *g, const growth *t)
{
    const struct image_topic *topic = image_topic_by_name(g->ctl->tip, t->name);
    const struct image_part *first = topic ? image_topic_part(topic, 0) : NULL;
    if (first == NULL) {
        return (struct ctl_outcome){ERR_UNKNOWN_TOPIC_OR_PARTITION, STR_NULL};
    }
    struct ctl_outcome o = check_count(g, t, topic);
    if (o.err) {
        return o;
    }
    return t->assignments_count >= 0 ? add_manual(g, t, topic, first->replica_count)
                                     : add_placed(g, t, topic, first->replica_count);
}

static struct ctl_outcome grow_or_refuse(struct growing *g, const growth *t, bool is_twice)
{
    const struct ctl_auth *a = g->req->auth;
    if (is_twice) {
        return ctl_refuse(g->req, ERR_INVALID_REQUEST, "Duplicate topic name.");
    }
    if (a != NULL && a->can_alter_topic != NULL && !a->can_alter_topic(a->ctx, t->name)) {
        return (struct ctl_outcome){ERR_TOPIC_AUTHORIZATION_FAILED, STR_NULL};
    }
    return grow(g, t);
}

static enum err grow_each(struct growing *g, const struct create_partitions_req *msg,
                          const uint8_t *duplicates, struct create_partitions_resp *resp)
{
    for (int32_t i = 0; i < msg->topics_count; i++) {
        if (duplicates[i] == 2) {
            continue;
        }
        int32_t before = g->records->count;
        struct ctl_outcome o = grow_or_refuse(g, &msg->topics[i], duplicates[i]);
        if (o.err) {
            meta_records_truncate(g->records, before);
        }
        if (o.err && !err_is_wire(o.err)) {
            return o.err;
        }
        struct create_partitions_resp_create_partitions_topic_result *ret =
            &resp->results[resp->results_count++];
        *ret = create_partitions_resp_create_partitions_topic_result_default;
        ret->name = msg->topics[i].name;
        ret->error_code = (int16_t)o.err;
        ret->error_message = o.text;
    }
    return OK;
}

enum err ctl_create_partitions(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    const struct create_partitions_req *msg = req->msg;
    struct growing g = {.ctl = ctl, .req = req, .records = &out->records};
    size_t count = (size_t)msg->topics_count + 1;
    struct str *names = arena_array(req->arena, count, sizeof *names);
    struct create_partitions_resp *resp = ARENA_NEW(req->arena, struct create_partitions_resp);
    if (names == NULL || resp == NULL) {
        return ERR_BUDGET;
    }
    *resp = create_partitions_resp_default;
    resp->results = arena_array(req->arena, count, sizeof *resp->results);
    for (int32_t i = 0; i < msg->topics_count; i++) {
        names[i] = msg->topics[i].name;
    }
    uint8_t *duplicates = ctl_find_duplicates(req->arena, names, msg->topics_count);
    if (resp->results == NULL || duplicates == NULL) {
        return ERR_BUDGET;
    }
    out->resp = resp;
    out->records.is_atomic = true;
    enum err e = ctl_placer_init(ctl, req->arena, &g.placer);
    e = e ? e : grow_each(&g, msg, duplicates, resp);
    if (msg->validate_only) {
        meta_records_truncate(&out->records, 0);
    }
    return e;
}
