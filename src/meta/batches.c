/* Metadata batches in memory. Nothing here touches a file. */
#include "meta/batches.h"

#include "base/assert.h"
#include "base/endian.h"
#include "record/record.h"
#include "wire/messages.h"

enum { PLAIN_MAX_BYTES = 256 << 20 };

/* --- apart --- */

static enum err read_record(const struct batch *b, const struct record *r,
                            const struct meta_sink *sink)
{
    int type;
    if (!batch_is_control(b)) {
        return sink->record != NULL ? sink->record(sink->ctx, r->value) : OK;
    }
    if (!control_parse_key(r->key, &type)) {
        return ERR_MALFORMED;
    }
    return sink->control != NULL ? sink->control(sink->ctx, type, r->value) : OK;
}

static enum err read_records(const struct batch *b, const struct meta_sink *sink)
{
    struct record_walk w;
    struct record r;
    enum err e = record_walk_init(&w, b, PLAIN_MAX_BYTES);
    while (!e) {
        e = record_walk_next(&w, &r);
        e = e ? e : read_record(b, &r, sink);
    }
    record_walk_deinit(&w);
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err read_batch(const struct batch *b, const struct meta_sink *sink)
{
    enum err e = batch_check_crc(b);
    e = e || sink->begin == NULL ? e : sink->begin(sink->ctx, b);
    e = e ? e : read_records(b, sink);
    return e || sink->end == NULL ? e : sink->end(sink->ctx, b);
}

enum err meta_batches_read(struct bytes in, const struct meta_sink *sink, size_t *ret_used,
                           size_t *ret_need)
{
    size_t at = 0;
    enum err e = OK;
    *ret_need = 0;
    while (!e && at < in.len) {
        struct batch b = {0};
        e = batch_parse((struct bytes){in.p + at, in.len - at}, &b);
        if (e == ERR_SHORT) {
            *ret_need = b.size_bytes;
            e = OK;
            break;
        }
        e = e ? e : read_batch(&b, sink);
        at += b.size_bytes;
    }
    *ret_used = at;
    return e;
}

/* --- together --- */

static struct batch head_of(const struct meta_batch_head *head, int16_t attrs)
{
    return (struct batch){
        .base_off = head->base_off,
        .leader_epoch = head->epoch,
        .attrs = attrs,
        .base_ts_ms = head->now_ms,
        .producer_id = NO_PRODUCER_ID,
        .producer_epoch = -1,
        .base_seq = -1,
    };
}

enum err meta_batch_build(struct buf *out, const struct meta_batch_head *head,
                          const struct meta_records *rs, int32_t from, int32_t upto)
{
    struct batch b = head_of(head, 0);
    struct batch_builder bb;
    batch_builder_init(&bb, out, &b, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    for (int32_t i = from; i < upto; i++) {
        struct record r = {
            .off = head->base_off + (i - from),
            .ts_ms = head->now_ms,
            .value = meta_records_at(rs, i),
        };
        batch_builder_add(&bb, &r);
    }
    enum err e = batch_builder_finish(&bb);
    batch_builder_deinit(&bb);
    return e;
}

static const struct wire_msg *control_message(enum control_type type)
{
    switch (type) {
    case CONTROL_LEADER_CHANGE:
        return &wire_leader_change_message;
    case CONTROL_SNAPSHOT_HEADER:
        return &wire_snapshot_header_record;
    case CONTROL_SNAPSHOT_FOOTER:
        return &wire_snapshot_footer_record;
    case CONTROL_KRAFT_VERSION:
        return &wire_kraft_version_record;
    case CONTROL_KRAFT_VOTERS:
        return &wire_voters_record;
    case CONTROL_ABORT:
    case CONTROL_COMMIT:
        break;
    }
    return NULL;
}

static enum err add_control(struct batch_builder *bb, const struct record *at,
                            const struct meta_control *c)
{
    uint8_t key[4] = {0};
    struct buf value = BUF_INIT;
    struct record r = *at;
    const struct wire_msg *m = control_message(c->type);
    ASSERT(m != NULL);
    be16_put(key + 2, (uint16_t)c->type);
    enum err e = wire_encode(m, c->version, c->msg, &value, NULL);
    if (!e) {
        r.key = (struct bytes){key, sizeof key};
        r.value = buf_bytes(&value);
        batch_builder_add(bb, &r);
    }
    buf_deinit(&value);
    return e;
}

enum err meta_control_build(struct buf *out, const struct meta_batch_head *head,
                            const struct meta_control *controls, int count)
{
    struct batch b = head_of(head, BATCH_CONTROL);
    struct batch_builder bb;
    enum err e = OK;
    batch_builder_init(&bb, out, &b, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    for (int i = 0; !e && i < count; i++) {
        struct record at = {.off = head->base_off + i, .ts_ms = head->now_ms};
        e = add_control(&bb, &at, &controls[i]);
    }
    enum err finished = batch_builder_finish(&bb);
    batch_builder_deinit(&bb);
    return e ? e : finished;
}
