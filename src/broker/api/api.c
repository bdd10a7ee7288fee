/* The table of APIs, and the small things that handlers share. */
#include "broker/api/api.h"

enum { GROW_MIN = 16 };

enum row {
#define X(name, fn, min, max, api_flags) ROW_##name,
#include "def/api.def"
#undef X
};

static const struct api rows[] = {
#define X(name, fn, min, max, api_flags)                                                           \
    {.key = API_##name,                                                                            \
     .min_version = (min),                                                                         \
     .max_version = (max),                                                                         \
     .flags = (api_flags),                                                                         \
     .handler = (fn)},
#include "def/api.def"
#undef X
};

const struct api *api_rows(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(rows);
    return rows;
}

const struct api *api_find(int key)
{
    switch (key) {
#define X(name, fn, min, max, api_flags)                                                           \
    case API_##name:                                                                               \
        return &rows[ROW_##name];
#include "def/api.def"
#undef X
    default:
        return NULL;
    }
}

int16_t api_error(enum err e)
{
    switch ((int)e) {
    case ERR_NO_MEMORY:
        return ERR_REQUEST_TIMED_OUT; /* not done, and worth another try */
    case ERR_BUDGET:
        return ERR_UNKNOWN_SERVER_ERROR;
    case ERR_POISONED:
    case ERR_IO:
    case ERR_NO_SPACE:
    case ERR_NO_FDS:
    case ERR_PERMISSION:
    case ERR_NOT_FOUND:
        return ERR_KAFKA_STORAGE_ERROR;
    case ERR_CLOSED: /* the partition is just being deleted */
        return ERR_UNKNOWN_TOPIC_OR_PARTITION;
    case ERR_MALFORMED:
        return ERR_CORRUPT_MESSAGE;
    case ERR_BAD_CONFIG:
        return ERR_INVALID_CONFIG;
    default:
        return err_is_wire(e) ? (int16_t)e : (int16_t)ERR_UNKNOWN_SERVER_ERROR;
    }
}

bool api_is_internal_topic(struct str name)
{
    return str_eq(name, STR("__consumer_offsets")) || str_eq(name, STR("__transaction_state")) ||
           str_eq(name, STR("__share_group_state"));
}

bool api_copy_ids(struct call *c, struct ids ids, int32_t **ret_v, int32_t *ret_count)
{
    *ret_v = CALL_ARRAY(c, int32_t, ids.count);
    for (int32_t i = 0; *ret_v != NULL && i < ids.count; i++) {
        (*ret_v)[i] = ids.v[i];
    }
    *ret_count = *ret_v ? ids.count : 0;
    return *ret_v != NULL;
}

bool api_copy_offline(struct call *c, const struct image *img, struct ids replicas, int32_t **ret_v,
                      int32_t *ret_count)
{
    *ret_count = 0;
    *ret_v = CALL_ARRAY(c, int32_t, replicas.count);
    for (int32_t i = 0; *ret_v != NULL && i < replicas.count; i++) {
        const struct image_node *n = image_broker(img, replicas.v[i]);
        if (n == NULL || n->is_fenced) {
            (*ret_v)[(*ret_count)++] = replicas.v[i];
        }
    }
    return *ret_v != NULL;
}

void *api_grow(struct call *c, const void *v, size_t item_bytes, int32_t *cap)
{
    int32_t new_cap = *cap ? *cap * 2 : GROW_MIN;
    void *p = arena_array(&c->arena, (size_t)new_cap, item_bytes);
    if (p != NULL && *cap > 0) {
        memcpy(p, v, item_bytes * (size_t)*cap);
    }
    *cap = p ? new_cap : *cap;
    return p;
}

bool api_keep_str(struct call *c, struct str *s)
{
    if (arena_copy_str(&c->arena, *s, s)) {
        return true;
    }
    call_fail(c, "the request needs too much memory");
    return false;
}
