/* `ottla dump-log` (kafka-dump-log): its command line. */
#include "offline/command.h"
#include "offline/dump.h"

#include "base/args.h"

enum { EXIT_FAILED = 1 };

enum {
    FILES,
    PRINT_DATA_LOG,
    DEEP_ITERATION,
    SKIP_RECORD_METADATA,
    INDEX_SANITY_CHECK,
    VERIFY_INDEX_ONLY,
    MAX_BYTES,
    MAX_MESSAGE_SIZE,
    OFFSETS_DECODER,
    TRANSACTION_LOG_DECODER,
    CLUSTER_METADATA_DECODER,
    SHARE_GROUP_STATE_DECODER,
    REMOTE_LOG_METADATA_DECODER,
    KEY_DECODER_CLASS,
    VALUE_DECODER_CLASS,
    FORMAT,
    HELP,
    VERSION,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    [FILES] = {"files", "FILE,...",
               "What to print: segments (.log), their .index, .timeindex and .txnindex, producer "
               "snapshots (.snapshot), metadata snapshots (.checkpoint).",
               .kind = ARGS_VALUE, .is_needed = true},
    [PRINT_DATA_LOG] = {"print-data-log", NULL,
                        "Print keys and values, too. Any decoder asks for this.",
                        .kind = ARGS_FLAG},
    [DEEP_ITERATION] = {"deep-iteration", NULL,
                        "Print the records of each batch, not only the batch.", .kind = ARGS_FLAG},
    [SKIP_RECORD_METADATA] = {"skip-record-metadata", NULL,
                              "Of records, print nothing but keys and values; nothing of control "
                              "records.",
                              .kind = ARGS_FLAG},
    [INDEX_SANITY_CHECK] = {"index-sanity-check", NULL,
                            "Of index files, only check what a broker checks when it starts.",
                            .kind = ARGS_FLAG},
    [VERIFY_INDEX_ONLY] = {"verify-index-only", NULL,
                           "Compare index files with their segment, print only what differs.",
                           .kind = ARGS_FLAG},
    [MAX_BYTES] = {"max-bytes", "N", "Read only so much of each segment.", .kind = ARGS_VALUE},
    [MAX_MESSAGE_SIZE] = {"max-message-size", "N",
                          "How large a batch that an index points to may be (5242880).",
                          .kind = ARGS_VALUE},
    [OFFSETS_DECODER] = {"offsets-decoder", NULL, "The records are those of __consumer_offsets.",
                         .kind = ARGS_FLAG},
    [TRANSACTION_LOG_DECODER] = {"transaction-log-decoder", NULL,
                                 "The records are those of __transaction_state.",
                                 .kind = ARGS_FLAG},
    [CLUSTER_METADATA_DECODER] = {"cluster-metadata-decoder", NULL,
                                  "The records are those of __cluster_metadata.",
                                  .kind = ARGS_FLAG},
    [SHARE_GROUP_STATE_DECODER] = {"share-group-state-decoder", NULL,
                                   "The records are those of __share_group_state.",
                                   .kind = ARGS_FLAG},
    [REMOTE_LOG_METADATA_DECODER] = {"remote-log-metadata-decoder", NULL,
                                     "Not there yet: records of tiered storage.",
                                     .kind = ARGS_FLAG},
    [KEY_DECODER_CLASS] = {"key-decoder-class", "CLASS",
                           "How keys are printed: StringDecoder, IntegerDecoder, LongDecoder or "
                           "DefaultDecoder (base64), also with Kafka's package before the name.",
                           .kind = ARGS_MAYBE},
    [VALUE_DECODER_CLASS] = {"value-decoder-class", "CLASS", "The same for values.",
                             .kind = ARGS_MAYBE},
    [FORMAT] = {"format", "text|json", "json: an object a line. text is Apache Kafka's.",
                .kind = ARGS_VALUE},
    [HELP] = {"help", NULL, "Print this.", .kind = ARGS_FLAG},
    [VERSION] = {"version", NULL, "Print the version.", .kind = ARGS_FLAG},
};

static const struct args_spec spec = {
    .command = "ottla dump-log",
    .words = "",
    .about = "Prints the files of a data directory: what is in them, and what does not fit.",
    .options = options,
    .option_count = OPTIONS,
};

