/* A Kafka client for simulations: one connection, one request at a time, no thread. */
#ifndef TEST_SIM_CLIENT_H
#define TEST_SIM_CLIENT_H

#include "plat/net.h"
#include "wire/header.h"
#include "wire/messages.h"

struct sim_client {
    struct net *net;
    int port;
    struct str client_id; /* "sim" */
    struct sock *sock;    /* NULL: not connected */
    struct buf out, in;
    size_t out_off;
    struct wire_header head; /* of the request that waits for its answer */
    bool is_waiting;
    struct arena arena; /* of the last answer */
};

void sim_client_init(struct sim_client *c, struct net *net, int port);
void sim_client_deinit(struct sim_client *c);

/* Sends, connecting first if need be; false when nobody listens. None may be waiting. */
bool sim_client_call(struct sim_client *c, int api_key, int version, const void *msg);

enum sim_poll { SIM_NOTHING, SIM_ANSWER, SIM_LOST };

/* SIM_ANSWER: the response is in ret_resp until the next call. SIM_LOST: the connection broke, so
 * nobody knows whether the request was done. */
enum sim_poll sim_client_poll(struct sim_client *c, void *ret_resp);

/* Closes the connection: what was sent may still be read and done, also after what the next one
 * brings. */
void sim_client_drop(struct sim_client *c);
/* Breaks it: what the broker has not read by now it never will. */
void sim_client_reset(struct sim_client *c);

#endif
