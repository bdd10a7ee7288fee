/* Partitions that are made, used, deleted and made again under the same name, with the power going
 * or a call failing at every change in turn: creation is durable in the metadata alone, so whatever
 * the directories look like afterwards the broker starts, has every partition of the metadata,
 * everything that was acknowledged, and nothing of an earlier topic of that name.
 *
 * The metadata (an image) outlives every crash. One thread; seeds are printed. */
#include "test.h"

#include "base/diag.h"
#include "broker/crew.h"
#include "broker/host/reaction.h"
#include "broker/syncer.h"
#include "crashfs.h"
#include "logtest.h"
#include "meta/records.h"
#include "seeds.h"
#include "wire/messages.h"

enum { PARTS = 2, TOPICS = 3, CUTS = 4, NEVER = 1 << 30 };

/* What the clients of one topic id know. Its batches have its number in their timestamps. */
struct known {
    bool is_there, may_start_late; /* its records were deleted up to some point */
    int64_t acked_off[PARTS];
    int64_t synced_off[PARTS]; /* as the log said */
};

struct host {
    struct crashfs *disk;
    struct hand_clock clock;
    struct props props;
    struct broker_config config;
    struct image *img;
    struct known known[TOPICS];
    const char *conf;
    char what[160];
    /* while it runs */
    struct topic_table topics;
    struct crew *syncer;
    struct storage *storage;
};

static void fail_run(const struct host *h, const char *why)
{
    print_error("%s\n  %s\n", why, h->what);
    _fail(__FILE__, __LINE__);
}

#define CHECK(h, cond) ((cond) ? (void)0 : fail_run((h), #cond))

/* --- metadata --- */

static struct uuid id_of(int number) { return (struct uuid){{7, [15] = (uint8_t)(number + 1)}}; }

static void apply(struct host *h, struct delta *delta, enum meta_record type, const void *msg)
{
    struct meta_records rs;
    meta_records_init(&rs);
    meta_records_add(&rs, type, 0, msg);
    assert_ok(rs.err);
    assert_ok(image_apply(h->img, meta_records_at(&rs, 0), delta, NULL));
    meta_records_deinit(&rs);
}

static void react(struct host *h, struct delta *delta)
{
    struct reaction r = {h->storage, &h->topics, 1};
    reaction_apply(&r, h->img, delta);
    delta_deinit(delta);
}

/* Every topic has the same name. */
static void create(struct host *h, int number)
{
    int32_t me = 1;
    struct topic_record topic = {STR("t"), id_of(number)};
    struct partition_record part = partition_record_default;
    struct delta delta;
    delta_init(&delta);
    apply(h, &delta, META_TOPIC, &topic);
    part.topic_id = id_of(number);
    part.replicas = part.isr = &me;
    part.replicas_count = part.isr_count = 1;
    part.leader = 1;
    for (part.partition_id = 0; part.partition_id < PARTS; part.partition_id++) {
        apply(h, &delta, META_PARTITION, &part);
    }
    h->known[number] = (struct known){.is_there = true};
    react(h, &delta);
}

static void delete (struct host *h, int number)
{
    struct remove_topic_record topic = {id_of(number)};
    struct delta delta;
    delta_init(&delta);
    apply(h, &delta, META_REMOVE_TOPIC, &topic);
    h->known[number].is_there = false;
    react(h, &delta);
}

/* --- the broker --- */

static enum err start(struct host *h)
{
    struct buf why = BUF_INIT;
    struct storage_args args = {.fs = crashfs_fs(h->disk),
                                .clock = &h->clock.clock,
                                .config = &h->config,
                                .topics = &h->topics,
                                .seed = 3,
                                .in_one_thread = true};
    topic_table_init(&h->topics, 1);
    assert_ok(syncer_new(0, &h->syncer));
    args.syncer = h->syncer;
    h->storage = NULL;
    enum err e = storage_open(&args, &h->storage, &why);
    e = e ? e : storage_load(h->storage, h->img, 1, &why);
    buf_deinit(&why);
    return e;
}

/* A clean one, unless the disk does not do any more what it is told. */
static void stop(struct host *h, bool is_clean)
{
    crew_free(h->syncer);
    topic_table_deinit(&h->topics);
    if (h->storage != NULL) {
        storage_close(h->storage, is_clean, 1);
    }
    h->storage = NULL;
}

