/* The group coordinator under random members: they join, sync, commit, crash, come again under old
 * ids, leave; the host appends at once or late, refuses, restarts. After each step:
 *
 *   - the records so far, replayed into a fresh shard, make the hard state that the shard has
 *   - a generation never comes twice with another leader, unless it was lost by a restart
 *     or with its group
 *   - who has synced has what the leader of that generation gave it
 *   - a committed offset that was told is never taken back, also by a restart
 *   - every request is answered exactly once
 *
 * Seeds are fixed: a failure names its seed and step. */
#include "grouptest.h"

enum { SEEDS = 60, STEPS = 400, GROUPS = 2, CLIENTS = 6, PARTS = 3, CHECK_EVERY = 20 };
enum { GENERATIONS_MAX = 4096, NAME_MAX_BYTES = 80 };

/* One client: what it believes. */
struct client {
    int group;
    const char *instance; /* NULL: dynamic */
    char id[NAME_MAX_BYTES];
    int32_t generation;
    struct gt_call *join, *sync; /* on the way */
    bool is_taken;               /* the answer to its join is known to it */
    bool has_members;            /* the leader of the generation that it knows */
    const char *protocols;
    int32_t session_ms;
    int life, generation_life; /* of the group, when it joined, and for the generation */
};

/* What the leader of a generation said. */
struct generation {
    bool is_known;
    char leader[NAME_MAX_BYTES];
    char tag; /* of the assignment that was the last to be sent */
};

struct model {
    struct gt *t;
    struct rand rand;
    struct client clients[CLIENTS];
    struct generation generations[GROUPS][GENERATIONS_MAX];
    int lives[GROUPS];
    int64_t told[GROUPS][PARTS]; /* the highest offset that a fetch or a commit confirmed */
    int64_t next_off;
    char next_tag;
};

static const char *const names[GROUPS] = {"alpha", "beta"};

static int32_t below(struct model *m, int32_t n)
{
    return (int32_t)rand_below(&m->rand, (uint64_t)n);
}

static bool chance(struct model *m, int32_t in) { return below(m, in) == 0; }

static void set_id(char to[NAME_MAX_BYTES], struct str id)
{
    assert_true(id.len < NAME_MAX_BYTES);
    memcpy(to, id.p ? id.p : "", id.len);
    to[id.len] = 0;
}

/* --- joining --- */

static void send_join(struct model *m, struct client *c)
{
    struct gt_who who = {.group = names[c->group],
                         .instance = c->instance,
                         .protocols = c->protocols,
                         .session_ms = c->session_ms,
                         .rebalance_ms = 5000 + 1000 * below(m, 20),
                         .topic = chance(m, 5) ? "u" : "t"};
    int version = c->instance ? 5 + below(m, 5) : chance(m, 4) ? below(m, 4) : 4 + below(m, 6);
    c->join = gt_join_of(m->t, version, &who, str_from(c->id));
    c->sync = NULL;
    c->is_taken = false;
    c->life = m->lives[c->group];
}

static void check_leader(struct model *m, const struct client *c, const struct join_group_resp *r)
{
    struct generation *g = &m->generations[c->group][r->generation_id];
    assert_true(r->generation_id >= 1 && r->generation_id < GENERATIONS_MAX);
    if (r->members_count > 0 && !r->skip_assignment && c->life == m->lives[c->group]) {
        if (g->is_known && c->instance == NULL) {
            assert_str(r->leader, g->leader); /* one leader; a static one may change its id */
        }
        g->is_known = true;
        set_id(g->leader, r->leader);
    }
}

static void take_join(struct model *m, struct client *c)
{
    const struct join_group_resp *r = gt_joined(c->join);
    switch ((int)r->error_code) {
    case OK:
        c->is_taken = true;
        assert_true(r->generation_id >= c->generation || c->generation_life != c->life);
        c->generation_life = c->life;
        set_id(c->id, r->member_id);
        c->generation = r->generation_id;
        c->has_members = r->members_count > 0 && !r->skip_assignment;
        check_leader(m, c, r);
        return; /* the answer is kept for the sync */
    case ERR_MEMBER_ID_REQUIRED:
        set_id(c->id, r->member_id);
        break;
    case ERR_REBALANCE_IN_PROGRESS:
        break;
    default:
        c->id[0] = 0;
        c->generation = 0;
    }
    c->join = NULL;
}

/* --- syncing --- */

static void send_sync(struct model *m, struct client *c)
{
    char tag[2] = {m->next_tag, 0};
    struct str state = gt_describe(m->t, names[c->group])->group_state;
    if (c->has_members && str_eq(state, STR("CompletingRebalance"))) {
        m->generations[c->group][c->generation].tag = m->next_tag;
        m->next_tag = m->next_tag == 'z' ? 'a' : (char)(m->next_tag + 1);
    }
    c->sync = gt_sync(m->t, names[c->group], c->join, tag);
}

static void take_sync(struct model *m, struct client *c)
{
    const struct sync_group_resp *r = gt_synced(c->sync);
    c->sync = NULL;
    c->join = NULL;
    if (r->error_code == OK && r->assignment.len > 0) {
        assert_int_equal(r->assignment.p[0], m->generations[c->group][c->generation].tag);
    } else if (r->error_code != OK && r->error_code != ERR_REBALANCE_IN_PROGRESS) {
        c->id[0] = 0;
        c->generation = 0;
    }
}

