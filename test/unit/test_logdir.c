/* Data directories and their text files: locks, whose they are, the mark of a clean stop, partition
 * directories, checkpoints. On the file system in memory. */
#include "test.h"

#include "crashfs.h"

#include "base/mem.h"
#include "log/checkpoint.h"
#include "log/epoch.h"
#include "log/logdir.h"
#include "logtest.h"

#include <stdio.h>
#include <string.h>

static const struct uuid some_id = {{0xaa, 1, 2, 3}};
static const struct uuid other_id = {{0xbb, 1, 2, 3}};

static int set_up(void **state)
{
    *state = crashfs_new();
    return 0;
}

static int tear_down(void **state)
{
    crashfs_free(*state);
    return 0;
}

static void put_file(struct fs *fs, const char *path, const char *text)
{
    struct file *f;
    assert_ok(fs_open(fs, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f));
    assert_ok(file_pwrite(f, text, strlen(text), 0));
    file_close(f);
}

static bool exists(struct fs *fs, const char *path)
{
    struct fs_stat st;
    return fs_stat(fs, path, &st) == OK;
}

static void assert_file(struct fs *fs, const char *path, const char *want)
{
    char *text;
    size_t len;
    assert_ok(fs_read_all(fs, path, 4096, &text, &len));
    assert_string_equal(text, want);
    mem_free(text);
}

/* --- meta.properties --- */

static void a_new_directory_is_not_formatted(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    assert_ok(logdir_open(fs, "a/b/data", &d));
    assert_false(logdir_is_formatted(d));
    assert_int_equal(logdir_meta(d)->node_id, -1);
    assert_string_equal(logdir_path(d), "a/b/data");
    logdir_close(d);
}

static void what_was_formatted_is_read_again(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    struct logdir_meta meta = {
        .cluster_id = "MkU3OEVBNTcwNTJENDM2Qk", .node_id = 7, .dir_id = some_id};
    assert_ok(logdir_open(fs, "data", &d));
    assert_ok(logdir_format(d, &meta));
    logdir_close(d);
    crashfs_cut(*state, 1); /* it was durable */
    assert_ok(logdir_open(fs, "data", &d));
    assert_true(logdir_is_formatted(d));
    assert_string_equal(logdir_meta(d)->cluster_id, meta.cluster_id);
    assert_int_equal(logdir_meta(d)->node_id, 7);
    assert_true(uuid_eq(logdir_meta(d)->dir_id, some_id));
    logdir_close(d);
}

static enum err open_with_meta(struct fs *fs, const char *text, struct logdir_meta *ret)
{
    struct logdir *d;
    put_file(fs, "data/meta.properties", text);
    enum err e = logdir_open(fs, "data", &d);
    if (!e) {
        *ret = *logdir_meta(d);
        logdir_close(d);
    }
    return e;
}

static void what_apache_kafka_wrote_is_read(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir_meta m;
    assert_ok(fs_mkdir(fs, "data"));
    /* KRaft: version 1; the order of the lines is that of a hash table */
    assert_ok(open_with_meta(fs,
                             "#\n#Sat Nov 21 10:00:00 UTC 2026\ncluster.id=4L6g3nShT-eMCtK--X86sw\n"
                             "directory.id=w6pv4rsLSBqDQxfwqZbBng\nnode.id=3\nversion=1\n",
                             &m));
    assert_string_equal(m.cluster_id, "4L6g3nShT-eMCtK--X86sw");
    assert_int_equal(m.node_id, 3);
    assert_false(uuid_is_zero(m.dir_id));
    /* with ZooKeeper: version 0, broker.id, no directory.id */
    assert_ok(open_with_meta(
        fs, "#\n#Sat Nov 21 10:00:00 UTC 2026\ncluster.id=abc\nversion=0\nbroker.id=12\n", &m));
    assert_int_equal(m.node_id, 12);
    assert_true(uuid_is_zero(m.dir_id));
    /* blanks, line ends of another system, keys that we do not know */
    assert_ok(open_with_meta(fs, " version = 1 \r\n node.id = 5\r\nsome.key=1=2\r\n\r\n", &m));
    assert_int_equal(m.node_id, 5);
    assert_ok(open_with_meta(fs, "", &m));
}

