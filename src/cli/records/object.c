/* Records out of JSON. No I/O. Fields that are not known are passed over. */
#include "cli/records/object.h"

#include "base/base64.h"
#include "base/mem.h"

#include <stdio.h>

void object_deinit(struct object *o)
{
    json_decref(o->doc);
    buf_deinit(&o->bytes);
    mem_free(o->headers);
    *o = (struct object){0};
}

/* --- fields --- */

/* name as text, or name_base64 as bytes; neither, or null: null. */
static bool take_bytes(struct object *o, json_t *from, const char *name, struct str *ret,
                       struct buf *why)
{
    char encoded_name[32];
    snprintf(encoded_name, sizeof encoded_name, "%s_base64", name);
    json_t *text = json_object_get(from, name), *encoded = json_object_get(from, encoded_name);
    *ret = STR_NULL;
    if (json_is_string(text)) {
        *ret = (struct str){json_string_value(text), json_string_length(text)};
    } else if (json_is_string(encoded)) {
        size_t at = o->bytes.len; /* its room was made before: it must not move */
        bool ok = base64_read_any(
            &o->bytes, (struct str){json_string_value(encoded), json_string_length(encoded)});
        *ret = (struct str){(const char *)o->bytes.p + at, o->bytes.len - at};
        if (!ok) {
            buf_printf(why, "%s is no base64", encoded_name);
        }
        return ok;
    } else if (text != NULL && !json_is_null(text)) {
        buf_printf(why, "%s is no string", name);
        return false;
    }
    return true;
}

static bool take_number(json_t *doc, const char *name, int64_t most, int64_t *ret, struct buf *why)
{
    json_t *v = json_object_get(doc, name);
    if (v == NULL || json_is_null(v)) {
        return true;
    }
    *ret = json_integer_value(v);
    if (!json_is_integer(v) || *ret < -1 || *ret > most) {
        buf_printf(why, "%s is no number that it may be", name);
        return false;
    }
    return true;
}

static bool take_headers(struct object *o, struct ottla_message *m, struct buf *why)
{
    json_t *list = json_object_get(o->doc, "headers"), *row;
    size_t i;
    if (json_array_size(list) > o->header_cap) {
        o->header_cap = json_array_size(list);
        o->headers = mem_realloc_array(o->headers, o->header_cap, sizeof *o->headers);
    }
    json_array_foreach(list, i, row)
    {
        json_t *name = json_object_get(row, "name");
        struct str value;
        if (!json_is_string(name)) {
            buf_printf(why, "headers[%zu] has no name", i);
            return false;
        }
        if (!take_bytes(o, row, "value", &value, why)) {
            return false;
        }
        o->headers[i] = (struct ottla_header){json_string_value(name), json_string_length(name),
                                              value.p, value.len};
    }
    m->headers = o->headers;
    m->header_count = json_array_size(list);
    return true;
}

bool object_read(struct object *o, struct str line, bool wants_partition, struct ottla_message *m,
                 struct buf *why)
{
    json_error_t error;
    struct str key, value;
    int64_t partition = -1;
    json_decref(o->doc);
    o->doc = json_loadb(line.p, line.len, JSON_ALLOW_NUL, &error);
    buf_clear(&o->bytes);
    if (!json_is_object(o->doc)) {
        buf_printf(why, "no object: %s", o->doc ? "it is another value" : error.text);
        return false;
    }
    if (buf_reserve(&o->bytes, line.len) == NULL || !take_bytes(o, o->doc, "key", &key, why) ||
        !take_bytes(o, o->doc, "value", &value, why) ||
        !take_number(o->doc, "timestamp", INT64_MAX, &m->timestamp_ms, why) ||
        !take_number(o->doc, "partition", INT32_MAX, &partition, why) || !take_headers(o, m, why)) {
        return false;
    }
    m->key = key.p;
    m->key_length = key.len;
    m->value = value.p;
    m->value_length = value.len;
    m->partition = wants_partition ? (int32_t)partition : m->partition;
    m->topic = m->topic ? m->topic : json_string_value(json_object_get(o->doc, "topic"));
    return true;
}
