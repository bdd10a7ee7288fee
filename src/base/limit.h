/* The limits of def/limits.def as LIMIT_* constants. */
#ifndef BASE_LIMIT_H
#define BASE_LIMIT_H

enum limit {
#define X(name, value, text) LIMIT_##name = (value),
#include "def/limits.def"
#undef X
};

#endif
