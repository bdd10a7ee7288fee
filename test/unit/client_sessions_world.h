/* A fetcher between a user who assigns, seeks and reads and brokers that are a few lines: twelve
 * partitions of three topics. What is asked before fetches answers itself; fetches are answered by
 * the test. */
#ifndef TEST_UNIT_CLIENT_SESSIONS_WORLD_H
#define TEST_UNIT_CLIENT_SESSIONS_WORLD_H

#include "test.h"

#include "base/mem.h"
#include "client/consumer/fetcher_int.h"
#include "record/record.h"

#include <stdio.h>

enum { TOPICS = 3, EACH = 4, PARTS = TOPICS * EACH, BROKERS = 3 };

static const char *const names[TOPICS] = {"a", "b", "c"};

struct world {
    struct ottla_config *config;
    struct fetcher f;
    int64_t now_ms;
    int generation[TOPICS]; /* of the topic's id; 0: it has none */
    int32_t leaders[PARTS];
    int64_t ends[PARTS]; /* of the logs */
};

static struct world world;

static inline struct uuid id_of(int topic)
{
    return world.generation[topic] == 0
               ? UUID_ZERO
               : (struct uuid){{(uint8_t)(topic + 1), (uint8_t)world.generation[topic]}};
}

static inline struct part *part(int i) { return fetcher_find(&world.f, names[i / EACH], i % EACH); }

static inline void assign(const char *mask)
{
    struct ottla_topic_partition tps[PARTS];
    size_t n = 0;
    for (int i = 0; i < PARTS && mask[i] != '\0'; i++) {
        if (mask[i] == 'x') {
            tps[n++] = (struct ottla_topic_partition){names[i / EACH], i % EACH};
        }
    }
    fetcher_assign(&world.f, tps, n, world.now_ms);
}

static inline void begin(void)
{
    world = (struct world){.now_ms = 1000, .generation = {1, 1, 1}};
    world.config = ottla_config_new();
    assert_int_equal(ottla_config_set(world.config, "auto.offset.reset", "earliest", NULL), 0);
    fetcher_init(&world.f, &world.config->values, 1);
    for (int i = 0; i < PARTS; i++) {
        world.leaders[i] = 1;
    }
}

static inline void end(void)
{
    fetcher_deinit(&world.f);
    ottla_config_free(world.config);
}

static inline void set(const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(world.config, name, value, NULL), 0);
}

/* --- answers of a cluster --- */

static inline void answer_metadata(struct ask *a)
{
    struct metadata_resp_metadata_response_partition p[PARTS];
    struct metadata_resp_metadata_response_topic t[TOPICS];
    struct metadata_resp r = metadata_resp_default;
    for (int i = 0; i < PARTS; i++) {
        p[i] = metadata_resp_metadata_response_partition_default;
        p[i].partition_index = i % EACH;
        p[i].leader_id = world.leaders[i];
        p[i].leader_epoch = 1;
    }
    for (int i = 0; i < TOPICS; i++) {
        t[i] = metadata_resp_metadata_response_topic_default;
        t[i].name = str_from(names[i]);
        t[i].topic_id = id_of(i);
        t[i].partitions = &p[i * EACH];
        t[i].partitions_count = EACH;
    }
    r.topics = t;
    r.topics_count = TOPICS;
    fetcher_take(&world.f, a, OK, &r, NULL, world.now_ms);
}

static inline int number_of(struct str topic, struct uuid id, int32_t partition)
{
    for (int i = 0; i < TOPICS; i++) {
        if (topic.len ? str_eq(topic, str_from(names[i])) : uuid_eq(id, id_of(i))) {
            return i * EACH + partition;
        }
    }
    return -1;
}

static inline void answer_offsets(struct ask *a)
{
    struct list_offsets_resp_list_offsets_partition_response p[PARTS];
    struct list_offsets_resp_list_offsets_topic_response t[PARTS];
    struct list_offsets_resp r = list_offsets_resp_default;
    for (int i = 0; i < (int)a->part_count; i++) {
        const struct part *of = a->parts[i].part;
        int64_t end = world.ends[number_of(str_from(of->topic), UUID_ZERO, of->partition)];
        p[i] = list_offsets_resp_list_offsets_partition_response_default;
        p[i].partition_index = of->partition;
        p[i].offset = of->seek_ts == OTTLA_OFFSET_LATEST ? end : 0;
        t[i] = list_offsets_resp_list_offsets_topic_response_default;
        t[i].name = str_from(of->topic);
        t[i].partitions = &p[i];
        t[i].partitions_count = 1;
    }
    r.topics = t;
    r.topics_count = (int32_t)a->part_count;
    fetcher_take(&world.f, a, OK, &r, NULL, world.now_ms);
}

static inline void answer_epochs(struct ask *a)
{
    struct offset_for_leader_epoch_resp_epoch_end_offset p[PARTS];
    struct offset_for_leader_epoch_resp_offset_for_leader_topic_result t[PARTS];
    struct offset_for_leader_epoch_resp r = offset_for_leader_epoch_resp_default;
    for (int i = 0; i < (int)a->part_count; i++) {
        const struct part *of = a->parts[i].part;
        p[i] = offset_for_leader_epoch_resp_epoch_end_offset_default;
        p[i].partition = of->partition;
        p[i].leader_epoch = 1;
        p[i].end_offset = INT64_MAX;
        t[i].topic = str_from(of->topic);
        t[i].partitions = &p[i];
        t[i].partitions_count = 1;
    }
    r.topics = t;
    r.topics_count = (int32_t)a->part_count;
    fetcher_take(&world.f, a, OK, &r, NULL, world.now_ms);
}

