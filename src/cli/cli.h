/* What all tools share: a command line with the common options, a client, ways to say what went
 * wrong, text and JSON. One thread. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/args.h"
#include "base/mem.h"

#include <jansson.h>
#include <ottla/client.h>
#include <stdio.h>
#include <stdlib.h>

/* --- a tool --- */

/* The first options of every tool's table. */
enum { CLI_SERVER, CLI_CONFIG, CLI_PROFILE, CLI_FORMAT, CLI_HELP, CLI_VERSION, CLI_OPTIONS };

#define CLI_OPTION_ROWS                                                                            \
    CLI_OTHER_ROWS,                                                                                \
        [CLI_SERVER] = {"bootstrap-server", "HOST:PORT,...",                                       \
                        "Brokers to begin with; the rest of the cluster is learnt from them.",     \
                        ARGS_VALUE},                                                               \
        [CLI_FORMAT] = {"format", "text|json|yaml",                                                \
                        "text is Apache Kafka's, json and yaml for programs.", ARGS_VALUE}
/* For tools with brokers and forms in other words. */
#define CLI_OTHER_ROWS                                                                             \
    [CLI_CONFIG] = {"command-config", "FILE", "A properties file with settings of the client.",    \
                    ARGS_VALUE},                                                                   \
    [CLI_PROFILE] = {"profile", "NAME",                                                            \
                     "Settings of the client from ~/.config/ottla/NAME.properties.", ARGS_VALUE},  \
    [CLI_HELP] = {"help", NULL, "Print this.", ARGS_FLAG, 'h'},                                    \
    [CLI_VERSION] = {"version", NULL, "Print the version.", ARGS_FLAG}

/* A row for --bootstrap-controller, of tools that take it. */
#define CLI_CONTROLLER_ROW                                                                         \
    {                                                                                              \
        "bootstrap-controller", "HOST:PORT,...", "Controllers to begin with, instead of brokers.", \
            ARGS_VALUE, 'C'                                                                        \
    }

struct cli {
    struct args args;
    struct buf why; /* what is wrong, for the person */
    bool is_json;   /* or YAML, which is JSON printed otherwise */
    bool is_yaml;
    struct ottla_config *config;
    struct ottla_client *client;
    struct ottla_admin_options options;
    struct ottla_error error; /* of the last call that failed */
    char said[256];           /* what the client complained of last; its threads' */
};

struct cli_tool {
    struct args_spec spec;
    /* What the table of options cannot say: false, and a sentence in why. May be NULL. */
    bool (*check)(struct cli *c);
    /* The work; the status of the process. */
    int (*run)(struct cli *c);
    /* Puts the client's settings into c->config before it is made, those of files, too; false, and
     * a sentence in why. NULL: a file is all that there is. */
    bool (*configure)(struct cli *c);
    /* --format may be something else than text, json and yaml: the tool looks at it. */
    bool has_formats;
    /* Brokers may be named among the settings instead of by --bootstrap-server. */
    bool server_is_optional;
    /* Which command lines need no broker. NULL: none. */
    bool (*is_offline)(const struct cli *c);
    bool is_silent; /* what troubles the client is not for its user */
    /* How older releases called --command-config; 0: no other way. */
    int old_config;
    /* --bootstrap-controller, instead of --bootstrap-server; 0: it is not taken. */
    int controller;
};

enum { CLI_OK = 0, CLI_FAILED = 1 };

int cli_main(const struct cli_tool *tool, int argc, char **argv);

/* --- command lines --- */

static inline bool cli_has(const struct cli *c, int option) { return args_has(&c->args, option); }
static inline const char *cli_value(const struct cli *c, int option)
{
    return args_value(&c->args, option);
}

/* Lists of options end with -1. */
int cli_count_of(const struct cli *c, const int *options);
/* Exactly one of the list; says so otherwise. */
bool cli_needs_one(struct cli *c, const int *options);
/* option must not stand beside any of the list. */
bool cli_excludes(struct cli *c, int option, const int *others);
/* option must be there. */
bool cli_needs(struct cli *c, int option);
/* False, with this sentence in why. */
bool cli_refuse(struct cli *c, const char *fmt, ...) printf_like(2, 3);
/* A sentence and CLI_FAILED: on standard error, as a person reads it. */
int cli_fail(struct cli *c, const char *fmt, ...) printf_like(2, 3);

/* --- errors --- */

/* Kafka's sentence about a code, where its tools print it; the library's own otherwise. */
const char *cli_error_text(int code, const char *message);
/* As Java prints an exception: "org.apache.kafka.common.errors.X: sentence". */
void cli_put_exception(struct buf *out, int code, const char *message);
/* The class of an error alone. */
void cli_put_class(struct buf *out, int code);

