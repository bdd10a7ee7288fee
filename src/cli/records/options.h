/* What the tools that move records share on their command lines: properties as name=value and in
 * files, settings of the client among them, and options with an old spelling. One thread. */
#ifndef CLI_RECORDS_OPTIONS_H
#define CLI_RECORDS_OPTIONS_H

#include "cli/cli.h"

#include "base/props.h"

/* Adds the properties of a file. False, and why. */
bool options_load_file(struct cli *c, const char *path, struct props *ret);
/* Adds what all --option name=value say; without '=' the value is empty. */
bool options_take_pairs(struct cli *c, int option, struct props *ret);
/* The same, where the words behind the option's value are more pairs of it. */
bool options_take_words(struct cli *c, struct props *ret);

/* An option by its two names (KIP-1147): which of them was given, the new one if neither. */
struct option_pair {
    int now, before;
};
static inline int option_of(const struct cli *c, struct option_pair p)
{
    return cli_has(c, p.before) ? p.before : p.now;
}
/* The values of an option become words, behind those that are there. */
void options_add_words(struct cli *c, int option);
/* Not both of them. */
bool options_excludes_both(struct cli *c, struct option_pair p);
/* Says on standard output, as Kafka does, that the old one was given; before: its first word. */
void options_warn_old(const struct cli *c, const char *before, struct option_pair p);

bool options_put(struct cli *c, struct props *p, const char *name, const char *value);
/* What the option says goes before what is there, and that before what a profile says, and that
 * before dflt, which may be NULL. option -1: none. */
bool options_merge(struct cli *c, struct props *p, const char *name, int option, const char *dflt);
/* Sets what the properties say for the client; --bootstrap-server goes before bootstrap.servers.
 * What is no setting of it is passed over. */
bool options_configure(struct cli *c, const struct props *p);
/* Tells of names in --option name=value that are no settings. */
void options_warn_unknown(const struct cli *c, int option);

/* A configure of a tool: what the file of option `config` says, then the pairs of option `setting`,
 * then what merge adds (NULL: nothing). False, and why. */
struct options_plan {
    int config, setting;
    bool (*merge)(struct cli *c, struct props *p);
};
bool options_settle(struct cli *c, struct options_plan plan);

/* How long a producer may take to deliver what it has. */
int options_delivery_ms(const struct cli *c);

/* A whole number in a range; *ret is left when there is no such option. False, and why. */
bool options_number(struct cli *c, int option, int64_t min, int64_t *ret);
/* The same of what is an Integer to Kafka's tools. */
bool options_int(struct cli *c, int option, int64_t min, int64_t *ret);

#endif
