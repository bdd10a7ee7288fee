/* Snappy as Kafka carries it: the xerial framing (a 16-byte header, then blocks behind their
 * length), or one raw block, which some clients send. Pure; any thread.
 *
 * A block says how long it will be; that is refused when it is more than snappy can make of the
 * bytes that are there. */
#include "record/codec_impl.h"

#include "base/endian.h"
#include "base/snappy.h"

#include <stdatomic.h>

enum {
    XERIAL_HEADER_BYTES = 16,
    XERIAL_BLOCK_BYTES = 32 * 1024,
    BLOCK_LENGTH_BYTES = 4,
    SNAPPY_RATIO_MAX = 22, /* three bytes give 64 at the most */
};

/* The magic, then version 1, readable since version 1; Java's reader does not look at these. */
static const uint8_t xerial_header[XERIAL_HEADER_BYTES] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                           0,    0,   0,   1,   0,   0,   0,   1};
enum { XERIAL_MAGIC_BYTES = 8 };

static _Atomic(const struct snappy *(*)(void)) finder;

void codec_set_snappy(const struct snappy *(*find)(void)) { atomic_store(&finder, find); }

static const struct snappy *snappy(void)
{
    const struct snappy *(*find)(void) = atomic_load(&finder);
    return find == NULL ? NULL : find();
}

/* What a block says that it will be; false when snappy could not make that of these bytes. */
static bool plain_length(const struct snappy *lib, struct bytes block, size_t *ret_len)
{
    return lib->snappy_uncompressed_length((const char *)block.p, block.len, ret_len) ==
               SNAPPY_OK &&
           *ret_len / SNAPPY_RATIO_MAX <= block.len;
}

/* Room for it is there. */
static enum err block_decompress(const struct snappy *lib, struct bytes block, struct buf *out)
{
    size_t len = out->cap - out->len;
    char *to = (char *)out->p + out->len;
    if (lib->snappy_uncompress((const char *)block.p, block.len, to, &len) != SNAPPY_OK) {
        return ERR_CORRUPT_MESSAGE;
    }
    out->len += len;
    return OK;
}

static bool has_magic(struct bytes in)
{
    return in.len >= XERIAL_MAGIC_BYTES && memcmp(in.p, xerial_header, XERIAL_MAGIC_BYTES) == 0;
}

/* Takes a block off the front, and the header before it: streams may follow one another, each with
 * a header. NOT_FOUND at the end. */
static enum err next_block(struct bytes *in, struct bytes *ret_block)
{
    const uint8_t *at = in->p, *end = in->p + in->len;
    while (has_magic((struct bytes){at, (size_t)(end - at)})) {
        if (end - at < XERIAL_HEADER_BYTES) {
            return ERR_CORRUPT_MESSAGE;
        }
        at += XERIAL_HEADER_BYTES;
    }
    if (at == end) {
        return ERR_NOT_FOUND;
    }
    if (end - at < BLOCK_LENGTH_BYTES || be32_get(at) > end - at - BLOCK_LENGTH_BYTES) {
        return ERR_CORRUPT_MESSAGE;
    }
    *ret_block = (struct bytes){at + BLOCK_LENGTH_BYTES, be32_get(at)};
    at = ret_block->p + ret_block->len;
    *in = (struct bytes){at, (size_t)(end - at)};
    return OK;
}

/* How much all blocks together will be, at the most max_bytes. */
static enum err measure(const struct snappy *lib, struct bytes in, size_t max_bytes,
                        size_t *ret_total)
{
    struct bytes block;
    size_t total = 0, len;
    enum err e;
    while ((e = next_block(&in, &block)) == OK) {
        if (!plain_length(lib, block, &len)) {
            return ERR_CORRUPT_MESSAGE;
        }
        if (len > max_bytes - total) {
            return ERR_BUDGET;
        }
        total += len;
    }
    *ret_total = total;
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err framed_decompress(const struct snappy *lib, struct bytes in, size_t max_bytes,
                                  struct buf *out)
{
    struct bytes block;
    size_t total;
    enum err e = measure(lib, in, max_bytes, &total);
    if (e == OK && buf_reserve_exact(out, total) == NULL) {
        e = ERR_NO_MEMORY;
    }
    while (e == OK && next_block(&in, &block) == OK) {
        e = block_decompress(lib, block, out);
    }
    return e;
}

static enum err raw_decompress(const struct snappy *lib, struct bytes in, size_t max_bytes,
                               struct buf *out)
{
    size_t len;
    if (!plain_length(lib, in, &len)) {
        return ERR_CORRUPT_MESSAGE;
    }
    if (len > max_bytes) {
        return ERR_BUDGET;
    }
    return buf_reserve_exact(out, len) ? block_decompress(lib, in, out) : ERR_NO_MEMORY;
}

enum err snappy_decompress(struct bytes in, size_t max_bytes, struct buf *out)
{
    const struct snappy *lib = snappy();
    if (lib == NULL) {
        return ERR_UNSUPPORTED_COMPRESSION_TYPE;
    }
    return has_magic(in) ? framed_decompress(lib, in, max_bytes, out)
                         : raw_decompress(lib, in, max_bytes, out);
}

static enum err block_compress(const struct snappy *lib, struct bytes in, struct buf *out)
{
    size_t len = lib->snappy_max_compressed_length(in.len);
    uint8_t *to = buf_reserve(out, BLOCK_LENGTH_BYTES + len);
    if (to == NULL) {
        return ERR_NO_MEMORY;
    }
    if (lib->snappy_compress((const char *)in.p, in.len, (char *)to + BLOCK_LENGTH_BYTES, &len)) {
        return ERR_NO_MEMORY;
    }
    be32_put(to, (uint32_t)len);
    out->len += BLOCK_LENGTH_BYTES + len;
    return OK;
}

enum err snappy_compress_xerial(int level, struct bytes in, struct buf *out)
{
    const struct snappy *lib = snappy();
    if (lib == NULL) {
        return ERR_UNSUPPORTED_COMPRESSION_TYPE;
    }
    buf_put(out, xerial_header, sizeof xerial_header);
    while (in.len > 0) {
        size_t n = MIN(in.len, (size_t)XERIAL_BLOCK_BYTES);
        enum err e = block_compress(lib, (struct bytes){in.p, n}, out);
        if (e) {
            return e;
        }
        in = (struct bytes){in.p + n, in.len - n};
    }
    return out->err;
}
