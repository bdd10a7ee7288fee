/* Text of batches; see the header. */
#include "compat/record_dump.h"

#include "base/crc.h"
#include "record/control.h"

#include <inttypes.h>

enum { SHOWN_BYTES_MAX = 24, PLAIN_BYTES_MAX = 16 << 20 };

static void show(struct bytes b, struct buf *out)
{
    if (b.p == NULL) {
        buf_printf(out, "null");
    } else if (b.len > SHOWN_BYTES_MAX) {
        buf_printf(out, "%zu#%08x", b.len, crc32c(0, b.p, b.len));
    } else {
        buf_printf(out, "'");
        for (size_t i = 0; i < b.len; i++) {
            buf_printf(out, "%02x", b.p[i]);
        }
        buf_printf(out, "'");
    }
}

static const char *yes(bool is) { return is ? "true" : "false"; }

static void show_head(const struct batch *b, struct buf *out)
{
    bool is_append_time = b->attrs & BATCH_LOG_APPEND_TIME;
    int64_t horizon = b->attrs & BATCH_DELETE_HORIZON ? b->base_ts_ms : -1;
    buf_printf(out, "batch base=%" PRId64 " last=%" PRId64 " size=%zu epoch=%d crc=%08x",
               b->base_off, batch_last_off(b), b->size_bytes, b->leader_epoch, b->crc);
    buf_printf(out, " codec=%s time=%s txn=%s control=%s\n", codec_name(batch_codec(b)),
               is_append_time ? "LogAppendTime" : "CreateTime", yes(batch_is_transactional(b)),
               yes(batch_is_control(b)));
    buf_printf(out, "  base_ts=%" PRId64 " max_ts=%" PRId64 " horizon=%" PRId64, b->base_ts_ms,
               b->max_ts_ms, horizon);
    buf_printf(out, " producer=%" PRId64 " epoch=%d seq=%d..%d count=%d\n", b->producer_id,
               b->producer_epoch, b->base_seq, batch_last_seq(b), b->count);
}

static void show_record(const struct batch *b, const struct record *r, struct buf *out)
{
    struct record_header h;
    size_t pos = 0;
    int type;
    buf_printf(out, "  record off=%" PRId64 " ts=%" PRId64 " size=%zu key=", r->off, r->ts_ms,
               r->size_bytes);
    show(r->key, out);
    buf_printf(out, " value=");
    show(r->value, out);
    while (record_next_header(r, &pos, &h)) {
        buf_printf(out, " %.*s=", (int)h.key.len, (const char *)h.key.p);
        show(h.value, out);
    }
    if (batch_is_control(b) && control_parse_key(r->key, &type)) {
        buf_printf(out, " control=%d", type);
    }
    buf_printf(out, "\n");
}

static enum err show_records(const struct batch *b, struct buf *out)
{
    struct record_walk w;
    struct record r;
    enum err e = record_walk_init(&w, b, PLAIN_BYTES_MAX);
    while (e == OK && (e = record_walk_next(&w, &r)) == OK) {
        show_record(b, &r, out);
    }
    record_walk_deinit(&w);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err record_dump(struct bytes in, struct buf *out)
{
    while (in.len > 0) {
        struct batch b;
        enum err e = batch_parse(in, &b);
        e = e ? e : batch_check_crc(&b);
        if (e) {
            return e;
        }
        show_head(&b, out);
        e = show_records(&b, out);
        if (e) {
            return e;
        }
        in = (struct bytes){in.p + b.size_bytes, in.len - b.size_bytes};
    }
    return out->err;
}
