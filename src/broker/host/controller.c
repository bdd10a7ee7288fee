/* The controller's thread: its loop takes tasks by mail, gives them to the metadata log, and steps
 * that log until all is committed. Everything but controller_submit, start and stop runs in that
 * thread. */
#include "broker/host/controller_host.h"

#include "base/diag.h"
#include "base/mem.h"
#include "plat/thread.h"

#include <stdatomic.h>

struct controller {
    struct loop *loop;
    struct metalog *log;
    struct timer timer; /* the log's next deadline */
    struct mail kick;   /* a step is due in this round of the loop */
    bool is_kicked;
    struct thread thread;
    bool is_started;
    _Atomic int64_t high_watermark; /* those of the log, for other threads */
    _Atomic int32_t epoch;
    int16_t kraft_version;
    void (*on_fatal)(void *ctx, enum err e);
    void *ctx;
};

static void on_home(struct mail *m)
{
    struct ctl_task *t = CONTAINER_OF(m, struct ctl_task, mail);
    t->done(t);
}

static void publish(struct controller *c)
{
    struct metalog_status s;
    metalog_status(c->log, &s);
    atomic_store(&c->high_watermark, s.high_watermark);
    atomic_store(&c->epoch, s.epoch);
}

/* Who hears that something is done finds it in the status, too. */
static void on_call_done(struct metalog_call *call)
{
    struct ctl_task *t = CONTAINER_OF(call, struct ctl_task, call);
    publish(t->controller);
    t->mail = (struct mail){.fn = on_home};
    loop_post(t->loop, &t->mail);
}

void controller_status(const struct controller *c, struct controller_status *ret_status)
{
    *ret_status = (struct controller_status){
        .epoch = atomic_load(&c->epoch),
        .high_watermark = atomic_load(&c->high_watermark),
        .kraft_version = c->kraft_version,
    };
}

static void step(struct controller *c)
{
    int64_t deadline_ms;
    enum err e = metalog_step(c->log, &deadline_ms);
    if (e) {
        diag_error(DIAG_CONTROLLER, "the metadata log failed: %s; stopping", err_text(e));
        c->on_fatal(c->ctx, e);
        return;
    }
    publish(c);
    if (deadline_ms == INT64_MAX) {
        loop_timer_cancel(c->loop, &c->timer);
    } else {
        loop_timer_set(c->loop, &c->timer, deadline_ms);
    }
}

static void on_timer(struct timer *t) { step(CONTAINER_OF(t, struct controller, timer)); }

static void on_kick(struct mail *m)
{
    struct controller *c = CONTAINER_OF(m, struct controller, kick);
    c->is_kicked = false;
    step(c);
}

/* Tasks that came in the same round are committed by one step, behind them in the mailbox. */
static void on_task(struct mail *m)
{
    struct ctl_task *t = CONTAINER_OF(m, struct ctl_task, mail);
    struct controller *c = t->controller;
    t->call.done = on_call_done;
    metalog_call(c->log, &t->call);
    if (!c->is_kicked) {
        c->is_kicked = true;
        c->kick = (struct mail){.fn = on_kick};
        loop_post(c->loop, &c->kick);
    }
}

void controller_submit(struct controller *c, struct ctl_task *t)
{
    t->controller = c;
    t->mail = (struct mail){.fn = on_task};
    loop_post(c->loop, &t->mail);
}

enum err controller_new(const struct controller_args *args, struct controller **ret_controller)
{
    struct controller *c = NEW(struct controller);
    c->log = args->log;
    c->on_fatal = args->on_fatal;
    c->ctx = args->ctx;
    c->timer.fn = on_timer;
    struct metalog_status s;
    metalog_status(c->log, &s);
    c->kraft_version = s.kraft_version;
    publish(c);
    enum err e = loop_new(args->net, args->clock, &c->loop);
    if (e) {
        mem_free(c);
        return e;
    }
    *ret_controller = c;
    return OK;
}

void controller_begin(struct controller *c) { step(c); }

static void run(void *ctx)
{
    struct controller *c = ctx;
    controller_begin(c);
    loop_run(c->loop);
}

struct loop *controller_loop(struct controller *c) { return c->loop; }

enum err controller_start(struct controller *c)
{
    enum err e = thread_start(&c->thread, "ottla-control", run, c);
    c->is_started = e == OK;
    return e;
}

void controller_stop(struct controller *c)
{
    if (c->is_started) {
        loop_stop(c->loop);
        thread_join(&c->thread);
        c->is_started = false;
    }
    while (loop_step(c->loop, 0) > 0) { /* what had come in is still answered */
    }
}

void controller_free(struct controller *c)
{
    loop_timer_cancel(c->loop, &c->timer);
    loop_free(c->loop);
    mem_free(c);
}
