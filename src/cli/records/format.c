/* Formatters. No I/O, no state.
 *
 * The order of parts is Kafka's: time, partition, offset, delivery, epoch, headers, key, value,
 * with the key's separator between them. Its console consumer does not hand on the delivery count
 * and the leader epoch of a record, so that they are NOT_PRESENT there and here; JSON has the
 * epoch. */
#include "cli/records/format.h"

#include "base/attr.h"
#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <strings.h>

/* --- by name --- */

static const struct row {
    const char *class;
    enum format_kind kind;
    enum ottla_internal internal;
} rows[] = {
    {"DefaultMessageFormatter", FORMAT_DEFAULT, 0},
    {"LoggingMessageFormatter", FORMAT_LOGGING, 0},
    {"NoOpMessageFormatter", FORMAT_NOTHING, 0},
    {"OffsetsMessageFormatter", FORMAT_INTERNAL, OTTLA_INTERNAL_OFFSETS},
    {"GroupMetadataMessageFormatter", FORMAT_INTERNAL, OTTLA_INTERNAL_GROUPS},
    {"ShareGroupMessageFormatter", FORMAT_INTERNAL, OTTLA_INTERNAL_SHARE_GROUPS},
    {"TransactionLogMessageFormatter", FORMAT_INTERNAL, OTTLA_INTERNAL_TRANSACTIONS},
    {"ShareGroupStateMessageFormatter", FORMAT_INTERNAL, OTTLA_INTERNAL_SHARE_STATE},
};

static const struct str package = {"org.apache.kafka.tools.consumer.", 32};

bool format_find(const char *name, struct format *ret)
{
    struct str s = str_from(name), share = STR("group.share."), ending = STR("MessageFormatter");
    s = str_has_prefix(s, package) ? str_sub(s, package.len, s.len - package.len) : s;
    s = str_has_prefix(s, share) ? str_sub(s, share.len, s.len - share.len) : s;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str class = str_from(rows[i].class);
        size_t first = class.len - ending.len;
        if (str_eq(s, class) || (s.len == first && strncasecmp(s.p, class.p, first) == 0)) {
            *ret = (struct format){.kind = rows[i].kind, .internal = rows[i].internal};
            return true;
        }
    }
    return false;
}

/* --- properties --- */

static void take_bool(const struct props *p, const char *name, bool *ret)
{
    struct str v = props_get(p, str_from(name));
    if (!str_is_null(v)) {
        v = str_trim(v);
        *ret = v.len == 4 && strncasecmp(v.p, "true", 4) == 0;
    }
}

static struct str take_text(const struct props *p, const char *name, struct str otherwise)
{
    struct str v = props_get(p, str_from(name));
    return str_is_null(v) ? otherwise : v;
}

static struct text *take_text_of(const struct props *p, struct text_place place, struct buf *why)
{
    struct str class = props_get(p, str_from(place.property));
    struct text *t = str_is_null(class) ? NULL : text_new(class);
    if (t == NULL && !str_is_null(class)) {
        buf_printf(why, "%s: '%.*s' is not known here. There are " TEXT_NAMES ".\n", place.property,
                   STR_ARG(class));
    }
    if (t != NULL && !text_configure(t, p, place, why)) {
        buf_put_u8(why, '\n');
        text_free(t);
        t = NULL;
    }
    return t;
}

void format_take(struct format *f, const struct props *p, struct buf *why)
{
    f->has_value = true;
    take_bool(p, "print.timestamp", &f->has_timestamp);
    take_bool(p, "print.partition", &f->has_partition);
    take_bool(p, "print.offset", &f->has_offset);
    take_bool(p, "print.delivery", &f->has_delivery);
    take_bool(p, "print.epoch", &f->has_epoch);
    take_bool(p, "print.headers", &f->has_headers);
    take_bool(p, "print.key", &f->has_key);
    take_bool(p, "print.value", &f->has_value);
    f->key_separator = take_text(p, "key.separator", STR("\t"));
    f->line_separator = take_text(p, "line.separator", STR("\n"));
    f->headers_separator = take_text(p, "headers.separator", STR(","));
    f->null_literal = take_text(p, "null.literal", STR("null"));
    f->key_text = take_text_of(p, (struct text_place){"key.deserializer", true}, why);
    f->value_text = take_text_of(p, (struct text_place){"value.deserializer", false}, why);
    f->header_text = take_text_of(p, (struct text_place){"headers.deserializer", false}, why);
}

