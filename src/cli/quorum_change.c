/* `ottla metadata-quorum` add-controller and remove-controller. One thread. */
#include "cli/quorum.h"

#include "base/props.h"
#include "base/uuid.h"

#define FROM "configuration file. Is this a valid controller configuration file?"

/* A controller as its server.properties says. */
struct controller {
    struct cli *cli;
    struct props props;
    int32_t id;
    char directory[UUID_TEXT_LEN + 1];
    struct ottla_voter_endpoint *endpoints;
    size_t count;
    struct cli_names texts; /* what endpoints point to */
    struct buf shown;
};

static bool read_props(struct cli *c, const char *path, struct props *ret)
{
    size_t len = 0;
    int line = 0;
    char *text = cli_read_file(c, path, &len);
    props_init(ret);
    bool ok = text != NULL && (props_parse(ret, (struct str){text, len}, &line) == OK ||
                               cli_refuse(c, "%s:%d: not a properties file", path, line));
    mem_free(text);
    return ok;
}

static bool has_item(struct str list, const char *item)
{
    struct str one;
    while (str_next_item(&list, ',', &one)) {
        if (str_eq(one, str_from(item))) {
            return true;
        }
    }
    return false;
}

static bool take_id(struct controller *k)
{
    struct str text = props_get(&k->props, STR("node.id"));
    struct str roles = props_get(&k->props, STR("process.roles"));
    int64_t id;
    if (str_is_null(text)) {
        return cli_refuse(k->cli, "node.id not found in " FROM);
    }
    if (!str_to_i64(str_trim(text), &id) || id < 0 || id > INT32_MAX) {
        return cli_refuse(k->cli, "node.id was negative in " FROM);
    }
    if (!has_item(roles, "controller")) {
        return cli_refuse(k->cli, "process.roles did not contain 'controller' in " FROM);
    }
    k->id = (int32_t)id;
    return true;
}

/* The directory.id in the meta.properties of the metadata log's directory. */
static bool take_directory(struct controller *k)
{
    static const char *const names[] = {"metadata.log.dir", "log.dirs", "log.dir"};
    struct str dirs = STR_NULL, dir;
    struct props meta;
    struct uuid id;
    struct buf path = BUF_INIT;
    for (size_t i = 0; i < 3 && str_is_null(dirs); i++) {
        dirs = props_get(&k->props, str_from(names[i]));
    }
    if (!str_next_item(&dirs, ',', &dir)) {
        return cli_refuse(k->cli, "Neither metadata.log.dir nor log.dirs were found in " FROM);
    }
    buf_printf(&path, "%.*s/meta.properties", STR_ARG(dir));
    bool ok = read_props(k->cli, buf_cstr(&path), &meta) &&
              (uuid_parse(str_trim(props_get(&meta, STR("directory.id"))), &id) ||
               cli_refuse(k->cli, "No directory id found in %s", buf_cstr(&path)));
    if (ok) {
        uuid_format(id, k->directory);
    }
    props_deinit(&meta);
    buf_deinit(&path);
    return ok;
}

static const char *keep(struct controller *k, struct str text)
{
    cli_names_add(&k->texts, text);
    return k->texts.names[k->texts.count - 1];
}

/* "NAME://host:port" */
static bool add_endpoint(struct controller *k, struct str text)
{
    size_t slash = str_find(text, '/'), colon = str_find_last(text, ':');
    int64_t port;
    bool ok = slash > 1 && text.p[slash - 1] == ':' && slash + 2 <= colon && colon < text.len &&
              str_to_i64(str_sub(text, colon + 1, text.len - colon - 1), &port) && port > 0 &&
              port <= UINT16_MAX;
    if (!ok) {
        return cli_refuse(k->cli, "'%.*s' is no listener: write NAME://host:port", STR_ARG(text));
    }
    struct str host = str_sub(text, slash + 2, colon - slash - 2);
    if (host.len > 1 && host.p[0] == '[') {
        host = str_sub(host, 1, host.len - 2);
    }
    k->endpoints = mem_realloc_array(k->endpoints, k->count + 1, sizeof *k->endpoints);
    k->endpoints[k->count++] = (struct ottla_voter_endpoint){keep(k, str_sub(text, 0, slash - 1)),
                                                             keep(k, host), (int)port};
    buf_printf(&k->shown, "%s%.*s", k->count > 1 ? "," : "", STR_ARG(text));
    return true;
}

