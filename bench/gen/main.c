/* The command line of ottla-gen. */
#include "gen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: ottla-gen COMMAND --at HOST:PORT [--option value]...\n"
    "\n"
    "  create    --topic --partitions [--config key=value]...\n"
    "  delete    --topic\n"
    "  find      --topic --partitions: waits until all of it is served\n"
    "  produce   --topic --partitions --data FILE --seconds or --records; --conns --window --acks\n"
    "            --codec --distinct; --shared: connections share partitions\n"
    "  consume   the same options again; --seconds for reading over and over, --records to count;\n"
    "            --full-check compares contents, --may-change counts what differs\n"
    "  stream    --topic (new, one partition) --data FILE --rate batches/s --seconds --readers\n"
    "            --settle: how long each batch took from when it was due\n"
    "  commit    --topic --conns --groups --seconds or --records: offsets, each group in its turn\n"
    "  rebalance --topic --conns: a group of as many members, settled, then all join again\n"
    "  idle      --conns --settle seconds: connections that asked once\n"
    "  decode    --data FILE --codec --value-bytes --seconds: what only to decompress takes; no "
    "--at\n"
    "  start     --log FILE [--cpu] [--settle seconds] -- COMMAND...: runs it until it answers\n"
    "\n"
    "Each prints one JSON object. --pid P adds what the broker used meanwhile.\n";

void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "ottla-gen: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

enum kind { KIND_TEXT, KIND_INT, KIND_I64, KIND_SIZE, KIND_REAL };

struct option_row {
    const char *name;
    enum kind kind;
    size_t at;
};

#define ROW(name, kind, field)                                                                     \
    {                                                                                              \
        name, kind, offsetof(struct options, field)                                                \
    }

static const struct option_row rows[] = {
    ROW("--topic", KIND_TEXT, topic),
    ROW("--partitions", KIND_INT, partitions),
    ROW("--conns", KIND_INT, conns),
    ROW("--window", KIND_INT, window),
    ROW("--acks", KIND_INT, acks),
    ROW("--seconds", KIND_REAL, seconds),
    ROW("--records", KIND_I64, records),
    ROW("--distinct", KIND_INT, distinct),
    ROW("--codec", KIND_TEXT, codec),
    ROW("--rate", KIND_REAL, rate),
    ROW("--merge-levels", KIND_INT, merge_levels),
    ROW("--readers", KIND_INT, readers),
    ROW("--groups", KIND_INT, groups),
    ROW("--value-bytes", KIND_SIZE, value_bytes),
    ROW("--batch-bytes", KIND_SIZE, batch_bytes),
    ROW("--data", KIND_TEXT, data),
    ROW("--time-ms", KIND_I64, time_ms),
    ROW("--max-bytes", KIND_INT, max_bytes),
    ROW("--partition-max-bytes", KIND_INT, partition_max_bytes),
    ROW("--min-bytes", KIND_INT, min_bytes),
    ROW("--max-wait-ms", KIND_INT, max_wait_ms),
    ROW("--pid", KIND_INT, pid),
    ROW("--cpu", KIND_INT, cpu),
    ROW("--settle", KIND_REAL, settle_s),
    ROW("--log", KIND_TEXT, log),
};

static int64_t number(const char *name, const char *text)
{
    int64_t n;
    if (!str_to_i64(str_from(text), &n)) {
        die("%s wants a number, not '%s'", name, text);
    }
    return n;
}

static void set(struct options *o, const struct option_row *row, const char *text)
{
    void *field = (uint8_t *)o + row->at;
    switch (row->kind) {
    case KIND_TEXT:
        *(const char **)field = text;
        break;
    case KIND_INT:
        *(int *)field = (int)number(row->name, text);
        break;
    case KIND_I64:
        *(int64_t *)field = number(row->name, text);
        break;
    case KIND_SIZE:
        *(size_t *)field = (size_t)number(row->name, text);
        break;
    case KIND_REAL:
        *(double *)field = strtod(text, NULL);
        break;
    }
}

