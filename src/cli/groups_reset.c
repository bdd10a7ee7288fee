/* `ottla consumer-groups --reset-offsets`: what to reset, to what, and doing it. One thread. */
#include "cli/groups.h"

#include "base/iso8601.h"

#include <inttypes.h>
#include <time.h>

struct reset {
    struct cli *cli;
    struct groups_plans file;  /* of --from-file */
    struct groups_plans plans; /* what becomes of each group */
};

/* The words of a call that failed, as Kafka's tool prints them; false. */
static bool fail(struct cli *c, int e)
{
    groups_error("Executing consumer group command failed due to %s",
                 cli_error_text(e, c->error.message));
    buf_clear(&c->why);
    return false;
}

/* --- what there is --- */

static bool take_parts(struct reset *r, const char *group, struct cli_parts *ret)
{
    struct cli *c = r->cli;
    int e = 0;
    if (cli_has(c, G_ALL_TOPICS)) {
        e = groups_committed(c, group, ret);
    } else if (cli_has(c, G_TOPIC)) {
        return groups_topic_parts(c, ret);
    }
    return e == 0 || fail(c, e);
}

static bool is_there(const struct ottla_topics *t, const struct cli_part *p, bool *ret_has_leader)
{
    for (size_t i = 0; t != NULL && i < t->count; i++) {
        const struct ottla_topic *row = t->rows[i];
        for (size_t k = 0; strcmp(row->name, p->topic) == 0 && k < row->partition_count; k++) {
            if (row->partitions[k]->partition == p->partition) {
                *ret_has_leader = row->partitions[k]->leader >= 0;
                return true;
            }
        }
    }
    return false;
}

static bool refuse_parts(const struct buf *missing, const struct buf *leaderless)
{
    const struct buf *b = missing->len ? missing : leaderless;
    if (b->len > 0) {
        groups_error("Executing consumer group command failed due to The partitions \"%.*s\" %s",
                     STR_ARG(buf_str(b)), missing->len ? "do not exist" : "have no leader");
    }
    return b->len == 0;
}

/* All of them exist and have leaders. */
static bool check_parts(struct cli *c, const struct cli_parts *parts)
{
    struct cli_names names = {0};
    struct ottla_topics *t = NULL;
    struct buf missing = BUF_INIT, leaderless = BUF_INIT;
    for (size_t i = 0; i < parts->count; i++) {
        if (!cli_names_has(&names, parts->rows[i].topic)) {
            cli_names_add(&names, str_from(parts->rows[i].topic));
        }
    }
    int e = names.count ? ottla_describe_topics(c->client, (const char *const *)names.names,
                                                names.count, &c->options, &t, &c->error)
                        : 0;
    for (size_t i = 0; e == 0 && t != NULL && i < t->count; i++) {
        if (t->rows[i]->error != 0) {
            e = t->rows[i]->error;
            snprintf(c->error.message, sizeof c->error.message, "%s",
                     cli_error_text(e, t->rows[i]->message));
        }
    }
    for (size_t i = 0; e == 0 && i < parts->count; i++) {
        const struct cli_part *p = &parts->rows[i];
        bool has_leader = true, is_known = is_there(t, p, &has_leader);
        struct buf *to = !is_known ? &missing : has_leader ? NULL : &leaderless;
        if (to != NULL) {
            buf_printf(to, "%s%s-%d", to->len ? "," : "", p->topic, p->partition);
        }
    }
    bool ok = e == 0 ? refuse_parts(&missing, &leaderless) : fail(c, e);
    buf_clear(&c->why);
    buf_deinit(&missing);
    buf_deinit(&leaderless);
    ottla_topics_free(t);
    cli_names_deinit(&names);
    return ok;
}

/* --- the ways --- */

static void copy(const struct cli_parts *from, struct cli_parts *to)
{
    for (size_t i = 0; i < from->count; i++) {
        cli_parts_add(to, from->rows[i].topic, from->rows[i].partition, from->rows[i].value);
    }
}

