/* The embedded metadata log: its files from the first start on, epochs, group commit, snapshots and
 * their retention, replay, torn ends, hostile files, a full disk, a failed sync, voters. */
#include "test.h"

#include "metalog_world.h"

#include "base/mem.h"
#include "broker/metalog/meta_snapshot.h"
#include "broker/metalog/quorum_state.h"

enum { MANY = 40 };

static int setup(void **state)
{
    struct metalog_world *w = NEW(struct metalog_world);
    metalog_world_init(w, "");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    metalog_world_deinit(*state);
    mem_free(*state);
    return 0;
}

/* --- files --- */

static struct fs *fs_of(struct metalog_world *w) { return crashfs_fs(w->disk); }

static char *read_file(struct metalog_world *w, const char *path, size_t *ret_len)
{
    char *text;
    assert_ok(fs_read_all(fs_of(w), path, 1 << 24, &text, ret_len));
    return text;
}

static void write_file(struct metalog_world *w, const char *path, const void *p, size_t len)
{
    assert_ok(fs_write_atomic(fs_of(w), path, p, len));
}

static void write_text(struct metalog_world *w, const char *path, const char *text)
{
    write_file(w, path, text, strlen(text));
}

static bool is_there(struct metalog_world *w, const char *path)
{
    struct fs_stat st;
    enum err e = fs_stat(fs_of(w), path, &st);
    assert_true(e == OK || e == ERR_NOT_FOUND);
    return e == OK;
}

static struct quorum_state read_state(struct metalog_world *w)
{
    struct quorum_state qs;
    struct buf why = BUF_INIT;
    assert_ok(quorum_state_read(fs_of(w), METALOG_DIR "/quorum-state", &qs, &why));
    buf_deinit(&why);
    return qs;
}

static int snapshot_count(struct metalog_world *w, struct snapshot_id *ret_last)
{
    struct snapshot_list l;
    assert_ok(meta_snapshots_list(fs_of(w), METALOG_DIR, &l));
    int n = l.count;
    if (n > 0 && ret_last != NULL) {
        *ret_last = l.ids[n - 1];
    }
    snapshot_list_deinit(&l);
    return n;
}

static void assert_why(const struct metalog_world *w, const char *part)
{
    assert_true(w->why.len > 0);
    assert_non_null(memmem(w->why.p, w->why.len, part, strlen(part)));
}

static void assert_topics(const struct metalog_world *w, int count)
{
    assert_int_equal(metalog_image(w->ml)->topic_count, count);
    for (int i = 0; i < count; i++) {
        assert_true(metalog_world_has(w, i));
    }
}

static void create_many(struct metalog_world *w, int from, int upto)
{
    for (int i = from; i < upto; i++) {
        assert_ok(metalog_world_create(w, i));
    }
}

/* --- format --- */

static void test_first_start_formats_a_dynamic_quorum(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_begin(w);
    assert_true(is_there(w, METALOG_ROOT "/bootstrap.checkpoint"));
    assert_true(is_there(w, METALOG_DIR "/00000000000000000000-0000000000.checkpoint"));
    assert_true(is_there(w, METALOG_DIR "/00000000000000000000.log"));
    assert_true(is_there(w, METALOG_DIR "/partition.metadata"));
    struct quorum_state qs = read_state(w);
    assert_int_equal(qs.version, 1);
    assert_int_equal(qs.leader_id, 1);
    assert_int_equal(qs.epoch, 1);
    assert_int_equal(image_feature(metalog_image(w->ml), STR("metadata.version")), 30);
    assert_non_null(image_controller(metalog_image(w->ml), 1));
}

static void test_first_start_formats_a_static_quorum(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_set(w, "controller.quorum.voters=1@localhost:9093\n");
    metalog_world_begin(w);
    assert_false(is_there(w, METALOG_DIR "/00000000000000000000-0000000000.checkpoint"));
    struct quorum_state qs = read_state(w);
    assert_int_equal(qs.version, 0);
    assert_int_equal(qs.voter_count, 1);
    assert_int_equal(qs.voters[0], 1);
    metalog_world_close(w);
    assert_ok(metalog_world_open(w)); /* and stays one */
    assert_int_equal(read_state(w).version, 0);
}

