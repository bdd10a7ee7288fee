/* The memos of all logs in a data directory (log_memo), in one file that no sync waits for:
 * .ottla-memos. See doc/decisions/0019. */
#ifndef BROKER_STORAGE_MEMOS_H
#define BROKER_STORAGE_MEMOS_H

#include "broker/storage/storage_priv.h"

/* Writes the file of every directory anew. Under checkpoint_lock. */
void memos_write(struct storage *s);

/* Gives every partition that was found in d its memo; for what was left by a process that did not
 * end well. Nothing where the machine was started since, or another program wrote in d. The bytes
 * belong to d->memos. */
void memos_read(struct storage *s, struct storage_dir *d);

#endif
