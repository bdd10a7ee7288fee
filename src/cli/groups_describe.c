/* `ottla consumer-groups --describe`: offsets, members, state. One thread. */
#include "cli/groups.h"

#include "base/attr.h"

#include <inttypes.h>

struct describe {
    struct cli *cli;
    struct ottla_groups *groups;
    json_t *json;
    bool is_verbose;
};

/* Of a group that is there; says what there is to say of its state. False: nothing to show. */
static bool may_show(const struct ottla_group *g, size_t rows)
{
    const char *s = g->state;
    if (strcmp(s, "Dead") == 0) {
        groups_error("Consumer group '%s' does not exist.", g->id);
        return false;
    }
    fflush(stdout);
    if (strcmp(s, "Empty") == 0) {
        fprintf(stderr, "\nConsumer group '%s' has no active members.\n", g->id);
    } else if (strcmp(s, "Stable") != 0) {
        fprintf(stderr, "\nWarning: Consumer group '%s' is rebalancing.\n", g->id);
    }
    return rows > 0;
}

static void add_json(struct describe *d, json_t *rows)
{
    json_array_extend(d->json, rows);
    json_decref(rows);
}

/* --- offsets --- */

enum {
    O_GROUP,
    O_TOPIC,
    O_PARTITION,
    O_EPOCH,
    O_CURRENT,
    O_END,
    O_LAG,
    O_MEMBER,
    O_HOST,
    O_CLIENT
};

static const struct cli_column offset_columns[] = {
    {"GROUP", "group", 15, true, false},
    {"TOPIC", "topic", 15, true, false},
    {"PARTITION", "partition", 10, false, true},
    {"LEADER-EPOCH", "leader_epoch", 15, false, true},
    {"CURRENT-OFFSET", "current_offset", 15, false, true},
    {"LOG-END-OFFSET", "log_end_offset", 15, false, true},
    {"LAG", "lag", 15, false, true},
    {"CONSUMER-ID", "consumer_id", 15, true, false},
    {"HOST", "host", 15, true, false},
    {"CLIENT-ID", "client_id", 0, false, false},
};

/* One group's offsets. */
struct offsets {
    const struct ottla_group *group;
    struct ottla_offsets *committed;
    struct cli_parts ends; /* of all partitions that it has to do with */
    struct cli_table table;
    const int *at; /* where each column stands; -1: nowhere */
};

static void set_number(struct cli_table *t, int column, int64_t v)
{
    if (column >= 0 && v >= 0) {
        cli_table_set(t, column, "%" PRId64, v);
    }
}

static const struct ottla_partition_offset *committed_of(const struct offsets *o,
                                                         const struct cli_part *p)
{
    for (size_t i = 0; i < o->committed->count; i++) {
        const struct ottla_partition_offset *r = o->committed->rows[i];
        if (r->partition == p->partition && strcmp(r->topic, p->topic) == 0) {
            return r;
        }
    }
    return NULL;
}

static void add_row(struct offsets *o, const struct cli_part *p, const struct ottla_group_member *m)
{
    const struct ottla_partition_offset *r = committed_of(o, p);
    struct cli_table *t = &o->table;
    cli_table_row(t);
    cli_table_set(t, o->at[O_GROUP], "%s", o->group->id);
    cli_table_set(t, o->at[O_TOPIC], "%s", p->topic);
    set_number(t, o->at[O_PARTITION], p->partition);
    set_number(t, o->at[O_EPOCH], r ? r->leader_epoch : -1);
    set_number(t, o->at[O_CURRENT], r ? r->offset : -1);
    set_number(t, o->at[O_END], p->value);
    if (r != NULL && r->offset >= 0 && p->value >= 0) {
        cli_table_set(t, o->at[O_LAG], "%" PRId64, p->value - r->offset);
    }
    if (m != NULL) {
        cli_table_set(t, o->at[O_MEMBER], "%s", m->id);
        cli_table_set(t, o->at[O_HOST], "%s", m->host);
        cli_table_set(t, o->at[O_CLIENT], "%s", m->client_id);
    }
}

