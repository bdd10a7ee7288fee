/* The decoders of dump-log: plain text and numbers, and the records of the internal topics as JSON
 * by the descriptors of src/wire. The command's thread.
 *
 * Where bytes cannot be read the sentence's first half is Apache Kafka's; its second half, which
 * there is the text of a Java exception, is ours. */
#include "offline/dump_decode.h"

#include "base/endian.h"
#include "base/json.h"
#include "base/varint.h"
#include "record/control.h"
#include "wire/messages.h"

#include <ctype.h>
#include <inttypes.h>

enum { ARENA_BYTES = 256 << 20, VERSION_BYTES = 2 };

void decoded_deinit(struct decoded *x)
{
    buf_deinit(&x->key.text);
    buf_deinit(&x->value.text);
}

/* --- plain --- */

static bool put_plain(struct dump *d, enum dump_class class, struct bytes b,
                      struct decoded_text *ret)
{
    size_t need = class == CLASS_INTEGER ? 4 : class == CLASS_LONG ? 8 : 0;
    if (b.p == NULL) {
        return true;
    }
    if (b.len < need) {
        buf_printf(&d->why, "%zu bytes are no number of %zu bytes", b.len, need);
        return false;
    }
    ret->is_there = true;
    switch (class) {
    case CLASS_STRING:
        text_put_utf8(&ret->text, b);
        break;
    case CLASS_INTEGER:
        buf_printf(&ret->text, "%" PRId32, (int32_t)be32_get(b.p));
        break;
    case CLASS_LONG:
        buf_printf(&ret->text, "%" PRId64, (int64_t)be64_get(b.p));
        break;
    case CLASS_BYTES:
        ret->is_json = d->out.is_json;
        json_put_base64(&ret->text, b);
        break;
    }
    return true;
}

/* --- messages --- */

/* A key or value of an internal topic: a number, then a message. */
struct framed {
    const struct wire_msg *m;
    int version;
    void *msg;
};

static enum err read_message(struct framed *x, struct bytes body, struct arena *a)
{
    size_t used;
    x->msg = arena_alloc(a, wire_struct_bytes(x->m));
    return x->msg ? wire_decode(x->m, x->version, body, a, x->msg, &used) : ERR_BUDGET;
}

/* {"type":"1","data":{...}}: the number is text, as in Kafka. */
static enum err put_framed(struct buf *out, const char *label, int number, const struct framed *x)
{
    buf_printf(out, "{\"%s\":\"%d\",\"data\":", label, number);
    enum err e = wire_print(x->m, x->version, x->msg, false, out);
    buf_put_u8(out, '}');
    return e;
}

static struct bytes behind(struct bytes b, size_t n) { return (struct bytes){b.p + n, b.len - n}; }

/* --- the members of a classic group of consumers --- */

/* What a client wrote about itself, as JSON if it is what consumers write. */
static bool put_consumer_data(struct buf *out, const struct wire_msg *m, struct bytes b,
                              struct arena *a)
{
    struct framed x = {.m = m};
    size_t before = out->len;
    if (b.len < VERSION_BYTES) {
        return false;
    }
    x.version = (int16_t)be16_get(b.p);
    if (read_message(&x, behind(b, VERSION_BYTES), a) ||
        wire_print(m, x.version, x.msg, false, out)) {
        out->len = before;
        return false;
    }
    return true;
}

/* The place of the next `"name":` behind from; in text of a message it would have backslashes. */
static size_t find_field(const struct buf *json, size_t from, const char *name)
{
    struct buf quoted = BUF_INIT;
    buf_printf(&quoted, "\"%s\":", name);
    const uint8_t *p =
        json->len > from ? memmem(json->p + from, json->len - from, quoted.p, quoted.len) : NULL;
    size_t at = p ? (size_t)(p - json->p) + quoted.len : json->len;
    buf_deinit(&quoted);
    return at;
}

/* Copies json up to the value of the next field of that name, and puts b there in its place: as
 * JSON if it can be read, else as it was. Returns where to go on in json. */
static size_t replace_field(struct buf *out, const struct buf *json, size_t from,
                            const struct wire_msg *m, struct bytes b, struct arena *a)
{
    const char *name = m == &wire_consumer_protocol_subscription ? "subscription" : "assignment";
    size_t at = find_field(json, from, name);
    buf_put(out, json->p + from, at - from);
    if (!put_consumer_data(out, m, b, a)) {
        json_put_base64(out, b);
    }
    size_t skip = at < json->len ? at + 1 : at; /* base64 has no quotes in it */
    while (skip < json->len && json->p[skip] != '"') {
        skip++;
    }
    return MIN(skip + 1, json->len);
}

