/* What administrative requests take for many partitions of as many topics: so much for each,
 * however many there are. Allocations are counted on their way to the C library (--wrap in
 * meson.build). */
#include "client_host_world.h"

#include <stddef.h>

enum { MANY = 10000, BYTES_EACH_MAX = 4096, TIMEOUT_MS = 5000 };

static size_t taken;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
    taken += size;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    taken += count * size;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    taken += size;
    return __real_realloc(p, size);
}

/* --- the broker: it leads and coordinates everything, and answers no more than that --- */

static char names[MANY][8];
static struct metadata_resp_metadata_response_topic topics[MANY];

static void put_all_versions(struct api_versions_resp *r)
{
    static struct api_versions_resp_api_version keys[] = {
        {API_METADATA, 0, 13},
        {API_API_VERSIONS, 0, 4},
        {API_FIND_COORDINATOR, 0, 6},
        {API_LIST_OFFSETS, 1, 11},
        {API_DELETE_RECORDS, 0, 2},
        {API_DESCRIBE_PRODUCERS, 0, 0},
        {API_DESCRIBE_LOG_DIRS, 1, 4},
        {API_ALTER_REPLICA_LOG_DIRS, 1, 2},
        {API_ELECT_LEADERS, 0, 2},
        {API_ALTER_PARTITION_REASSIGNMENTS, 0, 1},
        {API_LIST_PARTITION_REASSIGNMENTS, 0, 0},
        {API_OFFSET_FETCH, 1, 9},
        {API_OFFSET_COMMIT, 2, 9},
        {API_OFFSET_DELETE, 0, 0},
    };
    r->api_keys = keys;
    r->api_keys_count = ARRAY_LEN(keys);
}

static void put_all_topics(struct metadata_resp *r)
{
    for (size_t i = 0; i < MANY; i++) {
        topics[i] = *r->topics;
        topics[i].name = str_from(names[i]);
    }
    r->topics = topics;
    r->topics_count = MANY;
}

static bool only_where(const struct wire_header *h, int nth, void *msg)
{
    switch (h->api_key) {
    case API_API_VERSIONS:
        put_all_versions(msg);
        return true;
    case API_METADATA:
        put_all_topics(msg);
        return true;
    case API_FIND_COORDINATOR:
        put_coordinator(msg);
        return true;
    default:
        return false;
    }
}

/* --- what is asked --- */

static struct ottla_topic_partition tps[MANY];
static struct ottla_offset_query queries[MANY];
static struct ottla_offset_value values[MANY];
static struct ottla_replica_move moves[MANY];
static struct ottla_reassignment changes[MANY];
static struct ottla_admin_options options;

static int ask_list_offsets(size_t n)
{
    struct ottla_offsets *o = NULL;
    int code = ottla_list_offsets(world.client, queries, n, &options, &o, NULL);
    code = code ? code : o->rows[n - 1]->error;
    ottla_offsets_free(o);
    return code;
}

static int ask_delete_records(size_t n)
{
    struct ottla_offsets *o = NULL;
    int code = ottla_delete_records(world.client, values, n, &options, &o, NULL);
    code = code ? code : o->rows[n - 1]->error;
    ottla_offsets_free(o);
    return code;
}

static int ask_producers(size_t n)
{
    struct ottla_producers *o = NULL;
    int code = ottla_describe_producers(world.client, tps, n, &options, &o, NULL);
    code = code ? code : o->rows[n - 1]->error;
    ottla_producers_free(o);
    return code;
}

static int ask_log_dirs(size_t n)
{
    int32_t one = 1;
    struct ottla_log_dirs *o = NULL;
    int code = ottla_describe_log_dirs(world.client, (struct ottla_ids){1, &one}, tps, n, &options,
                                       &o, NULL);
    code = code ? code : o->rows[0]->error;
    ottla_log_dirs_free(o);
    return code;
}

static int ask_replica_moves(size_t n)
{
    struct ottla_outcomes *o = NULL;
    int code = ottla_alter_replica_log_dirs(world.client, moves, n, &options, &o, NULL);
    code = code ? code : o->rows[n - 1]->error;
    ottla_outcomes_free(o);
    return code;
}

static int ask_election(size_t n)
{
    struct ottla_outcomes *o = NULL;
    return ottla_elect_leaders(world.client, OTTLA_ELECT_PREFERRED, tps, n, &options, &o, NULL);
}

static int ask_reassignments(size_t n)
{
    struct ottla_outcomes *o = NULL;
    return ottla_alter_reassignments(world.client, changes, n, &options, &o, NULL);
}

static int ask_ongoing(size_t n)
{
    struct ottla_reassignments *o;
    return ottla_list_reassignments(world.client, tps, n, &options, &o, NULL);
}

static int ask_group_offsets(size_t n)
{
    struct ottla_offsets *o = NULL;
    return ottla_list_group_offsets(world.client, "g", tps, n, &options, &o, NULL);
}

static int ask_alter_offsets(size_t n)
{
    struct ottla_outcomes *o = NULL;
    return ottla_alter_group_offsets(world.client, "g", values, n, &options, &o, NULL);
}

static int ask_delete_offsets(size_t n)
{
    struct ottla_outcomes *o = NULL;
    return ottla_delete_group_offsets(world.client, "g", tps, n, &options, &o, NULL);
}

static const struct {
    const char *name;
    int (*ask)(size_t n);
    int api_key;
} calls[] = {
    {"list offsets", ask_list_offsets, API_LIST_OFFSETS},
    {"delete records", ask_delete_records, API_DELETE_RECORDS},
    {"describe producers", ask_producers, API_DESCRIBE_PRODUCERS},
    {"describe log dirs", ask_log_dirs, API_DESCRIBE_LOG_DIRS},
    {"alter replica log dirs", ask_replica_moves, API_ALTER_REPLICA_LOG_DIRS},
    {"elect leaders", ask_election, API_ELECT_LEADERS},
    {"alter reassignments", ask_reassignments, API_ALTER_PARTITION_REASSIGNMENTS},
    {"list reassignments", ask_ongoing, API_LIST_PARTITION_REASSIGNMENTS},
    {"list group offsets", ask_group_offsets, API_OFFSET_FETCH},
    {"alter group offsets", ask_alter_offsets, API_OFFSET_COMMIT},
    {"delete group offsets", ask_delete_offsets, API_OFFSET_DELETE},
};

static void make_rows(void)
{
    static int32_t one = 1;
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        tps[i] = (struct ottla_topic_partition){names[i], 0};
        queries[i] = (struct ottla_offset_query){names[i], 0, OTTLA_OFFSET_LATEST};
        values[i] = (struct ottla_offset_value){names[i], 0, 1};
        moves[i] = (struct ottla_replica_move){names[i], 0, 1, "/d"};
        changes[i] = (struct ottla_reassignment){names[i], 0, false, {1, &one}};
    }
    ottla_admin_options_init(&options);
    options.timeout_ms = TIMEOUT_MS;
}

/* The request has been built and has gone out, if need be again; that nobody answers it is said. */
static size_t bytes_each(size_t i)
{
    int before = world.asked[calls[i].api_key];
    taken = 0;
    assert_int_equal(calls[i].ask(MANY), OTTLA_ERR_REQUEST_TIMED_OUT);
    assert_true(world.asked[calls[i].api_key] > before);
    return taken / MANY;
}

static void test_so_much_for_each(void **state)
{
    make_rows();
    world.script = only_where;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        size_t each = bytes_each(i);
        if (each > BYTES_EACH_MAX) {
            fail_msg("%s: %zu bytes a partition", calls[i].name, each);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_so_much_for_each, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
