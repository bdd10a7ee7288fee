/* The wire interpreter by hand-made bytes: each rule of the encoding once, and what is refused.
 * That all messages are right is shown by test_wire_golden. */
#include "test.h"

#include "base/limit.h"
#include "base/mem.h"
#include "base/varint.h"
#include "wire/desc.h"
#include "wire/header.h"
#include "wire/messages.h"

static struct arena arena;
static struct buf out;

static int setup(void **state)
{
    arena_init(&arena, 1 << 20);
    out = BUF_INIT;
    return 0;
}

static int teardown(void **state)
{
    arena_deinit(&arena);
    buf_deinit(&out);
    return 0;
}

#define BYTES(literal) ((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

#define assert_out(literal)                                                                        \
    do {                                                                                           \
        assert_int_equal(out.len, sizeof(literal) - 1);                                            \
        assert_memory_equal(out.p, literal, sizeof(literal) - 1);                                  \
    } while (0)

static const char produce_v9[] = "\x00"         /* no transactional id */
                                 "\xff\xff"     /* acks -1 */
                                 "\0\0\x03\xe8" /* 1000 ms */
                                 "\x02"         /* one topic */
                                 "\x02t"        /* "t" */
                                 "\x02"         /* one partition */
                                 "\0\0\0\x07"   /* index */
                                 "\x04xyz"      /* records */
                                 "\x00\x00\x00" /* no tags three times */;

static void produce_decodes_where_it_lies(void **state)
{
    struct produce_req r;
    struct bytes in = BYTES(produce_v9);
    assert_ok(wire_decode(&wire_produce_req, 9, in, &arena, &r, NULL));
    assert_true(str_is_null(r.transactional_id));
    assert_int_equal(r.acks, -1);
    assert_int_equal(r.timeout_ms, 1000);
    assert_int_equal(r.topic_data_count, 1);
    assert_true(str_eq(r.topic_data[0].name, STR("t")));
    struct produce_req_partition_produce_data *p = r.topic_data[0].partition_data;
    assert_int_equal(r.topic_data[0].partition_data_count, 1);
    assert_int_equal(p->index, 7);
    assert_ptr_equal(p->records.p, in.p + 16);
    assert_int_equal(p->records.len, 3);
    assert_ok(wire_encode(&wire_produce_req, 9, &r, &out, NULL));
    assert_out(produce_v9);
}

static void every_cut_is_malformed(void **state)
{
    struct produce_req r;
    for (size_t n = 0; n < sizeof produce_v9 - 1; n++) {
        struct bytes in = {(const uint8_t *)produce_v9, n};
        assert_err(ERR_MALFORMED, wire_decode(&wire_produce_req, 9, in, &arena, &r, NULL));
    }
}

static void trailing_bytes_are_for_those_who_ask(void **state)
{
    struct heartbeat_req r;
    size_t used;
    struct bytes in = BYTES("\0\1g\0\0\0\5\0\1m+");
    assert_err(ERR_MALFORMED, wire_decode(&wire_heartbeat_req, 0, in, &arena, &r, NULL));
    assert_ok(wire_decode(&wire_heartbeat_req, 0, in, &arena, &r, &used));
    assert_int_equal(used, in.len - 1);
}

static void versions_outside_are_refused(void **state)
{
    struct produce_req r;
    size_t size;
    wire_init(&wire_produce_req, &r);
    assert_err(ERR_UNSUPPORTED_VERSION,
               wire_decode(&wire_produce_req, 2, BYTES("x"), &arena, &r, NULL));
    assert_err(ERR_UNSUPPORTED_VERSION, wire_encode(&wire_produce_req, 14, &r, &out, NULL));
    assert_err(ERR_UNSUPPORTED_VERSION, wire_size(&wire_produce_req, 14, &r, &size));
    assert_err(ERR_UNSUPPORTED_VERSION, wire_print(&wire_produce_req, -1, &r, false, &out));
}

