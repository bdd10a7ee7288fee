/* Commits that are acknowledged stay; what was told is never taken back. */
#include "test/sim/committer.h"

#include "base/diag.h"
#include "test/sim/asks.h"

enum { COMMIT_VERSION = 7, FETCH_VERSION = 7, FIND_VERSION = 2, FETCH_ONE_IN = 4 };

static const char group_name[] = "sim-group";

void committer_init(struct committer *c, struct net *net, int port, const char *topic)
{
    *c = (struct committer){.topic = topic};
    sim_client_init(&c->client, net, port);
    for (int i = 0; i < COMMITTER_PARTS; i++) {
        c->sent[i] = c->told[i] = -1;
    }
}

void committer_deinit(struct committer *c) { sim_client_deinit(&c->client); }

/* --- requests --- */

static void find(struct committer *c)
{
    struct find_coordinator_req req = find_coordinator_req_default;
    req.key = str_from(group_name);
    sim_client_call(&c->client, API_FIND_COORDINATOR, FIND_VERSION, &req);
}

static void commit(struct committer *c)
{
    struct ask_commit a;
    c->sent[c->part]++;
    diag(DIAG_TRACE, DIAG_ROOT, "partition %d: commits %lld", c->part, (long long)c->sent[c->part]);
    sim_client_call(
        &c->client, API_OFFSET_COMMIT, COMMIT_VERSION,
        ask_commit(&a, group_name, (struct ask_part){c->topic, c->part}, c->sent[c->part]));
}

static void fetch(struct committer *c)
{
    struct ask_committed a;
    sim_client_call(&c->client, API_OFFSET_FETCH, FETCH_VERSION,
                    ask_committed(&a, group_name, (struct ask_part){c->topic, c->part}));
}

static void send_next(struct committer *c, struct rand *r)
{
    c->part = (int)rand_below(r, COMMITTER_PARTS);
    if (!c->has_coordinator) {
        find(c);
    } else if (rand_one_in(r, FETCH_ONE_IN)) {
        fetch(c);
    } else {
        commit(c);
    }
}

/* --- answers --- */

static bool is_passing(enum err e)
{
    return e == ERR_COORDINATOR_NOT_AVAILABLE || e == ERR_NOT_COORDINATOR ||
           e == ERR_COORDINATOR_LOAD_IN_PROGRESS || e == ERR_UNKNOWN_TOPIC_OR_PARTITION;
}

static bool refused(struct committer *c, enum err e, struct buf *why)
{
    c->is_refused = true;
    c->has_coordinator = false;
    if (!is_passing(e)) {
        buf_printf(why, "committed offsets of partition %d: %s", c->part, err_name(e));
    }
    return is_passing(e);
}

static bool on_committed(struct committer *c, const struct offset_commit_resp *resp,
                         struct buf *why)
{
    enum err e = (enum err)resp->topics[0].partitions[0].error_code;
    if (e) {
        return refused(c, e, why);
    }
    diag(DIAG_TRACE, DIAG_ROOT, "partition %d: %lld is committed", c->part,
         (long long)c->sent[c->part]);
    c->told[c->part] = c->sent[c->part];
    c->acked_count++;
    return true;
}

static bool on_fetched(struct committer *c, const struct offset_fetch_resp *resp, struct buf *why)
{
    enum err e = (enum err)resp->error_code;
    if (e) {
        return refused(c, e, why);
    }
    int64_t off = resp->topics[0].partitions[0].committed_offset;
    bool is_right = (c->may_go_back || off >= c->told[c->part]) && off <= c->sent[c->part];
    if (!is_right) {
        buf_printf(
            why, "partition %d: the committed offset is %lld, though %lld was told and %lld sent",
            c->part, (long long)off, (long long)c->told[c->part], (long long)c->sent[c->part]);
    }
    c->told[c->part] = off;
    c->checked_count++;
    return is_right;
}

static bool on_found(struct committer *c, const struct find_coordinator_resp *resp, struct buf *why)
{
    if (resp->error_code) {
        return refused(c, (enum err)resp->error_code, why);
    }
    c->has_coordinator = true;
    return true;
}

bool committer_step(struct committer *c, struct rand *r, struct buf *why)
{
    union {
        struct find_coordinator_resp find;
        struct offset_commit_resp commit;
        struct offset_fetch_resp fetch;
    } resp;
    if (!c->client.is_waiting) {
        send_next(c, r);
    }
    int api_key = c->client.head.api_key;
    if (sim_client_poll(&c->client, &resp) != SIM_ANSWER) {
        return true;
    }
    c->is_refused = false;
    switch (api_key) {
    case API_OFFSET_COMMIT:
        return on_committed(c, &resp.commit, why);
    case API_OFFSET_FETCH:
        return on_fetched(c, &resp.fetch, why);
    default:
        return on_found(c, &resp.find, why);
    }
}
