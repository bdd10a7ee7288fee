/* What the two files of `ottla topics` share. */
#ifndef CLI_TOPICS_H
#define CLI_TOPICS_H

#include "cli/cli.h"

enum {
    T_LIST = CLI_OPTIONS,
    T_CREATE,
    T_DELETE,
    T_ALTER,
    T_DESCRIBE,
    T_TOPIC,
    T_TOPIC_ID,
    T_CONFIG,
    T_DELETE_CONFIG,
    T_PARTITIONS,
    T_REPLICATION,
    T_ASSIGNMENT,
    T_UNDER_REPLICATED,
    T_UNAVAILABLE,
    T_UNDER_MIN_ISR,
    T_AT_MIN_ISR,
    T_OVERRIDES,
    T_IF_EXISTS,
    T_IF_NOT_EXISTS,
    T_EXCLUDE_INTERNAL,
    T_SIZE_LIMIT,
    T_OPTIONS
};

/* Says what went wrong where Kafka's tool does: on standard output. */
int topics_fail(struct cli *c, const char *text);
/* The names of the topics that --topic matches, in order. False: why was printed. */
bool topics_find(struct cli *c, struct cli_names *ret);
/* Whether there being none of them is an error; it was printed then. */
bool topics_are_missed(struct cli *c, const struct cli_names *n);

int topics_create(struct cli *c);
int topics_alter(struct cli *c);
int topics_delete(struct cli *c);
int topics_describe(struct cli *c);

#endif