static void absent_fields_hold_their_defaults(void **state)
{
    struct fetch_req r;
    assert_ok(wire_decode(&wire_fetch_req, 4,
                          BYTES("\0\0\0\1" /* replica */ "\0\0\0\2" /* wait */ "\0\0\0\3" /* min */
                                "\0\0\0\4" /* max */ "\1" /* isolation */ "\0\0\0\0" /* topics */),
                          &arena, &r, NULL));
    assert_int_equal(r.replica_id, 1);
    assert_int_equal(r.isolation_level, 1);
    assert_int_equal(r.session_epoch, -1);
    assert_int_equal(r.replica_state.replica_epoch, -1);
    assert_true(str_is_null(r.cluster_id));
    assert_true(str_eq(r.rack_id, STR("")));
    assert_int_equal(r.topics_count, 0);
}

static void a_field_that_the_version_lacks_is_dropped_or_refused(void **state)
{
    struct fetch_req r;
    wire_init(&wire_fetch_req, &r);
    r.session_id = 5; /* 7+, ignorable */
    assert_ok(wire_encode(&wire_fetch_req, 4, &r, &out, NULL));
    size_t len = out.len;
    struct fetch_req_forgotten_topic f;
    f = fetch_req_forgotten_topic_default;
    r.forgotten_topics_data = &f; /* 7+, not ignorable */
    r.forgotten_topics_data_count = 1;
    assert_err(ERR_WRONG_VERSION, wire_encode(&wire_fetch_req, 4, &r, &out, NULL));
    assert_int_equal(out.len, len);
    assert_err(ERR_WRONG_VERSION, wire_print(&wire_fetch_req, 4, &r, false, &out));
    assert_int_equal(out.len, len);
}

static void null_is_only_where_it_is_allowed(void **state)
{
    struct metadata_req r;
    wire_init(&wire_metadata_req, &r);
    r.topics_count = -1;
    assert_ok(wire_encode(&wire_metadata_req, 1, &r, &out, NULL));
    assert_out("\xff\xff\xff\xff");
    assert_err(ERR_MALFORMED, wire_encode(&wire_metadata_req, 0, &r, &out, NULL));
    assert_ok(wire_decode(&wire_metadata_req, 1, BYTES("\xff\xff\xff\xff"), &arena, &r, NULL));
    assert_int_equal(r.topics_count, -1);
    assert_err(ERR_MALFORMED,
               wire_decode(&wire_metadata_req, 0, BYTES("\xff\xff\xff\xff"), &arena, &r, NULL));
}

static void elements_are_never_null(void **state)
{
    struct list_partition_reassignments_req none;
    struct describe_configs_req_describe_configs_resource resource =
        describe_configs_req_describe_configs_resource_default;
    struct describe_configs_req r = describe_configs_req_default;
    struct str keys[] = {STR_NULL};
    r.resources = &resource;
    r.resources_count = 1;
    resource.configuration_keys = keys; /* the array may be null */
    resource.configuration_keys_count = 1;
    assert_err(ERR_MALFORMED, wire_encode(&wire_describe_configs_req, 4, &r, &out, NULL));
    assert_ok(wire_print(&wire_describe_configs_req, 4, &r, false, &out));
    keys[0] = STR("");
    buf_clear(&out);
    assert_ok(wire_encode(&wire_describe_configs_req, 4, &r, &out, NULL));
    assert_out("\2\0\1\2\1\0\0\0\0");
    assert_ok(wire_decode(&wire_describe_configs_req, 4, buf_bytes(&out), &arena, &r, NULL));
    out.p[4] = 0;
    assert_err(ERR_MALFORMED,
               wire_decode(&wire_describe_configs_req, 4, buf_bytes(&out), &arena, &r, NULL));
    assert_err(ERR_MALFORMED, wire_decode(&wire_list_partition_reassignments_req, 0, BYTES_NULL,
                                          &arena, &none, NULL));
}

