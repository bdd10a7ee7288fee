/* Codecs by number: what they are called, which levels they take, and the rules that all of them
 * keep: budget, cutting off after a failure. Pure, any thread.
 *
 * A codec wants room for the worst case, three times what it then needs. That room is kept per
 * thread, and what came out is copied: so each batch takes the memory that it needs, and what is
 * written over and over is warm. */
#include "base/assert.h"
#include "record/codec_impl.h"

struct codec_row {
    const char *name;
    int level_min, level_max, level_default;
    codec_decompress_fn *decompress;
    codec_compress_fn *compress;
};

/* Levels as Apache Kafka's compression.*.level; gzip's -1 is its default too. */
static const struct codec_row codecs[CODEC_COUNT] = {
    [CODEC_NONE] = {"none", 0, 0, 0, NULL, NULL},
    [CODEC_GZIP] = {"gzip", 1, 9, -1, gzip_decompress, gzip_compress},
    [CODEC_SNAPPY] = {"snappy", 0, 0, 0, snappy_decompress, snappy_compress_xerial},
    [CODEC_LZ4] = {"lz4", 1, 17, 9, lz4_decompress, lz4_compress},
    [CODEC_ZSTD] = {"zstd", -131072, 22, 3, zstd_decompress, zstd_compress},
};

const char *codec_name(enum codec c)
{
    ASSERT((unsigned)c < CODEC_COUNT);
    return codecs[c].name;
}

bool codec_parse(struct str name, enum codec *ret_codec)
{
    if (str_eq(name, STR("uncompressed"))) {
        *ret_codec = CODEC_NONE;
        return true;
    }
    for (int c = 0; c < CODEC_COUNT; c++) {
        if (str_eq(name, str_from(codecs[c].name))) {
            *ret_codec = (enum codec)c;
            return true;
        }
    }
    return false;
}

bool codec_level_is_valid(enum codec c, int level)
{
    ASSERT((unsigned)c < CODEC_COUNT);
    const struct codec_row *row = &codecs[c];
    return level == CODEC_LEVEL_DEFAULT || level == row->level_default ||
           (level >= row->level_min && level <= row->level_max);
}

/* Beyond that the copy and what would be kept are worth more than the room. */
enum { SCRATCH_INPUT_MAX = 512 * 1024 };

static _Thread_local struct buf scratch;

static enum err cut_off(enum err e, struct buf *out, size_t len)
{
    e = e ? e : out->err;
    if (e) {
        out->len = len;
    }
    return e;
}

enum err codec_decompress(enum codec c, struct bytes in, size_t max_bytes, struct buf *out)
{
    size_t len = out->len;
    if ((unsigned)c >= CODEC_COUNT) {
        return ERR_UNSUPPORTED_COMPRESSION_TYPE;
    }
    if (c == CODEC_NONE) {
        if (in.len > max_bytes) {
            return ERR_BUDGET;
        }
        buf_put(out, in.p, in.len);
        return out->err;
    }
    max_bytes = MIN(max_bytes, (size_t)INT32_MAX);
    return cut_off(codecs[c].decompress(in, max_bytes, out), out, len);
}

static enum err compress_by_scratch(const struct codec_row *row, int level, struct bytes in,
                                    struct buf *out)
{
    buf_clear(&scratch);
    enum err e = row->compress(level, in, &scratch);
    e = e ? e : scratch.err;
    uint8_t *to = e ? NULL : buf_reserve_exact(out, scratch.len);
    if (to == NULL) {
        return e ? e : ERR_NO_MEMORY;
    }
    memcpy(to, scratch.p, scratch.len);
    out->len += scratch.len;
    return OK;
}

enum err codec_compress(enum codec c, int level, struct bytes in, struct buf *out)
{
    size_t len = out->len;
    if (c == CODEC_NONE) {
        buf_put(out, in.p, in.len);
        return out->err;
    }
    if (!codec_level_is_valid(c, level)) {
        return ERR_BAD_CONFIG;
    }
    level = level == CODEC_LEVEL_DEFAULT ? codecs[c].level_default : level;
    enum err e = in.len > SCRATCH_INPUT_MAX ? codecs[c].compress(level, in, out)
                                            : compress_by_scratch(&codecs[c], level, in, out);
    return cut_off(e, out, len);
}

void codec_release_thread(void)
{
    buf_deinit(&scratch);
    gzip_release_thread();
    lz4_release_thread();
    zstd_release_thread();
}
