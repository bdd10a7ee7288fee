/* A file system in memory: plat/file.h without a disk. Thread-safe. */
#ifndef TESTKIT_MEMFS_H
#define TESTKIT_MEMFS_H

#include "plat/file.h"

struct memfs;

struct memfs *memfs_new(void);
struct fs *memfs_fs(struct memfs *m);
void memfs_free(struct memfs *m); /* all its files must be closed */

#endif
