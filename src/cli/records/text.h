/* Bytes of keys, values and headers as text: Kafka's deserializers by their names. One thread. */
#ifndef CLI_RECORDS_TEXT_H
#define CLI_RECORDS_TEXT_H

#include "base/buf.h"
#include "base/props.h"

/* A deserializer with its settings. */
struct text;

/* By a Java class ("org.apache.kafka.common.serialization.LongDeserializer"), or short ("long").
 * NULL: it is none of those. */
struct text *text_new(struct str name);
void text_free(struct text *t); /* NULL: nothing */

/* Where its settings stand: "value.deserializer" has them as "value.deserializer.NAME=...". */
struct text_place {
    const char *property;
    bool is_key;
};
/* Takes them: (key|value.)deserializer.encoding of strings and UUIDs; of lists
 * default.list.(key|value).serde.type and .inner, which both must be there. False, and a sentence;
 * then it reads nothing. */
bool text_configure(struct text *t, const struct props *p, struct text_place place,
                    struct buf *why);

/* Appends what the bytes say. False, and a sentence, for bytes that say nothing. */
bool text_put(const struct text *t, struct bytes b, struct buf *out, struct buf *why);

/* The short names, for help. */
#define TEXT_NAMES                                                                                 \
    "string, short, integer, long, float, double, boolean, uuid, bytearray, bytes, bytebuffer, "   \
    "void"

#endif