static void test_an_interrupted_format_is_finished(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_begin(w);
    metalog_world_close(w);
    /* as if the power had gone before bootstrap.checkpoint was there */
    assert_ok(fs_unlink(fs_of(w), METALOG_ROOT "/bootstrap.checkpoint"));
    assert_ok(fs_unlink(fs_of(w), METALOG_DIR "/quorum-state"));
    assert_ok(fs_unlink(fs_of(w), METALOG_DIR "/00000000000000000000.log"));
    assert_ok(metalog_world_open(w));
    assert_true(is_there(w, METALOG_ROOT "/bootstrap.checkpoint"));
}

/* --- life --- */

static void test_each_start_is_a_new_epoch(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_begin(w);
    create_many(w, 0, 3);
    for (int epoch = 1; epoch < 5; epoch++) {
        assert_int_equal(metalog_world_status(w).epoch, epoch);
        assert_int_equal(read_state(w).epoch, epoch);
        int64_t end_off = metalog_world_status(w).end_off;
        metalog_world_close(w);
        assert_ok(metalog_world_open(w));
        assert_true(metalog_world_status(w).end_off > end_off);
        assert_topics(w, 3);
    }
}

static void test_an_epoch_of_the_state_file_is_not_used_again(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_begin(w);
    metalog_world_close(w);
    write_text(w, METALOG_DIR "/quorum-state",
               "{\"leaderId\":-1,\"leaderEpoch\":41,\"votedId\":1,"
               "\"votedDirectoryId\":\"AAAAAAAAAAAAAAAAAAAAAQ\",\"data_version\":1}");
    assert_ok(metalog_world_open(w));
    assert_int_equal(metalog_world_status(w).epoch, 42);
}

static void test_the_last_epoch_is_refused(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_begin(w);
    metalog_world_close(w);
    write_text(w, METALOG_DIR "/quorum-state",
               "{\"leaderId\":1,\"leaderEpoch\":2147483647,\"votedId\":-1,\"data_version\":1}");
    assert_err(ERR_MALFORMED, metalog_world_open(w));
    assert_why(w, "epoch");
}

static void test_group_commit(void **state)
{
    struct metalog_world *w = *state;
    struct crashfs_plan count_syncs = {
        .fault = CRASHFS_FAIL, .kinds = CRASHFS_SYNCS, .after = 1, .err = ERR_IO};
    struct crashfs_plan fine = {.fault = CRASHFS_NO_FAULT};
    struct topic_call calls[5];
    metalog_world_begin(w);
    int committed = w->committed_count;
    int64_t high_watermark = metalog_world_status(w).high_watermark;
    crashfs_arm(w->disk, &count_syncs);
    for (int i = 0; i < 5; i++) {
        topic_call_send(w, &calls[i], i == 4 ? 0 : i); /* the last one is there already */
        assert_false(calls[i].is_done);
    }
    assert_int_equal(metalog_world_status(w).high_watermark, high_watermark);
    assert_int_equal(metalog_image(w->ml)->topic_count, 0); /* not before it is durable */
    assert_ok(metalog_world_step(w));
    assert_int_equal(crashfs_count(w->disk), 1); /* one sync for all */
    crashfs_arm(w->disk, &fine);
    assert_int_equal(w->committed_count, committed + 1);
    for (int i = 0; i < 5; i++) {
        assert_true(calls[i].is_done);
        assert_err(i == 4 ? ERR_TOPIC_ALREADY_EXISTS : OK, topic_call_err(&calls[i]));
        topic_call_deinit(&calls[i]);
    }
    assert_topics(w, 4);
}

static void test_open_calls_fail_at_the_end(void **state)
{
    struct metalog_world *w = *state;
    struct topic_call c;
    metalog_world_begin(w);
    topic_call_send(w, &c, 0);
    metalog_world_close(w);
    assert_true(c.is_done);
    assert_err(ERR_NOT_CONTROLLER, c.call.err);
    topic_call_deinit(&c);
}

/* --- snapshots --- */

static void test_snapshot_by_bytes(void **state)
{
    struct metalog_world *w = *state;
    struct snapshot_id last;
    metalog_world_set(w, "metadata.log.max.record.bytes.between.snapshots=4000\n"
                         "metadata.log.max.snapshot.interval.ms=0\n");
    metalog_world_begin(w);
    assert_int_equal(snapshot_count(w, NULL), 1); /* 0-0 */
    create_many(w, 0, MANY);
    assert_true(snapshot_count(w, &last) > 1);
    assert_int_equal(metalog_world_status(w).snapshot_off, last.off);
    metalog_world_close(w);
    assert_ok(metalog_world_open(w)); /* replays the snapshot and the log behind it */
    assert_topics(w, MANY);
    assert_true(metalog_world_status(w).snapshot_off >= last.off);
}

