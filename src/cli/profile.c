/* See profile.h; and `ottla profiles`, which lists them. One thread. */
#include "cli/profile.h"

#include "cli/command.h"

#include <dirent.h>
#include <unistd.h>

#define SUFFIX STR(".properties")

/* $XDG_CONFIG_HOME/ottla, or ~/.config/ottla; false: there is no home. */
static bool put_folder(struct buf *out)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config != NULL && config[0] == '/') {
        buf_printf(out, "%s/ottla", config);
    } else if (home != NULL && home[0] != '\0') {
        buf_printf(out, "%s/.config/ottla", home);
    }
    return out->len > 0;
}

/* A name that is one file in that folder. */
static bool is_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

static bool load(struct cli *c, const char *name, bool is_optional)
{
    struct buf path = BUF_INIT;
    bool ok = put_folder(&path);
    buf_printf(&path, "/%s.properties", name);
    bool is_there = ok && access(buf_cstr(&path), F_OK) == 0;
    if (is_there) {
        ok = ottla_config_load(c->config, buf_cstr(&path), &c->error) == 0 ||
             cli_refuse(c, "profile %s: %s", name, c->error.message);
    } else {
        ok = is_optional ||
             cli_refuse(c, "there is no profile '%s': it would be %s", name, buf_cstr(&path));
    }
    if (!ok && !is_there) {
        struct cli_names n = {0};
        profile_names(&n);
        args_put_hint(&c->why, str_from(name), (const char *const *)n.names, (int)n.count);
        cli_names_deinit(&n);
    }
    buf_deinit(&path);
    return ok;
}

bool profile_load(struct cli *c)
{
    const char *name = cli_value(c, CLI_PROFILE);
    if (name == NULL) {
        name = getenv("OTTLA_PROFILE");
    }
    if (name != NULL && name[0] != '\0') {
        return is_name(name) ? load(c, name, false)
                             : cli_refuse(c, "'%s' is no name of a profile", name);
    }
    return cli_has(c, CLI_SERVER) || load(c, "default", true);
}

void profile_names(struct cli_names *ret)
{
    struct buf folder = BUF_INIT;
    DIR *d = put_folder(&folder) ? opendir(buf_cstr(&folder)) : NULL;
    struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        struct str name = str_from(e->d_name);
        if (is_name(e->d_name) && str_has_suffix(name, SUFFIX)) {
            cli_names_add(ret, str_sub(name, 0, name.len - SUFFIX.len));
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    cli_names_sort(ret);
    buf_deinit(&folder);
}

/* --- ottla profiles --- */

static const struct args_option options[CLI_OPTIONS] = {CLI_OPTION_ROWS};

static int run(struct cli *c)
{
    struct cli_names n = {0};
    json_t *list = json_array();
    profile_names(&n);
    for (size_t i = 0; i < n.count; i++) {
        json_array_append_new(list, json_string(n.names[i]));
        if (!c->is_json) {
            puts(n.names[i]);
        }
    }
    if (c->is_json) {
        cli_print_json(c, json_incref(list));
    }
    json_decref(list);
    cli_names_deinit(&n);
    return CLI_OK;
}

static bool is_offline(const struct cli *c)
{
    (void)c;
    return true;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla profiles",
             .about = "Lists the profiles: NAME.properties in ~/.config/ottla, with settings of "
                      "the client. --profile NAME or OTTLA_PROFILE takes one; \"default\" is "
                      "taken where no --bootstrap-server is given.",
             .options = options,
             .option_count = CLI_OPTIONS},
    .run = run,
    .is_offline = is_offline,
};

int profiles_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
