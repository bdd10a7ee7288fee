/* Bytes as records of __consumer_offsets: for each its kind (transactional, end of a transaction,
 * tombstone), key length and value length, then key and value. Whatever comes, the shard stays
 * whole: what it then writes, replayed, gives its hard state again, and it lives on. The same bytes
 * are also read as a consumer's subscription. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/mem.h"
#include "group/shard.h"
#include "group/subscription.h"

enum { HEAD_BYTES = 3, HOUR_MS = 3600000 };

static void no_random(void *ctx, void *p, size_t len)
{
    (void)ctx;
    memset(p, 7, len);
}

static void read_subscription(struct bytes b)
{
    struct subscription sub;
    struct str topic;
    if (subscription_open(b, &sub) == OK) {
        while (subscription_next(&sub, &topic)) {
            ASSERT(topic.len <= b.len && (const uint8_t *)topic.p >= b.p);
        }
        ASSERT(sub.left == 0);
    }
}

static void settle(struct group_shard *s, struct group_out *out, int64_t *off, struct group_time t)
{
    struct list_node *n;
    ASSERT(list_is_empty(&out->done));
    while ((n = list_pop_front(&out->writes)) != NULL) {
        struct group_write *w = LIST_ENTRY(n, struct group_write, node);
        enum err e = group_shard_appended(s, w, *off);
        ASSERT(e == OK);
        *off += w->records.count;
        group_shard_committed(s, w, OK, t, out);
    }
}

static void replay(struct group_shard *s, const uint8_t *data, size_t size, int64_t *off)
{
    while (size >= HEAD_BYTES) {
        uint8_t kind = data[0];
        size_t key_len = data[1], value_len = data[2];
        data += HEAD_BYTES;
        size -= HEAD_BYTES;
        key_len = key_len > size ? size : key_len;
        value_len = value_len > size - key_len ? size - key_len : value_len;
        struct group_record r = {{data, key_len}, {data + key_len, value_len}};
        r.value = kind & 1 ? BYTES_NULL : r.value;
        struct group_replay one = {r, (*off)++, kind & 2 ? kind >> 4 : -1};
        enum err e =
            kind & 4 ? group_shard_end_txn(s, kind >> 4, kind & 8) : group_shard_replay(s, &one);
        ASSERT(e == OK || e == ERR_MALFORMED || e == ERR_NO_MEMORY);
        data += key_len + value_len;
        size -= key_len + value_len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct group_config config = {6000, 1800000, 3000, 4, 4096, 1000, 600000};
    struct group_shard *s = group_shard_new(&(struct group_shard_args){&config, no_random, NULL});
    struct group_time t = {1000, 1000};
    struct group_out out;
    int64_t off = 0;
    read_subscription((struct bytes){data, size});
    replay(s, data, size, &off);
    group_out_init(&out);
    group_shard_loaded(s, t, &out);
    settle(s, &out, &off, t);
    for (int i = 0; i < 50; i++) {
        t.now_ms += HOUR_MS;
        t.wall_ms += HOUR_MS;
        group_shard_tick(s, t, &out);
        settle(s, &out, &off, t);
    }
    group_shard_unload(s, &out);
    ASSERT(list_is_empty(&out.done) && list_is_empty(&out.writes));
    group_shard_free(s);
    return 0;
}