/* A kill: nothing of the stop reaches the disk. */
static void end(struct host *h)
{
    if (!crashfs_has_struck(h->disk)) {
        crashfs_arm(h->disk, &(struct crashfs_plan){CRASHFS_POWER, CRASHFS_CHANGES, 0, ERR_IO, 0});
    }
    stop(h, false);
}

/* The power goes and comes back. What the page cache acknowledged may be gone. */
static void cut(struct host *h, uint64_t seed)
{
    crashfs_cut(h->disk, seed);
    for (int t = 0; t < TOPICS; t++) {
        for (int i = 0; i < PARTS; i++) {
            h->known[t].acked_off[i] = MIN(h->known[t].acked_off[i], h->known[t].synced_off[i]);
        }
    }
}

static struct partition *part_of(struct host *h, int number, int index)
{
    struct partition *p;
    return topic_table_find_by_id(&h->topics, id_of(number), index, &p) == OK ? p : NULL;
}

static void note_acked(struct host *h, int number)
{
    for (int i = 0; i < PARTS; i++) {
        struct partition *p = part_of(h, number, i);
        struct partition_view v = {0};
        if (p != NULL) {
            partition_view(p, &v);
            h->known[number].acked_off[i] = v.high_watermark.off;
            h->known[number].synced_off[i] = log_synced_off(p->log);
        }
        partition_unref(p);
    }
}

static void append(struct host *h, int number, int index, int64_t count)
{
    struct partition_append a = {.api_version = 9, .now_ms = h->clock.wall_ms};
    struct partition_appended done;
    struct buf bytes = BUF_INIT;
    struct partition *p = part_of(h, number, index);
    for (int64_t i = 0; p != NULL && i < count; i++) {
        struct test_batch t = {
            .ts_ms = h->clock.wall_ms + number * 100, .count = 3, .value_bytes = 600};
        buf_clear(&bytes);
        test_batch_build(&bytes, &t);
        a.p = bytes.p;
        a.len = bytes.len;
        enum err e = partition_append(p, &a, &done);
        CHECK(h, !e || crashfs_has_struck(h->disk));
    }
    partition_unref(p);
    buf_deinit(&bytes);
}

static void sync_all(struct host *h, int number)
{
    while (crew_step(h->syncer)) {
    }
    note_acked(h, number);
}

/* --- what must be --- */

static void check_part(struct host *h, int number, int index)
{
    struct partition *p = part_of(h, number, index);
    struct buf bytes = BUF_INIT;
    struct batch b;
    CHECK(h, p != NULL);
    CHECK(h, log_start_off(p->log) == 0 || h->known[number].may_start_late);
    CHECK(h, test_check_all(p->log, 1 << 20) >= 0);
    CHECK(h, log_end_off(p->log) >= h->known[number].acked_off[index]);
    if (log_end_off(p->log) > log_start_off(p->log)) {
        assert_ok(test_read(p->log, log_start_off(p->log), 1 << 20, NULL, &bytes));
    }
    for (size_t at = 0; at < bytes.len; at += b.size_bytes) {
        assert_ok(batch_parse((struct bytes){bytes.p + at, bytes.len - at}, &b));
        CHECK(h, b.base_ts_ms == h->clock.wall_ms + number * 100); /* of this topic id */
    }
    buf_deinit(&bytes);
    partition_unref(p);
}

static void check(struct host *h)
{
    for (int t = 0; t < TOPICS; t++) {
        for (int i = 0; h->known[t].is_there && i < PARTS; i++) {
            check_part(h, t, i);
        }
    }
}

static void start_and_check(struct host *h)
{
    enum err e = start(h);
    CHECK(h, !e);
    check(h);
    for (int t = 0; t < TOPICS; t++) {
        note_acked(h, t); /* a consumer may have seen all of it */
    }
}

/* --- runs --- */

typedef void scenario_fn(struct host *h);

struct run {
    scenario_fn *scenario;
    const char *conf;
    struct crashfs_plan plan;
    uint64_t cut_seed;
    bool is_kill; /* the page cache stays */
};

