/* What dump-log prints, a row at a time: names and values, in one of two shapes. Text is what
 * Apache Kafka's tool prints, byte for byte; JSON is an object a line, the same names in it. */
#ifndef OFFLINE_ROW_H
#define OFFLINE_ROW_H

#include "base/buf.h"

#include <stdio.h>

struct rows_out {
    FILE *file;
    struct buf text;
    bool is_json;
    const char *prefix; /* of the first field that comes */
};

void rows_out_init(struct rows_out *o, FILE *file, bool is_json);
/* Writes what is left, also what a row that was not ended has so far, and frees. */
void rows_out_deinit(struct rows_out *o);
void rows_out_flush(struct rows_out *o);

/* A line of its own: the text, or {"type":kind,name:value}. */
void row_note(struct rows_out *o, const char *kind, const char *text);
void row_note_i64(struct rows_out *o, const char *name, int64_t value, const char *text);

/* kind only shows in JSON, prefix only in text. */
void row_begin(struct rows_out *o, const char *kind, const char *prefix);
void row_i64(struct rows_out *o, const char *name, int64_t value);
void row_bool(struct rows_out *o, const char *name, bool value);
void row_word(struct rows_out *o, const char *name, const char *value);
/* Java's OptionalLong. */
void row_maybe(struct rows_out *o, const char *name, bool has, int64_t value);
/* Text that is good UTF-8. */
void row_text(struct rows_out *o, const char *name, struct str value);
/* A JSON value; colon: whether text has one behind the name. */
void row_json(struct rows_out *o, const char *name, const char *colon, struct str value);
/* "CreateTime: 5". */
void row_time(struct rows_out *o, const char *type, int64_t ts_ms);
void row_end(struct rows_out *o);

/* Bytes as Java reads UTF-8: what is none becomes U+FFFD, as many of them as Java makes. */
void text_put_utf8(struct buf *out, struct bytes b);

#endif
