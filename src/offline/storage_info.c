/* `ottla storage info`: which directories are there, whose they are, what is wrong with them. */
#include "offline/storage.h"

#include "base/json.h"

enum { EXIT_PROBLEMS = 1 };

enum { INFO_FORMAT = STORAGE_CONFIG + 1 };

static const struct args_option options[] = {
    [STORAGE_HELP] = {"help", NULL, "Print this.", .kind = ARGS_FLAG, .letter = 'h'},
    [STORAGE_CONFIG] = {"config", "FILE", "The broker's server.properties.", .kind = ARGS_VALUE,
                        .letter = 'c', .is_list = true, .is_needed = true},
    [INFO_FORMAT] = STORAGE_FORMAT_OPTION,
};

const struct args_spec storage_info_spec = {
    .command = "ottla storage info",
    .about = "Tells about the data directories of a node.",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .takes_prefixes = true,
};

/* Lines are gathered, since the heads above them tell how many there are. */
struct report {
    struct buf found, problems;
    int found_count, problem_count;
    bool has_first;
    struct storage_meta first;
};

static void add_problem(struct report *r, const char *fmt, struct str about)
{
    buf_put_str(&r->problems, STR("  "));
    buf_printf(&r->problems, fmt, STR_ARG(about));
    buf_put_u8(&r->problems, '\n');
    r->problem_count++;
}

static void compare(struct report *r, const struct storage_meta *m)
{
    if (!str_eq(m->cluster_id, r->first.cluster_id)) {
        add_problem(r, "Mismatched cluster IDs between storage directories.%.*s", STR(""));
    } else if (m->node_id != r->first.node_id) {
        add_problem(r, "Mismatched node IDs between storage directories.%.*s", STR(""));
    }
}

static void look_at(struct storage_tool *t, struct report *r, struct str dir)
{
    struct storage_meta m;
    struct buf why = BUF_INIT;
    enum storage_meta_state state = storage_meta_read(t, dir, &m, &why);
    bool is_dir = state != META_NO_DIR && state != META_NOT_A_DIR;
    if (is_dir) {
        buf_printf(&r->found, "  %.*s\n", STR_ARG(dir));
        r->found_count++;
    }
    if (state == META_NO_DIR) {
        add_problem(r, "%.*s does not exist", dir);
    } else if (state == META_NOT_A_DIR) {
        add_problem(r, "%.*s is not a directory", dir);
    } else if (state == META_MISSING) {
        add_problem(r, "%.*s is not formatted.", dir);
    } else if (state == META_BAD) {
        struct buf text = BUF_INIT;
        buf_printf(&text, "Error loading %.*s/meta.properties: %s", STR_ARG(dir), buf_cstr(&why));
        add_problem(r, "%.*s", buf_str(&text));
        buf_deinit(&text);
    } else if (r->has_first) {
        compare(r, &m);
    }
    if (state == META_GOOD && !r->has_first) {
        r->has_first = true;
        r->first = m; /* with its memory */
    } else {
        storage_meta_deinit(&m);
    }
    buf_deinit(&why);
}

static void print_metadata(FILE *out, const struct storage_meta *m)
{
    const char *id_key = m->version == 0 ? "broker.id" : "node.id";
    fprintf(out, "Found metadata: {");
    if (m->version == 0 && m->node_id >= 0) {
        fprintf(out, "%s=%d, ", id_key, m->node_id);
    }
    if (!str_is_null(m->cluster_id)) {
        fprintf(out, "cluster.id=%.*s, ", STR_ARG(m->cluster_id));
    }
    if (!str_is_null(m->dir_id)) {
        fprintf(out, "directory.id=%.*s, ", STR_ARG(m->dir_id));
    }
    if (m->version > 0) {
        fprintf(out, "%s=%d, ", id_key, m->node_id);
    }
    fprintf(out, "version=%d}\n\n", m->version);
}

static void print_lines(FILE *out, const char *one, const char *many, int count, struct buf *lines)
{
    if (count > 0) {
        fprintf(out, "%s\n%s\n", count == 1 ? one : many, buf_cstr(lines));
    }
}

/* The lines of a report, which begin with two spaces, as an array of text. */
static void put_lines(struct buf *out, const char *name, const struct buf *lines)
{
    struct str rest = buf_str(lines), line;
    const char *comma = "";
    buf_printf(out, "\"%s\":[", name);
    while (str_next_item(&rest, '\n', &line)) {
        buf_put_str(out, str_from(comma));
        json_put_str(out, line);
        comma = ",";
    }
    buf_put_u8(out, ']');
}

static void print_json(FILE *to, const struct report *r)
{
    struct buf out = BUF_INIT;
    buf_put_u8(&out, '{');
    put_lines(&out, "directories", &r->found);
    if (r->has_first) {
        buf_put_str(&out, STR(",\"clusterId\":"));
        json_put_str(&out, r->first.cluster_id);
        buf_put_str(&out, STR(",\"directoryId\":"));
        json_put_str(&out, r->first.dir_id);
        buf_printf(&out, ",\"nodeId\":%d,\"version\":%d", r->first.node_id, r->first.version);
    }
    buf_put_u8(&out, ',');
    put_lines(&out, "problems", &r->problems);
    fprintf(to, "%s}\n", buf_cstr(&out));
    buf_deinit(&out);
}

static void print_text(FILE *to, struct report *r)
{
    print_lines(to, "Found log directory:", "Found log directories:", r->found_count, &r->found);
    if (r->has_first) {
        print_metadata(to, &r->first);
    }
    print_lines(to, "Found problem:", "Found problems:", r->problem_count, &r->problems);
}

static void look_at_all(struct storage_tool *t, const struct broker_config *config,
                        struct report *r)
{
    struct storage_dirs dirs;
    storage_dirs_init(&dirs, config);
    for (int i = 0; i < dirs.count; i++) {
        look_at(t, r, dirs.paths[i]);
    }
    if (r->has_first && r->first.version == 0) {
        add_problem(r,
                    "The kafka configuration file appears to be for a cluster in KRaft mode, but "
                    "the directories are formatted for legacy mode.%.*s",
                    STR(""));
    }
    storage_dirs_deinit(&dirs);
}

int storage_info(struct storage_tool *t, const struct args *a)
{
    struct broker_config config;
    struct report r = {0};
    bool is_json;
    if (!storage_takes_json(a, INFO_FORMAT, &is_json, &t->why) ||
        !storage_load_config(t, args_value(a, STORAGE_CONFIG), &config)) {
        return EXIT_PROBLEMS;
    }
    look_at_all(t, &config, &r);
    if (is_json) {
        print_json(t->out, &r);
    } else {
        print_text(t->out, &r);
    }
    if (r.has_first) {
        storage_meta_deinit(&r.first);
    }
    buf_deinit(&r.found);
    buf_deinit(&r.problems);
    broker_config_deinit(&config);
    return r.problem_count > 0 ? EXIT_PROBLEMS : 0;
}
