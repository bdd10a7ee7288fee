/* Connections over the network in memory: replies out, of memory and of files. */
#include "net_world.h"

#include <stdlib.h>
#include <unistd.h>

/* --- replies --- */

static void replies_leave_in_the_order_of_requests(void **state)
{
    struct sock *s = peer_new();
    peer_ask(s, "p");
    peer_ask(s, "e1");
    peer_ask(s, "p");
    peer_ask(s, "s");
    peer_ask(s, "e2");
    assert_answers(s, "");
    answer_parked(1, "second");
    assert_answers(s, "");
    answer_parked(0, "first");
    assert_answers(s, "first,e1,second,e2,");
    sock_close(s);
}

static void replies_that_are_ready_together_leave_in_one_write(void **state)
{
    struct sock *s = peer_new();
    world_run();
    struct buf b = BUF_INIT;
    for (int i = 0; i < 10; i++) {
        put_frame(&b, "e", 1);
    }
    uint64_t before = world.net.write_count;
    peer_write(s, b.p, b.len);
    assert_answers(s, "e,e,e,e,e,e,e,e,e,e,");
    assert_int_equal(world.net.write_count - before, 2); /* the peer's own and the answer */
    for (int i = 0; i < 3; i++) {
        peer_ask(s, "p");
    }
    world_run();
    before = world.net.write_count;
    for (int i = 2; i >= 0; i--) {
        answer_parked(i, "x");
    }
    assert_answers(s, "x,x,x,");
    assert_int_equal(world.net.write_count - before, 1);
    sock_close(s);
    buf_deinit(&b);
}

enum { MANY = 150 }; /* more than leave together at once */

static void peers_new(struct sock **peers)
{
    for (int i = 0; i < MANY; i++) {
        peers[i] = peer_new();
    }
    world_run();
}

static void peers_close(struct sock **peers)
{
    for (int i = 0; i < MANY; i++) {
        sock_close(peers[i]);
    }
    world_run();
    assert_int_equal(world.open_count, world.close_count);
}

static void park_all(struct sock **peers)
{
    for (int i = 0; i < MANY; i++) {
        peer_ask(peers[i], "p");
    }
    world_run();
    assert_int_equal(world.parked_count, MANY);
}

static void small_answers_of_many_connections_leave_by_few_calls(void **state)
{
    struct sock *peers[MANY];
    char text[16];
    peers_new(peers);
    park_all(peers);
    for (int i = MANY - 1; i >= 0; i--) {
        snprintf(text, sizeof text, "answer %d", i);
        answer_parked(i, text);
    }
    uint64_t before = world.net.write_count;
    assert_int_equal(loop_step(world.loop, 0), 1);
    assert_int_equal(world.net.write_count - before, MANY);
    assert_int_equal(world.net.together_count, 3);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "answer %d,", i);
        assert_answers(peers[i], text);
    }
    peers_close(peers);
}

/* Answers of all kinds in one step: each peer gets its own, whole and in order. */
static void answers_that_leave_together_are_whole(void **state)
{
    static const char kinds[] = "eesmcLeH";
    static uint8_t large[5000], huge[1 * MiB];
    struct sock *peers[MANY];
    struct buf in = BUF_INIT;
    memset(large, 'L', sizeof large);
    memset(huge, 'H', sizeof huge);
    world.net.window_bytes = 2000;
    peers_new(peers);
    park_all(peers);
    for (int i = 0; i < MANY; i++) {
        char ask[] = {kinds[(size_t)i % (sizeof kinds - 1)], '\0'};
        peer_ask(peers[i], ask[0] > 'Z' ? ask : "e");
    }
    for (int i = MANY - 1; i >= 0; i--) {
        char kind = kinds[(size_t)i % (sizeof kinds - 1)];
        kind == 'L'   ? answer(world.parked[i], large, sizeof large)
        : kind == 'H' ? answer(world.parked[i], huge, sizeof huge)
                      : answer(world.parked[i], "first", 5);
    }
    world.parked_count = 0;
    loop_step(world.loop, 0);
    assert_true(world.net.together_count >= 3);
    for (int i = 0; i < MANY; i++) {
        static const char *const wants[] = {"first,e,", "first,e,", "first,",   "first,m,",
                                            "first,c,", "5000,e,",  "first,e,", "1048576,e,"};
        const char *want = wants[(size_t)i % (sizeof kinds - 1)];
        (void)peer_read_all(peers[i], &in);
        assert_string_equal(frames_text(&in), want);
        buf_clear(&in);
    }
    buf_deinit(&in);
    world_pass_ms(200); /* until none is mute */
    peers_close(peers);
}

