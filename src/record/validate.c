/* Validation of what producers send. Pure, any thread.
 *
 * Two passes. The first one looks at every record in a tight loop and only notes what it saw: that
 * is all that a good batch costs besides its CRC. The second one, over a batch that looks bad,
 * finds out which records are to blame, if any.
 *
 * The order of the checks is Apache Kafka's, so that a batch with two faults gets the same answer:
 * the request (one batch, its magic, its codec), the batch (offset, size, CRC, counts, flags), the
 * records, then the size of what was rewritten. */
#include "record/validate.h"

#include "record/record_parse.h"

struct validation {
    const struct validate_rules *rules;
    int64_t now_ms;
    uint8_t *p; /* the batch's memory */
    struct batch *batch;
    struct buf *rewritten;
    struct validate_result *result;
};

/* What the first pass saw. */
struct scan {
    bool has_gap;
    bool has_null_key;
    int64_t min_ts_ms, max_ts_ms;
};

static enum err refuse(struct validation *v, enum err e, const char *message)
{
    v->result->message = message;
    return e;
}

/* Bytes after the batch that do not make a batch are left alone, as a reader of the log would. */
static enum err take_only_batch(struct validation *v, struct bytes in)
{
    struct batch second;
    enum err e = batch_parse(in, v->batch);
    if (e == ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT) {
        bool is_old = in.p[BATCH_MAGIC_AT] < BATCH_MAGIC;
        return is_old ? refuse(v, ERR_INVALID_RECORD, "the record batch must have magic version 2")
                      : refuse(v, ERR_CORRUPT_MESSAGE, "invalid magic in the record batch");
    }
    if (e == ERR_SHORT) {
        return refuse(v, ERR_INVALID_RECORD, "there must be at least one record batch");
    }
    if (e) {
        return refuse(v, ERR_CORRUPT_MESSAGE, "the record batch is smaller than its header");
    }
    in = (struct bytes){in.p + v->batch->size_bytes, in.len - v->batch->size_bytes};
    if (batch_parse(in, &second) == ERR_SHORT) {
        return OK;
    }
    return refuse(v, ERR_INVALID_RECORD, "there must be exactly one record batch");
}

static enum err check_version(struct validation *v, int produce_version)
{
    if (batch_codec(v->batch) == CODEC_ZSTD && produce_version < VALIDATE_ZSTD_PRODUCE_VERSION) {
        return refuse(v, ERR_UNSUPPORTED_COMPRESSION_TYPE,
                      "zstd needs produce requests of version 7 or later");
    }
    return OK;
}

static enum err check_attributes(struct validation *v)
{
    const struct batch *b = v->batch;
    if ((unsigned)batch_codec(b) >= CODEC_COUNT) {
        return refuse(v, ERR_UNSUPPORTED_COMPRESSION_TYPE, "unknown compression type");
    }
    if (batch_is_control(b)) {
        return refuse(v, ERR_INVALID_RECORD, "clients are not allowed to write control records");
    }
    if (batch_has_producer(b) && b->base_seq < 0) {
        return refuse(v, ERR_INVALID_RECORD, "invalid sequence number in a batch of a producer id");
    }
    if (batch_is_transactional(b) && !batch_has_producer(b)) {
        return refuse(v, ERR_INVALID_RECORD, "a transactional batch needs a producer id");
    }
    return OK;
}

static enum err check_batch(struct validation *v)
{
    const struct batch *b = v->batch;
    if (b->base_off != 0) {
        return refuse(v, ERR_INVALID_RECORD, "the base offset of the record batch must be 0");
    }
    if (b->size_bytes > v->rules->max_batch_bytes) {
        return refuse(v, ERR_MESSAGE_TOO_LARGE, "the record batch exceeds max.message.bytes");
    }
    if (batch_check_crc(b)) {
        return refuse(v, ERR_CORRUPT_MESSAGE, "the record batch has a wrong checksum");
    }
    if (b->last_off_delta < 0 || b->count <= 0) {
        return refuse(v, ERR_INVALID_RECORD, "invalid offset range or record count");
    }
    if (b->last_off_delta != b->count - 1) {
        return refuse(v, ERR_INVALID_RECORD, "the offset range and the record count disagree");
    }
    return check_attributes(v);
}

static inline int64_t ts_of(const struct batch *b, int64_t ts_delta)
{
    return b->attrs & BATCH_LOG_APPEND_TIME
               ? b->max_ts_ms
               : (int64_t)((uint64_t)b->base_ts_ms + (uint64_t)ts_delta);
}