static void what_cannot_be_meant_is_malformed(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    static const char *const texts[] = {
        "version=2\n",
        "version=\n",
        "version=one\n",
        "node.id=-1\n",
        "node.id=2147483648\n",
        "node.id=\n",
        "node.id=1x\n",
        "directory.id=short\n",
        "cluster.id=0123456789012345678901234567890123456789012345678901234567890123456789\n",
    };
    struct logdir_meta m;
    assert_ok(fs_mkdir(fs, "data"));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_err(ERR_MALFORMED, open_with_meta(fs, texts[i], &m));
    }
    struct buf big = BUF_INIT;
    for (int i = 0; i < 10000; i++) {
        buf_put_str(&big, STR("# filled\n"));
    }
    assert_err(ERR_MALFORMED, open_with_meta(fs, buf_cstr(&big), &m));
    buf_deinit(&big);
}

static void a_directory_has_one_owner(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d, *second;
    assert_ok(logdir_open(fs, "data", &d));
    assert_err(ERR_LOCKED, logdir_open(fs, "data", &second));
    logdir_close(d);
    assert_ok(logdir_open(fs, "data", &d));
    logdir_close(d);
}

static void names_that_a_kill_left_become_durable(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    assert_ok(fs_mkdir(fs, "data"));
    assert_ok(fs_mkdir(fs, "data/t-0")); /* and then the process was gone */
    assert_ok(logdir_open(fs, "data", &d));
    logdir_close(d);
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct crashfs *copy = crashfs_clone(*state);
        crashfs_cut(copy, seed);
        assert_true(exists(crashfs_fs(copy), "data/t-0"));
        crashfs_free(copy);
    }
}

/* --- the clean mark --- */

static void a_clean_stop_is_told_once(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    bool was_clean;
    int64_t epoch;
    assert_ok(logdir_open(fs, "data", &d));
    assert_ok(logdir_take_clean_mark(d, &was_clean, &epoch));
    assert_false(was_clean);
    assert_ok(logdir_put_clean_mark(d, 42));
    assert_file(fs, "data/.kafka_cleanshutdown", "{\"version\":0,\"brokerEpoch\":42}");
    logdir_close(d);
    crashfs_cut(*state, 3);
    assert_ok(logdir_open(fs, "data", &d));
    assert_ok(logdir_take_clean_mark(d, &was_clean, &epoch));
    assert_true(was_clean);
    assert_int_equal(epoch, 42);
    logdir_close(d);
    for (uint64_t seed = 0; seed < 8;
         seed++) { /* it is durably gone before anything else happens */
        struct crashfs *copy = crashfs_clone(*state);
        crashfs_cut(copy, seed);
        assert_false(exists(crashfs_fs(copy), "data/.kafka_cleanshutdown"));
        crashfs_free(copy);
    }
    assert_ok(logdir_open(fs, "data", &d));
    assert_ok(logdir_take_clean_mark(d, &was_clean, &epoch));
    assert_false(was_clean);
    logdir_close(d);
}

static void any_mark_is_a_mark(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    static const struct {
        const char *text;
        int64_t epoch;
    } marks[] = {{"", -1},
                 {"{\"version\":0,\"brokerEpoch\":7}", 7},
                 {"{\"brokerEpoch\":9,\"version\":0}", 9},
                 {"{\"brokerEpoch\":x}", -1},
                 {"\"brokerEpoch\":", -1}};
    struct logdir *d;
    assert_ok(logdir_open(fs, "data", &d));
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        bool was_clean;
        int64_t epoch;
        put_file(fs, "data/.kafka_cleanshutdown", marks[i].text);
        assert_ok(logdir_take_clean_mark(d, &was_clean, &epoch));
        assert_true(was_clean);
        assert_int_equal(epoch, marks[i].epoch);
        assert_false(exists(fs, "data/.kafka_cleanshutdown"));
    }
    logdir_close(d);
}

/* --- partition directories --- */

