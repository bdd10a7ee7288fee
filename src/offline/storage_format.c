/* `ottla storage format`: its command line and the order of its checks, which is Apache Kafka's. */
#include "offline/storage_format.h"

enum { EXIT_FAILED = 1 };

enum {
    CLUSTER_ID = STORAGE_CONFIG + 1,
    ADD_SCRAM,
    IGNORE_FORMATTED,
    RELEASE_VERSION,
    FEATURE,
    STANDALONE,
    NO_INITIAL_CONTROLLERS,
    INITIAL_CONTROLLERS,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    [STORAGE_HELP] = {"help", NULL, "Print this.", .kind = ARGS_FLAG, .letter = 'h'},
    [STORAGE_CONFIG] = {"config", "FILE", "The broker's server.properties.", .kind = ARGS_VALUE,
                        .letter = 'c', .is_list = true, .is_needed = true},
    [CLUSTER_ID] = {"cluster-id", "ID", "Whose the directories will be: see random-uuid.",
                    .kind = ARGS_VALUE, .letter = 't', .is_list = true, .is_needed = true},
    [ADD_SCRAM] = {"add-scram", "CREDENTIAL", "Not there yet.", .kind = ARGS_VALUE, .letter = 'S',
                   .is_list = true},
    [IGNORE_FORMATTED] = {"ignore-formatted", NULL,
                          "Leave alone what is formatted already, and format the rest.",
                          .kind = ARGS_FLAG, .letter = 'g'},
    [RELEASE_VERSION] =
        {"release-version", "VERSION",
         "The release whose feature levels the cluster begins with: 4.3 or 4.3-IV0; "
         "the newest if not given.",
         .kind = ARGS_VALUE, .letter = 'r', .is_list = true},
    [FEATURE] = {"feature", "NAME=LEVEL", "Begin with another level of a feature. May be repeated.",
                 .kind = ARGS_VALUE, .letter = 'f', .is_list = true},
    [STANDALONE] = {"standalone", NULL,
                    "This controller is the first and only voter of a dynamic quorum.",
                    .kind = ARGS_FLAG, .letter = 's'},
    [NO_INITIAL_CONTROLLERS] = {"no-initial-controllers", NULL,
                                "The voters of the dynamic quorum are not known here.",
                                .kind = ARGS_FLAG, .letter = 'N'},
    [INITIAL_CONTROLLERS] = {"initial-controllers", "ID@HOST:PORT:DIRECTORY,...",
                             "The first voters of a dynamic quorum, the same for all nodes.",
                             .kind = ARGS_VALUE, .letter = 'I', .is_list = true},
};

const struct args_spec storage_format_spec = {
    .command = "ottla storage format",
    .about = "Makes the data directories of a node ready for a cluster.",
    .options = options,
    .option_count = OPTIONS,
    .takes_prefixes = true,
};

static bool refuse(struct format_plan *p, const char *text)
{
    buf_put_str(&p->tool->why, str_from(text));
    return false;
}

/* --- the quorum --- */

static bool has_role(const struct format_plan *p, struct str role)
{
    return config_list_has(str_from(p->config.process_roles), role);
}

static bool is_one_of_three(struct format_plan *p, const struct args *a)
{
    static const int three[] = {STANDALONE, NO_INITIAL_CONTROLLERS, INITIAL_CONTROLLERS};
    int given = -1;
    for (size_t i = 0; i < ARRAY_LEN(three); i++) {
        if (args_has(a, three[i]) && given >= 0) {
            const struct args_option *x = &options[three[i]], *y = &options[given];
            buf_printf(
                &p->tool->why,
                "kafka-storage: error: argument --%s/-%c: not allowed with argument --%s/-%c",
                x->name, x->letter, y->name, y->letter);
            return false;
        }
        given = args_has(a, three[i]) ? three[i] : given;
    }
    return true;
}

static bool take_quorum(struct format_plan *p, const struct args *a)
{
    const char *voters = p->config.controller_quorum_voters;
    p->has_dynamic_quorum = voters == NULL || voters[0] == '\0';
    p->has_voters = args_has(a, STANDALONE) || args_has(a, INITIAL_CONTROLLERS);
    if (!p->has_dynamic_quorum && p->has_voters) {
        return refuse(p, "You cannot specify controller.quorum.voters and format the node with "
                         "--initial-controllers or --standalone. If you want to use dynamic "
                         "quorum, please remove controller.quorum.voters and specify "
                         "controller.quorum.bootstrap.servers instead.");
    }
    if (args_has(a, INITIAL_CONTROLLERS)) {
        return format_parse_voters(p, args_value(a, INITIAL_CONTROLLERS));
    }
    if (args_has(a, STANDALONE)) {
        return has_role(p, STR("controller"))
                   ? format_stand_alone(p)
                   : refuse(p, "You can only use --standalone on a controller.");
    }
    if (p->has_dynamic_quorum && has_role(p, STR("controller")) &&
        !args_has(a, NO_INITIAL_CONTROLLERS)) {
        return refuse(p, "Because controller.quorum.voters is not set on this controller, you must "
                         "specify one of the following: --standalone, --initial-controllers, or "
                         "--no-initial-controllers.");
    }
    return true;
}

/* --- all --- */

static void take_config(struct format_plan *p)
{
    struct str names = str_from(p->config.controller_listener_names), first = STR("CONTROLLER");
    if (names.len > 0 && str_next_item(&names, ',', &first)) {
        p->controller_listener = first;
    }
    p->controller_listener = first;
    storage_dirs_init(&p->dirs, &p->config);
}

static bool take_versions(struct format_plan *p, const struct args *a)
{
    const char *release = args_value(a, RELEASE_VERSION);
    p->version = METADATA_VERSION_MAX;
    p->has_release = release != NULL;
    if (release != NULL &&
        !storage_parse_release(release, METADATA_VERSION_MAX, &p->version, &p->tool->why)) {
        return false;
    }
    for (int i = 0; i < args_count(a, FEATURE); i++) {
        if (!format_parse_setting(p, args_nth(a, FEATURE, i))) {
            return false;
        }
    }
    return true;
}

static bool make_plan(struct format_plan *p, const struct args *a)
{
    p->cluster_id = str_from(args_value(a, CLUSTER_ID));
    p->ignores_formatted = args_has(a, IGNORE_FORMATTED);
    take_config(p);
    if (!take_versions(p, a) || !take_quorum(p, a)) {
        return false;
    }
    if (args_has(a, ADD_SCRAM)) {
        return refuse(p, "--add-scram is not there yet: ottla keeps no SCRAM credentials");
    }
    return format_decide_levels(p);
}

int storage_format(struct storage_tool *t, const struct args *a)
{
    struct format_plan p = {.tool = t};
    int status = EXIT_FAILED;
    if (!is_one_of_three(&p, a) ||
        !storage_load_config(t, args_value(a, STORAGE_CONFIG), &p.config)) {
        return EXIT_FAILED;
    }
    if (make_plan(&p, a)) {
        status = format_dirs(&p);
    }
    storage_dirs_deinit(&p.dirs);
    broker_config_deinit(&p.config);
    return status;
}
