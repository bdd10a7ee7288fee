/* The way from a worker to the controller and back. The controller and its log have a thread of
 * their own; a task travels there by mail, is handled, waits until its records are committed and in
 * effect on this broker, and travels back. */
#ifndef BROKER_CONTROLLER_H
#define BROKER_CONTROLLER_H

#include "broker/metalog/metalog.h"
#include "net/loop.h"

struct controller;

struct ctl_task {
    struct metalog_call
        call; /* call.req filled in by the sender; call.err and call.resp come back */
    struct mail mail;
    struct loop *loop; /* where done runs */
    void (*done)(struct ctl_task *t);
    struct controller *controller;
};

/* Any thread. The request's memory and arena are the controller's until done runs. When it runs
 * without error, what the task changed is in effect here: created topics can be produced to. */
void controller_submit(struct controller *c, struct ctl_task *t);

/* What a controller says of the metadata quorum. Any thread. */
struct controller_status {
    int32_t epoch;
    int64_t
        high_watermark; /* next offset to be committed; the log's end when nothing is under way */
    int16_t kraft_version;
};
void controller_status(const struct controller *c, struct controller_status *ret_status);

#endif