static bool take_class(const struct args *a, int option, enum dump_class *ret, struct buf *why)
{
    static const char *const names[] = {
        [CLASS_STRING] = "StringDecoder",
        [CLASS_INTEGER] = "IntegerDecoder",
        [CLASS_LONG] = "LongDecoder",
        [CLASS_BYTES] = "DefaultDecoder",
    };
    const char *text = args_value(a, option);
    struct str name = str_from(text), package = STR("org.apache.kafka.tools.api.");
    if (str_has_prefix(name, package)) {
        name = str_sub(name, package.len, name.len - package.len);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (text == NULL || str_eq(name, str_from(names[i]))) {
            *ret = text ? (enum dump_class)i : CLASS_STRING;
            return true;
        }
    }
    buf_printf(why, "Failed to load decoder class: there is no %s", text);
    args_put_hint(why, name, names, ARRAY_LEN(names));
    return false;
}

/* The first that was asked for, in Kafka's order. */
static enum dump_decoder decoder_of(const struct args *a)
{
    return args_has(a, OFFSETS_DECODER)               ? DECODE_OFFSETS
           : args_has(a, TRANSACTION_LOG_DECODER)     ? DECODE_TXN
           : args_has(a, CLUSTER_METADATA_DECODER)    ? DECODE_METADATA
           : args_has(a, REMOTE_LOG_METADATA_DECODER) ? DECODE_REMOTE_LOG
           : args_has(a, SHARE_GROUP_STATE_DECODER)   ? DECODE_SHARE
                                                      : DECODE_PLAIN;
}

static bool take_format(const struct args *a, bool *ret_is_json, struct buf *why)
{
    const char *text = args_value(a, FORMAT);
    *ret_is_json = text != NULL && strcmp(text, "json") == 0;
    if (text != NULL && !*ret_is_json && strcmp(text, "text") != 0) {
        buf_printf(why, "--format is text or json, not '%s'", text);
        return false;
    }
    return true;
}

static bool take_options(const struct args *a, struct dump *d)
{
    struct dump_options *o = &d->options;
    struct args_range ints = {INT32_MIN, INT32_MAX};
    o->decoder = decoder_of(a);
    o->prints_data = args_has(a, PRINT_DATA_LOG) || o->decoder != DECODE_PLAIN ||
                     args_has(a, KEY_DECODER_CLASS) || args_has(a, VALUE_DECODER_CLASS);
    o->is_deep = args_has(a, DEEP_ITERATION) || o->prints_data;
    o->skips_metadata = args_has(a, SKIP_RECORD_METADATA);
    o->verifies_only = args_has(a, VERIFY_INDEX_ONLY);
    o->checks_sanity = args_has(a, INDEX_SANITY_CHECK);
    if (o->decoder == DECODE_REMOTE_LOG) {
        buf_printf(&d->why, "--remote-log-metadata-decoder is not there yet: ottla has no tiered "
                            "storage");
        return false;
    }
    return take_format(a, &d->out.is_json, &d->why) &&
           take_class(a, KEY_DECODER_CLASS, &o->key_class, &d->why) &&
           take_class(a, VALUE_DECODER_CLASS, &o->value_class, &d->why) &&
           args_number(a, MAX_BYTES, ints, &o->max_bytes, &d->why) &&
           args_number(a, MAX_MESSAGE_SIZE, ints, &o->max_message_bytes, &d->why);
}

static int help(FILE *to, int status)
{
    struct buf text = BUF_INIT;
    args_help(&spec, &text);
    fputs(buf_cstr(&text), to);
    buf_deinit(&text);
    return status;
}

static int run(const struct args *a)
{
    struct dump d;
    dump_init(&d, fs_posix(), stdout, stderr);
    int status = EXIT_FAILED;
    if (take_options(a, &d)) {
        status = dump_files(&d, args_value(a, FILES));
    } else {
        fprintf(stderr, "%s\n", buf_cstr(&d.why));
    }
    dump_deinit(&d);
    return status;
}

int dump_log_command(int argc, char **argv)
{
    struct args a;
    struct buf why = BUF_INIT;
    if (argc <= 1) {
        return help(stderr, EXIT_FAILED);
    }
    if (args_wants_help(argc, argv)) {
        return help(stdout, 0);
    }
    bool ok = args_parse(&a, &spec, argc, argv, &why);
    int status = EXIT_FAILED;
    if (args_has(&a, VERSION)) {
        printf(OTTLA_VERSION "\n");
        status = 0;
    } else if (ok) {
        status = run(&a);
    } else {
        fprintf(stderr, "%s\n", buf_cstr(&why));
    }
    args_deinit(&a);
    buf_deinit(&why);
    return status;
}
