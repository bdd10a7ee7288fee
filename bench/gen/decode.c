/* What the codec's library takes for the batches that `produce` sends, and nothing else: the part
 * of compressed produce that no broker can do without if it looks at the records. */
#include "gen.h"

#include "base/mem.h"
#include "record/record.h"

#include <stdio.h>
#include <time.h>

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* All batches once; returns the bytes of their records' values. */
static size_t decode_all(const struct content *c, const struct options *o, struct buf *plain)
{
    for (int i = 0; i < c->count; i++) {
        const struct buf *b = &c->batches[i];
        struct bytes body = {b->p + BATCH_HEADER_BYTES, b->len - BATCH_HEADER_BYTES};
        enum codec codec;
        buf_clear(plain);
        if (!codec_parse(str_from(o->codec), &codec) ||
            codec_decompress(codec, body, INT32_MAX, plain) != OK) {
            die("a batch cannot be decompressed");
        }
    }
    return (size_t)c->count * (size_t)c->records_each * o->value_bytes;
}

int gen_decode(const struct options *o)
{
    struct content c;
    struct buf plain = BUF_INIT;
    size_t bytes = 0, sent_bytes = 0;
    content_init(&c, o);
    for (int i = 0; i < c.count; i++) {
        sent_bytes += c.batches[i].len;
    }
    (void)decode_all(&c, o, &plain);
    double begin_s = cpu_s(), spent_s = 0;
    for (; spent_s < o->seconds; spent_s = cpu_s() - begin_s) {
        bytes += decode_all(&c, o, &plain);
    }
    printf("{\"bytes\": %zu, \"cpu_s\": %.6f, \"sent_bytes\": %zu, \"share\": %.6f}\n", bytes,
           spent_s, sent_bytes / (size_t)c.count,
           (double)sent_bytes / (double)c.count / c.records_each / (double)o->value_bytes);
    buf_deinit(&plain);
    codec_release_thread();
    return 0;
}
