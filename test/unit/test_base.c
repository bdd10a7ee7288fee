/* The base: containers, numbers, text. */
#include "test.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/crc.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "base/varint.h"

static void err_names_and_texts(void **state)
{
    assert_string_equal(err_name(ERR_OFFSET_OUT_OF_RANGE), "OFFSET_OUT_OF_RANGE");
    assert_string_equal(err_name((enum err)4242), "?");
    assert_int_equal(ERR_UNKNOWN_TOPIC_ID, 100);
    assert_true(err_is_wire(ERR_UNKNOWN_SERVER_ERROR));
    assert_false(err_is_wire(ERR_IO));
}

static void crc32c_matches_the_standard_check_value(void **state)
{
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
    assert_int_equal(crc32c(0, "", 0), 0);
}

static void varints_round_trip_at_every_width(void **state)
{
    uint8_t p[VARINT_MAX];
    for (int bit = 0; bit < 64; bit++) {
        for (int d = -1; d <= 1; d++) {
            uint64_t v = ((uint64_t)1 << bit) + (uint64_t)d;
            uint64_t got = 0;
            size_t n = uvarint_put(p, v);
            assert_int_equal(n, uvarint_size(v));
            assert_int_equal(uvarint_get(p, p + n, &got), n);
            assert_true(got == v);
            assert_int_equal(uvarint_get(p, p + n - 1, &got), 0);
            assert_true(unzigzag(zigzag((int64_t)v)) == (int64_t)v);
        }
    }
}

static void varints_refuse_what_does_not_fit(void **state)
{
    uint8_t eleven[11] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    uint8_t over[10] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    uint8_t five[6];
    uint64_t v;
    int32_t small;
    assert_int_equal(uvarint_get(eleven, eleven + 11, &v), 0);
    assert_int_equal(uvarint_get(over, over + 10, &v), 0);
    size_t n = varlong_put(five, (int64_t)INT32_MAX + 1);
    assert_int_equal(varint_get(five, five + n, &small), 0);
    n = varlong_put(five, INT32_MIN);
    assert_int_equal(varint_get(five, five + n, &small), n);
    assert_int_equal(small, INT32_MIN);
}

static void numbers_are_whole_or_refused(void **state)
{
    int64_t v = 7;
    assert_true(str_to_i64(STR("-9223372036854775808"), &v));
    assert_true(v == INT64_MIN);
    assert_true(str_to_i64(STR("+12"), &v));
    assert_int_equal(v, 12);
    assert_false(str_to_i64(STR("9223372036854775808"), &v));
    assert_false(str_to_i64(STR(""), &v));
    assert_false(str_to_i64(STR("-"), &v));
    assert_false(str_to_i64(STR("1x"), &v));
}

static void lists_are_taken_apart(void **state)
{
    struct str rest = STR(" a,, b ,");
    struct str item;
    assert_true(str_next_item(&rest, ',', &item));
    assert_true(str_eq(item, STR("a")));
    assert_true(str_next_item(&rest, ',', &item));
    assert_true(str_eq(item, STR("b")));
    assert_false(str_next_item(&rest, ',', &item));
    assert_int_equal(str_find(STR("a-b-c"), '-'), 1);
    assert_int_equal(str_find_last(STR("a-b-c"), '-'), 3);
    assert_int_equal(str_find_last(STR("abc"), '-'), 3);
}

static void uuids_print_and_parse(void **state)
{
    struct rand r;
    struct uuid u, again;
    char text[UUID_TEXT_LEN + 1];
    rand_init(&r, 1);
    for (int i = 0; i < 1000; i++) {
        u = uuid_random(&r);
        uuid_format(u, text);
        assert_true(text[0] != '-');
        assert_true(uuid_parse(str_from(text), &again));
        assert_true(uuid_eq(u, again));
    }
    uuid_format(UUID_METADATA_TOPIC, text);
    assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAQ");
    assert_false(uuid_parse(STR("AAAAAAAAAAAAAAAAAAAA*Q"), &u));
    assert_false(uuid_parse(STR("AAAA"), &u));
}

struct item {
    struct map_node node;
    struct heap_node heap;
    int key;
};

static bool item_eq(const struct map_node *n, const void *key)
{
    return MAP_ENTRY(n, struct item, node)->key == *(const int *)key;
}