static void open_members(struct buf *json, const struct group_metadata_value *g, struct arena *a)
{
    struct buf out = BUF_INIT;
    size_t at = 0;
    for (int32_t i = 0; i < g->members_count; i++) {
        const struct group_metadata_value_member_metadata *m = &g->members[i];
        at =
            replace_field(&out, json, at, &wire_consumer_protocol_subscription, m->subscription, a);
        at = replace_field(&out, json, at, &wire_consumer_protocol_assignment, m->assignment, a);
    }
    buf_put(&out, json->p + at, json->len - at);
    buf_deinit(json);
    *json = out;
}

/* --- records of coordinators --- */

typedef const struct wire_msg *find_fn(int type);

struct coordinator {
    find_fn *key, *value;
};

static const struct coordinator coordinators[] = {
    [DECODE_OFFSETS] = {wire_group_key, wire_group_value},
    [DECODE_TXN] = {wire_txn_key, wire_txn_value},
    [DECODE_SHARE] = {wire_share_key, wire_share_value},
};

/* All that there is to say when a record cannot be read goes into its key: begins that. */
static struct buf *skip_record(struct decoded *ret, const struct record *r)
{
    buf_clear(&ret->value.text);
    ret->value.is_there = false;
    buf_clear(&ret->key.text);
    ret->key.is_json = false;
    ret->key.is_there = true;
    buf_printf(&ret->key.text, "Error at offset %" PRId64 ", skipping. ", r->off);
    return &ret->key.text;
}

static void skip_unversioned(struct decoded *ret, const struct record *r, const char *what)
{
    buf_printf(skip_record(ret, r), "Could not read version from %s's buffer.", what);
}

static void skip_unread(struct decoded *ret, const struct record *r, const struct framed *x,
                        const char *what, enum err e)
{
    buf_printf(skip_record(ret, r),
               "Could not read record with version %d from %s's buffer due to: %s.", x->version,
               what, err_text(e));
}

static void put_coordinator_value(struct decoded *ret, const struct record *r, struct framed *x,
                                  struct arena *a)
{
    struct decoded_text *v = &ret->value;
    if (r->value.len < VERSION_BYTES) {
        skip_unversioned(ret, r, "value");
        return;
    }
    x->version = (int16_t)be16_get(r->value.p);
    enum err e = read_message(x, behind(r->value, VERSION_BYTES), a);
    e = e ? e : put_framed(&v->text, "version", x->version, x);
    v->is_there = v->is_json = true;
    if (e) {
        skip_unread(ret, r, x, "value", e);
    } else if (x->m == &wire_group_metadata_value) {
        const struct group_metadata_value *g = x->msg;
        if (str_eq(g->protocol_type, STR("consumer"))) {
            open_members(&v->text, g, a);
        }
    }
}

static void put_coordinator_record(const struct coordinator *c, const struct record *r,
                                   struct decoded *ret, struct arena *a)
{
    if (r->key.len < VERSION_BYTES) {
        skip_unversioned(ret, r, "key");
        return;
    }
    int type = (int16_t)be16_get(r->key.p);
    struct framed key = {.m = c->key(type)}, value = {.m = c->value(type)};
    ret->key.is_there = true;
    if (key.m == NULL || value.m == NULL) {
        buf_printf(&ret->key.text, "Unknown record type %d at offset %" PRId64 ", skipping.", type,
                   r->off);
        return;
    }
    enum err e = read_message(&key, behind(r->key, VERSION_BYTES), a);
    e = e ? e : put_framed(&ret->key.text, "type", type, &key);
    if (e) {
        key.version = type;
        skip_unread(ret, r, &key, "key", e);
        return;
    }
    ret->key.is_json = true;
    if (r->value.p == NULL) {
        ret->value.is_there = true;
        buf_put_str(&ret->value.text, STR("<DELETE>"));
    } else {
        put_coordinator_value(ret, r, &value, a);
    }
}

/* --- metadata records --- */

/* "FeatureLevelRecord" -> "FEATURE_LEVEL_RECORD" */
static void put_constant_name(struct buf *out, const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        if (isupper((unsigned char)*p) && p != name) {
            buf_put_u8(out, '_');
        }
        buf_put_u8(out, (uint8_t)toupper((unsigned char)*p));
    }
}

