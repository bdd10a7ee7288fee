/* Plans of reassignments: from JSON and to JSON. One thread. */
#include "cli/reassign.h"

/* --- fields of a document, refused in Kafka's words --- */

static json_t *field(struct cli *c, json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (value == NULL) {
        cli_refuse(c, "No such field exists: `%s`", name);
    }
    return value;
}

static bool expected(struct cli *c, const char *type, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    cli_refuse(c, "Expected `%s` value, received %s", type, text ? text : "something else");
    free(text);
    return false;
}

static bool take_int(struct cli *c, json_t *value, int32_t *ret)
{
    json_int_t v = json_integer_value(value);
    if (!json_is_integer(value) || v < INT32_MIN || v > INT32_MAX) {
        return value != NULL && expected(c, "Integer", value);
    }
    *ret = (int32_t)v;
    return true;
}

static bool take_text(struct cli *c, json_t *value, const char **ret)
{
    *ret = json_string_value(value);
    return *ret != NULL || (value != NULL && expected(c, "String", value));
}

static bool take_version(struct cli *c, json_t *doc)
{
    json_t *version = json_object_get(doc, "version");
    int32_t v = 1;
    if (!json_is_object(doc)) {
        return cli_refuse(c, "Expected JSON object, received another document");
    }
    return (version == NULL || take_int(c, version, &v)) &&
           (v == 1 || cli_refuse(c, "Not supported version field value %d", v));
}

/* --- the rows --- */

static void row_deinit(struct plan_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        mem_free(row->dirs[i]);
    }
    mem_free(row->dirs);
    mem_free(row->replicas);
    mem_free(row->topic);
}

void plan_deinit(struct plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        row_deinit(&p->rows[i]);
    }
    mem_free(p->rows);
    *p = (struct plan){0};
}

void plan_add(struct plan *p, const char *topic, int32_t partition, struct ottla_ids replicas)
{
    struct plan_row row = {.topic = str_dup(str_from(topic)),
                           .partition = partition,
                           .replicas = mem_zalloc((replicas.count + 1) * sizeof(int32_t)),
                           .dirs = mem_zalloc((replicas.count + 1) * sizeof(char *)),
                           .count = replicas.count};
    if (replicas.count > 0) {
        memcpy(row.replicas, replicas.ids, replicas.count * sizeof *replicas.ids);
    }
    if ((p->count & (p->count - 1)) == 0) { /* full at each power of two */
        p->rows = mem_realloc_array(p->rows, p->count ? p->count * 2 : 1, sizeof *p->rows);
    }
    p->rows[p->count++] = row;
}

static bool take_dirs(struct cli *c, json_t *dirs, struct plan_row *row)
{
    const char *text;
    json_t *dir;
    size_t i;
    json_array_foreach(dirs, i, dir)
    {
        if (!take_text(c, dir, &text)) {
            return false;
        }
        row->dirs[i] = strcmp(text, "any") == 0 ? NULL : str_dup(str_from(text));
    }
    return true;
}

static bool differs(struct cli *c, const struct plan_row *row, json_t *dirs)
{
    struct buf b = BUF_INIT;
    json_t *dir;
    size_t i;
    buf_printf(&b, "Size of replicas list [");
    for (i = 0; i < row->count; i++) {
        buf_printf(&b, "%s%d", i ? ", " : "", row->replicas[i]);
    }
    buf_printf(&b, "] is different from size of log dirs list [");
    json_array_foreach(dirs, i, dir)
    {
        buf_printf(&b, "%s%s", i ? ", " : "", json_is_string(dir) ? json_string_value(dir) : "?");
    }
    cli_refuse(c, "%s] for partition %s-%d", buf_cstr(&b), row->topic, row->partition);
    buf_deinit(&b);
    return false;
}

static bool take_row(struct cli *c, json_t *from, struct plan *p)
{
    const char *topic = NULL;
    int32_t partition = 0, *ids;
    json_t *replicas, *dirs = json_object_get(from, "log_dirs"), *id;
    size_t i;
    if (!take_text(c, field(c, from, "topic"), &topic) ||
        !take_int(c, field(c, from, "partition"), &partition) ||
        (replicas = field(c, from, "replicas")) == NULL) {
        return false;
    }
    if (!json_is_array(replicas) || (dirs != NULL && !json_is_array(dirs))) {
        return expected(c, "List", json_is_array(replicas) ? dirs : replicas);
    }
    size_t n = json_array_size(replicas);
    bool ok = true;
    ids = mem_zalloc((n + 1) * sizeof *ids);
    json_array_foreach(replicas, i, id) { ok = ok && take_int(c, id, &ids[i]); }
    if (ok) {
        plan_add(p, topic, partition, (struct ottla_ids){n, ids});
    }
    mem_free(ids);
    struct plan_row *row = ok ? &p->rows[p->count - 1] : NULL;
    return ok && (dirs == NULL || json_array_size(dirs) == n || differs(c, row, dirs)) &&
           take_dirs(c, dirs, row);
}

