/* What a peer of a broker says: requests of any API and version, made of an input's bytes, with
 * names and numbers that the broker knows because it told them. And what it heard: which versions
 * of which APIs were answered. */
#ifndef TEST_FUZZ_SPEAKER_H
#define TEST_FUZZ_SPEAKER_H

#include "base/arena.h"
#include "wire/header.h"
#include "wire/messages.h"

enum { SPEAKER_KEYS = 93, SPEAKER_VERSIONS = 32 };

/* An input that is used up byte by byte; then come zeros. */
struct input {
    const uint8_t *p, *end;
};

static inline unsigned input_take(struct input *in) { return in->p < in->end ? *in->p++ : 0; }

/* What it learned from answers. */
struct speaker {
    struct arena *arena; /* of one request at a time */
    char member_id[64];
    struct uuid topic_id;
    int32_t generation, session_id;
    int64_t producer_id;
};

void speaker_init(struct speaker *s, struct arena *arena);

/* Which API and version: mostly ones that are served. False: no API has that key. */
bool speaker_choose(struct input *in, struct wire_header *ret);

/* The frame of a request of h's API and version, behind what is in out. False: it is too large.
 * knows: with the words that the broker knows. */
bool speaker_say(struct speaker *s, struct input *in, bool knows, const struct wire_header *h,
                 struct buf *out);

/* An answer that decodes. */
void speaker_hear(struct speaker *s, const struct wire_header *h, const void *msg);

/* How many answers of that version there were, in this process and since speaker_forget. */
int speaker_heard(int api_key, int version);
void speaker_forget(void);

#endif