void format_deinit(struct format *f)
{
    text_free(f->key_text);
    text_free(f->value_text);
    text_free(f->header_text);
    *f = (struct format){0};
}

/* --- the default formatter --- */

static const char *time_name(const struct ottla_record *r)
{
    return r->is_append_time ? "LogAppendTime" : "CreateTime";
}

static void put_time(const struct ottla_record *r, struct buf *out)
{
    if (r->timestamp_ms < 0) {
        buf_put_str(out, STR("NO_TIMESTAMP"));
    } else {
        buf_printf(out, "%s:%" PRId64, time_name(r), r->timestamp_ms);
    }
}

/* As in Kafka, what stands for null goes through the deserializer, too. */
static bool put_text(const struct format *f, const struct text *text, struct bytes b,
                     struct buf *out, struct buf *why)
{
    if (b.p == NULL) {
        b = (struct bytes){(const uint8_t *)f->null_literal.p, f->null_literal.len};
    }
    if (text == NULL) {
        buf_put(out, b.p, b.len);
        return true;
    }
    return text_put(text, b, out, why);
}

static bool put_headers(const struct format *f, const struct ottla_record *r, struct buf *out,
                        struct buf *why)
{
    bool ok = true;
    if (r->header_count == 0) {
        buf_put_str(out, STR("NO_HEADERS"));
    }
    for (size_t i = 0; ok && i < r->header_count; i++) {
        const struct ottla_header *h = &r->headers[i];
        buf_put_str(out, i ? f->headers_separator : STR(""));
        buf_put(out, h->key, h->key_length);
        buf_put_u8(out, ':');
        ok = put_text(f, f->header_text, (struct bytes){h->value, h->value_length}, out, why);
    }
    return ok;
}

/* Behind each part comes the key's separator, behind the last the line's. */
static void end_part(const struct format *f, int *left, struct buf *out)
{
    --*left;
    buf_put_str(out, *left > 0 ? f->key_separator : f->line_separator);
}

static void put_front(const struct format *f, const struct ottla_record *r, int *left,
                      struct buf *out)
{
    if (f->has_timestamp) {
        put_time(r, out);
        end_part(f, left, out);
    }
    if (f->has_partition) {
        buf_printf(out, "Partition:%d", r->partition);
        end_part(f, left, out);
    }
    if (f->has_offset) {
        buf_printf(out, "Offset:%" PRId64, r->offset);
        end_part(f, left, out);
    }
    if (f->has_delivery) {
        buf_put_str(out, STR("Delivery:NOT_PRESENT"));
        end_part(f, left, out);
    }
    if (f->has_epoch) {
        buf_put_str(out, STR("Epoch:NOT_PRESENT"));
        end_part(f, left, out);
    }
}

static bool put_default(const struct format *f, const struct ottla_record *r, struct buf *out,
                        struct buf *why)
{
    const struct bytes key = {r->key, r->key_length}, value = {r->value, r->value_length};
    int left = f->has_timestamp + f->has_partition + f->has_offset + f->has_delivery +
               f->has_epoch + f->has_headers + f->has_key + f->has_value;
    bool ok = true;
    put_front(f, r, &left, out);
    if (f->has_headers && (ok = put_headers(f, r, out, why))) {
        end_part(f, &left, out);
    }
    if (ok && f->has_key && (ok = put_text(f, f->key_text, key, out, why))) {
        end_part(f, &left, out);
    }
    if (ok && f->has_value && (ok = put_text(f, f->value_text, value, out, why))) {
        end_part(f, &left, out);
    }
    return ok;
}

/* --- the others --- */

