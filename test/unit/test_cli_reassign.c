/* Plans of reassignments: what JSON is taken, in which words it is refused, and how replicas are
 * spread. */
#include "test.h"

#include "cli/reassign.h"

static char said[512];

/* The plan of a document, or NULL and said. */
static bool parse(const char *text, struct plan *ret)
{
    struct cli c = {.why = BUF_INIT};
    json_t *doc = json_loads(text, 0, NULL);
    assert_non_null(doc);
    bool ok = plan_parse(&c, doc, ret) && plan_check(&c, ret);
    snprintf(said, sizeof said, "%s", ok ? "" : buf_cstr(&c.why));
    json_decref(doc);
    buf_deinit(&c.why);
    return ok;
}

static void refused(const char *text, const char *why)
{
    struct plan p = {0};
    assert_false(parse(text, &p));
    assert_string_equal(said, why);
    plan_deinit(&p);
}

#define ROW(rest) "{\"version\": 1, \"partitions\": [{\"topic\": \"t\"" rest "}]}"

static void a_plan_is_read_in_order_and_printed_back(void **state)
{
    struct plan p = {0};
    assert_true(parse("{\"partitions\": [{\"topic\": \"u\", \"partition\": 1, \"replicas\": [2]},"
                      "{\"topic\": \"t\", \"partition\": 10, \"replicas\": [3, 1], \"log_dirs\": "
                      "[\"any\", \"/d\"]},"
                      "{\"topic\": \"t\", \"partition\": 9, \"replicas\": [1]}]}",
                      &p));
    json_t *doc = plan_json(&p);
    char *text = json_dumps(doc, JSON_COMPACT);
    assert_string_equal(
        text, "{\"version\":1,\"partitions\":[{\"topic\":\"t\",\"partition\":9,\"replicas\":[1],"
              "\"log_dirs\":[\"any\"]},{\"topic\":\"t\",\"partition\":10,\"replicas\":[3,1],"
              "\"log_dirs\":[\"any\",\"/d\"]},{\"topic\":\"u\",\"partition\":1,\"replicas\":[2],"
              "\"log_dirs\":[\"any\"]}]}");
    free(text);
    json_decref(doc);
    struct cli_names n = {0};
    plan_topics(&p, &n);
    assert_int_equal(n.count, 2);
    cli_names_deinit(&n);
    plan_deinit(&p);
}

static void bad_plans_are_refused_in_apache_kafkas_words(void **state)
{
    refused("[]", "Expected JSON object, received another document");
    refused("{}", "Partition reassignment list cannot be empty");
    refused("{\"version\": 2}", "Not supported version field value 2");
    refused("{\"version\": \"1\"}", "Expected `Integer` value, received \"1\"");
    refused("{\"partitions\": 7}", "Expected `List` value, received 7");
    refused("{\"partitions\": [7]}", "No such field exists: `topic`");
    refused(ROW(""), "No such field exists: `partition`");
    refused(ROW(", \"partition\": 0"), "No such field exists: `replicas`");
    refused(ROW(", \"partition\": 1.5, \"replicas\": [1]"),
            "Expected `Integer` value, received 1.5");
    refused(ROW(", \"partition\": 99999999999, \"replicas\": [1]"),
            "Expected `Integer` value, received 99999999999");
    refused(ROW(", \"partition\": 0, \"replicas\": [\"x\"]"),
            "Expected `Integer` value, received \"x\"");
    refused(ROW(", \"partition\": 0, \"replicas\": {}"), "Expected `List` value, received {}");
    refused(ROW(", \"partition\": 0, \"replicas\": []"), "Partition replica list cannot be empty");
    refused(ROW(", \"partition\": 0, \"replicas\": [1, 2], \"log_dirs\": [\"any\"]"),
            "Size of replicas list [1, 2] is different from size of log dirs list [any] for "
            "partition t-0");
    refused(ROW(", \"partition\": 0, \"replicas\": [1], \"log_dirs\": [4]"),
            "Expected `String` value, received 4");
    refused(ROW(", \"partition\": 0, \"replicas\": [1, 2, 1]"),
            "Partition replica lists may not contain duplicate entries: t-0 contains multiple "
            "entries for 1");
    refused("{\"partitions\": [{\"topic\": \"t\", \"partition\": 0, \"replicas\": [1]},"
            "{\"topic\": \"t\", \"partition\": 0, \"replicas\": [2]}]}",
            "Partition reassignment contains duplicate topic partitions: t-0");
}