/* The listener of that name: as it is told to others, or as it is bound. */
static bool add_listener(struct controller *k, struct str name)
{
    static const char *const lists[] = {"advertised.listeners", "listeners"};
    for (size_t i = 0; i < 2; i++) {
        struct str list = props_get(&k->props, str_from(lists[i])), item;
        while (str_next_item(&list, ',', &item)) {
            if (str_eq(str_sub(item, 0, str_find(item, ':')), name)) {
                return add_endpoint(k, item);
            }
        }
    }
    return cli_refuse(k->cli, "Cannot find information about controller listener name: %.*s",
                      STR_ARG(name));
}

static bool take_endpoints(struct controller *k)
{
    struct str list = props_get(&k->props, STR("controller.listener.names")), name;
    bool ok = !str_is_null(list) ||
              cli_refuse(k->cli, "controller.listener.names was not found in " FROM);
    while (ok && str_next_item(&list, ',', &name)) {
        ok = add_listener(k, name);
    }
    return ok;
}

static int add(struct controller *k)
{
    struct cli *c = k->cli;
    bool is_dry = cli_has(c, Q_DRY_RUN);
    int code = is_dry ? 0
                      : ottla_add_raft_voter(c->client, k->id, k->directory, k->endpoints, k->count,
                                             &c->options, &c->error);
    if (code != 0) {
        return cli_fail(c, "%s", cli_error_text(code, c->error.message));
    }
    if (c->is_json) {
        cli_print_json(c, json_pack("{s:i, s:s, s:s, s:b}", "controller", (int)k->id,
                                    "directory_id", k->directory, "endpoints", buf_cstr(&k->shown),
                                    "dry_run", (int)is_dry));
    } else {
        printf("%s controller %d with directory id %s and endpoints: %s\n",
               is_dry ? "DRY RUN of adding" : "Added", k->id, k->directory, buf_cstr(&k->shown));
    }
    return CLI_OK;
}

int quorum_add(struct cli *c)
{
    struct controller k = {.cli = c, .shown = BUF_INIT};
    props_init(&k.props);
    if (!cli_has(c, CLI_CONFIG)) {
        return cli_fail(c, "You must supply the configuration file of the controller you are "
                           "adding when using add-controller.");
    }
    bool ok = read_props(c, cli_value(c, CLI_CONFIG), &k.props) && take_id(&k) &&
              take_directory(&k) && take_endpoints(&k);
    int status = ok ? add(&k) : cli_fail(c, "%s", buf_cstr(&c->why));
    props_deinit(&k.props);
    cli_names_deinit(&k.texts);
    mem_free(k.endpoints);
    buf_deinit(&k.shown);
    return status;
}

int quorum_remove(struct cli *c)
{
    const char *directory = cli_value(c, Q_DIRECTORY);
    bool is_dry = cli_has(c, Q_DRY_RUN);
    struct uuid uuid;
    int64_t id = 0;
    buf_clear(&c->why);
    if (!args_number(&c->args, Q_CONTROLLER, (struct args_range){INT32_MIN, INT32_MAX}, &id,
                     &c->why)) {
        return cli_fail(c, "%s", buf_cstr(&c->why));
    }
    if (id < 0) {
        return cli_fail(c, "Invalid negative --controller-id: %lld", (long long)id);
    }
    if (!uuid_parse(str_from(directory), &uuid)) {
        return cli_fail(c, "Failed to parse --controller-directory-id: %s", directory);
    }
    int code =
        is_dry ? 0
               : ottla_remove_raft_voter(c->client, (int32_t)id, directory, &c->options, &c->error);
    if (code != 0) {
        return cli_fail(c, "%s", cli_error_text(code, c->error.message));
    }
    if (c->is_json) {
        cli_print_json(c, json_pack("{s:i, s:s, s:b}", "controller", (int)id, "directory_id",
                                    directory, "dry_run", (int)is_dry));
    } else {
        printf("%s KRaft controller %lld with directory id %s\n",
               is_dry ? "DRY RUN of removing " : "Removed ", (long long)id, directory);
    }
    return CLI_OK;
}
