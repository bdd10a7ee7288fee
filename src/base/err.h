/* The one error type. Rows live in def/error.def; 0 is success. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

enum err {
#define X(name, code, text) ERR_##name = (code),
#include "def/error.def"
#undef X
    OK = 0
};

/* "UNKNOWN_TOPIC_OR_PARTITION"; "?" for a number that is no error of ours. Static storage. */
const char *err_name(enum err e);

/* A short sentence for a person. Static storage. */
const char *err_text(enum err e);

/* Whether e is one of Kafka's codes and so may be sent to a peer. */
static inline int err_is_wire(enum err e) { return (int)e >= -1; }

#endif
