/* Any message that can be built, as the input chooses its fields: it must encode, decode to the
 * same message, and be refused when it is cut short. Records by reference leave exactly their gap.
 */
#include "fuzz.h"
#include "fuzz_wire.h"

#include <stdlib.h>

enum { BUDGET_BYTES = 16 << 20, SPLICE_MAX = 4096 };

static void check_decodes(const struct wire_input *in, const void *msg, struct bytes bytes)
{
    struct arena a;
    void *again = malloc(wire_struct_bytes(in->msg));
    arena_init(&a, 2 * (size_t)BUDGET_BYTES);
    ASSERT(wire_decode(in->msg, in->version, bytes, &a, again, NULL) == OK);
    ASSERT(wire_equal(in->msg, msg, again));
    if (bytes.len > 0) {
        bytes.len -= 1 + (size_t)bytes.p[0] % bytes.len;
        ASSERT(wire_decode(in->msg, in->version, bytes, &a, again, NULL) == ERR_MALFORMED);
    }
    free(again);
    arena_deinit(&a);
}

static void refer_struct(const struct wire_type *t, void *msg);

static void refer_value(const struct wire_field *f, void *at)
{
    struct wire_records *r = at;
    if (f->type == WT_RECORDS && r->p != NULL) {
        r->ref = (void *)(uintptr_t)r->p;
        r->p = NULL;
    } else if (f->type == WT_STRUCT) {
        refer_struct(f->sub, at);
    }
}

/* Turns the records inside msg into references to their bytes. */
static void refer_struct(const struct wire_type *t, void *msg)
{
    for (int i = 0; i < t->field_count; i++) {
        const struct wire_field *f = &t->fields[i];
        if (f->flags & WF_ARRAY) {
            char *items = wire_pointer(f, msg);
            for (int32_t j = 0; j < wire_count(f, msg); j++) {
                refer_value(f, items + (size_t)j * wire_value_size(f));
            }
        } else if (!(f->flags & WF_POINTER)) { /* no nullable struct has records */
            refer_value(f, (char *)msg + f->off);
        }
    }
}

/* With the splices put back in, the bytes are those of the message that holds its records. */
static void check_splices(const struct wire_input *in, void *msg, struct bytes whole)
{
    static struct wire_splice items[SPLICE_MAX];
    struct wire_splices splices = {items, 0, SPLICE_MAX};
    struct buf gapped = BUF_INIT, filled = BUF_INIT;
    size_t size = 0, at = 0;
    refer_struct(in->msg->type, msg);
    ASSERT(wire_encode(in->msg, in->version, msg, &gapped, &splices) == OK);
    ASSERT(wire_size(in->msg, in->version, msg, &size) == OK && size == whole.len);
    for (size_t i = 0; i < splices.count; i++) {
        buf_put(&filled, gapped.p + at, items[i].at - at);
        buf_put(&filled, items[i].ref, items[i].len);
        at = items[i].at;
    }
    if (gapped.len > at) {
        buf_put(&filled, gapped.p + at, gapped.len - at);
    }
    ASSERT(str_eq(buf_str(&filled), (struct str){(const char *)whole.p, whole.len}));
    buf_deinit(&gapped);
    buf_deinit(&filled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_input in;
    if (!wire_input_parse(data, size, &in)) {
        return 0;
    }
    struct arena a;
    struct buf out = BUF_INIT;
    arena_init(&a, BUDGET_BYTES);
    void *msg = malloc(wire_struct_bytes(in.msg));
    struct wire_random w = {
        .p = in.rest.p, .end = in.rest.p + in.rest.len, .arena = &a, .version = in.version};
    if (wire_random_fill(&w, in.msg, msg)) {
        ASSERT(wire_encode(in.msg, in.version, msg, &out, NULL) == OK);
        check_decodes(&in, msg, buf_bytes(&out));
        check_splices(&in, msg, buf_bytes(&out));
    }
    free(msg);
    arena_deinit(&a);
    buf_deinit(&out);
    return 0;
}
