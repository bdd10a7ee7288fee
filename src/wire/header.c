/* Request and response headers, by hand because they are on the path of every request. Pure.
 *
 *   request   key i16 | version i16 | correlation i32 | client id (i16 string or null) | tags in v2
 *   response  correlation i32 | tags in v1 */
#include "wire/header.h"

#include "base/assert.h"
#include "base/endian.h"
#include "base/limit.h"
#include "base/varint.h"
#include "wire/messages.h"

enum { REQUEST_FIXED_BYTES = 10, RESPONSE_FIXED_BYTES = 4 };

/* A version above the newest is assumed to be flexible if the newest is. */
static bool is_flexible(const struct wire_msg *m, int version)
{
    return wire_is_flexible(m, MIN(version, wire_max_version(m)));
}

int wire_request_header_version(int api_key, int version)
{
    const struct wire_msg *m = wire_request(api_key);
    return m == NULL ? -1 : is_flexible(m, version) ? 2 : 1;
}

int wire_response_header_version(int api_key, int version)
{
    const struct wire_msg *m = wire_response(api_key);
    if (m == NULL) {
        return -1;
    }
    return api_key != API_API_VERSIONS && is_flexible(m, version);
}

/* Skips tagged fields at p: no header has any that we know. NULL if they are malformed. */
static const uint8_t *skip_tags(const uint8_t *p, const uint8_t *end)
{
    uint64_t count, tag, size, last = 0;
    size_t n = uvarint_get(p, end, &count);
    if (n == 0 || count > LIMIT_WIRE_TAGGED_COUNT) {
        return NULL;
    }
    p += n;
    for (uint64_t i = 0; i < count; i++) {
        n = uvarint_get(p, end, &tag);
        size_t n2 = n ? uvarint_get(p + n, end, &size) : 0;
        if (n2 == 0 || tag > INT32_MAX || (i > 0 && tag <= last) ||
            size > (size_t)(end - p) - n - n2) {
            return NULL;
        }
        last = tag;
        p += n + n2 + size;
    }
    return p;
}

enum err wire_request_header_decode(struct bytes frame, struct wire_header *ret_header,
                                    size_t *ret_used)
{
    if (frame.len < REQUEST_FIXED_BYTES) {
        return ERR_MALFORMED;
    }
    struct wire_header h = {.api_key = (int16_t)be16_get(frame.p),
                            .version = (int16_t)be16_get(frame.p + 2),
                            .correlation_id = (int32_t)be32_get(frame.p + 4)};
    int header_version = wire_request_header_version(h.api_key, h.version);
    if (header_version < 0) {
        return ERR_INVALID_REQUEST;
    }
    const uint8_t *p = frame.p + REQUEST_FIXED_BYTES, *end = frame.p + frame.len;
    int16_t client_len = (int16_t)be16_get(frame.p + 8);
    if (client_len > end - p) {
        return ERR_MALFORMED;
    }
    if (client_len >= 0) {
        h.client_id = (struct str){(const char *)p, (size_t)client_len};
        p += client_len;
    }
    if (header_version == 2) {
        p = skip_tags(p, end);
    }
    if (p == NULL) {
        return ERR_MALFORMED;
    }
    *ret_header = h;
    *ret_used = (size_t)(p - frame.p);
    return OK;
}

enum err wire_request_header_encode(const struct wire_header *h, struct buf *out)
{
    int header_version = wire_request_header_version(h->api_key, h->version);
    if (header_version < 0) {
        return ERR_INVALID_REQUEST;
    }
    if (h->client_id.len > LIMIT_WIRE_STRING_BYTES) {
        return ERR_MALFORMED;
    }
    buf_put_be16(out, (uint16_t)h->api_key);
    buf_put_be16(out, (uint16_t)h->version);
    buf_put_be32(out, (uint32_t)h->correlation_id);
    buf_put_be16(out, str_is_null(h->client_id) ? UINT16_MAX : (uint16_t)h->client_id.len);
    buf_put_str(out, h->client_id);
    if (header_version == 2) {
        buf_put_u8(out, 0);
    }
    return out->err;
}

void wire_response_header_encode(const struct wire_header *h, struct buf *out)
{
    int header_version = wire_response_header_version(h->api_key, h->version);
    ASSERT(header_version >= 0);
    buf_put_be32(out, (uint32_t)h->correlation_id);
    if (header_version == 1) {
        buf_put_u8(out, 0);
    }
}

enum err wire_response_header_decode(struct bytes frame, const struct wire_header *h,
                                     size_t *ret_used)
{
    int header_version = wire_response_header_version(h->api_key, h->version);
    if (header_version < 0) {
        return ERR_INVALID_REQUEST;
    }
    if (frame.len < RESPONSE_FIXED_BYTES || (int32_t)be32_get(frame.p) != h->correlation_id) {
        return ERR_MALFORMED;
    }
    const uint8_t *p = frame.p + RESPONSE_FIXED_BYTES;
    if (header_version == 1) {
        p = skip_tags(p, frame.p + frame.len);
    }
    if (p == NULL) {
        return ERR_MALFORMED;
    }
    *ret_used = (size_t)(p - frame.p);
    return OK;
}
