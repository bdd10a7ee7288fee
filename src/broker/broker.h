/* What a broker is made of: the parts that requests work with. Made and taken down by
 * host/server.c; the parts know each other only through this table of them. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "broker/metacache.h"
#include "broker/topics.h"
#include "meta/config.h"
#include "net/conn.h"
#include "plat/clock.h"
#include "plat/net.h"

#include <stdatomic.h>

struct admission;
struct controller;
struct coordinator;
struct fetch_sessions;
struct producer_ids;
struct storage;
struct call_tap;
struct crew;
struct http;
struct metrics;
struct mover;
struct worker;

struct broker;

/* A listener of server.properties: where we listen, and what clients are told. */
struct endpoint {
    struct str name; /* of the listener: "PLAINTEXT" */
    const char *host;
    int port; /* the real one after binding */
    const char *advertised_host;
    int advertised_port;
    int16_t security_protocol;
    bool is_controller; /* for those who ask the quorum: DescribeCluster tells controllers there */
    struct listener *listener;
    struct broker *broker;
};

struct broker {
    struct fs *fs;
    struct net *net;
    struct clock *clock;
    struct broker_config config;
    int32_t node_id;
    const char *cluster_id;
    struct uuid metadata_dir_id; /* directory.id of where the metadata log is */

    struct metacache metacache;
    struct topic_table topics;
    struct storage *storage;
    struct mover *mover;
    struct controller *controller;
    struct coordinator *coordinator;
    struct producer_ids *producer_ids;
    struct fetch_sessions *fetch_sessions;
    struct crew *syncer;
    struct crew *warmer;
    struct metrics *metrics;
    struct http *http; /* /metrics and /health; NULL in one thread */

    struct endpoint *endpoints;
    int endpoint_count; /* the broker's own, which come first */
    int listener_count; /* with the controller's */
    struct worker **workers;
    int worker_count;
    _Atomic unsigned next_worker; /* for the next connection */
    struct admission *admission;
    _Atomic bool is_stopping;
    const struct call_tap *tap; /* a test's; NULL otherwise */
    struct net_budget *budget;  /* bytes of requests that are being received */
};

#endif
