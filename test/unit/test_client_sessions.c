/* Fetch sessions of a consumer (KIP-227), step by step, and against brokers that keep sessions as
 * the protocol says, while everything around them changes. */
#include "test.h"

#include "base/mem.h"
#include "client/fetcher_int.h"
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

static struct uuid id_of(int topic)
{
    return world.generation[topic] == 0
               ? UUID_ZERO
               : (struct uuid){{(uint8_t)(topic + 1), (uint8_t)world.generation[topic]}};
}

static struct part *part(int i) { return fetcher_find(&world.f, names[i / EACH], i % EACH); }

static void assign(const char *mask)
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

static void begin(void)
{
    world = (struct world){.now_ms = 1000, .generation = {1, 1, 1}};
    world.config = ottla_config_new();
    assert_int_equal(ottla_config_set(world.config, "auto.offset.reset", "earliest", NULL), 0);
    fetcher_init(&world.f, &world.config->values, 1);
    for (int i = 0; i < PARTS; i++) {
        world.leaders[i] = 1;
    }
}

static void end(void)
{
    fetcher_deinit(&world.f);
    ottla_config_free(world.config);
}

static void set(const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(world.config, name, value, NULL), 0);
}

/* --- answers of a cluster --- */

static void answer_metadata(struct ask *a)
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

static int number_of(struct str topic, struct uuid id, int32_t partition)
{
    for (int i = 0; i < TOPICS; i++) {
        if (topic.len ? str_eq(topic, str_from(names[i])) : uuid_eq(id, id_of(i))) {
            return i * EACH + partition;
        }
    }
    return -1;
}

static void answer_offsets(struct ask *a)
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

static void answer_epochs(struct ask *a)
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
static struct ask *until_fetch(void)
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

static void put_batch(struct buf *to, int64_t base_off, int count, size_t size)
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

static void put_row(struct answer *to, const struct row *row, int64_t off)
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

static void send_answer(struct ask *a, struct answer *x)
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

static void answer(struct ask *a, int32_t session, const struct row *rows, int count)
{
    struct answer x = {.r = fetch_resp_default, .records = BUF_INIT};
    x.r.session_id = session;
    for (int i = 0; i < count; i++) {
        const struct part *p = part(rows[i].part);
        put_row(&x, &rows[i], p ? p->position : 0);
    }
    send_answer(a, &x);
}

static void refuse(struct ask *a, int code)
{
    struct fetch_resp r = fetch_resp_default;
    r.error_code = (int16_t)code;
    fetcher_take(&world.f, a, OK, &r, NULL, world.now_ms);
}

/* --- what a request says --- */

/* Each partition: '.' not in it, 'n' named, 'f' forgotten. */
static void expect_parts(struct ask *a, int version, const char *want)
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

static struct ask *expect_fetch(int32_t id, int32_t epoch, const char *want)
{
    struct ask *a = until_fetch();
    assert_non_null(a);
    assert_int_equal(a->req.fetch.session_id, id);
    assert_int_equal(a->req.fetch.session_epoch, epoch);
    expect_parts(a, 18, want);
    return a;
}

static size_t read_some(void)
{
    struct ottla_records *r = fetcher_records(&world.f);
    size_t n = r ? ottla_records_count(r) : 0;
    ottla_records_free(r);
    return n;
}

static size_t read_all(void)
{
    size_t all = 0, n;
    while ((n = read_some()) > 0) {
        all += n;
    }
    return all;
}

/* The first four partitions, at 0, in session 7 of broker 1. */
static void open_session(void)
{
    const struct row rows[] = {{0}, {1}, {2}, {3}};
    begin();
    assign("xxxx");
    struct ask *a = expect_fetch(0, 0, "nnnn........");
    assert_int_equal(a->version_lo, 4);
    assert_int_equal(a->version_hi, 18);
    answer(a, 7, rows, 4);
}

/* --- step by step --- */

static void test_increments(void **state)
{
    (void)state;
    open_session();
    answer(expect_fetch(7, 1, "............"), 7, NULL, 0);
    struct ask *a = expect_fetch(7, 2, "............");
    assert_int_equal(a->version_lo, 7); /* what is older knows no sessions */
    answer(a, 7, &(struct row){.part = 2, .records = 3}, 1);
    a = expect_fetch(7, 3, "..f........."); /* it has records to be read */
    answer(a, 7, NULL, 0);
    assert_int_equal(read_all(), 3);
    a = expect_fetch(7, 4, "..n.........");
    assert_int_equal(a->req.fetch.topics[0].partitions[0].fetch_offset, 3);
    answer(a, 7, &(struct row){.part = 2, .records = 1}, 1);
    assert_int_equal(read_all(), 1); /* at once: only its position is new */
    answer(expect_fetch(7, 5, "..n........."), 7, NULL, 0);
    answer(expect_fetch(7, 6, "............"), 7, NULL, 0);
    end();
}

