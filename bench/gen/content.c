/* The batches that are produced and found again: real text cut into records, so that compression
 * and checksums see what they would see in life. The same options give the same bytes in every
 * process. */
#include "gen.h"

#include "base/mem.h"
#include "record/record.h"

#include <stdio.h>

enum { DATA_MAX_BYTES = 64 << 20 };

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

struct cutter {
    struct bytes data;
    size_t at;
};

/* The next len bytes of the data, from its start again at the end. */
static struct bytes cut(struct cutter *c, size_t len)
{
    if (len > c->data.len) {
        die("the data must have at least %zu bytes", len);
    }
    c->at = c->at + len > c->data.len ? 0 : c->at;
    struct bytes b = {c->data.p + c->at, len};
    c->at += len;
    return b;
}

static bool fits(const struct buf *out, const struct batch_builder *bb, const struct options *o)
{
    enum { RECORD_OVERHEAD_MAX = 21 };
    return bb->plain.len + out->len + o->value_bytes + RECORD_OVERHEAD_MAX <= o->batch_bytes;
}

/* As many records as fit, or, when it is not 0, as wanted. */
static int build(struct buf *out, const struct options *o, struct cutter *from, int wanted)
{
    struct batch head = {.leader_epoch = -1,
                         .base_ts_ms = NO_TIMESTAMP,
                         .producer_id = NO_PRODUCER_ID,
                         .producer_epoch = -1,
                         .base_seq = -1};
    struct batch_builder bb;
    enum codec codec;
    int64_t count = 0;
    if (!codec_parse(str_from(o->codec), &codec)) {
        die("there is no codec %s", o->codec);
    }
    batch_builder_init(&bb, out, &head, codec, CODEC_LEVEL_DEFAULT);
    do {
        struct record r = {.off = count, .ts_ms = o->time_ms, .key = BYTES_NULL};
        r.value = cut(from, o->value_bytes);
        batch_builder_add(&bb, &r);
        count++;
    } while (wanted > 0 ? count < wanted : fits(out, &bb, o));
    if (batch_builder_finish(&bb) != OK) {
        die("cannot build a batch");
    }
    batch_builder_deinit(&bb);
    return (int)count;
}

void content_init(struct content *c, const struct options *o)
{
    struct buf data = BUF_INIT;
    read_data(o->data, &data);
    struct cutter from = {buf_bytes(&data), 0};
    c->count = o->is_shared ? 1 : o->distinct;
    c->levels = o->merge_levels + 1;
    c->batches = mem_zalloc(sizeof *c->batches * (size_t)c->count * (size_t)c->levels);
    for (int i = 0; i < c->count; i++) {
        c->records_each = build(&c->batches[i], o, &from, 0);
    }
    for (int i = c->count; i < c->count * c->levels; i++) {
        (void)build(&c->batches[i], o, &from, c->records_each << (i / c->count));
    }
    buf_deinit(&data);
}

const struct buf *content_at(const struct content *c, int p, int64_t off)
{
    return &c->batches[(p + off / c->records_each) % c->count];
}

const struct buf *content_merged(const struct content *c, int level, int64_t nth)
{
    return &c->batches[level * c->count + nth % c->count];
}
