/* A whole broker and a few connections that say anything: sequences of requests of every API and
 * version, good, random and mangled, in pieces, with connections that end in the middle and time
 * that passes. The broker must live, and answer each whole request in its turn with what decodes.
 *
 * Input: verbs, each with what it needs; see `verbs`. One thread, a new broker for each input. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/endian.h"
#include "compat/wire_random.h"
#include "record/batch.h"
#include "record/record.h"
#include "test/sim/small.h"

#include <stdlib.h>

enum {
    PEERS = 3,
    VERBS_MAX = 40,
    STEPS_MAX = 300,
    SENT_MAX = 64,  /* requests of a connection */
    API_COUNT = 93, /* keys to choose from, some unknown */
    ARENA_BYTES = 16 << 20,
    READ_BYTES = 64 << 10,
    PORT = 9092,
};

struct peer {
    struct sock *sock; /* NULL: not connected */
    struct buf in;
    struct wire_header sent[SENT_MAX]; /* by correlation id */
    int sent_count, answered;
    bool is_mangled; /* who can say what it asked for */
};

struct world {
    struct small small;
    struct peer peers[PEERS];
    struct arena arena;
    const uint8_t *p, *end; /* of the input */
};

static struct crashfs *made; /* a topic and a group stand in it */

static unsigned take(struct world *w) { return w->p < w->end ? *w->p++ : 0; }

/* --- connections --- */

static void hang_up(struct peer *p, bool is_reset)
{
    if (p->sock != NULL && is_reset) {
        simsock_reset(p->sock);
    }
    sock_close(p->sock);
    buf_deinit(&p->in);
    *p = (struct peer){.in = BUF_INIT};
}

static void must_decode(struct world *w, struct peer *p, struct bytes frame)
{
    struct wire_header *h = &p->sent[p->answered];
    size_t used;
    const struct wire_msg *m = wire_response(h->api_key);
    void *msg = malloc(wire_struct_bytes(m));
    arena_reset(&w->arena);
    enum err e = wire_response_header_decode(frame, h, &used);
    ASSERT(e == OK);
    frame = (struct bytes){frame.p + used, frame.len - used};
    e = wire_decode(m, h->version, frame, &w->arena, msg, NULL);
    ASSERT(e == OK || e == ERR_BUDGET);
    free(msg);
}

/* acks=0 has no answer: an answer may be to any request that is not answered yet, in order. */
static void read_answer(struct world *w, struct peer *p, struct bytes frame)
{
    if (p->is_mangled) {
        return;
    }
    ASSERT(frame.len >= 4);
    int id = (int)be32_get(frame.p);
    ASSERT(id >= p->answered && id < p->sent_count);
    p->answered = id;
    struct wire_header *h = &p->sent[id];
    if (h->api_key != API_API_VERSIONS || h->version <= 4) {
        must_decode(w, p, frame);
    }
    p->answered++;
}

static void listen_to(struct world *w, struct peer *p)
{
    enum err e = OK;
    while (!e && p->sock != NULL) {
        struct iovec iov = {buf_reserve(&p->in, READ_BYTES), READ_BYTES};
        size_t n = 0;
        e = sock_readv(p->sock, &iov, 1, &n);
        p->in.len += e ? 0 : n;
        e = !e && n == 0 ? ERR_CLOSED : e;
    }
    size_t at = 0;
    while (p->in.len - at >= 4 && p->in.len - at - 4 >= be32_get(p->in.p + at)) {
        size_t len = be32_get(p->in.p + at);
        read_answer(w, p, (struct bytes){p->in.p + at + 4, len});
        at += 4 + len;
    }
    if (at > 0) {
        memmove(p->in.p, p->in.p + at, p->in.len - at);
        p->in.len -= at;
    }
    if (e && e != ERR_AGAIN) {
        hang_up(p, false);
    }
}

static void run(struct world *w, int steps)
{
    while (steps-- > 0 && server_step(w->small.server)) {
    }
    for (int i = 0; i < PEERS; i++) {
        listen_to(w, &w->peers[i]);
    }
}

/* As much as the network takes: what is left over is lost, and the connection with it. */
static void send_bytes(struct world *w, struct peer *p, struct bytes b)
{
    if (p->sock == NULL && net_connect(&w->small.net.net, "127.0.0.1", PORT, &p->sock) != OK) {
        p->sock = NULL;
        return;
    }
    while (b.len > 0 && p->sock != NULL) {
        struct iovec iov = {(void *)(uintptr_t)b.p, b.len};
        size_t n = 0;
        enum err e = sock_writev(p->sock, &iov, 1, 0, &n);
        if (e) {
            hang_up(p, false);
            return;
        }
        b = (struct bytes){b.p + n, b.len - n};
    }
}

/* --- requests --- */

/* What a random message would hardly have: a batch, and the names of what is there. */
static void improve(struct world *w, int api_key, void *msg)
{
    static uint8_t room[1024];
    struct buf bytes = BUF_INIT;
    struct batch head = {.leader_epoch = -1, .base_ts_ms = 1, .producer_id = (int)take(w) - 1};
    struct record r = {.ts_ms = 1, .value = {(const uint8_t *)"value", 5}};
    struct batch_builder bb;
    struct produce_req *req = msg;
    if (api_key != API_PRODUCE) {
        return;
    }
    batch_builder_init(&bb, &bytes, &head, (enum codec)(take(w) % CODEC_COUNT),
                       CODEC_LEVEL_DEFAULT);
    batch_builder_add(&bb, &r);
    ASSERT(batch_builder_finish(&bb) == OK && bytes.len < sizeof room);
    batch_builder_deinit(&bb);
    memcpy(room, bytes.p, bytes.len);
    for (int i = 0; i < req->topic_data_count; i++) {
        struct produce_req_topic_produce_data *t = &req->topic_data[i];
        t->name = STR("topic");
        for (int j = 0; j < t->partition_data_count; j++) {
            t->partition_data[j].records = (struct wire_records){room, bytes.len, NULL};
        }
    }
    buf_deinit(&bytes);
}

