/* Text of the outside: UUIDs, numbers, durations and times. What parses must print and parse back
 * to the same value.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "base/iso8601.h"
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

/* A duration with the other sign in front is as long the other way. */
static void duration_mirror(struct str s)
{
    int64_t ms, other;
    char text[64];
    if (s.len > 0 && s.len < sizeof text - 1 && s.p[0] != '-' && s.p[0] != '+' &&
        iso8601_duration(s, &ms)) {
        text[0] = '-';
        memcpy(text + 1, s.p, s.len);
        ASSERT(ms != INT64_MIN && iso8601_duration((struct str){text, s.len + 1}, &other));
        ASSERT(other == -ms);
    }
    if (iso8601_time(s, &ms)) {
        ASSERT(ms > -62200000000000 && ms < 253500000000000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    uuid_round_trip(s);
    number_round_trip(s);
    duration_mirror(s);
    return 0;
}