static inline void note(struct scan *s, int64_t ts_ms, bool is_next, bool has_key)
{
    s->has_gap |= !is_next;
    s->has_null_key |= !has_key;
    s->min_ts_ms = MIN(s->min_ts_ms, ts_ms);
    s->max_ts_ms = MAX(s->max_ts_ms, ts_ms);
}

static enum err scan_records(struct validation *v, struct bytes records, struct scan *ret_scan)
{
    const uint8_t *at = records.p, *end = records.p + records.len;
    struct scan s = {.min_ts_ms = INT64_MAX, .max_ts_ms = NO_TIMESTAMP};
    const struct batch b = *v->batch;
    for (int32_t i = 0; i < b.count; i++) {
        struct record_glimpse g;
        struct record_fields f;
        if (likely(record_glance(&at, end, &g))) {
            note(&s, ts_of(&b, unzigzag(g.ts_delta_zigzag)), g.off_delta_zigzag == 2 * (uint32_t)i,
                 g.has_key);
        } else if (record_take(&at, end, &f)) {
            note(&s, ts_of(&b, f.ts_delta), f.off_delta == i, f.key.p != NULL);
        } else {
            return refuse(v, ERR_INVALID_RECORD, "a record is malformed");
        }
    }
    if (at != end) {
        return refuse(v, ERR_INVALID_RECORD, "there are bytes after the last record");
    }
    *ret_scan = s;
    return OK;
}