static void set_address(struct options *o, char *text)
{
    char *colon = strrchr(text, ':');
    if (colon == NULL) {
        die("--at wants HOST:PORT, not '%s'", text);
    }
    *colon = 0;
    o->host = text;
    o->port = (int)number("--at", colon + 1);
}

static void set_named(struct options *o, const char *name, char *text)
{
    if (strcmp(name, "--at") == 0) {
        set_address(o, text);
        return;
    }
    if (strcmp(name, "--config") == 0 && o->config_count < GEN_CONFIGS_MAX) {
        o->configs[o->config_count++] = str_from(text);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            set(o, &rows[i], text);
            return;
        }
    }
    die("there is no option %s", name);
}

/* Options without a value. */
static bool set_flag(struct options *o, const char *name)
{
    static const struct {
        const char *name;
        size_t at;
    } flags[] = {{"--full-check", offsetof(struct options, is_full_check)},
                 {"--may-change", offsetof(struct options, may_change)},
                 {"--shared", offsetof(struct options, is_shared)}};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (strcmp(flags[i].name, name) == 0) {
            *(bool *)((uint8_t *)o + flags[i].at) = true;
            return true;
        }
    }
    return false;
}

static void parse(int argc, char **argv, struct options *o)
{
    int i = 2;
    while (i < argc && strcmp(argv[i], "--") != 0) {
        if (set_flag(o, argv[i])) {
            i++;
            continue;
        }
        if (i + 1 == argc) {
            die("%s wants a value", argv[i]);
        }
        set_named(o, argv[i], argv[i + 1]);
        i += 2;
    }
    o->command = i < argc ? argv + i + 1 : NULL;
}

struct command {
    const char *name;
    int (*run)(const struct options *o);
    bool wants_topic, wants_program, is_alone;
};

static const struct command commands[] = {
    {"create", admin_create, .wants_topic = true},
    {"delete", admin_delete, .wants_topic = true},
    {"find", admin_print_found, .wants_topic = true},
    {"produce", gen_produce, .wants_topic = true},
    {"consume", gen_consume, .wants_topic = true},
    {"stream", gen_stream, .wants_topic = true},
    {"commit", gen_commit, .wants_topic = true},
    {"rebalance", gen_rebalance, .wants_topic = true},
    {"idle", gen_idle},
    {"decode", gen_decode, .is_alone = true},
    {"start", gen_start, .wants_program = true},
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static bool is_complete(const struct options *o, const struct command *c)
{
    bool has_program = o->log != NULL && o->command != NULL && o->command[0] != NULL;
    return (o->host != NULL || c->is_alone) && (!c->wants_topic || o->topic != NULL) &&
           (!c->wants_program || has_program);
}

static void check(const struct options *o)
{
    if (o->merge_levels < 0 || o->merge_levels > GEN_LEVELS_MAX || o->conns < 1 || o->window < 1 ||
        o->value_bytes == 0 || o->distinct < 1) {
        die("these numbers make no load");
    }
}

int main(int argc, char **argv)
{
    struct options o = {.partitions = 1,
                        .conns = 1,
                        .window = 1,
                        .acks = 1,
                        .value_bytes = 1024,
                        .batch_bytes = 65536,
                        .distinct = 64,
                        .codec = "none",
                        .readers = 1,
                        .groups = 1,
                        .data = "/dev/null",
                        .max_bytes = 50 << 20,
                        .partition_max_bytes = 1 << 20,
                        .min_bytes = 1,
                        .max_wait_ms = 500,
                        .cpu = -1};
    const struct command *command = argc > 1 ? find(argv[1]) : NULL;
    parse(argc, argv, &o);
    if (command == NULL || !is_complete(&o, command)) {
        fputs(usage, stderr);
        return 2;
    }
    check(&o);
    return command->run(&o);
}
