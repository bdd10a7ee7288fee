/* Connections over the network in memory: frames in, and when none is taken. test_net_replies.c:
 * what leaves; test_net_ends.c: how they end. */
#include "net_world.h"

#include <stdio.h>

/* --- framing --- */

static void a_frame_may_be_split_at_every_byte(void **state)
{
    struct buf b = BUF_INIT;
    put_frame(&b, "e-one", 5);
    put_frame(&b, "", 0);
    put_frame(&b, "e-three", 7);
    for (size_t cut = 0; cut <= b.len; cut++) {
        for (size_t cut2 = cut; cut2 <= b.len; cut2++) {
            struct sock *s = peer_new();
            peer_write(s, b.p, cut);
            world_run();
            peer_write(s, b.p + cut, cut2 - cut);
            world_run();
            peer_write(s, b.p + cut2, b.len - cut2);
            assert_answers(s, "e-one,,e-three,");
            sock_close(s);
            world_run();
        }
    }
    buf_deinit(&b);
    assert_int_equal(world.open_count, world.close_count);
}

static void a_big_frame_arrives_whole_in_any_pieces(void **state)
{
    static const size_t sizes[] = {4096, 65536, 262140, 262141, 262144, 1 * MiB, 9 * MiB + 7};
    static const size_t pieces[] = {0, 1448, 65536, 100001};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
            struct buf b = BUF_INIT;
            struct buf in = BUF_INIT;
            uint8_t *p = buf_extend(&b, sizes[i] + 4);
            be32_put(p, (uint32_t)sizes[i]);
            for (size_t j = 0; j < sizes[i]; j++) {
                p[4 + j] = (uint8_t)(j * 7 + (j >> 8));
            }
            p[4] = 's';
            put_frame(&b, "e", 1);
            world.frame_hash = 0;
            world.net.piece_bytes = pieces[k];
            world.net.window_bytes = 1 * MiB;
            struct sock *s = peer_new();
            peer_write(s, b.p, b.len);
            assert_err(ERR_AGAIN, peer_read_all(s, &in));
            assert_string_equal(frames_text(&in), "e,");
            uint64_t want = str_hash((struct str){(char *)b.p + 4, sizes[i]}, 0);
            want = str_hash(STR("e"), want * 31);
            assert_true(world.frame_hash == want);
            assert_int_equal(net_budget_used_bytes(world.budget), 0);
            sock_close(s);
            world_run();
            buf_deinit(&b);
            buf_deinit(&in);
        }
    }
}

static void a_length_that_is_negative_or_too_large_closes(void **state)
{
    static const uint32_t bad[] = {0xffffffff, 0x80000000, 100 * MiB + 1, 0x47455420 /* "GET " */};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf b = BUF_INIT;
        struct buf in = BUF_INIT;
        put_frame(&b, "e", 1);
        buf_put_be32(&b, bad[i]);
        struct sock *s = peer_new();
        peer_write(s, b.p, b.len);
        world_run();
        assert_int_equal(world.close_count, (int)i + 1);
        assert_err(ERR_MALFORMED, world.last_reason);
        sock_close(s);
        buf_deinit(&b);
        buf_deinit(&in);
    }
    assert_int_equal(world.line_count, ARRAY_LEN(bad));
}

static void lines_about_bad_peers_are_few(void **state)
{
    for (int i = 0; i < 100; i++) {
        struct sock *s = peer_new();
        peer_write(s, "\xff\xff\xff\xff", 4);
        world_run();
        sock_close(s);
    }
    assert_int_equal(world.close_count, 100);
    assert_int_equal(world.line_count, 10);
    world_pass_ms(1000);
    struct sock *s = peer_new();
    peer_write(s, "\xff\xff\xff\xff", 4);
    world_run();
    sock_close(s);
    assert_int_equal(world.line_count, 12); /* how many were left out, and the new one */
}

static void accept_one(void *ctx, struct sock *s)
{
    struct conn *c;
    assert_ok(conn_open(world.loop, s, &world.config, &c));
}

static enum conn_next never_on_frame(struct conn *c, uint8_t *frame, size_t len)
{
    fail();
    return CONN_CLOSE;
}

/* Clients live in other people's programs, whose standard error is theirs. */
static void clients_say_nothing_by_themselves(void **state)
{
    enum { PORT = 9092, MANY = 30 };
    const struct conn_handler handler = {.on_frame = never_on_frame};
    const struct conn_config config = {
        .handler = &handler, .ctx = &world, .frame_max_bytes = 3, .output_max_bytes = SIZE_MAX};
    struct listener *listener;
    assert_ok(listener_open(world.loop, "", PORT, accept_one, NULL, &listener));
    for (int i = 0; i < 2 * MANY; i++) {
        struct conn *c;
        struct sendvec v;
        sendvec_init(&v);
        sendvec_add_bytes(&v, (struct bytes){(const uint8_t *)"echo", 4}, NULL);
        assert_ok(conn_connect(world.loop, "127.0.0.1", PORT, &config, &c));
        conn_send(c, &v); /* the answer is too large */
        world_run();
        assert_int_equal(world.close_count, i + 1);
        world_pass_ms(i == MANY ? 1000 : 0);
    }
    assert_int_equal(world.line_count, 0);
    listener_close(listener);
}

static void the_limit_of_a_frame_may_be_lowered(void **state)
{
    struct sock *s = peer_new();
    world_run();
    conn_set_frame_max(world.last_conn, 3);
    peer_ask(s, "e12");
    assert_answers(s, "e12,");
    peer_ask(s, "e123");
    world_run();
    assert_int_equal(world.close_count, 1);
    sock_close(s);
}