static void map_keeps_what_is_put_in(void **state)
{
    enum { COUNT = 1000 };
    struct item *items = mem_zalloc(COUNT * sizeof *items);
    struct map m;
    map_init(&m);
    for (int i = 0; i < COUNT; i++) {
        items[i].key = i;
        map_insert(&m, map_hash_u64((uint64_t)i % 97), &items[i].node); /* many collisions */
    }
    for (int i = 0; i < COUNT; i += 2) {
        map_remove(&m, &items[i].node);
    }
    for (int i = 0; i < COUNT; i++) {
        struct map_node *n = map_find(&m, map_hash_u64((uint64_t)i % 97), item_eq, &i);
        assert_ptr_equal(n, i % 2 ? &items[i].node : NULL);
    }
    size_t seen = 0;
    MAP_EACH(&m, n, tmp) {
        map_remove(&m, n);
        seen++;
    }
    assert_int_equal(seen, COUNT / 2);
    assert_int_equal(m.count, 0);
    map_deinit(&m);
    mem_free(items);
}

static void heap_gives_the_smallest_first(void **state)
{
    enum { COUNT = 500 };
    struct item *items = mem_zalloc(COUNT * sizeof *items);
    struct heap h;
    struct rand r;
    heap_init(&h);
    rand_init(&r, 2);
    for (int i = 0; i < COUNT; i++) {
        heap_insert(&h, &items[i].heap, (int64_t)rand_below(&r, 100));
    }
    for (int i = 0; i < COUNT; i += 3) {
        heap_remove(&h, &items[i].heap);
        heap_remove(&h, &items[i].heap);
    }
    int64_t last = -1;
    while (heap_min(&h) != NULL) {
        struct heap_node *n = heap_min(&h);
        assert_true(n->key >= last);
        last = n->key;
        heap_remove(&h, n);
    }
    heap_deinit(&h);
    mem_free(items);
}

static void arena_stops_at_its_budget(void **state)
{
    struct arena a;
    arena_init(&a, 10000);
    assert_non_null(arena_alloc(&a, 100));
    assert_null(arena_alloc(&a, 20000));
    assert_null(arena_array(&a, SIZE_MAX / 2, 4));
    int n = 0;
    while (arena_alloc(&a, 1000) != NULL) {
        n++;
    }
    assert_in_range(n, 6, 9);
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 1000));
    assert_string_equal(arena_printf(&a, "%d-%s", 5, "x").p, "5-x");
    arena_deinit(&a);
}

static void a_message_is_clipped_between_characters(void **state)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_string_equal(arena_message(&a, "no %s", "topic").p, "no topic");
    struct str two = STR("a\xc3\xa4");
    assert_int_equal(str_clip(two, 3).len, 3);
    assert_int_equal(str_clip(two, 2).len, 1);
    assert_int_equal(str_clip(two, 0).len, 0);
    assert_true(str_is_null(str_clip(STR_NULL, 0)));
    assert_int_equal(arena_message(&a, "%40000d", 1).len, ARENA_MESSAGE_MAX);
    assert_int_equal(arena_printf(&a, "%40000d", 1).len, 40000);
    arena_deinit(&a);
}

static void buf_remembers_a_failed_growth(void **state)
{
    struct buf b = BUF_INIT;
    buf_put_be32(&b, 0x01020304);
    buf_printf(&b, "%s", "hi");
    assert_memory_equal(b.p, "\1\2\3\4hi", 6);
    mem_fail_after(1);
    buf_printf(&b, "%4000d", 1); /* as long as a path */
    assert_err(OK, b.err);
    b.len = 6;
    assert_null(buf_extend(&b, 100000));
    buf_put_u8(&b, 9);
    assert_err(ERR_NO_MEMORY, b.err);
    assert_int_equal(b.len, 6);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_names_and_texts),
        cmocka_unit_test(crc32c_matches_the_standard_check_value),
        cmocka_unit_test(varints_round_trip_at_every_width),
        cmocka_unit_test(varints_refuse_what_does_not_fit),
        cmocka_unit_test(numbers_are_whole_or_refused),
        cmocka_unit_test(lists_are_taken_apart),
        cmocka_unit_test(uuids_print_and_parse),
        cmocka_unit_test(map_keeps_what_is_put_in),
        cmocka_unit_test(heap_gives_the_smallest_first),
        cmocka_unit_test(arena_stops_at_its_budget),
        cmocka_unit_test(a_message_is_clipped_between_characters),
        cmocka_unit_test(buf_remembers_a_failed_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