static void test_snapshot_by_time(void **state)
{
    struct metalog_world *w = *state;
    int64_t deadline_ms;
    metalog_world_set(w, "metadata.log.max.snapshot.interval.ms=60000\n");
    metalog_world_begin(w);
    create_many(w, 0, 1);
    assert_ok(metalog_step(w->ml, &deadline_ms));
    assert_int_equal(deadline_ms, w->clock.mono_ms + 60000);
    w->clock.mono_ms = deadline_ms - 1;
    assert_ok(metalog_world_step(w));
    assert_int_equal(snapshot_count(w, NULL), 1);
    w->clock.mono_ms = deadline_ms;
    assert_ok(metalog_step(w->ml, &deadline_ms));
    assert_int_equal(snapshot_count(w, NULL), 2);
    assert_true(deadline_ms == INT64_MAX); /* nothing new: nothing to do */
    w->clock.mono_ms += 1000000;
    assert_ok(metalog_world_step(w));
    assert_int_equal(snapshot_count(w, NULL), 2);
}

static void test_only_the_snapshot_is_left(void **state)
{
    struct metalog_world *w = *state;
    struct snapshot_id last;
    metalog_world_set(w, "metadata.log.max.record.bytes.between.snapshots=1\n");
    metalog_world_begin(w);
    create_many(w, 0, MANY);
    metalog_world_close(w);
    assert_true(snapshot_count(w, &last) > 1);
    assert_ok(fs_unlink(fs_of(w), METALOG_DIR "/00000000000000000000.log"));
    assert_ok(metalog_world_open(w));
    assert_topics(w, MANY);
    assert_true(metalog_world_status(w).start_off >= last.off);
    create_many(w, MANY, MANY + 2);
    metalog_world_close(w);
    assert_ok(metalog_world_open(w));
    assert_topics(w, MANY + 2);
}

static void test_old_snapshots_go(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_set(w, "metadata.log.max.record.bytes.between.snapshots=1\n"
                         "metadata.max.retention.bytes=1\n");
    metalog_world_begin(w);
    create_many(w, 0, MANY);
    assert_int_equal(snapshot_count(w, NULL), 2); /* 0-0 and the newest */
    assert_true(metalog_world_status(w).start_off > 0);
    metalog_world_close(w);
    assert_ok(metalog_world_open(w));
    assert_topics(w, MANY);
}

static void test_snapshots_stay_while_there_is_room(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_set(w, "metadata.log.max.record.bytes.between.snapshots=1\n"
                         "metadata.max.retention.bytes=-1\nmetadata.max.retention.ms=-1\n");
    metalog_world_begin(w);
    create_many(w, 0, MANY);
    assert_true(snapshot_count(w, NULL) >= MANY);
    assert_int_equal(metalog_world_status(w).start_off, 0);
}

/* Opens a copy of the disk with that file in it; four topics have to be there. (Base offset and
 * epoch of a batch lie outside its CRC: not every change is seen.) */
static enum err open_with(struct metalog_world *w, const char *path, const void *p, size_t len)
{
    struct metalog_world copy;
    metalog_world_init(&copy, "");
    crashfs_free(copy.disk);
    copy.disk = crashfs_clone(w->disk);
    write_file(&copy, path, p, len);
    enum err e = metalog_world_open(&copy);
    if (e) {
        assert_why(&copy, ".checkpoint");
    } else {
        assert_topics(&copy, 4);
    }
    metalog_world_deinit(&copy);
    return e;
}

/* The newest snapshot is bad: it must not be taken, and nothing must be lost silently. */
static void test_bad_snapshots_are_refused(void **state)
{
    struct metalog_world *w = *state;
    struct buf path = BUF_INIT;
    struct snapshot_id last;
    size_t len;
    metalog_world_set(w, "metadata.log.max.record.bytes.between.snapshots=1\n");
    metalog_world_begin(w);
    create_many(w, 0, 4);
    metalog_world_close(w);
    snapshot_count(w, &last);
    meta_snapshot_path(METALOG_DIR, last, &path);
    char *good = read_file(w, buf_cstr(&path), &len);
    char *bad = mem_alloc(len);
    for (size_t cut = 0; cut < len; cut += 13) {
        assert_true(open_with(w, buf_cstr(&path), good, cut) != OK);
        memcpy(bad, good, len);
        bad[cut] = (char)~bad[cut];
        enum err e = open_with(w, buf_cstr(&path), bad, len);
        assert_true(e != ERR_IO && e != ERR_NO_MEMORY);
    }
    assert_ok(open_with(w, buf_cstr(&path), good, len));
    mem_free(good);
    mem_free(bad);
    buf_deinit(&path);
}