/* --- committing --- */

static void send_commit(struct model *m, const struct client *c)
{
    int32_t part = below(m, PARTS);
    int64_t off = ++m->next_off;
    struct gt_commit_of of = {.group = names[c->group],
                              .topic = "t",
                              .part = part,
                              .off = off,
                              .join = c->join && c->join->is_done ? c->join : NULL};
    struct gt_call *call = gt_commit_call(m->t, &of);
    if (call->is_done && gt_committed(call) == OK) {
        m->told[c->group][part] = off;
    }
}

static void check_offsets(struct model *m, int group)
{
    for (int32_t part = 0; part < PARTS; part++) {
        struct gt_call *f = gt_fetch_call(m->t, names[group], "t", part);
        if (f->is_done) {
            int64_t off = gt_fetched(f)->topics[0].partitions[0].committed_offset;
            assert_true(off >= m->told[group][part]);
            m->told[group][part] = off;
        }
    }
}

/* --- steps --- */

static void leave(struct model *m, struct client *c)
{
    (void)gt_leave(m->t, names[c->group], str_from(c->id), c->instance);
    c->id[0] = 0;
    c->generation = 0;
    c->join = c->sync = NULL;
}

static void go_on(struct model *m, struct client *c)
{
    if (c->sync != NULL && c->sync->is_done) {
        take_sync(m, c);
    } else if (c->join != NULL && c->sync == NULL && c->join->is_done) {
        if (c->is_taken) {
            send_sync(m, c);
        } else {
            take_join(m, c);
        }
    } else if (c->join == NULL) {
        send_join(m, c);
    }
}

/* A generation whose assignment was not written is lost by a restart, all are when the group goes:
 * their numbers come again. */
static void forget(struct model *m, int group)
{
    m->lives[group]++;
    for (int i = 0; i < GENERATIONS_MAX; i++) {
        m->generations[group][i].is_known = false;
    }
}

static void restart(struct model *m)
{
    gt_restart(m->t);
    for (int g = 0; g < GROUPS; g++) {
        forget(m, g);
    }
    for (int i = 0; i < CLIENTS; i++) {
        check_offsets(m, m->clients[i].group);
    }
}

static void use_host(struct model *m)
{
    struct gt *t = m->t;
    switch (below(m, 4)) {
    case 0:
        t->is_holding = !t->is_holding;
        break;
    case 1:
        t->refuse = t->refuse ? OK : ERR_NOT_ENOUGH_REPLICAS;
        break;
    case 2:
        restart(m);
        break;
    default:
        gt_release(t, chance(m, 4) ? ERR_REQUEST_TIMED_OUT : OK);
        break;
    }
    if (t->held_count > GT_HELD_MAX / 2 || !t->is_holding) {
        gt_release(t, OK);
    }
    t->is_holding = t->is_holding && !t->refuse;
}

static void step(struct model *m)
{
    struct client *c = &m->clients[below(m, CLIENTS)];
    int32_t what = below(m, 40);
    if (what < 22) {
        go_on(m, c);
    } else if (what < 27 && c->join != NULL && c->join->is_done) {
        (void)gt_heartbeat(m->t, names[c->group], c->join);
    } else if (what < 31) {
        send_commit(m, c);
    } else if (what < 36) {
        gt_wait(m->t, below(m, 4000));
    } else if (what == 36) { /* it crashes: dynamic ones forget who they were */
        c->join = c->sync = NULL;
        c->generation = 0;
        c->id[0] = 0;
    } else if (what == 37) {
        leave(m, c);
    } else if (what == 38) {
        use_host(m);
    } else {
        check_offsets(m, c->group);
    }
    if (m->t->held_count > GT_HELD_MAX / 2) {
        gt_release(m->t, OK);
    }
    for (int g = 0; g < GROUPS; g++) {
        if (gt_describe(m->t, names[g])->error_code == ERR_GROUP_ID_NOT_FOUND) {
            forget(m, g);
        }
    }
}

static void begin(struct model *m, uint64_t seed)
{
    static const char *const protocols[] = {"range,sticky", "sticky,range", "range"};
    static const char *const instances[CLIENTS] = {NULL, NULL, NULL, NULL, "i1", "i2"};
    rand_init(&m->rand, seed);
    m->t = gt_new();
    m->t->config.max_size = chance(m, 3) ? 3 : INT32_MAX;
    m->next_tag = 'a';
    memset(m->told, 0xff, sizeof m->told); /* −1: none */
    for (int i = 0; i < CLIENTS; i++) {
        m->clients[i] = (struct client){.group = i % GROUPS,
                                        .instance = instances[i],
                                        .protocols = protocols[below(m, 3)],
                                        .session_ms = 6000 + 1000 * below(m, 20)};
    }
}

static void run(uint64_t seed)
{
    struct model *m = NEW(struct model);
    begin(m, seed);
    for (int i = 0; i < STEPS; i++) {
        step(m);
        if (i % CHECK_EVERY == 0) {
            gt_check_replay(m->t);
        }
    }
    m->t->refuse = OK;
    gt_release(m->t, OK);
    restart(m);
    gt_check_replay(m->t);
    gt_free(m->t);
    mem_free(m);
}

static void random_members_keep_the_groups_sound(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("# seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_members_keep_the_groups_sound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