static void test_epochs_wrap(void **state)
{
    (void)state;
    open_session();
    struct fetch_session *s = part(0)->seats->session;
    s->epoch = INT32_MAX - 1;
    answer(expect_fetch(7, INT32_MAX - 1, "............"), 7, NULL, 0);
    answer(expect_fetch(7, INT32_MAX, "............"), 7, NULL, 0);
    answer(expect_fetch(7, 1, "............"), 7, NULL, 0);
    end();
}

static void test_pause(void **state)
{
    (void)state;
    open_session();
    part_pause(part(1), true);
    struct ask *a = expect_fetch(7, 1, ".f..........");
    part_pause(part(1), false);
    part_pause(part(2), true); /* after it was asked for: what comes is kept */
    const struct row row = {.part = 2, .records = 2};
    answer(a, 7, &row, 1);
    assert_int_equal(read_all(), 0);
    answer(expect_fetch(7, 2, ".nf........."), 7, NULL, 0);
    part_pause(part(2), false);
    assert_int_equal(read_all(), 2);
    answer(expect_fetch(7, 3, "..n........."), 7, NULL, 0);
    part_pause(part(0), true); /* and back, before anybody is told */
    part_pause(part(0), false);
    answer(expect_fetch(7, 4, "............"), 7, NULL, 0);
    end();
}

static void test_seek(void **state)
{
    (void)state;
    open_session();
    struct ask *a = expect_fetch(7, 1, "............");
    part_seek(part(3), 5, 5);
    const struct row rows[] = {{.part = 3, .records = 2}, {.part = 0, .records = 2}};
    struct answer x = {.r = fetch_resp_default, .records = BUF_INIT};
    x.r.session_id = 7;
    put_row(&x, &rows[0], 0); /* from where it was */
    put_row(&x, &rows[1], 0);
    send_answer(a, &x);
    assert_int_equal(read_all(), 2);
    assert_int_equal(part(3)->position, 5);
    a = expect_fetch(7, 2, "n..n........");
    const struct fetch_req_fetch_partition *p = a->req.fetch.topics[0].partitions;
    assert_int_equal(a->req.fetch.topics_count, 1);
    assert_int_equal(p[0].fetch_offset + p[1].fetch_offset, 5 + 2);
    part_seek(part(3), 6, 6);
    part_seek(part(3), 5, 5); /* the same place, but another turn: nobody need be told */
    answer(a, 7, &(struct row){.part = 3, .records = 1}, 1);
    assert_int_equal(read_all(), 0);
    a = expect_fetch(7, 3, "............");
    answer(a, 7, &(struct row){.part = 3, .records = 1}, 1);
    assert_int_equal(read_all(), 1);
    end();
}

static void test_assignment(void **state)
{
    (void)state;
    open_session();
    assign("x.xxx");
    answer(expect_fetch(7, 1, ".f..n......."), 7, NULL, 0);
    assign("x..x.");
    assign("xxxx.");
    /* 2 was given up and is back before anybody was told: it is named, and must not be forgotten */
    answer(expect_fetch(7, 2, ".nn.f......."), 7, NULL, 0);
    struct ask *a = expect_fetch(7, 3, "............");
    assign("x.x.");
    answer(a, 7, &(struct row){.part = 1, .records = 1}, 1); /* nobody's any more */
    assert_int_equal(read_all(), 0);
    answer(expect_fetch(7, 4, ".f.f........"), 7, NULL, 0);
    assign("");
    assert_null(until_fetch());
    assign("..x.");
    answer(expect_fetch(7, 5, "f.n........."), 7, NULL, 0);
    end();
}

static void test_leader_moves(void **state)
{
    (void)state;
    open_session();
    struct ask *a = expect_fetch(7, 1, "............");
    answer(a, 7, &(struct row){.part = 1, .code = ERR_NOT_LEADER_OR_FOLLOWER}, 1);
    a = expect_fetch(7, 2, ".f..........");
    assert_int_equal(a->to_node, 1);
    world.leaders[1] = 2;
    world.now_ms += 1000;
    struct ask *b = expect_fetch(0, 0, ".n..........");
    assert_int_equal(b->to_node, 2);
    answer(b, 9, &(struct row){.part = 1}, 1);
    answer(a, 7, NULL, 0);
    answer(expect_fetch(7, 3, "............"), 7, NULL, 0);
    end();
}

