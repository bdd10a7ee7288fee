/* Tables, JSON, and Kafka's words for errors. One thread. */
#include "cli/cli.h"
#include "cli/yaml.h"

#include "base/attr.h"

#include <stdarg.h>

/* --- JSON --- */

void cli_print_json(const struct cli *c, json_t *value)
{
    if (c->is_yaml) {
        struct buf text = BUF_INIT;
        yaml_put(&text, value);
        fputs(buf_cstr(&text), stdout);
        buf_deinit(&text);
    } else {
        json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        putchar('\n');
    }
    json_decref(value);
}

void cli_put_lines(const struct cli *c, struct str lines, struct buf *out)
{
    if (c->is_yaml) {
        yaml_put_lines(out, lines);
    } else {
        buf_put_str(out, lines);
    }
}

json_t *cli_json_string(const char *text)
{
    json_t *s = text ? json_string(text) : NULL;
    return s ? s : json_null();
}

json_t *cli_json_ids(struct ottla_ids ids)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ids.count; i++) {
        json_array_append_new(list, json_integer(ids.ids[i]));
    }
    return list;
}

/* --- tables --- */

void cli_table_init(struct cli_table *t, const struct cli_column *columns, int count)
{
    *t = (struct cli_table){.columns = columns, .column_count = count};
}

static size_t cell_count(const struct cli_table *t)
{
    return t->row_count * (size_t)t->column_count;
}

void cli_table_deinit(struct cli_table *t)
{
    for (size_t i = 0; i < cell_count(t); i++) {
        mem_free(t->cells[i]);
    }
    mem_free(t->cells);
    t->cells = NULL;
    t->row_count = 0;
}

void cli_table_row(struct cli_table *t)
{
    size_t from = cell_count(t);
    t->row_count++;
    t->cells = mem_realloc_array(t->cells, cell_count(t), sizeof *t->cells);
    for (size_t i = from; i < cell_count(t); i++) {
        t->cells[i] = str_dup(STR("-"));
    }
}

void cli_table_set(struct cli_table *t, int column, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    char **cell = &t->cells[cell_count(t) - (size_t)t->column_count + (size_t)column];
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    mem_free(*cell);
    *cell = str_dup(str_from(buf_cstr(&text)));
    buf_deinit(&text);
}

const char *cli_table_cell(const struct cli_table *t, size_t row, int column)
{
    return t->cells[row * (size_t)t->column_count + (size_t)column];
}

static int compare(char *const *a, char *const *b, int column, int then_number)
{
    int c = strcmp(a[column], b[column]);
    if (c == 0 && then_number >= 0) {
        long x = strtol(a[then_number], NULL, 10), y = strtol(b[then_number], NULL, 10);
        c = (x > y) - (x < y);
    }
    return c;
}

/* By insertion: rows mostly come in order. */
void cli_table_sort(struct cli_table *t, int column, int then_number)
{
    size_t n = (size_t)t->column_count;
    char **row = mem_realloc_array(NULL, n, sizeof *row);
    for (size_t i = 1; i < t->row_count; i++) {
        size_t at = i;
        memcpy(row, t->cells + i * n, n * sizeof *row);
        for (; at > 0 && compare(t->cells + (at - 1) * n, row, column, then_number) > 0; at--) {
            memcpy(t->cells + at * n, t->cells + (at - 1) * n, n * sizeof *row);
        }
        memcpy(t->cells + at * n, row, n * sizeof *row);
    }
    mem_free(row);
}

static int width_of(const struct cli_table *t, int column)
{
    const struct cli_column *c = &t->columns[column];
    int width = c->min_width;
    for (size_t i = 0; c->grows && i < t->row_count; i++) {
        int len = (int)strlen(cli_table_cell(t, i, column));
        width = len > width ? len : width;
    }
    return width;
}

static void print_rows(const struct cli_table *t, const char *before, const char *between,
                       const char *at_end)
{
    int *widths = mem_realloc_array(NULL, (size_t)t->column_count, sizeof *widths);
    for (int i = 0; i < t->column_count; i++) {
        widths[i] = width_of(t, i);
    }
    for (size_t row = 0; row <= t->row_count; row++) {
        fputs(before, stdout);
        for (int i = 0; i < t->column_count; i++) {
            const char *cell = row ? cli_table_cell(t, row - 1, i) : t->columns[i].title;
            printf("%s%-*s", i ? between : "", widths[i], cell);
        }
        fputs(at_end, stdout);
    }
    mem_free(widths);
}

void cli_table_print(const struct cli_table *t, const char *before, const char *at_end)
{
    print_rows(t, before, " ", at_end);
}

void cli_table_print_tabbed(const struct cli_table *t) { print_rows(t, "", "\t", "\t\n"); }

static json_t *cell_json(const struct cli_column *c, const char *cell)
{
    int64_t number;
    if (strcmp(cell, "-") == 0) {
        return json_null();
    }
    return c->is_number && str_to_i64(str_from(cell), &number) ? json_integer(number)
                                                               : cli_json_string(cell);
}

json_t *cli_table_json(const struct cli_table *t)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < t->row_count; i++) {
        json_t *row = json_object();
        for (int k = 0; k < t->column_count; k++) {
            const struct cli_column *c = &t->columns[k];
            json_object_set_new(row, c->key, cell_json(c, cli_table_cell(t, i, k)));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

/* --- errors --- */

/* Sentences that Kafka's tools print on standard output. */
static const struct java_error {
    int code;
    const char *text;
} java_errors[] = {
    {OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."},
    {OTTLA_ERR_OFFSET_OUT_OF_RANGE,
     "The requested offset is not within the range of offsets maintained by the server."},
    {OTTLA_ERR_GROUP_ID_NOT_FOUND, "The group id does not exist."},
    {OTTLA_ERR_NON_EMPTY_GROUP, "The group is not empty."},
    {OTTLA_ERR_UNKNOWN_MEMBER_ID, "The coordinator is not aware of this member."},
    {OTTLA_ERR_GROUP_SUBSCRIBED_TO_TOPIC,
     "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to "
     "it."},
    {OTTLA_ERR_INVALID_CONFIG, "Configuration is invalid."},
    {OTTLA_ERR_INVALID_REQUEST,
     "This most likely occurs because of a request being malformed by the client library or the "
     "message was sent to an incompatible broker. See the broker logs for more details."},
    {OTTLA_ERR_POLICY_VIOLATION, "Request parameters do not satisfy the configured policy."},
    {OTTLA_ERR_BROKER_ID_NOT_REGISTERED, "The given broker ID was not registered."},
};

static const struct java_error *find_java(int code)
{
    for (size_t i = 0; i < ARRAY_LEN(java_errors); i++) {
        if (java_errors[i].code == code) {
            return &java_errors[i];
        }
    }
    return NULL;
}

const char *cli_error_text(int code, const char *message)
{
    const struct java_error *j = find_java(code);
    bool is_said = message != NULL && strcmp(message, ottla_error_text(code)) != 0;
    return is_said ? message : j ? j->text : ottla_error_text(code);
}

void cli_put_exception(struct buf *out, int code, const char *message)
{
    cli_put_class(out, code);
    buf_printf(out, ": %s", cli_error_text(code, message));
}