static void host_init(struct host *h, const struct run *r)
{
    struct buf why = BUF_INIT;
    int line;
    *h = (struct host){.disk = crashfs_new(), .img = image_new(5)};
    hand_clock_init(&h->clock);
    props_init(&h->props);
    assert_ok(props_parse(&h->props, str_from(r->conf), &line));
    assert_ok(broker_config_init(&h->config, &h->props, &why));
    assert_ok(fs_mkdir_all(crashfs_fs(h->disk), "data/__cluster_metadata-0"));
    buf_deinit(&why);
    snprintf(h->what, sizeof h->what, "fault %d after %llu plan %llu cut %llu kill %d conf %s",
             (int)r->plan.fault, (unsigned long long)r->plan.after,
             (unsigned long long)r->plan.seed, (unsigned long long)r->cut_seed, r->is_kill,
             r->conf);
}

static void host_deinit(struct host *h)
{
    image_free(h->img);
    broker_config_deinit(&h->config);
    crashfs_free(h->disk);
}

/* The scenario with its fault, the crash, a start; then a record for each partition, another power
 * cut, and a start. Returns how many calls there were. */
static uint64_t run(const struct run *r)
{
    struct host h;
    host_init(&h, r);
    assert_ok(start(&h));
    crashfs_arm(h.disk, &r->plan);
    r->scenario(&h);
    uint64_t calls = crashfs_count(h.disk);
    end(&h);
    crashfs_arm(h.disk, &(struct crashfs_plan){.fault = CRASHFS_NO_FAULT});
    if (!r->is_kill) {
        cut(&h, r->cut_seed);
    }
    start_and_check(&h);
    for (int t = 0; t < TOPICS; t++) {
        for (int i = 0; i < PARTS; i++) {
            append(&h, t, i, 1);
        }
        sync_all(&h, t);
    }
    end(&h);
    cut(&h, r->cut_seed + 1);
    start_and_check(&h);
    stop(&h, true);
    host_deinit(&h);
    return calls;
}

/* With the fault at every call, once more for each seed. */
static void run_all(scenario_fn *scenario, const char *conf, const struct crashfs_plan *plan,
                    bool is_kill)
{
    struct run r = {scenario, conf, *plan, 0, is_kill};
    r.plan.after = NEVER;
    uint64_t calls = run(&r);
    for (uint64_t at = 0; at <= calls; at++) {
        for (uint64_t cut = 0; cut < seed_count(CUTS); cut++) {
            r.plan.after = at;
            r.plan.seed = r.cut_seed = at * 1009 + cut * 2 + 1;
            run(&r);
        }
    }
}

static const char synced[] = "log.dirs=data\nlog.segment.bytes=1048576";
static const char cached[] =
    "log.dirs=data\nlog.flush.before.ack=false\nlog.flush.interval.ms=1000";
static const struct crashfs_plan power = {CRASHFS_POWER, CRASHFS_CHANGES, 0, ERR_IO, 0};
static const struct crashfs_plan bad_sync = {CRASHFS_FAIL, CRASHFS_SYNCS, 0, ERR_IO, 0};
static const struct crashfs_plan bad_change = {CRASHFS_FAIL, CRASHFS_CHANGES, 0, ERR_IO, 0};

/* --- the scenarios --- */

/* One partition is acknowledged on, the other one is only written to. */
static void use(struct host *h, int number)
{
    create(h, number);
    append(h, number, 0, 2);
    sync_all(h, number);
    append(h, number, 1, 1);
    append(h, number, 0, 1);
}

static void made_only(struct host *h) { create(h, 0); }
static void made_and_used(struct host *h) { use(h, 0); }

static void made_again(struct host *h)
{
    use(h, 0);
    delete (h, 0);
    use(h, 1);
    delete (h, 1);
    create(h, 2);
}

/* The clock of this disk stands still: what the checkpoints say of
 * the first one must not count for the second. */
static void made_again_without_a_clock(struct host *h)
{
    use(h, 0);
    h->known[0].may_start_late = true;
    struct partition *p = part_of(h, 0, 0);
    if (p != NULL && log_set_start(p->log, 3) == OK) {
        storage_checkpoint(h->storage, true);
    }
    partition_unref(p);
    delete (h, 0);
    use(h, 1);
}

/* The first one was never synced at all. */
static void made_again_at_once(struct host *h)
{
    create(h, 0);
    append(h, 0, 0, 1);
    append(h, 0, 1, 1);
    delete (h, 0);
    create(h, 1);
    sync_all(h, 1);
}

