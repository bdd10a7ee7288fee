/* Values of JSON, appended to a buffer. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

/* Quoted and escaped as Jackson does; bytes that are no UTF-8 become U+FFFD. null if it is
 * null. */
void json_put_str(struct buf *out, struct str s);

/* Whether it is UTF-8 as a whole; null is. */
bool json_is_text(struct str s);
/* Quoted base64 with padding. */
void json_put_base64(struct buf *out, struct bytes b);

/* The shortest digits that read back the same, in the form of Java; "NaN", "Infinity", "-Infinity"
 * are quoted, because JSON has no such numbers. */
void json_put_double(struct buf *out, double v);
/* The same of a number of 32 bits, which has fewer digits. */
void json_put_float(struct buf *out, float v);

#endif
