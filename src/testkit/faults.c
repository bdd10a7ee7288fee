/* Faults on request: the broker's tap. The tap's functions run in the workers' threads, the others
 * in the test's; one lock is between them.
 *
 * A call that is kept (held) is in the list until it goes on or its broker ends it: on_end finds it
 * there. Whoever takes it out of the list, in its worker, hands it on. */
#include "testkit/faults.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "plat/thread.h"
#include "testkit/answer.h"

enum { API_COUNT = 128 };

struct rule {
    struct list_node node;
    struct fault fault;
};

struct away {
    struct list_node node;
    char *topic;
    int32_t partition;
};

/* A request that waits for the end of a pause, or an answer that waits for its time. */
struct held {
    struct list_node node;
    struct faults *faults;
    struct call *call;
    const void *request;
    struct sendvec vec;
    struct timer timer;
    struct mail mail;
    bool is_answer;
};

struct faults {
    struct call_tap tap;
    struct mutex lock;
    struct list rules, aways, helds;
    bool is_paused;
    uint64_t requests[API_COUNT];
};

/* --- rules --- */

/* Uses one of the rules up, the oldest that fits; false: there is none. */
static bool take_rule(struct faults *f, enum fault_kind kind, int api, int *ret_value)
{
    bool found = false;
    mutex_lock(&f->lock);
    LIST_EACH(&f->rules, n, tmp) {
        struct rule *r = LIST_ENTRY(n, struct rule, node);
        if (r->fault.kind != kind || (r->fault.api >= 0 && r->fault.api != api)) {
            continue;
        }
        found = true;
        *ret_value = r->fault.value;
        if (r->fault.count > 0 && --r->fault.count == 0) {
            list_remove(n);
            mem_free(r);
        }
        break;
    }
    mutex_unlock(&f->lock);
    return found;
}

void faults_add(struct faults *f, const struct fault *fault)
{
    if (fault->count == 0) {
        return;
    }
    struct rule *r = NEW(struct rule);
    r->fault = *fault;
    mutex_lock(&f->lock);
    list_push_back(&f->rules, &r->node);
    mutex_unlock(&f->lock);
}

static void drop_rules(struct faults *f)
{
    struct list_node *n;
    while ((n = list_pop_front(&f->rules)) != NULL) {
        mem_free(LIST_ENTRY(n, struct rule, node));
    }
}

void faults_clear(struct faults *f)
{
    mutex_lock(&f->lock);
    drop_rules(f);
    mutex_unlock(&f->lock);
}

/* --- leaders that are away --- */

static struct away *find_away(struct faults *f, struct str topic, int32_t partition)
{
    LIST_EACH(&f->aways, n, tmp) {
        struct away *a = LIST_ENTRY(n, struct away, node);
        if (a->partition == partition && str_eq(str_from(a->topic), topic)) {
            return a;
        }
    }
    return NULL;
}

static void free_away(struct away *a)
{
    list_remove(&a->node);
    mem_free(a->topic);
    mem_free(a);
}

void faults_set_leader_away(struct faults *f, struct str topic, int32_t partition, bool is_away)
{
    mutex_lock(&f->lock);
    struct away *a = find_away(f, topic, partition);
    if (a != NULL && !is_away) {
        free_away(a);
    } else if (a == NULL && is_away) {
        a = NEW(struct away);
        a->topic = str_dup(topic);
        a->partition = partition;
        list_push_back(&f->aways, &a->node);
    }
    mutex_unlock(&f->lock);
}

static bool is_away(struct faults *f, struct str topic, int32_t partition)
{
    mutex_lock(&f->lock);
    bool is = find_away(f, topic, partition) != NULL;
    mutex_unlock(&f->lock);
    return is;
}

static bool has_aways(struct faults *f)
{
    mutex_lock(&f->lock);
    bool has = !list_is_empty(&f->aways);
    mutex_unlock(&f->lock);
    return has;
}

/* By name, or by id where the version has no names. */
static bool is_topic_away(struct faults *f, struct call *c, struct str name, struct uuid id,
                          int32_t partition)
{
    struct partition *p;
    if (uuid_is_zero(id)) {
        return is_away(f, name, partition);
    }
    if (topic_table_find_by_id(&c->broker->topics, id, partition, &p) != OK) {
        return false;
    }
    bool is = is_away(f, p->topic_name, partition);
    partition_unref(p);
    return is;
}

