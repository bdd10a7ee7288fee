/* Any bytes as any message and version: what decodes must print, encode, have the size that it is
 * said to have, and decode again to the same message. And any bytes as a request's header. */
#include "fuzz.h"
#include "fuzz_wire.h"

#include "wire/header.h"

#include <stdlib.h>

enum { BUDGET_BYTES = 4 << 20 };

/* What was decoded is ours now: no error is left to blame on the input. */
static void check(const struct wire_input *in, const void *msg)
{
    struct arena a;
    struct buf once = BUF_INIT, twice = BUF_INIT, json = BUF_INIT;
    size_t size = 0;
    void *again = malloc(wire_struct_bytes(in->msg));
    arena_init(&a, 2 * (size_t)BUDGET_BYTES);
    ASSERT(wire_encode(in->msg, in->version, msg, &once, NULL) == OK);
    ASSERT(wire_size(in->msg, in->version, msg, &size) == OK && size == once.len);
    ASSERT(wire_decode(in->msg, in->version, buf_bytes(&once), &a, again, NULL) == OK);
    ASSERT(wire_equal(in->msg, msg, again));
    ASSERT(wire_encode(in->msg, in->version, again, &twice, NULL) == OK);
    ASSERT(str_eq(buf_str(&once), buf_str(&twice)));
    ASSERT(wire_print(in->msg, in->version, msg, false, &json) == OK && json.len >= 2);
    free(again);
    arena_deinit(&a);
    buf_deinit(&once);
    buf_deinit(&twice);
    buf_deinit(&json);
}

static void check_header(struct bytes frame)
{
    struct wire_header h, again;
    size_t used = 0;
    if (wire_request_header_decode(frame, &h, &used) != OK) {
        return;
    }
    ASSERT(used <= frame.len);
    struct buf out = BUF_INIT;
    ASSERT(wire_request_header_encode(&h, &out) == OK && out.len <= used);
    ASSERT(wire_request_header_decode(buf_bytes(&out), &again, &used) == OK && used == out.len);
    ASSERT(again.api_key == h.api_key && again.version == h.version);
    ASSERT(again.correlation_id == h.correlation_id && str_eq(again.client_id, h.client_id));
    if (wire_response_header_decode(frame, &h, &used) == OK) {
        ASSERT(used <= frame.len);
    }
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_input in;
    check_header((struct bytes){data, size});
    if (!wire_input_parse(data, size, &in)) {
        return 0;
    }
    struct arena a;
    arena_init(&a, BUDGET_BYTES);
    void *msg = malloc(wire_struct_bytes(in.msg));
    enum err e = wire_decode(in.msg, in.version, in.rest, &a, msg, NULL);
    ASSERT(e == OK || e == ERR_MALFORMED || e == ERR_BUDGET);
    if (e == OK) {
        check(&in, msg);
    }
    free(msg);
    arena_deinit(&a);
    return 0;
}
