/* `ottla metadata-quorum` (kafka-metadata-quorum): its command line, and describe. One thread. */
#include "cli/quorum.h"

#include "base/attr.h"
#include "cli/command.h"

#include <inttypes.h>
#include <time.h>

static const struct args_option options[Q_OPTIONS] = {
    CLI_OPTION_ROWS,
    [Q_STATUS] = {"status", NULL, "describe: a summary.", ARGS_FLAG, 's'},
    [Q_REPLICATION] = {"replication", NULL, "describe: a line for each replica.", ARGS_FLAG, 'r'},
    [Q_HUMAN] = {"human-readable", NULL, "replication: times as milliseconds ago.", ARGS_FLAG},
    [Q_CONTROLLER] = {"controller-id", "ID", "remove-controller: which.", ARGS_VALUE, 'i'},
    [Q_DIRECTORY] = {"controller-directory-id", "UUID",
                     "remove-controller: the directory.id of its metadata log.", ARGS_VALUE, 'd'},
    [Q_DRY_RUN] = {"dry-run", NULL, "add, remove: only say what would be asked.", ARGS_FLAG},
    [Q_BOOTSTRAP] = CLI_CONTROLLER_ROW,
};

static const struct ottla_quorum_replica *leader_of(const struct ottla_quorum *q)
{
    for (size_t i = 0; i < q->voter_count; i++) {
        if (q->voters[i]->id == q->leader_id) {
            return q->voters[i];
        }
    }
    return NULL;
}

/* --- status --- */

static bool has_directory(const struct ottla_quorum_replica *r)
{
    return strcmp(r->directory_id, "AAAAAAAAAAAAAAAAAAAAAA") != 0;
}

static void put_replica(struct buf *b, const struct ottla_quorum *q,
                        const struct ottla_quorum_replica *r)
{
    const char *sep = ", \"endpoints\": [";
    buf_printf(b, "{\"id\": %d", r->id);
    if (has_directory(r)) {
        buf_printf(b, ", \"directoryId\": \"%s\"", r->directory_id);
    }
    for (size_t i = 0; i < q->node_count; i++) {
        const struct ottla_node *n = q->nodes[i];
        bool is_v6 = strchr(n->host, ':') != NULL;
        if (n->id == r->id) {
            buf_printf(b, "%s\"%s://%s%s%s:%d\"", sep, n->rack, is_v6 ? "[" : "", n->host,
                       is_v6 ? "]" : "", n->port);
            sep = ", ";
        }
    }
    buf_printf(b, "%s}", sep[2] == '\0' ? "]" : "");
}

static void put_replicas(struct buf *b, const struct ottla_quorum *q, size_t count,
                         const struct ottla_quorum_replica *const *list)
{
    buf_put_u8(b, '[');
    for (size_t i = 0; i < count; i++) {
        buf_printf(b, "%s", i ? ", " : "");
        put_replica(b, q, list[i]);
    }
    buf_put_u8(b, ']');
}

static json_t *replicas_json(const struct ottla_quorum *q, size_t count,
                             const struct ottla_quorum_replica *const *list)
{
    struct buf b = BUF_INIT;
    put_replicas(&b, q, count, list);
    json_t *j = json_loads(buf_cstr(&b), 0, NULL);
    buf_deinit(&b);
    return j ? j : json_array();
}

static void print_status(const struct ottla_quorum *q, const char *cluster, int64_t lag,
                         int64_t lag_ms)
{
    struct buf voters = BUF_INIT, observers = BUF_INIT;
    put_replicas(&voters, q, q->voter_count, q->voters);
    put_replicas(&observers, q, q->observer_count, q->observers);
    printf("ClusterId:              %s\n", cluster ? cluster : "null");
    printf("LeaderId:               %d\n", q->leader_id);
    printf("LeaderEpoch:            %d\n", q->leader_epoch);
    printf("HighWatermark:          %" PRId64 "\n", q->high_watermark);
    printf("MaxFollowerLag:         %" PRId64 "\n", lag);
    printf("MaxFollowerLagTimeMs:   %" PRId64 "\n", lag_ms);
    printf("CurrentVoters:          %s\n", buf_cstr(&voters));
    printf("CurrentObservers:       %s\n", buf_cstr(&observers));
    buf_deinit(&voters);
    buf_deinit(&observers);
}

static int status(struct cli *c, const struct ottla_quorum *q,
                  const struct ottla_quorum_replica *leader)
{
    struct ottla_cluster *cl = NULL;
    const struct ottla_quorum_replica *last = leader;
    if (ottla_describe_cluster(c->client, &c->options, &cl, &c->error) != 0) {
        return cli_fail(c, "%s", c->error.message);
    }
    for (size_t i = 0; i < q->voter_count; i++) {
        last = q->voters[i]->log_end_offset < last->log_end_offset ? q->voters[i] : last;
    }
    int64_t lag = leader->log_end_offset - last->log_end_offset;
    bool is_known = leader->last_caught_up_ms >= 0 && last->last_caught_up_ms >= 0;
    int64_t lag_ms = leader == last ? 0
                     : is_known     ? leader->last_caught_up_ms - last->last_caught_up_ms
                                    : -1;
    if (c->is_json) {
        cli_print_json(c,
                       json_pack("{s:o, s:i, s:i, s:I, s:I, s:I, s:o, s:o}", "cluster_id",
                                 cli_json_string(cl->id), "leader_id", (int)q->leader_id,
                                 "leader_epoch", (int)q->leader_epoch, "high_watermark",
                                 (json_int_t)q->high_watermark, "max_follower_lag", (json_int_t)lag,
                                 "max_follower_lag_ms", (json_int_t)lag_ms, "current_voters",
                                 replicas_json(q, q->voter_count, q->voters), "current_observers",
                                 replicas_json(q, q->observer_count, q->observers)));
    } else {
        print_status(q, cl->id, lag, lag_ms);
    }
    ottla_cluster_free(cl);
    return CLI_OK;
}

