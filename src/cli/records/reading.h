/* The loop of the tools that print records: poll, print, until enough came, none comes, or somebody
 * stops it. The main thread; a signal wakes it. */
#ifndef CLI_RECORDS_READING_H
#define CLI_RECORDS_READING_H

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/records/output.h"
#include "cli/records/stop.h"

enum reading_end {
    READING_ENDED,   /* enough came, or print has set is_enough */
    READING_STOPPED, /* a signal */
    READING_IDLE,    /* nothing came for timeout_ms */
    READING_FAILED,  /* poll: in the tool's error */
    READING_REFUSED, /* print has refused a record */
    READING_BROKEN,  /* nobody takes what is printed */
};

/* Appends what a record is printed as. False: end here. */
typedef bool reading_print_fn(void *ctx, const struct ottla_record *r, struct buf *out);

struct reading {
    struct cli *cli;
    struct ottla_consumer *consumer;
    struct stop stop;
    struct output output;
    reading_print_fn *print;
    void *ctx;
    /* Called when nothing more is there at once; may set is_enough. May be NULL. */
    void (*idle)(void *ctx);
    struct progress progress; /* shown where the records go elsewhere than to the terminal */
    int64_t expected;         /* records, about, where there is no max; -1: nobody knows */
    int64_t max;              /* records; -1: all */
    int64_t timeout_ms;       /* < 0: none */
    int wait_max_ms;          /* for records, until idle is called again; 0: a minute */
    int64_t count;            /* records that were printed or refused */
    bool is_enough;
};

/* Makes the consumer; then the caller says what is read. False, and why. */
bool reading_init(struct reading *r, struct cli *c);
enum reading_end reading_run(struct reading *r);
/* Writes what is left, leaves the group, and gives the status of the process: status, unless a
 * signal came. */
int reading_deinit(struct reading *r, int status);

#endif
