/* Moving replicas between the log directories of their brokers: each broker is asked for its own.
 * The caller's thread. */
#include "client/admin/admin.h"

#include "base/mem.h"

#include <stdlib.h>

typedef struct alter_replica_log_dirs_req_alter_replica_log_dir move_dir;
typedef struct alter_replica_log_dirs_req_alter_replica_log_dir_topic move_topic;

/* The moves of one broker: index[0..count), by path and topic. */
struct moves_of {
    const struct ottla_replica_move *moves;
    const size_t *index;
    size_t count;
    struct alter_replica_log_dirs_req req;
    struct exchange exchange;
};

static int compare_moves(const void *a, const void *b, void *ctx)
{
    const struct ottla_replica_move *moves = ctx;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const struct ottla_replica_move *x = &moves[i], *y = &moves[k];
    int c = (x->broker > y->broker) - (x->broker < y->broker);
    c = c ? c : strcmp(x->path, y->path);
    c = c ? c : strcmp(x->topic, y->topic);
    return c ? c : (i > k) - (i < k);
}

static void build(struct admin *ad, struct moves_of *m)
{
    const char *path = NULL;
    move_dir *dir = NULL;
    move_topic *topic = NULL, *topics = admin_array(ad, m->count, sizeof *topics);
    int32_t *rows = admin_array(ad, m->count, sizeof *rows);
    m->req = alter_replica_log_dirs_req_default;
    m->req.dirs = admin_array(ad, m->count, sizeof *m->req.dirs);
    for (size_t i = 0; i < m->count; i++) {
        const struct ottla_replica_move *row = &m->moves[m->index[i]];
        if (path == NULL || strcmp(path, row->path) != 0) {
            path = row->path;
            dir = &m->req.dirs[m->req.dirs_count++];
            dir->path = str_from(path);
            dir->topics = topics;
            topic = NULL;
        }
        if (topic == NULL || !str_eq(topic->name, str_from(row->topic))) {
            topic = topics++;
            dir->topics_count++;
            topic->name = str_from(row->topic);
            topic->partitions = &rows[i];
        }
        topic->partitions[topic->partitions_count++] = row->partition;
    }
}

static void set_all(struct fill *f, struct ottla_outcomes *o, const struct moves_of *m, int code,
                    struct str said)
{
    for (size_t i = 0; i < m->count; i++) {
        outcome_set(f, outcome_row(o, m->index[i]), code, said);
    }
}

/* The place in the order of m; m->count: nobody asked for it. */
static size_t find_move(const struct moves_of *m, size_t hint, struct str topic, int32_t partition)
{
    for (size_t n = 0; n < m->count; n++) {
        size_t i = (hint + n) % m->count;
        const struct ottla_replica_move *row = &m->moves[m->index[i]];
        if (row->partition == partition && str_eq(str_from(row->topic), topic)) {
            return i;
        }
    }
    return m->count;
}

static void take_answer(struct admin *ad, struct fill *f, struct ottla_outcomes *o,
                        struct moves_of *m)
{
    struct alter_replica_log_dirs_resp resp;
    struct ottla_error why;
    int code = exchange_read(ad, &m->exchange, &resp, &why);
    size_t hint = 0;
    if (code) {
        set_all(f, o, m, code, str_from(why.message));
        return;
    }
    set_all(f, o, m, ERR_UNKNOWN_SERVER_ERROR, STR("the broker did not answer for it"));
    for (int32_t i = 0; i < resp.results_count; i++) {
        for (int32_t k = 0; k < resp.results[i].partitions_count; k++) {
            size_t at = find_move(m, hint, resp.results[i].topic_name,
                                  resp.results[i].partitions[k].partition_index);
            if (at < m->count) {
                outcome_set(f, outcome_row(o, m->index[at]),
                            resp.results[i].partitions[k].error_code, STR_NULL);
                hint = at + 1;
            }
        }
    }
}

/* Cuts index at each new broker; the number of those. */
static size_t cut_by_broker(const struct ottla_replica_move *moves, const size_t *index,
                            size_t count, struct moves_of *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || moves[index[i]].broker != moves[index[i - 1]].broker) {
            ret[n++] = (struct moves_of){.moves = moves, .index = index + i};
        }
        ret[n - 1].count++;
    }
    return n;
}

int ottla_alter_replica_log_dirs(struct ottla_client *client,
                                 const struct ottla_replica_move *moves, size_t count,
                                 const struct ottla_admin_options *options,
                                 struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(moves, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    admin_begin(&ad, client, options, error);
    size_t *index = admin_array(&ad, count, sizeof *index);
    struct moves_of *all = admin_array(&ad, count, sizeof *all);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    for (size_t i = 0; i < count; i++) {
        index[i] = i;
        if (o->count > 0) {
            outcome_name(&f, outcome_row(o, i), moves[i].topic, moves[i].partition);
        }
    }
    qsort_r(index, count, sizeof *index, compare_moves, (void *)(uintptr_t)moves);
    size_t brokers = cut_by_broker(moves, index, count, all);
    for (size_t i = 0; i < brokers; i++) {
        build(&ad, &all[i]);
        exchange_send(&ad, &all[i].exchange,
                      &(struct call){.api_key = API_ALTER_REPLICA_LOG_DIRS,
                                     .to = CALL_NODE,
                                     .node_id = all[i].moves[all[i].index[0]].broker,
                                     .msg = &all[i].req});
    }
    admin_wait_all(&ad);
    for (size_t i = 0; i < brokers; i++) {
        if (!f.failed) {
            take_answer(&ad, &f, o, &all[i]);
        }
        exchange_deinit(&all[i].exchange);
    }
    return admin_end(&ad, outcomes_give(&ad, &f, 0, o, ret));
}
