/* Writing again what an earlier process wrote, so that a sync tells the truth about it. */
#ifndef LOG_REWRITE_H
#define LOG_REWRITE_H

#include "log/find.h"

/* The segment's batches from from_off on. CORRUPT_MESSAGE: one of them is not what was written. */
must_check enum err rewrite_seg(const struct find *find, int64_t from_off);

/* The rows in the segments' index files. CORRUPT_MESSAGE. Takes flush_mu. */
must_check enum err rewrite_indexes(struct log *log, const struct seg_list *segs);

#endif