/* The topic was made anew: who goes by ids forgets the old one, who goes by names must not. */
static void test_new_id(void **state)
{
    (void)state;
    begin();
    assign("xxxx");
    part(0)->position = 4; /* told apart from the new one's */
    const struct row rows[] = {{0}, {1}, {2}, {3}};
    answer(expect_fetch(0, 0, "nnnn........"), 7, rows, 4);
    struct uuid old = id_of(0);
    struct row gone[] = {{0}, {1}, {2}, {3}};
    for (int i = 0; i < 4; i++) {
        gone[i].code = ERR_UNKNOWN_TOPIC_ID;
    }
    answer(expect_fetch(7, 1, "............"), 7, gone, 4);
    world.now_ms += 1000;
    world.generation[0]++;
    struct ask *a = expect_fetch(7, 2, "rrrr........");
    assert_int_equal(a->req.fetch.forgotten_topics_data_count, 4);
    for (int i = 0; i < 4; i++) {
        assert_true(uuid_eq(a->req.fetch.forgotten_topics_data[i].topic_id, old));
    }
    assert_true(uuid_eq(a->req.fetch.topics[0].topic_id, id_of(0)));
    expect_parts(a, 12, "nnnn........");
    answer(a, 7, NULL, 0);
    answer(expect_fetch(7, 3, "............"), 7, NULL, 0);
    end();
}

/* Topics without ids are named, and then all are. */
static void test_names(void **state)
{
    (void)state;
    open_session();
    world.generation[1] = 0;
    assign("xxxxx");
    struct ask *a = expect_fetch(7, 0, "nnnnn.......");
    assert_int_equal(a->version_hi, 12);
    const struct row rows[] = {{0}, {1}, {2}, {3}, {4}};
    answer(a, 8, rows, 5);
    a = expect_fetch(8, 1, "............");
    assert_int_equal(a->version_hi, 12);
    answer(a, 8, &(struct row){.part = 4, .records = 1}, 1);
    assert_int_equal(read_all(), 1);
    answer(expect_fetch(8, 2, "....n......."), 8, NULL, 0);
    end();
}

/* --- what ends a session --- */

static void reopen(int32_t id)
{
    const struct row rows[] = {{0}, {1}, {2}, {3}};
    answer(expect_fetch(id, 0, "nnnn........"), 8, rows, 4);
    answer(expect_fetch(8, 1, "............"), 8, NULL, 0);
    end();
}

