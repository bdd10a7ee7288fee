/* Walks over batches on disk. Any thread; a scan belongs to one.
 *
 * Invariant: window holds the file's bytes [window_pos, window_pos + window_len). */
#include "log/scan.h"

#include "base/crc.h"
#include "base/mem.h"

enum {
    CRC_AT = 21,               /* first byte that the CRC covers */
    LARGE_BATCH_BYTES = 16384, /* from here on a header walk reads headers one by one */
};

void scan_init(struct scan *s, struct file *f, uint64_t pos, uint64_t end_pos)
{
    *s = (struct scan){.file = f, .pos = pos, .end_pos = end_pos};
    scan_set_window(s, SCAN_WINDOW_LOOKUP);
}

void scan_deinit(struct scan *s)
{
    mem_free(s->window);
    s->window = NULL;
}

void scan_set_window(struct scan *s, size_t bytes)
{
    s->window_cap = bytes;
    s->read_bytes = bytes;
}

/* Loads the window from pos on, at least need bytes if the file has them. */
static enum err window_load(struct scan *s, uint64_t pos, size_t need)
{
    if (s->window == NULL) {
        s->window = mem_try(s->window_cap);
    }
    if (s->window == NULL) {
        return ERR_NO_MEMORY;
    }
    size_t len = MIN(MAX(need, s->read_bytes), s->window_cap);
    len = (size_t)MIN((uint64_t)len, s->end_pos - pos);
    s->window_len = 0;
    s->window_pos = pos;
    return s->may_not_wait ? file_pread_now(s->file, s->window, len, pos, &s->window_len)
                           : file_pread(s->file, s->window, len, pos, &s->window_len);
}

/* The bytes from pos on that are in memory, after a read if fewer than need are. */
static enum err window_get(struct scan *s, uint64_t pos, size_t need, struct bytes *ret)
{
    uint64_t window_end = s->window_pos + s->window_len;
    if (s->window == NULL || pos < s->window_pos || pos + need > window_end) {
        enum err e = window_load(s, pos, need);
        if (e) {
            return e;
        }
        window_end = s->window_pos + s->window_len;
    }
    *ret = (struct bytes){s->window + (pos - s->window_pos), (size_t)(window_end - pos)};
    return OK;
}

static bool header_is_sane(const struct batch *b)
{
    return b->base_off >= 0 && b->last_off_delta >= 0 && b->count >= 0 &&
           b->base_off <= INT64_MAX - b->last_off_delta - 1;
}

enum err scan_next(struct scan *s, struct batch *ret_batch, uint64_t *ret_pos)
{
    struct bytes in;
    struct batch b;
    if (s->pos >= s->end_pos) {
        return ERR_NOT_FOUND;
    }
    if (s->end_pos - s->pos < BATCH_HEADER_BYTES) {
        return ERR_CORRUPT_MESSAGE;
    }
    enum err e = window_get(s, s->pos, BATCH_HEADER_BYTES, &in);
    if (e) {
        return e;
    }
    if (batch_parse_header(in, &b) != OK || !header_is_sane(&b) ||
        b.size_bytes > s->end_pos - s->pos) {
        return ERR_CORRUPT_MESSAGE;
    }
    if (s->window_cap == SCAN_WINDOW_HEADERS) {
        s->read_bytes = b.size_bytes >= LARGE_BATCH_BYTES ? SCAN_WINDOW_LOOKUP : s->window_cap;
    }
    *ret_batch = b;
    *ret_pos = s->pos;
    s->pos += b.size_bytes;
    return OK;
}

enum err scan_check_crc(struct scan *s, const struct batch *b, uint64_t pos)
{
    uint32_t crc = 0;
    uint64_t end = pos + b->size_bytes;
    for (uint64_t at = pos + CRC_AT; at < end;) {
        struct bytes in;
        enum err e = window_get(s, at, 1, &in);
        if (e) {
            return e;
        }
        if (in.len == 0) {
            return ERR_CORRUPT_MESSAGE;
        }
        size_t n = (size_t)MIN((uint64_t)in.len, end - at);
        crc = crc32c(crc, in.p, n);
        at += n;
    }
    return crc == b->crc ? OK : ERR_CORRUPT_MESSAGE;
}

enum err scan_read_batch(struct scan *s, const struct batch *b, uint64_t pos, struct buf *out,
                         struct batch *ret_batch)
{
    size_t start = out->len;
    uint8_t *p = buf_extend(out, b->size_bytes);
    if (p == NULL) {
        return out->err;
    }
    enum err e = file_read_exact(s->file, p, b->size_bytes, pos);
    if (e == OK) {
        e = batch_parse((struct bytes){p, b->size_bytes}, ret_batch);
    }
    if (e) {
        out->len = start;
        return e == ERR_SHORT || e == ERR_MALFORMED ? ERR_CORRUPT_MESSAGE : e;
    }
    return OK;
}
