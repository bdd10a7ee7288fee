/* A record as a JSON object, the form that format_put_json writes, read back. No I/O. */
#ifndef CLI_RECORDS_OBJECT_H
#define CLI_RECORDS_OBJECT_H

#include "base/buf.h"

#include <jansson.h>
#include <ottla/client.h>

struct object {
    json_t *doc;
    struct buf bytes; /* out of base64 */
    struct ottla_header *headers;
    size_t header_cap;
};
void object_deinit(struct object *o);

/* Fills what the line says of m: key, value, headers, timestamp; the topic where m has none; the
 * partition when it is wanted. Views until the next call. False, and a sentence. */
bool object_read(struct object *o, struct str line, bool wants_partition, struct ottla_message *m,
                 struct buf *why);

#endif
