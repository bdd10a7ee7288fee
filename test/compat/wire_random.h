/* Random messages of any descriptor, and whether two messages are the same: for vectors that Apache
 * Kafka reads, and for fuzzing the encoder. */
#ifndef TEST_COMPAT_WIRE_RANDOM_H
#define TEST_COMPAT_WIRE_RANDOM_H

#include "base/rand.h"
#include "wire/desc.h"

/* Values that mean something to who reads the message. */
struct wire_words {
    const struct str *texts;
    const uint64_t *numbers;
    const struct uuid *ids;
    const struct bytes *blobs;
    size_t text_count, number_count, id_count, blob_count; /* none is 0 */
    struct bytes records;
};

/* Where choices come from: a generator, or (rand NULL) bytes, and zeros after them. */
struct wire_random {
    struct rand *rand;
    const uint8_t *p, *end;
    struct arena *arena;
    int version;
    const struct wire_words *words; /* three of four values are taken from there; NULL: none */
};

/* Fills msg with what `version` of m can carry; other fields hold their defaults. False when the
 * arena is used up. */
bool wire_random_fill(struct wire_random *w, const struct wire_msg *m, void *msg);

/* Whether all fields are equal; views by what they show. */
bool wire_equal(const struct wire_msg *m, const void *a, const void *b);

#endif