void format_put_log(const struct ottla_record *r, struct buf *out)
{
    if (r->timestamp_ms >= 0) {
        put_time(r, out);
        buf_put_str(out, STR(", "));
    }
    buf_put_str(out, STR("key:"));
    if (r->key == NULL) {
        buf_put_str(out, STR("null "));
    } else {
        buf_put(out, r->key, r->key_length);
        buf_put_str(out, STR(", "));
    }
    buf_put_str(out, STR("value:"));
    struct str value = r->value ? (struct str){r->value, r->value_length} : STR("null");
    buf_put_str(out, value);
}

/* "name":"text", or "name_base64":"..." for what is no text */
static void put_field(struct buf *out, const char *name, const void *p, size_t len)
{
    struct str s = {p, len};
    if (json_is_text(s)) {
        buf_printf(out, ",\"%s\":", name);
        json_put_str(out, s);
    } else {
        buf_printf(out, ",\"%s_base64\":", name);
        json_put_base64(out, (struct bytes){p, len});
    }
}

void format_put_json(const struct ottla_record *r, struct buf *out)
{
    buf_put_str(out, STR("{\"topic\":"));
    json_put_str(out, str_from(r->topic));
    buf_printf(out, ",\"partition\":%d,\"offset\":%" PRId64 ",\"timestamp\":%" PRId64, r->partition,
               r->offset, r->timestamp_ms);
    buf_printf(out, ",\"timestamp_type\":\"%s\",\"leader_epoch\":%d,\"headers\":[", time_name(r),
               r->leader_epoch);
    for (size_t i = 0; i < r->header_count; i++) {
        const struct ottla_header *h = &r->headers[i];
        buf_put_str(out, i ? STR(",{\"name\":") : STR("{\"name\":"));
        json_put_str(out, (struct str){h->key, h->key_length});
        put_field(out, "value", h->value, h->value_length);
        buf_put_u8(out, '}');
    }
    buf_put_u8(out, ']');
    put_field(out, "key", r->key, r->key_length);
    put_field(out, "value", r->value, r->value_length);
    buf_put_str(out, STR("}\n"));
}

void format_put_envelope(const struct ottla_record *r, int32_t broker, struct buf *out)
{
    const char *type = r->timestamp_ms < 0 ? "unknown" : r->is_append_time ? "logappend" : "create";
    buf_put_str(out, STR("{\"topic\":"));
    json_put_str(out, str_from(r->topic));
    buf_printf(out, ",\"partition\":%d,\"offset\":%" PRId64 ",\"tstype\":\"%s\"", r->partition,
               r->offset, type);
    buf_printf(out, ",\"ts\":%" PRId64 ",\"broker\":%d", MAX(r->timestamp_ms, 0), broker);
    for (size_t i = 0; i < r->header_count; i++) {
        const struct ottla_header *h = &r->headers[i];
        buf_put_str(out, i ? STR(",") : STR(",\"headers\":["));
        json_put_str(out, (struct str){h->key, h->key_length});
        buf_put_u8(out, ',');
        json_put_str(out, (struct str){h->value, h->value_length});
    }
    buf_put_str(out, r->header_count > 0 ? STR("],\"key\":") : STR(",\"key\":"));
    json_put_str(out, (struct str){r->key, r->key_length});
    buf_put_str(out, STR(",\"payload\":"));
    json_put_str(out, (struct str){r->value, r->value_length});
    buf_put_u8(out, '}');
}

static bool put_internal(const struct format *f, const struct ottla_record *r, struct buf *out,
                         struct buf *why)
{
    struct ottla_error error;
    char *json;
    if (ottla_internal_json(f->internal, r, &json, &error) != 0) {
        buf_printf(why, "%s", error.message);
        return false;
    }
    if (json != NULL) {
        buf_put_str(out, str_from(json));
    }
    ottla_text_free(json);
    return true;
}

bool format_put(const struct format *f, const struct ottla_record *r, struct buf *out,
                struct buf *why)
{
    switch (f->kind) {
    case FORMAT_DEFAULT:
    case FORMAT_LOGGING:
        return put_default(f, r, out, why);
    case FORMAT_NOTHING:
        return true;
    case FORMAT_JSON:
        format_put_json(r, out);
        return true;
    case FORMAT_INTERNAL:
        return put_internal(f, r, out, why);
    }
    return true;
}
