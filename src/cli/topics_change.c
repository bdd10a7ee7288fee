/* `ottla topics`: --create, --alter, --delete. One thread. */
#include "cli/topics.h"

/* --- what the command line says of replicas and settings --- */

struct assignment {
    struct ottla_ids *rows;
    size_t count;
};

static void assignment_deinit(struct assignment *a)
{
    for (size_t i = 0; i < a->count; i++) {
        mem_free((void *)(uintptr_t)a->rows[i].ids);
    }
    mem_free(a->rows);
}

/* Those that stand there more than once. */
static void put_duplicates(struct buf *out, struct ottla_ids r)
{
    for (size_t i = 0; i < r.count; i++) {
        size_t before = 0;
        for (size_t k = 0; k < i; k++) {
            before += r.ids[k] == r.ids[i];
        }
        if (before == 1) {
            buf_printf(out, out->len ? ",%d" : "%d", r.ids[i]);
        }
    }
}

static bool check_assignment(struct cli *c, const struct assignment *a)
{
    struct ottla_ids last = a->rows[a->count - 1];
    struct buf b = BUF_INIT;
    bool ok = true;
    put_duplicates(&b, last);
    if (b.len > 0) {
        ok = cli_refuse(c, "Partition replica lists may not contain duplicate entries: %s",
                        buf_cstr(&b));
    } else if (last.count != a->rows[0].count) {
        cli_put_ids(&b, last);
        ok = cli_refuse(c, "Partition %zu has different replication factor: [%s]", a->count - 1,
                        buf_cstr(&b));
    }
    buf_deinit(&b);
    return ok;
}

/* "1:2,2:3": the replicas of each partition. */
static bool parse_assignment(struct cli *c, struct assignment *ret)
{
    struct str text = str_from(cli_value(c, T_ASSIGNMENT)), item;
    while (str_next_item(&text, ',', &item)) {
        int32_t *ids = NULL;
        size_t n = 0;
        if (!cli_parse_ids(item, ':', &ids, &n)) {
            return cli_refuse(c, "--replica-assignment is like 1:2,2:3, not '%s'",
                              cli_value(c, T_ASSIGNMENT));
        }
        ret->rows = mem_realloc_array(ret->rows, ret->count + 1, sizeof *ret->rows);
        ret->rows[ret->count++] = (struct ottla_ids){n, ids};
        if (!check_assignment(c, ret)) {
            return false;
        }
    }
    return true;
}

struct configs {
    struct ottla_name_value *rows;
    size_t count;
};

static void configs_deinit(struct configs *s)
{
    for (size_t i = 0; i < s->count; i++) {
        mem_free((void *)(uintptr_t)s->rows[i].name);
        mem_free((void *)(uintptr_t)s->rows[i].value);
    }
    mem_free(s->rows);
}

static bool parse_configs(struct cli *c, struct configs *ret)
{
    for (int i = 0; i < args_count(&c->args, T_CONFIG); i++) {
        struct str s = str_from(args_nth(&c->args, T_CONFIG, i));
        size_t eq = str_find(s, '=');
        if (eq + 1 >= s.len) {
            return cli_refuse(c, "requirement failed: Invalid topic config: all configs to be "
                                 "added must be in the format \"key=val\".");
        }
        ret->rows = mem_realloc_array(ret->rows, ret->count + 1, sizeof *ret->rows);
        ret->rows[ret->count++] = (struct ottla_name_value){
            .name = str_dup(str_trim(str_sub(s, 0, eq))),
            .value = str_dup(str_trim(str_sub(s, eq + 1, s.len - eq - 1))),
        };
    }
    return true;
}

static bool take_counts(struct cli *c, int64_t *partitions, int64_t *replicas)
{
    struct args_range ints = {INT32_MIN, INT32_MAX};
    buf_clear(&c->why);
    if (!args_number(&c->args, T_PARTITIONS, ints, partitions, &c->why) ||
        !args_number(&c->args, T_REPLICATION, ints, replicas, &c->why)) {
        return false;
    }
    if (cli_has(c, T_REPLICATION) && (*replicas < 1 || *replicas > INT16_MAX)) {
        return cli_refuse(c, "The replication factor must be between 1 and %d inclusive",
                          INT16_MAX);
    }
    return !cli_has(c, T_PARTITIONS) || *partitions >= 1 ||
           cli_refuse(c, "The partitions must be greater than 0");
}

/* --- outcomes --- */

/* The first error of them, printed; passed over if it is the one allowed. Frees them. */
static int end(struct cli *c, int e, struct ottla_outcomes *o, int allowed)
{
    int status = e ? topics_fail(c, c->error.message) : CLI_OK;
    for (size_t i = 0; e == 0 && i < o->count; i++) {
        const struct ottla_outcome *row = o->rows[i];
        if (row->error != 0 && row->error != allowed) {
            status = topics_fail(c, cli_error_text(row->error, row->message));
            break;
        }
    }
    ottla_outcomes_free(o);
    return status;
}

