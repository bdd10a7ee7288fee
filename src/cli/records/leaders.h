/* Who leads the partitions that records come of. One thread. */
#ifndef CLI_RECORDS_LEADERS_H
#define CLI_RECORDS_LEADERS_H

#include "cli/cli.h"

/* Begins zeroed. */
struct leaders {
    struct cli_parts parts; /* value: the leader */
};
void leaders_deinit(struct leaders *l);

/* Asked for once a topic, and again for a partition that has come since; -1: nobody knows. */
int32_t leaders_find(struct leaders *l, struct cli *c, const struct ottla_record *r);

#endif
