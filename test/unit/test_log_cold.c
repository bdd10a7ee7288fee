/* Data that only the disk has: how a log tells, and that it goes from memory behind its reader.
 * What the kernel holds is played by a file system that says what the test wants. */
#include "test/unit/test.h"

#include "broker/warmer.h"
#include "test/unit/logspy.h"

static struct log_extent read_at(struct world *w, int64_t off)
{
    struct log_extent x;
    struct log_read r = {.off = off, .max_bytes = 1000, .upto = log_end_pos(w->log)};
    r.min_one_batch = true;
    assert_ok(log_read(w->log, &r, &x));
    return x;
}

static void the_tail_is_never_asked_about(void **state)
{
    struct world *w = *state;
    w->spy.is_cached = false;
    assert_ok(test_append_plain(w->log, 1, 1000));
    struct log_extent x = read_at(w, 0);
    assert_false(log_extent_is_cold(&x, NULL));
    assert_int_equal(w->spy.asked_count, 0);
    log_extent_release(&x);
}

static void an_old_segment_in_memory_is_not_cold_and_stays(void **state)
{
    struct world *w = *state;
    assert_ok(test_append_plain(w->log, 1, 1000));
    assert_ok(log_roll(w->log));
    assert_ok(test_append_plain(w->log, 1, 1000));
    struct log_extent x = read_at(w, 0);
    assert_false(log_extent_is_cold(&x, NULL));
    assert_int_equal(w->spy.asked_count, 1);
    log_extent_done(&x);
    assert_int_equal(w->spy.dropped_to, 0);
    log_extent_release(&x);
}

static void what_came_from_the_disk_goes_again(void **state)
{
    struct world *w = *state;
    assert_ok(test_append_plain(w->log, 1, 1000));
    assert_ok(test_append_plain(w->log, 1, 1000));
    assert_ok(log_roll(w->log));
    assert_ok(test_append_plain(w->log, 1, 1000));
    w->spy.is_cached = false;
    struct log_extent x = read_at(w, 0);
    assert_true(log_extent_is_cold(&x, NULL));
    log_extent_warm(&x);
    log_extent_done(&x);
    assert_int_equal(w->spy.dropped_to, x.pos + x.len);
    uint64_t first_end = x.pos + x.len;
    log_extent_release(&x);
    /* what the kernel read ahead of him goes too, and once more what was still being sent before */
    w->spy.is_cached = true;
    x = read_at(w, 1);
    assert_false(log_extent_is_cold(&x, NULL));
    log_extent_done(&x);
    assert_true(w->spy.dropped_from < first_end);
    assert_int_equal(w->spy.dropped_to, x.pos + x.len);
    log_extent_release(&x);
}

/* Three old batches, and something at the tail. */
static void write_old(struct world *w)
{
    for (int i = 0; i < 3; i++) {
        assert_ok(test_append_plain(w->log, 1, 1000));
    }
    assert_ok(log_roll(w->log));
    assert_ok(test_append_plain(w->log, 1, 1000));
}

/* Whether what was read at off left the memory when its reader was done. */
static bool goes_after(struct world *w, int64_t off, bool is_cached)
{
    w->spy.is_cached = is_cached;
    w->spy.dropped_to = 0;
    struct log_extent x = read_at(w, off);
    assert_int_equal(log_extent_is_cold(&x, NULL), !is_cached);
    log_extent_done(&x);
    bool is_gone = w->spy.dropped_to == x.pos + x.len;
    log_extent_release(&x);
    return is_gone;
}

static void what_was_cold_once_is_not_for_ever(void **state)
{
    struct world *w = *state;
    write_old(w);
    assert_true(goes_after(w, 0, false));
    w->clock.mono_ms += 9999;
    assert_true(goes_after(w, 1, true)); /* read ahead of him, most likely */
    w->clock.mono_ms += 1;
    assert_false(goes_after(w, 1, true)); /* 10 s after it was last found on the disk */
    assert_true(goes_after(w, 2, false));
    assert_true(goes_after(w, 2, true));
}

