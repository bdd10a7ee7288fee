/* What the tests of the group coordinator share: a shard, the log that it writes to, virtual time,
 * and requests to it. A write is appended and committed at once unless the test holds or refuses
 * it. */
#ifndef TEST_UNIT_GROUPTEST_H
#define TEST_UNIT_GROUPTEST_H

#include "test.h"

#include "base/mem.h"
#include "base/rand.h"
#include "group/shard.h"
#include "wire/messages.h"

#include <stdio.h>
#include <stdlib.h>

enum { GT_ARENA_BYTES = 32 << 20, GT_SESSION_MS = 10000, GT_REBALANCE_MS = 60000 };
enum { GT_HELD_MAX = 64, GT_LOG_BYTES = 64 << 10, GT_WALL_MS = 1700000000 };

struct gt_call {
    struct group_req req;
    struct arena arena;
    struct list_node node; /* in the test's */
    bool is_done;
    union {
        struct join_group_req join;
        struct sync_group_req sync;
        struct heartbeat_req heartbeat;
        struct leave_group_req leave;
        struct offset_commit_req commit;
        struct offset_delete_req offset_delete;
        struct group_fetch fetch;
        struct list_groups_req list;
        struct str name;
    } msg;
};

struct gt {
    struct group_config config;
    struct group_shard *shard;
    struct rand rand;
    struct group_time t;
    struct group_records log; /* what was appended */
    struct list calls;
    struct group_write *held[GT_HELD_MAX]; /* appended, not committed */
    int32_t held_count;
    bool is_holding;
    enum err refuse; /* the next writes */
    int32_t write_count;
    bool has_little_memory; /* responses may be missing, and replay may fail: is_lost then */
    bool is_lost;
    int fail_call, fail_nth; /* in that call of the shard from now on, that allocation fails */
};

static inline void gt_random(void *ctx, void *p, size_t len)
{
    struct gt *t = ctx;
    uint8_t *to = p;
    for (size_t i = 0; i < len; i++) {
        to[i] = (uint8_t)rand_u64(&t->rand);
    }
}

static inline void gt_log(struct gt *t, const struct group_records *rs)
{
    for (int32_t i = 0; i < rs->count; i++) {
        struct group_record r = group_records_at(rs, i);
        buf_put(&t->log.bytes, r.key.p, r.key.len);
        size_t key_end = t->log.bytes.len;
        buf_put(&t->log.bytes, r.value.p ? (const void *)r.value.p : "", r.value.len);
        if (t->log.count == t->log.cap) {
            t->log.cap = t->log.cap ? 2 * t->log.cap : 16;
            t->log.ends = mem_realloc_array(t->log.ends, (size_t)t->log.cap, sizeof *t->log.ends);
        }
        t->log.ends[t->log.count++] =
            (struct group_record_ends){key_end, t->log.bytes.len, r.value.p == NULL};
    }
}

/* Around a call of the shard. */
static inline void gt_enter(struct gt *t)
{
    if (t->fail_call > 0 && --t->fail_call == 0) {
        mem_fail_after((uint64_t)t->fail_nth);
    }
}

static inline void gt_leave_shard(void) { mem_fail_after(0); }

/* Responses that are an API's own can be sent in the version that was asked. */
static inline void gt_check_resp(const struct gt_call *c)
{
    static const int keys[] = {[GROUP_JOIN] = 11,  [GROUP_SYNC] = 14,  [GROUP_HEARTBEAT] = 12,
                               [GROUP_LEAVE] = 13, [GROUP_COMMIT] = 8, [GROUP_DELETE_OFFSETS] = 47,
                               [GROUP_LIST] = 16,  [GROUP_DELETE] = 0};
    int key = keys[c->req.op];
    struct buf out = BUF_INIT;
    if (key > 0) {
        assert_ok(wire_encode(wire_response(key), c->req.version, c->req.resp, &out, NULL));
    }
    buf_deinit(&out);
}

