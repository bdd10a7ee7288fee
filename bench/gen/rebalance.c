/* A group of many members, each with a connection. They join until they stand in one generation;
 * then its leader joins again, and when a member is told so, all do: from there until everybody has
 * its assignment is what the coordinator takes, without what the protocol waits for. */
#include "gen.h"

#include "base/mem.h"

#include <stdio.h>

enum {
    JOIN_GROUP = 11,
    HEARTBEAT = 12,
    SYNC_GROUP = 14,
    ID_MAX_BYTES = 256,
    METADATA_BYTES = 64, /* what a consumer of a topic or two says of itself */
    SESSION_TIMEOUT_MS = 45000,
    REBALANCE_TIMEOUT_MS = 60000,
};

enum stage { JOINING, SYNCING, SETTLED, PROBING };

struct member {
    enum stage stage;
    char id[ID_MAX_BYTES];
    int32_t generation;
};

struct rebalance {
    struct flow flow;
    struct peer peer;
    struct arena arena;
    struct buf request;
    struct member *members;
    struct sync_group_req_sync_group_request_assignment *assignments; /* the leader's */
    int leader;
    int settled; /* members that have their assignment in the newest generation */
    int round;   /* 0: they find together; 1: the measured one */
    double begin_s;
    struct meter meter;
    struct delays times;
};

static const uint8_t blob[METADATA_BYTES];
static const struct str group = {"bench-rebalance", sizeof "bench-rebalance" - 1};

static void put(struct rebalance *g, struct flow_conn *c, int key, const void *req)
{
    struct wire_header h = request_header(&g->peer, key, c->next_correlation_id);
    encode_request(&g->request, &h, req, NULL);
    flow_put(c, &g->request);
}

static void put_join(struct rebalance *g, struct flow_conn *c)
{
    struct join_group_req req = join_group_req_default;
    struct join_group_req_join_group_request_protocol protocol = {.name = STR("range"),
                                                                  .metadata = {blob, sizeof blob}};
    req.group_id = group;
    req.session_timeout_ms = SESSION_TIMEOUT_MS;
    req.rebalance_timeout_ms = REBALANCE_TIMEOUT_MS;
    req.member_id = str_from(g->members[c->index].id);
    req.protocol_type = STR("consumer");
    req.protocols = &protocol;
    req.protocols_count = 1;
    put(g, c, JOIN_GROUP, &req);
}

static void put_sync(struct rebalance *g, struct flow_conn *c)
{
    struct sync_group_req req = sync_group_req_default;
    struct member *m = &g->members[c->index];
    req.group_id = group;
    req.generation_id = m->generation;
    req.member_id = str_from(m->id);
    req.protocol_type = STR("consumer");
    req.protocol_name = STR("range");
    if (c->index == g->leader) {
        req.assignments = g->assignments;
        req.assignments_count = g->flow.options->conns;
    }
    put(g, c, SYNC_GROUP, &req);
}

static void put_heartbeat(struct rebalance *g, struct flow_conn *c)
{
    struct heartbeat_req req = heartbeat_req_default;
    req.group_id = group;
    req.generation_id = g->members[c->index].generation;
    req.member_id = str_from(g->members[c->index].id);
    put(g, c, HEARTBEAT, &req);
}

static enum flow_ask ask(struct flow *f, struct flow_conn *c)
{
    struct rebalance *g = CONTAINER_OF(f, struct rebalance, flow);
    switch (g->members[c->index].stage) {
    case JOINING:
        put_join(g, c);
        return FLOW_ASKED;
    case SYNCING:
        put_sync(g, c);
        return FLOW_ASKED;
    case PROBING:
        put_heartbeat(g, c);
        return FLOW_ASKED;
    case SETTLED:
        break;
    }
    return g->round == 2 ? FLOW_DONE : FLOW_LATER;
}

/* The leader tells everybody what to do. */
static void take_members(struct rebalance *g, const struct join_group_resp *resp)
{
    int n = g->flow.options->conns;
    if (resp->members_count != n) {
        die("the leader was told of %d members, not %d", resp->members_count, n);
    }
    for (int i = 0; i < n; i++) {
        g->assignments[i] = (struct sync_group_req_sync_group_request_assignment){
            .member_id = str_from(g->members[i].id), .assignment = {blob, sizeof blob}};
    }
}

