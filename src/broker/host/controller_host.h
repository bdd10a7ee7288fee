/* Making and ending the controller's thread (broker/controller.h is what requests see of it). */
#ifndef BROKER_HOST_CONTROLLER_HOST_H
#define BROKER_HOST_CONTROLLER_HOST_H

#include "broker/controller.h"
#include "plat/net.h"

struct controller_args {
    struct net *net;
    struct clock *clock;
    struct metalog *log; /* open; stays the caller's */
    /* The metadata log is lost: the process must stop. In the controller's thread. */
    void (*on_fatal)(void *ctx, enum err e);
    void *ctx;
};

must_check enum err controller_new(const struct controller_args *args,
                                   struct controller **ret_controller);
void controller_free(struct controller *c);
struct loop *controller_loop(struct controller *c);

/* Starts the thread. A simulation calls controller_begin instead and steps the loop itself. */
must_check enum err controller_start(struct controller *c);
void controller_begin(struct controller *c);
void controller_stop(struct controller *c);

#endif
