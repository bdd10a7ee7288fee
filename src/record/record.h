/* Records inside a batch: walking them (with decompression) and building new batches. Pure. */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "record/batch.h"

struct record {
    int64_t off;
    int64_t ts_ms;
    struct bytes key;   /* p == NULL: null */
    struct bytes value; /* p == NULL: null */
    int32_t header_count;
    struct bytes headers; /* encoded; walk with record_next_header */
    size_t size_bytes;    /* with its length prefix */
};

struct record_header {
    struct bytes key;
    struct bytes value; /* p == NULL: null */
};

/* A walk over one batch. Uncompressed records are views into the batch; compressed ones into
 * `plain`, which the walk owns. */
struct record_walk {
    const struct batch *batch;
    struct buf plain;
    const uint8_t *at, *end;
    int32_t left;
};

/* Begins; decompresses when there is a codec, to max_plain_bytes at the most (else BUDGET, a bomb).
 * CORRUPT_MESSAGE when the compressed bytes are bad. Deinit in every case. */
must_check enum err record_walk_init(struct record_walk *w, const struct batch *b,
                                     size_t max_plain_bytes);
void record_walk_deinit(struct record_walk *w);

/* The next record: OK, or NOT_FOUND after the last one (count reached and no byte left), or
 * INVALID_RECORD for a malformed one. Views are valid until deinit. */
must_check enum err record_walk_next(struct record_walk *w, struct record *ret_record);

/* Headers of r in order: begin with *pos = 0. False after the last one; INVALID headers were
 * already refused by the walk. */
bool record_next_header(const struct record *r, size_t *pos, struct record_header *ret_header);

/* Builds one batch into a buffer. */
struct batch_builder {
    struct buf *out;
    size_t start; /* of the batch in out */
    struct batch head;
    enum codec codec;
    int level; /* CODEC_LEVEL_DEFAULT or the codec's own */
    struct buf plain;
    enum err err; /* sticky */
};

#define CODEC_LEVEL_DEFAULT (-1000)

/* head gives base_off, leader_epoch, attrs (without codec bits), base_ts_ms (NO_TIMESTAMP: the
 * first record's), producer fields and base_seq, and with log-append time max_ts_ms; the rest is
 * computed. A batch without records is fine where batch_builder_cover says what it stands for. */
void batch_builder_init(struct batch_builder *bb, struct buf *out, const struct batch *head,
                        enum codec codec, int level);
void batch_builder_deinit(struct batch_builder *bb);

/* Appends a record; r->size_bytes is not read. r->off must grow; r->headers is encoded already (see
 * record_put_header). */
void batch_builder_add(struct batch_builder *bb, const struct record *r);

/* The batch reaches to last_off even if its last record is below it, as after compaction. */
void batch_builder_cover(struct batch_builder *bb, int64_t last_off);

/* Compresses, writes lengths and CRC. INVALID_RECORD when records were out of order. The batch lies
 * at the end of out. */
must_check enum err batch_builder_finish(struct batch_builder *bb);

/* Appends one encoded header to out: the caller counts them in record.header_count. */
void record_put_header(struct buf *out, struct bytes key, struct bytes value);

/* --- compression (codec.c) --- */

/* Appends the decompressed bytes to out, which may grow by max_bytes at the most (BUDGET beyond).
 * Snappy: xerial framing and raw are both read. CORRUPT_MESSAGE for bad input. */
must_check enum err codec_decompress(enum codec c, struct bytes in, size_t max_bytes,
                                     struct buf *out);

/* BAD_CONFIG when the level is not valid for the codec. Appends the compressed bytes as Kafka's
 * clients expect them (gzip, xerial snappy, lz4 frame, zstd frame). */
must_check enum err codec_compress(enum codec c, int level, struct bytes in, struct buf *out);

/* Snappy is loaded with the first need of it, which pure code cannot do: find is asked then, and
 * gives NULL where there is none: UNSUPPORTED_COMPRESSION_TYPE, as without a find. */
struct snappy;
void codec_set_snappy(const struct snappy *(*find)(void));

/* "lz4" -> CODEC_LZ4; false if there is no such codec. "none" and "uncompressed" are CODEC_NONE. */
bool codec_parse(struct str name, enum codec *ret_codec);
const char *codec_name(enum codec c);

/* Whether Kafka's configuration takes this level for the codec; CODEC_LEVEL_DEFAULT always is. */
bool codec_level_is_valid(enum codec c, int level);

/* Frees the contexts that this thread keeps for its next call: before a thread ends. */
void codec_release_thread(void);

#endif
