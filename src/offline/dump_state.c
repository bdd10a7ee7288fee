/* dump-log of .txnindex (aborted transactions) and .snapshot (producers). The command's thread. */
#include "offline/dump.h"

#include "base/crc.h"
#include "base/endian.h"
#include "base/mem.h"
#include "log/index.h"
#include "record/batch.h"
#include "wire/messages.h"

#include <inttypes.h>

enum {
    STATE_MAX_BYTES = 1 << 30,
    SNAPSHOT_VERSION = 1,
    SNAPSHOT_CRC_AT = 2,
    SNAPSHOT_ENTRIES_AT = 6, /* where what the CRC covers begins */
};

/* A file that is not there is empty, if that may be. */
static bool read_all(struct dump *d, const struct dump_file *f, bool may_miss, struct bytes *ret)
{
    char *text = NULL;
    size_t len = 0;
    enum err e = fs_read_all(d->fs, f->path, STATE_MAX_BYTES, &text, &len);
    if (e && !(may_miss && e == ERR_NOT_FOUND)) {
        buf_printf(&d->why, e == ERR_NOT_FOUND ? "%s" : "%s: %s", f->path, err_text(e));
        return false;
    }
    *ret = e ? BYTES_NULL : (struct bytes){(const uint8_t *)text, len};
    return true;
}

static void free_bytes(struct bytes b) { mem_free((void *)(uintptr_t)b.p); }

bool dump_txnindex(struct dump *d, const struct dump_file *f)
{
    struct bytes in;
    int64_t base_off;
    if (!path_base_off(d, f, &base_off) || !read_all(d, f, true, &in)) {
        return false;
    }
    for (size_t at = 0; at + TXNINDEX_ROW_BYTES <= in.len; at += TXNINDEX_ROW_BYTES) {
        const uint8_t *p = in.p + at;
        /* sane or not; of the version Apache Kafka looks at the first byte */
        row_begin(&d->out, "txnindex", "");
        row_i64(&d->out, "version", (int8_t)p[0]);
        row_i64(&d->out, "producerId", (int64_t)be64_get(p + 2));
        row_i64(&d->out, "firstOffset", (int64_t)be64_get(p + 10));
        row_i64(&d->out, "lastOffset", (int64_t)be64_get(p + 18));
        row_i64(&d->out, "lastStableOffset", (int64_t)be64_get(p + 26));
        row_end(&d->out);
    }
    free_bytes(in);
    return true;
}

/* --- producers --- */

/* Sequences wrap at 2^31. */
static int32_t seq_before(int32_t seq, int32_t n)
{
    return seq < n ? (int32_t)(INT32_MAX - ((uint32_t)n - (uint32_t)seq) + 1)
                   : (int32_t)((uint32_t)seq - (uint32_t)n);
}

static void put_producer(struct dump *d, const struct producer_snapshot_producer_entry *p)
{
    struct rows_out *o = &d->out;
    row_begin(o, "producer", "");
    row_i64(o, "producerId", p->producer_id);
    row_i64(o, "producerEpoch", p->epoch);
    row_i64(o, "coordinatorEpoch", p->coordinator_epoch);
    row_maybe(o, "currentTxnFirstOffset", p->current_txn_first_offset >= 0,
              p->current_txn_first_offset);
    row_i64(o, "lastTimestamp", p->timestamp);
    if (p->last_offset >= 0) {
        row_i64(o, "firstSequence", seq_before(p->last_sequence, p->offset_delta));
        row_i64(o, "lastSequence", p->last_sequence);
        row_i64(o, "lastOffset", p->last_offset);
        row_i64(o, "offsetDelta", p->offset_delta);
        row_i64(o, "timestamp", p->timestamp);
    }
    row_end(o);
}

/* What is wrong with a snapshot is told, and the next file goes on. */
static void complain(struct dump *d, const char *text)
{
    rows_out_flush(&d->out);
    fprintf(d->errors, "%s\n", text);
}

static bool has_good_crc(struct dump *d, struct bytes in, uint32_t stored)
{
    struct buf text = BUF_INIT;
    uint32_t computed = crc32c(0, in.p + SNAPSHOT_ENTRIES_AT, in.len - SNAPSHOT_ENTRIES_AT);
    if (computed != stored) {
        buf_printf(&text,
                   "Snapshot is corrupt (CRC is no longer valid). Stored crc: %" PRIu32
                   ". Computed crc: %" PRIu32,
                   stored, computed);
        complain(d, buf_cstr(&text));
        buf_deinit(&text);
    }
    return computed == stored;
}

static void put_snapshot(struct dump *d, struct bytes in, struct arena *a)
{
    struct producer_snapshot s;
    struct buf text = BUF_INIT;
    size_t used;
    int version = in.len >= SNAPSHOT_CRC_AT ? (int16_t)be16_get(in.p) : SNAPSHOT_VERSION;
    if (version != SNAPSHOT_VERSION) {
        buf_printf(&text,
                   "Snapshot failed schema validation: Snapshot contained an unknown file "
                   "version %d",
                   version);
        complain(d, buf_cstr(&text));
        buf_deinit(&text);
        return;
    }
    struct bytes body = {in.p + MIN(in.len, (size_t)SNAPSHOT_CRC_AT),
                         in.len - MIN(in.len, (size_t)SNAPSHOT_CRC_AT)};
    if (wire_decode(&wire_producer_snapshot, version, body, a, &s, &used)) {
        complain(d, "Snapshot failed schema validation: null");
        return;
    }
    if (has_good_crc(d, in, s.crc)) {
        for (int32_t i = 0; i < s.producer_entries_count; i++) {
            put_producer(d, &s.producer_entries[i]);
        }
    }
}

bool dump_snapshot(struct dump *d, const struct dump_file *f)
{
    struct bytes in;
    struct arena a;
    if (!read_all(d, f, false, &in)) {
        return false;
    }
    arena_init(&a, STATE_MAX_BYTES);
    put_snapshot(d, in, &a);
    arena_deinit(&a);
    free_bytes(in);
    return true;
}
