/* Connections over the network in memory: frames in, replies out, ends of all kinds. */
#include "net_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MiB = 1024 * 1024 };

static int set_up(void **state)
{
    world_init(64 * MiB);
    return 0;
}

static int tear_down(void **state)
{
    world_deinit();
    return 0;
}

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

static void a_huge_response_does_not_hold_others_up(void **state)
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
    reply_send(world.parked[0], &v);
    world.parked_count = 0;
    peer_ask(small, "e");
    loop_step(world.loop, 0);
    loop_step(world.loop, 0);
    assert_int_equal(simsock_pending(small), 5);
    assert_in_range(simsock_pending(big), 1, 3 * MiB);
    world_run();
    assert_int_equal(simsock_pending(big), 32 * MiB + 4);
    sock_close(big);
    sock_close(small);
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
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_frame_may_be_split_at_every_byte),
        T(a_big_frame_arrives_whole_in_any_pieces),
        T(a_length_that_is_negative_or_too_large_closes),
        T(lines_about_bad_peers_are_few),
        T(clients_say_nothing_by_themselves),
        T(the_limit_of_a_frame_may_be_lowered),
        T(replies_leave_in_the_order_of_requests),
        T(replies_that_are_ready_together_leave_in_one_write),
        T(small_answers_of_many_connections_leave_by_few_calls),
        T(answers_that_leave_together_are_whole),
        T(one_of_many_takes_a_part_and_one_is_gone),
        T(a_skipped_reply_at_the_end_holds_nothing_up),
        T(too_many_open_replies_stop_the_requests),
        T(nothing_is_handed_out_while_a_request_waits),
        T(a_muted_connection_is_heard_later),
        T(pauses_lose_nothing),
        T(a_peer_that_does_not_read_is_not_heard),
        T(a_huge_response_does_not_hold_others_up),
        T(extents_with_a_descriptor_are_sent),
        T(short_extents_join_the_bytes),
        T(extents_without_a_descriptor_are_read_and_sent),
        T(extents_go_where_files_cannot_be_sent),
        T(extents_are_released_once_however_it_ends),
        T(a_file_that_cannot_be_read_closes),
        T(a_peer_that_ends_still_gets_its_answers),
        T(a_reset_closes_at_once),
        T(closing_in_on_frame_drops_what_follows),
        T(conn_close_says_goodbye_after_the_answers),
        T(a_parked_reply_keeps_its_connection),
        T(on_close_may_close_another),
        T(closing_in_on_open_is_fine),
        T(an_idle_connection_is_closed),
        T(a_peer_that_stops_reading_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