/* What is asked before anything can be fetched. */
static inline struct ask *until_fetch(void)
{
    struct ask *a;
    while ((a = fetcher_next(&world.f, world.now_ms)) != NULL) {
        switch (a->kind) {
        case ASK_METADATA:
            answer_metadata(a);
            break;
        case ASK_OFFSETS:
            answer_offsets(a);
            break;
        case ASK_EPOCHS:
            answer_epochs(a);
            break;
        default:
            return a;
        }
    }
    return NULL;
}

/* --- answers to fetches, by hand --- */

struct row {
    int part;
    int code, records;
    int32_t replica; /* 0: none */
    size_t size;     /* of each record */
};

static inline void put_batch(struct buf *to, int64_t base_off, int count, size_t size)
{
    struct batch head = {
        .base_off = base_off, .base_ts_ms = NO_TIMESTAMP, .producer_id = -1, .base_seq = -1};
    uint8_t *value = mem_zalloc(size + 1);
    struct batch_builder bb;
    size_t at = to->len;
    batch_builder_init(&bb, to, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    for (int i = 0; i < count; i++) {
        struct record r = {.off = base_off + i, .ts_ms = 5, .value = {value, size}};
        batch_builder_add(&bb, &r);
    }
    assert_ok(batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
    batch_patch(to->p + at, base_off, 1);
    mem_free(value);
}

struct answer {
    struct fetch_resp r;
    struct fetch_resp_fetchable_topic_response t[PARTS];
    struct fetch_resp_partition_data p[PARTS];
    size_t from[PARTS], len[PARTS];
    struct buf records;
};

static inline void put_row(struct answer *to, const struct row *row, int64_t off)
{
    int n = to->r.responses_count++;
    struct fetch_resp_partition_data *d = &to->p[n];
    *d = fetch_resp_partition_data_default;
    d->partition_index = row->part % EACH;
    d->error_code = (int16_t)row->code;
    d->high_watermark = d->last_stable_offset = world.ends[row->part];
    d->preferred_read_replica = row->replica ? row->replica : -1;
    to->from[n] = to->records.len;
    if (row->records > 0) {
        put_batch(&to->records, off, row->records, row->size);
    }
    to->len[n] = to->records.len - to->from[n];
    to->t[n] = (struct fetch_resp_fetchable_topic_response){
        .topic_id = id_of(row->part / EACH), .partitions = d, .partitions_count = 1};
    if (uuid_is_zero(to->t[n].topic_id)) {
        to->t[n].topic = str_from(names[row->part / EACH]);
    }
}

static inline void send_answer(struct ask *a, struct answer *x)
{
    size_t len;
    uint8_t *frame = buf_steal(&x->records, &len);
    for (int i = 0; i < x->r.responses_count; i++) {
        x->p[i].records.p = frame + x->from[i];
        x->p[i].records.len = x->len[i];
    }
    x->r.responses = x->t;
    fetcher_take(&world.f, a, OK, &x->r, frame, world.now_ms);
}

static inline void answer(struct ask *a, int32_t session, const struct row *rows, int count)
{
    struct answer x = {.r = fetch_resp_default, .records = BUF_INIT};
    x.r.session_id = session;
    for (int i = 0; i < count; i++) {
        const struct part *p = part(rows[i].part);
        put_row(&x, &rows[i], p ? p->position : 0);
    }
    send_answer(a, &x);
}

static inline void refuse(struct ask *a, int code)
{
    struct fetch_resp r = fetch_resp_default;
    r.error_code = (int16_t)code;
    fetcher_take(&world.f, a, OK, &r, NULL, world.now_ms);
}

/* --- what a request says --- */

/* Each partition: '.' not in it, 'n' named, 'f' forgotten. */
static inline void expect_parts(struct ask *a, int version, const char *want)
{
    char got[PARTS + 1] = "............";
    const struct fetch_req *req = &a->req.fetch;
    ask_fit(&a->req, version);
    for (int32_t i = 0; i < req->topics_count; i++) {
        for (int32_t k = 0; k < req->topics[i].partitions_count; k++) {
            int32_t p = req->topics[i].partitions[k].partition;
            char *at = &got[number_of(req->topics[i].topic, UUID_ZERO, p)];
            assert_int_equal(*at, '.');
            *at = 'n';
        }
    }
    for (int32_t i = 0; i < req->forgotten_topics_data_count; i++) {
        int32_t p = req->forgotten_topics_data[i].partitions[0];
        char *at = &got[number_of(req->forgotten_topics_data[i].topic, UUID_ZERO, p)];
        *at = *at == '.' ? 'f' : 'r';
    }
    assert_string_equal(got, want);
}

static inline struct ask *expect_fetch(int32_t id, int32_t epoch, const char *want)
{
    struct ask *a = until_fetch();
    assert_non_null(a);
    assert_int_equal(a->req.fetch.session_id, id);
    assert_int_equal(a->req.fetch.session_epoch, epoch);
    expect_parts(a, 18, want);
    return a;
}

static inline size_t read_some(void)
{
    struct ottla_records *r = fetcher_records(&world.f);
    size_t n = r ? ottla_records_count(r) : 0;
    ottla_records_free(r);
    return n;
}

static inline size_t read_all(void)
{
    size_t all = 0, n;
    while ((n = read_some()) > 0) {
        all += n;
    }
    return all;
}

/* The first four partitions, at 0, in session 7 of broker 1. */
static inline void open_session(void)
{
    const struct row rows[] = {{0}, {1}, {2}, {3}};
    begin();
    assign("xxxx");
    struct ask *a = expect_fetch(0, 0, "nnnn........");
    assert_int_equal(a->version_lo, 4);
    assert_int_equal(a->version_hi, 18);
    answer(a, 7, rows, 4);
}

#endif