static void test_refused(void **state)
{
    (void)state;
    const struct {
        int code;
        int32_t id; /* the old one is ended with the new request, where there is one */
    } cases[] = {{ERR_FETCH_SESSION_ID_NOT_FOUND, 0},
                 {ERR_INVALID_FETCH_SESSION_EPOCH, 7},
                 {ERR_FETCH_SESSION_TOPIC_ID_ERROR, 7},
                 {ERR_INCONSISTENT_TOPIC_ID, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_session();
        part_pause(part(1), true);
        refuse(expect_fetch(7, 1, ".f.........."), cases[i].code);
        part_pause(part(1), false);
        assert_int_equal(world.f.code, 0);
        reopen(cases[i].id);
    }
}

/* Of a full request that is no matter of sessions: not again at once. */
static void test_refused_in_full(void **state)
{
    (void)state;
    begin();
    assign("xxxx");
    refuse(expect_fetch(0, 0, "nnnn........"), ERR_FETCH_SESSION_ID_NOT_FOUND);
    assert_null(until_fetch());
    world.now_ms += 1000;
    reopen(0);
}

static void test_disconnected(void **state)
{
    (void)state;
    open_session();
    struct ask *a = expect_fetch(7, 1, "............");
    fetcher_take(&world.f, a, ERR_NETWORK_EXCEPTION, NULL, NULL, world.now_ms);
    assert_null(until_fetch());
    world.now_ms += 1000;
    reopen(7);
}

/* Another broker, or an older one, behind the same address. */
static void test_unsupported(void **state)
{
    (void)state;
    open_session();
    struct ask *a = expect_fetch(7, 1, "............");
    fetcher_take(&world.f, a, ERR_UNSUPPORTED_VERSION, NULL, NULL, world.now_ms);
    assert_int_equal(world.f.code, 0);
    reopen(7);
}

static void test_no_session(void **state)
{
    const struct row rows[] = {{0}, {1}, {2}, {3}};
    (void)state;
    begin();
    assign("xxxx");
    answer(expect_fetch(0, 0, "nnnn........"), 0, rows, 4); /* the broker has no room for it */
    answer(expect_fetch(0, 0, "nnnn........"), 7, rows, 4);
    answer(expect_fetch(7, 1, "............"), 0, NULL, 0); /* ended by it */
    reopen(0);
}

static void test_answers_that_do_not_fit(void **state)
{
    (void)state;
    const struct row one[] = {{0}, {1}, {2}}, twice[] = {{0}, {0}, {1}, {2}};
    const struct row other[] = {{0}, {1}, {2}, {3}, {4}};
    begin();
    assign("xxxx");
    answer(expect_fetch(0, 0, "nnnn........"), 7, one, 3);
    answer(expect_fetch(7, 0, "nnn........."), 7, twice, 4);
    answer(expect_fetch(7, 0, "nnn........."), 7, other, 5);
    world.now_ms += 1000;
    answer(expect_fetch(7, 0, "nnnn........"), 7, other, 4);
    answer(expect_fetch(7, 1, "............"), 7, &other[4], 1); /* not of the session */
    answer(expect_fetch(7, 0, "nnnn........"), 7, other, 4);
    answer(expect_fetch(7, 1, "............"), 7, twice, 2);
    answer(expect_fetch(7, 0, "nnnn........"), 7, other, 4);
    answer(expect_fetch(7, 1, "............"), 5, NULL, 0); /* another session */
    reopen(7);
}

/* A broker that holds a client back says nothing about any partition. */
static void test_throttled(void **state)
{
    (void)state;
    begin();
    assign("xxxx");
    struct fetch_resp r = fetch_resp_default;
    r.throttle_time_ms = 50;
    fetcher_take(&world.f, expect_fetch(0, 0, "nnnn........"), OK, &r, NULL, world.now_ms);
    assert_int_equal(world.f.metrics.throttles.max_ms, 50);
    assert_null(until_fetch());
    world.now_ms += 1000;
    reopen(0);
}

static void test_end(void **state)
{
    (void)state;
    open_session();
    fetcher_drop(&world.f, expect_fetch(7, 1, "............")); /* nobody waits for it any more */
    struct ask *a = fetcher_next_end(&world.f);
    assert_int_equal(a->to_node, 1);
    assert_int_equal(a->req.fetch.session_id, 7);
    assert_int_equal(a->req.fetch.session_epoch, -1);
    assert_int_equal(a->req.fetch.topics_count, 0);
    fetcher_drop(&world.f, a);
    assert_null(fetcher_next_end(&world.f));
    end();
    begin();
    assign("xxxx");
    fetcher_drop(&world.f, expect_fetch(0, 0, "nnnn........"));
    assert_null(fetcher_next_end(&world.f)); /* none was opened */
    end();
}

/* --- how much is fetched ahead --- */

static void test_bounds(void **state)
{
    (void)state;
    open_session();
    set("fetch.max.bytes", "10000");
    set("max.poll.records", "1");
    set("max.partition.fetch.bytes", "4321");
    set("fetch.min.bytes", "17");
    set("fetch.max.wait.ms", "123");
    struct ask *a = expect_fetch(7, 1, "............");
    assert_int_equal(a->req.fetch.max_bytes, 10000);
    assert_int_equal(a->req.fetch.min_bytes, 17);
    assert_int_equal(a->req.fetch.max_wait_ms, 123);
    const struct row rows[] = {{.part = 0, .records = 2, .size = 3000},
                               {.part = 1, .records = 1, .size = 100}};
    answer(a, 7, rows, 2);
    a = expect_fetch(7, 2, "ff.........."); /* beside what is still to be read */
    assert_in_range(a->req.fetch.max_bytes, 10000 - 6500, 10000 - 6100);
    const struct row more = {.part = 2, .records = 1, .size = 5000};
    answer(a, 7, &more, 1);
    assert_null(until_fetch()); /* 11100 bytes wait for the user */
    assert_int_equal(read_some(), 1);
    assert_int_equal(read_some(), 1);
    assert_null(until_fetch()); /* of each answer something is left */
    assert_int_equal(read_all(), 2);
    a = expect_fetch(7, 3, "nnn.........");
    assert_int_equal(a->req.fetch.max_bytes, 10000);
    assert_int_equal(a->req.fetch.topics[0].partitions[0].partition_max_bytes, 4321);
    answer(a, 7, NULL, 0);
    end();
}

/* What is paused does not hold up what is not: it is fetched again. */
static void test_bounds_and_pause(void **state)
{
    (void)state;
    open_session();
    set("fetch.max.bytes", "5000");
    const struct row rows[] = {{.part = 0, .records = 2, .size = 3000}, {.part = 1, .records = 1}};
    answer(expect_fetch(7, 1, "............"), 7, rows, 2);
    part_pause(part(0), true);
    part_pause(part(1), true);
    struct ask *a = expect_fetch(7, 2, "ff..........");
    assert_int_equal(a->req.fetch.max_bytes, 5000);
    answer(a, 7, NULL, 0);
    part_pause(part(0), false);
    part_pause(part(1), false);
    assert_int_equal(read_all(), 0);
    a = expect_fetch(7, 3, "nn..........");
    assert_int_equal(a->req.fetch.topics[0].partitions[0].fetch_offset, 0);
    answer(a, 7, rows, 2);
    assert_int_equal(read_all(), 3);
    end();
}

/* --- followers (KIP-392) --- */

static void test_follower(void **state)
{
    (void)state;
    begin();
    set("client.rack", "r9");
    set("metadata.max.age.ms", "60000");
    assign("x");
    struct ask *a = expect_fetch(0, 0, "n...........");
    assert_true(str_eq(a->req.fetch.rack_id, STR("r9")));
    answer(a, 7, &(struct row){.part = 0, .replica = 3}, 1);
    a = expect_fetch(0, 0, "n...........");
    assert_int_equal(a->to_node, 3);
    answer(a, 4, &(struct row){.part = 0, .records = 1}, 1);
    assert_int_equal(read_all(), 1);
    world.now_ms += 50000;
    a = expect_fetch(4, 1, "n...........");
    assert_int_equal(a->to_node, 3);
    answer(a, 4, &(struct row){.part = 0, .replica = 3}, 1); /* does not make it last longer */
    world.now_ms += 10000; /* the leader is asked from time to time */
    a = expect_fetch(7, 1, "n...........");
    assert_int_equal(a->to_node, 1);
    answer(a, 7, &(struct row){.part = 0, .replica = 2}, 1);
    a = expect_fetch(0, 0, "n...........");
    assert_int_equal(a->to_node, 2);
    answer(a, 5, &(struct row){.part = 0, .code = ERR_OFFSET_OUT_OF_RANGE}, 1);
    a = expect_fetch(7, 2, "............"); /* it is behind: the leader knows */
    assert_int_equal(a->to_node, 1);
    assert_int_equal(part(0)->position, 1);
    answer(a, 7, &(struct row){.part = 0, .replica = 2}, 1);
    a = expect_fetch(5, 1, "............");
    assert_int_equal(a->to_node, 2);
    fetcher_take(&world.f, a, ERR_NETWORK_EXCEPTION, NULL, NULL, world.now_ms);
    a = expect_fetch(7, 3, "............"); /* at once, and nothing else is asked first */
    assert_int_equal(a->to_node, 1);
    fetcher_drop(&world.f, a);
    end();
}

/* --- auto.offset.reset by duration (KIP-1106) --- */

static struct ask *expect_time(int64_t ts)
{
    struct ask *a = fetcher_next(&world.f, world.now_ms);
    while (a != NULL && a->kind == ASK_METADATA) {
        answer_metadata(a);
        a = fetcher_next(&world.f, world.now_ms);
    }
    assert_non_null(a);
    assert_int_equal(a->kind, ASK_OFFSETS);
    assert_int_equal(a->req.offsets.topics[0].partitions[0].timestamp, ts);
    return a;
}

static void test_duration(void **state)
{
    const struct row gone = {.part = 0, .code = ERR_OFFSET_OUT_OF_RANGE};
    (void)state;
    begin();
    set("auto.offset.reset", "by_duration:P1DT1H");
    world.f.wall_off_ms = 1000000000;
    assign("x");
    struct ask *a = expect_time(1000000000 + 1000 - 25 * 3600000);
    answer_offsets(a);
    a = expect_fetch(0, 0, "n...........");
    world.now_ms += 500;
    answer(a, 7, &gone, 1);
    a = expect_time(1000000000 + 1500 - 25 * 3600000); /* by then, not by the start */
    struct list_offsets_resp_list_offsets_partition_response p =
        list_offsets_resp_list_offsets_partition_response_default;
    struct list_offsets_resp_list_offsets_topic_response t = {STR("a"), &p, 1};
    struct list_offsets_resp r = list_offsets_resp_default;
    p.offset = -1; /* nothing is as young */
    r.topics = &t;
    r.topics_count = 1;
    fetcher_take(&world.f, a, OK, &r, NULL, world.now_ms);
    fetcher_drop(&world.f, expect_time(OTTLA_OFFSET_LATEST));
    end();
    begin();
    set("auto.offset.reset", "by_duration:P365000D");
    assign("x");
    fetcher_drop(&world.f, expect_time(1)); /* before all times */
    end();
}

/* --- many partitions, little traffic --- */

/* So many fetches that it would take minutes if one of them looked at all partitions. */
enum { MANY = 60000, CYCLES = 100000 };

static void open_many(void)
{
    struct ottla_topic_partition *all = mem_zalloc(sizeof *all * MANY);
    struct fetch_resp_partition_data *p = mem_zalloc(sizeof *p * MANY);
    struct fetch_resp_fetchable_topic_response t = {.topic_id = {{1}}, .partitions = p};
    struct fetch_resp r = fetch_resp_default;
    for (int i = 0; i < MANY; i++) {
        all[i] = (struct ottla_topic_partition){"a", i};
        p[i] = fetch_resp_partition_data_default;
        p[i].partition_index = i;
    }
    fetcher_assign(&world.f, all, MANY, world.now_ms);
    for (int i = 0; i < MANY; i++) { /* as metadata and offsets would */
        struct part *of = fetcher_find(&world.f, "a", i);
        of->leader = 1;
        part_set_id(of, t.topic_id);
        part_seek(of, 0, 0);
    }
    t.partitions_count = MANY;
    r.responses = &t;
    r.responses_count = 1;
    r.session_id = 7;
    struct ask *a = fetcher_next(&world.f, world.now_ms);
    assert_int_equal(a->part_count, MANY);
    fetcher_take(&world.f, a, OK, &r, NULL, world.now_ms);
    mem_free(all);
    mem_free(p);
}

static void test_many(void **state)
{
    (void)state;
    begin();
    open_many();
    struct buf batch = BUF_INIT;
    put_batch(&batch, 0, 1, 10);
    for (int i = 0; i < CYCLES; i++) {
        struct fetch_resp_partition_data p = fetch_resp_partition_data_default;
        struct fetch_resp_fetchable_topic_response t = {{0}, {{1}}, &p, 1};
        struct fetch_resp r = fetch_resp_default;
        struct ask *a = fetcher_next(&world.f, world.now_ms);
        assert_int_equal(a->part_count, i > 0);
        uint8_t *frame = mem_zalloc(batch.len);
        memcpy(frame, batch.p, batch.len);
        p.partition_index = i % MANY;
        batch_patch(frame, i / MANY, 1);
        p.records.p = frame;
        p.records.len = batch.len;
        r.responses = &t;
        r.responses_count = 1;
        r.session_id = 7;
        fetcher_take(&world.f, a, OK, &r, frame, world.now_ms);
        assert_int_equal(read_all(), 1);
        assert_int_equal(fetcher_deadline_ms(&world.f, world.now_ms), INT64_MAX);
    }
    buf_deinit(&batch);
    end();
}

/* --- brokers that keep sessions, and much that changes --- */

struct told {
    bool is_in;
    struct uuid id;
    int64_t off, end; /* told as the end of the log; -1: nothing yet */
};

struct broker {
    bool has_room;
    int version;
    int32_t id, epoch; /* of its one session; 0: none */
    int32_t id_last;
    bool is_by_name;
    struct told parts[PARTS];
    struct ask *ask; /* under way */
};

struct sim {
    struct rand rand;
    struct broker brokers[BROKERS + 1];
    size_t read, increments, fulls;
    char mask[PARTS + 1];
    bool was_given_up[PARTS]; /* and may be named again as it was */
};

static struct sim sim;

static bool chance(uint64_t one_in) { return rand_one_in(&sim.rand, one_in); }

/* What the broker answers about a partition. */
static struct row row_of(const struct broker *b, int i)
{
    struct row row = {.part = i, .size = 10};
    int64_t off = b->parts[i].off, end = world.ends[i];
    if (b->version >= 13 && !uuid_eq(b->parts[i].id, id_of(i / EACH))) {
        row.code = ERR_UNKNOWN_TOPIC_ID;
    } else if (b != &sim.brokers[world.leaders[i]]) {
        row.code = ERR_NOT_LEADER_OR_FOLLOWER;
    } else if (off > end) {
        row.code = ERR_OFFSET_OUT_OF_RANGE;
    } else if (off < end && !chance(3)) {
        row.records = (int)MIN(end - off, 3);
    }
    return row;
}

static void answer_rows(struct broker *b, struct ask *a, bool is_full)
{
    struct answer x = {.r = fetch_resp_default, .records = BUF_INIT};
    x.r.session_id = b->id;
    for (int i = 0; i < PARTS; i++) {
        struct row row = row_of(b, i);
        bool is_news = row.code || row.records || b->parts[i].end != world.ends[i];
        if (b->parts[i].is_in && (is_full || is_news)) {
            put_row(&x, &row, b->parts[i].off);
            b->parts[i].end = world.ends[i];
        }
    }
    for (int i = 0; i < x.r.responses_count && b->version < 13; i++) {
        x.t[i].topic = str_from(names[x.t[i].topic_id.b[0] - 1]);
        x.t[i].topic_id = UUID_ZERO;
    }
    if (chance(10)) { /* it gets lost on its way */
        fetcher_take(&world.f, a, ERR_NETWORK_EXCEPTION, NULL, NULL, world.now_ms);
        buf_deinit(&x.records);
    } else {
        send_answer(a, &x);
    }
}

/* What the request names is news: an increment says nothing twice. */
static void take_named(struct broker *b, const struct fetch_req *req, bool is_full)
{
    for (int32_t i = 0; i < req->topics_count; i++) {
        const struct fetch_req_fetch_topic *t = &req->topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            int n = number_of(t->topic, UUID_ZERO, t->partitions[k].partition);
            struct told *was = &b->parts[n];
            assert_true(is_full || sim.was_given_up[n] || !was->is_in ||
                        was->off != t->partitions[k].fetch_offset ||
                        !uuid_eq(was->id, t->topic_id));
            *was = (struct told){true, t->topic_id, t->partitions[k].fetch_offset, -1};
            sim.was_given_up[n] = false;
        }
    }
}

