/* The real file system behind the seam. */
#include "test.h"

#include "base/mem.h"
#include "plat/file_gate.h"

#include <stdio.h>
#include <stdlib.h>

static char *dir;

static int set_up(void **state)
{
    dir = str_dup(str_from("/tmp/ottla-test-file-XXXXXX"));
    return mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
    int n = fs_rmdir(fs_posix(), dir) != OK;
    mem_free(dir);
    return n;
}

static void path_in(char *ret, size_t size, const char *name)
{
    snprintf(ret, size, "%s/%s", dir, name);
}

static void a_file_is_replaced_as_a_whole(void **state)
{
    char path[256];
    char *text = NULL;
    size_t len = 0;
    path_in(path, sizeof path, "a");
    assert_ok(fs_write_atomic(fs_posix(), path, "one", 3));
    assert_ok(fs_write_atomic(fs_posix(), path, "three", 5));
    assert_ok(fs_read_all(fs_posix(), path, 100, &text, &len));
    assert_string_equal(text, "three");
    mem_free(text);
    assert_err(ERR_BUDGET, fs_read_all(fs_posix(), path, 4, &text, &len));
    assert_ok(fs_unlink(fs_posix(), path));
    assert_err(ERR_NOT_FOUND, fs_read_all(fs_posix(), path, 100, &text, &len));
}

/* What a system call says of a long run must be what is true of the bytes in it. */
static void what_is_cached_is_told(void **state)
{
    enum { KiB = 1024, LEN = 1024 * KiB, DROPPED = 512 * KiB, DROPPED_LEN = 128 * KiB };
    char path[256];
    struct file *f = NULL;
    char *bytes = mem_zalloc(LEN);
    path_in(path, sizeof path, "c");
    assert_ok(fs_open(fs_posix(), path, FILE_WRITE | FILE_CREATE, &f));
    assert_ok(file_pwrite(f, bytes, LEN, 0));
    assert_ok(file_sync(f));
    assert_true(file_is_cached(f, 0, LEN));
    assert_true(file_is_cached(f, 4095, 200 * KiB));
    assert_true(file_is_cached(f, 100 * KiB, 0));
    file_advise(f, DROPPED, DROPPED_LEN, FILE_DONT_NEED);
    bool is_there = file_is_cached(f, DROPPED + DROPPED_LEN / 2, 1); /* in a tmpfs it is */
    assert_int_equal(file_is_cached(f, 0, LEN), is_there);
    assert_int_equal(file_is_cached(f, DROPPED - 4096, DROPPED_LEN), is_there);
    assert_true(file_is_cached(f, 4096, DROPPED - 4096));
    size_t n = 0;
    uint8_t byte;
    enum err e = file_pread_now(f, &byte, 1, DROPPED + DROPPED_LEN / 2, &n);
    assert_true(e == OK || (!is_there && e == ERR_AGAIN));
    assert_ok(file_pread_now(f, &byte, 1, 0, &n));
    assert_int_equal(n, 1);
    assert_ok(file_pread_now(f, &byte, 1, LEN, &n)); /* the end */
    assert_int_equal(n, 0);
    file_close(f);
    mem_free(bytes);
    assert_ok(fs_unlink(fs_posix(), path));
}

static void vectors_longer_than_one_call_are_written_whole(void **state)
{
    enum { COUNT = 200 };
    char path[256];
    char bytes[COUNT];
    char back[COUNT];
    struct iovec iov[COUNT];
    struct file *f = NULL;
    path_in(path, sizeof path, "v");
    for (int i = 0; i < COUNT; i++) {
        bytes[i] = (char)i;
        iov[i] = (struct iovec){&bytes[i], 1};
    }
    assert_ok(fs_open(fs_posix(), path, FILE_WRITE | FILE_CREATE, &f));
    assert_ok(file_pwritev(f, iov, COUNT, 5));
    assert_ok(file_read_exact(f, back, COUNT, 5));
    assert_memory_equal(bytes, back, COUNT);
    assert_err(ERR_SHORT, file_read_exact(f, back, COUNT, 6));
    file_close(f);
    assert_ok(fs_unlink(fs_posix(), path));
}

static void a_second_lock_is_refused(void **state)
{
    char path[256];
    struct file *a = NULL;
    struct file *b = NULL;
    path_in(path, sizeof path, "l");
    assert_ok(fs_open(fs_posix(), path, FILE_WRITE | FILE_CREATE, &a));
    assert_ok(fs_open(fs_posix(), path, FILE_WRITE, &b));
    assert_ok(file_lock(a));
    assert_err(ERR_LOCKED, file_lock(b));
    file_close(a);
    assert_ok(file_lock(b));
    file_close(b);
    assert_ok(fs_unlink(fs_posix(), path));
}

static void behind_a_shut_gate_only_open_files_go_on(void **state)
{
    char path[256];
    struct fs_gate gate;
    struct file *f = NULL;
    struct file *other = NULL;
    struct fs_stat st;
    char back[2];
    path_in(path, sizeof path, "g");
    fs_gate_init(&gate, fs_posix());
    assert_ok(fs_open(&gate.fs, path, FILE_WRITE | FILE_CREATE, &f));
    fs_gate_shut(&gate);
    assert_err(ERR_CLOSED, fs_open(&gate.fs, path, FILE_READ, &other));
    assert_err(ERR_CLOSED, fs_rename(&gate.fs, path, "elsewhere"));
    assert_err(ERR_CLOSED, fs_unlink(&gate.fs, path));
    assert_ok(fs_stat(fs_posix(), path, &st));
    assert_ok(file_pwrite(f, "ok", 2, 0));
    assert_ok(file_read_exact(f, back, 2, 0));
    file_close(f);
    fs_gate_deinit(&gate);
    assert_ok(fs_unlink(fs_posix(), path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_replaced_as_a_whole),
        cmocka_unit_test(vectors_longer_than_one_call_are_written_whole),
        cmocka_unit_test(what_is_cached_is_told),
        cmocka_unit_test(a_second_lock_is_refused),
        cmocka_unit_test(behind_a_shut_gate_only_open_files_go_on),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
