/* The broker's life on a machine whose disk forgets: starts, kills, power cuts, calls that fail. */
#include "test/sim/sim.h"

#include "base/mem.h"

#include <inttypes.h>

static void on_fatal(void *ctx, enum err e)
{
    (void)e;
    ((struct sim *)ctx)->is_lost = true;
}

static const char settings[] = "listeners=PLAINTEXT://127.0.0.1:9092\n"
                               "log.dirs=data,data2\n"
                               "log.segment.bytes=1048576\n"
                               "log.flush.offset.checkpoint.interval.ms=200\n"
                               "log.retention.ms=86400000\n"
                               "log.retention.check.interval.ms=300\n"
                               "file.delete.delay.ms=1000\n"
                               "offsets.topic.num.partitions=2\n"
                               "metadata.log.max.record.bytes.between.snapshots=2000\n";

static bool start(struct sim *s, struct buf *why)
{
    struct server_args args = {
        .fs = crashfs_fs(s->disk),
        .net = &s->net.net,
        .clock = &s->clock.clock,
        .seed = rand_u64(&s->rand),
        .worker_count = 2,
        .boot_id = {{1, (uint8_t)s->boots}},
        .in_one_thread = true,
        .on_fatal = on_fatal,
        .ctx = s,
    };
    int line;
    crashfs_set_clock(s->disk, &s->clock.clock);
    enum err e = props_parse(&args.props, str_from(settings), &line);
    if (!e && s->is_page_cache) {
        e = props_set(&args.props, STR("log.flush.before.ack"), STR("false"));
    }
    e = e ? e : server_start(&args, &s->server, why);
    if (e) {
        s->server = NULL;
    }
    s->is_lost = s->is_hurt = false;
    return e == OK;
}

void sim_arm(struct sim *s, const struct crashfs_plan *plan)
{
    struct crashfs_plan own = *plan;
    own.seed = rand_u64(&s->rand);
    TELL("the disk will %s after %" PRIu64 " calls",
         plan->fault == CRASHFS_NO_FAULT ? "work" : "fail", plan->after);
    crashfs_arm(s->disk, &own);
}

#define ARM(s, ...) sim_arm(s, &(struct crashfs_plan){__VA_ARGS__})

/* Nothing that the dying broker does reaches the disk any more. */
static void bring_down(struct sim *s)
{
    ARM(s, CRASHFS_POWER, CRASHFS_CHANGES | CRASHFS_READS | CRASHFS_OPENS, 0, ERR_IO);
    if (s->server != NULL) {
        server_kill(s->server);
        s->server = NULL;
    }
}

/* The machine keeps running: what was written stays written. */
static void kill_process(struct sim *s)
{
    TELL("kill");
    bring_down(s);
    struct crashfs *kept = crashfs_clone(s->disk);
    crashfs_free(s->disk);
    s->disk = kept;
}

void sim_cut_power(struct sim *s)
{
    TELL("power cut");
    bring_down(s);
    s->boots++;
    crashfs_cut(s->disk, rand_u64(&s->rand));
    ARM(s, CRASHFS_NO_FAULT, 0, 0, OK);
}

void sim_crash(struct sim *s)
{
    if (s->is_page_cache && !s->is_careless) {
        kill_process(s);
    } else {
        sim_cut_power(s);
    }
}

void sim_start(struct sim *s)
{
    struct buf why = BUF_INIT;
    TELL("start");
    s->restarts++;
    if (crashfs_has_struck(s->disk)) {
        sim_crash(s);
    }
    ARM(s, CRASHFS_NO_FAULT, 0, 0, OK);
    while (rand_one_in(&s->rand, 4)) { /* it dies again while it recovers */
        ARM(s, CRASHFS_POWER, CRASHFS_CHANGES, rand_below(&s->rand, 40), ERR_IO);
        start(s, &why);
        sim_crash(s);
        buf_clear(&why);
    }
    if (s->is_short_of_memory && rand_one_in(&s->rand, 3)) {
        mem_fail_after(1 + rand_below(&s->rand, 300));
        bool is_up = start(s, &why);
        mem_fail_after(0);
        if (is_up) {
            buf_deinit(&why);
            return;
        }
        sim_crash(s);
        buf_clear(&why);
    }
    if (!start(s, &why)) {
        sim_violation(s, "the broker does not start: %s", buf_cstr(&why));
    }
    buf_deinit(&why);
}

/* --- what befalls them --- */

void sim_misfortune(struct sim *s)
{
    uint64_t after = rand_below(&s->rand, 30);
    uint64_t what = rand_below(&s->rand, 7);
    switch (s->is_page_cache && (what == 3 || what == 4) ? 0 : what) {
    case 0:
        kill_process(s);
        sim_start(s);
        break;
    case 1:
        sim_crash(s);
        sim_start(s);
        break;
    case 2: /* in the middle of something */
        ARM(s, CRASHFS_POWER, CRASHFS_CHANGES, after, ERR_IO);
        break;
    case 3:
        ARM(s, CRASHFS_FAIL, CRASHFS_CHANGES, after, ERR_NO_SPACE);
        break;
    case 4:
        ARM(s, CRASHFS_FAIL, CRASHFS_SYNCS, after, ERR_IO);
        break;
    case 5:
        sim_client_drop(&s->producers[rand_below(&s->rand, SIM_PRODUCERS)].client);
        sim_client_drop(&s->reader.client);
        sim_client_reset(&s->committer.client); /* its commits have an order */
        sim_client_reset(&s->meddler.client);
        break;
    default:
        TELL("clean stop");
        server_stop(s->server);
        s->server = NULL;
        sim_start(s);
        break;
    }
}

void sim_heal(struct sim *s)
{
    bool is_due = s->is_lost || (s->is_hurt && rand_one_in(&s->rand, 20));
    if (crashfs_has_struck(s->disk)) {
        is_due = is_due || rand_one_in(&s->rand, 10);
    }
    if (is_due) {
        if (s->is_hurt && rand_one_in(&s->rand, 2)) {
            kill_process(
                s); /* what a failed sync lost is in the cache still, and counts as clean */
        } else {
            sim_crash(s);
        }
        sim_start(s);
    }
}

/* Now and then one of the allocations that a peer or a file sizes fails. */
bool sim_broker_step(struct sim *s)
{
    if (s->is_short_of_memory && rand_one_in(&s->rand, 50)) {
        mem_fail_after(1 + rand_below(&s->rand, 12));
    }
    bool is_busy = server_step(s->server);
    mem_fail_after(0);
    return is_busy;
}
