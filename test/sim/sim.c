/* A whole broker in one thread, on a disk that forgets, a network that breaks and a clock that the
 * simulator turns. Idempotent producers with acks=all, a consumer and one who commits offsets work
 * against it while the power goes, the process is killed, calls to the disk fail, memory runs out
 * and connections break; at last all is read back. The same seed is the same run.
 *
 * What must hold, whatever happened:
 *   - what was acknowledged is there, at the offset that was told
 *   - of each producer and partition there are the records 0, 1, 2, … once each and in this order
 *   - what a consumer was given stays what it was
 *   - a producer that retries is never told that its sequence is wrong
 *   - an offset that a group was told to have committed is never taken back
 *   - a producer id is given once
 *   - a topic that was made is there, one that was deleted is not, a setting that was made holds
 *
 * The partitions are moved between two data directories meanwhile.
 *
 * Every fifth seed acknowledges from the page cache. In every other one of these the power only
 * goes after a clean stop, and no call fails: a kill alone loses nothing. In the others it goes at
 * any time: then the end of a partition may be lost, and what is left must be a beginning of what
 * was there, with nothing in it that is damaged.
 *
 *   sim SEED [COUNT]    so many runs, from this seed on; one that fails is played again, and told
 * of sim SEED shrink     the fewest steps with which it still fails
 *
 * SIM_OUT=FOLDER: what happened and what was on the disk go there. SIM_DIAG=1: it is told all
 * along.
 *
 * machine.c what befalls the broker; producer.c, reader.c, committer.c, meddler.c who works against
 * it; verdict.c what must hold at the end; trace.c what is told of a failure. */
#include "test/sim/sim.h"
#include "test/sim/asks.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STEPS = 1500,
    STEPS_AT_END = 20000,
    PIECE_BYTES_AT_END = 4096, /* a few at a time and large records take for ever */
};

static void admin_step(struct sim *s)
{
    struct create_topics_resp resp;
    if (s->has_topic) {
        return;
    }
    if (!s->admin.is_waiting) {
        struct ask_create a;
        sim_client_call(&s->admin, API_CREATE_TOPICS, 5, ask_create(&a, SIM_TOPIC, SIM_PARTS));
    }
    if (sim_client_poll(&s->admin, &resp) == SIM_ANSWER) {
        enum err e = (enum err)resp.topics[0].error_code;
        s->has_topic = e == OK || e == ERR_TOPIC_ALREADY_EXISTS;
    }
}

static void commit_step(struct sim *s)
{
    struct buf why = BUF_INIT;
    if (!committer_step(&s->committer, &s->rand, &why)) {
        sim_violation(s, "%s", buf_cstr(&why));
    }
    s->is_hurt = s->is_hurt || s->committer.is_refused;
    buf_deinit(&why);
}

static void meddle(struct sim *s)
{
    struct buf why = BUF_INIT;
    if (!meddler_step(&s->meddler, &s->rand, &why)) {
        sim_violation(s, "%s", buf_cstr(&why));
    }
    buf_deinit(&why);
}

static void step(struct sim *s, bool has_more)
{
    simclock_add_ms(&s->clock, 1 + (int64_t)rand_below(&s->rand, 5));
    admin_step(s);
    for (int i = 0; s->has_topic && i < SIM_PRODUCERS; i++) {
        sim_produce(s, i, has_more);
    }
    if (s->has_topic) {
        sim_read(s, &s->reader);
        commit_step(s);
        meddle(s);
    }
    for (int n = (int)rand_below(&s->rand, 8); n > 0 && sim_broker_step(s); n--) {
    }
}

/* --- the end --- */

static bool is_settled(const struct sim *s)
{
    for (int i = 0; i < SIM_PRODUCERS; i++) {
        if (s->producers[i].now.is_open) {
            return false;
        }
    }
    return true;
}

static bool is_read(const struct reader *c)
{
    for (int i = 0; i < SIM_PARTS; i++) {
        if (c->end[i] < 0 || c->position[i] < c->end[i]) {
            return false;
        }
    }
    return true;
}

static void settle(struct sim *s)
{
    sim_arm(s, &(struct crashfs_plan){.fault = CRASHFS_NO_FAULT});
    s->net.piece_bytes = MAX(s->net.piece_bytes, PIECE_BYTES_AT_END);
    sim_crash(s);
    sim_start(s);
    for (int i = 0; i < STEPS_AT_END && !(s->has_topic && is_settled(s)); i++) {
        step(s, false);
    }
    if (!is_settled(s)) {
        sim_violation(s, "records are not acknowledged though all is well");
    }
}

static void read_back(struct sim *s)
{
    struct reader c = {.seen = s->final, .end = {-1, -1, -1}};
    server_stop(s->server);
    s->server = NULL;
    if (s->is_page_cache) {
        sim_cut_power(s);
    }
    sim_start(s);
    sim_client_init(&c.client, &s->net.net, SIM_PORT);
    int checked_before = s->committer.checked_count;
    for (int i = 0;
         i < STEPS_AT_END && !(is_read(&c) && s->committer.checked_count > checked_before + 9);
         i++) {
        simclock_add_ms(&s->clock, 1);
        sim_read(s, &c);
        commit_step(s);
        while (server_step(s->server)) {
        }
    }
    if (!is_read(&c) || s->committer.checked_count <= checked_before + 9) {
        sim_violation(s, "not all can be read");
    }
    sim_client_deinit(&c.client);
    sim_judge(s);
}

