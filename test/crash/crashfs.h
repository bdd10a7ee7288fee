/* A file system in memory that forgets, for tests: what was not synced may be lost, torn or garbled
 * when the power goes; any call can be made to fail.
 *
 * What survives a power cut, decided by a seed:
 *  - bytes: each 512-byte sector that was written and not synced is as before, as after, or (where
 *    no synced byte lies in it) garbage; the size is as before, as after, or between
 *  - names: creations, renames and removals since the last fs_sync_dir happened all, not at all, up
 *    to a point, or any of them
 * After a failed sync the sectors count as clean though they never reached the disk, as on Linux:
 * reads still give them, later syncs succeed, a power cut or FILE_DONT_NEED brings the old ones
 * back.
 *
 * One thread. Deterministic: the same calls and seeds give the same bytes. */
#ifndef TEST_CRASH_CRASHFS_H
#define TEST_CRASH_CRASHFS_H

#include "plat/clock.h"
#include "plat/file.h"

struct crashfs;

enum { CRASHFS_SECTOR = 512 };

enum crashfs_fault {
    CRASHFS_NO_FAULT,
    CRASHFS_POWER,   /* this change and all calls after it fail, until crashfs_cut */
    CRASHFS_FAIL,    /* this call fails */
    CRASHFS_FAIL_ON, /* this call and all like it fail, until the next crashfs_arm */
};

enum crashfs_kind {
    CRASHFS_CHANGES = 1 << 0, /* calls that change something: writes, names, syncs */
    CRASHFS_SYNCS = 1 << 1,   /* only sync and sync_dir */
    CRASHFS_READS = 1 << 2,   /* calls that change nothing */
    CRASHFS_OPENS = 1 << 3,
};

struct crashfs_plan {
    enum crashfs_fault fault;
    unsigned kinds; /* which calls are counted */
    uint64_t after; /* so many of them go well first */
    enum err err;   /* what the call returns; POWER always gives IO */
    uint64_t seed;  /* how much of a failing call happens */
};

struct crashfs *crashfs_new(void);
void crashfs_free(struct crashfs *c);
/* Whose time files have that are written; NULL, as at first: time stands still. */
void crashfs_set_clock(struct crashfs *c, struct clock *clock);
/* As it is on disk and in the cache, without faults, open files and a clock. */
struct crashfs *crashfs_clone(const struct crashfs *c);
struct fs *crashfs_fs(struct crashfs *c);

/* Replaces the plan; counting begins at 0. */
void crashfs_arm(struct crashfs *c, const struct crashfs_plan *plan);
bool crashfs_has_struck(const struct crashfs *c);
/* While paused, calls go well (unless the power is gone) and do not count. */
void crashfs_pause(struct crashfs *c, bool is_paused);
/* Calls of the armed kinds since crashfs_arm. */
uint64_t crashfs_count(const struct crashfs *c);

/* The power goes and comes back. No file may be open (asserted: nothing leaks them). */
void crashfs_cut(struct crashfs *c, uint64_t seed);

/* Its files, as they are in the cache, below a real directory; false: not all of them. */
bool crashfs_dump(const struct crashfs *c, const char *path);

int crashfs_open_count(const struct crashfs *c);

/* Bytes that were read from files with a name that ends so, since crashfs_forget_reads. */
uint64_t crashfs_read_bytes(const struct crashfs *c, const char *suffix);
void crashfs_forget_reads(struct crashfs *c);

#endif
