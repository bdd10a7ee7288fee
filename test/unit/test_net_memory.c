/* Memory that peers make the server hold: the budget by itself, and connections that fight for it.
 */
#include "net_world.h"

#include "net/budget.h"
#include "net/conn_int.h"

enum { KiB = 1024, BUDGET_BYTES = 32 * MiB };

static int set_up(void **state)
{
    world_init(BUDGET_BYTES);
    world.config.frame_max_bytes = 16 * MiB;
    return 0;
}

static int tear_down(void **state)
{
    mem_fail_after(0);
    world_deinit();
    return 0;
}

/* --- the budget by itself --- */

struct waiter {
    struct budget_wait wait;
    int grant_count;
};

static void granted(struct mail *m)
{
    struct waiter *w = CONTAINER_OF(m, struct waiter, wait.mail);
    net_budget_accept(world.budget, &w->wait);
    w->grant_count++;
}

static struct waiter waiter_for(size_t bytes)
{
    return (struct waiter){.wait = {.mail = {.fn = granted},
                                    .loop = world.loop,
                                    .want_bytes = bytes,
                                    .kind = budget_kind_of(bytes)}};
}

static void larger_frames_find_less_room(void **state)
{
    struct net_budget *b = world.budget;
    assert_true(net_budget_take(b, 12 * MiB, BUDGET_LARGE));
    assert_false(net_budget_take(b, 1, BUDGET_LARGE));
    assert_true(net_budget_is_pressed(b));
    assert_true(net_budget_take(b, 2 * MiB, BUDGET_MIDDLE));
    assert_false(net_budget_take(b, 1, BUDGET_MIDDLE));
    assert_true(net_budget_take(b, 2 * MiB, BUDGET_SMALL));
    assert_false(net_budget_take(b, 1, BUDGET_SMALL));
    assert_int_equal(net_budget_used_bytes(b), 16 * MiB);
    net_budget_give(b, 16 * MiB);
    assert_false(net_budget_is_pressed(b));
}

static void who_waits_longest_gets_the_lane_and_then_room(void **state)
{
    struct net_budget *b = world.budget;
    struct waiter w[4];
    net_budget_take_anyway(b, 16 * MiB);
    for (int i = 0; i < 4; i++) {
        w[i] = waiter_for(4 * MiB);
        net_budget_wait(b, &w[i].wait);
    }
    world_run();
    assert_true(w[0].grant_count == 1 && w[0].wait.lane);
    assert_int_equal(net_budget_used_bytes(b), 20 * MiB);
    net_budget_give(b, 10 * MiB); /* 6 are used, 12 are for large ones */
    world_run();
    assert_true(w[1].grant_count == 1 && !w[1].wait.lane);
    assert_int_equal(w[2].grant_count, 0);
    assert_false(net_budget_take(b, 1, BUDGET_LARGE)); /* not before those who wait */
    assert_true(net_budget_take(b, 1, BUDGET_SMALL));
    net_budget_leave_lane(b, 4 * MiB);
    world_run();
    assert_true(w[2].grant_count == 1 && w[2].wait.lane);
    assert_true(net_budget_cancel(b, &w[3].wait));
    net_budget_leave_lane(b, 4 * MiB);
    net_budget_give(b, 10 * MiB + 1);
    world_run();
    assert_int_equal(w[3].grant_count, 0);
    assert_int_equal(net_budget_used_bytes(b), 0);
}

static void a_grant_under_way_cannot_be_cancelled(void **state)
{
    struct waiter w = waiter_for(MiB);
    net_budget_wait(world.budget, &w.wait);
    assert_false(net_budget_cancel(world.budget, &w.wait));
    world_run();
    assert_int_equal(w.grant_count, 1);
    net_budget_give(world.budget, MiB);
}

/* --- connections --- */

/* A frame of which the first `sent` bytes are written; 's' is skipped by the server. */
static void write_part(struct sock *s, size_t size, size_t sent)
{
    uint8_t *p = mem_zalloc(sent);
    size_t n;
    be32_put(p, (uint32_t)size);
    p[4] = 's';
    peer_write_some(s, p, sent, &n);
    mem_free(p);
}

static void write_rest(struct sock *s, size_t *left, size_t max)
{
    size_t n;
    uint8_t *p = mem_zalloc(max);
    peer_write_some(s, p, MIN(*left, max), &n);
    *left -= n;
    mem_free(p);
}

static void an_idle_connection_is_small(void **state)
{
    assert_true(sizeof(struct conn) <= 1024);
    struct sock *s = peer_new();
    peer_ask(s, "e");
    assert_answers(s, "e,");
    assert_null(world.last_conn->rx.p);
    assert_int_equal(net_budget_used_bytes(world.budget), 0);
    sock_close(s);
}