/* --- a run --- */

static void run_init(struct sim *s, uint64_t seed)
{
    *s = (struct sim){.seed = seed};
    rand_init(&s->rand, seed);
    simnet_init(&s->net);
    s->net.rand = &s->rand;
    s->net.piece_bytes = 1 + rand_below(&s->rand, 20000);
    s->net.no_send_file = true; /* the disk is in memory */
    simclock_init(&s->clock);
    s->disk = crashfs_new();
    sim_client_init(&s->admin, &s->net.net, SIM_PORT);
    sim_client_init(&s->reader.client, &s->net.net, SIM_PORT);
    committer_init(&s->committer, &s->net.net, SIM_PORT, SIM_TOPIC);
    meddler_init(&s->meddler, &s->net.net, SIM_PORT, SIM_TOPIC, SIM_PARTS);
    s->reader.seen = s->seen;
    for (int i = 0; i < SIM_PRODUCERS; i++) {
        s->producers[i].id = -1;
        sim_client_init(&s->producers[i].client, &s->net.net, SIM_PORT);
    }
}

static void run_deinit(struct sim *s)
{
    server_stop(s->server);
    sim_client_deinit(&s->admin);
    sim_client_deinit(&s->reader.client);
    committer_deinit(&s->committer);
    meddler_deinit(&s->meddler);
    for (int i = 0; i < SIM_PRODUCERS; i++) {
        sim_client_deinit(&s->producers[i].client);
    }
    for (int i = 0; i < SIM_PARTS; i++) {
        mem_free(s->acked[i].v);
        mem_free(s->seen[i].v);
        mem_free(s->final[i].v);
    }
    crashfs_free(s->disk);
    if (s->net.sock_count != 0) {
        sim_violation(s, "%" PRIu64 " sockets leaked", s->net.sock_count);
    }
}

static void run_through(struct sim *s, int steps)
{
    for (; s->step < steps; s->step++) {
        step(s, true);
        sim_heal(s);
        if (rand_one_in(&s->rand, 60)) {
            sim_misfortune(s);
        }
    }
    s->is_short_of_memory = false;
    settle(s);
    read_back(s);
}

/* How it is to be run. */
struct way {
    int steps;
    bool is_traced, is_talkative;
};

static void run(uint64_t seed, const struct way *way)
{
    struct sim s;
    run_init(&s, seed);
    s.is_page_cache = seed % 5 == 0;
    s.is_careless = seed % 10 == 0;
    s.committer.may_go_back = s.is_careless;
    s.is_short_of_memory = rand_one_in(&s.rand, 3);
    sim_trace_begin(&s, way->is_traced);
    sim_start(&s);
    run_through(&s, way->steps);
    if (way->is_talkative) {
        printf("sim %" PRIu64 ": %d records, %d commits and %d changes acknowledged, %d starts\n",
               seed, s.acked_count, s.committer.acked_count, s.meddler.acked_count, s.restarts);
    }
    run_deinit(&s);
}

/* --- the fewest steps --- */

static bool fails(uint64_t seed, int steps)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        run(seed, &(struct way){.steps = steps, .is_traced = true});
        _exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status != 0;
}

/* As if each failed that is longer than one that fails: nearly so. */
static void shrink(uint64_t seed)
{
    int good = 0, bad = STEPS;
    setenv("SIM_QUIET", "1", 1);
    while (bad - good > 1) {
        int at = good + (bad - good) / 2;
        if (fails(seed, at)) {
            bad = at;
        } else {
            good = at;
        }
    }
    bool is_bad = fails(seed, bad);
    unsetenv("SIM_QUIET");
    if (is_bad) {
        sim_trace_again(seed, bad);
    }
    printf("sim %" PRIu64 ": it does not fail\n", seed);
}

/* --- many --- */

static int usage(void)
{
    fprintf(stderr, "usage: sim SEED [COUNT | shrink]\n");
    return 2;
}

static void run_all(int64_t first, int64_t count)
{
    const char *steps = getenv("SIM_STEPS");
    struct way way = {
        .steps = steps ? atoi(steps) : STEPS,
        .is_traced = getenv("SIM_TRACE") != NULL,
        .is_talkative = count == 1,
    };
    for (int64_t i = 0; i < count; i++) {
        run((uint64_t)(first + i), &way);
    }
    if (way.is_traced) {
        printf("sim: it failed, and does not any more: something outlives a run\n");
        exit(1);
    }
    if (count > 1) {
        printf("sim: seeds %" PRId64 " to %" PRId64 " passed\n", first, first + count - 1);
    }
}

int main(int argc, char **argv)
{
    int64_t seed = 1, count = 1;
    bool is_to_shrink = argc == 3 && strcmp(argv[2], "shrink") == 0;
    if (argc > 3 || (argc > 1 && !str_to_i64(str_from(argv[1]), &seed)) ||
        (argc > 2 && !is_to_shrink && !str_to_i64(str_from(argv[2]), &count))) {
        return usage();
    }
    if (is_to_shrink) {
        shrink((uint64_t)seed);
    } else {
        run_all(seed, count);
    }
    return 0;
}
