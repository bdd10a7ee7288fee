/* Kafka's UUIDs: 16 bytes, printed as 22 characters of unpadded base64url. The first 100 values are
 * reserved (0 is "no id", 1 the metadata topic). */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/rand.h"
#include "base/str.h"

struct uuid {
    uint8_t b[16];
};

enum { UUID_TEXT_LEN = 22 };

#define UUID_ZERO ((struct uuid){{0}})
#define UUID_METADATA_TOPIC ((struct uuid){{[15] = 1}})

static inline bool uuid_eq(struct uuid a, struct uuid b) { return memcmp(a.b, b.b, 16) == 0; }
static inline int uuid_cmp(struct uuid a, struct uuid b) { return memcmp(a.b, b.b, 16); }
static inline bool uuid_is_zero(struct uuid u) { return uuid_eq(u, UUID_ZERO); }

static inline uint64_t uuid_hash(struct uuid u)
{
    return str_hash((struct str){(const char *)u.b, sizeof u.b}, 0);
}

/* Random (version 4), never a reserved one and never one whose text begins with '-', so that it can
 * be typed as an argument. */
struct uuid uuid_random(struct rand *r);

/* Writes UUID_TEXT_LEN characters and a NUL. */
void uuid_format(struct uuid u, char ret_text[UUID_TEXT_LEN + 1]);

/* False unless s is exactly such a text (padding "==" is accepted as Java does). */
bool uuid_parse(struct str s, struct uuid *ret_uuid);

#endif
