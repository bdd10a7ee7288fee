/* `ottla consumer-groups`: the partitions of --topic, committed offsets, --delete-offsets. One
 * thread. */
#include "cli/groups.h"

/* "topic:0,1" */
static bool add_some(struct cli *c, const char *text, struct cli_parts *ret)
{
    struct str all = str_from(text), rest, item;
    size_t colon = str_find(all, ':');
    int64_t partition;
    char *topic = str_dup(str_sub(all, 0, colon));
    bool ok = colon > 0;
    rest = str_sub(all, colon + 1, all.len - colon - 1);
    ok = ok && rest.len > 0 && str_find(rest, ':') == rest.len;
    if (!ok) {
        cli_refuse(c, "Invalid topic arg '%s', expected topic name and partitions", text);
    }
    while (ok && str_next_item(&rest, ',', &item)) {
        ok = (str_to_i64(item, &partition) && partition >= 0 && partition <= INT32_MAX) ||
             cli_refuse(c, "Invalid partition '%.*s' specified in topic arg '%s'", STR_ARG(item),
                        text);
        if (ok && cli_parts_find(ret, topic, (int32_t)partition) == NULL) {
            cli_parts_add(ret, topic, (int32_t)partition, -1);
        }
    }
    mem_free(topic);
    return ok;
}

bool groups_topic_parts(struct cli *c, struct cli_parts *ret)
{
    struct cli_names whole = {0};
    bool ok = true;
    int e = 0;
    for (int i = 0; ok && i < args_count(&c->args, G_TOPIC); i++) {
        const char *text = args_nth(&c->args, G_TOPIC, i);
        if (strchr(text, ':') != NULL) {
            ok = add_some(c, text, ret);
        } else if (!cli_names_has(&whole, text)) {
            cli_names_add(&whole, str_from(text));
        }
    }
    e = ok ? cli_parts_of_topics(c, &whole, ret) : 0;
    cli_names_deinit(&whole);
    if (e != 0) {
        groups_error("Executing consumer group command failed due to %s", c->error.message);
        buf_clear(&c->why);
    }
    cli_parts_sort(ret);
    return ok && e == 0;
}

int groups_committed(struct cli *c, const char *group, struct cli_parts *ret)
{
    struct ottla_offsets *o = NULL;
    int e = ottla_list_group_offsets(c->client, group, NULL, 0, &c->options, &o, &c->error);
    for (size_t i = 0; e == 0 && i < o->count; i++) {
        if (o->rows[i]->error == 0 && o->rows[i]->offset >= 0) {
            cli_parts_add(ret, o->rows[i]->topic, o->rows[i]->partition, o->rows[i]->offset);
        }
    }
    cli_parts_sort(ret);
    ottla_offsets_free(o);
    return e;
}

/* --- delete-offsets --- */

static bool is_of_group(int code)
{
    return code == OTTLA_ERR_INVALID_GROUP_ID || code == OTTLA_ERR_GROUP_ID_NOT_FOUND ||
           code == OTTLA_ERR_GROUP_AUTHORIZATION_FAILED || code == OTTLA_ERR_NON_EMPTY_GROUP;
}

static bool is_of_partition(int code)
{
    return code == OTTLA_ERR_GROUP_SUBSCRIBED_TO_TOPIC ||
           code == OTTLA_ERR_TOPIC_AUTHORIZATION_FAILED ||
           code == OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION;
}

static void say_whole(const char *group, int code)
{
    if (code == 0) {
        printf("Request succeeded for deleting offsets from group %s.\n", group);
    } else if (is_of_group(code)) {
        groups_error("%s", cli_error_text(code, NULL));
    } else if (is_of_partition(code)) {
        groups_error("Encountered some partition-level error, see the follow-up details.");
    } else {
        groups_error("Encountered some unknown error: %s", ottla_error_name(code));
    }
}

static void add_row(struct cli_table *t, const char *topic, int32_t partition,
                    const struct ottla_outcome *row)
{
    struct buf b = BUF_INIT;
    cli_table_row(t);
    cli_table_set(t, 0, "%s", topic);
    if (partition >= 0) {
        cli_table_set(t, 1, "%d", partition);
    }
    if (row->error != 0) {
        buf_printf(&b, "Error: ");
        cli_put_exception(&b, row->error, row->message);
    } else {
        buf_printf(&b, "Successful");
    }
    cli_table_set(t, 2, "%s", buf_cstr(&b));
    buf_deinit(&b);
}

/* Topics without partitions in the command line; those that are not there get a row at once. */
static bool find_parts(struct cli *c, struct cli_parts *parts, struct cli_table *t)
{
    for (int i = 0; i < args_count(&c->args, G_TOPIC); i++) {
        const char *text = args_nth(&c->args, G_TOPIC, i);
        struct cli_names one = {0};
        int e = 0;
        if (strchr(text, ':') != NULL) {
            if (!add_some(c, text, parts)) {
                return false;
            }
            continue;
        }
        cli_names_add(&one, str_from(text));
        e = cli_parts_of_topics(c, &one, parts);
        cli_names_deinit(&one);
        if (e != 0) {
            struct ottla_outcome row = {text, -1, e, c->error.message};
            add_row(t, text, -1, &row);
        }
    }
    cli_parts_sort(parts);
    return true;
}

static int delete_them(struct cli *c, const struct cli_parts *parts, struct cli_table *t)
{
    const char *group = cli_value(c, G_GROUP);
    struct ottla_outcomes *o = NULL;
    struct ottla_topic_partition *view = cli_parts_view(parts);
    int e = parts->count ? ottla_delete_group_offsets(c->client, group, view, parts->count,
                                                      &c->options, &o, &c->error)
                         : 0;
    struct ottla_outcome failed = {group, -1, e, c->error.message};
    int first = e;
    for (size_t i = 0; i < parts->count; i++) {
        const struct ottla_outcome *row = e ? &failed : o->rows[i];
        first = first ? first : row->error;
        add_row(t, parts->rows[i].topic, parts->rows[i].partition, row);
    }
    ottla_outcomes_free(o);
    mem_free(view);
    return first;
}

int groups_delete_offsets(struct cli *c)
{
    static const struct cli_column columns[] = {
        {"TOPIC", "topic", 15, true, false},
        {"PARTITION", "partition", 10, false, true},
        {"STATUS", "status", 15, false, false},
    };
    struct cli_table t;
    struct cli_parts parts = {0};
    int status = CLI_OK;
    cli_table_init(&t, columns, 3);
    if (!find_parts(c, &parts, &t)) {
        status = cli_fail(c, "%s", buf_cstr(&c->why));
    } else {
        int first = delete_them(c, &parts, &t);
        cli_table_sort(&t, 0, 1);
        if (c->is_json) {
            cli_print_json(c, cli_table_json(&t));
        } else {
            say_whole(cli_value(c, G_GROUP), first);
            cli_table_print(&t, "\n", "");
            putchar('\n');
        }
    }
    cli_table_deinit(&t);
    cli_parts_deinit(&parts);
    return status;
}
