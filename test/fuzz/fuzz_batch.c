/* Batches from outside: parsed as they are, then, with a header that holds, validated under rules
 * that the input chooses. What is accepted must be a batch that every reader can read.
 *
 * Input: four bytes of rules, then the batch. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/endian.h"
#include "record/control.h"
#include "record/validate.h"

#include <stdlib.h>
#include <string.h>

enum {
    RULES_BYTES = 4,
    PLAIN_MAX = 1 << 18,
    REBUILT_MAX = PLAIN_MAX * 8, /* numbers may take more bytes than before */
    LENGTH_AT = 8,
    VERSION = 12,
};
static const int64_t now_ms = INT64_C(1700000000000);

static void walk_headers(const struct record *r)
{
    struct record_header h;
    size_t pos = 0;
    int32_t count = 0;
    while (record_next_header(r, &pos, &h)) {
        ASSERT(h.key.p != NULL);
        count++;
    }
    ASSERT(count == r->header_count && pos == r->headers.len);
}

/* NOT_FOUND when all is well. Counts the records whose offsets go up by one. */
static enum err walk(const struct batch *b, int32_t *ret_contiguous)
{
    struct record_walk w;
    struct record r;
    int type;
    *ret_contiguous = 0;
    enum err e = record_walk_init(&w, b, REBUILT_MAX);
    while (e == OK && (e = record_walk_next(&w, &r)) == OK) {
        walk_headers(&r);
        (void)control_parse_key(r.key, &type);
        *ret_contiguous += r.off == b->base_off + *ret_contiguous;
    }
    record_walk_deinit(&w);
    return e;
}

static void parse_raw(struct bytes in)
{
    struct batch b, header;
    int32_t contiguous;
    enum err e = batch_parse(in, &b);
    enum err header_e = batch_parse_header(in, &header);
    if (e == OK) {
        ASSERT(header_e == OK && header.size_bytes == b.size_bytes && b.size_bytes <= in.len);
        e = batch_check_crc(&b);
        ASSERT(e == OK || e == ERR_CORRUPT_MESSAGE);
        e = walk(&b, &contiguous);
        ASSERT(e != OK);
    } else if (e == ERR_SHORT) {
        ASSERT(b.size_bytes == 0 || b.size_bytes > in.len);
    }
}

/* Makes length, magic and CRC right, so that the rest is reached. */
static void mend(uint8_t *p, size_t len)
{
    struct batch b;
    be64_put(p, 0);
    be32_put(p + LENGTH_AT, (uint32_t)(len - BATCH_PREFIX_BYTES));
    p[BATCH_MAGIC_AT] = BATCH_MAGIC;
    ASSERT(batch_parse((struct bytes){p, len}, &b) == OK);
    batch_write_header(p, &b);
}

static struct validate_rules rules_of(const uint8_t *p)
{
    return (struct validate_rules){
        .ts_type = p[0] & 1 ? LOG_APPEND_TIME : CREATE_TIME,
        .ts_before_max_ms = p[0] & 2 ? 1000 : INT64_MAX,
        .ts_after_max_ms = p[0] & 4 ? 3600000 : INT64_MAX,
        .needs_keys = p[0] & 8,
        .recompress = p[0] & 16,
        .codec = (enum codec)(p[1] % CODEC_COUNT),
        .codec_level = CODEC_LEVEL_DEFAULT,
        .max_batch_bytes = p[0] & 32 ? (size_t)p[2] * 8 : PLAIN_MAX,
        .max_plain_bytes = p[0] & 64 ? (size_t)p[3] * 64 : PLAIN_MAX,
    };
}

static void check_accepted(const struct validate_rules *rules, const struct validate_result *r)
{
    struct batch b;
    int32_t contiguous;
    ASSERT(batch_parse((struct bytes){r->batch.p, r->batch.size_bytes}, &b) == OK);
    ASSERT(batch_check_crc(&b) == OK && b.crc == r->batch.crc && b.attrs == r->batch.attrs);
    ASSERT(b.size_bytes <= rules->max_batch_bytes && !batch_is_control(&b));
    ASSERT(!rules->recompress || batch_codec(&b) == rules->codec);
    ASSERT(!(b.attrs & BATCH_LOG_APPEND_TIME) == (rules->ts_type == CREATE_TIME));
    ASSERT(b.count > 0 && b.last_off_delta == b.count - 1);
    ASSERT(walk(&b, &contiguous) == ERR_NOT_FOUND && contiguous == b.count);
}

static void check_refused(enum err e, const struct validate_result *r)
{
    ASSERT(e > 0 && err_is_wire(e) && r->message != NULL);
    ASSERT(r->record_error_count == 0 || e == ERR_INVALID_RECORD || e == ERR_INVALID_TIMESTAMP);
}

/* What was accepted once is accepted again, as it is. */
static void check_again(struct validate_rules rules, const struct validate_result *first)
{
    struct buf copy = BUF_INIT, rewritten = BUF_INIT;
    struct validate_result r;
    rules.max_plain_bytes = REBUILT_MAX;
    buf_put(&copy, first->batch.p, first->batch.size_bytes);
    ASSERT(copy.err == OK);
    ASSERT(validate_produce(&rules, copy.p, copy.len, VERSION, now_ms, &rewritten, &r) == OK);
    ASSERT(!r.is_rewritten && memcmp(copy.p, first->batch.p, copy.len) == 0);
    buf_deinit(&copy);
    buf_deinit(&rewritten);
}

static void validate(const uint8_t *rules_bytes, uint8_t *p, size_t len)
{
    struct validate_rules rules = rules_of(rules_bytes);
    struct buf rewritten = BUF_INIT;
    struct validate_result r;
    struct batch before;
    bool had_append_time = batch_parse((struct bytes){p, len}, &before) == OK &&
                           (before.attrs & BATCH_LOG_APPEND_TIME);
    enum err e = validate_produce(&rules, p, len, VERSION, now_ms, &rewritten, &r);
    if (e) {
        check_refused(e, &r);
    } else {
        check_accepted(&rules, &r);
        /* Not where the bit decides which times count. */
        if (rules.ts_type == CREATE_TIME && !had_append_time) {
            check_again(rules, &r);
        }
    }
    buf_deinit(&rewritten);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < RULES_BYTES) {
        return 0;
    }
    /* A block of its own, so that a read past the end is seen. */
    size_t len = size - RULES_BYTES;
    uint8_t *p = malloc(len ? len : 1);
    ASSERT(p != NULL);
    memcpy(p, data + RULES_BYTES, len);
    parse_raw((struct bytes){p, len});
    if (len >= BATCH_HEADER_BYTES) {
        mend(p, len);
    }
    validate(data, p, len);
    free(p);
    return 0;
}