static void names_of_partitions(void **state)
{
    (void)state;
    static const struct {
        const char *name, *topic;
        int32_t partition;
    } good[] = {{"orders-3", "orders", 3},
                {"a-b-0", "a-b", 0},
                {"__consumer_offsets-49", "__consumer_offsets", 49},
                {"a--7", "a-", 7},
                {"t-2147483647", "t", INT32_MAX}};
    static const char *const bad[] = {"orders",
                                      "-3",
                                      "orders-",
                                      "orders--",
                                      "orders-x",
                                      "t-2147483648",
                                      "t-+1",
                                      "t- 1",
                                      "orders-3.0123456789abcdef0123456789abcdef-delete",
                                      "orders-3.0123456789abcdef0123456789abcdef-stray",
                                      ""};
    struct str topic;
    int32_t partition;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(logdir_parse_name(str_from(good[i].name), &topic, &partition));
        assert_true(str_eq(topic, str_from(good[i].topic)));
        assert_int_equal(partition, good[i].partition);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(logdir_parse_name(str_from(bad[i]), &topic, &partition));
    }
}

struct told {
    char text[256]; /* "topic/partition/id " of each */
};

static void tell(void *ctx, const struct logdir_partition *p)
{
    struct told *t = ctx;
    size_t len = strlen(t->text);
    snprintf(t->text + len, sizeof t->text - len, "%.*s/%d/%s ", STR_ARG(p->topic), p->partition,
             uuid_eq(p->topic_id, some_id) ? "some"
             : uuid_is_zero(p->topic_id)   ? "none"
                                           : "other");
}

static void make(struct logdir *d, const char *topic, int32_t partition, struct uuid id,
                 enum err want)
{
    struct buf path = BUF_INIT;
    assert_err(want, logdir_make_partition(d, str_from(topic), partition, id, &path));
    buf_deinit(&path);
}

/* As the first sync of its log does. */
static void settle(struct fs *fs, const char *dir, bool was_clean, enum err want)
{
    struct hand_clock clock;
    struct log_open_args args;
    struct log *log;
    struct log_pos end;
    hand_clock_init(&clock);
    test_open_args(&args, fs, &clock, dir);
    args.was_clean = was_clean;
    assert_ok(log_open(&args, &log, NULL));
    assert_err(want, log_sync(log, &end));
    log_abandon(log);
}

static void partitions_are_made_and_found(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    struct told told = {""};
    assert_ok(logdir_open(fs, "data", &d));
    make(d, "t", 0, some_id, OK);
    make(d, "t", 0, some_id, OK);
    make(d, "t", 0, other_id, ERR_EXISTS);
    settle(fs, "data/t-0", true, OK);
    logdir_close(d);
    crashfs_cut(*state, 5);
    assert_ok(logdir_open(fs, "data", &d));
    assert_ok(fs_mkdir(fs, "data/__cluster_metadata-0"));
    assert_ok(fs_mkdir(fs, "data/other"));
    put_file(fs, "data/file-0", "");
    assert_ok(logdir_each_partition(d, tell, &told));
    assert_string_equal(told.text, "t/0/some ");
    logdir_close(d);
}

/* The page of the id counts as clean after that, though the disk never got it. */
static void a_failed_sync_of_an_id_is_made_good(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    struct told told = {""};
    assert_ok(logdir_open(fs, "data", &d));
    make(d, "t", 0, some_id, OK);
    crashfs_arm(*state, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_SYNCS, 1, ERR_IO, 1});
    settle(fs, "data/t-0", true, ERR_POISONED);
    assert_true(crashfs_has_struck(*state));
    make(d, "t", 0, some_id, OK); /* the next process does not see that anything is wrong */
    settle(fs, "data/t-0", false, OK);
    logdir_close(d);
    crashfs_cut(*state, 5);
    assert_ok(logdir_open(fs, "data", &d));
    assert_ok(logdir_each_partition(d, tell, &told));
    assert_string_equal(told.text, "t/0/some ");
    logdir_close(d);
}

