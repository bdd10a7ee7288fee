/* Answers that say nothing but an error, for any API, by the descriptors of its messages. Pure.
 *
 * A response is a mirror of its request: arrays of structs stand for arrays of structs (or of
 * names), fields of the same name are the same thing. Where the two sides call a thing by different
 * names, `twins` says so. */
#include "testkit/answer.h"

#include "base/attr.h"
#include "wire/desc.h"

#include <string.h>

/* Name in the response, name in the request. */
static const char *const twins[][2] = {
    {"responses", "topicData"},
    {"partitionResponses", "partitionData"},
    {"responses", "topics"},
    {"responses", "topicNames"},
    {"responses", "resources"},
    {"results", "resources"},
    {"results", "groupsNames"},
    {"results", "topics"},
    {"results", "topicPartitions"},
    {"groups", "groups"},
    {"groups", "groupIds"},
    {"coordinators", "coordinatorKeys"},
    {"partitions", "partitionIndexes"},
    {"partitionResult", "partitions"},
    {"replicaElectionResults", "topicPartitions"},
    {"index", "partitionIndex"},
    {"partitionIndex", "partition"},
    {"partitionIndex", "index"},
    {"partition", "partitionIndex"},
    {"topicName", "topic"},
    {"topic", "name"},
    {"name", "topic"},
    {"topicName", "name"},
};

static bool is_array(const struct wire_field *f) { return (f->flags & WF_ARRAY) != 0; }

static bool is_named(const struct wire_field *f, const char *name)
{
    return strcmp(f->name, name) == 0;
}

static bool is_code(const struct wire_field *f)
{
    return f->type == WT_INT16 && !is_array(f) && is_named(f, "errorCode");
}

static const struct wire_field *field_named(const struct wire_type *t, const char *name,
                                            int version)
{
    for (uint16_t i = 0; i < t->field_count; i++) {
        if (is_named(&t->fields[i], name) && wire_field_in(&t->fields[i], version)) {
            return &t->fields[i];
        }
    }
    return NULL;
}

/* The request's field for one of the response. */
static const struct wire_field *twin_of(const struct wire_field *f, const struct wire_type *t,
                                        int version)
{
    const struct wire_field *found = field_named(t, f->name, version);
    for (size_t i = 0; found == NULL && i < ARRAY_LEN(twins); i++) {
        if (is_named(f, twins[i][0])) {
            found = field_named(t, twins[i][1], version);
        }
    }
    return found;
}

struct mirror {
    struct arena *arena;
    int version;
    int16_t code;
};

static bool fill(const struct mirror *m, const struct wire_type *t, void *to,
                 const struct wire_type *from_type, const void *from);

/* An element of the response for a plain value of the request: its first field of that type. */
static void name_element(const struct mirror *m, const struct wire_type *t, void *to,
                         const struct wire_field *value, const void *from)
{
    for (uint16_t i = 0; i < t->field_count; i++) {
        const struct wire_field *f = &t->fields[i];
        if (is_code(f) && wire_field_in(f, m->version)) {
            memcpy((char *)to + f->off, &m->code, sizeof m->code);
        }
    }
    for (uint16_t i = 0; i < t->field_count; i++) {
        const struct wire_field *f = &t->fields[i];
        if (f->type == value->type && !is_array(f) && !is_code(f) && wire_field_in(f, m->version)) {
            memcpy((char *)to + f->off, from, wire_value_size(f));
            return;
        }
    }
}

static bool fill_array(const struct mirror *m, const struct wire_field *f, void *to,
                       const struct wire_field *g, const void *from)
{
    int32_t n = MAX(wire_count(g, from), 0);
    size_t size = wire_value_size(f), from_size = wire_value_size(g);
    char *v = arena_array(m->arena, (size_t)MAX(n, 1), size);
    const char *in = wire_pointer(g, from);
    bool has_room = v != NULL;
    for (int32_t i = 0; has_room && i < n; i++) {
        char *x = v + (size_t)i * size;
        const char *y = in + (size_t)i * from_size;
        memcpy(x, f->sub->defaults, size);
        if (g->type == WT_STRUCT) {
            has_room = fill(m, f->sub, x, g->sub, y);
        } else {
            name_element(m, f->sub, x, g, y);
        }
    }
    memcpy((char *)to + f->off, &v, sizeof v);
    memcpy((char *)to + f->count_off, &n, sizeof n);
    return has_room;
}

static bool fill_field(const struct mirror *m, const struct wire_field *f, void *to,
                       const struct wire_type *from_type, const void *from)
{
    if (is_code(f)) {
        memcpy((char *)to + f->off, &m->code, sizeof m->code);
        return true;
    }
    const struct wire_field *g = from ? twin_of(f, from_type, m->version) : NULL;
    if (g == NULL || is_array(f) != is_array(g) || (f->flags | g->flags) & WF_POINTER) {
        return true;
    }
    if (is_array(f)) {
        return f->type != WT_STRUCT || fill_array(m, f, to, g, from);
    }
    if (f->type == g->type && f->type != WT_STRUCT) {
        memcpy((char *)to + f->off, wire_at(g, from), wire_value_size(f));
    }
    return true;
}

static bool fill(const struct mirror *m, const struct wire_type *t, void *to,
                 const struct wire_type *from_type, const void *from)
{
    bool has_room = true;
    for (uint16_t i = 0; has_room && i < t->field_count; i++) {
        if (wire_field_in(&t->fields[i], m->version)) {
            has_room = fill_field(m, &t->fields[i], to, from_type, from);
        }
    }
    return has_room;
}

void *answer_error(const struct wire_header *head, const void *request, int code, struct arena *a)
{
    const struct wire_msg *req = wire_request(head->api_key), *resp = wire_response(head->api_key);
    struct mirror m = {a, head->version, (int16_t)code};
    void *out = arena_alloc(a, wire_struct_bytes(resp));
    if (out == NULL) {
        return NULL;
    }
    wire_init(resp, out);
    return fill(&m, resp->type, out, req->type, request) ? out : NULL;
}

static void spoil(const struct wire_type *t, void *msg, int version, int16_t code)
{
    for (uint16_t i = 0; i < t->field_count; i++) {
        const struct wire_field *f = &t->fields[i];
        if (!wire_field_in(f, version)) {
            continue;
        }
        if (is_code(f)) {
            memcpy((char *)msg + f->off, &code, sizeof code);
        } else if (f->type == WT_STRUCT && is_array(f)) {
            char *v = wire_pointer(f, msg);
            for (int32_t k = 0; k < wire_count(f, msg); k++) {
                spoil(f->sub, v + (size_t)k * f->sub->size, version, code);
            }
        }
    }
}

void answer_spoil(const struct wire_header *head, void *response, int code)
{
    spoil(wire_response(head->api_key)->type, response, head->version, (int16_t)code);
}
