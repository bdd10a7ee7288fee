/* A whole broker and a few connections that say anything: sequences of requests of every API and
 * version, good, random and mangled, in pieces, with connections that end in the middle and time
 * that passes. The broker must live, answer each whole request in its turn with what decodes, and
 * serve who is honest after each input.
 *
 * Input: verbs, each with what it needs; see `verbs`. One thread. Starting a broker costs more than
 * most inputs do: one lives for LIFE inputs. FUZZ_KEEP=FOLDER keeps those of the broker that lives
 * now; given to the target in their order, they play its life again. Before all inputs each version
 * of each API that is served is asked until it answers. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/endian.h"
#include "base/mem.h"
#include "broker/call.h"
#include "speaker.h"
#include "test/sim/asks.h"
#include "test/sim/small.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PEERS = 3,
    LIFE = 100, /* inputs */
    VERBS_MAX = 60,
    STEPS_MAX = 300,
    SENT_MAX = 64,   /* requests of a connection */
    ROUNDS_MAX = 50, /* until a version answers */
    LONG_MS = 1 << 20,
    ARENA_BYTES = 16 << 20,
    READ_BYTES = 4 << 10,
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
    struct speaker speaker;
    struct input in;
    int age; /* inputs */
};

static struct crashfs *made; /* a topic stands in it */
static struct world *world;  /* NULL: none lives */

static unsigned take(struct world *w) { return input_take(&w->in); }

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
    if (!e) {
        speaker_hear(&w->speaker, h, msg);
    }
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

/* A request of any API and version, made of the input's bytes; false when there is none. */
static bool build(struct world *w, struct peer *p, struct buf *out)
{
    struct wire_header *h = &p->sent[p->sent_count];
    if (p->sent_count == SENT_MAX || !speaker_choose(&w->in, h)) {
        return false;
    }
    bool knows = input_take(&w->in) % 4 != 0;
    h->correlation_id = p->sent_count;
    h->client_id = STR("fuzz");
    if (!speaker_say(&w->speaker, &w->in, knows, h, out)) {
        return false;
    }
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
    n = MIN(n, (size_t)(w->in.end - w->in.p));
    p->is_mangled = true;
    send_bytes(w, p, (struct bytes){w->in.p, n});
    w->in.p += n;
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
    struct ask_create a;
    struct create_topics_resp resp;
    diag_set_level(DIAG_FATAL);
    small_init(&w, "fuzz", 1);
    w.disk = crashfs_new();
    bool is_up = small_start(&w, &why);
    ASSERT(is_up);
    is_up = small_ask(&w, API_CREATE_TOPICS, 5, ask_create(&a, "topic", 2), &resp);
    ASSERT(is_up && resp.topics[0].error_code == OK);
    server_stop(w.server);
    small_deinit(&w);
    buf_deinit(&why);
    made = w.disk;
}

static struct world *begin(void)
{
    struct world *w = NEW(struct world);
    struct buf why = BUF_INIT;
    small_init(&w->small, "fuzz", 2); /* ids other than those that were made */
    arena_init(&w->arena, ARENA_BYTES);
    speaker_init(&w->speaker, &w->arena);
    w->small.disk = crashfs_clone(made);
    bool is_up = small_start(&w->small, &why);
    ASSERT(is_up);
    buf_deinit(&why);
    return w;
}

static void hang_up_all(struct world *w)
{
    for (int i = 0; i < PEERS; i++) {
        hang_up(&w->peers[i], false);
    }
}

static void end(struct world *w)
{
    hang_up_all(w);
    server_stop(w->small.server);
    small_deinit(&w->small);
    ASSERT(w->small.net.sock_count == 0 && crashfs_open_count(w->small.disk) == 0);
    crashfs_free(w->small.disk);
    arena_deinit(&w->arena);
    mem_free(w);
}

static void play(struct world *w)
{
    for (int i = 0; i < VERBS_MAX && w->in.p < w->in.end; i++) {
        unsigned verb = take(w);
        verbs[verb / PEERS % ARRAY_LEN(verbs)](w, &w->peers[verb % PEERS]);
        run(w, verb < 128 ? STEPS_MAX : 1);
    }
    run(w, STEPS_MAX);
}

