/* A properties file in Java's format: pairs of text. Pure. */
#ifndef BASE_PROPS_H
#define BASE_PROPS_H

#include "base/arena.h"
#include "base/err.h"

struct prop {
    struct str key, value;
};

struct props {
    struct arena arena;
    struct prop *items; /* in name order; a key that came twice has its last value */
    int32_t count, cap;
};

void props_init(struct props *props);
/* BAD_CONFIG for a broken escape, *ret_line gets its line. Deinit in every case. */
must_check enum err props_parse(struct props *props, struct str text, int *ret_line);
void props_deinit(struct props *props);
/* Adds or replaces. */
must_check enum err props_set(struct props *props, struct str key, struct str value);
/* Null string when it is not there. */
struct str props_get(const struct props *props, struct str key);

#endif
