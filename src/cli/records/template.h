/* Format strings: how a record is written, "%t %p %o: %k=%v\n", and how one is read. Pure.
 *
 *   %t topic        %p partition    %o offset       %e leader epoch
 *   %k key          %K its length   %v value, %s    %V its length, %S
 *   %T time in ms   %d time as ISO 8601, %d{strftime's format}, in UTC
 *   %h headers: name=value,...      %H how many     %i number of the record, from 1 on     %% %
 *   %R length of the value as 32 bits, big-endian
 *   \n \r \t \0 \\ \xHH
 *
 * Null is nothing (a header's: NULL), and -1 long. Reading knows %t %p %T %k %v %h. */
#ifndef CLI_RECORDS_TEMPLATE_H
#define CLI_RECORDS_TEMPLATE_H

#include "base/buf.h"

#include <ottla/client.h>

struct template_piece {
    char letter;     /* 0: text alone */
    struct str text; /* of strftime; or the text itself */
};

struct template
{
    struct buf text; /* the pieces' */
    struct template_piece *pieces;
    size_t count;
    struct str null_text; /* what a null key or value is written as */
    int64_t number;       /* of the last record written, from 1 on */
    bool key_is_optional; /* when read: without the text behind it there is no key */
};

/* False, and a sentence. Deinit in every case. */
bool template_parse(struct template *t, const char *format, struct buf *why);
/* "%k", key_end, "%v", end: as kcat's -K and -D say it. key_end may be NULL: no key; so may end: a
 * line. Both may have escapes. */
bool template_parse_ends(struct template *t, const char *key_end, const char *end, struct buf *why);
void template_deinit(struct template *t);

/* Whether it has one of these letters. */
bool template_has(const struct template *t, const char *letters);

void template_put(struct template *t, const struct ottla_record *r, struct buf *out);

/* For reading: fields of those letters only, text between any two, and text at the end, which is
 * where a record ends: it comes back and is taken off. False, and a sentence. */
bool template_take_end(struct template *t, struct str *ret_end, struct buf *why);

/* What a record's text says: views into it. Headers are written into it. */
struct template_record {
    struct str topic, key, value, headers;
    int64_t partition, timestamp_ms; /* -1: not said */
};
bool template_read(const struct template *t, struct str text, struct template_record *ret,
                   struct buf *why);

#endif
