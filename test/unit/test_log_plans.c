/* The pure decisions of the log: recovery's three steps and retention, as tables. */
#include "test.h"

#include "log/recover.h"
#include "log/retain.h"

#include <stdio.h>
#include <string.h>

/* --- which files stay --- */

struct name_plan {
    const char *name;
    char verb; /* k keep, r remove, p promote */
    int64_t swap_end_off;
};

static char verb_of(enum recover_verb v)
{
    return v == RECOVER_KEEP ? 'k' : v == RECOVER_REMOVE ? 'r' : 'p';
}

/* Names are given by their number, suffix and so on, in order. */
static void check_names(const struct name_plan *want, size_t count)
{
    struct recover_file files[16];
    assert_true(count <= ARRAY_LEN(files));
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "00000000000000000%s", want[i].name);
        assert_true(recover_parse_name(str_from(name), &files[i]));
        files[i].swap_end_off = want[i].swap_end_off;
    }
    recover_plan_files(files, count);
    for (size_t i = 0; i < count; i++) {
        if (verb_of(files[i].verb) != want[i].verb) {
            fail_msg("%s: %c, not %c", want[i].name, verb_of(files[i].verb), want[i].verb);
        }
    }
}

static void names_of_segments_are_told_from_others(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_ours;
    } names[] = {
        {"00000000000000000042.log", true},
        {"00000000000000000042.txnindex", true},
        {"00000000000000000042.snapshot", true},
        {"00000000000000000042.log.deleted", true},
        {"00000000000000000042.timeindex.swap", true},
        {"00000000000000000042.log.cleaned", true},
        {"00000000000000000042.snapshot.tmp", true},
        {"leader-epoch-checkpoint.tmp", false},
        {"00000000000000000042", false},
        {"42.log", false},
        {"-0000000000000000042.log", false},
        {"+0000000000000000042.log", false},
        {"99999999999999999999.log", false}, /* no 63-bit number */
        {"09223372036854775807.log", true},
        {"0000000000000000004x.log", false},
        {"00000000000000000042.logs", false},
        {"00000000000000000042.log.deleted.deleted", false},
        {"00000000000000000042.index.", false},
        {"leader-epoch-checkpoint", false},
        {"partition.metadata", false},
        {".log", false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct recover_file f;
        if (recover_parse_name(str_from(names[i].name), &f) != names[i].is_ours) {
            fail_msg("%s", names[i].name);
        }
    }
}

static void plain_files_stay(void **state)
{
    (void)state;
    static const struct name_plan files[] = {
        {"000.log", 'k', -1},      {"000.index", 'k', -1},    {"000.timeindex", 'k', -1},
        {"007.log", 'k', -1},      {"007.txnindex", 'k', -1}, {"007.snapshot", 'k', -1},
        {"009.snapshot", 'k', -1},
    };
    check_names(files, ARRAY_LEN(files));
}

static void leftovers_go(void **state)
{
    (void)state;
    static const struct name_plan files[] = {
        {"000.log.deleted", 'r', -1}, {"000.index.deleted", 'r', -1}, {"003.log.cleaned", 'r', -1},
        {"005.index", 'r', -1}, /* its log is gone */
        {"005.timeindex", 'r', -1},   {"005.txnindex", 'r', -1},      {"005.snapshot", 'k', -1},
        {"006.log", 'k', -1},         {"006.index.tmp", 'r', -1},
    };
    check_names(files, ARRAY_LEN(files));
}

static void a_finished_swap_replaces_what_it_covers(void **state)
{
    (void)state;
    static const struct name_plan files[] = {
        {"000.log", 'r', -1},        {"000.log.swap", 'p', 20}, {"000.index", 'r', -1},
        {"000.index.swap", 'p', -1}, {"010.log", 'r', -1},      {"010.index", 'r', -1},
        {"010.snapshot", 'k', -1},   {"020.log", 'k', -1},
    };
    check_names(files, ARRAY_LEN(files));
}

static void half_of_a_split_goes(void **state)
{
    (void)state;
    /* the segment was being split into 0 and 10: 10 is still .cleaned, so its .swap parts go */
    static const struct name_plan files[] = {
        {"000.log", 'k', -1},
        {"010.log.swap", 'r', 20},
        {"010.index.cleaned", 'r', -1},
        {"010.index.swap", 'r', -1},
    };
    check_names(files, ARRAY_LEN(files));
}

