/* What comes before every request and response. The version of the header follows from the API key
 * and the version of the message. */
#ifndef WIRE_HEADER_H
#define WIRE_HEADER_H

#include "wire/wire.h"

struct wire_header {
    int16_t api_key;
    int16_t version; /* of the request */
    int32_t correlation_id;
    struct str client_id; /* may be null; a view into the frame */
};

/* Reads the header at the front of a request frame; *ret_used is where the body begins. A known key
 * with a version beyond ours is OK here (an ApiVersions of a newer client is to be answered): the
 * caller looks at the version. INVALID_REQUEST: a key that has no requests. MALFORMED. */
must_check enum err wire_request_header_decode(struct bytes frame, struct wire_header *ret_header,
                                               size_t *ret_used);

/* The other side: what a client sends. */
must_check enum err wire_request_header_encode(const struct wire_header *h, struct buf *out);

/* Appends the header of the response to h, which was decoded; an error sticks to out. ApiVersions
 * responses always have the oldest header. */
void wire_response_header_encode(const struct wire_header *h, struct buf *out);

/* Reads the header of the response to h. MALFORMED also when its correlation id is not h's. */
must_check enum err wire_response_header_decode(struct bytes frame, const struct wire_header *h,
                                                size_t *ret_used);

/* Header versions: requests 1 or 2, responses 0 or 1. -1 for a key that has none. */
int wire_request_header_version(int api_key, int version);
int wire_response_header_version(int api_key, int version);

#endif