/* --- lists --- */

/* Names, each an own copy. */
struct cli_names {
    char **names;
    size_t count;
};
void cli_names_add(struct cli_names *n, struct str name);
bool cli_names_has(const struct cli_names *n, const char *name);
void cli_names_sort(struct cli_names *n);
void cli_names_deinit(struct cli_names *n);

/* "1,2,3" */
void cli_put_ids(struct buf *out, struct ottla_ids ids);
/* "1,2:3" cut at sep into numbers: false if one is none. The caller frees *ret. */
bool cli_parse_ids(struct str text, char sep, int32_t **ret, size_t *ret_count);

/* Partitions, each with a number that belongs to it. */
struct cli_part {
    char *topic;
    int32_t partition;
    int64_t value;
};
struct cli_parts {
    struct cli_part *rows;
    size_t count;
    bool
        is_unsorted; /* some row came before the one in front of it: looking for one takes longer */
};
void cli_parts_add(struct cli_parts *p, const char *topic, int32_t partition, int64_t value);
/* NULL: it is not there. */
struct cli_part *cli_parts_find(const struct cli_parts *p, const char *topic, int32_t partition);
void cli_parts_sort(struct cli_parts *p); /* by topic, partition */
void cli_parts_deinit(struct cli_parts *p);
/* Views for the calls of the library; the caller frees them. */
struct ottla_topic_partition *cli_parts_view(const struct cli_parts *p);
struct ottla_offset_value *cli_parts_offsets(const struct cli_parts *p);
/* The "partitions" of a JSON document: topic, partition and, where value_key is not NULL, a number.
 * False, and why: a key is missing or a partition comes twice (duplicates begins that sentence). */
bool cli_parts_from_json(struct cli *c, json_t *doc, const char *value_key, const char *duplicates,
                         struct cli_parts *ret);
/* Every partition of these topics. A code, with its message in c->error. */
int cli_parts_of_topics(struct cli *c, const struct cli_names *topics, struct cli_parts *ret);
/* The offsets at value, a time or OTTLA_OFFSET_...: into value; -1 where there is none or an error.
 * A code of the call as a whole. */
int cli_parts_ask(struct cli *c, struct cli_parts *p, int64_t timestamp_ms);

/* --- names by patterns --- */

/* A list of regular expressions, as Kafka's tools take it for --topic: a name must match one as a
 * whole. NULL, and why, when it is none. */
struct cli_pattern;
struct cli_pattern *cli_pattern_new(struct cli *c, const char *text);
bool cli_pattern_matches(const struct cli_pattern *p, const char *name);
void cli_pattern_free(struct cli_pattern *p);

/* --- output --- */

/* One line of JSON on standard output, or YAML; takes the value. */
void cli_print_json(const struct cli *c, json_t *value);
/* Appends lines of JSON as --format wants them; of text as they are. */
void cli_put_lines(const struct cli *c, struct str lines, struct buf *out);
json_t *cli_json_ids(struct ottla_ids ids);
json_t *cli_json_string(const char *text); /* null for NULL */

struct cli_column {
    const char *title;
    const char *key; /* in JSON */
    int min_width;
    bool grows;     /* with the longest cell */
    bool is_number; /* in JSON; "-" is null */
};

/* Rows of text. */
struct cli_table {
    const struct cli_column *columns;
    int column_count;
    char **cells;
    size_t row_count;
};
void cli_table_init(struct cli_table *t, const struct cli_column *columns, int count);
void cli_table_deinit(struct cli_table *t);
/* Adds a row; its cells are set one by one. */
void cli_table_row(struct cli_table *t);
void cli_table_set(struct cli_table *t, int column, const char *fmt, ...) printf_like(3, 4);
const char *cli_table_cell(const struct cli_table *t, size_t row, int column);
/* Rows by one cell after the other, as text. */
void cli_table_sort(struct cli_table *t, int column, int then_number);
/* Left-aligned columns with a space between, a line a row; the title line first. before: what each
 * line begins with; at_end: what it ends with. */
void cli_table_print(const struct cli_table *t, const char *before, const char *at_end);
/* The same with a tab behind each column. */
void cli_table_print_tabbed(const struct cli_table *t);
/* An array of objects. */
json_t *cli_table_json(const struct cli_table *t);

/* --- small files --- */

/* The whole file; NULL and why. The caller frees it. */
char *cli_read_file(struct cli *c, const char *path, size_t *ret_len);
/* The document of a file; NULL and why. */
json_t *cli_read_json(struct cli *c, const char *path);

#endif
