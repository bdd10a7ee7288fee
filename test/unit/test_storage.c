/* Data directories at start: whose they are, what is refused and left as it was, where the metadata
 * log is; and which gaps a log of somebody else's may have. */
#include "test.h"

#include "broker/storage/storage.h"
#include "logtest.h"

struct world {
    struct test_dir dir;
    struct hand_clock clock;
    struct props props;
    struct broker_config config;
    struct topic_table topics;
    struct storage *storage;
    struct buf why;
};

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    test_dir_make(&w->dir);
    hand_clock_init(&w->clock);
    topic_table_init(&w->topics, 1);
    *state = w;
    return 0;
}

static void stop(struct world *w, bool is_clean)
{
    if (w->storage != NULL) {
        storage_close(w->storage, is_clean, 5);
        w->storage = NULL;
    }
    broker_config_deinit(&w->config);
}

static int teardown(void **state)
{
    struct world *w = *state;
    stop(w, false);
    topic_table_deinit(&w->topics);
    buf_deinit(&w->why);
    test_dir_remove(&w->dir);
    mem_free(w);
    return 0;
}

/* conf: '@' stands for the temporary directory. */
static enum err start(struct world *w, const char *conf)
{
    struct buf text = BUF_INIT;
    int line;
    for (const char *p = conf; *p != '\0'; p++) {
        buf_put_str(&text, *p == '@' ? str_from(w->dir.path) : (struct str){p, 1});
    }
    stop(w, true);
    buf_clear(&w->why);
    props_init(&w->props);
    assert_ok(props_parse(&w->props, (struct str){(char *)text.p, text.len}, &line));
    assert_ok(broker_config_init(&w->config, &w->props, &w->why));
    buf_deinit(&text);
    struct storage_args args = {.fs = fs_posix(),
                                .clock = &w->clock.clock,
                                .config = &w->config,
                                .topics = &w->topics,
                                .seed = 1};
    return storage_open(&args, &w->storage, &w->why);
}

static const char *in(struct world *w, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", w->dir.path, name);
    return path;
}

static void write_text(struct world *w, const char *name, const char *text)
{
    assert_ok(fs_write_atomic(fs_posix(), in(w, name), text, strlen(text)));
}

static bool is_there(struct world *w, const char *name)
{
    struct fs_stat st;
    return fs_stat(fs_posix(), in(w, name), &st) == OK;
}

static void assert_refused(struct world *w, const char *conf, const char *because)
{
    assert_err(ERR_BAD_CONFIG, start(w, conf));
    w->storage = NULL;
    assert_non_null(strstr(buf_cstr(&w->why), because));
}

static void make_dir(struct world *w, const char *name)
{
    assert_ok(fs_mkdir_all(fs_posix(), in(w, name)));
}

/* --- whose they are --- */

static void test_a_new_directory_is_formatted(void **state)
{
    struct world *w = *state;
    char id[64];
    assert_ok(start(w, "log.dirs=@/a"));
    snprintf(id, sizeof id, "%s", storage_cluster_id(w->storage));
    assert_int_equal(logdir_meta(storage_dir(w->storage, 0))->node_id, 1);
    assert_ok(start(w, "log.dirs=@/a,@/b")); /* a second one joins the cluster of the first */
    assert_string_equal(storage_cluster_id(w->storage), id);
    assert_string_equal(logdir_meta(storage_dir(w->storage, 1))->cluster_id, id);
    assert_ptr_equal(storage_metadata_dir(w->storage), storage_dir(w->storage, 0));
}

static void test_another_node_is_refused(void **state)
{
    struct world *w = *state;
    assert_ok(start(w, "log.dirs=@/a"));
    assert_refused(w, "log.dirs=@/a\nnode.id=2", "set node.id");
}

static void test_two_clusters_are_refused(void **state)
{
    struct world *w = *state;
    assert_ok(start(w, "log.dirs=@/a"));
    make_dir(w, "b");
    write_text(w, "b/meta.properties",
               "version=1\ncluster.id=other\nnode.id=1\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n");
    assert_refused(w, "log.dirs=@/a,@/b", "belongs to cluster");
}

static void test_zookeeper_is_refused(void **state)
{
    struct world *w = *state;
    make_dir(w, "a");
    write_text(w, "a/meta.properties", "version=0\ncluster.id=old\nbroker.id=1\n");
    assert_refused(w, "log.dirs=@/a", "ZooKeeper");
}

/* A wrong metadata.log.dir would make strays of all that there is. */
static void test_partitions_without_metadata_are_refused(void **state)
{
    struct world *w = *state;
    make_dir(w, "a/orders-0");
    assert_refused(w, "log.dirs=@/a", "metadata.log.dir");
    assert_false(is_there(w, "a/meta.properties"));
    make_dir(w, "a/__cluster_metadata-0");
    assert_ok(start(w, "log.dirs=@/a"));
    assert_refused(w, "log.dirs=@/a\nmetadata.log.dir=@/m", "metadata.log.dir");
}