/* Whose it is is not known: it was never synced, or it is damaged. */
static void a_partition_without_an_id(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    struct told told = {""};
    assert_ok(logdir_open(fs, "data", &d));
    assert_ok(fs_mkdir(fs, "data/u-1"));
    put_file(fs, "data/u-1/00000000000000000000.log", "");
    put_file(fs, "data/u-1/leader-epoch-checkpoint", "0\n1\n3 0\n");
    assert_ok(fs_mkdir(fs, "data/v-2"));
    put_file(fs, "data/v-2/partition.metadata", "version: 0\ntopic_id: nonsense");
    put_file(fs, "data/v-2/00000000000000000000.log.swap", "somebody's");
    assert_ok(logdir_each_partition(d, tell, &told));
    assert_string_equal(told.text, "u/1/none v/2/none ");
    make(d, "u", 1, other_id, OK); /* it is new, whatever was left there */
    assert_false(exists(fs, "data/u-1/leader-epoch-checkpoint"));
    make(d, "v", 2, other_id, ERR_EXISTS); /* there may be something in it that somebody wants */
    assert_err(ERR_EXISTS, logdir_remove_unused(d, STR("v"), 2));
    assert_ok(logdir_remove_unused(d, STR("u"), 1));
    told.text[0] = '\0';
    assert_ok(logdir_each_partition(d, tell, &told));
    assert_string_equal(told.text, "v/2/none ");
    logdir_close(d);
}

/* Nobody else was ever called so: what is there is the metadata. */
static void the_metadata_log_keeps_what_it_has(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    assert_ok(logdir_open(fs, "data", &d));
    assert_ok(fs_mkdir(fs, "data/__cluster_metadata-0"));
    put_file(fs, "data/__cluster_metadata-0/quorum-state", "{}");
    make(d, "__cluster_metadata", 0, some_id, OK);
    assert_true(exists(fs, "data/__cluster_metadata-0/quorum-state"));
    assert_true(exists(fs, "data/__cluster_metadata-0/partition.metadata"));
    logdir_close(d);
}

/* Not to be able to read an id is not to have none. */
static void an_error_is_no_missing_id(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    struct told told = {""};
    assert_ok(logdir_open(fs, "data", &d));
    make(d, "t", 0, some_id, OK);
    crashfs_arm(*state, &(struct crashfs_plan){CRASHFS_FAIL_ON, CRASHFS_OPENS, 0, ERR_NO_FDS, 0});
    assert_err(ERR_NO_FDS, logdir_each_partition(d, tell, &told));
    make(d, "t", 0, some_id, ERR_NO_FDS);
    crashfs_arm(*state, &(struct crashfs_plan){.fault = CRASHFS_NO_FAULT});
    assert_ok(logdir_each_partition(d, tell, &told));
    assert_string_equal(told.text, "t/0/some ");
    logdir_close(d);
}

static void a_partition_id_is_written_as_apache_kafka_does(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    struct uuid id;
    assert_true(uuid_parse(STR("w6pv4rsLSBqDQxfwqZbBng"), &id));
    assert_ok(logdir_open(fs, "data", &d));
    make(d, "t", 0, id, OK);
    assert_file(fs, "data/t-0/partition.metadata", "version: 0\ntopic_id: w6pv4rsLSBqDQxfwqZbBng");
    logdir_close(d);
}

static void a_deleted_partition_goes_at_the_next_start(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    struct rand r;
    struct buf path = BUF_INIT;
    struct told told = {""};
    rand_init(&r, 1);
    assert_ok(logdir_open(fs, "data", &d));
    make(d, "t", 0, some_id, OK);
    make(d, "t", 1, some_id, OK);
    assert_ok(logdir_mark_partition(d, STR("t"), 0, LOGDIR_DELETE, &r, &path));
    assert_true(str_has_prefix(buf_str(&path), STR("data/t-0.")));
    assert_true(str_has_suffix(buf_str(&path), STR("-delete")));
    assert_int_equal(path.len, strlen("data/t-0.") + 32 + strlen("-delete"));
    struct buf stray = BUF_INIT;
    assert_ok(logdir_mark_partition(d, STR("t"), 1, LOGDIR_STRAY, &r, &stray));
    logdir_close(d);
    crashfs_cut(*state, 6);
    assert_ok(logdir_open(fs, "data", &d));
    assert_true(exists(fs, buf_cstr(&path)));
    assert_ok(logdir_each_partition(d, tell, &told));
    assert_string_equal(told.text, "");
    assert_false(exists(fs, buf_cstr(&path)));
    assert_true(exists(fs, buf_cstr(&stray))); /* nobody deletes what is only not known */
    logdir_close(d);
    buf_deinit(&path);
    buf_deinit(&stray);
}