static inline void gt_settle(struct gt *t, struct group_out *out)
{
    struct list_node *n;
    while (true) {
        while ((n = list_pop_front(&out->done)) != NULL) {
            struct gt_call *c = CONTAINER_OF(n, struct gt_call, req.node);
            assert_false(c->is_done);
            assert_true(c->req.resp != NULL || t->has_little_memory);
            if (c->req.resp != NULL && !t->has_little_memory) {
                gt_check_resp(c);
            }
            c->is_done = true;
        }
        if ((n = list_pop_front(&out->writes)) == NULL) {
            return;
        }
        struct group_write *w = LIST_ENTRY(n, struct group_write, node);
        assert_true(w->records.count > 0);
        assert_ok(w->records.err);
        t->write_count++;
        if (t->refuse) {
            group_shard_refused(t->shard, w, t->refuse, t->t, out);
            continue;
        }
        int64_t base = t->log.count;
        gt_log(t, &w->records);
        enum err e = group_shard_appended(t->shard, w, base);
        assert_true(e == OK || (e == ERR_NO_MEMORY && t->has_little_memory));
        t->is_lost |= e != OK;
        if (t->is_holding) {
            assert_true(t->held_count < GT_HELD_MAX);
            t->held[t->held_count++] = w;
        } else {
            group_shard_committed(t->shard, w, OK, t->t, out);
        }
    }
}

/* The writes that were held are committed, or not. */
static inline void gt_release(struct gt *t, enum err e)
{
    struct group_out out;
    group_out_init(&out);
    int32_t count = t->held_count;
    t->held_count = 0;
    for (int32_t i = 0; i < count; i++) {
        group_shard_committed(t->shard, t->held[i], e, t->t, &out);
        gt_settle(t, &out);
    }
}

static inline struct gt *gt_empty(void)
{
    struct gt *t = NEW(struct gt);
    t->config = (struct group_config){
        .min_session_ms = 6000,
        .max_session_ms = 1800000,
        .initial_delay_ms = 3000,
        .max_size = INT32_MAX,
        .offset_metadata_max_bytes = 4096,
        .retention_ms = 10080LL * 60 * 1000,
        .retention_check_ms = 600000,
    };
    rand_init(&t->rand, 7);
    list_init(&t->calls);
    group_records_init(&t->log);
    assert_non_null(
        buf_reserve(&t->log.bytes, GT_LOG_BYTES)); /* the log itself never lacks memory */
    t->t = (struct group_time){1000, GT_WALL_MS};
    t->shard = group_shard_new(&(struct group_shard_args){&t->config, gt_random, t});
    return t;
}

static inline void gt_load(struct gt *t)
{
    struct group_out out;
    group_out_init(&out);
    group_shard_loaded(t->shard, t->t, &out);
    gt_settle(t, &out);
}

static inline struct gt *gt_new(void)
{
    struct gt *t = gt_empty();
    gt_load(t);
    return t;
}

static inline void gt_unload(struct gt *t)
{
    struct group_out out;
    group_out_init(&out);
    t->held_count = 0;
    group_shard_unload(t->shard, &out);
    assert_true(list_is_empty(&out.writes));
    gt_settle(t, &out);
}

static inline void gt_free_calls(struct gt *t)
{
    LIST_EACH(&t->calls, n, next) {
        struct gt_call *c = LIST_ENTRY(n, struct gt_call, node);
        assert_true(c->is_done); /* nobody is forgotten */
        list_remove(n);
        arena_deinit(&c->arena);
        mem_free(c);
    }
}

static inline void gt_free(struct gt *t)
{
    gt_unload(t);
    gt_free_calls(t);
    group_shard_free(t->shard);
    group_records_deinit(&t->log);
    mem_free(t);
}

/* A shard made of the log as it is; live. */
static inline void gt_restart(struct gt *t)
{
    gt_unload(t);
    group_shard_free(t->shard);
    t->shard = group_shard_new(&(struct group_shard_args){&t->config, gt_random, t});
    for (int32_t i = 0; i < t->log.count; i++) {
        struct group_replay r = {group_records_at(&t->log, i), i, -1};
        gt_enter(t);
        enum err e = group_shard_replay(t->shard, &r);
        gt_leave_shard();
        if (e == ERR_NO_MEMORY && t->has_little_memory) {
            e = group_shard_replay(t->shard, &r); /* now there is some */
        }
        assert_ok(e);
    }
    gt_load(t);
}

/* --- time --- */

static inline void gt_tick(struct gt *t)
{
    struct group_out out;
    group_out_init(&out);
    gt_enter(t);
    group_shard_tick(t->shard, t->t, &out);
    gt_settle(t, &out);
    gt_leave_shard();
}

