/* Records as text: the formatters of Kafka's console consumer, and JSON. No I/O. */
#ifndef CLI_RECORDS_FORMAT_H
#define CLI_RECORDS_FORMAT_H

#include "cli/records/text.h"

#include "base/props.h"

#include <ottla/client.h>

enum format_kind {
    FORMAT_DEFAULT,
    FORMAT_LOGGING, /* the default, and a line for the log */
    FORMAT_NOTHING,
    FORMAT_JSON,
    FORMAT_INTERNAL, /* records of an internal topic */
};

struct format {
    enum format_kind kind;
    enum ottla_internal internal;
    bool has_timestamp, has_partition, has_offset, has_delivery, has_epoch, has_headers, has_key,
        has_value;
    struct str key_separator, line_separator, headers_separator, null_literal;
    struct text *key_text, *value_text, *header_text; /* NULL: the bytes */
};

/* By the name of a Java class, its last part ("DefaultMessageFormatter"), or its first word
 * ("default"). False: it is none of those. */
bool format_find(const char *name, struct format *ret);

/* Takes print.key, key.separator, ... from properties, which must outlive the format. A
 * deserializer that is not known is told of in why, a line each, and the bytes are printed. */
void format_take(struct format *f, const struct props *p, struct buf *why);
void format_deinit(struct format *f);

/* Appends a record. False, and a sentence, when it cannot be read; what was appended by then stays,
 * as in Kafka. */
bool format_put(const struct format *f, const struct ottla_record *r, struct buf *out,
                struct buf *why);
/* What FORMAT_LOGGING tells the log of a record. */
void format_put_log(const struct ottla_record *r, struct buf *out);
/* One line of JSON: keys, values and headers as text when they are UTF-8, else in base64 under
 * key_base64, value_base64. */
void format_put_json(const struct ottla_record *r, struct buf *out);
/* One object as kcat's -J has it, without an end of line. broker: who leads the partition. */
void format_put_envelope(const struct ottla_record *r, int32_t broker, struct buf *out);

#endif
