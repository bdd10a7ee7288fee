/* What each codec gives to codec.c. Private to this folder.
 *
 * Contexts of the libraries are kept per thread: they are large and dear to make, and every user of
 * a codec is a thread that uses it again. codec_release_thread frees them. */
#ifndef RECORD_CODEC_IMPL_H
#define RECORD_CODEC_IMPL_H

#include "record/record.h"

/* Decompression appends to out and may add max_bytes to it. Compression gets a level inside the
 * codec's range. Both may leave bytes behind in out when they fail: codec.c cuts them off. */
typedef enum err codec_decompress_fn(struct bytes in, size_t max_bytes, struct buf *out);
typedef enum err codec_compress_fn(int level, struct bytes in, struct buf *out);

codec_decompress_fn gzip_decompress, snappy_decompress, lz4_decompress, zstd_decompress;
codec_compress_fn gzip_compress, snappy_compress_xerial, lz4_compress, zstd_compress;

void gzip_release_thread(void);
void lz4_release_thread(void);
void zstd_release_thread(void);

enum { CODEC_CHUNK_BYTES = 64 * 1024 };

/* Libraries that decode a whole run at once need the room before they say how much. What the input
 * claims is only a hint: the first try believes no more than what common data comes to, and each
 * further one follows a try that filled its room. */
static inline size_t codec_first_room(size_t claimed_bytes, size_t in_bytes, size_t max_bytes)
{
    size_t common = in_bytes > SIZE_MAX / 32 ? SIZE_MAX : in_bytes * 16 + CODEC_CHUNK_BYTES;
    return MIN(MIN(claimed_bytes, common), max_bytes);
}

static inline size_t codec_next_room(size_t room, size_t max_bytes)
{
    return room > max_bytes / 4 ? max_bytes : MIN(room * 4 + CODEC_CHUNK_BYTES, max_bytes);
}

#endif
