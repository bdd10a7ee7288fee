/* Finding messages and asking about them; defaults. Pure, no state. */
#include "wire/desc.h"

#include "base/assert.h"
#include "base/endian.h"

static const struct wire_msg *table_find(const struct wire_table *t, int number)
{
    return number >= 0 && (size_t)number < t->count ? t->rows[number] : NULL;
}

const struct wire_msg *wire_request(int api_key) { return table_find(&wire_requests, api_key); }
const struct wire_msg *wire_response(int api_key) { return table_find(&wire_responses, api_key); }

const struct wire_msg *wire_metadata_record(int type)
{
    return table_find(&wire_metadata_records, type);
}

const struct wire_msg *wire_group_key(int type) { return table_find(&wire_group_keys, type); }
const struct wire_msg *wire_group_value(int type) { return table_find(&wire_group_values, type); }
const struct wire_msg *wire_txn_key(int type) { return table_find(&wire_txn_keys, type); }
const struct wire_msg *wire_txn_value(int type) { return table_find(&wire_txn_values, type); }
const struct wire_msg *wire_share_key(int type) { return table_find(&wire_share_keys, type); }
const struct wire_msg *wire_share_value(int type) { return table_find(&wire_share_values, type); }

const struct wire_msg *wire_remote_log_record(int type)
{
    return table_find(&wire_remote_log_records, type);
}

const struct wire_msg *wire_nth(size_t i) { return i < wire_all.count ? wire_all.rows[i] : NULL; }

const char *wire_name(const struct wire_msg *m) { return m->name; }
int wire_min_version(const struct wire_msg *m) { return m->lo; }
int wire_max_version(const struct wire_msg *m) { return m->hi; }
size_t wire_struct_bytes(const struct wire_msg *m) { return m->type->size; }

bool wire_is_flexible(const struct wire_msg *m, int version)
{
    return version >= m->flex_lo && version <= m->flex_hi;
}

void wire_init(const struct wire_msg *m, void *msg)
{
    memcpy(msg, m->type->defaults, m->type->size);
}

size_t wire_value_size(const struct wire_field *f)
{
    static const uint8_t sizes[] = {
        [WT_BOOL] = sizeof(bool),
        [WT_INT8] = 1,
        [WT_INT16] = 2,
        [WT_INT32] = 4,
        [WT_INT64] = 8,
        [WT_UINT16] = 2,
        [WT_UINT32] = 4,
        [WT_FLOAT64] = 8,
        [WT_UUID] = sizeof(struct uuid),
        [WT_STRING] = sizeof(struct str),
        [WT_BYTES] = sizeof(struct bytes),
        [WT_RECORDS] = sizeof(struct wire_records),
    };
    return f->type == WT_STRUCT ? f->sub->size : sizes[f->type];
}

int32_t wire_throttle_ms(int api_key, int version, struct bytes body)
{
    const struct wire_msg *m = wire_response(api_key);
    size_t at = 0;
    for (int i = 0; m != NULL && i < m->type->field_count; i++) {
        const struct wire_field *f = &m->type->fields[i];
        if (!wire_field_in(f, version) || f->tag >= 0) {
            continue;
        }
        if (strcmp(f->name, "throttleTimeMs") == 0) {
            return body.len >= at + 4 ? (int32_t)be32_get(body.p + at) : 0;
        }
        if (f->type >= WT_UUID || (f->flags & WF_ARRAY)) {
            break;
        }
        at += wire_value_size(f);
    }
    return 0;
}

static bool type_is_default(const struct wire_type *t, const void *value)
{
    for (int i = 0; i < t->field_count; i++) {
        if (!wire_is_default(&t->fields[i], value)) {
            return false;
        }
    }
    return true;
}

/* A pointer and a length, or null. */
static bool view_is_default(const struct wire_field *f, bool is_null, size_t len)
{
    return f->flags & WF_DEFAULT_NULL ? is_null : !is_null && len == 0;
}

static bool number_is_default(const struct wire_field *f, const void *at)
{
    return memcmp(at, &f->def, wire_value_size(f)) == 0; /* little-endian: the low bytes */
}

static bool records_are_default(const struct wire_field *f, const struct wire_records *r)
{
    return view_is_default(f, r->p == NULL && r->ref == NULL, r->len);
}

static bool pointer_is_default(const struct wire_field *f, const void *p)
{
    return f->flags & WF_DEFAULT_NULL ? p == NULL : p != NULL && type_is_default(f->sub, p);
}

bool wire_is_default(const struct wire_field *f, const void *msg)
{
    const void *at = wire_at(f, msg);
    if (f->flags & WF_ARRAY) {
        int32_t n = wire_count(f, msg);
        return view_is_default(f, n < 0, (size_t)n);
    }
    if (f->flags & WF_POINTER) {
        return pointer_is_default(f, wire_pointer(f, msg));
    }
    switch ((enum wire_kind)f->type) {
    case WT_STRUCT:
        return type_is_default(f->sub, at);
    case WT_STRING:
        return view_is_default(f, ((const struct str *)at)->p == NULL,
                               ((const struct str *)at)->len);
    case WT_BYTES:
        return view_is_default(f, ((const struct bytes *)at)->p == NULL,
                               ((const struct bytes *)at)->len);
    case WT_RECORDS:
        return records_are_default(f, at);
    case WT_UUID:
        return uuid_is_zero(*(const struct uuid *)at);
    case WT_FLOAT64:
        return *(const double *)at == 0; /* no schema has another default; -0.0 is one too */
    default:
        return number_is_default(f, at);
    }
}