static void take_join(struct rebalance *g, struct flow_conn *c, const struct join_group_resp *resp)
{
    struct member *m = &g->members[c->index];
    if (resp->error_code != 0 && resp->error_code != ERR_MEMBER_ID_REQUIRED) {
        die("join: %s", err_name((enum err)resp->error_code));
    }
    if (resp->member_id.len >= sizeof m->id) {
        die("a member id of %zu bytes", resp->member_id.len);
    }
    memcpy(m->id, resp->member_id.p, resp->member_id.len);
    m->id[resp->member_id.len] = 0;
    if (resp->error_code != 0) {
        return; /* again, with the id */
    }
    m->generation = resp->generation_id;
    m->stage = SYNCING;
    if (str_eq(resp->leader, resp->member_id)) {
        g->leader = c->index;
        take_members(g, resp);
    }
}

/* Everybody has an assignment: the next round begins with the leader alone. */
static void end_round(struct rebalance *g)
{
    int n = g->flow.options->conns;
    for (int i = 1; i < n; i++) {
        if (g->members[i].generation != g->members[0].generation) {
            die("members stand in generations %d and %d", g->members[0].generation,
                g->members[i].generation);
        }
    }
    delays_add(&g->times, mono_s() - g->begin_s);
    g->settled = 0;
    g->round++;
    if (g->round == 1) {
        g->members[g->leader].stage = JOINING;
        g->members[(g->leader + 1) % n].stage = PROBING;
    } else {
        meter_end(&g->meter);
    }
    g->flow.next_s = g->begin_s; /* now */
}

static void take_sync(struct rebalance *g, struct member *m, const struct sync_group_resp *resp)
{
    if (resp->error_code == ERR_REBALANCE_IN_PROGRESS) {
        m->stage = JOINING;
        return;
    }
    if (resp->error_code != 0 || resp->assignment.len != METADATA_BYTES) {
        die("sync: %s, %zu bytes", err_name((enum err)resp->error_code), resp->assignment.len);
    }
    m->stage = SETTLED;
    if (++g->settled == g->flow.options->conns) {
        end_round(g);
    }
}

static void take_heartbeat(struct rebalance *g, const struct heartbeat_resp *resp)
{
    if (resp->error_code == 0) {
        return; /* and asks again */
    }
    if (resp->error_code != ERR_REBALANCE_IN_PROGRESS) {
        die("heartbeat: %s", err_name((enum err)resp->error_code));
    }
    g->begin_s = mono_s();
    meter_begin(&g->meter, g->flow.options->pid);
    for (int i = 0; i < g->flow.options->conns; i++) {
        g->members[i].stage = i == g->leader ? g->members[i].stage : JOINING;
    }
    g->flow.next_s = g->begin_s;
}

static void answer(struct flow *f, struct flow_conn *c, struct bytes frame)
{
    struct rebalance *g = CONTAINER_OF(f, struct rebalance, flow);
    struct member *m = &g->members[c->index];
    union {
        struct join_group_resp join;
        struct sync_group_resp sync;
        struct heartbeat_resp heartbeat;
    } resp;
    static const int keys[] = {
        [JOINING] = JOIN_GROUP, [SYNCING] = SYNC_GROUP, [PROBING] = HEARTBEAT};
    if (m->stage == SETTLED) {
        die("an answer that nobody waits for");
    }
    struct wire_header h = request_header(&g->peer, keys[m->stage], c->next_answer);
    decode_answer(frame, &h, &g->arena, &resp);
    if (m->stage == JOINING) {
        take_join(g, c, &resp.join);
    } else if (m->stage == SYNCING) {
        take_sync(g, m, &resp.sync);
    } else {
        take_heartbeat(g, &resp.heartbeat);
    }
}

int gen_rebalance(const struct options *o)
{
    static struct rebalance g;
    if (o->conns < 3) {
        die("a rebalance wants three members");
    }
    g.flow = (struct flow){.options = o, .ask = ask, .answer = answer};
    g.leader = -1; /* nobody knows yet */
    arena_init(&g.arena, 64 << 20);
    g.members = mem_zalloc(sizeof *g.members * (size_t)o->conns);
    g.assignments = mem_zalloc(sizeof *g.assignments * (size_t)o->conns);
    peer_open(&g.peer, o);
    find_coordinator(&g.peer, group);
    g.begin_s = mono_s();
    flow_run(&g.flow);
    printf("{\"members\": %d", o->conns);
    printf(", \"form_s\": %.6f, \"again_s\": %.6f", g.times.us[0] / 1e6, g.times.us[1] / 1e6);
    printf(", \"seconds\": %.6f, \"cpu_s\": %.6f}\n", g.meter.wall_s, g.meter.cpu_s);
    return 0;
}
