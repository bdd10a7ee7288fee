/* Walking over a file of batches by their lengths. The command's thread.
 *
 * Nothing is believed: a length counts only where the file has that many bytes, so memory is
 * bounded by the size of the file. */
#include "offline/segfile.h"

#include "base/endian.h"

#include <inttypes.h>

enum {
    PREFIX_BYTES = 17,       /* offset, length, what differs between formats, magic */
    LEAST_RECORD_BYTES = 14, /* of the oldest format */
    LEGACY_HEADER_BYTES = 26,
};

bool segfile_open(struct segfile *s, struct fs *fs, const char *path, struct buf *why)
{
    uint64_t size;
    *s = (struct segfile){.path = path, .why = why};
    enum err e = fs_open(fs, path, FILE_READ, &s->file);
    if (e) {
        s->file = NULL;
        buf_printf(why, e == ERR_NOT_FOUND ? "%s" : "%s: %s", path, err_text(e));
        return false;
    }
    e = file_size(s->file, &size);
    if (e || size > INT32_MAX) {
        buf_printf(why,
                   e ? "%s: %s" : "The size of segment %s is larger than the maximum of 2147483647",
                   path, err_text(e));
        segfile_close(s);
        return false;
    }
    s->size_bytes = (int64_t)size;
    return true;
}

void segfile_close(struct segfile *s)
{
    file_close(s->file);
    s->file = NULL;
}

bool segpart_init(struct segpart *p, struct segfile *s, int64_t pos, int64_t size_bytes)
{
    const char *bad = pos < 0               ? "Invalid position: %" PRId64 " in read from "
                      : pos > s->size_bytes ? "Slice from position %" PRId64
                                              " exceeds end position of "
                      : size_bytes < 0 ? "Invalid size: %" PRId64 " in read from "
                                       : NULL;
    if (bad != NULL) {
        buf_printf(s->why, bad, pos < 0 || pos > s->size_bytes ? pos : size_bytes);
        buf_printf(s->why, "FileRecords(size=%" PRId64 ", file=%s, start=0, end=2147483647)",
                   s->size_bytes, s->path);
        return false;
    }
    *p = (struct segpart){s, pos, MIN(pos + size_bytes, s->size_bytes)};
    return true;
}

static bool read_at(struct segfile *s, uint8_t *p, size_t len, int64_t pos)
{
    enum err e = file_read_exact(s->file, p, len, (uint64_t)pos);
    if (e) {
        buf_printf(s->why, "%s: %s", s->path,
                   e == ERR_SHORT ? "the file ends in a batch's header" : err_text(e));
    }
    return e == OK;
}

/* The header of magic 2 and beyond, wherever it ends. */
static bool read_header(struct segfile *s, struct segbatch *b)
{
    uint8_t p[BATCH_HEADER_BYTES];
    int8_t magic = b->head.magic;
    size_t size_bytes = b->head.size_bytes;
    if (!read_at(s, p, sizeof p, b->pos)) {
        return false;
    }
    p[BATCH_MAGIC_AT] = BATCH_MAGIC; /* what is newer is shown as if it were this */
    be32_put(p + 8, (uint32_t)(MAX(size_bytes, (size_t)BATCH_HEADER_BYTES) - BATCH_PREFIX_BYTES));
    enum err e = batch_parse_header((struct bytes){p, sizeof p}, &b->head);
    if (e) {
        buf_printf(s->why, "%s: %s", s->path, err_text(e));
        return false;
    }
    b->head.p = NULL;
    b->head.magic = magic;
    b->head.size_bytes = size_bytes;
    return true;
}

static bool read_legacy(struct segfile *s, struct segbatch *b)
{
    uint8_t p[LEGACY_HEADER_BYTES] = {0};
    size_t len = b->head.magic == 1 ? sizeof p : 18;
    if (!read_at(s, p, len, b->pos)) {
        return false;
    }
    b->legacy.crc = be32_get(p + 12);
    b->legacy.attrs = (int8_t)p[17];
    b->legacy.ts_ms = b->head.magic == 1 ? (int64_t)be64_get(p + 18) : NO_TIMESTAMP;
    return true;
}

bool segpart_next(struct segpart *p, struct segbatch *ret, bool *ret_more)
{
    uint8_t prefix[PREFIX_BYTES];
    struct segfile *s = p->seg;
    *ret_more = false;
    if (p->pos >= p->end - PREFIX_BYTES) {
        return true;
    }
    if (!read_at(s, prefix, sizeof prefix, p->pos)) {
        return false;
    }
    int32_t len = (int32_t)be32_get(prefix + 8);
    if (len < LEAST_RECORD_BYTES) {
        buf_printf(s->why,
                   "Found record size %" PRId32
                   " smaller than minimum record overhead (14) in file %s.",
                   len, s->path);
        return false;
    }
    if (p->pos > p->end - BATCH_PREFIX_BYTES - len) {
        return true;
    }
    *ret = (struct segbatch){.pos = p->pos};
    ret->head.base_off = (int64_t)be64_get(prefix);
    ret->head.size_bytes = (size_t)len + BATCH_PREFIX_BYTES;
    ret->head.magic = (int8_t)prefix[BATCH_MAGIC_AT];
    p->pos += (int64_t)ret->head.size_bytes;
    *ret_more = true;
    return segbatch_is_legacy(ret) ? read_legacy(s, ret) : read_header(s, ret);
}

bool segbatch_read(struct segfile *s, const struct segbatch *b, struct buf *out)
{
    buf_clear(out);
    uint8_t *p = buf_extend(out, b->head.size_bytes);
    if (p == NULL) {
        buf_printf(s->why, "%s: %s", s->path, err_text(out->err));
        return false;
    }
    return read_at(s, p, b->head.size_bytes, b->pos);
}

bool segbatch_is_legacy(const struct segbatch *b) { return b->head.magic < BATCH_MAGIC; }

int64_t segbatch_last_off(const struct segbatch *b)
{
    uint64_t delta = segbatch_is_legacy(b) ? 0 : (uint64_t)(int64_t)b->head.last_off_delta;
    return (int64_t)((uint64_t)b->head.base_off + delta);
}
