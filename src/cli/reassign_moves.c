/* Moves of replicas between the directories of their brokers. One thread. */
#include "cli/reassign.h"

#include <time.h>

enum { RETRY_MS = 100, TIMEOUT_MS = 10000 };

static int by_broker(const void *a, const void *b)
{
    const struct move *x = a, *y = b;
    int c = (x->broker > y->broker) - (x->broker < y->broker);
    c = c ? c : strcmp(x->row->topic, y->row->topic);
    return c ? c
             : (x->row->partition > y->row->partition) - (x->row->partition < y->row->partition);
}

static enum move_state state_of(const struct move *m)
{
    if (m->from == NULL) {
        return MOVE_NO_REPLICA;
    }
    if (m->future == NULL) {
        return strcmp(m->from, m->to) == 0 ? MOVE_DONE : MOVE_NONE;
    }
    return strcmp(m->future, m->to) == 0 ? MOVE_ACTIVE : MOVE_ELSEWHERE;
}

static void add(struct reassign *r, struct moves *all, const struct plan_row *row, size_t i)
{
    struct move m = {.row = row, .broker = row->replicas[i], .to = row->dirs[i]};
    m.from = reassign_dir(r, row, m.broker, false);
    m.future = reassign_dir(r, row, m.broker, true);
    m.state = state_of(&m);
    all->rows = mem_realloc_array(all->rows, all->count + 1, sizeof *all->rows);
    all->rows[all->count++] = m;
}

bool moves_find(struct reassign *r, struct moves *ret)
{
    for (size_t i = 0; i < r->plan.count; i++) {
        const struct plan_row *row = &r->plan.rows[i];
        for (size_t k = 0; k < row->count; k++) {
            if (row->dirs[k] == NULL) {
                continue;
            }
            if (!reassign_ask_dirs(r)) {
                return false;
            }
            add(r, ret, row, k);
        }
    }
    if (ret->count > 0) {
        qsort(ret->rows, ret->count, sizeof *ret->rows, by_broker);
    }
    return true;
}

/* --- doing it --- */

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void say_begun(struct reassign *r, const struct move *m)
{
    json_t *list = json_object_get(r->out, "moves");
    if (list == NULL) {
        json_object_set_new(r->out, "moves", list = json_array());
    }
    json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:s}", "topic", m->row->topic,
                                          "partition", (int)m->row->partition, "broker",
                                          (int)m->broker, "log_dir", m->to));
    reassign_say(r,
                 "Successfully started moving log directory to %s for replica %s-%d with broker "
                 "%d \n",
                 m->to, m->row->topic, m->row->partition, m->broker);
}

/* Asks once; what is to be tried again stays in left. False: printed. */
static bool try_moves(struct reassign *r, struct moves *left)
{
    struct cli *c = r->cli;
    struct ottla_outcomes *o = NULL;
    size_t kept = 0;
    bool ok = true;
    struct ottla_replica_move *moves = mem_zalloc((left->count + 1) * sizeof *moves);
    for (size_t i = 0; i < left->count; i++) {
        const struct move *m = &left->rows[i];
        moves[i] = (struct ottla_replica_move){m->row->topic, m->row->partition, m->broker, m->to};
    }
    if (ottla_alter_replica_log_dirs(c->client, moves, left->count, &c->options, &o, &c->error)) {
        printf("Error: %s\n", c->error.message);
        ok = false;
    }
    for (size_t i = 0; ok && i < left->count; i++) {
        const struct move *m = &left->rows[i];
        if (o->rows[i]->error == 0) {
            say_begun(r, m);
        } else if (o->rows[i]->error == OTTLA_ERR_REPLICA_NOT_AVAILABLE) {
            left->rows[kept++] = *m;
        } else {
            printf("Error: Failed to alter dir for %s-%d-%d\n", m->row->topic, m->row->partition,
                   m->broker);
            cli_fail(c, "%s", cli_error_text(o->rows[i]->error, o->rows[i]->message));
            ok = false;
        }
    }
    left->count = kept;
    ottla_outcomes_free(o);
    mem_free(moves);
    return ok;
}

static int say_late(const struct moves *left)
{
    printf("Timed out before log directory move%s could be started for: ",
           left->count == 1 ? "" : "s");
    for (size_t i = 0; i < left->count; i++) {
        const struct move *m = &left->rows[i];
        printf("%s%s-%d-%d", i ? "," : "", m->row->topic, m->row->partition, m->broker);
    }
    putchar('\n');
    return CLI_FAILED;
}

int moves_execute(struct reassign *r, const struct moves *m)
{
    struct moves left = {mem_zalloc((m->count + 1) * sizeof *left.rows), m->count};
    int64_t timeout = TIMEOUT_MS, until;
    int status = CLI_OK;
    (void)args_number(&r->cli->args, R_TIMEOUT, (struct args_range){INT64_MIN, INT64_MAX}, &timeout,
                      &r->cli->why);
    if (__builtin_add_overflow(now_ms(), timeout, &until)) {
        until = timeout < 0 ? INT64_MIN : INT64_MAX;
    }
    memcpy(left.rows, m->rows, m->count * sizeof *left.rows);
    while (status == CLI_OK && left.count > 0) {
        if (!try_moves(r, &left)) {
            status = CLI_FAILED;
        } else if (left.count > 0 && now_ms() >= until) {
            status = say_late(&left);
        } else if (left.count > 0) {
            nanosleep(&(struct timespec){0, RETRY_MS * 1000000L}, NULL);
        }
    }
    mem_free(left.rows);
    return status;
}
