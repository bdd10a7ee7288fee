/* Zstandard, frame by frame and each in one go, so that the output itself is the window and no
 * claim of the input makes us allocate one. Pure; contexts per thread. */
#include "record/codec_impl.h"

#include "base/endian.h"

#include <zstd.h>
#include <zstd_errors.h>

#define ZSTD_MAGIC_BE 0x28b52ffdu

enum {
    ZSTD_DESCRIPTOR_AT = 4,
    ZSTD_SINGLE_SEGMENT = 0x20,
    ZSTD_WINDOW_LOG_BASE = 10,
    ZSTD_WINDOW_LOG_MAX = 27, /* what a streaming reader accepts unless told otherwise */
    WRITER_KEPT_BYTES_MAX = 8 * 1024 * 1024,
};

static _Thread_local ZSTD_DCtx *reader;
static _Thread_local ZSTD_CCtx *writer;

static void writer_free(void)
{
    ZSTD_freeCCtx(writer);
    writer = NULL;
}

void zstd_release_thread(void)
{
    ZSTD_freeDCtx(reader);
    reader = NULL;
    writer_free();
}

/* Streaming readers, Java's among them, refuse larger windows. */
static bool is_window_ok(struct bytes frame)
{
    const uint8_t *p = frame.p + ZSTD_DESCRIPTOR_AT;
    if (frame.len < ZSTD_DESCRIPTOR_AT + 2 || be32_get(frame.p) != ZSTD_MAGIC_BE ||
        (p[0] & ZSTD_SINGLE_SEGMENT)) {
        return true;
    }
    int log = ZSTD_WINDOW_LOG_BASE + (p[1] >> 3);
    return log < ZSTD_WINDOW_LOG_MAX || (log == ZSTD_WINDOW_LOG_MAX && (p[1] & 7) == 0);
}

static enum err frame_decompress(struct bytes frame, size_t max_bytes, struct buf *out)
{
    unsigned long long claimed = ZSTD_getFrameContentSize(frame.p, frame.len);
    size_t room = claimed < max_bytes ? (size_t)claimed : max_bytes;
    for (room = codec_first_room(room, frame.len, max_bytes);;
         room = codec_next_room(room, max_bytes)) {
        uint8_t *to = buf_reserve_exact(out, room);
        if (to == NULL) {
            return ERR_NO_MEMORY;
        }
        size_t n = ZSTD_decompressDCtx(reader, to, room, frame.p, frame.len);
        if (!ZSTD_isError(n)) {
            out->len += n;
            return OK;
        }
        if (ZSTD_getErrorCode(n) != ZSTD_error_dstSize_tooSmall) {
            return ERR_CORRUPT_MESSAGE;
        }
        if (room == max_bytes) {
            return ERR_BUDGET;
        }
    }
}

enum err zstd_decompress(struct bytes in, size_t max_bytes, struct buf *out)
{
    size_t start = out->len;
    if (reader == NULL && (reader = ZSTD_createDCtx()) == NULL) {
        return ERR_NO_MEMORY;
    }
    do {
        size_t n = ZSTD_findFrameCompressedSize(in.p, in.len);
        struct bytes frame = {in.p, n};
        if (ZSTD_isError(n) || n == 0 || !is_window_ok(frame)) {
            return ERR_CORRUPT_MESSAGE;
        }
        enum err e = frame_decompress(frame, max_bytes - (out->len - start), out);
        if (e) {
            return e;
        }
        in = (struct bytes){in.p + n, in.len - n};
    } while (in.len > 0);
    return OK;
}

enum err zstd_compress(int level, struct bytes in, struct buf *out)
{
    if (writer == NULL && (writer = ZSTD_createCCtx()) == NULL) {
        return ERR_NO_MEMORY;
    }
    size_t room = ZSTD_compressBound(in.len);
    uint8_t *to = buf_reserve(out, room);
    if (to == NULL) {
        return ERR_NO_MEMORY;
    }
    size_t n = ZSTD_compressCCtx(writer, to, room, in.p, in.len, level);
    if (ZSTD_sizeof_CCtx(writer) > WRITER_KEPT_BYTES_MAX) {
        writer_free();
    }
    if (ZSTD_isError(n)) {
        return ERR_NO_MEMORY;
    }
    out->len += n;
    return OK;
}