/* What was copied and not taken is sent later; who is gone disturbs nobody. */
static void one_of_many_takes_a_part_and_one_is_gone(void **state)
{
    enum { FULL = 7, GONE = 50 };
    struct sock *peers[MANY];
    struct buf in = BUF_INIT;
    world.net.window_bytes = 100;
    peers_new(peers);
    for (int i = 0; i < 7; i++) {
        peer_ask(peers[FULL], "e23456789");
    }
    park_all(peers);
    for (int i = MANY - 1; i >= 0; i--) {
        answer_parked(i, "abcdefgh");
    }
    simsock_reset(peers[GONE]);
    world_run();
    for (int i = 0; i < MANY; i++) {
        enum err e = peer_read_all(peers[i], &in);
        assert_err(i == GONE ? ERR_CLOSED : ERR_AGAIN, e);
        const char *full = "e23456789,e23456789,e23456789,e23456789,e23456789,e23456789,"
                           "e23456789,abcdefgh,";
        const char *want = i == GONE ? "" : i == FULL ? full : "abcdefgh,";
        assert_string_equal(frames_text(&in), want);
        buf_clear(&in);
    }
    buf_deinit(&in);
    peers_close(peers);
}

static void a_skipped_reply_at_the_end_holds_nothing_up(void **state)
{
    struct sock *s = peer_new();
    peer_ask(s, "p");
    peer_ask(s, "s");
    world_run();
    reply_skip(world.parked[0]);
    world.parked_count = 0;
    peer_ask(s, "e");
    assert_answers(s, "e,");
    simsock_end(s);
    world_run();
    assert_int_equal(world.close_count, 1);
    sock_close(s);
}

static void too_many_open_replies_stop_the_requests(void **state)
{
    struct sock *s = peer_new();
    for (int i = 0; i < 1500; i++) {
        peer_ask(s, "p");
    }
    world_run();
    assert_int_equal(world.frame_count, 1024);
    for (int i = 0; i < 1024; i++) {
        answer_str(world.parked[i], "x");
    }
    world_run();
    assert_int_equal(world.frame_count, 1500);
    for (int i = 1024; i < 1500; i++) {
        answer_str(world.parked[i], "x");
    }
    world.parked_count = 0;
    struct buf in = BUF_INIT;
    assert_err(ERR_AGAIN, peer_read_all(s, &in));
    assert_int_equal(in.len, 1500 * 5);
    sock_close(s);
    buf_deinit(&in);
}

/* --- extents --- */

struct extent {
    int fd;
    int with_fd;
    bool fails;
    int release_count;
};

static int extent_fd(void *ref)
{
    struct extent *x = ref;
    return x->with_fd ? x->fd : -1;
}

static enum err extent_pread(void *ref, uint64_t pos, void *p, size_t len)
{
    struct extent *x = ref;
    return !x->fails && pread(x->fd, p, len, (off_t)pos) == (ssize_t)len ? OK : ERR_IO;
}

static void extent_release(void *ref) { ((struct extent *)ref)->release_count++; }

static const struct extent_ops extent_ops = {extent_fd, extent_pread, extent_release};

static int temp_file(size_t size)
{
    char path[] = "/tmp/ottla-test-net-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    uint8_t *p = mem_alloc(size);
    for (size_t i = 0; i < size; i++) {
        p[i] = (uint8_t)(i ^ (i >> 8) ^ (i >> 16));
    }
    assert_int_equal(write(fd, p, size), size);
    mem_free(p);
    return fd;
}

static void expect_extents(bool with_fd, bool no_send_file, size_t piece)
{
    enum { SIZE = 700000 };
    struct extent x = {temp_file(SIZE), with_fd, false, 0};
    struct buf in = BUF_INIT;
    struct buf want = BUF_INIT;
    world.net.no_send_file = no_send_file;
    world.net.piece_bytes = piece;
    struct sock *s = peer_new();
    peer_ask(s, "p");
    peer_ask(s, "e");
    world_run();
    struct sendvec v;
    sendvec_init(&v);
    buf_put_be32(&want, 0);
    for (int i = 0; i < 7; i++) {
        size_t pos = (size_t)i * 1000;
        size_t len = i == 3 ? 0 : i == 5 ? SIZE - pos : i % 2 ? 5000 : 20000;
        sendvec_add_bytes(&v, (struct bytes){(const uint8_t *)"head", 4}, NULL);
        sendvec_add_extent(&v, &extent_ops, &x, pos, len);
        buf_put(&want, "head", 4);
        uint8_t *p = buf_extend(&want, len);
        assert_int_equal(pread(x.fd, p, len, (off_t)pos), len);
    }
    be32_put(want.p, (uint32_t)want.len - 4);
    put_frame(&want, "e", 1);
    reply_send(world.parked[0], &v);
    world.parked_count = 0;
    assert_err(ERR_AGAIN, peer_read_all(s, &in));
    assert_int_equal(in.len, want.len);
    assert_memory_equal(in.p, want.p, want.len);
    assert_int_equal(x.release_count, 7);
    assert_int_equal(world.net.send_file_count > 0, with_fd && !no_send_file);
    sock_close(s);
    world_run();
    close(x.fd);
    buf_deinit(&in);
    buf_deinit(&want);
}

