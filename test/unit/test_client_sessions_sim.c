/* Fetch sessions against brokers that keep them as the protocol says, while everything around them
 * changes. */
#include "client_sessions_world.h"

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
    size_t read, increments, fulls, ends;
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

/* What the request names is news: an increment says nothing twice, but where it is to be heard
 * whether a partition is at its end. */
static void take_named(struct broker *b, const struct fetch_req *req, bool is_full)
{
    for (int32_t i = 0; i < req->topics_count; i++) {
        const struct fetch_req_fetch_topic *t = &req->topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            int n = number_of(t->topic, UUID_ZERO, t->partitions[k].partition);
            struct told *was = &b->parts[n];
            assert_true(is_full || world.f.tells_ends || sim.was_given_up[n] || !was->is_in ||
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
    const struct part *p;
    while ((p = fetcher_end_reached(&world.f)) != NULL) {
        assert_int_equal(p->told_end, p->position);
        assert_int_equal(p->told_end, p->end_off);
        sim.ends++;
    }
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

/* And all ends were told, by who tells of them. */
static bool is_all_read(void)
{
    bool is_all = true;
    for (int i = 0; i < PARTS; i++) {
        is_all = is_all && part(i)->position == world.ends[i] &&
                 (!world.f.tells_ends || part(i)->told_end == world.ends[i]);
    }
    return is_all;
}

static void run(uint64_t seed)
{
    begin();
    sim = (struct sim){.mask = "............"};
    rand_init(&sim.rand, seed);
    world.f.tells_ends = seed % 2 == 0;
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
    size_t increments = 0, fulls = 0, read = 0, ends = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        run(seed);
        increments += sim.increments;
        fulls += sim.fulls;
        read += sim.read;
        ends += sim.ends;
    }
    assert_true(increments > 10000 && fulls > 1000 && read > 10000 && ends > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
