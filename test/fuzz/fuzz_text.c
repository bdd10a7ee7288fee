/* Text of the outside: UUIDs and numbers. What parses must print and parse back to the same value.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "base/str.h"
#include "base/uuid.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void uuid_round_trip(struct str s)
{
    struct uuid u;
    struct uuid again;
    char text[UUID_TEXT_LEN + 1];
    if (uuid_parse(s, &u)) {
        uuid_format(u, text);
        ASSERT(uuid_parse(str_from(text), &again));
        ASSERT(memcmp(&u, &again, sizeof u) == 0);
    }
}

static void number_round_trip(struct str s)
{
    int64_t n;
    int64_t again;
    char text[24];
    if (str_to_i64(s, &n)) {
        snprintf(text, sizeof text, "%" PRId64, n);
        ASSERT(str_to_i64(str_from(text), &again));
        ASSERT(n == again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    uuid_round_trip(s);
    number_round_trip(s);
    return 0;
}
