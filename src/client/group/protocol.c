/* The bytes that members of a group exchange. Pure.
 *
 * Each begins with a version; a reader takes a newer one for the newest that it knows and passes
 * over what is behind. */
#include "client/group/protocol.h"

#include "base/attr.h"
#include "base/endian.h"

enum { VERSION_MAX = 3 };

static enum err read_any(const struct wire_msg *m, struct bytes in, struct arena *a, void *msg)
{
    size_t used;
    if (in.len < 2) {
        return ERR_MALFORMED;
    }
    int version = (int16_t)be16_get(in.p);
    if (version < 0) {
        return ERR_MALFORMED;
    }
    return wire_decode(m, MIN(version, VERSION_MAX), (struct bytes){in.p + 2, in.len - 2}, a, msg,
                       &used);
}

enum err protocol_read_subscription(struct bytes in, struct arena *a,
                                    struct consumer_protocol_subscription *ret)
{
    return read_any(&wire_consumer_protocol_subscription, in, a, ret);
}

enum err protocol_read_assignment(struct bytes in, struct arena *a, struct tps *ret)
{
    struct consumer_protocol_assignment msg;
    tps_clear(ret);
    if (in.len == 0) {
        return OK; /* nothing for this member */
    }
    enum err e = read_any(&wire_consumer_protocol_assignment, in, a, &msg);
    for (int32_t i = 0; !e && i < msg.assigned_partitions_count; i++) {
        for (int32_t k = 0; k < msg.assigned_partitions[i].partitions_count; k++) {
            if (msg.assigned_partitions[i].partitions[k] < 0) {
                return ERR_MALFORMED;
            }
            tps_add(ret, msg.assigned_partitions[i].topic,
                    msg.assigned_partitions[i].partitions[k]);
        }
    }
    tps_sort(ret);
    return e;
}

/* --- sticky: []{topic string, partitions []int32}, then, in its newer version, a generation --- */

struct reader {
    struct bytes in;
    bool failed;
};

static const uint8_t *take(struct reader *r, size_t n)
{
    if (r->failed || r->in.len < n) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->in.p;
    r->in = (struct bytes){p + n, r->in.len - n};
    return p;
}

static int32_t take_i32(struct reader *r)
{
    const uint8_t *p = take(r, 4);
    return p ? (int32_t)be32_get(p) : 0;
}

/* A count of things that take at least size bytes each. */
static int32_t take_count(struct reader *r, size_t size)
{
    int32_t n = take_i32(r);
    r->failed = r->failed || n < 0 || (size_t)n > r->in.len / size;
    return r->failed ? 0 : n;
}

static void take_owned(struct reader *r, struct arena *a, protocol_owned *ret)
{
    const uint8_t *len = take(r, 2);
    size_t n = len ? be16_get(len) : 0;
    ret->topic = (struct str){(const char *)take(r, n), n};
    ret->partitions_count = take_count(r, 4);
    ret->partitions = arena_array(a, (size_t)ret->partitions_count + 1, sizeof *ret->partitions);
    r->failed = r->failed || ret->partitions == NULL;
    for (int32_t i = 0; !r->failed && i < ret->partitions_count; i++) {
        ret->partitions[i] = take_i32(r);
    }
}

enum err protocol_read_sticky(struct bytes in, struct arena *a, protocol_owned **ret,
                              int32_t *ret_count, int32_t *ret_generation)
{
    struct reader r = {.in = in};
    int32_t count = take_count(&r, 6);
    protocol_owned *owned = arena_array(a, (size_t)count + 1, sizeof *owned);
    r.failed = r.failed || owned == NULL;
    for (int32_t i = 0; !r.failed && i < count; i++) {
        take_owned(&r, a, &owned[i]);
    }
    int32_t generation = r.in.len >= 4 ? take_i32(&r) : -1;
    if (r.failed) {
        return ERR_MALFORMED;
    }
    *ret = owned;
    *ret_count = count;
    *ret_generation = generation;
    return OK;
}

/* --- writing --- */

void protocol_write_subscription(struct buf *out, const struct consumer_protocol_subscription *s)
{
    buf_put_be16(out, VERSION_MAX);
    enum err e = wire_encode(&wire_consumer_protocol_subscription, VERSION_MAX, s, out, NULL);
    out->err = out->err ? out->err : e;
}

static size_t same_topic(const struct tps *t, size_t at)
{
    size_t n = 1;
    while (at + n < t->count && strcmp(t->items[at + n].topic, t->items[at].topic) == 0) {
        n++;
    }
    return n;
}

void protocol_write_partitions(struct buf *out, const struct tps *t)
{
    uint32_t topics = 0;
    for (size_t at = 0; at < t->count; at += same_topic(t, at)) {
        topics++;
    }
    buf_put_be32(out, topics);
    for (size_t at = 0, n; at < t->count; at += n) {
        struct str name = str_from(t->items[at].topic);
        n = same_topic(t, at);
        buf_put_be16(out, (uint16_t)name.len);
        buf_put_str(out, name);
        buf_put_be32(out, (uint32_t)n);
        for (size_t i = at; i < at + n; i++) {
            buf_put_be32(out, (uint32_t)t->items[i].partition);
        }
    }
}

void protocol_write_sticky(struct buf *out, const struct tps *t, int32_t generation)
{
    protocol_write_partitions(out, t);
    buf_put_be32(out, (uint32_t)generation);
}
