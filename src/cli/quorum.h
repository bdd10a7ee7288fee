/* What the files of `ottla metadata-quorum` share. */
#ifndef CLI_QUORUM_H
#define CLI_QUORUM_H

#include "cli/cli.h"

enum {
    Q_STATUS = CLI_OPTIONS,
    Q_REPLICATION,
    Q_HUMAN,
    Q_CONTROLLER,
    Q_DIRECTORY,
    Q_DRY_RUN,
    Q_BOOTSTRAP,
    Q_OPTIONS
};

/* The controller of the server.properties that --command-config names joins the quorum. */
int quorum_add(struct cli *c);
int quorum_remove(struct cli *c);

#endif