/* --- how segments are scanned --- */

struct seg_plan {
    int64_t base_off;
    uint64_t size_bytes;
    bool has_indexes;
    enum recover_scan scan;
};

static void check_scans(int64_t recovery_off, const struct seg_plan *want, size_t count)
{
    struct recover_seg segs[8] = {0};
    for (size_t i = 0; i < count; i++) {
        segs[i].base_off = want[i].base_off;
        segs[i].size_bytes = want[i].size_bytes;
        segs[i].has_index = segs[i].has_timeindex = want[i].has_indexes;
    }
    recover_plan_scans(segs, count, recovery_off);
    for (size_t i = 0; i < count; i++) {
        if (segs[i].scan != want[i].scan) {
            fail_msg("recovery at %lld, segment %lld: %d, not %d", (long long)recovery_off,
                     (long long)want[i].base_off, (int)segs[i].scan, (int)want[i].scan);
        }
    }
}

static void a_clean_stop_scans_the_tail(void **state)
{
    (void)state;
    static const struct seg_plan usual[] = {
        {0, 100, true, SCAN_NONE}, {10, 100, false, SCAN_REBUILD}, {20, 100, true, SCAN_TAIL}};
    static const struct seg_plan one[] = {{0, 100, false, SCAN_TAIL}};
    static const struct seg_plan rolled[] = {
        {0, 100, true, SCAN_NONE}, {10, 100, true, SCAN_TAIL}, {20, 0, true, SCAN_TAIL}};
    check_scans(INT64_MAX, usual, ARRAY_LEN(usual));
    check_scans(INT64_MAX, one, ARRAY_LEN(one));
    check_scans(INT64_MAX, rolled, ARRAY_LEN(rolled));
}

static void what_lies_beyond_the_recovery_point_is_checked(void **state)
{
    (void)state;
    static const struct seg_plan inside[] = {
        {0, 100, true, SCAN_NONE}, {10, 100, true, SCAN_CHECK}, {20, 100, true, SCAN_CHECK}};
    /* a segment that ends at the point has got its last index rows after it */
    static const struct seg_plan at_end[] = {
        {0, 100, true, SCAN_NONE}, {10, 100, true, SCAN_CHECK}, {20, 0, true, SCAN_CHECK}};
    static const struct seg_plan none[] = {{0, 100, true, SCAN_CHECK}, {10, 100, true, SCAN_CHECK}};
    check_scans(15, inside, ARRAY_LEN(inside));
    check_scans(20, at_end, ARRAY_LEN(at_end));
    check_scans(-1, none, ARRAY_LEN(none));
}

static void empty_segments_do_not_vouch_for_those_before(void **state)
{
    (void)state;
    static const struct seg_plan segs[] = {
        {0, 100, true, SCAN_CHECK}, {10, 0, true, SCAN_CHECK}, {30, 100, true, SCAN_CHECK}};
    static const struct seg_plan below[] = {
        {0, 100, true, SCAN_NONE}, {10, 0, false, SCAN_NONE}, {30, 100, true, SCAN_CHECK}};
    check_scans(20, segs, ARRAY_LEN(segs));
    check_scans(35, below, ARRAY_LEN(below));
}

/* --- where the log ends --- */

struct end_plan {
    int64_t base_off, next_off;
    uint64_t size_bytes;
    bool is_cut;
    char verb;
};

static void check_end(const char *what, int64_t gaps_upto_off, const struct end_plan *want,
                      size_t count)
{
    struct recover_seg segs[8] = {0};
    for (size_t i = 0; i < count; i++) {
        segs[i] = (struct recover_seg){.base_off = want[i].base_off,
                                       .size_bytes = want[i].size_bytes,
                                       .scan = want[i].next_off < 0 ? SCAN_NONE : SCAN_CHECK,
                                       .next_off = want[i].next_off,
                                       .is_cut = want[i].is_cut};
    }
    recover_plan_end(segs, count, gaps_upto_off);
    for (size_t i = 0; i < count; i++) {
        if (verb_of(segs[i].verb) != want[i].verb) {
            fail_msg("%s, segment %lld: %c, not %c", what, (long long)want[i].base_off,
                     verb_of(segs[i].verb), want[i].verb);
        }
    }
}

