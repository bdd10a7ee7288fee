/* The inside of struct crashfs: what its files share. */
#ifndef TEST_CRASH_CRASHFS_PRIV_H
#define TEST_CRASH_CRASHFS_PRIV_H

#include "crashfs.h"
#include "crashfs_disk.h"

enum { NAME_LEN = 256, SUFFIX_COUNT = 8, SUFFIX_LEN = 16 };

struct read_count {
    char suffix[SUFFIX_LEN];
    uint64_t bytes;
};

struct crashfs {
    struct fs fs;
    struct node *root;
    struct clock *clock;
    struct crashfs_plan plan;
    struct rand rand; /* of the plan */
    uint64_t count;
    bool has_struck, is_off, is_paused;
    int open_count;
    unsigned hurried_count; /* reads that may not wait */
    struct read_count reads[SUFFIX_COUNT];
};

struct handle {
    struct file file;
    struct crashfs *c;
    struct node *node;
    int read_at; /* in c->reads */
};

static inline struct crashfs *crashfs_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct crashfs, fs);
}

static inline struct handle *handle_of(struct file *f)
{
    return CONTAINER_OF(f, struct handle, file);
}

extern const struct fs_ops crashfs_fs_ops;
extern const struct file_ops crashfs_file_ops;

/* The directory that holds the last component, which goes to name. NULL: it is not there. */
struct node *crashfs_walk(const struct crashfs *c, const char *path, char *name);
struct node *crashfs_lookup(const struct crashfs *c, const char *path);

/* It is written to now. */
void crashfs_touch(const struct crashfs *c, struct node *n);

/* May the call go on? OK, or what it returns; *ret_is_partial: some of it happens all the same. */
enum err crashfs_admit(struct crashfs *c, unsigned kind, bool *ret_is_partial);
/* For calls that happen or do not: whether a failing one happens. */
bool crashfs_happens(struct crashfs *c, enum err e, bool is_partial);

#endif
