/* A login module of JAAS, as sasl.jaas.config has it:
 *     org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b";
 * Pure. */
#ifndef SEC_JAAS_H
#define SEC_JAAS_H

#include "base/arena.h"
#include "base/buf.h"

struct jaas_option {
    struct str name, value;
};

struct jaas_module {
    struct str name; /* of the class, with its package */
    struct jaas_option *options;
    size_t count;
};

/* One module. Texts are the arena's. BAD_CONFIG, and why; NO_MEMORY. */
must_check enum err jaas_parse(struct str text, struct arena *a, struct jaas_module *ret,
                               struct buf *why);

/* Null when it is not there. */
struct str jaas_get(const struct jaas_module *m, struct str name);

#endif
