/* The frame of a tool: its command line, its client, its status. One thread. */
#include "cli/cli.h"

#include "cli/profile.h"
#include "cli/resolve.h"

#include <stdarg.h>

/* --- what is wrong --- */

bool cli_refuse(struct cli *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_clear(&c->why);
    buf_vprintf(&c->why, fmt, args);
    va_end(args);
    return false;
}

int cli_fail(struct cli *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fflush(stdout);
    fprintf(stderr, "%s: ", c->args.spec->command);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return CLI_FAILED;
}

static int refused(struct cli *c)
{
    fprintf(stderr, "%s: %s\n%s --help says more.\n", c->args.spec->command, buf_cstr(&c->why),
            c->args.spec->command);
    return CLI_FAILED;
}

/* --- rules between options --- */

static const char *name_of(const struct cli *c, int option)
{
    return c->args.spec->options[option].name;
}

int cli_count_of(const struct cli *c, const int *options)
{
    int n = 0;
    for (; *options >= 0; options++) {
        n += cli_has(c, *options);
    }
    return n;
}

bool cli_needs_one(struct cli *c, const int *options)
{
    if (cli_count_of(c, options) == 1) {
        return true;
    }
    buf_clear(&c->why);
    buf_printf(&c->why, "Command must include exactly one action:");
    for (int i = 0; options[i] >= 0; i++) {
        buf_printf(&c->why, "%s --%s", i ? "," : "", name_of(c, options[i]));
    }
    return false;
}

bool cli_excludes(struct cli *c, int option, const int *others)
{
    for (; cli_has(c, option) && *others >= 0; others++) {
        if (cli_has(c, *others)) {
            return cli_refuse(c, "Option \"[%s]\" can't be used with option \"[%s]\"",
                              name_of(c, option), name_of(c, *others));
        }
    }
    return true;
}

bool cli_needs(struct cli *c, int option)
{
    return cli_has(c, option) ||
           cli_refuse(c, "Missing required argument \"[%s]\"", name_of(c, option));
}

/* --- the frame --- */

static bool take_format(const struct cli_tool *tool, struct cli *c)
{
    const char *text = cli_value(c, CLI_FORMAT);
    c->is_yaml = text != NULL && strcmp(text, "yaml") == 0;
    c->is_json = c->is_yaml || (text != NULL && strcmp(text, "json") == 0);
    return text == NULL || c->is_json || strcmp(text, "text") == 0 || tool->has_formats ||
           cli_refuse(c, "--format is text, json or yaml, not '%s'", text);
}

static bool asks_controllers(const struct cli_tool *tool, const struct cli *c)
{
    return tool->controller > 0 && cli_has(c, tool->controller);
}

/* What keeps the client waiting, once: who mistyped a name shall not wait for a time-out to see it.
 */
static void on_log(void *ctx, enum ottla_log_level level, const char *text)
{
    struct cli *c = ctx;
    if (strcmp(text, c->said) != 0) {
        snprintf(c->said, sizeof c->said, "%s", text);
        fprintf(stderr, "%s: %s\n", c->args.spec->command, text);
    }
}

static bool has_address(const struct cli_tool *tool, struct cli *c)
{
    const char *name = asks_controllers(tool, c) ? "bootstrap.controllers" : "bootstrap.servers";
    const char *servers = ottla_config_get(c->config, name);
    struct buf why = BUF_INIT;
    bool ok = servers == NULL || resolve_any(servers, &why) ||
              cli_refuse(c, "%s has no host that can be looked up: %s", name, buf_cstr(&why));
    buf_deinit(&why);
    return ok;
}

static bool connect(const struct cli_tool *tool, struct cli *c)
{
    if (!tool->is_silent) {
        ottla_config_set_log(c->config, OTTLA_LOG_WARN, on_log, c);
    }
    const char *file = cli_value(c, CLI_CONFIG);
    if (file == NULL && tool->old_config > 0) {
        file = cli_value(c, tool->old_config);
    }
    bool ok = file == NULL || tool->configure != NULL ||
              ottla_config_load(c->config, file, &c->error) == 0;
    ok = ok &&
         (!cli_has(c, CLI_SERVER) || ottla_config_set(c->config, "bootstrap.servers",
                                                      cli_value(c, CLI_SERVER), &c->error) == 0);
    if (ok && asks_controllers(tool, c)) { /* and not the brokers of a profile */
        ok = ottla_config_set(c->config, "bootstrap.servers", "", &c->error) == 0 &&
             ottla_config_set(c->config, "bootstrap.controllers", cli_value(c, tool->controller),
                              &c->error) == 0;
    }
    if (!ok) {
        return cli_refuse(c, "%s", c->error.message);
    }
    if (tool->configure != NULL && !tool->configure(c)) {
        return false;
    }
    if (!has_address(tool, c)) {
        return false;
    }
    c->client = ottla_client_new(c->config, &c->error);
    return c->client != NULL || cli_refuse(c, "%s", c->error.message);
}

/* From the command line or a profile. */
static bool needs_server(const struct cli_tool *tool, struct cli *c)
{
    if (asks_controllers(tool, c)) {
        return !cli_has(c, CLI_SERVER) ||
               cli_refuse(c, "Only one of --bootstrap-server or --bootstrap-controller can be "
                             "specified");
    }
    const char *servers = ottla_config_get(c->config, "bootstrap.servers");
    return (servers != NULL && servers[0] != '\0') || cli_needs(c, CLI_SERVER);
}

static int run(const struct cli_tool *tool, struct cli *c)
{
    bool is_offline = tool->is_offline != NULL && tool->is_offline(c);
    c->config = ottla_config_new();
    bool ok = take_format(tool, c) && (is_offline || profile_load(c)) &&
              (is_offline || tool->server_is_optional || needs_server(tool, c)) &&
              (tool->check == NULL || tool->check(c)) && (is_offline || connect(tool, c));
    return ok ? tool->run(c) : refused(c);
}

static int print_help(const struct args_spec *spec)
{
    struct buf text = BUF_INIT;
    args_help(spec, &text);
    fputs(buf_cstr(&text), stdout);
    buf_deinit(&text);
    return CLI_OK;
}

int cli_main(const struct cli_tool *tool, int argc, char **argv)
{
    struct cli c = {.why = BUF_INIT};
    int status = CLI_OK;
    if (args_wants_help(argc, argv)) {
        return print_help(&tool->spec);
    }
    ottla_admin_options_init(&c.options);
    bool is_parsed = args_parse(&c.args, &tool->spec, argc, argv, &c.why);
    c.args.spec = &tool->spec;
    if (cli_has(&c, CLI_VERSION)) { /* whatever else is missing */
        printf("%s\n", ottla_version());
    } else if (!is_parsed) {
        status = refused(&c);
    } else {
        status = run(tool, &c);
    }
    ottla_client_free(c.client);
    ottla_config_free(c.config);
    args_deinit(&c.args);
    buf_deinit(&c.why);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return CLI_FAILED;
    }
    return status;
}