/* Time passes, with a tick at each deadline on the way. */
static inline void gt_wait(struct gt *t, int64_t ms)
{
    int64_t until_ms = t->t.now_ms + ms;
    while (group_shard_deadline(t->shard) <= until_ms) {
        int64_t step = group_shard_deadline(t->shard) - t->t.now_ms;
        step = step > 0 ? step : 0;
        t->t.now_ms += step;
        t->t.wall_ms += step;
        gt_tick(t);
    }
    t->t.wall_ms += until_ms - t->t.now_ms;
    t->t.now_ms = until_ms;
}

/* --- requests --- */

static inline struct gt_call *gt_call_new(struct gt *t, enum group_op op, int version)
{
    struct gt_call *c = NEW(struct gt_call);
    arena_init(&c->arena, GT_ARENA_BYTES);
    c->req.op = op;
    c->req.version = version;
    c->req.msg = &c->msg;
    c->req.arena = &c->arena;
    c->req.client_id = STR("client");
    c->req.client_host = STR("/127.0.0.1");
    list_push_back(&t->calls, &c->node);
    return c;
}

static inline void gt_send(struct gt *t, struct gt_call *c)
{
    struct group_out out;
    group_out_init(&out);
    gt_enter(t);
    group_shard_handle(t->shard, &c->req, t->t, &out);
    gt_settle(t, &out);
    gt_leave_shard();
}

static inline void *gt_resp(struct gt_call *c)
{
    assert_true(c->is_done);
    return c->req.resp;
}

/* A version 0 subscription to one topic, in the call's arena. */
static inline struct bytes gt_subscription(struct gt_call *c, const char *topic)
{
    size_t len = strlen(topic);
    uint8_t *p = arena_alloc(&c->arena, len + 12);
    memset(p, 0, 8);
    p[5] = 1;
    p[7] = (uint8_t)len;
    memcpy(p + 8, topic, len);
    memset(p + 8 + len, 0xff, 4);
    return (struct bytes){p, len + 12};
}

struct gt_who {
    const char *group;
    const char *instance;  /* NULL: dynamic */
    const char *protocols; /* "range,sticky"; NULL: range */
    const char *topic;     /* NULL: t */
    const char *type;      /* NULL: consumer */
    int32_t session_ms;    /* 0: GT_SESSION_MS */
    int32_t rebalance_ms;  /* 0: GT_REBALANCE_MS; −1: none */
};

static inline void gt_fill_protocols(struct gt_call *c, const struct gt_who *who)
{
    struct str rest = str_from(who->protocols ? who->protocols : "range"), item;
    struct join_group_req_join_group_request_protocol *v = arena_array(&c->arena, 300, sizeof *v);
    int32_t n = 0;
    while (str_next_item(&rest, ',', &item)) {
        v[n++] = (struct join_group_req_join_group_request_protocol){
            item, gt_subscription(c, who->topic ? who->topic : "t")};
    }
    c->msg.join.protocols = v;
    c->msg.join.protocols_count = n;
}

static inline struct gt_call *gt_join_of(struct gt *t, int version, const struct gt_who *who,
                                         struct str member)
{
    struct gt_call *c = gt_call_new(t, GROUP_JOIN, version);
    c->msg.join = join_group_req_default;
    c->msg.join.group_id = str_from(who->group);
    c->msg.join.member_id = member;
    c->msg.join.group_instance_id = str_from(who->instance);
    c->msg.join.protocol_type = str_from(who->type ? who->type : "consumer");
    c->msg.join.session_timeout_ms = who->session_ms ? who->session_ms : GT_SESSION_MS;
    c->msg.join.rebalance_timeout_ms = who->rebalance_ms < 0 ? 0
                                       : who->rebalance_ms   ? who->rebalance_ms
                                                             : GT_REBALANCE_MS;
    gt_fill_protocols(c, who);
    gt_send(t, c);
    return c;
}

static inline struct join_group_resp *gt_joined(struct gt_call *c) { return gt_resp(c); }

/* Joins with a fresh id: as a client of version 4 and later does it. */
static inline struct gt_call *gt_join(struct gt *t, const struct gt_who *who)
{
    if (who->instance != NULL) {
        return gt_join_of(t, 9, who, STR(""));
    }
    struct gt_call *first = gt_join_of(t, 9, who, STR(""));
    assert_int_equal(gt_joined(first)->error_code, ERR_MEMBER_ID_REQUIRED);
    return gt_join_of(t, 9, who, gt_joined(first)->member_id);
}