static void test_leftovers_of_a_snapshot_are_removed(void **state)
{
    struct metalog_world *w = *state;
    const char *part = METALOG_DIR "/00000000000000000099-0000000001.checkpoint.part";
    metalog_world_begin(w);
    metalog_world_close(w);
    write_text(w, part, "half");
    assert_ok(metalog_world_open(w));
    assert_false(is_there(w, part));
}

/* --- the end of the log --- */

static void test_a_torn_end_is_cut_off(void **state)
{
    struct metalog_world *w = *state;
    size_t len;
    metalog_world_begin(w);
    create_many(w, 0, 3);
    metalog_world_close(w);
    char *bytes = read_file(w, METALOG_DIR "/00000000000000000000.log", &len);
    write_file(w, METALOG_DIR "/00000000000000000000.log", bytes, len - 5);
    mem_free(bytes);
    assert_ok(metalog_world_open(w));
    assert_topics(w, 2);
    assert_ok(metalog_world_create(w, 2));
    metalog_world_close(w);
    assert_ok(metalog_world_open(w));
    assert_topics(w, 3);
}

static void test_a_gap_between_snapshot_and_log_is_refused(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_set(w, "metadata.log.max.record.bytes.between.snapshots=1\n"
                         "metadata.max.retention.bytes=1\n");
    metalog_world_begin(w);
    create_many(w, 0, 6);
    int64_t start_off = metalog_world_status(w).start_off;
    metalog_world_close(w);
    assert_true(start_off > 0);
    struct snapshot_list l;
    assert_ok(meta_snapshots_list(fs_of(w), METALOG_DIR, &l));
    for (int i = 0; i < l.count; i++) {
        struct buf path = BUF_INIT;
        meta_snapshot_path(METALOG_DIR, l.ids[i], &path);
        assert_ok(l.ids[i].off ? fs_unlink(fs_of(w), buf_cstr(&path)) : OK);
        buf_deinit(&path);
    }
    snapshot_list_deinit(&l);
    enum err e = metalog_world_open(w);
    if (e == OK) { /* the first segment is still whole: nothing is missing */
        assert_topics(w, 6);
    } else {
        assert_err(ERR_MALFORMED, e);
        assert_why(w, "no snapshot");
    }
}

/* --- faults --- */

static void test_full_disk_refuses_one_request(void **state)
{
    struct metalog_world *w = *state;
    struct crashfs_plan full = {
        .fault = CRASHFS_FAIL, .kinds = CRASHFS_CHANGES, .err = ERR_NO_SPACE};
    struct crashfs_plan fine = {.fault = CRASHFS_NO_FAULT};
    metalog_world_begin(w);
    assert_ok(metalog_world_create(w, 0));
    for (int i = 0; i < 3; i++) {
        crashfs_arm(w->disk, &full);
        assert_err(ERR_KAFKA_STORAGE_ERROR, metalog_world_create(w, 1));
        assert_true(crashfs_has_struck(w->disk));
        crashfs_arm(w->disk, &fine);
        assert_topics(w, 1);
    }
    assert_ok(metalog_world_create(w, 1)); /* the tip was rewound: it is not there already */
    assert_topics(w, 2);
    metalog_world_close(w);
    assert_ok(metalog_world_open(w));
    assert_topics(w, 2);
}

/* What was written before the disk was full is committed all the same. */
static void test_full_disk_in_a_group(void **state)
{
    struct metalog_world *w = *state;
    struct crashfs_plan full = {
        .fault = CRASHFS_FAIL, .kinds = CRASHFS_CHANGES, .err = ERR_NO_SPACE};
    struct topic_call calls[3];
    metalog_world_begin(w);
    topic_call_send(w, &calls[0], 0);
    crashfs_arm(w->disk, &full);
    topic_call_send(w, &calls[1], 1);
    topic_call_send(w, &calls[2], 0);
    assert_ok(metalog_world_step(w));
    assert_err(OK, topic_call_err(&calls[0]));
    assert_err(ERR_KAFKA_STORAGE_ERROR, topic_call_err(&calls[1]));
    assert_err(ERR_TOPIC_ALREADY_EXISTS, topic_call_err(&calls[2]));
    for (int i = 0; i < 3; i++) {
        topic_call_deinit(&calls[i]);
    }
    assert_topics(w, 1);
    assert_ok(metalog_world_create(w, 1));
}

