/* ottla: one binary with many commands. The command is the first argument, or the name that the
 * binary was called by (kafka-server-start, kafka-topics.sh, ...). */
#include "base/args.h"
#include "base/str.h"
#include "broker/command.h"
#include "cli/command.h"
#include "offline/command.h"

#include <stdio.h>
#include <stdlib.h>

struct command {
    const char *name;
    const char *script; /* Apache Kafka's name for it; NULL: it has none */
    int (*run)(int argc, char **argv);
    const char *help;
};

/* version-mapping and feature-dependencies ask no broker: they are storage's as well. Options that
 * say which broker are passed over. */
static int features_or_storage(int argc, char **argv)
{
    static const char *const ours[] = {"version-mapping", "feature-dependencies"};
    static const char *const with_value[] = {"--bootstrap-server", "--bootstrap-controller",
                                             "--command-config"};
    int at = 1;
    for (size_t i = 0; i < sizeof with_value / sizeof *with_value && at < argc; i++) {
        if (strcmp(argv[at], with_value[i]) == 0) {
            at += 2;
            i = (size_t)-1; /* the next one may be any of them */
        }
    }
    for (size_t i = 0; at < argc && i < sizeof ours / sizeof *ours; i++) {
        if (strcmp(argv[at], ours[i]) == 0) {
            argv[at - 1] = argv[0];
            return storage_command(argc - at + 1, argv + at - 1);
        }
    }
    return features_command(argc, argv);
}

static const struct command commands[] = {
    {"broker", "kafka-server-start", broker_command, "run a broker"},
    {"stop", "kafka-server-stop", stop_command, "stop brokers of this machine"},
    {"storage", "kafka-storage", storage_command, "make data directories ready, look at them"},
    {"dump-log", "kafka-dump-log", dump_log_command, "print the files of a data directory"},
    {"topics", "kafka-topics", topics_command, "list, create, describe, delete topics"},
    {"produce", NULL, produce_command, "write records of any form"},
    {"consume", NULL, consume_command, "print records, ranges of them, in any form"},
    {"console-producer", "kafka-console-producer", console_producer_command,
     "write lines of standard input as records"},
    {"console-consumer", "kafka-console-consumer", console_consumer_command,
     "print records of topics"},
    {"producer-perf-test", "kafka-producer-perf-test", producer_perf_test_command,
     "measure how fast records are written"},
    {"consumer-perf-test", "kafka-consumer-perf-test", consumer_perf_test_command,
     "measure how fast records are read"},
    {"verifiable-producer", "kafka-verifiable-producer", verifiable_producer_command,
     "write numbers and tell what became of them"},
    {"verifiable-consumer", "kafka-verifiable-consumer", verifiable_consumer_command,
     "read as a member of a group and tell what happens"},
    {"configs", "kafka-configs", configs_command, "print and change settings"},
    {"consumer-groups", "kafka-consumer-groups", consumer_groups_command,
     "look at groups, reset their offsets"},
    {"groups", "kafka-groups", groups_command, "list groups of every kind"},
    {"client-metrics", "kafka-client-metrics", client_metrics_command,
     "say which metrics clients are asked for"},
    {"get-offsets", "kafka-get-offsets", get_offsets_command,
     "print where partitions begin and end"},
    {"delete-records", "kafka-delete-records", delete_records_command,
     "delete records below an offset"},
    {"leader-election", "kafka-leader-election", leader_election_command,
     "elect leaders of partitions"},
    {"log-dirs", "kafka-log-dirs", log_dirs_command, "print directories of brokers"},
    {"broker-api-versions", "kafka-broker-api-versions", broker_api_versions_command,
     "print which requests brokers take"},
    {"cluster", "kafka-cluster", cluster_command, "print the cluster's id and brokers"},
    {"features", "kafka-features", features_or_storage, "print and change levels of features"},
    {"metadata-quorum", "kafka-metadata-quorum", metadata_quorum_command,
     "print the state of the metadata quorum"},
    {"reassign-partitions", "kafka-reassign-partitions", reassign_partitions_command,
     "move partitions between brokers"},
    {"profiles", NULL, profiles_command, "list profiles: settings under a name"},
    {"completion", NULL, completion_command, "print completion for bash, zsh or fish"},
};

static int print_names(bool of_scripts)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *name = of_scripts ? commands[i].script : commands[i].name;
        if (name != NULL) {
            puts(name);
        }
    }
    return 0;
}

/* `ottla __complete KIND ...`: what the scripts of completion ask. */
static int complete(int argc, char **argv)
{
    bool of_scripts = argc > 1 && strcmp(argv[1], "scripts") == 0;
    bool is_ours = argc > 1 && (of_scripts || strcmp(argv[1], "commands") == 0);
    return is_ours ? print_names(of_scripts) : complete_command(argc, argv);
}

static int usage(FILE *out)
{
    fprintf(out, "usage: ottla [--profile NAME] COMMAND ...\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        fprintf(out, "  %-20s %s\n", commands[i].name, commands[i].help);
    }
    fprintf(out, "\nottla COMMAND --help says more. ottla --version: " OTTLA_VERSION "\n");
    return out == stderr ? 2 : 0;
}

static int no_command(const char *name)
{
    const char *names[sizeof commands / sizeof *commands];
    struct buf hint = BUF_INIT;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        names[i] = commands[i].name;
    }
    buf_printf(&hint, "ottla: there is no command '%s'", name);
    args_put_hint(&hint, str_from(name), names, (int)(sizeof names / sizeof *names));
    fprintf(stderr, "%s\nottla --help lists them.\n", buf_cstr(&hint));
    buf_deinit(&hint);
    return 2;
}

static const struct command *find(struct str name, bool by_script)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *known = by_script ? commands[i].script : commands[i].name;
        if (known != NULL && str_eq(name, str_from(known))) {
            return &commands[i];
        }
    }
    return NULL;
}

/* "/usr/bin/kafka-topics.sh" -> "kafka-topics" */
static struct str called_as(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str name = str_from(slash ? slash + 1 : path);
    return str_has_suffix(name, STR(".sh")) ? str_sub(name, 0, name.len - 3) : name;
}

int main(int argc, char **argv)
{
    const struct command *c = argc > 0 ? find(called_as(argv[0]), true) : NULL;
    if (c != NULL) {
        return c->run(argc, argv);
    }
    if (argc > 2 && strcmp(argv[1], "--profile") == 0) { /* as behind the command */
        setenv("OTTLA_PROFILE", argv[2], 1);
        argv[2] = argv[0];
        argv += 2;
        argc -= 2;
    }
    if (argc < 2) {
        return usage(stderr);
    }
    struct str name = str_from(argv[1]);
    if (str_eq(name, STR("--help")) || str_eq(name, STR("-h")) || str_eq(name, STR("help"))) {
        return usage(stdout);
    }
    if (str_eq(name, STR("--version")) || str_eq(name, STR("version"))) {
        printf("ottla " OTTLA_VERSION "\n");
        return 0;
    }
    if (str_eq(name, STR("__complete"))) {
        return complete(argc - 1, argv + 1);
    }
    c = find(name, false);
    if (c == NULL) {
        return no_command(argv[1]);
    }
    return c->run(argc - 1, argv + 1);
}