static inline struct gt_call *gt_sync(struct gt *t, const char *group, struct gt_call *join,
                                      const char *assignment)
{
    const struct join_group_resp *j = gt_joined(join);
    struct gt_call *c = gt_call_new(t, GROUP_SYNC, 5);
    struct sync_group_req_sync_group_request_assignment *v =
        arena_array(&c->arena, (size_t)j->members_count + 1, sizeof *v);
    c->msg.sync = sync_group_req_default;
    c->msg.sync.group_id = str_from(group);
    c->msg.sync.generation_id = j->generation_id;
    c->msg.sync.member_id = j->member_id;
    c->msg.sync.protocol_type = j->protocol_type;
    c->msg.sync.protocol_name = j->protocol_name;
    for (int32_t i = 0; i < j->members_count; i++) {
        struct str text = arena_printf(&c->arena, "%s%d", assignment ? assignment : "", (int)i);
        v[i].member_id = j->members[i].member_id;
        v[i].assignment = (struct bytes){(const uint8_t *)text.p, text.len};
    }
    c->msg.sync.assignments = v;
    c->msg.sync.assignments_count = j->members_count;
    gt_send(t, c);
    return c;
}

static inline struct sync_group_resp *gt_synced(struct gt_call *c) { return gt_resp(c); }

static inline enum err gt_heartbeat(struct gt *t, const char *group, struct gt_call *join)
{
    struct gt_call *c = gt_call_new(t, GROUP_HEARTBEAT, 4);
    c->msg.heartbeat = heartbeat_req_default;
    c->msg.heartbeat.group_id = str_from(group);
    c->msg.heartbeat.generation_id = gt_joined(join)->generation_id;
    c->msg.heartbeat.member_id = gt_joined(join)->member_id;
    gt_send(t, c);
    return ((struct heartbeat_resp *)gt_resp(c))->error_code;
}

static inline struct gt_call *gt_leave(struct gt *t, const char *group, struct str member,
                                       const char *instance)
{
    struct gt_call *c = gt_call_new(t, GROUP_LEAVE, 5);
    struct leave_group_req_member_identity *who = arena_array(&c->arena, 1, sizeof *who);
    *who = (struct leave_group_req_member_identity){member, str_from(instance), STR_NULL};
    c->msg.leave = (struct leave_group_req){str_from(group), STR(""), who, 1};
    gt_send(t, c);
    return c;
}

static inline enum err gt_left(struct gt_call *c)
{
    struct leave_group_resp *r = gt_resp(c);
    assert_int_equal(r->error_code, 0);
    return r->members[0].error_code;
}

/* A group with one member that has synced. */
static inline struct gt_call *gt_stable(struct gt *t, const struct gt_who *who)
{
    struct gt_call *j = gt_join(t, who);
    gt_wait(t, t->config.initial_delay_ms);
    assert_int_equal(gt_joined(j)->error_code, 0);
    assert_int_equal(gt_synced(gt_sync(t, who->group, j, "a"))->error_code, 0);
    return j;
}

struct gt_commit_of {
    const char *group;
    const char *topic;
    int32_t part;
    int64_t off;
    const char *metadata;
    struct gt_call *join; /* NULL: a simple consumer */
    int version;          /* 0: 9 */
    int64_t retention_ms; /* 0: the broker's */
};

static inline struct gt_call *gt_commit_call(struct gt *t, const struct gt_commit_of *of)
{
    struct gt_call *c = gt_call_new(t, GROUP_COMMIT, of->version ? of->version : 9);
    struct offset_commit_req *m = &c->msg.commit;
    struct offset_commit_req_offset_commit_request_topic *topic =
        arena_array(&c->arena, 1, sizeof *topic);
    struct offset_commit_req_offset_commit_request_partition *p =
        arena_array(&c->arena, 1, sizeof *p);
    *m = offset_commit_req_default;
    *topic = offset_commit_req_offset_commit_request_topic_default;
    *p = offset_commit_req_offset_commit_request_partition_default;
    m->group_id = str_from(of->group);
    if (of->join != NULL) {
        m->member_id = gt_joined(of->join)->member_id;
        m->generation_id_or_member_epoch = gt_joined(of->join)->generation_id;
    }
    m->retention_time_ms = of->retention_ms ? of->retention_ms : -1;
    m->topics = topic;
    m->topics_count = 1;
    topic->name = str_from(of->topic);
    topic->partitions = p;
    topic->partitions_count = 1;
    p->partition_index = of->part;
    p->committed_offset = of->off;
    p->committed_metadata = str_from(of->metadata);
    gt_send(t, c);
    return c;
}

