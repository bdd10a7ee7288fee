/* Fetch sessions (KIP-227). */
#include "test.h"

#include "broker/fetch_session.h"

enum { NOW_MS = 1000, LATER_MS = NOW_MS + 121 * 1000 };

static struct fetch_part part(const char *topic, int32_t index, int64_t off)
{
    return (struct fetch_part){.topic = str_from(topic), .index = index, .off = off};
}

static void an_epoch_counts_up_and_is_checked(void **state)
{
    struct fetch_sessions *cache = fetch_sessions_new(10, 1);
    struct fetch_session *s = fetch_session_open(cache, true, 1, NOW_MS);
    struct fetch_session *again;
    int32_t id = s->id;
    assert_true(id > 0);
    assert_err(ERR_INVALID_FETCH_SESSION_EPOCH, fetch_session_take(cache, id, 1, true, &again));
    fetch_session_release(cache, s, NOW_MS);
    assert_err(ERR_INVALID_FETCH_SESSION_EPOCH, fetch_session_take(cache, id, 2, true, &again));
    assert_err(ERR_FETCH_SESSION_TOPIC_ID_ERROR, fetch_session_take(cache, id, 1, false, &again));
    assert_ok(fetch_session_take(cache, id, 1, true, &again));
    fetch_session_release(cache, again, NOW_MS);
    assert_ok(fetch_session_take(cache, id, 2, true, &again));
    again->epoch = INT32_MAX;
    fetch_session_release(cache, again, NOW_MS);
    assert_ok(fetch_session_take(cache, id, INT32_MAX, true, &again));
    assert_int_equal(again->epoch, 1);
    fetch_session_release(cache, again, NOW_MS);
    assert_err(ERR_FETCH_SESSION_ID_NOT_FOUND, fetch_session_take(cache, id + 1, 1, true, &again));
    fetch_sessions_free(cache);
}

static void a_session_closed_while_busy_ends_with_its_request(void **state)
{
    struct fetch_sessions *cache = fetch_sessions_new(10, 1);
    struct fetch_session *s = fetch_session_open(cache, false, 1, NOW_MS);
    struct fetch_part want = part("a", 0, 5);
    assert_non_null(fetch_session_put(s, &want));
    fetch_session_close(cache, s->id);
    assert_int_equal(fetch_sessions_count(cache), 0);
    assert_int_equal(s->parts.count, 1);
    fetch_session_release(cache, s, NOW_MS);
    fetch_sessions_free(cache);
}

static void parts_are_kept_updated_and_forgotten(void **state)
{
    struct fetch_sessions *cache = fetch_sessions_new(10, 1);
    struct fetch_session *s = fetch_session_open(cache, false, 1, NOW_MS);
    struct fetch_part a0 = part("a", 0, 5);
    struct fetch_part a1 = part("a", 1, 6);
    struct fetch_part *p = fetch_session_put(s, &a0);
    assert_ptr_not_equal(p, fetch_session_put(s, &a1));
    p->told_high_watermark = 9;
    a0.off = 7;
    assert_ptr_equal(p, fetch_session_put(s, &a0));
    assert_int_equal(p->off, 7);
    assert_int_equal(p->told_high_watermark, 9);
    assert_ptr_equal(list_front(&s->order), &p->order);
    fetch_session_served(s, p);
    assert_ptr_not_equal(list_front(&s->order), &p->order);
    fetch_session_forget(s, STR("a"), UUID_ZERO, 0);
    fetch_session_forget(s, STR("b"), UUID_ZERO, 0);
    assert_int_equal(s->parts.count, 1);
    fetch_session_release(cache, s, NOW_MS);
    fetch_sessions_free(cache);
}

static void a_full_cache_lets_go_of_what_is_stale_or_smaller(void **state)
{
    struct fetch_sessions *cache = fetch_sessions_new(2, 1);
    struct fetch_session *a = fetch_session_open(cache, false, 1, NOW_MS);
    struct fetch_session *b = fetch_session_open(cache, false, 1, NOW_MS);
    int32_t a_id = a->id;
    assert_null(fetch_session_open(cache, false, 100, LATER_MS)); /* both are busy */
    fetch_session_release(cache, a, NOW_MS);
    fetch_session_release(cache, b, LATER_MS);
    assert_null(fetch_session_open(cache, false, 100, NOW_MS + 1)); /* both are young */
    struct fetch_session *c = fetch_session_open(cache, false, 0, LATER_MS);
    assert_non_null(c); /* a is stale */
    assert_err(ERR_FETCH_SESSION_ID_NOT_FOUND, fetch_session_take(cache, a_id, 1, false, &a));
    assert_non_null(fetch_session_open(cache, false, 100, LATER_MS)); /* b is smaller */
    assert_int_equal(fetch_sessions_count(cache), 2);
    fetch_session_release(cache, c, LATER_MS);
    fetch_sessions_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_counts_up_and_is_checked),
        cmocka_unit_test(a_session_closed_while_busy_ends_with_its_request),
        cmocka_unit_test(parts_are_kept_updated_and_forgotten),
        cmocka_unit_test(a_full_cache_lets_go_of_what_is_stale_or_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