static void counts_are_bounded_before_memory_is_taken(void **state)
{
    struct metadata_req r;
    struct alter_partition_req big;
    static uint8_t many[4 + 4 * 1000 * 1000];
    struct bytes in = {many, sizeof many};
    size_t before = arena.used_bytes;
    assert_err(ERR_MALFORMED,
               wire_decode(&wire_metadata_req, 0, BYTES("\x7f\xff\xff\xff"), &arena, &r, NULL));
    memcpy(many, "\0\x0f\x42\x41", 4); /* 1,000,001 */
    assert_err(ERR_MALFORMED, wire_decode(&wire_metadata_req, 0, in, &arena, &r, NULL));
    assert_int_equal(arena.used_bytes, before);
    memcpy(many, "\0\x0f\x42\x40", 4); /* 1,000,000: allowed, but not within this arena */
    assert_err(ERR_BUDGET, wire_decode(&wire_metadata_req, 0, in, &arena, &r, NULL));
    /* three elements in three bytes, though none takes fewer than 18 */
    assert_err(ERR_MALFORMED,
               wire_decode(&wire_alter_partition_req, 3, BYTES("\0\0\0\1\0\0\0\0\0\0\0\1\4\0\0\0"),
                           &arena, &big, NULL));
}

static void strings_end_at_32767_bytes(void **state)
{
    static char text[40000];
    struct heartbeat_req r;
    wire_init(&wire_heartbeat_req, &r);
    r.group_id = (struct str){text, LIMIT_WIRE_STRING_BYTES};
    assert_ok(wire_encode(&wire_heartbeat_req, 4, &r, &out, NULL));
    assert_ok(wire_decode(&wire_heartbeat_req, 4, buf_bytes(&out), &arena, &r, NULL));
    r.group_id = (struct str){text, LIMIT_WIRE_STRING_BYTES + 1};
    assert_err(ERR_MALFORMED, wire_encode(&wire_heartbeat_req, 4, &r, &out, NULL));
    assert_err(ERR_MALFORMED, wire_encode(&wire_heartbeat_req, 0, &r, &out, NULL));
    text[LIMIT_WIRE_STRING_BYTES + 1 + 4] = 1; /* all that follows would be good */
    buf_clear(&out);
    buf_put_uvarint(&out, LIMIT_WIRE_STRING_BYTES + 2);
    buf_put(&out, text, sizeof text);
    size_t used;
    assert_err(ERR_MALFORMED,
               wire_decode(&wire_heartbeat_req, 4, buf_bytes(&out), &arena, &r, &used));
}

/* ProduceResponse v10: throttle time, then tag 0 (node endpoints). */
static enum err decode_tags(struct bytes tags, struct produce_resp *ret)
{
    struct buf b = BUF_INIT;
    buf_put(&b, "\1\0\0\0\0", 5); /* no responses, throttle 0 */
    buf_put(&b, tags.p, tags.len);
    enum err e = wire_decode(&wire_produce_resp, 10, buf_bytes(&b), &arena, ret, NULL);
    buf_deinit(&b);
    return e;
}

static void unknown_tags_are_checked_and_dropped(void **state)
{
    struct produce_resp r;
    assert_ok(decode_tags(BYTES("\2\5\2ab\7\0"), &r));
    assert_int_equal(r.node_endpoints_count, 0);
    assert_ok(decode_tags(BYTES("\2\0\15\2\0\0\0\1\2h\0\0\0\2\0\0\7\1x"), &r));
    assert_int_equal(r.node_endpoints_count, 1);
    assert_int_equal(r.node_endpoints[0].port, 2);
    assert_true(str_is_null(r.node_endpoints[0].rack));
    assert_err(ERR_MALFORMED, decode_tags(BYTES("\2\5\2ab\5\0"), &r)); /* twice */
    assert_err(ERR_MALFORMED, decode_tags(BYTES("\2\5\2ab\4\0"), &r)); /* out of order */
    assert_err(ERR_MALFORMED, decode_tags(BYTES("\1\5\3ab"), &r));     /* too long */
    assert_err(ERR_MALFORMED, decode_tags(BYTES("\1\0\2\1\0"), &r));   /* not used up */
    assert_err(ERR_MALFORMED, decode_tags(BYTES("\1\0\0\1"), &r));     /* cut short */
}