/* flush.ms has passed: what was acknowledged from the page cache is synced for the first time. */
static void flushed_later(struct host *h)
{
    create(h, 0);
    append(h, 0, 0, 2);
    note_acked(h, 0);
    for (int i = 0; i < PARTS; i++) {
        struct partition *p = part_of(h, 0, i);
        if (p != NULL) {
            partition_tick(p, h->clock.wall_ms + 2000);
        }
        partition_unref(p);
    }
    sync_all(h, 0);
    append(h, 0, 0, 1);
    storage_checkpoint(h->storage, true); /* the other first sync */
    note_acked(h, 0);
}

/* A clean stop in the middle: the partition that nobody used was never synced. */
static void stopped_between(struct host *h)
{
    use(h, 0);
    stop(h, true);
    if (start(h) == OK) {
        append(h, 0, 1, 1);
        sync_all(h, 0);
    }
}

static void all_scenarios(const char *conf, const struct crashfs_plan *plan, bool is_kill)
{
    run_all(made_only, conf, plan, is_kill);
    run_all(made_and_used, conf, plan, is_kill);
    run_all(made_again, conf, plan, is_kill);
    run_all(made_again_without_a_clock, conf, plan, is_kill);
    run_all(made_again_at_once, conf, plan, is_kill);
    run_all(flushed_later, conf, plan, is_kill);
    run_all(stopped_between, conf, plan, is_kill);
}

static void power_cuts(void **state)
{
    (void)state;
    all_scenarios(synced, &power, false);
    all_scenarios(cached, &power, false);
}

static void kills(void **state)
{
    (void)state;
    all_scenarios(synced, &power, true);
    all_scenarios(cached, &power, true); /* acknowledged from the page cache, which stays */
}

static void failed_syncs(void **state)
{
    (void)state;
    all_scenarios(synced, &bad_sync, false);
    all_scenarios(synced, &bad_sync, true);
}

static void failed_changes(void **state)
{
    (void)state;
    all_scenarios(synced, &bad_change, false);
}

/* --- starts that cannot read --- */

static void delete_records(struct host *h, int number, int64_t off)
{
    for (int i = 0; i < PARTS; i++) {
        struct partition *p = part_of(h, number, i);
        CHECK(h, p != NULL && log_set_start(p->log, off) == OK);
        partition_unref(p);
    }
    storage_checkpoint(h->storage, true);
}

/* A start in which call number `at` fails says so, or nothing is amiss. False: there was none. */
static bool start_badly(const struct run *r, int64_t start_off)
{
    struct host h;
    host_init(&h, r);
    assert_ok(start(&h));
    create(&h, 0);
    append(&h, 0, 0, 2);
    append(&h, 0, 1, 2);
    sync_all(&h, 0);
    delete_records(&h, 0, start_off);
    end(&h);
    crashfs_arm(h.disk, &r->plan);
    enum err e = start(&h);
    bool has_struck = crashfs_has_struck(h.disk);
    if (e) {
        CHECK(&h, has_struck);
        end(&h);
        crashfs_arm(h.disk, &(struct crashfs_plan){.fault = CRASHFS_NO_FAULT});
        assert_ok(start(&h));
    }
    for (int i = 0; i < PARTS; i++) {
        struct partition *p = part_of(&h, 0, i);
        CHECK(&h, p != NULL && log_start_off(p->log) == start_off);
        CHECK(&h, log_end_off(p->log) == h.known[0].acked_off[i]);
        partition_unref(p);
    }
    stop(&h, false);
    host_deinit(&h);
    return has_struck;
}

static void deleted_records_do_not_come_back(void **state)
{
    (void)state;
    struct run r = {.conf = synced, .plan = {CRASHFS_FAIL, CRASHFS_READS | CRASHFS_OPENS, 0, 0, 1}};
    for (bool is_over = false; !is_over; r.plan.after++) {
        r.plan.err = ERR_IO;
        is_over = !start_badly(&r, 3);
        r.plan.err = ERR_NO_FDS;
        start_badly(&r, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cuts),
        cmocka_unit_test(kills),
        cmocka_unit_test(failed_syncs),
        cmocka_unit_test(failed_changes),
        cmocka_unit_test(deleted_records_do_not_come_back),
    };
    diag_set_level(DIAG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