static void a_claim_costs_what_has_arrived(void **state)
{
    struct sock *s = peer_new();
    write_part(s, 10 * MiB, 5);
    world_run();
    assert_in_range(net_budget_used_bytes(world.budget), 5, 100);
    size_t left = 10 * MiB + 4 - 5;
    size_t arrived = 5;
    while (left > 0) {
        size_t before = left;
        write_rest(s, &left, 10000);
        arrived += before - left;
        world_run();
        assert_true(left == 0 || net_budget_used_bytes(world.budget) <= 4 * arrived + 64);
    }
    assert_int_equal(world.frame_count, 1);
    assert_int_equal(net_budget_used_bytes(world.budget), 0);
    sock_close(s);
}

static void a_frame_beyond_the_budget_closes(void **state)
{
    world.config.frame_max_bytes = 100 * MiB;
    struct sock *s = peer_new();
    write_part(s, BUDGET_BYTES / 2, 10);
    world_run();
    assert_int_equal(world.close_count, 1);
    assert_err(ERR_MALFORMED, world.last_reason);
    sock_close(s);
}

/* More is under way than fits, all of it honest: everybody finishes. */
static void many_big_frames_finish_under_a_small_budget(void **state)
{
    enum { PEERS = 12, SIZE = 10 * MiB };
    struct sock *peers[PEERS];
    size_t left[PEERS];
    int rounds = 0;
    for (int i = 0; i < PEERS; i++) {
        peers[i] = peer_new();
        left[i] = SIZE + 4 - 5;
        write_part(peers[i], SIZE, 5);
    }
    while (world.frame_count < PEERS) {
        for (int i = 0; i < PEERS; i++) {
            write_rest(peers[i], &left[i], 64 * KiB);
        }
        loop_step(world.loop, 0);
        assert_true(net_budget_used_bytes(world.budget) <= BUDGET_BYTES);
        assert_true(++rounds < 100000);
        simclock_add_ms(&world.clock, 1);
    }
    assert_int_equal(world.close_count, 0);
    for (int i = 0; i < PEERS; i++) {
        sock_close(peers[i]);
    }
}

enum { ATTACKERS = 3000, HONEST_BYTES = 60 * KiB };

static void attack(struct sock **attackers, size_t *left)
{
    for (int i = 0; i < ATTACKERS; i++) {
        if (attackers[i] == NULL) {
            attackers[i] = peer_new();
            left[i] = 15 * MiB;
            write_part(attackers[i], 15 * MiB, 100);
        }
        write_rest(attackers[i], &left[i], 30000);
    }
}

static void expect_an_honest_answer(struct sock *s, int max_steps)
{
    struct buf b = BUF_INIT;
    struct buf in = BUF_INIT;
    uint8_t *p = mem_zalloc(HONEST_BYTES);
    p[0] = 'e';
    put_frame(&b, p, HONEST_BYTES);
    size_t at = 0;
    for (int i = 0; in.len < b.len; i++) {
        size_t n;
        assert_true(i < max_steps);
        peer_write_some(s, b.p + at, MIN(b.len - at, 15000), &n);
        at += n;
        loop_step(world.loop, 0);
        (void)peer_read(s, &in);
    }
    mem_free(p);
    buf_deinit(&b);
    buf_deinit(&in);
}

/* Each claims 15 MiB; together they would hold more than a thousand times the budget. */
static void peers_that_claim_much_do_not_harm_others(void **state)
{
    static struct sock *attackers[ATTACKERS];
    static size_t left[ATTACKERS];
    world.net.window_bytes = 16 * KiB;
    struct sock *honest = peer_new();
    memset(attackers, 0, sizeof attackers);
    for (int round = 0; round < 8; round++) {
        attack(attackers, left);
        for (int i = 0; i < 50; i++) {
            loop_step(world.loop, 0);
            assert_true(net_budget_used_bytes(world.budget) <= BUDGET_BYTES);
        }
        expect_an_honest_answer(honest, 200);
        simclock_add_ms(&world.clock, 100);
    }
    assert_true(net_budget_is_pressed(world.budget));
    /* a large honest frame finds its room as those that stall are closed */
    struct sock *large = peer_new();
    size_t rest = 3 * MiB;
    int frames = world.frame_count;
    write_part(large, 3 * MiB + 1, 5);
    for (int i = 0; world.frame_count == frames; i++) {
        write_rest(large, &rest, 64 * KiB);
        loop_step(world.loop, 0);
        simclock_add_ms(&world.clock, 10);
        assert_true(i < 3000); /* 30 s */
    }
    assert_true(world.close_count > 0);
    expect_an_honest_answer(honest, 200);
    sock_close(large);
    sock_close(honest);
    for (int i = 0; i < ATTACKERS; i++) {
        sock_close(attackers[i]);
    }
}

