/* What both wire targets share: the message and version that the first bytes of an input choose. */
#ifndef TEST_FUZZ_FUZZ_WIRE_H
#define TEST_FUZZ_FUZZ_WIRE_H

#include "base/assert.h"
#include "compat/wire_random.h"

enum { WIRE_INPUT_PREFIX = 3 };

struct wire_input {
    const struct wire_msg *msg;
    int version;
    struct bytes rest;
};

/* False when data is too short. */
static inline bool wire_input_parse(const uint8_t *data, size_t size, struct wire_input *ret)
{
    if (size < WIRE_INPUT_PREFIX) {
        return false;
    }
    const struct wire_msg *m = wire_nth((size_t)(data[0] << 8 | data[1]) % wire_all.count);
    int versions = wire_max_version(m) - wire_min_version(m) + 1;
    *ret = (struct wire_input){m,
                               wire_min_version(m) + data[2] % versions,
                               {data + WIRE_INPUT_PREFIX, size - WIRE_INPUT_PREFIX}};
    return true;
}

#endif