/* --- waiting and muting --- */

static void nothing_is_handed_out_while_a_request_waits(void **state)
{
    struct sock *s = peer_new();
    peer_ask(s, "w");
    peer_ask(s, "e1");
    peer_ask(s, "w");
    peer_ask(s, "e2");
    world_run();
    assert_int_equal(world.frame_count, 1);
    answer_parked(0, "a");
    assert_answers(s, "a,");
    assert_int_equal(world.frame_count, 1);
    conn_resume(world.last_conn);
    assert_answers(s, "e1,");
    assert_int_equal(world.frame_count, 3);
    conn_resume(world.last_conn);
    assert_answers(s, "");
    answer_parked(0, "b");
    assert_answers(s, "b,e2,");
    peer_ask(s, "r");
    peer_ask(s, "e3");
    assert_answers(s, "r,e3,");
    sock_close(s);
}

static void a_muted_connection_is_heard_later(void **state)
{
    struct sock *s = peer_new();
    peer_ask(s, "m");
    peer_ask(s, "e1");
    assert_answers(s, "m,");
    peer_ask(s, "e2");
    world_pass_ms(99);
    assert_answers(s, "");
    world_pass_ms(1);
    assert_answers(s, "e1,e2,");
    sock_close(s);
}

/* Hands out a lot while now and then nothing may be handed out: the order and all bytes hold. */
static void pauses_lose_nothing(void **state)
{
    struct buf b = BUF_INIT;
    struct rand r;
    char frame[5000];
    rand_init(&r, 7);
    memset(frame, 'q', sizeof frame);
    uint64_t want = 0;
    for (int i = 0; i < 2000; i++) {
        size_t len = 1 + rand_below(&r, i % 10 ? 100 : sizeof frame);
        frame[0] = rand_one_in(&r, 5) ? 'w' : 's';
        put_frame(&b, frame, len);
        want = str_hash((struct str){frame, len}, want * 31);
    }
    struct sock *s = peer_new();
    for (size_t at = 0, n; at < b.len || world.parked_count > 0; at += n) {
        peer_write_some(s, b.p + at, b.len - at, &n);
        world_run();
        if (world.parked_count > 0) {
            answer_parked(0, "w");
            conn_resume(world.last_conn);
            world_run();
        }
    }
    world_run();
    assert_int_equal(world.frame_count, 2000);
    assert_true(world.frame_hash == want);
    sock_close(s);
    buf_deinit(&b);
}

/* --- backpressure --- */

static void a_peer_that_does_not_read_is_not_heard(void **state)
{
    char frame[10000];
    struct buf b = BUF_INIT;
    struct buf in = BUF_INIT;
    size_t n;
    memset(frame, 'e', sizeof frame);
    for (int i = 0; i < 1000; i++) {
        put_frame(&b, frame, sizeof frame);
    }
    struct sock *s = peer_new();
    size_t at = 0;
    do {
        peer_write_some(s, b.p + at, b.len - at, &n);
        at += n;
    } while (world_run() > 0 || n > 0);
    /* at most the limit, the window and one frame over */
    assert_in_range(world.frame_bytes, 1 * MiB, 1 * MiB + 64 * 1024 + 20000);
    while (in.len < b.len) {
        (void)peer_read(s, &in);
        peer_write_some(s, b.p + at, b.len - at, &n);
        at += n;
        assert_true(world_run() > 0 || n > 0 || in.len == b.len);
    }
    assert_int_equal(world.frame_count, 1000);
    assert_memory_equal(in.p, b.p, b.len);
    sock_close(s);
    buf_deinit(&b);
    buf_deinit(&in);
}

/* How much of a huge response has left when somebody else was answered. */
static size_t huge_response_beside_a_small_one(bool may_be_slow)
{
    struct sock *big = peer_new();
    struct sock *small = peer_new();
    world.net.window_bytes = 64 * MiB;
    world.config.output_max_bytes = 64 * MiB;
    peer_ask(big, "p");
    world_run();
    uint8_t *p = mem_zalloc(32 * MiB);
    struct sendvec v;
    sendvec_init(&v);
    sendvec_add_bytes(&v, (struct bytes){p, 32 * MiB}, p);
    v.may_be_slow = may_be_slow;
    reply_send(world.parked[0], &v);
    world.parked_count = 0;
    peer_ask(small, "e");
    loop_step(world.loop, 0);
    loop_step(world.loop, 0);
    assert_int_equal(simsock_pending(small), 5);
    size_t left = simsock_pending(big);
    world_run();
    assert_int_equal(simsock_pending(big), 32 * MiB + 4);
    sock_close(big);
    sock_close(small);
    return left;
}

static void a_huge_response_does_not_hold_others_up(void **state)
{
    assert_in_range(huge_response_beside_a_small_one(false), 1, 3 * MiB);
    assert_in_range(huge_response_beside_a_small_one(true), 1, 3 * MiB / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_frame_may_be_split_at_every_byte),
        WORLD_TEST(a_big_frame_arrives_whole_in_any_pieces),
        WORLD_TEST(a_length_that_is_negative_or_too_large_closes),
        WORLD_TEST(lines_about_bad_peers_are_few),
        WORLD_TEST(clients_say_nothing_by_themselves),
        WORLD_TEST(the_limit_of_a_frame_may_be_lowered),
        WORLD_TEST(nothing_is_handed_out_while_a_request_waits),
        WORLD_TEST(a_muted_connection_is_heard_later),
        WORLD_TEST(pauses_lose_nothing),
        WORLD_TEST(a_peer_that_does_not_read_is_not_heard),
        WORLD_TEST(a_huge_response_does_not_hold_others_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