#define CHECK_END(what, gaps, ...)                                                                 \
    do {                                                                                           \
        static const struct end_plan segs[] = {__VA_ARGS__};                                       \
        check_end(what, gaps, segs, ARRAY_LEN(segs));                                              \
    } while (0)

static void beyond_the_first_damage_nothing_stays(void **state)
{
    (void)state;
    CHECK_END("whole", -1, {0, -1, 9, false, 'k'}, {10, 20, 9, false, 'k'},
              {20, 25, 9, false, 'k'});
    CHECK_END("cut", -1, {0, 10, 9, false, 'k'}, {10, 15, 9, true, 'k'}, {20, 25, 9, false, 'r'},
              {25, 30, 9, false, 'r'});
    CHECK_END("cut to nothing", -1, {0, 10, 9, false, 'k'}, {10, 10, 9, true, 'k'},
              {20, 25, 9, false, 'r'});
    CHECK_END("gap", -1, {0, 10, 9, false, 'k'}, {12, 20, 9, false, 'r'}, {20, 30, 9, false, 'r'});
    CHECK_END("overlap", INT64_MAX, {0, 12, 9, false, 'k'}, {10, 20, 9, false, 'r'});
    CHECK_END("trusted", -1, {0, -1, 9, false, 'k'}, {12, 20, 9, false, 'k'});
}

static void gaps_are_fine_below_a_point(void **state)
{
    (void)state;
    CHECK_END("below", 30, {0, 10, 9, false, 'k'}, {12, 20, 9, false, 'k'},
              {30, 40, 9, false, 'k'});
    CHECK_END("beyond", 29, {0, 10, 9, false, 'k'}, {12, 20, 9, false, 'k'},
              {30, 40, 9, false, 'r'});
}

static void empty_segments_give_way(void **state)
{
    (void)state;
    CHECK_END("alone", -1, {5, 5, 0, false, 'k'});
    CHECK_END("active", -1, {0, 10, 9, false, 'k'}, {10, 10, 0, false, 'k'});
    CHECK_END("unused, within", -1, {0, 20, 9, false, 'k'}, {10, 10, 0, false, 'r'},
              {20, 30, 9, false, 'k'});
    CHECK_END("unused, at the end", -1, {0, 20, 9, false, 'k'}, {10, 10, 0, false, 'r'});
    CHECK_END("lost its content", -1, {0, 10, 9, false, 'k'}, {10, 10, 0, false, 'k'},
              {20, 30, 9, false, 'r'});
    CHECK_END("lost, then another", -1, {0, 10, 9, false, 'k'}, {10, 10, 0, false, 'k'},
              {20, 20, 0, false, 'r'});
    CHECK_END("first, lost", -1, {10, 10, 0, false, 'k'}, {20, 30, 9, false, 'r'});
    CHECK_END("first, trusted", -1, {10, -1, 0, false, 'r'}, {20, 30, 9, false, 'k'});
    CHECK_END("in a gap", 20, {0, 10, 9, false, 'k'}, {12, 12, 0, false, 'r'},
              {20, 30, 9, false, 'k'});
}

/* Whatever is found, at least one segment stays, what stays lies in front of what goes (but empty
 * ones), and what stays fits. */
static void any_end_is_sane(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 4096; bits++) {
        struct recover_seg segs[4] = {0};
        int kept = 0;
        int64_t next_off = -1;
        for (unsigned i = 0; i < 4; i++) {
            unsigned kind = bits >> (3 * i) & 7;
            int64_t base = 10 * (int64_t)i;
            segs[i] = (struct recover_seg){.base_off = base,
                                           .size_bytes = kind & 1 ? 9 : 0,
                                           .scan = SCAN_CHECK,
                                           .next_off = base + (kind & 1 ? (kind & 2 ? 10 : 15) : 0),
                                           .is_cut = (kind & 5) == 5};
        }
        recover_plan_end(segs, 4, -1);
        for (unsigned i = 0; i < 4; i++) {
            if (segs[i].verb == RECOVER_KEEP) {
                assert_true(next_off < 0 || segs[i].base_off == next_off);
                next_off = segs[i].is_cut ? INT64_MAX : segs[i].next_off;
                kept++;
            }
        }
        assert_true(kept > 0);
    }
}

/* --- retention --- */

