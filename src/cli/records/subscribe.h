/* A topic, or all topics of a pattern, as Kafka's tools take them. */
#ifndef CLI_RECORDS_SUBSCRIBE_H
#define CLI_RECORDS_SUBSCRIBE_H

#include "cli/cli.h"

/* Exactly one of topic and include, a regular expression of Java's, is not NULL. listener may be
 * NULL. False, and why. */
bool subscribe_to(struct cli *c, struct ottla_consumer *consumer, const char *topic,
                  const char *include, const struct ottla_rebalance_listener *listener);

#endif
