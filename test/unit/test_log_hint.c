/* What a reader remembers between two reads: it spares him the index, most headers and most
 * questions to the page cache, and never shows him anything that is not there. */
#include "test/unit/test.h"

#include "test/unit/logspy.h"

#include "base/rand.h"
#include "log/index.h"
#include "log/rows.h"

static void append(struct world *w, int batches, int records_each, size_t value_bytes)
{
    for (int i = 0; i < batches; i++) {
        assert_ok(test_append_plain(w->log, records_each, value_bytes));
    }
}

static struct log_extent read_at(struct world *w, int64_t off, size_t max_bytes,
                                 struct log_hint *hint)
{
    struct log_extent x = {0};
    struct log_read r = {.off = off,
                         .max_bytes = max_bytes,
                         .upto = log_end_pos(w->log),
                         .min_one_batch = true,
                         .hint = hint};
    assert_ok(log_read(w->log, &r, &x));
    return x;
}

/* --- what it spares --- */

/* Reads from off on, one read after the other; returns how often files were read meanwhile. */
static int reads_of(struct world *w, int64_t off, size_t max_bytes, int count)
{
    struct log_hint hint = {0};
    struct log_extent first = read_at(w, off, max_bytes, &hint);
    log_extent_release(&first);
    int before = w->spy.read_count;
    for (int i = 0; i < count; i++) {
        struct log_extent x = read_at(w, hint.off, max_bytes, &hint);
        assert_true(x.len > 0 && x.len <= max_bytes);
        log_extent_release(&x);
    }
    return w->spy.read_count - before;
}

static void reopen(struct world *w)
{
    assert_ok(log_close(w->log));
    w->args.was_clean = true;
    assert_ok(log_open(&w->args, &w->log, NULL));
}

static void a_batch_at_a_time_costs_one_header(void **state)
{
    struct world *w = *state;
    append(w, 40, 1, 16000);
    assert_int_equal(reads_of(w, 0, 17000, 30), 30);
    reopen(w); /* all rows are in the file */
    assert_int_equal(reads_of(w, 0, 17000, 30), 30);
}

static void a_long_index_is_read_once(void **state)
{
    struct world *w = *state;
    append(w, 1500, 1, 5000);
    reopen(w);
    /* a row and a header for each: not the index by halves */
    assert_in_range(reads_of(w, 0, 100000, 50), 50, 100);
}

static void what_is_ahead_is_asked_about_once(void **state)
{
    struct world *w = *state;
    struct log_hint hint = {0};
    append(w, 40, 1, 10000);
    assert_ok(log_roll(w->log));
    append(w, 1, 1, 10);
    for (int i = 0; i < 30; i++) {
        struct log_extent x = read_at(w, i, 12000, &hint);
        assert_false(log_extent_is_cold(&x, &hint));
        log_extent_release(&x);
    }
    /* without knowing that the reader would go on, and then once for all that is there */
    assert_int_equal(w->spy.asked_count, 2);
    w->clock.mono_ms += 100;
    struct log_extent x = read_at(w, 30, 12000, &hint);
    w->spy.is_cached = false;
    assert_true(log_extent_is_cold(&x, &hint));
    log_extent_release(&x);
    x = read_at(w, 31, 12000, &hint);
    assert_true(log_extent_is_cold(&x, &hint)); /* which was not taken for an answer about more */
    log_extent_release(&x);
}

static void warmth_is_of_one_segment(void **state)
{
    struct world *w = *state;
    struct log_hint hint = {0};
    for (int i = 0; i < 2; i++) {
        append(w, 10, 1, 1000);
        assert_ok(log_roll(w->log));
    }
    append(w, 1, 1, 10);
    for (int i = 0; i < 10; i++) {
        struct log_extent x = read_at(w, i, 1200, &hint);
        assert_false(log_extent_is_cold(&x, &hint));
        log_extent_release(&x);
    }
    w->spy.is_cached = false;
    struct log_extent x = read_at(w, 10, 1200, &hint);
    assert_int_equal(x.pos, 0);
    assert_true(log_extent_is_cold(&x, &hint));
    log_extent_release(&x);
}

/* --- that it shows what is there --- */

/* The read that a reader without a memory gets at the same place. */
static void assert_same_as_without(struct world *w, int64_t off, size_t max_bytes,
                                   struct log_hint *hint)
{
    struct log_extent a = read_at(w, off, max_bytes, hint);
    struct log_extent b = read_at(w, off, max_bytes, NULL);
    assert_ptr_equal(a.seg, b.seg);
    assert_int_equal(a.pos, b.pos);
    assert_int_equal(a.len, b.len);
    assert_int_equal(a.is_first_batch_too_big, b.is_first_batch_too_big);
    log_extent_release(&a);
    log_extent_release(&b);
}

/* Who reads while somebody appends, rolls, truncates, resets and removes, with one hint. */
static void churn(struct world *w, struct rand *r)
{
    int64_t end_off = log_end_off(w->log);
    int removed = 0;
    switch (rand_below(r, 16)) {
    case 0:
        assert_ok(log_roll(w->log));
        break;
    case 1: /* as a follower does */
        assert_ok(
            log_truncate(w->log, MAX(log_start_off(w->log), end_off - (int64_t)rand_below(r, 60))));
        break;
    case 2:
        assert_ok(log_set_start(w->log, MIN(end_off, log_start_off(w->log) + 5)));
        assert_ok(log_retain(w->log, end_off, w->clock.wall_ms, &removed));
        break;
    case 3:
        if (rand_below(r, 8) == 0) {
            assert_ok(log_reset(w->log, end_off));
        }
        break;
    default:
        append(w, 1 + (int)rand_below(r, 6), 1 + (int)rand_below(r, 3),
               rand_below(r, 2) ? 100 : 6000);
        break;
    }
}

