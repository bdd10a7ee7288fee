/* LZ4 frames: 64 KiB independent blocks, no checksum of the content, as Kafka's clients write and
 * read them. Pure; contexts per thread.
 *
 * Java's reader takes one frame with independent blocks and nothing else; what follows its end is
 * ignored. The same holds here, so that a batch means the same to every reader. */
#include "record/codec_impl.h"

#include <lz4frame.h>

enum {
    LZ4_FLG_AT = 4,
    LZ4_BD_AT = 5,
    LZ4_FLG_RESERVED = 0x03,
    LZ4_FLG_INDEPENDENT = 0x20,
    LZ4_BD_LARGE = 0x60, /* blocks of 1 MiB and more: the context that they need is not kept */
    LZ4_BLOCK_MAX_BYTES = 4 << 20,
    LZ4_LEVEL_FAST = 9, /* Kafka's default level stands for the fast compressor */
};

static _Thread_local LZ4F_dctx *reader;
static _Thread_local LZ4F_cctx *writer;

static void reader_free(void)
{
    LZ4F_freeDecompressionContext(reader);
    reader = NULL;
}

void lz4_release_thread(void)
{
    reader_free();
    LZ4F_freeCompressionContext(writer);
    writer = NULL;
}

static bool reader_ready(void)
{
    if (reader != NULL) {
        LZ4F_resetDecompressionContext(reader);
        return true;
    }
    return !LZ4F_isError(LZ4F_createDecompressionContext(&reader, LZ4F_VERSION));
}

static bool is_readable_frame(struct bytes in)
{
    static const uint8_t magic[4] = {0x04, 0x22, 0x4d, 0x18};
    return in.len > LZ4_BD_AT && memcmp(in.p, magic, sizeof magic) == 0 &&
           (in.p[LZ4_FLG_AT] & LZ4_FLG_INDEPENDENT) && !(in.p[LZ4_FLG_AT] & LZ4_FLG_RESERVED);
}

/* One call of the library: until the frame ends, its input does, or the room is full. */
static enum err read_some(struct bytes *in, size_t room, struct buf *out, bool *ret_end)
{
    uint8_t *to = buf_reserve_exact(out, room);
    if (to == NULL) {
        return ERR_NO_MEMORY;
    }
    size_t used = in->len, produced = room;
    size_t hint = LZ4F_decompress(reader, to, &produced, in->p, &used, NULL);
    if (LZ4F_isError(hint) || (hint != 0 && used == 0 && produced == 0)) {
        return ERR_CORRUPT_MESSAGE;
    }
    out->len += produced;
    *in = (struct bytes){in->p + used, in->len - used};
    *ret_end = hint == 0;
    return OK;
}

/* One byte beyond the budget is asked for, so that too much shows. */
static enum err read_frame(struct bytes in, size_t max_bytes, struct buf *out)
{
    size_t start = out->len, room = codec_first_room(max_bytes, in.len, max_bytes);
    for (bool is_end = false; !is_end;) {
        enum err e = read_some(&in, MIN(room, max_bytes - (out->len - start)) + 1, out, &is_end);
        if (e) {
            return e;
        }
        if (out->len - start > max_bytes) {
            return ERR_BUDGET;
        }
        room = MAX(out->len - start, (size_t)CODEC_CHUNK_BYTES);
    }
    return OK;
}

enum err lz4_decompress(struct bytes in, size_t max_bytes, struct buf *out)
{
    if (!is_readable_frame(in)) {
        return ERR_CORRUPT_MESSAGE;
    }
    if (!reader_ready()) {
        return ERR_NO_MEMORY;
    }
    bool is_large = in.p[LZ4_BD_AT] >= LZ4_BD_LARGE;
    if (is_large) { /* the library may hold a block as it came and one unpacked beside the output:
                       they count, too */
        max_bytes -= MIN(max_bytes / 16, 2 * (size_t)LZ4_BLOCK_MAX_BYTES);
    }
    enum err e = read_frame(in, max_bytes, out);
    if (is_large) {
        reader_free();
    }
    return e;
}

enum err lz4_compress(int level, struct bytes in, struct buf *out)
{
    if (writer == NULL && LZ4F_isError(LZ4F_createCompressionContext(&writer, LZ4F_VERSION))) {
        return ERR_NO_MEMORY;
    }
    LZ4F_preferences_t prefs = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = level == LZ4_LEVEL_FAST ? 0 : level,
        .autoFlush = 1,
    };
    size_t room = LZ4F_compressFrameBound(in.len, &prefs);
    uint8_t *to = buf_reserve(out, room);
    if (to == NULL) {
        return ERR_NO_MEMORY;
    }
    size_t head = LZ4F_compressBegin(writer, to, room, &prefs);
    if (LZ4F_isError(head)) {
        return ERR_NO_MEMORY;
    }
    size_t body = LZ4F_compressUpdate(writer, to + head, room - head, in.p, in.len, NULL);
    if (LZ4F_isError(body)) {
        return ERR_NO_MEMORY;
    }
    size_t tail = LZ4F_compressEnd(writer, to + head + body, room - head - body, NULL);
    if (LZ4F_isError(tail)) {
        return ERR_NO_MEMORY;
    }
    out->len += head + body + tail;
    return OK;
}