static void whoever_stalls_in_the_lane_loses_it(void **state)
{
    struct net_budget *b = world.budget;
    net_budget_take_anyway(b, 16 * MiB); /* nothing is left */
    struct sock *slow = peer_new();
    write_part(slow, MiB, 5000);
    world_run();
    struct sock *next = peer_new();
    size_t slow_left = MiB;
    size_t left = MiB + 4 - 5000;
    int64_t start_ns = world.clock.now_ns;
    write_part(next, MiB, 5000);
    world_run();
    assert_int_equal(world.close_count, 0);
    for (int i = 0; i < 1000 && world.frame_count == 0; i++) {
        write_rest(slow, &slow_left, 500); /* enough not to stall: the lease ends it */
        write_rest(next, &left, 50000);
        world_pass_ms(100);
    }
    assert_int_equal(world.close_count, 1);
    assert_err(ERR_BUDGET, world.last_reason);
    assert_in_range((world.clock.now_ns - start_ns) / 1000000, 6000, 10000);
    sock_close(slow);
    sock_close(next);
    world_run();
    net_budget_give(b, 16 * MiB);
}

/* It has its room, and does not use it. */
static void whoever_stalls_while_memory_is_short_is_closed(void **state)
{
    enum { SIZE = 10000 };
    struct sock *s = peer_new();
    size_t left = SIZE + 4 - 5000;
    write_part(s, SIZE, 5000);
    world_pass_slowly_ms(7000);
    assert_int_equal(world.close_count, 0); /* there is enough */
    net_budget_take_anyway(world.budget, 13 * MiB);
    world_pass_slowly_ms(1000);
    assert_int_equal(world.close_count, 1);
    assert_err(ERR_BUDGET, world.last_reason);
    sock_close(s);
    s = peer_new();
    write_part(s, SIZE, 5000);
    world_pass_slowly_ms(4000);
    write_rest(s, &left, left); /* and who comes in time is served */
    world_run();
    assert_int_equal(world.frame_count, 1);
    sock_close(s);
    world_run();
    net_budget_give(world.budget, 13 * MiB);
}

/* Each gives enough not to stall; none would be done in an hour. */
static void frames_that_take_too_long_are_given_up(void **state)
{
    enum { PEERS = 8 };
    struct net_budget *b = world.budget;
    struct sock *peers[PEERS];
    size_t left[PEERS];
    net_budget_take_anyway(b, 12 * MiB); /* large frames find no room */
    for (int i = 0; i < PEERS; i++) {
        peers[i] = peer_new();
        left[i] = 10 * MiB;
        write_part(peers[i], 10 * MiB, 5000);
    }
    for (int ms = 0; ms < 32000; ms += 100) {
        for (int i = 0; i < PEERS; i++) {
            write_rest(peers[i], &left[i], 500);
        }
        world_pass_ms(100);
        assert_true(ms > 14000 || world.close_count == 0);
    }
    assert_int_equal(world.close_count, PEERS);
    assert_err(ERR_BUDGET, world.last_reason);
    assert_int_equal(net_budget_used_bytes(b), 12 * MiB);
    for (int i = 0; i < PEERS; i++) {
        sock_close(peers[i]);
    }
    net_budget_give(b, 12 * MiB);
}

static void a_waiter_that_goes_away_leaves_nothing_behind(void **state)
{
    struct net_budget *b = world.budget;
    struct sock *peers[20];
    net_budget_take_anyway(b, 16 * MiB);
    for (int i = 0; i < 20; i++) {
        peers[i] = peer_new();
        write_part(peers[i], MiB, 5000);
    }
    world_run();
    for (int i = 0; i < 20; i++) {
        if (i % 2 == 0) {
            simsock_reset(
                peers[i]); /* the lane's owner too: grants are under way while they close */
        }
        loop_step(world.loop, 0);
    }
    net_budget_give(b, 8 * MiB);
    for (int i = 0; i < 20; i++) {
        simsock_reset(peers[i]);
        loop_step(world.loop, 0);
    }
    world_run();
    assert_int_equal(world.close_count, 20);
    assert_int_equal(net_budget_used_bytes(b), 8 * MiB);
    net_budget_give(b, 8 * MiB);
    for (int i = 0; i < 20; i++) {
        sock_close(peers[i]);
    }
}

/* Room that a connection of one loop gives back goes to one of another. */
static void room_is_handed_on_between_loops(void **state)
{
    struct loop *other;
    struct loop *mine = world.loop;
    struct net_budget *b = world.budget;
    assert_ok(loop_new(&world.net.net, &world.clock.clock, &other));
    net_budget_take_anyway(b, 16 * MiB);
    struct sock *first = peer_new();
    write_part(first, 300 * KiB, 5000);
    world_run();
    world.loop = other;
    struct sock *second = peer_new();
    size_t left = 300 * KiB + 4 - 5000;
    write_part(second, 300 * KiB, 5000);
    world_run();
    write_rest(second, &left, left);
    world_run();
    assert_int_equal(world.frame_count, 0);
    world.loop = mine;
    simsock_reset(first);
    world_run();
    world.loop = other;
    for (int i = 0; i < 100 && world.frame_count == 0; i++) {
        world_run();
        write_rest(second, &left, 64 * KiB);
    }
    assert_int_equal(world.frame_count, 1);
    conn_close_all(other);
    loop_free(other);
    world.loop = mine;
    sock_close(first);
    sock_close(second);
    net_budget_give(b, 16 * MiB);
}

