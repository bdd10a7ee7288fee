/* Which node leads what. The table is under a lock: the test's threads change it, the workers look.
 *
 * A node is a listener: node n is the endpoint n - 1 of the one broker behind them. */
#include "testkit/leaders.h"

#include "base/list.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "plat/thread.h"

/* A partition that is not as all others are. */
struct place {
    struct list_node node;
    char *topic;
    int32_t partition;
    int32_t leader; /* node */
    int32_t moves;  /* so much later is its leader epoch */
    bool is_away;
};

struct leaders {
    struct mutex lock;
    struct list places;
};

/* A copy of a place, or what stands for all others. */
struct view {
    int32_t leader, moves;
    bool is_away;
};

static struct place *find(struct leaders *l, struct str topic, int32_t partition)
{
    LIST_EACH(&l->places, n, tmp) {
        struct place *p = LIST_ENTRY(n, struct place, node);
        if (p->partition == partition && str_eq(str_from(p->topic), topic)) {
            return p;
        }
    }
    return NULL;
}

static struct place *find_or_make(struct leaders *l, struct str topic, int32_t partition)
{
    struct place *p = find(l, topic, partition);
    if (p == NULL) {
        p = NEW(struct place);
        p->topic = str_dup(topic);
        p->partition = partition;
        p->leader = 1;
        list_push_back(&l->places, &p->node);
    }
    return p;
}

void leaders_move(struct leaders *l, struct str topic, int32_t partition, int32_t node)
{
    mutex_lock(&l->lock);
    struct place *p = find_or_make(l, topic, partition);
    p->moves += p->leader != node;
    p->leader = node;
    mutex_unlock(&l->lock);
}

void leaders_set_away(struct leaders *l, struct str topic, int32_t partition, bool is_away)
{
    mutex_lock(&l->lock);
    find_or_make(l, topic, partition)->is_away = is_away;
    mutex_unlock(&l->lock);
}

static struct view look(struct leaders *l, struct str topic, int32_t partition)
{
    struct view v = {1, 0, false};
    mutex_lock(&l->lock);
    const struct place *p = find(l, topic, partition);
    if (p != NULL) {
        v = (struct view){p->leader, p->moves, p->is_away};
    }
    mutex_unlock(&l->lock);
    return v;
}

/* By id where the version has no names. */
static struct view look_up(struct leaders *l, struct call *c, struct str name, struct uuid id,
                           int32_t partition)
{
    struct partition *p;
    if (uuid_is_zero(id)) {
        return look(l, name, partition);
    }
    if (topic_table_find_by_id(&c->broker->topics, id, partition, &p) != OK) {
        return (struct view){(int32_t)(c->endpoint - c->broker->endpoints) + 1, 0, false};
    }
    struct view v = look(l, p->topic_name, partition);
    partition_unref(p);
    return v;
}

/* --- requests --- */

static bool leads(const struct call *c, const struct view *v)
{
    return !v->is_away && v->leader == (int32_t)(c->endpoint - c->broker->endpoints) + 1;
}

static bool leads_produce(struct leaders *l, struct call *c, const struct produce_req *req)
{
    for (int32_t i = 0; i < req->topic_data_count; i++) {
        const struct produce_req_topic_produce_data *t = &req->topic_data[i];
        for (int32_t k = 0; k < t->partition_data_count; k++) {
            struct view v = look_up(l, c, t->name, t->topic_id, t->partition_data[k].index);
            if (!leads(c, &v)) {
                return false;
            }
        }
    }
    return true;
}

/* What clients know of epochs is what leaders_play told; the broker behind knows less. */
static bool leads_fetch(struct leaders *l, struct call *c, const struct fetch_req *req)
{
    for (int32_t i = 0; i < req->topics_count; i++) {
        const struct fetch_req_fetch_topic *t = &req->topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            struct view v = look_up(l, c, t->topic, t->topic_id, t->partitions[k].partition);
            if (!leads(c, &v)) {
                return false;
            }
            t->partitions[k].current_leader_epoch = -1;
        }
    }
    return true;
}

