/* Offsets that are committed, one group after the other: each connection has groups of its own and
 * one commit on its way. In the end every group is asked for its offset, which must be the last
 * that was acknowledged. */
#include "gen.h"

#include "base/mem.h"

#include <stdio.h>

enum {
    OFFSET_COMMIT = 8,
    OFFSET_FETCH = 9,
    NAME_MAX_BYTES = 64,
    ASKED_FIRST = 500, /* groups: more than enough to have one on each partition of the offsets */
};

struct commit {
    struct traffic t;
    struct buf request;
    int64_t *turns;     /* [connection]: commits asked for */
    int64_t *committed; /* [group] */
};

static struct str group_name(char (*room)[NAME_MAX_BYTES], int64_t group)
{
    snprintf(*room, sizeof *room, "bench-group-%lld", (long long)group);
    return str_from(*room);
}

/* The group that the connection commits for in its nth turn. */
static int64_t group_of(const struct commit *g, const struct flow_conn *c, int64_t turn)
{
    const struct options *o = g->t.flow.options;
    return turn % (o->groups / o->conns) * o->conns + c->index;
}

static void encode(struct commit *g, const struct flow_conn *c)
{
    struct offset_commit_req req = offset_commit_req_default;
    struct offset_commit_req_offset_commit_request_topic topic =
        offset_commit_req_offset_commit_request_topic_default;
    struct offset_commit_req_offset_commit_request_partition part =
        offset_commit_req_offset_commit_request_partition_default;
    struct wire_header h = traffic_header(&g->t, c->next_correlation_id);
    char name[NAME_MAX_BYTES];
    part.committed_offset = g->turns[c->index] + 1;
    part.committed_metadata = STR("");
    topic.name = h.version < 10 ? str_from(g->t.flow.options->topic) : topic.name;
    topic.topic_id = g->t.topic_id;
    topic.partitions = &part;
    topic.partitions_count = 1;
    req.group_id = group_name(&name, group_of(g, c, g->turns[c->index]));
    req.topics = &topic;
    req.topics_count = 1;
    encode_request(&g->request, &h, &req, NULL);
}

static enum flow_ask ask(struct flow *f, struct flow_conn *c)
{
    struct commit *g = CONTAINER_OF(f, struct commit, t.flow);
    int64_t want = f->options->records;
    if (flow_is_late(f) || (want > 0 && f->requests >= want)) {
        return FLOW_DONE;
    }
    encode(g, c);
    flow_put(c, &g->request);
    return FLOW_ASKED;
}

static void answer(struct flow *f, struct flow_conn *c, struct bytes frame)
{
    struct commit *g = CONTAINER_OF(f, struct commit, t.flow);
    struct offset_commit_resp resp;
    traffic_decode(&g->t, c, frame, &resp);
    if (resp.topics_count != 1 || resp.topics[0].partitions_count != 1 ||
        resp.topics[0].partitions[0].error_code != 0) {
        die("commit: %s", err_name(resp.topics_count == 1 && resp.topics[0].partitions_count == 1
                                       ? (enum err)resp.topics[0].partitions[0].error_code
                                       : ERR_MALFORMED));
    }
    int64_t turn = g->turns[c->index]++;
    g->committed[group_of(g, c, turn)] = turn + 1;
    g->t.records++;
}

static int64_t fetched(struct commit *g, int64_t group)
{
    struct offset_fetch_req req = offset_fetch_req_default;
    struct offset_fetch_req_offset_fetch_request_group of =
        offset_fetch_req_offset_fetch_request_group_default;
    struct offset_fetch_req_offset_fetch_request_topics topic =
        offset_fetch_req_offset_fetch_request_topics_default;
    struct offset_fetch_resp resp;
    char name[NAME_MAX_BYTES];
    int32_t partition = 0;
    topic.name = g->t.version < 10 ? str_from(g->t.flow.options->topic) : topic.name;
    topic.topic_id = g->t.topic_id;
    topic.partition_indexes = &partition;
    topic.partition_indexes_count = 1;
    of.group_id = group_name(&name, group);
    of.topics = &topic;
    of.topics_count = 1;
    req.groups = &of;
    req.groups_count = 1;
    peer_call(&g->t.peer, OFFSET_FETCH, &req, &resp);
    bool is_there = resp.groups_count == 1 && resp.groups[0].topics_count == 1 &&
                    resp.groups[0].topics[0].partitions_count == 1;
    return is_there ? resp.groups[0].topics[0].partitions[0].committed_offset : -1;
}

static void check_all(struct commit *g)
{
    for (int64_t i = 0; i < g->t.flow.options->groups; i++) {
        int64_t off = g->committed[i] > 0 ? fetched(g, i) : 0;
        if (off != g->committed[i]) {
            die("group %lld has offset %lld, not %lld", (long long)i, (long long)off,
                (long long)g->committed[i]);
        }
    }
}

int gen_commit(const struct options *o)
{
    static const struct traffic_kind kind = {OFFSET_COMMIT, 1, ask, answer};
    static struct commit g;
    struct options one = *o;
    int64_t end_off;
    char name[NAME_MAX_BYTES];
    if (o->groups % o->conns != 0 || o->window != 1) {
        die("every connection has as many groups, and one commit on its way");
    }
    one.conns = 1;
    traffic_init(&g.t, &one, &kind, &end_off);
    g.t.flow.options = o;
    g.turns = mem_zalloc(sizeof *g.turns * (size_t)o->conns);
    g.committed = mem_zalloc(sizeof *g.committed * (size_t)o->groups);
    for (int i = 0; i < MIN(o->groups, ASKED_FIRST); i++) {
        find_coordinator(&g.t.peer, group_name(&name, i));
    }
    traffic_run(&g.t);
    check_all(&g);
    traffic_print(&g.t, g.t.flow.bytes_out);
    return 0;
}
