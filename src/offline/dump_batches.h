/* What dump_batches.c and dump_legacy.c share. */
#ifndef OFFLINE_DUMP_BATCHES_H
#define OFFLINE_DUMP_BATCHES_H

#include "offline/dump.h"
#include "offline/segfile.h"
#include "record/record.h"

enum { PLAIN_MAX_BYTES = 256 << 20 };

/* One file on its way. */
struct batches {
    struct dump *d;
    const struct dump_file *f;
    struct segfile seg;
    struct buf bytes; /* of the batch at hand */
    struct segbatch b;
    int64_t last_off; /* of the records so far; -1: none */
};

const char *batches_time_type(const struct segbatch *b);
/* Tells of a gap before off. */
void batches_note_off(struct batches *x, int64_t off);
/* "keySize: 1 valueSize: -1" */
void batches_put_sizes(struct batches *x, const struct record *r);
/* Key and value by the decoder. */
bool batches_put_content(struct batches *x, const struct record *r);

/* dump_legacy.c: the batch at hand, of the formats before Kafka 0.11, and its records. */
bool batches_put_legacy(struct batches *x);

#endif
