/* A command line taken apart by a table of its options: `--name value`, `--name=value`, `-n value`,
 * flags, options that may come several times, and words that are no options. Kafka's tools take
 * long options with one dash too, and so do these. Nothing is printed here: what is wrong comes
 * back as a sentence, the help as text. Pure. */
#ifndef BASE_ARGS_H
#define BASE_ARGS_H

#include "base/buf.h"

enum args_kind {
    ARGS_FLAG,
    ARGS_VALUE, /* needs a value */
    ARGS_MAYBE, /* may have one: the next word unless that looks like an option */
};

/* A row of a tool's table; its place in the table is its number. */
struct args_option {
    const char *name;  /* without dashes */
    const char *value; /* what help calls the value: "FILE,..." */
    const char *help;  /* a sentence or two; NULL: not listed (an old spelling) */
    enum args_kind kind;
    char letter;    /* its short form; 0: none */
    bool is_list;   /* may come several times */
    bool is_needed; /* must come */
};

struct args_spec {
    const char *command; /* "ottla dump-log": what usage begins with */
    const char *words; /* what follows the options there: "[FILE...]"; NULL: no words are taken; "":
                         they are, and passed over */
    const char *about; /* what the command does, for help */
    const struct args_option *options;
    int option_count;
    bool takes_prefixes; /* --conf for --config, as long as no other option begins so */
};

/* One option as it was given. */
struct args_given {
    int option;
    const char *value; /* NULL: none */
};

struct args {
    const struct args_spec *spec;
    struct args_given *given;
    int given_count;
    const char **words;
    int word_count;
};

/* Takes argv[1...] apart; values and words are views into argv. False, and a sentence in why, for
 * what the table does not allow. Deinit in every case. */
bool args_parse(struct args *a, const struct args_spec *spec, int argc, char **argv,
                struct buf *why);
void args_deinit(struct args *a);

bool args_has(const struct args *a, int option);
int args_count(const struct args *a, int option);
/* The last value given; NULL if there is none. */
const char *args_value(const struct args *a, int option);
/* Value i, in the order of the command line; i is below args_count. */
const char *args_nth(const struct args *a, int option, int i);

/* A whole number within [min, max]; *ret is left alone when the option was not given. */
struct args_range {
    int64_t min, max;
};
bool args_number(const struct args *a, int option, struct args_range range, int64_t *ret,
                 struct buf *why);

/* "usage: ..." in one line or several; and that with all options told. */
void args_usage(const struct args_spec *spec, struct buf *out);
void args_help(const struct args_spec *spec, struct buf *out);

/* Whether --help or -h stands among the arguments: it counts before anything is checked. */
bool args_wants_help(int argc, char **argv);

/* " Did you mean X?" for the known name that is nearest; nothing when none is near. */
void args_put_hint(struct buf *out, struct str typed, const char *const *names, int count);

#endif
