/* One who changes what others work with: moves partitions between data directories, changes a
 * setting of the topic, makes and deletes a topic of its own. Knows what was acknowledged and looks
 * whether it holds. */
#ifndef TEST_SIM_MEDDLER_H
#define TEST_SIM_MEDDLER_H

#include "base/buf.h"
#include "base/rand.h"
#include "test/sim/client.h"

/* What is known of a thing that a request may have changed. */
enum meddler_state { MEDDLER_UNKNOWN, MEDDLER_OFF, MEDDLER_ON };

struct meddler {
    struct sim_client client;
    const char *topic;
    int parts;
    bool has_asked_on;                /* what the request under way is to bring about */
    enum meddler_state broker_stamps; /* message.timestamp.type is LogAppendTime */
    unsigned stamp_changes;         /* may have come into effect: while it stays, the state holds */
    enum meddler_state has_scratch; /* its own topic */
    bool is_scratch_new;            /* nobody has written to it */
    bool is_first_write;            /* under way */
    int acked_count;
};

void meddler_init(struct meddler *m, struct net *net, int port, const char *topic, int parts);
void meddler_deinit(struct meddler *m);

/* Asks, or takes an answer; false: it is a wrong one, and why says which. */
bool meddler_step(struct meddler *m, struct rand *r, struct buf *why);

#endif
