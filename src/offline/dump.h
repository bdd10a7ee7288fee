/* What the parts of dump-log share: options, output, what was found wrong. One thread.
 *
 * A function that returns false has put a sentence into dump.why: the command prints it and ends
 * with status 1, as Apache Kafka's tool does with the exception of the same words. What was printed
 * up to there stays. */
#ifndef OFFLINE_DUMP_H
#define OFFLINE_DUMP_H

#include "offline/row.h"
#include "plat/file.h"

enum dump_decoder {
    DECODE_PLAIN, /* by key_class and value_class */
    DECODE_OFFSETS,
    DECODE_TXN,
    DECODE_METADATA,
    DECODE_REMOTE_LOG,
    DECODE_SHARE,
};

enum dump_class { CLASS_STRING, CLASS_INTEGER, CLASS_LONG, CLASS_BYTES };

struct dump_options {
    bool is_deep;
    bool prints_data;
    bool skips_metadata; /* of records */
    bool verifies_only;
    bool checks_sanity;
    int64_t max_bytes;
    int64_t max_message_bytes;
    enum dump_decoder decoder;
    enum dump_class key_class, value_class;
};

/* What did not fit together, told at the end, file by file. */
enum finding { FOUND_INDEX, FOUND_TIME, FOUND_ORDER, FOUND_MISSING, FOUND_GAP, FINDINGS };

struct finding_pair {
    int64_t a, b;
};

struct finding_file {
    char *path; /* absolute */
    struct finding_pair *pairs;
    size_t count;
};

struct findings {
    struct finding_file *files; /* in order of appearance */
    size_t count;
};

struct dump {
    struct fs *fs;
    struct dump_options options;
    struct rows_out out;
    FILE *errors;
    struct findings found[FINDINGS];
    struct buf why;
};

/* A file that is being dumped. */
struct dump_file {
    const char *path; /* as given, but for doubled slashes */
    const char *name; /* what is behind the last slash */
};

void dump_init(struct dump *d, struct fs *fs, FILE *out, FILE *errors);
void dump_deinit(struct dump *d);

/* One file after the other by their suffixes, in a list with commas; then what was found. Status of
 * the process. */
int dump_files(struct dump *d, const char *list);

/* dump_batches.c: segments and metadata snapshots. */
bool dump_log(struct dump *d, const struct dump_file *f);
bool dump_checkpoint(struct dump *d, const struct dump_file *f);

/* dump_index.c */
bool dump_index(struct dump *d, const struct dump_file *f);
bool dump_timeindex(struct dump *d, const struct dump_file *f);

/* dump_state.c */
bool dump_txnindex(struct dump *d, const struct dump_file *f);
bool dump_snapshot(struct dump *d, const struct dump_file *f);

/* dump_findings.c */
void findings_add(struct dump *d, enum finding what, const char *path, struct finding_pair pair);
void findings_print(struct dump *d);
void findings_deinit(struct dump *d);

/* dump_path.c: names and paths as Java has them. */
struct str path_stem(const struct dump_file *f); /* "00042" of "00042.log" */
bool path_base_off(struct dump *d, const struct dump_file *f, int64_t *ret_off);
void path_absolute(const char *path, struct buf *out);
/* The absolute path of the file beside f with its stem and another suffix. */
void path_sibling(const struct dump_file *f, const char *suffix, struct buf *out);

#endif
