/* `ottla storage` (kafka-storage): sub-commands, their configuration, random ids. */
#include "offline/storage.h"

#include "base/mem.h"
#include "offline/command.h"
#include "plat/entropy.h"

#include <stdlib.h>

enum { EXIT_FAILED = 1, PROPERTIES_MAX_BYTES = 1 << 20 };

/* --- configuration --- */

static bool read_props(struct storage_tool *t, const char *path, struct props *ret)
{
    char *text;
    size_t len;
    int line = 0;
    props_init(ret);
    enum err e = fs_read_all(t->fs, path, PROPERTIES_MAX_BYTES, &text, &len);
    if (e) {
        buf_printf(&t->why, e == ERR_NOT_FOUND ? "%s" : "%s: %s", path, err_text(e));
        return false;
    }
    e = props_parse(ret, (struct str){text, len}, &line);
    mem_free(text);
    if (e) {
        buf_printf(&t->why, "%s:%d: not a line of a properties file", path, line);
    }
    return e == OK;
}

bool storage_load_config(struct storage_tool *t, const char *path, struct broker_config *ret)
{
    struct props props;
    if (!read_props(t, path, &props)) {
        props_deinit(&props);
        return false;
    }
    enum err e = broker_config_init(ret, &props, &t->why);
    if (e && t->why.len == 0) {
        buf_put_str(&t->why, str_from(err_text(e)));
    }
    if (e) {
        broker_config_deinit(ret);
    }
    return e == OK;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void add_dir(struct storage_dirs *d, struct str path)
{
    for (int i = 0; i < d->count; i++) {
        if (str_eq(d->paths[i], path)) {
            return;
        }
    }
    d->paths = mem_realloc_array(d->paths, (size_t)d->count + 1, sizeof *d->paths);
    d->paths[d->count++] = path;
}

void storage_dirs_init(struct storage_dirs *d, const struct broker_config *c)
{
    const char *list = c->log_dirs && c->log_dirs[0] != '\0' ? c->log_dirs : c->log_dir;
    struct str rest = str_from(list), path;
    *d = (struct storage_dirs){.metadata = str_from(c->metadata_log_dir)};
    while (str_next_item(&rest, ',', &path)) {
        d->metadata = d->metadata.len ? d->metadata : path;
        add_dir(d, path);
    }
    if (d->metadata.len > 0) {
        add_dir(d, d->metadata);
        qsort(d->paths, (size_t)d->count, sizeof *d->paths, by_name);
    }
}

void storage_dirs_deinit(struct storage_dirs *d) { mem_free(d->paths); }

bool storage_takes_json(const struct args *a, int option, bool *ret_is_json, struct buf *why)
{
    const char *text = args_value(a, option);
    *ret_is_json = text != NULL && strcmp(text, "json") == 0;
    if (text != NULL && !*ret_is_json && strcmp(text, "text") != 0) {
        buf_printf(why, "--format is text or json, not '%s'", text);
        return false;
    }
    return true;
}

/* --- random-uuid --- */

enum { RANDOM_FORMAT = STORAGE_HELP + 1 };

static const struct args_option random_options[] = {
    [STORAGE_HELP] = {"help", NULL, "Print this.", .kind = ARGS_FLAG, .letter = 'h'},
    [RANDOM_FORMAT] = STORAGE_FORMAT_OPTION,
};

static const struct args_spec random_spec = {
    .command = "ottla storage random-uuid",
    .about = "Prints a random id, for a cluster or a directory.",
    .options = random_options,
    .option_count = ARRAY_LEN(random_options),
    .takes_prefixes = true,
};

static int random_uuid(struct storage_tool *t, const struct args *a)
{
    struct rand r;
    char text[UUID_TEXT_LEN + 1];
    bool is_json;
    if (!storage_takes_json(a, RANDOM_FORMAT, &is_json, &t->why)) {
        return EXIT_FAILED;
    }
    entropy_fill(&r, sizeof r);
    uuid_format(uuid_random(&r), text);
    fprintf(t->out, is_json ? "{\"uuid\":\"%s\"}\n" : "%s\n", text);
    return 0;
}

/* --- sub-commands --- */

struct sub_command {
    const char *name;
    int (*run)(struct storage_tool *t, const struct args *a);
    const struct args_spec *spec;
};

static const struct sub_command commands[] = {
    {"info", storage_info, &storage_info_spec},
    {"format", storage_format, &storage_format_spec},
    {"version-mapping", storage_version_mapping, &storage_mapping_spec},
    {"feature-dependencies", storage_feature_dependencies, &storage_dependencies_spec},
    {"random-uuid", random_uuid, &random_spec},
};

static int usage(FILE *to, int status)
{
    fprintf(to, "usage: ottla storage COMMAND ...\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        fprintf(to, "  %-22s%s\n", commands[i].name, commands[i].spec->about);
    }
    fprintf(to, "\nottla storage COMMAND --help says more.\n");
    return status;
}

static int print_help(const struct args_spec *spec)
{
    struct buf text = BUF_INIT;
    args_help(spec, &text);
    fputs(buf_cstr(&text), stdout);
    buf_deinit(&text);
    return 0;
}

static int complain_usage(const struct args_spec *spec, struct buf *why)
{
    struct buf text = BUF_INIT;
    args_usage(spec, &text);
    fprintf(stderr, "%skafka-storage: error: %s\n", buf_cstr(&text), buf_cstr(why));
    buf_deinit(&text);
    return EXIT_FAILED;
}

static int run(const struct sub_command *c, int argc, char **argv)
{
    struct storage_tool t = {.fs = fs_posix(), .out = stdout};
    struct args a;
    int status;
    if (args_wants_help(argc, argv)) {
        return print_help(c->spec);
    }
    if (!args_parse(&a, c->spec, argc, argv, &t.why)) {
        status = complain_usage(c->spec, &t.why);
    } else {
        status = c->run(&t, &a);
        fflush(stdout);
        if (t.why.len > 0) {
            fprintf(stderr, "%s\n", buf_cstr(&t.why));
        }
    }
    args_deinit(&a);
    buf_deinit(&t.why);
    return status;
}

static int unknown(const char *name)
{
    const char *names[ARRAY_LEN(commands)];
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        names[i] = commands[i].name;
    }
    buf_printf(&text, "kafka-storage: error: there is no command '%s'", name);
    args_put_hint(&text, str_from(name), names, ARRAY_LEN(commands));
    usage(stderr, EXIT_FAILED);
    fprintf(stderr, "%s\n", buf_cstr(&text));
    buf_deinit(&text);
    return EXIT_FAILED;
}

int storage_command(int argc, char **argv)
{
    if (argc < 2) {
        return usage(stderr, EXIT_FAILED);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return usage(stdout, 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return run(&commands[i], argc - 1, argv + 1);
        }
    }
    return unknown(argv[1]);
}
