/* `ottla configs` (kafka-configs): its command line, and which thing it names. One thread. */
#include "cli/configs.h"

#include "base/attr.h"
#include "cli/command.h"

static const struct args_option options[C_OPTIONS] = {
    CLI_OPTION_ROWS,
    [C_ALTER] = {"alter", NULL, "Change settings.", ARGS_FLAG},
    [C_DESCRIBE] = {"describe", NULL, "Print settings.", ARGS_FLAG},
    [C_ALL] = {"all", NULL, "Also those that nobody changed.", ARGS_FLAG},
    [C_ENTITY_TYPE] = {"entity-type", "TYPE",
                       "topics, brokers, broker-loggers, groups or client-metrics.", ARGS_VALUE,
                       .is_list = true},
    [C_ENTITY_NAME] = {"entity-name", "NAME", "Which of them.", ARGS_VALUE, .is_list = true},
    [C_ENTITY_DEFAULT] = {"entity-default", NULL, "The defaults of all brokers.", ARGS_FLAG},
    [C_ADD] = {"add-config", "K=V,K=[V,V],...", "Settings to give.", ARGS_VALUE},
    [C_ADD_FILE] = {"add-config-file", "FILE", "Settings to give, from a properties file.",
                    ARGS_VALUE},
    [C_DELETE] = {"delete-config", "K,K,...", "Settings to take back.", ARGS_VALUE,
                  .is_list = true},
    [C_TOPIC] = {"topic", "NAME", "A topic.", ARGS_VALUE},
    [C_CLIENT] = {"client", "ID", NULL, ARGS_VALUE},
    [C_USER] = {"user", "NAME", NULL, ARGS_VALUE},
    [C_BROKER] = {"broker", "ID", "A broker.", ARGS_VALUE},
    [C_BROKER_LOGGER] = {"broker-logger", "ID", "The loggers of a broker.", ARGS_VALUE},
    [C_IP] = {"ip", "ADDRESS", NULL, ARGS_VALUE},
    [C_CLIENT_METRICS] = {"client-metrics", "NAME", "A subscription of client metrics.",
                          ARGS_VALUE},
    [C_GROUP] = {"group", "ID", "A group.", ARGS_VALUE},
    [C_CLIENT_DEFAULTS] = {"client-defaults", NULL, NULL, ARGS_FLAG},
    [C_USER_DEFAULTS] = {"user-defaults", NULL, NULL, ARGS_FLAG},
    [C_BROKER_DEFAULTS] = {"broker-defaults", NULL, "The defaults of all brokers.", ARGS_FLAG},
    [C_IP_DEFAULTS] = {"ip-defaults", NULL, NULL, ARGS_FLAG},
    [C_CONTROLLER] = CLI_CONTROLLER_ROW,
};

static const struct entity_kind kinds[] = {
    {"topics", "topic", OTTLA_RESOURCE_TOPIC, OTTLA_SOURCE_DYNAMIC_TOPIC},
    {"clients", "client", 0, 0},
    {"users", "user", 0, 0},
    {"brokers", "broker", OTTLA_RESOURCE_BROKER, OTTLA_SOURCE_DYNAMIC_BROKER},
    {"broker-loggers", "broker-logger", OTTLA_RESOURCE_BROKER_LOGGER, OTTLA_SOURCE_UNKNOWN},
    {"ips", "ip", 0, 0},
    {"client-metrics", "client-metric", OTTLA_RESOURCE_CLIENT_METRICS, OTTLA_SOURCE_CLIENT_METRICS},
    {"groups", "group", OTTLA_RESOURCE_GROUP, OTTLA_SOURCE_GROUP},
};
enum { KINDS = ARRAY_LEN(kinds) };

/* The options that name a kind and one of it, and those that name its defaults. */
static const struct {
    int option, kind;
    bool is_default;
} flags[] = {
    {C_TOPIC, 0, false},          {C_CLIENT, 1, false},         {C_USER, 2, false},
    {C_BROKER, 3, false},         {C_BROKER_LOGGER, 4, false},  {C_IP, 5, false},
    {C_CLIENT_METRICS, 6, false}, {C_GROUP, 7, false},          {C_CLIENT_DEFAULTS, 1, true},
    {C_USER_DEFAULTS, 2, true},   {C_BROKER_DEFAULTS, 3, true}, {C_IP_DEFAULTS, 5, true},
};

