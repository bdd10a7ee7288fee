/* The group coordinator when memory runs out: each allocation of a life of two groups fails once.
 * Whatever fails, every request is answered or told that there is no room, nothing leaks (the
 * sanitizers look), and the shard lives on. */
#include "grouptest.h"

#include "base/limit.h"
#include "group/group_int.h"

enum { CALLS_MAX = 70, ALLOCATIONS_MAX = 14 };

struct life {
    struct gt *t;
    struct gt_call *joins[3];
};

/* Without an answer, or with an error: NULL. */
static const struct join_group_resp *joined(const struct gt_call *c)
{
    const struct join_group_resp *r = c && c->is_done ? c->req.resp : NULL;
    return r && r->error_code == OK ? r : NULL;
}

static void join_all(struct life *l)
{
    static const struct gt_who who[] = {
        {.group = "g", .protocols = "a,b"},
        {.group = "g", .protocols = "b,a", .instance = "i"},
        {.group = "h", .topic = "u"},
    };
    for (int i = 0; i < 3; i++) {
        l->joins[i] = gt_join_of(l->t, who[i].instance ? 9 : 3, &who[i], STR(""));
    }
    gt_wait(l->t, 9000);
    (void)gt_join_of(l->t, 9, &who[1], STR("")); /* once more: it replaces itself */
    (void)gt_join_of(l->t, 9, &who[2], STR("")); /* gets an id, and never comes */
}

static void sync_all(struct life *l)
{
    for (int i = 2; i >= 0; i--) {
        if (joined(l->joins[i]) != NULL) {
            (void)gt_sync(l->t, i < 2 ? "g" : "h", l->joins[i], "x");
        }
    }
}

static void commit_all(struct life *l)
{
    for (int i = 0; i < 4; i++) {
        struct gt_commit_of of = {
            .group = i % 2 ? "h" : "s", .topic = i < 2 ? "t" : "u", .off = i, .metadata = "text"};
        of.join = i % 2 && joined(l->joins[2]) ? l->joins[2] : NULL;
        (void)gt_commit_call(l->t, &of);
    }
    (void)gt_fetch_call(l->t, "s", "t", 0);
    (void)gt_fetch_call(l->t, "s", NULL, 0);
}

static void look(struct life *l)
{
    static const enum group_op ops[] = {GROUP_DESCRIBE, GROUP_LIST, GROUP_DELETE};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        struct gt_call *c = gt_call_new(l->t, ops[i], 5);
        if (ops[i] == GROUP_LIST) {
            c->msg.list = list_groups_req_default;
        } else {
            c->msg.name = ops[i] == GROUP_DELETE ? STR("s") : STR("g");
        }
        gt_send(l->t, c);
    }
}

static void leave_all(struct life *l)
{
    for (int i = 0; i < 3; i++) {
        if (joined(l->joins[i]) != NULL) {
            (void)gt_leave(l->t, i < 2 ? "g" : "h", joined(l->joins[i])->member_id, NULL);
        }
    }
    gt_wait(l->t, 8LL * 24 * 3600 * 1000);
}

/* A shard that lacks what the log has is made anew: as the host does it. */
static void reload(struct life *l)
{
    l->t->is_lost = false;
    gt_restart(l->t);
}

static void live(struct life *l)
{
    static void (*const phases[])(struct life * l) = {join_all, sync_all, commit_all,
                                                      look,     reload,   leave_all};
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        if (l->t->is_lost) {
            reload(l);
        }
        phases[i](l);
    }
}

static void live_with(int call, int nth)
{
    struct life l = {.t = gt_new()};
    l.t->has_little_memory = true;
    l.t->fail_call = call;
    l.t->fail_nth = nth;
    live(&l);
    if (l.t->is_lost) {
        reload(&l);
        gt_wait(l.t, 8LL * 24 * 3600 * 1000);
    }
    assert_state(l.t, "g", "Dead"); /* all have left or were too silent, and it is gone */
    assert_int_equal(group_shard_bytes(l.t->shard), 0);
    gt_free(l.t);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int call = 1; call <= CALLS_MAX; call++) {
        for (int nth = 1; nth <= ALLOCATIONS_MAX; nth++) {
            live_with(call, nth);
        }
    }
}

/* --- a shard that is full --- */

/* As if other groups had all but so many bytes of what a shard may have. */
static size_t fill_up(struct gt *t, size_t left)
{
    size_t more = (size_t)LIMIT_GROUP_SHARD_BYTES - left - t->shard->bytes;
    t->shard->bytes += more;
    return more;
}

/* Members, assignments and offsets that there is no room for are refused, each by itself; what is
 * there lives on, and goes on when there is room. */
static void a_full_shard_takes_nothing_new(void **state)
{
    enum { LARGE = 8192, ROOM = 4096 };
    static char large[LARGE];
    struct gt *t = gt_new();
    struct gt_who who = {.group = "g", .protocols = "a"};
    struct gt_who other = {.group = "h", .protocols = "a"};
    struct gt_commit_of offset = {.group = "s", .topic = "t", .off = 1};
    struct gt_call *member = gt_stable(t, &who);
    size_t filled = fill_up(t, ROOM);
    memset(large, 'x', LARGE - 1);
    struct gt_who heavy = {.group = "i", .protocols = "a", .topic = large};
    assert_int_equal(gt_joined(gt_join_of(t, 3, &heavy, STR("")))->error_code,
                     ERR_GROUP_MAX_SIZE_REACHED);
    struct gt_call *leader = gt_join(t, &other); /* this is small */
    gt_wait(t, t->config.initial_delay_ms);
    assert_non_null(joined(leader));
    assert_int_equal(gt_synced(gt_sync(t, "h", leader, large))->error_code,
                     ERR_COORDINATOR_NOT_AVAILABLE);
    t->shard->bytes -= filled;
    filled = fill_up(t, 0) + 1; /* and one over */
    t->shard->bytes++;
    assert_int_equal(gt_joined(gt_join_of(t, 3, &who, STR("")))->error_code,
                     ERR_GROUP_MAX_SIZE_REACHED);
    assert_int_equal(gt_commit_off(t, &offset), ERR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(gt_heartbeat(t, "g", member), OK);
    t->shard->bytes -= filled;
    assert_int_equal(gt_commit_off(t, &offset), OK);
    gt_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_full_shard_takes_nothing_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