static bool ask(struct cli *c, struct cli_parts *parts, int64_t when)
{
    int e = cli_parts_ask(c, parts, when);
    return e == 0 || fail(c, e);
}

/* Values outside of what the logs hold are moved to its ends. */
static bool clamp(struct cli *c, struct cli_parts *parts)
{
    struct cli_parts first = {0}, last = {0};
    copy(parts, &first);
    copy(parts, &last);
    bool ok = ask(c, &first, OTTLA_OFFSET_EARLIEST) && ask(c, &last, OTTLA_OFFSET_LATEST);
    for (size_t i = 0; ok && i < parts->count; i++) {
        struct cli_part *p = &parts->rows[i];
        int64_t lo = first.rows[i].value, hi = last.rows[i].value, had = p->value;
        p->value = hi >= 0 && had > hi ? hi : lo >= 0 && had < lo ? lo : had;
        if (p->value != had) {
            fprintf(stderr,
                    "New offset (%" PRId64
                    ") is %s offset for topic partition %s-%d. Value will be "
                    "set to %" PRId64 "\n",
                    had, had > hi ? "higher than latest" : "lower than earliest", p->topic,
                    p->partition, p->value);
        }
    }
    cli_parts_deinit(&first);
    cli_parts_deinit(&last);
    return ok;
}

static bool to_time(struct cli *c, struct cli_parts *parts, int64_t when)
{
    struct cli_parts last = {0};
    copy(parts, &last);
    bool ok = ask(c, parts, when) && ask(c, &last, OTTLA_OFFSET_LATEST);
    for (size_t i = 0; ok && i < parts->count; i++) {
        struct cli_part *p = &parts->rows[i];
        if (p->value < 0) {
            printf("\nWarn: Partition %d from topic %s is empty. Falling back to latest known "
                   "offset.\n",
                   p->partition, p->topic);
            p->value = last.rows[i].value;
        }
    }
    cli_parts_deinit(&last);
    return ok;
}

static bool to_number(struct cli *c, struct cli_parts *parts)
{
    int64_t to = 0;
    (void)str_to_i64(str_from(cli_value(c, G_TO_OFFSET)), &to);
    for (size_t i = 0; i < parts->count; i++) {
        parts->rows[i].value = to;
    }
    return clamp(c, parts);
}

static bool shift(struct cli *c, const char *group, struct cli_parts *parts)
{
    struct cli_parts now = {0};
    int64_t by = 0;
    int e = groups_committed(c, group, &now);
    bool ok = e == 0 || fail(c, e);
    (void)str_to_i64(str_from(cli_value(c, G_SHIFT_BY)), &by);
    for (size_t i = 0; ok && i < parts->count; i++) {
        struct cli_part *p = &parts->rows[i];
        const struct cli_part *had = cli_parts_find(&now, p->topic, p->partition);
        ok = had != NULL || cli_refuse(c,
                                       "Cannot shift offset for partition %s-%d since there is no "
                                       "current committed offset",
                                       p->topic, p->partition);
        if (had != NULL && __builtin_add_overflow(had->value, by, &p->value)) {
            p->value = by < 0 ? 0 : INT64_MAX;
        }
    }
    cli_parts_deinit(&now);
    return ok && clamp(c, parts);
}

static bool to_current(struct cli *c, const char *group, struct cli_parts *parts)
{
    struct cli_parts now = {0};
    int e = groups_committed(c, group, &now);
    bool ok = (e == 0 || fail(c, e)) && ask(c, parts, OTTLA_OFFSET_LATEST);
    for (size_t i = 0; ok && i < parts->count; i++) {
        struct cli_part *p = &parts->rows[i];
        const struct cli_part *had = cli_parts_find(&now, p->topic, p->partition);
        p->value = had ? had->value : p->value;
    }
    cli_parts_deinit(&now);
    return ok;
}

