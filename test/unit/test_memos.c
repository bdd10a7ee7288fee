/* When memos of logs count after a kill (doc/decisions/0019): a start that believes them looks at
 * no record. One that another program's work lies behind looks at all. */
#include "test.h"

#include "base/mem.h"
#include "small.h"

enum { RECORDS = 12, MIN_BYTES = 100000, CHECKPOINTS_MS = 61000, LATER_MS = 5 };

static struct small w;

static void start(void)
{
    struct buf why = BUF_INIT;
    crashfs_forget_reads(w.disk);
    assert_true(small_start(&w, &why));
    buf_deinit(&why);
}

/* Killed when all that was written is in a memo. */
static int set_up(void **state)
{
    small_init(&w, "memos", 1);
    w.disk = crashfs_new();
    start();
    assert_true(small_make_topic(&w));
    simclock_add_ms(&w.clock, CHECKPOINTS_MS);
    small_settle(&w);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(small_write(&w, 0, i), i);
    }
    small_settle(&w); /* clients pause: it is written */
    small_kill_process(&w);
    simclock_add_ms(&w.clock, LATER_MS);
    return 0;
}

static int tear_down(void **state)
{
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(small_look(&w, 0, i, i), SMALL_FOUND);
    }
    small_deinit(&w);
    server_stop(w.server);
    crashfs_free(w.disk);
    return 0;
}

/* The same words once more, as another program writes them when it checkpoints. */
static void write_again(const char *path)
{
    struct file *f;
    char *text;
    size_t len;
    struct fs *fs = crashfs_fs(w.disk);
    crashfs_set_clock(w.disk, &w.clock.clock);
    assert_ok(fs_read_all(fs, path, 1 << 20, &text, &len));
    assert_ok(fs_open(fs, path, FILE_WRITE | FILE_TRUNCATE, &f));
    assert_ok(file_pwrite(f, text, len, 0));
    file_close(f);
    mem_free(text);
}

static bool is_believed(void) { return crashfs_read_bytes(w.disk, ".log") < MIN_BYTES; }

static void what_this_machine_noted_is_believed(void **state)
{
    start();
    assert_true(is_believed());
}

static void not_after_a_reboot(void **state)
{
    w.boots++;
    start();
    assert_false(is_believed());
}

static void not_after_recovery_points_of_another(void **state)
{
    write_again("data/recovery-point-offset-checkpoint");
    start();
    assert_false(is_believed());
}

static void not_after_high_watermarks_of_another(void **state)
{
    write_again("data/replication-offset-checkpoint");
    start();
    assert_false(is_believed());
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_this_machine_noted_is_believed),
        T(not_after_a_reboot),
        T(not_after_recovery_points_of_another),
        T(not_after_high_watermarks_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
