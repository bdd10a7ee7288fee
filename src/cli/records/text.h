/* Bytes of keys, values and headers as text: Kafka's deserializers by their names. Pure. */
#ifndef CLI_RECORDS_TEXT_H
#define CLI_RECORDS_TEXT_H

#include "base/buf.h"

/* Appends what the bytes say. False, and a sentence, for bytes that say nothing. */
typedef bool text_fn(struct bytes b, struct buf *out, struct buf *why);

/* By a Java class ("org.apache.kafka.common.serialization.LongDeserializer"), or short ("long").
 * NULL: it is none of those. */
text_fn *text_find(const char *name);

/* The short names, for help. */
#define TEXT_NAMES                                                                                 \
    "string, short, integer, long, float, double, boolean, uuid, bytearray, bytes, bytebuffer"

#endif