static bool leads_list(struct leaders *l, struct call *c, const struct list_offsets_req *req)
{
    for (int32_t i = 0; i < req->topics_count; i++) {
        const struct list_offsets_req_list_offsets_topic *t = &req->topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            struct view v = look(l, t->name, t->partitions[k].partition_index);
            if (!leads(c, &v)) {
                return false;
            }
            t->partitions[k].current_leader_epoch = -1;
        }
    }
    return true;
}

static bool has_places(struct leaders *l)
{
    mutex_lock(&l->lock);
    bool has = !list_is_empty(&l->places);
    mutex_unlock(&l->lock);
    return has;
}

enum err leaders_judge(struct leaders *l, struct call *c, const void *request)
{
    bool is_ok = true;
    if (!has_places(l) && c->broker->endpoint_count == 1) {
        return OK;
    }
    switch (c->header.api_key) {
    case API_PRODUCE:
        is_ok = leads_produce(l, c, request);
        break;
    case API_FETCH:
        /* a fetch of a session does not name what it reads: the next one shall */
        if (((const struct fetch_req *)request)->session_epoch > 0) {
            return ERR_FETCH_SESSION_ID_NOT_FOUND;
        }
        is_ok = leads_fetch(l, c, request);
        break;
    case API_LIST_OFFSETS:
        is_ok = leads_list(l, c, request);
        break;
    default:
        break;
    }
    return is_ok ? OK : ERR_NOT_LEADER_OR_FOLLOWER;
}

/* --- responses --- */

static void name_nodes(struct call *c, struct metadata_resp *resp)
{
    int n = c->broker->endpoint_count;
    struct metadata_resp_metadata_response_broker *v = arena_array(&c->arena, (size_t)n, sizeof *v);
    for (int i = 0; v != NULL && i < n; i++) {
        const struct endpoint *ep = &c->broker->endpoints[i];
        v[i] = metadata_resp_metadata_response_broker_default;
        v[i].node_id = i + 1;
        v[i].host = str_from(ep->advertised_host);
        v[i].port = ep->advertised_port;
    }
    if (v != NULL) {
        resp->brokers = v;
        resp->brokers_count = n;
    }
}

static void play_metadata(struct leaders *l, struct call *c, struct metadata_resp *resp)
{
    if (c->broker->endpoint_count > 1) {
        name_nodes(c, resp);
    }
    for (int32_t i = 0; i < resp->topics_count; i++) {
        struct metadata_resp_metadata_response_topic *t = &resp->topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            struct metadata_resp_metadata_response_partition *p = &t->partitions[k];
            struct view v = look(l, t->name, p->partition_index);
            p->leader_epoch += v.moves;
            p->leader_id = p->error_code ? p->leader_id : v.leader;
            if (v.is_away) {
                p->error_code = ERR_LEADER_NOT_AVAILABLE;
                p->leader_id = -1;
            }
        }
    }
}

/* The first node coordinates all groups, wherever one asks. */
static void play_coordinators(struct call *c, struct find_coordinator_resp *resp)
{
    const struct endpoint *first = &c->broker->endpoints[0];
    if (resp->error_code == 0 && resp->host.len > 0) {
        resp->port = first->advertised_port;
    }
    for (int32_t i = 0; i < resp->coordinators_count; i++) {
        struct find_coordinator_resp_coordinator *k = &resp->coordinators[i];
        k->port = k->error_code ? k->port : first->advertised_port;
    }
}

void leaders_play(struct leaders *l, struct call *c, void *response)
{
    if (c->header.api_key == API_METADATA) {
        play_metadata(l, c, response);
    } else if (c->header.api_key == API_FIND_COORDINATOR) {
        play_coordinators(c, response);
    }
}

/* --- life --- */

struct leaders *leaders_new(void)
{
    struct leaders *l = NEW(struct leaders);
    mutex_init(&l->lock);
    list_init(&l->places);
    return l;
}

void leaders_free(struct leaders *l)
{
    struct list_node *n;
    while ((n = list_pop_front(&l->places)) != NULL) {
        struct place *p = LIST_ENTRY(n, struct place, node);
        mem_free(p->topic);
        mem_free(p);
    }
    mutex_deinit(&l->lock);
    mem_free(l);
}
