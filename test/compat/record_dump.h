/* What is in a run of batches, as text: the same words as test/peers/java/BatchVectors.java, so
 * that our reader and Apache Kafka's can be compared. */
#ifndef TEST_COMPAT_RECORD_DUMP_H
#define TEST_COMPAT_RECORD_DUMP_H

#include "record/record.h"

/* Appends the text to out; every batch must be whole, valid and walk to its end. */
must_check enum err record_dump(struct bytes batches, struct buf *out);

#endif
