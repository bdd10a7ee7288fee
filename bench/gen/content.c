/* The batches that are produced and found again: real text cut into records, so that compression
 * and checksums see what they would see in life. The same options give the same bytes in every
 * process. */
#include "gen.h"

#include "base/mem.h"
#include "record/record.h"

#include <stdio.h>

enum { BATCHES = 64, DATA_MAX_BYTES = 64 << 20 };

static void read_data(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        die("cannot read %s", path);
    }
    for (size_t n = 1; n > 0 && out->len < DATA_MAX_BYTES; out->len += n) {
        uint8_t *p = buf_reserve(out, 65536);
        n = p ? fread(p, 1, 65536, f) : 0;
    }
    fclose(f);
}

/* The next len bytes of the data, from its start again at the end. */
static struct bytes cut(struct bytes data, size_t *at, size_t len)
{
    if (len > data.len) {
        die("the data must have at least %zu bytes", len);
    }
    *at = *at + len > data.len ? 0 : *at;
    struct bytes b = {data.p + *at, len};
    *at += len;
    return b;
}

static bool fits(const struct buf *out, const struct batch_builder *bb, const struct options *o)
{
    enum { RECORD_OVERHEAD_MAX = 21 };
    return bb->plain.len + out->len + o->value_bytes + RECORD_OVERHEAD_MAX <= o->batch_bytes;
}

static int build(struct buf *out, const struct options *o, struct bytes data, size_t *at)
{
    struct batch head = {.leader_epoch = -1,
                         .base_ts_ms = NO_TIMESTAMP,
                         .producer_id = NO_PRODUCER_ID,
                         .producer_epoch = -1,
                         .base_seq = -1};
    struct batch_builder bb;
    int64_t count = 0;
    batch_builder_init(&bb, out, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    do {
        struct record r = {.off = count, .ts_ms = o->time_ms, .key = BYTES_NULL};
        r.value = cut(data, at, o->value_bytes);
        batch_builder_add(&bb, &r);
        count++;
    } while (fits(out, &bb, o));
    if (batch_builder_finish(&bb) != OK) {
        die("cannot build a batch");
    }
    batch_builder_deinit(&bb);
    return (int)count;
}

void content_init(struct content *c, const struct options *o)
{
    struct buf data = BUF_INIT;
    size_t at = 0;
    read_data(o->data, &data);
    c->count = BATCHES;
    c->batches = mem_zalloc(sizeof *c->batches * BATCHES);
    for (int i = 0; i < BATCHES; i++) {
        c->records_each = build(&c->batches[i], o, buf_bytes(&data), &at);
    }
    buf_deinit(&data);
}

const struct buf *content_at(const struct content *c, int p, int64_t off)
{
    return &c->batches[(p + off / c->records_each) % c->count];
}
