/* Members of libottla's and the broker's own coordinator, both without I/O, in virtual time:
 * requests and answers get lost, members stall, crash, come back under their instance ids, change
 * what they want; topics grow; the coordinator restarts from its log. After each step:
 *
 *   - no two members of one generation have the same partition
 *   - a member has only what it wants
 *
 * and once the trouble is over, all are in one generation and share everything. Every request goes
 * through its bytes, in some version. Seeds are fixed: a failure names its seed. */
#include "grouptest.h"

#include "client/group/member.h"

enum { SEEDS = 60, MEMBERS = 5, FLIGHTS = 64, TOPICS = 3, STEPS = 2500, CALM_STEPS = 1200 };
enum { STEP_MS = 100, GROWN_MAX = 3 };

static const char *const topic_names[TOPICS] = {"ta", "tb", "uc"};

/* A member and its user. */
struct user {
    struct ottla_config *config;
    struct member m;
    bool is_up, is_subscribed;
    bool has_pattern;
    int64_t poll_at_ms;
};

/* A request on its way. */
struct flight {
    struct user *of;
    struct member_ask *ask;
    struct gt_call *call; /* NULL: it got lost, or is not for the coordinator */
    int version;
    bool is_answer_lost;
    int64_t deadline_ms;
};

struct sim {
    struct gt *t;
    struct rand rand;
    struct user users[MEMBERS];
    struct flight flights[FLIGHTS];
    int32_t partitions[TOPICS];
    const char *strategy;
    bool is_static;
    bool is_calm;
    int seed;
};

static struct sim sim;

static int64_t below(int64_t n) { return (int64_t)rand_below(&sim.rand, (uint64_t)n); }
static bool chance(int64_t in) { return below(in) == 0; }
static bool trouble(int64_t in) { return !sim.is_calm && chance(in); }
static int64_t now_ms(void) { return sim.t->t.now_ms; }

/* --- users --- */

static void subscribe(struct user *u)
{
    const char *names[TOPICS];
    size_t n = 0;
    u->is_subscribed = true;
    u->has_pattern = chance(3);
    if (u->has_pattern) {
        assert_int_equal(member_subscribe_pattern(&u->m, "t.*", NULL), 0);
        return;
    }
    for (size_t i = 0; i < TOPICS; i++) {
        if (i == 0 || chance(2)) {
            names[n++] = topic_names[i];
        }
    }
    member_subscribe(&u->m, names, n);
}

static void set(struct ottla_config *c, const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(c, name, value, NULL), 0);
}

static void start(struct user *u)
{
    char instance[16];
    u->config = ottla_config_new();
    set(u->config, "group.id", "g");
    set(u->config, "session.timeout.ms", "10000");
    set(u->config, "max.poll.interval.ms", "20000");
    set(u->config, "metadata.max.age.ms", "7000");
    set(u->config, "partition.assignment.strategy", sim.strategy);
    if (sim.is_static && (u - sim.users) % 2 == 0) {
        snprintf(instance, sizeof instance, "i%d", (int)(u - sim.users));
        set(u->config, "group.instance.id", instance);
    }
    assert_int_equal(member_init(&u->m, &u->config->values, (uint64_t)below(1 << 30), NULL), 0);
    u->is_up = true;
    u->poll_at_ms = now_ms();
    subscribe(u);
}

/* Its process is gone; what it asked may still arrive. */
static void stop(struct user *u)
{
    for (size_t i = 0; i < FLIGHTS; i++) {
        if (sim.flights[i].of == u) {
            member_drop(&u->m, sim.flights[i].ask);
            sim.flights[i].of = NULL;
        }
    }
    member_deinit(&u->m);
    ottla_config_free(u->config);
    u->is_up = false;
}

static void do_task(struct user *u)
{
    for (;;) {
        member_poll(&u->m, now_ms());
        enum member_task task = member_begin_task(&u->m);
        if (task == MEMBER_FAIL) {
            assert_string_equal(err_name(u->m.code), "FENCED_INSTANCE_ID"); /* the only one here */
            u->m.is_fatal = false;
            member_told(&u->m);
        }
        if (task == MEMBER_NOTHING || task == MEMBER_FAIL) {
            return;
        }
        for (size_t i = 0; i < u->m.revoked.count; i++) {
            const struct ottla_topic_partition *tp = &u->m.revoked.items[i];
            assert_true(tps_has(&u->m.owned, tp->topic, tp->partition));
        }
        member_end_task(&u->m, now_ms());
    }
}

