/* Lists of partitions: from topics, from JSON, with offsets. One thread. */
#include "cli/cli.h"

static int by_place(const void *a, const void *b)
{
    const struct cli_part *x = a, *y = b;
    int c = strcmp(x->topic, y->topic);
    return c ? c : (x->partition > y->partition) - (x->partition < y->partition);
}

void cli_parts_add(struct cli_parts *p, const char *topic, int32_t partition, int64_t value)
{
    p->rows = mem_realloc_array(p->rows, p->count + 1, sizeof *p->rows);
    struct cli_part *row = &p->rows[p->count++];
    *row = (struct cli_part){str_dup(str_from(topic)), partition, value};
    p->is_unsorted |= p->count > 1 && by_place(row - 1, row) > 0;
}

struct cli_part *cli_parts_find(const struct cli_parts *p, const char *topic, int32_t partition)
{
    struct cli_part key = {(char *)(uintptr_t)topic, partition, 0};
    if (p->count == 0 || !p->is_unsorted) {
        return p->count ? bsearch(&key, p->rows, p->count, sizeof *p->rows, by_place) : NULL;
    }
    for (size_t i = 0; i < p->count; i++) {
        if (by_place(&p->rows[i], &key) == 0) {
            return &p->rows[i];
        }
    }
    return NULL;
}

void cli_parts_sort(struct cli_parts *p)
{
    if (p->count > 0) {
        qsort(p->rows, p->count, sizeof *p->rows, by_place);
    }
    p->is_unsorted = false;
}

void cli_parts_deinit(struct cli_parts *p)
{
    for (size_t i = 0; i < p->count; i++) {
        mem_free(p->rows[i].topic);
    }
    mem_free(p->rows);
    *p = (struct cli_parts){0};
}

struct ottla_topic_partition *cli_parts_view(const struct cli_parts *p)
{
    struct ottla_topic_partition *v = mem_realloc_array(NULL, p->count + 1, sizeof *v);
    for (size_t i = 0; i < p->count; i++) {
        v[i] = (struct ottla_topic_partition){p->rows[i].topic, p->rows[i].partition};
    }
    return v;
}

struct ottla_offset_value *cli_parts_offsets(const struct cli_parts *p)
{
    struct ottla_offset_value *v = mem_realloc_array(NULL, p->count + 1, sizeof *v);
    for (size_t i = 0; i < p->count; i++) {
        v[i] =
            (struct ottla_offset_value){p->rows[i].topic, p->rows[i].partition, p->rows[i].value};
    }
    return v;
}

bool cli_parts_from_json(struct cli *c, json_t *doc, const char *value_key, const char *duplicates,
                         struct cli_parts *ret)
{
    json_t *list = json_object_get(doc, "partitions"), *row;
    size_t i;
    if (!json_is_array(list)) {
        return cli_refuse(c, "Missing partitions field");
    }
    json_array_foreach(list, i, row)
    {
        const char *topic = json_string_value(json_object_get(row, "topic"));
        json_t *partition = json_object_get(row, "partition");
        json_t *value = value_key ? json_object_get(row, value_key) : NULL;
        json_int_t number = json_is_integer(partition) ? json_integer_value(partition) : -1;
        if (topic == NULL || number < 0 || number > INT32_MAX ||
            (value_key != NULL && !json_is_integer(value))) {
            return cli_refuse(c, "partitions[%zu] needs topic, partition%s%s", i,
                              value_key ? ", " : "", value_key ? value_key : "");
        }
        int32_t p = (int32_t)number;
        if (cli_parts_find(ret, topic, p) != NULL) {
            return cli_refuse(c, "%s: %s-%d", duplicates, topic, p);
        }
        cli_parts_add(ret, topic, p, value ? json_integer_value(value) : 0);
    }
    return true;
}

int cli_parts_of_topics(struct cli *c, const struct cli_names *topics, struct cli_parts *ret)
{
    struct ottla_topics *t = NULL;
    int e = topics->count == 0
                ? 0
                : ottla_describe_topics(c->client, (const char *const *)topics->names,
                                        topics->count, &c->options, &t, &c->error);
    for (size_t i = 0; e == 0 && t != NULL && i < t->count; i++) {
        const struct ottla_topic *row = t->rows[i];
        if (row->error != 0) {
            e = row->error;
            snprintf(c->error.message, sizeof c->error.message, "%s",
                     cli_error_text(e, row->message));
        }
        for (size_t k = 0; e == 0 && k < row->partition_count; k++) {
            cli_parts_add(ret, row->name, row->partitions[k]->partition, 0);
        }
    }
    ottla_topics_free(t);
    return e;
}

int cli_parts_ask(struct cli *c, struct cli_parts *p, int64_t timestamp_ms)
{
    struct ottla_offsets *o = NULL;
    struct ottla_offset_query *q = mem_realloc_array(NULL, p->count + 1, sizeof *q);
    for (size_t i = 0; i < p->count; i++) {
        q[i] = (struct ottla_offset_query){p->rows[i].topic, p->rows[i].partition, timestamp_ms};
    }
    int e =
        p->count == 0 ? 0 : ottla_list_offsets(c->client, q, p->count, &c->options, &o, &c->error);
    for (size_t i = 0; e == 0 && i < p->count; i++) {
        p->rows[i].value = o->rows[i]->error ? -1 : o->rows[i]->offset;
        if (o->rows[i]->error != 0) {
            fprintf(stderr, "Skip getting offsets for topic-partition %s-%d due to error: %s\n",
                    p->rows[i].topic, p->rows[i].partition,
                    cli_error_text(o->rows[i]->error, o->rows[i]->message));
        }
    }
    ottla_offsets_free(o);
    mem_free(q);
    return e;
}
