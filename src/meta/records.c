/* A list of framed metadata records. Pure. */
#include "meta/records.h"

#include "base/mem.h"
#include "wire/wire.h"

enum { FRAME_VERSION = 1 };

void meta_records_init(struct meta_records *rs) { *rs = (struct meta_records){0}; }

void meta_records_deinit(struct meta_records *rs)
{
    buf_deinit(&rs->bytes);
    mem_free(rs->ends);
    meta_records_init(rs);
}

void meta_records_clear(struct meta_records *rs)
{
    buf_clear(&rs->bytes);
    rs->count = 0;
    rs->is_atomic = false;
    rs->err = OK;
}

void meta_records_truncate(struct meta_records *rs, int32_t count)
{
    if (count < rs->count) {
        rs->bytes.len = count ? rs->ends[count - 1] : 0;
        rs->count = count;
    }
}

/* Counts what was appended to bytes since the last end. */
static void end_record(struct meta_records *rs)
{
    if (rs->err == OK) {
        rs->err = rs->bytes.err;
    }
    if (rs->err != OK) {
        rs->bytes.len = rs->count ? rs->ends[rs->count - 1] : 0;
        return;
    }
    if (rs->count == rs->cap) {
        rs->cap = rs->cap ? rs->cap * 2 : 8;
        rs->ends = mem_realloc_array(rs->ends, (size_t)rs->cap, sizeof *rs->ends);
    }
    rs->ends[rs->count++] = rs->bytes.len;
}

void meta_records_add(struct meta_records *rs, enum meta_record type, int version, const void *msg)
{
    if (rs->err != OK) {
        return;
    }
    buf_put_uvarint(&rs->bytes, FRAME_VERSION);
    buf_put_uvarint(&rs->bytes, (uint64_t)type);
    buf_put_uvarint(&rs->bytes, (uint64_t)version);
    rs->err = wire_encode(wire_metadata_record((int)type), version, msg, &rs->bytes, NULL);
    end_record(rs);
}

void meta_records_add_raw(struct meta_records *rs, struct bytes record)
{
    if (rs->err == OK) {
        buf_put(&rs->bytes, record.p, record.len);
        end_record(rs);
    }
}
