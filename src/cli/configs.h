/* What the two files of `ottla configs` share. */
#ifndef CLI_CONFIGS_H
#define CLI_CONFIGS_H

#include "cli/cli.h"

enum {
    C_ALTER = CLI_OPTIONS,
    C_DESCRIBE,
    C_ALL,
    C_ENTITY_TYPE,
    C_ENTITY_NAME,
    C_ENTITY_DEFAULT,
    C_ADD,
    C_ADD_FILE,
    C_DELETE,
    C_TOPIC,
    C_CLIENT,
    C_USER,
    C_BROKER,
    C_BROKER_LOGGER,
    C_IP,
    C_CLIENT_METRICS,
    C_GROUP,
    C_CLIENT_DEFAULTS,
    C_USER_DEFAULTS,
    C_BROKER_DEFAULTS,
    C_IP_DEFAULTS,
    C_CONTROLLER,
    C_OPTIONS
};

/* A kind of things that have settings. */
struct entity_kind {
    const char *plural;                  /* as --entity-type says it */
    const char *singular;                /* in sentences */
    enum ottla_resource_type resource;   /* 0: not served yet */
    enum ottla_config_source own_source; /* of its dynamic settings; UNKNOWN: all are */
};

/* What the command line names. name NULL: all of the kind; "": the default of all brokers. */
struct entity {
    const struct entity_kind *kind;
    const char *name;
};

struct entity configs_entity(const struct cli *c);
bool configs_is_broker_id(const char *name);
/* The settings of one entity; NULL and c->error. A row with an error is one. */
struct ottla_configs *configs_ask(struct cli *c, struct entity e);

int configs_describe(struct cli *c);
int configs_alter(struct cli *c);

#endif
