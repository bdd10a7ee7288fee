/* The parts of libottla-test: answers with errors for all APIs, the file system in memory. */
#include "test.h"

#include "base/mem.h"
#include "broker/call.h"
#include "testkit/answer.h"
#include "testkit/memfs.h"
#include "wire/messages.h"

#include <string.h>

/* Every API of the broker, every version: with an empty request there is an answer that can be
 * written. */
static void test_every_api_has_an_error_answer(void **state)
{
    size_t count;
    const struct api *apis = api_rows(&count);
    for (size_t i = 0; i < count; i++) {
        const struct wire_msg *req = wire_request(apis[i].key), *resp = wire_response(apis[i].key);
        void *msg = mem_zalloc(wire_struct_bytes(req));
        wire_init(req, msg);
        for (int16_t v = apis[i].min_version; v <= apis[i].max_version; v++) {
            struct wire_header head = {.api_key = apis[i].key, .version = v};
            struct arena a;
            struct buf out = BUF_INIT;
            arena_init(&a, 1 << 20);
            void *answer = answer_error(&head, msg, ERR_CLUSTER_AUTHORIZATION_FAILED, &a);
            assert_non_null(answer);
            enum err e = wire_encode(resp, v, answer, &out, NULL);
            if (e) {
                fail_msg("%s %d: %s", wire_name(resp), v, err_text(e));
            }
            answer_spoil(&head, answer, ERR_CLUSTER_AUTHORIZATION_FAILED);
            buf_deinit(&out);
            arena_deinit(&a);
        }
        mem_free(msg);
    }
}

static void test_an_answer_mirrors_its_request(void **state)
{
    struct arena a;
    struct wire_header head = {.api_key = API_PRODUCE, .version = 9};
    struct produce_req_partition_produce_data parts[2] = {{.index = 4}, {.index = 7}};
    struct produce_req_topic_produce_data topic = {
        .name = STR("t"), .partition_data = parts, .partition_data_count = 2};
    struct produce_req req = produce_req_default;
    req.topic_data = &topic;
    req.topic_data_count = 1;
    arena_init(&a, 1 << 20);
    struct produce_resp *resp = answer_error(&head, &req, ERR_NOT_ENOUGH_REPLICAS, &a);
    assert_int_equal(resp->responses_count, 1);
    assert_true(str_eq(resp->responses[0].name, STR("t")));
    assert_int_equal(resp->responses[0].partition_responses_count, 2);
    assert_int_equal(resp->responses[0].partition_responses[1].index, 7);
    assert_int_equal(resp->responses[0].partition_responses[1].error_code, ERR_NOT_ENOUGH_REPLICAS);
    arena_deinit(&a);
}

static void test_names_become_elements(void **state)
{
    struct arena a;
    struct wire_header head = {.api_key = API_FIND_COORDINATOR, .version = 4};
    struct str keys[] = {STR("g"), STR("h")};
    struct find_coordinator_req req = find_coordinator_req_default;
    req.coordinator_keys = keys;
    req.coordinator_keys_count = 2;
    arena_init(&a, 1 << 20);
    struct find_coordinator_resp *resp =
        answer_error(&head, &req, ERR_COORDINATOR_NOT_AVAILABLE, &a);
    assert_int_equal(resp->coordinators_count, 2);
    assert_true(str_eq(resp->coordinators[1].key, STR("h")));
    assert_int_equal(resp->coordinators[1].error_code, ERR_COORDINATOR_NOT_AVAILABLE);
    arena_deinit(&a);
}

static bool add_name(void *ctx, const char *name, bool is_dir)
{
    strcat(ctx, name);
    strcat(ctx, is_dir ? "/ " : " ");
    return true;
}

static void test_memfs_names(void **state)
{
    struct memfs *m = memfs_new();
    struct fs *fs = memfs_fs(m);
    struct file *f;
    struct fs_stat st;
    char names[64] = "";
    assert_err(ERR_NOT_FOUND, fs_open(fs, "d/a", FILE_WRITE | FILE_CREATE, &f));
    assert_ok(fs_mkdir_all(fs, "d/e"));
    assert_err(ERR_EXISTS, fs_mkdir(fs, "d"));
    assert_ok(fs_write_atomic(fs, "d/e/a", "xyz", 3));
    assert_ok(fs_rename(fs, "d/e", "d/f"));
    assert_err(ERR_NOT_FOUND, fs_stat(fs, "d/e/a", &st));
    assert_ok(fs_stat(fs, "d/f/a", &st));
    assert_int_equal(st.size_bytes, 3);
    assert_ok(fs_list(fs, "d", add_name, names));
    assert_string_equal(names, "f/ ");
    assert_err(ERR_IO, fs_rmdir(fs, "d/f"));
    assert_ok(fs_open(fs, "d/f/a", FILE_READ, &f));
    assert_ok(fs_unlink(fs, "d/f/a"));
    assert_err(ERR_NOT_FOUND, fs_unlink(fs, "d/f/a"));
    assert_ok(fs_rmdir(fs, "d/f"));
    char got[3];
    assert_ok(file_read_exact(f, got, 3, 0)); /* open yet */
    assert_memory_equal(got, "xyz", 3);
    file_close(f);
    memfs_free(m);
}

static void test_memfs_bytes(void **state)
{
    struct memfs *m = memfs_new();
    struct fs *fs = memfs_fs(m);
    struct file *f, *g;
    uint8_t got[16];
    size_t n;
    uint64_t size;
    assert_ok(fs_open(fs, "a", FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE, &f));
    assert_err(ERR_EXISTS, fs_open(fs, "a", FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE, &g));
    assert_ok(fs_open(fs, "a", FILE_WRITE, &g));
    assert_ok(file_lock(f));
    assert_err(ERR_LOCKED, file_lock(g));
    assert_ok(file_pwrite(f, "0123456789", 10, 65531)); /* over the edge of two chunks */
    assert_ok(file_pread(f, got, 16, 65529, &n));
    assert_int_equal(n, 12);
    assert_memory_equal(got,
                        "\0\0"
                        "0123456789",
                        12);
    assert_ok(file_truncate(f, 65533));
    assert_ok(file_truncate(f, 200000));
    assert_ok(file_size(f, &size));
    assert_int_equal(size, 200000);
    assert_ok(file_pread(f, got, 4, 65531, &n));
    assert_memory_equal(got, "01\0\0", 4);
    assert_ok(file_pread(f, got, 4, 199998, &n));
    assert_int_equal(n, 2);
    file_close(f);
    assert_ok(file_lock(g));
    file_close(g);
    memfs_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_api_has_an_error_answer),
        cmocka_unit_test(test_an_answer_mirrors_its_request),
        cmocka_unit_test(test_names_become_elements),
        cmocka_unit_test(test_memfs_names),
        cmocka_unit_test(test_memfs_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