/* By ids, the old one goes and not the one that was just named. */
static void take_forgotten(struct broker *b, const struct fetch_req *req)
{
    for (int32_t i = 0; i < req->forgotten_topics_data_count; i++) {
        const struct fetch_req_forgotten_topic *r = &req->forgotten_topics_data[i];
        struct told *t = &b->parts[number_of(r->topic, UUID_ZERO, r->partitions[0])];
        assert_true(t->is_in);
        t->is_in = b->version >= 13 && !uuid_eq(t->id, r->topic_id);
    }
}

/* The client knows what the broker has. */
static void check_told(const struct broker *b, const struct ask *a)
{
    int count = 0;
    for (int i = 0; i < PARTS; i++) {
        count += b->parts[i].is_in;
    }
    LIST_EACH(&a->session->seats, n, tmp) {
        const struct seat *seat = LIST_ENTRY(n, struct seat, node);
        if (seat->is_told) {
            const struct told *t =
                &b->parts[number_of(str_from(seat->part->topic), UUID_ZERO, seat->part->partition)];
            assert_true(t->is_in && t->off == seat->offset && uuid_eq(t->id, seat->topic_id));
            count--;
        }
    }
    assert_int_equal(count, 0);
}

static void take_full(struct broker *b, struct ask *a)
{
    memset(b->parts, 0, sizeof b->parts);
    take_named(b, &a->req.fetch, true);
    check_told(b, a);
    b->id = b->has_room && b->version >= 7 ? ++b->id_last : 0;
    b->epoch = 1;
    b->is_by_name = b->version < 13;
    sim.fulls++;
    answer_rows(b, a, true);
}