/* So many tags of a byte each that nobody knows; all of them are there. */
static void put_tags(struct buf *b, uint32_t count)
{
    buf_put_uvarint(b, count);
    for (uint32_t tag = 1; tag <= count; tag++) {
        buf_put_uvarint(b, tag);
        buf_put_uvarint(b, 1);
        buf_put_u8(b, 'x');
    }
}

static void tags_are_so_many_at_most(void **state)
{
    for (int over = 0; over <= 1; over++) {
        struct produce_resp r;
        struct wire_header h;
        struct buf b = BUF_INIT;
        size_t used;
        enum err want = over ? ERR_MALFORMED : OK;
        put_tags(&b, LIMIT_WIRE_TAGGED_COUNT + (uint32_t)over);
        assert_err(want, decode_tags(buf_bytes(&b), &r));
        buf_clear(&b);
        buf_put(&b, "\0\22\0\3\0\0\0\1\377\377", 10); /* ApiVersions 3, no client id */
        put_tags(&b, LIMIT_WIRE_TAGGED_COUNT + (uint32_t)over);
        assert_err(want, wire_request_header_decode(buf_bytes(&b), &h, &used));
        buf_deinit(&b);
    }
}

static bool put_throttle(const struct wire_msg *m, int version, void *msg, int32_t ms)
{
    for (int i = 0; i < m->type->field_count; i++) {
        const struct wire_field *f = &m->type->fields[i];
        if (strcmp(f->name, "throttleTimeMs") == 0 && wire_field_in(f, version)) {
            memcpy((char *)msg + f->off, &ms, sizeof ms);
            return true;
        }
    }
    return false;
}

static bool has_throttle_behind(int api)
{
    return api == API_PRODUCE || api == API_API_VERSIONS || api == API_CREATE_DELEGATION_TOKEN ||
           api == API_DESCRIBE_DELEGATION_TOKEN;
}

/* True: it is there. */
static bool check_throttle(int api, int version)
{
    const struct wire_msg *m = wire_response(api);
    int32_t ms = 0x01020304;
    void *msg = arena_alloc(&arena, m->type->size);
    wire_init(m, msg);
    bool has_it = put_throttle(m, version, msg, ms) && !has_throttle_behind(api);
    buf_clear(&out);
    assert_ok(wire_encode(m, version, msg, &out, NULL));
    assert_int_equal(wire_throttle_ms(api, version, buf_bytes(&out)), has_it ? ms : 0);
    assert_int_equal(wire_throttle_ms(api, version, (struct bytes){out.p, 3}), 0);
    return has_it;
}

/* What a broker asks of its client is read without the rest of the answer, in all that have it but
 * where a list or a text is before it. */
static void throttle_times_are_read_alone(void **state)
{
    int found = 0;
    for (int api = 0; wire_response(api) != NULL || api < 96; api++) {
        const struct wire_msg *m = wire_response(api);
        for (int v = m ? m->lo : 0; m != NULL && v <= m->hi; v++) {
            found += check_throttle(api, v);
        }
    }
    assert_true(found > 150);
    assert_int_equal(wire_throttle_ms(-1, 0, BYTES("\1\1\1\1")), 0);
}