static int64_t saturated(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

/* False only when no record can be to blame. */
static bool is_suspicious(const struct validation *v, const struct scan *s)
{
    const struct validate_rules *rules = v->rules;
    if ((s->has_null_key && rules->needs_keys) || (v->batch->attrs & BATCH_LOG_APPEND_TIME)) {
        return true;
    }
    return rules->ts_type == CREATE_TIME &&
           (s->min_ts_ms < saturated(v->now_ms, -rules->ts_before_max_ms) ||
            s->max_ts_ms > saturated(v->now_ms, rules->ts_after_max_ms));
}

/* Timestamps may be absurd: differences wrap, as they do in Java. */
static bool is_bad_ts(const struct validation *v, int64_t ts_ms)
{
    const struct validate_rules *rules = v->rules;
    if (rules->ts_type == CREATE_TIME && ts_ms != NO_TIMESTAMP) {
        uint64_t age_ms = (uint64_t)v->now_ms - (uint64_t)ts_ms;
        return (int64_t)age_ms > rules->ts_before_max_ms ||
               (int64_t)-age_ms > rules->ts_after_max_ms;
    }
    return v->batch->attrs & BATCH_LOG_APPEND_TIME;
}

/* What is wrong with a record, or OK. */
static enum err blame(const struct validation *v, const struct record_fields *f,
                      const char **ret_message)
{
    if (v->rules->needs_keys && f->key.p == NULL) {
        *ret_message = "a compacted topic cannot accept a message without a key";
        return ERR_INVALID_RECORD;
    }
    if (is_bad_ts(v, ts_of(v->batch, f->ts_delta))) {
        *ret_message = v->batch->attrs & BATCH_LOG_APPEND_TIME
                           ? "a producer must not set the timestamp type to LogAppendTime"
                           : "the timestamp is out of the range that the topic accepts";
        return ERR_INVALID_TIMESTAMP;
    }
    return OK;
}

/* The second pass, over records that the first one read. One bad timestamp makes it the batch's
 * error. */
static enum err blame_records(struct validation *v, struct bytes records)
{
    const uint8_t *at = records.p, *end = records.p + records.len;
    struct validate_result *r = v->result;
    struct record_fields f;
    enum err worst = OK;
    for (int32_t i = 0; record_take(&at, end, &f); i++) {
        const char *message;
        enum err e = blame(v, &f, &message);
        if (e == OK) {
            continue;
        }
        worst = worst == ERR_INVALID_TIMESTAMP ? worst : e;
        if (r->record_error_count < VALIDATE_RECORD_ERRORS_MAX) {
            r->record_errors[r->record_error_count++] = (struct record_error){i, message};
        }
    }
    if (worst == ERR_INVALID_TIMESTAMP) {
        return refuse(v, worst, "One or more records have been rejected due to invalid timestamp");
    }
    return worst ? refuse(v, worst, "One or more records have been rejected") : OK;
}

/* Only what Kafka keeps when it rebuilds a batch; the offsets become contiguous. */
static enum err rebuild(struct validation *v, struct record_walk *w, enum codec codec)
{
    const struct validate_rules *rules = v->rules;
    bool is_append_time = rules->ts_type == LOG_APPEND_TIME;
    struct batch head = *v->batch;
    head.attrs &= BATCH_TRANSACTIONAL;
    head.attrs |= is_append_time ? BATCH_LOG_APPEND_TIME : 0;
    head.base_ts_ms = NO_TIMESTAMP;
    head.max_ts_ms = v->now_ms;
    struct batch_builder bb;
    struct record r;
    batch_builder_init(&bb, v->rewritten, &head, codec,
                       rules->recompress ? rules->codec_level : CODEC_LEVEL_DEFAULT);
    for (int64_t off = 0; record_walk_next(w, &r) == OK; off++) {
        r.off = off;
        batch_builder_add(&bb, &r);
    }
    enum err e = batch_builder_finish(&bb);
    batch_builder_deinit(&bb);
    return e;
}

static enum err rewrite(struct validation *v, struct record_walk *w, enum codec codec)
{
    buf_clear(v->rewritten);
    enum err e = rebuild(v, w, codec);
    e = e ? e : batch_parse(buf_bytes(v->rewritten), v->batch);
    if (e) {
        return e;
    }
    v->result->is_rewritten = true;
    if (v->batch->size_bytes > v->rules->max_batch_bytes) {
        return refuse(v, ERR_MESSAGE_TOO_LARGE,
                      "the recompressed record batch exceeds max.message.bytes");
    }
    return OK;
}

/* The header says what the records do, and the topic's timestamp type. */
static enum err patch(struct validation *v, const struct scan *s)
{
    bool is_append_time = v->rules->ts_type == LOG_APPEND_TIME;
    bool was_append_time = v->batch->attrs & BATCH_LOG_APPEND_TIME;
    int64_t max_ts_ms = is_append_time ? v->now_ms : s->max_ts_ms;
    if (was_append_time == is_append_time && v->batch->max_ts_ms == max_ts_ms) {
        return OK;
    }
    batch_patch_timestamps(v->p, v->batch->size_bytes, is_append_time, max_ts_ms);
    return batch_parse((struct bytes){v->p, v->batch->size_bytes}, v->batch);
}

static enum err check_records(struct validation *v, struct record_walk *w)
{
    const struct validate_rules *rules = v->rules;
    struct bytes records = {w->at, (size_t)(w->end - w->at)};
    struct scan s;
    enum err e = scan_records(v, records, &s);
    if (e) {
        return e;
    }
    if (is_suspicious(v, &s) && (e = blame_records(v, records)) != OK) {
        return e;
    }
    enum codec codec = rules->recompress ? rules->codec : batch_codec(v->batch);
    bool is_kept = codec == batch_codec(v->batch) && !s.has_gap;
    return is_kept ? patch(v, &s) : rewrite(v, w, codec);
}

static enum err open_and_check_records(struct validation *v)
{
    struct record_walk w;
    enum err e = record_walk_init(&w, v->batch, v->rules->max_plain_bytes);
    if (e == OK) {
        e = check_records(v, &w);
    } else if (e == ERR_BUDGET) {
        e = refuse(v, ERR_MESSAGE_TOO_LARGE, "the decompressed records are too large");
    } else if (e == ERR_CORRUPT_MESSAGE) {
        e = refuse(v, ERR_INVALID_RECORD, "the records cannot be decompressed");
    } else if (e == ERR_UNSUPPORTED_COMPRESSION_TYPE) {
        e = refuse(v, e, "this machine lacks the library that decompresses the records");
    }
    record_walk_deinit(&w);
    return e;
}

enum err validate_produce(const struct validate_rules *rules, uint8_t *p, size_t len,
                          int produce_version, int64_t now_ms, struct buf *rewritten,
                          struct validate_result *ret_result)
{
    struct validation v = {rules, now_ms, p, &ret_result->batch, rewritten, ret_result};
    *ret_result = (struct validate_result){.append_time_ms = -1};
    enum err e = take_only_batch(&v, (struct bytes){p, len});
    e = e ? e : check_version(&v, produce_version);
    bool is_past_request = e == OK;
    e = e ? e : check_batch(&v);
    e = e ? e : open_and_check_records(&v);
    ret_result->is_for_log =
        is_past_request && e && e != ERR_CORRUPT_MESSAGE && e != ERR_MESSAGE_TOO_LARGE;
    if (e == OK && rules->ts_type == LOG_APPEND_TIME) {
        ret_result->append_time_ms = now_ms;
    }
    return e;
}
