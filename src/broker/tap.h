/* Where a test may lay its hand on calls: between a request that was read and its handler, and
 * between an answer and its connection. No broker of its own accord has one. */
#ifndef BROKER_TAP_H
#define BROKER_TAP_H

#include "broker/call.h"

/* All in the call's worker. A tap that keeps a call owns it, as a handler does. */
struct call_tap {
    void *ctx;
    /* True: the tap has the call, and hands it on by call_handle or ends it. The request lives as
     * long as the call; NULL for a version of ApiVersions that is not known. */
    bool (*on_request)(void *ctx, struct call *c, const void *request);
    /* May change the response. */
    void (*on_response)(void *ctx, struct call *c, void *response);
    /* True: the tap has the call and what is in vec, and hands them on by call_send or ends both.
     */
    bool (*on_answer)(void *ctx, struct call *c, struct sendvec *vec);
    /* The call is over, whoever ended it. */
    void (*on_end)(void *ctx, struct call *c);
};

#endif