static void take_increment(struct broker *b, struct ask *a)
{
    const struct fetch_req *req = &a->req.fetch;
    int code = b->id == 0 || b->id != req->session_id ? ERR_FETCH_SESSION_ID_NOT_FOUND
               : b->epoch != req->session_epoch       ? ERR_INVALID_FETCH_SESSION_EPOCH
               : b->is_by_name != (b->version < 13)   ? ERR_FETCH_SESSION_TOPIC_ID_ERROR
                                                      : 0;
    if (code != 0) {
        refuse(a, code);
        return;
    }
    b->epoch = b->epoch == INT32_MAX ? 1 : b->epoch + 1;
    take_named(b, req, false);
    take_forgotten(b, req);
    check_told(b, a);
    sim.increments++;
    answer_rows(b, a, false);
}

static void serve(struct broker *b)
{
    struct ask *a = b->ask;
    b->ask = NULL;
    int version = MIN(b->version, a->version_hi);
    if (chance(20)) { /* the request gets lost */
        fetcher_take(&world.f, a, ERR_NETWORK_EXCEPTION, NULL, NULL, world.now_ms);
    } else if (version < a->version_lo) {
        fetcher_take(&world.f, a, ERR_UNSUPPORTED_VERSION, NULL, NULL, world.now_ms);
    } else {
        ask_fit(&a->req, version);
        (a->req.fetch.session_epoch == 0 ? take_full : take_increment)(b, a);
    }
}

