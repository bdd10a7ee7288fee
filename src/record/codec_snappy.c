/* Snappy as Kafka carries it: the xerial framing (a 16-byte header, then blocks behind their
 * length), or one raw block, which some clients send. Pure.
 *
 * A block says how long it will be; that is refused when it is more than snappy can make of the
 * bytes that are there. */
#include "record/codec_impl.h"

#include "base/endian.h"

#include <snappy-c.h>

enum {
    XERIAL_HEADER_BYTES = 16,
    XERIAL_BLOCK_BYTES = 32 * 1024,
    SNAPPY_RATIO_MAX = 22, /* three bytes give 64 at the most */
};

/* The magic, then version 1, readable since version 1; Java's reader does not look at these. */
static const uint8_t xerial_header[XERIAL_HEADER_BYTES] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                           0,    0,   0,   1,   0,   0,   0,   1};
enum { XERIAL_MAGIC_BYTES = 8 };

static enum err block_decompress(struct bytes in, size_t max_bytes, struct buf *out)
{
    size_t len;
    const char *from = (const char *)in.p;
    if (snappy_uncompressed_length(from, in.len, &len) != SNAPPY_OK ||
        len / SNAPPY_RATIO_MAX > in.len) {
        return ERR_CORRUPT_MESSAGE;
    }
    if (len > max_bytes) {
        return ERR_BUDGET;
    }
    uint8_t *to = buf_reserve_exact(out, len);
    if (to == NULL) {
        return ERR_NO_MEMORY;
    }
    if (snappy_uncompress(from, in.len, (char *)to, &len) != SNAPPY_OK) {
        return ERR_CORRUPT_MESSAGE;
    }
    out->len += len;
    return OK;
}

static bool has_magic(struct bytes in)
{
    return in.len >= XERIAL_MAGIC_BYTES && memcmp(in.p, xerial_header, XERIAL_MAGIC_BYTES) == 0;
}

/* Takes a header (streams may follow one another) or a block off the front. */
static enum err frame_next(struct bytes *in, size_t max_bytes, struct buf *out)
{
    bool is_header = has_magic(*in);
    size_t skip = is_header ? XERIAL_HEADER_BYTES : sizeof(uint32_t);
    if (in->len < skip) {
        return ERR_CORRUPT_MESSAGE;
    }
    size_t len = is_header ? 0 : be32_get(in->p);
    struct bytes block = {in->p + skip, len};
    if (len > in->len - skip) {
        return ERR_CORRUPT_MESSAGE;
    }
    *in = (struct bytes){block.p + len, in->len - skip - len};
    return is_header ? OK : block_decompress(block, max_bytes, out);
}

enum err snappy_decompress(struct bytes in, size_t max_bytes, struct buf *out)
{
    size_t start = out->len;
    if (!has_magic(in)) {
        return block_decompress(in, max_bytes, out);
    }
    while (in.len > 0) {
        enum err e = frame_next(&in, max_bytes - (out->len - start), out);
        if (e) {
            return e;
        }
    }
    return OK;
}

static enum err block_compress(struct bytes in, struct buf *out)
{
    size_t len = snappy_max_compressed_length(in.len);
    uint8_t *to = buf_reserve(out, sizeof(uint32_t) + len);
    if (to == NULL) {
        return ERR_NO_MEMORY;
    }
    if (snappy_compress((const char *)in.p, in.len, (char *)to + sizeof(uint32_t), &len)) {
        return ERR_NO_MEMORY;
    }
    be32_put(to, (uint32_t)len);
    out->len += sizeof(uint32_t) + len;
    return OK;
}

enum err snappy_compress_xerial(int level, struct bytes in, struct buf *out)
{
    buf_put(out, xerial_header, sizeof xerial_header);
    while (in.len > 0) {
        size_t n = MIN(in.len, (size_t)XERIAL_BLOCK_BYTES);
        enum err e = block_compress((struct bytes){in.p, n}, out);
        if (e) {
            return e;
        }
        in = (struct bytes){in.p + n, in.len - n};
    }
    return out->err;
}