static const struct entity_kind *find_kind(const char *plural)
{
    for (size_t i = 0; plural != NULL && i < KINDS; i++) {
        if (strcmp(kinds[i].plural, plural) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

struct entity configs_entity(const struct cli *c)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (cli_has(c, flags[i].option)) {
            const char *name = flags[i].is_default ? "" : cli_value(c, flags[i].option);
            return (struct entity){&kinds[flags[i].kind], name};
        }
    }
    return (struct entity){find_kind(cli_value(c, C_ENTITY_TYPE)),
                           cli_has(c, C_ENTITY_NAME)      ? cli_value(c, C_ENTITY_NAME)
                           : cli_has(c, C_ENTITY_DEFAULT) ? ""
                                                          : NULL};
}

bool configs_is_broker_id(const char *name)
{
    int64_t id;
    return str_to_i64(str_from(name), &id) && id >= INT32_MIN && id <= INT32_MAX;
}

static bool refuse_kind(struct cli *c, const char *typed)
{
    const char *names[KINDS];
    for (size_t i = 0; i < KINDS; i++) {
        names[i] = kinds[i].plural;
    }
    cli_refuse(c, "Invalid entity type %s, the entity type must be one of", typed);
    for (size_t i = 0; i < KINDS; i++) {
        buf_printf(&c->why, "%s %s", i ? "," : "", names[i]);
    }
    args_put_hint(&c->why, str_from(typed), names, KINDS);
    return false;
}

/* One kind of things, named in one of the two ways. */
static bool check_kind(struct cli *c)
{
    int by_flag = 0, by_type = args_count(&c->args, C_ENTITY_TYPE);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        by_flag += cli_has(c, flags[i].option);
    }
    if (by_flag > 0 && (by_type > 0 || cli_has(c, C_ENTITY_NAME) || cli_has(c, C_ENTITY_DEFAULT))) {
        return cli_refuse(c, "--entity-{type,name,default} should not be used in conjunction with "
                             "specific entity flags");
    }
    for (int i = 0; i < by_type; i++) {
        const char *typed = args_nth(&c->args, C_ENTITY_TYPE, i);
        if (find_kind(typed) == NULL) {
            return refuse_kind(c, typed);
        }
    }
    if (by_flag + by_type == 0) {
        return cli_refuse(c, "At least one entity type must be specified");
    }
    if (configs_entity(c).kind->resource == 0) {
        return cli_refuse(c,
                          "settings of %s are not there yet: ottla has no quotas and no "
                          "users so far",
                          configs_entity(c).kind->plural);
    }
    return by_flag + by_type == 1 ||
           cli_refuse(c, "Only 'users' and 'clients' entity types may be specified together");
}

static bool check_describe(struct cli *c, struct entity e)
{
    bool is_broker = e.kind->resource == OTTLA_RESOURCE_BROKER;
    if (cli_has(c, C_ADD) || cli_has(c, C_DELETE)) {
        return cli_refuse(c, "--describe changes nothing: use --alter with --add-config and "
                             "--delete-config");
    }
    if (!is_broker && cli_has(c, C_ENTITY_DEFAULT)) {
        return cli_refuse(c, "--entity-default must not be specified with --describe of %s",
                          e.kind->plural);
    }
    return e.kind->resource != OTTLA_RESOURCE_BROKER_LOGGER || e.name != NULL ||
           cli_refuse(c, "An entity name must be specified with --describe of %s", e.kind->plural);
}

static bool check_alter(struct cli *c, struct entity e)
{
    bool is_broker = e.kind->resource == OTTLA_RESOURCE_BROKER;
    if (is_broker && e.name == NULL) {
        return cli_refuse(c, "An entity-name or default entity must be specified with --alter of "
                             "users, clients, brokers or ips");
    }
    if (!is_broker && (e.name == NULL || e.name[0] == '\0')) {
        return cli_refuse(c, "An entity name must be specified with --alter of %s", e.kind->plural);
    }
    if (cli_has(c, C_ADD) && cli_has(c, C_ADD_FILE)) {
        return cli_refuse(c, "Only one of --add-config or --add-config-file must be specified");
    }
    return cli_has(c, C_ADD) || cli_has(c, C_ADD_FILE) || cli_has(c, C_DELETE) ||
           cli_refuse(c, "At least one of --add-config, --add-config-file, or --delete-config must "
                         "be specified with --alter");
}

static bool check(struct cli *c)
{
    static const int actions[] = {C_DESCRIBE, C_ALTER, -1};
    if (!cli_needs_one(c, actions) || !check_kind(c)) {
        return false;
    }
    struct entity e = configs_entity(c);
    bool has_id = e.kind->resource == OTTLA_RESOURCE_BROKER ||
                  e.kind->resource == OTTLA_RESOURCE_BROKER_LOGGER;
    if (has_id && e.name != NULL && e.name[0] != '\0' && !configs_is_broker_id(e.name)) {
        return cli_refuse(c,
                          "The entity name for %s must be a valid integer broker id, but it is: %s",
                          e.kind->plural, e.name);
    }
    return cli_has(c, C_DESCRIBE) ? check_describe(c, e) : check_alter(c, e);
}

struct ottla_configs *configs_ask(struct cli *c, struct entity e)
{
    struct ottla_resource r = {e.kind->resource, e.name};
    struct ottla_admin_options o = c->options;
    struct ottla_configs *configs = NULL;
    o.include_synonyms = true;
    if (ottla_describe_configs(c->client, &r, 1, &o, &configs, &c->error) != 0) {
        cli_refuse(c, "%s", c->error.message);
        return NULL;
    }
    const struct ottla_resource_configs *row = configs->rows[0];
    if (row->error != 0) {
        cli_refuse(c, "%s", cli_error_text(row->error, row->message));
        ottla_configs_free(configs);
        return NULL;
    }
    return configs;
}

static int run(struct cli *c)
{
    return cli_has(c, C_ALTER) ? configs_alter(c) : configs_describe(c);
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla configs",
             .about = "Prints and changes the settings of topics, brokers, their loggers, groups, "
                      "and subscriptions of client metrics.",
             .options = options,
             .option_count = C_OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .check = check,
    .run = run,
    .controller = C_CONTROLLER,
};

int configs_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
