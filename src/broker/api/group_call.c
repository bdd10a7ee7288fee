/* Calls to the group coordinator and back. Worker threads. */
#include "broker/api/group_call.h"

/* "/127.0.0.1": as Java prints the address of a peer. */
static struct str client_host(struct call *c)
{
    const char *peer = conn_peer(c->conn);
    struct str host = {peer, str_find_last(str_from(peer), ':')};
    if (host.len >= 2 && peer[0] == '[') {
        host = (struct str){peer + 1, host.len - 2};
    }
    return arena_printf(&c->arena, "/%.*s", STR_ARG(host));
}

struct group_fan *group_fan_new(struct call *c, const void *request, int32_t count)
{
    struct group_fan *f = CALL_NEW(c, struct group_fan);
    struct group_part *parts = f ? CALL_ARRAY(c, struct group_part, MAX(count, 0)) : NULL;
    struct str host = client_host(c);
    if (parts == NULL || host.p == NULL) {
        call_fail(c, "out of memory");
        return NULL;
    }
    *f = (struct group_fan){.call = c, .request = request, .parts = parts, .count = MAX(count, 0)};
    for (int32_t i = 0; i < f->count; i++) {
        parts[i].fan = f;
        parts[i].task.req.client_host = host;
        parts[i].task.req.client_id = c->header.client_id;
    }
    return f;
}

void group_fan_ask(struct group_fan *f, int32_t i, enum group_op op, const void *msg)
{
    struct group_req *r = &f->parts[i].task.req;
    r->op = op;
    r->version = call_version(f->call);
    r->msg = msg;
    r->arena = &f->call->arena;
}

void group_fan_to(struct group_fan *f, int32_t i, struct str group)
{
    f->parts[i].task.partition = coordinator_partition(f->call->broker, group);
}

static void on_part(struct coord_task *t)
{
    struct group_fan *f = CONTAINER_OF(t, struct group_part, task)->fan;
    if (--f->left == 0) {
        f->done(f);
    }
}

void group_fan_go(struct group_fan *f, void (*done)(struct group_fan *f))
{
    f->done = done;
    f->left = f->count;
    if (f->count == 0) {
        done(f);
        return;
    }
    for (int32_t i = 0; i < f->count; i++) {
        struct coord_task *t = &f->parts[i].task;
        t->loop = call_loop(f->call);
        t->done = on_part;
    }
    for (int32_t i = 0, count = f->count; i < count; i++) {
        coordinator_submit(f->call->broker->coordinator, &f->parts[i].task);
    }
}

bool group_fan_has_all(struct group_fan *f)
{
    for (int32_t i = 0; i < f->count; i++) {
        if (group_fan_resp(f, i) == NULL) {
            call_fail(f->call, "out of memory");
            return false;
        }
    }
    return true;
}