static void a_memory_never_misleads(void **state)
{
    struct world *w = *state;
    static const size_t sizes[] = {1, 500, 5000, 13000, 40000, 1 << 20};
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rand r;
        struct log_hint hint = {0};
        rand_init(&r, seed);
        w->args.config.segment_bytes = 100000;
        w->args.config.retention_bytes = 300000;
        log_set_config(w->log, &w->args.config);
        for (int i = 0; i < 200; i++) {
            churn(w, &r);
            w->clock.mono_ms += (int64_t)rand_below(&r, 40);
            int64_t start_off = log_start_off(w->log), end_off = log_end_off(w->log);
            bool goes_on = hint.off >= start_off && hint.off < end_off && rand_below(&r, 8) > 0;
            int64_t off =
                goes_on ? hint.off
                        : start_off + (int64_t)rand_below(&r, (uint64_t)(end_off - start_off) + 1);
            assert_same_as_without(w, off, sizes[rand_below(&r, ARRAY_LEN(sizes))], &hint);
        }
    }
}

static void after_a_truncation_other_batches_are_there(void **state)
{
    struct world *w = *state;
    struct log_hint hint = {0};
    append(w, 20, 1, 6000);
    struct log_extent x = read_at(w, 0, 20000, &hint);
    log_extent_release(&x);
    assert_int_equal(hint.off, 3);
    assert_true(hint.next_pos > hint.seg_pos);
    assert_ok(log_truncate(w->log, 3)); /* his offset begins where it did, but for what follows */
    append(w, 20, 1, 5000);
    assert_same_as_without(w, 3, 20000, &hint);
}

/* --- the guess --- */

enum { ROWS = 3000 };

static struct file *row_file(struct world *w, const int64_t *keys)
{
    struct buf path = BUF_INIT;
    struct file *f;
    uint8_t *rows = mem_alloc((size_t)ROWS * INDEX_ROW_BYTES);
    for (int i = 0; i < ROWS; i++) {
        index_encode(rows + (size_t)i * INDEX_ROW_BYTES, 0,
                     (struct index_row){.off = i + 1, .pos = (uint64_t)keys[i]});
    }
    buf_put_str(&path, str_from(w->dir.path));
    buf_put_str(&path, STR("/rows"));
    assert_ok(fs_open(&w->spy.fs, buf_cstr(&path), FILE_WRITE | FILE_CREATE, &f));
    assert_ok(file_pwrite(f, rows, (size_t)ROWS * INDEX_ROW_BYTES, 0));
    buf_deinit(&path);
    mem_free(rows);
    return f;
}

static void a_guess_changes_nothing(void **state)
{
    struct world *w = *state;
    static int64_t keys[ROWS];
    struct rand r;
    rand_init(&r, 7);
    for (int i = 0; i < ROWS; i++) {
        keys[i] = (i ? keys[i - 1] : 0) + 10 + (int64_t)rand_below(&r, 50);
    }
    struct file *f = row_file(w, keys);
    for (int i = 0; i < 3000; i++) {
        struct rows_search s = {.file = f,
                                .row_bytes = INDEX_ROW_BYTES,
                                .count = 1 + (uint32_t)rand_below(&r, ROWS),
                                .key = index_key_pos};
        int64_t target = (int64_t)rand_below(&r, (uint64_t)keys[ROWS - 1] + 20);
        uint8_t row[2][INDEX_ROW_BYTES] = {{0}};
        int64_t plain = -2, guessed = -2;
        assert_ok(rows_find(&s, target, &plain, row[0]));
        s.guess = (uint32_t)rand_below(&r, ROWS + 1000);
        assert_ok(rows_find(&s, target, &guessed, row[1]));
        assert_int_equal(plain, guessed);
        assert_memory_equal(row[0], row[1], INDEX_ROW_BYTES);
        assert_true(plain < 0 || keys[plain] <= target);
        assert_true(plain + 1 >= s.count || keys[plain + 1] > target);
    }
    file_close(f);
}

static void a_good_guess_is_one_read(void **state)
{
    struct world *w = *state;
    static int64_t keys[ROWS];
    for (int i = 0; i < ROWS; i++) {
        keys[i] = 100 * (int64_t)i;
    }
    struct file *f = row_file(w, keys);
    for (uint32_t i = 1; i < ROWS; i += 13) {
        struct rows_search s = {.file = f,
                                .row_bytes = INDEX_ROW_BYTES,
                                .count = ROWS,
                                .guess = i,
                                .key = index_key_pos};
        uint8_t row[INDEX_ROW_BYTES];
        int64_t at = -1;
        int before = w->spy.read_count;
        assert_ok(rows_find(&s, keys[i] + 50, &at, row));
        assert_int_equal(at, i);
        assert_int_equal(w->spy.read_count, before + 1);
    }
    file_close(f);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_batch_at_a_time_costs_one_header),
        T(a_long_index_is_read_once),
        T(what_is_ahead_is_asked_about_once),
        T(warmth_is_of_one_segment),
        T(a_memory_never_misleads),
        T(after_a_truncation_other_batches_are_there),
        T(a_guess_changes_nothing),
        T(a_good_guess_is_one_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
