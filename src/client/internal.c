/* Records of internal topics as JSON, by the descriptors of the messages. Any thread; no state.
 *
 * A key is a number, which says what it is a key of, and a message; a value is a number, the
 * version of its message, and the message. */
#include "client/error.h"

#include "base/endian.h"
#include "base/limit.h"
#include "base/mem.h"
#include "wire/messages.h"

#include <inttypes.h>

enum { NUMBER_BYTES = 2, KEY_VERSION = 0 };

typedef const struct wire_msg *find_fn(int type);

static const struct kind {
    find_fn *key, *value;
    uint32_t types; /* a bit each */
} kinds[] = {
    [OTTLA_INTERNAL_OFFSETS] = {wire_group_key, wire_group_value, 1u << 0 | 1u << 1},
    [OTTLA_INTERNAL_GROUPS] = {wire_group_key, wire_group_value, 1u << 2},
    [OTTLA_INTERNAL_SHARE_GROUPS] = {wire_group_key, wire_group_value, 0xfc00},
    [OTTLA_INTERNAL_TRANSACTIONS] = {wire_txn_key, wire_txn_value, UINT32_MAX},
    [OTTLA_INTERNAL_SHARE_STATE] = {wire_share_key, wire_share_value, UINT32_MAX},
};

static int number_of(struct bytes b) { return b.len < NUMBER_BYTES ? -1 : (int16_t)be16_get(b.p); }

/* {"type":2,"data":{...}} */
static enum err put(struct buf *out, const char *label, const struct wire_msg *m, struct bytes b)
{
    struct arena a;
    size_t used;
    bool is_key = label[0] == 't';
    int number = number_of(b), version = is_key ? KEY_VERSION : number;
    if (number < 0) {
        return ERR_CORRUPT_MESSAGE;
    }
    if (version < wire_min_version(m) || version > wire_max_version(m)) {
        return ERR_UNSUPPORTED_VERSION;
    }
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    void *msg = arena_alloc(&a, wire_struct_bytes(m));
    b = (struct bytes){b.p + NUMBER_BYTES, b.len - NUMBER_BYTES};
    enum err e = msg ? wire_decode(m, version, b, &a, msg, &used) : ERR_BUDGET;
    buf_printf(out, "{\"%s\":%d,\"data\":", label, number);
    e = e ? ERR_CORRUPT_MESSAGE : wire_print(m, version, msg, false, out);
    buf_put_u8(out, '}');
    arena_deinit(&a);
    return e;
}

static enum err put_record(struct buf *out, const struct kind *k, struct bytes key,
                           struct bytes value)
{
    int type = number_of(key);
    buf_put_str(out, STR("{\"key\":"));
    enum err e = put(out, "type", k->key(type), key);
    buf_put_str(out, STR(",\"value\":"));
    if (e) {
        return e;
    }
    if (value.p == NULL) {
        buf_put_str(out, STR("null"));
    } else {
        e = put(out, "version", k->value(type), value);
    }
    buf_put_u8(out, '}');
    return e;
}

int ottla_internal_json(enum ottla_internal kind, const struct ottla_record *r, char **ret_json,
                        struct ottla_error *error)
{
    if (is_null(r, "record", error) || is_null(ret_json, "place for the text", error)) {
        return ERR_INVALID_REQUEST;
    }
    if ((size_t)kind >= ARRAY_LEN(kinds)) {
        return error_set(error, ERR_INVALID_REQUEST, "there is no kind %d of records", (int)kind);
    }
    const struct kind *k = &kinds[kind];
    struct bytes key = {r->key, r->key_length}, value = {r->value, r->value_length};
    struct buf out = BUF_INIT;
    int type = number_of(key);
    *ret_json = NULL;
    if (key.p == NULL || (type >= 0 && k->key(type) == NULL) ||
        (type >= 0 && (type > 31 || (k->types >> type & 1) == 0))) {
        return 0;
    }
    enum err e = type < 0 ? ERR_CORRUPT_MESSAGE : put_record(&out, k, key, value);
    if (e) {
        buf_deinit(&out);
        return error_set(error, e, "Could not read record at offset %" PRId64 " due to: %s",
                         r->offset, err_text(e));
    }
    size_t len;
    buf_cstr(&out);
    *ret_json = (char *)buf_steal(&out, &len);
    return 0;
}

void ottla_text_free(char *text) { mem_free(text); }