static bool from_file(struct reset *r, const char *group, struct cli_parts *parts)
{
    bool is_single = args_count(&r->cli->args, G_GROUP) == 1;
    cli_parts_deinit(parts);
    for (size_t i = 0; i < r->file.count; i++) {
        const struct groups_plan *p = &r->file.rows[i];
        if (p->group != NULL ? strcmp(p->group, group) == 0 : is_single) {
            copy(&p->parts, parts);
            cli_parts_sort(parts);
            return check_parts(r->cli, parts) && clamp(r->cli, parts);
        }
    }
    groups_error("No reset plan for group %s found", group);
    return true;
}

static int64_t now_ms(void)
{
    struct timespec ts;
    timespec_get(&ts, TIME_UTC);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool take_datetime(struct cli *c, int64_t *ret_ms)
{
    const char *text = cli_value(c, G_TO_DATETIME);
    return iso8601_time(str_from(text), ret_ms) ||
           cli_refuse(c, "'%s' is no time: write YYYY-MM-DDTHH:mm:SS.sss", text);
}

static bool take_duration(struct cli *c, int64_t *ret_ms)
{
    const char *text = cli_value(c, G_BY_DURATION);
    return (iso8601_duration(str_from(text), ret_ms) && *ret_ms > INT64_MIN / 2) ||
           cli_refuse(c, "'%s' is no duration: write PnDTnHnMnS, as PT1H30M or P7D", text);
}

static bool choose(struct reset *r, const char *group, struct cli_parts *parts)
{
    struct cli *c = r->cli;
    int64_t ms = 0;
    if (cli_has(c, G_TO_OFFSET)) {
        return to_number(c, parts);
    }
    if (cli_has(c, G_TO_EARLIEST) || cli_has(c, G_TO_LATEST)) {
        return ask(c, parts, cli_has(c, G_TO_LATEST) ? OTTLA_OFFSET_LATEST : OTTLA_OFFSET_EARLIEST);
    }
    if (cli_has(c, G_TO_DATETIME)) {
        return take_datetime(c, &ms) && to_time(c, parts, ms);
    }
    if (cli_has(c, G_BY_DURATION)) {
        return take_duration(c, &ms) && to_time(c, parts, now_ms() - ms);
    }
    return cli_has(c, G_SHIFT_BY)    ? shift(c, group, parts)
           : cli_has(c, G_FROM_FILE) ? from_file(r, group, parts)
                                     : to_current(c, group, parts);
}

/* --- doing it --- */

static bool execute(struct cli *c, const char *group, const struct cli_parts *parts)
{
    struct ottla_outcomes *o = NULL;
    struct ottla_offset_value *values = cli_parts_offsets(parts);
    int e = parts->count ? ottla_alter_group_offsets(c->client, group, values, parts->count,
                                                     &c->options, &o, &c->error)
                         : 0;
    for (size_t i = 0; e == 0 && o != NULL && i < o->count; i++) {
        if (o->rows[i]->error != 0) {
            e = o->rows[i]->error;
            snprintf(c->error.message, sizeof c->error.message, "%s",
                     cli_error_text(e, o->rows[i]->message));
        }
    }
    mem_free(values);
    ottla_outcomes_free(o);
    return e == 0 || fail(c, e);
}

static bool reset_group(struct reset *r, const struct ottla_group *g)
{
    struct cli *c = r->cli;
    struct groups_plan *plan;
    r->plans.rows = mem_realloc_array(r->plans.rows, r->plans.count + 1, sizeof *r->plans.rows);
    plan = &r->plans.rows[r->plans.count++];
    *plan = (struct groups_plan){str_dup(str_from(g->id)), {0}};
    bool is_idle = g->error == OTTLA_ERR_GROUP_ID_NOT_FOUND || strcmp(g->state, "Empty") == 0 ||
                   strcmp(g->state, "Dead") == 0;
    if (!is_idle) {
        groups_error("Assignments can only be reset if the group '%s' is inactive, but the current "
                     "state is %s.",
                     g->id, g->state);
        return true;
    }
    return take_parts(r, g->id, &plan->parts) && check_parts(c, &plan->parts) &&
           choose(r, g->id, &plan->parts) &&
           (!cli_has(c, G_EXECUTE) || execute(c, g->id, &plan->parts));
}

/* --- printing --- */

static void print_table(const struct reset *r)
{
    static const struct cli_column columns[] = {
        {"GROUP", "group", 15, true, false},
        {"TOPIC", "topic", 15, true, false},
        {"PARTITION", "partition", 10, false, true},
        {"NEW-OFFSET", "new_offset", 0, false, true},
    };
    struct cli_table t;
    cli_table_init(&t, columns, 4);
    for (size_t i = 0; i < r->plans.count; i++) {
        const struct groups_plan *p = &r->plans.rows[i];
        for (size_t k = 0; k < p->parts.count; k++) {
            cli_table_row(&t);
            cli_table_set(&t, 0, "%s", p->group);
            cli_table_set(&t, 1, "%s", p->parts.rows[k].topic);
            cli_table_set(&t, 2, "%d", p->parts.rows[k].partition);
            cli_table_set(&t, 3, "%" PRId64, p->parts.rows[k].value);
        }
    }
    if (r->cli->is_json) {
        cli_print_json(r->cli, cli_table_json(&t));
    } else {
        cli_table_print(&t, "\n", "");
        putchar('\n');
    }
    cli_table_deinit(&t);
}

static void print_csv(const struct reset *r)
{
    struct buf b = BUF_INIT;
    bool is_single = args_count(&r->cli->args, G_GROUP) == 1;
    for (size_t i = 0; i < r->plans.count; i++) {
        const struct groups_plan *p = &r->plans.rows[i];
        groups_put_csv(&b, is_single ? NULL : p->group, &p->parts);
    }
    puts(buf_cstr(&b));
    buf_deinit(&b);
}

/* --- the whole --- */

static bool check_numbers(struct cli *c)
{
    struct args_range any = {INT64_MIN, INT64_MAX};
    int64_t v;
    buf_clear(&c->why);
    return args_number(&c->args, G_TO_OFFSET, any, &v, &c->why) &&
           args_number(&c->args, G_SHIFT_BY, any, &v, &c->why);
}

static bool reset_all(struct reset *r, const struct cli_names *n)
{
    struct cli *c = r->cli;
    struct ottla_groups *g = NULL;
    int e = n->count ? ottla_describe_groups(c->client, (const char *const *)n->names, n->count,
                                             &c->options, &g, &c->error)
                     : 0;
    bool ok = e == 0 || fail(c, e);
    for (size_t i = 0; ok && g != NULL && i < g->count; i++) {
        const struct ottla_group *row = g->rows[i];
        if (row->error != 0 && row->error != OTTLA_ERR_GROUP_ID_NOT_FOUND) {
            groups_fail(row->error, row->message);
            buf_clear(&c->why);
            ok = false;
        } else {
            ok = reset_group(r, row);
        }
    }
    ottla_groups_free(g);
    return ok;
}

int groups_reset(struct cli *c)
{
    struct reset r = {.cli = c};
    struct cli_names n = {0};
    bool ok = check_numbers(c) &&
              (!cli_has(c, G_FROM_FILE) || groups_read_csv(c, cli_value(c, G_FROM_FILE), &r.file));
    if (ok && groups_named(c, &n) && reset_all(&r, &n)) {
        if (cli_has(c, G_EXPORT) && !c->is_json) {
            print_csv(&r);
        } else {
            print_table(&r);
        }
    }
    groups_plans_deinit(&r.file);
    groups_plans_deinit(&r.plans);
    cli_names_deinit(&n);
    return c->why.len > 0 ? cli_fail(c, "%s", buf_cstr(&c->why)) : CLI_OK;
}