static void change_broker(void)
{
    struct broker *b = &sim.brokers[1 + rand_below(&sim.rand, BROKERS)];
    if (chance(2)) {
        b->id = 0; /* evicted, or started anew */
    } else if (chance(2)) {
        b->has_room = !b->has_room;
    } else if (chance(2)) {
        b->version = (const int[]){6, 12, 18}[rand_below(&sim.rand, 3)];
    } else {
        b->epoch += 2;
    }
}

static void change_cluster(void)
{
    int i = (int)rand_below(&sim.rand, PARTS);
    if (chance(3)) {
        world.leaders[i] = 1 + (int32_t)rand_below(&sim.rand, BROKERS);
    } else if (chance(10)) {
        world.generation[i / EACH]++;
        for (int k = 0; k < EACH; k++) {
            world.ends[i / EACH * EACH + k] = 0;
        }
    } else if (chance(3)) {
        change_broker();
    } else {
        world.ends[i] += 1 + (int64_t)rand_below(&sim.rand, 5);
    }
}

static void change_consumer(void)
{
    int i = (int)rand_below(&sim.rand, PARTS);
    struct part *p = part(i);
    if (chance(4)) {
        sim.mask[i] = sim.mask[i] == 'x' ? '.' : 'x';
        assign(sim.mask);
        sim.was_given_up[i] = true;
    } else if (p != NULL && chance(2)) {
        part_pause(p, !p->is_paused);
    } else if (p != NULL) {
        part_seek(p, chance(3) ? -1 : (int64_t)rand_below(&sim.rand, (uint64_t)world.ends[i] + 1),
                  OTTLA_OFFSET_EARLIEST);
    }
}

