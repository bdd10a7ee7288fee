/* Base64 of RFC 4648, with padding, and the URL form without. Pure. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

void base64_put(struct buf *out, struct bytes in);
void base64url_put(struct buf *out, struct bytes in);

/* Appends what the text stands for. False (and out as it was): it is no base64 with padding. */
must_check bool base64_read(struct buf *out, struct str text);

/* The same for what people paste: either alphabet, with padding or without. */
must_check bool base64_read_any(struct buf *out, struct str text);

#endif
