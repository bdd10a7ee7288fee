/* An idempotent producer with acks=all: one batch at a time, again and again until it is
 * acknowledged. Now and then it takes a new id. */
#include "test/sim/asks.h"
#include "test/sim/sim.h"

#include <inttypes.h>

enum { BATCH_RECORDS_MAX = 5, NEW_ID_ONE_IN = 40 };

/* Of a record, at most: where the network carries a few bytes at a time one that is large takes all
 * of a run. */
enum { PIECES_MAX = 8 };

void sim_value(struct buf *out, struct place x, size_t bytes)
{
    buf_clear(out);
    buf_printf(out, "%d %d ", x.producer, x.number);
    char period[26];
    for (size_t i = 0; i < sizeof period; i++) {
        period[i] = (char)('a' + (i * 7 + (size_t)x.number) % 26);
    }
    while (out->len < bytes) {
        buf_put(out, period, MIN(bytes - out->len, sizeof period));
    }
}

static void build(struct sim *s, int self, struct buf *out)
{
    const struct producer *p = &s->producers[self];
    struct batch head = {
        .leader_epoch = -1,
        .base_ts_ms = clock_wall_ms(&s->clock.clock),
        .producer_id = p->id,
        .producer_epoch = p->epoch,
        .base_seq = p->next[p->now.part] - p->first[p->now.part],
    };
    struct batch_builder bb;
    struct buf value = BUF_INIT;
    batch_builder_init(&bb, out, &head, p->now.codec, CODEC_LEVEL_DEFAULT);
    for (int i = 0; i < p->now.count; i++) {
        struct place x = {self, p->next[p->now.part] + i};
        sim_value(&value, x, p->now.value_bytes);
        struct record r = {.off = i, .ts_ms = head.base_ts_ms, .value = buf_bytes(&value)};
        batch_builder_add(&bb, &r);
    }
    if (batch_builder_finish(&bb) != OK) {
        sim_violation(s, "a batch cannot be built");
    }
    batch_builder_deinit(&bb);
    buf_deinit(&value);
}

static void ship(struct sim *s, int self)
{
    struct producer *p = &s->producers[self];
    struct buf bytes = BUF_INIT;
    struct ask_produce a;
    build(s, self, &bytes);
    sim_client_call(&p->client, API_PRODUCE, 9,
                    ask_produce(&a, (struct ask_part){SIM_TOPIC, p->now.part}, buf_bytes(&bytes)));
    buf_deinit(&bytes);
}

static void ask_id(struct producer *p)
{
    struct init_producer_id_req req = init_producer_id_req_default;
    req.transactional_id = STR_NULL;
    req.transaction_timeout_ms = 60000;
    sim_client_call(&p->client, API_INIT_PRODUCER_ID, 4, &req);
}

bool sim_is_retriable(enum err e)
{
    switch ((int)e) {
    case ERR_UNKNOWN_TOPIC_OR_PARTITION:
    case ERR_NOT_LEADER_OR_FOLLOWER:
    case ERR_REQUEST_TIMED_OUT:
    case ERR_KAFKA_STORAGE_ERROR:
        return true;
    default:
        return false;
    }
}

/* Who stamped the records is told; while the setting stays, it is known. */
static void check_stamps(const struct sim *s, const struct producer *p,
                         const struct produce_resp_partition_produce_response *r)
{
    const struct meddler *m = &s->meddler;
    bool is_known = !p->now.is_retry && m->broker_stamps != MEDDLER_UNKNOWN &&
                    m->stamp_changes == p->now.stamp_changes;
    if (is_known && (r->log_append_time_ms >= 0) != (m->broker_stamps == MEDDLER_ON)) {
        sim_violation(s, "partition %d: message.timestamp.type is not what it was set to",
                      p->now.part);
    }
}

static bool is_gap(enum err e)
{
    return e == ERR_OUT_OF_ORDER_SEQUENCE_NUMBER || e == ERR_UNKNOWN_PRODUCER_ID;
}

static void on_produced(struct sim *s, int self, const struct produce_resp *resp)
{
    struct producer *p = &s->producers[self];
    const struct produce_resp_partition_produce_response *r =
        &resp->responses[0].partition_responses[0];
    enum err e = (enum err)r->error_code;
    TELL("producer %d, partition %d, records %d..%d: %s at %" PRId64, self, p->now.part,
         p->next[p->now.part], p->next[p->now.part] + p->now.count - 1, err_name(e),
         r->base_offset);
    if (e) {
        if (s->is_careless && is_gap(e)) {
            p->id = -1; /* what came before it went with the power */
            return;
        }
        if (!sim_is_retriable(e)) {
            sim_violation(s, "producer %d, partition %d, record %d: %s", self, p->now.part,
                          p->next[p->now.part], err_name(e));
        }
        s->is_hurt = s->is_hurt || e == ERR_KAFKA_STORAGE_ERROR;
        return;
    }
    check_stamps(s, p, r);
    for (int i = 0; i < p->now.count; i++) {
        places_set(&s->acked[p->now.part], r->base_offset + i,
                   (struct place){self, p->next[p->now.part] + i});
    }
    s->acked_count += p->now.count;
    p->next[p->now.part] += p->now.count;
    p->now.is_open = false;
}

static void think_of_records(struct sim *s, struct producer *p)
{
    static const size_t sizes[] = {10, 100, 1000, 60000};
    size_t bytes = sizes[rand_below(&s->rand, ARRAY_LEN(sizes))];
    p->now = (struct shipment){
        .is_open = true,
        .part = (int)rand_below(&s->rand, SIM_PARTS),
        .count = 1 + (int)rand_below(&s->rand, BATCH_RECORDS_MAX),
        .codec = (enum codec)rand_below(&s->rand, CODEC_COUNT),
        .value_bytes = MIN(bytes, PIECES_MAX * s->net.piece_bytes),
        .stamp_changes = s->meddler.stamp_changes,
    };
}

static void take_id(struct sim *s, struct producer *p, const struct init_producer_id_resp *r)
{
    for (int i = 0; i < s->id_count; i++) {
        if (s->ids[i] == r->producer_id) {
            sim_violation(s, "producer id %" PRId64 " is given again", r->producer_id);
        }
    }
    if (s->id_count < SIM_IDS_MAX) {
        s->ids[s->id_count++] = r->producer_id;
    }
    p->id = r->producer_id;
    p->epoch = r->producer_epoch;
    memcpy(p->first, p->next, sizeof p->first);
}

void sim_produce(struct sim *s, int self, bool has_more)
{
    struct producer *p = &s->producers[self];
    union {
        struct init_producer_id_resp init;
        struct produce_resp produce;
    } resp;
    if (!p->client.is_waiting && !p->now.is_open && rand_one_in(&s->rand, NEW_ID_ONE_IN)) {
        p->id = -1;
    }
    if (!p->client.is_waiting && p->id < 0) {
        ask_id(p);
    } else if (!p->client.is_waiting && (p->now.is_open || has_more)) {
        p->now.is_retry = p->now.is_open;
        if (!p->now.is_open) {
            think_of_records(s, p);
        }
        ship(s, self);
    }
    int api_key = p->client.head.api_key;
    if (sim_client_poll(&p->client, &resp) != SIM_ANSWER) {
        return;
    }
    if (api_key == API_PRODUCE) {
        on_produced(s, self, &resp.produce);
    } else if (resp.init.error_code == OK) {
        take_id(s, p, &resp.init);
    }
}
