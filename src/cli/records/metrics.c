/* A table of metrics. One thread. */
#include "cli/records/metrics.h"

#include "base/buf.h"
#include "cli/cli.h"

static const struct cli_column columns[] = {
    {"Metric Name", "name", 0, true, false},
    {"Value", "value", 0, false, false},
};

static void add_rows(struct cli_table *t, const char *group, const char *id, json_t *numbers)
{
    const char *name;
    json_t *value;
    json_object_foreach(numbers, name, value)
    {
        if (json_is_number(value)) {
            cli_table_row(t);
            cli_table_set(t, 0, "%s-metrics:%s:{client-id=%s}", group, name, id);
            cli_table_set(t, 1, "%.3f", json_number_value(value));
        }
    }
}

/* The column is as wide as its longest cell; a heading of its own, because there are two blanks and
 * a colon between cells, and blanks in the heading. */
static void print(const struct cli_table *t)
{
    int width = (int)strlen(columns[0].title);
    for (size_t i = 0; i < t->row_count; i++) {
        int len = (int)strlen(cli_table_cell(t, i, 0));
        width = len > width ? len : width;
    }
    printf("\n%-*s   %s\n", width, columns[0].title, columns[1].title);
    for (size_t i = 0; i < t->row_count; i++) {
        printf("%-*s : %s\n", width, cli_table_cell(t, i, 0), cli_table_cell(t, i, 1));
    }
}

void metrics_print(const char *json, const char *client_id)
{
    struct cli_table t;
    json_t *doc = json_loads(json, 0, NULL), *numbers;
    const char *group;
    cli_table_init(&t, columns, 2);
    json_object_foreach(doc, group, numbers) { add_rows(&t, group, client_id, numbers); }
    cli_table_sort(&t, 0, -1);
    print(&t);
    cli_table_deinit(&t);
    json_decref(doc);
}