static void say_done(struct cli *c, const char *did, const struct cli_names *n)
{
    for (size_t i = 0; c->is_json && i < n->count; i++) {
        cli_print_json(c, json_pack("{s:s}", did, n->names[i]));
    }
}

/* --- create --- */

static bool may_collide(const char *name)
{
    return strchr(name, '.') != NULL || strchr(name, '_') != NULL;
}

static int create(struct cli *c, struct ottla_new_topic *topic)
{
    struct ottla_outcomes *o = NULL;
    int allowed = cli_has(c, T_IF_NOT_EXISTS) ? OTTLA_ERR_TOPIC_ALREADY_EXISTS : 0;
    if (!c->is_json && may_collide(topic->name)) {
        puts(
            "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore "
            "('_') could collide. To avoid issues it is best to use either, but not both.");
    }
    int e = ottla_create_topics(c->client, topic, 1, &c->options, &o, &c->error);
    bool is_new = e == 0 && o->rows[0]->error == 0;
    int status = end(c, e, o, allowed);
    if (is_new && c->is_json) {
        cli_print_json(c, json_pack("{s:s}", "created", topic->name));
    } else if (is_new) {
        printf("Created topic %s.\n", topic->name);
    }
    return status;
}

int topics_create(struct cli *c)
{
    struct assignment a = {0};
    struct configs s = {0};
    int64_t partitions = -1, replicas = -1;
    int status;
    if (take_counts(c, &partitions, &replicas) && parse_configs(c, &s) &&
        (!cli_has(c, T_ASSIGNMENT) || parse_assignment(c, &a))) {
        struct ottla_new_topic topic = {
            .name = cli_value(c, T_TOPIC),
            .partition_count = (int32_t)partitions,
            .replication_factor = (int16_t)replicas,
            .assignment_count = a.count,
            .assignments = a.rows,
            .config_count = s.count,
            .configs = s.rows,
        };
        status = create(c, &topic);
    } else {
        status = topics_fail(c, buf_cstr(&c->why));
    }
    assignment_deinit(&a);
    configs_deinit(&s);
    return status;
}

/* --- alter --- */

/* The replicas of the partitions that are new; the first ones of the list are there already. */
static int grow(struct cli *c, const struct cli_names *n, int32_t total, struct assignment *a)
{
    struct ottla_topics *now = NULL;
    struct ottla_outcomes *o = NULL;
    struct ottla_new_partitions *rows = mem_realloc_array(NULL, n->count, sizeof *rows);
    int e = ottla_describe_topics(c->client, (const char *const *)n->names, n->count, &c->options,
                                  &now, &c->error);
    for (size_t i = 0; e == 0 && i < n->count; i++) {
        size_t have = now->rows[i]->partition_count;
        have = have < a->count ? have : a->count;
        rows[i] = (struct ottla_new_partitions){n->names[i], total, a->count - have,
                                                a->rows ? a->rows + have : NULL};
    }
    if (e == 0) {
        e = ottla_create_partitions(c->client, rows, n->count, &c->options, &o, &c->error);
    }
    ottla_topics_free(now);
    mem_free(rows);
    int status = end(c, e, o, 0);
    if (status == CLI_OK) {
        say_done(c, "altered", n);
    }
    return status;
}

int topics_alter(struct cli *c)
{
    struct cli_names n = {0};
    struct assignment a = {0};
    int64_t partitions = 0, replicas = 0;
    int status = CLI_OK;
    if (!take_counts(c, &partitions, &replicas) ||
        (cli_has(c, T_ASSIGNMENT) && !parse_assignment(c, &a))) {
        status = topics_fail(c, buf_cstr(&c->why));
    } else if (!topics_find(c, &n) || topics_are_missed(c, &n)) {
        status = CLI_FAILED;
    } else if (n.count > 0) {
        status = grow(c, &n, (int32_t)partitions, &a);
    }
    assignment_deinit(&a);
    cli_names_deinit(&n);
    return status;
}

/* --- delete --- */

int topics_delete(struct cli *c)
{
    struct cli_names n = {0};
    struct ottla_outcomes *o = NULL;
    int status = CLI_OK;
    if (!topics_find(c, &n) || topics_are_missed(c, &n)) {
        status = CLI_FAILED;
    } else if (n.count > 0) {
        int e = ottla_delete_topics(c->client, (const char *const *)n.names, n.count, &c->options,
                                    &o, &c->error);
        status = end(c, e, o, 0);
        if (status == CLI_OK) {
            say_done(c, "deleted", &n);
        }
    }
    cli_names_deinit(&n);
    return status;
}