static void what_a_second_reader_wants_stays(void **state)
{
    struct world *w = *state;
    write_old(w);
    assert_true(goes_after(w, 0, false));
    assert_true(goes_after(w, 1, false));
    w->clock.mono_ms += 1000;
    assert_false(goes_after(w, 0, false)); /* he would have had it, had it not been dropped */
    assert_false(goes_after(w, 0, true));
    assert_false(goes_after(w, 2, false)); /* nor is it dropped behind the first one now */
    w->clock.mono_ms += 10000;
    assert_true(goes_after(w, 2, false)); /* nobody missed anything lately */
}

/* A worker would wait for the kernel: what it has sent goes when somebody else has the time. */
static void who_sent_it_does_not_wait_until_it_is_gone(void **state)
{
    struct world *w = *state;
    struct crew *crew;
    write_old(w);
    assert_ok(warmer_new(0, &crew));
    w->spy.is_cached = false;
    struct log_extent x = read_at(w, 0);
    uint64_t end = x.pos + x.len;
    assert_false(log_extent_is_spent(&x));
    assert_true(log_extent_is_cold(&x, NULL));
    assert_true(log_extent_is_spent(&x));
    warmer_drop(crew, &x);
    assert_null(x.seg);
    assert_int_equal(w->spy.dropped_to, 0);
    assert_true(crew_step(crew));
    assert_int_equal(w->spy.dropped_to, end);
    crew_free(crew);
}

static void who_is_far_behind_is_no_second_reader(void **state)
{
    struct world *w = *state;
    write_old(w);
    w->spy.is_cached = false;
    struct log_extent x = read_at(w, 0);
    x.pos = UINT64_C(1) << 30; /* as if it were a large segment */
    assert_true(log_extent_is_cold(&x, NULL));
    log_extent_done(&x);
    log_extent_release(&x);
    assert_true(goes_after(w, 0, false));
}

/* Reads that may not wait: OK with what is there, or AGAIN and nothing touched. */
static enum err read_at_once(struct world *w, int64_t off, size_t max_bytes, struct log_hint *hint)
{
    struct log_extent x = {0};
    struct log_hint before = *hint;
    struct log_read r = {.off = off, .max_bytes = max_bytes, .upto = log_end_pos(w->log)};
    r.min_one_batch = true;
    r.may_not_wait = true;
    r.hint = hint;
    w->spy.read_count = 0;
    enum err e = log_read(w->log, &r, &x);
    if (e) {
        assert_null(x.seg);
        assert_memory_equal(hint, &before, sizeof before);
        assert_int_equal(w->spy.read_count, 0);
        return e;
    }
    assert_int_equal(x.base_off, off);
    assert_true(x.len > 0);
    log_extent_release(&x);
    return OK;
}

/* Whatever it looks at first: the first batch, a boundary, the index, a batch behind its row. */
static void who_may_not_wait_is_told(void **state)
{
    struct world *w = *state;
    struct log_hint none = {0};
    for (int i = 0; i < 1000; i++) {
        assert_ok(test_append_plain(w->log, 1, 1000));
    }
    assert_ok(log_roll(w->log));
    assert_ok(test_append_plain(w->log, 1, 1000));
    static const struct {
        int64_t off;
        size_t max_bytes;
    } reads[] = {{0, 1}, {0, 1000}, {0, 30000}, {500, 1000}, {999, 1 << 20}};
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        struct log_hint hint = none;
        w->spy.is_cached = false;
        assert_err(ERR_AGAIN, read_at_once(w, reads[i].off, reads[i].max_bytes, &hint));
        w->spy.is_cached = true;
        assert_ok(read_at_once(w, reads[i].off, reads[i].max_bytes, &hint));
    }
    w->spy.is_cached = false;
    assert_ok(read_at_once(w, 1000, 1 << 20, &none)); /* at the tail memory knows all */
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_tail_is_never_asked_about),      T(an_old_segment_in_memory_is_not_cold_and_stays),
        T(what_came_from_the_disk_goes_again), T(what_was_cold_once_is_not_for_ever),
        T(what_a_second_reader_wants_stays),   T(who_is_far_behind_is_no_second_reader),
        T(who_may_not_wait_is_told),           T(who_sent_it_does_not_wait_until_it_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