static void test_a_failed_sync_ends_it(void **state)
{
    struct metalog_world *w = *state;
    struct crashfs_plan bad = {.fault = CRASHFS_FAIL, .kinds = CRASHFS_SYNCS, .err = ERR_IO};
    struct topic_call c, later;
    metalog_world_begin(w);
    topic_call_send(w, &c, 0);
    crashfs_arm(w->disk, &bad);
    assert_true(metalog_world_step(w) != OK);
    assert_true(c.is_done); /* as one that this controller did not do */
    assert_err(ERR_NOT_CONTROLLER, c.call.err);
    topic_call_send(w, &later, 1);
    assert_true(metalog_world_step(w) != OK); /* never again */
    metalog_world_close(w);
    assert_err(ERR_NOT_CONTROLLER, later.call.err);
    topic_call_deinit(&c);
    topic_call_deinit(&later);
    assert_ok(metalog_world_open(w));
    assert_false(metalog_world_has(w, 1));
}

static void test_a_snapshot_that_fails_is_tried_later(void **state)
{
    struct metalog_world *w = *state;
    struct crashfs_plan full = {
        .fault = CRASHFS_FAIL_ON, .kinds = CRASHFS_CHANGES, .err = ERR_NO_SPACE};
    struct crashfs_plan fine = {.fault = CRASHFS_NO_FAULT};
    int64_t deadline_ms;
    metalog_world_set(w, "metadata.log.max.snapshot.interval.ms=60000\n");
    metalog_world_begin(w);
    create_many(w, 0, 1);
    w->clock.mono_ms += 60000;
    crashfs_arm(w->disk, &full);
    assert_ok(metalog_step(w->ml, &deadline_ms));
    crashfs_arm(w->disk, &fine);
    assert_int_equal(snapshot_count(w, NULL), 1);
    w->clock.mono_ms += 60000;
    assert_ok(metalog_world_step(w));
    assert_int_equal(snapshot_count(w, NULL), 2);
    metalog_world_close(w);
    assert_ok(metalog_world_open(w));
    assert_topics(w, 1);
}

/* --- whose it is --- */

static void test_configured_voters_are_judged(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_set(w, "controller.quorum.voters=1@a:1,2@b:1,3@c:1\n");
    assert_err(ERR_BAD_CONFIG, metalog_world_open(w));
    assert_why(w, "controller.quorum.voters");
    assert_false(is_there(w, METALOG_DIR)); /* nothing was made */
    metalog_world_set(w, "controller.quorum.voters=2@b:1\n");
    assert_err(ERR_BAD_CONFIG, metalog_world_open(w));
    assert_false(is_there(w, METALOG_DIR));
}

static void test_voters_of_the_state_file_are_judged(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_set(w, "controller.quorum.voters=1@localhost:9093\n");
    metalog_world_begin(w);
    metalog_world_close(w);
    write_text(w, METALOG_DIR "/quorum-state",
               "{\"clusterId\":\"\",\"leaderId\":2,\"leaderEpoch\":3,\"votedId\":-1,"
               "\"appliedOffset\":0,\"currentVoters\":[{\"voterId\":1},{\"voterId\":2}],"
               "\"data_version\":0}");
    assert_err(ERR_BAD_CONFIG, metalog_world_open(w));
    assert_why(w, "quorum-state");
    assert_int_equal(read_state(w).epoch, 3); /* untouched */
}

/* A disk that was moved to another node, or a directory that got a new id. */
static void test_another_directory_is_refused(void **state)
{
    struct metalog_world *w = *state;
    metalog_world_begin(w);
    create_many(w, 0, 1);
    metalog_world_close(w);
    assert_ok(fs_unlink(fs_of(w), METALOG_ROOT "/meta.properties"));
    w->dir_id.b[15]++;
    assert_err(ERR_BAD_CONFIG, metalog_world_open(w));
    assert_why(w, "voters");
}

/* As if another release had written it at the end of the log. */
static void append_feature(struct metalog_world *w, const char *name, int16_t level)
{
    const char *path = METALOG_DIR "/00000000000000000000.log";
    struct feature_level_record r = {str_from(name), level};
    struct meta_records rs;
    struct buf bytes = BUF_INIT;
    size_t len;
    metalog_world_begin(w);
    struct meta_batch_head head = {metalog_world_status(w).end_off, 1, w->clock.wall_ms};
    metalog_world_close(w);
    char *text = read_file(w, path, &len);
    buf_put(&bytes, text, len);
    meta_records_init(&rs);
    meta_records_add(&rs, META_FEATURE_LEVEL, 0, &r);
    assert_ok(meta_batch_build(&bytes, &head, &rs, 0, 1));
    write_file(w, path, bytes.p, bytes.len);
    meta_records_deinit(&rs);
    buf_deinit(&bytes);
    mem_free(text);
}

