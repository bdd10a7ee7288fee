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
    struct list rules, helds;
    struct leaders *leaders;
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
    enum err e = leaders_judge(f->leaders, c, request);
    bool is_whole = c->header.api_key == API_METADATA; /* its answer is spoilt later */
    if (!e && !is_whole && take_rule(f, FAULT_ERROR, c->header.api_key, &value)) {
        e = (enum err)value;
    }
    if (e) {
        refuse(c, request, e);
    }
    return e != OK;
}

static void tap_response(void *ctx, struct call *c, void *response)
{
    struct faults *f = ctx;
    int code;
    leaders_play(f->leaders, c, response);
    if (c->header.api_key == API_METADATA && take_rule(f, FAULT_ERROR, API_METADATA, &code)) {
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
    f->leaders = leaders_new();
    list_init(&f->helds);
    return f;
}

void faults_free(struct faults *f)
{
    drop_rules(f);
    leaders_free(f->leaders);
    mutex_deinit(&f->lock);
    mem_free(f);
}

struct leaders *faults_leaders(struct faults *f) { return f->leaders; }
const struct call_tap *faults_tap(struct faults *f) { return &f->tap; }
