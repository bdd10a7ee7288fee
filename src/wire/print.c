/* Structs as JSON, by descriptor, in the form of Apache Kafka's JsonConverters. Pure; the output's
 * sticky error is looked at once, at the end. */
#include "wire/desc.h"

#include "base/json.h"

#include <inttypes.h>

struct printer {
    struct buf *out;
    enum err err;
    int version;
    bool shorten;
};

static void print_struct(struct printer *p, const struct wire_type *t, const void *msg);

static void print_number(struct printer *p, const struct wire_field *f, const void *at)
{
    switch ((enum wire_kind)f->type) {
    case WT_INT8:
        buf_printf(p->out, "%d", *(const int8_t *)at);
        return;
    case WT_INT16:
        buf_printf(p->out, "%d", *(const int16_t *)at);
        return;
    case WT_UINT16:
        buf_printf(p->out, "%u", *(const uint16_t *)at);
        return;
    case WT_INT32:
        buf_printf(p->out, "%" PRId32, *(const int32_t *)at);
        return;
    case WT_UINT32:
        buf_printf(p->out, "%" PRIu32, *(const uint32_t *)at);
        return;
    case WT_INT64:
        buf_printf(p->out, "%" PRId64, *(const int64_t *)at);
        return;
    default:
        json_put_double(p->out, *(const double *)at);
        return;
    }
}

static void print_uuid(struct printer *p, const struct uuid *u)
{
    char text[UUID_TEXT_LEN + 1];
    uuid_format(*u, text);
    json_put_str(p->out, str_from(text));
}

/* Records that are only a reference have no bytes to show. */
static void print_records(struct printer *p, const struct wire_records *r)
{
    if (p->shorten && (r->p != NULL || r->ref != NULL)) {
        buf_printf(p->out, "%zu", r->len);
    } else {
        json_put_base64(p->out, (struct bytes){r->p, r->p == NULL ? 0 : r->len});
    }
}

static void print_value(struct printer *p, const struct wire_field *f, const void *at)
{
    switch ((enum wire_kind)f->type) {
    case WT_BOOL:
        buf_put_str(p->out, *(const bool *)at ? STR("true") : STR("false"));
        return;
    case WT_UUID:
        print_uuid(p, at);
        return;
    case WT_STRING:
        json_put_str(p->out, *(const struct str *)at);
        return;
    case WT_BYTES:
        json_put_base64(p->out, *(const struct bytes *)at);
        return;
    case WT_RECORDS:
        print_records(p, at);
        return;
    case WT_STRUCT:
        print_struct(p, f->sub, at);
        return;
    default:
        print_number(p, f, at);
        return;
    }
}

static void print_array(struct printer *p, const struct wire_field *f, const void *msg)
{
    int32_t n = wire_count(f, msg);
    const char *items = wire_pointer(f, msg);
    size_t size = wire_value_size(f);
    buf_put_u8(p->out, '[');
    for (int32_t i = 0; i < n && !p->err; i++) {
        if (i > 0) {
            buf_put_u8(p->out, ',');
        }
        print_value(p, f, items + (size_t)i * size);
    }
    buf_put_u8(p->out, ']');
}

static bool is_null(const struct wire_field *f, const void *msg)
{
    const void *at = wire_at(f, msg);
    if (f->flags & WF_ARRAY) {
        return wire_count(f, msg) < 0;
    }
    if (f->flags & WF_POINTER) {
        return wire_pointer(f, msg) == NULL;
    }
    switch ((enum wire_kind)f->type) {
    case WT_STRING:
        return ((const struct str *)at)->p == NULL;
    case WT_BYTES:
        return ((const struct bytes *)at)->p == NULL;
    case WT_RECORDS:
        return ((const struct wire_records *)at)->p == NULL &&
               ((const struct wire_records *)at)->ref == NULL;
    default:
        return false;
    }
}

static void print_key(struct printer *p, const struct wire_field *f, bool is_size)
{
    buf_printf(p->out, "\"%s%s\":", f->name, is_size ? "SizeInBytes" : "");
}

static void print_field(struct printer *p, const struct wire_field *f, const void *msg)
{
    bool null = is_null(f, msg);
    print_key(p, f, !null && p->shorten && f->type == WT_RECORDS);
    if (null) {
        buf_put_str(p->out, STR("null"));
    } else if (f->flags & WF_ARRAY) {
        print_array(p, f, msg);
    } else if (f->flags & WF_POINTER) {
        print_struct(p, f->sub, wire_pointer(f, msg));
    } else {
        print_value(p, f, wire_at(f, msg));
    }
}

/* Whether f belongs into the object: its version has it, and a tagged one has a value. */
static bool is_shown(struct printer *p, const struct wire_field *f, const void *msg)
{
    if (wire_field_in(f, p->version)) {
        return f->tag < 0 || !wire_is_default(f, msg);
    }
    if (!(f->flags & WF_IGNORABLE) && !wire_is_default(f, msg) && !p->err) {
        p->err = ERR_WRONG_VERSION;
    }
    return false;
}

static void print_struct(struct printer *p, const struct wire_type *t, const void *msg)
{
    const char *separator = "";
    buf_put_u8(p->out, '{');
    for (int i = 0; i < t->field_count && !p->err; i++) {
        if (is_shown(p, &t->fields[i], msg)) {
            buf_put_str(p->out, str_from(separator));
            print_field(p, &t->fields[i], msg);
            separator = ",";
        }
    }
    buf_put_u8(p->out, '}');
}

enum err wire_print(const struct wire_msg *m, int version, const void *msg, bool shorten,
                    struct buf *out)
{
    if (version < m->lo || version > m->hi) {
        return ERR_UNSUPPORTED_VERSION;
    }
    size_t before = out->len;
    struct printer p = {out, out->err, version, shorten};
    print_struct(&p, m->type, msg);
    enum err e = p.err ? p.err : out->err;
    if (e) {
        out->len = before;
    }
    return e;
}