/* A request of any API and version, made of the input's bytes; false when there is none. */
static bool build(struct world *w, struct peer *p, struct buf *out)
{
    int api_key = (int)(take(w) % API_COUNT);
    const struct wire_msg *m = wire_request(api_key);
    if (m == NULL || p->sent_count == SENT_MAX) {
        return false;
    }
    unsigned how = take(w);
    int versions = wire_max_version(m) - wire_min_version(m) + 1;
    int version = wire_min_version(m) + (int)(how / 2) % versions;
    struct wire_header *h = &p->sent[p->sent_count];
    *h = (struct wire_header){(int16_t)api_key, (int16_t)version, p->sent_count, STR("fuzz")};
    arena_reset(&w->arena);
    void *msg = arena_alloc(&w->arena, wire_struct_bytes(m));
    struct wire_random fill = {NULL, w->p, w->end, &w->arena, version};
    if (msg == NULL || !wire_random_fill(&fill, m, msg)) {
        return false;
    }
    w->p = fill.p;
    if (how % 2) {
        improve(w, api_key, msg);
    }
    buf_put_be32(out, 0);
    enum err e = wire_request_header_encode(h, out);
    e = e ? e : wire_encode(m, version, msg, out, NULL);
    ASSERT(e == OK);
    be32_put(out->p, (uint32_t)(out->len - 4));
    p->sent_count++;
    return true;
}

static void say(struct world *w, struct peer *p)
{
    struct buf b = BUF_INIT;
    if (build(w, p, &b)) {
        send_bytes(w, p, buf_bytes(&b));
    }
    buf_deinit(&b);
}

static void say_mangled(struct world *w, struct peer *p)
{
    struct buf b = BUF_INIT;
    if (build(w, p, &b)) {
        for (unsigned n = take(w) % 4; n > 0; n--) {
            size_t at = (take(w) << 8 | take(w)) % b.len;
            b.p[at] = (uint8_t)take(w);
        }
        p->is_mangled = true;
        send_bytes(w, p, buf_bytes(&b));
    }
    buf_deinit(&b);
}

static void say_part(struct world *w, struct peer *p)
{
    struct buf b = BUF_INIT;
    if (build(w, p, &b)) {
        b.len = take(w) % b.len;
        p->is_mangled = true;
        send_bytes(w, p, buf_bytes(&b));
    }
    buf_deinit(&b);
}

static void say_noise(struct world *w, struct peer *p)
{
    size_t n = take(w);
    n = n > (size_t)(w->end - w->p) ? (size_t)(w->end - w->p) : n;
    p->is_mangled = true;
    send_bytes(w, p, (struct bytes){w->p, n});
    w->p += n;
}

static void end_peer(struct world *w, struct peer *p)
{
    unsigned how = take(w) % 3;
    if (how == 2 && p->sock != NULL) {
        simsock_end(p->sock);
    } else {
        hang_up(p, how);
    }
}

static void pass_time(struct world *w, struct peer *p)
{
    (void)p;
    simclock_add_ms(&w->small.clock, INT64_C(1) << take(w) % 20);
}

static void run_on(struct world *w, struct peer *p)
{
    (void)p;
    run(w, STEPS_MAX);
}

static void (*const verbs[])(struct world *w, struct peer *p) = {
    say, say, say, say_mangled, say_part, say_noise, end_peer, pass_time, run_on,
};

/* --- a run --- */

static void make(void)
{
    struct small w;
    struct buf why = BUF_INIT;
    struct create_topics_req_creatable_topic t = create_topics_req_creatable_topic_default;
    struct create_topics_req req = create_topics_req_default;
    struct create_topics_resp resp;
    diag_set_level(DIAG_FATAL);
    small_init(&w, "fuzz", 1);
    w.disk = crashfs_new();
    bool is_up = small_start(&w, &why);
    ASSERT(is_up);
    t.name = STR("topic");
    t.num_partitions = 2;
    t.replication_factor = 1;
    req.topics = &t;
    req.topics_count = 1;
    is_up = small_ask(&w, API_CREATE_TOPICS, 5, &req, &resp);
    ASSERT(is_up && resp.topics[0].error_code == OK);
    server_stop(w.server);
    small_deinit(&w);
    buf_deinit(&why);
    made = w.disk;
}

static void play(struct world *w)
{
    for (int i = 0; i < VERBS_MAX && w->p < w->end; i++) {
        unsigned verb = take(w);
        verbs[verb / PEERS % ARRAY_LEN(verbs)](w, &w->peers[verb % PEERS]);
        run(w, verb < 128 ? STEPS_MAX : 1);
    }
    run(w, STEPS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (made == NULL) {
        make();
    }
    struct world w = {.p = data, .end = data + size};
    struct buf why = BUF_INIT;
    small_init(&w.small, "fuzz", size);
    arena_init(&w.arena, ARENA_BYTES);
    w.small.disk = crashfs_clone(made);
    bool is_up = small_start(&w.small, &why);
    ASSERT(is_up);
    play(&w);
    for (int i = 0; i < PEERS; i++) {
        hang_up(&w.peers[i], false);
    }
    server_stop(w.small.server);
    small_deinit(&w.small);
    ASSERT(w.small.net.sock_count == 0 && crashfs_open_count(w.small.disk) == 0);
    crashfs_free(w.small.disk);
    arena_deinit(&w.arena);
    buf_deinit(&why);
    return 0;
}
