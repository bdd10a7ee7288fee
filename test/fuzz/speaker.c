/* Requests out of bytes. The first of a request's bytes says how many of the next are its own, so
 * that a change of one request leaves the others what they were. One thread. */
#include "speaker.h"

#include "base/assert.h"
#include "base/endian.h"
#include "broker/call.h"
#include "compat/wire_random.h"
#include "record/batch.h"
#include "record/record.h"

#include <stdio.h>

enum { ANY_KEY = 240, RECORDS_MAX = 4 };

static int heard[SPEAKER_KEYS][SPEAKER_VERSIONS];

void speaker_init(struct speaker *s, struct arena *arena)
{
    *s = (struct speaker){.arena = arena, .generation = 1, .producer_id = -1};
}

bool speaker_choose(struct input *in, struct wire_header *ret)
{
    size_t count;
    const struct api *rows = api_rows(&count);
    unsigned key = input_take(in), version = input_take(in);
    struct api a = rows[key % count];
    if (key >= ANY_KEY) {
        a.key = (int16_t)(input_take(in) % SPEAKER_KEYS);
        const struct wire_msg *m = wire_request(a.key);
        if (m == NULL) {
            return false;
        }
        a.min_version = (int16_t)wire_min_version(m);
        a.max_version = (int16_t)wire_max_version(m);
    }
    ret->api_key = a.key;
    ret->version = (int16_t)(a.min_version + (int)version % (a.max_version - a.min_version + 1));
    return true;
}

/* --- words --- */

static struct bytes build_batch(struct speaker *s, struct input *in)
{
    struct buf bytes = BUF_INIT;
    unsigned how = input_take(in);
    struct batch head = {.leader_epoch = -1,
                         .base_ts_ms = 1,
                         .producer_id = how % 2 ? s->producer_id : -1,
                         .producer_epoch = (int16_t)(how / 2 % 2) - 1,
                         .base_seq = (int)(how / 4 % 4) - 1};
    struct record r = {
        .ts_ms = 1, .key = {(const uint8_t *)"key", 3}, .value = {(const uint8_t *)"value", 5}};
    struct batch_builder bb;
    batch_builder_init(&bb, &bytes, &head, (enum codec)(how / 16 % CODEC_COUNT),
                       CODEC_LEVEL_DEFAULT);
    for (unsigned n = 0; n <= how % RECORDS_MAX; n++) {
        r.off = n;
        batch_builder_add(&bb, &r);
    }
    ASSERT(batch_builder_finish(&bb) == OK);
    batch_builder_deinit(&bb);
    uint8_t *copy = arena_alloc(s->arena, bytes.len);
    ASSERT(copy != NULL);
    memcpy(copy, bytes.p, bytes.len);
    struct bytes batch = {copy, bytes.len};
    buf_deinit(&bytes);
    return batch;
}

/* A subscription to "topic", and its partition 0 as an assignment, as consumers write them. */
static const uint8_t subscription[] = "\0\0\0\0\0\1\0\5topic\377\377\377\377";
static const uint8_t assignment[] = "\0\0\0\0\0\1\0\5topic\0\0\0\1\0\0\0\0\377\377\377\377";

static bool fill(struct speaker *s, struct input *in, const struct wire_header *h, void *msg)
{
    const struct str texts[] = {
        STR("topic"),
        STR("group"),
        str_from(s->member_id),
        STR("consumer"),
        STR("range"),
        STR("fuzz"),
        STR(""),
        STR("__consumer_offsets"),
        STR("data"),
        STR("data2"),
        STR("1"),
        STR("retention.ms"),
        STR("cleanup.policy"),
        STR("compact"),
        STR("segment.bytes"),
        STR("metadata.version"),
        STR("other"),
    };
    const uint64_t numbers[] = {
        0,
        1,
        UINT64_MAX,
        2,
        (uint64_t)s->generation,
        (uint64_t)s->session_id,
        (uint64_t)s->producer_id,
        3,
        4,
        60000,
        INT32_MAX,
        100,
        1 << 20,
    };
    const struct uuid ids[] = {s->topic_id, UUID_ZERO, UUID_METADATA_TOPIC};
    const struct bytes blobs[] = {{subscription, sizeof subscription - 1},
                                  {assignment, sizeof assignment - 1},
                                  {subscription, 0}};
    const struct wire_words words = {.texts = texts,
                                     .numbers = numbers,
                                     .ids = ids,
                                     .blobs = blobs,
                                     .text_count = ARRAY_LEN(texts),
                                     .number_count = ARRAY_LEN(numbers),
                                     .id_count = ARRAY_LEN(ids),
                                     .blob_count = ARRAY_LEN(blobs),
                                     .records = build_batch(s, in)};
    struct wire_random r = {NULL, in->p, in->end, s->arena, h->version, &words};
    return wire_random_fill(&r, wire_request(h->api_key), msg);
}

bool speaker_say(struct speaker *s, struct input *in, bool knows, const struct wire_header *h,
                 struct buf *out)
{
    const struct wire_msg *m = wire_request(h->api_key);
    size_t at = out->len, left = (size_t)(in->end - in->p);
    unsigned len = input_take(in);
    struct input own = {in->p, in->p + MIN(len, left > 0 ? left - 1 : 0)};
    in->p = own.end;
    arena_reset(s->arena);
    void *msg = arena_alloc(s->arena, wire_struct_bytes(m));
    struct wire_random blind = {NULL, own.p, own.end, s->arena, h->version, NULL};
    if (msg == NULL || !(knows ? fill(s, &own, h, msg) : wire_random_fill(&blind, m, msg))) {
        return false;
    }
    buf_put_be32(out, 0);
    enum err e = wire_request_header_encode(h, out);
    e = e ? e : wire_encode(m, h->version, msg, out, NULL);
    ASSERT(e == OK);
    be32_put(out->p + at, (uint32_t)(out->len - at - 4));
    return true;
}

/* --- answers --- */

static void learn(struct speaker *s, int api_key, const void *msg)
{
    if (api_key == API_JOIN_GROUP) {
        const struct join_group_resp *r = msg;
        snprintf(s->member_id, sizeof s->member_id, "%.*s", STR_ARG(r->member_id));
        s->generation = r->generation_id;
    } else if (api_key == API_INIT_PRODUCER_ID) {
        s->producer_id = ((const struct init_producer_id_resp *)msg)->producer_id;
    } else if (api_key == API_FETCH) {
        s->session_id = ((const struct fetch_resp *)msg)->session_id;
    } else if (api_key == API_METADATA) {
        const struct metadata_resp *r = msg;
        s->topic_id = r->topics_count > 0 ? r->topics[0].topic_id : s->topic_id;
    }
}

void speaker_hear(struct speaker *s, const struct wire_header *h, const void *msg)
{
    learn(s, h->api_key, msg);
    heard[h->api_key][h->version]++;
}

int speaker_heard(int api_key, int version) { return heard[api_key][version]; }

void speaker_forget(void) { memset(heard, 0, sizeof heard); }
