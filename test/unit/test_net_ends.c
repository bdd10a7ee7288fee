/* Connections over the network in memory: ends of all kinds. */
#include "net_world.h"

/* --- ends --- */

static void a_peer_that_ends_still_gets_its_answers(void **state)
{
    struct buf in = BUF_INIT;
    struct sock *s = peer_new();
    peer_ask(s, "w");
    peer_ask(s, "e");
    peer_ask(s, "p");
    peer_write(s, "\0\0", 2); /* a frame that never comes */
    simsock_end(s);
    world_run();
    assert_int_equal(world.close_count, 0);
    conn_resume(world.last_conn);
    world_run();
    assert_int_equal(world.frame_count, 3);
    answer_parked(1, "p");
    answer_parked(0, "w");
    assert_ok(peer_read_all(s, &in));
    assert_string_equal(frames_text(&in), "w,e,p,");
    assert_int_equal(world.close_count, 1);
    assert_err(ERR_CLOSED, world.last_reason);
    sock_close(s);
    buf_deinit(&in);
}

static void a_reset_closes_at_once(void **state)
{
    struct sock *s = peer_new();
    peer_ask(s, "w");
    world_run();
    simsock_reset(s);
    world_run();
    assert_int_equal(world.close_count, 1);
    assert_true(conn_is_closed(reply_conn(world.parked[0])));
    answer_parked(0, "nobody hears it");
    sock_close(s);
}

static void closing_in_on_frame_drops_what_follows(void **state)
{
    struct sock *s = peer_new();
    peer_ask(s, "x");
    peer_ask(s, "e");
    world_run();
    assert_int_equal(world.frame_count, 1);
    assert_int_equal(world.close_count, 1);
    assert_err(OK, world.last_reason);
    sock_close(s);
    /* with the frame in a buffer of its own */
    s = peer_new();
    char big[20000];
    struct buf b = BUF_INIT;
    memset(big, 'x', sizeof big);
    put_frame(&b, big, sizeof big);
    for (size_t at = 0; at < b.len; at += 7000) {
        peer_write(s, b.p + at, MIN(7000, b.len - at));
        world_run();
    }
    assert_int_equal(world.close_count, 2);
    sock_close(s);
    buf_deinit(&b);
}

static void conn_close_says_goodbye_after_the_answers(void **state)
{
    struct buf in = BUF_INIT;
    struct sock *s = peer_new();
    peer_ask(s, "p");
    peer_ask(s, "c");
    peer_ask(s, "e");
    world_run();
    assert_int_equal(world.frame_count, 2);
    assert_int_equal(world.close_count, 0);
    answer_parked(0, "p");
    assert_ok(peer_read_all(s, &in));
    assert_string_equal(frames_text(&in), "p,c,");
    assert_int_equal(world.close_count, 1);
    assert_err(OK, world.last_reason);
    sock_close(s);
    buf_deinit(&in);
}

static void a_parked_reply_keeps_its_connection(void **state)
{
    struct sock *s = peer_new();
    peer_ask(s, "p");
    world_run();
    struct conn *c = reply_conn(world.parked[0]);
    conn_close(c);
    sock_close(s);
    world_run();
    assert_true(conn_is_closed(c));
    assert_ptr_equal(reply_conn(world.parked[0]), c);
    struct reply *late = conn_reply_begin(c); /* begun after the close: swallowed too */
    conn_resume(c);
    conn_mute_until(c, INT64_MAX);
    conn_close(c);
    answer_str(late, "x");
    answer_parked(0, "x");
    assert_int_equal(world.close_count, 1);
}

static struct conn *victim;

static void close_victim(struct conn *c)
{
    world.close_count++;
    if (victim != NULL) {
        struct conn *v = victim;
        victim = NULL;
        conn_close(v);
        conn_unref(v);
    }
}

static void on_close_may_close_another(void **state)
{
    static const struct conn_handler handler = {
        .on_open = world_on_open, .on_frame = world_on_frame, .on_close = close_victim};
    world.config.handler = &handler;
    struct sock *a = peer_new();
    struct sock *b = peer_new();
    world_run();
    victim = world.last_conn;
    conn_ref(victim);
    simsock_reset(a); /* both are in the same batch of events */
    simsock_reset(b);
    world_run();
    assert_int_equal(world.close_count, 2);
    sock_close(a);
    sock_close(b);
}

static void close_it(struct conn *c) { conn_close(c); }

static void closing_in_on_open_is_fine(void **state)
{
    static const struct conn_handler handler = {
        .on_open = close_it, .on_frame = world_on_frame, .on_close = world_on_close};
    world.config.handler = &handler;
    struct sock *s = peer_new();
    assert_int_equal(world.close_count, 0);
    peer_ask(s, "e");
    world_run();
    assert_int_equal(world.close_count, 1);
    assert_int_equal(world.frame_count, 0);
    sock_close(s);
}

/* --- time --- */

static void an_idle_connection_is_closed(void **state)
{
    world.config.idle_max_ms = 1000;
    struct sock *s = peer_new();
    struct sock *busy = peer_new();
    world_pass_slowly_ms(900);
    peer_ask(s, "e");
    peer_ask(busy, "p");
    assert_answers(s, "e,");
    world_pass_slowly_ms(900);
    assert_int_equal(world.close_count, 0);
    world_pass_slowly_ms(200);
    assert_int_equal(world.close_count, 1);
    assert_err(OK, world.last_reason);
    world_pass_slowly_ms(5000); /* a parked request is not idleness */
    assert_int_equal(world.close_count, 1);
    answer_parked(0, "x");
    assert_answers(busy, "x,");
    world_pass_slowly_ms(2000);
    assert_int_equal(world.close_count, 2);
    sock_close(s);
    sock_close(busy);
}

static void a_peer_that_stops_reading_is_closed(void **state)
{
    world.config.idle_max_ms = 1000;
    world.net.window_bytes = 100;
    struct sock *s = peer_new();
    peer_ask(s, "p");
    world_run();
    char text[300];
    memset(text, 'x', sizeof text);
    answer(world.parked[0], text, sizeof text);
    world.parked_count = 0;
    world_pass_slowly_ms(800);
    struct buf in = BUF_INIT;
    (void)peer_read(s, &in); /* progress */
    for (int i = 0; i < 5; i++) {
        size_t n;
        world_pass_slowly_ms(100);
        peer_write_some(s, "\0", 1, &n); /* writing alone is none */
    }
    assert_int_equal(world.close_count, 0);
    world_pass_slowly_ms(700);
    assert_int_equal(world.close_count, 1);
    sock_close(s);
    buf_deinit(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_peer_that_ends_still_gets_its_answers),
        WORLD_TEST(a_reset_closes_at_once),
        WORLD_TEST(closing_in_on_frame_drops_what_follows),
        WORLD_TEST(conn_close_says_goodbye_after_the_answers),
        WORLD_TEST(a_parked_reply_keeps_its_connection),
        WORLD_TEST(on_close_may_close_another),
        WORLD_TEST(closing_in_on_open_is_fine),
        WORLD_TEST(an_idle_connection_is_closed),
        WORLD_TEST(a_peer_that_stops_reading_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