static bool produce_is_away(struct faults *f, struct call *c, const struct produce_req *req)
{
    for (int32_t i = 0; i < req->topic_data_count; i++) {
        const struct produce_req_topic_produce_data *t = &req->topic_data[i];
        for (int32_t k = 0; k < t->partition_data_count; k++) {
            if (is_topic_away(f, c, t->name, t->topic_id, t->partition_data[k].index)) {
                return true;
            }
        }
    }
    return false;
}

static bool fetch_is_away(struct faults *f, struct call *c, const struct fetch_req *req)
{
    for (int32_t i = 0; i < req->topics_count; i++) {
        const struct fetch_req_fetch_topic *t = &req->topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            if (is_topic_away(f, c, t->topic, t->topic_id, t->partitions[k].partition)) {
                return true;
            }
        }
    }
    return false;
}

static bool list_is_away(struct faults *f, struct call *c, const struct list_offsets_req *req)
{
    for (int32_t i = 0; i < req->topics_count; i++) {
        const struct list_offsets_req_list_offsets_topic *t = &req->topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            if (is_topic_away(f, c, t->name, UUID_ZERO, t->partitions[k].partition_index)) {
                return true;
            }
        }
    }
    return false;
}

/* The error for a request that touches a partition without leader. A fetch of a session does not
 * name what it reads: its session is forgotten, and the next fetch names it. */
static enum err away_error(struct faults *f, struct call *c, const void *request)
{
    if (!has_aways(f)) {
        return OK;
    }
    bool is = false;
    switch (c->header.api_key) {
    case API_PRODUCE:
        is = produce_is_away(f, c, request);
        break;
    case API_FETCH:
        if (((const struct fetch_req *)request)->session_epoch > 0) {
            return ERR_FETCH_SESSION_ID_NOT_FOUND;
        }
        is = fetch_is_away(f, c, request);
        break;
    case API_LIST_OFFSETS:
        is = list_is_away(f, c, request);
        break;
    default:
        break;
    }
    return is ? ERR_NOT_LEADER_OR_FOLLOWER : OK;
}

/* --- calls that are kept --- */

static struct held *hold(struct faults *f, struct call *c)
{
    struct held *h = NEW(struct held);
    h->faults = f;
    h->call = c;
    sendvec_init(&h->vec);
    mutex_lock(&f->lock);
    list_push_back(&f->helds, &h->node);
    mutex_unlock(&f->lock);
    return h;
}

static void unlink_held(struct faults *f, struct held *h)
{
    mutex_lock(&f->lock);
    list_remove(&h->node);
    mutex_unlock(&f->lock);
}

static void on_time(struct timer *t)
{
    struct held *h = CONTAINER_OF(t, struct held, timer);
    unlink_held(h->faults, h);
    call_send(h->call, &h->vec);
    sendvec_deinit(&h->vec);
    mem_free(h);
}

static bool tap_request(void *ctx, struct call *c, const void *request);

static void on_resumed(struct mail *m)
{
    struct held *h = CONTAINER_OF(m, struct held, mail);
    struct faults *f = h->faults;
    struct call *c = h->call;
    const void *request = h->request;
    unlink_held(f, h);
    mem_free(h);
    if (!tap_request(f, c, request)) {
        call_handle(c, request);
    }
}

void faults_pause(struct faults *f, bool is_paused)
{
    mutex_lock(&f->lock);
    bool ends = f->is_paused && !is_paused;
    f->is_paused = is_paused;
    LIST_EACH(&f->helds, n, tmp) {
        struct held *h = LIST_ENTRY(n, struct held, node);
        if (ends && !h->is_answer && h->mail.fn == NULL) {
            h->mail.fn = on_resumed;
            loop_post(call_loop(h->call), &h->mail);
        }
    }
    mutex_unlock(&f->lock);
}

static bool hold_for_pause(struct faults *f, struct call *c, const void *request)
{
    mutex_lock(&f->lock);
    bool is_paused = f->is_paused;
    mutex_unlock(&f->lock);
    if (is_paused) {
        hold(f, c)->request = request;
    }
    return is_paused;
}

/* --- the tap --- */

static void count(struct faults *f, int api)
{
    mutex_lock(&f->lock);
    if (api >= 0 && api < API_COUNT) {
        f->requests[api]++;
    }
    mutex_unlock(&f->lock);
}

