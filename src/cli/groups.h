/* What the files of `ottla consumer-groups` share. */
#ifndef CLI_GROUPS_H
#define CLI_GROUPS_H

#include "cli/cli.h"

enum {
    G_LIST = CLI_OPTIONS,
    G_DESCRIBE,
    G_DELETE,
    G_DELETE_OFFSETS,
    G_RESET_OFFSETS,
    G_VALIDATE_REGEX,
    G_GROUP,
    G_ALL_GROUPS,
    G_TOPIC,
    G_ALL_TOPICS,
    G_TIMEOUT,
    G_MEMBERS,
    G_OFFSETS,
    G_STATE,
    G_TYPE,
    G_VERBOSE,
    G_DRY_RUN,
    G_EXECUTE,
    G_EXPORT,
    G_TO_OFFSET,
    G_FROM_FILE,
    G_TO_DATETIME,
    G_BY_DURATION,
    G_TO_EARLIEST,
    G_TO_LATEST,
    G_TO_CURRENT,
    G_SHIFT_BY,
    G_OPTIONS
};

/* "\nError: ..." on standard output, as Kafka's tool, which then ends with status 0. */
void groups_error(const char *fmt, ...) printf_like(1, 2);
/* The call or the group of a row failed: the words of an exception. Always CLI_OK. */
int groups_fail(int code, const char *message);

/* The groups of --group, or all. */
bool groups_named(struct cli *c, struct cli_names *ret);
/* The partitions of --topic: "t" or "t:0,1". False: why says it, or was printed (c->error.code). */
bool groups_topic_parts(struct cli *c, struct cli_parts *ret);
/* What the group has committed, offsets in value. */
int groups_committed(struct cli *c, const char *group, struct cli_parts *ret);

int groups_describe(struct cli *c);
int groups_delete_offsets(struct cli *c);
int groups_reset(struct cli *c);

/* Plans of resets as CSV. */
struct groups_plan {
    char *group; /* NULL: of the one group */
    struct cli_parts parts;
};
struct groups_plans {
    struct groups_plan *rows;
    size_t count;
};
/* name: what the text is called in errors. */
bool groups_parse_csv(struct cli *c, struct str text, const char *name, struct groups_plans *ret);
bool groups_read_csv(struct cli *c, const char *path, struct groups_plans *ret);
void groups_put_csv(struct buf *out, const char *group, const struct cli_parts *parts);
void groups_plans_deinit(struct groups_plans *p);

#endif