static int by_place(const void *a, const void *b)
{
    const struct plan_row *x = a, *y = b;
    int c = strcmp(x->topic, y->topic);
    return c ? c : (x->partition > y->partition) - (x->partition < y->partition);
}

bool plan_parse(struct cli *c, json_t *doc, struct plan *ret)
{
    json_t *list = json_object_get(doc, "partitions"), *row;
    bool ok = take_version(c, doc);
    size_t i;
    if (ok && list != NULL && !json_is_array(list)) {
        return expected(c, "List", list);
    }
    json_array_foreach(list, i, row) { ok = ok && take_row(c, row, ret); }
    if (ret->count > 0) {
        qsort(ret->rows, ret->count, sizeof *ret->rows, by_place);
    }
    return ok;
}

json_t *plan_document(struct cli *c, const char *path, const char *not_json)
{
    size_t len = 0;
    json_error_t error;
    char *text = cli_read_file(c, path, &len);
    if (text == NULL) {
        cli_fail(c, "%s", buf_cstr(&c->why));
        cli_refuse(c, "Unable to read file %s", path);
        return NULL;
    }
    json_t *doc = json_loadb(text, len, 0, &error);
    mem_free(text);
    if (doc == NULL && not_json != NULL) {
        cli_refuse(c, "%s", not_json);
    } else if (doc == NULL) {
        cli_refuse(c, "%s:%d: %s", path, error.line, error.text);
    }
    return doc;
}

bool plan_read(struct cli *c, const char *path, struct plan *ret)
{
    json_t *doc = plan_document(c, path, NULL);
    bool ok = doc != NULL && plan_parse(c, doc, ret);
    json_decref(doc);
    return ok;
}

/* A broker that stands twice among the replicas of row; -1: none. */
static int32_t twice_in(const struct plan_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        for (size_t k = i + 1; k < row->count; k++) {
            if (row->replicas[i] == row->replicas[k]) {
                return row->replicas[i];
            }
        }
    }
    return -1;
}

bool plan_check(struct cli *c, const struct plan *p)
{
    bool ok = p->count > 0 || cli_refuse(c, "Partition reassignment list cannot be empty");
    for (size_t i = 0; ok && i < p->count; i++) {
        ok = p->rows[i].count > 0 || cli_refuse(c, "Partition replica list cannot be empty");
    }
    for (size_t i = 1; ok && i < p->count; i++) {
        ok = by_place(&p->rows[i - 1], &p->rows[i]) != 0 ||
             cli_refuse(c, "Partition reassignment contains duplicate topic partitions: %s-%d",
                        p->rows[i].topic, p->rows[i].partition);
    }
    for (size_t i = 0; ok && i < p->count; i++) {
        int32_t id = twice_in(&p->rows[i]);
        ok = id < 0 || cli_refuse(c,
                                  "Partition replica lists may not contain duplicate entries: "
                                  "%s-%d contains multiple entries for %d",
                                  p->rows[i].topic, p->rows[i].partition, id);
    }
    return ok;
}

void plan_topics(const struct plan *p, struct cli_names *ret)
{
    for (size_t i = 0; i < p->count; i++) {
        if (i == 0 || strcmp(p->rows[i - 1].topic, p->rows[i].topic) != 0) {
            cli_names_add(ret, str_from(p->rows[i].topic));
        }
    }
}

json_t *plan_json(const struct plan *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->count; i++) {
        const struct plan_row *row = &p->rows[i];
        json_t *dirs = json_array();
        for (size_t k = 0; k < row->count; k++) {
            json_array_append_new(dirs, json_string(row->dirs[k] ? row->dirs[k] : "any"));
        }
        json_array_append_new(list, json_pack("{s:s, s:i, s:o, s:o}", "topic", row->topic,
                                              "partition", (int)row->partition, "replicas",
                                              cli_json_ids(plan_ids(row)), "log_dirs", dirs));
    }
    return json_pack("{s:i, s:o}", "version", 1, "partitions", list);
}

/* --- the topics to move --- */

bool plan_parse_topics(struct cli *c, json_t *doc, struct cli_names *ret)
{
    json_t *list = json_object_get(doc, "topics"), *row;
    const char *topic;
    size_t i;
    if (!take_version(c, doc)) {
        return false;
    }
    if (list != NULL && !json_is_array(list)) {
        return expected(c, "List", list);
    }
    json_array_foreach(list, i, row)
    {
        if (!take_text(c, field(c, row, "topic"), &topic)) {
            return false;
        }
        cli_names_add(ret, str_from(topic));
    }
    cli_names_sort(ret);
    for (i = 1; i < ret->count; i++) {
        if (strcmp(ret->names[i - 1], ret->names[i]) == 0) {
            return cli_refuse(c, "List of topics to reassign contains duplicate entries: [%s]",
                              ret->names[i]);
        }
    }
    return true;
}