/* --- replication --- */

static void set_time(const struct cli *c, struct cli_table *t, int column, int64_t ms)
{
    struct timespec now;
    if (ms >= 0 && cli_has(c, Q_HUMAN)) {
        timespec_get(&now, TIME_UTC);
        int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
        cli_table_set(t, column, "%" PRId64 " ms ago", now_ms - ms);
    } else {
        cli_table_set(t, column, "%" PRId64, ms);
    }
}

static void add_replica(const struct cli *c, struct cli_table *t,
                        const struct ottla_quorum_replica *r, int64_t end, const char *what)
{
    cli_table_row(t);
    cli_table_set(t, 0, "%d", r->id);
    cli_table_set(t, 1, "%s", r->directory_id);
    cli_table_set(t, 2, "%" PRId64, r->log_end_offset);
    cli_table_set(t, 3, "%" PRId64, end - r->log_end_offset);
    set_time(c, t, 4, r->last_fetch_ms);
    set_time(c, t, 5, r->last_caught_up_ms);
    cli_table_set(t, 6, "%s", what);
}

static int replication(struct cli *c, const struct ottla_quorum *q,
                       const struct ottla_quorum_replica *leader)
{
    static const struct cli_column columns[] = {
        {"NodeId", "node_id", 6, true, true},
        {"DirectoryId", "directory_id", 11, true, false},
        {"LogEndOffset", "log_end_offset", 12, true, true},
        {"Lag", "lag", 3, true, true},
        {"LastFetchTimestamp", "last_fetch_timestamp", 18, true, true},
        {"LastCaughtUpTimestamp", "last_caught_up_timestamp", 21, true, true},
        {"Status", "status", 6, true, false},
    };
    struct cli_table t;
    cli_table_init(&t, columns, ARRAY_LEN(columns));
    add_replica(c, &t, leader, leader->log_end_offset, "Leader");
    for (size_t i = 0; i < q->voter_count; i++) {
        if (q->voters[i] != leader) {
            add_replica(c, &t, q->voters[i], leader->log_end_offset, "Follower");
        }
    }
    for (size_t i = 0; i < q->observer_count; i++) {
        add_replica(c, &t, q->observers[i], leader->log_end_offset, "Observer");
    }
    if (c->is_json) {
        cli_print_json(c, cli_table_json(&t));
    } else {
        cli_table_print_tabbed(&t);
    }
    cli_table_deinit(&t);
    return CLI_OK;
}

static const char *const commands[] = {"describe", "add-controller", "remove-controller"};

static bool is_command(const struct cli *c, int i)
{
    return c->args.word_count == 1 && strcmp(c->args.words[0], commands[i]) == 0;
}

static bool check(struct cli *c)
{
    static const int views[] = {Q_STATUS, Q_REPLICATION, -1};
    const char *word = c->args.word_count == 1 ? c->args.words[0] : "";
    if (is_command(c, 1)) {
        return true;
    }
    if (is_command(c, 2)) {
        return cli_needs(c, Q_CONTROLLER) && cli_needs(c, Q_DIRECTORY);
    }
    if (!is_command(c, 0)) {
        cli_refuse(c, "say one of describe, add-controller, remove-controller");
        args_put_hint(&c->why, str_from(word), commands, ARRAY_LEN(commands));
        return false;
    }
    if (cli_count_of(c, views) != 1) {
        return cli_refuse(c, "One of --status or --replication must be specified with describe "
                             "sub-command");
    }
    return !cli_has(c, Q_HUMAN) || cli_has(c, Q_REPLICATION) ||
           cli_refuse(c, "The option --human-readable is only supported along with --replication");
}

static int describe(struct cli *c)
{
    struct ottla_quorum *q = NULL;
    if (ottla_describe_quorum(c->client, &c->options, &q, &c->error) != 0) {
        return cli_fail(c, "%s", c->error.message);
    }
    const struct ottla_quorum_replica *leader = leader_of(q);
    int result = leader == NULL         ? cli_fail(c, "the quorum has no leader now: try again")
                 : cli_has(c, Q_STATUS) ? status(c, q, leader)
                                        : replication(c, q, leader);
    ottla_quorum_free(q);
    return result;
}

static int run(struct cli *c)
{
    return is_command(c, 0) ? describe(c) : is_command(c, 1) ? quorum_add(c) : quorum_remove(c);
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla metadata-quorum",
             .words = "describe|add-controller|remove-controller",
             .about = "Prints and changes the quorum that keeps the cluster's metadata.",
             .options = options,
             .option_count = Q_OPTIONS,
             .takes_prefixes = true},
    .check = check,
    .run = run,
    .controller = Q_BOOTSTRAP,
};

int metadata_quorum_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
