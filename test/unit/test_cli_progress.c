/* The line of progress: what it says, how it fits, when it comes, and that it goes. */
#include "test.h"

#include "base/attr.h"
#include "cli/progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int64_t now_ms;
static int columns;
static int ends[2]; /* a pipe in place of the terminal */

static int64_t fake_clock(void) { return now_ms; }

static int fake_width(int fd)
{
    assert_int_equal(fd, ends[1]);
    return columns;
}

static struct progress made(const char *unit, int64_t total)
{
    struct progress p;
    progress_init(&p, unit, total);
    now_ms = 10000;
    columns = 80;
    p.fd = ends[1];
    p.now_ms = fake_clock;
    p.width = fake_width;
    p.is_on = true;
    p.is_colored = false;
    p.since_ms = now_ms;
    p.due_ms = now_ms + 500;
    return p;
}

static void says(struct progress *p, int64_t done, int64_t took_ms, int width, const char *want)
{
    struct buf out = BUF_INIT;
    progress_put(p, done, took_ms, width, &out);
    assert_string_equal(buf_cstr(&out), want);
    buf_deinit(&out);
}

static void test_words(void **state)
{
    (void)state;
    struct progress p = made("records", 1000000);
    says(&p, 250000, 5000, 80,
         " 25% [=====>                 ] 250,000 of 1,000,000 records, 50,000/s, 15s left");
    p.total = -1;
    says(&p, 999, 3000, 80, "999 records, 333/s, 3s");
    says(&p, 0, 0, 80, "0 records, 0/s, 0s");
    says(&p, 1234567, 3700000, 80, "1,234,567 records, 333/s, 1h01m");
    p = made(NULL, 40 << 20);
    says(&p, 10 << 20, 1000, 80,
         " 25% [=======>                      ] 10.0 of 40.0 MiB, 10.0/s, 3s left");
    says(&p, 50 << 20, 1000, 80,
         "100% [==============================] 40.0 of 40.0 MiB, 40.0/s, 0s left");
    p.total = 0;
    says(&p, 0, 90000, 80, "100% [==============================] 0.0 of 0.0 MiB, 0.0/s, 1m30s");
}

/* It is never wider than the terminal, whose last column stays free. */
static void test_widths(void **state)
{
    (void)state;
    struct progress p = made("records", 1000000);
    for (int width = 1; width < 200; width++) {
        struct buf out = BUF_INIT;
        progress_put(&p, 999999, 61000, width, &out);
        assert_true((int)out.len <= MAX(width - 1, 5));
        buf_deinit(&out);
    }
    says(&p, 250000, 5000, 30, " 25% 250,000 of 1,000,000 rec");
    p.is_colored = true;
    says(&p, 500000, 5000, 60, " 50% 500,000 of 1,000,000 records, 100,000/s, 5s left");
    p = made(NULL, 1 << 20);
    p.is_colored = true;
    says(&p, 1 << 19, 1000, 60,
         " 50% \x1b[32m[==========>          ]\x1b[0m 0.5 of 1.0 MiB, 0.5/s, 1s left");
}

static void seen(const char *want)
{
    char text[512];
    ssize_t n = read(ends[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    assert_string_equal(text, want);
}

static void test_when(void **state)
{
    (void)state;
    struct progress p = made("records", -1);
    progress_at(&p, 1);
    now_ms += 499;
    progress_at(&p, 2);
    seen(""); /* short work shows nothing */
    progress_wipe(&p);
    seen("");
    now_ms += 1;
    progress_at(&p, 3);
    seen("\r\x1b[K3 records, 6/s, 0s");
    now_ms += 99;
    progress_at(&p, 4);
    seen("");
    progress_wipe(&p);
    progress_wipe(&p);
    seen("\r\x1b[K");
    now_ms += 1;
    progress_at(&p, 5);
    seen("\r\x1b[K5 records, 8/s, 0s");
    progress_wipe(&p);
    seen("\r\x1b[K");
    p.is_on = false;
    now_ms += 1000;
    progress_at(&p, 6);
    seen("");
}

static void test_where(void **state)
{
    (void)state;
    struct progress p;
    int saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    progress_init(&p, "records", 5);
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    close(saved);
    assert_false(p.is_on); /* a pipe */
    assert_int_equal(progress_file_bytes(ends[0]), -1);
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(write(fileno(f), "12345", 5), 5);
    assert_int_equal(lseek(fileno(f), 2, SEEK_SET), 2);
    assert_int_equal(progress_file_bytes(fileno(f)), 3);
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_where),
    };
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
