/* What the files of `ottla reassign-partitions` share. */
#ifndef CLI_REASSIGN_H
#define CLI_REASSIGN_H

#include "cli/cli.h"

enum {
    R_GENERATE = CLI_OPTIONS,
    R_EXECUTE,
    R_VERIFY,
    R_CANCEL,
    R_LIST,
    R_FILE,
    R_TOPICS_FILE,
    R_BROKERS,
    R_NO_RACKS,
    R_THROTTLE,
    R_DIR_THROTTLE,
    R_TIMEOUT,
    R_ADDITIONAL,
    R_PRESERVE,
    R_KEEP_FACTOR,
    R_CONTROLLER,
    R_OPTIONS
};

/* A partition and where its replicas shall be. */
struct plan_row {
    char *topic;
    int32_t partition;
    int32_t *replicas;
    char **dirs; /* of each replica; NULL: any */
    size_t count;
};

struct plan {
    struct plan_row *rows; /* by topic and partition */
    size_t count;
};

/* The plan in the file: false, and why. */
bool plan_read(struct cli *c, const char *path, struct plan *ret);
/* The document of a file; NULL and why, for what is not JSON in these words. */
json_t *plan_document(struct cli *c, const char *path, const char *not_json);
/* The same from the document itself. */
bool plan_parse(struct cli *c, json_t *doc, struct plan *ret);
void plan_deinit(struct plan *p);
/* The names in {"topics": [{"topic": "t"}]}. */
bool plan_parse_topics(struct cli *c, json_t *doc, struct cli_names *ret);
/* What --execute asks beyond that: something is there, and nothing twice. */
bool plan_check(struct cli *c, const struct plan *p);
void plan_add(struct plan *p, const char *topic, int32_t partition, struct ottla_ids replicas);
void plan_topics(const struct plan *p, struct cli_names *ret); /* each once */
/* {"version": 1, "partitions": [...]} */
json_t *plan_json(const struct plan *p);

/* What a run knows. */
struct reassign {
    struct cli *cli;
    struct plan plan;
    struct ottla_reassignments *now; /* all that is under way */
    struct ottla_topics *topics;     /* of the plan */
    struct ottla_cluster *cluster;
    struct ottla_log_dirs *dirs; /* NULL: not asked for yet */
    json_t *out;                 /* what is printed at the end with --format json */
};

/* A line for people; nothing with --format json. */
void reassign_say(const struct reassign *r, const char *fmt, ...) printf_like(2, 3);

static inline struct ottla_ids plan_ids(const struct plan_row *r)
{
    return (struct ottla_ids){r->count, r->replicas};
}

/* Each asks once; false, and why. */
bool reassign_ask_topics(struct reassign *r);
bool reassign_ask_cluster(struct reassign *r);
bool reassign_ask_dirs(struct reassign *r);
/* NULL: there is no such partition. */
const struct ottla_partition *reassign_partition(const struct reassign *r,
                                                 const struct plan_row *row);
const struct ottla_ongoing_reassignment *reassign_under_way(const struct reassign *r,
                                                            const struct plan_row *row);
/* Where a broker has a replica: NULL if it has none. */
const char *reassign_dir(const struct reassign *r, const struct plan_row *row, int32_t broker,
                         bool is_future);
/* "Error: ..." on standard output, as Kafka's tool; CLI_FAILED. */
int reassign_error(const struct reassign *r);
/* Fills in the directories of its replicas, as brokers tell them; false, and why. */
bool reassign_fill_dirs(struct reassign *r, struct plan *p);

int reassign_generate(struct reassign *r);
int reassign_execute(struct reassign *r);
int reassign_verify(struct reassign *r);
int reassign_cancel(struct reassign *r);

/* --- moves between directories --- */

enum move_state {
    MOVE_NO_REPLICA, /* the broker has none, or its directory is offline */
    MOVE_ACTIVE,
    MOVE_ELSEWHERE, /* being moved, but to another directory */
    MOVE_NONE,      /* it is in another directory, and stays there */
    MOVE_DONE,
};

/* A replica that shall be in a directory. */
struct move {
    const struct plan_row *row;
    int32_t broker;
    const char *to;
    const char *from;   /* where it is; NULL: nowhere */
    const char *future; /* where it is being moved to; NULL: nowhere */
    enum move_state state;
};

struct moves {
    struct move *rows; /* by broker, topic, partition */
    size_t count;
};

/* Those of the plan that name a directory; asks where they are. The caller frees rows. */
bool moves_find(struct reassign *r, struct moves *ret);
/* Begins them; tries again for --timeout where the broker has no replica yet. Says each. */
int moves_execute(struct reassign *r, const struct moves *m);

/* --- throttles --- */

/* --throttle and --replica-alter-log-dirs-throttle, for a plan of partitions that are all there;
 * false, and why. */
bool throttles_set(struct reassign *r);
bool throttles_clear(struct reassign *r);

/* --- spreading replicas over brokers, for --generate --- */

struct spread_broker {
    int32_t id;
    const char *rack; /* NULL: none */
};

/* The replicas of partitions: [partition * factor + i], the first is to lead. Leaders are even, the
 * replicas of a partition lie in as many racks as there are. factor is at most count. The order is
 * chance, by the seed. The caller frees it. */
int32_t *spread_replicas(const struct spread_broker *brokers, size_t count, size_t partitions,
                         size_t factor, uint64_t seed);

#endif
