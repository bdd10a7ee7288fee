/* A client that commits offsets of a simple consumer, ever larger ones, and asks for them. */
#ifndef TEST_SIM_COMMITTER_H
#define TEST_SIM_COMMITTER_H

#include "test/sim/client.h"

enum { COMMITTER_PARTS = 3 };

struct committer {
    struct sim_client client;
    const char *topic;
    bool may_go_back; /* what was told may be lost: nothing was synced */
    bool has_coordinator;
    int part;                      /* that the request on its way is about */
    int64_t sent[COMMITTER_PARTS]; /* the largest that was ever sent */
    int64_t told[COMMITTER_PARTS]; /* the largest that was acknowledged or fetched; -1: none */
    int acked_count;
    bool is_refused; /* its last request was: the broker or its disk is in trouble */
    int checked_count;
};

void committer_init(struct committer *c, struct net *net, int port, const char *topic);
void committer_deinit(struct committer *c);

/* Sends the next request, if none is on its way, and takes what answer there is. What must not be
 * is written to why, and false returned. */
bool committer_step(struct committer *c, struct rand *r, struct buf *why);

#endif
