/* From the answer to a fetch to records for the user, where they lie. Pure.
 *
 * A fetched holds the bytes of one answer, a chunk one batch of it, decompressed if it was
 * compressed. Records that were handed out hold their chunks. */
#ifndef CLIENT_CONSUMER_RECORDS_H
#define CLIENT_CONSUMER_RECORDS_H

#include "client/error.h"
#include "client/scratch.h"
#include "record/record.h"

struct fetched {
    int refs, sources;
    uint8_t *frame; /* owned */
    int64_t bytes;  /* of records in it */
    int64_t *held;  /* counts the bytes of all with sources; NULL: nobody asks */
};

struct fetched *fetched_new(uint8_t *frame);
void fetched_unref(struct fetched *f);

struct aborted {
    int64_t producer_id, first_off;
    bool is_over;
};

struct chunk;

/* What was fetched of one partition and not given yet. */
struct source {
    struct fetched *fetched;
    struct bytes rest;       /* batches */
    struct chunk *chunk;     /* the batch that is being given; NULL: none */
    struct aborted *aborted; /* owned; read_committed only */
    size_t aborted_count;
    int32_t epoch; /* of the batch that the position is in or behind, hidden ones, too */
};

struct source_rules {
    bool check_crcs;
    bool is_read_committed;
    size_t max_count;
    size_t max_plain_bytes; /* when more was decompressed, no other batch is begun */
};

void source_init(struct source *s, struct fetched *f, struct bytes batches); /* takes a ref */
void source_deinit(struct source *s);

/* An object that a deserializer made. */
struct made {
    struct made *next;
    void (*release)(void *ctx, void *object);
    void *ctx, *object;
};

struct ottla_records {
    struct ottla_scratch scratch;
    struct made *made; /* in the scratch; to be released, the last one first */
    struct ottla_record *rows;
    size_t count, cap;
    struct chunk **chunks;
    size_t chunk_count;
    size_t plain_bytes; /* decompressed, of the chunks */
    char *topic;
};

struct ottla_records *records_new(const char *topic);

/* Appends at most rules->max_count records from *position on, which moves behind the last one and
 * behind what is not for users. False when s is used up. *ret_err: CORRUPT_MESSAGE and its like;
 * then *position is that of the batch. */
bool source_take(struct source *s, const struct source_rules *rules, int32_t partition,
                 int64_t *position, struct ottla_records *out, enum err *ret_err);

#endif