/* --- every version --- */

/* Asks on a new connection, with time to answer. */
static void ask(struct world *w, int api_key, int version, struct input in)
{
    struct peer *p = &w->peers[0];
    struct buf b = BUF_INIT;
    hang_up(p, false);
    p->sent[0] = (struct wire_header){(int16_t)api_key, (int16_t)version, 0, STR("fuzz")};
    p->sent_count = 1;
    if (speaker_say(&w->speaker, &in, true, &p->sent[0], &b)) {
        send_bytes(w, p, buf_bytes(&b));
    }
    buf_deinit(&b);
    run(w, STEPS_MAX);
    for (int i = 0; i < 2 && p->answered == 0; i++) {
        simclock_add_ms(&w->small.clock, LONG_MS);
        run(w, STEPS_MAX);
    }
}

static void ask_until_answered(struct world *w, int api_key, int version, struct rand *r)
{
    uint8_t bytes[200];
    for (int i = 0; i < ROUNDS_MAX && speaker_heard(api_key, version) == 0; i++) {
        for (size_t at = 0; at < sizeof bytes; at++) {
            bytes[at] = (uint8_t)rand_u64(r);
        }
        ask(w, api_key, version, (struct input){bytes, bytes + sizeof bytes});
    }
    if (speaker_heard(api_key, version) == 0) {
        fprintf(stderr, "%s %d is never answered\n", wire_name(wire_request(api_key)), version);
        abort();
    }
}

static void ask_all(void)
{
    size_t count;
    const struct api *rows = api_rows(&count);
    struct rand r;
    rand_init(&r, 1);
    for (size_t i = 0; i < count; i++) {
        struct world *w = begin();
        for (int v = rows[i].min_version; v <= rows[i].max_version; v++) {
            ask_until_answered(w, rows[i].key, v, &r);
        }
        end(w);
    }
}

static bool serves(struct world *w)
{
    uint8_t own = 0;
    ask(w, API_API_VERSIONS, 3, (struct input){&own, &own + 1});
    return w->peers[0].answered == 1;
}

/* --- its life --- */

static void forget_life(const char *folder)
{
    char path[600];
    DIR *d = opendir(folder);
    struct dirent *entry;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') {
            unlink(path);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
}

static void keep(int age, const uint8_t *data, size_t size)
{
    const char *folder = getenv("FUZZ_KEEP");
    char path[600];
    if (folder == NULL) {
        return;
    }
    if (age == 0) {
        forget_life(folder);
    }
    snprintf(path, sizeof path, "%s/%03d", folder, age);
    FILE *f = fopen(path, "wb");
    if (f != NULL) {
        fwrite(data, 1, size, f);
        fclose(f);
    }
}

/* FUZZ_COUNT=1: how many versions the inputs reached. */
static void count_versions(void)
{
    size_t count, versions = 0, answered = 0, answers = 0;
    const struct api *rows = api_rows(&count);
    for (size_t i = 0; i < count; i++) {
        for (int v = rows[i].min_version; v <= rows[i].max_version; v++) {
            int n = speaker_heard(rows[i].key, v);
            versions++;
            answered += n > 0;
            answers += (size_t)n;
        }
    }
    fprintf(stderr, "%zu of %zu versions answered, %zu answers\n", answered, versions, answers);
}

static void end_last(void)
{
    if (getenv("FUZZ_COUNT") != NULL) {
        count_versions();
    }
    if (world != NULL) {
        end(world);
    }
    crashfs_free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (made == NULL) {
        make();
        ask_all();
        speaker_forget();
        atexit(end_last);
    }
    world = world ? world : begin();
    keep(world->age++, data, size);
    world->in = (struct input){data, data + size};
    play(world);
    hang_up_all(world);
    run(world, STEPS_MAX);
    ASSERT(serves(world));
    hang_up_all(world);
    if (world->age == LIFE) {
        end(world);
        world = NULL;
    }
    return 0;
}
