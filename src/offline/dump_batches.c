/* dump-log of segments and of metadata snapshots: batch by batch, record by record. The command's
 * thread. */
#include "offline/dump_batches.h"
#include "offline/dump_decode.h"

#include "base/json.h"
#include "record/control.h"

#include <inttypes.h>

#define BOOTSTRAP_NAME "bootstrap.checkpoint"

enum {
    SNAPSHOT_OFF_DIGITS = 20,
    SNAPSHOT_EPOCH_DIGITS = 10,
};

/* --- batches --- */

const char *batches_time_type(const struct segbatch *b)
{
    if (b->head.magic == 0) {
        return "NoTimestampType";
    }
    int attrs = segbatch_is_legacy(b) ? b->legacy.attrs : b->head.attrs;
    return attrs & BATCH_LOG_APPEND_TIME ? "LogAppendTime" : "CreateTime";
}

static bool is_valid(struct batches *x)
{
    return x->b.head.size_bytes >= BATCH_HEADER_BYTES && batch_check_crc(&x->b.head) == OK;
}

static int32_t last_seq(const struct batch *b)
{
    return b->base_seq == -1 ? -1 : seq_add(b->base_seq, b->last_off_delta);
}

static void put_header(struct rows_out *o, const struct batch *b)
{
    row_i64(o, "baseOffset", b->base_off);
    row_i64(o, "lastOffset", batch_last_off(b));
    row_i64(o, "count", b->count);
    row_i64(o, "baseSequence", b->base_seq);
    row_i64(o, "lastSequence", last_seq(b));
    row_i64(o, "producerId", b->producer_id);
    row_i64(o, "producerEpoch", b->producer_epoch);
    row_i64(o, "partitionLeaderEpoch", b->leader_epoch);
    row_bool(o, "isTransactional", batch_is_transactional(b));
    row_bool(o, "isControl", batch_is_control(b));
    row_maybe(o, "deleteHorizonMs", b->attrs & BATCH_DELETE_HORIZON, b->base_ts_ms);
}

static bool put_batch(struct batches *x)
{
    struct rows_out *o = &x->d->out;
    const struct batch *b = &x->b.head;
    enum codec codec = batch_codec(b);
    row_begin(o, "batch", "");
    put_header(o, b);
    if (codec >= CODEC_COUNT) {
        buf_printf(&x->d->why, "Unknown compression type id: %d", (int)codec);
        return false;
    }
    row_i64(o, "position", x->b.pos);
    row_time(o, batches_time_type(&x->b), b->max_ts_ms);
    row_i64(o, "size", (int64_t)b->size_bytes);
    row_i64(o, "magic", b->magic);
    row_word(o, "compresscodec", codec_name(codec));
    row_i64(o, "crc", b->crc);
    row_bool(o, "isvalid", is_valid(x));
    row_end(o);
    return true;
}

/* --- records --- */

static void put_header_keys(struct rows_out *o, const struct record *r)
{
    struct record_header h;
    struct buf keys = BUF_INIT, key = BUF_INIT;
    size_t pos = 0;
    buf_put_u8(&keys, '[');
    while (record_next_header(r, &pos, &h)) {
        buf_put_str(&keys, keys.len > 1 ? STR(",") : STR(""));
        buf_clear(&key);
        text_put_utf8(&key, h.key);
        if (o->is_json) {
            json_put_str(&keys, buf_str(&key));
        } else {
            buf_put_str(&keys, buf_str(&key));
        }
    }
    buf_put_u8(&keys, ']');
    row_json(o, "headerKeys", ":", buf_str(&keys));
    buf_deinit(&keys);
    buf_deinit(&key);
}

static bool put_control(struct batches *x, const struct record *r)
{
    struct rows_out *o = &x->d->out;
    struct buf json = BUF_INIT;
    const char *name;
    int32_t epoch;
    int type;
    if (!control_parse_key(r->key, &type) || ((type == CONTROL_ABORT || type == CONTROL_COMMIT) &&
                                              !control_parse_marker(r->value, &epoch))) {
        buf_printf(&x->d->why, "the control record at offset %" PRId64 " cannot be read", r->off);
        return false;
    }
    if (type == CONTROL_ABORT || type == CONTROL_COMMIT) {
        row_word(o, "endTxnMarker", type == CONTROL_COMMIT ? "COMMIT" : "ABORT");
        row_i64(o, "coordinatorEpoch", epoch);
        return true;
    }
    bool ok = decode_control(x->d, type, r->value, &name, &json);
    if (ok && name != NULL) {
        row_json(o, name, type == CONTROL_LEADER_CHANGE ? ":" : "", buf_str(&json));
    } else if (ok) {
        buf_printf(&json, o->is_json ? "\"UNKNOWN(%d)\"" : "UNKNOWN(%d)", type);
        row_json(o, "controlType", ":", buf_str(&json));
    }
    buf_deinit(&json);
    return ok;
}

static int64_t length_of(struct bytes b) { return b.p == NULL ? -1 : (int64_t)b.len; }

void batches_put_sizes(struct batches *x, const struct record *r)
{
    row_i64(&x->d->out, "keySize", length_of(r->key));
    row_i64(&x->d->out, "valueSize", length_of(r->value));
}

static bool put_metadata(struct batches *x, const struct record *r)
{
    struct rows_out *o = &x->d->out;
    const struct batch *b = &x->b.head;
    row_i64(o, "offset", r->off);
    row_time(o, batches_time_type(&x->b), r->ts_ms);
    batches_put_sizes(x, r);
    row_i64(o, "sequence",
            b->base_seq < 0
                ? -1
                : seq_add(b->base_seq, (int32_t)((uint64_t)r->off - (uint64_t)b->base_off)));
    put_header_keys(o, r);
    return !batch_is_control(b) || put_control(x, r);
}