/* The three numbers before a message (KIP-631); a sentence if they are not right. */
static bool read_frame(struct bytes *b, find_fn *find, struct framed *ret, struct buf *why)
{
    static const char *const names[] = {"frame version", "type", "version"};
    uint64_t v[3];
    for (int i = 0; i < 3; i++) {
        size_t n = b->p != NULL ? uvarint_get(b->p, b->p + b->len, &v[i]) : 0;
        if (n == 0 || v[i] > INT16_MAX) {
            buf_printf(why,
                       n == 0 ? "Error while reading %s"
                              : "Value for unsigned varint %s was too large",
                       names[i]);
            return false;
        }
        *b = behind(*b, n);
        if (i == 0 && v[0] != 1) {
            buf_printf(why,
                       "Could not deserialize metadata record due to unknown frame version "
                       "%" PRIu64 "(only frame version 1 is supported)",
                       v[0]);
            return false;
        }
    }
    ret->m = find((int)v[1]);
    ret->version = (int)v[2];
    if (ret->m == NULL) {
        buf_printf(why, "Unknown metadata id %" PRIu64, v[1]);
    }
    return ret->m != NULL;
}

static bool put_metadata(struct bytes b, struct buf *out, struct buf *why, struct arena *a)
{
    struct framed x;
    if (!read_frame(&b, wire_metadata_record, &x, why)) {
        return false;
    }
    enum err e = read_message(&x, b, a);
    buf_put_str(out, STR("{\"type\":\""));
    put_constant_name(out, wire_name(x.m));
    buf_printf(out, "\",\"version\":%d,\"data\":", x.version);
    e = e ? e : wire_print(x.m, x.version, x.msg, false, out);
    buf_put_u8(out, '}');
    if (e) {
        buf_printf(why, "Failed to deserialize record with type %s: %s", wire_name(x.m),
                   err_text(e));
    }
    return e == OK;
}

static void put_metadata_record(const struct record *r, struct decoded *ret, struct arena *a)
{
    struct buf why = BUF_INIT;
    struct decoded_text *v = &ret->value;
    v->is_there = v->is_json = true;
    if (!put_metadata(r->value, &v->text, &why, a)) {
        v->is_json = false;
        buf_clear(&v->text);
        buf_printf(&v->text, "Error at %" PRId64 ", skipping. %s", r->off, buf_cstr(&why));
    }
    buf_deinit(&why);
}

/* --- all of them --- */

static bool decode_framed(struct dump *d, const struct record *r, struct decoded *ret)
{
    struct arena a;
    if (d->options.decoder != DECODE_METADATA && r->key.p == NULL) {
        buf_printf(&d->why,
                   "Failed to decode message at offset %" PRId64
                   " using the specified decoder (message had a missing key)",
                   r->off);
        return false;
    }
    arena_init(&a, ARENA_BYTES);
    if (d->options.decoder == DECODE_METADATA) {
        put_metadata_record(r, ret, &a);
    } else {
        put_coordinator_record(&coordinators[d->options.decoder], r, ret, &a);
    }
    arena_deinit(&a);
    return true;
}

bool decode_record(struct dump *d, const struct record *r, struct decoded *ret)
{
    if (d->options.decoder != DECODE_PLAIN) {
        return decode_framed(d, r, ret);
    }
    return put_plain(d, d->options.key_class, r->key, &ret->key) &&
           put_plain(d, d->options.value_class, r->value, &ret->value);
}

/* --- control records --- */

struct control_row {
    const struct wire_msg *m;
    const char *name;
};

static const struct control_row control_rows[] = {
    [CONTROL_LEADER_CHANGE] = {&wire_leader_change_message, "LeaderChange"},
    [CONTROL_SNAPSHOT_HEADER] = {&wire_snapshot_header_record, "SnapshotHeader"},
    [CONTROL_SNAPSHOT_FOOTER] = {&wire_snapshot_footer_record, "SnapshotFooter"},
    [CONTROL_KRAFT_VERSION] = {&wire_kraft_version_record, "KRaftVersion"},
    [CONTROL_KRAFT_VOTERS] = {&wire_voters_record, "KRaftVoters"},
};

/* These messages begin with their version. */
bool decode_control(struct dump *d, int type, struct bytes value, const char **ret_name,
                    struct buf *ret_json)
{
    struct arena a;
    struct framed x = {0};
    *ret_name = NULL;
    if (type < CONTROL_LEADER_CHANGE || type > CONTROL_KRAFT_VOTERS) {
        return true;
    }
    *ret_name = control_rows[type].name;
    x.m = control_rows[type].m;
    x.version = value.len >= VERSION_BYTES ? (int16_t)be16_get(value.p) : 0;
    arena_init(&a, ARENA_BYTES);
    enum err e = value.p == NULL ? ERR_MALFORMED : read_message(&x, value, &a);
    e = e ? e : wire_print(x.m, x.version, x.msg, false, ret_json);
    arena_deinit(&a);
    if (e) {
        buf_printf(&d->why, "a control record %s cannot be read: %s", *ret_name, err_text(e));
    }
    return e == OK;
}