static inline enum err gt_committed(struct gt_call *c)
{
    return ((struct offset_commit_resp *)gt_resp(c))->topics[0].partitions[0].error_code;
}

static inline enum err gt_commit_off(struct gt *t, const struct gt_commit_of *of)
{
    return gt_committed(gt_commit_call(t, of));
}

static inline struct gt_call *gt_fetch_call(struct gt *t, const char *group, const char *topic,
                                            int32_t part)
{
    struct gt_call *c = gt_call_new(t, GROUP_FETCH, 9);
    struct offset_fetch_req_offset_fetch_request_group *g = arena_array(&c->arena, 1, sizeof *g);
    struct offset_fetch_req_offset_fetch_request_topics *topics =
        arena_array(&c->arena, 1, sizeof *topics);
    int32_t *parts = arena_array(&c->arena, 1, sizeof *parts);
    *g = offset_fetch_req_offset_fetch_request_group_default;
    g->group_id = str_from(group);
    g->topics_count = topic ? 1 : -1;
    g->topics = topics;
    *topics =
        (struct offset_fetch_req_offset_fetch_request_topics){str_from(topic), UUID_ZERO, parts, 1};
    *parts = part;
    c->msg.fetch = (struct group_fetch){g, false};
    gt_send(t, c);
    return c;
}

static inline struct offset_fetch_resp_offset_fetch_response_group *gt_fetched(struct gt_call *c)
{
    return gt_resp(c);
}

static inline int64_t gt_fetch(struct gt *t, const char *group, const char *topic, int32_t part)
{
    struct gt_call *c = gt_fetch_call(t, group, topic, part);
    return gt_fetched(c)->topics[0].partitions[0].committed_offset;
}

static inline const struct describe_groups_resp_described_group *gt_describe(struct gt *t,
                                                                             const char *group)
{
    struct gt_call *c = gt_call_new(t, GROUP_DESCRIBE, 6);
    c->msg.name = str_from(group);
    gt_send(t, c);
    return gt_resp(c);
}

static inline void assert_str(struct str got, const char *want)
{
    char *text = str_dup(got);
    assert_string_equal(text ? text : "(null)", want);
    mem_free(text);
}

static inline void assert_state(struct gt *t, const char *group, const char *state)
{
    assert_str(gt_describe(t, group)->group_state, state);
}

static inline enum err gt_delete(struct gt *t, const char *group)
{
    struct gt_call *c = gt_call_new(t, GROUP_DELETE, 2);
    c->msg.name = str_from(group);
    gt_send(t, c);
    return ((struct delete_groups_resp_deletable_group_result *)gt_resp(c))->error_code;
}

/* The hard state, as text: the caller frees it. */
static inline char *gt_print(const struct group_shard *s)
{
    struct buf b = BUF_INIT;
    group_shard_print(s, &b);
    char *text = str_dup(buf_bytes(&b).len ? buf_str(&b) : STR(""));
    buf_deinit(&b);
    return text;
}

/* The records so far make the hard state that the shard has. */
static inline void gt_check_replay(struct gt *t)
{
    struct group_shard *again =
        group_shard_new(&(struct group_shard_args){&t->config, gt_random, t});
    for (int32_t i = 0; i < t->log.count; i++) {
        struct group_replay r = {group_records_at(&t->log, i), i, -1};
        assert_ok(group_shard_replay(again, &r));
    }
    char *a = gt_print(t->shard), *b = gt_print(again);
    assert_string_equal(a, b);
    mem_free(a);
    mem_free(b);
    struct group_out out;
    group_out_init(&out);
    group_shard_unload(again, &out);
    group_shard_free(again);
}

#define GT_SETUP                                                                                   \
    static int setup(void **state)                                                                 \
    {                                                                                              \
        *state = gt_new();                                                                         \
        return 0;                                                                                  \
    }                                                                                              \
    static int teardown(void **state)                                                              \
    {                                                                                              \
        gt_check_replay(*state);                                                                   \
        gt_free(*state);                                                                           \
        return 0;                                                                                  \
    }

#define GT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
