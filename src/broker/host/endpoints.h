/* The listeners of server.properties. */
#ifndef BROKER_HOST_ENDPOINTS_H
#define BROKER_HOST_ENDPOINTS_H

#include "broker/broker.h"

/* The broker's and the controller's listeners as configured (listeners, advertised.listeners,
 * listener.security.protocol.map, controller.listener.names); texts are the arena's. BAD_CONFIG:
 * why gets a sentence that says what to change. */
struct endpoints {
    struct endpoint *brokers;
    int broker_count;
    struct endpoint *controllers; /* behind the brokers' in one array */
    int controller_count;
};

must_check enum err endpoints_parse(const struct broker_config *config, struct arena *a,
                                    struct endpoints *ret, struct buf *why);

#endif