static void tagged_fields_are_written_when_they_differ_from_the_default(void **state)
{
    struct partition_change_record r;
    int32_t isr[] = {1};
    wire_init(&wire_partition_change_record, &r);
    r.partition_id = 1;
    assert_ok(wire_encode(&wire_partition_change_record, 0, &r, &out, NULL));
    assert_out("\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    buf_clear(&out);
    r.isr = isr;
    r.isr_count = 1;
    r.leader = 3;
    assert_ok(wire_encode(&wire_partition_change_record, 0, &r, &out, NULL));
    assert_out("\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\5\2\0\0\0\1\1\4\0\0\0\3");
}

static void a_tagged_content_longer_than_127_bytes_keeps_its_place(void **state)
{
    static char text[300];
    struct begin_transaction_record r, again;
    size_t size;
    memset(text, 'n', sizeof text);
    r.name = (struct str){text, sizeof text};
    assert_ok(wire_encode(&wire_begin_transaction_record, 0, &r, &out, NULL));
    assert_ok(wire_size(&wire_begin_transaction_record, 0, &r, &size));
    assert_int_equal(size, out.len);
    assert_memory_equal(out.p, "\1\0\xae\x02\xad\x02nn", 8);
    assert_ok(
        wire_decode(&wire_begin_transaction_record, 0, buf_bytes(&out), &arena, &again, NULL));
    assert_true(str_eq(r.name, again.name));
}

static void nullable_structs_have_a_byte_in_front(void **state)
{
    struct describe_topic_partitions_req r;
    struct describe_topic_partitions_req_cursor cursor = {.topic_name = STR("a")};
    wire_init(&wire_describe_topic_partitions_req, &r);
    assert_ok(wire_encode(&wire_describe_topic_partitions_req, 0, &r, &out, NULL));
    assert_out("\1\0\0\x07\xd0\xff\0");
    buf_clear(&out);
    r.cursor = &cursor;
    assert_ok(wire_encode(&wire_describe_topic_partitions_req, 0, &r, &out, NULL));
    assert_out("\1\0\0\x07\xd0\1\2a\0\0\0\0\0\0");
    assert_ok(
        wire_decode(&wire_describe_topic_partitions_req, 0, buf_bytes(&out), &arena, &r, NULL));
    assert_non_null(r.cursor);
    assert_true(str_eq(r.cursor->topic_name, STR("a")));
}

/* The one struct whose default is an empty instance, so that null is what gets written. */
static void a_tagged_nullable_struct_has_a_varint_in_front(void **state)
{
    struct consumer_group_member_metadata_value v;
    wire_init(&wire_consumer_group_member_metadata_value, &v);
    assert_non_null(v.classic_member_metadata);
    assert_ok(wire_encode(&wire_consumer_group_member_metadata_value, 0, &v, &out, NULL));
    assert_int_equal(out.p[out.len - 1], 0);
    size_t len = out.len;
    buf_clear(&out);
    v.classic_member_metadata = NULL;
    assert_ok(wire_encode(&wire_consumer_group_member_metadata_value, 0, &v, &out, NULL));
    assert_int_equal(out.len, len + 3);
    assert_memory_equal(out.p + len - 1, "\1\0\1\0", 4);
    wire_init(&wire_consumer_group_member_metadata_value, &v);
    assert_ok(wire_decode(&wire_consumer_group_member_metadata_value, 0, buf_bytes(&out), &arena,
                          &v, NULL));
    assert_null(v.classic_member_metadata);
}

static void records_by_reference_leave_a_gap(void **state)
{
    struct fetch_resp r;
    struct fetch_resp_fetchable_topic_response topic;
    struct fetch_resp_partition_data parts[2];
    struct wire_splice items[2];
    struct wire_splices splices = {items, 0, 2};
    struct buf whole = BUF_INIT;
    size_t size;
    wire_init(&wire_fetch_resp, &r);
    topic = fetch_resp_fetchable_topic_response_default;
    r.responses = &topic;
    r.responses_count = 1;
    topic.topic = STR("t");
    topic.partitions = parts;
    topic.partitions_count = 2;
    for (int i = 0; i < 2; i++) {
        parts[i] = fetch_resp_partition_data_default;
        parts[i].records = (struct wire_records){(const uint8_t *)"12345", (size_t)(3 + i), NULL};
    }
    assert_ok(wire_encode(&wire_fetch_resp, 4, &r, &whole, NULL));
    for (int i = 0; i < 2; i++) {
        parts[i].records.ref = &parts[i];
        parts[i].records.p = NULL;
    }
    buf_put_str(&out, STR("head"));
    assert_ok(wire_size(&wire_fetch_resp, 4, &r, &size));
    assert_ok(wire_encode(&wire_fetch_resp, 4, &r, &out, &splices));
    assert_int_equal(size, whole.len);
    assert_int_equal(splices.count, 2);
    assert_int_equal(out.len - 4 + 7, whole.len);
    assert_ptr_equal(items[1].ref, &parts[1]);
    assert_int_equal(items[1].at, out.len);
    assert_memory_equal(out.p + 4, whole.p, items[0].at - 4);
    assert_err(ERR_NO_MEMORY, wire_encode(&wire_fetch_resp, 4, &r, &out, &splices));
    assert_int_equal(splices.count, 2);
    buf_deinit(&whole);
}

static void encode_without_memory_fails_and_leaves_no_trace(void **state)
{
    struct heartbeat_req r;
    static char group[5000];
    memset(group, 'g', sizeof group);
    wire_init(&wire_heartbeat_req, &r);
    r.group_id = (struct str){group, sizeof group};
    mem_fail_after(1);
    assert_err(ERR_NO_MEMORY, wire_encode(&wire_heartbeat_req, 0, &r, &out, NULL));
    assert_int_equal(out.len, 0);
    mem_fail_after(0);
}

static void prints_as_kafka_does(void **state)
{
    struct produce_req r;
    char text[UUID_TEXT_LEN + 1];
    assert_ok(wire_decode(&wire_produce_req, 9, BYTES(produce_v9), &arena, &r, NULL));
    assert_ok(wire_print(&wire_produce_req, 9, &r, true, &out));
    assert_string_equal(buf_cstr(&out),
                        "{\"transactionalId\":null,\"acks\":-1,\"timeoutMs\":1000,\"topicData\":[{"
                        "\"name\":\"t\",\"partitionData\":[{\"index\":7,"
                        "\"recordsSizeInBytes\":3}]}]}");
    buf_clear(&out);
    assert_ok(wire_print(&wire_produce_req, 9, &r, false, &out));
    assert_non_null(strstr(buf_cstr(&out), "\"records\":\"eHl6\""));
    uuid_format(UUID_METADATA_TOPIC, text);
    struct topic_record t = {.name = STR("a\"\\\n\xc3\xa9\xff\xed\xa0\x80"),
                             .topic_id = UUID_METADATA_TOPIC};
    buf_clear(&out);
    assert_ok(wire_print(&wire_topic_record, 0, &t, false, &out));
    assert_string_equal(buf_cstr(&out), "{\"name\":\"a\\\"\\\\\\n\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd"
                                        "\xef\xbf\xbd\xef\xbf\xbd\",\"topicId\":"
                                        "\"AAAAAAAAAAAAAAAAAAAAAQ\"}");
}

static void tables_know_their_messages(void **state)
{
    assert_ptr_equal(wire_request(API_PRODUCE), &wire_produce_req);
    assert_ptr_equal(wire_response(API_FETCH), &wire_fetch_resp);
    assert_null(wire_request(4));
    assert_null(wire_request(-1));
    assert_null(wire_request(API_KEY_COUNT));
    assert_ptr_equal(wire_metadata_record(METADATA_TOPIC), &wire_topic_record);
    assert_null(wire_metadata_record(6));
    assert_ptr_equal(wire_group_key(GROUP_LOG_OFFSET_COMMIT), &wire_offset_commit_key);
    assert_ptr_equal(wire_group_value(GROUP_LOG_OFFSET_COMMIT), &wire_offset_commit_value);
    assert_ptr_equal(wire_txn_value(0), &wire_transaction_log_value);
    assert_string_equal(wire_name(&wire_produce_req), "ProduceRequest");
    assert_true(wire_is_flexible(&wire_produce_req, 9));
    assert_false(wire_is_flexible(&wire_produce_req, 8));
    size_t n = 0;
    while (wire_nth(n) != NULL) {
        n++;
    }
    assert_in_range(n, 250, 300);
}

static void request_headers(void **state)
{
    struct wire_header h;
    size_t used;
    assert_ok(wire_request_header_decode(BYTES("\0\0\0\3\0\0\0\7\0\2me."), &h, &used));
    assert_int_equal(h.api_key, API_PRODUCE);
    assert_int_equal(h.version, 3);
    assert_int_equal(h.correlation_id, 7);
    assert_true(str_eq(h.client_id, STR("me")));
    assert_int_equal(used, 12);
    assert_ok(wire_request_header_decode(BYTES("\0\0\0\x09\0\0\0\7\xff\xff\1\5\2ab"), &h, &used));
    assert_true(str_is_null(h.client_id));
    assert_int_equal(used, 15);
    /* a newer client's ApiVersions */
    assert_ok(wire_request_header_decode(BYTES("\0\x12\0\x63\0\0\0\7\xff\xff\0"), &h, &used));
    assert_int_equal(used, 11);
    assert_err(ERR_INVALID_REQUEST,
               wire_request_header_decode(BYTES("\0\4\0\0\0\0\0\7\xff\xff"), &h, &used));
    assert_err(ERR_MALFORMED,
               wire_request_header_decode(BYTES("\0\0\0\3\0\0\0\7\0\3me"), &h, &used));
    assert_err(ERR_MALFORMED,
               wire_request_header_decode(BYTES("\0\0\0\x09\0\0\0\7\xff\xff"), &h, &used));
    assert_err(ERR_MALFORMED,
               wire_request_header_decode(BYTES("\0\0\0\x09\0\0\0\7\xff\xff\1\0\1"), &h, &used));
}

static void headers_round_trip(void **state)
{
    for (int key = 0; key < API_KEY_COUNT; key++) {
        const struct wire_msg *m = wire_request(key);
        for (int v = m ? wire_min_version(m) : 1; v <= (m ? wire_max_version(m) : 0); v++) {
            struct wire_header h = {(int16_t)key, (int16_t)v, 77, STR("id")}, again;
            struct request_header schema = {(int16_t)key, (int16_t)v, 77, STR("id")};
            size_t used, len;
            buf_clear(&out);
            assert_ok(wire_request_header_encode(&h, &out));
            len = out.len;
            assert_ok(wire_encode(&wire_request_header, wire_request_header_version(key, v),
                                  &schema, &out, NULL));
            assert_int_equal(out.len, 2 * len);
            assert_memory_equal(out.p, out.p + len, len);
            out.len = len;
            assert_ok(wire_request_header_decode(buf_bytes(&out), &again, &used));
            assert_int_equal(used, out.len);
            assert_int_equal(again.api_key, key);
            assert_int_equal(again.correlation_id, 77);
            buf_clear(&out);
            wire_response_header_encode(&h, &out);
            assert_int_equal(out.len, key != API_API_VERSIONS && wire_is_flexible(m, v) ? 5 : 4);
            assert_ok(wire_response_header_decode(buf_bytes(&out), &h, &used));
            assert_int_equal(used, out.len);
            h.correlation_id++;
            assert_err(ERR_MALFORMED, wire_response_header_decode(buf_bytes(&out), &h, &used));
        }
    }
}

#define wire_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        wire_test(produce_decodes_where_it_lies),
        wire_test(every_cut_is_malformed),
        wire_test(trailing_bytes_are_for_those_who_ask),
        wire_test(versions_outside_are_refused),
        wire_test(absent_fields_hold_their_defaults),
        wire_test(a_field_that_the_version_lacks_is_dropped_or_refused),
        wire_test(null_is_only_where_it_is_allowed),
        wire_test(elements_are_never_null),
        wire_test(counts_are_bounded_before_memory_is_taken),
        wire_test(strings_end_at_32767_bytes),
        wire_test(throttle_times_are_read_alone),
        wire_test(unknown_tags_are_checked_and_dropped),
        wire_test(tags_are_so_many_at_most),
        wire_test(tagged_fields_are_written_when_they_differ_from_the_default),
        wire_test(a_tagged_content_longer_than_127_bytes_keeps_its_place),
        wire_test(nullable_structs_have_a_byte_in_front),
        wire_test(a_tagged_nullable_struct_has_a_varint_in_front),
        wire_test(records_by_reference_leave_a_gap),
        wire_test(encode_without_memory_fails_and_leaves_no_trace),
        wire_test(prints_as_kafka_does),
        wire_test(tables_know_their_messages),
        wire_test(request_headers),
        wire_test(headers_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