static void topics_to_move(void **state)
{
    struct cli c = {.why = BUF_INIT};
    struct cli_names n = {0};
    json_t *doc = json_loads("{\"topics\": [{\"topic\": \"b\"}, {\"topic\": \"a\"}]}", 0, NULL);
    assert_true(plan_parse_topics(&c, doc, &n));
    assert_int_equal(n.count, 2);
    assert_string_equal(n.names[0], "a");
    assert_false(plan_parse_topics(&c, doc, &n)); /* the names are there already */
    assert_string_equal(buf_cstr(&c.why),
                        "List of topics to reassign contains duplicate entries: [a]");
    json_decref(doc);
    cli_names_deinit(&n);
    buf_deinit(&c.why);
}

/* --- spreading --- */

static const char *rack_of(const struct spread_broker *b, size_t count, int32_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (b[i].id == id) {
            return b[i].rack;
        }
    }
    fail_msg("there is no broker %d", id);
    return NULL;
}

/* No broker twice in a partition, racks as many as may be, and leaders that differ by one at most.
 */
static void check_spread(const struct spread_broker *b, size_t count, size_t factor, size_t racks)
{
    enum { PARTITIONS = 61 };
    for (uint64_t seed = 1; seed <= 20; seed++) {
        size_t leads[16] = {0};
        int32_t *ids = spread_replicas(b, count, PARTITIONS, factor, seed);
        for (size_t p = 0; p < PARTITIONS; p++) {
            const char *seen[16];
            size_t distinct = 0;
            const int32_t *r = ids + p * factor;
            leads[r[0]]++;
            for (size_t i = 0; i < factor; i++) {
                const char *rack = rack_of(b, count, r[i]);
                size_t k = 0;
                for (size_t j = 0; j < i; j++) {
                    assert_int_not_equal(r[i], r[j]);
                }
                while (k < distinct && strcmp(seen[k], rack) != 0) {
                    k++;
                }
                if (k == distinct) {
                    seen[distinct++] = rack;
                }
            }
            assert_int_equal(distinct, factor < racks ? factor : racks);
        }
        for (size_t i = 0; i < count; i++) {
            size_t n = leads[b[i].id];
            assert_true(n == PARTITIONS / count || n == PARTITIONS / count + 1);
        }
        mem_free(ids);
    }
}

static void replicas_are_spread_over_brokers_and_racks(void **state)
{
    static const struct spread_broker even[] = {{0, "a"}, {1, "a"}, {2, "b"},
                                                {3, "b"}, {4, "c"}, {5, "c"}};
    static const struct spread_broker uneven[] = {{7, "a"}, {1, "a"}, {2, "a"}, {3, "b"}};
    static const struct spread_broker single[] = {{9, "z"}};
    for (size_t factor = 1; factor <= 6; factor++) {
        check_spread(even, 6, factor, 3);
    }
    for (size_t factor = 1; factor <= 4; factor++) {
        check_spread(uneven, 4, factor, 2);
    }
    check_spread(single, 1, 1, 1);
}

static void brokers_without_racks_are_alike(void **state)
{
    static const struct spread_broker b[] = {{1, NULL}, {2, NULL}, {3, NULL}};
    int32_t *ids = spread_replicas(b, 3, 300, 2, 42);
    int follows[4][4] = {{0}};
    for (size_t p = 0; p < 300; p++) {
        assert_int_not_equal(ids[2 * p], ids[2 * p + 1]);
        follows[ids[2 * p]][ids[2 * p + 1]]++;
    }
    for (int i = 1; i <= 3; i++) {
        for (int k = 1; k <= 3; k++) {
            assert_true(i == k || follows[i][k] > 20); /* no leader has always the same follower */
        }
    }
    mem_free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_read_in_order_and_printed_back),
        cmocka_unit_test(bad_plans_are_refused_in_apache_kafkas_words),
        cmocka_unit_test(topics_to_move),
        cmocka_unit_test(replicas_are_spread_over_brokers_and_racks),
        cmocka_unit_test(brokers_without_racks_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
