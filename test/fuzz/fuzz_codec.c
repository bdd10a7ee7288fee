/* Codecs: whatever is decompressed, the budget holds; whatever is compressed comes back.
 *
 * Input: a byte of codec and mode, a byte of level or budget, then the bytes. */
#include "fuzz.h"

#include "base/assert.h"
#include "record/record.h"

#include <string.h>

enum {
    CHOICE_BYTES = 2,
    COMPRESS = 0x80,
    BUDGET_UNIT_BYTES = 777,
    CHUNK_BYTES = 64 * 1024,
};

static void decompress(enum codec c, size_t budget_bytes, struct bytes in)
{
    struct buf out = BUF_INIT;
    enum err e = codec_decompress(c, in, budget_bytes, &out);
    ASSERT(out.cap <= budget_bytes + CHUNK_BYTES);
    if (e == OK) {
        ASSERT(out.len <= budget_bytes);
    } else {
        ASSERT(out.len == 0);
        ASSERT(e == ERR_BUDGET || e == ERR_CORRUPT_MESSAGE);
    }
    buf_deinit(&out);
}

static int level_of(enum codec c, uint8_t choice)
{
    static const int levels[CODEC_COUNT][4] = {
        [CODEC_GZIP] = {-1, 1, 5, 9},
        [CODEC_LZ4] = {9, 1, 3, 12},
        [CODEC_ZSTD] = {3, -100, 1, 7},
    };
    return levels[c][choice % 4];
}

static void round_trip(enum codec c, uint8_t choice, struct bytes in)
{
    struct buf packed = BUF_INIT, plain = BUF_INIT;
    ASSERT(codec_compress(c, level_of(c, choice), in, &packed) == OK);
    ASSERT(codec_decompress(c, buf_bytes(&packed), in.len, &plain) == OK);
    ASSERT(plain.len == in.len && (in.len == 0 || memcmp(plain.p, in.p, in.len) == 0));
    if (in.len > 0) {
        ASSERT(codec_decompress(c, buf_bytes(&packed), in.len - 1, &plain) == ERR_BUDGET);
    }
    buf_deinit(&packed);
    buf_deinit(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CHOICE_BYTES) {
        return 0;
    }
    struct bytes in = {data + CHOICE_BYTES, size - CHOICE_BYTES};
    enum codec c = (enum codec)((data[0] & ~COMPRESS) % CODEC_COUNT);
    if (data[0] & COMPRESS) {
        round_trip(c, data[1], in);
    } else {
        decompress(c, (size_t)data[1] * BUDGET_UNIT_BYTES, in);
    }
    return 0;
}