static void extents_with_a_descriptor_are_sent(void **state)
{
    expect_extents(true, false, 0);
    expect_extents(true, false, 999);
}

/* A call and a packet of their own would cost more. */
static void short_extents_join_the_bytes(void **state)
{
    enum { SIZE = 1000 };
    struct extent x = {temp_file(SIZE), true, false, 0};
    struct buf in = BUF_INIT;
    struct sock *s = peer_new();
    peer_ask(s, "p");
    world_run();
    struct sendvec v;
    sendvec_init(&v);
    sendvec_add_bytes(&v, (struct bytes){(const uint8_t *)"head", 4}, NULL);
    sendvec_add_extent(&v, &extent_ops, &x, 0, SIZE);
    sendvec_add_bytes(&v, (struct bytes){(const uint8_t *)"tail", 4}, NULL);
    uint64_t writes = world.net.write_count;
    reply_send(world.parked[0], &v);
    world.parked_count = 0;
    assert_err(ERR_AGAIN, peer_read_all(s, &in));
    assert_int_equal(in.len, 4 + 4 + SIZE + 4);
    assert_memory_equal(in.p + 4, "head", 4);
    assert_memory_equal(in.p + 8 + SIZE, "tail", 4);
    assert_int_equal(world.net.write_count - writes, 1);
    assert_int_equal(world.net.send_file_count, 0);
    assert_int_equal(x.release_count, 1);
    sock_close(s);
    world_run();
    close(x.fd);
    buf_deinit(&in);
}

static void extents_without_a_descriptor_are_read_and_sent(void **state)
{
    expect_extents(false, false, 0);
    expect_extents(false, false, 777);
}

static void extents_go_where_files_cannot_be_sent(void **state)
{
    expect_extents(true, true, 5555);
}

static void add_extents(struct sendvec *v, struct extent *x)
{
    sendvec_init(v);
    for (int i = 0; i < 6; i++) {
        sendvec_add_extent(v, &extent_ops, x, 0, 1000);
    }
}

static void extents_are_released_once_however_it_ends(void **state)
{
    struct extent x = {temp_file(1000), true, false, 0};
    struct sendvec v;
    /* closed while they wait behind another reply */
    struct sock *s = peer_new();
    peer_ask(s, "p");
    peer_ask(s, "p");
    world_run();
    add_extents(&v, &x);
    reply_send(world.parked[1], &v);
    conn_close(world.last_conn);
    assert_int_equal(x.release_count, 6);
    /* completed after the close */
    add_extents(&v, &x);
    reply_send(world.parked[0], &v);
    assert_int_equal(x.release_count, 12);
    sock_close(s);
    /* closed half-sent */
    world.net.window_bytes = 2500;
    s = peer_new();
    peer_ask(s, "p");
    world_run();
    add_extents(&v, &x);
    reply_send(world.parked[0], &v);
    world_run();
    assert_int_equal(simsock_pending(s), 2500);
    simsock_reset(s);
    world_run();
    assert_int_equal(x.release_count, 18);
    sock_close(s);
    /* never sent at all */
    add_extents(&v, &x);
    sendvec_deinit(&v);
    assert_int_equal(x.release_count, 24);
    world.parked_count = 0;
    close(x.fd);
}

static void a_file_that_cannot_be_read_closes(void **state)
{
    for (int with_fd = 0; with_fd < 2; with_fd++) {
        struct extent x = {temp_file(1000), with_fd, true, 0};
        struct sendvec v;
        struct sock *s = peer_new();
        peer_ask(s, "p");
        world_run();
        sendvec_init(&v);
        sendvec_add_extent(&v, &extent_ops, &x, 900, 50000); /* longer than the file */
        reply_send(world.parked[0], &v);
        world.parked_count = 0;
        world_run();
        assert_int_equal(world.close_count, with_fd + 1);
        assert_err(with_fd ? ERR_SHORT : ERR_IO, world.last_reason);
        assert_int_equal(x.release_count, 1);
        sock_close(s);
        close(x.fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(replies_leave_in_the_order_of_requests),
        WORLD_TEST(replies_that_are_ready_together_leave_in_one_write),
        WORLD_TEST(small_answers_of_many_connections_leave_by_few_calls),
        WORLD_TEST(answers_that_leave_together_are_whole),
        WORLD_TEST(one_of_many_takes_a_part_and_one_is_gone),
        WORLD_TEST(a_skipped_reply_at_the_end_holds_nothing_up),
        WORLD_TEST(too_many_open_replies_stop_the_requests),
        WORLD_TEST(extents_with_a_descriptor_are_sent),
        WORLD_TEST(short_extents_join_the_bytes),
        WORLD_TEST(extents_without_a_descriptor_are_read_and_sent),
        WORLD_TEST(extents_go_where_files_cannot_be_sent),
        WORLD_TEST(extents_are_released_once_however_it_ends),
        WORLD_TEST(a_file_that_cannot_be_read_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