static struct log_config retention(int64_t ms, int64_t bytes)
{
    struct log_config c;
    log_config_init(&c);
    c.retention_ms = ms;
    c.retention_bytes = bytes;
    return c;
}

/* Three of 100 bytes, 10 offsets and 1000 ms each, then an empty or a full active one. */
static size_t plan_of(struct log_config c, int64_t start_off, int64_t upto_off, int64_t now_ms)
{
    static const struct retain_seg segs[] = {
        {10, 100, 1000}, {20, 100, 2000}, {30, 100, 3000}, {40, 100, 4000}};
    struct retain_rules rules = {&c, start_off, upto_off, now_ms};
    return retain_plan(segs, ARRAY_LEN(segs), &rules);
}

static void retention_by_start(void **state)
{
    (void)state;
    assert_int_equal(plan_of(retention(-1, -1), 0, 40, 9999), 0);
    assert_int_equal(plan_of(retention(-1, -1), 9, 40, 9999), 0);
    assert_int_equal(plan_of(retention(-1, -1), 10, 40, 9999), 1);
    assert_int_equal(plan_of(retention(-1, -1), 35, 40, 9999), 3);
    assert_int_equal(plan_of(retention(-1, -1), 40, 40, 9999), 3); /* the active one stays */
    assert_int_equal(plan_of(retention(-1, -1), 30, 15, 9999),
                     1); /* the high watermark bounds it */
}

static void retention_by_size(void **state)
{
    (void)state;
    assert_int_equal(plan_of(retention(-1, 400), 0, 40, 0), 0);
    assert_int_equal(plan_of(retention(-1, 301), 0, 40, 0), 0); /* never below the limit */
    assert_int_equal(plan_of(retention(-1, 300), 0, 40, 0), 1);
    assert_int_equal(plan_of(retention(-1, 99), 0, 40, 0), 3);
    assert_int_equal(plan_of(retention(-1, 0), 0, 40, 0), 4);
    assert_int_equal(plan_of(retention(-1, 0), 0, 39, 0), 3);
}

static void retention_by_time(void **state)
{
    (void)state;
    assert_int_equal(plan_of(retention(500, -1), 0, 40, 1500), 0);
    assert_int_equal(plan_of(retention(500, -1), 0, 40, 1501), 1);
    assert_int_equal(plan_of(retention(500, -1), 0, 40, 4501), 4);
    assert_int_equal(plan_of(retention(0, -1), 0, 25, 9999), 2);
    assert_int_equal(plan_of(retention(500, 200), 0, 40, 3501),
                     3); /* two by size, one more by time */
}

static void compacted_topics_only_lose_what_is_below_the_start(void **state)
{
    (void)state;
    struct log_config c = retention(0, 0);
    c.is_deleted_by_retention = false;
    assert_int_equal(plan_of(c, 0, 40, 9999), 0);
    assert_int_equal(plan_of(c, 20, 40, 9999), 2);
}

static void an_empty_active_segment_stays(void **state)
{
    (void)state;
    struct log_config c = retention(0, 0);
    static const struct retain_seg one[] = {{0, 0, -1}};
    static const struct retain_seg two[] = {{10, 100, 0}, {10, 0, -1}};
    struct retain_rules rules = {&c, 0, 10, 9999};
    assert_int_equal(retain_plan(one, 1, &rules), 0);
    assert_int_equal(retain_plan(two, 2, &rules), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_segments_are_told_from_others),
        cmocka_unit_test(plain_files_stay),
        cmocka_unit_test(leftovers_go),
        cmocka_unit_test(a_finished_swap_replaces_what_it_covers),
        cmocka_unit_test(half_of_a_split_goes),
        cmocka_unit_test(a_clean_stop_scans_the_tail),
        cmocka_unit_test(what_lies_beyond_the_recovery_point_is_checked),
        cmocka_unit_test(empty_segments_do_not_vouch_for_those_before),
        cmocka_unit_test(beyond_the_first_damage_nothing_stays),
        cmocka_unit_test(gaps_are_fine_below_a_point),
        cmocka_unit_test(empty_segments_give_way),
        cmocka_unit_test(any_end_is_sane),
        cmocka_unit_test(retention_by_start),
        cmocka_unit_test(retention_by_size),
        cmocka_unit_test(retention_by_time),
        cmocka_unit_test(compacted_topics_only_lose_what_is_below_the_start),
        cmocka_unit_test(an_empty_active_segment_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