static void poll(void)
{
    int64_t before[PARTS];
    for (int i = 0; i < PARTS; i++) {
        before[i] = part(i) ? part(i)->position : -1;
    }
    struct ottla_records *r = fetcher_records(&world.f);
    for (size_t k = 0; r != NULL && k < ottla_records_count(r); k++) {
        const struct ottla_record *x = ottla_records_at(r, k);
        int i = number_of(str_from(x->topic), UUID_ZERO, x->partition);
        assert_int_equal(x->offset, before[i]++);
        sim.read++;
    }
    ottla_records_free(r);
}

static void step_once(void)
{
    struct ask *a;
    world.f.code = 0;
    world.now_ms += (int64_t)rand_below(&sim.rand, 50);
    while ((a = until_fetch()) != NULL) {
        struct broker *b = &sim.brokers[a->to_node];
        assert_null(b->ask);
        b->ask = a;
    }
    for (int i = 1; i <= BROKERS; i++) {
        if (sim.brokers[i].ask != NULL && chance(2)) {
            serve(&sim.brokers[i]);
        }
    }
    if (chance(2)) {
        poll();
    }
}

static bool is_all_read(void)
{
    bool is_all = true;
    for (int i = 0; i < PARTS; i++) {
        is_all = is_all && part(i)->position == world.ends[i];
    }
    return is_all;
}

static void run(uint64_t seed)
{
    begin();
    sim = (struct sim){.mask = "............"};
    rand_init(&sim.rand, seed);
    for (int i = 1; i <= BROKERS; i++) {
        sim.brokers[i] = (struct broker){.has_room = true, .version = 18, .id_last = 100 * i};
    }
    for (int i = 0; i < 2000; i++) {
        step_once();
        if (chance(3)) {
            change_cluster();
        }
        if (chance(5)) {
            change_consumer();
        }
    }
    memset(sim.mask, 'x', PARTS);
    memset(sim.was_given_up, 1, sizeof sim.was_given_up);
    assign(sim.mask);
    for (int i = 0; i < PARTS; i++) {
        part_pause(part(i), false);
    }
    for (int i = 0; i < 5000 && !is_all_read(); i++) {
        step_once();
    }
    assert_true(is_all_read());
    for (int i = 1; i <= BROKERS; i++) {
        if (sim.brokers[i].ask != NULL) {
            fetcher_drop(&world.f, sim.brokers[i].ask);
        }
    }
    end();
}

static void test_sim(void **state)
{
    size_t increments = 0, fulls = 0, read = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        run(seed);
        increments += sim.increments;
        fulls += sim.fulls;
        read += sim.read;
    }
    assert_true(increments > 10000 && fulls > 1000 && read > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_increments),   cmocka_unit_test(test_epochs_wrap),
        cmocka_unit_test(test_pause),        cmocka_unit_test(test_seek),
        cmocka_unit_test(test_assignment),   cmocka_unit_test(test_leader_moves),
        cmocka_unit_test(test_new_id),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_refused_in_full),
        cmocka_unit_test(test_disconnected), cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_no_session),   cmocka_unit_test(test_answers_that_do_not_fit),
        cmocka_unit_test(test_throttled),    cmocka_unit_test(test_end),
        cmocka_unit_test(test_bounds),       cmocka_unit_test(test_bounds_and_pause),
        cmocka_unit_test(test_follower),     cmocka_unit_test(test_duration),
        cmocka_unit_test(test_many),         cmocka_unit_test(test_sim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