static void test_newer_metadata_is_refused(void **state)
{
    struct metalog_world *w = *state;
    append_feature(w, "metadata.version", 31);
    assert_err(ERR_UNSUPPORTED_VERSION, metalog_world_open(w));
    assert_why(w, "metadata.version");
    assert_why(w, "kafka-features");
    assert_int_equal(read_state(w).epoch, 1); /* no new epoch was begun */
}

static void test_newer_features_are_refused(void **state)
{
    struct metalog_world *w = *state;
    append_feature(w, "transaction.version", 3);
    assert_err(ERR_UNSUPPORTED_VERSION, metalog_world_open(w));
    assert_why(w, "transaction.version at level 3");
    assert_int_equal(read_state(w).epoch, 1);
}

static void test_unknown_features_are_refused(void **state)
{
    struct metalog_world *w = *state;
    append_feature(w, "teleport.version", 1);
    assert_err(ERR_UNSUPPORTED_VERSION, metalog_world_open(w));
    assert_why(w, "teleport.version");
}

static void test_hostile_state_files(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"data_version\":2,\"leaderId\":1,\"leaderEpoch\":1,\"votedId\":-1}",
        "{\"data_version\":1}",
        "{\"data_version\":1,\"leaderId\":1,\"leaderEpoch\":-1,\"votedId\":-1}",
        "{\"data_version\":1,\"leaderId\":1,\"leaderEpoch\":99999999999,\"votedId\":-1}",
        "{\"data_version\":1,\"leaderId\":\"1\",\"leaderEpoch\":1,\"votedId\":-1}",
        "{\"data_version\":1,\"leaderId\":1,\"leaderEpoch\":1,\"votedId\":-1,"
        "\"votedDirectoryId\":\"no uuid\"}",
        "{\"data_version\":0,\"leaderId\":1,\"leaderEpoch\":1,\"votedId\":-1,"
        "\"currentVoters\":[{}]}",
    };
    struct metalog_world *w = *state;
    metalog_world_begin(w);
    metalog_world_close(w);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        write_text(w, METALOG_DIR "/quorum-state", bad[i]);
        assert_err(ERR_MALFORMED, metalog_world_open(w));
        assert_why(w, "quorum-state");
    }
}

#define ON_A_DISK(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_DISK(test_first_start_formats_a_dynamic_quorum),
        ON_A_DISK(test_first_start_formats_a_static_quorum),
        ON_A_DISK(test_an_interrupted_format_is_finished),
        ON_A_DISK(test_each_start_is_a_new_epoch),
        ON_A_DISK(test_an_epoch_of_the_state_file_is_not_used_again),
        ON_A_DISK(test_the_last_epoch_is_refused),
        ON_A_DISK(test_group_commit),
        ON_A_DISK(test_open_calls_fail_at_the_end),
        ON_A_DISK(test_snapshot_by_bytes),
        ON_A_DISK(test_snapshot_by_time),
        ON_A_DISK(test_only_the_snapshot_is_left),
        ON_A_DISK(test_old_snapshots_go),
        ON_A_DISK(test_snapshots_stay_while_there_is_room),
        ON_A_DISK(test_bad_snapshots_are_refused),
        ON_A_DISK(test_leftovers_of_a_snapshot_are_removed),
        ON_A_DISK(test_a_torn_end_is_cut_off),
        ON_A_DISK(test_a_gap_between_snapshot_and_log_is_refused),
        ON_A_DISK(test_full_disk_refuses_one_request),
        ON_A_DISK(test_full_disk_in_a_group),
        ON_A_DISK(test_a_failed_sync_ends_it),
        ON_A_DISK(test_a_snapshot_that_fails_is_tried_later),
        ON_A_DISK(test_configured_voters_are_judged),
        ON_A_DISK(test_voters_of_the_state_file_are_judged),
        ON_A_DISK(test_another_directory_is_refused),
        ON_A_DISK(test_newer_metadata_is_refused),
        ON_A_DISK(test_newer_features_are_refused),
        ON_A_DISK(test_unknown_features_are_refused),
        ON_A_DISK(test_hostile_state_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
