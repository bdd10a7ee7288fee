/* A line that a person types, as a record: headers, key and value with separators between them, by
 * the rules of Kafka's console producer. Pure. */
#ifndef CLI_RECORDS_LINE_H
#define CLI_RECORDS_LINE_H

#include "base/buf.h"
#include "base/props.h"

#include <ottla/client.h>
#include <regex.h>

struct line_rules {
    bool has_key, has_headers, ignores_errors;
    struct str key_separator, headers_delimiter, headers_key_separator;
    regex_t headers_separator; /* alone of them it is a regular expression, as in Kafka */
    struct str null_marker;    /* null: no text stands for null */
};

/* The rules of properties (parse.key, key.separator, ...), which must outlive them; what is not
 * there is as Kafka has it. False, and a sentence; then there is nothing to deinit. */
bool line_rules_take(struct line_rules *ret, const struct props *p, struct buf *why);
void line_rules_deinit(struct line_rules *r);

/* Views into the line. Null is null. */
struct line_record {
    struct str key, value;
    struct ottla_header *headers;
    size_t header_count, header_cap;
    struct buf list; /* of headers, with a NUL behind it, for the regular expression */
};
void line_record_deinit(struct line_record *r);

/* Takes line number `number` (the first is 1) apart into r, which is used again and again. False,
 * and a sentence. */
bool line_parse(const struct line_rules *rules, struct str line, int64_t number,
                struct line_record *r, struct buf *why);

/* Fills what a message has of it; topic and the rest are left. */
void line_put_message(const struct line_record *r, struct ottla_message *m);

#endif