static void a_long_name_can_be_marked(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    struct rand r;
    struct buf path = BUF_INIT;
    char topic[250];
    memset(topic, 'x', sizeof topic - 1);
    topic[sizeof topic - 1] = '\0';
    rand_init(&r, 1);
    assert_ok(logdir_open(fs, "d", &d));
    make(d, topic, 0, some_id, OK);
    assert_ok(logdir_mark_partition(d, str_from(topic), 0, LOGDIR_DELETE, &r, &path));
    assert_int_equal(path.len, strlen("d/") + 255); /* the longest name that file systems take */
    assert_ok(logdir_remove_tree(fs, buf_cstr(&path)));
    assert_false(exists(fs, buf_cstr(&path)));
    logdir_close(d);
    buf_deinit(&path);
}

/* --- checkpoints --- */

static void tell_row(void *ctx, const struct checkpoint_row *row)
{
    struct told *t = ctx;
    size_t len = strlen(t->text);
    snprintf(t->text + len, sizeof t->text - len, "%.*s/%d/%lld ", STR_ARG(row->topic),
             row->partition, (long long)row->off);
}

static void checkpoints_are_read_as_written(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct checkpoint_writer w;
    struct told told = {""};
    assert_ok(fs_mkdir_all(fs, "data"));
    checkpoint_begin(&w);
    checkpoint_add(&w, STR("t"), 0, 5);
    checkpoint_add(&w, STR("u.v-w"), 12, INT64_MAX);
    assert_ok(checkpoint_finish(&w, fs, "data/c"));
    crashfs_cut(*state, 7);
    assert_file(fs, "data/c", "0\n2\nt 0 5\nu.v-w 12 9223372036854775807\n");
    assert_ok(checkpoint_read(fs, "data/c", tell_row, &told));
    assert_string_equal(told.text, "t/0/5 u.v-w/12/9223372036854775807 ");
    assert_err(ERR_NOT_FOUND, checkpoint_read(fs, "data/d", tell_row, &told));
}

static void hostile_checkpoints_tell_nothing(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    static const char *const texts[] = {
        "1\n0\n", /* another version */
        "0\n",    /* no count */
        "0\n-1\n",
        "0\n1\n",
        "0\n2\nt 0 5\n",        /* fewer rows than said */
        "0\n1\nt 0 5\nt 1 5\n", /* more */
        "0\n99999999999\n",
        "0\n1\nt 0\n",
        "0\n1\nt 0 5 6\n",
        "0\n1\nt -1 5\n",
        "0\n1\nt 2147483648 5\n",
        "0\n1\nt x 5\n",
        "0\n1\nt 0 9223372036854775808\n",
        "0\n1\n\n",
        "\n\n\n",
        "0 0\n0\n",
        "t 0 5\n",
        "0\n2\nt 0 5\nt 1\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct told told = {""};
        put_file(fs, "c", texts[i]);
        enum err e = checkpoint_read(fs, "c", tell_row, &told);
        if (e != ERR_MALFORMED || told.text[0] != '\0') {
            fail_msg("%s: %s, told %s", texts[i], err_name(e), told.text);
        }
    }
}

static void lenient_checkpoints_are_read(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    static const struct {
        const char *text, *want;
    } texts[] = {
        {"", ""}, /* as it is made */
        {"0\n0\n", ""},
        {"0\r\n1\r\nt 0 5\r\n", "t/0/5 "},
        {"0\n1\nt\t0  5", "t/0/5 "},
        {"0\n1\nt 0 5\n\n  \n", "t/0/5 "},
        {"0\n1\nt 0 -5\n", "t/0/-5 "},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct told told = {""};
        put_file(fs, "c", texts[i].text);
        assert_ok(checkpoint_read(fs, "c", tell_row, &told));
        assert_string_equal(told.text, texts[i].want);
    }
}