/* Whichever allocation fails that a peer sizes, at worst its connection is closed. */
static void no_allocation_that_fails_does_harm(void **state)
{
    for (uint64_t nth = 1; nth < 40; nth++) {
        struct sock *pair[2];
        struct conn *c;
        simnet_pair(&world.net, pair);
        mem_fail_after(nth);
        if (conn_open(world.loop, pair[1], &world.config, &c) == OK) {
            size_t left = MiB + 4 - 3000;
            write_part(pair[0], MiB, 3000);
            for (int i = 0; i < 300 && left > 0; i++) {
                write_rest(pair[0], &left, 10000);
                world_run();
            }
        }
        mem_fail_after(0);
        sock_close(pair[0]);
        world_run();
        assert_int_equal(net_budget_used_bytes(world.budget), 0);
    }
    assert_true(world.frame_count > 0);
    assert_true(world.close_count > world.frame_count);
}

/* --- no descriptors --- */

enum { PORT = 9092, COMERS = 8 };

static void accept_one(void *ctx, struct sock *s)
{
    struct conn *c;
    assert_ok(conn_open(world.loop, s, &world.config, &c));
}

static bool is_turned_away(struct sock *s)
{
    char byte;
    struct iovec iov = {&byte, 1};
    size_t n = 1;
    enum err e = sock_readv(s, &iov, 1, &n);
    return e == ERR_CLOSED || (e == OK && n == 0);
}

/* Any number of accepts that fail: so many are turned away, at once; all others are served. */
static void who_finds_no_descriptor_is_told_so(void **state)
{
    struct listener *l;
    assert_ok(listener_open(world.loop, "", PORT, accept_one, NULL, &l));
    for (int without = 0; without <= COMERS; without++) {
        struct sock *socks[COMERS];
        int open_count = world.open_count, turned_away = 0;
        world.net.no_fds = without;
        for (int i = 0; i < COMERS; i++) {
            assert_ok(net_connect(&world.net.net, "127.0.0.1", PORT, &socks[i]));
        }
        world_run();
        for (int i = 0; i < COMERS; i++) {
            turned_away += is_turned_away(socks[i]);
            sock_close(socks[i]);
        }
        world_run();
        assert_int_equal(turned_away, without);
        assert_int_equal(world.open_count - open_count, COMERS - without);
        assert_int_equal(world.net.no_fds, 0);
    }
    listener_close(l);
    world_run();
}

/* However many come at once: who is in is served between them. */
static void those_who_are_in_do_not_wait_for_all_newcomers(void **state)
{
    enum { CROWD = 300, FAIR = 64 };
    struct sock *in, *crowd[CROWD];
    struct listener *l;
    assert_ok(listener_open(world.loop, "", PORT, accept_one, NULL, &l));
    in = peer_new();
    world_run();
    for (int i = 0; i < CROWD; i++) {
        assert_ok(net_connect(&world.net.net, "127.0.0.1", PORT, &crowd[i]));
    }
    peer_ask(in, "e");
    while (world.frame_count == 0) {
        assert_true(loop_step(world.loop, 0) > 0);
    }
    assert_in_range(world.open_count, 1, 1 + FAIR);
    world_run();
    assert_int_equal(world.open_count, 1 + CROWD);
    for (int i = 0; i < CROWD; i++) {
        sock_close(crowd[i]);
    }
    sock_close(in);
    listener_close(l);
    world_run();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(larger_frames_find_less_room),
        T(who_waits_longest_gets_the_lane_and_then_room),
        T(a_grant_under_way_cannot_be_cancelled),
        T(an_idle_connection_is_small),
        T(a_claim_costs_what_has_arrived),
        T(a_frame_beyond_the_budget_closes),
        T(many_big_frames_finish_under_a_small_budget),
        T(peers_that_claim_much_do_not_harm_others),
        T(whoever_stalls_in_the_lane_loses_it),
        T(whoever_stalls_while_memory_is_short_is_closed),
        T(frames_that_take_too_long_are_given_up),
        T(a_waiter_that_goes_away_leaves_nothing_behind),
        T(room_is_handed_on_between_loops),
        T(no_allocation_that_fails_does_harm),
        T(who_finds_no_descriptor_is_told_so),
        T(those_who_are_in_do_not_wait_for_all_newcomers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