uint64_t faults_requests(struct faults *f, int api)
{
    uint64_t n = 0;
    mutex_lock(&f->lock);
    for (int i = 0; i < API_COUNT; i++) {
        n += api < 0 || api == i ? f->requests[i] : 0;
    }
    mutex_unlock(&f->lock);
    return n;
}

static bool wants_no_answer(const struct call *c, const void *request)
{
    return c->header.api_key == API_PRODUCE && ((const struct produce_req *)request)->acks == 0;
}

static void refuse(struct call *c, const void *request, int code)
{
    if (wants_no_answer(c, request)) {
        call_skip(c);
    } else {
        call_reply(c, answer_error(&c->header, request, code, &c->arena));
    }
}

static bool tap_request(void *ctx, struct call *c, const void *request)
{
    struct faults *f = ctx;
    int value;
    if (request == NULL) {
        return false;
    }
    if (hold_for_pause(f, c, request)) {
        return true;
    }
    count(f, c->header.api_key);
    if (take_rule(f, FAULT_DROP, c->header.api_key, &value)) {
        call_fail(c, "a test wants it so");
        return true;
    }
    enum err e = away_error(f, c, request);
    bool is_whole = c->header.api_key == API_METADATA; /* its answer is spoilt later */
    if (!e && !is_whole && take_rule(f, FAULT_ERROR, c->header.api_key, &value)) {
        e = (enum err)value;
    }
    if (e) {
        refuse(c, request, e);
    }
    return e != OK;
}

static void hide_leaders(struct faults *f, struct metadata_resp *resp)
{
    for (int32_t i = 0; has_aways(f) && i < resp->topics_count; i++) {
        struct metadata_resp_metadata_response_topic *t = &resp->topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            struct metadata_resp_metadata_response_partition *p = &t->partitions[k];
            if (is_away(f, t->name, p->partition_index)) {
                p->error_code = ERR_LEADER_NOT_AVAILABLE;
                p->leader_id = -1;
            }
        }
    }
}

static void tap_response(void *ctx, struct call *c, void *response)
{
    int code;
    if (c->header.api_key != API_METADATA) {
        return;
    }
    hide_leaders(ctx, response);
    if (take_rule(ctx, FAULT_ERROR, API_METADATA, &code)) {
        answer_spoil(&c->header, response, code);
    }
}

static bool tap_answer(void *ctx, struct call *c, struct sendvec *vec)
{
    struct faults *f = ctx;
    int value;
    if (take_rule(f, FAULT_LOSE, c->header.api_key, &value)) {
        sendvec_deinit(vec);
        call_fail(c, "a test wants it so");
        return true;
    }
    if (!take_rule(f, FAULT_DELAY, c->header.api_key, &value)) {
        return false;
    }
    struct held *h = hold(f, c);
    h->is_answer = true;
    h->timer.fn = on_time;
    sendvec_deinit(&h->vec);
    sendvec_move(&h->vec, vec);
    loop_timer_set(call_loop(c), &h->timer, loop_now_ms(call_loop(c)) + value);
    return true;
}

static void tap_end(void *ctx, struct call *c)
{
    struct faults *f = ctx;
    struct held *found = NULL;
    mutex_lock(&f->lock);
    LIST_EACH(&f->helds, n, tmp) {
        struct held *h = LIST_ENTRY(n, struct held, node);
        if (h->call == c) {
            list_remove(n);
            found = h;
        }
    }
    mutex_unlock(&f->lock);
    if (found != NULL) {
        loop_timer_cancel(call_loop(c), &found->timer);
        sendvec_deinit(&found->vec);
        mem_free(found);
    }
}

/* --- life --- */

struct faults *faults_new(void)
{
    struct faults *f = NEW(struct faults);
    f->tap = (struct call_tap){f, tap_request, tap_response, tap_answer, tap_end};
    mutex_init(&f->lock);
    list_init(&f->rules);
    list_init(&f->aways);
    list_init(&f->helds);
    return f;
}

void faults_free(struct faults *f)
{
    struct list_node *n;
    drop_rules(f);
    while ((n = list_front(&f->aways)) != NULL) {
        free_away(LIST_ENTRY(n, struct away, node));
    }
    mutex_deinit(&f->lock);
    mem_free(f);
}

const struct call_tap *faults_tap(struct faults *f) { return &f->tap; }