static void put_text(struct rows_out *o, const char *name, const struct decoded_text *t)
{
    if (t->is_there && t->is_json) {
        row_json(o, name, ":", buf_str(&t->text));
    } else if (t->is_there) {
        struct str s = buf_str(&t->text);
        row_text(o, name, s.p ? s : STR(""));
    }
}

bool batches_put_content(struct batches *x, const struct record *r)
{
    struct decoded content = {0};
    bool ok = decode_record(x->d, r, &content);
    if (ok) {
        put_text(&x->d->out, "key", &content.key);
        put_text(&x->d->out, "payload", &content.value);
    }
    decoded_deinit(&content);
    return ok;
}

void batches_note_off(struct batches *x, int64_t off)
{
    if ((uint64_t)off != (uint64_t)x->last_off + 1) {
        findings_add(x->d, FOUND_GAP, x->f->path, (struct finding_pair){x->last_off, off});
    }
    x->last_off = off;
}

static bool put_record(struct batches *x, const struct record *r)
{
    const struct dump_options *opt = &x->d->options;
    batches_note_off(x, r->off);
    row_begin(&x->d->out, "record", "| ");
    if (!opt->skips_metadata && !put_metadata(x, r)) {
        return false;
    }
    if (opt->prints_data && !batch_is_control(&x->b.head) && !batches_put_content(x, r)) {
        return false;
    }
    row_end(&x->d->out);
    return true;
}

static bool put_records(struct batches *x)
{
    struct record_walk w;
    struct record r;
    bool ok = true;
    if (x->b.head.count == 0) {
        return true;
    }
    if (x->b.head.size_bytes < BATCH_HEADER_BYTES) {
        buf_printf(&x->d->why, "the batch at position %" PRId64 " has no room for its header",
                   x->b.pos);
        return false;
    }
    enum err e = record_walk_init(&w, &x->b.head, PLAIN_MAX_BYTES);
    while (ok && !e && (e = record_walk_next(&w, &r)) == OK) {
        ok = put_record(x, &r);
    }
    record_walk_deinit(&w);
    if (ok && e && e != ERR_NOT_FOUND) {
        buf_printf(&x->d->why, "the records of the batch at position %" PRId64 ": %s", x->b.pos,
                   err_text(e));
        return false;
    }
    return ok;
}

/* --- files --- */

static bool put_one(struct batches *x)
{
    struct dump *d = x->d;
    if (!segbatch_read(&x->seg, &x->b, &x->bytes)) {
        return false;
    }
    if (segbatch_is_legacy(&x->b)) {
        return batches_put_legacy(x);
    }
    x->b.head.p = x->bytes.p;
    return put_batch(x) && (!d->options.is_deep || put_records(x));
}

static bool put_all(struct batches *x)
{
    struct dump *d = x->d;
    struct segpart part;
    struct buf text = BUF_INIT;
    bool more = true;
    if (!segpart_init(&part, &x->seg, 0, d->options.max_bytes)) {
        return false;
    }
    while (more) {
        if (!segpart_next(&part, &x->b, &more) || (more && !put_one(x))) {
            return false;
        }
    }
    if (part.end > part.pos && d->options.max_bytes == INT32_MAX) {
        buf_printf(&text, "Found %" PRId64 " invalid bytes at the end of %s", part.end - part.pos,
                   x->f->name);
        row_note(&d->out, "note", buf_cstr(&text));
    }
    buf_deinit(&text);
    return true;
}

static bool dump_batches(struct dump *d, const struct dump_file *f)
{
    struct batches x = {.d = d, .f = f, .last_off = -1};
    bool ok = segfile_open(&x.seg, d->fs, f->path, &d->why) && put_all(&x);
    segfile_close(&x.seg);
    buf_deinit(&x.bytes);
    return ok;
}

bool dump_log(struct dump *d, const struct dump_file *f)
{
    int64_t base_off;
    struct buf text = BUF_INIT;
    if (!path_base_off(d, f, &base_off)) {
        return false;
    }
    buf_printf(&text, "Log starting offset: %" PRId64, base_off);
    row_note_i64(&d->out, "logStartingOffset", base_off, buf_cstr(&text));
    buf_deinit(&text);
    return dump_batches(d, f);
}

/* "00000000000000000042-0000000003.checkpoint" */
static bool parse_snapshot_name(const struct dump_file *f, int64_t *ret_off, int64_t *ret_epoch)
{
    struct str name = str_from(f->name);
    size_t epoch_at = SNAPSHOT_OFF_DIGITS + 1;
    return name.len > epoch_at + SNAPSHOT_EPOCH_DIGITS &&
           str_to_i64(str_sub(name, 0, SNAPSHOT_OFF_DIGITS), ret_off) &&
           str_to_i64(str_sub(name, epoch_at, SNAPSHOT_EPOCH_DIGITS), ret_epoch);
}

bool dump_checkpoint(struct dump *d, const struct dump_file *f)
{
    int64_t off, epoch;
    struct buf text = BUF_INIT;
    if (strcmp(f->name, BOOTSTRAP_NAME) == 0) {
        buf_put_str(&text, STR("KRaft bootstrap snapshot"));
    } else if (parse_snapshot_name(f, &off, &epoch)) {
        buf_printf(&text, "Snapshot end offset: %" PRId64 ", epoch: %" PRId64, off, epoch);
    } else {
        buf_printf(&d->why, "%s is no name of a metadata snapshot", f->name);
        return false;
    }
    row_note(&d->out, "note", buf_cstr(&text));
    buf_deinit(&text);
    return dump_batches(d, f);
}
