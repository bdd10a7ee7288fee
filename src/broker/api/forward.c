/* Requests that the controller answers: to its thread and back. */
#include "broker/api/api.h"
#include "broker/controller.h"

struct forward {
    struct ctl_task task;
    struct call *call;
    struct api_forwarded how;
};

static void on_done(struct ctl_task *t)
{
    struct forward *f = CONTAINER_OF(t, struct forward, task);
    if (t->call.err) {
        f->how.refuse(f->call, t->call.req.msg, t->call.err);
        return;
    }
    if (f->how.amend != NULL) {
        f->how.amend(f->call, t->call.req.msg, t->call.resp);
    }
    call_reply(f->call, t->call.resp);
}

void api_forward(struct call *c, const void *request, const struct api_forwarded *how)
{
    struct forward *f = CALL_NEW(c, struct forward);
    if (f == NULL) {
        call_fail(c, "out of memory");
        return;
    }
    f->call = c;
    f->how = *how;
    f->task.loop = call_loop(c);
    f->task.done = on_done;
    f->task.call.req = (struct ctl_req){
        .api_key = c->api->key,
        .version = call_version(c),
        .msg = request,
        .arena = &c->arena,
        .now_ms = clock_wall_ms(c->broker->clock),
    };
    controller_submit(c->broker->controller, &f->task);
}