static void run_user(struct user *u)
{
    if (!u->is_up) {
        if (sim.is_calm || chance(40)) {
            start(u);
        }
        return;
    }
    if (trouble(300)) {
        stop(u);
        return;
    }
    if (trouble(300)) {
        subscribe(u);
    }
    if (trouble(500)) {
        (void)member_begin_leave(&u->m);
        member_end_leave(&u->m, u->config->values.group_instance_id[0] == '\0', "it wants to");
        u->is_subscribed = false;
    } else if (!u->is_subscribed && (sim.is_calm || chance(30))) {
        subscribe(u);
    }
    if (now_ms() >= u->poll_at_ms) {
        do_task(u);
        u->poll_at_ms = now_ms() + (trouble(100) ? 30000 : below(1000));
    }
}

/* --- the network --- */

static enum group_op op_of(enum member_ask_kind kind)
{
    static const enum group_op ops[] = {[MEMBER_JOIN] = GROUP_JOIN,
                                        [MEMBER_SYNC] = GROUP_SYNC,
                                        [MEMBER_HEARTBEAT] = GROUP_HEARTBEAT,
                                        [MEMBER_LEAVE] = GROUP_LEAVE};
    return ops[kind];
}

/* To the coordinator, as bytes. */
static struct gt_call *deliver(struct flight *f)
{
    struct buf out = BUF_INIT;
    struct str copy;
    struct gt_call *c = gt_call_new(sim.t, op_of(f->ask->kind), f->version);
    const struct wire_msg *m = wire_request(f->ask->api_key);
    member_fit(&f->ask->req, f->version);
    assert_ok(wire_encode(m, f->version, &f->ask->req, &out, NULL));
    assert_true(arena_copy_str(&c->arena, buf_str(&out), &copy));
    assert_ok(wire_decode(m, f->version, (struct bytes){(const uint8_t *)copy.p, copy.len},
                          &c->arena, &c->msg, NULL));
    buf_deinit(&out);
    gt_send(sim.t, c);
    return c;
}

static void send(struct user *u, struct member_ask *a)
{
    struct flight *f = sim.flights;
    while (f->of != NULL) {
        f++;
        assert_true(f < sim.flights + FLIGHTS);
    }
    int lo = a->kind == MEMBER_JOIN ? 5 : a->kind == MEMBER_TOPICS ? 4 : 3; /* instance ids */
    *f = (struct flight){.of = u,
                         .ask = a,
                         .version = lo + (int)below(a->version_hi - lo + 1),
                         .is_answer_lost = trouble(12),
                         .deadline_ms = now_ms() + a->timeout_ms};
    if (a->kind != MEMBER_TOPICS && !trouble(12)) {
        f->call = deliver(f);
    }
}

static void put_topics(struct metadata_resp *r, struct arena *a)
{
    r->topics = arena_array(a, TOPICS, sizeof *r->topics);
    for (int32_t i = 0; i < TOPICS; i++) {
        struct metadata_resp_metadata_response_topic *t = &r->topics[r->topics_count++];
        *t = metadata_resp_metadata_response_topic_default;
        t->name = str_from(topic_names[i]);
        t->partitions = arena_array(a, (size_t)sim.partitions[i] + 1, sizeof *t->partitions);
        t->partitions_count = sim.partitions[i];
        for (int32_t k = 0; k < sim.partitions[i]; k++) {
            t->partitions[k].partition_index = k;
        }
    }
}

/* The answer, through its bytes. */
static void answer(struct flight *f, const void *resp)
{
    union member_resp back;
    struct arena a;
    struct buf out = BUF_INIT;
    const struct wire_msg *m = wire_response(f->ask->api_key);
    arena_init(&a, GT_ARENA_BYTES);
    assert_ok(wire_encode(m, f->version, resp, &out, NULL));
    assert_ok(wire_decode(m, f->version, buf_bytes(&out), &a, &back, NULL));
    member_take(&f->of->m, f->ask, OK, &back, now_ms());
    f->of = NULL;
    arena_deinit(&a);
    buf_deinit(&out);
}

static void fail_flight(struct flight *f, enum err e)
{
    member_take(&f->of->m, f->ask, e, NULL, now_ms());
    f->of = NULL;
}

static void run_flight(struct flight *f)
{
    struct metadata_resp meta = metadata_resp_default;
    struct arena a;
    if (f->of == NULL) {
        return;
    }
    if (now_ms() >= f->deadline_ms) {
        fail_flight(f, ERR_REQUEST_TIMED_OUT);
    } else if (f->ask->kind == MEMBER_TOPICS && !f->is_answer_lost) {
        arena_init(&a, GT_ARENA_BYTES);
        put_topics(&meta, &a);
        answer(f, &meta);
        arena_deinit(&a);
    } else if (f->call == NULL || (f->is_answer_lost && f->call->is_done)) {
        fail_flight(f, ERR_NETWORK_EXCEPTION);
    } else if (f->call->is_done) {
        answer(f, f->call->req.resp);
    }
}