static bool owns(const struct ottla_group_member *m, const struct cli_part *p)
{
    for (size_t i = 0; i < m->partition_count; i++) {
        if (m->partitions[i]->partition == p->partition &&
            strcmp(m->partitions[i]->topic, p->topic) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_owned(const struct ottla_group *g, const struct cli_part *p)
{
    for (size_t i = 0; i < g->member_count; i++) {
        if (owns(g->members[i], p)) {
            return true;
        }
    }
    return false;
}

static void collect_parts(struct offsets *o)
{
    const struct ottla_group *g = o->group;
    for (size_t i = 0; i < g->member_count; i++) {
        for (size_t k = 0; k < g->members[i]->partition_count; k++) {
            const struct ottla_topic_partition *p = g->members[i]->partitions[k];
            cli_parts_add(&o->ends, p->topic, p->partition, -1);
        }
    }
    for (size_t i = 0; i < o->committed->count; i++) {
        const struct ottla_partition_offset *r = o->committed->rows[i];
        struct cli_part p = {(char *)(uintptr_t)r->topic, r->partition, -1};
        if (!is_owned(g, &p)) {
            cli_parts_add(&o->ends, r->topic, r->partition, -1);
        }
    }
    cli_parts_sort(&o->ends);
}

static int by_owned(const void *a, const void *b)
{
    const struct ottla_group_member *x = *(const struct ottla_group_member *const *)a;
    const struct ottla_group_member *y = *(const struct ottla_group_member *const *)b;
    int c = (x->partition_count < y->partition_count) - (x->partition_count > y->partition_count);
    return c ? c : strcmp(x->id, y->id);
}

/* Members with most partitions first, then what nobody owns. */
static void fill_rows(struct offsets *o)
{
    const struct ottla_group *g = o->group;
    const struct ottla_group_member **sorted =
        mem_realloc_array(NULL, g->member_count + 1, sizeof(const struct ottla_group_member *));
    for (size_t i = 0; i < g->member_count; i++) {
        sorted[i] = g->members[i];
    }
    qsort(sorted, g->member_count, sizeof *sorted, by_owned);
    for (size_t i = 0; i <= g->member_count; i++) {
        const struct ottla_group_member *m = i < g->member_count ? sorted[i] : NULL;
        for (size_t k = 0; k < o->ends.count; k++) {
            const struct cli_part *p = &o->ends.rows[k];
            if (m != NULL ? owns(m, p) : !is_owned(g, p)) {
                add_row(o, p, m);
            }
        }
    }
    mem_free(sorted);
}

static int show_offsets(struct describe *d, const struct ottla_group *g)
{
    static const int plain[] = {0, 1, 2, -1, 3, 4, 5, 6, 7, 8};
    static const int verbose[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct cli *c = d->cli;
    bool has_epoch = d->is_verbose || c->is_json;
    struct cli_column columns[ARRAY_LEN(offset_columns)];
    struct offsets o = {.group = g, .at = has_epoch ? verbose : plain};
    int n = 0;
    for (size_t i = 0; i < ARRAY_LEN(offset_columns); i++) {
        if (o.at[i] >= 0) {
            columns[n++] = offset_columns[i];
        }
    }
    cli_table_init(&o.table, columns, n);
    int e =
        ottla_list_group_offsets(c->client, g->id, NULL, 0, &c->options, &o.committed, &c->error);
    if (e == 0) {
        collect_parts(&o);
        e = cli_parts_ask(c, &o.ends, OTTLA_OFFSET_LATEST);
    }
    if (e == 0) {
        fill_rows(&o);
    }
    if (e == 0 && c->is_json) {
        add_json(d, cli_table_json(&o.table));
    } else if (e == 0 && may_show(g, o.table.row_count)) {
        cli_table_print(&o.table, "\n", "");
        putchar('\n');
    }
    ottla_offsets_free(o.committed);
    cli_parts_deinit(&o.ends);
    cli_table_deinit(&o.table);
    return e;
}

/* --- members --- */

enum {
    M_GROUP,
    M_ID,
    M_INSTANCE,
    M_HOST,
    M_CLIENT,
    M_COUNT,
    M_EPOCH,
    M_NOW,
    M_TARGET_EPOCH,
    M_TARGET
};

static const struct cli_column member_columns[] = {
    {"GROUP", "group", 15, true, false},
    {"CONSUMER-ID", "consumer_id", 15, true, false},
    {"GROUP-INSTANCE-ID", "group_instance_id", 17, true, false},
    {"HOST", "host", 15, true, false},
    {"CLIENT-ID", "client_id", 15, true, false},
    {"#PARTITIONS", "partition_count", 15, false, true},
    {"CURRENT-EPOCH", "current_epoch", 15, false, true},
    {"CURRENT-ASSIGNMENT", "current_assignment", 20, true, false},
    {"TARGET-EPOCH", "target_epoch", 15, false, true},
    {"TARGET-ASSIGNMENT", "target_assignment", 20, true, false},
};

/* "t:0,1;u:2" */
static void put_assignment(struct buf *out, size_t count,
                           const struct ottla_topic_partition *const *list)
{
    struct cli_parts p = {0};
    for (size_t i = 0; i < count; i++) {
        cli_parts_add(&p, list[i]->topic, list[i]->partition, 0);
    }
    cli_parts_sort(&p);
    for (size_t i = 0; i < p.count; i++) {
        bool is_same = i > 0 && strcmp(p.rows[i].topic, p.rows[i - 1].topic) == 0;
        buf_printf(out, "%s%s%s%d",
                   is_same ? ""
                   : i     ? ";"
                           : "",
                   is_same ? "," : p.rows[i].topic, is_same ? "" : ":", p.rows[i].partition);
    }
    if (p.count == 0) {
        buf_printf(out, "-");
    }
    cli_parts_deinit(&p);
}

static void set_assignment(struct cli_table *t, int column, size_t count,
                           const struct ottla_topic_partition *const *list)
{
    struct buf b = BUF_INIT;
    if (column >= 0) {
        put_assignment(&b, count, list);
        cli_table_set(t, column, "%s", buf_cstr(&b));
    }
    buf_deinit(&b);
}

static void add_member(struct cli_table *t, const int *at, const struct ottla_group *g,
                       const struct ottla_group_member *m)
{
    cli_table_row(t);
    cli_table_set(t, at[M_GROUP], "%s", g->id);
    cli_table_set(t, at[M_ID], "%s", m->id);
    cli_table_set(t, at[M_HOST], "%s", m->host);
    cli_table_set(t, at[M_CLIENT], "%s", m->client_id);
    cli_table_set(t, at[M_COUNT], "%zu", m->partition_count);
    if (at[M_INSTANCE] >= 0) {
        cli_table_set(t, at[M_INSTANCE], "%s", m->instance_id ? m->instance_id : "");
    }
    set_number(t, at[M_EPOCH], m->epoch);
    set_number(t, at[M_TARGET_EPOCH], g->assignment_epoch);
    set_assignment(t, at[M_NOW], m->partition_count, m->partitions);
    set_assignment(t, at[M_TARGET], m->target_count, m->targets);
}

static bool has_instances(const struct ottla_group *g)
{
    for (size_t i = 0; i < g->member_count; i++) {
        if (g->members[i]->instance_id != NULL && g->members[i]->instance_id[0] != '\0') {
            return true;
        }
    }
    return false;
}

static int show_members(struct describe *d, const struct ottla_group *g)
{
    struct cli_column columns[ARRAY_LEN(member_columns)];
    int at[ARRAY_LEN(member_columns)], n = 0;
    struct cli_table t;
    bool is_json = d->cli->is_json;
    for (int i = 0; i < (int)ARRAY_LEN(member_columns); i++) {
        bool is_there =
            is_json || (i == M_INSTANCE ? has_instances(g) : i < M_EPOCH || d->is_verbose);
        at[i] = is_there ? n : -1;
        if (is_there) {
            columns[n++] = member_columns[i];
        }
    }
    cli_table_init(&t, columns, n);
    for (size_t i = 0; i < g->member_count; i++) {
        add_member(&t, at, g, g->members[i]);
    }
    if (is_json) {
        add_json(d, cli_table_json(&t));
    } else {
        may_show(g, t.row_count);
        putchar('\n');
        cli_table_print(&t, "", d->is_verbose ? "\n" : " \n");
    }
    cli_table_deinit(&t);
    return 0;
}

/* --- state --- */

static const struct cli_column state_columns[] = {
    {"GROUP", "group", 15, true, false},
    {"COORDINATOR (ID)", "coordinator", 25, true, false},
    {"ASSIGNMENT-STRATEGY", "assignment_strategy", 20, false, false},
    {"STATE", "state", 20, false, false},
    {"GROUP-EPOCH", "group_epoch", 15, false, true},
    {"TARGET-ASSIGNMENT-EPOCH", "target_assignment_epoch", 25, false, true},
    {"#MEMBERS", "member_count", 0, false, true},
};

static int show_state(struct describe *d, const struct ottla_group *g)
{
    bool has_epochs = d->is_verbose || d->cli->is_json;
    struct cli_column columns[ARRAY_LEN(state_columns)];
    struct cli_table t;
    int n = 0;
    for (size_t i = 0; i < ARRAY_LEN(state_columns); i++) {
        if (has_epochs || (i != 4 && i != 5)) {
            columns[n++] = state_columns[i];
        }
    }
    cli_table_init(&t, columns, n);
    cli_table_row(&t);
    cli_table_set(&t, 0, "%s", g->id);
    cli_table_set(&t, 1, "%s:%d  (%d)", g->coordinator_host, g->coordinator_port, g->coordinator);
    if (g->assignor != NULL && g->assignor[0] != '\0') {
        cli_table_set(&t, 2, "%s", g->assignor);
    }
    cli_table_set(&t, 3, "%s", g->state);
    if (has_epochs) {
        set_number(&t, 4, g->epoch);
        set_number(&t, 5, g->assignment_epoch);
    }
    cli_table_set(&t, n - 1, "%zu", g->member_count);
    if (d->cli->is_json) {
        add_json(d, cli_table_json(&t));
    } else if (may_show(g, 1)) {
        cli_table_print(&t, "\n", "");
        putchar('\n');
    }
    cli_table_deinit(&t);
    return 0;
}

/* --- all of them --- */

static int show(struct describe *d, const struct ottla_group *g)
{
    return cli_has(d->cli, G_MEMBERS) ? show_members(d, g)
           : cli_has(d->cli, G_STATE) ? show_state(d, g)
                                      : show_offsets(d, g);
}

static int show_all(struct describe *d)
{
    int e = 0;
    for (size_t i = 0; i < d->groups->count; i++) {
        const struct ottla_group *g = d->groups->rows[i];
        if (g->error != 0) {
            return groups_fail(g->error, g->message);
        }
    }
    for (size_t i = 0; e == 0 && i < d->groups->count; i++) {
        e = show(d, d->groups->rows[i]);
    }
    if (e == 0 && d->cli->is_json) {
        cli_print_json(d->cli, json_incref(d->json));
    }
    return e ? groups_fail(e, d->cli->error.message) : CLI_OK;
}

int groups_describe(struct cli *c)
{
    struct describe d = {.cli = c, .is_verbose = cli_has(c, G_VERBOSE)};
    struct cli_names n = {0};
    if (!groups_named(c, &n)) {
        return CLI_OK;
    }
    d.json = json_array();
    int e = n.count ? ottla_describe_groups(c->client, (const char *const *)n.names, n.count,
                                            &c->options, &d.groups, &c->error)
                    : 0;
    if (e != 0) {
        groups_fail(e, c->error.message);
    } else if (d.groups != NULL) {
        show_all(&d);
    } else if (c->is_json) {
        cli_print_json(c, json_incref(d.json));
    }
    ottla_groups_free(d.groups);
    json_decref(d.json);
    cli_names_deinit(&n);
    return CLI_OK;
}
