/* DeleteTopics. Checks, their order and their sentences are Apache Kafka's. Pure.
 *
 * A topic is named by its name or by its id. What is named twice is refused, in whichever way: then
 * nobody learns from the order of the request what was meant. */
#include "meta/ctl_int.h"

typedef struct delete_topics_resp_deletable_topic_result deleted;

/* A topic as the request names it. */
struct victim {
    struct str name; /* null: by id */
    struct uuid id;
    uint8_t same;       /* 1: the first of those named alike, 2: another one of them */
    bool is_named_both; /* by name and, somewhere else in the request, by id */
};

struct deletion {
    struct ctl *ctl;
    const struct ctl_req *req;
    struct victim *victims;
    int32_t count;
    struct meta_records *records;
    struct delete_topics_resp *resp;
};

static bool is_by_name(const struct victim *v)
{
    return !str_is_null(v->name) && uuid_is_zero(v->id);
}

static bool is_by_id(const struct victim *v)
{
    return str_is_null(v->name) && !uuid_is_zero(v->id);
}

static const struct image_topic *topic_of(const struct deletion *d, const struct victim *v)
{
    return is_by_name(v) ? image_topic_by_name(d->ctl->tip, v->name)
                         : image_topic_by_id(d->ctl->tip, v->id);
}

/* --- rights --- */

static bool may(bool (*fn)(void *, struct str), const struct ctl_req *req, struct str topic)
{
    return fn == NULL || fn(req->auth->ctx, topic);
}