static void free_done_calls(void)
{
    LIST_EACH(&sim.t->calls, n, next) {
        struct gt_call *c = LIST_ENTRY(n, struct gt_call, node);
        bool is_awaited = false;
        for (size_t i = 0; i < FLIGHTS; i++) {
            is_awaited = is_awaited || (sim.flights[i].of != NULL && sim.flights[i].call == c);
        }
        if (c->is_done && !is_awaited) {
            list_remove(n);
            arena_deinit(&c->arena);
            mem_free(c);
        }
    }
}

/* --- what must hold --- */

static void check_owned(const struct user *u, const struct ottla_topic_partition *tp)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        const struct user *v = &sim.users[i];
        if (v != u && v->is_up && v->m.generation == u->m.generation && u->m.generation >= 0 &&
            tps_has(&v->m.owned, tp->topic, tp->partition)) {
            fail_msg("seed %d: members %d and %d of generation %d have %s-%d", sim.seed,
                     (int)(u - sim.users), (int)i, u->m.generation, tp->topic, tp->partition);
        }
    }
}

static void check(void)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        const struct user *u = &sim.users[i];
        for (size_t k = 0; u->is_up && k < u->m.owned.count; k++) {
            check_owned(u, &u->m.owned.items[k]);
        }
    }
}

static bool is_wanted(const struct user *u, size_t topic)
{
    const char *name = topic_names[topic];
    for (size_t i = 0; !u->has_pattern && i < u->m.topic_count; i++) {
        if (strcmp(u->m.topics[i], name) == 0) {
            return true;
        }
    }
    return u->has_pattern && name[0] == 't';
}

static int owners(size_t topic, int32_t partition)
{
    int n = 0;
    for (size_t i = 0; i < MEMBERS; i++) {
        n += tps_has(&sim.users[i].m.owned, topic_names[topic], partition);
    }
    return n;
}

/* One generation, and everything shared. */
static void check_calm(void)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        const struct user *u = &sim.users[i];
        if (!u->is_up || u->m.state != MEMBER_STABLE ||
            u->m.generation != sim.users[0].m.generation || u->m.wants_join) {
            fail_msg("seed %d: member %d is in state %d of generation %d", sim.seed, (int)i,
                     u->m.state, u->m.generation);
        }
        for (size_t k = 0; k < u->m.owned.count; k++) {
            size_t t = u->m.owned.items[k].topic[1] - 'a';
            assert_true(t < TOPICS && is_wanted(u, t));
        }
    }
    for (size_t t = 0; t < TOPICS; t++) {
        bool is_any = false;
        for (size_t i = 0; i < MEMBERS; i++) {
            is_any = is_any || is_wanted(&sim.users[i], t);
        }
        for (int32_t p = 0; p < sim.partitions[t]; p++) {
            if (owners(t, p) != is_any) {
                fail_msg("seed %d: %s-%d has %d owners", sim.seed, topic_names[t], p, owners(t, p));
            }
        }
    }
}

/* --- the run --- */

static void step(void)
{
    struct member_ask *a;
    gt_wait(sim.t, STEP_MS);
    if (trouble(400)) {
        gt_restart(sim.t);
    }
    if (trouble(300)) {
        int32_t *p = &sim.partitions[below(TOPICS)];
        *p += *p < 12;
    }
    for (size_t i = 0; i < FLIGHTS; i++) {
        run_flight(&sim.flights[i]);
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        run_user(&sim.users[i]);
        while (sim.users[i].is_up && (a = member_next(&sim.users[i].m, now_ms())) != NULL) {
            send(&sim.users[i], a);
        }
        if (sim.users[i].is_up) { /* a host that slept until then would have missed nothing */
            assert_true(member_deadline_ms(&sim.users[i].m, now_ms()) > now_ms());
        }
    }
    free_done_calls();
    check();
}

static void run_seed(int seed)
{
    static const char *const strategies[] = {"range", "cooperative-sticky", "sticky", "roundrobin",
                                             "range, cooperative-sticky"};
    sim = (struct sim){.seed = seed, .strategy = strategies[seed % 5], .is_static = seed % 2 == 0};
    rand_init(&sim.rand, (uint64_t)seed);
    sim.t = gt_new();
    for (size_t i = 0; i < TOPICS; i++) {
        sim.partitions[i] = 1 + (int32_t)below(8);
    }
    for (int i = 0; i < STEPS; i++) {
        step();
    }
    sim.is_calm = true;
    for (int i = 0; i < CALM_STEPS; i++) {
        step();
    }
    int32_t generation = sim.users[0].m.generation;
    check_calm();
    for (int i = 0; i < 100; i++) {
        step();
    }
    check_calm();
    assert_int_equal(sim.users[0].m.generation, generation); /* and nobody is restless */
    for (size_t i = 0; i < MEMBERS; i++) {
        stop(&sim.users[i]);
    }
    gt_free(sim.t);
}

static void test_seeds(void **state)
{
    (void)state;
    for (int seed = 1; seed <= SEEDS; seed++) {
        run_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