static void epochs_grow_in_both_columns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err want;
    } texts[] = {
        {"0\n2\n1 0\n2 5\n", OK},
        {"0\n0\n", OK},
        {"0\n2\n1 0\n1 5\n", ERR_MALFORMED},
        {"0\n2\n2 0\n1 5\n", ERR_MALFORMED},
        {"0\n2\n1 5\n2 5\n", ERR_MALFORMED},
        {"0\n1\n-1 0\n", ERR_MALFORMED},
        {"0\n1\n0 -1\n", ERR_MALFORMED},
        {"0\n1\n2147483648 0\n", ERR_MALFORMED},
        {"0\n3\n1 0\n2 5\n", ERR_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct epochs x;
        epochs_init(&x);
        assert_err(texts[i].want, epochs_decode(&x, str_from(texts[i].text)));
        assert_int_equal(x.count > 0, i == 0);
        epochs_deinit(&x);
    }
}

/* --- partitions on their way from another directory --- */

static void note_future(void *ctx, const struct logdir_partition *p)
{
    struct buf *b = ctx;
    buf_printf(b, "%.*s/%d/%d ", STR_ARG(p->topic), p->partition, uuid_eq(p->topic_id, some_id));
}

static void a_future_partition_is_found_and_becomes_one(void **state)
{
    struct fs *fs = crashfs_fs(*state);
    struct logdir *d;
    struct rand r;
    struct buf path = BUF_INIT, to = BUF_INIT, seen = BUF_INIT;
    struct logdir_partition p = {STR("a.b-c"), 7, some_id, NULL};
    rand_init(&r, 1);
    assert_ok(logdir_open(fs, "data", &d));
    assert_ok(logdir_make_future(d, &p, &r, &path));
    p.path = buf_cstr(&path);
    assert_true(str_has_prefix(str_from(p.path), STR("data/a.b-c-7.")));
    assert_true(str_has_suffix(str_from(p.path), STR("-future")));
    assert_ok(fs_mkdir(fs, "data/x-future"));
    assert_ok(fs_mkdir(fs, "data/.-future"));
    assert_ok(logdir_each_partition(d, note_future, &seen));
    assert_int_equal(seen.len, 0); /* it is none yet */
    assert_ok(logdir_each_future(d, note_future, &seen));
    assert_string_equal(buf_cstr(&seen), "a.b-c/7/1 ");
    assert_ok(fs_mkdir(fs, "data/a.b-c-7"));
    assert_int_equal(logdir_settle_future(d, &p, &to), ERR_EXISTS);
    assert_ok(fs_rmdir(fs, "data/a.b-c-7"));
    buf_clear(&to);
    assert_ok(logdir_settle_future(d, &p, &to));
    assert_string_equal(buf_cstr(&to), "data/a.b-c-7");
    assert_false(exists(fs, p.path));
    buf_clear(&seen);
    assert_ok(logdir_each_partition(d, note_future, &seen));
    assert_string_equal(buf_cstr(&seen), "a.b-c/7/1 ");
    buf_deinit(&path);
    buf_deinit(&to);
    buf_deinit(&seen);
    logdir_close(d);
}

int main(void)
{

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_future_partition_is_found_and_becomes_one),
        T(a_new_directory_is_not_formatted),
        T(what_was_formatted_is_read_again),
        T(what_apache_kafka_wrote_is_read),
        T(what_cannot_be_meant_is_malformed),
        T(a_directory_has_one_owner),
        T(names_that_a_kill_left_become_durable),
        T(a_clean_stop_is_told_once),
        T(any_mark_is_a_mark),
        T(names_of_partitions),
        T(partitions_are_made_and_found),
        T(a_failed_sync_of_an_id_is_made_good),
        T(a_partition_without_an_id),
        T(the_metadata_log_keeps_what_it_has),
        T(an_error_is_no_missing_id),
        T(a_partition_id_is_written_as_apache_kafka_does),
        T(a_deleted_partition_goes_at_the_next_start),
        T(a_long_name_can_be_marked),
        T(checkpoints_are_read_as_written),
        T(hostile_checkpoints_tell_nothing),
        T(lenient_checkpoints_are_read),
        T(epochs_grow_in_both_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