static struct ctl_outcome check_rights(const struct ctl_req *req, const struct image_topic *t,
                                       bool knows_name)
{
    if (req->auth == NULL) {
        return CTL_FINE;
    }
    if (!may(req->auth->can_describe_topic, req, t->name)) {
        /* whoever may not see a topic does not learn that its name belongs to one */
        return knows_name
                   ? ctl_refuse(req, ERR_TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed.")
                   : ctl_refuse(req, ERR_UNKNOWN_TOPIC_ID,
                                "This server does not host this topic ID.");
    }
    if (!may(req->auth->can_delete_topic, req, t->name)) {
        return ctl_refuse(req, ERR_TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed.");
    }
    return CTL_FINE;
}

/* --- what is named twice --- */

/* The kind keeps names, ids and those that are like no other apart. */
static struct str key_of(struct arena *a, char kind, const void *bytes, size_t len)
{
    char *key = arena_alloc(a, len + 1);
    if (key == NULL) {
        return STR_NULL;
    }
    key[0] = kind;
    memcpy(key + 1, bytes, len);
    return (struct str){key, len + 1};
}

static struct str key_as_written(const struct deletion *d, int32_t i)
{
    const struct victim *v = &d->victims[i];
    if (is_by_name(v)) {
        return key_of(d->req->arena, 'n', v->name.p, v->name.len);
    }
    return is_by_id(v) ? key_of(d->req->arena, 'i', v->id.b, sizeof v->id.b)
                       : key_of(d->req->arena, '#', &i, sizeof i);
}

/* By id, as far as the caller may know it. */
static struct str key_resolved(const struct deletion *d, int32_t i)
{
    const struct victim *v = &d->victims[i];
    const struct image_topic *t = is_by_name(v) && v->same == 0 ? topic_of(d, v) : NULL;
    if (t != NULL && check_rights(d->req, t, true).err == OK) {
        return key_of(d->req->arena, 'i', t->id.b, sizeof t->id.b);
    }
    return is_by_id(v) ? key_of(d->req->arena, 'i', v->id.b, sizeof v->id.b)
                       : key_of(d->req->arena, '#', &i, sizeof i);
}

static uint8_t *find_alike(const struct deletion *d,
                           struct str (*key)(const struct deletion *d, int32_t i))
{
    struct str *keys = arena_array(d->req->arena, (size_t)d->count + 1, sizeof *keys);
    for (int32_t i = 0; keys != NULL && i < d->count; i++) {
        keys[i] = key(d, i);
        if (str_is_null(keys[i])) {
            return NULL;
        }
    }
    return keys ? ctl_find_duplicates(d->req->arena, keys, d->count) : NULL;
}

static enum err mark_alike(struct deletion *d)
{
    const uint8_t *written = find_alike(d, key_as_written);
    for (int32_t i = 0; written != NULL && i < d->count; i++) {
        d->victims[i].same = written[i];
    }
    const uint8_t *resolved = written ? find_alike(d, key_resolved) : NULL;
    for (int32_t i = 0; resolved != NULL && i < d->count; i++) {
        d->victims[i].is_named_both = d->victims[i].same == 0 && resolved[i] != 0;
    }
    return resolved ? OK : ERR_BUDGET;
}

/* --- one topic --- */

static struct ctl_outcome check_naming(const struct ctl_req *req, const struct victim *v)
{
    if (v->same) {
        return ctl_refuse(req, ERR_INVALID_REQUEST,
                          is_by_id(v) ? "Duplicate topic id." : "Duplicate topic name.");
    }
    if (is_by_name(v) || is_by_id(v)) {
        return CTL_FINE;
    }
    return str_is_null(v->name)
               ? ctl_refuse(req, ERR_INVALID_REQUEST, "Neither topic name nor id were specified.")
               : ctl_refuse(req, ERR_INVALID_REQUEST,
                            "You may not specify both topic name and topic id.");
}

static struct ctl_outcome delete_one(const struct deletion *d, const struct victim *v, deleted *ret)
{
    struct ctl_outcome o = check_naming(d->req, v);
    if (o.err) {
        return o;
    }
    const struct image_topic *t = topic_of(d, v);
    if (t == NULL) {
        return is_by_id(v) ? ctl_refuse(d->req, ERR_UNKNOWN_TOPIC_ID,
                                        "This server does not host this topic ID.")
                           : ctl_refuse(d->req, ERR_UNKNOWN_TOPIC_OR_PARTITION,
                                        "This server does not host this topic-partition.");
    }
    o = check_rights(d->req, t, is_by_name(v));
    if (o.err) {
        return o;
    }
    ret->topic_id = t->id;
    if (v->is_named_both) {
        return ctl_refuse(d->req, ERR_INVALID_REQUEST,
                          "The provided topic name maps to an ID that was already supplied.");
    }
    struct remove_topic_record r = {t->id};
    meta_records_add(d->records, META_REMOVE_TOPIC, 0, &r);
    if (!arena_copy_str(d->req->arena, t->name, &ret->name)) {
        o.err = ERR_BUDGET;
    }
    return o;
}

static struct ctl_outcome refuse_deletion(const struct ctl_req *req)
{
    return ctl_refuse(req, req->version < 3 ? ERR_INVALID_REQUEST : ERR_TOPIC_DELETION_DISABLED,
                      "Topic deletion is disabled.");
}

/* Of those named alike the first one is answered, of a name and its id the name. */
static bool is_answered(const struct victim *v)
{
    return v->same < 2 && !(v->is_named_both && is_by_id(v));
}

static enum err delete_each(struct deletion *d)
{
    for (int32_t i = 0; i < d->count; i++) {
        const struct victim *v = &d->victims[i];
        if (!is_answered(v)) {
            continue;
        }
        deleted *ret = &d->resp->responses[d->resp->responses_count++];
        *ret = delete_topics_resp_deletable_topic_result_default;
        ret->name = v->name;
        ret->topic_id = v->id;
        struct ctl_outcome o =
            d->ctl->config->delete_topic_enable ? delete_one(d, v, ret) : refuse_deletion(d->req);
        if (o.err && !err_is_wire(o.err)) {
            return o.err;
        }
        ret->error_code = (int16_t)o.err;
        ret->error_message = o.text;
    }
    return OK;
}

static struct victim *victims_of(const struct ctl_req *req, int32_t *ret_count)
{
    const struct delete_topics_req *msg = req->msg;
    bool has_ids = req->version >= 6;
    int32_t count = has_ids ? msg->topics_count : msg->topic_names_count;
    struct victim *v = arena_array(req->arena, (size_t)count + 1, sizeof *v);
    for (int32_t i = 0; v != NULL && i < count; i++) {
        v[i] = has_ids ? (struct victim){.name = msg->topics[i].name, .id = msg->topics[i].topic_id}
                       : (struct victim){.name = msg->topic_names[i]};
    }
    *ret_count = count;
    return v;
}

enum err ctl_delete_topics(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    struct deletion d = {.ctl = ctl, .req = req, .records = &out->records};
    d.victims = victims_of(req, &d.count);
    d.resp = ARENA_NEW(req->arena, struct delete_topics_resp);
    if (d.victims == NULL || d.resp == NULL) {
        return ERR_BUDGET;
    }
    *d.resp = delete_topics_resp_default;
    d.resp->responses = arena_array(req->arena, (size_t)d.count + 1, sizeof *d.resp->responses);
    if (d.resp->responses == NULL) {
        return ERR_BUDGET;
    }
    out->resp = d.resp;
    out->records.is_atomic = true;
    enum err e = mark_alike(&d);
    return e ? e : delete_each(&d);
}
