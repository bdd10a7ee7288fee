/* `ottla delete-records` (kafka-delete-records). One thread. */
#include "cli/cli.h"

#include "cli/command.h"

#include <inttypes.h>

enum { D_FILE = CLI_OPTIONS, OPTIONS };

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [D_FILE] = {"offset-json-file", "FILE",
                "{\"partitions\": [{\"topic\": \"t\", \"partition\": 0, \"offset\": 10}], "
                "\"version\": 1}: what is below offset goes; -1: everything.",
                ARGS_VALUE, .is_needed = true},
};

static void print(const struct cli *c, const struct ottla_offsets *o)
{
    json_t *rows = json_array();
    if (!c->is_json) {
        puts("Records delete operation completed:");
    }
    for (size_t i = 0; i < o->count; i++) {
        const struct ottla_partition_offset *r = o->rows[i];
        struct buf b = BUF_INIT;
        if (r->error != 0) {
            cli_put_exception(&b, r->error, r->message);
        }
        if (c->is_json) {
            json_array_append_new(
                rows,
                json_pack("{s:s, s:i, s:o, s:o}", "topic", r->topic, "partition", (int)r->partition,
                          "low_watermark", r->error ? json_null() : json_integer(r->offset),
                          "error", cli_json_string(r->error ? ottla_error_name(r->error) : NULL)));
        } else if (r->error != 0) {
            printf("partition: %s-%d\terror: %s\n", r->topic, r->partition, buf_cstr(&b));
        } else {
            printf("partition: %s-%d\tlow_watermark: %" PRId64 "\n", r->topic, r->partition,
                   r->offset);
        }
        buf_deinit(&b);
    }
    if (c->is_json) {
        cli_print_json(c, json_incref(rows));
    }
    json_decref(rows);
}

static bool take_file(struct cli *c, struct cli_parts *ret)
{
    json_t *doc = cli_read_json(c, cli_value(c, D_FILE));
    json_t *version = json_object_get(doc, "version");
    bool ok = doc != NULL;
    if (ok && version != NULL && json_integer_value(version) != 1) {
        ok = cli_refuse(c, "%s: version is not 1", cli_value(c, D_FILE));
    }
    ok = ok && cli_parts_from_json(c, doc, "offset",
                                   "Offset json file contains duplicate topic partitions", ret);
    json_decref(doc);
    return ok;
}

static int run(struct cli *c)
{
    struct cli_parts p = {0};
    struct ottla_offsets *o = NULL;
    int status = CLI_OK;
    if (!take_file(c, &p)) {
        status = cli_fail(c, "%s", buf_cstr(&c->why));
    } else {
        struct ottla_offset_value *before = cli_parts_offsets(&p);
        if (!c->is_json) {
            puts("Executing records delete operation");
        }
        if (ottla_delete_records(c->client, before, p.count, &c->options, &o, &c->error) != 0) {
            status = cli_fail(c, "%s", c->error.message);
        } else {
            print(c, o);
        }
        mem_free(before);
    }
    ottla_offsets_free(o);
    cli_parts_deinit(&p);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla delete-records",
             .about = "Deletes the records of partitions below an offset.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .run = run,
};

int delete_records_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
