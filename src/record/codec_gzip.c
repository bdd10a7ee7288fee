/* gzip by libdeflate, which decodes whole members at once. Pure; contexts per thread.
 *
 * As Java's reader does, members may follow one another, and what follows the last one and is no
 * member is ignored. */
#include "record/codec_impl.h"

#include "base/endian.h"

#include <libdeflate.h>

enum {
    GZIP_MEMBER_MIN_BYTES = 18, /* header 10, trailer 8 */
    GZIP_LEVEL_DEFAULT = 6,
};

static _Thread_local struct libdeflate_decompressor *inflater;
static _Thread_local struct libdeflate_compressor *deflater;
static _Thread_local int deflater_level;

void gzip_release_thread(void)
{
    libdeflate_free_decompressor(inflater);
    libdeflate_free_compressor(deflater);
    inflater = NULL;
    deflater = NULL;
}

static bool is_member(struct bytes in)
{
    return in.len >= GZIP_MEMBER_MIN_BYTES && in.p[0] == 0x1f && in.p[1] == 0x8b && in.p[2] == 8;
}

/* The last four bytes of a member are its plain length. */
static size_t claimed_bytes(struct bytes in)
{
    const uint8_t *p = in.p + in.len - 4;
    return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

static enum err member_decompress(struct bytes in, size_t max_bytes, struct buf *out,
                                  size_t *ret_used)
{
    size_t room = codec_first_room(claimed_bytes(in), in.len, max_bytes);
    for (;;) {
        size_t produced;
        uint8_t *to = buf_reserve_exact(out, room);
        if (to == NULL) {
            return ERR_NO_MEMORY;
        }
        enum libdeflate_result r =
            libdeflate_gzip_decompress_ex(inflater, in.p, in.len, to, room, ret_used, &produced);
        if (r == LIBDEFLATE_SUCCESS) {
            out->len += produced;
            return OK;
        }
        if (r != LIBDEFLATE_INSUFFICIENT_SPACE) {
            return ERR_CORRUPT_MESSAGE;
        }
        if (room == max_bytes) {
            return ERR_BUDGET;
        }
        room = codec_next_room(room, max_bytes);
    }
}

enum err gzip_decompress(struct bytes in, size_t max_bytes, struct buf *out)
{
    size_t start = out->len;
    if (inflater == NULL && (inflater = libdeflate_alloc_decompressor()) == NULL) {
        return ERR_NO_MEMORY;
    }
    if (!is_member(in)) {
        return ERR_CORRUPT_MESSAGE;
    }
    while (is_member(in)) {
        size_t used;
        enum err e = member_decompress(in, max_bytes - (out->len - start), out, &used);
        if (e) {
            return e;
        }
        in = (struct bytes){in.p + used, in.len - used};
    }
    return OK;
}

static bool deflater_ready(int level)
{
    level = level < 0 ? GZIP_LEVEL_DEFAULT : level;
    if (deflater == NULL || deflater_level != level) {
        libdeflate_free_compressor(deflater);
        deflater = libdeflate_alloc_compressor(level);
        deflater_level = level;
    }
    return deflater != NULL;
}

enum err gzip_compress(int level, struct bytes in, struct buf *out)
{
    if (!deflater_ready(level)) {
        return ERR_NO_MEMORY;
    }
    size_t room = libdeflate_gzip_compress_bound(deflater, in.len);
    uint8_t *to = buf_reserve(out, room);
    if (to == NULL) {
        return ERR_NO_MEMORY;
    }
    out->len += libdeflate_gzip_compress(deflater, in.p, in.len, to, room);
    return OK;
}