static void test_the_metadata_directory(void **state)
{
    struct world *w = *state;
    assert_ok(start(w, "log.dirs=@/a,@/b\nmetadata.log.dir=@/b/"));
    assert_ptr_equal(storage_metadata_dir(w->storage), storage_dir(w->storage, 1));
    assert_ok(start(w, "log.dirs=@/a,@/b\nmetadata.log.dir=@/m"));
    assert_int_equal(storage_dir_count(w->storage), 2);
    assert_string_equal(logdir_path(storage_metadata_dir(w->storage)), in(w, "m"));
    assert_string_equal(logdir_meta(storage_metadata_dir(w->storage))->cluster_id,
                        storage_cluster_id(w->storage));
    assert_false(uuid_is_zero(logdir_meta(storage_metadata_dir(w->storage))->dir_id));
}

static void test_a_clean_mark_is_not_left_on_trouble(void **state)
{
    struct world *w = *state;
    assert_ok(start(w, "log.dirs=@/a,@/b"));
    logdir_spoil(storage_dir(w->storage, 1));
    stop(w, true);
    assert_true(is_there(w, "a/.kafka_cleanshutdown"));
    assert_false(is_there(w, "b/.kafka_cleanshutdown"));
}

/* --- gaps --- */

/* The segment that begins at 10, with nothing before 20 in it, becomes the one that begins there.
 */
static void rename_second(const char *dir)
{
    static const char *const rest[] = {"index", "timeindex", "snapshot"};
    struct buf from = BUF_INIT, to = BUF_INIT;
    buf_printf(&from, "%s/00000000000000000010.log", dir);
    buf_printf(&to, "%s/00000000000000000020.log", dir);
    assert_ok(fs_rename(fs_posix(), buf_cstr(&from), buf_cstr(&to)));
    for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
        buf_clear(&from);
        buf_printf(&from, "%s/00000000000000000010.%s", dir, rest[i]);
        enum err e = fs_unlink(fs_posix(), buf_cstr(&from));
        assert_true(e == OK || e == ERR_NOT_FOUND);
    }
    buf_deinit(&from);
    buf_deinit(&to);
}

/* Offsets 0..9, then 20..29 in another segment; nothing says how it ended. */
static void write_gap(struct world *w, const char *dir)
{
    struct log_open_args args;
    struct log_appended done;
    struct log *log;
    struct log_pos pos;
    struct test_batch t = {.ts_ms = 1700000000000, .count = 10, .value_bytes = 20};
    test_open_args(&args, fs_posix(), &w->clock, dir);
    assert_ok(log_open(&args, &log, NULL));
    assert_ok(test_append_as(log, &t, LOG_FROM_LEADER, &done));
    assert_ok(log_roll(log));
    t.base_off = 20;
    assert_ok(test_append_as(log, &t, LOG_FROM_LEADER, &done));
    assert_ok(log_sync(log, &pos));
    log_abandon(log);
    rename_second(dir);
}

static int64_t end_with(struct world *w, const char *dir, bool is_compacted, int64_t cleaned_off)
{
    struct log_open_args args;
    struct log *log;
    test_open_args(&args, fs_posix(), &w->clock, dir);
    args.config.has_gaps = is_compacted;
    args.recovery_point_off = 1; /* somewhere before the gap */
    args.cleaned_off = cleaned_off;
    assert_ok(log_open(&args, &log, NULL));
    int64_t end_off = log_end_off(log);
    log_abandon(log);
    return end_off;
}

/* Apache Kafka compacts beyond the recovery point that it stored; how far stands elsewhere. */
static void test_gaps_below_the_cleaners_point_are_kept(void **state)
{
    struct world *w = *state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", in(w, "t-0"));
    make_dir(w, "t-0");
    write_gap(w, dir);
    assert_int_equal(end_with(w, dir, true, 20), 30);
    assert_int_equal(end_with(w, dir, false, 20), 30); /* compacted once, not any more */
    assert_int_equal(end_with(w, dir, true, 5), 10);   /* a loss */
}

#define IN_A_DIR(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIR(test_a_new_directory_is_formatted),
        IN_A_DIR(test_another_node_is_refused),
        IN_A_DIR(test_two_clusters_are_refused),
        IN_A_DIR(test_zookeeper_is_refused),
        IN_A_DIR(test_partitions_without_metadata_are_refused),
        IN_A_DIR(test_the_metadata_directory),
        IN_A_DIR(test_a_clean_mark_is_not_left_on_trouble),
        IN_A_DIR(test_gaps_below_the_cleaners_point_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
